//! Whether the pages of the metadata hang together as LMDB writes them: heads, trees, nodes, large values
//! and free pages. LMDB trusts its pages, so a damaged one may end the process that reads it; nothing is
//! looked up before this check finds the pages whole, and it reads them as a plain file.
//!
//! What pages say in their values has checksums of its own and is checked by [`crate::check`].

mod area;
mod page;
mod walk;

pub(crate) use area::Area;
pub use area::Harm;
pub(crate) use walk::PageFault;

use crate::codec::corrupt;
use crate::env::{DATA_FILE, META_DIR, Meta, fault, io_fault};
use page::{HEADS, Head};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use waypost_store::StoreError;

/// How often a state is looked for that nobody replaces meanwhile.
const TRIES: usize = 8;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    /// Pages that were read.
    pub(crate) pages: u64,
    /// What is wrong, in no more than [`walk::FAULTS_MAX`] places.
    pub(crate) faults: Vec<PageFault>,
}

impl Structure {
    /// Whether nothing is wrong.
    pub(crate) fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    /// What must not be read because of it.
    pub(crate) fn harm(&self) -> Harm {
        Harm::new(self.faults.iter().map(PageFault::area))
    }

    /// Whether the writer cannot even open the metadata over it.
    pub(crate) fn keeps_from_opening(&self) -> bool {
        self.faults.iter().any(PageFault::keeps_from_opening)
    }

    /// Why nothing is read or written.
    pub(crate) fn refusal(&self) -> StoreError {
        corrupt(format!("{}; `waypost reconstruct` makes the metadata anew", self.summary()))
    }

    /// In one line, for whoever cannot go on.
    pub(crate) fn summary(&self) -> String {
        let first = self.faults.first().map(ToString::to_string).unwrap_or_default();
        match self.faults.len() {
            0 | 1 => format!("metadata: {first}"),
            more => format!("metadata: {first}, and {} more", more - 1),
        }
    }
}

/// Examines the metadata of a partition that may be written meanwhile.
///
/// # Errors
/// When the file is not there or cannot be opened; what cannot be read in it is a fault.
pub(crate) fn examine(partition: &Path) -> Result<Structure, StoreError> {
    for _ in 0..TRIES {
        let pages = Pages::open(partition)?;
        let heads = pages.heads();
        let structure = pages.walk(heads.newest());
        // Pages of a state that a newer one has replaced are written over.
        if structure.is_whole() || pages.heads() == heads {
            return Ok(structure);
        }
    }
    // Somebody writes all the time, so what opening needs is whole.
    examine_open(&*Meta::open_reader(partition)?)
}

/// Whether a partition has metadata.
pub(crate) fn is_there(partition: &Path) -> Result<bool, StoreError> {
    partition.join(META_DIR).join(DATA_FILE).try_exists().map_err(io_fault)
}

/// Refuses metadata that would end the process that looks something up in them.
pub(crate) fn refuse_damaged(partition: &Path) -> Result<(), StoreError> {
    if !is_there(partition)? {
        return Ok(());
    }
    let structure = examine(partition)?;
    if structure.is_whole() { Ok(()) } else { Err(structure.refusal()) }
}

/// Examines the state that a snapshot of now shows, which nobody changes.
///
/// # Errors
/// When there can be no snapshot, or the file cannot be opened.
pub(crate) fn examine_open(meta: &Meta) -> Result<Structure, StoreError> {
    let pages = Pages::open(&meta.path)?;
    let mut last = None;
    for _ in 0..TRIES {
        let txn = meta.env.read_txn().map_err(fault)?;
        let heads = pages.heads();
        if let Some(head) = heads.of_commit(txn.id() as u64) {
            return Ok(pages.walk(Ok(head)));
        }
        // A head that is being written may be read in two halves.
        last = heads.newest().err();
    }
    match last {
        Some(fault) => Ok(pages.walk(Err(fault))),
        None => {
            let why = "the metadata change too fast to be examined".to_owned();
            Err(StoreError::Unavailable(why))
        }
    }
}

/// The file.
struct Pages {
    file: File,
    page_bytes: usize,
    count: u64,
}

/// Both heads, as many as [`HEADS`].
#[derive(Debug, PartialEq, Eq)]
struct Heads([Result<Head, PageFault>; 2]);

impl Heads {
    /// The truth; the fault when a head is damaged, which may be the one that was.
    fn newest(&self) -> Result<Head, PageFault> {
        let [zero, one] = [self.0[0].clone()?, self.0[1].clone()?];
        // Commits go to the heads in turn. A new file has none in both.
        let in_turn =
            zero.commit % 2 == 0 && one.commit % 2 == 1 && zero.commit.abs_diff(one.commit) == 1;
        if !in_turn && (zero.commit, one.commit) != (0, 0) {
            return Err(PageFault::of_head(0, "the heads are not of two commits in turn"));
        }
        Ok(if zero.commit < one.commit { one } else { zero })
    }

    fn of_commit(&self, commit: u64) -> Option<Head> {
        self.newest().ok()?;
        self.0.iter().flatten().find(|head| head.commit == commit).copied()
    }
}

impl Pages {
    fn open(partition: &Path) -> Result<Self, StoreError> {
        let file = File::open(partition.join(META_DIR).join(DATA_FILE)).map_err(io_fault)?;
        let page_bytes = rustix::param::page_size();
        let count = file.metadata().map_err(io_fault)?.len() / page_bytes as u64;
        Ok(Self { file, page_bytes, count })
    }

    /// A page, or several.
    fn read(&self, number: u64, bytes: usize) -> Result<Vec<u8>, page::Fault> {
        let mut page = vec![0; bytes];
        let at = number.checked_mul(self.page_bytes as u64).ok_or("it is behind every file")?;
        let read = self.file.read_exact_at(&mut page, at);
        read.map(|()| page).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the file ends before it",
            _ => "the disk cannot read it",
        })
    }

    fn heads(&self) -> Heads {
        Heads([0, 1].map(|number| {
            let page = self.read(number, self.page_bytes);
            let head = page.and_then(|page| Head::read(&page, number));
            head.map_err(|what| PageFault::of_head(number, what))
        }))
    }

    fn walk(&self, head: Result<Head, PageFault>) -> Structure {
        match head {
            Ok(head) => walk::Walk::new(self, head).run(),
            Err(fault) => Structure { pages: HEADS, faults: vec![fault] },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
