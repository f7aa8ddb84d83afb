//! Frames between `stored` and its workers, over a Unix stream socket.
//!
//! A frame is a length (`u32`, little endian, of what follows), a kind byte and a postcard body.
//! The kind is the number of the variant in [`ToStored`] or [`FromStored`], so variants are only
//! ever added at the end. The first frame in each direction is `Hello`; its layout never changes.

use crate::MutationId;
use crate::engine::RepairPlan;
pub use crate::structure::Harm;
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;
use std::io;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt};
use waypost_store::{LastAccess, Mutation, Outcome, StoreError, UploadId};
use waypost_types::{AccountId, AccountName, MailboxId, ModSeq};

/// The version of this protocol; both ends must speak the same one. 2 added notes of
/// log-ins, 3 limits to mutations, 4 compaction, 5 repair, 6 what a worker listens to, 7 undeletion.
pub const PROTOCOL_VERSION: u16 = 9;
/// The largest frame in bytes: an inline message ([`waypost_store::limits::INLINE_BYTES`]) with its
/// parsed form and 1,000 recipients, or the UID set of a very fragmented mailbox.
pub const MAX_FRAME_BYTES: usize = 8 << 20;
/// The most bytes of one upload that are under way and not yet written: the credit of an upload.
pub const UPLOAD_WINDOW_BYTES: usize = 1 << 20;
/// The largest piece of an upload in one frame, in bytes.
pub const UPLOAD_CHUNK_BYTES: usize = 128 << 10;
/// Uploads of one connection at the same time.
pub const CONNECTION_UPLOADS: usize = 16;
/// Outcomes asked for in one frame.
pub const QUERY_IDS: usize = 4_096;
/// Mailboxes named in one answer to a hold query; a worker that shows more holds everything.
pub const HOLD_MAILBOXES: usize = 131_072;
/// Accounts named in one wake-up; more are told as [`FromStored::Dirty`].
pub const WAKE_ACCOUNTS: usize = 16_384;
/// Segments named in one [`FromStored::Removed`].
pub const REMOVED_SEGMENTS: usize = 1_024;
/// Accounts in one frame of [`ToStored::Listen`] or [`ToStored::Unlisten`].
pub const FRAME_LISTENS: usize = 4_096;
/// Accounts of one worker that `stored` keeps apart; a worker with more is told of every change.
pub const LISTENED_ACCOUNTS: usize = 131_072;
/// Accounts in one frame of notes.
pub const FRAME_NOTES: usize = 1_024;
/// Lines of the report of a repair in one frame; more are left out.
pub const REPAIR_LINES: usize = 10_000;
/// The longest name of a process role in bytes.
pub const ROLE_BYTES: usize = 32;

/// Bytes of the length before every frame.
const LENGTH_BYTES: usize = 4;

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the sender.
    pub version: u16,
    /// The kind of process, such as `imapd`; at most [`ROLE_BYTES`].
    pub role: String,
    /// Its process number.
    pub pid: u32,
    /// The random number of this client; a new connection with the same one replaces the old.
    pub client: u64,
    /// Whether it wants wake-ups.
    pub wakes: bool,
    /// From the server: how many outcomes the store has ever kept. From a client: 0.
    pub outcomes: u64,
}

/// What sessions of a worker show of one mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which mailbox.
    pub mailbox: MailboxId,
    /// The oldest state shown: nothing expunged after this may be purged.
    pub modseq: ModSeq,
}

/// What a worker's sessions show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holds {
    /// These mailboxes, at most [`HOLD_MAILBOXES`].
    Mailboxes(Vec<Hold>),
    /// Too many to name.
    Everything,
}

/// Where damage was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspect {
    /// The account, where the one who met it knew.
    pub account: Option<AccountId>,
    /// The mailbox.
    pub mailbox: Option<MailboxId>,
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.account, self.mailbox) {
            (Some(account), Some(mailbox)) => write!(f, "mailbox {mailbox} of account {account}"),
            (Some(account), None) => write!(f, "account {account}"),
            (None, Some(mailbox)) => write!(f, "mailbox {mailbox}"),
            (None, None) => f.write_str("the store"),
        }
    }
}

