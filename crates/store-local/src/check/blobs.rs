//! Blobs: who shares them, where they are, and whether the files hold what the rows say.

use super::bytes::{Fault, examine};
use super::finding::{Part, Place, Problem};
use super::references::References;
use super::scan::{Scan, Sink};
use crate::codec::Take;
use crate::codec::rows::{BlobRow, EmailRecord, Numbers, SegmentRow};
use crate::codec::saved::SavedRow;
use crate::engine::NUMBERS_KEY;
use crate::env;
use crate::keys;
use crate::segment;
use std::collections::{BTreeMap, BTreeSet};
use waypost_store::StoreError;
use waypost_types::BlobId;

/// Blobs whose rows are read at once; their files are then read without a transaction.
const STEP_BLOBS: usize = 1_024;
/// How often references that do not agree are counted anew: what changes meanwhile must not be
/// reported.
const RECOUNTS: usize = 3;

/// Blobs whose bytes are damaged or gone, and what is wrong with each.
pub(crate) type Damaged = BTreeMap<BlobId, Fault>;

/// Notes what the rows say before the emails are counted.
pub(super) fn expect(scan: &mut Scan<'_>, references: &mut References) -> Result<(), StoreError> {
    scan.walk(Part::Blobs, |tables| &tables.blobs, &[], &mut |_, _, (key, value)| {
        if let Some((blob, row)) = read(key, value) {
            references.expect(blob, row.references);
        }
        Ok(())
    })
}

fn read(key: &[u8], value: &[u8]) -> Option<(BlobId, BlobRow)> {
    let blob = Take(key).u64().filter(|_| key.len() == 8)?;
    Some((BlobId(blob), BlobRow::decode(value)?))
}

/// Checks every blob against what was counted and against its file.
pub(super) fn check(
    scan: &mut Scan<'_>,
    references: &mut References,
    bytes: bool,
) -> Result<Damaged, StoreError> {
    let mut suspects = BTreeSet::new();
    let (mut damaged, mut last) = (Damaged::new(), None);
    loop {
        let rows = next_rows(scan, last)?;
        let Some((at, _)) = rows.last() else { break };
        last = Some(*at);
        for (blob, row) in rows {
            // Blobs that came while the check ran were not counted.
            if blob.0 < scan.overview.numbers.blob && references.of(blob).1 != row.references {
                suspects.insert(blob);
            }
            check_one(scan, blob, row, bytes, &mut damaged)?;
        }
    }
    recount(scan, references, suspects)?;
    Ok(damaged)
}

/// Checks some blobs against their files.
pub(super) fn check_some(
    scan: &mut Scan<'_>,
    blobs: &BTreeSet<BlobId>,
    bytes: bool,
) -> Result<Damaged, StoreError> {
    let mut damaged = Damaged::new();
    for blob in blobs {
        let row = scan.at(|at| {
            at.get(&at.tables.blobs, &keys::number(blob.0)).map(|value| value.map(BlobRow::decode))
        })?;
        match row {
            Some(Some(row)) => check_one(scan, *blob, row, bytes, &mut damaged)?,
            Some(None) => unreadable(&mut scan.sink, *blob),
            None => {}
        }
    }
    Ok(damaged)
}

/// What is wrong with a row that cannot be read.
pub(crate) const UNREADABLE: Fault = Fault {
    part: Part::Blobs,
    problem: Problem::Damaged,
    segment: None,
    text: "the row cannot be read",
};

fn unreadable(sink: &mut Sink, blob: BlobId) {
    let Fault { part, problem, text, .. } = UNREADABLE;
    sink.add(part, problem, Place::blob(blob), text);
}

/// The next rows after a blob; findings for those that cannot be read.
fn next_rows(
    scan: &mut Scan<'_>,
    last: Option<BlobId>,
) -> Result<Vec<(BlobId, BlobRow)>, StoreError> {
    let mut rows = Vec::new();
    let mut at_end = false;
    let mut last = last.map(|blob| keys::number(blob.0).to_vec());
    while rows.is_empty() && !at_end {
        scan.step(Part::Blobs, Place::STORE, |at, sink| {
            let mut seen = 0;
            for entry in env::after(&at.tables.blobs, at.txn, last.as_deref())?.take(STEP_BLOBS) {
                let (key, value) = entry?;
                seen += 1;
                last = Some(key.to_vec());
                match (read(key, value), Take(key).u64().filter(|_| key.len() == 8)) {
                    (Some(row), _) => rows.push(row),
                    (None, Some(blob)) => unreadable(sink, BlobId(blob)),
                    (None, None) => {
                        sink.add(Part::Blobs, Problem::Stray, Place::STORE, "a key cannot be read");
                    }
                }
            }
            at_end = seen < STEP_BLOBS;
            Ok(())
        })?;
    }
    Ok(rows)
}

fn check_one(
    scan: &mut Scan<'_>,
    blob: BlobId,
    row: BlobRow,
    bytes: bool,
    damaged: &mut Damaged,
) -> Result<(), StoreError> {
    scan.sink.seen.blobs += 1;
    let place = Place { segment: Some(row.segment), ..Place::blob(blob) };
    scan.step(Part::Blobs, place, |at, sink| {
        let row = at.get(&at.tables.blobs, &keys::number(blob.0))?.and_then(BlobRow::decode);
        let Some(row) = row else { return Ok(()) };
        let segment = at.get(&at.tables.segments, &keys::number(row.segment))?;
        match segment.map(SegmentRow::decode) {
            None => {
                sink.add(
                    Part::Segments,
                    Problem::Missing,
                    place,
                    "nothing is known of its segment",
                );
            }
            Some(Some(known)) if row.end() > known.end => {
                let detail = format!("its record ends after the segment, at {}", row.end());
                sink.add(Part::Blobs, Problem::Wrong, place, detail);
            }
            Some(_) => {}
        }
        let numbers = at.get(&at.tables.state, NUMBERS_KEY)?.and_then(Numbers::decode);
        if numbers.is_some_and(|numbers| blob.0 >= numbers.blob) {
            sink.add(
                Part::State,
                Problem::Wrong,
                place,
                "a blob with a number that was never given",
            );
        }
        Ok(())
    })?;
    match examine(scan, blob, row, bytes)? {
        Ok(read) => scan.sink.seen.bytes += read,
        Err(fault) => {
            damaged.insert(blob, fault);
        }
    }
    Ok(())
}

