//! A blocking line client, as thin as a generator needs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A peer that is silent for this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that speaks lines.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut client =
            Self { reader: BufReader::with_capacity(64 * 1024, stream), line: Vec::new() };
        client.line()?;
        Ok(client)
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Reads a line without its line end.
    pub(crate) fn line(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line)?;
        let line = self.line.strip_suffix(b"\r\n").unwrap_or(&self.line);
        if line.is_empty() && self.line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }

    /// Reads a reply of SMTP form, continuation lines included; an error unless it begins as asked.
    pub(crate) fn expect(&mut self, start: &[u8]) -> io::Result<()> {
        loop {
            let line = self.line()?;
            if !line.starts_with(start) {
                return Err(unexpected(line));
            }
            if line.get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    /// Sends a tagged IMAP command and reads to its OK. Literals in the answers are counted and
    /// dropped. Answers how many untagged lines begin with `* ` and the bytes of literals.
    pub(crate) fn imap(&mut self, command: &str) -> io::Result<Answer> {
        self.send(format!("x {command}\r\n").as_bytes())?;
        let mut answer = Answer::default();
        loop {
            let line = self.line()?;
            if line.starts_with(b"x ") {
                let ok = line.starts_with(b"x OK");
                return if ok { Ok(answer) } else { Err(unexpected(line)) };
            }
            let literal = literal_size(line);
            if line.starts_with(b"* ") {
                answer.lines += 1;
            }
            if let Some(size) = literal {
                answer.literal_bytes += size;
                io::copy(&mut self.reader.by_ref().take(size), &mut io::sink())?;
            }
        }
    }

    /// Reads a POP3 multi-line reply; answers its bytes.
    pub(crate) fn pop_lines(&mut self) -> io::Result<u64> {
        self.expect(b"+OK")?;
        let mut bytes = 0;
        loop {
            let line = self.line()?;
            if line == b"." {
                return Ok(bytes);
            }
            bytes += line.len() as u64 + 2;
        }
    }
}

/// What an IMAP command brought.
#[derive(Default)]
pub(crate) struct Answer {
    /// Untagged responses.
    pub(crate) lines: u64,
    /// Bytes of literals.
    pub(crate) literal_bytes: u64,
}

fn literal_size(line: &[u8]) -> Option<u64> {
    let open = line.strip_suffix(b"}")?.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&line[open + 1..line.len() - 1]).ok()?.parse().ok()
}

pub(crate) fn unexpected(line: &[u8]) -> io::Error {
    io::Error::other(format!("unexpected answer: {}", String::from_utf8_lossy(line)))
}
