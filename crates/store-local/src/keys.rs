//! Keys of every table: big-endian numbers, so that LMDB's order is the order of the numbers.

use waypost_types::{AccountId, EmailId, MailboxId, ModSeq, ThreadId, Uid};

/// The key, in place of a keyword's number, under which a mailbox's keyword table keeps its
/// generation; above every number (at most `limits::KEYWORDS`).
pub(crate) const KEYWORD_GENERATION: u16 = u16::MAX;

/// Glues the bytes of a key together.
fn glue<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let bytes = parts.iter().copied().flatten();
    key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    key
}

/// `account`.
pub(crate) fn account(account: AccountId) -> [u8; 4] {
    account.0.to_be_bytes()
}

/// `(account, mailbox)`.
pub(crate) fn mailbox(account: AccountId, mailbox: MailboxId) -> [u8; 8] {
    glue(&[&account.0.to_be_bytes(), &mailbox.0.to_be_bytes()])
}

/// `(account, name)`: mailbox names and subscriptions.
pub(crate) fn named(account: AccountId, name: &str) -> Vec<u8> {
    [&account.0.to_be_bytes(), name.as_bytes()].concat()
}

/// `(mailbox, page, part)`.
pub(crate) fn page(mailbox: MailboxId, number: u32, part: u8) -> [u8; 9] {
    glue(&[&mailbox.0.to_be_bytes(), &number.to_be_bytes(), &[part]])
}

/// `(mailbox, uid)`.
pub(crate) fn message(mailbox: MailboxId, uid: Uid) -> [u8; 8] {
    glue(&[&mailbox.0.to_be_bytes(), &uid.0.to_be_bytes()])
}

/// `(account, email)`: emails, forms, and the prefix of copies.
pub(crate) fn email(account: AccountId, email: EmailId) -> [u8; 8] {
    glue(&[&account.0.to_be_bytes(), &email.0.to_be_bytes()])
}

/// `(account, email, mailbox, uid)`.
pub(crate) fn copy(account: AccountId, email: EmailId, mailbox: MailboxId, uid: Uid) -> [u8; 16] {
    let (a, e) = (account.0.to_be_bytes(), email.0.to_be_bytes());
    glue(&[&a, &e, &mailbox.0.to_be_bytes(), &uid.0.to_be_bytes()])
}

/// `(account, thread)`: the prefix of a thread.
pub(crate) fn thread_prefix(account: AccountId, thread: ThreadId) -> [u8; 8] {
    glue(&[&account.0.to_be_bytes(), &thread.0.to_be_bytes()])
}

/// `(account, thread, email)`.
pub(crate) fn thread(account: AccountId, thread: ThreadId, email: EmailId) -> [u8; 12] {
    glue(&[&account.0.to_be_bytes(), &thread.0.to_be_bytes(), &email.0.to_be_bytes()])
}

/// `(account, hash of a Message-ID)`: the prefix of the emails that carry it.
pub(crate) fn message_id_prefix(account: AccountId, hash: u64) -> [u8; 12] {
    glue(&[&account.0.to_be_bytes(), &hash.to_be_bytes()])
}

/// `(account, hash of a Message-ID, email)`.
pub(crate) fn message_id(account: AccountId, hash: u64, email: EmailId) -> [u8; 16] {
    glue(&[&account.0.to_be_bytes(), &hash.to_be_bytes(), &email.0.to_be_bytes()])
}

/// `number` of a blob or a segment.
pub(crate) fn number(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// `(account, modseq, sequence)`.
pub(crate) fn change(account: AccountId, modseq: ModSeq, sequence: u16) -> [u8; 14] {
    glue(&[&account.0.to_be_bytes(), &modseq.0.to_be_bytes(), &sequence.to_be_bytes()])
}

/// The modification sequence in a key made by [`change`].
pub(crate) fn change_modseq(key: &[u8]) -> Option<ModSeq> {
    key.get(4..12)?.try_into().ok().map(u64::from_be_bytes).map(ModSeq)
}

/// `(mailbox, keyword)`.
pub(crate) fn keyword(mailbox: MailboxId, id: u16) -> [u8; 6] {
    glue(&[&mailbox.0.to_be_bytes(), &id.to_be_bytes()])
}

/// `(sequence, part)` of the ring of outcomes.
pub(crate) fn outcome(sequence: u64, part: u16) -> [u8; 10] {
    glue(&[&sequence.to_be_bytes(), &part.to_be_bytes()])
}

/// What waits to be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Purge {
    /// When it left, seconds since the epoch; never negative.
    pub(crate) time: u64,
    /// Whose it was.
    pub(crate) account: AccountId,
    /// The mailbox that it left, or that itself was deleted.
    pub(crate) mailbox: MailboxId,
    /// The modification sequence of the change.
    pub(crate) modseq: ModSeq,
    /// Tells records of one change apart.
    pub(crate) sequence: u16,
}

impl Purge {
    /// Bytes of a key.
    pub(crate) const KEY_BYTES: usize = 26;

    /// `(time, account, mailbox, modseq, sequence)`.
    pub(crate) fn key(&self) -> [u8; Self::KEY_BYTES] {
        glue(&[
            &self.time.to_be_bytes(),
            &self.account.0.to_be_bytes(),
            &self.mailbox.0.to_be_bytes(),
            &self.modseq.0.to_be_bytes(),
            &self.sequence.to_be_bytes(),
        ])
    }

    /// Reads a key made by [`Self::key`].
    pub(crate) fn read(key: &[u8]) -> Option<Self> {
        let mut take = crate::codec::Take(key);
        Some(Self {
            time: take.u64()?,
            account: AccountId(take.u32()?),
            mailbox: MailboxId(take.u32()?),
            modseq: ModSeq(take.u64()?),
            sequence: take.u16()?,
        })
    }
}

/// FNV-1a, 64 bits: part of the format, so it can never change. A collision merely lets an email
/// join a thread that also has the same base subject.
pub(crate) fn hash(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn keys_sort_like_their_numbers() {
        let low = page(MailboxId(1), 255, 9);
        let high = page(MailboxId(1), 256, 0);
        assert!(low < high && high < page(MailboxId(2), 0, 0));
        assert!(change(AccountId(1), ModSeq(9), 7) < change(AccountId(1), ModSeq(256), 0));
        assert_eq!(change_modseq(&change(AccountId(1), ModSeq(256), 3)), Some(ModSeq(256)));
    }

    #[test]
    fn purge_keys_are_read_back() {
        let purge = Purge {
            time: 1 << 40,
            account: AccountId(2),
            mailbox: MailboxId(3),
            modseq: ModSeq(4),
            sequence: 5,
        };
        assert_eq!(Purge::read(&purge.key()).unwrap(), purge);
        assert_eq!(Purge::read(&purge.key()[..25]), None);
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