/// From a client to `stored`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ToStored {
    /// The first frame.
    Hello(Hello),
    /// Apply this once.
    Mutate {
        /// Its id, never used for another mutation.
        id: MutationId,
        /// What to do.
        mutation: Mutation,
    },
    /// Which of these were applied? At most [`QUERY_IDS`].
    OutcomeQuery {
        /// The ids asked for.
        ids: Vec<MutationId>,
    },
    /// A streamed message begins; `stored` answers with credit.
    UploadBegin {
        /// The client's number for it, unique on this connection.
        upload: u32,
    },
    /// A piece, within the credit.
    UploadChunk {
        /// Which upload.
        upload: u32,
        /// At most [`UPLOAD_CHUNK_BYTES`].
        bytes: Bytes,
    },
    /// The message is complete; answered by `UploadDone` when it is durable.
    UploadEnd {
        /// Which upload.
        upload: u32,
    },
    /// Forget it.
    UploadAbort {
        /// Which upload.
        upload: u32,
    },
    /// The answer to `HoldQuery`.
    HoldAnswer {
        /// The number of the query.
        round: u64,
        /// What is shown.
        holds: Holds,
    },
    /// Copy the store, consistently, while it runs.
    Backup {
        /// The client's number for this request.
        request: u32,
        /// An absolute path; absent or empty.
        directory: PathBuf,
    },
    /// How is it going?
    Status {
        /// The client's number for this request.
        request: u32,
    },
    /// When accounts were last logged in to and out of. Not answered.
    NoteAccess {
        /// The newest times of each account, at most [`FRAME_NOTES`].
        notes: Vec<(AccountName, LastAccess)>,
    },
    /// Commit the notes that wait now, so that snapshots show them.
    WriteNotes {
        /// The client's number for this request.
        request: u32,
    },
    /// Compact now, at full speed, every segment that is worth it.
    Compact {
        /// The client's number for this request.
        request: u32,
        /// The least share of dead bytes, in percent.
        percent: u8,
    },
    /// Repair what a check found.
    Repair {
        /// The client's number for this request.
        request: u32,
        /// What.
        plan: RepairPlan,
    },
    /// Damage was met. Not answered.
    Suspect {
        /// Where.
        suspect: Suspect,
    },
    /// Sessions watch these accounts and have seen them at these modification sequences: wake-ups are
    /// wanted, at once where an account is further already.
    Listen {
        /// At most [`FRAME_LISTENS`].
        accounts: Vec<(AccountId, ModSeq)>,
    },
    /// No session watches these accounts any more.
    Unlisten {
        /// At most [`FRAME_LISTENS`].
        accounts: Vec<AccountId>,
    },
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactReport {
    /// Bytes of messages that were copied.
    pub copied_bytes: u64,
    /// Segments that were removed.
    pub segments: u64,
    /// Bytes of the removed segments.
    pub removed_bytes: u64,
}

