//! Putting a certificate and its key in place, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Permissions of a key, and of everything while it is written.
const KEY_MODE: u32 = 0o600;
/// Permissions of a certificate, which every client is shown.
const CERTIFICATE_MODE: u32 = 0o644;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pair {
    /// Writes both files, owned like `owner`, and keeps those that were there as `*.old`.
    ///
    /// Both are complete on disk before either takes its name. A server that looks between the two renames
    /// finds a pair that does not fit, keeps what it has, and looks again.
    pub(crate) fn install(&self, certificate: &[u8], key: &[u8], owner: &Path) -> io::Result<()> {
        let owner = fs::metadata(owner)?;
        let new_key = write_beside(&self.key, key, KEY_MODE)?;
        let new_certificate = write_beside(&self.certificate, certificate, CERTIFICATE_MODE)?;
        for file in [&new_key, &new_certificate] {
            give(file, (owner.uid(), owner.gid()))?;
        }
        keep(&self.key)?;
        keep(&self.certificate)?;
        fs::rename(new_key, &self.key)?;
        if let Err(error) = fs::rename(new_certificate, &self.certificate) {
            // The old key goes back to the old certificate; the first error is the one to tell.
            let _ = fs::rename(with_suffix(&self.key, ".old"), &self.key);
            return Err(error);
        }
        sync_folder(&self.key)?;
        sync_folder(&self.certificate)
    }
}

/// Writes a file that only this user may read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::rename(write_beside(path, text.as_bytes(), KEY_MODE)?, path)?;
    sync_folder(path)
}

/// Writes a file beside the one that it is to replace.
fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let next = with_suffix(path, ".new");
    // What an earlier run left behind, or somebody else put there, has permissions of its own.
    remove(&next)?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(KEY_MODE).open(&next)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    Ok(next)
}

/// Gives a file a second name, `*.old`, which the next [`Pair::install`] takes away again. A link is kept
/// as a link.
fn keep(path: &Path) -> io::Result<()> {
    let old = with_suffix(path, ".old");
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    remove(&old)?;
    fs::hard_link(path, old)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The server may run under another user than the administrator.
fn give(path: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    let now = fs::metadata(path)?;
    if (now.uid(), now.gid()) == (user, group) {
        return Ok(());
    }
    chown(path, Some(user), Some(group))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn private_files_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let other = folder.path().join("other");
        fs::write(&other, "kept").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join("secret.new")).unwrap();
        write_private(&path, "one").unwrap();
        fs::write(folder.path().join("secret.new"), "left behind").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(mode(&path), KEY_MODE);
        assert_eq!(fs::read_to_string(other).unwrap(), "kept");
    }

    #[test]
    fn the_pair_before_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let pair = Pair { certificate: file("cert.pem"), key: file("key.pem") };
        for round in [b"1", b"2", b"3"] {
            pair.install(round, round, folder.path()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(file(name)).unwrap();
        assert_eq!([read("cert.pem"), read("key.pem")], ["3", "3"]);
        assert_eq!([read("cert.pem.old"), read("key.pem.old")], ["2", "2"]);
        assert_eq!([mode(&pair.key), mode(&file("key.pem.old"))], [KEY_MODE; 2]);
        assert_eq!(mode(&pair.certificate), CERTIFICATE_MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_written_whole_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let pair = Pair { certificate: file("cert.pem"), key: file("key.pem") };
        pair.install(b"1", b"1", folder.path()).unwrap();
        fs::create_dir(file("cert.pem.new")).unwrap();
        pair.install(b"2", b"2", folder.path()).unwrap_err();
        let read = |name: &str| fs::read_to_string(file(name)).unwrap();
        assert_eq!([read("cert.pem"), read("key.pem")], ["1", "1"]);
    }
}
