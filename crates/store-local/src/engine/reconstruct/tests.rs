//! Metadata deleted and made anew, compared with what was there before.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::*;
use crate::codec::rows::BlobRow;
use crate::engine::tests::{Bench, NOW, delivery, expunge};
use crate::local::LocalStore;
use crate::reader::Reader;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use waypost_store::{
    FlagAction, Mailbox, Mutation, Outcome, PAGE_UIDS, Snapshot, StatePage, conformance,
};
use waypost_types::{
    AccountId, FlagSet, Keyword, MailboxId, MailboxName, QuotaLimits, SystemFlag, Uid, UidSet,
    UidValidity,
};

fn config(path: &Path) -> EngineConfig {
    EngineConfig { map_size: 1 << 30, ..EngineConfig::new(path) }
}

fn rebuild(path: &Path) -> Rebuilt {
    reconstruct(&config(path), NOW, true).unwrap()
}

fn lose(path: &Path) {
    std::fs::remove_dir_all(path.join(META_DIR)).unwrap();
}

/// What a store shows of its mailboxes: of each, by user and name, its record and its messages. What
/// `\Recent` depends on is not kept.
type Shown = BTreeMap<(String, String), (Mailbox, Vec<String>)>;

fn mailbox(snapshot: &dyn Snapshot, mailbox: &Mailbox) -> Vec<String> {
    let words = snapshot.keywords(mailbox.id).unwrap();
    let mut messages = Vec::new();
    for uid in snapshot.live(mailbox).unwrap().iter() {
        let page = snapshot.page(mailbox.id, StatePage::number_of(uid)).unwrap().unwrap();
        let state = page.state(uid.0 % PAGE_UIDS).unwrap();
        let mut named: Vec<_> = state
            .keywords
            .iter()
            .map(|id| words.iter().find(|(known, _)| known == id).unwrap().1.to_string())
            .collect();
        named.sort();
        let row = snapshot.message(mailbox.id, uid).unwrap().unwrap();
        let email = snapshot.email(mailbox.account, row.email).unwrap().unwrap();
        let form = snapshot.form(mailbox.account, row.email).unwrap();
        let body = snapshot.body(mailbox.account, row.email).unwrap();
        let mut bytes = Vec::new();
        // Damaged bytes are shown as none.
        if body.append_to(0..body.size(), &mut bytes).is_err() {
            bytes.clear();
        }
        messages.push(format!(
            "{uid} {:?} {named:?} {} {row:?} {email:?} {} {}",
            state.system,
            state.modseq,
            form.subject,
            crc32fast::hash(&bytes)
        ));
    }
    messages
}

fn shown(path: &Path) -> Shown {
    let reader = Reader::open(path).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let mut all = Shown::new();
    for account in snapshot.accounts().unwrap() {
        let subscribed = format!("{:?} {:?}", snapshot.subscriptions(account.id).unwrap(), account);
        for found in snapshot.mailboxes(account.id).unwrap() {
            let mut messages = mailbox(&*snapshot, &found);
            messages.push(subscribed.clone());
            let record = Mailbox { recent_from: Uid(0), ..found };
            all.insert((account.name.to_string(), record.name.to_string()), (record, messages));
        }
    }
    all
}

fn flags() -> FlagSet {
    let mut flags = FlagSet::default();
    flags.system.insert(SystemFlag::Seen);
    flags.insert_keyword(Keyword::new("work").unwrap());
    flags
}

fn set_flags(account: AccountId, mailbox: MailboxId, uids: UidSet) -> Mutation {
    let (action, flags) = (FlagAction::Add, flags());
    Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since: None }
}

/// A store with mail, folders, flags, a copy, and expunged messages.
struct House {
    bench: Bench,
    account: AccountId,
    inbox: MailboxId,
    work: MailboxId,
}

impl House {
    fn new() -> Self {
        Self::with(Bench::new())
    }

    fn with(mut bench: Bench) -> Self {
        for number in 0..6 {
            bench.deliver(&["ada", "bob"], &text(number));
        }
        let first = bench.deliver(&["ada"], &text(6)).remove(0).unwrap();
        let (account, inbox) = (first.account, first.mailbox);
        let name = MailboxName::new("work/old").unwrap();
        let made = bench.run(Mutation::CreateMailbox { account, name, special_use: None }).unwrap();
        let Outcome::Mailbox(work) = made else { panic!("{made:?}") };
        let mut house = Self { bench, account, inbox, work };
        house.run(set_flags(account, inbox, UidSet::range(1..=2)));
        house.copy(UidSet::range(2..=3));
        house.run(expunge(account, inbox, Some(UidSet::range(5..=5))));
        let name = MailboxName::new("elsewhere").unwrap();
        house.run(Mutation::Subscribe { account, name, on: true });
        house
    }

