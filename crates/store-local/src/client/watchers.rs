//! Which sessions of this process want to know of which account, and what they show.

use super::Shared;
use crate::proto::{FRAME_LISTENS, HOLD_MAILBOXES, Hold, Holds, ToStored};
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// The accounts that the server was told of. It is told of the end of a watch only when a change
    /// finds nobody: users come back, and a login should not cost two frames.
    listens: HashSet<AccountId>,
}

impl State {
    fn is_watched(&self, account: AccountId) -> bool {
        self.entries.range((account, 0)..=(account, u64::MAX)).next().is_some()
    }
}

struct Entry {
    wake: Wake,
    showing: Mutex<Option<(MailboxId, ModSeq)>>,
}

impl Watchers {
    /// Adds a watch; `listen` is called when the server is to hear of the account, under the lock, so
    /// that what it is told and what stands here keep one order.
    fn add(&self, account: AccountId, wake: Wake, listen: impl FnOnce()) -> (u64, Arc<Entry>) {
        let entry = Arc::new(Entry { wake, showing: Mutex::new(None) });
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.entries.insert((account, number), Arc::clone(&entry));
        if state.listens.insert(account) {
            listen();
        }
        (number, entry)
    }

    /// Tells a new connection what this process listens to; forgets accounts that nobody watches.
    pub(crate) fn listen_again(&self, shared: &Shared) {
        let mut state = self.lock();
        let watched: HashSet<AccountId> =
            state.entries.keys().map(|(account, _)| *account).collect();
        let all: Vec<_> = watched.iter().map(|a| (*a, shared.modseq(*a))).collect();
        state.listens = watched;
        for accounts in all.chunks(FRAME_LISTENS) {
            shared.push(&ToStored::Listen { accounts: accounts.to_vec() });
        }
    }

    /// Tells the server that nobody watches these accounts any more, where that is still so.
    pub(crate) fn unlisten(&self, shared: &Shared, deaf: &[AccountId]) {
        for deaf in deaf.chunks(FRAME_LISTENS) {
            let mut state = self.lock();
            let gone = |a: &AccountId| !state.is_watched(*a) && state.listens.contains(a);
            let accounts: Vec<_> = deaf.iter().copied().filter(gone).collect();
            for account in &accounts {
                state.listens.remove(account);
            }
            if !accounts.is_empty() {
                shared.push(&ToStored::Unlisten { accounts });
            }
        }
    }

    fn remove(&self, account: AccountId, number: u64) {
        self.lock().entries.remove(&(account, number));
    }

    /// Wakes the watchers of an account; false when there are none.
    pub(crate) fn wake(&self, account: AccountId) -> bool {
        let range = (account, 0)..=(account, u64::MAX);
        let entries: Vec<_> =
            self.lock().entries.range(range).map(|(_, e)| Arc::clone(e)).collect();
        entries.iter().for_each(|entry| (entry.wake)());
        !entries.is_empty()
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
        let listen = || {
            let accounts = vec![(account, shared.modseq(account))];
            shared.push(&ToStored::Listen { accounts });
        };
        let (number, entry) = shared.watchers.add(account, wake, listen);
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
                || {},
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
            let (_, entry) = watchers.add(AccountId(1), Arc::new(|| {}), || {});
            *entry.lock() = Some((MailboxId(5), ModSeq(modseq)));
        }
        watchers.add(AccountId(1), Arc::new(|| {}), || {});
        let expected = Hold { mailbox: MailboxId(5), modseq: ModSeq(4) };
        assert_eq!(watchers.holds(), Holds::Mailboxes(vec![expected]));
    }
}
