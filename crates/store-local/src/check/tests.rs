//! A check finds nothing after thousands of random mutations, and each damage of each table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::*;
use crate::engine::{Engine, EngineConfig, Job, MutationId};
use crate::env::Table;
use crate::env::Tables;
use crate::local::LocalStore;
use std::os::unix::fs::FileExt;
use tempfile::TempDir;
use waypost_store::{
    Content, Deliver, FlagAction, Mutation, Outcome, Payload, Recipient, conformance,
};
use waypost_types::{
    FlagSet, Keyword, MailboxId, MailboxName, QuotaLimits, SystemFlag, Uid, UidSet, UnixTime,
};

pub(crate) const NOW: UnixTime = UnixTime::utc(1_700_000_000);

fn config(path: &Path) -> EngineConfig {
    EngineConfig { map_size: 1 << 30, ..EngineConfig::new(path) }
}

fn found(path: &Path) -> CheckReport {
    check(path, &CheckOptions::default()).unwrap()
}

/// A store with something in every table.
pub(crate) struct Rich {
    pub(crate) dir: TempDir,
    pub(crate) engine: Engine,
    next: u128,
    pub(crate) account: AccountId,
}

impl Rich {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(config(dir.path())).unwrap();
        let mut rich = Self { dir, engine, next: 0, account: AccountId(1) };
        for n in 0..5 {
            rich.deliver(&["ada", "bob"], n);
        }
        let inbox = rich.inbox();
        let account = rich.account;
        let mut flags = FlagSet::default();
        flags.system.insert(SystemFlag::Seen);
        flags.insert_keyword(Keyword::new("work").unwrap());
        let uids = UidSet::range(1..=2);
        rich.run(Mutation::SetFlags {
            account,
            mailbox: inbox,
            uids,
            action: FlagAction::Add,
            flags,
            unchanged_since: None,
        });
        let uids = Some(UidSet::range(5..=5));
        rich.run(Mutation::Expunge { account, mailbox: inbox, uids, only_deleted: false });
        let name = MailboxName::new("old").unwrap();
        let made = rich.run(Mutation::CreateMailbox { account, name, special_use: None });
        let Outcome::Mailbox(old) = made else { panic!("{made:?}") };
        let uids = UidSet::range(1..=1);
        let limits = QuotaLimits::default();
        rich.run(Mutation::Copy { account, from: inbox, uids, to: old, limits });
        rich.run(Mutation::DeleteMailbox { account, mailbox: old });
        let name = AccountName::new("ada").unwrap();
        let kind = waypost_store::AccessKind::LogIn;
        let service = waypost_store::AccessService::Imap;
        let access = waypost_store::Access { account: name, service, kind, at: 5 };
        rich.engine.notes().note(vec![access], std::time::Instant::now());
        rich.engine.write_all_notes();
        rich.engine.save_all(NOW).unwrap();
        rich
    }

    pub(crate) fn run(&mut self, mutation: Mutation) -> Outcome {
        self.next += 1;
        let job = Job { id: MutationId(self.next), mutation };
        self.engine.commit(vec![job], NOW).pop().unwrap().outcome.unwrap()
    }

    pub(crate) fn deliver(&mut self, users: &[&str], n: u32) {
        let text = format!("Subject: s\r\nMessage-ID: <{n}@x>\r\n\r\nmessage {n}\r\n");
        let bytes = ::bytes::Bytes::from(text.into_bytes());
        let parsed = Box::new(waypost_mime::parse(&bytes));
        let payload = Payload { content: Content::Inline(bytes), parsed };
        let recipient = |name: &&str| Recipient {
            account: AccountName::new(name).unwrap(),
            folder: None,
            flags: FlagSet::default(),
            limits: QuotaLimits::default(),
        };
        let recipients = users.iter().map(recipient).collect();
        self.run(Mutation::Deliver(Deliver { payload, recipients, internal_date: NOW }));
    }

    pub(crate) fn inbox(&self) -> MailboxId {
        let reader = self.engine.reader();
        let snapshot = reader.snapshot().unwrap();
        snapshot.mailbox_named(self.account, &MailboxName::inbox()).unwrap().unwrap().id
    }

    pub(crate) fn check(&self) -> CheckReport {
        self.engine.reader().check(&CheckOptions::default()).unwrap()
    }

    pub(crate) fn entries(&self, table: fn(&Tables) -> &Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        let reader = self.engine.reader();
        let txn = reader.meta().env.read_txn().unwrap();
        let all = env::all(table(&reader.meta().tables), &txn).unwrap();
        all.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
    }

    /// Writes or removes an entry behind the engine's back.
    pub(crate) fn set(&self, table: fn(&Tables) -> &Table, key: &[u8], value: Option<&[u8]>) {
        let reader = self.engine.reader();
        let meta = reader.meta();
        let mut txn = meta.env.write_txn().unwrap();
        match value {
            Some(value) => env::put(table(&meta.tables), &mut txn, key, value).unwrap(),
            None => {
                env::delete(table(&meta.tables), &mut txn, key).unwrap();
            }
        }
        txn.commit().unwrap();
    }
}

