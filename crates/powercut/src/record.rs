//! A recording: what a process did to files, in order, with marks of the test between.
//!
//! A record is written by one `writev` to a file opened for appending, so the records of all threads,
//! and the test's own marks, have one order. A change is recorded after its call has returned; a sync
//! when it begins and when it has ended. What a sync covers is thus never overstated.

use std::io;

/// The variable that names the file of the recording; without it nothing is recorded.
pub const LOG_VARIABLE: &str = "WAYPOST_FAULTS_LOG";
/// The variable that names the folder whose files are watched, without a link in its path.
pub const ROOT_VARIABLE: &str = "WAYPOST_FAULTS_ROOT";
/// The variable that names the file of the [`crate::control`] page.
pub const CONTROL_VARIABLE: &str = "WAYPOST_FAULTS_CONTROL";

/// Bytes in front of a record's data.
pub const FRONT_BYTES: usize = 40;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Kind {
    /// The data is the path of a new file, `inode` its number.
    Create = 1,
    /// The data is the path of a new folder.
    MakeFolder = 2,
    /// The data is the path of a file that was removed.
    Remove = 3,
    /// The data is the path of a folder that was removed.
    RemoveFolder = 4,
    /// The data are two paths with a zero byte between them.
    Rename = 5,
    /// The data was written at `number`.
    Write = 6,
    /// The same on a descriptor whose writes are syncs; [`Kind::Settled`] follows when it is done.
    SyncedWrite = 7,
    /// The [`Kind::SyncedWrite`] to `inode` at `number` is on stable storage.
    Settled = 8,
    /// The file got the size `number`.
    Resize = 9,
    /// A sync of `inode` began; the data is its path, `number` names the sync.
    SyncBegin = 10,
    /// The sync `number` returned success.
    SyncEnd = 11,
    /// The sync `number` returned an error: what it covered may be lost for ever.
    SyncFailed = 12,
    /// The test's own mark.
    Mark = 13,
    /// The data says which call was made that the recording does not understand.
    Alien = 14,
}

const KINDS: [Kind; 14] = [
    Kind::Create,
    Kind::MakeFolder,
    Kind::Remove,
    Kind::RemoveFolder,
    Kind::Rename,
    Kind::Write,
    Kind::SyncedWrite,
    Kind::Settled,
    Kind::Resize,
    Kind::SyncBegin,
    Kind::SyncEnd,
    Kind::SyncFailed,
    Kind::Mark,
    Kind::Alien,
];

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is about.
    pub kind: Kind,
    /// The file system's number of the file; 0 where there is none.
    pub inode: u64,
    /// An offset, a size or the number of a sync.
    pub number: u64,
    /// Bytes, a path or a text.
    pub data: &'a [u8],
}

/// The bytes in front of a record's data.
pub fn front(kind: Kind, inode: u64, number: u64, length: usize) -> [u8; FRONT_BYTES] {
    let mut out = [0; FRONT_BYTES];
    let words = [MAGIC, kind as u64, inode, number, length as u64];
    for (place, word) in out.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    out
}

const MAGIC: u64 = 0x5041_5752_4354_3031;

/// Reads a recording.
///
/// # Errors
/// When the bytes are no recording.
pub fn read(log: &[u8]) -> io::Result<Vec<Record<'_>>> {
    let mut records = Vec::new();
    let mut rest = log;
    while !rest.is_empty() {
        let (record, after) = split(rest).ok_or_else(|| {
            let at = log.len() - rest.len();
            io::Error::new(io::ErrorKind::InvalidData, format!("no record at byte {at}"))
        })?;
        records.push(record);
        rest = after;
    }
    Ok(records)
}

fn split(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (front, rest) = bytes.split_at_checked(FRONT_BYTES)?;
    let mut words = [0; 5];
    for (word, place) in words.iter_mut().zip(front.chunks_exact(8)) {
        *word = u64::from_le_bytes(place.try_into().ok()?);
    }
    let [magic, kind, inode, number, length] = words;
    let kind = KINDS.into_iter().find(|known| *known as u64 == kind)?;
    let (data, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    (magic == MAGIC).then_some((Record { kind, inode, number, data }, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn records_come_back_and_a_torn_recording_is_refused() {
        let mut log = Vec::new();
        for (kind, data) in KINDS.into_iter().zip(["", "a", "bc"].into_iter().cycle()) {
            log.extend(front(kind, 7, 9, data.len()));
            log.extend(data.as_bytes());
        }
        let records = read(&log).unwrap();
        assert_eq!(records.len(), KINDS.len());
        assert_eq!(records[1], Record { kind: Kind::MakeFolder, inode: 7, number: 9, data: b"a" });
        log.pop();
        assert!(read(&log).is_err());
        log[0] ^= 1;
        assert!(read(&log).is_err());
    }
}
