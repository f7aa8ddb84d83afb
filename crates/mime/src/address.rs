//! Address lists (RFC 5322 section 3.4 and its obsolete forms), read leniently.

use crate::limits::{ADDRESSES_MAX, ANGLE_BYTES_MAX, ANGLE_VAIN_BYTES_MAX, COMMENT_DEPTH_MAX};

/// One element of an IMAP address list (RFC 3501 section 7.4.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A mailbox; a missing domain is an empty `host`, since NIL would mean a group.
    Mailbox { name: Option<Vec<u8>>, route: Option<Vec<u8>>, mailbox: Vec<u8>, host: Vec<u8> },
    /// Start of a group, with its display name.
    GroupStart(Vec<u8>),
    /// End of the group.
    GroupEnd,
}

/// Reads an unfolded address list; encoded words stay as they are.
pub(crate) fn parse_addresses(bytes: &[u8]) -> Vec<Entry> {
    let mut reader = Reader { rest: bytes, ..Reader::default() };
    while reader.entries.len() < ADDRESSES_MAX && reader.step() {}
    reader.flush();
    reader.end_group();
    reader.entries
}

/// An addr-spec with its obsolete route.
#[derive(Default)]
struct Spec {
    route: Option<Vec<u8>>,
    mailbox: Vec<u8>,
    host: Vec<u8>,
}

/// Words with quoting and comments removed.
#[derive(Default)]
struct Words {
    text: Vec<u8>,
    comment: Vec<u8>,
    /// Where the last unquoted `@` stands in `text`.
    at: Option<usize>,
    gap: bool,
    quoted: bool,
}

impl Words {
    fn push(&mut self, byte: u8) {
        if self.gap && !self.text.is_empty() {
            self.text.push(b' ');
        }
        self.gap = false;
        self.text.push(byte);
    }

    /// Takes one byte of `rest`, or the whole quoted string or comment that begins there.
    fn take<'a>(&mut self, byte: u8, rest: &'a [u8]) -> &'a [u8] {
        match byte {
            b'"' => return self.quoted_string(rest),
            b'(' => return self.take_comment(rest),
            b' ' | b'\t' | b'\r' | b'\n' => self.gap = true,
            b'@' => {
                self.push(byte);
                self.at = Some(self.text.len() - 1);
            }
            _ => self.push(byte),
        }
        rest
    }

    fn quoted_string<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.quoted = true;
        let mut bytes = rest.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => bytes.next().into_iter().for_each(|&b| self.push(b)),
                _ => self.push(byte),
            }
        }
        bytes.as_slice()
    }

    fn take_comment<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.gap = true;
        self.comment.clear();
        let mut depth = 1;
        let mut bytes = rest.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'(' if depth < COMMENT_DEPTH_MAX => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            let byte = if byte == b'\\' { bytes.next().copied() } else { Some(byte) };
            self.comment.extend(byte);
        }
        bytes.as_slice()
    }

    /// The words as local part and domain.
    fn spec(&self) -> Spec {
        let Some((local, host)) = self.at.and_then(|at| self.text.split_at_checked(at)) else {
            return Spec { mailbox: self.text.clone(), ..Spec::default() };
        };
        let local = local.trim_ascii_end();
        let mailbox = if self.quoted { local.to_vec() } else { without_dot_gaps(local) };
        let host = host.iter().skip(1).copied().filter(|&b| b != b' ').collect();
        Spec { route: None, mailbox, host }
    }
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a [u8],
    words: Words,
    angle: Option<Spec>,
    in_group: bool,
    /// Bytes looked at in vain for the end of an angle address.
    vain: usize,
    entries: Vec<Entry>,
}

impl<'a> Reader<'a> {
    /// Reads one element; false at the end.
    fn step(&mut self) -> bool {
        let Some((&byte, rest)) = self.rest.split_first() else { return false };
        self.rest = rest;
        match byte {
            b'<' => self.read_angle(),
            b',' => self.flush(),
            b';' => {
                self.flush();
                self.end_group();
            }
            b':' if self.begins_group() => {
                let words = std::mem::take(&mut self.words);
                self.entries.push(Entry::GroupStart(words.text));
                self.in_group = true;
            }
            _ => self.rest = self.words.take(byte, rest),
        }
        true
    }

    fn begins_group(&self) -> bool {
        !self.in_group
            && self.angle.is_none()
            && self.words.at.is_none()
            && !self.words.text.is_empty()
    }

    fn read_angle(&mut self) {
        if self.angle.is_some() {
            self.flush();
        }
        let (inner, rest) = self.split_angle();
        self.rest = rest;
        self.angle = Some(angle_spec(inner));
    }

