//! Message bytes in the segments, and whose messages are concerned when they are damaged.

use super::blobs::Damaged;
use super::finding::{Part, Place, Problem};
use super::scan::Scan;
use crate::codec::Take;
use crate::codec::rows::{BlobRow, EmailRecord};
use crate::env;
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header};
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
    pub(crate) problem: Problem,
    pub(crate) segment: u64,
    pub(crate) text: &'static str,
}

/// Looks at the record of a blob, and at its bytes if `bytes`; answers with how many were read.
pub(super) fn examine(
    scan: &Scan<'_>,
    blob: BlobId,
    mut row: BlobRow,
    bytes: bool,
) -> Result<Result<u64, Fault>, StoreError> {
    for _ in 0..TRIES {
        let fault = match examine_at(scan, blob, &row, bytes)? {
            Ok(read) => return Ok(Ok(read)),
            Err(fault) => fault,
        };
        let now = scan.at(|at| {
            let value = at.get(&at.tables.blobs, &keys::number(blob.0))?;
            Ok(value.and_then(BlobRow::decode))
        })?;
        match now {
            // It was purged meanwhile.
            None => return Ok(Ok(0)),
            Some(now) if (now.segment, now.offset) == (row.segment, row.offset) => {
                return Ok(Err(fault));
            }
            Some(now) => {
                scan.files.forget(row.segment);
                row = now;
            }
        }
    }
    Ok(Ok(0))
}

fn examine_at(
    scan: &Scan<'_>,
    blob: BlobId,
    row: &BlobRow,
    bytes: bool,
) -> Result<Result<u64, Fault>, StoreError> {
    let segment = row.segment;
    let fault = |problem, text| Ok(Err(Fault { problem, segment, text }));
    let Some(file) = scan.files.open(&scan.meta.path, row.segment)? else {
        return fault(Problem::Missing, "the file of its segment is not there");
    };
    let mut front = [0; HEADER_BYTES];
    match segment::read_at(&file, &mut front, row.offset) {
        Ok(()) => {}
        Err(StoreError::Corrupt(_)) => return fault(Problem::Missing, "the file ends before it"),
        Err(_) => return fault(Problem::Damaged, "the disk cannot read its record"),
    }
    let right = Header::decode(&front).filter(|header| header.blob == blob).is_some_and(|header| {
        (header.length, header.crc) == (row.length, row.crc)
            && u64::from(header.note) + HEADER_BYTES as u64 == u64::from(row.front)
    });
    if !right {
        return fault(Problem::Damaged, "its record does not begin where the row says");
    }
    if !bytes {
        return Ok(Ok(0));
    }
    let from = row.offset + u64::from(row.front);
    match checksum(&file, from, row.length) {
        Some(crc) if crc == row.crc => Ok(Ok(row.length)),
        Some(_) => fault(Problem::Damaged, "the checksum of its bytes is wrong"),
        None => fault(Problem::Damaged, "its bytes cannot be read"),
    }
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
            let (email, blob, segment) = (Some(email), Some(blob), Some(fault.segment));
            let place = Place { email, blob, segment, ..place };
            sink.add(Part::Files, fault.problem, place, fault.text);
        }
        Ok(())
    })?;
    for (blob, fault) in damaged.iter().filter(|(blob, _)| !named.contains(blob)) {
        let place = Place { segment: Some(fault.segment), ..Place::blob(*blob) };
        scan.sink.add(Part::Files, fault.problem, place, fault.text);
    }
    Ok(())
}
