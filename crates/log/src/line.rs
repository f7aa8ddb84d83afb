//! One line: `time level process[pid] text`, whoever wrote it.

use crate::limits::{LINE_BYTES, TEXT_BYTES};
use crate::stamp::{self, IN_LINES_BYTES};
use std::fmt::{self, Write as _};

/// How severe an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may fail, or a client was refused.
    Warning,
    /// What the server did.
    Information,
    /// For those who look for a fault of the server.
    Debug,
}

impl Level {
    const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Information, Self::Debug];

    /// The word in a line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARN",
            Self::Information => "INFO",
            Self::Debug => "DEBUG",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// The parts of a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// How severe it is.
    pub level: Level,
    /// The role of the process that wrote it.
    pub process: &'a str,
    /// Its process number.
    pub pid: u32,
    /// All after that.
    pub text: &'a str,
}

impl<'a> Line<'a> {
    /// Takes a line apart; `None` when it is not one of the log's.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        stamp::time_of_line(line)?;
        let mut words = line.get(IN_LINES_BYTES + 1..)?.splitn(3, ' ');
        let level = Level::named(words.next()?)?;
        let (process, rest) = words.next()?.split_once('[')?;
        let pid = rest.strip_suffix(']')?.parse().ok()?;
        Some(Self { level, process, pid, text: words.next().unwrap_or_default() })
    }
}

/// Makes what a process said a line: as it is when it is one of that process, otherwise with a start.
/// The runtime's own last words come without one, and nobody may speak for another process.
pub(crate) fn adopt(said: Vec<u8>, process: &str, pid: u32) -> Vec<u8> {
    let is_own = Line::parse(&said).is_some_and(|line| line.process == process && line.pid == pid);
    if is_own && said.len() <= LINE_BYTES && !said.iter().any(u8::is_ascii_control) {
        return said;
    }
    let start = stamp::start_of(stamp::now(), Level::Error.name(), process, pid);
    format!("{start} {}", OneLine(&String::from_utf8_lossy(&said))).into_bytes()
}

/// Text without control characters and without those that change where text is shown, so that no event can
/// look like two or like another, and not longer than a line.
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_plain && self.0.len() <= TEXT_BYTES {
            // As nearly every text is.
            return f.write_str(self.0);
        }
        let mut left = TEXT_BYTES;
        for char in self.0.chars() {
            let escaped = moves_text(char).then(|| char.escape_default());
            let bytes = escaped.as_ref().map_or_else(|| char.len_utf8(), ExactSizeIterator::len);
            let Some(rest) = left.checked_sub(bytes) else { return f.write_str(" ...") };
            left = rest;
            match escaped {
                Some(escaped) => write!(f, "{escaped}")?,
                None => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// Control characters, line and paragraph separators, and marks of direction.
fn moves_text(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(char, '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn events_stay_on_one_line() {
        assert_eq!(OneLine("a\r\nb\u{7f}é").to_string(), "a\\r\\nb\\u{7f}é");
        assert_eq!(OneLine("a\u{202e}b\u{2028}c").to_string(), "a\\u{202e}b\\u{2028}c");
        for text in ["é", "\u{7f}", "\n"] {
            let line = OneLine(&text.repeat(TEXT_BYTES)).to_string();
            assert!(line.ends_with(" ...") && line.len() <= TEXT_BYTES + 4, "{}", line.len());
        }
    }

    #[test]
    fn a_line_is_taken_apart() {
        let line = Line::parse(b"2026-02-03T04:05:06.007Z WARN popd[7] login failed user=\"a b\"");
        let text = "login failed user=\"a b\"";
        assert_eq!(line.unwrap(), Line { level: Level::Warning, process: "popd", pid: 7, text });
        let others: [&[u8]; 5] = [
            b"memory allocation of 9 bytes failed",
            b"2026-02-03T04:05:06.007Z LOUD popd[7] x",
            b"2026-02-03T04:05:06.007Z INFO popd[x] x",
            b"2026-02-03T04:05:06.007Z INFO popd",
            b"2026-02-03T04:05:06.007Z \xff",
        ];
        assert!(others.iter().all(|other| Line::parse(other).is_none()));
    }

    #[test]
    fn what_does_not_look_like_a_line_becomes_one() {
        let own = b"2026-02-03T04:05:06.007Z INFO popd[7] ready".to_vec();
        assert_eq!(adopt(own.clone(), "popd", 7), own);
        for said in [&b"thread 'main' has overflowed\tits stack\xff"[..], &own] {
            let adopted = adopt(said.to_vec(), "imapd", 9);
            let line = Line::parse(&adopted).unwrap();
            assert_eq!((line.level, line.process, line.pid), (Level::Error, "imapd", 9));
        }
        let forged = [&own[..], b"\r", &own[..]].concat();
        let adopted = adopt(forged, "popd", 7);
        assert!(Line::parse(&adopted).unwrap().text.contains("ready\\r"));
    }
}
