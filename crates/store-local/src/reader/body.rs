//! Message bytes from a segment.

use super::{Reader, Shared};
use crate::codec::corrupt;
use crate::codec::rows::BlobRow;
use crate::env;
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header};
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use waypost_store::{Body, StoreError};
use waypost_types::BlobId;

/// How often a row is looked up again when its segment is gone: compaction may move a blob between
/// the look-up and the opening, but hardly twice.
const TRIES: usize = 3;

/// The bytes of one message.
pub(super) struct SegmentBody {
    file: Arc<File>,
    segment: u64,
    blob: BlobId,
    start: u64,
    length: u64,
    crc: u32,
    /// How far the message was read from its beginning without a gap, and the checksum so far.
    read: Mutex<(u64, crc32fast::Hasher)>,
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
        let mut bytes = [0; HEADER_BYTES];
        if segment::read_at(&file, &mut bytes, row.offset).is_err() {
            return Ok(None);
        }
        let right = Header::decode(&bytes)
            .is_some_and(|h| h.blob == blob && h.length == row.length && h.crc == row.crc);
        Ok(right.then(|| Self {
            file,
            segment: row.segment,
            blob,
            start: row.offset + u64::from(row.front),
            length: row.length,
            crc: row.crc,
            read: Mutex::default(),
        }))
    }

    /// Checks the checksum once the whole message went by, in order, in however many pieces.
    fn verify(&self, start: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if start == 0 {
            *read = (0, crc32fast::Hasher::new());
        }
        if read.0 != start {
            return Ok(());
        }
        read.1.update(bytes);
        read.0 += bytes.len() as u64;
        if read.0 == self.length && read.1.clone().finalize() != self.crc {
            return Err(corrupt(format!(
                "bytes of blob {} in segment {}",
                self.blob, self.segment
            )));
        }
        Ok(())
    }
}

impl SegmentBody {
    /// A failed read with what an administrator looks for.
    fn named(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Io(why) => StoreError::Io(format!("segment {}: {why}", self.segment)),
            other => other,
        }
    }
}

impl Body for SegmentBody {
    fn size(&self) -> u64 {
        self.length
    }

    fn append_to(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (start, end) = (range.start.min(self.length), range.end.min(self.length));
        let Some(count) = end.checked_sub(start).and_then(|n| usize::try_from(n).ok()) else {
            return Ok(());
        };
        let before = out.len();
        out.resize(before + count, 0);
        let buffer = out.get_mut(before..).unwrap_or_default();
        let read = segment::read_at(&self.file, buffer, self.start + start)
            .map_err(|error| self.named(error))
            .and_then(|()| self.verify(start, buffer));
        if read.is_err() {
            out.truncate(before);
        }
        read
    }
}
