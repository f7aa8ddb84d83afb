//! Makes folders and files of logs: the one place that decides who may read them.

use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A new folder: the server's user writes, its group may look.
const FOLDER_MODE: u32 = 0o750;
/// A new file, likewise.
const FILE_MODE: u32 = 0o640;

/// Opens a log to write at its end; makes it, and its folder with all parents, where they are missing.
/// Neither a link nor a pipe is taken for a log: whoever put it there must not redirect a server.
///
/// # Errors
/// When the system refuses, or the path is not a file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    }
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits());
    let flags = flags.map_err(|_| io::Error::from(io::ErrorKind::Unsupported))?;
    let mut options = OpenOptions::new();
    let options = options.read(true).append(true).create(true);
    let file = options.mode(FILE_MODE).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a file")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn folder_and_file_are_private_and_links_are_refused() {
        let world = tempfile::tempdir().unwrap();
        let path = world.path().join("log/imap");
        open(&path).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o027;
        assert_eq!(mode(&path), 0);
        assert_eq!(mode(&world.path().join("log")), 0);
        let link = world.path().join("log/pop");
        symlink(&path, &link).unwrap();
        assert!(open(&link).is_err());
        assert!(open(world.path()).is_err());
    }
}
