//! The files that were put aside: their names, and which of them are deleted.
//!
//! Only files with exactly such a name are ever counted or deleted; all else in the folder is somebody
//! else's.

use crate::limits::FOLDER_ENTRIES;
use crate::settings::FileSettings;
use crate::stamp::{name_of, time_of_name};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// The least difference between the times of two names.
const TICK: Duration = Duration::milliseconds(1);

/// A file that was put aside.
#[derive(Debug)]
struct Archived {
    time: OffsetDateTime,
    path: PathBuf,
    bytes: u64,
}

/// The files of one log that were put aside, oldest first.
#[derive(Debug)]
pub(crate) struct Archive {
    files: Vec<Archived>,
}

impl Archive {
    /// Looks for them.
    pub(crate) fn read(folder: &Path, name: &str) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)?.take(FOLDER_ENTRIES) {
            let path = entry?.path();
            let Some(time) = time_in(&path, name) else { continue };
            // A link is not followed, and what has just gone is not there.
            let Ok(found) = path.symlink_metadata() else { continue };
            if found.is_file() {
                files.push(Archived { time, path, bytes: found.len() });
            }
        }
        files.sort_by_key(|file| file.time);
        Ok(Self { files })
    }

    /// The name under which a file is put aside now: later than all others, even when the clock went
    /// back or two are put aside at once.
    pub(crate) fn next_name(&self, name: &str, now: OffsetDateTime) -> String {
        let after = self.files.last().map(|last| last.time + TICK);
        format!("{name}.{}", name_of(after.map_or(now, |after| after.max(now))))
    }

    /// The bytes of all of them.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Deletes the oldest until the limits hold; `current` are the bytes of the file that is written, which
    /// always stays.
    pub(crate) fn prune(
        &mut self,
        keep: &FileSettings,
        current: u64,
        now: OffsetDateTime,
        free: impl Fn() -> io::Result<u64>,
    ) -> io::Result<()> {
        while let Some(oldest) = self.files.first() {
            let is_over = |limit: u64, found: u64| limit > 0 && found > limit;
            let expired = !keep.expiry.is_zero() && now - oldest.time > keep.expiry;
            let too_many = keep.max_files > 0 && self.files.len() >= keep.max_files;
            let too_large = is_over(keep.max_bytes, self.bytes().saturating_add(current));
            let too_full = || Ok(keep.min_free_bytes > 0 && free()? < keep.min_free_bytes);
            if !(expired || too_many || too_large || too_full().or_else(io::Result::Err)?) {
                break;
            }
            match fs::remove_file(&oldest.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.files.remove(0),
            };
        }
        Ok(())
    }
}

/// The time in the name of a file of this log.
fn time_in(path: &Path, name: &str) -> Option<OffsetDateTime> {
    let rest = path.file_name()?.to_str()?.strip_prefix(name)?;
    time_of_name(rest.strip_prefix('.')?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::cell::Cell;
    use std::time::Duration as Span;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-02-10 00:00 UTC);

    fn unlimited(folder: &Path) -> FileSettings {
        FileSettings {
            folder: folder.to_owned(),
            max_file_bytes: 0,
            rollover: Span::ZERO,
            max_files: 0,
            max_bytes: 0,
            expiry: Span::ZERO,
            min_free_bytes: 0,
        }
    }

    /// A folder with five files of ten bytes, one for each day, and some of others.
    fn world() -> tempfile::TempDir {
        let world = tempfile::tempdir().unwrap();
        for day in 1..=5 {
            let name = format!("imap.2026020{day}T000000.000Z");
            fs::write(world.path().join(name), "0123456789").unwrap();
        }
        for other in
            ["imap", "imap.txt", "imap.20260101T000000.000Z.gz", "pop.20260101T000000.000Z"]
        {
            fs::write(world.path().join(other), "foreign").unwrap();
        }
        fs::create_dir(world.path().join("imap.20260102T000000.000Z")).unwrap();
        std::os::unix::fs::symlink("imap", world.path().join("imap.20260103T000000.000Z")).unwrap();
        world
    }

    /// The days that are left.
    fn pruned(change: impl FnOnce(&mut FileSettings), current: u64, free: &[u64]) -> Vec<u8> {
        let world = world();
        let mut keep = unlimited(world.path());
        change(&mut keep);
        let looks = Cell::new(0);
        let free = || {
            looks.set(looks.get() + 1);
            Ok(free.get(looks.get() - 1).copied().unwrap_or(u64::MAX))
        };
        let mut archive = Archive::read(world.path(), "imap").unwrap();
        archive.prune(&keep, current, NOW, free).unwrap();
        assert_eq!(fs::read_dir(world.path()).unwrap().count(), archive.files.len() + 6);
        let again = Archive::read(world.path(), "imap").unwrap();
        again.files.iter().map(|file| file.time.day()).collect()
    }

    #[test]
    fn the_oldest_go_until_each_limit_holds() {
        assert_eq!(pruned(|_| (), 1_000, &[0]), [1, 2, 3, 4, 5]);
        assert_eq!(pruned(|keep| keep.max_files = 3, 0, &[]), [4, 5]);
        assert_eq!(pruned(|keep| keep.max_files = 1, 0, &[]), [0; 0]);
        assert_eq!(pruned(|keep| keep.max_bytes = 50, 0, &[]), [1, 2, 3, 4, 5]);
        assert_eq!(pruned(|keep| keep.max_bytes = 50, 1, &[]), [2, 3, 4, 5]);
        assert_eq!(pruned(|keep| keep.max_bytes = 50, 99, &[]), [0; 0]);
        let days = |days: u64| Span::from_secs(days * 86_400);
        assert_eq!(pruned(|keep| keep.expiry = days(7), 0, &[]), [3, 4, 5]);
        let free = [5, 7, 10];
        assert_eq!(pruned(|keep| keep.min_free_bytes = 10, 0, &free), [3, 4, 5]);
    }

    #[test]
    fn names_sort_by_time_and_never_repeat() {
        let world = world();
        let archive = Archive::read(world.path(), "imap").unwrap();
        assert_eq!(archive.bytes(), 50);
        assert_eq!(archive.next_name("imap", NOW), "imap.20260210T000000.000Z");
        let earlier = datetime!(2026-01-01 00:00 UTC);
        assert_eq!(archive.next_name("imap", earlier), "imap.20260205T000000.001Z");
    }
}
