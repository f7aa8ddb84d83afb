//! Certificates of users, as text: the attribute `userCertificate` holds each in base64.

use super::records::UserRecord;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waypost_ldap_filter::Entry;

/// The attribute. In LDAP its values are bytes and its name is `userCertificate;binary`.
const ATTRIBUTE: &str = "usercertificate";

/// Whether a user has this certificate, byte for byte. A value that is no base64 is no certificate.
pub(super) fn holds(record: &UserRecord, der: &[u8]) -> bool {
    let is_it = |text: &str| {
        let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode(text).is_ok_and(|own| own == der)
    };
    record.values(ATTRIBUTE).iter().any(|text| is_it(text))
}
