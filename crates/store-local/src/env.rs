//! Opening the metadata: one LMDB environment, its tables, its format number.

use crate::codec::{corrupt, rows};
use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, MdbError, RoTxn, WithoutTls};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use waypost_store::StoreError;

/// The format that this program writes.
pub(crate) const FORMAT: u64 = 1;
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

/// A key and its value.
pub(crate) type Entry<'t> = (&'t [u8], &'t [u8]);

/// One table of bytes to bytes.
pub(crate) type Table = Database<'static, Bytes, Bytes>;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Every table.
        pub(crate) struct Tables { $($(#[$doc])* pub(crate) $name: Table,)* }

        const NAMES: &[&str] = &[$(stringify!($name)),*];
        const COUNT: usize = NAMES.len();

        impl Tables {
            fn from_array([$($name),*]: [Table; COUNT]) -> Self {
                Self { $($name),* }
            }
        }
    };
}

tables! {
    /// Format number and counters.
    state,
    /// Account → record.
    accounts,
    /// Store id → account.
    account_names,
    /// (account, mailbox) → record.
    mailboxes,
    /// (account, name) → mailbox.
    mailbox_names,
    /// (account, name) → nothing.
    subscriptions,
    /// (mailbox, page, part) → page.
    pages,
    /// (mailbox, keyword) → uses and spelling.
    keywords,
    /// (mailbox, uid) → row.
    messages,
    /// (account, email) → record.
    emails,
    /// (account, email, mailbox, uid) → nothing.
    copies,
    /// (account, thread, email) → nothing.
    threads,
    /// (account, hash, email) → thread and subject.
    message_ids,
    /// (account, email) → form.
    forms,
    /// Blob → place.
    blobs,
    /// Segment → what is known of it.
    segments,
    /// (account, modseq, sequence) → change.
    changes,
    /// (time, account, mailbox, modseq, sequence) → what left.
    purge,
    /// (sequence, part) → outcome.
    outcomes,
    /// Store id → last log-ins and log-outs. Came after the others and is still format 1: a program
    /// that does not know it never opens it, one that does makes it when it opens a store to write,
    /// which `stored` and every tool do before they read.
    access,
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
        let tables = env
            .open_databases_and_commit(txn, |opener, txn| {
                let mut all = Vec::with_capacity(COUNT);
                for name in NAMES {
                    let table = opener.open_database::<Bytes, Bytes>(txn, Some(name))?;
                    all.push(table.ok_or(heed::Error::Mdb(MdbError::NotFound))?);
                }
                let all: Result<[_; COUNT], _> = all.try_into();
                all.map(CommitOrAbort::<_, ()>::Commit)
                    .map_err(|_| heed::Error::Mdb(MdbError::Problem))
            })
            .map_err(fault)?
            .commit()
            .ok_or_else(|| corrupt("metadata tables"))?;
        let meta = Arc::new(Self { env, tables: Tables::from_array(tables), path: path.clone() });
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

    fn format(&self, txn: &RoTxn<'_>) -> Result<Option<u64>, StoreError> {
        let value = get(&self.tables.state, txn, FORMAT_KEY)?;
        value.map(|v| rows::decode_number(v).ok_or_else(|| corrupt("format number"))).transpose()
    }

    /// Writes the format number into a new store, checks that of an old one. Format 1 is the first,
    /// so there is nothing to upgrade from yet.
    fn settle_format(&self) -> Result<(), StoreError> {
        let mut txn = self.env.write_txn().map_err(fault)?;
        if let Some(found) = self.format(&txn)? {
            return check_format(&self.path, Some(found));
        }
        put(&self.tables.state, &mut txn, FORMAT_KEY, &rows::encode_number(FORMAT))?;
        txn.commit().map_err(fault)
    }
}

fn check_format(path: &Path, found: Option<u64>) -> Result<(), StoreError> {
    match found {
        Some(FORMAT) => Ok(()),
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

/// Opens every table, making those that are missing.
fn make_tables(env: &Env<WithoutTls>) -> Result<Tables, StoreError> {
    let txn = env.write_txn().map_err(fault)?;
    let tables = env
        .create_databases_and_commit(txn, |opener, txn| {
            let mut all = Vec::with_capacity(COUNT);
            for name in NAMES {
                all.push(opener.create_database::<Bytes, Bytes>(txn, Some(name))?);
            }
            let all: Result<[_; COUNT], _> = all.try_into();
            all.map(CommitOrAbort::<_, ()>::Commit).map_err(|_| heed::Error::Mdb(MdbError::Problem))
        })
        .map_err(fault)?
        .commit()
        .ok_or_else(|| corrupt("metadata tables"))?;
    Ok(Tables::from_array(tables))
}

#[allow(unsafe_code, reason = "LMDB maps a file, which no type can prove unchanged by others")]
fn open_env(dir: &Path, map_size: Option<usize>) -> Result<Env<WithoutTls>, StoreError> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.max_dbs(u32::try_from(COUNT).unwrap_or(u32::MAX)).max_readers(READERS_MAX);
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
    unsafe { options.open(dir) }.map_err(fault)
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
    table.get(txn, key).map_err(fault)
}

/// The first entry at or after a key, which must not be empty.
pub(crate) fn at_or_after<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    key: &[u8],
) -> Result<Option<Entry<'t>>, StoreError> {
    table.get_greater_than_or_equal_to(txn, key).map_err(fault)
}

