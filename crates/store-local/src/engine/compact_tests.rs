//! Tests of compaction: nothing that lives is lost or changed, what is dead goes, whatever happens
//! between two steps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::compact::{Aim, Compactor};
use super::relocate::{Ask, Told};
use super::tests::{Bench, NOW, bytes_of, delivery, expunge};
use super::*;
use crate::codec::Take;
use crate::codec::rows::BlobRow;
use crate::codec::saved::SavedRow;
use crate::segment::{HEADER_BYTES, Header, Kind};
use std::collections::BTreeMap;
use waypost_store::{Content, Deliver, Payload, Recipient};
use waypost_types::{AccountName, EmailId, FlagSet, Uid, UidSet};

const SEGMENT_BYTES: u64 = 64 << 10;

/// A message that nobody else has, of about 2 KB.
fn text(number: u32) -> String {
    format!("Subject: {number}\r\n\r\n{}", format!("{number} ").repeat(400))
}

/// An account with `count` messages, of which every third is left, the others purged.
fn thinned(count: u32) -> (Bench, AccountId, MailboxId) {
    let mut bench = Bench::with_segments(SEGMENT_BYTES);
    let list: Vec<_> = (1..=count).map(|n| bench.deliver(&["a"], &text(n)).remove(0)).collect();
    let first = list[0].clone().unwrap();
    let (account, inbox) = (first.account, first.mailbox);
    let gone: UidSet = (1..=count).filter(|n| n % 3 != 0).map(Uid).collect();
    bench.run(expunge(account, inbox, Some(gone))).unwrap();
    bench.purge_all(None);
    (bench, account, inbox)
}

/// Every third message is there, byte for byte.
fn check_mail(bench: &Bench, account: AccountId, count: u32) {
    let reader = bench.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    for number in (3..=count).step_by(3) {
        let bytes = bytes_of(&*snapshot, account, EmailId(number));
        assert_eq!(bytes, text(number).as_bytes(), "message {number}");
    }
}

/// The whole store is sound, and segments' rows say exactly what blobs' rows and records say.
pub(super) fn check_accounts(bench: &Bench) {
    let meta = &bench.engine.meta;
    let report = crate::check::run(meta, &crate::check::CheckOptions::default()).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    let txn = meta.env.read_txn().unwrap();
    let mut live = BTreeMap::new();
    for entry in env::all(&meta.tables.blobs, &txn).unwrap() {
        let row = BlobRow::decode(entry.unwrap().1).unwrap();
        *live.entry(row.segment).or_insert(0) += u64::from(row.front) + row.length;
    }
    for entry in env::all(&meta.tables.saved, &txn).unwrap() {
        let row = SavedRow::decode(entry.unwrap().1).unwrap();
        if row.number != 0 {
            *live.entry(row.segment).or_insert(0) += row.bytes;
        }
    }
    for entry in env::all(&meta.tables.segments, &txn).unwrap() {
        let (key, value) = entry.unwrap();
        let (number, row) = (Take(key).u64().unwrap(), SegmentRow::decode(value).unwrap());
        assert_eq!(row.live, live.remove(&number).unwrap_or(0), "segment {number}");
        let notes: u64 =
            records(bench, number).iter().filter(|h| h.kind == Kind::Note).map(Header::size).sum();
        assert_eq!(row.kept, notes, "notes of segment {number}");
    }
    assert!(live.is_empty(), "blobs in segments without a row: {live:?}");
}

/// The records of a segment up to the end that its row knows: there is no gap between them.
fn records(bench: &Bench, segment: u64) -> Vec<Header> {
    let meta = &bench.engine.meta;
    let txn = meta.env.read_txn().unwrap();
    let value = env::get(&meta.tables.segments, &txn, &keys::number(segment)).unwrap().unwrap();
    let end = SegmentRow::decode(value).unwrap().end;
    let file = File::open(meta.segment_path(segment)).unwrap();
    let (mut at, mut found) = (0, Vec::new());
    while at < end {
        let mut bytes = [0; HEADER_BYTES];
        crate::segment::read_at(&file, &mut bytes, at).unwrap();
        let header = Header::decode(&bytes).unwrap();
        at = crate::segment::aligned(at + header.size());
        found.push(header);
    }
    found
}

fn segment_files(bench: &Bench) -> Vec<u64> {
    let dir = std::fs::read_dir(bench.dir.path().join(env::SEGMENTS_DIR)).unwrap();
    let names = dir.map(|entry| entry.unwrap().file_name());
    let mut numbers: Vec<_> =
        names.filter_map(|name| crate::segment::number_of(name.to_str()?)).collect();
    numbers.sort_unstable();
    numbers
}

