//! The page through which a test switches faults on and off in a process that runs.
//!
//! It is a file of [`BYTES`] bytes that the library of faults maps: each [`Word`] is a number of eight
//! bytes, low byte first. The library counts what it did in the upper words, so that a test can see
//! that its fault happened.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of the page.
pub const BYTES: usize = 4_096;
/// Without a limit of space.
pub const UNLIMITED: u64 = u64::MAX;

/// A number on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Bytes that may still be written to segments; then the disk is full.
    SegmentSpace = 0,
    /// Bytes by which the metadata may still grow or be written; then the disk is full.
    MetadataSpace = 1,
    /// Reads of segments that fail, one by one.
    SegmentReadErrors = 2,
    /// Syncs of segments that fail.
    SegmentSyncErrors = 3,
    /// Syncs of the metadata that fail.
    MetadataSyncErrors = 4,
    /// Writes of the metadata's first pages, each a sync of its own, that fail.
    MetadataHeadErrors = 5,
    /// Microseconds that each sync takes longer.
    SyncDelay = 6,
    /// Seconds by which the wall clock is ahead (two's complement).
    ClockOffset = 7,
    /// Faults that happened: writes for which there was no space.
    FullSeen = 16,
    /// Reads that failed.
    ReadErrorsSeen = 17,
    /// Syncs and synced writes that failed.
    SyncErrorsSeen = 18,
    /// Syncs that were slowed down.
    DelaysSeen = 19,
}

impl Word {
    /// Where it lies on the page.
    pub const fn offset(self) -> usize {
        self as usize * 8
    }
}

/// The test's side of the page.
#[derive(Debug)]
pub struct Control {
    file: File,
    path: PathBuf,
}

impl Control {
    /// Makes a page without any fault.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        file.set_len(BYTES as u64)?;
        let control = Self { file, path: path.to_path_buf() };
        control.set(Word::SegmentSpace, UNLIMITED)?;
        control.set(Word::MetadataSpace, UNLIMITED)?;
        Ok(control)
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes a number; the process acts on it from its next call on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set(&self, word: Word, value: u64) -> io::Result<()> {
        self.file.write_all_at(&value.to_le_bytes(), word.offset() as u64)
    }

    /// Reads a number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, word: Word) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, word.offset() as u64)?;
        Ok(u64::from_le_bytes(bytes))
    }
}
