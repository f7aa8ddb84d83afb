//! The mark that a writer runs: who finds it there examines the pages of the metadata before anything is
//! looked up in them, since the last writer may have ended over one that is damaged, and would again.

use super::Engine;
use crate::env::{FILE_MODE, io_fault};
use crate::structure::{self, Structure};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use waypost_store::StoreError;

/// The file in a partition that says that a writer runs, or ended without an end.
pub(crate) const RUNS_FILE: &str = "writer.runs";

/// The mark of this writer; dropped, it is gone.
pub(super) struct RunMark {
    path: PathBuf,
    damaged: Option<Structure>,
    stays: bool,
}

impl RunMark {
    /// Sets the mark; the caller holds the writer's lock. Metadata are examined when it was still there.
    ///
    /// # Errors
    /// When they cannot be opened over what is damaged.
    pub(super) fn set(partition: &Path) -> Result<Self, StoreError> {
        let path = partition.join(RUNS_FILE);
        let mut damaged = None;
        if path.try_exists().map_err(io_fault)? && structure::is_there(partition)? {
            tracing::warn!("the writer ended without an end; the metadata's pages are examined");
            let structure = structure::examine(partition)?;
            let (pages, faults) = (structure.pages, structure.faults.len());
            tracing::info!(pages, faults, "the metadata's pages were examined");
            if structure.keeps_from_opening() {
                return Err(structure.refusal());
            }
            damaged = Some(structure).filter(|structure| !structure.is_whole());
        }
        // What a power cut does to pages is no damage, so the mark need not outlive one.
        File::options().create(true).append(true).mode(FILE_MODE).open(&path).map_err(io_fault)?;
        Ok(Self { path, stays: damaged.is_some(), damaged })
    }
}

impl Drop for RunMark {
    fn drop(&mut self) {
        if self.stays || std::thread::panicking() {
            return;
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the mark of the running writer stays");
        }
    }
}

impl Engine {
    /// What was found damaged when the store was opened: nothing may be written, and what lies there not
    /// be read.
    pub(crate) fn take_damaged(&mut self) -> Option<Structure> {
        self.mark.damaged.take()
    }

    /// Damaged pages were found: the next writer must know of it at once.
    pub(crate) fn keep_mark(&mut self) {
        self.mark.stays = true;
    }
}
