//! Tests of notes: what they cost a batch, and that they never stand in its way.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::tests::{Bench, delivery};
use super::*;
use crate::notes::NOTES_AGE;
use waypost_store::{Access, AccessKind, AccessService, LastAccess};
use waypost_types::AccountName;

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn log_in(account: AccountName, at: i64) -> Access {
    Access { account, service: AccessService::Imap, kind: AccessKind::LogIn, at }
}

impl Bench {
    fn note(&self, account: AccountName, at: i64) {
        self.engine.notes.note(vec![log_in(account, at)], std::time::Instant::now());
    }

    fn mail(&mut self) -> Result<Outcome, StoreError> {
        self.run(delivery(&["a"], "Subject: s\r\n\r\nx"))
    }

    /// The last IMAP log-in of an account.
    fn last(&self, account: &str) -> Option<i64> {
        let reader = self.engine.reader();
        let times = reader.snapshot().unwrap().last_access(&name(account)).unwrap();
        times.and_then(|times| times.of(AccessService::Imap).log_in)
    }

    fn commits(&self) -> usize {
        self.engine.meta.env.info().last_txn_id
    }

    fn dropped(&self) -> u64 {
        self.engine.notes.lock().dropped()
    }
}

#[test]
fn notes_go_along_with_the_one_commit_of_a_batch() {
    let mut bench = Bench::new();
    bench.note(name("a"), 5);
    assert!(
        bench
            .run(Mutation::DeleteMailbox { account: AccountId(9), mailbox: MailboxId(9) })
            .is_err()
    );
    assert_eq!(bench.last("a"), None, "a batch that commits nothing commits no notes");
    let before = bench.commits();
    bench.mail().unwrap();
    assert_eq!((bench.last("a"), bench.commits()), (Some(5), before + 1));
    bench.engine.write_due_notes(std::time::Instant::now());
    assert_eq!(bench.commits(), before + 1, "nothing is due");
    bench.note(name("a"), 6);
    bench.engine.write_due_notes(std::time::Instant::now() + NOTES_AGE);
    assert_eq!((bench.last("a"), bench.commits()), (Some(6), before + 2));
}

#[test]
fn a_batch_takes_few_notes_and_the_rest_is_written_alone() {
    let mut bench = Bench::new();
    for number in 0..=notes::BATCH_NOTES {
        bench.note(name(&format!("user{number:04}")), 1);
    }
    bench.mail().unwrap();
    let last = format!("user{:04}", notes::BATCH_NOTES);
    assert_eq!((bench.last("user0000"), bench.last(&last)), (Some(1), None));
    let before = bench.commits();
    bench.engine.write_all_notes();
    assert_eq!((bench.last(&last), bench.commits()), (Some(1), before + 1));
    assert_eq!(bench.dropped(), 0);
}

#[test]
fn a_note_that_cannot_be_written_fails_no_mutation() {
    let mut bench = Bench::new();
    // What a broken worker may send: longer than any key of LMDB.
    let long: AccountName =
        postcard::from_bytes(&postcard::to_allocvec(&"x".repeat(2_000)).unwrap()).unwrap();
    bench.note(long.clone(), 1);
    bench.mail().unwrap();
    assert_eq!(bench.dropped(), 1);
    bench.note(long, 1);
    bench.engine.write_all_notes();
    assert_eq!(bench.dropped(), 2);
    bench.note(name("a"), 3);
    bench.mail().unwrap();
    assert_eq!(bench.last("a"), Some(3));
}

#[test]
fn notes_last_and_are_part_of_a_backup() {
    let mut bench = Bench::new();
    bench.note(name("a"), 5);
    bench.engine.write_all_notes();
    let copy = bench.dir.path().join("copy");
    bench.engine.backup(&copy).unwrap();
    let mut bench = bench.reopen();
    bench.note(name("a"), 4);
    bench.mail().unwrap();
    assert_eq!(bench.last("a"), Some(5), "an older time takes nothing back");
    let reader = Reader::open(&copy).unwrap();
    let rows = reader.snapshot().unwrap().last_accesses(None).unwrap();
    let mut expected = LastAccess::default();
    expected.note(AccessService::Imap, AccessKind::LogIn, 5);
    assert_eq!(rows, [(name("a"), expected)]);
}

#[test]
fn a_damaged_row_is_said_to_readers_and_written_anew() {
    let mut bench = Bench::new();
    let mut txn = bench.engine.meta.env.write_txn().unwrap();
    env::put(&bench.engine.meta.tables.access, &mut txn, b"a", &[1, 2, 3]).unwrap();
    txn.commit().unwrap();
    let reader = bench.engine.reader();
    let read = reader.snapshot().unwrap().last_access(&name("a"));
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    bench.note(name("a"), 5);
    bench.mail().unwrap();
    assert_eq!(bench.last("a"), Some(5));
}
