//! What must hold for texts of a directory; shared by the tests and the fuzz target.

use waypost_directory::{
    InetStatus, MailStatus, QuotaValue, StoredPassword, read_ldif, split_address,
};

/// Reads any bytes as a file of entries and as values.
pub(crate) fn check(input: &[u8]) {
    let lines = input.iter().filter(|byte| **byte == b'\n').count() + 1;
    match read_ldif(input) {
        Ok(entries) => {
            assert!(entries.iter().all(|entry| (1..=lines).contains(&entry.line)));
            assert!(entries.iter().all(|entry| !entry.dn.contains(['\0', '\n'])));
        }
        Err(error) => assert!(error.line <= lines + 1, "line {} of {lines}", error.line),
    }
    let text = String::from_utf8_lossy(input);
    if let Ok(stored) = StoredPassword::read(&text) {
        assert_eq!(stored.as_text(), text);
        assert!(!stored.scheme().is_empty());
    }
    let _ = (InetStatus::from_attribute(Some(&text)), MailStatus::from_attribute(Some(&text)));
    let _ = (QuotaValue::parse(&text), split_address(&text));
}
