//! Tests of COPY and MOVE in steps: what is seen between the steps, whatever else happens there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::super::compact_tests::check_accounts;
use super::super::tests::{Bench, NOW, expunge, flag};
use super::*;
use waypost_store::{Copied, KeywordId, Mailbox, PAGE_UIDS, Snapshot, StatePage};
use waypost_types::{FlagSet, Keyword, MailboxName, ModSeq, QuotaLimits, SystemFlag, SystemFlags};

/// What a message is, wherever it is.
type Seen = (u32, SystemFlags, Vec<Keyword>);

fn create(bench: &mut Bench, account: AccountId, name: &str) -> MailboxId {
    let name = MailboxName::new(name).unwrap();
    let create = Mutation::CreateMailbox { account, name, special_use: None };
    match bench.run(create).unwrap() {
        Outcome::Mailbox(id) => id,
        other => panic!("{other:?}"),
    }
}

fn record(bench: &Bench, account: AccountId, mailbox: MailboxId) -> Mailbox {
    let reader = bench.engine.reader();
    reader.snapshot().unwrap().mailbox(account, mailbox).unwrap().unwrap()
}

fn seen(snapshot: &dyn Snapshot, mailbox: &Mailbox) -> Vec<(Uid, Seen)> {
    let table = snapshot.keywords(mailbox.id).unwrap();
    let live = snapshot.live(mailbox).unwrap();
    let one = |uid: Uid| {
        let page = snapshot.page(mailbox.id, StatePage::number_of(uid)).unwrap().unwrap();
        let state = page.state(uid.0 % PAGE_UIDS).unwrap();
        let named = |id: &KeywordId| table.iter().find(|(known, _)| known == id).unwrap().1.clone();
        let mut keywords: Vec<_> = state.keywords.iter().map(named).collect();
        keywords.sort();
        let row = snapshot.message(mailbox.id, uid).unwrap().unwrap();
        (uid, (row.email.0, state.system, keywords))
    };
    live.iter().map(one).collect()
}

fn content(bench: &Bench, account: AccountId, mailbox: MailboxId) -> Vec<(Uid, Seen)> {
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let mailbox = snapshot.mailbox(account, mailbox).unwrap().unwrap();
    seen(&*snapshot, &mailbox)
}

fn copy_all(account: AccountId, from: MailboxId, to: MailboxId, limits: QuotaLimits) -> Mutation {
    Mutation::Copy { account, from, uids: UidSet::range(1..=1_000_000), to, limits }
}

fn move_all(account: AccountId, from: MailboxId, to: MailboxId) -> Mutation {
    Mutation::Move { account, from, uids: UidSet::range(1..=1_000_000), to }
}

fn finish(bench: &mut Bench, job: &Job) -> Result<Copied, StoreError> {
    loop {
        if let Some(done) = bench.engine.step(job, NOW) {
            return match done.outcome? {
                Outcome::Copied(copied) => Ok(copied),
                other => panic!("{other:?}"),
            };
        }
    }
}

/// An inbox of `count` messages with flags and keywords, and an empty mailbox.
fn filled(rows: usize, count: u32) -> (Bench, AccountId, MailboxId, MailboxId) {
    let mut bench = Bench::with_steps(rows);
    let (account, inbox) = bench.filled(count);
    for (word, every) in [("red", 3), ("blue", 5)] {
        let mut flags = FlagSet::system(&[SystemFlag::Seen]);
        flags.insert_keyword(Keyword::new(word).unwrap());
        let uids = (1..=count).step_by(every).map(Uid).collect();
        bench.run(flag(account, inbox, uids, flags)).unwrap();
    }
    let to = create(&mut bench, account, "Shelf");
    (bench, account, inbox, to)
}

