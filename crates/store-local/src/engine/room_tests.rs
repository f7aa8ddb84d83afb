//! Tests of the room behind a segment's records and behind the metadata.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::tests::{Bench, NOW, delivery};
use super::*;
use std::os::unix::fs::FileExt;

#[test]
fn zeros_behind_the_records_are_room_and_not_garbage() {
    let mut bench = Bench::new();
    bench.filled(3);
    let last_blob = |bench: &Bench| {
        let txn = bench.engine.meta.env.read_txn().unwrap();
        let (key, value) = bench.engine.meta.tables.blobs.last(&txn).unwrap().unwrap();
        let number = crate::codec::Take(key).u64().unwrap();
        (number, crate::codec::rows::BlobRow::decode(value).unwrap())
    };
    let end = {
        let txn = bench.engine.meta.env.read_txn().unwrap();
        let row = env::get(&bench.engine.meta.tables.segments, &txn, &keys::number(1)).unwrap();
        SegmentRow::decode(row.unwrap()).unwrap().end
    };
    let path = bench.engine.meta.segment_path(1);
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length > end, "no room behind the records");
    let mut bench = bench.reopen();
    bench.deliver(&["a"], "Subject: four\r\n\r\n");
    let (number, row) = last_blob(&bench);
    assert_eq!(row.offset, end, "the next record lies behind the last");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), length, "the file did not grow");
    // Bytes that no row knows, in the middle of the zeros, as a batch leaves them that never was
    // committed.
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"torn record", length - 100).unwrap();
    let mut bench = bench.reopen();
    bench.deliver(&["a"], "Subject: after\r\n\r\n");
    let (after, row) = last_blob(&bench);
    assert!(after > number + BLOB_GAP);
    assert_eq!((row.segment > 1, row.offset), (true, 0), "the file is left as it is");
}

#[test]
fn a_full_segment_ends_with_its_last_record() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { segment_bytes: 4_000, ..EngineConfig::new(dir.path()) };
    let mut engine = Engine::open(config).unwrap();
    for number in 0..3 {
        let text = format!("Subject: s\r\n\r\n{}", "x".repeat(3_000));
        let job = Job { id: MutationId(number), mutation: delivery(&["a"], &text) };
        assert!(engine.commit(vec![job], NOW)[0].outcome.is_ok());
    }
    let txn = engine.meta.env.read_txn().unwrap();
    for number in 1..=2 {
        let row = env::get(&engine.meta.tables.segments, &txn, &keys::number(number)).unwrap();
        let row = crate::codec::rows::SegmentRow::decode(row.unwrap()).unwrap();
        let length = std::fs::metadata(engine.meta.segment_path(number)).unwrap().len();
        assert_eq!(length, row.end);
    }
}

#[test]
fn metadata_grows_into_room_that_is_there_already() {
    let mut bench = Bench::new();
    bench.filled(1);
    let path = bench.dir.path().join(env::META_DIR).join("data.mdb");
    let length = || std::fs::metadata(&path).unwrap().len();
    let room =
        |bench: &Bench| length() - 4_096 * bench.engine.meta.env.info().last_page_number as u64;
    let mut grown = 0;
    for _ in 0..40 {
        let before = length();
        bench.filled(20);
        grown += u32::from(length() > before);
        assert!(room(&bench) > 100_000, "{} bytes left", room(&bench));
    }
    assert!(grown < 10, "{grown} of 40 commits made the file longer");
    let mut bench = bench.reopen();
    let (account, inbox) = bench.filled(1);
    let reader = bench.engine.reader();
    let mailbox = reader.snapshot().unwrap().mailbox(account, inbox).unwrap().unwrap();
    assert_eq!(mailbox.counters.messages, 802);
}

#[test]
fn metadata_that_a_lost_write_cut_short_are_refused() {
    let mut bench = Bench::new();
    bench.filled(20);
    let path = bench.dir.path().join(env::META_DIR).join(env::DATA_FILE);
    let used = 4_096 * (bench.engine.meta.env.info().last_page_number as u64 + 1);
    let Bench { dir, engine, .. } = bench;
    drop(engine);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(used).unwrap();
    drop(Engine::open(EngineConfig::new(dir.path())).unwrap());
    file.set_len(used - 1).unwrap();
    let Err(StoreError::Corrupt(reason)) = Engine::open(EngineConfig::new(dir.path())) else {
        panic!("pages are missing")
    };
    assert!(reason.starts_with("metadata file: "), "{reason}");
}
