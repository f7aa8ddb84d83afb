//! Long commands run in bounded steps and hold nothing between them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    dead_code,
    reason = "tests may unwrap and need no docs; helpers are shared by several test programs"
)]

mod common;

use common::World;

/// What a step may put out beyond its share: one response line.
const SLACK: usize = 2 * 1024;

fn message(number: usize, padding: usize) -> Vec<u8> {
    let mut bytes = format!("From: sender{number}@example.org\r\nSubject: n{number}\r\n\r\n");
    while bytes.len() < padding {
        bytes.push_str("0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
    }
    bytes.into_bytes()
}

fn lines_with(said: &[u8], text: &str) -> usize {
    String::from_utf8_lossy(said).lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_large_body_is_sent_in_ranges() {
    let mut world = World::new();
    let bytes = message(1, 3_000_000);
    world.deliver_bytes(bytes.clone());
    let mut hand = world.hand();
    let said = hand.say("a FETCH 1 (UID BODY[] FLAGS)");
    let head = format!("* 1 FETCH (UID 1 BODY[] {{{}}}\r\n", bytes.len());
    assert!(said.starts_with(head.as_bytes()));
    let rest = &said[head.len()..];
    assert!(rest.starts_with(&bytes));
    assert_eq!(
        String::from_utf8_lossy(&rest[bytes.len()..]),
        " FLAGS (\\Recent))\r\n* 1 FETCH (FLAGS (\\Seen \\Recent))\r\na OK FETCH completed\r\n"
    );
    assert!(hand.kept_steps_small(SLACK), "{} bytes in a step", hand.largest_step);
    assert!(hand.steps > 40, "{} steps", hand.steps);
}

fn base64(bytes: &[u8]) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|by| char::from(letters[bits >> by & 63]))
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

/// A text of 9 MB in which `pinN` stands at each of these places, around where pieces of it end.
fn long_text(line: usize, places: &[usize]) -> String {
    let mut text: Vec<u8> = vec![b'x'; 9_000_000];
    for at in (line..text.len()).step_by(line) {
        text[at - 2..at].copy_from_slice(b"\r\n");
    }
    for (number, at) in places.iter().enumerate() {
        text[*at..*at + 4].copy_from_slice(format!("pin{number}").as_bytes());
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_long_text_is_searched_to_its_end() {
    let piece = 4 << 20;
    // Across the end of the first piece and of the second, near the end, and where lines are none.
    let places = [piece - 2, piece + 70, 2 * piece - 600, 2 * piece - 2, 8_999_900];
    let plain = [76, 1 << 30].map(|line| format!("\r\n{}", long_text(line, &places)));
    let decoded = places.map(|at| at * 3 / 4);
    let encoded = base64(long_text(76, &decoded).as_bytes());
    let lines: Vec<&str> =
        (0..encoded.len()).step_by(76).map(|at| &encoded[at..encoded.len().min(at + 76)]).collect();
    let base64 = [lines.join("\r\n"), encoded.clone()]
        .map(|body| format!("Content-Transfer-Encoding: base64\r\n\r\n{body}"));
    let mut world = World::new();
    for body in plain.iter().chain(&base64) {
        world.deliver_bytes(format!("Subject: long\r\n{body}").into_bytes());
    }
    let mut hand = world.hand();
    for number in 0..places.len() {
        for key in ["BODY", "TEXT"] {
            let said = hand.say(&format!("a SEARCH {key} PIN{number}"));
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(said.starts_with("* SEARCH 1 2 3 4\r\n"), "{key} {number}: {said}");
        }
    }
    let said = hand.say("b SEARCH BODY pin9");
    assert!(said.starts_with(b"* SEARCH\r\n"));
    assert!(hand.steps > 40, "{} steps", hand.steps);
}

#[test]
fn many_messages_are_told_in_small_steps() {
    let mut world = World::new();
    for number in 0..3_000 {
        world.deliver_bytes(message(number, 0));
    }
    let mut hand = world.hand();
    let said = hand.say("a FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)");
    assert_eq!(lines_with(&said, "FETCH (UID"), 3_000);
    let said = hand.say("b UID SEARCH ALL");
    assert_eq!(said.iter().filter(|byte| **byte == b' ').count(), 3_001 + 3);
    let said = hand.say("c UID SEARCH SUBJECT n299");
    assert_eq!(String::from_utf8_lossy(&said).lines().next().unwrap().split(' ').count(), 2 + 11);
    let said = hand.say("d STORE 1:* +FLAGS (\\Deleted)");
    assert_eq!(lines_with(&said, "\\Deleted"), 3_000);
    let said = hand.say("e EXPUNGE");
    assert_eq!(lines_with(&said, "EXPUNGE"), 3_001);
    assert!(said.starts_with(b"* 3000 EXPUNGE\r\n* 2999 EXPUNGE\r\n"));
    assert!(hand.kept_steps_small(SLACK), "{} bytes in a step", hand.largest_step);
}

#[test]
fn many_messages_are_sorted_and_threaded_in_small_steps() {
    let mut world = World::new();
    let count = 4_200;
    for number in 0..count {
        // Pairs of an answer and what it answers, which answers a message that is missing. The dates
        // descend.
        let above = if number < count / 2 { number + count / 2 } else { count };
        let ago = count - 1 - number;
        let (hours, minutes, seconds) = (ago / 3_600, ago / 60 % 60, ago % 60);
        let text = format!(
            "Message-ID: <{number}>\r\nReferences: <{above}>\r\nSubject: {}\r\n\
             Date: 1 Jan 2020 {hours}:{minutes}:{seconds}\r\n\r\n",
            number % 1_000,
        );
        world.deliver_bytes(text.into_bytes());
    }
    let mut hand = world.hand();
    let numbers = |said: &[u8]| -> Vec<u32> {
        let line = String::from_utf8_lossy(said).lines().next().unwrap().to_owned();
        line.split(' ').skip(2).map(|number| number.parse().unwrap()).collect()
    };
    let sorted = numbers(&hand.say("a UID SORT (SUBJECT REVERSE ARRIVAL) UTF-8 ALL"));
    let mut expected: Vec<u32> = (1..=count).collect();
    expected.sort_by_key(|uid| (((uid - 1) % 1_000).to_string(), *uid));
    assert!(sorted == expected);
    let sorted = numbers(&hand.say("b SORT (DATE) UTF-8 2:*"));
    expected = (2..=count).rev().collect();
    assert!(sorted == expected);
    let steps = hand.steps;
    let said = hand.say("c UID THREAD REFERENCES UTF-8 ALL");
    let threads: Vec<String> =
        (1..=count / 2).rev().map(|uid| format!("({} {uid})", uid + count / 2)).collect();
    let expected = format!("* THREAD ({})\r\nc OK THREAD completed\r\n", threads.concat());
    assert!(said == expected.as_bytes());
    assert!(hand.steps - steps > 12, "{} steps", hand.steps - steps);
    assert!(hand.kept_steps_small(SLACK), "{} bytes in a step", hand.largest_step);
}

#[test]
fn commands_sent_ahead_do_not_fill_one_step() {
    let mut world = World::new();
    let mut hand = world.hand();
    let said = hand.send("x CAPABILITY\r\n".repeat(5_000).as_bytes());
    assert_eq!(lines_with(&said, "x OK"), 5_000);
    assert!(hand.kept_steps_small(SLACK), "{} bytes in a step", hand.largest_step);
    let said = hand.send("i IDLE\r\nDONE\r\n".repeat(5_000).as_bytes());
    assert_eq!(lines_with(&said, "i OK"), 5_000);
}

#[test]
fn large_headers_do_not_fill_one_step() {
    let mut world = World::new();
    let header = "X-Filler: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(5_000);
    world.deliver_bytes([header.as_bytes(), b"Subject: x\r\n\r\nhi\r\n"].concat());
    let mut hand = world.hand();
    let items = "BODY.PEEK[HEADER.FIELDS.NOT (A)] ".repeat(10);
    let said = hand.say(&format!("a FETCH 1 (UID {items}FLAGS)"));
    assert_eq!(lines_with(&said, "BODY[HEADER.FIELDS.NOT (A)] {"), 10);
    assert!(said.ends_with(b" FLAGS (\\Recent))\r\na OK FETCH completed\r\n"));
    assert!(hand.kept_steps_small(SLACK), "{} bytes in a step", hand.largest_step);
}

#[test]
fn headers_that_yield_nothing_are_read_in_small_steps() {
    let mut world = World::new();
    let header = "X-Filler: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(4_000);
    for _ in 0..8 {
        world.deliver_bytes([header.as_bytes(), b"\r\nhi\r\n"].concat());
    }
    let mut hand = world.hand();
    let said = hand.say("a FETCH 1:* (BODY.PEEK[HEADER.FIELDS (A)] BODY.PEEK[HEADER.FIELDS (B)])");
    assert_eq!(lines_with(&said, "* "), 8);
    assert!(hand.steps >= 8, "{} steps", hand.steps);
}

#[test]
fn many_keys_make_a_search_take_more_steps() {
    let mut world = World::new();
    for number in 0..1_100 {
        world.deliver_bytes(message(number, 0));
    }
    let mut hand = world.hand();
    hand.say("a SEARCH ALL");
    let few = hand.steps;
    let said = hand.say(&format!("b SEARCH {}", "1:* ".repeat(900).trim_end()));
    assert_eq!(lines_with(&said, "b OK"), 1);
    assert!(hand.steps - few >= few + 2, "{few} and {} steps", hand.steps - few);
}

/// A message that is slow to search: every text a key looks at is as long as a key may look at.
fn heavy_message() -> Vec<u8> {
    let line = "X-Filler: =?utf-8?q?=E4=BD=A0=E5=A5=BD_0123456789abcdef0123456789?=\r\n";
    let mut bytes = b"Content-Type: multipart/mixed; boundary=b\r\n".to_vec();
    bytes.extend_from_slice(line.repeat(256 * 1024 / line.len()).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for _ in 0..4 {
        bytes.extend_from_slice(b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
        bytes.extend_from_slice(
            "0123456789abcdef0123456789abcdef0123456789\r\n".repeat(50_000).as_bytes(),
        );
    }
    bytes.extend_from_slice(b"needle\r\n--b--\r\n");
    bytes
}

#[test]
fn a_search_of_one_message_ends_its_step_between_texts() {
    let mut world = World::new();
    world.deliver_bytes(heavy_message());
    let mut hand = world.hand();
    let said = hand.say("a SEARCH TEXT needle");
    assert!(said.starts_with(b"* SEARCH 1\r\n"));
    // Nine million bytes of text, four million a step.
    let one = hand.steps;
    assert!(one >= 3, "{one} steps");
    let texts = "OR TEXT nowhere ".repeat(9) + "TEXT needle";
    let said = hand.say(&format!("b SEARCH {texts}"));
    assert!(said.starts_with(b"* SEARCH 1\r\n"));
    assert!(hand.steps - one >= 20, "{} steps", hand.steps - one);
}

#[test]
fn keys_that_read_one_header_do_so_in_many_steps() {
    let mut world = World::new();
    world.deliver_bytes(heavy_message());
    let mut hand = world.hand();
    let keys = "NOT HEADER X-Filler nowhere ".repeat(48);
    let said = hand.say(&format!("a SEARCH {}", keys.trim_end()));
    assert!(said.starts_with(b"* SEARCH 1\r\n"), "{}", String::from_utf8_lossy(&said));
    assert!(hand.steps >= 4, "{} steps", hand.steps);
    let said = hand.say(&format!("b SEARCH {keys}HEADER X-Filler nowhere"));
    assert!(said.starts_with(b"* SEARCH\r\n"));
}

#[test]
fn threads_asked_for_by_a_thousand_keys_do_not_keep_a_text_from_being_read() {
    let mut world = World::new();
    world.deliver_bytes(message(1, 100));
    let mut hand = world.hand();
    let keys = "NOT THREADID T1-1 ".repeat(490);
    let said = hand.say(&format!("a SEARCH {keys}BODY abcdef HEADER Subject n1"));
    assert!(said.ends_with(b"a OK SEARCH completed\r\n"), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn names_are_matched_in_small_steps() {
    let mut world = World::new();
    let mut hand = world.hand();
    // Three hundred long names under the same levels, of which the pattern matches none.
    let level = "a".repeat(40);
    let above = [level.as_str(); 8].join("/");
    for number in 0..300 {
        hand.say(&format!("c CREATE {above}/{number}"));
        hand.say(&format!("s SUBSCRIBE {above}/{number}"));
    }
    let pattern = "%a*a".repeat(250) + "x";
    let before = hand.steps;
    let said = hand.say(&format!("l LIST \"\" {pattern}"));
    assert!(said.starts_with(b"l OK"), "{}", String::from_utf8_lossy(&said));
    assert!(hand.steps >= before + 2, "{} steps", hand.steps - before);
    let said = hand.say(&format!("l LSUB \"\" {pattern}"));
    assert!(said.starts_with(b"l OK"));
    assert_eq!(lines_with(&hand.say("l LIST \"\" *"), "* LIST"), 300 + 8 + 6);
    let said = hand.say(&format!("l LSUB \"\" {above}/%"));
    assert_eq!(lines_with(&said, "* LSUB"), 300);
}

#[test]
fn large_forms_that_yield_nothing_are_read_in_small_steps() {
    let mut world = World::new();
    let part = "--b\r\nContent-Type: text/plain; name=\"0123456789abcdef\"\r\n\r\nx\r\n";
    let parts = part.repeat(900);
    for _ in 0..20 {
        let head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        world.deliver_bytes([head, parts.as_bytes(), b"--b--\r\n"].concat());
    }
    let mut hand = world.hand();
    let said = hand.say("a FETCH 1:* BODY.PEEK[2000]");
    assert_eq!(lines_with(&said, "BODY[2000] NIL"), 20);
    assert!(hand.steps >= 3, "{} steps", hand.steps);
}