/// From `stored` to a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum FromStored {
    /// The first frame.
    Hello(Hello),
    /// The connection is refused and ends.
    Refused {
        /// Why, for the log.
        reason: String,
    },
    /// A mutation's result; it is on stable storage.
    Outcome {
        /// Which mutation.
        id: MutationId,
        /// How many outcomes the store has ever kept, those of this batch included.
        outcomes: u64,
        /// Its result.
        result: Result<Outcome, StoreError>,
    },
    /// The answer to `OutcomeQuery`, one frame for each id.
    OutcomeKnown {
        /// Which mutation.
        id: MutationId,
        /// How many outcomes the store has ever kept.
        outcomes: u64,
        /// Its result; `None`: it was not applied, or so long ago that it is forgotten.
        result: Option<Result<Outcome, StoreError>>,
    },
    /// These accounts changed, up to these modification sequences.
    Wake {
        /// How many outcomes the store has ever kept.
        outcomes: u64,
        /// At most [`WAKE_ACCOUNTS`].
        accounts: Vec<(AccountId, ModSeq)>,
    },
    /// Any account may have changed: the client read too slowly for single wake-ups.
    Dirty {
        /// How many outcomes the store has ever kept.
        outcomes: u64,
    },
    /// The upload may send so many bytes more.
    Credit {
        /// Which upload.
        upload: u32,
        /// How many.
        bytes: u32,
    },
    /// The upload ended: durable, or failed.
    UploadDone {
        /// Which upload.
        upload: u32,
        /// Its number for the mutation that files it, and its size in bytes.
        result: Result<(UploadId, u64), StoreError>,
    },
    /// What do your sessions show?
    HoldQuery {
        /// The number of this query.
        round: u64,
    },
    /// The backup ended.
    BackupDone {
        /// The client's number of the request.
        request: u32,
        /// How.
        result: Result<(), StoreError>,
    },
    /// The answer to `Status`.
    StatusReport {
        /// The client's number of the request.
        request: u32,
        /// The figures.
        report: StatusReport,
    },
    /// The answer to `WriteNotes`.
    NotesWritten {
        /// The client's number of the request.
        request: u32,
    },
    /// The answer to `Compact`.
    Compacted {
        /// The client's number of the request.
        request: u32,
        /// What was done.
        result: Result<CompactReport, StoreError>,
    },
    /// These segments are removed: a file of theirs that is open only takes space.
    Removed {
        /// At most [`REMOVED_SEGMENTS`].
        segments: Vec<u64>,
    },
    /// The answer to `Repair`.
    Repaired {
        /// The client's number of the request.
        request: u32,
        /// What was done, at most [`REPAIR_LINES`].
        result: Result<Vec<String>, StoreError>,
    },
    /// Pages of the metadata are damaged: what lies on them must not be read any more.
    Harmed {
        /// What.
        harm: Harm,
    },
}

/// Figures of a running `stored` since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Its process number.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// Connections now.
    pub connections: u32,
    /// Group commits.
    pub batches: u64,
    /// Mutations answered.
    pub mutations: u64,
    /// Mutations of the largest batch.
    pub largest_batch: u32,
    /// Mutations that wait now.
    pub waiting: u32,
    /// Uploads under way now.
    pub uploads: u32,
    /// The most bytes of one upload that ever waited to be written.
    pub upload_peak_bytes: u64,
    /// Times a slow client was told that everything may have changed.
    pub overflows: u64,
    /// Steps of the purge that removed something.
    pub purge_steps: u64,
    /// Notes of log-ins and log-outs that were dropped; those of one account may count as one.
    pub notes_dropped: u64,
    /// Segments when the compaction looked last.
    pub segments: u64,
    /// Bytes of all segments then.
    pub segment_bytes: u64,
    /// Bytes of them that compaction would give back.
    pub dead_bytes: u64,
    /// Bytes of messages that the compaction has copied.
    pub compacted_bytes: u64,
    /// Bytes of the segments that it has removed.
    pub removed_bytes: u64,
    /// Segments that it has removed.
    pub removed_segments: u64,
    /// Whether it is at work on a segment.
    pub compacting: bool,
    /// Accounts and mailboxes whose damage was met in ordinary work.
    pub suspects: u64,
    /// Faults that checks of these found.
    pub faults_found: u64,
    /// Repairs of single things.
    pub repaired: u64,
    /// Repairs under way or waiting, each of all that one check, scrub or tool found.
    pub repairs_waiting: u64,
    /// Repairs that came to their end.
    pub repairs_done: u64,
    /// Repairs that ended before it.
    pub repairs_failed: u64,
    /// Bytes of messages that the scrub has read.
    pub scrubbed_bytes: u64,
    /// Times that the scrub has read every message.
    pub scrub_rounds: u64,
    /// Messages that the scrub has read; those shared by several users count once.
    pub scrub_messages: u64,
    /// When it had read every message last, in seconds since 1970; 0 for never.
    pub scrub_finished: u64,
    /// Messages that the scrub found damaged.
    pub scrub_faults: u64,
    /// Whether pages of the metadata are damaged, so that nothing is written and not all is read.
    pub harmed: bool,
    /// Whether mail was refused because the disk is full, and none was taken since.
    pub full: bool,
    /// Bytes of states that were saved in segments in the background.
    pub saved_bytes: u64,
    /// Accounts that changed since their state was saved, as far as they are remembered.
    pub unsaved_accounts: u64,
    /// Times that states could not be saved.
    pub save_failures: u64,
}

