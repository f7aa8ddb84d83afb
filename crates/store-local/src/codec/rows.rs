//! Rows: accounts, mailboxes, messages, emails, blobs, segments, keywords.

use super::{Take, VERSION, seal, unseal};
use crate::segment::{HEADER_BYTES, Header};
use waypost_store::{Counters, EmailRow, Mailbox, MessageRow};
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, Keyword, MailboxId, MailboxName, ModSeq, SpecialUse,
    ThreadId, Uid, UidValidity, UnixTime, Usage, varint,
};

/// The value of a key that itself says everything.
pub(crate) const PRESENT: &[u8] = &[VERSION];

/// The version of an account that says what it holds.
const VERSION_WITH_USAGE: u8 = 2;

/// The version of a message row that says when the message was sent.
const VERSION_WITH_SENT: u8 = 2;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    /// Its store id.
    pub(crate) name: AccountName,
    /// Its highest modification sequence.
    pub(crate) modseq: ModSeq,
    /// The number its next email gets.
    pub(crate) next_email: u32,
    /// How many mailboxes it has.
    pub(crate) mailboxes: u32,
    /// How many names it has subscribed to.
    pub(crate) subscriptions: u32,
    /// Records in its change log.
    pub(crate) log_records: u64,
    /// Changes up to this modification sequence may be missing in the log.
    pub(crate) log_floor: ModSeq,
    /// What it holds; `None` in a value of version 1, and then counted from its mailboxes.
    pub(crate) usage: Option<Usage>,
}

impl AccountRecord {
    /// A new account.
    pub(crate) const fn new(name: AccountName) -> Self {
        Self {
            name,
            modseq: ModSeq(0),
            next_email: 1,
            mailboxes: 0,
            subscriptions: 0,
            log_records: 0,
            log_floor: ModSeq(0),
            usage: Some(Usage { bytes: 0, messages: 0 }),
        }
    }

    /// Its value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let version = if self.usage.is_some() { VERSION_WITH_USAGE } else { VERSION };
        let mut out = vec![version];
        out.extend_from_slice(&self.modseq.0.to_be_bytes());
        out.extend_from_slice(&self.next_email.to_be_bytes());
        out.extend_from_slice(&self.mailboxes.to_be_bytes());
        out.extend_from_slice(&self.subscriptions.to_be_bytes());
        out.extend_from_slice(&self.log_records.to_be_bytes());
        out.extend_from_slice(&self.log_floor.0.to_be_bytes());
        if let Some(Usage { bytes, messages }) = self.usage {
            out.extend_from_slice(&bytes.to_be_bytes());
            out.extend_from_slice(&messages.to_be_bytes());
        }
        out.extend_from_slice(self.name.as_str().as_bytes());
        out
    }

    /// Reads a value.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(value);
        let has_usage = match take.u8()? {
            VERSION => false,
            VERSION_WITH_USAGE => true,
            _ => return None,
        };
        Some(Self {
            modseq: ModSeq(take.u64()?),
            next_email: take.u32()?,
            mailboxes: take.u32()?,
            subscriptions: take.u32()?,
            log_records: take.u64()?,
            log_floor: ModSeq(take.u64()?),
            usage: match has_usage {
                true => Some(Usage { bytes: take.u64()?, messages: take.u64()? }),
                false => None,
            },
            name: AccountName::new(take.text()?).ok()?,
        })
    }
}

/// The value of a mailbox.
pub(crate) fn encode_mailbox(mailbox: &Mailbox) -> Vec<u8> {
    let mut out = vec![VERSION, special_use_number(mailbox.special_use)];
    out.extend_from_slice(&mailbox.uid_validity.0.to_be_bytes());
    out.extend_from_slice(&mailbox.uid_next.0.to_be_bytes());
    out.extend_from_slice(&mailbox.recent_from.0.to_be_bytes());
    out.extend_from_slice(&mailbox.modseq.0.to_be_bytes());
    let counters = mailbox.counters;
    for count in [counters.messages, counters.unseen, counters.deleted] {
        out.extend_from_slice(&count.to_be_bytes());
    }
    out.extend_from_slice(&counters.bytes.to_be_bytes());
    out.extend_from_slice(mailbox.name.as_str().as_bytes());
    out
}

