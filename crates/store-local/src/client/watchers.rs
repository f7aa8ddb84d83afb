//! Which sessions of this process want to know of which account, and what they show.

use super::Shared;
use crate::proto::{HOLD_MAILBOXES, Hold, Holds};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waypost_store::{Wake, Watch};
use waypost_types::{AccountId, MailboxId, ModSeq};

/// All watches of this process, in the order of accounts: a wake-up finds the watchers of its
/// account without meeting any other, and a watch costs no more than its entry.
#[derive(Default)]
pub(crate) struct Watchers {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<(AccountId, u64), Arc<Entry>>,
    last: u64,
}

struct Entry {
    wake: Wake,
    showing: Mutex<Option<(MailboxId, ModSeq)>>,
}

impl Watchers {
    fn add(&self, account: AccountId, wake: Wake) -> (u64, Arc<Entry>) {
        let entry = Arc::new(Entry { wake, showing: Mutex::new(None) });
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.entries.insert((account, number), Arc::clone(&entry));
        (number, entry)
    }

    fn remove(&self, account: AccountId, number: u64) {
        self.lock().entries.remove(&(account, number));
    }

    /// Wakes the watchers of an account.
    pub(crate) fn wake(&self, account: AccountId) {
        let range = (account, 0)..=(account, u64::MAX);
        let entries: Vec<_> =
            self.lock().entries.range(range).map(|(_, e)| Arc::clone(e)).collect();
        entries.iter().for_each(|entry| (entry.wake)());
    }

    /// Wakes all.
    pub(crate) fn wake_all(&self) {
        let entries: Vec<_> = self.lock().entries.values().map(Arc::clone).collect();
        entries.iter().for_each(|entry| (entry.wake)());
    }

    /// The oldest state of each mailbox that a session shows.
    pub(crate) fn holds(&self) -> Holds {
        let mut oldest: HashMap<MailboxId, ModSeq> = HashMap::new();
        for entry in self.lock().entries.values() {
            if let Some((mailbox, modseq)) = *entry.lock() {
                let known = oldest.entry(mailbox).or_insert(modseq);
                *known = (*known).min(modseq);
            }
        }
        if oldest.len() > HOLD_MAILBOXES {
            return Holds::Everything;
        }
        Holds::Mailboxes(
            oldest.into_iter().map(|(mailbox, modseq)| Hold { mailbox, modseq }).collect(),
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, Option<(MailboxId, ModSeq)>> {
        self.showing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One session's watch.
pub(crate) struct ClientWatch {
    shared: Arc<Shared>,
    account: AccountId,
    number: u64,
    entry: Arc<Entry>,
}

impl ClientWatch {
    pub(crate) fn new(shared: Arc<Shared>, account: AccountId, wake: Wake) -> Self {
        let (number, entry) = shared.watchers.add(account, wake);
        Self { shared, account, number, entry }
    }
}

impl Watch for ClientWatch {
    fn showing(&self, mailbox: Option<(MailboxId, ModSeq)>) {
        *self.entry.lock() = mailbox;
    }
}

impl Drop for ClientWatch {
    fn drop(&mut self) {
        self.shared.watchers.remove(self.account, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn only_the_watchers_of_the_account_are_woken() {
        let watchers = Watchers::default();
        let counts: [Arc<AtomicUsize>; 2] = Default::default();
        for (account, count) in [(1, &counts[0]), (1, &counts[0]), (2, &counts[1])] {
            let count = Arc::clone(count);
            watchers.add(
                AccountId(account),
                Arc::new(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                }),
            );
        }
        watchers.wake(AccountId(1));
        watchers.wake(AccountId(3));
        assert_eq!(counts.each_ref().map(|count| count.load(Ordering::Relaxed)), [2, 0]);
        watchers.remove(AccountId(1), 1);
        watchers.wake_all();
        assert_eq!(counts.each_ref().map(|count| count.load(Ordering::Relaxed)), [3, 1]);
    }

    #[test]
    fn the_oldest_state_shown_is_held() {
        let watchers = Watchers::default();
        for modseq in [9, 4, 7] {
            let (_, entry) = watchers.add(AccountId(1), Arc::new(|| {}));
            *entry.lock() = Some((MailboxId(5), ModSeq(modseq)));
        }
        watchers.add(AccountId(1), Arc::new(|| {}));
        let expected = Hold { mailbox: MailboxId(5), modseq: ModSeq(4) };
        assert_eq!(watchers.holds(), Holds::Mailboxes(vec![expected]));
    }
}
