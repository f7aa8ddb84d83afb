//! A client that speaks lines over TCP or a Unix socket, with time-outs.

use crate::PATIENCE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

/// The connection of a raw client.
pub struct LineClient {
    reader: BufReader<TcpStream>,
}

impl LineClient {
    /// Connects to a port of this host and reads the greeting.
    pub fn connect(port: u16) -> (Self, String) {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the port answers");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out can be set");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        let mut client = Self { reader: BufReader::new(stream) };
        let greeting = client.line();
        (client, greeting)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Reads a line without its end; empty at the end of the connection.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).expect("the server answers in time");
        String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
    }

    /// Sends a line and reads one.
    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n"));
        self.line()
    }

    /// Sends an IMAP command; reads up to its tagged line, which comes last. Literals are not told
    /// from lines.
    pub fn imap(&mut self, tag: &str, command: &str) -> Vec<String> {
        self.send(format!("{tag} {command}\r\n"));
        self.until(|line| line.starts_with(&format!("{tag} ")))
    }

    /// Reads the lines up to the first that `last` accepts, which comes last.
    ///
    /// # Panics
    /// When the connection ends before.
    pub fn until(&mut self, last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the connection ended after {lines:?}");
            let done = last(&line);
            lines.push(line);
            if done {
                return lines;
            }
        }
    }

    /// Reads until the server ends the connection.
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A reset instead of an end is as good: what counts is what came before.
        let _reset = self.reader.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends the sending half.
    pub fn close_sending(&mut self) {
        self.reader.get_mut().shutdown(Shutdown::Write).expect("a socket can be shut down");
    }
}
