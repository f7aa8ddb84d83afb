//! Bytes that go into files, and the syncs that make them last.

use crate::descriptor::{self, Watched};
use crate::faults;
use crate::log;
use crate::os::{self, call, word};
use libc::{c_int, c_void, iovec, off_t, size_t, ssize_t};
use waypost_powercut::record::Kind;

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    match descriptor::watched(fd) {
        Some(file) => put(fd, &file, &os::bytes(bytes, length), None),
        None => call(libc::SYS_write, [word(i64::from(fd)), bytes as usize, length, 0, 0, 0]),
    }
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn writev(fd: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    match descriptor::watched(fd) {
        Some(file) => put(fd, &file, &os::gather(pieces, count), None),
        None => {
            let count = word(i64::from(count));
            call(libc::SYS_writev, [word(i64::from(fd)), pieces as usize, count, 0, 0, 0])
        }
    }
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pwrite(
    fd: c_int,
    bytes: *const c_void,
    length: size_t,
    at: off_t,
) -> ssize_t {
    match descriptor::watched(fd) {
        Some(file) => put(fd, &file, &os::bytes(bytes, length), Some(at)),
        None => {
            let arguments = [word(i64::from(fd)), bytes as usize, length, word(at), 0, 0];
            call(libc::SYS_pwrite64, arguments)
        }
    }
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pwrite64(
    fd: c_int,
    bytes: *const c_void,
    length: size_t,
    at: off_t,
) -> ssize_t {
    pwrite(fd, bytes, length, at)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pwritev(
    fd: c_int,
    pieces: *const iovec,
    count: c_int,
    at: off_t,
) -> ssize_t {
    match descriptor::watched(fd) {
        Some(file) => put(fd, &file, &os::gather(pieces, count), Some(at)),
        None => {
            let count = word(i64::from(count));
            call(libc::SYS_pwritev, [word(i64::from(fd)), pieces as usize, count, word(at), 0, 0])
        }
    }
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pwritev64(
    fd: c_int,
    pieces: *const iovec,
    count: c_int,
    at: off_t,
) -> ssize_t {
    pwritev(fd, pieces, count, at)
}

/// Writes to a watched file: as much as there is space for, and with a record.
fn put(fd: c_int, file: &Watched, bytes: &[u8], at: Option<off_t>) -> isize {
    let place = at.unwrap_or_else(|| file.position(fd));
    let room = faults::room(file.part(), bytes.len());
    let Some(granted) = bytes.get(..room).filter(|granted| !granted.is_empty()) else {
        return if bytes.is_empty() { 0 } else { os::fail(libc::ENOSPC) };
    };
    if file.is_synced() {
        return put_synced(fd, file, granted, place, at.is_some());
    }
    let written = pass(fd, granted, place, at.is_some());
    if let Some(done) = usize::try_from(written).ok().and_then(|count| granted.get(..count)) {
        log::add(Kind::Write, file.inode, place.cast_unsigned(), done);
    }
    written
}

/// A write that is a sync of its own: recorded before, so that a cut may fall into it.
fn put_synced(fd: c_int, file: &Watched, bytes: &[u8], place: off_t, placed: bool) -> isize {
    log::add(Kind::SyncedWrite, file.inode, place.cast_unsigned(), bytes);
    let fails = faults::synced_write_fails(file.part());
    let written = pass(fd, bytes, place, placed);
    if fails {
        return os::fail(libc::EIO);
    }
    if usize::try_from(written) == Ok(bytes.len()) {
        log::add(Kind::Settled, file.inode, place.cast_unsigned(), &[]);
    } else if log::records() {
        os::give_up("a synced write was cut short");
    }
    written
}

fn pass(fd: c_int, bytes: &[u8], place: off_t, placed: bool) -> isize {
    let (fd, start) = (word(i64::from(fd)), bytes.as_ptr() as usize);
    if placed {
        call(libc::SYS_pwrite64, [fd, start, bytes.len(), word(place), 0, 0])
    } else {
        call(libc::SYS_write, [fd, start, bytes.len(), 0, 0, 0])
    }
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn ftruncate(fd: c_int, size: off_t) -> c_int {
    let result = call(libc::SYS_ftruncate, [word(i64::from(fd)), word(size), 0, 0, 0, 0]);
    if let Some(file) = descriptor::watched(fd).filter(|_| result == 0) {
        log::add(Kind::Resize, file.inode, size.cast_unsigned(), &[]);
    }
    os::int(result)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn ftruncate64(fd: c_int, size: off_t) -> c_int {
    ftruncate(fd, size)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

fn sync(fd: c_int, number: libc::c_long) -> c_int {
    let pass = || call(number, [word(i64::from(fd)), 0, 0, 0, 0, 0]);
    let Some(file) = descriptor::watched(fd) else { return os::int(pass()) };
    let name = log::next_sync();
    log::add(Kind::SyncBegin, file.inode, name, &file.path);
    let result = if faults::sync_fails(file.part()) { os::fail(libc::EIO) } else { pass() };
    let kind = if result == 0 { Kind::SyncEnd } else { Kind::SyncFailed };
    log::add(kind, file.inode, name, &[]);
    os::int(result)
}
