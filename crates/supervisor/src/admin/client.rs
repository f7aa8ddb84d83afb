//! The administrator's side of the control socket.

use super::{Answer, END, Request};
use crate::limits::{ANSWER_BYTES, ANSWER_WAIT};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Why a request was not answered.
#[derive(Debug)]
pub enum AskError {
    /// No watcher listens there.
    NotRunning,
    /// The system does not let this user connect.
    Denied(io::Error),
    /// The connection failed, or the answer is not one of this version.
    Failed(io::Error),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the server is not running"),
            Self::Denied(error) => write!(
                f,
                "the watcher takes requests only from the user it runs as, and from root: {error}"
            ),
            Self::Failed(error) => write!(f, "the watcher did not answer: {error}"),
        }
    }
}

impl std::error::Error for AskError {}

/// Sends a request to the watcher whose control socket is `socket`, and waits until it is done.
///
/// # Errors
/// When there is no watcher, or it does not answer in time.
pub fn ask(socket: &Path, request: &Request) -> Result<Vec<Answer>, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning,
        io::ErrorKind::PermissionDenied => AskError::Denied(error),
        _ => AskError::Failed(error),
    })?;
    let text = exchange(&mut stream, request).map_err(AskError::Failed)?;
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.pop() != Some(END) {
        return Err(AskError::Failed(io::ErrorKind::UnexpectedEof.into()));
    }
    let unknown = || AskError::Failed(io::Error::other("its version is another one"));
    lines.into_iter().map(|line| Answer::parse(line).ok_or_else(unknown)).collect()
}

fn exchange(stream: &mut UnixStream, request: &Request) -> io::Result<String> {
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.set_write_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut text = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
