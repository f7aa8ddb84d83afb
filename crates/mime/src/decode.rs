//! Transfer encodings, charsets and encoded words to UTF-8 text.

use crate::form::{Encoding, Part};
use crate::limits::{ENCODED_WORD_BYTES_MAX, ENCODED_WORD_VAIN_BYTES_MAX, PART_TEXT_BYTES_MAX};
use mail_parser::decoders::charsets::map::charset_decoder;
use std::borrow::Cow;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes a header field value: unfolded, encoded words (RFC 2047, with RFC 2231 language tags)
/// as UTF-8, the rest as it is. Raw bytes that are not UTF-8 become U+FFFD. Surrounding white
/// space is dropped; encoded words that share a character between them are joined first.
pub fn decode_header_text(raw: &[u8]) -> String {
    let mut text = HeaderText::default();
    let mut rest = raw.trim_ascii();
    let mut vain = 0;
    while vain < ENCODED_WORD_VAIN_BYTES_MAX
        && let Some(at) = memchr::memmem::find(rest, b"=?")
    {
        let (before, word) = rest.split_at(at);
        match encoded_word(word) {
            Some((charset, bytes, used)) => {
                text.plain(before);
                text.word(charset, bytes);
                rest = word.get(used..).unwrap_or_default();
            }
            None => {
                vain += word.len().min(ENCODED_WORD_BYTES_MAX);
                let (plain, tail) = rest.split_at(at + 2);
                text.plain(plain);
                rest = tail;
            }
        }
    }
    text.plain(rest);
    text.finish()
}

/// The text of a part: `bytes` is its body as stored, of which at most
/// [`PART_TEXT_BYTES_MAX`](crate::limits::PART_TEXT_BYTES_MAX) bytes are decoded from transfer
/// encoding and charset. HTML keeps its tags.
pub fn part_text(part: &Part, bytes: &[u8]) -> String {
    let bytes = bytes.get(..PART_TEXT_BYTES_MAX).unwrap_or(bytes);
    let decoded = decode_transfer(part.encoding, bytes);
    decode_charset(part.charset.as_deref().unwrap_or_default().as_bytes(), &decoded)
}

/// Text in the form in which SEARCH and SORT compare it: lower case of the upper case of every
/// character's lower case, so that final sigma, capital sharp s and their like agree. Accents are kept: this is the case half of
/// i;unicode-casemap (RFC 5051), without its decomposition.
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char.is_ascii() {
            true => out.push(char.to_ascii_lowercase()),
            false => out.extend(
                char.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase),
            ),
        }
    }
    out
}

/// Decodes a transfer encoding; what is no part of the encoding is skipped, never refused.
pub(crate) fn decode_transfer(encoding: Encoding, bytes: &[u8]) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Base64 => Cow::Owned(decode_base64(bytes)),
        Encoding::QuotedPrintable => Cow::Owned(decode_quoted_printable(bytes)),
        _ => Cow::Borrowed(bytes),
    }
}

/// Decodes a charset. Unknown ones, and ASCII with 8-bit in it, are read as UTF-8 when that is
/// what they are, else as windows-1252.
pub(crate) fn decode_charset(charset: &[u8], bytes: &[u8]) -> String {
    let ascii = charset.is_empty() || charset.eq_ignore_ascii_case(b"us-ascii");
    let utf8 = charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8");
    if utf8 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    // Stateful 7-bit charsets need their decoder even for bytes that look like ASCII.
    if ascii && let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    match charset_decoder(charset) {
        Some(decode) if !ascii => decode(bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => charset_decoder(b"windows-1252")
                .map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), |f| f(bytes)),
        },
    }
}

/// Appends base64 with padding (RFC 4648).
pub(crate) fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_usize {
            let index = (bits >> (18 - 6 * place)) & 63;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'=');
            out.push(if place > group.len() { b'=' } else { letter });
        }
    }
}

fn decode_base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for value in bytes.iter().filter_map(|&b| base64_value(b)) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).unwrap_or(0));
        }
    }
    out
}

