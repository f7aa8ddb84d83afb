//! Compaction, the writer's side: rows follow bytes that were copied, each looked at again.

use super::work::Work;
use super::{Engine, Kept};
use crate::codec::corrupt;
use crate::codec::rows::{BlobRow, SegmentRow};
use crate::codec::saved::{SavedKey, SavedRow};
use crate::env;
use crate::keys;
use std::sync::Arc;
use waypost_store::StoreError;
use waypost_types::{BlobId, UnixTime};

/// One blob whose record was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) blob: BlobId,
    /// Where its record began.
    pub(crate) from: u64,
    /// Where the copy begins.
    pub(crate) to: u64,
}

/// Records that were copied from one segment into another and are on stable storage there.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    pub(crate) from: u64,
    /// The segment that holds the copies, 0 when nothing was copied.
    pub(crate) to: u64,
    /// How far that segment is filled.
    pub(crate) to_end: u64,
    pub(crate) moves: Vec<Move>,
    /// Saved states among the copies: key, number, and where the copy begins.
    pub(crate) saved: Vec<(SavedKey, u64, u64)>,
    /// Bytes of filing notes among the copies.
    pub(crate) notes: u64,
    /// Whether the segment was read to this end, so that it goes when nothing in it lives.
    pub(crate) read_to: Option<u64>,
}

/// What the compaction asks of the writer.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A number for a new segment.
    Number,
    /// Append to this segment no longer: it is to be compacted.
    Leave(u64),
    /// Let the rows follow.
    Follow(Copied),
}

/// What the writer answers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// To [`Ask::Number`].
    pub(crate) number: u64,
    /// To [`Ask::Follow`]: bytes of the records that rows follow now.
    pub(crate) bytes: u64,
    /// To [`Ask::Follow`]: whether the segment has no row any more.
    pub(crate) dropped: bool,
}

impl Engine {
    /// Does what the compaction asks for.
    pub(crate) fn compact(&mut self, ask: Ask) -> Result<Told, StoreError> {
        match ask {
            Ask::Number => {
                let number = self.numbers.segment;
                // Used up even when the file cannot be made.
                self.numbers.segment += 1;
                self.compacted_into = number;
                Ok(Told { number, ..Told::default() })
            }
            Ask::Leave(number) => {
                if self.files.current() == number {
                    self.files.leave_current();
                    self.numbers.current = self.files.current();
                }
                Ok(Told::default())
            }
            Ask::Follow(copied) => self.follow(&copied),
        }
    }

    fn follow(&mut self, copied: &Copied) -> Result<Told, StoreError> {
        let meta = Arc::clone(&self.meta);
        let mut work = self.begin(&meta, UnixTime::utc(0))?;
        let result = work.follow(copied);
        let txn = work.txn;
        let told = result.and_then(|told| self.finish(&meta, txn, Kept::new(), &[]).map(|()| told));
        let told = told.inspect_err(|_| {
            self.cache = super::Cache::default();
            self.files.roll_back();
        })?;
        if told.dropped {
            self.retired.push(copied.from);
        }
        Ok(told)
    }
}

impl Work<'_, '_> {
    fn follow(&mut self, copied: &Copied) -> Result<Told, StoreError> {
        let mut told = Told::default();
        for one in &copied.moves {
            told.bytes += self.follow_blob(copied, one)?;
        }
        for (key, number, to) in &copied.saved {
            told.bytes += self.follow_saved(copied, *key, *number, *to)?;
        }
        if copied.to != 0 {
            let (end, live, kept) = (copied.to_end, told.bytes, copied.notes);
            self.files.note_growth(copied.to, SegmentRow { end, live, kept });
        }
        told.dropped = self.shrink_source(copied, told.bytes)?;
        Ok(told)
    }

    /// Points a blob's row to the copy, unless it was purged or moved meanwhile; its bytes.
    fn follow_blob(&mut self, copied: &Copied, one: &Move) -> Result<u64, StoreError> {
        let tables = self.tables;
        let key = keys::number(one.blob.0);
        let Some(value) = env::get(&tables.blobs, &self.txn, &key)? else { return Ok(0) };
        let row = BlobRow::decode(value).ok_or_else(|| corrupt(format!("blob {}", one.blob)))?;
        if (row.segment, row.offset) != (copied.from, one.from) {
            return Ok(0);
        }
        let new = BlobRow { segment: copied.to, offset: one.to, ..row };
        self.put(&tables.blobs, &key, &new.encode())?;
        Ok(u64::from(row.front) + row.length)
    }

    /// Lets the row of a saved state follow, unless a newer one was saved meanwhile; its bytes.
    fn follow_saved(
        &mut self,
        copied: &Copied,
        key: SavedKey,
        number: u64,
        to: u64,
    ) -> Result<u64, StoreError> {
        let Some(row) = self.saved_row(key)? else { return Ok(0) };
        if (row.number, row.segment) != (number, copied.from) {
            return Ok(0);
        }
        let tables = self.tables;
        let new = SavedRow { segment: copied.to, offset: to, ..row };
        self.put(&tables.saved, &key.encode(), &new.encode())?;
        Ok(row.bytes)
    }

    /// Counts what has left; true when the segment's row is gone.
    fn shrink_source(&mut self, copied: &Copied, bytes: u64) -> Result<bool, StoreError> {
        let tables = self.tables;
        let key = keys::number(copied.from);
        let Some(value) = env::get(&tables.segments, &self.txn, &key)? else { return Ok(false) };
        let damaged = || corrupt(format!("row of segment {}", copied.from));
        let row = SegmentRow::decode(value).ok_or_else(damaged)?;
        let row = SegmentRow { live: row.live.saturating_sub(bytes), ..row };
        let is_current = self.numbers.current == copied.from;
        // Something lives in it that no record was found for: it stays, whatever the reason.
        if row.live == 0 && copied.read_to == Some(row.end) && !is_current {
            return self.delete(&tables.segments, &key);
        }
        self.put(&tables.segments, &key, &row.encode())?;
        Ok(false)
    }
}
