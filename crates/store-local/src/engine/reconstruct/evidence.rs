//! What the segments tell: one walk over every record.

use crate::codec::rows::BlobRow;
use crate::codec::saved::{Saved, SavedChange, SavedKey, SavedRow};
use crate::env::{SEGMENTS_DIR, io_fault};
use crate::segment::{self, ALIGN, HEADER_BYTES, Header, Kind, Note, OpenSegments, Placed};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use waypost_store::StoreError;
use waypost_types::{AccountId, AccountName, BlobId, FlagSet, MailboxName, ModSeq, UnixTime};

/// The account of messages of which nothing tells whose they are.
const NOBODY: &str = "recovered";
/// Bytes searched at once for the next record behind damage.
const SEARCH_BYTES: usize = 64 << 10;

/// One recipient of one message.
#[derive(Debug, Clone)]
pub(super) struct Filing {
    pub(super) blob: BlobId,
    pub(super) account: AccountName,
    pub(super) mailbox: MailboxName,
    pub(super) flags: FlagSet,
    pub(super) internal_date: UnixTime,
    pub(super) saved: i64,
    pub(super) received: i64,
    pub(super) placed: Option<Placed>,
}

/// A segment as it was found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// Where its last record ends.
    pub(super) end: u64,
    /// Bytes of filing notes of streamed messages.
    pub(super) kept: u64,
}

/// Changes of an account: by record, the account's modification sequence after them and what they are.
pub(super) type Changes = BTreeMap<u64, (ModSeq, Vec<SavedChange>)>;

/// All that the segments tell.
pub(super) struct Evidence {
    /// Where each message lies.
    pub(super) blobs: BTreeMap<BlobId, BlobRow>,
    pub(super) filings: Vec<Filing>,
    /// The newest record of each key. Changes are each a key of their own.
    pub(super) states: BTreeMap<SavedKey, SavedRow>,
    pub(super) changes: BTreeMap<AccountId, Changes>,
    pub(super) segments: BTreeMap<u64, Found>,
    /// The greatest number of a record.
    pub(super) greatest: u64,
    /// Records up to this number may be missing: where one is damaged, nobody knows what it said.
    pub(super) hidden_up_to: u64,
    /// Messages whose filing notes cannot be read.
    pub(super) unfiled: BTreeSet<BlobId>,
    /// What was damaged, a line each.
    pub(super) damage: Vec<String>,
    /// The account of messages of which nothing tells whose they are.
    pub(super) nobody: AccountName,
    partition: PathBuf,
    files: OpenSegments,
    ends: BTreeMap<u64, u64>,
    /// Segments whose ends are no records, where these begin, and their greatest number.
    torn: Vec<(u64, u64, u64)>,
}

impl Evidence {
    /// Reads every segment of a partition.
    ///
    /// # Errors
    /// When the directory cannot be read. A file that cannot be read is damage.
    pub(super) fn gather(partition: &Path) -> Result<Self, StoreError> {
        let nobody = AccountName::new(NOBODY);
        let mut evidence = Self {
            blobs: BTreeMap::new(),
            filings: Vec::new(),
            states: BTreeMap::new(),
            changes: BTreeMap::new(),
            segments: BTreeMap::new(),
            greatest: 0,
            hidden_up_to: 0,
            unfiled: BTreeSet::new(),
            damage: Vec::new(),
            nobody: nobody.map_err(|_| StoreError::BadName)?,
            partition: partition.to_path_buf(),
            files: OpenSegments::default(),
            ends: BTreeMap::new(),
            torn: Vec::new(),
        };
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(partition.join(SEGMENTS_DIR)).map_err(io_fault)? {
            let name = entry.map_err(io_fault)?.file_name();
            numbers.extend(name.to_str().and_then(segment::number_of));
        }
        // Where a crash has left a segment stands in a later one, so ends are known first.
        for number in numbers.iter().rev() {
            evidence.read_ends(*number);
        }
        for number in numbers {
            evidence.read_segment(number);
        }
        evidence.judge_ends();
        Ok(evidence)
    }

