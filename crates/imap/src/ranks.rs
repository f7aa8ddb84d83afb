//! Ranks of the texts that messages are sorted by, kept between commands: a text never changes for a UID, so
//! who has sorted a mailbox by one need not read it again.
//!
//! What is kept is bounded for the process; what was used least recently is let go. It is never changed in
//! place: a command holds what it took, and nobody waits for another's command.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waypost_imap_wire::SortKey;
use waypost_types::{AccountId, MailboxId, UidSet, UidValidity};

/// Bytes that one process may keep: ranks of ten to sixteen million messages.
const RANKS_BYTES_MAX: usize = 64 << 20;
/// Messages of one block of a set of UIDs.
const BLOCK_UIDS: usize = 1 << 16;
/// What a block of a set costs beside its messages, and what an entry does.
const OVERHEAD_BYTES: usize = 64;

/// Messages of a mailbox and the order of their texts.
#[derive(Debug, PartialEq)]
pub(crate) struct Ranks {
    /// The messages that were there when the ranks were made. Mostly the same set as others of the process
    /// hold.
    pub(crate) known: Arc<UidSet>,
    /// Of each of them, in ascending order: texts that are less have lesser ranks, equal ones the same.
    pub(crate) ranks: Vec<u32>,
}

impl Ranks {
    /// About how many bytes they hold. A set costs at most two bytes for each member.
    fn weight(&self) -> usize {
        let span = |first: u32, last: u32| (last - first) as usize / BLOCK_UIDS + 2;
        let ends = self.known.first().zip(self.known.last());
        let blocks = ends.map_or(0, |(first, last)| span(first.0, last.0)).min(self.ranks.len());
        let each = size_of::<u32>() + size_of::<u16>();
        self.ranks.len() * each + (blocks + 2) * OVERHEAD_BYTES
    }
}

/// Which ranks: numbers of mailboxes are never given again, and UIDs not for one UIDVALIDITY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RanksOf {
    pub(crate) account: AccountId,
    pub(crate) mailbox: MailboxId,
    pub(crate) uid_validity: UidValidity,
    pub(crate) key: SortKey,
}

/// The ranks that a process keeps.
#[derive(Debug, Default)]
pub(crate) struct KeptRanks(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<RanksOf, Entry>,
    /// What was used when, the least recent first.
    uses: BTreeMap<u64, RanksOf>,
    /// Uses so far.
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    ranks: Arc<Ranks>,
    used: u64,
}

impl KeptRanks {
    /// The ranks that are kept; this counts as a use.
    pub(crate) fn of(&self, of: &RanksOf) -> Option<Arc<Ranks>> {
        let mut kept = self.lock();
        let ranks = kept.take(of)?;
        kept.insert(*of, Arc::clone(&ranks));
        Some(ranks)
    }

    /// Keeps ranks, unless some are kept that know all these messages: another session was first.
    pub(crate) fn keep(&self, of: RanksOf, ranks: Arc<Ranks>) {
        let mut kept = self.lock();
        let before = kept.take(&of);
        let ranks = match before {
            Some(before) if ranks.known.difference(&before.known).is_empty() => before,
            _ => ranks,
        };
        kept.insert(of, ranks);
        kept.shrink(RANKS_BYTES_MAX);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole between any two statements that could fail.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn insert(&mut self, of: RanksOf, ranks: Arc<Ranks>) {
        self.clock += 1;
        self.bytes += ranks.weight();
        self.uses.insert(self.clock, of);
        self.entries.insert(of, Entry { ranks, used: self.clock });
    }

    fn take(&mut self, of: &RanksOf) -> Option<Arc<Ranks>> {
        let entry = self.entries.remove(of)?;
        self.uses.remove(&entry.used);
        self.bytes = self.bytes.saturating_sub(entry.ranks.weight());
        Some(entry.ranks)
    }

    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max
            && let Some((_, of)) = self.uses.first_key_value()
        {
            let of = *of;
            self.take(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mailbox: u32, uid_validity: u32) -> RanksOf {
        RanksOf {
            account: AccountId(1),
            mailbox: MailboxId(mailbox),
            uid_validity: UidValidity(uid_validity),
            key: SortKey::Subject,
        }
    }

    fn ranks(count: u32) -> Arc<Ranks> {
        let known = Arc::new(UidSet::range(1..=count));
        Arc::new(Ranks { known, ranks: (0..count).collect() })
    }

    #[test]
    fn what_was_used_least_recently_is_let_go() {
        let kept = KeptRanks::default();
        let count = 1 << 20;
        let room = RANKS_BYTES_MAX / ranks(count).weight();
        assert!((8..=16).contains(&room), "{room}");
        for mailbox in 0..u32::try_from(room).unwrap() {
            kept.keep(of(mailbox, 1), ranks(count));
        }
        assert!(kept.of(&of(0, 1)).is_some());
        kept.keep(of(100, 1), ranks(count));
        let is_kept = |mailbox| kept.lock().entries.contains_key(&of(mailbox, 1));
        assert_eq!([0, 1, 2, 100].map(is_kept), [true, false, true, true]);
        let held = kept.lock();
        let weights: usize = held.entries.values().map(|entry| entry.ranks.weight()).sum();
        assert_eq!((held.bytes, held.entries.len()), (weights, held.uses.len()));
        assert!(held.bytes <= RANKS_BYTES_MAX);
    }

    #[test]
    fn the_ranks_that_know_more_stay() {
        let kept = KeptRanks::default();
        for (count, stays) in [(10, 10), (9, 10), (11, 11), (10, 11)] {
            kept.keep(of(1, 1), ranks(count));
            assert_eq!(kept.of(&of(1, 1)), Some(ranks(stays)));
        }
        assert_eq!(kept.of(&of(1, 2)), None);
        assert_eq!(kept.of(&of(2, 1)), None);
    }

    #[test]
    fn sparse_sets_are_counted_by_their_blocks() {
        let known: UidSet = (0..1_000).map(|n| waypost_types::Uid(n * 100_000 + 1)).collect();
        let sparse = Ranks { known: Arc::new(known), ranks: vec![0; 1_000] };
        assert!(sparse.weight() > ranks(1_000).weight() + 900 * OVERHEAD_BYTES);
    }
}
