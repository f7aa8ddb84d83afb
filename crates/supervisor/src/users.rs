//! Who is logged in, as processes tell it and administrators read it: one line for each connection.

use std::fmt;
use std::net::SocketAddr;

/// The most bytes of lines of one process; with about 150 for each of 100,000 connections.
const USERS_BYTES: usize = 16 << 20;
/// Fields of a line.
const FIELDS: usize = 7;
/// The sign for "none".
const NONE: &str = "-";

/// A user's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Number of the connection in its process, as in logs.
    pub connection: u64,
    /// The account.
    pub account: String,
    /// How the user has logged in.
    pub mechanism: String,
    /// Key length of the TLS cipher in bits; 0 in the clear.
    pub tls_bits: u16,
    /// When the user has logged in, in seconds since 1970.
    pub since: u64,
    /// The client's address and port; `None` on a Unix socket.
    pub client: Option<SocketAddr>,
    /// The address and port that the client has reached.
    pub server: Option<SocketAddr>,
}

impl fmt::Display for UserRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, account, mechanism, tls_bits, since, .. } = self;
        let address = |one: Option<SocketAddr>| one.map_or_else(|| NONE.into(), |a| a.to_string());
        let (client, server) = (address(self.client), address(self.server));
        write!(f, "{connection}\t{account}\t{mechanism}\t{tls_bits}\t{since}\t{client}\t{server}")
    }
}

impl UserRow {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.splitn(FIELDS, '\t').collect();
        let [connection, account, mechanism, tls_bits, since, client, server] = fields.as_slice()
        else {
            return None;
        };
        Some(Self {
            connection: connection.parse().ok()?,
            account: (*account).to_owned(),
            mechanism: (*mechanism).to_owned(),
            tls_bits: tls_bits.parse().ok()?,
            since: since.parse().ok()?,
            client: client.parse().ok(),
            server: server.parse().ok(),
        })
    }
}

/// Lines that come in parts, for the last question that was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserParts {
    number: u64,
    text: Vec<u8>,
    whole: u64,
}

impl UserParts {
    /// Takes a part; one without bytes is the last.
    pub(crate) fn take(&mut self, number: u64, part: &[u8]) {
        if number != self.number {
            (self.number, self.text) = (number, Vec::new());
        }
        if part.is_empty() {
            self.whole = number;
        } else if self.text.len() + part.len() <= USERS_BYTES {
            self.text.extend(part);
        }
    }

    /// Whether the question of that number, or a later one, was answered.
    pub(crate) fn answers(&self, number: u64) -> bool {
        self.whole >= number
    }

    /// The rows; none that is not understood.
    pub(crate) fn rows(&self) -> Vec<UserRow> {
        String::from_utf8_lossy(&self.text).lines().filter_map(UserRow::parse).collect()
    }

    /// Forgets them: they may be many.
    pub(crate) fn clear(&mut self) {
        self.text = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(connection: u64) -> UserRow {
        UserRow {
            connection,
            account: "alice@other.example".to_owned(),
            mechanism: "PLAIN".to_owned(),
            tls_bits: 256,
            since: 1_700_000_000,
            client: Some("[2001:db8::1]:5000".parse().unwrap()),
            server: None,
        }
    }

    #[test]
    fn rows_come_back() {
        assert_eq!(UserRow::parse(&row(7).to_string()), Some(row(7)));
        assert_eq!(UserRow::parse("7\talice"), None);
    }

    #[test]
    fn parts_become_one_list_and_a_new_question_begins_anew() {
        let mut parts = UserParts::default();
        let text = format!("{}\n{}\n", row(1), row(2));
        let (first, second) = text.as_bytes().split_at(20);
        parts.take(5, first);
        assert!(!parts.answers(5));
        parts.take(5, second);
        parts.take(5, b"");
        assert!(parts.answers(5) && !parts.answers(6));
        assert_eq!(parts.rows(), [row(1), row(2)]);
        parts.take(6, b"");
        assert!(parts.answers(6) && parts.rows().is_empty());
    }

    #[test]
    fn a_process_cannot_fill_the_watcher() {
        let mut parts = UserParts::default();
        for _ in 0..20 {
            parts.take(1, &vec![b'x'; 1 << 20]);
        }
        assert!(parts.text.len() <= USERS_BYTES);
    }
}