pub(crate) type Pick = fn(&Tables) -> &Table;

/// Every table but `access`, whose entries nothing else knows of.
pub(crate) const TABLES: [(Part, Pick); 20] = [
    (Part::State, |t| &t.state),
    (Part::Accounts, |t| &t.accounts),
    (Part::AccountNames, |t| &t.account_names),
    (Part::Mailboxes, |t| &t.mailboxes),
    (Part::MailboxNames, |t| &t.mailbox_names),
    (Part::Subscriptions, |t| &t.subscriptions),
    (Part::Pages, |t| &t.pages),
    (Part::Keywords, |t| &t.keywords),
    (Part::Messages, |t| &t.messages),
    (Part::Emails, |t| &t.emails),
    (Part::Copies, |t| &t.copies),
    (Part::Threads, |t| &t.threads),
    (Part::MessageIds, |t| &t.message_ids),
    (Part::Forms, |t| &t.forms),
    (Part::Blobs, |t| &t.blobs),
    (Part::Segments, |t| &t.segments),
    (Part::Changes, |t| &t.changes),
    (Part::Purge, |t| &t.purge),
    (Part::Saved, |t| &t.saved),
    (Part::Access, |t| &t.access),
];

#[test]
fn a_store_with_something_of_everything_is_clean() {
    let rich = Rich::new();
    for (part, table) in TABLES {
        assert!(!rich.entries(table).is_empty(), "{part} is not covered");
    }
    let report = rich.check();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!((report.seen.accounts, report.seen.messages, report.seen.blobs), (2, 9, 5));
    assert!(report.seen.bytes > 0);
    let options = CheckOptions { account: AccountName::new("bob").ok(), ..CheckOptions::default() };
    let report = rich.engine.reader().check(&options).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!((report.seen.accounts, report.seen.messages), (1, 5));
}

#[test]
fn every_entry_that_is_deleted_is_missed() {
    let rich = Rich::new();
    for (part, table) in TABLES.into_iter().filter(|(part, _)| *part != Part::Access) {
        for (key, value) in rich.entries(table) {
            // What a deleted mailbox leaves is the purge's alone, and nothing counts it.
            if part == Part::State && key == b"format" || is_of_dead(&rich, part, &key) {
                continue;
            }
            rich.set(table, &key, None);
            let report = rich.check();
            assert!(!report.is_clean(), "{part} {key:?} can be deleted unnoticed");
            rich.set(table, &key, Some(&value));
            assert!(rich.check().is_clean());
        }
    }
}

pub(crate) fn is_of_dead(rich: &Rich, part: Part, key: &[u8]) -> bool {
    let of_mailboxes = [Part::Pages, Part::Keywords, Part::Messages];
    let live =
        rich.entries(|t| &t.mailboxes).iter().any(|(at, _)| at[4..] == key[..4.min(key.len())]);
    of_mailboxes.contains(&part) && !live
}

#[test]
fn every_first_byte_that_is_altered_is_seen() {
    let rich = Rich::new();
    for (part, table) in TABLES {
        for (key, value) in rich.entries(table) {
            if is_of_dead(&rich, part, &key) || part == Part::State && key == b"format" {
                continue;
            }
            let mut altered = value.clone();
            altered[0] ^= 0x40;
            rich.set(table, &key, Some(&altered));
            let report = rich.check();
            let named = report.findings.iter().any(|finding| finding.part == part);
            assert!(named, "{part} {key:?}: {:#?}", report.findings);
            rich.set(table, &key, Some(&value));
        }
    }
    assert!(rich.check().is_clean());
}