/// Reads a mailbox.
pub(crate) fn decode_mailbox(account: AccountId, id: MailboxId, value: &[u8]) -> Option<Mailbox> {
    let mut take = Take(value);
    take.version()?;
    Some(Mailbox {
        id,
        account,
        special_use: special_use(take.u8()?)?,
        uid_validity: UidValidity(take.u32()?),
        uid_next: Uid(take.u32()?),
        recent_from: Uid(take.u32()?),
        modseq: ModSeq(take.u64()?),
        counters: Counters {
            messages: take.u32()?,
            unseen: take.u32()?,
            deleted: take.u32()?,
            bytes: take.u64()?,
        },
        name: MailboxName::new(take.text()?).ok()?,
    })
}

const fn special_use_number(special_use: Option<SpecialUse>) -> u8 {
    match special_use {
        None => 0,
        Some(SpecialUse::Archive) => 1,
        Some(SpecialUse::Drafts) => 2,
        Some(SpecialUse::Junk) => 3,
        Some(SpecialUse::Sent) => 4,
        Some(SpecialUse::Trash) => 5,
    }
}

fn special_use(number: u8) -> Option<Option<SpecialUse>> {
    let all = std::iter::once(None).chain(SpecialUse::ALL.map(Some));
    all.into_iter().find(|special| special_use_number(*special) == number)
}

/// The value of a message row. Times are told by what lies between them, which is mostly little.
pub(crate) fn encode_message(row: &MessageRow) -> Vec<u8> {
    let Some(sent) = row.sent else { return encode_message_unsent(row) };
    let received = row.internal_date;
    let mut out = vec![VERSION_WITH_SENT];
    varint::put(&mut out, row.email.0.into());
    varint::put_signed(&mut out, received.seconds);
    varint::put_signed(&mut out, received.zone_minutes.into());
    varint::put_signed(&mut out, row.saved.wrapping_sub(received.seconds));
    varint::put(&mut out, row.size);
    varint::put_signed(&mut out, sent.seconds.wrapping_sub(received.seconds));
    varint::put_signed(&mut out, sent.zone_minutes.wrapping_sub(received.zone_minutes).into());
    out
}

/// A copy of a row that does not say when its message was sent says no more.
fn encode_message_unsent(row: &MessageRow) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&row.email.0.to_be_bytes());
    out.extend_from_slice(&row.internal_date.seconds.to_be_bytes());
    out.extend_from_slice(&row.internal_date.zone_minutes.to_be_bytes());
    out.extend_from_slice(&row.saved.to_be_bytes());
    out.extend_from_slice(&row.size.to_be_bytes());
    out
}

/// Reads a message row.
pub(crate) fn decode_message(value: &[u8]) -> Option<MessageRow> {
    let mut take = Take(value);
    match take.u8()? {
        VERSION_WITH_SENT => {}
        VERSION => return decode_message_unsent(take),
        _ => return None,
    }
    let email = EmailId(take.varint()?);
    let received = UnixTime { seconds: take.signed()?, zone_minutes: zone(&mut take)? };
    let saved = received.seconds.wrapping_add(take.signed()?);
    let size = take.long_varint()?;
    let sent = UnixTime {
        seconds: received.seconds.wrapping_add(take.signed()?),
        zone_minutes: received.zone_minutes.wrapping_add(zone(&mut take)?),
    };
    let row = MessageRow { email, internal_date: received, saved, size, sent: Some(sent) };
    take.0.is_empty().then_some(row)
}

fn zone(take: &mut Take<'_>) -> Option<i16> {
    i16::try_from(take.signed()?).ok()
}

