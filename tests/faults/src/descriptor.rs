//! Descriptors: which of them are watched files, how files are opened, mapped, read and copied.

use crate::faults::{self, Part};
use crate::folders;
use crate::log;
use crate::os::{self, call, word};
use libc::{c_char, c_int, c_uint, c_void, mode_t, off_t, size_t, ssize_t};
use waypost_powercut::record::Kind;

/// An open file that is watched.
pub(crate) struct Watched {
    pub(crate) path: Vec<u8>,
    pub(crate) inode: u64,
    flags: c_int,
    size: u64,
}

/// What a descriptor stands for, when it is watched.
pub(crate) fn watched(fd: c_int) -> Option<Watched> {
    let before = os::errno();
    let path = os::link(&format!("/proc/self/fd/{fd}")).filter(|path| log::watches(path));
    os::fail(before);
    let path = path?;
    let (inode, size) = os::inode_and_size(fd);
    let flags =
        call(libc::SYS_fcntl, [word(i64::from(fd)), word(i64::from(libc::F_GETFL)), 0, 0, 0, 0]);
    Some(Watched { path, inode, flags: os::int(flags), size })
}

impl Watched {
    pub(crate) fn part(&self) -> Part {
        faults::part(&self.path)
    }

    /// Whether each write is a sync of its own.
    pub(crate) const fn is_synced(&self) -> bool {
        self.flags & libc::O_DSYNC != 0
    }

    /// Where a write without an offset goes.
    pub(crate) fn position(&self, fd: c_int) -> off_t {
        if self.flags & libc::O_APPEND != 0 {
            return self.size.cast_signed();
        }
        let current = word(i64::from(libc::SEEK_CUR));
        call(libc::SYS_lseek, [word(i64::from(fd)), 0, current, 0, 0, 0]) as off_t
    }
}

/// Stands in for the C library's function; the third argument counts only with `O_CREAT`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat(libc::AT_FDCWD, path, flags, mode)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat(libc::AT_FDCWD, path, flags, mode)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn openat64(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    openat(folder, path, flags, mode)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn openat(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    let makes = log::records() && flags & libc::O_CREAT != 0;
    let was_there = makes && os::exists(&folders::absolute(folder, path));
    let arguments = [
        word(i64::from(folder)),
        path as usize,
        word(i64::from(flags)),
        word(i64::from(mode)),
        0,
        0,
    ];
    let fd = os::int(call(libc::SYS_openat, arguments));
    if fd < 0 || !log::records() || flags & (libc::O_CREAT | libc::O_TRUNC) == 0 {
        return fd;
    }
    if let Some(file) = watched(fd) {
        if flags & libc::O_TMPFILE == libc::O_TMPFILE {
            log::alien("open of a file without a name", &file.path);
        } else if makes && !was_there {
            log::add(Kind::Create, file.inode, 0, &file.path);
        } else if flags & libc::O_TRUNC != 0 {
            log::add(Kind::Resize, file.inode, 0, &[]);
        }
    }
    fd
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pread(
    fd: c_int,
    bytes: *mut c_void,
    length: size_t,
    at: off_t,
) -> ssize_t {
    if watched(fd).is_some_and(|file| faults::read_fails(file.part())) {
        return os::fail(libc::EIO);
    }
    call(libc::SYS_pread64, [word(i64::from(fd)), bytes as usize, length, word(at), 0, 0])
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn pread64(
    fd: c_int,
    bytes: *mut c_void,
    length: size_t,
    at: off_t,
) -> ssize_t {
    pread(fd, bytes, length, at)
}

/// Stands in for the C library's function. A watched file that is mapped for writing could change
/// unseen.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mmap(
    at: *mut c_void,
    length: size_t,
    rights: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    let writes = rights & libc::PROT_WRITE != 0 && flags & libc::MAP_TYPE != libc::MAP_PRIVATE;
    if fd >= 0
        && writes
        && let Some(file) = watched(fd)
    {
        log::alien("a shared map for writing", &file.path);
    }
    let (rights, flags) = (word(i64::from(rights)), word(i64::from(flags)));
    let arguments = [at as usize, length, rights, flags, word(i64::from(fd)), word(offset)];
    call(libc::SYS_mmap, arguments) as *mut c_void
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mmap64(
    at: *mut c_void,
    length: size_t,
    rights: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    mmap(at, length, rights, flags, fd, offset)
}

/// Stands in for the C library's function: the caller reads and writes instead, which is recorded.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn copy_file_range(
    from: c_int,
    from_at: *mut off_t,
    to: c_int,
    to_at: *mut off_t,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    if watched(to).is_some() {
        return os::fail(libc::ENOSYS);
    }
    let arguments = [
        word(i64::from(from)),
        from_at as usize,
        word(i64::from(to)),
        to_at as usize,
        length,
        word(i64::from(flags)),
    ];
    call(libc::SYS_copy_file_range, arguments)
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn sendfile64(
    to: c_int,
    from: c_int,
    at: *mut off_t,
    length: size_t,
) -> ssize_t {
    if watched(to).is_some() {
        return os::fail(libc::ENOSYS);
    }
    let arguments = [word(i64::from(to)), word(i64::from(from)), at as usize, length, 0, 0];
    call(libc::SYS_sendfile, arguments)
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn sendfile(
    to: c_int,
    from: c_int,
    at: *mut off_t,
    length: size_t,
) -> ssize_t {
    sendfile64(to, from, at, length)
}

/// Stands in for the C library's function; the engine makes no use of it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fallocate(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
    if let Some(file) = watched(fd) {
        log::alien("fallocate", &file.path);
    }
    let (mode, at) = (word(i64::from(mode)), word(at));
    os::int(call(libc::SYS_fallocate, [word(i64::from(fd)), mode, at, word(length), 0, 0]))
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fallocate64(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
    fallocate(fd, mode, at, length)
}

/// Stands in for the C library's function, as above; it answers the error itself.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn posix_fallocate(fd: c_int, at: off_t, length: off_t) -> c_int {
    if fallocate(fd, 0, at, length) == 0 { 0 } else { os::errno() }
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn posix_fallocate64(fd: c_int, at: off_t, length: off_t) -> c_int {
    posix_fallocate(fd, at, length)
}
