//! Plays a text script against a session in memory.

use super::memory::{Memory, MemoryError};
use crate::session::{ClientFacts, ConnectionFacts, Session, TlsFacts};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Key length that `STARTTLS` without a number stands for, in bits.
const CIPHER_BITS: u16 = 256;

/// The most bytes of unread output that an error shows.
const SHOWN_BYTES: usize = 400;

/// A client's talk with one session; several scripts may follow each other.
pub struct Dialogue<S: Session> {
    memory: Memory<S>,
}

/// Where a script and the session differ.
pub struct DialogueError {
    file: String,
    line: usize,
    expected: String,
    actual: String,
}

impl fmt::Display for DialogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, expected, actual } = self;
        write!(f, "{file}:{line}:\n  expected: {expected}\n  actual:   {actual}")
    }
}

/// As it is displayed, so that a failing test shows it readably.
impl fmt::Debug for DialogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for DialogueError {}

impl<S: Session> Dialogue<S> {
    /// Opens a session in the clear.
    ///
    /// # Errors
    /// When the greeting step misbehaves.
    pub fn open(make: impl FnOnce(ConnectionFacts) -> S) -> Result<Self, MemoryError> {
        Ok(Self { memory: Memory::open(None, make)? })
    }

    /// Opens a session on a port that begins with TLS.
    ///
    /// # Errors
    /// When the greeting step misbehaves.
    pub fn open_tls(make: impl FnOnce(ConnectionFacts) -> S) -> Result<Self, MemoryError> {
        Ok(Self { memory: Memory::open(Some(TlsFacts::without_client(CIPHER_BITS)), make)? })
    }

    /// Opens a session on a port that begins with TLS, of a client that has shown a certificate.
    ///
    /// # Errors
    /// When the greeting step misbehaves.
    pub fn open_certified(
        client: ClientFacts,
        make: impl FnOnce(ConnectionFacts) -> S,
    ) -> Result<Self, MemoryError> {
        let facts = TlsFacts { cipher_bits: CIPHER_BITS, client: Some(client) };
        Ok(Self { memory: Memory::open(Some(facts), make)? })
    }

    /// The session underneath, for what a script cannot say.
    pub fn memory(&mut self) -> &mut Memory<S> {
        &mut self.memory
    }

    /// Plays the script in a file.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Dialogue::play`].
    pub fn play_file(&mut self, path: &Path) -> Result<(), DialogueError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(script) => self.play(&file, &script),
            Err(error) => Err(DialogueError {
                file,
                line: 0,
                expected: "a script".to_owned(),
                actual: error.to_string(),
            }),
        }
    }

    /// Plays a script; `file` names it in errors.
    ///
    /// # Errors
    /// At the first line with which the session does not agree.
    pub fn play(&mut self, file: &str, script: &str) -> Result<(), DialogueError> {
        let at = |line, unmet: Unmet| DialogueError {
            file: file.to_owned(),
            line,
            expected: unmet.expected,
            actual: unmet.actual,
        };
        let mut last = 0;
        for (line, text) in (1..).zip(script.lines()) {
            self.play_line(text).map_err(|unmet| at(line, unmet))?;
            last = line;
        }
        self.quiet("the end of the script").map_err(|unmet| at(last, unmet))
    }

    fn play_line(&mut self, text: &str) -> Result<(), Unmet> {
        if text.trim().is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let done = match word {
            "C:" => self.memory.send(format!("{rest}\r\n").as_bytes()),
            "C~" => self.memory.send(&unescape(rest)?),
            "S:" => return self.expect_line(text, &Pattern::new(rest, "{*}")),
            "S*" => return self.expect_line(text, &Pattern::new(rest, "*")),
            "S>" => return self.skip_to(text, &Pattern::new(rest, "{*}")),
            "S~" => return self.expect_bytes(text, &unescape(rest)?),
            "QUIET" => return self.quiet(text),
            "CLOSE" => return self.closed(text),
            "WAKE" => self.memory.wake(),
            "TIME" => self.memory.pass(duration(rest)?),
            "STARTTLS" => self.memory.start_tls(TlsFacts::without_client(bits(rest)?)),
            "EOF" => self.memory.end_input(),
            "SHUTDOWN" => self.memory.shut_down(),
            _ => return Err(Unmet::script("a known script word", text)),
        };
        done.map_err(|error| Unmet { expected: text.to_owned(), actual: error.to_string() })
    }

    fn expect_line(&mut self, wanted: &str, pattern: &Pattern<'_>) -> Result<(), Unmet> {
        let Some(line) = self.take_line() else { return Err(self.unmet(wanted)) };
        if pattern.matches(&line) {
            return Ok(());
        }
        Err(Unmet { expected: wanted.to_owned(), actual: format!("S: {}", shown(&line)) })
    }

    fn skip_to(&mut self, wanted: &str, pattern: &Pattern<'_>) -> Result<(), Unmet> {
        let mut skipped = Vec::new();
        while let Some(line) = self.take_line() {
            if pattern.matches(&line) {
                return Ok(());
            }
            skipped.push(shown(&line));
        }
        let actual = format!("no such line among: {}", skipped.join(" | "));
        Err(Unmet { expected: wanted.to_owned(), actual })
    }

    fn expect_bytes(&mut self, wanted: &str, bytes: &[u8]) -> Result<(), Unmet> {
        if !self.memory.output().starts_with(bytes) {
            return Err(self.unmet(wanted));
        }
        self.memory.output().drain(..bytes.len());
        Ok(())
    }

    fn quiet(&mut self, wanted: &str) -> Result<(), Unmet> {
        if self.memory.output().is_empty() {
            return Ok(());
        }
        Err(self.unmet(&format!("{wanted} (nothing more from the server)")))
    }

    fn closed(&mut self, wanted: &str) -> Result<(), Unmet> {
        self.quiet(wanted)?;
        if self.memory.is_closed() { Ok(()) } else { Err(self.unmet(wanted)) }
    }

    /// The next line without its CRLF. A bare LF does not end a line: no protocol here sends one.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let output = self.memory.output();
        let end = output.windows(2).position(|pair| pair == b"\r\n")?;
        let mut line: Vec<u8> = output.drain(..end + 2).collect();
        line.truncate(end);
        Some(line)
    }

    /// The difference between what was wanted and what waits to be read.
    fn unmet(&mut self, wanted: &str) -> Unmet {
        let state = if self.memory.is_closed() { "closed" } else { "open" };
        let output = self.memory.output();
        let actual = match output.as_slice() {
            [] => format!("(nothing; the connection is {state})"),
            some => format!("{} (unread; the connection is {state})", shown(some)),
        };
        Unmet { expected: wanted.to_owned(), actual }
    }
}

