//! Tests of what the engine owes the disk and its neighbours: private files, no bytes kept for
//! nothing, no number tried for ever, no walk without an end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::tests::{Bench, NOW, delivery};
use super::*;
use std::os::unix::fs::PermissionsExt;

/// Every file and directory below `dir`, itself included, with its permission bits.
fn modes(dir: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut found = vec![(dir.to_path_buf(), mode(dir))];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            found.push((path.clone(), mode(&path)));
        }
    }
    found
}

#[test]
fn nobody_else_may_read_the_store_or_its_backup() {
    let dir = tempfile::tempdir().unwrap();
    let (store, copy) = (dir.path().join("deep/store"), dir.path().join("copy"));
    let config = EngineConfig { map_size: 1 << 30, ..EngineConfig::new(&store) };
    let mut engine = Engine::open(config).unwrap();
    let job = Job { id: MutationId(1), mutation: delivery(&["a"], "Subject: s\r\n\r\nx") };
    assert!(engine.commit(vec![job], NOW)[0].outcome.is_ok());
    engine.begin_upload(UnixTime::utc(0)).unwrap().finish().unwrap();
    engine.backup(&copy).unwrap();
    for (path, mode) in modes(&store).into_iter().chain(modes(&copy)) {
        // LMDB copies with the process's mask; its directory keeps others out.
        if path != copy.join("meta/data.mdb") {
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        }
    }
}

#[test]
fn an_upload_that_is_given_up_frees_its_bytes_at_once() {
    let mut bench = Bench::new();
    let mut upload = bench.engine.begin_upload(UnixTime::utc(0)).unwrap();
    upload.write(&vec![7; 1 << 20]).unwrap();
    let path = bench.engine.meta.segment_path(1);
    assert!(std::fs::metadata(&path).unwrap().len() > 1 << 20);
    drop(upload);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn a_segment_number_in_the_way_is_passed_over() {
    let mut bench = Bench::new();
    for number in [1, 3] {
        std::fs::write(bench.engine.meta.segment_path(number), b"in the way").unwrap();
    }
    assert!(bench.engine.begin_upload(UnixTime::utc(0)).is_err());
    bench.engine.begin_upload(UnixTime::utc(0)).unwrap();
    let mail = delivery(&["a"], "Subject: s\r\n\r\nx");
    assert!(bench.run(mail.clone()).is_err());
    bench.run(mail).unwrap();
}

#[test]
fn an_outcome_that_left_the_ring_early_is_unknown_not_damaged() {
    let mut bench = Bench::new();
    bench.run(delivery(&["a"], "Subject: s\r\n\r\nx")).unwrap();
    // Batches that fail skip numbers; old outcomes go when the number is a multiple of some others.
    bench.engine.numbers.outcome = (OUTCOMES as u64).next_multiple_of(outcomes::OLD_OUTCOMES);
    bench.run(delivery(&["a"], "Subject: s\r\n\r\nx")).unwrap();
    assert_eq!(bench.engine.outcome(MutationId(1)), Ok(None));
    assert!(matches!(bench.engine.outcome(MutationId(2)), Ok(Some(Ok(_)))));
}

#[test]
fn a_file_that_belongs_to_nobody_goes_when_two_looks_found_it() {
    let mut bench = Bench::new();
    bench.run(delivery(&["a"], "Subject: s\r\n\r\nx")).unwrap();
    let upload = bench.engine.begin_upload(UnixTime::utc(0)).unwrap().finish().unwrap();
    let path = bench.engine.meta.segment_path(upload.0);
    let mut look = |seconds| {
        bench.engine.purge_step(&|_, _| None, UnixTime::utc(9_000_000_000 + seconds)).unwrap();
        bench.engine.remove_retired();
        path.exists()
    };
    assert!(look(0), "the clock may have jumped");
    assert!(look(retire::TIDY_SECONDS - 1), "that is no second look yet");
    assert!(!look(retire::TIDY_SECONDS));
}
