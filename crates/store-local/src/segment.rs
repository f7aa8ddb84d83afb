//! Segments: append-only files of records, a header and a body each.
//!
//! A record begins at a multiple of [`ALIGN`]: magic, version, kind, number, lengths and checksums,
//! then what is needed to rebuild the metadata (who got the message, where, with which flags), then
//! the message. Records follow one another without a gap up to the end that the segment's row knows.
//! Between the messages lie saved states (`codec/saved.rs`): what the filing notes do not tell.
//! After a crash a file may hold bytes beyond it, which nothing is ever appended to. Compaction copies
//! records, so one blob may be found in two segments; both hold the same bytes.

use crate::codec::saved::SavedKey;
use crate::codec::{Take, corrupt};
use crate::env::io_fault;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use waypost_store::StoreError;
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, FlagSet, MailboxId, MailboxName, ModSeq, ThreadId,
    Uid, UnixTime,
};

/// Records begin at multiples of this many bytes.
pub(crate) const ALIGN: u64 = 8;
/// Bytes of a record's header.
pub(crate) const HEADER_BYTES: usize = 40;
/// The largest filing note in bytes; a delivery to very many has several.
pub(crate) const NOTE_BYTES_MAX: usize = 64 << 10;
/// The form of notes that tell names alone, as older programs wrote them.
pub(crate) const NOTE_WITHOUT_IDS: u8 = 0;
/// The form of notes that this program writes.
pub(crate) const NOTE_FORM: u8 = 1;
/// Segments that one process keeps open for reading.
pub(crate) const OPEN_FILES: usize = 256;

/// How every record begins.
pub(crate) const MAGIC: [u8; 4] = *b"WPsg";
const RECORD_VERSION: u8 = 1;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message, its filing note in front.
    Message,
    /// A streamed message; its filing note is a record of its own.
    Upload,
    /// The filing note of a streamed message; no body.
    Note,
    /// A saved state; its key stands where the others have their filing note.
    State,
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// What it holds.
    pub(crate) kind: Kind,
    /// How its filing note is written: [`NOTE_WITHOUT_IDS`] or [`NOTE_FORM`].
    pub(crate) form: u8,
    /// Its blob, or the number of a saved state.
    pub(crate) blob: BlobId,
    /// Bytes of the filing note behind the header.
    pub(crate) note: u32,
    /// CRC-32 of the filing note.
    pub(crate) note_crc: u32,
    /// Bytes of the message.
    pub(crate) length: u64,
    /// CRC-32 of the message.
    pub(crate) crc: u32,
}

impl Header {
    /// The header of a record with this note and this body.
    pub(crate) fn new(kind: Kind, blob: BlobId, note: &[u8], body: &[u8]) -> Self {
        Self {
            kind,
            form: NOTE_FORM,
            blob,
            note: u32::try_from(note.len()).unwrap_or(u32::MAX),
            note_crc: crc32fast::hash(note),
            length: body.len() as u64,
            crc: crc32fast::hash(body),
        }
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let kind = match self.kind {
            Kind::Message => 1,
            Kind::Upload => 2,
            Kind::Note => 3,
            Kind::State => 4,
        };
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[RECORD_VERSION, kind, self.form, 0]);
        out.extend_from_slice(&self.blob.0.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
        for number in [self.note, self.note_crc, self.crc] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
        out.try_into().unwrap_or([0; HEADER_BYTES])
    }

    /// Bytes of the whole record, without padding.
    pub(crate) const fn size(&self) -> u64 {
        (HEADER_BYTES as u64 + self.note as u64).saturating_add(self.length)
    }

    /// Reads a header; `None` when it is none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut take = Take(bytes.get(..HEADER_BYTES)?);
        let sealed = bytes.get(..HEADER_BYTES - 4)?;
        if take.bytes(4)? != MAGIC || take.u8()? != RECORD_VERSION {
            return None;
        }
        let kind = match take.u8()? {
            1 => Kind::Message,
            2 => Kind::Upload,
            3 => Kind::Note,
            4 => Kind::State,
            _ => return None,
        };
        let form = take.u8()?;
        take.u8()?;
        let (blob, length) = (BlobId(take.u64()?), take.u64()?);
        let (note, note_crc, crc) = (take.u32()?, take.u32()?, take.u32()?);
        (take.u32()? == crc32fast::hash(sealed)).then_some(Self {
            kind,
            form,
            blob,
            note,
            note_crc,
            length,
            crc,
        })
    }
}

