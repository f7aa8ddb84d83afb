//! Live sets that the sessions of one process share, brought forward by the change log.

use std::collections::HashMap;
use std::sync::Arc;
use waypost_store::{Change, ChangeKind};
use waypost_types::{MailboxId, ModSeq, Uid, UidSet};

/// Mailboxes whose live sets are kept; more push out the least recently used.
const SETS: usize = 4_096;
/// Bytes of kept sets; about what two thousand mailboxes of 500,000 messages take.
const SETS_BYTES: usize = 128 << 20;

/// A mailbox as of a modification sequence.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) modseq: ModSeq,
    pub(super) live: Arc<UidSet>,
    /// Every live message below it is `\Seen`.
    pub(super) seen_below: Uid,
}

/// A kept set: when it was last used, the bytes it takes, itself.
struct Entry {
    used: u64,
    bytes: usize,
    known: Known,
}

#[derive(Default)]
pub(super) struct LiveSets {
    clock: u64,
    bytes: usize,
    sets: HashMap<MailboxId, Entry>,
}

impl LiveSets {
    pub(super) fn find(&mut self, mailbox: MailboxId) -> Option<Known> {
        self.clock += 1;
        let entry = self.sets.get_mut(&mailbox)?;
        entry.used = self.clock;
        Some(entry.known.clone())
    }

    /// Keeps what is newer than what is known.
    pub(super) fn keep(&mut self, mailbox: MailboxId, known: Known) {
        if self.sets.get(&mailbox).is_some_and(|old| old.known.modseq > known.modseq) {
            return;
        }
        self.remove(mailbox);
        self.clock += 1;
        let (used, bytes) = (self.clock, size(&known));
        self.bytes += bytes;
        self.sets.insert(mailbox, Entry { used, bytes, known });
        while self.sets.len() > SETS || self.bytes > SETS_BYTES {
            let oldest = self.sets.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(mailbox, _)| *mailbox) else { return };
            self.remove(oldest);
        }
    }

    /// Notes for the set as of `modseq` where its first unseen message may be.
    pub(super) fn note_seen_below(&mut self, mailbox: MailboxId, modseq: ModSeq, below: Uid) {
        if let Some(entry) = self.sets.get_mut(&mailbox).filter(|e| e.known.modseq == modseq) {
            entry.known.seen_below = below;
        }
    }

    fn remove(&mut self, mailbox: MailboxId) {
        if let Some(entry) = self.sets.remove(&mailbox) {
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }
}

/// Bytes of a set at most (see [`UidSet`]), with its place in the table.
fn size(known: &Known) -> usize {
    const ENTRY_BYTES: usize = 128;
    let span = |first: Uid, last: Uid| (last.0 - first.0) as usize / 8;
    let set = known.live.first().zip(known.live.last()).map_or(0, |(a, b)| span(a, b));
    set.min(known.live.len() as usize * 2) + ENTRY_BYTES
}

impl Known {
    /// Brings a mailbox forward by changes, oldest first.
    pub(super) fn advance<'a>(
        mut self,
        changes: impl Iterator<Item = &'a Change>,
        modseq: ModSeq,
    ) -> Self {
        let mut moved = false;
        for change in changes {
            moved |= matches!(change.kind, ChangeKind::Arrived(_) | ChangeKind::Expunged(_));
            match &change.kind {
                ChangeKind::Arrived(uids) => Arc::make_mut(&mut self.live).extend_from(uids),
                ChangeKind::Expunged(uids) => Arc::make_mut(&mut self.live).remove_all(uids),
                ChangeKind::Flags(uids) => {
                    self.seen_below =
                        uids.first().map_or(self.seen_below, |u| u.min(self.seen_below));
                }
                _ => {}
            }
        }
        if moved {
            Arc::make_mut(&mut self.live).compact();
        }
        self.modseq = modseq;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(modseq: u64, last: u32) -> Known {
        let live = Arc::new(UidSet::range(1..=last));
        Known { modseq: ModSeq(modseq), live, seen_below: Uid(last + 1) }
    }

    fn change(kind: ChangeKind) -> Change {
        Change { modseq: ModSeq(2), mailbox: MailboxId(1), kind }
    }

    #[test]
    fn older_states_do_not_replace_newer_ones() {
        let mut sets = LiveSets::default();
        sets.keep(MailboxId(1), known(5, 10));
        sets.keep(MailboxId(1), known(4, 9));
        assert_eq!(sets.find(MailboxId(1)).map(|k| k.modseq), Some(ModSeq(5)));
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut sets = LiveSets::default();
        for n in 0..5_000 {
            sets.keep(MailboxId(n), known(1, 1));
        }
        assert_eq!(sets.sets.len(), SETS);
        assert!(sets.find(MailboxId(0)).is_none() && sets.find(MailboxId(4_999)).is_some());
    }

    #[test]
    fn changes_bring_a_set_forward() {
        let changes = [
            change(ChangeKind::Arrived(UidSet::range(11..=12))),
            change(ChangeKind::Expunged(UidSet::range(2..=11))),
            change(ChangeKind::Flags(UidSet::range(1..=1))),
        ];
        let after = known(1, 10).advance(changes.iter(), ModSeq(2));
        assert_eq!(after.live.ranges(), vec![1..=1, 12..=12]);
        assert_eq!((after.modseq, after.seen_below), (ModSeq(2), Uid(1)));
    }
}
