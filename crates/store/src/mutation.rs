//! A write is a value.

use crate::StoreError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use waypost_mime::Parsed;
use waypost_types::{
    AccountId, AccountName, EmailId, FlagSet, MailboxId, MailboxName, ModSeq, QuotaLimits,
    SpecialUse, Uid, UidSet, UidValidity, UnixTime,
};

/// A streamed message that waits, durable, for the mutation that files it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UploadId(pub u64);

/// The bytes of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// At most [`crate::limits::INLINE_BYTES`].
    Inline(Bytes),
    /// Streamed before; already durable.
    Uploaded {
        /// Which upload.
        upload: UploadId,
        /// Its size in bytes.
        size: u64,
    },
}

/// A message with what was learned from it at arrival. Made by [`crate::Upload::finish`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payload {
    /// Its bytes.
    pub content: Content,
    /// Its parsed form and the facts that threading needs.
    pub parsed: Box<Parsed>,
}

impl Payload {
    /// The message's size in bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Inline(bytes) => bytes.len() as u64,
            Content::Uploaded { size, .. } => *size,
        }
    }
}

/// One recipient of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Whose mail it is; the account is made when it is new.
    pub account: AccountName,
    /// The folder of a sub-address; the inbox when it is absent or does not exist.
    pub folder: Option<MailboxName>,
    /// Flags the copy arrives with; empty for ordinary delivery.
    pub flags: FlagSet,
    /// What the account may hold; only this recipient's copy is refused when it does not fit.
    pub limits: QuotaLimits,
}

/// A delivery: one message, many recipients, one stored copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deliver {
    /// The message, trace lines included.
    pub payload: Payload,
    /// Who gets it, at most [`crate::limits::RECIPIENTS`].
    pub recipients: Vec<Recipient>,
    /// INTERNALDATE of every copy.
    pub internal_date: UnixTime,
}

/// An append (IMAP APPEND, import).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Append {
    /// Whose mailbox.
    pub account: AccountId,
    /// Which mailbox.
    pub mailbox: MailboxId,
    /// The message.
    pub payload: Payload,
    /// Its flags.
    pub flags: FlagSet,
    /// INTERNALDATE.
    pub internal_date: UnixTime,
    /// What the account may hold.
    pub limits: QuotaLimits,
}

/// What STORE does with the given flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlagAction {
    /// Adds them.
    Add,
    /// Removes them.
    Remove,
    /// Replaces all flags by them.
    Replace,
}

