//! `demo.env`: what a script needs to use the demo, as KEY=VALUE lines that a shell can read.

use super::configuration::Ports;
use super::users::Passwords;
use super::{Files, quoted};
use crate::certificate::write_private;
use crate::failure::{Context, Failure};
use std::collections::BTreeMap;
use std::path::Path;
use waypost_options::{Config, LMTP_SOCKET};

/// The values of an earlier run.
#[derive(Debug, Default)]
pub(super) struct EnvFile(BTreeMap<String, String>);

impl EnvFile {
    /// Reads the file; one that is missing or damaged knows nothing.
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Self(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The key of a user's password.
pub(super) fn password_key(user: &str) -> String {
    format!("WAYPOST_{}_PASSWORD", user.to_ascii_uppercase())
}

/// Everything that the file tells.
pub(super) struct Facts<'a> {
    pub(super) files: &'a Files,
    pub(super) ports: &'a Ports,
    pub(super) passwords: &'a Passwords,
    pub(super) config: &'a Config,
}

/// Writes the file, readable for its owner only.
pub(super) fn write(path: &Path, facts: &Facts<'_>) -> Result<(), Failure> {
    let text: String = lines(facts).map(|(key, value)| format!("{key}={value}\n")).collect();
    write_private(path, &text).context(format!("cannot write {}", path.display()))
}

fn lines(facts: &Facts<'_>) -> impl Iterator<Item = (String, String)> {
    let ports = facts.ports;
    let numbers = [
        ("IMAP", ports.imap),
        ("IMAPS", ports.imaps),
        ("POP", ports.pop),
        ("POPS", ports.pops),
        ("LMTP", ports.lmtp),
    ];
    let numbers = numbers.map(|(name, port)| (format!("WAYPOST_{name}_PORT"), port.to_string()));
    let passwords = facts.passwords.iter();
    let passwords = passwords.map(|(user, password)| (password_key(user), password.clone()));
    let paths = [("WAYPOST_CA", &facts.files.ca), ("WAYPOST_CONFIG", &facts.files.config)];
    let paths = paths.map(|(key, path)| (key.to_owned(), quoted(path)));
    let socket = facts.config.read(&LMTP_SOCKET);
    let socket = socket.map(|path| ("WAYPOST_LMTP_SOCKET".to_owned(), quoted(&path)));
    numbers.into_iter().chain(passwords).chain(paths).chain(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_damaged_file_knows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.env");
        assert_eq!(EnvFile::read(&path).value("A"), None);
        std::fs::write(&path, "nonsense\nA=\nB=two=2\n").unwrap();
        let read = EnvFile::read(&path);
        assert_eq!((read.value("A"), read.value("B")), (None, Some("two=2")));
    }
}
