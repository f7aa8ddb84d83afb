//! Numbers of seven bits a byte, least significant first, as rows and forms store them.

/// Appends a number.
#[inline]
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// Takes a number from the front; `None` when it does not end there or has more than 64 bits.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits << shift;
        if byte & 0x80 == 0 {
            // The tenth byte has room for one bit.
            return (number >> shift == bits).then_some(number);
        }
    }
    None
}

/// Appends a number with a sign, near zero in few bytes.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, (number << 1 ^ number >> 63).cast_unsigned());
}

/// Takes a number with a sign, as [`put_signed`] writes it.
#[inline]
pub fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let number = take(bytes)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn numbers_come_back_and_others_are_refused() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, number);
            put_signed(&mut out, number.cast_signed());
            let mut bytes = &out[..];
            assert_eq!(take(&mut bytes), Some(number));
            assert_eq!(take_signed(&mut bytes), Some(number.cast_signed()));
            assert_eq!((bytes, take(&mut bytes)), (&[][..], None));
        }
        let mut out = Vec::new();
        put_signed(&mut out, -1);
        assert_eq!(out, [1]);
        // One bit too many, and one byte.
        for wrong in [[vec![0xff; 9], vec![2]].concat(), vec![0x80; 11]] {
            assert_eq!(take(&mut &wrong[..]), None);
        }
    }
}