    /// What stands before the closing `>`, and what follows it. Without one, the address ends at
    /// the next comma, so that one slip does not swallow the whole list.
    fn split_angle(&mut self) -> (&'a [u8], &'a [u8]) {
        let bytes = self.rest;
        let window = bytes.get(..ANGLE_BYTES_MAX).unwrap_or(bytes);
        if self.vain < ANGLE_VAIN_BYTES_MAX && memchr::memchr(b'>', window).is_some() {
            match closing_angle(window) {
                Some(at) => return halves(bytes, at, at + 1),
                None => self.vain += window.len(),
            }
        }
        let end = bytes.iter().position(|b| matches!(b, b'>' | b',')).unwrap_or(bytes.len());
        let skip = usize::from(bytes.get(end) == Some(&b'>'));
        halves(bytes, end, end + skip)
    }

    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        let comment = (!words.comment.is_empty()).then_some(words.comment.clone());
        let (spec, name) = match self.angle.take() {
            Some(spec) if words.text.is_empty() => (spec, comment),
            Some(spec) => (spec, Some(words.text)),
            None => (words.spec(), comment),
        };
        if !spec.mailbox.is_empty() || !spec.host.is_empty() || name.is_some() {
            let Spec { route, mailbox, host } = spec;
            self.entries.push(Entry::Mailbox { name, route, mailbox, host });
        }
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.entries.push(Entry::GroupEnd);
        }
    }
}

fn closing_angle(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    bytes.iter().position(|&byte| {
        let plain = !std::mem::take(&mut escaped);
        match byte {
            b'\\' if plain => escaped = true,
            b'"' if plain => quoted = !quoted,
            _ => {}
        }
        byte == b'>' && plain && !quoted
    })
}

fn halves(bytes: &[u8], end: usize, next: usize) -> (&[u8], &[u8]) {
    (bytes.get(..end).unwrap_or_default(), bytes.get(next..).unwrap_or_default())
}

fn angle_spec(inner: &[u8]) -> Spec {
    let inner = inner.trim_ascii();
    let (route, mut rest) = match inner.iter().position(|&b| b == b':') {
        Some(colon) if inner.starts_with(b"@") => {
            let (route, rest) = inner.split_at(colon);
            (Some(route.to_vec()), rest.get(1..).unwrap_or_default())
        }
        _ => (None, inner),
    };
    let mut words = Words::default();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = words.take(byte, tail);
    }
    Spec { route, ..words.spec() }
}

/// `a . b` was once a valid local part (RFC 5322 section 4.4).
fn without_dot_gaps(local: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(local.len());
    for &byte in local {
        if byte == b'.' && out.last() == Some(&b' ') {
            out.pop();
        }
        if byte != b' ' || out.last() != Some(&b'.') {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let lossy = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let entries = parse_addresses(text.as_bytes());
        let texts: Vec<String> = entries
            .iter()
            .map(|entry| match entry {
                Entry::GroupStart(name) => format!("{}:", lossy(name)),
                Entry::GroupEnd => ";".to_owned(),
                Entry::Mailbox { name, route, mailbox, host } => {
                    let name = name.as_ref().map_or("-".to_owned(), |n| lossy(n));
                    let route = route.as_ref().map_or(String::new(), |r| format!("[{}]", lossy(r)));
                    format!("{name}|{route}{}|{}", lossy(mailbox), lossy(host))
                }
            })
            .collect();
        texts.join(" ")
    }

    #[test]
    fn common_forms() {
        assert_eq!(show("a@b"), "-|a|b");
        assert_eq!(show("J. Doe <a@b>, c@d (See Dee)"), "J. Doe|a|b See Dee|c|d");
        assert_eq!(show("\"Doe, \\\"J\\\"\" <\"a b\"@c>"), "Doe, \"J\"|a b|c");
        assert_eq!(show("=?utf-8?q?x?= <a@b>"), "=?utf-8?q?x?=|a|b");
    }

    #[test]
    fn groups_and_routes() {
        assert_eq!(show("g: a@b, c@d;, h:;"), "g: -|a|b -|c|d ; h: ;");
        assert_eq!(show("<@r,@s:a@b>"), "-|[@r,@s]a|b");
        assert_eq!(show("open: a@b"), "open: -|a|b ;");
    }

    #[test]
    fn a_field_of_openings_costs_no_more_than_its_length() {
        let spent = |piece: &str| {
            let text = piece.repeat(crate::limits::FIELD_BYTES_MAX / piece.len());
            let start = std::time::Instant::now();
            parse_addresses(text.as_bytes());
            start.elapsed()
        };
        // Every opening finds a `>` near the end of its window, which escaping keeps from closing.
        let openings = "<,".repeat(2_000) + "\\>";
        let (plain, hostile) = (spent("<a@b>,"), spent(&openings));
        assert!(hostile < plain * 100, "{hostile:?} against {plain:?}");
    }

    #[test]
    fn obsolete_and_broken_forms() {
        assert_eq!(show("pete . x @ silly . com"), "-|pete.x|silly.com");
        assert_eq!(show("alone"), "-|alone|");
        assert_eq!(show("A <a@b, c@d"), "A|a|b -|c|d");
        assert_eq!(show("A <a@b> <c@d>"), "A|a|b -|c|d");
        assert_eq!(show(",,;<>:"), ":||");
        assert_eq!(show("\"unclosed"), "-|unclosed|");
        assert_eq!(show("(((("), "(((||");
    }
}
