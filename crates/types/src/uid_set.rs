//! Sets of UIDs: a compressed bitmap, so a mailbox with holes costs no more than one without.

use crate::Uid;
use roaring::RoaringBitmap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::RangeInclusive;

/// A set of UIDs in order, with rank (UID to sequence number) and select (the reverse).
///
/// Memory: at most 64 bytes for every 512 UIDs that the set spans.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UidSet(RoaringBitmap);

impl UidSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A set of one range.
    pub fn range(range: RangeInclusive<u32>) -> Self {
        let mut set = Self::new();
        set.insert_range(range);
        set
    }

    /// Adds one UID; false when it was there.
    pub fn insert(&mut self, uid: Uid) -> bool {
        self.0.insert(uid.0)
    }

    /// Adds a UID, mostly one above all others. The bitmap's own way to do that looks for the greatest
    /// member each time, which in a full block is a search of the block.
    pub fn push(&mut self, uid: Uid) {
        self.0.insert(uid.0);
    }

    /// Adds a range; 0 is left out, since no UID is 0.
    pub fn insert_range(&mut self, range: RangeInclusive<u32>) {
        let start = (*range.start()).max(1);
        if start <= *range.end() {
            self.0.insert_range(start..=*range.end());
        }
    }

    /// Removes one UID; false when it was not there.
    pub fn remove(&mut self, uid: Uid) -> bool {
        self.0.remove(uid.0)
    }

    /// Whether the UID is in the set.
    pub fn contains(&self, uid: Uid) -> bool {
        self.0.contains(uid.0)
    }

    /// How many UIDs the set holds.
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least UID.
    pub fn first(&self) -> Option<Uid> {
        self.0.min().map(Uid)
    }

    /// The greatest UID.
    pub fn last(&self) -> Option<Uid> {
        self.0.max().map(Uid)
    }

    /// The sequence number (1-based) of a UID that is in the set.
    pub fn sequence_of(&self, uid: Uid) -> Option<u32> {
        self.0.contains(uid.0).then(|| u32::try_from(self.0.rank(uid.0)).unwrap_or(u32::MAX))
    }

    /// How many UIDs are at most `uid`, whether or not it is in the set.
    pub fn count_up_to(&self, uid: Uid) -> u32 {
        u32::try_from(self.0.rank(uid.0)).unwrap_or(u32::MAX)
    }

    /// The UID with this sequence number (1-based).
    pub fn uid_at(&self, sequence: u32) -> Option<Uid> {
        sequence.checked_sub(1).and_then(|n| self.0.select(n)).map(Uid)
    }

    /// The UIDs in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Uid> + '_ {
        self.0.iter().map(Uid)
    }

    /// The UIDs at or above `from` in ascending order.
    pub fn iter_from(&self, from: Uid) -> impl Iterator<Item = Uid> + '_ {
        self.0.range(from.0..).map(Uid)
    }

    /// Which of the 512 UIDs from `first` on are in the set: a bit for each, the least first.
    pub fn bits_from(&self, first: u32) -> [u64; 8] {
        let mut words = [0; 8];
        let last = first.saturating_add(511);
        let mut members = self.0.range(first..=last);
        while let Some(run) = members.next_range() {
            let (low, high) = (*run.start() - first, (*run.end()).min(last) - first);
            for (start, word) in (0..).step_by(64).zip(&mut words) {
                if low < start + 64 && high >= start {
                    let (from, to) = (low.max(start) - start, high.min(start + 63) - start);
                    *word |= (u64::MAX >> (63 - (to - from))) << from;
                }
            }
        }
        words
    }

    /// The set as ascending ranges that do not touch.
    pub fn ranges(&self) -> Vec<RangeInclusive<u32>> {
        let mut ranges: Vec<RangeInclusive<u32>> = Vec::new();
        let mut members = self.0.iter();
        // A run may be told in pieces, one for each block of the bitmap.
        while let Some(run) = members.next_range() {
            match ranges.last_mut() {
                Some(last) if *last.end() + 1 == *run.start() => *last = *last.start()..=*run.end(),
                _ => ranges.push(run),
            }
        }
        ranges
    }

    /// UIDs in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(&self.0 & &other.0)
    }

    /// UIDs in this set and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// Adds every UID of `other`.
    pub fn extend_from(&mut self, other: &Self) {
        self.0 |= &other.0;
    }

    /// Chooses the smallest representation; worth its cost for a set that is kept or asked often.
    pub fn compact(&mut self) {
        self.0.optimize();
    }

    /// Removes every UID of `other`.
    pub fn remove_all(&mut self, other: &Self) {
        self.0 -= &other.0;
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        Self(uids.into_iter().map(|uid| uid.0).filter(|n| *n != 0).collect())
    }
}

impl Serialize for UidSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0.serialize_into(&mut bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for UidSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <Vec<u8>>::deserialize(deserializer)?;
        RoaringBitmap::deserialize_from(&bytes[..]).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_and_select_are_inverse() {
        let set: UidSet = [3, 5, 6, 7, 900_000].map(Uid).into_iter().collect();
        for sequence in 1..=set.len() {
            let uid = set.uid_at(sequence).expect("in range");
            assert_eq!(set.sequence_of(uid), Some(sequence));
        }
        assert_eq!(set.uid_at(0), None);
        assert_eq!(set.sequence_of(Uid(4)), None);
        assert_eq!(set.ranges(), vec![3..=3, 5..=7, 900_000..=900_000]);
    }

    #[test]
    fn bits_are_those_of_the_set() {
        let mut set: UidSet = [1, 511, 512, 575, 576, 1_023, 1_024].map(Uid).into_iter().collect();
        assert_eq!(set.bits_from(0), [2, 0, 0, 0, 0, 0, 0, 1 << 63]);
        assert_eq!(set.bits_from(512), [1 | 1 << 63, 1, 0, 0, 0, 0, 0, 1 << 63]);
        assert_eq!(set.bits_from(u32::MAX - 5), [0; 8]);
        set.insert_range(2_048..=2_600);
        set.compact();
        assert_eq!(set.bits_from(2_048), [u64::MAX; 8]);
        assert_eq!(set.bits_from(2_560), [(1 << 41) - 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn ranges_join_over_blocks() {
        let mut set = UidSet::range(60_000..=140_000);
        set.insert(Uid(140_002));
        assert_eq!(set.ranges(), vec![60_000..=140_000, 140_002..=140_002]);
        set.compact();
        assert_eq!(set.ranges(), vec![60_000..=140_000, 140_002..=140_002]);
    }

    #[test]
    fn a_compacted_set_is_the_same_set() {
        let mut set = UidSet::range(1..=200_000);
        set.remove_all(&(1..=100_000).map(|n| Uid(2 * n - 1)).collect());
        let before = set.clone();
        set.compact();
        assert_eq!(set, before);
        assert_eq!(set.sequence_of(Uid(200_000)), Some(100_000));
    }
}
