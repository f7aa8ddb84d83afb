//! Opening the metadata: one LMDB environment, its tables, its format number.

mod upgrade;

use crate::codec::{corrupt, rows};
pub(crate) use crate::table::{Entry, Table, Walk};
use crate::table::{Mark, Tree};
use heed::types::Bytes;
use heed::{CommitOrAbort, Env, EnvFlags, EnvOpenOptions, MdbError, RoTxn, WithoutTls};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use waypost_store::StoreError;

/// The format that this program writes.
pub(crate) const FORMAT: u64 = 4;
/// Read transactions that may exist at once, over all processes.
pub(crate) const READERS_MAX: u32 = 8_192;

/// The directory of the metadata in a partition.
pub(crate) const META_DIR: &str = "meta";
/// LMDB's file in [`META_DIR`].
pub(crate) const DATA_FILE: &str = "data.mdb";
/// Where the metadata of a new store are made, in [`META_DIR`].
const MAKING_DIR: &str = "making";
/// The directory of the segments in a partition.
pub(crate) const SEGMENTS_DIR: &str = "segments";

/// Mail is the owner's alone, whatever the mask of the process.
pub(crate) const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// The key of the format number in `state`.
const FORMAT_KEY: &[u8] = b"format";

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident in $tree:ident, $mark:expr;)*) => {
        /// Every table.
        pub(crate) struct Tables { $($(#[$doc])* pub(crate) $name: Table,)* }

        /// The name, the tree and the mark of every table.
        const LAYOUT: &[(&str, &str, Mark)] = &[$((stringify!($name), stringify!($tree), $mark)),*];

        impl Tables {
            fn new(tree: impl Fn(&str) -> Option<Tree>) -> Option<Self> {
                Some(Self { $($name: Table::new(tree(stringify!($tree))?, $mark),)* })
            }

            /// All of them, in the order of `LAYOUT`.
            fn list(&self) -> Vec<&Table> {
                vec![$(&self.$name),*]
            }

            /// Bytes of the pages that hold rows.
            #[cfg(test)]
            pub(crate) fn used_bytes(&self, txn: &RoTxn<'_>) -> Result<u64, StoreError> {
                let (mut seen, mut bytes) = (std::collections::BTreeSet::new(), 0);
                for (table, (_, tree, _)) in self.list().into_iter().zip(LAYOUT) {
                    if seen.insert(tree) {
                        bytes += table.tree_bytes(txn)?;
                    }
                }
                Ok(bytes)
            }
        }
    };
}

tables! {
    /// Format number and counters.
    state in state, Mark::From(b'a');
    /// Account → record.
    accounts in state, Mark::Before(1);
    /// Store id → account.
    account_names in account_names, ALONE;
    /// (account, mailbox) → record.
    mailboxes in state, Mark::Before(2);
    /// (account, name) → mailbox.
    mailbox_names in mailbox_names, ALONE;
    /// (account, name) → nothing.
    subscriptions in subscriptions, ALONE;
    /// (mailbox, page, part) → page.
    pages in numbered, Mark::Before(1);
    /// (mailbox, keyword) → uses and spelling.
    keywords in numbered, Mark::Before(2);
    /// (mailbox, uid) → row.
    messages in numbered, Mark::Before(3);
    /// (account, email) → record.
    emails in mail, Mark::Behind(1);
    /// (account, email, mailbox, uid) → nothing.
    copies in mail, Mark::Behind(2);
    /// (account, thread, email) → nothing.
    threads in mail, Mark::Behind(3);
    /// (account, hash, email) → thread and subject.
    message_ids in found, Mark::Before(1);
    /// (account, email) → form.
    forms in mail, Mark::Behind(4);
    /// Blob → place.
    blobs in state, Mark::Before(4);
    /// Segment → what is known of it.
    segments in state, Mark::Before(5);
    /// What is saved → where its record is.
    saved in state, Mark::Before(6);
    /// (account, modseq, sequence) → change.
    changes in found, Mark::Before(2);
    /// (time, account, mailbox, modseq, sequence) → what left.
    purge in purge, ALONE;
    /// (sequence, part) → outcome.
    outcomes in state, Mark::Before(3);
    /// Store id → last log-ins and log-outs.
    access in access, ALONE;
}

/// The mark of a table that has a tree of its own.
const ALONE: Mark = Mark::From(0);

/// Every tree.
const TREES: [&str; 9] = [
    "state",
    "account_names",
    "mailbox_names",
    "subscriptions",
    "numbered",
    "mail",
    "found",
    "purge",
    "access",
];

impl Tables {
    fn of(trees: &[Tree]) -> Result<Self, StoreError> {
        let found = |name: &str| TREES.iter().zip(trees).find(|(tree, _)| **tree == name);
        Self::new(|name| found(name).map(|(_, tree)| *tree))
            .ok_or_else(|| corrupt("metadata trees"))
    }
}

/// The open metadata of a partition.
pub(crate) struct Meta {
    pub(crate) env: Env<WithoutTls>,
    pub(crate) tables: Tables,
    pub(crate) path: PathBuf,
}

/// Environments open in this process: LMDB must not open one twice.
fn registry() -> &'static Mutex<HashMap<PathBuf, Weak<Meta>>> {
    static OPEN: OnceLock<Mutex<HashMap<PathBuf, Weak<Meta>>>> = OnceLock::new();
    OPEN.get_or_init(Mutex::default)
}

impl Meta {
    /// Opens a partition for writing, making it when it is new. The caller holds the writer's lock.
    pub(crate) fn open_writer(path: &Path, map_size: usize) -> Result<Arc<Self>, StoreError> {
        make_dirs(&path.join(META_DIR))?;
        make_dirs(&path.join(SEGMENTS_DIR))?;
        sync_dir(path)?;
        let path = path.canonicalize().map_err(io_fault)?;
        let mut open = registry().lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&path).is_some_and(|meta| meta.strong_count() > 0) {
            return Err(StoreError::Unavailable("the store is open in this process".to_owned()));
        }
        let dir = path.join(META_DIR);
        if !dir.join(DATA_FILE).try_exists().map_err(io_fault)? {
            make_metadata(&dir, map_size)?;
        }
        let env = open_env(&dir, Some(map_size))?;
        // A commit of a writer before may have failed half-way and been taken back. What took it back
        // must last before its pages are used again, or the disk would show it over foreign pages.
        env.force_sync().map_err(fault)?;
        let tables = make_tables(&env)?;
        let meta = Arc::new(Self { env, tables, path: path.clone() });
        meta.settle_format()?;
        open.insert(path, Arc::downgrade(&meta));
        Ok(meta)
    }

    /// Opens a partition for reading; an environment that this process has open is shared.
    pub(crate) fn open_reader(path: &Path) -> Result<Arc<Self>, StoreError> {
        let missing = |e: io::Error| StoreError::Unavailable(format!("{}: {e}", path.display()));
        let path = path.canonicalize().map_err(missing)?;
        let mut open = registry().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meta) = open.get(&path).and_then(Weak::upgrade) {
            return Ok(meta);
        }
        let env = open_env(&path.join(META_DIR), None)?;
        let txn = env.read_txn().map_err(fault)?;
        let trees = env
            .open_databases_and_commit(txn, |opener, txn| {
                let mut all = Vec::with_capacity(TREES.len());
                for name in TREES {
                    // A store of format 1 lacks some; nothing is read there but its number.
                    all.push(match opener.open_database::<Bytes, Bytes>(txn, Some(name))? {
                        Some(tree) => tree,
                        None => {
                            let state = opener.open_database(txn, Some(TREES[0]))?;
                            state.ok_or(heed::Error::Mdb(MdbError::NotFound))?
                        }
                    });
                }
                let all: Result<[_; TREES.len()], _> = all.try_into();
                all.map(CommitOrAbort::<_, ()>::Commit)
                    .map_err(|_| heed::Error::Mdb(MdbError::Problem))
            })
            .map_err(fault)?
            .commit()
            .ok_or_else(|| corrupt("metadata trees"))?;
        let meta = Arc::new(Self { env, tables: Tables::of(&trees)?, path: path.clone() });
        let txn = meta.env.read_txn().map_err(fault)?;
        check_format(&path, meta.format(&txn)?)?;
        drop(txn);
        open.insert(path, Arc::downgrade(&meta));
        Ok(meta)
    }

    /// The path of a segment.
    pub(crate) fn segment_path(&self, segment: u64) -> PathBuf {
        crate::segment::path(&self.path, segment)
    }

    /// Bytes of a page of the metadata's file.
    pub(crate) fn page_bytes(&self) -> Result<u64, StoreError> {
        let txn = self.env.read_txn().map_err(fault)?;
        self.tables.state.page_bytes(&txn)
    }

    fn format(&self, txn: &RoTxn<'_>) -> Result<Option<u64>, StoreError> {
        let value = get(&self.tables.state, txn, FORMAT_KEY)?;
        value.map(|v| rows::decode_number(v).ok_or_else(|| corrupt("format number"))).transpose()
    }

    /// Writes the format number into a new store, brings an old one to this program's format.
    fn settle_format(&self) -> Result<(), StoreError> {
        let mut txn = self.env.write_txn().map_err(fault)?;
        match self.format(&txn)? {
            Some(upgrade::FIRST) => {
                drop(txn);
                return upgrade::run(self);
            }
            // Nothing lies elsewhere. The number keeps older programs away, whose changes would not
            // be known in the segments.
            Some(upgrade::WITHOUT_SAVED) => {}
            // Rows without a sent date stay as they are. Older programs could not read those with one.
            Some(upgrade::WITHOUT_SENT) => {}
            Some(found) => return check_format(&self.path, Some(found)),
            None => {}
        }
        put(&self.tables.state, &mut txn, FORMAT_KEY, &rows::encode_number(FORMAT))?;
        txn.commit().map_err(fault)
    }
}