/// Encodes a frame; an error when it would exceed [`MAX_FRAME_BYTES`].
pub fn encode<T: Serialize>(frame: &T) -> io::Result<Vec<u8>> {
    encode_about(frame, 0)
}

/// The same with room for about so many bytes from the start: a message is not moved as it grows.
pub(crate) fn encode_about<T: Serialize>(frame: &T, size: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(LENGTH_BYTES + size);
    start.resize(LENGTH_BYTES, 0);
    let mut bytes = postcard::to_extend(frame, start).map_err(invalid)?;
    let length = bytes.len() - LENGTH_BYTES;
    if length > MAX_FRAME_BYTES {
        return Err(invalid("the frame is too large"));
    }
    let length = u32::try_from(length).map_err(invalid)?;
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// Reads frames one after the other.
#[derive(Debug)]
pub struct FrameReader<R> {
    source: R,
    body: Vec<u8>,
}

/// A body buffer above this size in bytes is given back after its frame.
const KEPT_BODY_BYTES: usize = 64 << 10;

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader of the frames in `source`, which should be buffered.
    pub const fn new(source: R) -> Self {
        Self { source, body: Vec::new() }
    }

    /// The next frame and its size in bytes; `None` at a clean end. Not cancel safe.
    pub async fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<(T, usize)>> {
        let Some(length) = self.length().await? else { return Ok(None) };
        self.body.clear();
        self.body.shrink_to(KEPT_BODY_BYTES);
        self.body.resize(length, 0);
        self.source.read_exact(&mut self.body).await?;
        postcard::from_bytes(&self.body).map(|frame| Some((frame, length))).map_err(invalid)
    }

    async fn length(&mut self) -> io::Result<Option<usize>> {
        let mut length = [0; LENGTH_BYTES];
        if self.source.read(&mut length[..1]).await? == 0 {
            return Ok(None);
        }
        self.source.read_exact(&mut length[1..]).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(invalid)?;
        if length > MAX_FRAME_BYTES {
            return Err(invalid("the frame is too large"));
        }
        Ok(Some(length))
    }
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<Option<(T, usize)>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(FrameReader::new(bytes).next())
    }

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let ids = vec![MutationId(u128::MAX), MutationId(7)];
        let bytes = encode(&ToStored::OutcomeQuery { ids: ids.clone() }).expect("encodes");
        let (frame, length) = next::<ToStored>(&bytes).expect("reads").expect("is there");
        assert_eq!(length + LENGTH_BYTES, bytes.len());
        assert!(matches!(frame, ToStored::OutcomeQuery { ids: back } if back == ids));
    }

    #[test]
    fn an_end_between_frames_is_clean_and_one_inside_is_not() {
        let bytes = encode(&FromStored::Dirty { outcomes: 300 }).expect("encodes");
        assert!(next::<FromStored>(&[]).expect("clean").is_none());
        for cut in 1..bytes.len() {
            assert!(next::<FromStored>(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn an_announced_length_is_not_believed() {
        assert!(next::<FromStored>(&[0xff; 64]).is_err());
        assert!(next::<FromStored>(&[2, 0, 0, 0, 99, 0]).is_err());
        assert!(encode(&Bytes::from(vec![0u8; MAX_FRAME_BYTES + 1])).is_err());
    }
}
