//! Tests of the engine through its public face, and of what lies on disk behind it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::*;
use crate::reader::Reader;
use std::os::unix::fs::FileExt;
use tempfile::TempDir;
use waypost_store::{
    Append, Changes, Content, Deliver, Delivered, FlagAction, LimitName, Payload, Recipient,
    Snapshot, limits,
};
use waypost_types::{AccountName, EmailId, FlagSet, Keyword, MailboxName, SystemFlag, Uid, UidSet};

pub(super) const NOW: UnixTime = UnixTime::utc(1_700_000_000);

pub(super) struct Bench {
    pub(super) dir: TempDir,
    pub(super) engine: Engine,
    next: u128,
}

fn config(path: &Path) -> EngineConfig {
    EngineConfig { map_size: 1 << 30, ..EngineConfig::new(path) }
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(config(dir.path())).unwrap();
        Self { dir, engine, next: 0 }
    }

    pub(super) fn reopen(self) -> Self {
        drop(self.engine);
        let engine = Engine::open(config(self.dir.path())).unwrap();
        Self { dir: self.dir, engine, next: self.next }
    }

    /// With segments of this size.
    pub(super) fn with_segments(bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = EngineConfig { segment_bytes: bytes, ..config(dir.path()) };
        Self { engine: Engine::open(config).unwrap(), dir, next: 0 }
    }

    /// With steps of this many rows.
    pub(super) fn with_steps(rows: usize) -> Self {
        let mut bench = Self::new();
        bench.engine.step_rows = rows;
        bench
    }

    pub(super) fn job(&mut self, mutation: Mutation) -> Job {
        self.next += 1;
        Job { id: MutationId(self.next), mutation }
    }

    pub(super) fn run(&mut self, mutation: Mutation) -> Result<Outcome, StoreError> {
        let job = self.job(mutation);
        self.engine.commit(vec![job], NOW).pop().unwrap().outcome
    }

    pub(super) fn run_at(
        &mut self,
        mutation: Mutation,
        now: UnixTime,
    ) -> Result<Outcome, StoreError> {
        let job = self.job(mutation);
        self.engine.commit(vec![job], now).pop().unwrap().outcome
    }

    /// Bytes of all segment files, and of the metadata's pages that hold rows.
    pub(super) fn disk_bytes(&self) -> (u64, u64) {
        let files = std::fs::read_dir(self.dir.path().join(env::SEGMENTS_DIR)).unwrap();
        let segments = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        let txn = self.engine.meta.env.read_txn().unwrap();
        let metadata = self.engine.meta.tables.used_bytes(&txn).unwrap();
        (segments, metadata)
    }

    pub(super) fn deliver(
        &mut self,
        recipients: &[&str],
        text: &str,
    ) -> Vec<Result<Delivered, StoreError>> {
        match self.run(delivery(recipients, text)).unwrap() {
            Outcome::Delivered(list) => list,
            other => panic!("{other:?}"),
        }
    }

    /// An account whose inbox holds `count` small messages.
    pub(super) fn filled(&mut self, count: u32) -> (AccountId, MailboxId) {
        let jobs =
            (0..count).map(|n| self.job(delivery(&["a"], &format!("Subject: {n}\r\n\r\nx"))));
        let jobs: Vec<Job> = jobs.collect();
        let done = self.engine.commit(jobs, NOW);
        let Ok(Outcome::Delivered(list)) = &done[0].outcome else { panic!("{:?}", done[0]) };
        let first = list[0].clone().unwrap();
        (first.account, first.mailbox)
    }

    pub(super) fn purge_all(&mut self, floor: Option<ModSeq>) -> usize {
        let later = UnixTime::utc(NOW.seconds + 7_200);
        let mut rows = 0;
        loop {
            let progress = self.engine.purge_step(&|_, _| floor, later).unwrap();
            rows += progress.rows;
            if !progress.more {
                return rows;
            }
        }
    }

    pub(super) fn entries(&self, table: impl Fn(&env::Tables) -> &env::Table) -> u64 {
        let txn = self.engine.meta.env.read_txn().unwrap();
        table(&self.engine.meta.tables).len(&txn).unwrap()
    }
}

