//! Tables: how a table's keys lie in the trees of LMDB.
//!
//! LMDB writes every page between the root of a tree and an entry that changes. Tables that one
//! delivery writes therefore share trees, told apart by one byte in each key, a [`Mark`]:
//!
//! - before the key, where the tables' keys have nothing in common: each lies together, under one root;
//! - behind the key, where the keys begin alike: what belongs to one email (record, form, copies, its
//!   place in a thread) lies side by side, mostly on one page.

use crate::env::fault;
use heed::types::Bytes;
use heed::{Database, RoRange, RoTxn, RwTxn};
use std::cmp::Ordering;
use std::ops::Bound;
use waypost_store::StoreError;

/// A tree of LMDB's.
pub(crate) type Tree = Database<'static, Bytes, Bytes>;

/// A key and its value.
pub(crate) type Entry<'t> = (&'t [u8], &'t [u8]);

/// Keys of marked tables are short numbers; with its mark one fits here.
const MARKED_BYTES: usize = 64;

/// Entries that a walk passes at most before it looks its key up: as many cost about what a way from the
/// root costs.
const WALK_ENTRIES: usize = 24;

/// How the keys of a table are known in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Every key in the tree from this byte on is the table's.
    From(u8),
    /// The table's keys have this byte before them.
    Before(u8),
    /// The table's keys have this byte behind them. All keys of one such table are equally long, so
    /// the byte does not change their order.
    Behind(u8),
}

/// One table of bytes to bytes.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    tree: Tree,
    mark: Mark,
}

impl Table {
    pub(crate) const fn new(tree: Tree, mark: Mark) -> Self {
        Self { tree, mark }
    }

    /// The value of a key.
    pub(crate) fn get<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        key: &[u8],
    ) -> Result<Option<&'t [u8]>, StoreError> {
        self.mark.with(key, |key| self.tree.get(txn, key)).map_err(fault)
    }

    /// Writes an entry.
    pub(crate) fn put(
        &self,
        txn: &mut RwTxn<'_>,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.mark.with(key, |key| self.tree.put(txn, key, value)).map_err(fault)
    }

    /// Removes an entry; false when there was none.
    pub(crate) fn delete(&self, txn: &mut RwTxn<'_>, key: &[u8]) -> Result<bool, StoreError> {
        self.mark.with(key, |key| self.tree.delete(txn, key)).map_err(fault)
    }

    /// The last entry.
    pub(crate) fn last<'t>(&self, txn: &'t RoTxn<'_>) -> Result<Option<Entry<'t>>, StoreError> {
        let end = match self.mark {
            Mark::Before(mark) => mark.checked_add(1).map(|end| [end]),
            Mark::From(_) | Mark::Behind(_) => None,
        };
        let end = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        let entries = self.tree.rev_range(txn, &(Bound::Unbounded, end)).map_err(fault)?;
        for entry in entries {
            let (key, value) = entry.map_err(fault)?;
            if let Some(key) = self.mark.strip(key) {
                return Ok(Some((key, value)));
            }
            if !matches!(self.mark, Mark::Behind(_)) {
                break;
            }
        }
        Ok(None)
    }

    /// Whether it has no entry.
    pub(crate) fn is_empty(&self, txn: &RoTxn<'_>) -> Result<bool, StoreError> {
        Ok(self.from(txn, Bound::Unbounded, &[])?.next().transpose()?.is_none())
    }

    /// Bytes of a page of the file.
    pub(crate) fn page_bytes(&self, txn: &RoTxn<'_>) -> Result<u64, StoreError> {
        self.tree.stat(txn).map(|stat| u64::from(stat.page_size)).map_err(fault)
    }

    /// Bytes of the pages of its tree that hold entries, those of other tables there too.
    #[cfg(test)]
    pub(crate) fn tree_bytes(&self, txn: &RoTxn<'_>) -> Result<u64, StoreError> {
        let stat = self.tree.stat(txn).map_err(fault)?;
        let pages = stat.branch_pages + stat.leaf_pages + stat.overflow_pages;
        Ok(pages as u64 * u64::from(stat.page_size))
    }

    /// Removes every entry.
    #[cfg(test)]
    pub(crate) fn clear(&self, txn: &mut RwTxn<'_>) -> Result<(), StoreError> {
        let entries = self.from(txn, Bound::Unbounded, &[])?;
        let keys = entries.map(|entry| entry.map(|(key, _)| key.to_vec()));
        for key in keys.collect::<Result<Vec<_>, _>>()? {
            self.delete(txn, &key)?;
        }
        Ok(())
    }

    /// How many entries it has; counts them.
    #[cfg(test)]
    pub(crate) fn len(&self, txn: &RoTxn<'_>) -> Result<u64, StoreError> {
        let entries = self.from(txn, Bound::Unbounded, &[])?;
        entries.map(|entry| entry.map(|_| 1)).sum()
    }

    /// The entries from a key on, or after it, that begin with `prefix`, in order; ends at the first
    /// that lies behind all of these.
    pub(crate) fn from<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        start: Bound<&[u8]>,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry<'t>, StoreError>> + use<'t>, StoreError> {
        let mark = self.mark;
        let entries = match start {
            // LMDB takes no empty key.
            Bound::Unbounded | Bound::Included([]) => {
                self.tree.range(txn, &(mark.least(), Bound::Unbounded))
            }
            Bound::Included(key) => {
                mark.with_start(key, |key| self.tree.range(txn, &(Bound::Included(key), END)))
            }
            Bound::Excluded(key) => {
                mark.with(key, |key| self.tree.range(txn, &(Bound::Excluded(key), END)))
            }
        };
        let prefix = prefix.to_vec();
        let entries = entries.map_err(fault)?.map_while(move |entry| match entry {
            Ok((key, value)) => mark.within(key, &prefix).then(|| {
                let key = mark.strip(key).filter(|key| key.starts_with(&prefix));
                key.map(|key| Ok((key, value)))
            }),
            Err(error) => Some(Some(Err(fault(error)))),
        });
        Ok(entries.flatten())
    }
}

