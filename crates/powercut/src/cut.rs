//! One of the states that a power cut may leave, drawn by dice.
//!
//! What is on stable storage is there. Of the rest, anything may be there: whole writes or single
//! sectors of them, in any order, sizes old or new, zeros or rubbish where a file grew and its bytes
//! did not arrive, names old or new. A sector is the least that a disk writes as a whole.

use crate::dice::Dice;
use crate::disk::{Change, Disk, Entry, FileState, Pending, perform};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Bytes that a disk writes as a whole.
const SECTOR_BYTES: usize = 512;
/// Bytes that a system writes back as a whole.
const PAGE_BYTES: usize = 4_096;
/// What lies where nothing was written.
const RUBBISH: u8 = 0xa5;

/// How much of what is not on stable storage is there after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// Nothing.
    None,
    /// Everything.
    All,
    /// Single writes, each whole.
    Writes,
    /// Single pieces of writes.
    Pieces {
        /// Bytes of a piece.
        bytes: usize,
        /// Whether rubbish stands where a file grew and nothing arrived.
        rubbish: bool,
    },
}

impl Luck {
    /// Draws one.
    pub fn draw(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::None,
            1 => Self::All,
            2 | 3 => Self::Writes,
            4 | 5 => Self::Pieces { bytes: SECTOR_BYTES, rubbish: dice.once_in(2) },
            _ => Self::Pieces { bytes: PAGE_BYTES, rubbish: dice.once_in(2) },
        }
    }
}

/// The content of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Files by name, `None` for folders; in order, so that a folder comes before what is in it.
    pub entries: BTreeMap<String, Option<Vec<u8>>>,
}

impl State {
    /// Draws a state of the disk.
    pub fn draw(disk: &Disk, luck: Luck, dice: &mut Dice) -> Self {
        let moment = dice.below(disk.position() + 1);
        let in_order = dice.once_in(2);
        let mut state = Self::default();
        for (name, history) in &disk.names {
            let versions = history.later.len();
            let shown = match luck {
                Luck::None => 0,
                Luck::All => versions,
                _ if in_order => history.later.iter().filter(|(at, _)| *at <= moment).count(),
                _ => dice.below(versions + 1),
            };
            let entry = match shown.checked_sub(1).and_then(|at| history.later.get(at)) {
                Some((_, entry)) => *entry,
                None => history.durable,
            };
            state.put(name, entry, disk, luck, dice);
        }
        state
    }

    /// The state that the running system sees.
    pub fn current(disk: &Disk) -> Self {
        Self::draw(disk, Luck::All, &mut Dice::new(0))
    }

    fn put(&mut self, name: &str, entry: Entry, disk: &Disk, luck: Luck, dice: &mut Dice) {
        let folder = name.rsplit_once('/').map(|(folder, _)| folder);
        if folder.is_some_and(|folder| !self.entries.contains_key(folder)) {
            return;
        }
        let content = match entry {
            Entry::Absent => return,
            Entry::Folder => None,
            Entry::File(file) => disk.files.get(file).map(|file| content(file, luck, dice)),
        };
        self.entries.insert(name.to_owned(), content);
    }

    /// Writes the state into an empty folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        for (name, content) in &self.entries {
            match content {
                None => fs::create_dir(folder.join(name))?,
                Some(bytes) => fs::write(folder.join(name), bytes)?,
            }
        }
        Ok(())
    }
}