fn check_format(path: &Path, found: Option<u64>) -> Result<(), StoreError> {
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) if upgrade::OLDER.contains(&found) => Err(StoreError::Unavailable(format!(
            "the store in {} has format {found}: `waypost run` brings it to format {FORMAT}",
            path.display()
        ))),
        Some(found) if found > FORMAT => Err(StoreError::Unavailable(format!(
            "the store in {} has format {found}, this program knows formats up to {FORMAT}: install \
             the Waypost that wrote it, then run `waypost run`",
            path.display()
        ))),
        _ => Err(corrupt(format!("format number of {}", path.display()))),
    }
}

/// Makes the metadata of a new store aside and gives the file its name when it is durable: LMDB
/// begins a file without a sync, and does not open one whose beginning a power cut has torn.
fn make_metadata(dir: &Path, map_size: usize) -> Result<(), StoreError> {
    let making = dir.join(MAKING_DIR);
    if making.try_exists().map_err(io_fault)? {
        std::fs::remove_dir_all(&making).map_err(io_fault)?;
    }
    make_dirs(&making)?;
    let env = open_env(&making, Some(map_size))?;
    // A commit, which syncs all that was written before.
    make_tables(&env)?;
    env.prepare_for_closing().wait();
    std::fs::rename(making.join(DATA_FILE), dir.join(DATA_FILE)).map_err(io_fault)?;
    sync_dir(dir)?;
    std::fs::remove_dir_all(&making).map_err(io_fault)
}

