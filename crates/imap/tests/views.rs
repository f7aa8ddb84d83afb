//! Several sessions change one mailbox at random while no wake-up ever arrives. Each client believes
//! only what it is told; in the end all must believe what the store holds.

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
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;

const SESSIONS: usize = 3;
/// Rounds of changes, each followed by a comparison.
const ROUNDS: usize = 60;
const COMMANDS: usize = 7;
const SEEDS: u64 = 10;
const HOT_MESSAGES: usize = 4;
const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Deleted", "$A", "$B"];

/// A message as a client knows it.
#[derive(Clone, Default, Debug, PartialEq)]
struct Known {
    uid: Option<u32>,
    flags: Option<BTreeSet<String>>,
}

/// A client that keeps a list of messages from what it is told.
struct Client {
    hand: Hand,
    messages: Vec<Known>,
    /// Whether an EXPUNGE may come now (RFC 3501 section 7.4.1).
    may_expunge: bool,
}

impl Client {
    fn new(world: &mut World) -> Self {
        let mut client = Self { hand: world.hand(), messages: Vec::new(), may_expunge: true };
        let said = client.hand.say("s SELECT INBOX");
        client.hear(&said);
        client.learn();
        client
    }

    fn say(&mut self, line: &str) -> String {
        self.may_expunge = !["x FETCH", "x STORE", "x SEARCH"].iter().any(|n| line.starts_with(n));
        let said = self.hand.say(line);
        self.hear(&said);
        let text = String::from_utf8_lossy(&said).into_owned();
        self.learn();
        text
    }

    /// Asks for what is not known yet.
    fn learn(&mut self) {
        while let Some(at) = self.messages.iter().position(|m| m.uid.is_none() || m.flags.is_none())
        {
            self.may_expunge = false;
            let said = self.hand.say(&format!("f FETCH {} (UID FLAGS)", at + 1));
            self.hear(&said);
            if self.messages.get(at).is_some_and(|m| m.uid.is_none() || m.flags.is_none()) {
                // It left before it was asked for; the next NOOP tells.
                self.may_expunge = true;
                let said = self.hand.say("n NOOP");
                self.hear(&said);
            }
        }
    }

    fn hear(&mut self, said: &[u8]) {
        for line in String::from_utf8_lossy(said).lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["*", count, "EXISTS"] => {
                    let count: usize = count.parse().unwrap();
                    assert!(count >= self.messages.len(), "EXISTS shrinks: {line}");
                    self.messages.resize(count, Known::default());
                }
                ["*", number, "EXPUNGE"] => {
                    assert!(self.may_expunge, "an EXPUNGE where none may be");
                    self.messages.remove(number.parse::<usize>().unwrap() - 1);
                }
                ["*", number, "FETCH", ..] => self.hear_fetch(number.parse().unwrap(), line),
                _ => {}
            }
        }
    }

    fn hear_fetch(&mut self, number: usize, line: &str) {
        let known = &mut self.messages[number - 1];
        if let Some(at) = line.find("UID ") {
            let digits: String = line[at + 4..].chars().take_while(char::is_ascii_digit).collect();
            let uid = digits.parse().unwrap();
            assert!(known.uid.is_none_or(|known| known == uid), "{known:?} and {line}");
            known.uid = Some(uid);
        }
        if let Some(at) = line.find("FLAGS (") {
            let inside = line[at + 7..].split(')').next().unwrap();
            let flags = inside.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent");
            known.flags = Some(flags.map(str::to_owned).collect());
        }
    }

    /// What a client does to its own list after a silent STORE that succeeded.
    fn assume(&mut self, number: usize, sign: char, flag: &str) {
        if let Some(flags) = self.messages.get_mut(number - 1).and_then(|m| m.flags.as_mut()) {
            match sign {
                '+' => flags.insert(flag.to_owned()),
                _ => flags.remove(flag),
            };
        }
    }
}