/// What a line of a script wanted and did not find.
struct Unmet {
    expected: String,
    actual: String,
}

impl Unmet {
    fn script(expected: &str, text: &str) -> Self {
        Self { expected: expected.to_owned(), actual: format!("script line {text:?}") }
    }
}

/// Fixed parts with anything between them.
struct Pattern<'a>(Vec<&'a str>);

impl<'a> Pattern<'a> {
    fn new(text: &'a str, anything: &str) -> Self {
        Self(text.split(anything).collect())
    }

    /// First part at the start, last part at the end, the others in order between: taking each at
    /// its first place leaves the most room for the rest.
    fn matches(&self, line: &[u8]) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return line.is_empty() };
        let Some(mut left) = line.strip_prefix(first.as_bytes()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        for part in middle {
            let Some(after) = after_first(left, part.as_bytes()) else { return false };
            left = after;
        }
        left.ends_with(last.as_bytes())
    }
}

fn after_first<'a>(text: &'a [u8], part: &[u8]) -> Option<&'a [u8]> {
    if part.is_empty() {
        return Some(text);
    }
    let at = text.windows(part.len()).position(|window| window == part)?;
    text.get(at + part.len()..)
}

fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..SHOWN_BYTES).unwrap_or(bytes);
    let more = if start.len() < bytes.len() { "..." } else { "" };
    let text = String::from_utf8_lossy(start);
    let text = text.replace('\r', "\\r").replace('\n', "\\n").replace('\0', "\\x00");
    format!("{text}{more}")
}

fn unescape(text: &str) -> Result<Vec<u8>, Unmet> {
    let mut bytes = Vec::new();
    let mut left = text.chars();
    while let Some(c) = left.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escaped = match left.next() {
            Some('r') => Some(b'\r'),
            Some('n') => Some(b'\n'),
            Some('t') => Some(b'\t'),
            Some('\\') => Some(b'\\'),
            Some('x') => hex_pair(&mut left),
            _ => None,
        };
        bytes.push(escaped.ok_or_else(|| Unmet::script("an escape \\r \\n \\t \\\\ \\xHH", text))?);
    }
    Ok(bytes)
}

fn hex_pair(left: &mut std::str::Chars<'_>) -> Option<u8> {
    let digits: String = left.by_ref().take(2).collect();
    if digits.len() == 2 { u8::from_str_radix(&digits, 16).ok() } else { None }
}

fn duration(text: &str) -> Result<Duration, Unmet> {
    let parsed = || {
        let text = text.trim().strip_prefix('+')?;
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at_checked(unit)?;
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
    };
    parsed().ok_or_else(|| Unmet::script("a time such as +30m (ms, s, m, h)", text))
}

fn bits(text: &str) -> Result<u16, Unmet> {
    match text.trim() {
        "" => Ok(CIPHER_BITS),
        number => number.parse().map_err(|_| Unmet::script("a number of cipher bits", text)),
    }
}
