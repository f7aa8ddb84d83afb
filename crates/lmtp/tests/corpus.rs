//! Replays the fuzz target's kept corpus on the stable toolchain, and random bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod support;

use proptest::prelude::*;
use std::path::Path;

#[test]
fn the_kept_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/lmtp_session");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        support::check(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen >= 10, "the corpus has {seen} files");
}

/// Pieces that sessions are made of, so that random input gets past the first command.
const PIECES: [&str; 12] = [
    "LHLO x\r\n",
    "MAIL FROM:<a@b>\r\n",
    "RCPT TO:<alice@example.com>\r\n",
    "RCPT TO:<bob+Sent@example.com>\r\n",
    "DATA\r\n",
    "Subject: x\r\n\r\nbody\r\n",
    "..\r\n",
    ".\r\n",
    "\n.\n",
    "RSET\r\n",
    "\u{0}\u{ff}",
    "NOOP\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_pieces_holds(order in prop::collection::vec(0..PIECES.len(), 0..30)) {
        let input: String = order.into_iter().map(|at| PIECES[at]).collect();
        support::check(input.as_bytes());
    }

    #[test]
    fn any_bytes_hold(input in prop::collection::vec(any::<u8>(), 0..400)) {
        support::check(&input);
    }
}