fn act(client: &mut Client, dice: &mut Dice) {
    let count = client.messages.len();
    // Few messages, so that sessions meet at them.
    let number = dice.below(count.min(HOT_MESSAGES)) + 1;
    let flag = FLAGS[dice.below(FLAGS.len())];
    let sign = ['+', '-'][dice.below(2)];
    match dice.below(if count == 0 { 3 } else { 12 }) {
        0 => drop(client.hand_append()),
        1 => drop(client.say("x NOOP")),
        2 => drop(client.say("x EXPUNGE")),
        3 | 4 => drop(client.say(&format!("x STORE {number} {sign}FLAGS ({flag})"))),
        5 | 6 => silent_store(client, number, sign, flag),
        7 => drop(client.say(&format!("x COPY {number} INBOX"))),
        8 => drop(client.say(&format!("x UID FETCH {number} (FLAGS)"))),
        9 => drop(client.say(&format!("x FETCH {number} (BODY[TEXT])"))),
        10 => drop(client.say(&format!("x MOVE {number} INBOX"))),
        _ => drop(client.say("x SEARCH UNSEEN")),
    }
}

fn silent_store(client: &mut Client, number: usize, sign: char, flag: &str) {
    // A client notes its own change first; what it is told then is newer.
    client.assume(number, sign, flag);
    client.say(&format!("x STORE {number} {sign}FLAGS.SILENT ({flag})"));
}

impl Client {
    fn hand_append(&mut self) -> String {
        self.may_expunge = true;
        let said = self.hand.send(b"x APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\n");
        self.hear(&said);
        self.learn();
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn play(seed: u64) {
    let mut world = World::new();
    for _ in 0..8 {
        world.deliver_bytes(b"Subject: hello\r\n\r\nhello\r\n".to_vec());
    }
    let mut clients: Vec<Client> = (0..SESSIONS).map(|_| Client::new(&mut world)).collect();
    let mut dice = Dice::new(seed);
    for _ in 0..ROUNDS {
        for _ in 0..COMMANDS {
            let at = dice.below(SESSIONS);
            act(&mut clients[at], &mut dice);
        }
        compare(&mut clients, seed);
    }
}

/// Later changes of a message would mend what a client missed, so clients are asked often.
fn compare(clients: &mut [Client], seed: u64) {
    for client in clients.iter_mut() {
        client.say("x NOOP");
        let believed = client.messages.clone();
        client.messages.iter_mut().for_each(|message| *message = Known::default());
        client.may_expunge = false;
        let said = client.hand.say("f UID FETCH 1:* (FLAGS)");
        client.hear(&said);
        assert_eq!(believed, client.messages, "seed {seed}");
    }
    for client in clients.iter() {
        assert_eq!(client.messages, clients[0].messages, "seed {seed}");
    }
}

#[test]
fn every_client_ends_up_with_what_the_store_holds() {
    (1..=SEEDS).for_each(play);
}

#[test]
fn sent_dates_come_with_the_rows_or_as_before_they_stood_there() {
    let mut world = World::new();
    // The second was sent on another day of its own zone than of UTC; the last has no date.
    let dates =
        ["7 Oct 2021 10:00:00 +0000", "7 Oct 2021 00:30:00 +0200", "1 Jan 2020 1:00:00 +0000"];
    for date in dates {
        world.deliver_bytes(format!("Date: {date}\r\nSubject: a\r\n\r\n").into_bytes());
    }
    world.deliver_bytes(b"Subject: a\r\n\r\n".to_vec());
    let store = world.store.clone();
    let mut hand = world.hand();
    let mut ask = |what: &str| String::from_utf8(hand.say(what)).unwrap();
    let asked = [
        ("a SORT (DATE) UTF-8 ALL", "* SORT 3 4 2 1"),
        ("a SORT (REVERSE DATE SIZE) UTF-8 ALL", "* SORT 1 2 4 3"),
        ("a SEARCH SENTON 7-Oct-2021", "* SEARCH 1 2"),
        ("a SEARCH SENTSINCE 25-Oct-2020", "* SEARCH 1 2 4"),
        ("a SEARCH SENTBEFORE 26-Oct-2020", "* SEARCH 3 4"),
    ];
    for older in [false, true] {
        store.unsent.store(older, SeqCst);
        for (what, answer) in asked {
            store.emails_read.store(0, SeqCst);
            assert_eq!(ask(what).lines().next(), Some(answer), "{what}, older rows: {older}");
            let read = store.emails_read.load(SeqCst);
            assert_eq!(read > 0, older, "{what}: {read} emails read");
        }
        let threads = ask("a THREAD ORDEREDSUBJECT UTF-8 ALL");
        assert_eq!(threads.lines().next(), Some("* THREAD (3 (4)(2)(1))"), "older rows: {older}");
    }
}