/// Bytes of the files, without the room behind the records of the one that is written.
fn disk_bytes(bench: &Bench) -> u64 {
    let meta = &bench.engine.meta;
    let txn = meta.env.read_txn().unwrap();
    let known = |number: u64| {
        let row = env::get(&meta.tables.segments, &txn, &keys::number(number)).unwrap();
        row.map_or(u64::MAX, |row| SegmentRow::decode(row).unwrap().end)
    };
    let length = |number: u64| meta.segment_path(number).metadata().unwrap().len();
    segment_files(bench).into_iter().map(|number| length(number).min(known(number))).sum()
}

/// One step of a compaction whose writer is `answer`.
fn step(
    compactor: &mut Compactor,
    engine: &mut Engine,
    mut before: impl FnMut(&mut Engine, &Ask) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let mut ask = |ask: Ask| -> Result<Told, StoreError> {
        before(engine, &ask)?;
        engine.compact(ask)
    };
    compactor.step(Aim::now(20), &mut ask).map(|step| step.is_some())
}

#[test]
fn space_of_purged_messages_is_given_back_and_the_others_stay_as_they_are() {
    let (mut bench, account, _) = thinned(300);
    let reader = bench.engine.reader();
    let before = disk_bytes(&bench);
    let open: Vec<_> = {
        let snapshot = reader.snapshot().unwrap();
        (3..=300).step_by(3).map(|n| snapshot.body(account, EmailId(n)).unwrap()).collect()
    };
    let stale = reader.snapshot().unwrap();
    let done = bench.engine.compact_all(20).unwrap();
    let (copied, dropped) = (done.copied_bytes, done.removed_bytes);
    assert!(copied > before / 4 && dropped > before * 9 / 10, "{copied} {dropped} {before}");
    assert!(disk_bytes(&bench) < before * 4 / 10, "{} of {before}", disk_bytes(&bench));
    check_accounts(&bench);
    check_mail(&bench, account, 300);
    // Who had opened a message reads it on; who has an older snapshot finds the new place.
    for (number, body) in (3_u32..=300).step_by(3).zip(open) {
        let mut bytes = Vec::new();
        body.append_to(0..body.size(), &mut bytes).unwrap();
        assert_eq!(bytes, text(number).as_bytes());
        assert_eq!(bytes_of(&*stale, account, EmailId(number)), text(number).as_bytes());
    }
    assert_eq!(bench.engine.compact_all(20).unwrap().segments, 0, "nothing is worth it any more");
    drop(stale);
    drop(reader);
    let mut bench = bench.reopen();
    check_mail(&bench, account, 300);
    bench.deliver(&["a"], &text(1_000));
    check_accounts(&bench);
}

#[test]
fn whatever_is_interrupted_loses_nothing() {
    // The step of the writer after which the process ends, until it comes to the end.
    for lost in 0.. {
        let (mut bench, account, _) = thinned(120);
        let mut compactor = bench.engine.compactor();
        let mut asked = 0;
        let cut = loop {
            let result = step(&mut compactor, &mut bench.engine, |_, _| {
                asked += 1;
                let cut = || Err(StoreError::Unavailable("cut".to_owned()));
                if asked > lost { cut() } else { Ok(()) }
            });
            match result {
                Ok(true) => {}
                other => break other,
            }
        };
        if cut.is_ok() {
            assert!(lost > 4, "only {lost} steps");
            return;
        }
        drop(compactor);
        // Files of removed rows are still there, as after a crash before the unlink.
        let mut bench = bench.reopen();
        check_accounts(&bench);
        check_mail(&bench, account, 120);
        bench.deliver(&["a"], &text(1_000));
        bench.engine.compact_all(20).unwrap();
        check_accounts(&bench);
        check_mail(&bench, account, 120);
        // A file without a row goes when two looks have seen it.
        let last = i64::from(u32::MAX);
        for look in [last - super::retire::TIDY_SECONDS, last] {
            bench.engine.purge_step(&|_, _| None, UnixTime::utc(look)).unwrap();
        }
        bench.engine.remove_retired();
        let meta = Arc::clone(&bench.engine.meta);
        let txn = meta.env.read_txn().unwrap();
        let rows = env::all(&meta.tables.segments, &txn).unwrap();
        let known: Vec<_> = rows.map(|row| Take(row.unwrap().0).u64().unwrap()).collect();
        assert_eq!(segment_files(&bench), known, "no file is left over");
    }
}

