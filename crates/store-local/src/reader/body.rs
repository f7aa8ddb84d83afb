//! Message bytes from a segment.

use super::{Reader, Shared};
use crate::codec::corrupt;
use crate::codec::rows::BlobRow;
use crate::env;
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header};
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waypost_store::{Body, StoreError};
use waypost_types::BlobId;

/// How often a row is looked up again when its segment is gone: compaction may move a blob between
/// the look-up and the opening, but hardly twice.
const TRIES: usize = 3;

/// Bytes in front of a message, its header and its filing note, that are read along with it: as many as nearly
/// every message has.
const FRONT_BYTES: usize = 1024;

/// Readers hold messages up to this size before they announce them; of a larger one damage in front of it must be
/// known when it is opened.
const FOUND_LATE_BYTES: u64 = 64 << 10;

/// The bytes of one message.
pub(super) struct SegmentBody {
    file: Arc<File>,
    blob: BlobId,
    row: BlobRow,
    read: Mutex<Progress>,
}

/// What was read of a message.
#[derive(Default)]
struct Progress {
    /// Its header was read and is that of this message.
    is_found: bool,
    /// How far it was read from its beginning without a gap.
    to: u64,
    /// The checksum so far.
    hasher: crc32fast::Hasher,
}

impl SegmentBody {
    /// Opens a message; the row is looked up again when compaction has moved it meanwhile.
    pub(super) fn open(
        reader: &Reader,
        blob: BlobId,
        mut row: BlobRow,
    ) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            if let Some(body) = Self::try_open(&reader.shared, blob, &row)? {
                return Ok(body);
            }
            reader.shared.files.forget(row.segment);
            let txn = reader.txn()?;
            let value = env::get(&reader.shared.meta.tables.blobs, &txn, &keys::number(blob.0))?;
            row = value
                .and_then(BlobRow::decode)
                .ok_or_else(|| corrupt(format!("row of blob {blob}")))?;
        }
        Err(corrupt(format!("blob {blob} in segment {} at {}", row.segment, row.offset)))
    }

    fn try_open(shared: &Shared, blob: BlobId, row: &BlobRow) -> Result<Option<Self>, StoreError> {
        let Some(file) = shared.files.open(&shared.meta.path, row.segment)? else {
            return Ok(None);
        };
        let body = Self { file, blob, row: *row, read: Mutex::default() };
        let is_there = row.length <= FOUND_LATE_BYTES || body.read(0, 0, &mut Vec::new()).is_ok();
        Ok(is_there.then_some(body))
    }

    /// Where the message itself begins.
    const fn start(&self) -> u64 {
        self.row.offset.saturating_add(self.row.front as u64)
    }

    /// Appends exactly the bytes at `start`, and looks at the header in front of the message when they are the
    /// first. What a failure leaves in `out` is of no use.
    fn read(&self, start: u64, count: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (before, front) = (out.len(), self.row.front as usize);
        let is_found = self.progress().is_found;
        if !is_found && start == 0 && front <= FRONT_BYTES {
            let record = extend(out, front.saturating_add(count));
            segment::read_at(&self.file, record, self.row.offset)?;
            self.look(record)?;
            // Moving a small message costs less than another call.
            out.drain(before..before + front);
            return Ok(());
        }
        if !is_found {
            let mut header = [0; HEADER_BYTES];
            segment::read_at(&self.file, &mut header, self.row.offset)?;
            self.look(&header)?;
        }
        segment::read_at(&self.file, extend(out, count), self.start() + start)
    }

    /// Looks whether a record that begins like this is that of the message.
    fn look(&self, record: &[u8]) -> Result<(), StoreError> {
        let (blob, BlobRow { length, crc, .. }) = (self.blob, self.row);
        let is_right = |h: Header| h.blob == blob && h.length == length && h.crc == crc;
        if !Header::decode(record).is_some_and(is_right) {
            return Err(self.damaged("header"));
        }
        self.progress().is_found = true;
        Ok(())
    }

    /// Checks the checksum once the whole message went by, in order, in however many pieces.
    fn verify(&self, start: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let mut read = self.progress();
        if start == 0 {
            (read.to, read.hasher) = (0, crc32fast::Hasher::new());
        }
        if read.to != start {
            return Ok(());
        }
        read.hasher.update(bytes);
        read.to += bytes.len() as u64;
        if read.to == self.row.length && read.hasher.clone().finalize() != self.row.crc {
            return Err(self.damaged("bytes"));
        }
        Ok(())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged(&self, what: &str) -> StoreError {
        corrupt(format!("{what} of blob {} in segment {}", self.blob, self.row.segment))
    }
}

impl SegmentBody {
    /// A failed read with what an administrator looks for.
    fn named(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Io(why) => StoreError::Io(format!("segment {}: {why}", self.row.segment)),
            other => other,
        }
    }
}

impl Body for SegmentBody {
    fn size(&self) -> u64 {
        self.row.length
    }

    fn append_to(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (start, end) = (range.start.min(self.row.length), range.end.min(self.row.length));
        let Some(count) = end.checked_sub(start).and_then(|n| usize::try_from(n).ok()) else {
            return Ok(());
        };
        let before = out.len();
        let read = self
            .read(start, count, out)
            .map_err(|error| self.named(error))
            .and_then(|()| self.verify(start, out.get(before..).unwrap_or_default()));
        if read.is_err() {
            out.truncate(before);
        }
        read
    }
}

/// So many more bytes at the end, to be written to.
fn extend(out: &mut Vec<u8>, count: usize) -> &mut [u8] {
    let before = out.len();
    out.resize(before.saturating_add(count), 0);
    out.get_mut(before..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::segment::Kind;
    use std::io::Write;

    const MESSAGE: &[u8] = b"Subject: one\r\n\r\nText.\r\n";

    /// A message behind a filing note of so many bytes, as the row of this blob finds it.
    fn body(blob: BlobId, note: usize) -> SegmentBody {
        let note = vec![b'n'; note];
        let header = Header::new(Kind::Message, BlobId(1), &note, MESSAGE);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[b"before", &header.encode()[..], &note, MESSAGE, b"after"].concat())
            .unwrap();
        let row = BlobRow {
            segment: 7,
            offset: 6,
            front: u32::try_from(HEADER_BYTES + note.len()).unwrap(),
            length: MESSAGE.len() as u64,
            crc: header.crc,
            references: 1,
        };
        SegmentBody { file: Arc::new(file), blob, row, read: Mutex::default() }
    }

    #[test]
    fn a_message_is_read_from_anywhere_behind_any_note() {
        for note in [0, 200, FRONT_BYTES - HEADER_BYTES, FRONT_BYTES] {
            for ranges in [[0..99, 9..20], [0..9, 9..99], [9..99, 0..99]] {
                let body = body(BlobId(1), note);
                for range in ranges {
                    let mut out = b"+OK".to_vec();
                    body.append_to(range.clone(), &mut out).unwrap();
                    let end = MESSAGE.len().min(usize::try_from(range.end).unwrap());
                    let wanted = &MESSAGE[usize::try_from(range.start).unwrap()..end];
                    assert_eq!(out, [b"+OK", wanted].concat(), "{range:?} behind {note}");
                }
            }
        }
    }

    #[test]
    fn a_header_of_another_message_is_damage() {
        for note in [200, FRONT_BYTES] {
            for range in [0..99, 9..99] {
                let mut out = Vec::new();
                let read = body(BlobId(2), note).append_to(range, &mut out);
                assert!(
                    matches!(read, Err(StoreError::Corrupt(what)) if what.contains("header of blob 2"))
                );
                assert!(out.is_empty());
            }
        }
    }
}
