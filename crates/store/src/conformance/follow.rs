//! Views under random mutations, with wake-ups late, lost, doubled and out of order.
//!
//! Each session keeps what an IMAP client would know from what was announced: the list of messages
//! with their flags. Whatever the schedule, a last catch-up makes it equal to the store.

use super::script::{ACCOUNTS, Dice, Step};
use super::{account, flags_of, mailbox, snapshot};
use crate::{Announcement, Store, View, Watch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waypost_types::{AccountId, FlagSet, Uid, UidSet};

/// Runs `steps` random mutations while `sessions` sessions follow the inboxes.
///
/// # Panics
/// When a session's knowledge differs from the store at the end, or an announcement is impossible;
/// the message holds the seed.
pub fn follow(store: &dyn Store, seed: u64, steps: u32, sessions: usize) {
    let mut dice = Dice::new(seed);
    let mut clients: Vec<Client> =
        (0..sessions).map(|n| Client::open(store, ACCOUNTS[n % ACCOUNTS.len()])).collect();
    for number in 0..steps {
        Step::random(&mut dice, number).run(store);
        for client in &mut clients {
            client.perhaps(store, &mut dice);
        }
    }
    for client in &mut clients {
        client.advance(store, true);
        client.check(store, seed);
    }
}

struct Client {
    view: View,
    known: Vec<(Uid, Option<FlagSet>)>,
    woken: Arc<AtomicBool>,
    _watch: Box<dyn Watch>,
}

impl Client {
    fn open(store: &dyn Store, name: &str) -> Self {
        let id = account(store, name);
        let woken = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&woken);
        let watch = store.watch(id, Arc::new(move || flag.store(true, Ordering::SeqCst)));
        let view = Self::view(store, id, name);
        let known = view.shown().iter().map(|uid| (uid, None)).collect();
        let mut client = Self { view, known, woken, _watch: watch };
        let all = (**client.view.shown()).clone();
        client.fetch(store, &all);
        client
    }

    fn view(store: &dyn Store, id: AccountId, name: &str) -> View {
        let inbox = mailbox(store, id, "INBOX").id;
        let opened = View::open(&*snapshot(store), id, inbox).expect("a view opens");
        opened.unwrap_or_else(|| panic!("{name} has an inbox")).0
    }

    /// Reacts to a wake-up at once, late, twice, not at all, or without one.
    fn perhaps(&mut self, store: &dyn Store, dice: &mut Dice) {
        let woken = self.woken.load(Ordering::SeqCst);
        match dice.below(6) {
            0 if woken => self.advance(store, true),
            1 => self.advance(store, false),
            2 => {
                self.advance(store, false);
                self.advance(store, true);
            }
            3 => drop(self.woken.swap(false, Ordering::SeqCst)),
            _ => {}
        }
    }

    fn advance(&mut self, store: &dyn Store, with_expunges: bool) {
        self.view.catch_up(&*snapshot(store)).expect("catches up");
        let news = self.view.announce(with_expunges);
        self.hear(store, &news);
        assert!(!self.view.has_news(with_expunges), "nothing is left to announce");
    }

    fn hear(&mut self, store: &dyn Store, news: &Announcement) {
        for uid in news.expunged.iter() {
            let sequence = news.before.sequence_of(uid).expect("only shown messages leave");
            assert!(sequence as usize <= news.before.len() as usize);
            self.known.retain(|(known, _)| *known != uid);
        }
        let shown = Arc::clone(self.view.shown());
        let last = self.known.last().map_or(Uid(0), |(uid, _)| *uid);
        let new: UidSet = shown.iter_from(Uid(last.0 + 1)).collect();
        assert!(new.is_empty() || news.arrived, "arrivals are announced");
        self.known.extend(new.iter().map(|uid| (uid, None)));
        let listed: Vec<Uid> = self.known.iter().map(|(uid, _)| *uid).collect();
        assert_eq!(listed, shown.iter().collect::<Vec<_>>(), "the client's list is the view's");
        let mut ask = news.flags.clone();
        ask.extend_from(&new);
        self.fetch(store, &ask);
    }

    fn fetch(&mut self, store: &dyn Store, uids: &UidSet) {
        let snap = snapshot(store);
        for (uid, flags) in &mut self.known {
            if uids.contains(*uid) {
                *flags = flags_of(&*snap, self.view.mailbox, *uid);
            }
        }
    }

    fn check(&self, store: &dyn Store, seed: u64) {
        let snap = snapshot(store);
        let record = snap.mailbox(self.view.account, self.view.mailbox);
        let record = record.expect("readable").expect("an inbox stays");
        let live = snap.live(&record).expect("readable");
        assert_eq!(**self.view.shown(), *live, "seed {seed}: shown is live");
        for (uid, flags) in &self.known {
            let stored = flags_of(&*snap, self.view.mailbox, *uid);
            assert_eq!(*flags, stored, "seed {seed}: flags of {uid}");
        }
    }
}