#[test]
fn nothing_is_seen_before_the_last_step() {
    for moves in [false, true] {
        let (mut bench, account, inbox, to) = filled(100, 1_100);
        let before = content(&bench, account, inbox);
        let mutation = match moves {
            true => move_all(account, inbox, to),
            false => copy_all(account, inbox, to, QuotaLimits::NONE),
        };
        assert!(bench.engine.takes_steps(&mutation));
        let job = bench.job(mutation);
        let mut steps = 0;
        let done = loop {
            if let Some(done) = bench.engine.step(&job, NOW) {
                break done;
            }
            steps += 1;
            assert_eq!(content(&bench, account, inbox), before);
            let target = record(&bench, account, to);
            assert_eq!((target.counters.messages, target.uid_next), (0, Uid(1)));
            check_accounts(&bench);
        };
        assert_eq!(steps, 11);
        let Ok(Outcome::Copied(copied)) = &done.outcome else { panic!("{done:?}") };
        assert_eq!((copied.source.len(), copied.target.ranges()), (1_100, vec![1..=1_100]));
        assert_eq!(content(&bench, account, to), before, "UIDs, flags and keywords are the same");
        assert_eq!(record(&bench, account, inbox).counters.messages, if moves { 0 } else { 1_100 });
        check_accounts(&bench);
        // Asked again, after a restart too, it is answered and not done.
        let mut bench = bench.reopen();
        let again = bench.engine.step(&job, NOW).unwrap();
        assert_eq!(again.outcome, done.outcome);
        assert_eq!(record(&bench, account, to).counters.messages, 1_100);
        bench.purge_all(None);
        check_accounts(&bench);
    }
}

#[test]
fn a_restart_between_steps_leaves_nothing_and_gives_no_uid_twice() {
    for rows in [1, 7, 64] {
        let (mut bench, account, inbox, to) = filled(rows, 70);
        let job = bench.job(move_all(account, inbox, to));
        assert!(bench.engine.step(&job, NOW).is_none());
        let before = content(&bench, account, inbox);
        let mut bench = bench.reopen();
        bench.engine.step_rows = rows;
        assert_eq!(bench.engine.outcome(job.id).unwrap(), None);
        check_accounts(&bench);
        // What comes in first gets a UID that nothing ever stood under.
        let copy = Mutation::Copy {
            account,
            from: inbox,
            uids: UidSet::range(1..=1),
            to,
            limits: QuotaLimits::NONE,
        };
        let Ok(Outcome::Copied(first)) = bench.run(copy) else { panic!("not copied") };
        assert!(first.target.first().unwrap().0 > u32::try_from(rows).unwrap());
        check_accounts(&bench);
        let copied = finish(&mut bench, &job).unwrap();
        assert_eq!(copied.source.len(), 70);
        let mut there: Vec<_> = content(&bench, account, to).into_iter().map(|one| one.1).collect();
        let mut expected: Vec<_> = before.iter().map(|one| one.1.clone()).collect();
        expected.push(before[0].1.clone());
        there.sort_by_key(|one| one.0);
        expected.sort_by_key(|one| one.0);
        assert_eq!(there, expected);
        assert_eq!(record(&bench, account, inbox).counters.messages, 0);
        bench.purge_all(None);
        check_accounts(&bench);
        assert_eq!(bench.entries(|t| &t.messages), 71);
    }
}

#[test]
fn what_happens_between_the_steps_counts() {
    let (mut bench, account, inbox, to) = filled(10, 60);
    let job = bench.job(move_all(account, inbox, to));
    for _ in 0..3 {
        assert!(bench.engine.step(&job, NOW).is_none());
    }
    // One that is staged leaves, and one that is not; flags of others change; mail comes.
    let gone: UidSet = [Uid(5), Uid(55)].into_iter().collect();
    bench.run(expunge(account, inbox, Some(gone.clone()))).unwrap();
    let mut flags = FlagSet::system(&[SystemFlag::Flagged]);
    flags.insert_keyword(Keyword::new("late").unwrap());
    bench.run(flag(account, inbox, UidSet::range(1..=2), flags)).unwrap();
    bench.deliver(&["a", "b"], "Subject: new\r\n\r\n");
    let before = content(&bench, account, inbox);
    let copied = finish(&mut bench, &job).unwrap();
    assert_eq!(copied.source, UidSet::range(1..=60).difference(&gone));
    assert_eq!(copied.source.len(), copied.target.len());
    let (stay, moved): (Vec<_>, Vec<_>) = before.into_iter().partition(|one| one.0 > Uid(60));
    assert_eq!(content(&bench, account, inbox), stay);
    let there = content(&bench, account, to);
    assert!(there.iter().map(|one| one.0).eq(copied.target.iter()));
    let kinds = |list: &[(Uid, Seen)]| list.iter().map(|one| one.1.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&there), kinds(&moved));
    check_accounts(&bench);
    bench.purge_all(None);
    check_accounts(&bench);
    assert_eq!(bench.entries(|t| &t.messages), 58 + 1 + 1);
}

