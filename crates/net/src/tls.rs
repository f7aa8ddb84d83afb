//! Certificates that change without a restart, and the facts of an established TLS layer.

use crate::session::TlsFacts;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig, ServerConnection};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// How often the certificate and key files are looked at for a change.
pub const CERTIFICATE_POLL: Duration = Duration::from_secs(3);

/// The largest certificate or key file that is read, in bytes.
pub const PEM_FILE_BYTES: u64 = 1024 * 1024;

/// Where a certificate and its key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted.
    pub key: PathBuf,
}

/// The TLS settings for new handshakes, read again whenever the files change.
///
/// A handshake uses the settings that are current when it begins; established connections keep
/// theirs. A bad new file is logged and the old settings stay.
#[derive(Debug)]
pub struct TlsReloader {
    files: TlsFiles,
    poll: Duration,
    current: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Option<Stamps>>,
}

impl TlsReloader {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When a file cannot be read or certificate and key do not fit.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = Stamps::of(&files).ok();
        let config = Arc::new(read_config(&files)?);
        let (current, seen) = (RwLock::new(config), Mutex::new(stamps));
        Ok(Self { files, poll: CERTIFICATE_POLL, current, seen })
    }

    /// The same with another time between two looks at the files.
    #[must_use]
    pub fn with_poll(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// The settings for a handshake that begins now.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files now, changed or not.
    ///
    /// # Errors
    /// As [`TlsReloader::load`]; the old settings stay, and the error is logged.
    pub fn reload(&self) -> Result<(), TlsError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Stamped before the read: a change during the read shows at the next look.
        *seen = Stamps::of(&self.files).ok();
        let certificate = self.files.certificate.display();
        match read_config(&self.files) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!(%certificate, "certificate reloaded");
                Ok(())
            }
            Err(error) => {
                tracing::error!(%certificate, %error, "certificate not reloaded, the old one stays");
                Err(error)
            }
        }
    }

    /// Reads the files if they have changed since they were last read, well or badly.
    pub fn reload_if_changed(&self) {
        let now = Stamps::of(&self.files).ok();
        let changed = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != now;
        if changed {
            // Already logged; between two renames the pair does not fit, the next look repairs it.
            let _ = self.reload();
        }
    }

    /// Looks at the files for ever, every [`CERTIFICATE_POLL`]. [`crate::listener::serve`] runs it.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.poll).await;
            let reloader = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || reloader.reload_if_changed()).await.is_err() {
                tracing::error!("looking for a new certificate failed");
            }
        }
    }
}

/// Why TLS settings could not be made; for the log, never for a client.
#[derive(Debug)]
pub enum TlsError {
    /// A file could not be read.
    Read(PathBuf, io::Error),
    /// A file is larger than [`PEM_FILE_BYTES`].
    TooLarge(PathBuf),
    /// A file holds no usable PEM section of the kind named.
    Pem(PathBuf, &'static str, pem::Error),
    /// Certificate and key are not usable, or not with each other.
    Unusable(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, e) => write!(f, "cannot read {}: {e}", path.display()),
            Self::TooLarge(path) => {
                write!(f, "{} is larger than {PEM_FILE_BYTES} bytes", path.display())
            }
            Self::Pem(path, kind, e) => write!(f, "no {kind} in {}: {e}", path.display()),
            Self::Unusable(e) => write!(f, "certificate and key cannot be used: {e}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, e) => Some(e),
            Self::TooLarge(_) => None,
            Self::Pem(_, _, e) => Some(e),
            Self::Unusable(e) => Some(e),
        }
    }
}

/// The facts of a finished handshake.
pub(crate) fn facts(connection: &ServerConnection) -> TlsFacts {
    let suite = connection.negotiated_cipher_suite().map(|s| s.suite());
    TlsFacts { cipher_bits: suite.map_or(0, cipher_bits) }
}

/// Key length of a suite's cipher. A suite not known here counts as none, so that a policy on
/// strength errs on the safe side.
fn cipher_bits(suite: CipherSuite) -> u16 {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 128,
        CipherSuite::TLS13_AES_256_GCM_SHA384
        | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => 256,
        _ => 0,
    }
}

/// Fresh settings with ticket keys of their own: a session resumed from before a reload would hide
/// the new certificate from the client.
fn read_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = read_chain(&files.certificate)?;
    let key = read_key(&files.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Unusable)?;
    config.ticketer = Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(config)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |e| TlsError::Pem(path.to_owned(), "certificate", e);
    let text = read_bounded(path)?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(failed)?;
    if chain.is_empty() { Err(failed(pem::Error::NoItemsFound)) } else { Ok(chain) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read_bounded(path)?;
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|e| TlsError::Pem(path.to_owned(), "private key", e))
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |e| TlsError::Read(path.to_owned(), e);
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(PEM_FILE_BYTES + 1).read_to_end(&mut text).map_err(failed)?;
    if read as u64 > PEM_FILE_BYTES { Err(TlsError::TooLarge(path.to_owned())) } else { Ok(text) }
}

/// What tells an old pair of files from a new one. Names alone do not: a renewal replaces the file
/// or turns a symbolic link.
#[derive(Debug, PartialEq, Eq)]
struct Stamps([Stamp; 2]);

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// Changes with owner and permissions too: a file that could not be read may be readable now.
    changed: (i64, i64),
}

impl Stamps {
    fn of(files: &TlsFiles) -> io::Result<Self> {
        let stamp = |path: &Path| std::fs::metadata(path).map(|m| Stamp::of(&m));
        Ok(Self([stamp(&files.certificate)?, stamp(&files.key)?]))
    }
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}
