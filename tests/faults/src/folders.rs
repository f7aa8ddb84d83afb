//! Names: files and folders that are made, renamed and removed.

use crate::log;
use crate::os::{self, call, word};
use libc::{c_char, c_int, c_uint, mode_t};
use waypost_powercut::record::Kind;

/// A path that does not depend on the current folder.
pub(crate) fn absolute(folder: c_int, path: *const c_char) -> Vec<u8> {
    let path = os::text(path);
    if path.starts_with(b"/") {
        return path;
    }
    let base = if folder == libc::AT_FDCWD {
        os::link("/proc/self/cwd")
    } else {
        os::link(&format!("/proc/self/fd/{folder}"))
    };
    [&base.unwrap_or_default()[..], b"/", &path].concat()
}

fn note(result: isize, kind: Kind, path: &[u8]) -> c_int {
    if result == 0 && log::watches(path) {
        log::add(kind, 0, 0, path);
    }
    os::int(result)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    mkdirat(libc::AT_FDCWD, path, mode)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mkdirat(folder: c_int, path: *const c_char, mode: mode_t) -> c_int {
    let arguments = [word(i64::from(folder)), path as usize, word(i64::from(mode)), 0, 0, 0];
    note(call(libc::SYS_mkdirat, arguments), Kind::MakeFolder, &absolute(folder, path))
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn unlink(path: *const c_char) -> c_int {
    unlinkat(libc::AT_FDCWD, path, 0)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn rmdir(path: *const c_char) -> c_int {
    unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    let arguments = [word(i64::from(folder)), path as usize, word(i64::from(flags)), 0, 0, 0];
    let whole = absolute(folder, path);
    let kind = if flags & libc::AT_REMOVEDIR == 0 { Kind::Remove } else { Kind::RemoveFolder };
    note(call(libc::SYS_unlinkat, arguments), kind, &whole)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    renameat2(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn renameat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
) -> c_int {
    renameat2(from_folder, from, to_folder, to, 0)
}

/// Stands in for the C library's function.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn renameat2(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let (old, new) = (absolute(from_folder, from), absolute(to_folder, to));
    let is_watched = log::watches(&old) || log::watches(&new);
    if is_watched && (flags != 0 || !log::watches(&old) || !log::watches(&new)) {
        log::alien("a rename with flags or out of the folder", &old);
    }
    let folders = [word(i64::from(from_folder)), word(i64::from(to_folder))];
    let arguments = [folders[0], from as usize, folders[1], to as usize, word(i64::from(flags)), 0];
    let result = call(libc::SYS_renameat2, arguments);
    if result == 0 && is_watched {
        log::add(Kind::Rename, 0, 0, &[&old[..], b"\0", &new].concat());
    }
    os::int(result)
}

/// Stands in for the C library's function; the store makes no links.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let new = absolute(to_folder, to);
    if log::watches(&new) {
        log::alien("a second name for a file", &new);
    }
    let folders = [word(i64::from(from_folder)), word(i64::from(to_folder))];
    let arguments = [folders[0], from as usize, folders[1], to as usize, word(i64::from(flags)), 0];
    os::int(call(libc::SYS_linkat, arguments))
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    let new = absolute(libc::AT_FDCWD, path);
    if log::watches(&new) {
        log::alien("a symbolic link", &new);
    }
    let cwd = word(i64::from(libc::AT_FDCWD));
    os::int(call(libc::SYS_symlinkat, [target as usize, cwd, path as usize, 0, 0, 0]))
}

/// Stands in for the C library's function, which needs no open file.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn truncate(path: *const c_char, size: libc::off_t) -> c_int {
    let whole = absolute(libc::AT_FDCWD, path);
    if log::watches(&whole) {
        log::alien("truncate by name", &whole);
    }
    os::int(call(libc::SYS_truncate, [path as usize, word(size), 0, 0, 0, 0]))
}

/// Stands in for the C library's function, as above.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn truncate64(path: *const c_char, size: libc::off_t) -> c_int {
    truncate(path, size)
}
