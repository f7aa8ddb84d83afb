//! Files that leave: segments whose rows are gone, and files that never had one.
//!
//! A file is removed after the commit that took its row away, never by the writer's thread while
//! mutations wait: the sync that follows an unlink is a dear one. A file whose removal a crash undoes
//! has no row, so it is found again as an orphan.

use super::{Engine, Kept, tidy};
use crate::env::{Meta, fault};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use waypost_store::StoreError;
use waypost_types::UnixTime;

/// Seconds between two looks for files without a row.
pub(super) const TIDY_SECONDS: i64 = 600;

impl Engine {
    /// Segments whose files may go now; the caller removes them with [`remove_files`], on any thread.
    /// None while a backup runs, which may still copy them.
    pub(crate) fn take_retired(&mut self) -> Vec<u64> {
        if self.backups.load(Ordering::Acquire) > 0 {
            return Vec::new();
        }
        std::mem::take(&mut self.retired)
    }

    /// Removes the files of segments whose rows are gone, on this thread.
    pub fn remove_retired(&mut self) {
        let retired = self.take_retired();
        remove_files(&self.meta, &retired);
    }

    /// Lets files without a row retire once they are old.
    pub(super) fn retire_orphans(&mut self, now: UnixTime) -> Result<(), StoreError> {
        let due = self.tidied.is_none_or(|at| now.seconds - at >= TIDY_SECONDS);
        if !due || self.uploads.load(Ordering::Acquire) > 0 {
            return Ok(());
        }
        self.tidied = Some(now.seconds);
        let found = tidy::orphans(&self.meta, now)?.old.into_iter().collect();
        // The look before saw it, too: a clock that jumps makes one look early, not two, and until
        // the second the client has filed its upload or given it up.
        let before = std::mem::replace(&mut self.orphans, found);
        let mut old: Vec<u64> = self.orphans.intersection(&before).copied().collect();
        let in_use = [self.numbers.current, self.compacted_into];
        old.retain(|number| !in_use.contains(number) && !self.retired.contains(number));
        if old.is_empty() {
            return Ok(());
        }
        // The numbers of these files must be known as used before the files are gone.
        let meta = Arc::clone(&self.meta);
        let txn = meta.env.write_txn().map_err(fault)?;
        self.finish(&meta, txn, Kept::new(), &[])?;
        self.retired.extend(old);
        Ok(())
    }
}

/// Removes the files of segments without a row.
pub(crate) fn remove_files(meta: &Meta, segments: &[u64]) {
    for number in segments {
        match std::fs::remove_file(meta.segment_path(*number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(segment = number, %error, "cannot remove an empty segment");
            }
            Ok(()) | Err(_) => {}
        }
    }
}
