//! Segments are compacted under readers and writers in other processes.

use crate::support::{Place, Process, account, append, eager, inbox, message, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use waypost_store::model::payload;
use waypost_store::{Mailbox, Mutation, Outcome, Store};
use waypost_store_local::client::{StoreAccess, StoreClient};
use waypost_types::{EmailId, Uid, UidSet};

const BODY_BYTES: usize = 500 << 10;

/// A message that nobody else has.
fn large(number: u32) -> Vec<u8> {
    let line = format!("{number} is a number\r\n");
    let mut bytes = format!("Subject: {number}\r\n\r\n").into_bytes();
    bytes.extend(line.bytes().cycle().take(BODY_BYTES));
    bytes
}

async fn expunge(store: &StoreClient, mailbox: &Mailbox, uids: UidSet) {
    let (account, mailbox, uids) = (mailbox.account, mailbox.id, Some(uids));
    let expunge = Mutation::Expunge { account, mailbox, uids, only_deleted: false };
    assert!(matches!(store.submit(expunge).await, Ok(Outcome::Expunged { .. })));
}

/// Files that this process holds open though they are removed.
fn removed_files() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().ends_with(".seg (deleted)")).count()
}

async fn removed_bytes(store: &StoreClient) -> u64 {
    store.status().await.unwrap().removed_bytes
}

async fn until_removed(store: &StoreClient, bytes: u64) {
    for _ in 0..2_000 {
        if removed_bytes(store).await >= bytes {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing is removed: {:?}", store.status().await);
}

/// A child with ten messages of half a MiB, of which one is left.
async fn one_of_ten(place: &Place) -> (Process, StoreClient, Mailbox) {
    let process = place.eager_child();
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    for number in 1..=10 {
        store.submit(append(&mailbox, payload(large(number)))).await.unwrap();
    }
    (process, store, mailbox)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_in_the_middle_of_a_message_reads_on() {
    let place = Place::new();
    let (_process, store, mailbox) = one_of_ten(&place).await;
    let body = store.snapshot().unwrap().body(mailbox.account, EmailId(3)).unwrap();
    let mut bytes = Vec::new();
    body.append_to(0..body.size() / 2, &mut bytes).unwrap();
    let gone: UidSet = (1..=10).filter(|n| *n != 3).map(Uid).collect();
    expunge(&store, &mailbox, gone).await;
    until_removed(&store, 4_000_000).await;
    // Only what is being read is still open.
    until("others are closed", || removed_files() == 1).await;
    body.append_to(body.size() / 2..body.size(), &mut bytes).unwrap();
    assert!(bytes == large(3), "the checksum of the whole was checked too");
    drop(body);
    until("it is closed", || removed_files() == 0).await;
    // Who comes later finds the new place.
    let again = store.snapshot().unwrap().body(mailbox.account, EmailId(3)).unwrap();
    bytes.clear();
    again.append_to(0..again.size(), &mut bytes).unwrap();
    assert!(bytes == large(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_readers_and_compaction_go_on_together() {
    let place = Place::new();
    let (_process, store, mailbox) = one_of_ten(&place).await;
    let store = Arc::new(store);
    let stop = Arc::new(AtomicBool::new(false));
    // Keeps the writer busy with other people's mail.
    let load = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let owner = account(&*store, "bob").await;
            let mailbox = inbox(&*store, owner);
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                store.submit(append(&mailbox, message("more"))).await.unwrap();
                sent += 1;
            }
            (inbox(&*store, owner).counters.messages, sent)
        }
    });
    for round in 1..=20 {
        let newest = 10 + round;
        store.submit(append(&mailbox, payload(large(newest)))).await.unwrap();
        expunge(&store, &mailbox, UidSet::range(round..=round)).await;
        for number in [round + 1, newest] {
            let snapshot = store.snapshot().unwrap();
            let body = snapshot.body(mailbox.account, EmailId(number)).unwrap();
            let mut bytes = Vec::new();
            body.append_to(0..body.size(), &mut bytes).unwrap();
            assert!(bytes == large(number), "message {number}");
        }
    }
    until_removed(&store, 6 << 20).await;
    stop.store(true, Ordering::Relaxed);
    let (there, sent) = load.await.unwrap();
    assert!(there == sent && sent > 0, "{there} of {sent}");
    assert_eq!(inbox(&*store, mailbox.account).counters.messages, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_has_it_done_now() {
    let place = Place::new();
    let mut config = eager(&place.store());
    config.compact.percent = 0;
    let server = place.server_of(config.clone());
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    for number in 1..=6 {
        store.submit(append(&mailbox, payload(large(number)))).await.unwrap();
    }
    expunge(&store, &mailbox, (2..=6).map(Uid).collect()).await;
    let row = |uid| store.snapshot().unwrap().message(mailbox.id, Uid(uid)).unwrap();
    until("they are purged", || row(6).is_none()).await;
    let done = store.compact(20).await.unwrap();
    assert!(done.segments >= 3 && done.removed_bytes > 5 * BODY_BYTES as u64, "{done:?}");
    assert!(done.copied_bytes < 2 * BODY_BYTES as u64, "{done:?}");
    let status = store.status().await.unwrap();
    assert_eq!(status.dead_bytes, 0, "{status:?}");
    assert!(status.segment_bytes < 2 * BODY_BYTES as u64, "{status:?}");
    assert_eq!(store.compact(20).await.unwrap().segments, 0);
    server.stop().await.unwrap();
    drop(store);
    // A tool does the same when the server is down.
    let access = StoreAccess::open(place.client_config()).await.unwrap();
    assert!(matches!(access, StoreAccess::Local(_)));
    access.store().submit(append(&mailbox, payload(large(7)))).await.unwrap();
    assert_eq!(access.compact(20).await.unwrap().segments, 0);
}