    fn run(&mut self, mutation: Mutation) -> Outcome {
        self.bench.run(mutation).unwrap()
    }

    fn copy(&mut self, uids: UidSet) {
        let (account, from, to) = (self.account, self.inbox, self.work);
        let limits = QuotaLimits::default();
        self.run(Mutation::Copy { account, from, uids, to, limits });
    }

    fn path(&self) -> PathBuf {
        self.bench.dir.path().to_path_buf()
    }

    fn save(&mut self) {
        self.bench.engine.save_all(NOW).unwrap();
        super::super::compact_tests::check_accounts(&self.bench);
    }

    /// What was shown before, and, with the metadata deleted and made anew, after.
    fn lost(self) -> (Shown, Shown, Rebuilt, tempfile::TempDir) {
        let path = self.path();
        let Bench { dir, engine, .. } = self.bench;
        drop(engine);
        let before = shown(&path);
        lose(&path);
        let rebuilt = rebuild(&path);
        let after = shown(&path);
        check_whole(&path);
        (before, after, rebuilt, dir)
    }
}

fn check_whole(path: &Path) {
    let report = check(path, &CheckOptions::default()).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
}

fn text(number: u32) -> String {
    format!(
        "Subject: s{number}\r\nMessage-ID: <{number}@x>\r\nReferences: <1@x>\r\n\r\n{number}\r\n"
    )
}

/// The names of mailboxes that are not as they were, and of those with a new UIDVALIDITY.
fn differing(before: &Shown, after: &Shown) -> (Vec<String>, Vec<String>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    // The last line is the account's, with a modification sequence.
    let own = |messages: &[String]| messages[..messages.len() - 1].to_vec();
    let (mut other, mut renewed) = (Vec::new(), Vec::new());
    for (key, (was, messages)) in before {
        let name = format!("{}:{}", key.0, key.1);
        let (is, new_messages) = &after[key];
        if was.uid_validity != is.uid_validity {
            renewed.push(name.clone());
        }
        if was != is || own(messages) != own(new_messages) {
            other.push(name);
        }
    }
    (other, renewed)
}

#[test]
fn after_a_quiet_time_everything_comes_back() {
    let mut house = House::new();
    house.save();
    let (before, after, rebuilt, dir) = house.lost();
    assert_eq!(before, after);
    assert_eq!((rebuilt.proven, rebuilt.doubtful), (rebuilt.mailboxes, 0), "{:#?}", rebuilt.lines);
    // And again, from what is there now.
    lose(dir.path());
    rebuild(dir.path());
    assert_eq!(shown(dir.path()), before);
}

#[test]
fn deliveries_appends_and_copies_need_no_saving() {
    let mut house = House::new();
    house.save();
    let (account, work) = (house.account, house.work);
    house.bench.deliver(&["ada", "carol"], &text(20));
    house.copy(UidSet::range(1..=3));
    let name = MailboxName::new("new").unwrap();
    house.run(Mutation::CreateMailbox { account, name, special_use: None });
    let to = MailboxName::new("renamed").unwrap();
    house.run(Mutation::RenameMailbox { account, mailbox: work, to });
    let name = MailboxName::new("elsewhere").unwrap();
    house.run(Mutation::Subscribe { account, name, on: false });
    let name = MailboxName::new("Trash").unwrap();
    let trash = house.bench.engine.reader();
    let trash = trash.snapshot().unwrap().mailbox_named(account, &name).unwrap().unwrap().id;
    house.run(Mutation::DeleteMailbox { account, mailbox: trash });
    // A copy of what was filed in a mailbox that is gone.
    let gone = MailboxName::new("gone").unwrap();
    let made = Mutation::CreateMailbox { account, name: gone.clone(), special_use: None };
    let Outcome::Mailbox(from) = house.run(made) else { panic!("not made") };
    let Mutation::Deliver(mut deliver) = delivery(&["ada"], &text(21)) else { panic!("none") };
    deliver.recipients[0].folder = Some(gone);
    house.run(Mutation::Deliver(deliver));
    let (uids, limits) = (UidSet::range(1..=1), QuotaLimits::default());
    house.run(Mutation::Copy { account, from, uids, to: house.inbox, limits });
    house.run(Mutation::DeleteMailbox { account, mailbox: from });
    let (before, after, rebuilt, _dir) = house.lost();
    assert_eq!(before, after, "{:#?}", rebuilt.lines);
    assert_eq!(rebuilt.proven, rebuilt.mailboxes);
}

