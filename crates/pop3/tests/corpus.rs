//! Replays the fuzz target's kept corpus on the stable toolchain.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::path::Path;

#[test]
fn the_kept_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/pop3_session");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        support::check(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= 15, "the corpus has {seen} files");
}

/// Random lines of words that the grammar knows, so that many of them are accepted.
#[test]
fn random_commands_hold() {
    const WORDS: [&str; 24] = [
        "LIST",
        "UIDL",
        "RETR",
        "TOP",
        "DELE",
        "RSET",
        "STAT",
        "NOOP",
        "CAPA",
        "QUIT",
        "USER",
        "PASS",
        "AUTH",
        "PLAIN",
        "1",
        "2",
        "3",
        "4",
        "0",
        "99999999999",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    for round in 0..150 {
        let mut input = vec![u8::from(round % 4 != 0)];
        for _ in 0..next() % 60 {
            input.extend_from_slice(WORDS[next() % WORDS.len()].as_bytes());
            input.push(if next() % 8 == 0 { b'\r' } else { b' ' });
            if next() % 3 == 0 {
                input.extend_from_slice(b"\r\n");
            }
        }
        support::check(&input);
    }
}