/// Look-ups one after the other in one table. Any order is right; a key that lies a few entries behind
/// the one before is walked to, which is cheaper than another way down from the root.
pub(crate) struct Walk<'t> {
    table: Table,
    txn: &'t RoTxn<'t>,
    /// Entries of the tree behind the key found last.
    behind: Option<RoRange<'t, Bytes, Bytes>>,
}

impl<'t> Walk<'t> {
    /// Begins at no place.
    pub(crate) const fn new(table: Table, txn: &'t RoTxn<'t>) -> Self {
        Self { table, txn, behind: None }
    }

    /// The value of a key that is looked up by itself.
    pub(crate) fn jump(&mut self, key: &[u8]) -> Result<Option<&'t [u8]>, StoreError> {
        self.behind = None;
        self.table.get(self.txn, key)
    }

    /// The value of a key that probably lies soon behind the one before, and before the next one.
    pub(crate) fn walk(&mut self, key: &[u8]) -> Result<Option<&'t [u8]>, StoreError> {
        self.table.mark.with(key, |key| self.walk_to(key)).map_err(fault)
    }

    fn walk_to(&mut self, wanted: &[u8]) -> Result<Option<&'t [u8]>, heed::Error> {
        let tree = self.table.tree;
        let mut behind = match self.behind.take() {
            Some(behind) => behind,
            None => tree.range(self.txn, &(Bound::Included(wanted), END))?,
        };
        for _ in 0..WALK_ENTRIES {
            let Some((key, value)) = behind.next().transpose()? else { break };
            match key.cmp(wanted) {
                Ordering::Less => {}
                Ordering::Equal => {
                    self.behind = Some(behind);
                    return Ok(Some(value));
                }
                // It is not there, or lies before where the walk began.
                Ordering::Greater => break,
            }
        }
        tree.get(self.txn, wanted)
    }
}

