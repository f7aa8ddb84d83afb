//! Saved states: what is written into the segments beside the messages, so that metadata that are lost
//! can be made anew (`reconstruct`). The keys stand in front of the records and in a table; the values
//! of the table say where the newest record of a key lies.

use super::{Take, VERSION};
use serde::{Deserialize, Serialize};
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, FlagSet, Keyword, MailboxId, MailboxName, ModSeq,
    SpecialUse, ThreadId, Uid, UidValidity, UnixTime,
};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SavedKey {
    /// An account: its mailboxes and subscriptions.
    Account(AccountId),
    /// Changes of an account since its state was saved, by the number of the record.
    Changes(AccountId, u64),
    /// A mailbox.
    Mailbox(AccountId, MailboxId),
    /// A state page of a mailbox and the rows of its messages.
    Page(AccountId, MailboxId, u32),
    /// Where the records of a segment end that a crash has left.
    End(u64),
}

const ACCOUNT: u8 = 1;
const CHANGES: u8 = 2;
const MAILBOX: u8 = 3;
const PAGE: u8 = 4;
const END: u8 = 5;

impl SavedKey {
    /// Bytes of a key.
    pub(crate) const BYTES: usize = 17;

    /// `(account, mailbox, class, number)`.
    pub(crate) fn encode(self) -> [u8; Self::BYTES] {
        let (account, mailbox, class, number) = match self {
            Self::Account(account) => (account.0, 0, ACCOUNT, 0),
            Self::Changes(account, number) => (account.0, 0, CHANGES, number),
            Self::Mailbox(account, mailbox) => (account.0, mailbox.0, MAILBOX, 0),
            Self::Page(account, mailbox, page) => (account.0, mailbox.0, PAGE, u64::from(page)),
            Self::End(segment) => (0, 0, END, segment),
        };
        let mut key = [0; Self::BYTES];
        let parts = [&account.to_be_bytes()[..], &mailbox.to_be_bytes(), &[class]];
        let bytes =
            parts.into_iter().flatten().chain(&number.to_be_bytes()).copied().collect::<Vec<_>>();
        key.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        key
    }

    /// Reads a key; `None` when it is none.
    pub(crate) fn decode(key: &[u8]) -> Option<Self> {
        let mut take = Take(key);
        let (account, mailbox) = (AccountId(take.u32()?), MailboxId(take.u32()?));
        let (class, number) = (take.u8()?, take.u64()?);
        take.0.is_empty().then_some(())?;
        let decoded = match class {
            ACCOUNT => Self::Account(account),
            CHANGES => Self::Changes(account, number),
            MAILBOX => Self::Mailbox(account, mailbox),
            PAGE => Self::Page(account, mailbox, u32::try_from(number).ok()?),
            END => Self::End(number),
            _ => return None,
        };
        (decoded.encode() == *key).then_some(decoded)
    }

    /// The front of the keys of segments' ends.
    pub(crate) const fn ends() -> [u8; 9] {
        [0, 0, 0, 0, 0, 0, 0, 0, END]
    }

    /// The front of the keys of an account's changes.
    pub(crate) fn changes_of(account: AccountId) -> [u8; 9] {
        Self::front(account, MailboxId(0), CHANGES)
    }

    /// The front of the keys of a mailbox's pages.
    pub(crate) fn pages_of(account: AccountId, mailbox: MailboxId) -> [u8; 9] {
        Self::front(account, mailbox, PAGE)
    }

    fn front(account: AccountId, mailbox: MailboxId, class: u8) -> [u8; 9] {
        let [a, b, c, d] = account.0.to_be_bytes();
        let [e, f, g, h] = mailbox.0.to_be_bytes();
        [a, b, c, d, e, f, g, h, class]
    }

    /// Whose it is; `None` for what belongs to the whole store.
    pub(crate) const fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(account)
            | Self::Changes(account, _)
            | Self::Mailbox(account, _)
            | Self::Page(account, _, _) => Some(account),
            Self::End(_) => None,
        }
    }
}

/// Where the newest record of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SavedRow {
    /// The record's number; 0 when there is none. Numbers of records and of messages are one sequence.
    pub(crate) number: u64,
    /// The segment it lies in.
    pub(crate) segment: u64,
    /// Where it begins there.
    pub(crate) offset: u64,
    /// Bytes of the record, without what pads it.
    pub(crate) bytes: u64,
    /// The mailbox's modification sequence at that time; 0 for what is no mailbox.
    pub(crate) modseq: u64,
    /// For a mailbox 1 when it has changed since, in a way that records of messages do not tell; for a
    /// page the checksum of what was saved.
    pub(crate) mark: u32,
}

impl SavedRow {
    /// Its value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for number in [self.number, self.segment, self.offset, self.bytes, self.modseq] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.mark.to_be_bytes());
        out
    }

    /// Reads a value.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(value);
        take.version()?;
        let row = Self {
            number: take.u64()?,
            segment: take.u64()?,
            offset: take.u64()?,
            bytes: take.u64()?,
            modseq: take.u64()?,
            mark: take.u32()?,
        };
        take.0.is_empty().then_some(row)
    }
}

