//! Modified UTF-7, the encoding of mailbox names on the wire (RFC 3501 section 5.1.3).
//!
//! Decoding is strict, so that a name has one spelling only: no base64 for printable ASCII, no two
//! shifts that one could hold, no bits left over.

use std::fmt;

/// A name that is not valid modified UTF-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidName;

impl InvalidName {
    /// The error's text, fit for a client.
    pub const TEXT: &'static str = "mailbox name is not valid modified UTF-7";
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::TEXT)
    }
}
impl std::error::Error for InvalidName {}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Encodes a name.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut shifted: Vec<u16> = Vec::new();
    for char in name.chars() {
        if !matches!(char, ' '..='~') {
            shifted.extend_from_slice(char.encode_utf16(&mut [0; 2]));
            continue;
        }
        push_shifted(&mut out, &mut shifted);
        out.push(char);
        if char == '&' {
            out.push('-');
        }
    }
    push_shifted(&mut out, &mut shifted);
    out
}

/// Decodes a name. Text that holds bytes of UTF-8 is taken as UTF-8 outside of shifts: the standard
/// forbids it, some clients send it.
pub fn decode(bytes: &[u8]) -> Result<String, InvalidName> {
    let mut rest = std::str::from_utf8(bytes).map_err(|_| InvalidName)?;
    let mut out = String::with_capacity(rest.len());
    let mut after_shift = false;
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (base64, after) = shifted.split_once('-').ok_or(InvalidName)?;
        if base64.is_empty() {
            out.push('&');
        } else if after_shift && plain.is_empty() {
            return Err(InvalidName);
        } else {
            decode_shifted(base64.as_bytes(), &mut out)?;
        }
        after_shift = !base64.is_empty();
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn push_shifted(out: &mut String, units: &mut Vec<u16>) {
    if units.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0_u32, 0_u32);
    for unit in units.drain(..) {
        bits = (bits << 16) | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            out.push(letter(bits >> count));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        out.push(letter(bits << (6 - count)));
    }
    out.push('-');
}

fn letter(bits: u32) -> char {
    let index = usize::try_from(bits & 63).unwrap_or(0);
    ALPHABET.get(index).map_or('A', |byte| char::from(*byte))
}

fn decode_shifted(base64: &[u8], out: &mut String) -> Result<(), InvalidName> {
    let mut units = Vec::with_capacity(base64.len() * 6 / 16);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in base64 {
        bits = (bits << 6) | value(*byte).ok_or(InvalidName)?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count).map_err(|_| InvalidName)?);
            bits &= (1 << count) - 1;
        }
    }
    if bits != 0 || count >= 6 {
        return Err(InvalidName);
    }
    for char in char::decode_utf16(units) {
        let char = char.map_err(|_| InvalidName)?;
        if matches!(char, ' '..='~') {
            return Err(InvalidName);
        }
        out.push(char);
    }
    Ok(())
}

fn value(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b',' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_standard() {
        let name = "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}";
        let wire = "~peter/mail/&U,BTFw-/&ZeVnLIqe-";
        assert_eq!(encode(name), wire);
        assert_eq!(decode(wire.as_bytes()).unwrap(), name);
        assert_eq!(encode("a&b"), "a&-b");
        assert_eq!(decode(b"a&-b&-").unwrap(), "a&b&");
        assert_eq!(decode(b"&Jjo-!").unwrap(), "\u{263a}!");
    }

    #[test]
    fn superfluous_shifts_and_bad_base64_are_refused() {
        for wire in [
            "&Jjo!",
            "&U,BTFw-&ZeVnLIqe-",
            "&AGE-",
            "&",
            "&Jjo",
            "&Jj-",
            "&Jjp-",
            "&JjoA-",
            "&2D0-",
            "&@-",
            "&Jjo=-",
        ] {
            assert_eq!(decode(wire.as_bytes()), Err(InvalidName), "{wire}");
        }
        assert_eq!(decode(b"\xff"), Err(InvalidName));
        assert_eq!(decode("caf\u{e9}".as_bytes()).unwrap(), "caf\u{e9}");
    }

    proptest! {
        #[test]
        fn a_name_survives_the_wire(name in "\\PC{0,40}") {
            let wire = encode(&name);
            prop_assert!(wire.bytes().all(|b| matches!(b, 0x20..=0x7e)));
            prop_assert_eq!(decode(wire.as_bytes()), Ok(name));
        }

        #[test]
        fn a_wire_name_has_one_spelling(wire in "[a&,+A-Za-z0-9-]{0,24}") {
            if let Ok(name) = decode(wire.as_bytes()) {
                prop_assert_eq!(encode(&name), wire);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }
    }
}
