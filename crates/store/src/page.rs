//! State pages: everything that changes about 512 consecutive UIDs of a mailbox.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use waypost_types::{ModSeq, SystemFlag, SystemFlags, Uid};

/// UIDs of one page: page `n` holds UIDs `n * 512` to `n * 512 + 511`.
pub const PAGE_UIDS: u32 = 512;

/// A keyword's number in its mailbox's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeywordId(pub u16);

/// 512 bits, one for each UID of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Bits512(pub [u64; 8]);

impl Bits512 {
    /// All bits clear.
    pub const EMPTY: Self = Self([0; 8]);

    /// Whether bit `at` (0 to 511; taken modulo 512) is set.
    pub const fn contains(&self, at: u32) -> bool {
        self.0[(at as usize / 64) % 8] >> (at % 64) & 1 == 1
    }

    /// Sets or clears bit `at`; true when that changed it.
    pub const fn set(&mut self, at: u32, on: bool) -> bool {
        let word = &mut self.0[(at as usize / 64) % 8];
        let before = *word;
        if on {
            *word |= 1 << (at % 64);
        } else {
            *word &= !(1 << (at % 64));
        }
        before != *word
    }

    /// How many bits are set.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether no bit is set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many bits below `at` are set.
    pub fn rank(&self, at: u32) -> u32 {
        let word = (at as usize / 64) % 8;
        let below: u32 = self.0[..word].iter().map(|w| w.count_ones()).sum();
        below + (self.0[word] & ((1 << (at % 64)) - 1)).count_ones()
    }

    /// The positions of set bits in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0u32..8).zip(self.0).flat_map(|(index, mut word)| {
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let bit = word.trailing_zeros();
                    word &= word - 1;
                    index * 64 + bit
                })
            })
        })
    }

    /// The set bits as ascending ranges that do not touch.
    pub fn ranges(self) -> impl Iterator<Item = RangeInclusive<u32>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = self.next(at, true)?;
            at = self.next(start, false).unwrap_or(PAGE_UIDS);
            Some(start..=at - 1)
        })
    }

    /// The first position from `at` on whose bit is set, or clear.
    fn next(&self, at: u32, set: bool) -> Option<u32> {
        let first = at as usize / 64;
        (first..8).find_map(|index| {
            let word = if set { self.0[index] } else { !self.0[index] };
            let word = if index == first { word & (u64::MAX << (at % 64)) } else { word };
            (word != 0).then(|| u32::try_from(index).unwrap_or(0) * 64 + word.trailing_zeros())
        })
    }

    /// Bits set in both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    /// Bits set in either.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// Bits set here and not in `other`.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= !b);
        self
    }
}

/// Modification sequences of a page's live UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modseqs {
    /// Every live UID has this one.
    Same(ModSeq),
    /// One for each live UID, by rank.
    Each(Vec<ModSeq>),
}

/// One decoded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePage {
    /// Its number: UID / 512.
    pub number: u32,
    /// Which UIDs are live. The bitmaps below are subsets of it.
    pub live: Bits512,
    /// A bitmap for each of [`SystemFlag::ALL`], in that order.
    pub system: [Bits512; 5],
    /// A bitmap for each keyword in use on the page, by ascending number.
    pub keywords: Vec<(KeywordId, Bits512)>,
    /// Modification sequences.
    pub modseqs: Modseqs,
}

/// The state of one live message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageState {
    /// Its UID.
    pub uid: Uid,
    /// Its system flags.
    pub system: SystemFlags,
    /// Its keywords, by ascending number.
    pub keywords: Vec<KeywordId>,
    /// The modification sequence of its last change.
    pub modseq: ModSeq,
}

impl StatePage {
    /// An empty page.
    pub const fn new(number: u32) -> Self {
        Self {
            number,
            live: Bits512::EMPTY,
            system: [Bits512::EMPTY; 5],
            keywords: Vec::new(),
            modseqs: Modseqs::Same(ModSeq(0)),
        }
    }

    /// The page that holds a UID.
    pub const fn number_of(uid: Uid) -> u32 {
        uid.0 / PAGE_UIDS
    }

    /// The UID at a position of this page.
    pub const fn uid(&self, at: u32) -> Uid {
        Uid(self.number * PAGE_UIDS + at)
    }

    /// The bitmap of a system flag.
    pub const fn flag(&self, flag: SystemFlag) -> &Bits512 {
        &self.system[(flag as u8).trailing_zeros() as usize]
    }

    /// The bitmap of a system flag, to change it.
    pub const fn flag_mut(&mut self, flag: SystemFlag) -> &mut Bits512 {
        &mut self.system[(flag as u8).trailing_zeros() as usize]
    }

    /// The bitmap of a keyword; empty when the page does not use it.
    pub fn keyword(&self, keyword: KeywordId) -> Bits512 {
        self.keywords
            .binary_search_by_key(&keyword, |(id, _)| *id)
            .map_or(Bits512::EMPTY, |at| self.keywords[at].1)
    }

    /// The modification sequence of the live UID at a position.
    pub fn modseq(&self, at: u32) -> ModSeq {
        match &self.modseqs {
            Modseqs::Same(modseq) => *modseq,
            Modseqs::Each(list) => {
                list.get(self.live.rank(at) as usize).copied().unwrap_or(ModSeq(0))
            }
        }
    }

    /// The greatest modification sequence of the page's live UIDs; zero when there is none.
    pub fn highest_modseq(&self) -> ModSeq {
        match &self.modseqs {
            _ if self.live.is_empty() => ModSeq(0),
            Modseqs::Same(modseq) => *modseq,
            Modseqs::Each(list) => list.iter().copied().max().unwrap_or(ModSeq(0)),
        }
    }

    /// The system flags of the UID at a position.
    pub fn system_flags(&self, at: u32) -> SystemFlags {
        let mut flags = SystemFlags::default();
        for flag in SystemFlag::ALL {
            if self.flag(flag).contains(at) {
                flags.insert(flag);
            }
        }
        flags
    }

    /// The state of the UID at a position; `None` when it is not live.
    pub fn state(&self, at: u32) -> Option<MessageState> {
        self.live.contains(at).then(|| MessageState {
            uid: self.uid(at),
            system: self.system_flags(at),
            keywords: self
                .keywords
                .iter()
                .filter(|(_, bits)| bits.contains(at))
                .map(|(id, _)| *id)
                .collect(),
            modseq: self.modseq(at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_the_bits() {
        let mut word = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..500 {
            let mut bits = Bits512::EMPTY;
            for slot in &mut bits.0 {
                word = word.rotate_left(7).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ 0x5bd1_e995;
                // Runs of many lengths: full and empty words among the others.
                *slot =
                    [word, 0, u64::MAX, word | word << 1 | word << 2][(word >> 40) as usize % 4];
            }
            let ranges: Vec<_> = bits.ranges().collect();
            assert!(ranges.iter().cloned().flatten().eq(bits.iter()), "round {round}: {bits:?}");
            let apart = |pair: &[RangeInclusive<u32>]| pair[0].end() + 1 < *pair[1].start();
            assert!(ranges.windows(2).all(apart), "round {round}: {bits:?}");
        }
    }

    #[test]
    fn a_full_page_is_one_range() {
        assert!(Bits512([u64::MAX; 8]).ranges().eq([0..=511]));
        assert_eq!(Bits512::EMPTY.ranges().next(), None);
    }
}
