//! Which accounts a worker wants to hear of. A delivery to anybody else's wakes no process.

use crate::proto::LISTENED_ACCOUNTS;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use waypost_types::{AccountId, ModSeq};

/// Outcomes kept since a worker heard their number last; then it is told even without a change. It
/// must know within [`crate::engine::OUTCOMES`] what the store may have forgotten.
const TOLD_EVERY: u64 = 1_000;

const _: () = assert!(TOLD_EVERY * 4 < crate::engine::OUTCOMES as u64);

/// What one worker listens to.
#[derive(Default)]
pub(crate) struct Listens {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: HashSet<AccountId>,
    /// Too many to keep: everything is told.
    all: bool,
    told: u64,
}

impl Listens {
    /// From now on changes of these accounts are told.
    pub(crate) fn add(&self, accounts: impl Iterator<Item = AccountId>) {
        let mut state = self.lock();
        state.accounts.extend(accounts);
        if state.accounts.len() > LISTENED_ACCOUNTS {
            *state = State { all: true, told: state.told, ..State::default() };
        }
    }

    /// Changes of these accounts need not be told any more.
    pub(crate) fn remove(&self, accounts: &[AccountId]) {
        let mut state = self.lock();
        for account in accounts {
            state.accounts.remove(account);
        }
    }

    /// What the worker is told of a batch that left the store with so many outcomes; `None` when
    /// nothing.
    pub(crate) fn of(
        &self,
        changes: &HashMap<AccountId, ModSeq>,
        outcomes: u64,
    ) -> Option<Vec<(AccountId, ModSeq)>> {
        let mut state = self.lock();
        let heard = |account: &AccountId| state.all || state.accounts.contains(account);
        let told: Vec<_> =
            changes.iter().filter(|(account, _)| heard(account)).map(|(a, m)| (*a, *m)).collect();
        if told.is_empty() && outcomes.saturating_sub(state.told) < TOLD_EVERY {
            return None;
        }
        state.told = outcomes;
        Some(told)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(accounts: &[u32]) -> HashMap<AccountId, ModSeq> {
        accounts.iter().map(|number| (AccountId(*number), ModSeq(9))).collect()
    }

    #[test]
    fn a_worker_is_told_what_it_listens_to() {
        let listens = Listens::default();
        assert_eq!(listens.of(&changes(&[1]), 1), None);
        listens.add([AccountId(1), AccountId(2)].into_iter());
        assert_eq!(listens.of(&changes(&[1, 3]), 2), Some(vec![(AccountId(1), ModSeq(9))]));
        listens.remove(&[AccountId(1)]);
        assert_eq!(listens.of(&changes(&[1, 3]), 3), None);
    }

    #[test]
    fn the_number_of_outcomes_is_told_in_time() {
        let listens = Listens::default();
        assert_eq!(listens.of(&changes(&[1]), TOLD_EVERY), Some(Vec::new()));
        assert_eq!(listens.of(&changes(&[1]), TOLD_EVERY + 1), None);
    }

    #[test]
    fn a_worker_with_too_many_is_told_everything() {
        let listens = Listens::default();
        let most = u32::try_from(LISTENED_ACCOUNTS).unwrap_or(0);
        listens.add((0..=most).map(AccountId));
        assert!(listens.of(&changes(&[most + 7]), 1).is_some());
    }
}
