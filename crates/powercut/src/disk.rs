//! A disk as a recording leaves it: what is on stable storage, and what may be lost or half there.
//!
//! The rules are those of POSIX taken at their word, which is harsher than what ext4 or XFS do:
//! written bytes last once a sync of their file that began after the write has returned; a name lasts
//! once its folder was synced. A sync that failed saves nothing and takes what it covered with it: a
//! later sync that succeeds does not bring that back.

use crate::record::{Kind, Record};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::rc::Rc;

/// A file or folder, whatever its name.
pub type FileId = usize;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Absent,
    /// A file.
    File(FileId),
    /// A folder.
    Folder,
}

/// A change of a file that is not on stable storage.
#[derive(Debug, Clone)]
pub enum Change {
    /// Bytes written at an offset.
    Write(u64, Rc<[u8]>),
    /// A new size.
    Resize(u64),
}

/// A change that waits for a sync.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The record that it came with.
    pub at: usize,
    /// What changed.
    pub change: Change,
    /// Whether it is on stable storage nevertheless: a write that was a sync.
    pub settled: bool,
    /// Whether a sync that covered it failed.
    lost: bool,
}

/// A file.
#[derive(Debug, Clone, Default)]
pub struct FileState {
    /// The bytes on stable storage.
    pub durable: Vec<u8>,
    /// What came later, in order.
    pub pending: Vec<Pending>,
}

/// A name: what it stands for on stable storage, and what it became since, in order.
#[derive(Debug, Clone)]
pub struct NameState {
    /// On stable storage.
    pub durable: Entry,
    /// Later, with the record that said so.
    pub later: Vec<(usize, Entry)>,
}

impl NameState {
    /// What the running system sees.
    pub fn current(&self) -> Entry {
        self.later.last().map_or(self.durable, |(_, entry)| *entry)
    }
}

/// One kind of sync that a test takes away, to see that its absence is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// Syncs of segments.
    SegmentSync,
    /// Syncs of the metadata's pages.
    MetadataSync,
    /// The syncs that the metadata's head is written with.
    MetadataHead,
    /// Syncs of the folder of segments.
    SegmentFolderSync,
    /// Syncs of every other folder.
    OtherFolderSync,
}

/// The disk at a moment of the recording.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// Every file that ever was.
    pub files: Vec<FileState>,
    /// Every name that ever was, below the watched folder.
    pub names: BTreeMap<String, NameState>,
    inodes: HashMap<u64, FileId>,
    syncs: HashMap<u64, (usize, u64, String)>,
    removed: Option<Removed>,
    root: String,
    next: usize,
}

impl Disk {
    /// An empty folder; with a kind of sync that does nothing.
    pub fn new(root: &str, removed: Option<Removed>) -> Self {
        Self { root: format!("{root}/"), removed, ..Self::default() }
    }

