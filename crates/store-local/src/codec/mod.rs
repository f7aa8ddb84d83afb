//! Values of every table. Each begins with a version byte; numbers are big-endian.

pub(crate) mod access;
mod bits;
pub(crate) mod change;
pub(crate) mod page;
pub(crate) mod ranges;
pub(crate) mod rows;
pub(crate) mod saved;

use waypost_store::StoreError;
use waypost_types::varint;

/// The largest value in bytes: LMDB puts larger ones on contiguous pages of their own, which a
/// fragmented map finds only at the cost of growth.
pub(crate) const VALUE_BYTES_MAX: usize = 4_080;

/// The version byte of every value of this format.
pub(crate) const VERSION: u8 = 1;

/// Reads a value from its front; every step is `None` when bytes are missing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    /// The next `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Eight bytes, signed.
    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// Two bytes, signed.
    pub(crate) fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A number of seven bits a byte, least significant first, at most 32 bits.
    pub(crate) fn varint(&mut self) -> Option<u32> {
        self.long_varint().and_then(|value| u32::try_from(value).ok())
    }

    /// The same of at most 64 bits.
    pub(crate) fn long_varint(&mut self) -> Option<u64> {
        varint::take(&mut self.0)
    }

    /// A number with a sign, as [`varint::put_signed`] writes it.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        varint::take_signed(&mut self.0)
    }

    /// The version byte, which must be the one this program writes.
    pub(crate) fn version(&mut self) -> Option<()> {
        (self.u8()? == VERSION).then_some(())
    }

    /// The text that remains.
    pub(crate) fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

/// A value that begins with its version and a CRC-32 of the rest.
pub(crate) fn seal(body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(body.len() + 5);
    value.push(VERSION);
    value.extend_from_slice(&crc32fast::hash(body).to_be_bytes());
    value.extend_from_slice(body);
    value
}

/// The bytes in [`VALUE_BYTES_MAX`] that [`seal`] leaves for the body.
pub(crate) const SEALED_BYTES_MAX: usize = VALUE_BYTES_MAX - 5;

/// The body of a sealed value; `None` when its version or checksum is wrong.
pub(crate) fn unseal(value: &[u8]) -> Option<&[u8]> {
    let mut take = Take(value);
    take.version()?;
    let crc = take.u32()?;
    (crc == crc32fast::hash(take.0)).then_some(take.0)
}

/// The error for a value that cannot be right.
pub(crate) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt(what.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_come_back(value: u32, tail: Vec<u8>) {
            let mut out = Vec::new();
            varint::put(&mut out, value.into());
            out.extend_from_slice(&tail);
            let mut take = Take(&out);
            prop_assert_eq!(take.varint(), Some(value));
            prop_assert_eq!(take.0, &tail[..]);
        }

        #[test]
        fn signed_numbers_come_back(value: i64, shift in 0..64, tail: Vec<u8>) {
            let value = value >> shift;
            let mut out = Vec::new();
            varint::put_signed(&mut out, value);
            out.extend_from_slice(&tail);
            let mut take = Take(&out);
            prop_assert_eq!(take.signed(), Some(value));
            prop_assert_eq!(take.0, &tail[..]);
        }

        #[test]
        fn one_flipped_bit_breaks_a_seal(body in prop::collection::vec(any::<u8>(), 1..300), at: prop::sample::Index, bit in 0..8) {
            let mut value = seal(&body);
            prop_assert_eq!(unseal(&value), Some(&body[..]));
            let at = at.index(value.len());
            value[at] ^= 1_u8 << bit;
            prop_assert_eq!(unseal(&value), None);
        }
    }
}
