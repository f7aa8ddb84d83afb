//! The connection that is judged: a service, and what is known of both ends.

use std::net::IpAddr;

/// The most names that one address is taken to have.
pub const NAMES_MAX: usize = 8;

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The service that the client wants: `imap`, `pop`, `lmtp`.
    pub service: &'static str,
    /// The client's end.
    pub client: End,
    /// The end on this server that the client has reached.
    pub server: End,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The client's.
    Client,
    /// This server's.
    Server,
}

impl Connection {
    /// The one end or the other.
    pub const fn end(&self, whose: Whose) -> &End {
        match whose {
            Whose::Client => &self.client,
            Whose::Server => &self.server,
        }
    }

    /// Takes in the names of an end.
    pub fn learn(&mut self, whose: Whose, names: Known) {
        match whose {
            Whose::Client => self.client.names = Some(names),
            Whose::Server => self.server.names = Some(names),
        }
    }
}

/// What is known of one end of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    address: Option<IpAddr>,
    names: Option<Known>,
}

impl End {
    /// An end with an address whose names nobody has asked for yet; none for a Unix socket.
    pub fn at(address: Option<IpAddr>) -> Self {
        let names = if address.is_none() { Some(Known::Unknown) } else { None };
        Self { address: address.map(|address| address.to_canonical()), names }
    }

    /// An end of which only a name is known.
    pub fn named(name: &str) -> Self {
        Self { address: None, names: Some(Known::names([name])) }
    }

    /// The address, IPv4 in its own family.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What was learnt of its names; `None` when nobody has asked.
    pub const fn names(&self) -> Option<&Known> {
        self.names.as_ref()
    }
}

/// What the name service says of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Names that lead back to the address: lower case, without a final dot.
    Names(Vec<String>),
    /// It has no name, or none was told in time.
    Unknown,
    /// It has names, and none of them leads back to it.
    Spoofed,
}

impl Known {
    /// Names that were found to lead back to the address, [`NAMES_MAX`] at most; none is [`Known::Unknown`].
    pub fn names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let plain = |name: S| name.as_ref().trim_end_matches('.').to_ascii_lowercase();
        let mut names: Vec<String> = names.into_iter().map(plain).collect();
        names.retain(|name| !name.is_empty());
        names.truncate(NAMES_MAX);
        if names.is_empty() { Self::Unknown } else { Self::Names(names) }
    }
}
