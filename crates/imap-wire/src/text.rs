//! Strings on the wire: which bytes an atom may hold, and quoted string or literal by content
//! (RFC 3501 section 4.3 and 9).

use crate::mutf7;
use waypost_types::MailboxName;

/// The longest quoted string written, in bytes; some clients read lines into small buffers.
const QUOTED_BYTES: usize = 1_000;

/// Whether a byte may stand in an atom. Bytes of UTF-8 may: clients send them in names.
pub(crate) const fn is_atom_char(byte: u8) -> bool {
    !matches!(byte, 0..=0x20 | 0x7f | b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// Whether a byte may stand in an unquoted astring.
pub(crate) const fn is_astring_char(byte: u8) -> bool {
    byte == b']' || is_atom_char(byte)
}

/// Whether a byte may stand in an unquoted LIST pattern.
pub(crate) const fn is_list_char(byte: u8) -> bool {
    matches!(byte, b'%' | b'*') || is_astring_char(byte)
}

/// Appends a number.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
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
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Appends two digits.
pub(crate) fn push_two_digits(out: &mut Vec<u8>, number: u8) {
    out.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

/// Appends a string: quoted when it is short printable ASCII, else a literal.
pub fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let printable = |b: &u8| matches!(b, 0x20..=0x7e);
    if bytes.len() <= QUOTED_BYTES && bytes.iter().all(printable) {
        push_quoted(out, bytes);
    } else {
        push_literal_header(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

/// Appends a string, or `NIL` when there is none.
pub fn push_nstring(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => push_string(out, bytes),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Appends a string as an atom where that is possible.
pub fn push_astring(out: &mut Vec<u8>, bytes: &[u8]) {
    let plain = |b: &u8| b.is_ascii() && is_astring_char(*b);
    if !bytes.is_empty() && bytes.iter().all(plain) && !bytes.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(bytes);
    } else {
        push_string(out, bytes);
    }
}

/// Appends a mailbox name in modified UTF-7.
pub fn push_mailbox(out: &mut Vec<u8>, name: &MailboxName) {
    push_encoded_name(out, name.as_str());
}

/// Appends a name that may be a level without a mailbox, in modified UTF-7.
pub(crate) fn push_encoded_name(out: &mut Vec<u8>, name: &str) {
    if name.bytes().all(|b| b != b'&' && matches!(b, 0x20..=0x7e)) {
        push_astring(out, name.as_bytes());
    } else {
        push_astring(out, mutf7::encode(name).as_bytes());
    }
}

/// Appends `{size}` and its line end.
pub(crate) fn push_literal_header(out: &mut Vec<u8>, size: u64) {
    out.push(b'{');
    push_number(out, size);
    out.extend_from_slice(b"}\r\n");
}

fn push_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Appends human-readable text as one line: what is not printable ASCII becomes `?`, and a text
/// that would read as a response code loses its bracket.
pub(crate) fn push_human_text(out: &mut Vec<u8>, text: &str) {
    if text.is_empty() {
        out.push(b'-');
    }
    for (index, char) in text.chars().enumerate() {
        out.push(match char {
            '[' if index == 0 => b'(',
            ' '..='~' => u8::try_from(char).unwrap_or(b'?'),
            _ => b'?',
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn numbers_have_no_padding() {
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(written(|out| push_number(out, number)), number.to_string());
        }
    }

    #[test]
    fn content_chooses_the_form() {
        let string = |bytes: &[u8]| written(|out| push_string(out, bytes));
        assert_eq!(string(b"a \"b\\"), "\"a \\\"b\\\\\"");
        assert_eq!(string(b"a\r\nb"), "{4}\r\na\r\nb");
        assert_eq!(string("é".as_bytes()), "{2}\r\né");
        assert!(string(&[b'x'; 2_000]).starts_with("{2000}\r\n"));
        let astring = |bytes: &[u8]| written(|out| push_astring(out, bytes));
        assert_eq!(astring(b"INBOX"), "INBOX");
        assert_eq!(astring(b"nil"), "\"nil\"");
        assert_eq!(astring(b""), "\"\"");
        assert_eq!(astring(b"a b"), "\"a b\"");
    }

    #[test]
    fn human_text_stays_on_its_line() {
        assert_eq!(written(|out| push_human_text(out, "[x] a\r\nb\u{e9}")), "(x] a??b?");
        assert_eq!(written(|out| push_human_text(out, "")), "-");
    }
}