    /// In the segment that was written last, an end that is no record is what was being written when the
    /// power went: it was never acknowledged, or it would be whole. In any other it is damage.
    fn judge_ends(&mut self) {
        for (segment, from, greatest) in std::mem::take(&mut self.torn) {
            self.damage.push(format!("segment {segment}: no record from {from} to its end"));
            if greatest < self.greatest {
                self.hidden_up_to = u64::MAX;
            }
        }
    }

    /// A saved state, read again; `None` when there is none.
    pub(super) fn state(&self, key: SavedKey) -> Option<(SavedRow, Saved)> {
        let row = *self.states.get(&key)?;
        let file = self.files.open(&self.partition, row.segment).ok()??;
        let header = header_at(&file, row.offset)?;
        let (_, body) = segment::read_state(&file, &header, row.offset, true)?;
        Some((row, postcard::from_bytes(&body).ok()?))
    }

    fn read_ends(&mut self, number: u64) {
        let Ok(file) = File::open(segment::path(&self.partition, number)) else { return };
        let mut ends = Vec::new();
        let limit = self.ends.get(&number).copied().unwrap_or(u64::MAX);
        walk(&file, limit, &mut |at, found| {
            if let Some(header) = found.filter(|header| header.kind == Kind::State)
                && let Some((SavedKey::End(of), body)) =
                    segment::read_state(&file, &header, at, true)
                && let Ok(Saved::End(end)) = postcard::from_bytes(&body)
            {
                ends.push((of, end));
            }
        });
        self.ends.extend(ends);
    }

    fn read_segment(&mut self, number: u64) {
        self.segments.insert(number, Found::default());
        let file = match File::open(segment::path(&self.partition, number)) {
            Ok(file) => file,
            Err(error) => {
                self.damage.push(format!("segment {number} cannot be opened: {error}"));
                self.hidden_up_to = u64::MAX;
                return;
            }
        };
        let limit = self.ends.get(&number).copied().unwrap_or(u64::MAX);
        let (mut gap, mut greatest): (Option<u64>, u64) = (None, 0);
        let end = walk(&file, limit, &mut |at, found| match found {
            Some(header) => {
                greatest = greatest.max(header.blob.0);
                if let Some(from) = gap.take() {
                    self.damage.push(format!("segment {number}: no record from {from} to {at}"));
                    self.hidden_up_to = u64::MAX;
                }
                self.take(&file, number, at, &header);
            }
            None => gap = Some(at),
        });
        if let Some(from) = gap {
            self.torn.push((number, from, greatest));
        }
        self.segments.entry(number).or_default().end = end;
    }

    fn take(&mut self, file: &File, segment: u64, offset: u64, header: &Header) {
        self.greatest = self.greatest.max(header.blob.0);
        let front = header.note.saturating_add(u32::try_from(HEADER_BYTES).unwrap_or(0));
        let (length, crc) = (header.length, header.crc);
        match header.kind {
            Kind::Message | Kind::Upload => {
                let row = BlobRow { segment, offset, front, length, crc, references: 0 };
                self.blobs.insert(header.blob, row);
                if header.kind == Kind::Message {
                    self.take_note(file, segment, offset, header);
                }
            }
            Kind::Note => {
                self.segments.entry(segment).or_default().kept += header.size();
                self.take_note(file, segment, offset, header);
            }
            Kind::State => self.take_state(file, segment, offset, header),
        }
    }

