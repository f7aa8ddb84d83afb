//! TLS: certificate and key, what is allowed, and the settings of new handshakes, which change without
//! a restart.
//!
//! Values and files are apart: [`TlsSettings`] is made of a [`TlsIdentity`] in memory and a
//! [`TlsPolicy`]; [`CertificateFiles`] reads an identity from disk and tells when it has changed. So a
//! process without access to the key's file can be handed the identity by one that has it.

mod clients;
mod error;
mod files;
mod identity;
mod policy;
mod settings;

pub use clients::{ClientTrust, ShownCertificate};
pub use error::TlsError;
pub use files::{CERTIFICATE_POLL, CertificateFiles, PEM_FILE_BYTES, WatchedFiles, read_bounded};
pub use identity::TlsIdentity;
pub use policy::TlsPolicy;
pub(crate) use policy::facts;
pub use settings::TlsSettings;
