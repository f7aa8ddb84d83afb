//! Replays the kept fuzz corpus, so that what was once found stays found without a fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

#[path = "support/texts.rs"]
mod texts;

mod support;

#[test]
fn kept_corpus_is_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/mime");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the source") {
        let message = std::fs::read(entry.unwrap().path()).unwrap();
        support::check(&message);
        for sizes in [&[1][..], &[2, 3], &[64]] {
            support::parse_in_chunks(&message, sizes);
        }
        count += 1;
    }
    assert!(count >= 20, "only {count} mails in the corpus");
}

#[test]
fn kept_texts_are_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/mime_text");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the source") {
        texts::check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 10, "only {count} texts in the corpus");
}