/// To the end of the tree.
const END: Bound<&[u8]> = Bound::Unbounded;

impl Mark {
    /// Calls `work` with a key as it lies in the tree.
    fn with<R>(self, key: &[u8], work: impl FnOnce(&[u8]) -> R) -> R {
        let mut short = [0; MARKED_BYTES];
        let (front, behind) = match self {
            Self::From(_) => return work(key),
            Self::Before(mark) => (Some(mark), None),
            Self::Behind(mark) => (None, Some(mark)),
        };
        let parts = front.iter().chain(key).chain(&behind);
        let length = key.len() + 1;
        if length > MARKED_BYTES {
            return work(&parts.copied().collect::<Vec<u8>>());
        }
        short.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        work(&short[..length])
    }

    /// Calls `work` with where entries from a key on begin in the tree; the key may be part of one.
    fn with_start<R>(self, key: &[u8], work: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::From(_) | Self::Before(_) => self.with(key, work),
            // A longer key with the same beginning may lie before the mark.
            Self::Behind(_) => work(key),
        }
    }

    /// Where the table's entries begin.
    fn least(&self) -> Bound<&[u8]> {
        match self {
            Self::From(0) | Self::Behind(_) => Bound::Unbounded,
            Self::From(mark) | Self::Before(mark) => Bound::Included(std::slice::from_ref(mark)),
        }
    }

    /// Whether entries of the table that begin with `prefix` may follow a key of the tree.
    fn within(self, key: &[u8], prefix: &[u8]) -> bool {
        match self {
            Self::From(_) | Self::Behind(_) => key.starts_with(prefix),
            Self::Before(mark) => {
                key.split_first().is_some_and(|(m, key)| *m == mark && key.starts_with(prefix))
            }
        }
    }

    /// The table's key in a key of the tree; `None` when it is another table's.
    fn strip(self, key: &[u8]) -> Option<&[u8]> {
        match self {
            Self::From(mark) => key.first().is_some_and(|first| *first >= mark).then_some(key),
            Self::Before(mark) => key.strip_prefix(&[mark]),
            Self::Behind(mark) => key.strip_suffix(&[mark]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::env::Meta;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Entries of other tables lie between, more of them than a walk passes in some places.
        #[test]
        fn a_walk_finds_what_a_look_up_finds(
            there in prop::collection::vec((any::<bool>(), prop::sample::select(vec![0_u32, 1, 3, 40])), 60),
            asked in prop::collection::vec((0_u32..64, any::<bool>()), 1..80),
            ascending: bool,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let meta = Meta::open_writer(dir.path(), 1 << 26).unwrap();
            let (forms, copies) = (meta.tables.forms, meta.tables.copies);
            let mut txn = meta.env.write_txn().unwrap();
            for (number, (has_form, others)) in (0_u32..).zip(&there) {
                let key = u64::from(number).to_be_bytes();
                if *has_form {
                    forms.put(&mut txn, &key, &number.to_be_bytes()).unwrap();
                }
                for other in 0..*others {
                    let other = [&key[..], &u64::from(other).to_be_bytes()].concat();
                    copies.put(&mut txn, &other, b"").unwrap();
                }
            }
            txn.commit().unwrap();
            let mut asked = asked;
            if ascending {
                asked.sort_unstable();
            }
            let txn = meta.env.read_txn().unwrap();
            let mut walk = Walk::new(forms, &txn);
            for (number, jumps) in asked {
                let key = u64::from(number).to_be_bytes();
                let found = if jumps { walk.jump(&key) } else { walk.walk(&key) };
                prop_assert_eq!(found.unwrap(), forms.get(&txn, &key).unwrap(), "{}", number);
            }
        }
    }
}
