//! A log in a file: begun, put aside by size and age, and kept within its limits.
//!
//! Only one writer may have a file, so its length is known here: what a full disk cut off is taken back, and
//! no line is ever half there.

use crate::archive::Archive;
use crate::create;
use crate::limits::{RETRY_PAUSE, TEND_EVERY};
use crate::settings::FileSettings;
use crate::stamp::{IN_LINES_BYTES, time_of_line, within};
use rustix::fs::statvfs;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// The bytes that are free below a folder.
type Free = Box<dyn Fn(&Path) -> io::Result<u64> + Send>;

/// A rotated file.
pub(crate) struct LogFile {
    settings: FileSettings,
    name: &'static str,
    free: Free,
    open: Option<Open>,
    archived_bytes: u64,
    /// When a line could not be written, and when order could not be kept; both are tried again later.
    failed: Option<OffsetDateTime>,
    untidy: Option<OffsetDateTime>,
    tended: Option<OffsetDateTime>,
}

/// The file that is written.
struct Open {
    file: File,
    bytes: u64,
    begun: OffsetDateTime,
}

impl LogFile {
    /// Nothing is opened yet.
    pub(crate) fn new(name: &'static str, settings: FileSettings) -> Self {
        Self::with_free(name, settings, Box::new(free_bytes))
    }

    fn with_free(name: &'static str, settings: FileSettings, free: Free) -> Self {
        let (failed, untidy, tended) = (None, None, None);
        Self { settings, name, free, open: None, archived_bytes: 0, failed, untidy, tended }
    }

    /// Opens the file where it is not open.
    ///
    /// # Errors
    /// When the folder or file cannot be made.
    pub(crate) fn open(&mut self, now: OffsetDateTime) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(Open::at(&self.path(), now)?);
        }
        Ok(())
    }

    /// Whether so many bytes fit into the file as it is.
    pub(crate) fn has_room(&self, bytes: u64, now: OffsetDateTime) -> bool {
        self.open.is_some() && !self.is_due(bytes, now) && !self.is_too_much(bytes)
    }

    /// Writes a line, or several with line ends between them.
    ///
    /// # Errors
    /// When not all of it could be written; then nothing of it is there.
    pub(crate) fn write(&mut self, line: &[u8], now: OffsetDateTime) -> io::Result<()> {
        if self.open.is_none() && within(self.failed, now, RETRY_PAUSE) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let written = self.try_write(line, now);
        self.failed = written.is_err().then_some(now);
        written
    }

    fn try_write(&mut self, line: &[u8], now: OffsetDateTime) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        self.open(now)?;
        // A line is not lost because a file cannot be put aside.
        if !within(self.untidy, now, RETRY_PAUSE) && self.tidy(bytes, now).is_err() {
            self.untidy = Some(now);
        }
        // It may have failed half-way.
        self.open(now)?;
        let text = [line, b"\n"].concat();
        match self.append(&text) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.make_room(now)?;
                self.append(&text)
            }
            appended => appended,
        }
    }

    /// Keeps the limits of size before so many bytes more.
    fn tidy(&mut self, more: u64, now: OffsetDateTime) -> io::Result<()> {
        if self.is_due(more, now) {
            self.put_aside(now, more)
        } else if self.is_too_much(more) {
            self.prune(now, more)
        } else {
            Ok(())
        }
    }

    /// Looks after age, expiry, free space and strangers that have moved the file; `None` when it is not
    /// time yet.
    pub(crate) fn tend(&mut self, now: OffsetDateTime) -> Option<io::Result<()>> {
        if within(self.tended, now, TEND_EVERY) {
            return None;
        }
        self.tended = Some(now);
        Some(self.try_tend(now))
    }

    fn try_tend(&mut self, now: OffsetDateTime) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| !open.is_at(&self.path())) {
            self.open = None;
        }
        self.open(now)?;
        if self.is_due(0, now) { self.put_aside(now, 0) } else { self.prune(now, 0) }
    }

    fn path(&self) -> PathBuf {
        self.settings.folder.join(self.name)
    }

    /// Whether the file is to be put aside before so many bytes more.
    fn is_due(&self, more: u64, now: OffsetDateTime) -> bool {
        let Some(open) = self.open.as_ref().filter(|open| open.bytes > 0) else { return false };
        let limits = [self.settings.max_file_bytes, self.settings.max_bytes];
        let is_over = |limit: u64| limit > 0 && open.bytes.saturating_add(more) > limit;
        let rollover = self.settings.rollover;
        let is_old = !rollover.is_zero() && now - open.begun >= rollover;
        limits.into_iter().any(is_over) || is_old
    }

    fn put_aside(&mut self, now: OffsetDateTime, more: u64) -> io::Result<()> {
        let archive = Archive::read(&self.settings.folder, self.name)?;
        let aside = self.settings.folder.join(archive.next_name(self.name, now));
        fs::rename(self.path(), aside)?;
        self.open = None;
        self.open(now)?;
        self.prune(now, more)
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        open.append(text)
    }

    /// Whether all files together are too large with so many bytes more.
    fn is_too_much(&self, more: u64) -> bool {
        let current = self.open.as_ref().map_or(0, |open| open.bytes);
        let (limit, archived) = (self.settings.max_bytes, self.archived_bytes);
        limit > 0 && archived > 0 && archived.saturating_add(current).saturating_add(more) > limit
    }

    /// On a full disk the oldest goes, once in a while: somebody else may fill the disk.
    fn make_room(&mut self, now: OffsetDateTime) -> io::Result<()> {
        let full: io::Result<()> = Err(io::ErrorKind::StorageFull.into());
        if self.settings.min_free_bytes == 0 || within(self.failed, now, RETRY_PAUSE) {
            return full;
        }
        self.prune(now, 0)
    }

    fn prune(&mut self, now: OffsetDateTime, more: u64) -> io::Result<()> {
        let folder = &self.settings.folder;
        let mut archive = Archive::read(folder, self.name)?;
        let current = self.open.as_ref().map_or(0, |open| open.bytes).saturating_add(more);
        let pruned = archive.prune(&self.settings, current, now, || (self.free)(folder));
        self.archived_bytes = archive.bytes();
        pruned
    }
}