    fn take_note(&mut self, file: &File, segment: u64, offset: u64, header: &Header) {
        let mut bytes = vec![0; (header.note as usize).min(segment::NOTE_BYTES_MAX)];
        let read = segment::read_at(file, &mut bytes, offset + HEADER_BYTES as u64);
        let whole = read.is_ok() && crc32fast::hash(&bytes) == header.note_crc;
        let Some(note) = whole.then(|| Note::decode(header.form, &bytes)).flatten() else {
            self.damage.push(format!("segment {segment}: the filing note at {offset} is damaged"));
            self.unfiled.insert(header.blob);
            self.hidden_up_to = self.hidden_up_to.max(header.blob.0);
            return;
        };
        let Note { internal_date, saved, received, filed } = note;
        for filed in filed {
            let segment::Filed { account, mailbox, flags, placed } = filed;
            let blob = header.blob;
            self.filings.push(Filing {
                blob,
                account,
                mailbox,
                flags,
                internal_date,
                saved,
                received,
                placed,
            });
        }
    }

    fn take_state(&mut self, file: &File, segment: u64, offset: u64, header: &Header) {
        let read = segment::read_state(file, header, offset, true);
        let decoded = read.and_then(|(key, body)| {
            postcard::from_bytes::<Saved>(&body).ok().map(|saved| (key, saved))
        });
        let Some((key, saved)) = decoded else {
            self.damage.push(format!("segment {segment}: the saved state at {offset} is damaged"));
            self.hidden_up_to = self.hidden_up_to.max(header.blob.0);
            return;
        };
        let number = header.blob.0;
        if let (SavedKey::Changes(account, _), Saved::Changes(modseq, changes)) = (key, saved) {
            self.changes.entry(account).or_default().insert(number, (modseq, changes));
        }
        let row = SavedRow { number, segment, offset, bytes: header.size(), ..SavedRow::default() };
        let newest = self.states.entry(key).or_insert(row);
        if number >= newest.number {
            *newest = row;
        }
    }
}

fn header_at(file: &File, at: u64) -> Option<Header> {
    let mut front = [0; HEADER_BYTES];
    segment::read_at(file, &mut front, at).ok()?;
    Header::decode(&front)
}

/// Every record up to `limit`, and with `None` the beginning of every piece that is neither a record nor
/// zeros; answers where the last record ends.
fn walk(file: &File, limit: u64, each: &mut dyn FnMut(u64, Option<Header>)) -> u64 {
    let length = file.metadata().map_or(0, |file| file.len()).min(limit);
    let (mut at, mut end) = (0, 0);
    let mut first = [0; HEADER_BYTES];
    if segment::read_at(file, &mut first, 0).is_ok() && first == [0; HEADER_BYTES] {
        // A streamed message that never came to its end: what is in it may look like anything.
        return 0;
    }
    while at < length {
        match header_at(file, at) {
            Some(header) if at.saturating_add(header.size()) <= length => {
                each(at, Some(header));
                at = segment::aligned(at + header.size());
                end = at;
            }
            Some(_) => {
                // Nor may anything in a message that was cut off be taken for a record.
                each(at, None);
                return end;
            }
            None => match next_record(file, at, length) {
                (true, next) => {
                    each(at, None);
                    at = next;
                }
                (false, next) => at = next,
            },
        }
    }
    end
}

/// The next place from `at` on where a header stands, `length` when there is none; and whether anything
/// but zeros lies before it.
fn next_record(file: &File, from: u64, length: u64) -> (bool, u64) {
    let mut rubbish = false;
    let mut buffer = vec![0; SEARCH_BYTES];
    let mut at = from;
    while at < length {
        let count = usize::try_from(length - at).unwrap_or(SEARCH_BYTES).min(SEARCH_BYTES);
        let piece = buffer.get_mut(..count).unwrap_or_default();
        if segment::read_at(file, piece, at).is_err() {
            return (true, length);
        }
        let step = usize::try_from(ALIGN).unwrap_or(1);
        for (place, word) in piece.chunks(step).enumerate() {
            let here = at + place as u64 * ALIGN;
            if here > from && word.starts_with(&segment::MAGIC) && header_at(file, here).is_some() {
                return (rubbish, here);
            }
            rubbish |= word.iter().any(|byte| *byte != 0);
        }
        at += count as u64;
    }
    (rubbish, length)
}