fn payload(text: &str) -> Payload {
    let bytes = bytes::Bytes::copy_from_slice(text.as_bytes());
    let parsed = Box::new(waypost_mime::parse(&bytes));
    Payload { content: Content::Inline(bytes), parsed }
}

pub(super) fn delivery(recipients: &[&str], text: &str) -> Mutation {
    let recipient = |name: &&str| Recipient {
        account: AccountName::new(name).unwrap(),
        folder: None,
        flags: FlagSet::default(),
        limits: Default::default(),
    };
    Mutation::Deliver(Deliver {
        payload: payload(text),
        recipients: recipients.iter().map(recipient).collect(),
        internal_date: NOW,
    })
}

pub(super) fn flag(
    account: AccountId,
    mailbox: MailboxId,
    uids: UidSet,
    flags: FlagSet,
) -> Mutation {
    let action = FlagAction::Add;
    Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since: None }
}

pub(super) fn expunge(account: AccountId, mailbox: MailboxId, uids: Option<UidSet>) -> Mutation {
    Mutation::Expunge { account, mailbox, uids, only_deleted: false }
}

pub(super) fn bytes_of(snapshot: &dyn Snapshot, account: AccountId, email: EmailId) -> Vec<u8> {
    let mut out = Vec::new();
    let body = snapshot.body(account, email).unwrap();
    body.append_to(0..body.size(), &mut out).unwrap();
    out
}

#[test]
fn one_stored_copy_serves_many_recipients() {
    let mut bench = Bench::new();
    let text = "Subject: hello\r\n\r\nworld\r\n";
    let list = bench.deliver(&["a", "b", "a"], text);
    assert_eq!(bench.entries(|t| &t.blobs), 1);
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let (first, third) = (list[0].clone().unwrap(), list[2].clone().unwrap());
    assert_eq!((first.email, first.uid, third.uid), (third.email, Uid(1), Uid(2)));
    for delivered in list.iter().flatten() {
        let bytes = bytes_of(&*snapshot, delivered.account, delivered.email);
        assert_eq!(bytes, text.as_bytes());
    }
    assert_eq!(snapshot.copies(first.account, first.email).unwrap().len(), 2);
}

#[test]
fn a_batch_rewrites_a_page_once_and_survives_reopening() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(50);
    assert_eq!(bench.entries(|t| &t.pages), 1);
    let mut bench = bench.reopen();
    bench.deliver(&["a"], "Subject: more\r\n\r\n");
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let mailbox = snapshot.mailbox(account, inbox).unwrap().unwrap();
    assert_eq!((mailbox.counters.messages, mailbox.uid_next), (51, Uid(52)));
    assert_eq!(snapshot.live(&mailbox).unwrap().ranges(), vec![1..=51]);
    let Changes::Complete(changes) = snapshot.changes(account, ModSeq(0)).unwrap() else {
        panic!("the log is complete")
    };
    assert_eq!(changes.len(), 6 + 51);
}

#[test]
fn a_failing_mutation_spoils_no_neighbour() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1);
    let nowhere = MailboxId(999);
    let bad = bench.job(Mutation::Append(Append {
        account,
        mailbox: nowhere,
        payload: payload("x: y\r\n\r\n"),
        flags: FlagSet::default(),
        internal_date: NOW,
        limits: Default::default(),
    }));
    let good =
        bench.job(flag(account, inbox, UidSet::range(1..=1), FlagSet::system(&[SystemFlag::Seen])));
    let done = bench.engine.commit(vec![bad, good], NOW);
    assert_eq!(done[0].outcome, Err(StoreError::NoSuchMailbox));
    assert!(done[0].touched.is_empty());
    let Ok(Outcome::Flags { changed, .. }) = &done[1].outcome else { panic!("{:?}", done[1]) };
    assert_eq!((changed.len(), done[1].touched.len()), (1, 1));
}

#[test]
fn a_mutation_sent_again_is_answered_but_not_applied() {
    let mut bench = Bench::new();
    let job = bench.job(delivery(&["a"], "Subject: once\r\n\r\n"));
    let first = bench.engine.commit(vec![job.clone(), job.clone()], NOW);
    assert_eq!(first[0].outcome, first[1].outcome);
    let mut bench = bench.reopen();
    let again = bench.engine.commit(vec![job.clone()], NOW).pop().unwrap();
    assert_eq!(again.outcome, first[0].outcome);
    assert_eq!(bench.engine.outcome(job.id).unwrap(), Some(first[0].outcome.clone()));
    assert_eq!(bench.engine.outcome(MutationId(12_345)).unwrap(), None);
    assert_eq!(bench.entries(|t| &t.messages), 1);
}