    /// How many records were taken in.
    pub const fn position(&self) -> usize {
        self.next
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// When the recording is not understood.
    pub fn apply(&mut self, record: &Record<'_>) -> io::Result<()> {
        let at = self.next;
        self.next += 1;
        match record.kind {
            Kind::Create => self.create(at, record)?,
            Kind::MakeFolder => self.set_name(at, &text(record.data)?, Entry::Folder),
            Kind::Remove | Kind::RemoveFolder => {
                self.set_name(at, &text(record.data)?, Entry::Absent);
            }
            Kind::Rename => self.rename(at, &text(record.data)?)?,
            Kind::Write | Kind::SyncedWrite => {
                self.change(at, record.inode, Change::Write(record.number, record.data.into()))?;
            }
            Kind::Settled => self.settle(record)?,
            Kind::Resize => self.change(at, record.inode, Change::Resize(record.number))?,
            Kind::SyncBegin => {
                let path = text(record.data)?;
                self.syncs.insert(record.number, (at, record.inode, path));
            }
            Kind::SyncEnd => self.sync_end(record.number)?,
            Kind::SyncFailed => self.sync_failed(record.number)?,
            Kind::Mark => {}
            Kind::Alien => return Err(bad(text(record.data)?)),
        }
        Ok(())
    }

    fn create(&mut self, at: usize, record: &Record<'_>) -> io::Result<()> {
        let file = self.files.len();
        self.files.push(FileState::default());
        self.inodes.insert(record.inode, file);
        self.set_name(at, &text(record.data)?, Entry::File(file));
        Ok(())
    }

    fn rename(&mut self, at: usize, paths: &str) -> io::Result<()> {
        let (from, to) = paths.split_once('\0').ok_or_else(|| bad("a rename of one name"))?;
        let name = from.strip_prefix(&self.root).unwrap_or(from);
        let entry = self.names.get(name).map_or(Entry::Absent, NameState::current);
        if entry == Entry::Folder {
            return Err(bad("a renamed folder"));
        }
        self.set_name(at, from, Entry::Absent);
        self.set_name(at, to, entry);
        Ok(())
    }

    fn set_name(&mut self, at: usize, path: &str, entry: Entry) {
        let name = path.strip_prefix(&self.root).unwrap_or(path).to_owned();
        let fresh = || NameState { durable: Entry::Absent, later: Vec::new() };
        self.names.entry(name).or_insert_with(fresh).later.push((at, entry));
    }

    fn file(&mut self, inode: u64) -> io::Result<&mut FileState> {
        let file = self.inodes.get(&inode).and_then(|file| self.files.get_mut(*file));
        file.ok_or_else(|| bad(format!("a file whose making was not seen: {inode}")))
    }

    fn change(&mut self, at: usize, inode: u64, change: Change) -> io::Result<()> {
        let pending = Pending { at, change, settled: false, lost: false };
        self.file(inode)?.pending.push(pending);
        Ok(())
    }

    fn settle(&mut self, record: &Record<'_>) -> io::Result<()> {
        if self.removed == Some(Removed::MetadataHead) {
            return Ok(());
        }
        let place = record.number;
        let same = |pending: &&mut Pending| matches!(&pending.change, Change::Write(at, _) if *at == place);
        let written = self.file(record.inode)?.pending.iter_mut().rev().find(same);
        written.ok_or_else(|| bad("a synced write without its write"))?.settled = true;
        Ok(())
    }

    fn sync_end(&mut self, number: u64) -> io::Result<()> {
        let (began, inode, path) = self.begun(number)?;
        if self.ignores(&path) {
            return Ok(());
        }
        if self.inodes.contains_key(&inode) {
            settle_file(self.file(inode)?, began);
        } else {
            self.sync_folder(&path, began);
        }
        Ok(())
    }

    fn sync_failed(&mut self, number: u64) -> io::Result<()> {
        let (began, inode, _) = self.begun(number)?;
        if self.inodes.contains_key(&inode) {
            let pending = self.file(inode)?.pending.iter_mut();
            pending.filter(|pending| pending.at < began).for_each(|pending| pending.lost = true);
        }
        Ok(())
    }

    fn begun(&mut self, number: u64) -> io::Result<(usize, u64, String)> {
        self.syncs.remove(&number).ok_or_else(|| bad("the end of a sync that did not begin"))
    }

    fn ignores(&self, path: &str) -> bool {
        let removed = match path {
            path if path.ends_with(".seg") => Removed::SegmentSync,
            path if path.ends_with("/data.mdb") => Removed::MetadataSync,
            path if path.ends_with("/segments") => Removed::SegmentFolderSync,
            _ => Removed::OtherFolderSync,
        };
        self.removed == Some(removed)
    }

    fn sync_folder(&mut self, path: &str, began: usize) {
        let folder = format!("{path}/");
        let folder = folder.strip_prefix(&self.root).unwrap_or(&folder).to_owned();
        for (name, state) in self.names.range_mut(folder.clone()..) {
            let Some(rest) = name.strip_prefix(&folder) else { break };
            if !rest.contains('/') {
                let done = state.later.iter().take_while(|(at, _)| *at < began).count();
                if let Some((_, entry)) = state.later.drain(..done).next_back() {
                    state.durable = entry;
                }
            }
        }
    }
}

/// What was pending when a sync began is on stable storage, but for what an earlier one has lost.
fn settle_file(file: &mut FileState, began: usize) {
    let mut kept: Vec<Pending> = Vec::new();
    for pending in std::mem::take(&mut file.pending) {
        if pending.at < began && !pending.lost {
            // What was lost below newer bytes is gone for good once these are there.
            kept = kept.into_iter().flat_map(|lost| without(lost, &pending.change)).collect();
            perform(&mut file.durable, &pending.change);
        } else {
            kept.push(pending);
        }
    }
    file.pending = kept;
}

/// The parts of a lost change that a later one leaves alone.
fn without(lost: Pending, newer: &Change) -> Vec<Pending> {
    let Change::Write(at, data) = &lost.change else { return Vec::new() };
    let (start, end) = (*at, at + data.len() as u64);
    let (from, to) = match newer {
        Change::Write(at, data) => (*at, at + data.len() as u64),
        Change::Resize(size) => (*size, u64::MAX),
    };
    let piece = |piece_start: u64, piece_end: u64| {
        let index = |place: u64| usize::try_from(place.saturating_sub(start)).unwrap_or(0);
        let bytes = data.get(index(piece_start)..index(piece_end.max(start)))?;
        let change = Change::Write(piece_start, bytes.into());
        (!bytes.is_empty()).then(|| Pending { change, ..lost.clone() })
    };
    [piece(start, end.min(from)), piece(start.max(to), end)].into_iter().flatten().collect()
}

/// Does a change to bytes.
pub fn perform(bytes: &mut Vec<u8>, change: &Change) {
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    match change {
        Change::Resize(size) => bytes.resize(index(*size), 0),
        Change::Write(at, data) => {
            let (start, end) = (index(*at), index(*at) + data.len());
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            if let Some(place) = bytes.get_mut(start..end) {
                place.copy_from_slice(data);
            }
        }
    }
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| bad("a path that is no text"))
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn play(removed: Option<Removed>, records: &[(Kind, u64, u64, &str)]) -> Disk {
        let mut disk = Disk::new("/r", removed);
        for (kind, inode, number, data) in records {
            let record =
                Record { kind: *kind, inode: *inode, number: *number, data: data.as_bytes() };
            disk.apply(&record).unwrap();
        }
        disk
    }

