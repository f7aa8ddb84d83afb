//! Writing notes of log-ins and log-outs: along with what is committed anyway, or alone.
//!
//! No sync is ever added to a batch. LMDB syncs its file as often for a commit of one page as for one
//! of many, a batch without changes commits no notes, and segments are synced only for messages. So
//! notes that go along make the sync of the batch longer by their pages, at most [`BATCH_NOTES`] of
//! them and those above, and by nothing else. A batch that fails with notes is tried without.
//!
//! A commit of their own is one sync in [`NOTES_AGE`](crate::notes::NOTES_AGE). LMDB could leave
//! that out (`MDB_NOSYNC`), but then a power cut may find the new root on the disk without the pages
//! below it: two syncs a minute are not worth a damaged store.

use super::{Engine, Kept};
use crate::codec::access;
use crate::env::{self, Tables, fault};
use crate::notes::{Noted, SharedNotes};
use heed::RwTxn;
use std::sync::Arc;
use std::time::Instant;
use waypost_store::{LastAccess, StoreError, limits};

/// Accounts whose notes go along with a batch. Names are spread over the table, so each dirties a
/// page of its own: at most 1 MiB more for the batch's sync.
pub(super) const BATCH_NOTES: usize = 256;

impl Engine {
    /// Where notes wait; any thread may add some.
    pub(crate) fn notes(&self) -> Arc<SharedNotes> {
        Arc::clone(&self.notes)
    }

    /// Commits notes that have waited too long for a batch.
    pub(crate) fn write_due_notes(&mut self, now: Instant) {
        if self.notes.patience(now).is_zero() {
            self.write_notes_or_warn();
        }
    }

    /// Commits all notes that wait.
    pub(crate) fn write_all_notes(&mut self) {
        // Those that come meanwhile may wait.
        let commits = self.notes.lock().len().div_ceil(limits::STEP_ROWS);
        (0..commits).for_each(|_| self.write_notes_or_warn());
    }

    fn write_notes_or_warn(&mut self) {
        let notes = self.notes.lock().take(limits::STEP_ROWS);
        let count = notes.len();
        if let Err(error) = self.write_notes(&notes) {
            self.lose_notes(count);
            tracing::warn!(%error, count, "notes of log-ins and log-outs cannot be written");
        }
    }

    fn write_notes(&mut self, notes: &[Noted]) -> Result<(), StoreError> {
        let meta = Arc::clone(&self.meta);
        let txn = meta.env.write_txn().map_err(fault)?;
        let result = self.finish(&meta, txn, Kept::new(), notes);
        result.inspect_err(|_| self.cache = super::Cache::default())
    }

    /// Counts notes that a failed commit took along.
    pub(super) fn lose_notes(&self, count: usize) {
        self.notes.lock().lose(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

/// Merges notes into their rows; a row that already knows them is not touched.
pub(super) fn write(
    tables: &Tables,
    txn: &mut RwTxn<'_>,
    notes: &[Noted],
) -> Result<(), StoreError> {
    for (account, times) in notes {
        let key = account.as_str().as_bytes();
        // Nothing but these notes depends on the row: a damaged one is simply written anew.
        let old = env::get(&tables.access, txn, key)?.and_then(access::decode);
        let mut new = old.unwrap_or_default();
        new.merge(times);
        if old != Some(new) && new != LastAccess::default() {
            env::put(&tables.access, txn, key, &access::encode(&new))?;
        }
    }
    Ok(())
}