#[test]
fn the_ring_of_outcomes_forgets_the_oldest() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1);
    let most = u32::try_from(OUTCOMES).unwrap();
    for round in 0..=most / 1_000 {
        let jobs = (0..1_000_u32).map(|n| {
            let keyword = Keyword::new(&format!("k{}", (round + n) % 2)).unwrap();
            let mut flags = FlagSet::default();
            flags.insert_keyword(keyword);
            let action = FlagAction::Replace;
            let uids = UidSet::range(1..=1);
            let unchanged_since = None;
            bench.job(Mutation::SetFlags {
                account,
                mailbox: inbox,
                uids,
                action,
                flags,
                unchanged_since,
            })
        });
        let jobs: Vec<Job> = jobs.collect();
        bench.engine.commit(jobs, NOW);
    }
    assert_eq!(bench.engine.outcome(MutationId(1)).unwrap(), None);
    assert!(bench.engine.outcome(MutationId(bench.next)).unwrap().is_some());
    assert!(bench.entries(|t| &t.outcomes) <= OUTCOMES as u64 + outcomes::OLD_OUTCOMES);
}

#[test]
fn keywords_are_counted_freed_and_limited() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(2);
    let named = |names: std::ops::Range<usize>| {
        let mut flags = FlagSet::default();
        names.for_each(|n| flags.insert_keyword(Keyword::new(&format!("k{n:05}")).unwrap()));
        flags
    };
    let all = || UidSet::range(1..=2);
    bench.run(flag(account, inbox, all(), named(0..limits::KEYWORDS))).unwrap();
    let over = bench.run(flag(account, inbox, all(), named(4_000..4_001)));
    assert_eq!(over, Err(StoreError::Limit(LimitName::Keywords)));
    let reader = bench.engine.reader();
    assert_eq!(reader.snapshot().unwrap().keywords(inbox).unwrap().len(), limits::KEYWORDS);
    assert!(bench.entries(|t| &t.pages) > 1, "a page of 4,000 keywords splits");
    let page = reader.snapshot().unwrap().page(inbox, 0).unwrap().unwrap();
    assert_eq!(page.keywords.len(), limits::KEYWORDS);
    bench.run(expunge(account, inbox, None)).unwrap();
    assert!(reader.snapshot().unwrap().keywords(inbox).unwrap().is_empty());
    assert_eq!(bench.entries(|t| &t.pages), 0);
}

#[test]
fn a_whole_mailbox_is_flagged_by_its_pages() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1_200);
    let seen = FlagSet::system(&[SystemFlag::Seen]);
    let everything = UidSet::range(1..=1_000_000);
    let Outcome::Flags { changed, .. } = bench.run(flag(account, inbox, everything, seen)).unwrap()
    else {
        panic!("flags")
    };
    assert_eq!(changed.ranges(), vec![1..=1_200]);
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let mailbox = snapshot.mailbox(account, inbox).unwrap().unwrap();
    assert_eq!(mailbox.counters.unseen, 0);
    assert_eq!(snapshot.first_unseen(&mailbox).unwrap(), None);
}

#[test]
fn first_unseen_follows_flags() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1_200);
    let reader = bench.engine.reader();
    let first = |account, inbox| {
        let snapshot = reader.snapshot().unwrap();
        let mailbox = snapshot.mailbox(account, inbox).unwrap().unwrap();
        snapshot.first_unseen(&mailbox).unwrap()
    };
    assert_eq!(first(account, inbox), Some(Uid(1)));
    let seen = || FlagSet::system(&[SystemFlag::Seen]);
    bench.run(flag(account, inbox, UidSet::range(1..=1_100), seen())).unwrap();
    assert_eq!(first(account, inbox), Some(Uid(1_101)));
    let (uids, action) = (UidSet::range(700..=700), FlagAction::Remove);
    let unchanged_since = None;
    let flags = seen();
    let unsee =
        Mutation::SetFlags { account, mailbox: inbox, uids, action, flags, unchanged_since };
    bench.run(unsee).unwrap();
    assert_eq!(first(account, inbox), Some(Uid(700)));
    bench.run(expunge(account, inbox, Some(UidSet::range(1..=1_150)))).unwrap();
    assert_eq!(first(account, inbox), Some(Uid(1_151)));
}

