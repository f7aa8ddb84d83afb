//! Replays the fuzz target's kept corpus on the stable toolchain, and random commands.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    dead_code,
    reason = "tests may unwrap and need no docs; helpers are shared by several test programs"
)]

mod common;

use common::check::check;
use std::path::Path;

#[test]
fn the_kept_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/imap_session");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= 15, "the corpus has {seen} files");
}

/// Words that the grammar knows, so that many lines are accepted.
const WORDS: [&str; 40] = [
    "FETCH",
    "1:*",
    "SEARCH",
    "(",
    ")",
    "{3+}\r\nabc",
    "BODY[",
    "]",
    "STORE",
    "\r\n",
    " ",
    "\"",
    "\\Seen",
    "UID",
    "*",
    "IDLE",
    "DONE",
    "\u{ff}",
    "\0",
    "APPEND INBOX {5+}\r\nhello",
    "+FLAGS",
    "<0.1>",
    "x1",
    "4294967295",
    "FLAGS",
    "(FLAGS)",
    "ALL",
    "EXPUNGE",
    "NOOP",
    "SELECT INBOX",
    "LIST \"\" *",
    "STATUS INBOX (MESSAGES)",
    "COPY 1 Sent",
    "MOVE 1 Trash",
    "CLOSE",
    "ENABLE",
    "CONDSTORE",
    "(MODSEQ)",
    "TEXT",
    "AUTHENTICATE PLAIN",
];

#[test]
fn random_commands_hold() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    for round in 0..60_u8 {
        let mut input = vec![round % 5];
        for _ in 0..random() % 20 {
            input.extend_from_slice(b"g ");
            for _ in 0..1 + random() % 6 {
                input.extend_from_slice(WORDS[random() % WORDS.len()].as_bytes());
                input.push(b' ');
            }
            input.extend_from_slice(b"\r\n");
        }
        check(&input);
    }
}
