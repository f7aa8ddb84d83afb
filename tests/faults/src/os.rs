//! System calls, made directly: the functions of the C library are replaced by ours.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arguments and results of system calls are words of the machine"
)]

use libc::{c_char, c_int, c_long, c_void};

/// Makes a system call; -1 and `errno` when it fails, as the C library's functions do.
pub(crate) fn call(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the arguments are those of the caller of the replaced function, who answers for them,
    // or point to live memory of this library.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    result as isize
}

/// A number as an argument of a system call.
pub(crate) const fn word(number: i64) -> usize {
    number as usize
}

/// The result of a function that returns `int`.
pub(crate) const fn int(result: isize) -> c_int {
    result as c_int
}

/// Fails with an error number.
pub(crate) fn fail(error: c_int) -> isize {
    // SAFETY: the C library gives each thread its own `errno`.
    unsafe { *libc::__errno_location() = error };
    -1
}

/// The error number of the last failed call.
pub(crate) fn errno() -> c_int {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() }
}

/// A text that ends with a zero byte; empty for a null pointer.
pub(crate) fn text(pointer: *const c_char) -> Vec<u8> {
    if pointer.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller of the replaced function gives a text that ends with a zero byte.
    unsafe { std::ffi::CStr::from_ptr(pointer) }.to_bytes().to_vec()
}

/// The bytes that a caller gives.
pub(crate) fn bytes(pointer: *const c_void, length: usize) -> Vec<u8> {
    if pointer.is_null() || length == 0 {
        return Vec::new();
    }
    // SAFETY: the caller of the replaced function gives that many readable bytes.
    unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), length) }.to_vec()
}

/// The bytes of several pieces, one after the other.
pub(crate) fn gather(pieces: *const libc::iovec, count: c_int) -> Vec<u8> {
    let mut all = Vec::new();
    for at in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller of the replaced function gives that many pieces.
        let piece = unsafe { *pieces.add(at) };
        all.extend(bytes(piece.iov_base, piece.iov_len));
    }
    all
}

/// Where a symbolic link leads; `None` when there is none.
pub(crate) fn link(path: &str) -> Option<Vec<u8>> {
    let path = format!("{path}\0");
    let mut buffer = vec![0_u8; 4_096];
    let length = call(
        libc::SYS_readlinkat,
        [
            word(i64::from(libc::AT_FDCWD)),
            path.as_ptr() as usize,
            buffer.as_mut_ptr() as usize,
            buffer.len(),
            0,
            0,
        ],
    );
    buffer.truncate(usize::try_from(length).ok()?);
    Some(buffer)
}

/// Number and size of an open file.
pub(crate) fn inode_and_size(fd: c_int) -> (u64, u64) {
    // SAFETY: zero bytes are a valid `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `stat` is live and of the right type.
    unsafe { libc::fstat(fd, &raw mut stat) };
    (stat.st_ino, u64::try_from(stat.st_size).unwrap_or(0))
}

/// Whether something exists at a path.
pub(crate) fn exists(path: &[u8]) -> bool {
    let path = [path, b"\0"].concat();
    let cwd = word(i64::from(libc::AT_FDCWD));
    call(libc::SYS_faccessat, [cwd, path.as_ptr() as usize, 0, 0, 0, 0]) == 0
}

/// Ends the process with a word to standard error.
pub(crate) fn give_up(why: &str) -> ! {
    let text = format!("waypost-faults: {why}\n");
    call(libc::SYS_write, [2, text.as_ptr() as usize, text.len(), 0, 0, 0]);
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}
