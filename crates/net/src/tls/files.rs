//! Certificate and key on disk: reading them, and knowing when they have changed.

use super::{TlsError, TlsIdentity};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use waypost_types::Secret;

/// How often whoever holds a [`CertificateFiles`] asks it for a change.
pub const CERTIFICATE_POLL: Duration = Duration::from_secs(3);

/// The largest certificate or key file that is read, in bytes.
pub const PEM_FILE_BYTES: u64 = 1024 * 1024;

/// The files of a certificate and its key.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    seen: Mutex<Option<Stamps>>,
}

impl CertificateFiles {
    /// The files at these paths; nothing is read yet.
    pub fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self { certificate, key, seen: Mutex::new(None) }
    }

    /// Where the certificate chain is.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Where the private key is.
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// Reads both files; whether they can be used is for [`TlsIdentity::check`] to say.
    ///
    /// # Errors
    /// When a file cannot be read or is too large.
    pub fn read(&self, passphrase: Option<Secret<String>>) -> Result<TlsIdentity, TlsError> {
        // Stamped before the read: a change during the read shows at the next look.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = self.stamps();
        let certificate = read_bounded(&self.certificate)?;
        let key = Secret::new(read_bounded(&self.key)?);
        Ok(TlsIdentity { certificate, key, passphrase })
    }

    /// Whether the files have changed since they were last read, well or badly.
    pub fn changed(&self) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != self.stamps()
    }

    fn stamps(&self) -> Option<Stamps> {
        Some(Stamps([Stamp::at(&self.certificate)?, Stamp::at(&self.key)?]))
    }
}

/// Files of which each may change by itself.
#[derive(Debug, Default)]
pub struct WatchedFiles(Vec<(PathBuf, Option<Stamp>)>);

impl WatchedFiles {
    /// Files as they are now; read them after this, so that a change during the read shows.
    pub fn now(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let stamped = paths.into_iter().map(|path| {
            let stamp = Stamp::at(&path);
            (path, stamp)
        });
        Self(stamped.collect())
    }

    /// Whether one of them has changed since; one that is missing for a moment has not.
    pub fn changed(&self) -> bool {
        let has = |(path, seen): &(PathBuf, Option<Stamp>)| {
            let now = Stamp::at(path);
            now.is_some() && now != *seen
        };
        self.0.iter().any(has)
    }
}

/// Reads a file of at most [`PEM_FILE_BYTES`].
///
/// # Errors
/// When it cannot be read or is too large.
pub fn read_bounded(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |e: io::Error| TlsError::Read(path.to_owned(), e);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len().min(PEM_FILE_BYTES);
    // Room for all of it at once: a buffer that grows leaves copies of a key in freed memory.
    let mut text = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
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

impl Stamp {
    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::of(&found))
    }

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