/// The entries whose keys begin with `prefix` (never empty), in order.
pub(crate) fn under<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    prefix: &[u8],
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    Ok(table.prefix_iter(txn, prefix).map_err(fault)?.map(|entry| entry.map_err(fault)))
}

/// Every entry of a table, in order.
pub(crate) fn all<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    Ok(table.iter(txn).map_err(fault)?.map(|entry| entry.map_err(fault)))
}

/// The entries from `from` on whose keys begin with the first `prefix` bytes of it.
pub(crate) fn under_from<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    from: &[u8],
    prefix: usize,
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    let start = from.get(..prefix).unwrap_or_default().to_vec();
    let range = (Bound::Included(from), Bound::Unbounded);
    let entries = table.range(txn, &range).map_err(fault)?;
    Ok(entries
        .map(|entry| entry.map_err(fault))
        .take_while(move |entry| entry.as_ref().map_or(true, |(key, _)| key.starts_with(&start))))
}

/// The entries after a key, or all, in order.
pub(crate) fn after<'t>(
    table: &Table,
    txn: &'t RoTxn<'_>,
    key: Option<&[u8]>,
) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
    let range = (key.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    Ok(table.range(txn, &range).map_err(fault)?.map(|entry| entry.map_err(fault)))
}

/// Writes an entry.
pub(crate) fn put(
    table: &Table,
    txn: &mut heed::RwTxn<'_>,
    key: &[u8],
    value: &[u8],
) -> Result<(), StoreError> {
    table.put(txn, key, value).map_err(fault)
}

/// Removes an entry; false when there was none.
pub(crate) fn delete(
    table: &Table,
    txn: &mut heed::RwTxn<'_>,
    key: &[u8],
) -> Result<bool, StoreError> {
    table.delete(txn, key).map_err(fault)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    const MAP_BYTES: usize = 1 << 30;

    /// A store as the programs of format 1 made it that knew no table of last accesses.
    fn older_store(path: &Path) {
        make_dirs(&path.join(META_DIR)).unwrap();
        let env = open_env(&path.join(META_DIR), Some(MAP_BYTES)).unwrap();
        let make = |name| {
            let made = env.create_databases_and_commit(env.write_txn().unwrap(), |opener, txn| {
                let table = opener.create_database::<Bytes, Bytes>(txn, Some(name))?;
                Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(table))
            });
            made.unwrap().commit().unwrap()
        };
        let names = NAMES.iter().filter(|name| **name != "access");
        let tables: HashMap<_, _> = names.map(|name| (*name, make(*name))).collect();
        let mut txn = env.write_txn().unwrap();
        put(&tables["state"], &mut txn, FORMAT_KEY, &rows::encode_number(FORMAT)).unwrap();
        txn.commit().unwrap();
        env.prepare_for_closing().wait();
    }

    #[test]
    fn an_older_store_gets_the_table_of_last_accesses_when_it_is_opened_to_write() {
        let dir = tempfile::tempdir().unwrap();
        older_store(dir.path());
        assert!(Meta::open_reader(dir.path()).is_err());
        let meta = Meta::open_writer(dir.path(), MAP_BYTES).unwrap();
        let mut txn = meta.env.write_txn().unwrap();
        put(&meta.tables.access, &mut txn, b"ada", rows::PRESENT).unwrap();
        txn.commit().unwrap();
        let txn = meta.env.read_txn().unwrap();
        assert_eq!(all(&meta.tables.access, &txn).unwrap().count(), 1);
    }
}