#[test]
fn what_comes_into_the_target_goes_before_and_uids_ascend() {
    let mut bench = Bench::with_steps(20);
    let (account, inbox) = bench.filled(100);
    // Into itself, so that deliveries come into the target.
    let (uids, limits) = (UidSet::range(1..=100), QuotaLimits::NONE);
    let job = bench.job(Mutation::Copy { account, from: inbox, uids, to: inbox, limits });
    let mut arrived = Vec::new();
    let copied = loop {
        match bench.engine.step(&job, NOW) {
            Some(done) => match done.outcome.unwrap() {
                Outcome::Copied(copied) => break copied,
                other => panic!("{other:?}"),
            },
            None => arrived.push(bench.deliver(&["a"], "Subject: x\r\n\r\n")[0].clone().unwrap()),
        }
        check_accounts(&bench);
    };
    assert!(arrived.windows(2).all(|pair| pair[0].uid < pair[1].uid));
    assert!(arrived.last().unwrap().uid < copied.target.first().unwrap());
    let live = content(&bench, account, inbox);
    assert_eq!(live.len(), 200 + arrived.len());
    assert_eq!(record(&bench, account, inbox).uid_next.0, copied.target.last().unwrap().0 + 1);
    check_accounts(&bench);
    bench.purge_all(None);
    check_accounts(&bench);
    assert_eq!(bench.entries(|t| &t.messages), live.len() as u64);
}

#[test]
fn what_cannot_be_done_leaves_nothing_to_be_seen() {
    let (mut bench, account, inbox, to) = filled(20, 100);
    let limits = QuotaLimits { messages: Some(150), ..QuotaLimits::NONE };
    let job = bench.job(copy_all(account, inbox, to, limits));
    assert!(matches!(finish(&mut bench, &job), Err(StoreError::OverQuota(_))));
    assert_eq!(record(&bench, account, to).counters.messages, 0);
    let held = record(&bench, account, inbox).counters.bytes;
    let limits = QuotaLimits { bytes: Some(2 * held - 1), ..QuotaLimits::NONE };
    let job = bench.job(copy_all(account, inbox, to, limits));
    let Err(StoreError::OverQuota(_)) = finish(&mut bench, &job) else { panic!("it fits") };
    assert_eq!(bench.entries(|t| &t.messages), 100, "it was refused before anything was written");
    // Room that goes while it is under way.
    let limits = QuotaLimits { bytes: Some(2 * held), ..QuotaLimits::NONE };
    let job = bench.job(copy_all(account, inbox, to, limits));
    assert!(bench.engine.step(&job, NOW).is_none());
    bench.deliver(&["a"], "x: y\r\n\r\n");
    assert!(matches!(finish(&mut bench, &job), Err(StoreError::OverQuota(_))));
    check_accounts(&bench);
    bench.run(expunge(account, inbox, Some(UidSet::range(101..=101)))).unwrap();
    // The target goes away, and comes back.
    let job = bench.job(copy_all(account, inbox, to, QuotaLimits::NONE));
    assert!(bench.engine.step(&job, NOW).is_none());
    bench.run(Mutation::DeleteMailbox { account, mailbox: to }).unwrap();
    check_accounts(&bench);
    assert_eq!(finish(&mut bench, &job), Err(StoreError::NoSuchMailbox));
    check_accounts(&bench);
    let name = MailboxName::new("Back").unwrap();
    let back = Mutation::UndeleteMailbox { account, mailbox: to, deleted: NOW.seconds, name };
    bench.run(back).unwrap();
    let job = bench.job(move_all(account, inbox, to));
    assert_eq!(finish(&mut bench, &job).unwrap().source.len(), 100);
    assert_eq!(content(&bench, account, to).len(), 100);
    check_accounts(&bench);
    // The source goes away.
    let job = bench.job(copy_all(account, to, inbox, QuotaLimits::NONE));
    assert!(bench.engine.step(&job, NOW).is_none());
    bench.run(Mutation::DeleteMailbox { account, mailbox: to }).unwrap();
    assert_eq!(finish(&mut bench, &job), Err(StoreError::NoSuchMailbox));
    assert_eq!(record(&bench, account, inbox).counters.messages, 0);
    bench.purge_all(None);
    check_accounts(&bench);
    assert_eq!(bench.entries(|t| &t.messages), 0);
    assert_eq!(bench.entries(|t| &t.blobs), 0, "no copy holds a message that is gone");
}

