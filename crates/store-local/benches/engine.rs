//! Prints what the engine does per second on this machine: `cargo bench -p waypost-store-local`.

#![allow(clippy::unwrap_used, reason = "a measurement may stop when its set-up fails")]

use std::time::Instant;
use waypost_store::{Content, Deliver, FlagAction, Mutation, Payload, Recipient, Snapshot};
use waypost_store_local::engine::{Engine, EngineConfig, Job, MutationId};
use waypost_types::{AccountId, AccountName, FlagSet, MailboxName, Moment, SystemFlag, UidSet};

/// Bytes of one message.
const MESSAGE_BYTES: usize = 10_000;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = Engine::open(EngineConfig::new(directory.path())).unwrap();
    let mut next = 0;
    for (batch, total) in [(1, 2_000), (10, 10_000), (50, 40_000), (200, 48_000)] {
        let start = Instant::now();
        for _ in 0..total / batch {
            let jobs = (0..batch).map(|n| job(&mut next, delivery(n))).collect();
            assert!(engine.commit(jobs, Moment::now().wall).iter().all(|d| d.outcome.is_ok()));
        }
        report(&format!("deliver, {batch} per batch"), start, total);
    }
    let account = engine.reader().snapshot().unwrap().account(&name(0)).unwrap().unwrap().id;
    flags(&mut engine, &mut next, account);
    reads(&engine, account);
}

fn flags(engine: &mut Engine, next: &mut u128, account: AccountId) {
    let reader = engine.reader();
    let inbox = reader.snapshot().unwrap().mailbox_named(account, &MailboxName::inbox());
    let mailbox = inbox.unwrap().unwrap().id;
    for action in [FlagAction::Add, FlagAction::Remove] {
        let start = Instant::now();
        let uids = UidSet::range(1..=1_000_000);
        let flags = FlagSet::system(&[SystemFlag::Seen]);
        let set =
            Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since: None };
        engine.commit(vec![job(next, set)], Moment::now().wall);
        report("STORE 1:*", start, 1);
    }
}

fn reads(engine: &Engine, account: AccountId) {
    let reader = engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let inbox = snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap().unwrap();
    let start = Instant::now();
    let live = snapshot.live(&inbox).unwrap();
    report(&format!("live set of {} messages, first", live.len()), start, 1);
    let start = Instant::now();
    for _ in 0..1_000 {
        open_once(&reader, account);
    }
    report("snapshot, mailbox, live set, first unseen, warm", start, 1_000);
}

fn open_once(reader: &waypost_store_local::reader::Reader, account: AccountId) {
    let snapshot: Box<dyn Snapshot + '_> = reader.snapshot().unwrap();
    let inbox = snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap().unwrap();
    assert!(!snapshot.live(&inbox).unwrap().is_empty());
    snapshot.first_unseen(&inbox).unwrap();
}

fn report(what: &str, start: Instant, count: u32) {
    let seconds = start.elapsed().as_secs_f64();
    let each = seconds * 1e6 / f64::from(count);
    println!("{what}: {each:.1} us each, {:.0} per second", f64::from(count) / seconds);
}

fn name(number: u32) -> AccountName {
    AccountName::new(&format!("user{number}")).unwrap()
}

fn job(next: &mut u128, mutation: Mutation) -> Job {
    *next += 1;
    Job { id: MutationId(*next), mutation }
}

fn delivery(number: u32) -> Mutation {
    let head =
        format!("From: a@b.example\r\nSubject: {number}\r\nMessage-ID: <{number}@x>\r\n\r\n");
    let text = format!("{head}{}", "x".repeat(MESSAGE_BYTES - head.len()));
    let bytes = bytes::Bytes::from(text);
    let parsed = Box::new(waypost_mime::parse(&bytes));
    let payload = Payload { content: Content::Inline(bytes), parsed };
    let account = name(number % 10);
    let flags = FlagSet::default();
    let recipients = vec![Recipient { account, folder: None, flags, limits: Default::default() }];
    Mutation::Deliver(Deliver { payload, recipients, internal_date: Moment::now().wall })
}
