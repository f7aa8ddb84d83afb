//! How texts of a form are stored: as they are, or as pieces of another text that is at hand, which is
//! where most of them repeat something. A text is a number, of which two bits say how, and its bytes:
//!
//! | bits | the number's rest | what follows |
//! |---|---|---|
//! | 0 | length | the text |
//! | 1 | length | where the text begins in the other one |
//! | 2 | bytes of what follows | runs, each a number: even for twice the bytes that follow, odd for twice a length and one, with a place in the other text behind it |
//!
//! Numbers have seven bits a byte, the least significant first.

use std::borrow::Cow;
use waypost_types::varint;

const PLAIN: u64 = 0;
const PIECE: u64 = 1;
const RUNS: u64 = 2;
const KIND_BITS: u32 = 2;

/// Bytes by which pieces are looked for.
const GRAM: usize = 4;
/// Shorter pieces are not worth their places.
const PIECE_MIN: usize = 5;
/// Bytes that runs must save, since a text that is one piece is read without copying it.
const RUNS_SAVE: usize = 4;
/// Places that are compared for one piece.
const CANDIDATES: usize = 16;
const BUCKETS: usize = 1 << 10;
/// No place; texts are looked through up to here.
const NOWHERE: u16 = u16::MAX;

/// A text of which others may be pieces.
pub(crate) struct Pieces<'d> {
    text: &'d [u8],
    /// The first place of each bucket.
    heads: Box<[u16]>,
    /// The next place of the same bucket.
    next: Vec<u16>,
}

fn bucket(gram: &[u8]) -> usize {
    let number = gram.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    (number.wrapping_mul(0x9e37_79b1) >> 22) as usize % BUCKETS
}

impl<'d> Pieces<'d> {
    pub(crate) fn of(text: &'d [u8]) -> Self {
        let text = text.get(..usize::from(NOWHERE)).unwrap_or(text);
        let mut pieces = Self {
            text,
            heads: vec![NOWHERE; BUCKETS].into_boxed_slice(),
            next: vec![NOWHERE; text.len()],
        };
        for (at, gram) in text.windows(GRAM).enumerate().rev() {
            let place = u16::try_from(at).unwrap_or(NOWHERE);
            if let Some((head, next)) =
                pieces.heads.get_mut(bucket(gram)).zip(pieces.next.get_mut(at))
            {
                *next = std::mem::replace(head, place);
            }
        }
        pieces
    }

    /// The longest piece with which `wanted` begins: its place and length.
    fn longest(&self, wanted: &[u8]) -> Option<(usize, usize)> {
        let mut place = *self.heads.get(bucket(wanted.get(..GRAM)?))?;
        let mut best = (0, 0);
        for _ in 0..CANDIDATES {
            let at = usize::from(place);
            let Some(next) = self.next.get(at) else { break };
            let there = self.text.get(at..).unwrap_or_default();
            let length = there.iter().zip(wanted).take_while(|(a, b)| a == b).count();
            if length > best.1 {
                best = (at, length);
            }
            place = *next;
        }
        Some(best).filter(|(_, length)| *length >= PIECE_MIN)
    }

    /// Appends a text.
    pub(crate) fn put(&self, text: &[u8], out: &mut Vec<u8>) {
        if let Some(at) = self.find(text) {
            return put_piece(at, text.len(), out);
        }
        let runs = self.runs(text);
        if runs.len() + RUNS_SAVE <= text.len() {
            varint::put(out, (runs.len() as u64) << KIND_BITS | RUNS);
            out.extend_from_slice(&runs);
        } else {
            varint::put(out, (text.len() as u64) << KIND_BITS | PLAIN);
            out.extend_from_slice(text);
        }
    }

    fn find(&self, text: &[u8]) -> Option<usize> {
        let (at, length) = self.longest(text)?;
        (length == text.len()).then_some(at)
    }

    fn runs(&self, text: &[u8]) -> Vec<u8> {
        let mut runs = Vec::new();
        let (mut plain, mut rest) = (0, text);
        loop {
            let at = text.len() - rest.len();
            let found = self.longest(rest);
            if (found.is_some() || rest.is_empty()) && at > plain {
                let plain = text.get(plain..at).unwrap_or_default();
                varint::put(&mut runs, (plain.len() as u64) << 1);
                runs.extend_from_slice(plain);
            }
            if let Some((place, length)) = found {
                varint::put(&mut runs, (length as u64) << 1 | 1);
                varint::put(&mut runs, place as u64);
                plain = at + length;
            }
            let passed = found.map_or(1, |(_, length)| length);
            match rest.get(passed..) {
                Some(left) => rest = left,
                None => return runs,
            }
        }
    }
}

