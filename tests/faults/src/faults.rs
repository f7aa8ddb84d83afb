//! Faults, switched by the numbers on the control page.

use crate::log;
use crate::os::{self, call, word};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use waypost_powercut::control::{BYTES, UNLIMITED, Word};
use waypost_powercut::record::CONTROL_VARIABLE;

static PAGE: OnceLock<&'static [AtomicU64]> = OnceLock::new();

pub(crate) fn start() {
    let Ok(path) = std::env::var(CONTROL_VARIABLE) else { return };
    let fd = log::open_own(&path, libc::O_RDWR | libc::O_CLOEXEC);
    let rights = word(i64::from(libc::PROT_READ | libc::PROT_WRITE));
    let shared = word(i64::from(libc::MAP_SHARED));
    let map = call(libc::SYS_mmap, [0, BYTES, rights, shared, word(i64::from(fd)), 0]);
    if map == -1 {
        os::give_up("the control page cannot be mapped");
    }
    let first = map.cast_unsigned() as *const AtomicU64;
    // SAFETY: the mapping has that many bytes, begins at a page and is never taken away; other
    // processes change it only in whole words.
    let page = unsafe { std::slice::from_raw_parts(first, BYTES / 8) };
    let _first = PAGE.set(page);
}

/// What a path is to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Segment,
    Metadata,
    Other,
}

pub(crate) fn part(path: &[u8]) -> Part {
    match path {
        path if path.ends_with(b".seg") => Part::Segment,
        path if path.ends_with(b"/data.mdb") => Part::Metadata,
        _ => Part::Other,
    }
}

fn cell(at: Word) -> Option<&'static AtomicU64> {
    PAGE.get()?.get(at as usize)
}

/// A number of the page; 0 without a page.
pub(crate) fn value(at: Word) -> u64 {
    cell(at).map_or(0, |cell| cell.load(Ordering::Acquire))
}

fn count(at: Word) {
    if let Some(cell) = cell(at) {
        cell.fetch_add(1, Ordering::AcqRel);
    }
}

/// Uses up one of the faults that a number counts.
fn take(at: Word) -> bool {
    let less = |left: u64| left.checked_sub(1);
    cell(at)
        .is_some_and(|cell| cell.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok())
}

/// How many of `wanted` bytes find space.
pub(crate) fn room(part: Part, wanted: usize) -> usize {
    let word = match part {
        Part::Segment => Word::SegmentSpace,
        Part::Metadata => Word::MetadataSpace,
        Part::Other => return wanted,
    };
    let Some(cell) = cell(word) else { return wanted };
    let left = cell.load(Ordering::Acquire);
    if left == UNLIMITED {
        return wanted;
    }
    let granted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
    let _raced =
        cell.compare_exchange(left, left - granted as u64, Ordering::AcqRel, Ordering::Acquire);
    if granted < wanted {
        count(Word::FullSeen);
    }
    granted
}

/// Whether a read fails.
pub(crate) fn read_fails(part: Part) -> bool {
    let fails = part == Part::Segment && take(Word::SegmentReadErrors);
    if fails {
        count(Word::ReadErrorsSeen);
    }
    fails
}

/// Waits as long as a slow disk would; whether the sync fails.
pub(crate) fn sync_fails(part: Part) -> bool {
    delay();
    let fails = match part {
        Part::Segment => take(Word::SegmentSyncErrors),
        Part::Metadata => take(Word::MetadataSyncErrors),
        Part::Other => false,
    };
    if fails {
        count(Word::SyncErrorsSeen);
    }
    fails
}

/// Whether a write that is a sync fails.
pub(crate) fn synced_write_fails(part: Part) -> bool {
    let fails = part == Part::Metadata && take(Word::MetadataHeadErrors);
    if fails {
        count(Word::SyncErrorsSeen);
    }
    fails
}

fn delay() {
    let micros = value(Word::SyncDelay);
    if micros == 0 {
        return;
    }
    count(Word::DelaysSeen);
    let time = libc::timespec {
        tv_sec: (micros / 1_000_000) as i64,
        tv_nsec: (micros % 1_000_000 * 1_000) as i64,
    };
    call(libc::SYS_nanosleep, [(&raw const time) as usize, 0, 0, 0, 0, 0]);
}