/// Opens every tree, making those that are missing.
fn make_tables(env: &Env<WithoutTls>) -> Result<Tables, StoreError> {
    let txn = env.write_txn().map_err(fault)?;
    let trees = env
        .create_databases_and_commit(txn, |opener, txn| {
            let mut all = Vec::with_capacity(TREES.len());
            for name in TREES {
                all.push(opener.create_database::<Bytes, Bytes>(txn, Some(name))?);
            }
            let all: Result<[_; TREES.len()], _> = all.try_into();
            all.map(CommitOrAbort::<_, ()>::Commit).map_err(|_| heed::Error::Mdb(MdbError::Problem))
        })
        .map_err(fault)?
        .commit()
        .ok_or_else(|| corrupt("metadata trees"))?;
    Tables::of(&trees)
}

#[allow(unsafe_code, reason = "LMDB maps a file, which no type can prove unchanged by others")]
fn open_env(dir: &Path, map_size: Option<usize>) -> Result<Env<WithoutTls>, StoreError> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options
        .max_dbs(u32::try_from(TREES.len() + LAYOUT.len()).unwrap_or(u32::MAX))
        .max_readers(READERS_MAX);
    match map_size {
        Some(size) => {
            options.map_size(size);
        }
        // SAFETY: read-only opening adds no requirement to those named below.
        None => unsafe {
            options.flags(EnvFlags::READ_ONLY);
        },
    }
    // SAFETY: the file lies in the store's own directory, which only Waypost writes, always through
    // LMDB and its lock file (NO_LOCK is never used); the registry above keeps this process from
    // opening it twice; workers hold it read-only.
    let env = unsafe { options.open(dir) }.map_err(fault)?;
    check_length(&env)?;
    Ok(env)
}

