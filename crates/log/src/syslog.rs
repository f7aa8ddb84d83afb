//! The system's log: datagrams to a Unix socket, which syslog daemons and the journal read.
//!
//! A message is `<priority>waypost-imapd[pid]: text`, the local form of RFC 3164: without a time, because
//! the receiver stamps what it gets, and the journal knows no other form.

use crate::limits::{RETRY_PAUSE, SYSLOG_TIME};
use crate::line::{Level, Line};
use crate::settings::Facility;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use time::OffsetDateTime;

/// Where the system's log listens.
const SOCKET: &str = "/dev/log";

/// The link to the system's log.
pub(crate) struct Syslog {
    facility: Facility,
    path: PathBuf,
    socket: Option<UnixDatagram>,
    failed: Option<OffsetDateTime>,
}

impl Syslog {
    /// Nothing is opened yet.
    pub(crate) fn new(facility: Facility) -> Self {
        Self::at(facility, PathBuf::from(SOCKET))
    }

    pub(crate) fn at(facility: Facility, path: PathBuf) -> Self {
        Self { facility, path, socket: None, failed: None }
    }

    /// Sends a line. A receiver that was started anew is found again at once, one that is gone is looked
    /// for once in a while.
    ///
    /// # Errors
    /// When nobody took it.
    pub(crate) fn write(&mut self, line: &[u8], now: OffsetDateTime) -> io::Result<()> {
        let pause = |failed| now >= failed && now - failed < RETRY_PAUSE;
        if self.failed.is_some_and(pause) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let message = self.message(line);
        let mut sent = self.send(&message);
        if sent.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            self.socket = None;
            sent = self.send(&message);
        }
        self.failed = sent.is_err().then_some(now);
        sent
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        self.socket.insert(socket).send(message).map(drop)
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SYSLOG_TIME))?;
        socket.connect(&self.path)?;
        Ok(socket)
    }

    fn message(&self, line: &[u8]) -> Vec<u8> {
        let Some(Line { level, process, pid, text }) = Line::parse(line) else {
            let priority = self.facility.priority(severity(Level::Error));
            return [format!("<{priority}>waypost: ").as_bytes(), line].concat();
        };
        let priority = self.facility.priority(severity(level));
        let tag = if process == "waypost" { "" } else { "waypost-" };
        format!("<{priority}>{tag}{process}[{pid}]: {text}").into_bytes()
    }
}

/// The number of a level (RFC 3164 section 4.1.1).
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warning => 4,
        Level::Information => 6,
        Level::Debug => 7,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::time::Duration;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-02-03 12:00 UTC);
    const LINE: &[u8] = b"2026-02-03T12:00:00.000Z WARN imapd[7] login failed peer=[::1]:9";

    fn receive(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 1_000];
        socket.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn lines_arrive_also_when_the_receiver_was_started_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = Syslog::at(Facility::named("mail").unwrap(), path.clone());
        let at = |millis: i64| START + time::Duration::milliseconds(millis);
        assert!(syslog.write(LINE, at(0)).is_err());
        let receiver = UnixDatagram::bind(&path).unwrap();
        assert!(syslog.write(LINE, at(999)).is_err(), "not looked for again so soon");
        syslog.write(LINE, at(1_000)).unwrap();
        assert_eq!(receive(&receiver), "<20>waypost-imapd[7]: login failed peer=[::1]:9");

        drop(receiver);
        std::fs::remove_file(&path).unwrap();
        let receiver = UnixDatagram::bind(&path).unwrap();
        syslog.write(b"2026-02-03T12:00:00.000Z INFO waypost[1] ready", at(1_001)).unwrap();
        assert_eq!(receive(&receiver), "<22>waypost[1]: ready");
    }

    #[test]
    fn a_receiver_that_does_not_read_is_given_up_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let _receiver = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(Facility::named("mail").unwrap(), path);
        let sent = (0..10_000).take_while(|_| syslog.write(LINE, START).is_ok()).count();
        assert!(sent < 10_000);
        let before = std::time::Instant::now();
        assert!((0..1_000).all(|_| syslog.write(LINE, START).is_err()));
        assert!(before.elapsed() < SYSLOG_TIME, "every line waited");
    }
}