fn content(file: &FileState, luck: Luck, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    if file.pending.is_empty() {
        return bytes;
    }
    let resized = |pending: &Pending| matches!(pending.change, Change::Resize(_));
    if let Luck::Pieces { rubbish: true, .. } = luck
        && !file.pending.iter().any(resized)
    {
        let grown = file.pending.iter().map(end_of).max().unwrap_or(0);
        bytes.resize(grown.max(bytes.len()), RUBBISH);
    }
    for pending in &file.pending {
        match luck {
            _ if pending.settled => perform(&mut bytes, &pending.change),
            Luck::None => {}
            Luck::All => perform(&mut bytes, &pending.change),
            Luck::Writes if dice.once_in(2) => {}
            Luck::Writes => perform(&mut bytes, &pending.change),
            Luck::Pieces { bytes: size, .. } => tear(&mut bytes, &pending.change, size, dice),
        }
    }
    let sized = !matches!(luck, Luck::None | Luck::All) && dice.once_in(3);
    if sized && !file.pending.iter().any(|pending| pending.settled || resized(pending)) {
        let ends: Vec<usize> = file.pending.iter().map(end_of).collect();
        let size = ends.get(dice.below(ends.len() + 1)).copied().unwrap_or(0);
        bytes.resize(size.max(file.durable.len()), 0);
    }
    bytes
}

fn end_of(pending: &Pending) -> usize {
    match &pending.change {
        Change::Write(at, data) => usize::try_from(*at).unwrap_or(usize::MAX) + data.len(),
        Change::Resize(size) => usize::try_from(*size).unwrap_or(usize::MAX),
    }
}

/// Does some pieces of a write; pieces end where sectors of the file do.
fn tear(bytes: &mut Vec<u8>, change: &Change, size: usize, dice: &mut Dice) {
    let Change::Write(at, data) = change else {
        if dice.once_in(2) {
            perform(bytes, change);
        }
        return;
    };
    let start = usize::try_from(*at).unwrap_or(usize::MAX);
    let mut done = 0;
    while done < data.len() {
        let end = (size - (start + done) % size + done).min(data.len());
        if dice.once_in(2) {
            let piece = data.get(done..end).unwrap_or_default();
            perform(bytes, &Change::Write((start + done) as u64, piece.into()));
        }
        done = end;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::record::{Kind, Record};
    use std::collections::BTreeSet;

    fn disk(records: &[(Kind, u64, &str, &[u8])]) -> Disk {
        let mut disk = Disk::new("/r", None);
        for (kind, number, path, bytes) in records {
            let data = if path.is_empty() { bytes } else { path.as_bytes() };
            let record = Record { kind: *kind, inode: 7, number: *number, data };
            disk.apply(&record).unwrap();
        }
        disk
    }

    #[test]
    fn every_mix_of_sectors_comes_up_and_nothing_that_is_stable_is_lost() {
        let (old, new) = (vec![b'o'; 1_024], vec![b'n'; 1_024]);
        let disk = disk(&[
            (Kind::Create, 0, "/r/f", b""),
            (Kind::SyncBegin, 1, "/r", b""),
            (Kind::Write, 0, "", &old),
        ]);
        let mut disk = disk;
        for (kind, number, data) in
            [(Kind::SyncBegin, 2, &b"/r/f"[..]), (Kind::SyncEnd, 2, b""), (Kind::Write, 0, &new)]
        {
            disk.apply(&Record { kind, inode: 7, number, data }).unwrap();
        }
        let mut dice = Dice::new(1);
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let luck = Luck::draw(&mut dice);
            let state = State::draw(&disk, luck, &mut dice);
            if let Some(Some(bytes)) = state.entries.get("f") {
                assert_eq!(bytes.len(), 1_024);
                seen.insert((bytes[0], bytes[511], bytes[512], bytes[1_023]));
            }
        }
        let both = [b'o', b'n'];
        let all = both.iter().flat_map(|a| both.iter().map(move |b| (*a, *a, *b, *b)));
        assert_eq!(seen, all.collect());
    }

    #[test]
    fn a_file_in_a_folder_that_is_not_there_is_not_there() {
        let disk = disk(&[(Kind::MakeFolder, 0, "/r/d", b""), (Kind::Create, 0, "/r/d/f", b"")]);
        let mut dice = Dice::new(2);
        let mut alone = false;
        for _ in 0..100 {
            let state = State::draw(&disk, Luck::Writes, &mut dice);
            assert!(state.entries.contains_key("d") || state.entries.is_empty());
            alone |= state.entries.len() == 1;
        }
        assert!(alone);
        assert_eq!(State::current(&disk).entries.len(), 2);
    }
}