#[test]
fn expunged_rows_stay_until_no_session_shows_them() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(10);
    let Outcome::Expunged { modseq, .. } = bench.run(expunge(account, inbox, None)).unwrap() else {
        panic!("expunged")
    };
    let reader = bench.engine.reader();
    assert!(reader.snapshot().unwrap().message(inbox, Uid(3)).unwrap().is_some());
    let early = bench.engine.purge_step(&|_, _| None, NOW).unwrap();
    assert_eq!(early.rows, 0, "not before the clean-up age");
    assert_eq!(bench.purge_all(Some(ModSeq(modseq.0 - 1))), 0, "a session shows them");
    assert_eq!(bench.purge_all(Some(modseq)), 10);
    assert!(reader.snapshot().unwrap().message(inbox, Uid(3)).unwrap().is_none());
    let tables = &bench.engine.meta.tables;
    let emptied = [
        &tables.messages,
        &tables.emails,
        &tables.copies,
        &tables.forms,
        &tables.blobs,
        &tables.threads,
        &tables.message_ids,
        &tables.purge,
    ];
    let txn = bench.engine.meta.env.read_txn().unwrap();
    for table in emptied {
        assert_eq!(table.len(&txn).unwrap(), 0);
    }
}

#[test]
fn a_deleted_mailbox_is_purged_with_its_messages_but_not_their_copies() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(5);
    let name = MailboxName::new("x/y").unwrap();
    let create = Mutation::CreateMailbox { account, name: name.clone(), special_use: None };
    let Outcome::Mailbox(to) = bench.run(create.clone()).unwrap() else { panic!("mailbox") };
    let uids = UidSet::range(2..=4);
    bench
        .run(Mutation::Copy { account, from: inbox, uids, to, limits: Default::default() })
        .unwrap();
    let reader = bench.engine.reader();
    let old = reader.snapshot().unwrap().mailbox(account, to).unwrap().unwrap();
    bench.run(Mutation::DeleteMailbox { account, mailbox: to }).unwrap();
    assert_eq!(reader.snapshot().unwrap().copies(account, EmailId(2)).unwrap().len(), 1);
    bench.purge_all(None);
    assert_eq!((bench.entries(|t| &t.messages), bench.entries(|t| &t.emails)), (5, 5));
    assert_eq!(bench.entries(|t| &t.pages), 1);
    bench.run(create).unwrap();
    let new = reader.snapshot().unwrap().mailbox_named(account, &name).unwrap().unwrap();
    assert!(new.uid_validity > old.uid_validity && new.id > old.id);
}

#[test]
fn purging_goes_in_bounded_steps() {
    let mut bench = Bench::new();
    let count = u32::try_from(limits::STEP_ROWS).unwrap() + 10;
    let (account, inbox) = bench.filled(count);
    bench.run(expunge(account, inbox, None)).unwrap();
    let later = UnixTime::utc(NOW.seconds + 7_200);
    let first = bench.engine.purge_step(&|_, _| None, later).unwrap();
    assert_eq!((first.rows, first.more), (limits::STEP_ROWS, true));
    assert_eq!(bench.purge_all(None), 10);
}

#[test]
fn replies_join_threads_with_the_same_subject_only() {
    let mut bench = Bench::new();
    let mut thread = |text: &str| {
        let email = bench.deliver(&["a"], text)[0].clone().unwrap();
        let reader = bench.engine.reader();
        let row = reader.snapshot().unwrap().email(email.account, email.email).unwrap().unwrap();
        row.thread.0
    };
    assert_eq!(thread("Subject: a\r\nMessage-ID: <1@x>\r\n\r\n"), 1);
    assert_eq!(thread("Subject: Re: a\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n\r\n"), 1);
    assert_eq!(thread("Subject: b\r\nIn-Reply-To: <1@x>\r\n\r\n"), 3);
    assert_eq!(thread("Subject: Re: a\r\nReferences: <1@x> <2@x> <9@x>\r\n\r\n"), 1);
}