/// Reads the rest of a row of version 1.
fn decode_message_unsent(mut take: Take<'_>) -> Option<MessageRow> {
    Some(MessageRow {
        email: EmailId(take.u32()?),
        internal_date: UnixTime { seconds: take.i64()?, zone_minutes: take.i16()? },
        saved: take.i64()?,
        size: take.u64()?,
        sent: None,
    })
}

/// An email with what the purge needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmailRecord {
    /// What readers see.
    pub(crate) row: EmailRow,
    /// The hash under which its Message-ID is found, if it has one.
    pub(crate) message_id: Option<u64>,
}

impl EmailRecord {
    /// Whether the row of a copy says the same sent date, or none.
    pub(crate) fn agrees(&self, row: &MessageRow) -> bool {
        let own = self.row.sent.unwrap_or(row.internal_date.seconds);
        row.sent.is_none_or(|sent| sent.seconds == own)
    }

    /// Its value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let has = u8::from(self.row.sent.is_some()) | u8::from(self.message_id.is_some()) << 1;
        let mut out = vec![has];
        out.extend_from_slice(&self.row.blob.0.to_be_bytes());
        out.extend_from_slice(&self.row.thread.0.to_be_bytes());
        out.extend_from_slice(&self.row.size.to_be_bytes());
        out.extend_from_slice(&self.row.received.to_be_bytes());
        out.extend_from_slice(&self.row.sent.unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.message_id.unwrap_or(0).to_be_bytes());
        seal(&out)
    }

    /// Reads a value.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(unseal(value)?);
        let has = take.u8()?;
        let row = EmailRow {
            blob: BlobId(take.u64()?),
            thread: ThreadId(take.u32()?),
            size: take.u64()?,
            received: take.i64()?,
            sent: Some(take.i64()?).filter(|_| has & 1 != 0),
        };
        let message_id = Some(take.u64()?).filter(|_| has & 2 != 0);
        Some(Self { row, message_id })
    }
}

/// Where a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobRow {
    /// The segment.
    pub(crate) segment: u64,
    /// Where its record begins in it.
    pub(crate) offset: u64,
    /// Bytes between the beginning of the record and the message.
    pub(crate) front: u32,
    /// Bytes of the message.
    pub(crate) length: u64,
    /// CRC-32 of the message.
    pub(crate) crc: u32,
    /// How many emails share it.
    pub(crate) references: u32,
}

impl BlobRow {
    /// Bytes of the record, without what pads it.
    pub(crate) const fn record_bytes(&self) -> u64 {
        self.front as u64 + self.length
    }

    /// Where the record ends.
    pub(crate) const fn end(&self) -> u64 {
        self.offset.saturating_add(self.record_bytes())
    }

    /// Whether this header is that of the record where it says, of that blob.
    pub(crate) fn agrees(&self, blob: BlobId, header: &Header) -> bool {
        header.blob == blob
            && (header.length, header.crc) == (self.length, self.crc)
            && u64::from(header.note) + HEADER_BYTES as u64 == u64::from(self.front)
    }

    /// Its value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.segment.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.front.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
        out.extend_from_slice(&self.crc.to_be_bytes());
        out.extend_from_slice(&self.references.to_be_bytes());
        out
    }

    /// Reads a value.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(value);
        take.version()?;
        Some(Self {
            segment: take.u64()?,
            offset: take.u64()?,
            front: take.u32()?,
            length: take.u64()?,
            crc: take.u32()?,
            references: take.u32()?,
        })
    }
}

/// What is known of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SegmentRow {
    /// Bytes that rows may point into; what the file holds beyond is garbage.
    pub(crate) end: u64,
    /// Bytes of records whose blobs are still referenced; compaction takes the emptiest first.
    pub(crate) live: u64,
    /// Bytes of filing notes of streamed messages. They are counted until the segment is compacted,
    /// also when their messages are gone. Rows written before it was counted do not have it.
    pub(crate) kept: u64,
}

