//! SORT by texts whose order is known from an earlier command says what it would say without.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    dead_code,
    reason = "tests may unwrap and need no docs; helpers are shared by several test programs"
)]

mod common;

use common::dice::Dice;
use common::{Hand, World};
use std::sync::Arc;
use waypost_store::{Mutation, Outcome, Store};
use waypost_types::{AccountName, EmailId, MailboxName, Uid, UnixTime};

const SEEDS: u64 = 6;
const ROUNDS: usize = 25;
/// More than a mailbox needs for its texts to be ranked.
const MESSAGES: usize = 300;

fn word(dice: &mut Dice) -> String {
    let length = dice.below(4);
    (0..length).map(|_| ['a', 'B', 'c'][dice.below(3)]).collect()
}

/// A message as its sender knows it.
#[derive(Debug, Clone)]
struct Sent {
    uid: u32,
    subject: String,
    from: String,
    size: usize,
}

/// A mailbox, a client of it, and what should be in it.
struct Play {
    world: World,
    hand: Hand,
    dice: Dice,
    sent: Vec<Sent>,
    uid_next: u32,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        let hand = world.hand();
        let dice = Dice::new(seed);
        let mut play = Self { world, hand, dice, sent: Vec::new(), uid_next: 1 };
        play.deliver(MESSAGES);
        play
    }

    fn deliver(&mut self, count: usize) {
        for _ in 0..count {
            let (subject, from) = (word(&mut self.dice), format!("x{}", word(&mut self.dice)));
            let filler = "y".repeat(self.dice.below(3));
            let text = format!(
                "From: {from}@example.org\r\nSubject: Re: {subject}\r\nX-F: {filler}\r\n\r\n"
            );
            let (uid, size) = (self.uid_next, text.len());
            self.sent.push(Sent { uid, subject, from, size });
            self.uid_next += 1;
            self.world.deliver_bytes(text.into_bytes());
        }
        self.hand.say("n NOOP");
    }

    fn expunge(&mut self, count: usize) {
        for _ in 0..count {
            let at = self.dice.below(self.sent.len());
            let uid = self.sent.remove(at).uid;
            self.hand.say(&format!("d UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
        }
        self.hand.say("e EXPUNGE");
    }

    /// Sorts by criteria and a search set of chance.
    fn sort(&mut self) {
        let mut criteria: Vec<(bool, &str)> = Vec::new();
        for _ in 0..=self.dice.below(3) {
            let key = ["SUBJECT", "FROM", "SIZE"][self.dice.below(3)];
            criteria.push((self.dice.below(2) == 0, key));
        }
        let first = match self.dice.below(4) {
            0 => 1 + self.dice.below(self.uid_next as usize),
            _ => 1,
        };
        let first = u32::try_from(first).unwrap();
        let by_uid = self.dice.below(2) == 0;
        let told = self.sorted(&criteria, first, by_uid);
        assert_eq!(told, self.expected(&criteria, first, by_uid), "{criteria:?} from {first}");
    }

    fn sorted(&mut self, criteria: &[(bool, &str)], first: u32, by_uid: bool) -> Vec<u32> {
        let reverse = |reverse: bool| if reverse { "REVERSE " } else { "" };
        let criteria: Vec<String> =
            criteria.iter().map(|(back, key)| format!("{}{key}", reverse(*back))).collect();
        let command = if by_uid { "UID SORT" } else { "SORT" };
        let line = format!("s {command} ({}) UTF-8 UID {first}:4000000000", criteria.join(" "));
        numbers(&self.hand.say(&line))
    }

    /// The same by a stable sort, the last criterion first.
    fn expected(&self, criteria: &[(bool, &str)], first: u32, by_uid: bool) -> Vec<u32> {
        let mut sent: Vec<(u32, &Sent)> =
            (1..).zip(&self.sent).filter(|(_, sent)| sent.uid >= first).collect();
        for (reverse, key) in criteria.iter().rev() {
            sent.sort_by(|(_, a), (_, b)| {
                let order = match *key {
                    "SUBJECT" => a.subject.to_uppercase().cmp(&b.subject.to_uppercase()),
                    "FROM" => a.from.to_uppercase().cmp(&b.from.to_uppercase()),
                    _ => a.size.cmp(&b.size),
                };
                if *reverse { order.reverse() } else { order }
            });
        }
        sent.iter().map(|(number, sent)| if by_uid { sent.uid } else { *number }).collect()
    }

    /// Sorts all by subject, and says how many emails that has read.
    fn read_by_subject(&mut self) -> usize {
        let before = self.hand.emails_read();
        let criteria = [(false, "SUBJECT")];
        let told = self.sorted(&criteria, 1, true);
        assert_eq!(told, self.expected(&criteria, 1, true));
        self.hand.emails_read() - before
    }
}

fn numbers(said: &[u8]) -> Vec<u32> {
    let line = String::from_utf8_lossy(said).lines().next().unwrap().to_owned();
    line.split(' ').skip(2).map(|number| number.parse().unwrap()).collect()
}

#[test]
fn ranks_give_the_order_of_texts_whatever_arrives_and_goes() {
    for seed in 1..=SEEDS {
        let mut play = Play::new(seed);
        for _ in 0..ROUNDS {
            // A few are placed, many make the ranks anew.
            let arrivals = [0, 1, 4, 60][play.dice.below(4)];
            play.deliver(arrivals);
            let gone = [0, 1, 3, 30][play.dice.below(4)].min(play.sent.len() - 1);
            play.expunge(gone);
            for _ in 0..3 {
                play.sort();
            }
        }
    }
}

#[test]
fn texts_are_read_once() {
    let mut play = Play::new(1);
    assert_eq!(play.read_by_subject(), MESSAGES);
    assert_eq!(play.read_by_subject(), 0);
    let mut other = play.world.hand();
    let before = other.emails_read();
    other.say("s SORT (REVERSE SUBJECT SIZE) UTF-8 ALL");
    assert_eq!(other.emails_read(), before);
    play.expunge(20);
    assert_eq!(play.read_by_subject(), 0);
    play.deliver(1);
    // The new one, and those it is compared with among at most 40 different texts.
    assert!((2..=7).contains(&play.read_by_subject()));
    assert_eq!(play.read_by_subject(), 0);
    let all = play.sent.len() + 100;
    play.deliver(100);
    assert_eq!(play.read_by_subject(), all);
    // Few are sorted as they are.
    let (first, before) = (play.uid_next - 5, play.hand.emails_read());
    play.sorted(&[(false, "FROM")], first, true);
    assert_eq!(play.hand.emails_read() - before, 5);
}

#[test]
fn what_could_not_be_read_leaves_no_ranks() {
    let mut play = Play::new(2);
    let damaged = play.sent.iter().position(|sent| !sent.subject.is_empty()).unwrap();
    let email = play.sent[damaged].uid;
    play.world.store.damaged.lock().unwrap().push(EmailId(email));
    let subject = std::mem::take(&mut play.sent[damaged].subject);
    // It counts as one without a header.
    assert_eq!(play.read_by_subject(), MESSAGES);
    assert_eq!(play.read_by_subject(), MESSAGES);
    play.world.store.damaged.lock().unwrap().clear();
    play.sent[damaged].subject = subject;
    assert_eq!(play.read_by_subject(), MESSAGES);
    assert_eq!(play.read_by_subject(), 0);
    // A new one that is damaged cannot be placed.
    play.deliver(1);
    let email = play.uid_next - 1;
    play.world.store.damaged.lock().unwrap().push(EmailId(email));
    let new = play.sent.last_mut().unwrap();
    let subject = std::mem::take(&mut new.subject);
    assert_eq!(play.read_by_subject(), 1 + MESSAGES + 1);
    play.world.store.damaged.lock().unwrap().clear();
    play.sent.last_mut().unwrap().subject = subject;
    assert!(play.read_by_subject() < 10);
}

#[test]
fn a_mailbox_made_anew_does_not_meet_old_ranks() {
    let mut play = Play::new(3);
    let half = MESSAGES - 20;
    for (set, first) in [(format!("1:{half}"), 0), (format!("21:{MESSAGES}"), 20)] {
        for line in ["CREATE other", &format!("COPY {set} other"), "SELECT other"] {
            let said = String::from_utf8_lossy(&play.hand.say(&format!("c {line}"))).into_owned();
            assert!(said.contains("c OK"), "{said}");
        }
        let all = play.sent.clone();
        play.sent = (1..)
            .zip(&all[first..first + half])
            .map(|(uid, sent)| Sent { uid, ..sent.clone() })
            .collect();
        assert_eq!(play.read_by_subject(), half);
        assert_eq!(play.read_by_subject(), 0);
        play.sent = all;
        for line in ["SELECT INBOX", "DELETE other"] {
            play.hand.say(&format!("c {line}"));
        }
    }
}

/// What was found and is gone before the texts are ranked is left out, whether ranks are known or not.
#[test]
fn what_goes_during_the_search_is_left_out() {
    let mut play = Play::new(5);
    play.deliver(1_000);
    for _ in 0..2 {
        let gone = play.sent.remove(7).uid;
        let store = Arc::clone(&play.world.store);
        let expunge = Box::new(move || {
            let snapshot = store.model.snapshot().unwrap();
            let account =
                snapshot.account(&AccountName::new("alice").unwrap()).unwrap().unwrap().id;
            let inbox = snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap();
            let mailbox = inbox.unwrap().id;
            let uids = Some([Uid(gone)].into_iter().collect());
            let expunge = Mutation::Expunge { account, mailbox, uids, only_deleted: false };
            drop(snapshot);
            let outcome = store.model.apply(expunge, UnixTime::utc(1_603_627_300)).unwrap();
            assert!(matches!(outcome, Outcome::Expunged { uids, .. } if !uids.is_empty()));
        });
        // The command begins in one step, and its search, which reads every message, takes some more.
        play.hand.meanwhile = Some((2, expunge));
        let told = numbers(&play.hand.say("s UID SORT (SUBJECT) UTF-8 FROM x"));
        assert!(told == play.expected(&[(false, "SUBJECT")], 1, true));
        play.hand.say("n NOOP");
    }
    assert_eq!(play.read_by_subject(), 0);
}

#[test]
fn ranks_are_made_and_brought_up_to_date_in_small_steps() {
    let mut play = Play::new(4);
    play.deliver(5_000 - MESSAGES);
    (play.hand.steps, play.hand.most_read) = (0, 0);
    assert_eq!(play.read_by_subject(), 5_000);
    // Six steps to read, one to give ranks, one to sort by them.
    assert!(play.hand.steps >= 8, "{} steps", play.hand.steps);
    play.deliver(150);
    let steps = play.hand.steps;
    assert!((150 * 2..150 * 8).contains(&play.read_by_subject()));
    assert!(play.hand.steps - steps >= 5, "{} steps", play.hand.steps - steps);
    assert!(play.hand.most_read <= 900, "{} read in a step", play.hand.most_read);
}