#[test]
fn another_transfer_and_a_repair_give_up_the_one_before() {
    let (mut bench, account, inbox, to) = filled(20, 100);
    let first = bench.job(move_all(account, inbox, to));
    let second = bench.job(copy_all(account, inbox, to, QuotaLimits::NONE));
    assert!(bench.engine.step(&first, NOW).is_none());
    assert!(bench.engine.step(&second, NOW).is_none());
    let plan = super::super::RepairPlan::new(
        &bench.engine.reader().check(&crate::check::CheckOptions::default()).unwrap().findings,
    );
    bench.engine.repair(plan, NOW).unwrap();
    assert_eq!(finish(&mut bench, &second).unwrap().source.len(), 100);
    assert_eq!(finish(&mut bench, &first).unwrap().source.len(), 100);
    assert_eq!(content(&bench, account, to).len(), 200);
    assert_eq!(record(&bench, account, inbox).counters.messages, 0);
    check_accounts(&bench);
}

#[test]
fn a_record_is_read_back() {
    let (account, mailbox) = (AccountId(7), MailboxId(9));
    let staged = Staged { account, mailbox, first: Uid(100), end: Uid(103) };
    assert_eq!(Staged::decode(&staged.encode()), Some(staged));
    assert_eq!(Staged::decode(&staged.encode()[1..]), None);
    assert_eq!(staged.of(mailbox), UidSet::range(100..=102));
    assert!(staged.of(MailboxId(8)).is_empty());
}

#[test]
fn joining_pages_is_like_adding_each_message() {
    let (mut joined, mut one_by_one) = (StatePage::new(0), StatePage::new(0));
    for (at, modseq) in [(1, 4), (3, 5), (400, 5)] {
        for page in [&mut joined, &mut one_by_one] {
            pages::insert(page, at, SystemFlags::default(), &[KeywordId(2)], ModSeq(modseq));
        }
    }
    let mut arrived = StatePage::new(0);
    for at in [402, 403, 500] {
        arrived.live.set(at, true);
        arrived.flag_mut(SystemFlag::Seen).set(at, true);
        pages::keyword_mut(&mut arrived, KeywordId(1)).set(at, true);
        let flags = FlagSet::system(&[SystemFlag::Seen]).system;
        pages::insert(&mut one_by_one, at, flags, &[KeywordId(1)], ModSeq(9));
    }
    pages::join(&mut joined, &arrived, ModSeq(9));
    assert_eq!(joined, one_by_one);
    let mut first = StatePage::new(0);
    pages::join(&mut first, &arrived, ModSeq(9));
    assert_eq!(first.modseqs, waypost_store::Modseqs::Same(ModSeq(9)));
}