impl SegmentRow {
    /// Its value.
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.end.to_be_bytes());
        out.extend_from_slice(&self.live.to_be_bytes());
        out.extend_from_slice(&self.kept.to_be_bytes());
        out
    }

    /// Reads a value.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(value);
        take.version()?;
        let (end, live) = (take.u64()?, take.u64()?);
        let kept = if take.0.is_empty() { 0 } else { take.u64()? };
        Some(Self { end, live, kept })
    }

    /// Bytes that compaction would give back; padding at the end of a single record is none.
    pub(crate) const fn dead(self) -> u64 {
        let used = self.live.saturating_add(self.kept);
        self.end.saturating_sub(crate::segment::aligned(used))
    }

    /// What one more batch wrote is counted.
    pub(crate) fn grow(&mut self, grown: Self) {
        self.end = self.end.max(grown.end);
        self.live += grown.live;
        self.kept += grown.kept;
    }
}

/// Where the next numbers of the whole store begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The next account.
    pub(crate) account: u32,
    /// The next mailbox.
    pub(crate) mailbox: u32,
    /// The last UIDVALIDITY given.
    pub(crate) uid_validity: u32,
    /// The next blob.
    pub(crate) blob: u64,
    /// The next segment.
    pub(crate) segment: u64,
    /// The segment that records are appended to; 0 before the first.
    pub(crate) current: u64,
    /// The next place in the ring of outcomes.
    pub(crate) outcome: u64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            account: 1,
            mailbox: 1,
            uid_validity: 0,
            blob: 1,
            segment: 1,
            current: 0,
            outcome: 0,
        }
    }
}

impl Numbers {
    /// Its value.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for number in [self.account, self.mailbox, self.uid_validity] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for number in [self.blob, self.segment, self.current, self.outcome] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        seal(&out)
    }

    /// Reads a value.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(unseal(value)?);
        Some(Self {
            account: take.u32()?,
            mailbox: take.u32()?,
            uid_validity: take.u32()?,
            blob: take.u64()?,
            segment: take.u64()?,
            current: take.u64()?,
            outcome: take.u64()?,
        })
    }
}

/// The value of a keyword: how many live messages carry it, and its spelling.
pub(crate) fn encode_keyword(keyword: &Keyword, uses: u32) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&uses.to_be_bytes());
    out.extend_from_slice(keyword.as_str().as_bytes());
    out
}

/// Reads a keyword.
pub(crate) fn decode_keyword(value: &[u8]) -> Option<(Keyword, u32)> {
    let mut take = Take(value);
    take.version()?;
    let uses = take.u32()?;
    Some((Keyword::new(take.text()?).ok()?, uses))
}

/// The value of a number: a mailbox behind a name, a generation, the format.
pub(crate) fn encode_number(number: u64) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&number.to_be_bytes());
    out
}

/// Reads a number.
pub(crate) fn decode_number(value: &[u8]) -> Option<u64> {
    let mut take = Take(value);
    take.version()?;
    take.u64()
}

/// The value under a Message-ID: the email's thread and the hash of its base subject.
pub(crate) fn encode_thread(thread: ThreadId, subject: u64) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&thread.0.to_be_bytes());
    out.extend_from_slice(&subject.to_be_bytes());
    out
}

