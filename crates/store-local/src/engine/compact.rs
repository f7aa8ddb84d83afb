//! Compaction: gives back the space of messages that are gone.
//!
//! The live records of the emptiest segment are copied, as they are, into a segment that only the
//! compaction fills, and synced there, all of it beside the writer. Then the writer lets the rows
//! follow in a short step that looks at each of them again, for it may have been purged meanwhile. A
//! segment whose row counts no live byte after its last record was read loses its row in that step,
//! and its file after the commit. Bytes that no row knows, as a crash may leave them in the new
//! segment, are never written over and never read.
//!
//! The header of a record says nothing of its place, so a copy is a record like any other: where a
//! blob is found twice, in the old file and in the new one, both hold the same bytes.

use super::relocate::{Ask, Copied, Move, Told};
use crate::codec::rows::{BlobRow, Numbers, SegmentRow};
use crate::codec::saved::{SavedKey, SavedRow};
use crate::codec::{Take, corrupt};
use crate::env::{self, Meta, fault, io_fault, new_file, sync_dir};
use crate::keys;
use crate::proto::CompactReport;
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use heed::{RoTxn, WithoutTls};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use waypost_store::StoreError;
use waypost_types::BlobId;

/// Bytes copied before the rows follow; one record may be larger.
const CHUNK_BYTES: u64 = 1 << 20;
/// Rows that follow in one step of the writer.
const CHUNK_RECORDS: usize = 512;
/// Headers read in one transaction, those of dead records included.
const CHUNK_HEADERS: usize = 8_192;
/// Dead bytes from which on the segment that is appended to is left, so that it can be compacted.
const LEAVE_BYTES: u64 = 16 << 20;

/// Which segments are worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aim {
    /// The least share of dead bytes, in percent.
    pub(crate) percent: u64,
    /// The least number of dead bytes for which appending goes on in a new segment.
    pub(crate) leave_bytes: u64,
}

impl Aim {
    /// What the background is worth.
    pub(crate) const fn background(percent: u64) -> Self {
        Self { percent, leave_bytes: LEAVE_BYTES }
    }

    /// All that an administrator asks for.
    pub(crate) const fn now(percent: u64) -> Self {
        Self { percent, leave_bytes: 1 }
    }
}

/// What a step did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes copied.
    pub(crate) copied: u64,
    /// Bytes of a segment whose row is gone.
    pub(crate) dropped: u64,
    /// Segments whose rows are gone.
    pub(crate) segments: u64,
}

/// What all segments hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
    /// Bytes that compaction would give back.
    pub(crate) dead: u64,
}

/// The segment that is being emptied.
struct Source {
    number: u64,
    file: File,
    end: u64,
    at: u64,
}

/// The segment that is being filled.
struct Target {
    number: u64,
    file: File,
    end: u64,
}

/// Records read, and where to go on.
struct Chunk {
    bytes: Vec<u8>,
    /// Where each blob's record lies in the source, and where in `bytes`.
    blobs: Vec<(BlobId, u64, u64)>,
    /// Saved states: key, number, and where each begins in `bytes`.
    saved: Vec<(SavedKey, u64, u64)>,
    /// Bytes of filing notes.
    notes: u64,
    next: u64,
}

/// The compaction of one store, driven by any thread beside the writer.
pub(crate) struct Compactor {
    meta: Arc<Meta>,
    /// A segment is full at this size.
    limit: u64,
    source: Option<Source>,
    target: Option<Target>,
    /// Segments that cannot be emptied; each was told of once.
    stuck: BTreeSet<u64>,
}

impl super::Engine {
    /// The compaction of this store.
    pub(crate) fn compactor(&self) -> Compactor {
        Compactor {
            meta: Arc::clone(&self.meta),
            limit: self.files.limit(),
            source: None,
            target: None,
            stuck: BTreeSet::new(),
        }
    }

    /// Compacts every segment of which at least `percent` percent are dead, on this thread, and removes
    /// the files.
    pub fn compact_all(&mut self, percent: u64) -> Result<CompactReport, StoreError> {
        let mut compactor = self.compactor();
        let mut report = CompactReport::default();
        let aim = Aim::now(percent);
        while let Some(step) = compactor.step(aim, &mut |ask| self.compact(ask))? {
            report.add(step);
        }
        self.remove_retired();
        Ok(report)
    }
}

impl CompactReport {
    /// Counts a step.
    pub(crate) fn add(&mut self, step: Progress) {
        self.copied_bytes += step.copied;
        self.segments += step.segments;
        self.removed_bytes += step.dropped;
    }
}

/// How the writer is asked.
pub(crate) type Asking<'a> = &'a mut dyn FnMut(Ask) -> Result<Told, StoreError>;

