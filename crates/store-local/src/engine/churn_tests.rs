//! A month of a small site in seconds: what comes, goes, is copied and deleted leaves a store that is
//! hardly larger than what lives in it, and whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::compact::{Aim, Compactor};
use super::compact_tests::check_accounts;
use super::tests::{Bench, NOW, bytes_of, delivery, expunge};
use super::*;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use waypost_types::{MailboxName, Uid, UidSet};

const HOURS: i64 = 30 * 24;
/// So many hours at once.
const STEP_HOURS: i64 = 3;
const USERS: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Messages that come in a step.
const COMING: u32 = 6;
/// One of so many messages leaves in a step.
const STAYING: u32 = 50;
/// Sizes are log-normal: half of the messages are smaller than this many bytes.
const MEDIAN_BYTES: f64 = 16_000.0;
const SPREAD: f64 = 1.2;
const LARGEST_BYTES: f64 = 900_000.0;
const SEGMENT_BYTES: u64 = 1 << 20;

/// A message that must be there.
struct Kept {
    account: AccountId,
    mailbox: MailboxId,
    uid: Uid,
    text: u64,
}

struct Site {
    bench: Bench,
    compactor: Compactor,
    random: u64,
    now: UnixTime,
    texts: u64,
    kept: Vec<Kept>,
}

/// A well mixed number for each number (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Between 0 and 1, neither of them.
#[allow(clippy::cast_precision_loss, reason = "53 bits of a mixed number fit")]
fn fraction(number: u64) -> f64 {
    ((mixed(number) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// The message with this number; always the same.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between limits")]
fn text(number: u64) -> String {
    let (one, two) = (fraction(2 * number), fraction(2 * number + 1));
    let normal = (-2.0 * one.ln()).sqrt() * (TAU * two).cos();
    let size = (MEDIAN_BYTES.ln() + SPREAD * normal).exp().min(LARGEST_BYTES) as usize;
    let line = format!("{number} and no other\r\n");
    format!("Subject: {number}\r\n\r\n{}", line.repeat(size / line.len() + 1))
}

impl Site {
    fn new() -> Self {
        let bench = Bench::with_segments(SEGMENT_BYTES);
        let compactor = bench.engine.compactor();
        Self { bench, compactor, random: 1, now: NOW, texts: 0, kept: Vec::new() }
    }

    fn random(&mut self, below: u32) -> u32 {
        self.random += 1;
        u32::try_from(mixed(self.random) % u64::from(below)).unwrap()
    }

    fn run(&mut self, mutation: Mutation) -> Outcome {
        self.bench.run_at(mutation, self.now).unwrap()
    }

    fn deliver(&mut self) {
        self.texts += 1;
        let count = 1 + usize::from(self.random(10) == 0);
        let first = self.random(4) as usize;
        let mutation = delivery(&USERS[first..first + count], &text(self.texts));
        let Outcome::Delivered(list) = self.run(mutation) else { panic!("no delivery") };
        for to in list.into_iter().map(Result::unwrap) {
            let (account, mailbox, uid) = (to.account, to.mailbox, to.uid);
            self.kept.push(Kept { account, mailbox, uid, text: self.texts });
        }
    }

    fn leave(&mut self) {
        let mut gone: BTreeMap<(AccountId, MailboxId), UidSet> = BTreeMap::new();
        let mut at = 0;
        while at < self.kept.len() {
            if self.random(STAYING) == 0 {
                let Kept { account, mailbox, uid, .. } = self.kept.swap_remove(at);
                gone.entry((account, mailbox)).or_default().insert(uid);
            } else {
                at += 1;
            }
        }
        for ((account, mailbox), uids) in gone {
            self.run(expunge(account, mailbox, Some(uids)));
        }
    }

    /// A folder of the day gets copies and lives until the next week.
    fn file(&mut self, day: i64) {
        let account = self.kept[0].account;
        let name = |day: i64| MailboxName::new(&format!("days/{day}")).unwrap();
        let create = Mutation::CreateMailbox { account, name: name(day), special_use: None };
        let Outcome::Mailbox(to) = self.run(create) else { panic!("no mailbox") };
        let (from, mine) = (self.kept[0].mailbox, |one: &&Kept| one.account == account);
        let source = self.kept.iter().filter(mine).filter(|one| one.mailbox == from);
        let mut source: Vec<(Uid, u64)> = source.map(|one| (one.uid, one.text)).collect();
        source.sort_unstable();
        source.truncate(20);
        let uids = source.iter().map(|(uid, _)| *uid).collect();
        let copy = Mutation::Copy { account, from, uids, to, limits: Default::default() };
        let Outcome::Copied(copied) = self.run(copy) else { panic!("no copy") };
        for (uid, (_, text)) in copied.target.iter().zip(source) {
            self.kept.push(Kept { account, mailbox: to, uid, text });
        }
        let old = self.bench.engine.reader();
        let old = old.snapshot().unwrap().mailbox_named(account, &name(day - 7)).unwrap();
        if let Some(old) = old {
            self.run(Mutation::DeleteMailbox { account, mailbox: old.id });
            self.kept.retain(|one| one.mailbox != old.id);
        }
    }

    /// What the background does in a step.
    fn tidy(&mut self) {
        while self.bench.engine.purge_step(&|_, _| None, self.now).unwrap().more {}
        let (compactor, engine) = (&mut self.compactor, &mut self.bench.engine);
        while compactor.step(Aim::background(20), &mut |ask| engine.compact(ask)).unwrap().is_some()
        {
        }
        engine.remove_retired();
    }

    fn check_mail(&self) {
        let reader = self.bench.engine.reader();
        let snapshot = reader.snapshot().unwrap();
        for one in &self.kept {
            let row = snapshot.message(one.mailbox, one.uid).unwrap().unwrap();
            let bytes = bytes_of(&*snapshot, one.account, row.email);
            assert!(bytes == text(one.text).as_bytes(), "message {}", one.text);
        }
        let accounts = snapshot.accounts().unwrap();
        let there: u64 = accounts.iter().map(|account| account.usage.messages).sum();
        assert_eq!(there, self.kept.len() as u64);
    }
}

#[test]
fn after_a_month_the_disk_holds_little_more_than_what_lives() {
    let mut site = Site::new();
    for step in 0..HOURS / STEP_HOURS {
        let hour = step * STEP_HOURS;
        site.now = UnixTime::utc(NOW.seconds + hour * 3_600);
        (0..COMING).for_each(|_| site.deliver());
        site.leave();
        if hour % 24 == 24 - STEP_HOURS {
            site.file(hour / 24);
        }
        site.tidy();
    }
    site.now = UnixTime::utc(site.now.seconds + 7_200);
    site.tidy();
    site.check_mail();
    check_accounts(&site.bench);
    let live: u64 = {
        let mut texts: Vec<_> = site.kept.iter().map(|one| one.text).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.into_iter().map(|number| text(number).len() as u64).sum()
    };
    let (segments, metadata) = site.bench.disk_bytes();
    assert!(live > 4 * SEGMENT_BYTES, "too few messages to tell: {live}");
    let most = live * 13 / 10;
    assert!(segments + metadata <= most, "{segments} and {metadata} for {live} live bytes");
}
