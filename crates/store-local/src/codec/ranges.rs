//! Ascending ranges of numbers as distances, two small numbers a range.

use super::Take;
use std::ops::RangeInclusive;
use waypost_types::UidSet;
use waypost_types::varint;

/// Appends ranges one after the other until `room` bytes are full; returns how many went in.
///
/// At least one range goes in, whatever the room, so that callers always get on.
pub(crate) fn put(out: &mut Vec<u8>, ranges: &[RangeInclusive<u32>], room: usize) -> usize {
    let limit = out.len() + room;
    let mut next = 0;
    for (index, range) in ranges.iter().enumerate() {
        let before = out.len();
        varint::put(out, (range.start() - next).into());
        varint::put(out, (range.end() - range.start()).into());
        if out.len() > limit && index > 0 {
            out.truncate(before);
            return index;
        }
        next = *range.end();
    }
    ranges.len()
}

/// Reads ranges to the end of the bytes.
pub(crate) fn take(bytes: &[u8]) -> Option<UidSet> {
    let mut from = Take(bytes);
    let mut set = UidSet::new();
    let mut next = 0_u32;
    while !from.0.is_empty() {
        let start = next.checked_add(from.varint()?)?;
        let end = start.checked_add(from.varint()?)?;
        set.insert_range(start..=end);
        next = end;
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;
    use waypost_types::Uid;

    proptest! {
        #[test]
        fn sets_come_back_in_pieces(uids in prop::collection::btree_set(1_u32.., 0..200), room in 1_usize..60) {
            let set: UidSet = uids.into_iter().map(Uid).collect();
            let ranges = set.ranges();
            let mut rest = &ranges[..];
            let mut back = UidSet::new();
            while !rest.is_empty() {
                let mut out = Vec::new();
                let count = put(&mut out, rest, room);
                prop_assert!(out.len() <= room || count == 1);
                back.extend_from(&take(&out).unwrap());
                rest = &rest[count..];
            }
            prop_assert_eq!(back, set);
        }

        #[test]
        fn nonsense_never_panics(bytes in prop::collection::vec(0_u8..128, 0..40)) {
            let _ = take(&bytes);
        }
    }
}