/// The body of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Saved {
    /// Of [`SavedKey::Account`].
    Account(SavedAccount),
    /// Of [`SavedKey::Changes`], with the account's modification sequence after them.
    Changes(ModSeq, Vec<SavedChange>),
    /// Of [`SavedKey::Mailbox`].
    Mailbox(SavedMailbox),
    /// Of [`SavedKey::Page`].
    Page(SavedPage),
    /// Of [`SavedKey::End`]: the bytes of the segment's records.
    End(u64),
}

/// An account as of a modification sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedAccount {
    pub(crate) name: AccountName,
    pub(crate) modseq: ModSeq,
    pub(crate) next_email: u32,
    pub(crate) mailboxes: Vec<SavedName>,
    pub(crate) subscriptions: Vec<MailboxName>,
}

/// A mailbox in the list of its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedName {
    pub(crate) id: MailboxId,
    pub(crate) name: MailboxName,
    pub(crate) uid_validity: UidValidity,
    pub(crate) special_use: Option<SpecialUse>,
}

/// One change that no record of a message tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SavedChange {
    /// The account was made.
    Account(AccountName),
    /// A mailbox was made, or brought back, as of a modification sequence.
    Made(SavedName, ModSeq),
    /// A mailbox has another name.
    Renamed(MailboxId, MailboxName, ModSeq),
    /// A mailbox was deleted.
    Deleted(MailboxId),
    /// A name was subscribed to, or no longer.
    Subscribed(MailboxName, bool),
    /// From now on flags and expunges of a mailbox are unknown.
    Opened(MailboxId),
    /// Emails that the account has were filed in a mailbox, by copy, move or undelete.
    Arrived(MailboxId, SavedArrival),
    /// The same, by a transfer in steps: not there before it is shown, and then with other flags.
    Staged(MailboxId, SavedArrival),
    /// What was staged is there.
    Shown(MailboxId, SavedShown),
    /// UIDs of a mailbox below this one are given or never will be.
    Passed(MailboxId, Uid),
}

/// Staged messages that are there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedShown {
    pub(crate) modseq: ModSeq,
    /// State pages with nothing but these messages: number and values of each.
    pub(crate) pages: Vec<(u32, Vec<Vec<u8>>)>,
    /// What their keywords are.
    pub(crate) keywords: Vec<(u16, Keyword)>,
}

/// One copy that was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedArrival {
    pub(crate) uid: Uid,
    pub(crate) email: EmailId,
    pub(crate) modseq: ModSeq,
    pub(crate) internal_date: UnixTime,
    pub(crate) saved: i64,
    pub(crate) flags: FlagSet,
}

/// A mailbox as of a modification sequence of its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedMailbox {
    pub(crate) name: SavedName,
    /// The account's modification sequence when this was true.
    pub(crate) as_of: ModSeq,
    /// The mailbox's own.
    pub(crate) modseq: ModSeq,
    pub(crate) uid_next: Uid,
    pub(crate) recent_from: Uid,
    /// Its pages, and the number of the record that has each.
    pub(crate) pages: Vec<(u32, u64)>,
}

/// A state page as of a modification sequence of its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedPage {
    pub(crate) as_of: ModSeq,
    /// The page as it is stored.
    pub(crate) values: Vec<Vec<u8>>,
    /// What its keywords are.
    pub(crate) keywords: Vec<(u16, Keyword)>,
    /// Its live messages, ascending.
    pub(crate) messages: Vec<SavedMessage>,
}

/// A message and its email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedMessage {
    pub(crate) uid: Uid,
    pub(crate) email: EmailId,
    pub(crate) internal_date: UnixTime,
    pub(crate) saved: i64,
    pub(crate) blob: BlobId,
    pub(crate) thread: ThreadId,
    pub(crate) received: i64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn keys_and_rows_come_back() {
        let (account, mailbox) = (AccountId(1 << 30), MailboxId(7));
        for key in [
            SavedKey::Account(account),
            SavedKey::Changes(account, 1 << 40),
            SavedKey::Mailbox(account, mailbox),
            SavedKey::Page(account, mailbox, u32::MAX),
            SavedKey::End(9),
        ] {
            let bytes = key.encode();
            assert_eq!(SavedKey::decode(&bytes), Some(key));
            assert_eq!(SavedKey::decode(&bytes[..16]), None);
        }
        assert_eq!(SavedKey::decode(&[0; SavedKey::BYTES]), None);
        assert!(SavedKey::Changes(account, 5).encode().starts_with(&SavedKey::changes_of(account)));
        let page = SavedKey::Page(account, mailbox, 5).encode();
        assert!(page.starts_with(&SavedKey::pages_of(account, mailbox)));
        let row = SavedRow { number: 1, segment: 2, offset: 6, bytes: 3, modseq: 4, mark: 5 };
        assert_eq!(SavedRow::decode(&row.encode()), Some(row));
        assert_eq!(SavedRow::decode(&row.encode()[..44]), None);
    }
}
