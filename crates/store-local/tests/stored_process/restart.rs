//! Restarts of the server under load: acknowledged is present exactly once.

use crate::support::{Place, account, append, bodies, inbox, message};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use waypost_store::{Mailbox, Mutation, Outcome, Store, limits};
use waypost_store_local::check::{self, CheckOptions};
use waypost_store_local::client::StoreClient;
use waypost_types::{MailboxName, QuotaLimits, UidSet};

const SESSIONS: usize = 8;
const KILLS: usize = 20;
/// Messages appended between two kills, at least.
const BETWEEN: usize = 25;

/// Appends messages until told to stop; returns those acknowledged.
async fn session(
    number: usize,
    store: Arc<StoreClient>,
    mailbox: Mailbox,
    stop: Arc<AtomicBool>,
    total: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let text = format!("session {number} message {}", acknowledged.len());
        store.submit(append(&mailbox, message(&text))).await.unwrap();
        acknowledged.push(text);
        total.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_is_present_exactly_once_through_kills() {
    let place = Place::new();
    let mut server = place.child();
    let store = Arc::new(place.client().await);
    let owner = account(&*store, "ada").await;
    let mailbox = inbox(&*store, owner);
    let stop = Arc::new(AtomicBool::new(false));
    let total = Arc::new(AtomicUsize::new(0));
    let start = |number| {
        let (store, stop, total) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&total));
        tokio::spawn(session(number, store, mailbox.clone(), stop, total))
    };
    let sessions: Vec<_> = (0..SESSIONS).map(start).collect();
    for kill in 0..KILLS {
        let goal = total.load(Ordering::Relaxed) + BETWEEN;
        while total.load(Ordering::Relaxed) < goal {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(317 * kill as u64)).await;
        drop(server);
        server = place.child();
    }
    stop.store(true, Ordering::Relaxed);
    let mut expected: HashMap<Vec<u8>, usize> = HashMap::new();
    for session in sessions {
        for text in session.await.unwrap() {
            expected.insert(format!("Subject: {text}\r\n\r\n{text}\r\n").into_bytes(), 1);
        }
    }
    let mut found: HashMap<Vec<u8>, usize> = HashMap::new();
    for body in bodies(&*store, &mailbox) {
        *found.entry(body).or_default() += 1;
    }
    server.stop();
    assert!(expected.len() >= KILLS * BETWEEN);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_change_waits_for_a_server_that_starts_later() {
    let place = Place::new();
    let server = place.child();
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    server.stop();
    let mailbox = inbox(&store, owner);
    let late = store.submit(append(&mailbox, message("late")));
    tokio::time::sleep(Duration::from_millis(30)).await;
    let server = place.child();
    late.await.unwrap();
    assert_eq!(bodies(&store, &mailbox).len(), 1);
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_loses_nothing_either() {
    let place = Place::new();
    let mut server = place.child();
    let store = Arc::new(place.client().await);
    let owner = account(&*store, "ada").await;
    let mailbox = inbox(&*store, owner);
    let mut answers = Vec::new();
    for round in 0..5 {
        for number in 0..40 {
            let change = append(&mailbox, message(&format!("{round} {number}")));
            answers.push(tokio::spawn(store.submit(change)));
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
        server.stop();
        server = place.child();
    }
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(bodies(&*store, &mailbox).len(), 200);
    server.stop();
}

/// Moves all messages of a mailbox to another.
fn move_all(from: &Mailbox, to: &Mailbox) -> Mutation {
    let uids = UidSet::range(1..=u32::MAX - 1);
    Mutation::Move { account: from.account, from: from.id, uids, to: to.id }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_in_steps_loses_and_doubles_nothing_through_kills() {
    let place = Place::new();
    let mut server = place.child();
    let store = Arc::new(place.client().await);
    let owner = account(&*store, "ada").await;
    let mut from = inbox(&*store, owner);
    let name = MailboxName::new("Archive").unwrap();
    let mut to = store.snapshot().unwrap().mailbox_named(owner, &name).unwrap().unwrap();
    for number in 0..300 {
        store.submit(append(&from, message(&format!("message {number}")))).await.unwrap();
    }
    for _ in 0..4 {
        let (uids, limits) = (UidSet::range(1..=u32::MAX - 1), QuotaLimits::NONE);
        let from = from.id;
        let double = Mutation::Copy { account: owner, from, uids, to: from, limits };
        store.submit(double).await.unwrap();
    }
    let all = 300 << 4;
    assert!(all as usize > 2 * limits::STEP_ROWS, "it goes in steps");
    for kill in 0..KILLS as u64 {
        let moving = tokio::spawn(store.submit(move_all(&from, &to)));
        tokio::time::sleep(Duration::from_micros(1_717 * kill)).await;
        drop(server);
        server = place.child();
        let Ok(Outcome::Copied(copied)) = moving.await.unwrap() else { panic!("not moved") };
        assert_eq!((copied.source.len(), copied.target.len()), (all, all));
        std::mem::swap(&mut from, &mut to);
        let snapshot = store.snapshot().unwrap();
        let count = |of: &Mailbox| {
            let record = snapshot.mailbox(owner, of.id).unwrap().unwrap();
            (record.counters.messages, snapshot.live(&record).unwrap().len())
        };
        assert_eq!((count(&from), count(&to)), ((all, all), (0, 0)), "kill {kill}");
    }
    server.stop();
    let report = check::check(&place.store(), &CheckOptions::default()).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