#[test]
fn every_bit_of_sealed_values_is_watched() {
    let rich = Rich::new();
    let sealed = [Part::Pages, Part::Emails, Part::Forms];
    for (part, table) in TABLES.into_iter().filter(|(part, _)| sealed.contains(part)) {
        let (key, value) = rich.entries(table).into_iter().next().unwrap();
        for at in 0..value.len() {
            let mut altered = value.clone();
            altered[at] ^= 1 << (at % 8);
            rich.set(table, &key, Some(&altered));
            let report = rich.check();
            assert!(report.findings.iter().any(|one| one.part == part), "{part} at {at}");
        }
        rich.set(table, &key, Some(&value));
    }
}

#[test]
fn every_entry_that_belongs_to_nothing_is_seen() {
    let rich = Rich::new();
    for (part, table) in TABLES.into_iter().filter(|(part, _)| *part != Part::State) {
        let (key, value) = rich.entries(table).into_iter().next().unwrap();
        let stray = match part {
            Part::AccountNames | Part::Access => b"\xff\xfe".to_vec(),
            Part::Purge => {
                let mut stray = key.clone();
                stray[8..12].fill(0x7f);
                stray
            }
            // Of an account, a mailbox, a blob or a segment that no other entry knows.
            _ => {
                let mut stray = key.clone();
                let number = stray.len().min(4);
                stray[..number].fill(0x7f);
                stray
            }
        };
        rich.set(table, &stray, Some(&value));
        let report = rich.check();
        assert!(!report.is_clean(), "{part} {stray:?} is not seen");
        rich.set(table, &stray, None);
        assert!(rich.check().is_clean());
    }
}

#[test]
fn counters_are_counted() {
    let rich = Rich::new();
    let reader = rich.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let inbox = snapshot.mailbox(rich.account, rich.inbox()).unwrap().unwrap();
    drop(snapshot);
    let key = crate::keys::mailbox(rich.account, inbox.id);
    let alter: [fn(&mut waypost_store::Mailbox); 8] = [
        |m| m.counters.messages += 1,
        |m| m.counters.unseen -= 1,
        |m| m.counters.deleted += 1,
        |m| m.counters.bytes += 1,
        |m| m.uid_next = Uid(5),
        |m| m.recent_from = Uid(99),
        |m| m.modseq = waypost_types::ModSeq(1),
        |m| m.uid_validity.0 += 1_000,
    ];
    for alter in alter {
        let mut wrong = inbox.clone();
        alter(&mut wrong);
        rich.set(|t| &t.mailboxes, &key, Some(&rows::encode_mailbox(&wrong)));
        let report = rich.check();
        let (of_mailbox, others): (Vec<_>, Vec<_>) =
            report.findings.iter().partition(|one| one.part == Part::Mailboxes);
        // What the account holds is the sum of what its mailboxes count.
        assert!(others.iter().all(|one| one.part == Part::Accounts), "{others:#?}");
        let [finding] = of_mailbox[..] else { panic!("{:#?}", report.findings) };
        assert_eq!(finding.problem, Problem::Wrong);
        assert_eq!(finding.user.as_ref().unwrap().as_str(), "ada");
        assert!(finding.mailbox.as_ref().unwrap().is_inbox());
    }
}

#[test]
fn references_and_live_bytes_are_counted() {
    let rich = Rich::new();
    let (key, value) = rich.entries(|t| &t.blobs).remove(0);
    let mut row = rows::BlobRow::decode(&value).unwrap();
    row.references += 1;
    rich.set(|t| &t.blobs, &key, Some(&row.encode()));
    let report = rich.check();
    assert_eq!(report.found, 1, "{:#?}", report.findings);
    assert_eq!(
        (report.findings[0].part, report.findings[0].problem),
        (Part::Blobs, Problem::Wrong)
    );
    rich.set(|t| &t.blobs, &key, Some(&value));
    let (key, value) = rich.entries(|t| &t.segments).remove(0);
    let mut row = rows::SegmentRow::decode(&value).unwrap();
    row.live -= 1;
    rich.set(|t| &t.segments, &key, Some(&row.encode()));
    let report = rich.check();
    assert_eq!(report.found, 1, "{:#?}", report.findings);
    assert_eq!(report.findings[0].part, Part::Segments);
}

