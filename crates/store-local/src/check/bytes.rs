//! Message bytes in the segments, and whose messages are concerned when they are damaged.

use super::CheckOptions;
use super::blobs::Damaged;
use super::finding::{Finding, Part, Place, Problem};
use super::scan::Scan;
use crate::codec::Take;
use crate::codec::rows::{BlobRow, EmailRecord};
use crate::env::{self, Meta};
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header, OpenSegments};
use std::collections::BTreeSet;
use std::fs::File;
use waypost_store::StoreError;
use waypost_types::{AccountId, BlobId, EmailId, MailboxId, Uid};

/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;
/// How often a row is looked up again: compaction may move a blob meanwhile.
const TRIES: usize = 3;

/// What is wrong with the bytes of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) part: Part,
    pub(crate) problem: Problem,
    pub(crate) segment: Option<u64>,
    pub(crate) text: &'static str,
}

/// Reads bytes of a file and answers with their checksum; `None` when they cannot be read.
pub(crate) type Read<'r> = &'r mut dyn FnMut(&File, u64, u64) -> Option<u32>;

/// Looks at the record of a blob, and at its bytes if `bytes`; answers with how many were read.
pub(super) fn examine(
    scan: &Scan<'_>,
    blob: BlobId,
    row: BlobRow,
    bytes: bool,
) -> Result<Result<u64, Fault>, StoreError> {
    // Without the bytes the checksum counts as right.
    let mut read = |file: &File, from, length| match bytes {
        true => checksum(file, from, length),
        false => Some(row.crc),
    };
    let found = examine_blob(scan.meta, &scan.files, blob, row, &mut read)?;
    Ok(found.map(|count| if bytes { count } else { 0 }))
}

/// Looks at the record of a blob and reads its bytes; answers with how many they are.
pub(crate) fn examine_blob(
    meta: &Meta,
    files: &OpenSegments,
    blob: BlobId,
    mut row: BlobRow,
    read: Read<'_>,
) -> Result<Result<u64, Fault>, StoreError> {
    for _ in 0..TRIES {
        let fault = match examine_at(meta, files, blob, &row, read)? {
            Ok(read) => return Ok(Ok(read)),
            Err(fault) => fault,
        };
        let txn = meta.env.read_txn().map_err(env::fault)?;
        let now = env::get(&meta.tables.blobs, &txn, &keys::number(blob.0))?;
        match now.and_then(BlobRow::decode) {
            // It was purged meanwhile.
            None => return Ok(Ok(0)),
            Some(now) if (now.segment, now.offset) == (row.segment, row.offset) => {
                return Ok(Err(fault));
            }
            Some(now) => {
                files.forget(row.segment);
                row = now;
            }
        }
    }
    Ok(Ok(0))
}

fn examine_at(
    meta: &Meta,
    files: &OpenSegments,
    blob: BlobId,
    row: &BlobRow,
    read: Read<'_>,
) -> Result<Result<u64, Fault>, StoreError> {
    let segment = Some(row.segment);
    let fault = |part, problem, text| Ok(Err(Fault { part, problem, segment, text }));
    let Some(file) = files.open(&meta.path, row.segment)? else {
        return fault(Part::Files, Problem::Missing, "the file of its segment is not there");
    };
    let mut front = [0; HEADER_BYTES];
    match segment::read_at(&file, &mut front, row.offset) {
        Ok(()) => {}
        Err(StoreError::Corrupt(_)) => {
            return fault(Part::Files, Problem::Missing, "the file ends before it");
        }
        Err(_) => return fault(Part::Files, Problem::Damaged, "the disk cannot read its record"),
    }
    let right = Header::decode(&front).is_some_and(|header| row.agrees(blob, &header));
    if !right {
        let text = "its record does not begin where the row says";
        return fault(Part::Blobs, Problem::Damaged, text);
    }
    match read(&file, row.offset + u64::from(row.front), row.length) {
        Some(crc) if crc == row.crc => Ok(Ok(row.length)),
        Some(_) => fault(Part::Files, Problem::Damaged, "the checksum of its bytes is wrong"),
        None => fault(Part::Files, Problem::Damaged, "its bytes cannot be read"),
    }
}

/// Findings for each message that shows damaged bytes.
pub(crate) fn owners_of(meta: &Meta, damaged: &Damaged) -> Result<Vec<Finding>, StoreError> {
    let mut scan = Scan::new(meta, &CheckOptions::default())?;
    name_owners(&mut scan, damaged, None)?;
    Ok(scan.report()?.findings)
}

/// The checksum of bytes of a file; `None` when they cannot be read.
fn checksum(file: &File, from: u64, length: u64) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let size = usize::try_from(length).unwrap_or(READ_BYTES).min(READ_BYTES);
    let mut buffer = vec![0; size];
    let mut at = 0;
    while at < length {
        let count = usize::try_from(length - at).unwrap_or(size).min(size);
        let piece = buffer.get_mut(..count)?;
        segment::read_at(file, piece, from + at).ok()?;
        hasher.update(piece);
        at += count as u64;
    }
    Some(hasher.finalize())
}

/// Reports damaged bytes, for each message that shows them.
pub(super) fn name_owners(
    scan: &mut Scan<'_>,
    damaged: &Damaged,
    account: Option<AccountId>,
) -> Result<(), StoreError> {
    if damaged.is_empty() {
        return Ok(());
    }
    let prefix = account.map_or_else(Vec::new, |account| keys::account(account).to_vec());
    let mut named = BTreeSet::new();
    scan.walk(Part::Emails, |tables| &tables.emails, &prefix, &mut |at, sink, (key, value)| {
        let mut take = Take(key);
        let Some((account, email)) = take.u32().zip(take.u32()) else { return Ok(()) };
        let (account, email) = (AccountId(account), EmailId(email));
        let Some(blob) = EmailRecord::decode(value).map(|record| record.row.blob) else {
            return Ok(());
        };
        let Some(fault) = damaged.get(&blob) else { return Ok(()) };
        for entry in env::under(&at.tables.copies, at.txn, &keys::email(account, email))? {
            let mut take = Take(entry?.0.get(8..).unwrap_or_default());
            let Some((mailbox, uid)) = take.u32().zip(take.u32()) else { continue };
            named.insert(blob);
            let place = Place::message(account, MailboxId(mailbox), Uid(uid));
            let (email, blob, segment) = (Some(email), Some(blob), fault.segment);
            let place = Place { email, blob, segment, ..place };
            sink.add(fault.part, fault.problem, place, fault.text);
        }
        Ok(())
    })?;
    for (blob, fault) in damaged.iter().filter(|(blob, _)| !named.contains(blob)) {
        let place = Place { segment: fault.segment, ..Place::blob(*blob) };
        scan.sink.add(fault.part, fault.problem, place, fault.text);
    }
    Ok(())
}
