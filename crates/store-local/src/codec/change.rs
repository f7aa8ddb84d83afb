//! Records of the change log: kind, mailbox, UIDs, and for messages that came or went the numbers
//! of their emails (their rows may be purged before a client asks).

use super::{Take, VALUE_BYTES_MAX, VERSION, ranges};
use std::ops::RangeInclusive;
use waypost_store::{Change, ChangeKind};
use waypost_types::{MailboxId, ModSeq, UidSet};

/// Version, kind, mailbox, length of the UID ranges.
const FRONT_BYTES: usize = 1 + 1 + 4 + 2;
/// UID and email ranges share what is left of a value.
const RANGES_BYTES: usize = (VALUE_BYTES_MAX - FRONT_BYTES) / 2;

const ARRIVED: u8 = 1;
const FLAGS: u8 = 2;
const EXPUNGED: u8 = 3;
const CREATED: u8 = 4;
const RENAMED: u8 = 5;
const DELETED: u8 = 6;
const SUBSCRIBED: u8 = 7;

/// The values of one change; more than one when its ranges do not fit.
pub(crate) fn encode(mailbox: MailboxId, kind: &ChangeKind, emails: &UidSet) -> Vec<Vec<u8>> {
    let none = UidSet::new();
    let (tag, uids) = match kind {
        ChangeKind::Arrived(uids) => (ARRIVED, uids),
        ChangeKind::Flags(uids) => (FLAGS, uids),
        ChangeKind::Expunged(uids) => (EXPUNGED, uids),
        ChangeKind::Created => (CREATED, &none),
        ChangeKind::Renamed => (RENAMED, &none),
        ChangeKind::Deleted => (DELETED, &none),
        ChangeKind::Subscribed => (SUBSCRIBED, &none),
    };
    encode_ranges(tag, mailbox, &uids.ranges(), &emails.ranges())
}

fn encode_ranges(
    tag: u8,
    mailbox: MailboxId,
    mut uids: &[RangeInclusive<u32>],
    mut emails: &[RangeInclusive<u32>],
) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    loop {
        let mut value = vec![VERSION, tag];
        value.extend_from_slice(&mailbox.0.to_be_bytes());
        value.extend_from_slice(&[0, 0]);
        let taken = ranges::put(&mut value, uids, RANGES_BYTES);
        uids = uids.get(taken..).unwrap_or_default();
        let length = u16::try_from(value.len() - FRONT_BYTES).unwrap_or(u16::MAX);
        value.splice(FRONT_BYTES - 2..FRONT_BYTES, length.to_be_bytes());
        let taken = ranges::put(&mut value, emails, RANGES_BYTES);
        emails = emails.get(taken..).unwrap_or_default();
        values.push(value);
        if uids.is_empty() && emails.is_empty() {
            return values;
        }
    }
}

/// The change in a value.
pub(crate) fn decode(modseq: ModSeq, value: &[u8]) -> Option<Change> {
    let mut take = Take(value);
    take.version()?;
    let tag = take.u8()?;
    let mailbox = MailboxId(take.u32()?);
    let length = take.u16()?;
    let uids = ranges::take(take.bytes(usize::from(length))?)?;
    let kind = match tag {
        ARRIVED => ChangeKind::Arrived(uids),
        FLAGS => ChangeKind::Flags(uids),
        EXPUNGED => ChangeKind::Expunged(uids),
        CREATED => ChangeKind::Created,
        RENAMED => ChangeKind::Renamed,
        DELETED => ChangeKind::Deleted,
        SUBSCRIBED => ChangeKind::Subscribed,
        _ => return None,
    };
    Some(Change { modseq, mailbox, kind })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use waypost_types::Uid;

    #[test]
    fn scattered_changes_split_and_come_back() {
        let uids: UidSet = (1..100_000).step_by(7).map(Uid).collect();
        let values = encode(MailboxId(3), &ChangeKind::Expunged(uids.clone()), &uids);
        assert!(values.len() > 1 && values.iter().all(|v| v.len() <= VALUE_BYTES_MAX));
        let mut back = UidSet::new();
        for value in &values {
            let change = decode(ModSeq(9), value).unwrap();
            assert_eq!((change.modseq, change.mailbox), (ModSeq(9), MailboxId(3)));
            let ChangeKind::Expunged(some) = change.kind else { panic!("kind") };
            back.extend_from(&some);
        }
        assert_eq!(back, uids);
    }

    #[test]
    fn plain_changes_come_back() {
        for kind in
            [ChangeKind::Created, ChangeKind::Renamed, ChangeKind::Deleted, ChangeKind::Subscribed]
        {
            let values = encode(MailboxId(1), &kind, &UidSet::new());
            assert_eq!(decode(ModSeq(1), &values[0]).unwrap().kind, kind);
        }
        assert_eq!(decode(ModSeq(1), &[1, 99, 0, 0, 0, 1, 0, 0]), None);
    }
}
