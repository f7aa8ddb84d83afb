//! An IMAP and POP3 client that waits without a thread.

use crate::support::{PASSWORD, PATIENCE};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What a client talks over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// One connection. Its greeting has been read.
pub(crate) struct Client {
    wire: BufReader<Box<dyn Wire>>,
    pub(crate) greeting: String,
}

impl Client {
    pub(crate) async fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Self::over(stream).await
    }

    pub(crate) async fn over(wire: impl Wire + 'static) -> io::Result<Self> {
        // A small buffer: a thousand clients live in the test too.
        let wire: Box<dyn Wire> = Box::new(wire);
        let mut client =
            Self { wire: BufReader::with_capacity(1_024, wire), greeting: String::new() };
        client.greeting = client.line().await?;
        Ok(client)
    }

    /// The next line; an error at the end, and when nothing comes for too long.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.wire.read_line(&mut line)).await;
        match read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    /// Waits for a line for as long as it takes.
    pub(crate) async fn wait(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.wire.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.wire.write_all(text.as_bytes()).await?;
        self.wire.flush().await
    }

    /// Sends a line; answers with the next one.
    pub(crate) async fn say(&mut self, line: &str) -> io::Result<String> {
        self.send(&format!("{line}\r\n")).await?;
        self.line().await
    }

    /// Sends an IMAP command; answers with its lines up to the tagged one, which is the last.
    pub(crate) async fn command(&mut self, command: &str) -> io::Result<Vec<String>> {
        self.send(&format!("t {command}\r\n")).await?;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let is_last = line.starts_with("t ");
            lines.push(line);
            if is_last {
                return Ok(lines);
            }
        }
    }

    /// A command that must succeed; an error that shows the refusal otherwise.
    pub(crate) async fn ok(&mut self, command: &str) -> io::Result<Vec<String>> {
        let lines = self.command(command).await?;
        let last = lines.last().map_or("", String::as_str);
        if last.starts_with("t OK") { Ok(lines) } else { Err(io::Error::other(last.to_owned())) }
    }

    pub(crate) async fn log_in(&mut self, user: &str) -> io::Result<()> {
        self.ok(&format!("LOGIN {user} {PASSWORD}")).await.map(drop)
    }

    /// Opens INBOX and waits for changes from now on.
    pub(crate) async fn idle(&mut self) -> io::Result<()> {
        self.ok("SELECT INBOX").await?;
        let reply = self.say("t IDLE").await?;
        if reply.starts_with('+') { Ok(()) } else { Err(io::Error::other(reply)) }
    }

    pub(crate) async fn append(&mut self, mailbox: &str, subject: &str) -> io::Result<()> {
        let message = format!("From: a@example.net\r\nSubject: {subject}\r\n\r\nText.\r\n");
        let append = format!("APPEND {mailbox} {{{}+}}\r\n{message}", message.len());
        self.ok(&append).await.map(drop)
    }

    /// The subjects of all messages of a mailbox.
    pub(crate) async fn subjects(&mut self, mailbox: &str) -> io::Result<Vec<String>> {
        let opened = self.ok(&format!("EXAMINE {mailbox}")).await?;
        if opened.iter().any(|line| line == "* 0 EXISTS\r\n") {
            return Ok(Vec::new());
        }
        let fetched = self.ok("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]").await?;
        let subjects = fetched.iter().filter_map(|line| line.strip_prefix("Subject: "));
        Ok(subjects.map(|subject| subject.trim_end().to_owned()).collect())
    }
}
