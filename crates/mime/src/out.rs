//! Writing IMAP strings: quoted where possible, literal where bytes demand it, NIL where absent.

use crate::decode::encode_base64;
use std::borrow::Cow;

/// Bytes of UTF-8 in one encoded word: 45 become 60 of base64, which with the frame stay under
/// the 75 of RFC 2047 section 2.
const ENCODED_WORD_BYTES: usize = 45;

/// What becomes of raw 8-bit text in header values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EightBit {
    /// It becomes UTF-8 encoded words, which every IMAP4rev1 client may be sent.
    #[default]
    Encode,
    /// It stays as UTF-8, for sessions that enabled UTF8=ACCEPT or IMAP4rev2 (RFC 6855).
    Keep,
}

/// Response text under construction.
#[derive(Debug, Default)]
pub(crate) struct Out {
    bytes: Vec<u8>,
    eight_bit: EightBit,
    /// Raw 8-bit was met in a value.
    pub(crate) utf8: bool,
}

impl Out {
    pub(crate) fn new(eight_bit: EightBit) -> Self {
        Self { bytes: Vec::new(), eight_bit, utf8: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: u64) {
        // Decimal digits come out last first; twenty hold any u64.
        let mut digits = [0_u8; 20];
        let mut rest = number;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend(digits.iter().skip(digits.len() - used));
    }

    pub(crate) fn nstring(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.string(value),
            None => self.raw("NIL"),
        }
    }

    pub(crate) fn string(&mut self, value: &[u8]) {
        let plain = value.iter().all(|&b| b != 0 && b != b'\r' && b != b'\n' && b.is_ascii());
        if plain { self.quoted(value) } else { self.difficult(value) }
    }

    /// The text written so far. Every value was made ASCII or valid UTF-8 on its way in.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.bytes)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }

    fn difficult(&mut self, value: &[u8]) {
        let value = self.safe(value);
        if value.contains(&b'\r') || value.contains(&b'\n') {
            self.raw("{");
            self.number(value.len() as u64);
            self.raw("}\r\n");
            self.bytes.extend_from_slice(&value);
        } else {
            self.quoted(&value);
        }
    }

    fn quoted(&mut self, value: &[u8]) {
        self.bytes.reserve(value.len() + 2);
        self.bytes.push(b'"');
        if memchr::memchr2(b'"', b'\\', value).is_none() {
            self.bytes.extend_from_slice(value);
        } else {
            for &byte in value {
                if matches!(byte, b'"' | b'\\') {
                    self.bytes.push(b'\\');
                }
                self.bytes.push(byte);
            }
        }
        self.bytes.push(b'"');
    }

    /// No NUL (no IMAP string may hold one) and no 8-bit the session did not ask for.
    fn safe<'a>(&mut self, value: &'a [u8]) -> Cow<'a, [u8]> {
        let value = if value.contains(&0) {
            Cow::Owned(value.iter().map(|&b| if b == 0 { b'?' } else { b }).collect())
        } else {
            Cow::Borrowed(value)
        };
        if value.is_ascii() {
            return value;
        }
        self.utf8 = true;
        match self.eight_bit {
            EightBit::Encode => Cow::Owned(encode_words(&value)),
            EightBit::Keep => Cow::Owned(String::from_utf8_lossy(&value).into_owned().into_bytes()),
        }
    }
}

/// Encodes each run of words that hold 8-bit (RFC 2047), leaving other words, and encoded words
/// that were there already, as they are. Invalid UTF-8 becomes U+FFFD.
fn encode_words(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut run = String::new();
    for word in text.split(' ') {
        if word.is_ascii() {
            flush_run(&mut run, &mut out);
            separate(&mut out);
            out.extend_from_slice(word.as_bytes());
            // An empty word stands for a space of its own, which `separate` cannot see.
            if word.is_empty() {
                out.push(b' ');
            }
        } else {
            if !run.is_empty() {
                run.push(' ');
            }
            run.push_str(word);
        }
    }
    flush_run(&mut run, &mut out);
    while out.last() == Some(&b' ') {
        out.pop();
    }
    out
}

fn separate(out: &mut Vec<u8>) {
    if out.last().is_some_and(|&b| b != b' ') {
        out.push(b' ');
    }
}

fn flush_run(run: &mut String, out: &mut Vec<u8>) {
    let mut rest = run.as_str();
    while !rest.is_empty() {
        let mut cut = rest.len().min(ENCODED_WORD_BYTES);
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        let (head, tail) = rest.split_at(cut);
        separate(out);
        out.extend_from_slice(b"=?UTF-8?B?");
        encode_base64(head.as_bytes(), out);
        out.extend_from_slice(b"?=");
        rest = tail;
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(value: &[u8], eight_bit: EightBit) -> String {
        let mut out = Out::new(eight_bit);
        out.string(value);
        out.into_text()
    }

    #[test]
    fn strings_are_quoted_or_literal() {
        assert_eq!(string(b"a \"b\" \\c", EightBit::Encode), r#""a \"b\" \\c""#);
        assert_eq!(string(b"a\rb", EightBit::Encode), "{3}\r\na\rb");
        assert_eq!(string(b"a\0b", EightBit::Encode), "\"a?b\"");
        assert_eq!(string(b"", EightBit::Encode), "\"\"");
    }

    #[test]
    fn eight_bit_is_encoded_or_kept() {
        let word = "x Grüße y".as_bytes();
        assert_eq!(string(word, EightBit::Encode), "\"x =?UTF-8?B?R3LDvMOfZQ==?= y\"");
        assert_eq!(string(word, EightBit::Keep), "\"x Grüße y\"");
        assert_eq!(string(b"\xff", EightBit::Keep), "\"\u{fffd}\"");
        let long = "ü ".repeat(60);
        assert!(string(long.as_bytes(), EightBit::Encode).split(' ').all(|w| w.len() <= 76));
    }

    #[test]
    fn numbers_are_decimal() {
        let mut out = Out::default();
        for number in [0, 9, 10, u64::MAX] {
            out.number(number);
            out.raw(" ");
        }
        assert_eq!(out.into_text(), "0 9 10 18446744073709551615 ");
    }
}