/// Where a message was filed at arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filed {
    /// Whose.
    pub(crate) account: AccountName,
    /// Which mailbox, by name.
    pub(crate) mailbox: MailboxName,
    /// With which flags.
    pub(crate) flags: FlagSet,
    /// As what; notes of older programs do not know.
    pub(crate) placed: Option<Placed>,
}

/// The numbers that a message got when it was filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placed {
    /// The account.
    pub(crate) account: AccountId,
    /// The mailbox.
    pub(crate) mailbox: MailboxId,
    /// The message in it.
    pub(crate) uid: Uid,
    /// The account's modification sequence of the arrival.
    pub(crate) modseq: ModSeq,
    /// The email in the account.
    pub(crate) email: EmailId,
    /// Its thread.
    pub(crate) thread: ThreadId,
}

/// What is needed to file a message anew when the metadata is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// INTERNALDATE.
    pub(crate) internal_date: UnixTime,
    /// When it was filed, in seconds since 1970.
    pub(crate) saved: i64,
    /// When the email is said to have arrived, in seconds since 1970.
    pub(crate) received: i64,
    /// Who got it.
    pub(crate) filed: Vec<Filed>,
}

/// A note of an older program.
#[derive(Deserialize)]
struct OldNote {
    internal_date: UnixTime,
    filed: Vec<OldFiled>,
}

#[derive(Deserialize)]
struct OldFiled {
    account: AccountName,
    mailbox: MailboxName,
    flags: FlagSet,
}

impl Note {
    /// Its bytes, in as many pieces of at most [`NOTE_BYTES_MAX`] as it needs, each a note of its own:
    /// nearly always one, at least one.
    ///
    /// # Errors
    /// When a single recipient does not fit, which no name is long enough for.
    pub(crate) fn encode(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let failed = |error: postcard::Error| StoreError::Io(format!("filing note: {error}"));
        let bytes = postcard::to_allocvec(self).map_err(failed)?;
        if bytes.len() <= NOTE_BYTES_MAX {
            return Ok(vec![bytes]);
        }
        let (front, back) = self.filed.split_at(self.filed.len() / 2);
        if front.is_empty() {
            return Err(StoreError::Io("filing note: a recipient is too long".to_owned()));
        }
        let half = |filed: &[Filed]| Self { filed: filed.to_vec(), ..*self }.encode();
        Ok([half(front)?, half(back)?].concat())
    }

    /// Reads a note that is written as `form` says; `None` when it is damaged.
    pub(crate) fn decode(form: u8, bytes: &[u8]) -> Option<Self> {
        match form {
            NOTE_FORM => return postcard::from_bytes(bytes).ok(),
            NOTE_WITHOUT_IDS => {}
            _ => return None,
        }
        let OldNote { internal_date, filed } = postcard::from_bytes(bytes).ok()?;
        let unplaced =
            |OldFiled { account, mailbox, flags }| Filed { account, mailbox, flags, placed: None };
        let filed = filed.into_iter().map(unplaced).collect();
        let seconds = internal_date.seconds;
        Some(Self { internal_date, saved: seconds, received: seconds, filed })
    }
}

/// Reads the key and, if wanted, the body of a saved state; `None` when they are damaged.
pub(crate) fn read_state(
    file: &File,
    header: &Header,
    offset: u64,
    body: bool,
) -> Option<(SavedKey, Vec<u8>)> {
    let mut key = [0; SavedKey::BYTES];
    if header.note as usize != key.len() {
        return None;
    }
    let at = offset + HEADER_BYTES as u64;
    read_at(file, &mut key, at).ok()?;
    let whole = crc32fast::hash(&key) == header.note_crc;
    let key = SavedKey::decode(&key).filter(|_| whole)?;
    if !body {
        return Some((key, Vec::new()));
    }
    // A damaged length must not ask for more than there is.
    let room = file.metadata().ok()?.len().saturating_sub(offset);
    let length = usize::try_from(header.length).ok().filter(|_| header.length <= room)?;
    let mut bytes = vec![0; length];
    read_at(file, &mut bytes, at + u64::from(header.note)).ok()?;
    (crc32fast::hash(&bytes) == header.crc).then_some((key, bytes))
}

/// The path of a segment.
pub(crate) fn path(partition: &Path, segment: u64) -> PathBuf {
    partition.join(crate::env::SEGMENTS_DIR).join(format!("{segment:010}.seg"))
}

