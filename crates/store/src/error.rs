//! What can go wrong in a store, one kind per reply a client may get.

use serde::{Deserialize, Serialize};
use std::fmt;
use waypost_types::OverQuota;

/// Which limit of [`crate::limits`] was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitName {
    /// Keywords of one mailbox.
    Keywords,
    /// Mailboxes of one account.
    Mailboxes,
    /// Messages of one COPY or MOVE.
    CopyMessages,
    /// Recipients of one delivery.
    Recipients,
    /// Size of one message.
    MessageBytes,
    /// UIDs of one mailbox are used up.
    Uids,
    /// Subscriptions of one account.
    Subscriptions,
}

impl LimitName {
    /// The limit in words a client may see.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Keywords => "too many keywords in this mailbox",
            Self::Mailboxes => "too many mailboxes",
            Self::CopyMessages => "too many messages at once; copy fewer",
            Self::Recipients => "too many recipients at once",
            Self::MessageBytes => "the message is too large",
            Self::Uids => "the mailbox has used all its UIDs; make a new one",
            Self::Subscriptions => "too many subscriptions",
        }
    }
}

/// Why a read or a mutation failed. The details in a variant are for the log, never for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreError {
    /// The account does not exist.
    NoSuchAccount,
    /// The mailbox does not exist (any more).
    NoSuchMailbox,
    /// The target name is taken.
    MailboxExists,
    /// The operation is not possible on this mailbox, such as deleting the inbox.
    NotPermitted(String),
    /// A name made by the operation (a renamed child, say) would be invalid.
    BadName,
    /// A named limit was reached; nothing was changed.
    Limit(LimitName),
    /// No space left on the disk or in the map; reads go on.
    NoSpace,
    /// The writer cannot be reached, or did not answer in time. The mutation may or may not have
    /// been applied unless the text says otherwise.
    Unavailable(String),
    /// Stored data failed its checksum or cannot be decoded.
    Corrupt(String),
    /// An operating system error.
    Io(String),
    /// The account may not hold what would be added; nothing was changed.
    OverQuota(OverQuota),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAccount => f.write_str("no such account"),
            Self::NoSuchMailbox => f.write_str("no such mailbox"),
            Self::MailboxExists => f.write_str("mailbox already exists"),
            Self::NotPermitted(what) => write!(f, "not permitted: {what}"),
            Self::BadName => f.write_str("a resulting mailbox name is invalid"),
            Self::Limit(limit) => f.write_str(limit.text()),
            Self::NoSpace => f.write_str("no space left for the store"),
            Self::Unavailable(why) => write!(f, "store unavailable: {why}"),
            Self::Corrupt(what) => write!(f, "damaged: {what}"),
            Self::OverQuota(over) => write!(f, "over quota: {over}"),
            Self::Io(what) => write!(f, "input/output error: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}