/// Reads what stands under a Message-ID.
pub(crate) fn decode_thread(value: &[u8]) -> Option<(ThreadId, u64)> {
    let mut take = Take(value);
    take.version()?;
    Some((ThreadId(take.u32()?), take.u64()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn mailbox() -> Mailbox {
        Mailbox {
            id: MailboxId(4),
            account: AccountId(2),
            name: MailboxName::new("Früh/stück").unwrap(),
            uid_validity: UidValidity(77),
            uid_next: Uid(12),
            modseq: ModSeq(1 << 50),
            recent_from: Uid(9),
            special_use: Some(SpecialUse::Junk),
            counters: Counters { messages: 1, unseen: 2, deleted: 3, bytes: 1 << 40 },
        }
    }

    #[test]
    fn mailboxes_come_back() {
        let value = encode_mailbox(&mailbox());
        assert_eq!(decode_mailbox(AccountId(2), MailboxId(4), &value).unwrap(), mailbox());
        for cut in 0..40 {
            assert_eq!(decode_mailbox(AccountId(2), MailboxId(4), &value[..cut]), None);
        }
        for special in std::iter::once(None).chain(SpecialUse::ALL.map(Some)) {
            assert_eq!(special_use(special_use_number(special)), Some(special));
        }
    }

    #[test]
    fn accounts_come_back() {
        let mut record = AccountRecord::new(AccountName::new("a@example.com").unwrap());
        record.modseq = ModSeq(5);
        record.log_floor = ModSeq(3);
        for usage in [None, Some(Usage { bytes: 1 << 50, messages: 7 })] {
            record.usage = usage;
            assert_eq!(AccountRecord::decode(&record.encode()).unwrap(), record);
        }
    }

    #[test]
    fn messages_come_back() {
        let received = UnixTime { seconds: 1_795_000_000, zone_minutes: 60 };
        let saved = received.seconds + 2;
        let of = |sent| MessageRow {
            email: EmailId(300_000),
            internal_date: received,
            saved,
            size: 4_000,
            sent,
        };
        let sent = UnixTime { seconds: received.seconds - 40, zone_minutes: -330 };
        for row in [of(None), of(Some(received)), of(Some(sent))] {
            let value = encode_message(&row);
            assert_eq!(decode_message(&value).unwrap(), row);
            for cut in 0..value.len() {
                assert_eq!(decode_message(&value[..cut]), None);
            }
        }
        // What is said beyond rows of version 1 makes none longer.
        assert_eq!([None, Some(sent)].map(|sent| encode_message(&of(sent)).len()), [31, 16]);
        let far = UnixTime { seconds: i64::MIN, zone_minutes: i16::MIN };
        let odd = MessageRow { saved: i64::MAX, size: u64::MAX, ..of(Some(far)) };
        assert_eq!(decode_message(&encode_message(&odd)).unwrap(), odd);
        assert_eq!(decode_message(&[&encode_message(&odd)[..], &[0]].concat()), None);
    }

    #[test]
    fn rows_come_back() {
        for (sent, message_id) in [(None, Some(7)), (Some(-1), None)] {
            let row = EmailRow { blob: BlobId(9), thread: ThreadId(1), size: 5, received: 6, sent };
            let email = EmailRecord { row, message_id };
            assert_eq!(EmailRecord::decode(&email.encode()).unwrap(), email);
            assert!(email.encode().len() <= 128);
        }
        let blob = BlobRow { segment: 1, offset: 2, front: 3, length: 4, crc: 5, references: 6 };
        assert_eq!(BlobRow::decode(&blob.encode()).unwrap(), blob);
        let segment = SegmentRow { end: 10, live: 8, kept: 1 };
        assert_eq!(SegmentRow::decode(&segment.encode()).unwrap(), segment);
        let older = SegmentRow { kept: 0, ..segment };
        assert_eq!(SegmentRow::decode(&segment.encode()[..17]).unwrap(), older);
        assert_eq!(SegmentRow::decode(&segment.encode()[..18]), None);
        let numbers = Numbers { blob: 1 << 60, ..Numbers::default() };
        assert_eq!(Numbers::decode(&numbers.encode()).unwrap(), numbers);
        assert_eq!(decode_thread(&encode_thread(ThreadId(4), 5)).unwrap(), (ThreadId(4), 5));
        let keyword = Keyword::new("$Forwarded").unwrap();
        assert_eq!(decode_keyword(&encode_keyword(&keyword, 3)).unwrap(), (keyword, 3));
    }
}
