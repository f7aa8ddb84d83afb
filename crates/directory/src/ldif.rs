//! LDIF (RFC 2849): entries as text. Changes to entries are not read, only entries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io::{self, BufRead, Read};

/// The longest line in bytes, continuation lines included; the longest value in base64 fits.
const LINE_BYTES_MAX: usize = 131_072;
/// The most entries of one file: as many as the embedded directory has room for.
const ENTRIES_MAX: usize = 1_000_000;
/// The most values of one entry.
const ENTRY_VALUES_MAX: usize = 10_000;
/// Where a line is folded.
const FOLD_AT: usize = 76;

/// The attribute of certificates: bytes here, base64 in the embedded directory.
const CERTIFICATE: &str = "userCertificate";
/// What stands behind its name here (RFC 4522 section 3).
const BINARY: &str = ";binary";
/// The longest certificate in base64, as the embedded directory holds a value.
const CERTIFICATE_BYTES_MAX: usize = 4_096;

/// An entry of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct LdifEntry {
    /// The line of the file that it begins in.
    pub line: usize,
    /// Its name.
    pub dn: String,
    /// Attributes and values in the order of the file.
    pub values: Vec<(String, String)>,
    /// How many values were left out because they are no text.
    pub binary: usize,
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdifError {
    /// The line.
    pub line: usize,
    /// What: lower case, no full stop.
    pub what: String,
}

impl fmt::Display for LdifError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for LdifError {}

impl LdifError {
    pub(crate) fn new(line: usize, what: impl fmt::Display) -> Self {
        Self { line, what: what.to_string() }
    }
}

/// Reads a file of entries.
pub fn read_ldif(source: impl BufRead) -> Result<Vec<LdifEntry>, LdifError> {
    let mut lines = Lines { source, number: 0, ahead: None };
    let mut entries = Vec::new();
    let mut entry: Option<LdifEntry> = None;
    while let Some((number, line)) = lines.next()? {
        if line.is_empty() {
            entries.extend(entry.take());
        } else if !line.starts_with(b"#") {
            take_in(&mut entry, number, &line)?;
        }
        if entries.len() > ENTRIES_MAX {
            return Err(LdifError::new(number, format!("more than {ENTRIES_MAX} entries")));
        }
    }
    entries.extend(entry);
    Ok(entries)
}

fn take_in(entry: &mut Option<LdifEntry>, number: usize, line: &[u8]) -> Result<(), LdifError> {
    let (name, value) = split(number, line)?;
    let text = String::from_utf8(value);
    match entry {
        Some(entry) => {
            if name.eq_ignore_ascii_case("changetype") && text.as_deref() != Ok("add") {
                return Err(LdifError::new(number, "only entries are read, no changes to entries"));
            }
            if entry.values.len() == ENTRY_VALUES_MAX {
                return Err(LdifError::new(
                    number,
                    format!("an entry of more than {ENTRY_VALUES_MAX} values"),
                ));
            }
            match text {
                Ok(text) => entry.values.push((name, text)),
                Err(bytes) => match certificate(&name, bytes.as_bytes()) {
                    Some(text) => entry.values.push((CERTIFICATE.to_owned(), text)),
                    None => entry.binary += 1,
                },
            }
        }
        None if name.eq_ignore_ascii_case("version") && text.as_deref() == Ok("1") => {}
        None if name.eq_ignore_ascii_case("dn") => {
            let dn = text.map_err(|_| LdifError::new(number, "the name is not UTF-8"))?;
            if dn.contains(char::is_control) {
                return Err(LdifError::new(number, "the name has a control character"));
            }
            *entry = Some(LdifEntry { line: number, dn, values: Vec::new(), binary: 0 });
        }
        None => return Err(LdifError::new(number, "an entry begins with its dn")),
    }
    Ok(())
}

/// A certificate of a user as the embedded directory holds it; one that is too long is left out.
fn certificate(name: &str, der: &[u8]) -> Option<String> {
    let plain = name.strip_suffix(BINARY).unwrap_or(name);
    let text = STANDARD.encode(der);
    (plain.eq_ignore_ascii_case(CERTIFICATE) && text.len() <= CERTIFICATE_BYTES_MAX).then_some(text)
}