#[test]
fn uploads_are_filed_and_aborted_ones_are_not() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1);
    let text = format!("Subject: big\r\n\r\n{}", "line\r\n".repeat(1_000_000));
    let mut upload = bench.engine.begin_upload(UnixTime::utc(0)).unwrap();
    for chunk in text.as_bytes().chunks(100_000) {
        upload.write(chunk).unwrap();
    }
    let size = upload.size();
    let id = upload.finish().unwrap();
    drop(bench.engine.begin_upload(UnixTime::utc(0)).unwrap());
    let mut bench = bench.reopen();
    let parsed = Box::new(waypost_mime::parse(text.as_bytes()));
    let payload = Payload { content: Content::Uploaded { upload: id, size }, parsed };
    let (flags, internal_date) = (FlagSet::default(), NOW);
    let limits = Default::default();
    let append = Append { account, mailbox: inbox, payload, flags, internal_date, limits };
    bench.run(Mutation::Append(append)).unwrap();
    let reader = bench.engine.reader();
    assert_eq!(bytes_of(&*reader.snapshot().unwrap(), account, EmailId(2)), text.as_bytes());
    let path = bench.engine.meta.segment_path(id.0);
    assert!(path.exists());
    bench.run(expunge(account, inbox, None)).unwrap();
    bench.purge_all(None);
    bench.engine.remove_retired();
    assert!(!path.exists(), "an upload's segment goes with its message");
}

#[test]
fn damage_is_named_and_never_shown() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1);
    let path = bench.engine.meta.segment_path(1);
    let file = File::options().read(true).write(true).open(path).unwrap();
    let end = file.metadata().unwrap().len();
    let mut bytes = vec![0; usize::try_from(end).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    let body = bytes.windows(8).position(|w| w == b"Subject:").unwrap() as u64;
    file.write_all_at(b"sUBJECT:", body).unwrap();
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let opened = snapshot.body(account, EmailId(1)).unwrap();
    let mut out = Vec::new();
    let (half, size) = (opened.size() / 2, opened.size());
    opened.append_to(0..half, &mut out).unwrap();
    let second = opened.append_to(half..size, &mut out);
    assert!(matches!(second, Err(StoreError::Corrupt(what)) if what.contains("blob 1")));
    drop(snapshot);
    let mut txn = bench.engine.meta.env.write_txn().unwrap();
    let key = keys::page(inbox, 0, 0);
    env::put(&bench.engine.meta.tables.pages, &mut txn, &key, &[1, 2, 3, 4, 5, 6]).unwrap();
    txn.commit().unwrap();
    let snapshot = reader.snapshot().unwrap();
    let page = snapshot.page(inbox, 0);
    assert!(matches!(page, Err(StoreError::Corrupt(what)) if what.contains("page 0")));
    drop(snapshot);
    drop((reader, opened));
    let mut bench = bench.reopen();
    let seen = FlagSet::system(&[SystemFlag::Seen]);
    let bad = bench.job(flag(account, inbox, UidSet::range(1..=1), seen));
    let good = bench.job(delivery(&["b"], "Subject: fine\r\n\r\n"));
    let done = bench.engine.commit(vec![bad, good], NOW);
    assert!(matches!(done[0].outcome, Err(StoreError::Corrupt(_))));
    assert!(done[1].outcome.is_ok());
}

#[test]
fn garbage_behind_the_last_commit_is_ignored_and_appended_after() {
    let mut bench = Bench::new();
    bench.filled(3);
    let path = bench.engine.meta.segment_path(1);
    let file = File::options().write(true).open(&path).unwrap();
    let end = file.metadata().unwrap().len();
    file.write_all_at(b"torn record", end).unwrap();
    let mut bench = bench.reopen();
    let list = bench.deliver(&["a"], "Subject: after\r\n\r\n");
    let delivered = list[0].clone().unwrap();
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let row = snapshot.email(delivered.account, delivered.email).unwrap().unwrap();
    assert!(row.blob.0 > BLOB_GAP, "numbers of lost records are not given again");
    assert_eq!(bytes_of(&*snapshot, delivered.account, delivered.email), b"Subject: after\r\n\r\n");
}