#[test]
fn transfers_in_steps_come_back() {
    let mut house = House::new();
    house.save();
    house.bench.engine.step_rows = 2;
    let (account, from, to) = (house.account, house.inbox, house.work);
    house.copy(UidSet::range(1..=4));
    house.run(Mutation::Move { account, from, uids: UidSet::range(2..=6), to });
    let (before, after, rebuilt, _dir) = house.lost();
    let (other, renewed) = differing(&before, &after);
    // What left the inbox is not known; what came is.
    let inbox = vec!["ada:INBOX".to_owned()];
    assert_eq!((&other, &renewed), (&inbox, &inbox), "{:#?}", rebuilt.lines);
}

#[test]
fn what_changed_since_gets_a_new_uidvalidity_and_nothing_else_does() {
    let mut house = House::new();
    house.save();
    let (account, inbox) = (house.account, house.inbox);
    house.run(set_flags(account, inbox, UidSet::range(3..=3)));
    house.run(expunge(account, inbox, Some(UidSet::range(1..=1))));
    house.copy(UidSet::range(2..=2));
    house.bench.deliver(&["ada"], &text(30));
    let (before, after, rebuilt, dir) = house.lost();
    let (other, renewed) = differing(&before, &after);
    assert_eq!((&other[..], &renewed[..]), (&["ada:INBOX".to_owned()][..], &other[..]));
    let key = ("ada".to_owned(), "INBOX".to_owned());
    // The expunged one is back; the delivery after it is there too.
    assert_eq!(after[&key].0.counters.messages, before[&key].0.counters.messages + 1);
    assert_eq!(rebuilt.doubtful, u64::from(after[&key].0.counters.messages));
    assert!(after[&key].0.modseq > before[&key].0.modseq);
    // As long as nobody has saved the new state, the old one proves no more than before.
    let engine = Engine::open(config(dir.path())).unwrap();
    drop(engine);
    lose(dir.path());
    let again = rebuild(dir.path());
    assert_eq!((again.proven, again.doubtful), (rebuilt.proven, rebuilt.doubtful));
    // When it is saved, it is proven.
    let mut engine = Engine::open(config(dir.path())).unwrap();
    engine.save_all(NOW).unwrap();
    drop(engine);
    let settled = shown(dir.path());
    lose(dir.path());
    assert_eq!(rebuild(dir.path()).doubtful, 0);
    assert_eq!(shown(dir.path()), settled);
}

#[test]
fn a_move_loses_nothing_wherever_the_saving_stands() {
    for steps in 0..8 {
        let mut house = House::new();
        house.save();
        let (account, from, to) = (house.account, house.inbox, house.work);
        house.run(Mutation::Move { account, from, uids: UidSet::range(1..=4), to });
        let later = UnixTime { seconds: NOW.seconds + 1_000, ..NOW };
        for _ in 0..steps {
            house.bench.engine.save_step(later).unwrap();
        }
        let (before, after, rebuilt, _dir) = house.lost();
        let (other, renewed) = differing(&before, &after);
        assert_eq!(other, renewed, "{steps}: {:#?}", rebuilt.lines);
        let work = ("ada".to_owned(), "work/old".to_owned());
        assert_eq!(before[&work].1.len(), after[&work].1.len(), "{steps}");
    }
}

#[test]
fn saved_states_are_compacted_purged_and_dropped() {
    let mut house = House::with(Bench::with_segments(8 << 10));
    for round in 0..30 {
        let account = house.account;
        let uids = UidSet::range(1..=4);
        let action = if round % 2 == 0 { FlagAction::Remove } else { FlagAction::Add };
        let (mailbox, flags) = (house.inbox, flags());
        let unchanged_since = None;
        house.run(Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since });
        house.save();
    }
    let (before, _) = house.bench.disk_bytes();
    house.bench.engine.compact_all(1).unwrap();
    house.bench.engine.leave_segment();
    house.bench.engine.compact_all(1).unwrap();
    super::super::compact_tests::check_accounts(&house.bench);
    let (after, _) = house.bench.disk_bytes();
    assert!(after < before / 2, "{before} bytes, then {after}");
    let (account, mailbox) = (house.account, house.work);
    house.run(Mutation::DeleteMailbox { account, mailbox });
    house.bench.purge_all(None);
    super::super::compact_tests::check_accounts(&house.bench);
    let (before, after, rebuilt, _dir) = house.lost();
    assert_eq!(before, after, "{:#?}", rebuilt.lines);
}