/// Everything that changes a store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Mutation {
    /// Makes the account with INBOX and the special-use mailboxes (subscribed) unless it exists.
    /// Answer: [`Outcome::Account`].
    EnsureAccount(AccountName),
    /// Delivers. Answer: [`Outcome::Delivered`] with one result per recipient, in order.
    Deliver(Deliver),
    /// Appends one message. Answer: [`Outcome::Appended`].
    Append(Append),
    /// Changes flags. Answer: [`Outcome::Flags`].
    SetFlags {
        /// Whose mailbox.
        account: AccountId,
        /// Which mailbox.
        mailbox: MailboxId,
        /// Which messages; UIDs that are not live are left out silently.
        uids: UidSet,
        /// What to do with the flags.
        action: FlagAction,
        /// The flags.
        flags: FlagSet,
        /// Messages changed after this are left alone and reported (RFC 7162 section 3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// Expunges, first stage: the messages leave the mailbox; rows and bytes are purged later.
    /// Answer: [`Outcome::Expunged`].
    Expunge {
        /// Whose mailbox.
        account: AccountId,
        /// Which mailbox.
        mailbox: MailboxId,
        /// Which messages; `None` means all.
        uids: Option<UidSet>,
        /// Only those with `\Deleted` (IMAP); POP3 removes what it was told to.
        only_deleted: bool,
    },
    /// Copies messages, atomically, flags and INTERNALDATE kept. Answer: [`Outcome::Copied`].
    Copy {
        /// Whose mailboxes.
        account: AccountId,
        /// From where.
        from: MailboxId,
        /// Which messages; UIDs that are not live are left out silently.
        uids: UidSet,
        /// To where.
        to: MailboxId,
        /// What the account may hold.
        limits: QuotaLimits,
    },
    /// Moves messages, atomically (RFC 6851). The account holds no more afterwards, so no limit can forbid it. Answer: [`Outcome::Copied`].
    Move {
        /// Whose mailboxes.
        account: AccountId,
        /// From where.
        from: MailboxId,
        /// Which messages; UIDs that are not live are left out silently.
        uids: UidSet,
        /// To where.
        to: MailboxId,
    },
    /// Makes a mailbox and its missing parents. Answer: [`Outcome::Mailbox`].
    CreateMailbox {
        /// Whose.
        account: AccountId,
        /// Its name.
        name: MailboxName,
        /// Its special use.
        special_use: Option<SpecialUse>,
    },
    /// Renames a mailbox with its children. Renaming INBOX moves its messages to a new mailbox and
    /// leaves INBOX empty, children untouched (RFC 3501 section 6.3.5). Missing parents of the new
    /// name are made. Answer: [`Outcome::Mailbox`].
    RenameMailbox {
        /// Whose.
        account: AccountId,
        /// Which.
        mailbox: MailboxId,
        /// The new name.
        to: MailboxName,
    },
    /// Deletes a mailbox; children stay. INBOX cannot be deleted. Answer: [`Outcome::Done`].
    DeleteMailbox {
        /// Whose.
        account: AccountId,
        /// Which.
        mailbox: MailboxId,
    },
    /// Subscribes to or unsubscribes from a name, whether or not a mailbox has it (RFC 3501 section
    /// 6.3.6). Answer: [`Outcome::Done`].
    Subscribe {
        /// Whose.
        account: AccountId,
        /// The name.
        name: MailboxName,
        /// Subscribe or unsubscribe.
        on: bool,
    },
    /// Says that a session has shown messages below `before` as `\Recent`. Not durable by itself,
    /// changes no modification sequence. Answer: [`Outcome::Done`].
    TakeRecent {
        /// Whose mailbox.
        account: AccountId,
        /// Which mailbox.
        mailbox: MailboxId,
        /// UIDs below this are recent no more.
        before: Uid,
    },
    /// Brings expunged messages back that are not purged yet, as new messages: a UID that has left
    /// never comes back. Their flags are not known any more. What is purged, or in the mailbox as
    /// another copy, is left out silently. Answer: [`Outcome::Copied`].
    Undelete {
        /// Whose mailbox.
        account: AccountId,
        /// Which mailbox.
        mailbox: MailboxId,
        /// The UIDs that they had.
        uids: UidSet,
    },
    /// Brings a deleted mailbox back that is not purged yet, with its UIDs and its UIDVALIDITY: they
    /// still mean the same messages. Missing parents of its name are made. Answer:
    /// [`Outcome::Mailbox`].
    UndeleteMailbox {
        /// Whose.
        account: AccountId,
        /// Which.
        mailbox: MailboxId,
        /// When it was deleted, in seconds since 1970.
        deleted: i64,
        /// The name it gets; its old one if that is free.
        name: MailboxName,
    },
}

/// What a recipient got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The account.
    pub account: AccountId,
    /// The mailbox it was filed into.
    pub mailbox: MailboxId,
    /// That mailbox's name.
    pub name: MailboxName,
    /// Its UID there.
    pub uid: Uid,
    /// Its email.
    pub email: EmailId,
}

/// The result of a COPY or MOVE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// UIDVALIDITY of the target.
    pub uid_validity: UidValidity,
    /// The messages copied, ascending.
    pub source: UidSet,
    /// Their UIDs in the target, in the same order: ascending.
    pub target: UidSet,
    /// The account's modification sequence after it.
    pub modseq: ModSeq,
}

/// The answer to a mutation. A session that opens a snapshot after it is at or past it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// To [`Mutation::EnsureAccount`].
    Account(AccountId),
    /// To [`Mutation::Deliver`].
    Delivered(Vec<Result<Delivered, StoreError>>),
    /// To [`Mutation::Append`].
    Appended {
        /// UIDVALIDITY of the mailbox.
        uid_validity: UidValidity,
        /// The message's UID.
        uid: Uid,
        /// The account's modification sequence after it.
        modseq: ModSeq,
    },
    /// To [`Mutation::SetFlags`].
    Flags {
        /// Messages whose flags changed.
        changed: UidSet,
        /// Messages left alone because of `unchanged_since`.
        modified: UidSet,
        /// The modification sequence of the change, or the account's when nothing changed.
        modseq: ModSeq,
    },
    /// To [`Mutation::Expunge`].
    Expunged {
        /// Messages that left.
        uids: UidSet,
        /// The modification sequence of the change, or the account's when nothing changed.
        modseq: ModSeq,
    },
    /// To [`Mutation::Copy`] and [`Mutation::Move`].
    Copied(Copied),
    /// To [`Mutation::CreateMailbox`] and [`Mutation::RenameMailbox`].
    Mailbox(MailboxId),
    /// To the others.
    Done,
}
