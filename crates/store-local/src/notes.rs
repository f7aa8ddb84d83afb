//! Notes of log-ins and log-outs on their way to the metadata: one entry for each account, bounded.
//!
//! A worker gathers them here for the socket, `stored` for the next commit. Taking one in costs no
//! more than a look into a table, and what does not fit is counted and gone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use waypost_store::{Access, LastAccess};
use waypost_types::AccountName;

/// Accounts whose notes may wait: a thousand new ones a second for [`NOTES_AGE`]. About 6 MiB, with
/// the longest names 25 MiB.
pub(crate) const NOTED_ACCOUNTS: usize = 32_768;
/// Notes that no commit has taken along by this age get one of their own.
pub(crate) const NOTES_AGE: Duration = Duration::from_secs(30);

/// An account with its times.
pub(crate) type Noted = (AccountName, LastAccess);

/// Notes that wait, the oldest first.
#[derive(Default)]
pub(crate) struct Notes {
    waiting: HashMap<AccountName, LastAccess>,
    order: VecDeque<(Instant, AccountName)>,
    dropped: u64,
    /// Dropped since it was last said in the log.
    unsaid: u64,
}

impl Notes {
    /// Takes in what a session says.
    pub(crate) fn note(&mut self, access: Access, now: Instant) {
        let mut times = LastAccess::default();
        times.note(access.service, access.kind, access.at);
        self.add(access.account, &times, now);
    }

    /// Takes in the times of an account, unless too many others wait.
    pub(crate) fn add(&mut self, account: AccountName, times: &LastAccess, now: Instant) {
        if let Some(known) = self.waiting.get_mut(&account) {
            return known.merge(times);
        }
        if self.waiting.len() >= NOTED_ACCOUNTS {
            return self.lose(1);
        }
        self.order.push_back((now, account.clone()));
        self.waiting.insert(account, *times);
    }

    /// Takes out the oldest, at most `most` accounts.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Noted> {
        self.say_dropped();
        let count = most.min(self.order.len());
        let taken = self.order.drain(..count);
        taken.filter_map(|(_, account)| self.waiting.remove_entry(&account)).collect()
    }

    /// How many accounts wait.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Since when the oldest waits.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.order.front().map(|(since, _)| *since)
    }

    /// Counts notes that are gone for good.
    pub(crate) const fn lose(&mut self, count: u64) {
        self.dropped += count;
        self.unsaid += count;
    }

    /// How many notes were ever dropped here; those of one account may count as one.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn say_dropped(&mut self) {
        if self.unsaid > 0 {
            tracing::warn!(count = self.unsaid, "notes of log-ins and log-outs were dropped");
            self.unsaid = 0;
        }
    }
}

/// Notes that threads hand to the writer without waking it.
#[derive(Default)]
pub(crate) struct SharedNotes(Mutex<Notes>);

impl SharedNotes {
    /// Works on the notes; never across anything that waits.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what sessions say.
    pub(crate) fn note(&self, accesses: Vec<Access>, now: Instant) {
        let mut notes = self.lock();
        accesses.into_iter().for_each(|access| notes.note(access, now));
    }

    /// How long the writer may rest before notes need a commit of their own. Without any it is
    /// their whole age: one that comes meanwhile is younger when the writer looks again.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        let since = self.lock().since();
        since.map_or(NOTES_AGE, |since| (since + NOTES_AGE).saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_store::{AccessKind, AccessService};

    fn access(number: usize, at: i64) -> Access {
        let account = AccountName::new(&format!("user{number}")).expect("a valid name");
        Access { account, service: AccessService::Imap, kind: AccessKind::LogIn, at }
    }

    #[test]
    fn an_account_waits_once_with_its_newest_time() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        for (number, at) in [(1, 5), (2, 1), (1, 9), (1, 7)] {
            notes.note(access(number, at), now);
        }
        let taken = notes.take(1);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].1.of(AccessService::Imap).log_in, Some(9));
        assert_eq!(notes.take(usize::MAX).len(), 1);
        assert!(notes.since().is_none() && notes.take(1).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_counted_and_known_accounts_still_fit() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        (0..NOTED_ACCOUNTS + 3).for_each(|number| notes.note(access(number, 1), now));
        notes.note(access(0, 2), now);
        assert_eq!(notes.dropped(), 3);
        let taken = notes.take(usize::MAX);
        assert_eq!(taken.len(), NOTED_ACCOUNTS);
        assert_eq!(taken[0].1.of(AccessService::Imap).log_in, Some(2));
    }

    #[test]
    fn the_writer_rests_until_the_oldest_is_due() {
        let (notes, start) = (SharedNotes::default(), Instant::now());
        assert_eq!(notes.patience(start), NOTES_AGE);
        notes.note(vec![access(1, 1)], start);
        let later = start + Duration::from_secs(10);
        notes.note(vec![access(2, 1), access(1, 2)], later);
        assert_eq!(notes.patience(later), NOTES_AGE - Duration::from_secs(10));
        assert_eq!(notes.patience(start + NOTES_AGE * 2), Duration::ZERO);
    }
}
