//! The words of a filter: services before the colon, clients behind it.

use crate::connection::{Connection, Whose};
use crate::fault::Fault;
use crate::host::{HostPattern, is_all};
use crate::list::Word;
use crate::truth::Truth;

/// The services that filters speak of; some of them are another server's.
pub const SERVICES: [&str; 11] =
    ["http", "https", "imap", "imaps", "lmtp", "pop", "pops", "smime", "smtp", "smtps", "submit"];

/// How a filter is read that is no fault of grammar, but does not do what its writer may think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It is refused: the writer is there to hear it.
    Strict,
    /// It stands. What cannot be known grants nothing and refuses where a rule that denies names it.
    Tolerant,
}

/// `service` or `service@host`: the host is the server that the client has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceSpec {
    /// `None` is every service.
    service: Option<String>,
    host: Option<HostPattern>,
}

impl ServiceSpec {
    pub(crate) fn parse(word: Word<'_>, reading: Reading) -> Result<Self, Fault> {
        let Word { text, at } = word;
        let (service, host) = match text.split_once('@') {
            Some((service, host)) => (service, Some((host, at + service.len() + 1))),
            None => (text, None),
        };
        let host = host.map(|(host, at)| HostPattern::parse(host, at)).transpose()?;
        if is_all(service) {
            return Ok(Self { service: None, host });
        }
        let service = service.to_ascii_lowercase();
        let is_word = !service.is_empty()
            && service.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_known = is_word && (reading == Reading::Tolerant || SERVICES.contains(&&*service));
        if is_known {
            return Ok(Self { service: Some(service), host });
        }
        Err(Fault::new(at, format!("there is no such service; it is ALL, {}", SERVICES.join(", "))))
    }

    pub(crate) fn matches(&self, connection: &Connection) -> Truth {
        let is_meant = self.service.as_ref().is_none_or(|own| own == connection.service);
        let host = self.host.as_ref();
        Truth::from(is_meant)
            .and(|| host.map_or(Truth::Yes, |host| host.matches(connection, Whose::Server)))
    }
}

/// `host`, `user@host` or `@netgroup`. Nobody asks the client's host who the user is, and there are no
/// netgroups, so of both only wildcards are certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientSpec {
    who: Truth,
    host: HostPattern,
}

impl ClientSpec {
    pub(crate) fn parse(word: Word<'_>, reading: Reading) -> Result<Self, Fault> {
        let Word { text, at } = word;
        match text.split_once('@') {
            None => Ok(Self { who: Truth::Yes, host: HostPattern::parse(text, at)? }),
            // No netgroup's name begins with a dot: the documented `@.example.com` is anybody there.
            Some(("", host)) if host.starts_with('.') => {
                Ok(Self { who: Truth::Yes, host: HostPattern::parse(host, at + 1)? })
            }
            Some(("", netgroup)) => {
                if reading == Reading::Strict || netgroup.is_empty() {
                    return Err(Fault::new(
                        at,
                        "netgroups are not supported; name the hosts or their networks",
                    ));
                }
                Ok(Self { who: Truth::Maybe, host: HostPattern::All })
            }
            Some((user, host)) => {
                let host = HostPattern::parse(host, at + user.len() + 1)?;
                let who = if is_all(user) || user.eq_ignore_ascii_case("UNKNOWN") {
                    Truth::Yes
                } else {
                    Truth::Maybe
                };
                if who == Truth::Maybe && reading == Reading::Strict {
                    return Err(Fault::new(
                        at,
                        "users on the client's host cannot be told apart, as nobody asks an identd; leave out \
                         the user",
                    ));
                }
                Ok(Self { who, host })
            }
        }
    }

    pub(crate) fn matches(&self, connection: &Connection) -> Truth {
        self.who.and(|| self.host.matches(connection, Whose::Client))
    }
}