    const NEW: (Kind, u64, u64, &str) = (Kind::Create, 7, 0, "/r/a.seg");
    const BEGIN: (Kind, u64, u64, &str) = (Kind::SyncBegin, 7, 1, "/r/a.seg");
    const END: (Kind, u64, u64, &str) = (Kind::SyncEnd, 7, 1, "");
    const FAILED: (Kind, u64, u64, &str) = (Kind::SyncFailed, 7, 1, "");

    #[test]
    fn a_sync_covers_what_was_written_before_it_began() {
        let first = (Kind::Write, 7, 0, "old");
        let second = (Kind::Write, 7, 1, "xx");
        let disk = play(None, &[NEW, first, BEGIN, second, END]);
        assert_eq!(disk.files[0].durable, b"old");
        assert_eq!(disk.files[0].pending.len(), 1);
        assert_eq!(disk.names["a.seg"].durable, Entry::Absent);
        let removed = play(Some(Removed::SegmentSync), &[NEW, first, BEGIN, second, END]);
        assert_eq!(removed.files[0].durable, b"");
    }

    #[test]
    fn a_name_lasts_when_its_folder_was_synced() {
        let sync = [(Kind::SyncBegin, 1, 1, "/r"), (Kind::SyncEnd, 1, 1, "")];
        let disk = play(None, &[NEW, sync[0], sync[1], (Kind::Remove, 0, 0, "/r/a.seg")]);
        assert_eq!(disk.names["a.seg"].durable, Entry::File(0));
        assert_eq!(disk.names["a.seg"].current(), Entry::Absent);
    }

    #[test]
    fn a_failed_sync_loses_what_it_covered_for_good() {
        let again = [(Kind::SyncBegin, 7, 1, "/r/a.seg"), (Kind::SyncEnd, 7, 1, "")];
        let lost = (Kind::Write, 7, 0, "abcdef");
        let disk = play(None, &[NEW, lost, BEGIN, FAILED, again[0], again[1]]);
        assert_eq!(disk.files[0].durable, b"", "the later success saves nothing");
        let newer = (Kind::Write, 7, 2, "XY");
        let disk = play(None, &[NEW, lost, BEGIN, FAILED, newer, again[0], again[1]]);
        assert_eq!(disk.files[0].durable, b"\0\0XY");
        let left: Vec<_> =
            disk.files[0].pending.iter().map(|p| format!("{:?}", p.change)).collect();
        assert_eq!(left, ["Write(0, [97, 98])", "Write(4, [101, 102])"]);
    }

    #[test]
    fn a_synced_write_lasts_when_it_has_returned() {
        let written = (Kind::SyncedWrite, 7, 0, "head");
        let disk = play(None, &[NEW, written]);
        assert!(!disk.files[0].pending[0].settled);
        let disk = play(None, &[NEW, written, (Kind::Settled, 7, 0, "")]);
        assert!(disk.files[0].pending[0].settled);
    }
}
