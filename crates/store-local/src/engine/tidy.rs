//! Files in the segments' directory that no row knows: uploads that were aborted or never filed.

use crate::codec::Take;
use crate::codec::rows::SegmentRow;
use crate::env::{self, Meta, SEGMENTS_DIR, fault, io_fault};
use crate::segment;
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};
use waypost_store::StoreError;
use waypost_types::UnixTime;

/// A file without a row is kept this long: its upload may be under way, or wait for a client that
/// reconnects with the mutation that files it.
pub(super) const ORPHAN_AGE: Duration = Duration::from_secs(3_600);

/// Files without a row.
pub(super) struct Orphans {
    /// All of them.
    pub(super) all: Vec<u64>,
    /// Those older than [`ORPHAN_AGE`].
    pub(super) old: Vec<u64>,
    /// The greatest number of any file.
    pub(super) greatest: u64,
}

/// Compares the directory with the rows.
pub(super) fn orphans(meta: &Meta, now: UnixTime) -> Result<Orphans, StoreError> {
    let txn = meta.env.read_txn().map_err(fault)?;
    let mut known = BTreeSet::new();
    for entry in env::all(&meta.tables.segments, &txn)? {
        known.extend(Take(entry?.0).u64());
    }
    let mut found = Orphans { all: Vec::new(), old: Vec::new(), greatest: 0 };
    for entry in std::fs::read_dir(meta.path.join(SEGMENTS_DIR)).map_err(io_fault)? {
        let entry = entry.map_err(io_fault)?;
        let number = entry.file_name().to_str().and_then(segment::number_of);
        let Some(number) = number else { continue };
        found.greatest = found.greatest.max(number);
        if known.contains(&number) {
            continue;
        }
        found.all.push(number);
        let changed = entry.metadata().and_then(|m| m.modified()).map_err(io_fault)?;
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Duration::from_secs(u64::try_from(now.seconds).unwrap_or(0));
        if now.saturating_sub(changed) >= ORPHAN_AGE {
            found.old.push(number);
        }
    }
    Ok(found)
}

/// Segments, but for the one that is appended to, whose files hold more than their rows know, and where
/// their records end: a crash has left them so.
pub(super) fn left(meta: &Meta, current: u64) -> Result<Vec<(u64, u64)>, StoreError> {
    let txn = meta.env.read_txn().map_err(fault)?;
    let mut left = Vec::new();
    for entry in env::all(&meta.tables.segments, &txn)? {
        let (key, value) = entry?;
        let row = Take(key).u64().zip(SegmentRow::decode(value));
        let Some((number, row)) = row.filter(|(number, _)| *number != current) else { continue };
        let file = std::fs::metadata(segment::path(&meta.path, number));
        if file.is_ok_and(|file| file.len() > row.end) {
            left.push((number, row.end));
        }
    }
    Ok(left)
}
