//! Sequence sets: ranges of message numbers or UIDs with `*` (RFC 3501 section 9, `sequence-set`).

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use waypost_types::{Uid, UidSet};

/// One range as written: either end may be `*`, and the ends may be in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceRange {
    /// One end; `None` is `*`.
    pub start: Option<NonZeroU32>,
    /// The other end; `None` is `*`.
    pub end: Option<NonZeroU32>,
}

impl SequenceRange {
    /// The range with `*` standing for `largest`, its ends in order.
    fn resolve(self, largest: u32) -> RangeInclusive<u32> {
        let start = self.start.map_or(largest, NonZeroU32::get);
        let end = self.end.map_or(largest, NonZeroU32::get);
        start.min(end)..=start.max(end)
    }
}

/// A set as written, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSet(Vec<SequenceRange>);

/// A message sequence number beyond the mailbox: `BAD` (RFC 3501 section 9, `seq-number`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

impl SequenceSet {
    /// A set of these ranges; `None` when there is none.
    pub fn new(ranges: Vec<SequenceRange>) -> Option<Self> {
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// The ranges as written.
    pub fn ranges(&self) -> &[SequenceRange] {
        &self.0
    }

    /// The ranges with `*` standing for `largest`: ascending and apart from each other.
    pub fn numbers(&self, largest: u32) -> Vec<RangeInclusive<u32>> {
        let mut ranges: Vec<_> = self.0.iter().map(|range| range.resolve(largest)).collect();
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<u32>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.end().saturating_add(1) >= *range.start() => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => merged.push(range),
            }
        }
        merged
    }

    /// The UIDs of the set that exist; `*` is the greatest one, so `9:*` names it even when it is
    /// below 9 (RFC 3501 section 6.4.8). Costs the matches, not the numbers named.
    #[must_use]
    pub fn resolve_uids(&self, existing: &UidSet) -> UidSet {
        let (Some(first), Some(last)) = (existing.first(), existing.last()) else {
            return UidSet::new();
        };
        let ranges = self.numbers(last.0);
        if ranges.iter().any(|range| *range.start() <= first.0 && *range.end() >= last.0) {
            return existing.clone();
        }
        let mut found = UidSet::new();
        for range in ranges {
            let uids = existing.iter_from(Uid(*range.start()));
            uids.take_while(|uid| uid.0 <= *range.end()).for_each(|uid| found.push(uid));
        }
        found
    }

    /// The UIDs of the messages with these sequence numbers.
    pub fn resolve_sequence(&self, existing: &UidSet) -> Result<UidSet, OutOfRange> {
        let count = existing.len();
        let ranges = self.numbers(count);
        if count == 0 || ranges.last().is_none_or(|range| *range.end() > count) {
            return Err(OutOfRange);
        }
        if ranges.iter().any(|range| *range.start() == 1 && *range.end() == count) {
            return Ok(existing.clone());
        }
        let mut found = UidSet::new();
        for range in ranges {
            let first = existing.uid_at(*range.start()).ok_or(OutOfRange)?;
            let length = range.end() - range.start();
            let uids = existing.iter_from(first).zip(0..=length);
            uids.for_each(|(uid, _)| found.push(uid));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    fn set(ranges: &[(u32, u32)]) -> SequenceSet {
        let range = |&(start, end)| SequenceRange {
            start: NonZeroU32::new(start),
            end: NonZeroU32::new(end),
        };
        SequenceSet::new(ranges.iter().map(range).collect()).unwrap()
    }

    fn uids(numbers: &[u32]) -> UidSet {
        numbers.iter().copied().map(Uid).collect()
    }

    #[test]
    fn star_is_the_greatest_uid_even_below_the_range() {
        let existing = uids(&[2, 4, 6]);
        assert_eq!(set(&[(9, 0)]).resolve_uids(&existing), uids(&[6]));
        assert_eq!(set(&[(0, 5)]).resolve_uids(&existing), uids(&[6]));
        assert_eq!(set(&[(0, 0)]).resolve_uids(&existing), uids(&[6]));
        assert_eq!(set(&[(1, 0)]).resolve_uids(&existing), existing);
        assert_eq!(set(&[(5, 3)]).resolve_uids(&existing), uids(&[4]));
    }

    #[test]
    fn an_empty_mailbox_has_no_uid_and_no_sequence_number() {
        assert!(set(&[(1, 0)]).resolve_uids(&UidSet::new()).is_empty());
        assert_eq!(set(&[(1, 0)]).resolve_sequence(&UidSet::new()), Err(OutOfRange));
    }

    #[test]
    fn sequence_numbers_end_at_the_last_message() {
        let existing = uids(&[20, 40, 60, 80]);
        assert_eq!(set(&[(3, 2)]).resolve_sequence(&existing), Ok(uids(&[40, 60])));
        assert_eq!(set(&[(0, 0), (1, 1)]).resolve_sequence(&existing), Ok(uids(&[20, 80])));
        assert_eq!(set(&[(1, 5)]).resolve_sequence(&existing), Err(OutOfRange));
    }

    #[test]
    fn sparse_sets_do_not_cost_the_gaps() {
        let existing = uids(&[1, u32::MAX]);
        let many: Vec<_> = (0..1_000).map(|n| (2 + n, u32::MAX - 1 - n)).collect();
        assert!(set(&many).resolve_uids(&existing).is_empty());
    }

    proptest! {
        #[test]
        fn resolving_is_what_the_words_say(
            existing in proptest::collection::btree_set(1_u32..60, 0..20),
            ranges in proptest::collection::vec((0_u32..60, 0_u32..60), 1..8),
        ) {
            let existing: Vec<u32> = existing.into_iter().collect();
            let largest = existing.last().copied().unwrap_or(0);
            let named = |n: u32, star: u32| ranges.iter().any(|&(a, b)| {
                let (a, b) = (if a == 0 { star } else { a }, if b == 0 { star } else { b });
                (a.min(b)..=a.max(b)).contains(&n)
            });
            let by_uid: Vec<u32> =
                existing.iter().copied().filter(|uid| named(*uid, largest)).collect();
            prop_assert_eq!(set(&ranges).resolve_uids(&uids(&existing)), uids(&by_uid));

            let count = u32::try_from(existing.len()).unwrap();
            let beyond = count == 0 || ranges.iter().any(|&(a, b)| a.max(b) > count);
            let by_number: Vec<u32> = (1..=count)
                .filter(|n| named(*n, count))
                .map(|n| existing[n as usize - 1])
                .collect();
            let expected = if beyond { Err(OutOfRange) } else { Ok(uids(&by_number)) };
            prop_assert_eq!(set(&ranges).resolve_sequence(&uids(&existing)), expected);
        }
    }
}
