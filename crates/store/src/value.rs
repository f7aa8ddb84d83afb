//! Records as readers see them.

use serde::{Deserialize, Serialize};
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, MailboxId, MailboxName, ModSeq, SpecialUse, ThreadId,
    Uid, UidSet, UidValidity, UnixTime, Usage,
};

/// Named limits of every store.
pub mod limits {
    /// Keywords of one mailbox.
    pub const KEYWORDS: usize = 4_000;
    /// Mailboxes of one account.
    pub const MAILBOXES: usize = 50_000;
    /// Messages of one COPY or MOVE: it is atomic, and what its last step does grows with them.
    pub const COPY_MESSAGES: u32 = 100_000;
    /// Rows that a large mutation changes before others get their turn: a few milliseconds.
    pub const STEP_ROWS: usize = 1_000;
    /// Recipients of one delivery.
    pub const RECIPIENTS: usize = 1_000;
    /// The largest message in bytes; services may set less.
    pub const MESSAGE_BYTES: u64 = 1 << 31;
    /// Messages up to this size travel in the mutation; larger ones stream to the writer.
    pub const INLINE_BYTES: usize = 1 << 20;
    /// Records of one account's change log; the oldest are dropped.
    pub const CHANGE_LOG_RECORDS: u64 = 100_000;
    /// Accounts of one page of [`crate::Snapshot::last_accesses`]: some 100 KiB.
    pub const ACCESS_PAGE: usize = 1_000;
    /// Subscriptions of one account.
    pub const SUBSCRIPTIONS: usize = 50_000;
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its store id.
    pub name: AccountName,
    /// The highest modification sequence of the account.
    pub modseq: ModSeq,
    /// What it holds: the sum of its mailboxes' counters, kept by every mutation.
    pub usage: Usage,
}

/// Exact counters, kept by every mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Live messages.
    pub messages: u32,
    /// Live messages without `\Seen`.
    pub unseen: u32,
    /// Live messages with `\Deleted`.
    pub deleted: u32,
    /// Sum of the sizes of live messages.
    pub bytes: u64,
}

impl Counters {
    /// What counts against a quota.
    pub fn usage(&self) -> Usage {
        Usage { bytes: self.bytes, messages: self.messages.into() }
    }
}

/// A mailbox; STATUS needs nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Its permanent number (MAILBOXID).
    pub id: MailboxId,
    /// Its account.
    pub account: AccountId,
    /// Its name.
    pub name: MailboxName,
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The UID the next message gets.
    pub uid_next: Uid,
    /// The modification sequence of its last change (HIGHESTMODSEQ), at least 1.
    pub modseq: ModSeq,
    /// Messages from this UID on have not been shown as `\Recent` to any session.
    pub recent_from: Uid,
    /// Special use, if any.
    pub special_use: Option<SpecialUse>,
    /// Exact counters.
    pub counters: Counters,
}

/// What is written once for each copy of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// The email this is a copy of.
    pub email: EmailId,
    /// INTERNALDATE.
    pub internal_date: UnixTime,
    /// When this copy was made, seconds since the epoch (SAVEDATE, RFC 8514).
    pub saved: i64,
    /// RFC822.SIZE.
    pub size: u64,
    /// The sent date (RFC 5256 section 2.2): the Date header, or INTERNALDATE when that is missing or
    /// senseless. `None` in rows that were written before it stood there: the form tells.
    pub sent: Option<UnixTime>,
}

/// What is written once for each email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailRow {
    /// Where the bytes are.
    pub blob: BlobId,
    /// Its thread.
    pub thread: ThreadId,
    /// Size in bytes.
    pub size: u64,
    /// When it was received, seconds since the epoch.
    pub received: i64,
    /// Its Date header, seconds since the epoch.
    pub sent: Option<i64>,
}

/// One record of an account's change log.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The modification sequence of the mutation; several records may share one.
    pub modseq: ModSeq,
    /// The mailbox it happened to.
    pub mailbox: MailboxId,
    /// What happened.
    pub kind: ChangeKind,
}

/// What happened to a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// Messages arrived.
    Arrived(UidSet),
    /// Flags or keywords of messages changed.
    Flags(UidSet),
    /// Messages were expunged.
    Expunged(UidSet),
    /// The mailbox was made.
    Created,
    /// The mailbox was renamed.
    Renamed,
    /// The mailbox was deleted.
    Deleted,
    /// A subscription changed.
    Subscribed,
}

/// The change log of an account from a modification sequence on.
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// Every change after the asked modification sequence, oldest first.
    Complete(Vec<Change>),
    /// The log no longer reaches back that far.
    TooOld,
}
