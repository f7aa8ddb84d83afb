//! Where stored messages are, found again in the segments, and who shares them, counted again.

use super::Fix;
use crate::codec::Take;
use crate::codec::rows::{BlobRow, EmailRecord, SegmentRow};
use crate::codec::saved::SavedRow;
use crate::env::{self, SEGMENTS_DIR, io_fault};
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use waypost_store::StoreError;
use waypost_types::BlobId;

impl Fix<'_, '_, '_> {
    /// Rows of blobs that are lost or do not agree with the record in the file.
    pub(super) fn places(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut wrong = BTreeSet::new();
        let mut ends = BTreeMap::new();
        for (key, value) in self.entries(&tables.segments, &[])? {
            let row = SegmentRow::decode(&value);
            ends.extend(Take(&key).u64().zip(row).map(|(number, row)| (number, row.end)));
        }
        for (key, value) in self.entries(&tables.blobs, &[])? {
            let Some(blob) = Take(&key).u64().map(BlobId) else { continue };
            let row = BlobRow::decode(&value);
            let inside =
                row.is_some_and(|row| ends.get(&row.segment).is_none_or(|end| row.end() <= *end));
            if !inside || row.is_some_and(|row| !self.is_there(blob, &row)) {
                wrong.insert(blob);
            }
        }
        for (_, value) in self.entries(&tables.emails, &[])? {
            let Some(blob) = EmailRecord::decode(&value).map(|record| record.row.blob) else {
                continue;
            };
            if self.get(&tables.blobs, &keys::number(blob.0))?.is_none() {
                wrong.insert(blob);
            }
        }
        if wrong.is_empty() { Ok(()) } else { self.find_again(&wrong) }
    }

    fn is_there(&self, blob: BlobId, row: &BlobRow) -> bool {
        let Ok(file) = File::open(segment::path(self.work.partition, row.segment)) else {
            return false;
        };
        let mut front = [0; HEADER_BYTES];
        let read = segment::read_at(&file, &mut front, row.offset);
        read.is_ok() && Header::decode(&front).is_some_and(|header| row.agrees(blob, &header))
    }

    /// Looks through the segments for the records of blobs.
    fn find_again(&mut self, wrong: &BTreeSet<BlobId>) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(self.work.partition.join(SEGMENTS_DIR)).map_err(io_fault)? {
            let name = entry.map_err(io_fault)?.file_name();
            if let Some(number) = name.to_str().and_then(segment::number_of) {
                let file =
                    File::open(segment::path(self.work.partition, number)).map_err(io_fault)?;
                records(&file, number, &mut |header, row| {
                    if matches!(header.kind, Kind::Message | Kind::Upload)
                        && wrong.contains(&header.blob)
                    {
                        found.insert(header.blob, row);
                    }
                });
            }
        }
        for blob in wrong {
            let key = keys::number(blob.0);
            match found.get(blob) {
                Some(row) => {
                    self.put(&tables.blobs, &key, &row.encode())?;
                    self.say(format!("blob {blob}: found again in segment {}", row.segment));
                }
                None => {
                    let value = self.get(&tables.blobs, &key)?;
                    if value.is_some_and(|value| BlobRow::decode(&value).is_none()) {
                        self.delete(&tables.blobs, &key)?;
                    }
                    self.say(format!("blob {blob}: no segment has it; only a backup does"));
                }
            }
        }
        Ok(())
    }

    /// References and live bytes, counted.
    pub(super) fn references(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut counted: BTreeMap<BlobId, u32> = BTreeMap::new();
        for entry in env::all(&tables.emails, &self.work.txn)? {
            if let Some(record) = EmailRecord::decode(entry?.1) {
                *counted.entry(record.row.blob).or_default() += 1;
            }
        }
        let mut live: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (key, value) in self.entries(&tables.blobs, &[])? {
            let blob = Take(&key).u64().map(BlobId).zip(BlobRow::decode(&value));
            let Some((blob, mut row)) = blob else { continue };
            let references = counted.get(&blob).copied().unwrap_or(0);
            if references == 0 {
                self.delete(&tables.blobs, &key)?;
                self.say(format!("blob {blob}: no email has it, its row was removed"));
                continue;
            }
            if row.references != references {
                row.references = references;
                self.put(&tables.blobs, &key, &row.encode())?;
                self.say(format!("blob {blob}: {references} emails have it"));
            }
            let sum = live.entry(row.segment).or_default();
            *sum = (sum.0 + row.record_bytes(), sum.1.max(segment::aligned(row.end())));
        }
        for (_, value) in self.entries(&tables.saved, &[])? {
            if let Some(row) = SavedRow::decode(&value).filter(|row| row.number != 0) {
                live.entry(row.segment).or_default().0 += row.bytes;
            }
        }
        self.segments(live)
    }

    fn segments(&mut self, mut live: BTreeMap<u64, (u64, u64)>) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.segments, &[])? {
            let Some(number) = Take(&key).u64() else { continue };
            let old = SegmentRow::decode(&value);
            let (bytes, end) = live.remove(&number).unwrap_or_default();
            let end = end.max(old.map_or(0, |row| row.end));
            let row = SegmentRow {
                end: old.map_or_else(|| self.length(number, end), |_| end),
                live: bytes,
                kept: old.map_or(0, |row| row.kept),
            };
            if bytes == 0 && self.length(number, 0) == 0 && number != self.work.numbers.current {
                self.delete(&tables.segments, &key)?;
            } else if old != Some(row) {
                self.put(&tables.segments, &key, &row.encode())?;
                self.say(format!("segment {number}: counted anew"));
            }
        }
        for (number, (bytes, end)) in live {
            // Filing notes in it are counted again when it is compacted.
            let row = SegmentRow { end: self.length(number, end), live: bytes, kept: 0 };
            self.put(&tables.segments, &keys::number(number), &row.encode())?;
            self.say(format!("segment {number}: its row was made anew"));
        }
        Ok(())
    }

    /// Where a segment ends; `least` when its file says less or nothing.
    fn length(&self, number: u64, least: u64) -> u64 {
        let file = std::fs::metadata(segment::path(self.work.partition, number));
        file.map_or(least, |file| segment::aligned(file.len()).max(least))
    }
}

/// Every record of a segment, bytes that are none passed over.
pub(crate) fn records(file: &File, number: u64, each: &mut dyn FnMut(&Header, BlobRow)) {
    let length = file.metadata().map_or(0, |file| file.len());
    let mut at = 0;
    let mut front = [0; HEADER_BYTES];
    while at < length {
        let read = segment::read_at(file, &mut front, at);
        let header = Header::decode(&front).filter(|_| read.is_ok());
        let Some(header) = header else {
            at += segment::ALIGN;
            continue;
        };
        let front = header.note.saturating_add(u32::try_from(HEADER_BYTES).unwrap_or(0));
        let (offset, length, crc) = (at, header.length, header.crc);
        each(&header, BlobRow { segment: number, offset, front, length, crc, references: 0 });
        at = segment::aligned(at.saturating_add(u64::from(front)).saturating_add(header.length));
    }
}