impl Open {
    fn at(path: &Path, now: OffsetDateTime) -> io::Result<Self> {
        let file = create::open(path)?;
        let found = file.metadata()?;
        let begun = if found.len() == 0 { now } else { begun(&file).unwrap_or(now) };
        // A clock that was ahead must not keep the file for ever.
        let mut open = Self { file, bytes: found.len(), begun: begun.min(now) };
        open.end_cut_line()?;
        Ok(open)
    }

    /// A system that crashed may have left half a line.
    fn end_cut_line(&mut self) -> io::Result<()> {
        let mut last = [0];
        let Some(at) = self.bytes.checked_sub(1) else { return Ok(()) };
        self.file.read_exact_at(&mut last, at)?;
        if last == *b"\n" { Ok(()) } else { self.append(b"\n") }
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        match self.file.write_all(text) {
            Ok(()) => {
                self.bytes = self.bytes.saturating_add(text.len() as u64);
                Ok(())
            }
            Err(error) => {
                // Shortening needs no space; should it fail too, the first reason says more.
                let _ = self.file.set_len(self.bytes);
                Err(error)
            }
        }
    }

    /// Whether the file is still found under its name.
    fn is_at(&self, path: &Path) -> bool {
        let id = |found: fs::Metadata| (found.dev(), found.ino());
        let named = path.symlink_metadata().ok().map(id);
        named.is_some() && named == self.file.metadata().ok().map(id)
    }
}

/// When the first line of a file was written.
fn begun(file: &File) -> Option<OffsetDateTime> {
    let mut start = [0; IN_LINES_BYTES];
    let stamped = file.read_exact_at(&mut start, 0).ok();
    let stamped = stamped.and_then(|()| time_of_line(std::str::from_utf8(&start).ok()?));
    stamped.or_else(|| Some(OffsetDateTime::from(file.metadata().ok()?.modified().ok()?)))
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let found = statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests;
