//! Appending to segments: records gather in memory and go out in one write and one sync a batch.
//!
//! A file is kept longer than its records by up to [`RESERVE_BYTES`] of written zeros. A sync after a
//! write into them flushes data alone, while one after a write that makes the file longer (or turns
//! a preallocated extent into a written one) waits for the file system's journal as well, which
//! takes twice the time and the processor. Only a batch that passes the reserve pays for it.

use crate::codec::rows::{Numbers, SegmentRow};
use crate::env::{io_fault, new_file, sync_dir};
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use waypost_store::StoreError;

/// Bytes gathered in memory before they are written, synced or not.
const GATHER_BYTES: usize = 4 << 20;
/// Zeros written behind the records when those reach the end of the file: room for about fifty
/// messages of ordinary size, and few enough that the batch which writes them is hardly later.
const RESERVE_BYTES: usize = 512 << 10;
/// Zeros written with one call: the page cache keeps them in one folio, and a later write into a
/// folio looks at each of its blocks.
const ZEROS_BYTES: usize = 16 << 10;
/// A batch that appends this much makes the file longer and reserves nothing: it shares the journal's
/// commit among its messages, and zeros would be half of what it writes.
const UNRESERVED_BYTES: u64 = 256 << 10;
/// Bytes read at once when the end of the records is looked for.
const SCAN_BYTES: u64 = 64 << 10;

/// Where a record was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// The segment that is appended to.
struct Current {
    number: u64,
    file: File,
    /// Where the next gathered byte will lie.
    end: u64,
    /// Up to here the last commit knows the file.
    committed: u64,
    /// How long the file is; behind the records lie zeros.
    length: u64,
}

/// The writer's end of the segments.
pub(super) struct Appender {
    partition: PathBuf,
    limit: u64,
    current: Option<Current>,
    gathered: Vec<u8>,
    /// Files that the batch has filled, with the ends of their records.
    full: Vec<(File, u64)>,
    grown: BTreeMap<u64, SegmentRow>,
}

impl Appender {
    pub(super) fn new(partition: &Path, limit: u64) -> Self {
        let partition = partition.to_path_buf();
        let (current, full) = (None, Vec::new());
        Self { partition, limit, current, gathered: Vec::new(), full, grown: BTreeMap::new() }
    }

    /// Goes on with the segment of the last commit; true when it holds bytes that no row knows. Such a
    /// one is left as it is: in every segment, records follow one another without a gap up to the end
    /// that its row knows.
    pub(super) fn resume(&mut self, number: u64, known_end: u64) -> Result<bool, StoreError> {
        let opened =
            OpenOptions::new().read(true).write(true).open(segment::path(&self.partition, number));
        let file = match opened {
            Ok(file) => file,
            // A restored or damaged store: a new segment is begun, rows that miss this one tell.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(io_fault(error)),
        };
        let length = file.metadata().map_err(io_fault)?.len();
        if end_of_bytes(&file, known_end, length)? > known_end {
            return Ok(true);
        }
        let end = segment::aligned(known_end);
        self.current = Some(Current { number, file, end, committed: end, length });
        Ok(false)
    }

