//! Saved states: each row against the record it names.

use super::finding::{Part, Place, Problem};
use super::scan::Scan;
use crate::codec::saved::{SavedKey, SavedRow};
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use waypost_store::StoreError;

/// Looks at every row; `bytes` says whether the records are read to their ends.
pub(super) fn check(scan: &mut Scan<'_>, bytes: bool) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    scan.walk(Part::Saved, |tables| &tables.saved, &[], &mut |at, sink, (key, value)| {
        let Some(key) = SavedKey::decode(key) else {
            sink.add(Part::Saved, Problem::Stray, Place::STORE, "a key cannot be read");
            return Ok(());
        };
        let place = key.account().map_or(Place::STORE, Place::account);
        if let Some(account) = key.account()
            && at.get(&at.tables.accounts, &keys::account(account))?.is_none()
        {
            sink.add_unknown(Part::Saved, place, "saved states of an account that is not there");
            return Ok(());
        }
        match SavedRow::decode(value) {
            Some(row) => rows.push((key, row)),
            None => sink.add(Part::Saved, Problem::Damaged, place, "a row cannot be read"),
        }
        Ok(())
    })?;
    for (key, row) in rows.into_iter().filter(|(_, row)| row.number != 0) {
        if is_there(scan, key, &row, bytes)? {
            continue;
        }
        // It may have moved or been saved anew while this looked.
        let value = scan.at(|at| {
            at.get(&at.tables.saved, &key.encode()).map(|value| value.map(<[u8]>::to_vec))
        })?;
        if value.as_deref().and_then(SavedRow::decode) == Some(row) {
            let place = Place { segment: Some(row.segment), ..Place::STORE };
            let place = Place { account: key.account(), ..place };
            let detail = format!("the record at {} is not the saved state", row.offset);
            scan.sink.add(Part::Saved, Problem::Missing, place, detail);
        }
    }
    Ok(())
}

fn is_there(
    scan: &Scan<'_>,
    key: SavedKey,
    row: &SavedRow,
    bytes: bool,
) -> Result<bool, StoreError> {
    let Some(file) = scan.files.open(&scan.meta.path, row.segment)? else { return Ok(false) };
    let mut front = [0; HEADER_BYTES];
    if segment::read_at(&file, &mut front, row.offset).is_err() {
        return Ok(false);
    }
    let header = Header::decode(&front).filter(|header| {
        header.kind == Kind::State && header.blob.0 == row.number && header.size() == row.bytes
    });
    let Some(header) = header else { return Ok(false) };
    let read = segment::read_state(&file, &header, row.offset, bytes);
    Ok(read.is_some_and(|(found, _)| found == key))
}
