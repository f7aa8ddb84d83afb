//! A blocking line client, as thin as a generator needs.

use crate::tls::{Tls, TlsStream};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::ops::Range;
use std::time::Duration;

/// A peer that is silent for this long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes asked of the socket at a time. Large, so that the generator takes little of the machine it
/// shares with the server.
const READ_BYTES: usize = 256 * 1024;

/// The socket of a connection.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

/// A connection that speaks lines.
pub(crate) struct Client {
    stream: Stream,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were received and not taken yet.
    waiting: Range<usize>,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        Self::open(Stream::Plain(connect(address)?))
    }

    /// Connects with TLS and reads the greeting.
    pub(crate) fn connect_tls(address: &str, tls: &Tls) -> io::Result<Self> {
        Self::open(Stream::Tls(Box::new(tls.over(connect(address)?)?)))
    }

    fn open(stream: Stream) -> io::Result<Self> {
        let mut client = Self { stream, buffer: Vec::new(), waiting: 0..0 };
        client.line()?;
        Ok(client)
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Gives back the buffer of a connection that will be silent.
    pub(crate) fn rest(&mut self) {
        if self.waiting.is_empty() {
            (self.buffer, self.waiting) = (Vec::new(), 0..0);
        }
    }

    /// Reads a line without its line end.
    pub(crate) fn line(&mut self) -> io::Result<&[u8]> {
        let mut searched = 0;
        let end = loop {
            let waiting = self.buffer.get(self.waiting.clone()).unwrap_or_default();
            let found = waiting.get(searched..).and_then(|rest| memchr::memchr(b'\n', rest));
            if let Some(found) = found {
                break searched + found;
            }
            searched = waiting.len();
            self.fill()?;
        };
        let start = self.waiting.start;
        self.waiting.start += end + 1;
        let line = self.buffer.get(start..start + end).unwrap_or_default();
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Receives more behind what waits; an error when the peer has closed.
    fn fill(&mut self) -> io::Result<()> {
        if self.waiting.start > 0 {
            self.buffer.copy_within(self.waiting.clone(), 0);
            self.waiting = 0..self.waiting.len();
        }
        if self.buffer.len() < self.waiting.end + READ_BYTES {
            self.buffer.resize(self.waiting.end + READ_BYTES, 0);
        }
        let room = self.buffer.get_mut(self.waiting.end..).unwrap_or_default();
        match self.stream.read(room)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            came => {
                self.waiting.end += came;
                Ok(())
            }
        }
    }

    /// Drops so many bytes.
    fn skip(&mut self, mut bytes: usize) -> io::Result<()> {
        while bytes > self.waiting.len() {
            bytes -= self.waiting.len();
            self.waiting = 0..0;
            self.fill()?;
        }
        self.waiting.start += bytes;
        Ok(())
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
        self.finish_imap()
    }

    /// The same, where NO will do as well; BAD is an error.
    pub(crate) fn imap_any(&mut self, command: &str) -> io::Result<Answer> {
        self.send(format!("x {command}\r\n").as_bytes())?;
        self.answer(true)
    }

    /// Reads to the OK of a command that was sent with the tag `x`.
    pub(crate) fn finish_imap(&mut self) -> io::Result<Answer> {
        self.answer(false)
    }

    fn answer(&mut self, may_refuse: bool) -> io::Result<Answer> {
        let mut answer = Answer::default();
        loop {
            let line = self.line()?;
            if line.starts_with(b"x ") {
                let ended = line.starts_with(b"x OK") || may_refuse && line.starts_with(b"x NO");
                return if ended { Ok(answer) } else { Err(unexpected(line)) };
            }
            let literal = literal_size(line);
            if line.starts_with(b"* ") {
                answer.lines += 1;
                answer.exists = exists(line).unwrap_or(answer.exists);
            }
            if let Some(size) = literal {
                answer.literal_bytes += size as u64;
                self.skip(size)?;
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

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = match TcpStream::connect(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            connect_from_others(address)?
        }
        other => other?,
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Connects to a server on this host from the first other address of it that still has a free port: some
/// 28,000 connections use up those of one.
fn connect_from_others(address: &str) -> io::Result<TcpStream> {
    let server: SocketAddrV4 = address.parse().map_err(io::Error::other)?;
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for host in 2..=254 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0).into())?;
        match socket.connect(&server.into()) {
            Ok(()) => return Ok(socket.into()),
            Err(error) => result = Err(error),
        }
    }
    result
}

/// What an IMAP command brought.
#[derive(Default)]
pub(crate) struct Answer {
    /// Untagged responses.
    pub(crate) lines: u64,
    /// Bytes of literals.
    pub(crate) literal_bytes: u64,
    /// The last EXISTS, 0 without one.
    pub(crate) exists: u32,
}

fn exists(line: &[u8]) -> Option<u32> {
    let count = line.strip_prefix(b"* ")?.strip_suffix(b" EXISTS")?;
    std::str::from_utf8(count).ok()?.parse().ok()
}

fn literal_size(line: &[u8]) -> Option<usize> {
    let open = line.strip_suffix(b"}")?.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(&line[open + 1..line.len() - 1]).ok()?.parse().ok()
}

pub(crate) fn unexpected(line: &[u8]) -> io::Error {
    io::Error::other(format!("unexpected answer: {}", String::from_utf8_lossy(line)))
}