    /// The segment that records go to; 0 when the next one begins a new segment.
    pub(super) fn current(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.number)
    }

    /// Lets the next record begin a new segment. Only between batches: all is synced then.
    pub(super) fn leave_current(&mut self) {
        if let Some(current) = self.current.take_if(|current| current.end == current.committed) {
            // Zeros behind the records that stay there do no harm.
            let _ = current.file.set_len(current.end);
        }
    }

    /// The size at which a segment is full.
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Appends a record.
    pub(super) fn append(
        &mut self,
        numbers: &mut Numbers,
        header: &Header,
        note: &[u8],
        body: &[u8],
    ) -> Result<Place, StoreError> {
        let length = (HEADER_BYTES + note.len() + body.len()) as u64;
        self.make_room(numbers, length)?;
        let Some(current) = &mut self.current else {
            return Err(StoreError::Io("no segment to append to".to_owned()));
        };
        let place = Place { segment: current.number, offset: current.end };
        self.gathered.extend_from_slice(&header.encode());
        self.gathered.extend_from_slice(note);
        self.gathered.extend_from_slice(body);
        let end = segment::aligned(place.offset + length);
        let padding = usize::try_from(end - place.offset - length).unwrap_or(0);
        self.gathered.resize(self.gathered.len() + padding, 0);
        current.end = end;
        // A filing note is not a blob: nothing would ever take its bytes off again.
        let (live, kept) = if header.kind == Kind::Note { (0, length) } else { (length, 0) };
        self.note_growth(place.segment, SegmentRow { end, live, kept });
        if self.gathered.len() >= GATHER_BYTES {
            self.write_gathered()?;
        }
        Ok(place)
    }

    /// Says that a segment is known up to another end and counts more bytes.
    pub(super) fn note_growth(&mut self, segment: u64, grown: SegmentRow) {
        self.grown.entry(segment).or_default().grow(grown);
    }

    /// What grew since the last commit.
    pub(super) fn take_growth(&mut self) -> BTreeMap<u64, SegmentRow> {
        std::mem::take(&mut self.grown)
    }

    /// Writes and syncs everything appended.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        self.write_gathered()?;
        for (file, end) in self.full.drain(..) {
            file.set_len(end).and_then(|()| file.sync_data()).map_err(io_fault)?;
        }
        match &mut self.current {
            Some(current) if current.end > current.committed => {
                current.reserve();
                current.file.sync_data().map_err(io_fault)
            }
            _ => Ok(()),
        }
    }

    /// The batch was committed.
    pub(super) fn committed(&mut self) {
        if let Some(current) = &mut self.current {
            current.committed = current.end;
        }
    }

    /// The batch failed: what it appended is garbage and is written over.
    pub(super) fn roll_back(&mut self) {
        self.gathered.clear();
        self.full.clear();
        self.grown.clear();
        if let Some(current) = &mut self.current {
            current.end = current.committed;
        }
    }

    fn make_room(&mut self, numbers: &mut Numbers, length: u64) -> Result<(), StoreError> {
        let fits = |c: &Current| c.end == 0 || c.end + length <= self.limit;
        if self.current.as_ref().is_some_and(fits) {
            return Ok(());
        }
        self.write_gathered()?;
        let number = numbers.segment;
        // Used up even when the file cannot be made: the same number would fail again and again.
        numbers.segment += 1;
        let path = segment::path(&self.partition, number);
        let file = new_file(&path)?;
        sync_dir(path.parent().unwrap_or(&self.partition))?;
        let current = Current { number, file, end: 0, committed: 0, length: 0 };
        if let Some(old) = self.current.replace(current) {
            self.full.push((old.file, old.end));
        }
        numbers.current = number;
        Ok(())
    }

    fn write_gathered(&mut self) -> Result<(), StoreError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        if let Some(current) = &self.current {
            let start = current.end - self.gathered.len() as u64;
            current.file.write_all_at(&self.gathered, start).map_err(io_fault)?;
        }
        self.gathered.clear();
        Ok(())
    }
}

impl Current {
    /// Writes zeros behind the records when they have reached the end of the file.
    fn reserve(&mut self) {
        if self.end <= self.length {
            return;
        }
        self.length = self.end;
        if self.end - self.committed < UNRESERVED_BYTES {
            // Without room for them the next batch finds none either and says so itself.
            let written = write_zeros(&self.file, self.end, RESERVE_BYTES as u64, ZEROS_BYTES);
            self.length += written.unwrap_or(0);
        }
    }
}

/// Writes `length` zeros at `start`, `piece` bytes with each call; answers their number.
pub(super) fn write_zeros(
    file: &File,
    start: u64,
    length: u64,
    piece: usize,
) -> std::io::Result<u64> {
    let zeros = vec![0; piece];
    let mut written = 0;
    while written < length {
        let piece = zeros.len().min(usize::try_from(length - written).unwrap_or(zeros.len()));
        file.write_all_at(&zeros[..piece], start + written)?;
        written += piece as u64;
    }
    Ok(written)
}

/// The end of the last byte that is not zero in `known_end..length`; `known_end` when all are.
fn end_of_bytes(file: &File, known_end: u64, length: u64) -> Result<u64, StoreError> {
    let mut buffer = Vec::new();
    let mut end = length;
    while end > known_end {
        let start = known_end.max(end.saturating_sub(SCAN_BYTES));
        buffer.resize(usize::try_from(end - start).unwrap_or(0), 0);
        segment::read_at(file, &mut buffer, start)?;
        if let Some(last) = buffer.iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(known_end)
}