/// The number in a segment's file name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".seg")?.parse().ok()
}

/// `offset` rounded up to where a record may begin.
pub(crate) const fn aligned(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGN)
}

/// Reads exactly the bytes at `offset`; fewer is damage.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
    file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => corrupt("a segment is shorter than its rows say"),
        _ => io_fault(error),
    })
}

/// A clock that counts uses, and by segment when it was used last.
type Files = (u64, HashMap<u64, (u64, Arc<File>)>);

/// Segments open for reading, the least recently used closed first.
#[derive(Debug, Default)]
pub(crate) struct OpenSegments {
    files: Mutex<Files>,
}

impl OpenSegments {
    /// A segment open for reading; `None` when there is no such file.
    pub(crate) fn open(
        &self,
        partition: &Path,
        segment: u64,
    ) -> Result<Option<Arc<File>>, StoreError> {
        let mut guard = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let (clock, files) = &mut *guard;
        *clock += 1;
        if let Some((used, file)) = files.get_mut(&segment) {
            *used = *clock;
            return Ok(Some(Arc::clone(file)));
        }
        let file = match File::open(path(partition, segment)) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_fault(error)),
        };
        if files.len() >= OPEN_FILES {
            let oldest = files.iter().min_by_key(|(_, (used, _))| *used).map(|(number, _)| *number);
            oldest.and_then(|number| files.remove(&number));
        }
        files.insert(segment, (*clock, Arc::clone(&file)));
        Ok(Some(file))
    }

    /// Closes a segment whose file is gone.
    pub(crate) fn forget(&self, segment: u64) {
        let mut guard = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        guard.1.remove(&segment);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn headers_come_back_and_damage_is_seen(
            blob: u64, form: u8, note: u32, note_crc: u32, length: u64, crc: u32, at in 0..HEADER_BYTES, bit in 0..8,
        ) {
            for kind in [Kind::Message, Kind::Upload, Kind::Note, Kind::State] {
                let header = Header { kind, form, blob: BlobId(blob), note, note_crc, length, crc };
                let mut bytes = header.encode();
                prop_assert_eq!(Header::decode(&bytes), Some(header));
                bytes[at] ^= 1_u8 << bit;
                prop_assert_eq!(Header::decode(&bytes), None);
            }
        }
    }

    fn filed(n: u32) -> Filed {
        Filed {
            account: AccountName::new(&format!("{n}{}", "x".repeat(200))).unwrap(),
            mailbox: MailboxName::inbox(),
            flags: FlagSet::default(),
            placed: Some(Placed {
                account: AccountId(n),
                mailbox: MailboxId(n),
                uid: Uid(1),
                modseq: ModSeq(1 << 40),
                email: EmailId(3),
                thread: ThreadId(2),
            }),
        }
    }

    #[test]
    fn a_note_of_very_many_comes_in_pieces() {
        for count in [0, 1, 1000] {
            let filed: Vec<_> = (0..count).map(filed).collect();
            let note = Note { internal_date: UnixTime::utc(1), saved: 2, received: 3, filed };
            let pieces = note.encode().unwrap();
            assert_eq!(pieces.len() == 1, count < 2);
            assert!(pieces.iter().all(|piece| piece.len() <= NOTE_BYTES_MAX));
            let back: Vec<_> =
                pieces.iter().map(|piece| Note::decode(NOTE_FORM, piece).unwrap()).collect();
            let all: Vec<_> = back.iter().flat_map(|note| note.filed.clone()).collect();
            assert_eq!((all, back[0].saved, back[0].received), (note.filed, 2, 3));
        }
    }

    #[test]
    fn a_note_of_an_older_program_is_read() {
        #[derive(Serialize)]
        struct Older(UnixTime, Vec<(AccountName, MailboxName, FlagSet)>);
        let Filed { account, mailbox, flags, .. } = filed(7);
        let older = Older(UnixTime::utc(5), vec![(account, mailbox, flags)]);
        let note = Note::decode(NOTE_WITHOUT_IDS, &postcard::to_allocvec(&older).unwrap()).unwrap();
        assert_eq!(note.filed, [Filed { placed: None, ..filed(7) }]);
        assert_eq!((note.internal_date.seconds, note.received), (5, 5));
    }

    #[test]
    fn names_of_files_are_read_back() {
        let path = path(Path::new("p"), 7);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "0000000007.seg");
        assert_eq!(number_of(name), Some(7));
        assert_eq!(number_of("x.seg"), None);
    }
}
