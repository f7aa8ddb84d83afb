//! Why TLS settings could not be made.

use super::PEM_FILE_BYTES;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why TLS settings could not be made; for the log, never for a client.
#[derive(Debug)]
pub enum TlsError {
    /// A file could not be read.
    Read(PathBuf, io::Error),
    /// A file is larger than [`PEM_FILE_BYTES`].
    TooLarge(PathBuf),
    /// There is no certificate in PEM form, or one that is damaged.
    Certificate(String),
    /// There is no private key in PEM form, or one that is damaged.
    Key(String),
    /// The key is encrypted and there is no passphrase.
    KeyEncrypted,
    /// The key is encrypted, and the passphrase does not open it.
    Passphrase(String),
    /// The key belongs to another certificate.
    KeyMismatch,
    /// Certificate or key is of a kind that is not usable.
    Unusable(rustls::Error),
    /// The authorities of clients are none, or one of them is damaged.
    ClientAuthority(String),
    /// The lists of revoked certificates are none, or one of them is damaged.
    RevocationList(String),
    /// None of the selected cipher suites works with the allowed versions and the kind of the key.
    NoCipherSuite,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, e) => write!(f, "cannot read {}: {e}", path.display()),
            Self::TooLarge(path) => {
                write!(f, "{} is larger than {PEM_FILE_BYTES} bytes", path.display())
            }
            Self::Certificate(why) => write!(f, "no certificate in PEM form: {why}"),
            Self::Key(why) => write!(f, "no private key in PEM form: {why}"),
            Self::KeyEncrypted => f.write_str(
                "the private key is encrypted; set its passphrase with \
                 `msconfig set -prompt base.sslkeypassword`",
            ),
            Self::Passphrase(why) => write!(
                f,
                "the passphrase (base.sslkeypassword) does not open the private key: {why}"
            ),
            Self::KeyMismatch => f.write_str("the private key belongs to another certificate"),
            Self::Unusable(e) => write!(f, "certificate and key cannot be used: {e}"),
            Self::ClientAuthority(why) => write!(f, "authorities of clients: {why}"),
            Self::RevocationList(why) => write!(f, "lists of revoked certificates: {why}"),
            Self::NoCipherSuite => f.write_str(
                "no selected cipher suite (base.ssladjustciphersuites, base.tlsminversion) works \
                 with this kind of key",
            ),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, e) => Some(e),
            Self::Unusable(e) => Some(e),
            _ => None,
        }
    }
}
