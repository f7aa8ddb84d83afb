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
