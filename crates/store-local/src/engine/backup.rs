//! A consistent copy of a running store: metadata first, then every segment up to where that
//! metadata knows it. Segments only grow, so nothing the copied rows name can be missing.

use super::{BackupReport, Engine};
use crate::codec::{Take, corrupt, rows::SegmentRow};
use crate::env::{
    self, META_DIR, Meta, SEGMENTS_DIR, fault, io_fault, make_dirs, new_file, sync_dir,
};
use crate::segment;
use heed::CompactionOption;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waypost_store::StoreError;

/// A backup that was begun; it runs on any thread beside the writer, which removes no segment
/// meanwhile.
pub struct Backup {
    meta: Arc<Meta>,
    running: Arc<AtomicU64>,
}

impl Engine {
    /// Begins a backup that runs beside the writer, on any thread.
    pub fn begin_backup(&self) -> Backup {
        Backup::begin(Arc::clone(&self.meta), Arc::clone(&self.backups))
    }

    /// Copies the store to a missing or empty directory while readers go on.
    pub fn backup(&self, dir: &Path) -> Result<BackupReport, StoreError> {
        self.begin_backup().run(dir)
    }
}

impl Backup {
    pub(super) fn begin(meta: Arc<Meta>, running: Arc<AtomicU64>) -> Self {
        running.fetch_add(1, Ordering::AcqRel);
        Self { meta, running }
    }

    /// Copies the store to `dir`, which must be missing or empty, and syncs it.
    pub fn run(self, dir: &Path) -> Result<BackupReport, StoreError> {
        prepare(dir)?;
        let metadata = dir.join(META_DIR).join("data.mdb");
        let copied = self.meta.env.copy_to_path(&metadata, CompactionOption::Disabled);
        let file = copied.map_err(fault)?;
        file.sync_all().map_err(io_fault)?;
        let metadata_bytes = file.metadata().map_err(io_fault)?.len();
        drop(file);
        let mut report = BackupReport { metadata_bytes, ..BackupReport::default() };
        for (number, row) in segments_of(dir)? {
            self.copy_segment(dir, number, row.end)?;
            report.segments += 1;
            report.segment_bytes += row.end;
        }
        for dir in [dir.join(SEGMENTS_DIR), dir.join(META_DIR), dir.to_path_buf()] {
            sync_dir(&dir)?;
        }
        Ok(report)
    }

    fn copy_segment(&self, dir: &Path, number: u64, end: u64) -> Result<(), StoreError> {
        let from = File::open(self.meta.segment_path(number)).map_err(io_fault)?;
        let mut to = new_file(&segment::path(dir, number))?;
        // A streamed message is not padded, so the file may end up to a few bytes earlier.
        let copied = std::io::copy(&mut from.take(end), &mut to).map_err(io_fault)?;
        if segment::aligned(copied) < end {
            return Err(corrupt(format!("segment {number} is shorter than its row says")));
        }
        to.sync_all().map_err(io_fault)
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::AcqRel);
    }
}

fn prepare(dir: &Path) -> Result<(), StoreError> {
    make_dirs(dir)?;
    if std::fs::read_dir(dir).map_err(io_fault)?.next().is_some() {
        return Err(StoreError::NotPermitted(format!("{} is not empty", dir.display())));
    }
    make_dirs(&dir.join(META_DIR))?;
    make_dirs(&dir.join(SEGMENTS_DIR))
}

/// The segments that the copied metadata names: what the source knows by now may be more.
fn segments_of(dir: &Path) -> Result<Vec<(u64, SegmentRow)>, StoreError> {
    let copy = Meta::open_reader(dir)?;
    let txn = copy.env.read_txn().map_err(fault)?;
    let mut found = Vec::new();
    for entry in env::all(&copy.tables.segments, &txn)? {
        let (key, value) = entry?;
        let row = Take(key).u64().zip(SegmentRow::decode(value));
        found.push(row.ok_or_else(|| corrupt("segments"))?);
    }
    Ok(found)
}