/// Refuses metadata that a lost write left shorter than they say: to read the missing pages through the map
/// would end the process (SIGBUS). Looks at nothing but the head, which is always there.
fn check_length(env: &Env<WithoutTls>) -> Result<(), StoreError> {
    // LMDB makes a file with the system's pages, and does not open one with others.
    let page_bytes = rustix::param::page_size() as u64;
    let needed = (env.info().last_page_number as u64 + 1) * page_bytes;
    let found = env.real_disk_size().map_err(fault)?;
    if found >= needed {
        return Ok(());
    }
    Err(corrupt(format!("metadata file: {found} bytes of {needed} are there")))
}

/// Makes a directory and those above it that are missing, for the owner alone, and makes their
/// entries durable: a commit is worth nothing in a directory that a crash takes away.
pub(crate) fn make_dirs(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    make_dirs(parent)?;
    match std::fs::DirBuilder::new().mode(DIR_MODE).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io_fault(error)),
        Ok(()) | Err(_) => {}
    }
    sync_dir(parent)
}

/// Makes a file that must not exist yet, for the owner alone.
pub(crate) fn new_file(path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(FILE_MODE);
    options.open(path).map_err(io_fault)
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_fault)
}

/// The value of a key.
pub(crate) fn get<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    key: &[u8],
) -> Result<Option<&'t [u8]>, StoreError> {
    table.get(txn, key)
}

/// The first entry at or after a key.
pub(crate) fn at_or_after<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    key: &[u8],
) -> Result<Option<Entry<'t>>, StoreError> {
    table.from(txn, Bound::Included(key), &[])?.next().transpose()
}

/// The entries whose keys begin with `prefix`, in order.
pub(crate) fn under<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    prefix: &[u8],
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    table.from(txn, Bound::Included(prefix), prefix)
}

/// Every entry of a table, in order.
pub(crate) fn all<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    table.from(txn, Bound::Unbounded, &[])
}

/// The entries from `from` on whose keys begin with the first `prefix` bytes of it.
pub(crate) fn under_from<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    from: &[u8],
    prefix: usize,
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    table.from(txn, Bound::Included(from), from.get(..prefix).unwrap_or_default())
}

/// The entries after a key, or all, in order.
pub(crate) fn after<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    key: Option<&[u8]>,
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    table.from(txn, key.map_or(Bound::Unbounded, Bound::Excluded), &[])
}

/// Writes an entry.
pub(crate) fn put(
    table: &Table,
    txn: &mut heed::RwTxn<'_>,
    key: &[u8],
    value: &[u8],
) -> Result<(), StoreError> {
    table.put(txn, key, value)
}

/// Removes an entry; false when there was none.
pub(crate) fn delete(
    table: &Table,
    txn: &mut heed::RwTxn<'_>,
    key: &[u8],
) -> Result<bool, StoreError> {
    table.delete(txn, key)
}

/// What an error of LMDB means for a mutation or a read.
pub(crate) fn fault(error: heed::Error) -> StoreError {
    match error {
        heed::Error::Io(error) => io_fault(error),
        heed::Error::Mdb(MdbError::MapFull | MdbError::TxnFull) => StoreError::NoSpace,
        heed::Error::Mdb(MdbError::ReadersFull) => {
            StoreError::Unavailable(format!("all {READERS_MAX} reader slots are in use"))
        }
        heed::Error::Mdb(
            error @ (MdbError::Corrupted | MdbError::PageNotFound | MdbError::Invalid),
        ) => corrupt(format!("metadata: {error}")),
        heed::Error::Mdb(MdbError::NotFound) => {
            StoreError::Unavailable("the store is new".to_owned())
        }
        other => StoreError::Io(format!("metadata: {other}")),
    }
}

/// What an error of the operating system means for a mutation or a read.
pub(crate) fn io_fault(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::NoSpace
        }
        _ => StoreError::Io(error.to_string()),
    }
}
