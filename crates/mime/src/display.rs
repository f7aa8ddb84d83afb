//! What clients show of an address, by which DISPLAYFROM and DISPLAYTO sort (RFC 5957 section 3): read
//! from an ENVELOPE that is ready to send, since that is how the RFC defines it.

use crate::decode::decode_header_text;
use std::borrow::Cow;
use std::ops::Range;

/// Lists of addresses in an ENVELOPE before To: From, Sender, Reply-To.
const LISTS_BEFORE_TO: usize = 3;

/// The sort value of the first From address of an ENVELOPE; empty when there is none.
pub(crate) fn display_from(envelope: &[u8]) -> String {
    first_address(envelope, 0).unwrap_or_default()
}

/// The sort value of the first To address of an ENVELOPE; empty when there is none.
pub(crate) fn display_to(envelope: &[u8]) -> String {
    first_address(envelope, LISTS_BEFORE_TO).unwrap_or_default()
}

/// Where the list of From stands in an ENVELOPE, with the space before it, and how many of the two lists
/// behind it are the same; `None` for what is no ENVELOPE.
pub(crate) fn repeats_of_from(envelope: &[u8]) -> Option<(Range<usize>, usize)> {
    let mut reader = Reader { rest: envelope };
    reader.take(b"(")?;
    reader.nstring()?;
    reader.take(b" ")?;
    reader.nstring()?;
    let start = envelope.len() - reader.rest.len();
    reader.take(b" ")?;
    reader.skip_list()?;
    let end = envelope.len() - reader.rest.len();
    let list = envelope.get(start..end)?;
    let behind = std::iter::successors(Some(reader.rest), |rest| rest.strip_prefix(list));
    Some((start..end, behind.skip(1).take(LISTS_BEFORE_TO - 1).count()))
}

/// The sort value of the first address in a list that has `lists` of others before it.
fn first_address(envelope: &[u8], lists: usize) -> Option<String> {
    let mut reader = Reader { rest: envelope };
    reader.take(b"(")?;
    reader.nstring()?;
    reader.take(b" ")?;
    reader.nstring()?;
    for _ in 0..lists {
        reader.take(b" ")?;
        reader.skip_list()?;
    }
    reader.take(b" ((")?;
    let name = reader.nstring()?;
    reader.take(b" ")?;
    reader.nstring()?;
    reader.take(b" ")?;
    let mailbox = reader.nstring()?;
    reader.take(b" ")?;
    let host = reader.nstring()?;
    let name = name.map(|name| decode_header_text(&name)).filter(|name| !name.is_empty());
    Some(match (name, mailbox, host) {
        (Some(name), ..) => name,
        (None, Some(mailbox), Some(host)) => format!("{}@{}", text(&mailbox), text(&host)),
        (None, Some(mailbox), None) => text(&mailbox),
        (None, None, _) => String::new(),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads what [`Out`](crate::out::Out) wrote.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(bytes)?;
        Some(())
    }

    /// A string or NIL.
    fn nstring(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        match self.rest.first()? {
            b'"' => self.quoted().map(Some),
            b'{' => self.literal().map(Some),
            _ => self.take(b"NIL").map(|()| None),
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let inner = self.rest.get(1..)?;
        let end = memchr::memchr2(b'"', b'\\', inner)?;
        if inner.get(end) == Some(&b'"') {
            self.rest = inner.get(end + 1..)?;
            return inner.get(..end).map(Cow::Borrowed);
        }
        let mut plain = Vec::new();
        let mut bytes = inner.iter();
        loop {
            match bytes.next()? {
                b'"' => break,
                b'\\' => plain.push(*bytes.next()?),
                byte => plain.push(*byte),
            }
        }
        self.rest = bytes.as_slice();
        Some(Cow::Owned(plain))
    }

    fn literal(&mut self) -> Option<Cow<'a, [u8]>> {
        let inner = self.rest.get(1..)?;
        let (size, rest) = inner.split_at(memchr::memchr(b'}', inner)?);
        let size: usize = std::str::from_utf8(size).ok()?.parse().ok()?;
        let (bytes, rest) = rest.strip_prefix(b"}\r\n")?.split_at_checked(size)?;
        self.rest = rest;
        Some(Cow::Borrowed(bytes))
    }

    /// A list of addresses or NIL.
    fn skip_list(&mut self) -> Option<()> {
        if self.take(b"NIL").is_some() {
            return Some(());
        }
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b' ' => {}
                _ => {
                    self.nstring()?;
                    continue;
                }
            }
            self.rest = self.rest.get(1..)?;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn shown(header: &str) -> (String, String) {
        let form = parse(header.replace('\n', "\r\n").as_bytes()).form;
        (display_from(form.envelope()), display_to(form.envelope()))
    }

    #[test]
    fn names_come_before_addresses() {
        let header = "From: =?utf-8?q?J=C3=BCrgen?= \"the\\\\ (\\\"X\" <j@x.org>, b@x.org\n\
                      Sender: \"(\" <s@x.org>\nTo: a@y.org, B <b@y.org>\nSubject: \"(\n\n";
        assert_eq!(shown(header), ("J\u{fc}rgen the\\ (\"X".into(), "a@y.org".into()));
    }

    #[test]
    fn groups_and_missing_fields() {
        assert_eq!(shown("Subject: x\n\n"), (String::new(), String::new()));
        assert_eq!(shown("From: g: a@b;\nTo: c@d\n\n"), ("g".into(), "c@d".into()));
        assert_eq!(shown("From: \"\" <a@b>\nTo: \n\n"), ("a@b".into(), String::new()));
    }

    #[test]
    fn what_is_no_envelope_has_no_value() {
        for text in ["", "(", "(NIL", "(NIL NIL ((\"", "(NIL {9}\r\nx", "(NIL NIL (((", ")"] {
            assert_eq!(display_from(text.as_bytes()), "", "{text}");
            assert_eq!(display_to(text.as_bytes()), "", "{text}");
        }
        assert_eq!(display_to(b"(NIL NIL (()"), "");
    }

    #[test]
    fn literals_are_read() {
        let envelope = b"({3}\r\n\")( NIL NIL NIL NIL ((NIL NIL {4}\r\na\r\nb \"h\"))";
        assert_eq!(display_to(envelope), "a\r\nb@h");
    }
}