/// Counts the references of suspects again, until what is wrong has stood still under the count.
fn recount(
    scan: &mut Scan<'_>,
    references: &mut References,
    mut suspects: BTreeSet<BlobId>,
) -> Result<(), StoreError> {
    for _ in 0..RECOUNTS {
        if suspects.is_empty() {
            return Ok(());
        }
        let before = rows_of(scan, &suspects)?;
        before.iter().for_each(|(blob, row)| references.reset(*blob, row.references));
        scan.walk(Part::Emails, |tables| &tables.emails, &[], &mut |_, _, (_, value)| {
            if let Some(record) = EmailRecord::decode(value)
                && suspects.contains(&record.row.blob)
            {
                references.count(record.row.blob);
            }
            Ok(())
        })?;
        let after = rows_of(scan, &suspects)?;
        suspects.clear();
        for (blob, row) in after {
            let counted = references.of(blob).1;
            let still = before.get(&blob).is_some_and(|old| old.references == row.references);
            if counted != row.references && still {
                let detail = format!("the row counts {} emails, {counted} have it", row.references);
                let problem = if counted == 0 { Problem::Stray } else { Problem::Wrong };
                scan.sink.add(Part::Blobs, problem, Place::blob(blob), detail);
            } else if counted != row.references {
                suspects.insert(blob);
            }
        }
    }
    Ok(())
}

fn rows_of(
    scan: &Scan<'_>,
    blobs: &BTreeSet<BlobId>,
) -> Result<BTreeMap<BlobId, BlobRow>, StoreError> {
    scan.at(|at| {
        let mut rows = BTreeMap::new();
        for blob in blobs {
            let row = at.get(&at.tables.blobs, &keys::number(blob.0))?.and_then(BlobRow::decode);
            rows.extend(row.map(|row| (*blob, row)));
        }
        Ok(rows)
    })
}

/// What is known of the segments against the sum of their blobs and against the files. The sum is one
/// consistent state: some hundred nanoseconds a blob.
pub(super) fn segments(scan: &mut Scan<'_>) -> Result<(), StoreError> {
    let mut known = Vec::new();
    scan.step(Part::Segments, Place::STORE, |at, sink| {
        let mut live: BTreeMap<u64, u64> = BTreeMap::new();
        let mut whole = true;
        for entry in env::all(&at.tables.blobs, at.txn)? {
            let (key, value) = entry?;
            match read(key, value) {
                Some((_, row)) => *live.entry(row.segment).or_default() += row.record_bytes(),
                None => whole = false,
            }
        }
        for entry in env::all(&at.tables.saved, at.txn)? {
            match SavedRow::decode(entry?.1) {
                Some(row) if row.number != 0 => *live.entry(row.segment).or_default() += row.bytes,
                Some(_) => {}
                None => whole = false,
            }
        }
        let numbers = at.get(&at.tables.state, NUMBERS_KEY)?.and_then(Numbers::decode);
        for entry in env::all(&at.tables.segments, at.txn)? {
            let (key, value) = entry?;
            let number = Take(key).u64().filter(|_| key.len() == 8);
            let Some((number, row)) = number.zip(SegmentRow::decode(value)) else {
                let place = number.map_or(Place::STORE, Place::segment);
                sink.add(Part::Segments, Problem::Damaged, place, "the row cannot be read");
                continue;
            };
            let place = Place::segment(number);
            let sum = live.get(&number).copied().unwrap_or(0);
            if sum != row.live && whole {
                let detail = format!("the row counts {} live bytes, there are {sum}", row.live);
                sink.add(Part::Segments, Problem::Wrong, place, detail);
            }
            if numbers.is_some_and(|numbers| number >= numbers.segment) {
                sink.add(Part::State, Problem::Wrong, place, "a number that was never given");
            }
            known.push((number, row));
        }
        Ok(())
    })?;
    for (number, row) in known {
        check_file(scan, number, row)?;
    }
    Ok(())
}

fn check_file(scan: &mut Scan<'_>, number: u64, row: SegmentRow) -> Result<(), StoreError> {
    let length = match std::fs::metadata(scan.meta.segment_path(number)) {
        Ok(file) => Some(file.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(env::io_fault(error)),
    };
    // A streamed message is not padded, so its file may end some bytes earlier.
    if length.is_some_and(|length| segment::aligned(length) >= row.end) {
        return Ok(());
    }
    let still = scan.at(|at| Ok(at.get(&at.tables.segments, &keys::number(number))?.is_some()))?;
    let place = Place::segment(number);
    match length.filter(|_| still) {
        // Files without a live byte hold nothing that can be missed.
        Some(length) if row.live > 0 => {
            let detail = format!("the file has {length} bytes, the row says {}", row.end);
            scan.sink.add(Part::Files, Problem::Damaged, place, detail);
        }
        None if still && row.live > 0 => {
            scan.sink.add(Part::Files, Problem::Missing, place, "the file is not there");
        }
        None if still => {
            scan.sink.add(Part::Segments, Problem::Stray, place, "an empty segment without a file");
        }
        _ => {}
    }
    Ok(())
}
