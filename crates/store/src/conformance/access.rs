//! Notes of log-ins and log-outs: the newest stands, and they disturb nothing.
//!
//! Notes become visible with a later change or after some time, so a case makes changes until the
//! store shows what it must.

use super::script::Dice;
use super::{Case, account, snapshot, submit};
use crate::{Access, AccessKind, AccessService, LastAccess, Mutation, Store, limits};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use waypost_types::{AccountId, AccountName, MailboxName};

/// Every case with what it promises.
pub(super) const CASES: &[(&str, Case)] = &[
    ("the last log-in and log-out of each service are kept apart", kept_apart),
    ("the newest time stands, in whatever order notes come", any_order),
    ("all accounts are listed in pages", pages),
    ("a note wakes nobody and changes no account", disturbs_nothing),
];

/// Changes made until the notes must be seen.
const PATIENCE: u32 = 200;

fn name(text: &str) -> AccountName {
    AccountName::new(text).expect("a valid name")
}

fn note(account: &str, service: AccessService, kind: AccessKind, at: i64) -> Access {
    Access { account: name(account), service, kind, at }
}

fn known(store: &dyn Store, account: &str) -> LastAccess {
    let found = snapshot(store).last_access(&name(account)).expect("readable");
    found.unwrap_or_default()
}

fn subscribe(store: &dyn Store, account: AccountId, on: bool) {
    let name = MailboxName::new("settled").expect("a valid name");
    submit(store, Mutation::Subscribe { account, name, on }).expect("subscribed");
}

/// Makes changes until `seen` holds.
fn settle(store: &dyn Store, owner: AccountId, seen: impl Fn() -> bool) {
    for number in 0..PATIENCE {
        if seen() {
            return;
        }
        subscribe(store, owner, number % 2 == 0);
        std::thread::sleep(Duration::from_millis(u64::from(number / 10)));
    }
    assert!(seen(), "notes are seen after {PATIENCE} changes");
}

fn kept_apart(store: &dyn Store) {
    use AccessKind::{LogIn, LogOut};
    use AccessService::{Http, Imap, Pop};
    let owner = account(store, "alice");
    assert_eq!(snapshot(store).last_access(&name("alice")), Ok(None));
    let notes = [(Imap, LogIn, 100), (Pop, LogIn, 50), (Pop, LogOut, 60), (Http, LogOut, 7)];
    let mut expected = LastAccess::default();
    notes.iter().for_each(|(service, kind, at)| expected.note(*service, *kind, *at));
    store.note_access(notes.map(|(service, kind, at)| note("Alice", service, kind, at)).into());
    settle(store, owner, || known(store, "alice") == expected);
    assert_eq!(expected.of(Imap).log_out, None);
    assert_eq!(snapshot(store).last_access(&name("bob")), Ok(None));
    assert_eq!(snapshot(store).last_accesses(None), Ok(vec![(name("alice"), expected)]));
}

fn any_order(store: &dyn Store) {
    let owner = account(store, "alice");
    let mut dice = Dice::new(3);
    let mut expected: BTreeMap<&str, LastAccess> = BTreeMap::new();
    for _ in 0..50 {
        let mut notes = Vec::new();
        for _ in 0..dice.below(6) {
            // The third has no account in the store.
            let account = dice.pick(&["alice", "bob", "nobody@example.org"]);
            let service = AccessService::ALL[dice.below(3) as usize];
            let kind = AccessKind::ALL[dice.below(2) as usize];
            let at = i64::from(dice.below(1_000));
            expected.entry(account).or_default().note(service, kind, at);
            notes.push(note(account, service, kind, at));
        }
        store.note_access(notes);
    }
    settle(store, owner, || expected.iter().all(|(who, times)| known(store, who) == *times));
    store.note_access(vec![note("alice", AccessService::Imap, AccessKind::LogIn, 1)]);
    store.note_access(vec![note("late", AccessService::Imap, AccessKind::LogIn, 1)]);
    settle(store, owner, || known(store, "late") != LastAccess::default());
    assert_eq!(known(store, "alice"), expected["alice"], "an old note takes nothing back");
}

fn pages(store: &dyn Store) {
    let owner = account(store, "alice");
    let count = limits::ACCESS_PAGE + 100;
    let who = |n: usize| format!("user{n:05}");
    let login = |n| note(&who(n), AccessService::Pop, AccessKind::LogIn, 9);
    store.note_access((0..count).rev().map(login).collect());
    settle(store, owner, || (0..count).all(|n| known(store, &who(n)).known().count() == 1));
    let snap = snapshot(store);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = snap.last_accesses(after.as_ref()).expect("readable");
        assert!(page.len() <= limits::ACCESS_PAGE);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        found.extend(page.into_iter().map(|(name, _)| name));
    }
    let expected: Vec<_> = (0..count).map(|n| name(&who(n))).collect();
    assert_eq!(found, expected);
}

fn disturbs_nothing(store: &dyn Store) {
    let (alice, bob) = (account(store, "alice"), account(store, "bob"));
    let before = snapshot(store).account_by_id(alice);
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let _watch = store.watch(
        alice,
        Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }),
    );
    store.note_access(vec![note("alice", AccessService::Imap, AccessKind::LogIn, 5)]);
    store.note_access(Vec::new());
    settle(store, bob, || known(store, "alice") != LastAccess::default());
    assert_eq!(woken.load(Ordering::Relaxed), 0);
    assert_eq!(snapshot(store).account_by_id(alice), before);
}