#[test]
fn what_is_written_is_bounded_by_what_changed() {
    let mut house = House::new();
    house.save();
    let engine = &mut house.bench.engine;
    let later = UnixTime { seconds: NOW.seconds + 1_000, ..NOW };
    assert_eq!(engine.save_step(later).unwrap().bytes, 0);
    let files = |house: &House| house.bench.disk_bytes().0;
    let before = files(&house);
    for number in 0..20 {
        house.bench.deliver(&["ada"], &text(100 + number));
    }
    house.save();
    assert_eq!(
        files(&house),
        before,
        "the room ahead is used, and nothing is saved for deliveries"
    );
}

#[test]
fn damaged_segments_cost_what_was_damaged() {
    let mut house = House::new();
    house.save();
    let rows: Vec<BlobRow> = {
        let meta = &house.bench.engine.meta;
        let txn = meta.env.read_txn().unwrap();
        let all = crate::env::all(&meta.tables.blobs, &txn).unwrap();
        all.map(|entry| BlobRow::decode(entry.unwrap().1).unwrap()).collect()
    };
    let path = house.path();
    let file = |row: &BlobRow| {
        let path = crate::segment::path(&path, row.segment);
        std::fs::File::options().write(true).open(path).unwrap()
    };
    // A byte of a body.
    file(&rows[0]).write_all_at(b"?", rows[0].end() - 3).unwrap();
    let before = shown(&path);
    drop(house.bench.engine);
    lose(&path);
    let rebuilt = rebuild(&path);
    assert_eq!((rebuilt.damaged, rebuilt.doubtful), (1, 0));
    let (other, renewed) = differing(&before, &shown(&path));
    assert_eq!((other, renewed), (Vec::new(), Vec::new()));
    // A filing note: the states that were saved after it know all of it.
    file(&rows[1]).write_all_at(b"?", rows[1].offset + 45).unwrap();
    lose(&path);
    let rebuilt = rebuild(&path);
    assert_eq!((rebuilt.doubtful, rebuilt.unfiled), (0, 0), "{:#?}", rebuilt.lines);
    // A header: what else was there, nobody knows.
    file(&rows[2]).write_all_at(b"?", rows[2].offset + 9).unwrap();
    lose(&path);
    let rebuilt = rebuild(&path);
    // It was in two mailboxes of one user and one of another.
    assert_eq!((rebuilt.proven, rebuilt.lost), (0, 3), "{:#?}", rebuilt.lines);
    check(&path, &CheckOptions { bytes: false, ..CheckOptions::default() }).unwrap();
}

#[test]
fn a_message_whose_note_alone_is_damaged_is_kept_for_the_administrator() {
    let mut bench = Bench::new();
    bench.deliver(&["ada"], &text(1));
    let path = bench.dir.path().to_path_buf();
    let Bench { dir, engine, .. } = bench;
    drop(engine);
    let segment = crate::segment::path(&path, 1);
    let file = std::fs::File::options().write(true).open(segment).unwrap();
    file.write_all_at(b"?", 45).unwrap();
    lose(&path);
    let rebuilt = rebuild(&path);
    assert_eq!(rebuilt.unfiled, 1, "{:#?}", rebuilt.lines);
    let shown = shown(&path);
    let (record, _) = &shown[&("recovered".to_owned(), "INBOX".to_owned())];
    assert_eq!(record.counters.messages, 1);
    check_whole(dir.path());
}

