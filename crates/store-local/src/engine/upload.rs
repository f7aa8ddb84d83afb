//! Large messages stream into a segment of their own, on another thread than the writer's.

use super::Engine;
use crate::env::{io_fault, new_file, sync_dir};
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waypost_store::{LimitName, StoreError, UploadId, limits};
use waypost_types::{BlobId, UnixTime};

/// Bytes after which an upload is synced: its end is quick whatever its size, and the syncs of others wait
/// for so many bytes at most, since a disk does one after the other.
const SYNC_BYTES: u64 = 1 << 20;

/// A message that streams in, in a segment of its own. Dropping it aborts it: its bytes are freed
/// at once, and the empty file, which has no row, is removed later.
#[derive(Debug)]
pub struct UploadWriter {
    segment: u64,
    blob: BlobId,
    file: File,
    size: u64,
    synced: u64,
    crc: crc32fast::Hasher,
    finished: bool,
    _active: Active,
}

/// Counts uploads under way; files are not cleaned up by age while one is.
#[derive(Debug)]
struct Active(Arc<AtomicU64>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

impl Engine {
    /// Begins to take in a large message.
    ///
    /// # Errors
    /// When a file cannot be made for it, and when the disk is full.
    pub fn begin_upload(&mut self, now: UnixTime) -> Result<UploadWriter, StoreError> {
        if !self.reserve.is_whole(now) {
            return Err(StoreError::NoSpace);
        }
        let (segment, blob) = (self.numbers.segment, BlobId(self.numbers.blob));
        // Used up even when the file cannot be made: the same number would fail again and again.
        self.numbers.segment += 1;
        self.numbers.blob += 1;
        UploadWriter::begin(&self.meta.path, segment, blob, &self.uploads)
    }
}

impl UploadWriter {
    fn begin(
        partition: &Path,
        segment: u64,
        blob: BlobId,
        active: &Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        let path = segment::path(partition, segment);
        let file = new_file(&path)?;
        sync_dir(path.parent().unwrap_or(partition))?;
        active.fetch_add(1, Ordering::Acquire);
        let active = Active(Arc::clone(active));
        let crc = crc32fast::Hasher::new();
        Ok(Self { segment, blob, file, size: 0, synced: 0, crc, finished: false, _active: active })
    }

    /// Bytes written so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Writes the next bytes of the message; a failed write leaves the upload good for nothing.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        let size = self.size + chunk.len() as u64;
        if size > limits::MESSAGE_BYTES {
            return Err(StoreError::Limit(LimitName::MessageBytes));
        }
        let at = HEADER_BYTES as u64 + self.size;
        self.file.write_all_at(chunk, at).map_err(io_fault)?;
        self.crc.update(chunk);
        self.size = size;
        if self.size - self.synced >= SYNC_BYTES {
            self.file.sync_data().map_err(io_fault)?;
            self.synced = self.size;
        }
        Ok(())
    }

    /// Ends the message and makes it durable; the answer goes into the mutation that files it.
    pub fn finish(mut self) -> Result<UploadId, StoreError> {
        let header = Header {
            kind: Kind::Upload,
            form: segment::NOTE_FORM,
            blob: self.blob,
            note: 0,
            note_crc: crc32fast::hash(&[]),
            length: self.size,
            crc: self.crc.clone().finalize(),
        };
        self.file.write_all_at(&header.encode(), 0).map_err(io_fault)?;
        self.file.sync_data().map_err(io_fault)?;
        self.finished = true;
        Ok(UploadId(self.segment))
    }
}

impl Drop for UploadWriter {
    fn drop(&mut self) {
        // What filled the disk must not keep it full. The file stays: it says that its number is used.
        if !self.finished
            && let Err(error) = self.file.set_len(0)
        {
            tracing::warn!(segment = self.segment, %error, "cannot empty a given-up upload");
        }
    }
}

/// The header of a finished upload.
pub(super) fn read_header(partition: &Path, upload: UploadId) -> Result<Header, StoreError> {
    let missing = || StoreError::NotPermitted(format!("there is no upload {}", upload.0));
    let file = match File::open(segment::path(partition, upload.0)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
        Err(error) => return Err(io_fault(error)),
    };
    let mut bytes = [0; HEADER_BYTES];
    segment::read_at(&file, &mut bytes, 0).map_err(|_| missing())?;
    Header::decode(&bytes).filter(|header| header.kind == Kind::Upload).ok_or_else(missing)
}
