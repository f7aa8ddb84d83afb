//! Reading: snapshots of the metadata, message bytes, and what sessions of one process share.

mod access;
mod body;
mod emails;
mod gone;
mod live;
mod snapshot;

pub use gone::Gone;

use crate::env::{Meta, fault};
use crate::segment::OpenSegments;
use heed::{RoTxn, WithoutTls};
use live::LiveSets;
use snapshot::{KeywordCache, LocalSnapshot};
use std::path::Path;
use std::sync::{Arc, Mutex};
use waypost_store::{Snapshot, StoreError};

/// Reads a partition; cheap to clone, for any number of threads and processes.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// What sessions of one process share.
struct Shared {
    meta: Arc<Meta>,
    live: Mutex<LiveSets>,
    keywords: Mutex<KeywordCache>,
    files: OpenSegments,
}

impl Reader {
    /// Opens a partition for reading. Of its files only LMDB's lock file must be writable.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Meta::open_reader(path).map(Self::new)
    }

    pub(crate) fn new(meta: Arc<Meta>) -> Self {
        let (live, keywords) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { meta, live, keywords, files: OpenSegments::default() }) }
    }

    /// A consistent state as of now. It holds a read transaction: drop it before waiting.
    pub fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(LocalSnapshot { reader: self, txn: self.txn()? }))
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.shared.meta
    }

    /// Closes files of segments that are removed: an open one would keep its space. What is being
    /// read from one is read to its end.
    pub(crate) fn forget(&self, segments: &[u64]) {
        segments.iter().for_each(|segment| self.shared.files.forget(*segment));
    }

    fn txn(&self) -> Result<RoTxn<'_, WithoutTls>, StoreError> {
        self.shared.meta.env.read_txn().map_err(fault)
    }
}