/// `name: text` or `name:: base64`.
fn split(number: usize, line: &[u8]) -> Result<(String, Vec<u8>), LdifError> {
    let missing = || LdifError::new(number, "a line has an attribute, a colon and a value");
    let at = line.iter().position(|byte| *byte == b':').ok_or_else(missing)?;
    let name = std::str::from_utf8(&line[..at]).ok().filter(|name| !name.is_empty());
    let name = name.ok_or_else(missing)?.to_owned();
    let value = match &line[at + 1..] {
        [b':', base64 @ ..] => {
            let base64 = base64.trim_ascii();
            STANDARD.decode(base64).map_err(|_| LdifError::new(number, "this is no base64"))?
        }
        [b'<', ..] => return Err(LdifError::new(number, "values in other files are not read")),
        // SAFE-CHAR of RFC 2849; a line feed ended the line.
        text if text.iter().any(|byte| b"\0\r".contains(byte)) => {
            return Err(LdifError::new(number, "a value with NUL or CR must be base64"));
        }
        text => text.trim_ascii_start().to_vec(),
    };
    Ok((name, value))
}

/// Lines with those that continue them, and the number of the first.
struct Lines<R> {
    source: R,
    number: usize,
    ahead: Option<Vec<u8>>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<(usize, Vec<u8>)>, LdifError> {
        let Some(mut line) =
            self.ahead.take().map_or_else(|| self.read(), |line| Ok(Some(line)))?
        else {
            return Ok(None);
        };
        let first = self.number;
        while let Some(next) = self.read()? {
            let Some(more) = next.strip_prefix(b" ").filter(|_| !line.is_empty()) else {
                self.ahead = Some(next);
                break;
            };
            if line.len() + more.len() > LINE_BYTES_MAX {
                return Err(LdifError::new(first, format!("more than {LINE_BYTES_MAX} bytes")));
            }
            line.extend_from_slice(more);
        }
        Ok(Some((first, line)))
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, LdifError> {
        self.number += 1;
        let failed = |error: io::Error| LdifError::new(self.number, error);
        let mut line = Vec::new();
        let most = u64::try_from(LINE_BYTES_MAX + 2).unwrap_or(u64::MAX);
        let count = (&mut self.source).take(most).read_until(b'\n', &mut line).map_err(failed)?;
        if line.len() > LINE_BYTES_MAX {
            return Err(LdifError::new(self.number, format!("more than {LINE_BYTES_MAX} bytes")));
        }
        let end = line.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |at| at + 1);
        line.truncate(end);
        Ok((count > 0).then_some(line))
    }
}

/// A line of LDIF, folded where it is long; base64 where the value needs it.
pub(crate) fn ldif_line(name: &str, value: &str) -> String {
    let is_safe = |byte: u8| (0x20..0x7f).contains(&byte);
    let starts_safe = !value.starts_with([' ', ':', '<']) && !value.ends_with(' ');
    let line = match value.bytes().all(is_safe) && starts_safe {
        true => format!("{name}: {value}"),
        false => format!("{name}:: {}", STANDARD.encode(value)),
    };
    fold(&line)
}

/// A value of an attribute as LDIF has it: certificates become bytes again.
pub(crate) fn attribute_line(name: &str, value: &str) -> String {
    let is_certificate = name.eq_ignore_ascii_case(CERTIFICATE) && STANDARD.decode(value).is_ok();
    if is_certificate { fold(&format!("{name}{BINARY}:: {value}")) } else { ldif_line(name, value) }
}

fn fold(line: &str) -> String {
    let (mut folded, mut rest) =
        (String::with_capacity(line.len() + line.len() / FOLD_AT * 2), line);
    let mut room = FOLD_AT;
    while let Some((piece, more)) = rest.split_at_checked(room).filter(|(_, more)| !more.is_empty())
    {
        folded.push_str(piece);
        folded.push_str("\n ");
        (rest, room) = (more, FOLD_AT - 1);
    }
    folded.push_str(rest);
    folded
}

