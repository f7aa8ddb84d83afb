//! Making and opening the files of the directory.

use super::tables::{self, Tables, storage_error};
use crate::contract::DirectoryError;
use heed::{Env, EnvFlags, EnvOpenOptions, WithoutTls};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Bytes of address space for the environment: room for about a million users. The file is sparse and
/// grows with its content.
const MAP_BYTES: usize = 1 << 30;
/// Readers at one moment over all processes; as many as the store's environment allows.
const MAX_READERS: u32 = 8_192;
/// Permissions of a new directory: it holds password hashes.
const DIRECTORY_MODE: u32 = 0o700;
/// The name that LMDB gives its data.
pub(super) const DATA_FILE: &str = "data.mdb";
/// Where a new environment is made, beside its place.
const MAKING_DIR: &str = "making";

/// Opens an existing environment for look-ups alone.
pub(super) fn open_read_only(path: &Path) -> Result<Env<WithoutTls>, DirectoryError> {
    open(path, EnvFlags::READ_ONLY)
}

/// Opens an environment for changes, making it when it does not exist.
pub(super) fn open_writable(path: &Path) -> Result<Env<WithoutTls>, DirectoryError> {
    make(path)?;
    let env = open(path, EnvFlags::empty())?;
    // Slots of processes that died inside a read transaction would keep old pages alive.
    env.clear_stale_readers().map_err(|error| storage_error("clear stale readers", &error))?;
    Ok(env)
}

/// Makes a folder and those above it that are missing, for the owner alone.
pub(super) fn make_folder(path: &Path) -> Result<(), DirectoryError> {
    let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
    made.map_err(|error| unavailable(path, &error))
}

/// What stands in an error when a file cannot be used.
pub(super) fn unavailable(path: &Path, error: &dyn std::error::Error) -> DirectoryError {
    DirectoryError::Unavailable { cause: format!("open {}: {error}", path.display()) }
}

/// Makes an environment that is not there, aside, and gives it its name when it is durable: LMDB begins a
/// file without a sync, and does not open one whose beginning a power cut has torn. Tools that begin at the
/// same moment take turns.
pub(super) fn make(path: &Path) -> Result<(), DirectoryError> {
    make_folder(path)?;
    let fail = |error: io::Error| unavailable(path, &error);
    let folder = File::open(path).map_err(fail)?;
    folder.lock().map_err(fail)?;
    if path.join(DATA_FILE).try_exists().map_err(fail)? {
        return Ok(());
    }
    let making = path.join(MAKING_DIR);
    if making.try_exists().map_err(fail)? {
        std::fs::remove_dir_all(&making).map_err(fail)?;
    }
    make_folder(&making)?;
    let env = open(&making, EnvFlags::empty())?;
    // A commit, which syncs all that was written before.
    Tables::create(&env, &making)?;
    env.prepare_for_closing().wait();
    std::fs::rename(making.join(DATA_FILE), path.join(DATA_FILE)).map_err(fail)?;
    folder.sync_all().map_err(fail)?;
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        File::open(above).and_then(|above| above.sync_all()).map_err(fail)?;
    }
    std::fs::remove_dir_all(&making).map_err(fail)
}

fn open(path: &Path, flags: EnvFlags) -> Result<Env<WithoutTls>, DirectoryError> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_BYTES).max_readers(MAX_READERS).max_dbs(tables::COUNT);
    #[allow(unsafe_code, reason = "LMDB maps its file; opening it is unsafe by signature")]
    // SAFETY: the flags are `READ_ONLY` or none, so LMDB's locking stays on and every process that
    // changes the file does so through it. The file lies in a directory of its own, of mode 0700,
    // where nothing else writes, and on a local disk as the guide demands. Transactions live inside
    // one call of this module.
    let opened = unsafe { options.flags(flags).open(path) };
    let env = opened.map_err(|error| match error {
        heed::Error::Io(io) if io.kind() == io::ErrorKind::NotFound => {
            DirectoryError::Unavailable {
                cause: format!(
                    "no directory at {}; `waypost domain add` creates it",
                    path.display()
                ),
            }
        }
        error => storage_error(&format!("open {}", path.display()), &error),
    })?;
    check_length(&env, path)?;
    Ok(env)
}

/// Refuses a file that a lost write left shorter than it says: to read the missing pages through the map would
/// end the process (SIGBUS).
fn check_length(env: &Env<WithoutTls>, path: &Path) -> Result<(), DirectoryError> {
    // LMDB makes a file with the system's pages, and does not open one with others.
    let page_bytes = rustix::param::page_size() as u64;
    let needed = (env.info().last_page_number as u64 + 1) * page_bytes;
    let found = env.real_disk_size().map_err(|error| storage_error("measure the file", &error))?;
    if found >= needed {
        return Ok(());
    }
    let cause = format!("{}: {found} bytes of {needed} are there", path.join(DATA_FILE).display());
    Err(DirectoryError::Damaged { cause })
}