#[test]
fn what_was_never_acknowledged_stays_away_when_a_later_start_has_seen_it() {
    let mut house = House::new();
    house.save();
    let path = house.path();
    let segment = crate::segment::path(&path, house.bench.engine.files.current());
    let before_bytes = std::fs::read(&segment).unwrap();
    house.bench.deliver(&["ada"], &text(40));
    let with_more = std::fs::read(&segment).unwrap();
    drop(house.bench.engine);
    // As if the last delivery had reached the segment, and its commit had not reached the metadata.
    let dir = house.bench.dir;
    let fresh = tempfile::tempdir().unwrap();
    let mut other = House::with(Bench::new());
    other.save();
    let other_path = other.path();
    let other_segment = crate::segment::path(&other_path, other.bench.engine.files.current());
    assert_eq!(before_bytes.len(), std::fs::read(&other_segment).unwrap().len());
    let mut torn = std::fs::read(&other_segment).unwrap();
    let from = torn.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let at = from.next_multiple_of(8);
    let tail: Vec<u8> = with_more[at..].to_vec();
    torn[at..].copy_from_slice(&tail);
    drop(other.bench.engine);
    std::fs::write(&other_segment, &torn).unwrap();
    let mut engine = Engine::open(config(&other_path)).unwrap();
    let jobs = vec![crate::engine::Job {
        id: crate::engine::MutationId(7_000),
        mutation: delivery(&["ada"], &text(41)),
    }];
    engine.commit(jobs, NOW).remove(0).outcome.unwrap();
    drop(engine);
    let before = shown(&other_path);
    lose(&other_path);
    let rebuilt = rebuild(&other_path);
    assert_eq!(shown(&other_path), before, "{:#?}", rebuilt.lines);
    drop((dir, fresh));
}

#[test]
fn old_metadata_are_kept_and_a_running_writer_is_refused() {
    let mut house = House::new();
    house.save();
    let path = house.path();
    let running = reconstruct(&config(&path), NOW, true);
    assert!(matches!(running, Err(StoreError::Unavailable(_))), "{running:?}");
    drop(house.bench.engine);
    let tried = reconstruct(&config(&path), NOW, false).unwrap();
    assert_eq!((tried.old, path.join(MAKING_DIR).exists()), (None, false));
    let before = shown(&path);
    let rebuilt = rebuild(&path);
    let old = rebuilt.old.unwrap();
    assert!(old.join(DATA_FILE).exists() && path.join(META_DIR).join(DATA_FILE).exists());
    assert_eq!(shown(&path), before);
    // A store without metadata is not taken for an empty one.
    lose(&path);
    assert!(matches!(crate::engine::mend(&config(&path), NOW), Err(StoreError::Corrupt(_))));
    let refused = Engine::open(config(&path)).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
    let unchecked = crate::check::check(&path, &crate::check::CheckOptions::default()).err();
    assert_eq!(unchecked, refused, "who checks it learns what to do");
}

#[test]
fn notes_of_older_programs_are_filed_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let segments = dir.path().join(SEGMENTS_DIR);
    std::fs::create_dir_all(&segments).unwrap();
    let older = (
        UnixTime::utc(5),
        vec![(
            waypost_types::AccountName::new("ada").unwrap(),
            MailboxName::new("lists").unwrap(),
            FlagSet::default(),
        )],
    );
    let note = postcard::to_allocvec(&older).unwrap();
    let body = text(1).into_bytes();
    let header = crate::segment::Header {
        form: crate::segment::NOTE_WITHOUT_IDS,
        ..crate::segment::Header::new(
            crate::segment::Kind::Message,
            waypost_types::BlobId(3),
            &note,
            &body,
        )
    };
    let bytes = [&header.encode()[..], &note, &body].concat();
    std::fs::write(segments.join("0000000001.seg"), bytes).unwrap();
    let rebuilt = rebuild(dir.path());
    assert_eq!((rebuilt.accounts, rebuilt.messages), (1, 1), "{:#?}", rebuilt.lines);
    let shown = shown(dir.path());
    let (record, _) = &shown[&("ada".to_owned(), "lists".to_owned())];
    assert_eq!((record.uid_next, record.uid_validity > UidValidity(0)), (Uid(2), true));
    check_whole(dir.path());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_store_of_random_mutations_comes_back(seed: u64, quiet: bool) {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(config(dir.path())).unwrap();
        conformance::follow(&store, seed, 150, 1);
        drop(store);
        if quiet {
            let mut engine = Engine::open(config(dir.path())).unwrap();
            engine.save_all(NOW).unwrap();
            drop(engine);
        }
        let before = shown(dir.path());
        lose(dir.path());
        let rebuilt = rebuild(dir.path());
        let after = shown(dir.path());
        let (other, renewed) = differing(&before, &after);
        if quiet {
            prop_assert_eq!(&before, &after);
        }
        prop_assert_eq!(&other, &renewed, "{:#?}", rebuilt.lines);
        for (key, (record, messages)) in &before {
            // Nothing is lost, and the mailboxes that keep their UIDVALIDITY are wholly as they were.
            prop_assert!(after[key].1.len() >= messages.len(), "{:?} {:?}", key, record);
        }
        check_whole(dir.path());
    }
}