/// A value as it stands in a name (RFC 4514 section 2.4).
pub(crate) fn dn_value(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        if ",+\"\\<>;=#".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// The parts of a name, the entry's own first, without case and spaces between (RFC 4514).
pub(crate) fn dn_parts(dn: &str) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for letter in dn.to_lowercase().chars() {
        match letter {
            ',' | ';' if !escaped => parts.push(std::mem::take(&mut part)),
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            _ => part.push(letter),
        }
        escaped = false;
    }
    parts.push(part);
    let tidy = |part: &String| match part.split_once('=') {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
        None => part.trim().to_owned(),
    };
    parts.iter().map(tidy).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn entries_are_read() {
        let text = "version: 1\n# a comment\n  that goes on\ndn: uid=amy,o=x\nuid: amy\ncn:: w4Rt\n eQ==\n\n\
                    dn:: dWlkPWJvYg==\r\nphoto:: /9g=\r\nchangetype: add\r\n\r\n";
        let entries = read_ldif(text.as_bytes()).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0].line, entries[0].dn.as_str()), (4, "uid=amy,o=x"));
        assert_eq!(entries[0].values[1], ("cn".to_owned(), "\u{c4}my".to_owned()));
        assert_eq!((entries[1].dn.as_str(), entries[1].binary), ("uid=bob", 1));
    }

    #[test]
    fn faults_have_their_line() {
        let fault = |text: &str| read_ldif(text.as_bytes()).err().map(|error| error.line);
        assert_eq!(fault("uid: amy"), Some(1));
        assert_eq!(fault("dn: x\nuid"), Some(2));
        assert_eq!(fault("dn: x\n\ndn: y\nuid:: !"), Some(4));
        assert_eq!(fault("dn: x\nphoto:< file:///x"), Some(2));
        assert_eq!(fault("dn: x\nchangetype: modify"), Some(2));
        assert_eq!(fault("dn: x\ncn: a\0b"), Some(2));
        assert_eq!(fault("dn: x\ncn: a\rb"), Some(2));
        assert_eq!(fault("dn:: YQBi\ncn: a"), Some(1));
        assert_eq!(fault(&format!("dn: x\ncn: {}", "x".repeat(LINE_BYTES_MAX))), Some(2));
        assert_eq!(fault(&format!("dn: x\ncn: {}", "x\n ".repeat(LINE_BYTES_MAX))), Some(2));
    }

    #[test]
    fn lines_are_read_back() {
        for value in ["amy", " amy", "amy ", ":amy", "\u{c4}my", "a\nb", &"long ".repeat(40), ""] {
            let text = format!("dn: x\n{}\n", ldif_line("cn", value));
            assert!(text.lines().all(|line| line.len() <= FOLD_AT), "{text}");
            assert_eq!(read_ldif(text.as_bytes()).unwrap()[0].values[0].1, value);
        }
    }

    #[test]
    fn names_have_parts() {
        assert_eq!(dn_parts("UID=a\\,b, O = X"), ["uid=a,b", "o=x"]);
        assert_eq!(dn_parts(&format!("o={},dc=y", dn_value("a,b"))), ["o=a,b", "dc=y"]);
    }

    #[test]
    fn certificates_go_out_and_come_back_as_bytes() {
        let der = [0x30, 0x82, 0xff, 0xfe, 0x00];
        let text = STANDARD.encode(der);
        let line = attribute_line("userCertificate", &text);
        assert_eq!(line, format!("userCertificate;binary:: {text}"));
        assert_eq!(attribute_line("userCertificate", "no base64"), "userCertificate: no base64");
        let read = |line: &str| read_ldif(format!("dn: x\n{line}\n").as_bytes()).unwrap().remove(0);
        let entry = read(&line);
        assert_eq!(entry.values, [("userCertificate".to_owned(), text)]);
        assert_eq!(entry.binary, 0);
        let long = read(&attribute_line("userCertificate", &STANDARD.encode([0xff; 4_000])));
        assert_eq!((long.values.len(), long.binary), (0, 1), "left out and counted");
        assert_eq!(read("jpegPhoto:: /w==").binary, 1);
    }
}
