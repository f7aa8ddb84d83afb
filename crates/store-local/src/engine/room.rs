//! Room in LMDB's file: written zeros behind its last page.
//!
//! LMDB makes its file longer page by page, and then each of its syncs waits for the file system's
//! journal, which notes the new length. Into room that is there already, a sync flushes the pages
//! alone. LMDB does not look at what lies behind the last page that a meta page names, so the zeros
//! mean nothing to it; nobody but the writer's thread writes the file, and only between transactions.

use super::files::write_zeros;
use crate::env::{META_DIR, Meta, io_fault};
use std::fs::{File, OpenOptions};
use waypost_store::StoreError;

/// Zeros written at once.
const ROOM_BYTES: u64 = 1 << 20;
/// Less room than this is made more.
const LOW_BYTES: u64 = 256 << 10;

/// The end of LMDB's file.
pub(super) struct MetaRoom {
    file: File,
    page_bytes: u64,
}

impl MetaRoom {
    pub(super) fn open(meta: &Meta) -> Result<Self, StoreError> {
        let path = meta.path.join(META_DIR).join("data.mdb");
        let file = OpenOptions::new().write(true).open(path).map_err(io_fault)?;
        Ok(Self { file, page_bytes: meta.page_bytes()? })
    }

    /// Sees to it that the next commits find room. The zeros become durable with the sync of the
    /// commit that follows; a disk without room for them is for that commit to find.
    pub(super) fn make(&self, meta: &Meta) {
        let info = meta.env.info();
        let used = (info.last_page_number as u64 + 1) * self.page_bytes;
        let Ok(length) = self.file.metadata().map(|metadata| metadata.len()) else { return };
        let wanted = (length + ROOM_BYTES).min(info.map_size as u64);
        if length >= used + LOW_BYTES || wanted <= length {
            return;
        }
        // Page by page, as LMDB writes: larger writes make folios in which each page costs more.
        let page = usize::try_from(self.page_bytes).unwrap_or(4_096);
        if let Err(error) = write_zeros(&self.file, length, wanted - length, page) {
            tracing::debug!(%error, "no room is made behind the metadata");
        }
    }
}
