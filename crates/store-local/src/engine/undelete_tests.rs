//! Tests of what comes back: expunged messages as new ones, deleted mailboxes as they were.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::compact_tests::check_accounts;
use super::tests::{Bench, NOW, bytes_of, expunge};
use super::*;
use waypost_store::Mailbox;
use waypost_types::{EmailId, MailboxName, Uid, UidSet};

fn inbox_of_five() -> (Bench, AccountId, MailboxId) {
    let mut bench = Bench::new();
    let text = |n: u32| format!("Subject: {n}\r\n\r\n{n}");
    let list: Vec<_> = (1..=5).map(|n| bench.deliver(&["a"], &text(n)).remove(0)).collect();
    let first = list[0].clone().unwrap();
    (bench, first.account, first.mailbox)
}

fn undelete(bench: &mut Bench, account: AccountId, mailbox: MailboxId) -> (UidSet, UidSet) {
    let gone = bench.engine.reader().gone(account, 0).unwrap();
    let uids = gone.messages.get(&mailbox).cloned().unwrap_or_default();
    match bench.run(Mutation::Undelete { account, mailbox, uids }).unwrap() {
        Outcome::Copied(copied) => (copied.source, copied.target),
        other => panic!("{other:?}"),
    }
}

fn uids(list: &[u32]) -> UidSet {
    list.iter().copied().map(Uid).collect()
}

#[test]
fn expunged_messages_come_back_once_under_new_uids() {
    let (mut bench, account, inbox) = inbox_of_five();
    let reader = bench.engine.reader();
    bench.run(expunge(account, inbox, Some(uids(&[2, 4])))).unwrap();
    assert_eq!(undelete(&mut bench, account, inbox), (uids(&[2, 4]), uids(&[6, 7])));
    assert_eq!(undelete(&mut bench, account, inbox), (uids(&[]), uids(&[])));
    check_accounts(&bench);
    bench.purge_all(None);
    check_accounts(&bench);
    let snapshot = reader.snapshot().unwrap();
    let row = snapshot.message(inbox, Uid(7)).unwrap().unwrap();
    assert_eq!((row.email, row.internal_date), (EmailId(4), NOW));
    assert_eq!(bytes_of(&*snapshot, account, row.email), b"Subject: 4\r\n\r\n4");
    let mailbox = snapshot.mailbox(account, inbox).unwrap().unwrap();
    assert_eq!((mailbox.counters.messages, mailbox.uid_next), (5, Uid(8)));
    drop(snapshot);
    // What is purged is gone for good.
    bench.run(expunge(account, inbox, None)).unwrap();
    bench.purge_all(None);
    assert_eq!(undelete(&mut bench, account, inbox), (uids(&[]), uids(&[])));
    let all = Mutation::Undelete { account, mailbox: inbox, uids: uids(&[1, 6, 7, 99]) };
    assert!(matches!(bench.run(all).unwrap(), Outcome::Copied(c) if c.target.is_empty()));
}

/// A mailbox with three copies, deleted.
fn deleted(bench: &mut Bench, account: AccountId, inbox: MailboxId) -> Mailbox {
    let name = MailboxName::new("x/y").unwrap();
    let create = Mutation::CreateMailbox { account, name, special_use: None };
    let Outcome::Mailbox(to) = bench.run(create).unwrap() else { panic!("no mailbox") };
    let (from, uids, limits) = (inbox, uids(&[1, 2, 3]), Default::default());
    bench.run(Mutation::Copy { account, from, uids, to, limits }).unwrap();
    let reader = bench.engine.reader();
    let mailbox = reader.snapshot().unwrap().mailbox(account, to).unwrap().unwrap();
    bench.run(Mutation::DeleteMailbox { account, mailbox: to }).unwrap();
    mailbox
}

fn bring_back(bench: &mut Bench, account: AccountId, name: &str) -> Result<Outcome, StoreError> {
    let gone = bench.engine.reader().gone(account, 0).unwrap();
    let name = MailboxName::new(name).unwrap();
    let (deleted, mailbox) =
        gone.mailboxes.last().map_or((0, MailboxId(9_999)), |(at, dead)| (*at, dead.id));
    bench.run(Mutation::UndeleteMailbox { account, mailbox, deleted, name })
}