impl Compactor {
    /// Does one bounded step; `None` when no segment is worth it.
    pub(crate) fn step(
        &mut self,
        aim: Aim,
        ask: Asking<'_>,
    ) -> Result<Option<Progress>, StoreError> {
        if self.source.is_none() && !self.choose(aim, ask)? {
            return Ok(None);
        }
        let Some(mut source) = self.source.take() else { return Ok(None) };
        let chunk = match self.read(&source) {
            Ok(chunk) => chunk,
            Err(error) => {
                self.give_up(source.number, &error);
                return Ok(Some(Progress::default()));
            }
        };
        let mut copied = self.write(&source, &chunk, ask)?;
        source.at = chunk.next;
        copied.read_to = (source.at >= source.end).then_some(source.end);
        let is_read = copied.read_to.is_some();
        let told =
            if is_read || copied.to != 0 { self.follow(copied, ask)? } else { Told::default() };
        let mut progress = Progress { copied: chunk.bytes.len() as u64, ..Progress::default() };
        if told.dropped {
            progress.dropped = source.end;
            progress.segments = 1;
        } else if is_read {
            self.give_up(source.number, &"messages live in it whose records are not found");
        } else {
            self.source = Some(source);
        }
        Ok(Some(progress))
    }

    /// The space that segments take, and what could be won of it.
    pub(crate) fn space(&self) -> Result<Space, StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        let mut space = Space::default();
        for entry in env::all(&self.meta.tables.segments, &txn)? {
            let row = SegmentRow::decode(entry?.1).ok_or_else(|| corrupt("segments"))?;
            space.segments += 1;
            space.bytes += row.end;
            space.dead += row.dead();
        }
        Ok(space)
    }

    /// Removes the files of segments without a row.
    pub(crate) fn remove_files(&self, segments: &[u64]) {
        super::retire::remove_files(&self.meta, segments);
    }

    /// Opens the emptiest segment that is worth it; false when there is none.
    fn choose(&mut self, aim: Aim, ask: Asking<'_>) -> Result<bool, StoreError> {
        while let Some((number, end, is_current)) = self.emptiest(aim)? {
            if is_current {
                ask(Ask::Leave(number))?;
            }
            match File::open(self.meta.segment_path(number)) {
                Ok(file) => {
                    self.source = Some(Source { number, file, end, at: 0 });
                    return Ok(true);
                }
                Err(error) => self.give_up(number, &error),
            }
        }
        Ok(false)
    }

    /// The emptiest segment that is worth it, its end, and whether it is still appended to.
    fn emptiest(&self, aim: Aim) -> Result<Option<(u64, u64, bool)>, StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        let numbers = env::get(&self.meta.tables.state, &txn, super::NUMBERS_KEY)?;
        let current = numbers.and_then(Numbers::decode).unwrap_or_default().current;
        let filled = self.target.as_ref().map_or(0, |target| target.number);
        let mut best: Option<(u64, u64, u64)> = None;
        for entry in env::all(&self.meta.tables.segments, &txn)? {
            let (key, value) = entry?;
            let row = Take(key).u64().zip(SegmentRow::decode(value));
            let (number, row) = row.ok_or_else(|| corrupt("segments"))?;
            let dead = row.dead();
            let least = if number == current { aim.leave_bytes } else { 1 };
            let is_worth =
                dead >= least && share(dead, row.end) >= u128::from(aim.percent) * PERCENT;
            let is_free = number != filled && !self.stuck.contains(&number);
            let emptier = best.is_none_or(|(_, end, most)| share(dead, row.end) > share(most, end));
            if is_worth && is_free && emptier {
                best = Some((number, row.end, dead));
            }
        }
        Ok(best.map(|(number, end, _)| (number, end, number == current)))
    }

    /// Reads the next live records of a segment.
    fn read(&self, source: &Source) -> Result<Chunk, StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        let (bytes, blobs, saved) = (Vec::new(), Vec::new(), Vec::new());
        let mut chunk = Chunk { bytes, blobs, saved, notes: 0, next: source.at };
        for _ in 0..CHUNK_HEADERS {
            let is_full = chunk.bytes.len() as u64 >= CHUNK_BYTES;
            let records = chunk.blobs.len() + chunk.saved.len();
            if chunk.next >= source.end || is_full || records >= CHUNK_RECORDS {
                break;
            }
            let mut header = [0; HEADER_BYTES];
            segment::read_at(&source.file, &mut header, chunk.next)?;
            let header = Header::decode(&header).ok_or_else(|| {
                corrupt(format!("segment {} holds no record at {}", source.number, chunk.next))
            })?;
            let size = header.size();
            if header.kind == Kind::State {
                if let Some(key) = self.living_state(&txn, source, &header, chunk.next)? {
                    chunk.saved.push((key, header.blob.0, chunk.bytes.len() as u64));
                    take_record(source, &header, &mut chunk)?;
                }
            } else if self.lives(&txn, source, &header, chunk.next)? {
                take_record(source, &header, &mut chunk)?;
            }
            chunk.next = segment::aligned(chunk.next + size);
        }
        Ok(chunk)
    }

    /// Whether a record must be kept: a blob's row points to it, or it is the filing note of a streamed
    /// message that is still there.
    fn lives(
        &self,
        txn: &RoTxn<'_, WithoutTls>,
        source: &Source,
        header: &Header,
        at: u64,
    ) -> Result<bool, StoreError> {
        let key = keys::number(header.blob.0);
        let Some(value) = env::get(&self.meta.tables.blobs, txn, &key)? else { return Ok(false) };
        let damaged = || corrupt(format!("row of blob {}", header.blob));
        let row = BlobRow::decode(value).ok_or_else(damaged)?;
        Ok(match header.kind {
            Kind::Message | Kind::Upload => (row.segment, row.offset) == (source.number, at),
            Kind::Note => true,
            Kind::State => false,
        })
    }

    /// The key of a saved state that must be kept: it is the newest one, and this is where its row says.
    fn living_state(
        &self,
        txn: &RoTxn<'_, WithoutTls>,
        source: &Source,
        header: &Header,
        at: u64,
    ) -> Result<Option<SavedKey>, StoreError> {
        let mut key = [0; SavedKey::BYTES];
        segment::read_at(&source.file, &mut key, at + HEADER_BYTES as u64)?;
        let Some(value) = env::get(&self.meta.tables.saved, txn, &key)? else { return Ok(None) };
        let row = SavedRow::decode(value).unwrap_or_default();
        let lives = (row.number, row.segment) == (header.blob.0, source.number);
        Ok(SavedKey::decode(&key).filter(|_| lives))
    }

    /// Writes a chunk into the target and syncs it there.
    fn write(
        &mut self,
        source: &Source,
        chunk: &Chunk,
        ask: Asking<'_>,
    ) -> Result<Copied, StoreError> {
        let nothing = Copied { from: source.number, ..Copied::default() };
        if chunk.bytes.is_empty() {
            return Ok(nothing);
        }
        let size = chunk.bytes.len() as u64;
        let mut target = match self.target.take().filter(|target| target.end + size <= self.limit) {
            Some(target) => target,
            None => self.new_target(ask)?,
        };
        target.file.write_all_at(&chunk.bytes, target.end).map_err(io_fault)?;
        target.file.sync_data().map_err(io_fault)?;
        let moved = |(blob, from, at): &(BlobId, u64, u64)| {
            let (blob, from, to) = (*blob, *from, target.end + at);
            Move { blob, from, to }
        };
        let (moves, notes) = (chunk.blobs.iter().map(moved).collect(), chunk.notes);
        let placed = |(key, number, at): &(SavedKey, u64, u64)| (*key, *number, target.end + at);
        let saved = chunk.saved.iter().map(placed).collect();
        target.end += size;
        let copied =
            Copied { to: target.number, to_end: target.end, moves, saved, notes, ..nothing };
        self.target = Some(target);
        Ok(copied)
    }

    fn new_target(&self, ask: Asking<'_>) -> Result<Target, StoreError> {
        let number = ask(Ask::Number)?.number;
        let path = self.meta.segment_path(number);
        let file = new_file(&path)?;
        sync_dir(path.parent().unwrap_or(&self.meta.path))?;
        Ok(Target { number, file, end: 0 })
    }

    fn follow(&mut self, copied: Copied, ask: Asking<'_>) -> Result<Told, StoreError> {
        // After a failed commit it is not known what the rows point to: nothing is written over.
        ask(Ask::Follow(copied)).inspect_err(|_| self.target = None)
    }

    fn give_up(&mut self, segment: u64, why: &dyn std::fmt::Display) {
        tracing::error!(segment, error = %why, "a segment cannot be compacted and stays as it is");
        self.stuck.insert(segment);
    }
}

/// Adds a record to a chunk as it is: damage stays visible by its checksum.
fn take_record(source: &Source, header: &Header, chunk: &mut Chunk) -> Result<(), StoreError> {
    let size = usize::try_from(header.size()).unwrap_or(usize::MAX);
    let begin = chunk.bytes.len();
    let padded = segment::aligned(begin as u64 + header.size());
    chunk.bytes.resize(usize::try_from(padded).unwrap_or(usize::MAX), 0);
    let place = chunk.bytes.get_mut(begin..begin + size).unwrap_or_default();
    segment::read_at(&source.file, place, chunk.next)?;
    match header.kind {
        Kind::Note => chunk.notes += header.size(),
        Kind::Message | Kind::Upload => {
            chunk.blobs.push((header.blob, chunk.next, begin as u64));
        }
        Kind::State => {}
    }
    Ok(())
}

/// How many units of [`share`] are one percent.
const PERCENT: u128 = 10_000;

/// Which part of `whole` `part` is.
fn share(part: u64, whole: u64) -> u128 {
    u128::from(part) * 100 * PERCENT / u128::from(whole.max(1))
}
