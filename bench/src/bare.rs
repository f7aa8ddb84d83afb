//! A server that does nothing but answer: what connections, round trips and bytes alone cost on a machine.
//!
//! One thread of the runtime that Waypost uses, a task for each connection. It says as much as Waypost
//! does for LOGIN, LOGOUT, USER, PASS, STAT, RETR and QUIT, and knows no user and no mail.

use crate::Server;
use crate::load::message;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

/// Bytes asked of a socket at a time; no command of the generator is longer.
const READ_BYTES: usize = 4_096;

/// Messages that STAT claims.
const MESSAGES: u32 = 100;

/// What is answered, of the length that Waypost's answers have.
struct Answers {
    imap_greeting: Vec<u8>,
    login: Vec<u8>,
    pop_greeting: Vec<u8>,
    stat: Vec<u8>,
    message: Vec<u8>,
}

impl Answers {
    fn new(size: usize) -> Self {
        let mut message_text = b"+OK\r\n".to_vec();
        message_text.extend(message(size, 1));
        message_text.extend(b".\r\n");
        Self {
            imap_greeting: padded("* OK ", 131),
            login: padded("x OK ", 212),
            pop_greeting: padded("+OK ", 60),
            stat: format!("+OK {MESSAGES} {}\r\n", size as u64 * u64::from(MESSAGES)).into_bytes(),
            message: message_text,
        }
    }

    /// The answer to a line, and whether the connection ends with it.
    fn to(&self, line: &[u8]) -> (&[u8], bool) {
        let is = |command: &[u8]| line.starts_with(command);
        match line {
            _ if is(b"x LOGIN") => (&self.login, false),
            _ if is(b"x LOGOUT") => (b"* BYE Logging out\r\nx OK LOGOUT completed\r\n", true),
            _ if is(b"USER") || is(b"PASS") => (b"+OK welcome to a bare server\r\n", false),
            _ if is(b"STAT") => (&self.stat, false),
            _ if is(b"RETR") => (&self.message, false),
            _ if is(b"QUIT") => (b"+OK goodbye\r\n", true),
            _ => (b"-ERR unknown command\r\n", false),
        }
    }
}

/// A line of so many bytes that begins as asked.
fn padded(start: &str, bytes: usize) -> Vec<u8> {
    format!("{start:.<width$}\r\n", width = bytes.saturating_sub(2)).into_bytes()
}

/// Serves at the addresses for IMAP and POP3 until the process is ended.
pub(crate) fn run(server: &Server) -> io::Result<String> {
    let answers = Arc::new(Answers::new(server.size));
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let imap = TcpListener::bind(&server.imap).await?;
        let pop = TcpListener::bind(&server.pop).await?;
        tokio::try_join!(
            accept(imap, &answers, |answers| &answers.imap_greeting),
            accept(pop, &answers, |answers| &answers.pop_greeting)
        )
    })?;
    Ok(String::new())
}

async fn accept(
    listener: TcpListener,
    answers: &Arc<Answers>,
    greeting: fn(&Answers) -> &[u8],
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let answers = Arc::clone(answers);
        // A client that goes away is no concern of the others.
        tokio::spawn(async move { talk(stream, &answers, greeting(&answers)).await });
    }
}

async fn talk(mut stream: TcpStream, answers: &Answers, greeting: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(greeting).await?;
    let mut input = [0; READ_BYTES];
    loop {
        let came = stream.read(&mut input).await?;
        let (answer, is_last) = answers.to(input.get(..came).unwrap_or_default());
        if came == 0 {
            return Ok(());
        }
        stream.write_all(answer).await?;
        if is_last {
            stream.shutdown().await?;
        }
    }
}