/// Appends a text that is a piece of the other one.
pub(crate) fn put_piece(at: usize, length: usize, out: &mut Vec<u8>) {
    varint::put(out, (length as u64) << KIND_BITS | PIECE);
    varint::put(out, at as u64);
}

/// A text as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored<'a> {
    Plain(&'a [u8]),
    Piece { at: usize, length: usize },
    Runs(&'a [u8]),
}

impl Default for Stored<'_> {
    fn default() -> Self {
        Self::Plain(&[])
    }
}

impl<'a> Stored<'a> {
    /// The text; `other` is the one that it may be pieces of. `None` when it has no such pieces.
    pub(crate) fn bytes(self, other: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Piece { at, length } => other.get(at..at.checked_add(length)?).map(Cow::Borrowed),
            Self::Runs(_) => {
                let mut out = Vec::new();
                self.append(other, &mut out)?;
                Some(Cow::Owned(out))
            }
        }
    }

    /// The text as text; empty when it is none.
    pub(crate) fn text(self, other: &'a [u8]) -> Cow<'a, str> {
        match self.bytes(other) {
            Some(Cow::Borrowed(bytes)) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Some(Cow::Owned(bytes)) => String::from_utf8(bytes).map(Cow::Owned).ok(),
            None => None,
        }
        .unwrap_or_default()
    }

    /// Appends the text.
    pub(crate) fn append(self, other: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let whole = match self {
            Self::Plain(text) => Ok(text),
            Self::Piece { at, length } => Ok(other.get(at..at.checked_add(length)?)?),
            Self::Runs(runs) => Err(Take(runs)),
        };
        let mut runs = match whole {
            Ok(text) => {
                out.extend_from_slice(text);
                return Some(());
            }
            Err(runs) => runs,
        };
        while !runs.0.is_empty() {
            let run = runs.number()?;
            let length = usize::try_from(run >> 1).ok()?;
            if run & 1 == 0 {
                out.extend_from_slice(runs.bytes(length)?);
            } else {
                let at = runs.size()?;
                out.extend_from_slice(other.get(at..at.checked_add(length)?)?);
            }
        }
        Some(())
    }
}

/// Reads stored bytes from their front; every step is `None` when some are missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.0)
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        varint::take_signed(&mut self.0)
    }

    pub(crate) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    pub(crate) fn stored(&mut self) -> Option<Stored<'a>> {
        let head = self.number()?;
        let length = usize::try_from(head >> KIND_BITS).ok()?;
        match head & ((1 << KIND_BITS) - 1) {
            PLAIN => Some(Stored::Plain(self.bytes(length)?)),
            PIECE => Some(Stored::Piece { at: self.size()?, length }),
            RUNS => Some(Stored::Runs(self.bytes(length)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    fn put(text: &[u8], other: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Pieces::of(other).put(text, &mut out);
        out
    }

    #[test]
    fn what_repeats_is_stored_once() {
        let other = b"(\"Anna Lindqvist\" NIL \"anna.l\" \"lists.example.org\")";
        let cases: [(&[u8], usize); 5] = [
            (b"Anna Lindqvist", 2),
            (b"Anna Lindqvist <anna.l@lists.example.org>", 14),
            (b"nobody at all", 14),
            (b"Anna", 5),
            (b"", 1),
        ];
        for (text, bytes) in cases {
            let stored = put(text, other);
            assert_eq!(stored.len(), bytes, "{}", String::from_utf8_lossy(text));
            assert_eq!(*Take(&stored).stored().unwrap().bytes(other).unwrap(), *text);
        }
        let stored = put(b"lists.example.org", other);
        let whole = Take(&stored).stored().unwrap().bytes(other).unwrap();
        assert!(matches!(whole, Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn texts_come_back(text in "[ab\u{e9}]{0,60}", other in "[ab\u{e9}]{0,300}", tail: Vec<u8>) {
            let mut stored = put(text.as_bytes(), other.as_bytes());
            stored.extend_from_slice(&tail);
            let mut take = Take(&stored);
            let found = take.stored().unwrap();
            prop_assert_eq!(found.text(other.as_bytes()), text);
            prop_assert_eq!(take.0, &tail[..]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, other in "[ab]{0,30}") {
            if let Some(stored) = Take(&bytes).stored() {
                let mut out = Vec::new();
                let appended = stored.append(other.as_bytes(), &mut out);
                prop_assert_eq!(stored.bytes(other.as_bytes()).map(Cow::into_owned), appended.map(|()| out));
            }
        }

        #[test]
        fn numbers_come_back(number: u64, signed: i64) {
            let mut out = Vec::new();
            varint::put(&mut out, number);
            varint::put_signed(&mut out, signed);
            let mut take = Take(&out);
            prop_assert_eq!((take.number(), take.signed(), take.0), (Some(number), Some(signed), &[][..]));
        }
    }
}