#[test]
fn a_copy_of_the_files_and_a_backup_both_open() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(20);
    let copy = tempfile::tempdir().unwrap();
    for sub in [env::META_DIR, env::SEGMENTS_DIR] {
        std::fs::create_dir(copy.path().join(sub)).unwrap();
        for entry in std::fs::read_dir(bench.dir.path().join(sub)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(sub).join(entry.file_name())).unwrap();
        }
    }
    let backup = tempfile::tempdir().unwrap();
    let handle = bench.engine.begin_backup();
    bench.deliver(&["a"], "Subject: meanwhile\r\n\r\n");
    let report = handle.run(backup.path()).unwrap();
    assert_eq!(report.segments, 1);
    assert!(bench.engine.backup(backup.path()).is_err(), "a directory that is not empty");
    for (dir, count) in [(copy.path(), 20), (backup.path(), 21)] {
        let engine = Engine::open(config(dir)).unwrap();
        let reader = engine.reader();
        let snapshot = reader.snapshot().unwrap();
        let mailbox = snapshot.mailbox(account, inbox).unwrap().unwrap();
        assert_eq!(mailbox.counters.messages, count);
        for uid in snapshot.live(&mailbox).unwrap().iter() {
            let row = snapshot.message(inbox, uid).unwrap().unwrap();
            assert_eq!(bytes_of(&*snapshot, account, row.email).len() as u64, row.size);
        }
    }
}

#[test]
fn the_change_log_is_bounded_and_says_so() {
    let mut bench = Bench::new();
    let (account, inbox) = bench.filled(1);
    let mut record = bench
        .engine
        .meta
        .env
        .read_txn()
        .map(|txn| {
            let value = env::get(&bench.engine.meta.tables.accounts, &txn, &keys::account(account));
            crate::codec::rows::AccountRecord::decode(value.unwrap().unwrap()).unwrap()
        })
        .unwrap();
    record.log_records = limits::CHANGE_LOG_RECORDS;
    bench.engine.cache.accounts.insert(account, cache::Cached { value: record, dirty: true });
    bench
        .run(flag(account, inbox, UidSet::range(1..=1), FlagSet::system(&[SystemFlag::Seen])))
        .unwrap();
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.changes(account, ModSeq(0)).unwrap(), Changes::TooOld);
    assert!(matches!(snapshot.changes(account, ModSeq(1)).unwrap(), Changes::Complete(_)));
}

#[test]
fn only_one_engine_writes_and_a_reader_needs_a_store() {
    let bench = Bench::new();
    assert!(matches!(Engine::open(config(bench.dir.path())), Err(StoreError::Unavailable(_))));
    let empty = tempfile::tempdir().unwrap();
    assert!(Reader::open(&empty.path().join("none")).is_err());
    assert!(Reader::open(bench.dir.path()).is_ok(), "the writer's map is shared");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let bench = Bench::new();
    let mut txn = bench.engine.meta.env.write_txn().unwrap();
    let newer = crate::codec::rows::encode_number(env::FORMAT + 1);
    env::put(&bench.engine.meta.tables.state, &mut txn, b"format", &newer).unwrap();
    txn.commit().unwrap();
    let dir = bench.dir;
    drop(bench.engine);
    for refused in [Engine::open(config(dir.path())).err(), Reader::open(dir.path()).err()] {
        let Some(StoreError::Unavailable(why)) = refused else { panic!("{refused:?}") };
        assert!(
            why.contains(&format!("format {}", env::FORMAT + 1)) && why.contains("waypost run")
        );
    }
}

#[test]
fn a_full_map_fails_what_does_not_fit_and_reads_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let small = EngineConfig { map_size: 1 << 20, ..EngineConfig::new(dir.path()) };
    let mut bench = Bench { engine: Engine::open(small).unwrap(), dir, next: 0 };
    let mut accepted = 0;
    let full = loop {
        match bench.run(delivery(&["a"], &format!("Subject: {}\r\n\r\n", "x".repeat(500)))) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, StoreError::NoSpace);
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let account = snapshot.account(&AccountName::new("a").unwrap()).unwrap().unwrap();
    let inbox = snapshot.mailbox_named(account.id, &MailboxName::inbox()).unwrap().unwrap();
    assert_eq!(inbox.counters.messages, accepted);
    assert_eq!(snapshot.live(&inbox).unwrap().len(), accepted);
}
