//! Replays the fuzz target's kept corpus on the stable toolchain.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod support;

use std::path::Path;

#[test]
fn the_kept_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/configuration");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        support::check(&String::from_utf8_lossy(&bytes));
        seen += 1;
    }
    assert!(seen >= 5, "the corpus has {seen} files");
}
