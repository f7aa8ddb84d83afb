//! Replays the fuzz target's kept corpus on the stable toolchain, and random texts.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use proptest::prelude::*;
use std::path::Path;

/// What texts are put together from.
const PIECES: [&str; 24] = [
    "imap",
    "pop",
    "ALL",
    "*",
    ":",
    "@",
    ",",
    " ",
    "$",
    "\n",
    "+",
    "-",
    "EXCEPT",
    "LOCAL",
    "KNOWN",
    ".example.com",
    "192.0.2.",
    "10.0.0.0/8",
    "2001:db8::/32",
    "[",
    "]",
    "::1",
    "é",
    "/",
];

#[test]
fn the_kept_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/access_filter");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        support::check(&String::from_utf8_lossy(&bytes));
        seen += 1;
    }
    assert!(seen >= 12, "the corpus has {seen} files");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn pieces_of_filters_hold(pieces in proptest::collection::vec(0..PIECES.len(), 0..20)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        support::check(&text);
    }

    #[test]
    fn random_texts_hold(text in "\\PC{0,60}") {
        support::check(&text);
    }
}
