//! What the watcher hands to its processes: the settings they work with.

use crate::failure::Failure;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use waypost_options::Config;
use waypost_types::Secret;

/// The settings as bytes for a process.
pub(crate) fn pack(file: &Path) -> Secret<Vec<u8>> {
    Secret::new(file.as_os_str().as_bytes().to_vec())
}

/// The settings from the watcher's bytes.
pub(crate) fn unpack(bytes: &Secret<Vec<u8>>) -> Result<Config, Failure> {
    Config::load(Path::new(OsStr::from_bytes(bytes.expose()))).map_err(Failure::usage)
}

/// The configuration file that the settings come from.
pub(crate) fn file(bytes: &Secret<Vec<u8>>) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes.expose()))
}