#[test]
fn a_deleted_mailbox_comes_back_with_its_uids() {
    let (mut bench, account, inbox) = inbox_of_five();
    let before = deleted(&mut bench, account, inbox);
    let reader = bench.engine.reader();
    assert_eq!(bring_back(&mut bench, account, "INBOX"), Err(StoreError::MailboxExists));
    let parent = {
        let snapshot = reader.snapshot().unwrap();
        snapshot.mailbox_named(account, &MailboxName::new("x").unwrap()).unwrap().unwrap().id
    };
    bench.run(Mutation::DeleteMailbox { account, mailbox: parent }).unwrap();
    let gone = reader.gone(account, 0).unwrap().mailboxes;
    let (deleted, dead) = gone.iter().find(|(_, dead)| dead.id == before.id).unwrap();
    let undelete = Mutation::UndeleteMailbox {
        account,
        mailbox: dead.id,
        deleted: *deleted,
        name: dead.name.clone(),
    };
    assert_eq!(bench.run(undelete.clone()), Ok(Outcome::Mailbox(before.id)));
    assert_eq!(bench.run(undelete), Err(StoreError::NoSuchMailbox));
    check_accounts(&bench);
    bench.purge_all(None);
    check_accounts(&bench);
    let snapshot = reader.snapshot().unwrap();
    let after = snapshot.mailbox_named(account, &before.name).unwrap().unwrap();
    assert_eq!(after, Mailbox { modseq: after.modseq, ..before.clone() });
    assert!(after.modseq > before.modseq);
    assert_eq!(snapshot.live(&after).unwrap().ranges(), vec![1..=3]);
    assert!(snapshot.mailbox_named(account, &MailboxName::new("x").unwrap()).unwrap().is_some());
}

#[test]
fn a_mailbox_that_is_partly_purged_stays_away() {
    let mut bench = Bench::new();
    let count = u32::try_from(waypost_store::limits::STEP_ROWS).unwrap() + 10;
    let (account, inbox) = bench.filled(count);
    let name = MailboxName::new("all").unwrap();
    let create = Mutation::CreateMailbox { account, name, special_use: None };
    let Outcome::Mailbox(to) = bench.run(create).unwrap() else { panic!("no mailbox") };
    let (from, uids) = (inbox, UidSet::range(1..=count));
    bench.run(Mutation::Move { account, from, uids, to }).unwrap();
    bench.purge_all(None);
    bench.run(Mutation::DeleteMailbox { account, mailbox: to }).unwrap();
    let gone = bench.engine.reader().gone(account, 0).unwrap().mailboxes;
    let later = UnixTime::utc(NOW.seconds + 7_200);
    assert!(bench.engine.purge_step(&|_, _| None, later).unwrap().more);
    let (mailbox, deleted) = (gone[0].1.id, gone[0].0);
    let name = MailboxName::new("all").unwrap();
    let undelete = Mutation::UndeleteMailbox { account, mailbox, deleted, name };
    assert_eq!(bench.run(undelete), Err(StoreError::NoSuchMailbox));
    assert!(bench.engine.reader().gone(account, 0).unwrap().mailboxes.is_empty());
    bench.purge_all(None);
    check_accounts(&bench);
}

#[test]
fn a_mailbox_that_changes_and_is_deleted_in_one_batch_is_gone() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(3);
    let name = MailboxName::new("x").unwrap();
    let create = Mutation::CreateMailbox { account, name, special_use: None };
    let Ok(Outcome::Mailbox(to)) = bench.run(create) else { panic!("no mailbox") };
    let (uids, limits) = (UidSet::range(1..=3), Default::default());
    let copy = bench.job(Mutation::Copy { account, from: inbox, uids, to, limits });
    let delete = bench.job(Mutation::DeleteMailbox { account, mailbox: to });
    let done = bench.engine.commit(vec![copy, delete], NOW);
    assert!(done.iter().all(|done| done.outcome.is_ok()), "{done:?}");
    check_accounts(&bench);
    let bench = bench.reopen();
    let reader = bench.engine.reader();
    assert!(reader.snapshot().unwrap().mailbox(account, to).unwrap().is_none());
}