fn base64_value(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn decode_quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (byte, used) = quoted_escape(escape);
        out.extend(byte);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// The byte an `=` stands for, if any, and the length of the escape. A lone `=` stands for itself.
fn quoted_escape(escape: &[u8]) -> (Option<u8>, usize) {
    match escape {
        [_, b'\r', b'\n', ..] => (None, 3),
        [_, b'\n', ..] => (None, 2),
        [_, high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (Some(high << 4 | low), 3),
            _ => soft_break(escape),
        },
        _ => soft_break(escape),
    }
}

/// A soft line break may carry white space before the line end (RFC 2045 section 6.7 rule 3).
fn soft_break(escape: &[u8]) -> (Option<u8>, usize) {
    let blank = escape.iter().skip(1).take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    match escape.get(1 + blank) {
        Some(b'\n') => (None, blank + 2),
        None => (None, blank + 1),
        Some(_) => (Some(b'='), 1),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|v| u8::try_from(v).ok())
}

/// Charset, decoded bytes and length of the encoded word at the start of `word`.
fn encoded_word(word: &[u8]) -> Option<(&[u8], Vec<u8>, usize)> {
    let inner = word.get(2..)?;
    let inner = inner.get(..ENCODED_WORD_BYTES_MAX).unwrap_or(inner);
    let charset_len = memchr::memchr(b'?', inner)?;
    let (charset, rest) = inner.split_at(charset_len);
    let [_, method, b'?', text @ ..] = rest else { return None };
    let text_len = memchr::memmem::find(text, b"?=")?;
    let text = text.get(..text_len)?;
    let bytes = match method {
        b'B' | b'b' => decode_base64(text),
        b'Q' | b'q' => decode_q(text),
        _ => return None,
    };
    let charset = charset.split(|&b| b == b'*').next().unwrap_or_default();
    let valid = !charset.is_empty() && charset.iter().all(u8::is_ascii_graphic);
    valid.then_some((charset, bytes, 2 + charset_len + 3 + text_len + 2))
}

fn decode_q(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'_' { b' ' } else { b }).collect();
    decode_quoted_printable(&spaced)
}

/// Decoded text so far, and the bytes of encoded words not yet decoded from their charset.
#[derive(Default)]
struct HeaderText {
    text: String,
    charset: Vec<u8>,
    pending: Vec<u8>,
    after_word: bool,
}

impl HeaderText {
    fn plain(&mut self, bytes: &[u8]) {
        // White space between two encoded words is no text (RFC 2047 section 6.2); only `finish`
        // may follow otherwise, and the end was trimmed.
        if bytes.is_empty() || (self.after_word && bytes.trim_ascii().is_empty()) {
            return;
        }
        self.flush();
        let lossy = String::from_utf8_lossy(bytes);
        self.text.extend(lossy.chars().filter_map(|c| match c {
            '\r' | '\n' | '\0' => None,
            '\t' => Some(' '),
            c => Some(c),
        }));
        self.after_word = false;
    }

    fn word(&mut self, charset: &[u8], bytes: Vec<u8>) {
        if !self.after_word || !self.charset.eq_ignore_ascii_case(charset) {
            self.flush();
            self.charset = charset.to_vec();
        }
        self.pending.extend(bytes);
        self.after_word = true;
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let text = decode_charset(&self.charset, &self.pending);
            self.text.extend(text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')));
            self.pending.clear();
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_decode() {
        let cases: [(&[u8], &str); 10] = [
            (b"=?iso-8859-1?Q?a=E9_b?= c", "aé b c"),
            (b"=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
            (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
            (b"=?utf-8*de?q?x?=\r\n =?us-ascii?q?y?=", "xy"),
            (b"a =?utf-8?q?b?= =?utf-8?q?c?= d", "a bc d"),
            (b"=?utf-8?x?b?=", "=?utf-8?x?b?="),
            (b"=?utf-8?q?unclosed", "=?utf-8?q?unclosed"),
            (b"=?", "=?"),
            (b"=?nonesuch?q?b?=", "b"),
            (b"raw \xff", "raw \u{fffd}"),
        ];
        for (raw, text) in cases {
            assert_eq!(decode_header_text(raw), text);
        }
    }

    #[test]
    fn transfer_encodings_are_lenient() {
        assert_eq!(decode_base64(b"aGVs\r\nbG8="), b"hello");
        assert_eq!(decode_base64(b"aGVsb"), b"hel");
        assert_eq!(decode_quoted_printable(b"a=3D=\r\nb= \t\nc=zz="), b"a=bc=zz");
        assert_eq!(decode_quoted_printable(b"=C3=bc"), "ü".as_bytes());
    }

    #[test]
    fn base64_round_trips() {
        for text in ["", "a", "ab", "abc", "abcd"] {
            let mut out = Vec::new();
            encode_base64(text.as_bytes(), &mut out);
            assert_eq!(out.len() % 4, 0);
            assert_eq!(decode_base64(&out), text.as_bytes());
        }
    }

    #[test]
    fn case_folds_both_sigmas() {
        assert_eq!(fold_case("ΟΔΟΣ"), fold_case("οδος"));
        assert_eq!(fold_case("STRASSE"), fold_case("straße"));
        assert_eq!(fold_case("STRAẞE"), fold_case("straße"));
        assert_eq!(fold_case("Hello"), "hello");
    }

    #[test]
    fn charsets_fall_back() {
        assert_eq!(decode_charset(b"", "ü".as_bytes()), "ü");
        assert_eq!(decode_charset(b"us-ascii", b"\xfc"), "ü");
        assert_eq!(decode_charset(b"koi8-r", b"\xf0"), "П");
        assert_eq!(decode_charset(b"nonesuch", b"\xfc"), "ü");
    }
}
