//! From format 1, which had a tree for each table, to the present one.

use super::{FORMAT, FORMAT_KEY, LAYOUT, Meta, fault, put};
use crate::codec::rows;
use crate::table::{Mark, Table, Tree};
use heed::types::Bytes;
use heed::{CommitOrAbort, RwTxn};
use std::ops::Bound;
use waypost_store::StoreError;

/// The format that is upgraded from.
pub(super) const FIRST: u64 = 1;
/// The format before states were saved in segments.
pub(super) const WITHOUT_SAVED: u64 = 2;
/// The format before message rows said when the message was sent.
pub(super) const WITHOUT_SENT: u64 = 3;
/// The formats that this program upgrades.
pub(super) const OLDER: [u64; 3] = [FIRST, WITHOUT_SAVED, WITHOUT_SENT];
/// Entries moved at a time.
const STEP: usize = 4_096;

/// Moves every entry to where it lies now, in one transaction: a crash leaves the old store.
pub(super) fn run(meta: &Meta) -> Result<(), StoreError> {
    let mut moves = Vec::new();
    for ((name, tree, _), new) in LAYOUT.iter().zip(meta.tables.list()) {
        if name != tree
            && let Some(old) = open(meta, name)?
        {
            moves.push((old, new));
        }
    }
    let mut txn = meta.env.write_txn().map_err(fault)?;
    let mut entries = 0;
    for (old, new) in moves {
        entries += move_all(&Table::new(old, Mark::From(0)), new, &mut txn)?;
        old.clear(&mut txn).map_err(fault)?;
    }
    put(&meta.tables.state, &mut txn, FORMAT_KEY, &rows::encode_number(FORMAT))?;
    txn.commit().map_err(fault)?;
    let store = meta.path.display();
    tracing::info!(%store, entries, from = FIRST, to = FORMAT, "store upgraded");
    Ok(())
}

/// The tree of an old table; `None` when this store never had it.
fn open(meta: &Meta, name: &str) -> Result<Option<Tree>, StoreError> {
    let txn = meta.env.read_txn().map_err(fault)?;
    let opened = meta.env.open_databases_and_commit(txn, |opener, txn| {
        let tree = opener.open_database::<Bytes, Bytes>(txn, Some(name))?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tree))
    });
    Ok(opened.map_err(fault)?.commit().flatten())
}

fn move_all(old: &Table, new: &Table, txn: &mut RwTxn<'_>) -> Result<usize, StoreError> {
    let mut moved = 0;
    let mut last: Option<Vec<u8>> = None;
    loop {
        let start = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let step: Result<Vec<(Vec<u8>, Vec<u8>)>, _> = old
            .from(txn, start, &[])?
            .take(STEP)
            .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect();
        let step = step?;
        for (key, value) in &step {
            new.put(txn, key, value)?;
        }
        moved += step.len();
        match step.into_iter().next_back() {
            Some((key, _)) => last = Some(key),
            None => return Ok(moved),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::super::{META_DIR, all, get, make_dirs, open_env};
    use super::*;
    use std::path::Path;

    const MAP_BYTES: usize = 1 << 30;
    /// More than one step.
    const ROWS: u64 = STEP as u64 + 10;

    /// A store of format 1: each table a tree, here with rows of their names and numbers. Those that
    /// knew no table of last accesses have none.
    fn older_store(path: &Path) {
        make_dirs(&path.join(META_DIR)).unwrap();
        let env = open_env(&path.join(META_DIR), Some(MAP_BYTES)).unwrap();
        for (name, ..) in LAYOUT.iter().filter(|(name, ..)| *name != "access") {
            let made = env.create_databases_and_commit(env.write_txn().unwrap(), |opener, txn| {
                let table = opener.create_database::<Bytes, Bytes>(txn, Some(name))?;
                Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(table))
            });
            let table = made.unwrap().commit().unwrap();
            let mut txn = env.write_txn().unwrap();
            for number in 0..ROWS {
                // The keys of `state` are words.
                let key = if *name == "state" { format!("n{number:08}") } else { String::new() };
                let numbered = number.to_be_bytes();
                let key = if key.is_empty() { &numbered[..] } else { key.as_bytes() };
                table.put(&mut txn, key, format!("{name} {number}").as_bytes()).unwrap();
            }
            if *name == "state" {
                table.put(&mut txn, FORMAT_KEY, &rows::encode_number(FIRST)).unwrap();
            }
            txn.commit().unwrap();
        }
        env.prepare_for_closing().wait();
    }

    #[test]
    fn a_store_whose_tables_lie_as_now_gets_its_number() {
        let dir = tempfile::tempdir().unwrap();
        for older in [WITHOUT_SAVED, WITHOUT_SENT] {
            let meta = Meta::open_writer(dir.path(), MAP_BYTES).unwrap();
            let mut txn = meta.env.write_txn().unwrap();
            let older = rows::encode_number(older);
            put(&meta.tables.state, &mut txn, FORMAT_KEY, &older).unwrap();
            txn.commit().unwrap();
            drop(meta);
            assert!(Meta::open_reader(dir.path()).is_err(), "a reader cannot upgrade");
            let meta = Meta::open_writer(dir.path(), MAP_BYTES).unwrap();
            let txn = meta.env.read_txn().unwrap();
            assert_eq!(meta.format(&txn).unwrap(), Some(FORMAT));
        }
    }

    #[test]
    fn a_store_of_format_1_is_upgraded_when_it_is_opened_to_write() {
        let dir = tempfile::tempdir().unwrap();
        older_store(dir.path());
        let refused = Meta::open_reader(dir.path()).err();
        assert!(refused.is_some(), "a reader cannot upgrade");
        for _ in 0..2 {
            let meta = Meta::open_writer(dir.path(), MAP_BYTES).unwrap();
            let txn = meta.env.read_txn().unwrap();
            assert_eq!(meta.format(&txn).unwrap(), Some(FORMAT));
            for ((name, ..), table) in LAYOUT.iter().zip(meta.tables.list()) {
                let rows = if *name == "access" { 0 } else { ROWS };
                let more = u64::from(*name == "state");
                assert_eq!(table.len(&txn).unwrap(), rows + more, "{name}");
                if rows > 0 && more == 0 {
                    let value = get(table, &txn, &(ROWS - 1).to_be_bytes()).unwrap().unwrap();
                    assert_eq!(value, format!("{name} {}", ROWS - 1).as_bytes());
                    let first = all(table, &txn).unwrap().next().unwrap().unwrap();
                    assert_eq!(first.0, 0_u64.to_be_bytes());
                }
            }
            drop(txn);
        }
    }
}
