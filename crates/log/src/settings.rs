//! Where lines go and what is kept of them.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Names the file, and the log in messages: the service.
    pub name: &'static str,
    /// Where its lines go.
    pub destination: Destination,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file that is rotated.
    File(FileSettings),
    /// Nowhere: nothing is logged.
    Nowhere,
    /// Standard error.
    StandardError,
    /// The system's log.
    Syslog(Facility),
}

/// A rotated file and what is kept of it. A limit of 0 is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// The age at which a file is put aside.
    pub rollover: Duration,
    /// Files, with the one that is written.
    pub max_files: usize,
    /// Bytes of all files together.
    pub max_bytes: u64,
    /// The age at which a file that was put aside is deleted.
    pub expiry: Duration,
    /// Bytes that shall stay free on the disk.
    pub min_free_bytes: u64,
}

/// The parts of a system that syslog knows (RFC 3164 section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility {
    number: u8,
}

impl Facility {
    /// Number and name of each.
    const ALL: [(u8, &'static str); 11] = [
        (1, "user"),
        (2, "mail"),
        (3, "daemon"),
        (16, "local0"),
        (17, "local1"),
        (18, "local2"),
        (19, "local3"),
        (20, "local4"),
        (21, "local5"),
        (22, "local6"),
        (23, "local7"),
    ];

    /// The facility of that name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, known)| *known == name);
        found.map(|(number, _)| Self { number })
    }

    /// Facility and severity in one number.
    pub(crate) fn priority(self, severity: u8) -> u8 {
        self.number * 8 + severity
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn facilities_have_the_numbers_of_the_rfc() {
        assert_eq!(Facility::named("mail").unwrap().priority(3), 19);
        assert_eq!(Facility::named("local7").unwrap().priority(7), 191);
        assert_eq!(Facility::named("none"), None);
    }
}