#[test]
fn a_damaged_message_is_named_for_everybody_who_has_it() {
    let rich = Rich::new();
    let (_, value) = rich.entries(|t| &t.blobs).remove(0);
    let row = rows::BlobRow::decode(&value).unwrap();
    let path = crate::segment::path(rich.dir.path(), row.segment);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"?", row.end() - 3).unwrap();
    let report = rich.check();
    let of = |user: &str| {
        let of = report.findings.iter().filter(|one| one.user.as_ref().unwrap().as_str() == user);
        of.map(|one| (one.part, one.problem, one.place.uid)).collect::<Vec<_>>()
    };
    // In the inbox and in the deleted mailbox of one, in the inbox of the other.
    assert_eq!(of("ada"), [(Part::Files, Problem::Damaged, Some(Uid(1))); 2]);
    assert_eq!(of("bob"), [(Part::Files, Problem::Damaged, Some(Uid(1)))]);
    assert_eq!(report.findings[0].remedy(), Remedy::Restore);
    let quick = CheckOptions { bytes: false, ..CheckOptions::default() };
    assert!(rich.engine.reader().check(&quick).unwrap().is_clean());
    file.write_all_at(b"?", row.offset + 9).unwrap();
    assert_eq!(rich.engine.reader().check(&quick).unwrap().found, 3);
}

#[test]
fn a_segment_that_is_gone_or_short_is_seen() {
    let rich = Rich::new();
    let (key, row) = rich.entries(|t| &t.segments).remove(0);
    let path = crate::segment::path(rich.dir.path(), Take(&key).u64().unwrap());
    let whole = std::fs::read(&path).unwrap();
    // Behind the records lie zeros that nobody misses.
    let end = usize::try_from(crate::codec::rows::SegmentRow::decode(&row).unwrap().end).unwrap();
    std::fs::write(&path, &whole[..end - 20]).unwrap();
    let report = rich.check();
    let of_files = |one: &Finding| matches!(one.part, Part::Files | Part::Saved);
    assert!(report.findings.iter().all(of_files), "{:#?}", report.findings);
    assert!(report.found >= 2);
    std::fs::remove_file(&path).unwrap();
    let report = rich.check();
    assert!(report.findings.iter().all(|one| one.problem == Problem::Missing));
    assert_eq!(report.findings.iter().filter(|one| one.place.uid.is_some()).count(), 11);
}

#[test]
fn nothing_is_found_while_and_after_the_purge() {
    let mut rich = Rich::new();
    let later = UnixTime::utc(NOW.seconds + 7_200);
    while rich.engine.purge_step(&|_, _| None, later).unwrap().more {
        assert!(rich.check().is_clean());
    }
    let report = rich.check();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert!(rich.entries(|t| &t.purge).is_empty());
}

#[test]
fn nothing_is_found_after_random_mutations() {
    for seed in 1..=3 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_path_buf();
        let store = LocalStore::open(config(&path)).unwrap();
        conformance::compare(seed, 400, 400, store, |store, step| {
            if step % 50 == 0 {
                let report = found(&path);
                assert!(report.is_clean(), "seed {seed} step {step}: {:#?}", report.findings);
            }
            store
        });
        let report = found(&path);
        assert!(report.is_clean(), "seed {seed}: {:#?}", report.findings);
        assert!(report.seen.messages > 0);
    }
}

#[test]
fn nothing_is_found_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_path_buf();
    let store = LocalStore::open(config(&path)).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let checker = std::thread::spawn({
        let (stop, path) = (std::sync::Arc::clone(&stop), path.clone());
        move || {
            let mut checks = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let report = found(&path);
                assert!(report.is_clean(), "{:#?}", report.findings);
                checks += 1;
            }
            checks
        }
    });
    conformance::compare(99, 800, 800, store, |store, _| store);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(checker.join().unwrap() > 0);
}
