//! The recording: which files are watched, and the file that the records go to.

use crate::os::{self, call, word};
use libc::c_int;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use waypost_powercut::record::{FRONT_BYTES, Kind, LOG_VARIABLE, ROOT_VARIABLE, front};

/// Where descriptors of this library begin: out of the way of tests that count descriptors.
const OWN_DESCRIPTORS: usize = 900;

static ROOT: OnceLock<Vec<u8>> = OnceLock::new();
static LOG: AtomicI32 = AtomicI32::new(-1);
static SYNCS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn start() {
    let Ok(root) = std::env::var(ROOT_VARIABLE) else { return };
    let _first = ROOT.set((root + "/").into_bytes());
    let Ok(path) = std::env::var(LOG_VARIABLE) else { return };
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
    LOG.store(open_own(&path, flags), Ordering::Release);
}

/// Opens a file of this library, or ends the process.
pub(crate) fn open_own(path: &str, flags: c_int) -> c_int {
    let text = format!("{path}\0");
    let cwd = word(i64::from(libc::AT_FDCWD));
    let flags = word(i64::from(flags));
    let low = call(libc::SYS_openat, [cwd, text.as_ptr() as usize, flags, 0, 0, 0]);
    let duplicate = word(i64::from(libc::F_DUPFD_CLOEXEC));
    let high = call(libc::SYS_fcntl, [word(low as i64), duplicate, OWN_DESCRIPTORS, 0, 0, 0]);
    if low < 0 || high < 0 {
        os::give_up(&format!("{path} cannot be opened"));
    }
    call(libc::SYS_close, [word(low as i64), 0, 0, 0, 0, 0]);
    os::int(high)
}

/// Whether changes are recorded.
pub(crate) fn records() -> bool {
    LOG.load(Ordering::Acquire) >= 0
}

/// Whether a path is watched. LMDB's table of readers is not: its content counts for nothing when
/// nobody has it open.
pub(crate) fn watches(path: &[u8]) -> bool {
    ROOT.get().is_some_and(|root| path.starts_with(root) || path == &root[..root.len() - 1])
        && !path.ends_with(b"lock.mdb")
}

/// Writes a record.
pub(crate) fn add(kind: Kind, inode: u64, number: u64, data: &[u8]) {
    let log = LOG.load(Ordering::Acquire);
    if log < 0 {
        return;
    }
    let front = front(kind, inode, number, data.len());
    let piece = |bytes: &[u8]| libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let pieces = [piece(&front), piece(data)];
    let before = os::errno();
    let written =
        call(libc::SYS_writev, [word(i64::from(log)), pieces.as_ptr() as usize, 2, 0, 0, 0]);
    if written != (FRONT_BYTES + data.len()) as isize {
        os::give_up("the recording cannot be written");
    }
    os::fail(before);
}

/// A number for a sync.
pub(crate) fn next_sync() -> u64 {
    u64::from(std::process::id()) << 32 | SYNCS.fetch_add(1, Ordering::Relaxed)
}

/// A call that the recording does not understand changes a watched file.
pub(crate) fn alien(what: &str, path: &[u8]) {
    let text = format!("{what} on {}", String::from_utf8_lossy(path));
    add(Kind::Alien, 0, 0, text.as_bytes());
    if records() {
        os::give_up(&text);
    }
}