#[test]
fn what_is_purged_or_arrives_during_a_step_is_neither_revived_nor_lost() {
    let (mut bench, account, inbox) = thinned(120);
    let mut compactor = bench.engine.compactor();
    let mut moved = 0;
    let done = loop {
        let result = step(&mut compactor, &mut bench.engine, |engine, ask| {
            if matches!(ask, Ask::Follow(copied) if !copied.moves.is_empty()) && moved == 0 {
                moved += 1;
                let jobs = vec![
                    Job { id: MutationId(1 << 100), mutation: expunge(account, inbox, None) },
                    Job { id: MutationId(2 << 100), mutation: delivery(&["a"], &text(999)) },
                ];
                engine.commit(jobs, NOW).into_iter().for_each(|done| drop(done.outcome.unwrap()));
                let later = UnixTime::utc(NOW.seconds + 7_200);
                while engine.purge_step(&|_, _| None, later)?.more {}
            }
            Ok(())
        });
        match result {
            Ok(true) => {}
            other => break other,
        }
    };
    assert_eq!((done, moved), (Ok(false), 1));
    check_accounts(&bench);
    assert_eq!(bench.entries(|t| &t.blobs), 1);
    let reader = bench.engine.reader();
    let bytes = bytes_of(&*reader.snapshot().unwrap(), account, EmailId(121));
    assert_eq!(bytes, text(999).as_bytes());
    bench.engine.compact_all(1).unwrap();
    assert!(disk_bytes(&bench) < 4_096, "{}", disk_bytes(&bench));
}

/// Streams a message in and files it for `a`.
fn stream(bench: &mut Bench, text: &str) {
    let mut upload = bench.engine.begin_upload(UnixTime::utc(0)).unwrap();
    upload.write(text.as_bytes()).unwrap();
    let (size, upload) = (upload.size(), upload.finish().unwrap());
    let parsed = Box::new(waypost_mime::parse(text.as_bytes()));
    let payload = Payload { content: Content::Uploaded { upload, size }, parsed };
    let (folder, flags, limits) = (None, FlagSet::default(), Default::default());
    let recipient = Recipient { account: AccountName::new("a").unwrap(), folder, flags, limits };
    let recipients = vec![recipient];
    bench.run(Mutation::Deliver(Deliver { payload, recipients, internal_date: NOW })).unwrap();
}

#[test]
fn filing_notes_of_streamed_messages_move_along_while_these_live() {
    let mut bench = Bench::with_segments(SEGMENT_BYTES);
    stream(&mut bench, &text(1));
    stream(&mut bench, &text(2));
    (3..=30).for_each(|number| drop(bench.deliver(&["a"], &text(number))));
    let (account, inbox) = (AccountId(1), MailboxId(1));
    let gone: UidSet = (2..=30).map(Uid).collect();
    bench.run(expunge(account, inbox, Some(gone))).unwrap();
    bench.purge_all(None);
    bench.engine.compact_all(20).unwrap();
    check_accounts(&bench);
    let files = segment_files(&bench);
    let all: Vec<_> = files.iter().flat_map(|number| records(&bench, *number)).collect();
    let kinds: Vec<_> = all.iter().map(|header| (header.kind, header.blob)).collect();
    let kinds: Vec<_> = kinds.into_iter().filter(|(kind, _)| *kind != Kind::State).collect();
    // The upload of the second message went with it, and the note of it with its segment.
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&(Kind::Upload, BlobId(1))) && kinds.contains(&(Kind::Note, BlobId(1))));
    let reader = bench.engine.reader();
    assert_eq!(bytes_of(&*reader.snapshot().unwrap(), account, EmailId(1)), text(1).as_bytes());
    assert_eq!(bench.engine.compact_all(1).unwrap().segments, 0, "notes alone are no reason");
}

#[test]
fn a_segment_whose_records_cannot_be_found_stays() {
    let (mut bench, account, _) = thinned(120);
    let path = bench.engine.meta.segment_path(1);
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"damage", 0).unwrap();
    bench.engine.compact_all(20).unwrap();
    assert!(path.exists());
    check_mail(&bench, account, 120);
    assert!(segment_files(&bench).len() < 4, "the others are compacted");
}

#[test]
fn a_backup_that_runs_keeps_the_files() {
    let (mut bench, account, _) = thinned(120);
    let copy = tempfile::tempdir().unwrap();
    let backup = bench.engine.begin_backup();
    let before = segment_files(&bench);
    bench.engine.compact_all(20).unwrap();
    assert!(segment_files(&bench).starts_with(&before));
    backup.run(copy.path()).unwrap();
    bench.engine.remove_retired();
    assert!(!segment_files(&bench).contains(&before[0]));
    check_mail(&bench, account, 120);
}
