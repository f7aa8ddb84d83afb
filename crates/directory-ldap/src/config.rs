//! How the directory is reached and what lies where in it.

use crate::tls;
use std::path::PathBuf;
use std::time::Duration;
use waypost_ldap_filter::Template;
use waypost_types::Secret;

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct LdapConfig {
    /// The servers, the preferred one first.
    pub hosts: Vec<LdapHost>,
    /// How connections are encrypted.
    pub security: Security,
    /// The certificates that a server's certificate may lead to, in PEM form; `None` takes the system's.
    pub ca_file: Option<PathBuf>,
    /// Who searches; `None` searches as nobody.
    pub identity: Option<BindIdentity>,
    /// The entry below which all users and, with [`DomainScheme::Native`], all domains lie.
    pub base_dn: String,
    /// How domains are found.
    pub domains: DomainScheme,
    /// The domain whose users have store ids without a domain.
    pub default_domain: String,
    /// How users are found in domains that have no `inetDomainSearchFilter`.
    pub search_filter: Template,
    /// How long connecting with TLS and bind may take.
    pub connect_timeout: Duration,
    /// How long one search or one check of a password may take.
    pub operation_timeout: Duration,
    /// How many connections search, and how many others check passwords.
    pub connections: usize,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapHost {
    /// Its name or address, without brackets.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// How connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    None,
    /// By `StartTLS` on the ordinary port; a server that refuses it is not used.
    StartTls,
    /// From the first byte (LDAPS).
    Ldaps,
}

impl Security {
    /// The port of servers that are written without one.
    pub const fn port(self) -> u16 {
        match self {
            Self::None | Self::StartTls => 389,
            Self::Ldaps => 636,
        }
    }
}

/// A name and a password to search with.
#[derive(Debug, Clone)]
pub struct BindIdentity {
    /// The name.
    pub dn: String,
    /// The password.
    pub password: Secret<String>,
}

/// How domains are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DomainScheme {
    /// There are no entries for domains: all users are of the default domain.
    Single,
    /// Schema 1: a tree of `dc` entries below this root leads to the users.
    DcTree {
        /// The root's name.
        root: String,
    },
    /// Schema 2: organisations name their domains themselves.
    Native,
}

impl LdapConfig {
    /// Whether the certificates of authorities can be read, where connections need them.
    ///
    /// # Errors
    /// A sentence that says which cannot, and why.
    pub fn check_authorities(&self) -> Result<(), String> {
        match self.security {
            Security::None => Ok(()),
            Security::StartTls | Security::Ldaps => {
                tls::settings(self.ca_file.as_deref()).map(drop)
            }
        }
    }
}

impl LdapHost {
    /// Reads `name`, `name:port`, `address`, `[v6]` or `[v6]:port`, several with spaces between them.
    ///
    /// # Errors
    /// The word that is no host.
    pub fn parse_list(text: &str, default_port: u16) -> Result<Vec<Self>, String> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words.map(|word| Self::parse(word, default_port).ok_or_else(|| word.to_owned())).collect()
    }

    fn parse(word: &str, default_port: u16) -> Option<Self> {
        let (name, port) = match word.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None if word.matches(':').count() > 1 => (word, ""),
            None => word.find(':').map_or((word, ""), |at| word.split_at(at)),
        };
        let port = match port {
            "" => default_port,
            port => port.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?,
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        (!name.is_empty() && name.chars().all(fits)).then(|| Self { name: name.to_owned(), port })
    }

    /// The host as a part of a URL.
    pub(crate) fn authority(&self) -> String {
        let Self { name, port } = self;
        if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn hosts_may_have_ports() {
        let hosts = LdapHost::parse_list("a.example  b:1389 [::1]:390 ::1 [2001:db8::1]", 389);
        let written: Vec<String> = hosts.unwrap().iter().map(LdapHost::authority).collect();
        let expected = ["a.example:389", "b:1389", "[::1]:390", "[::1]:389", "[2001:db8::1]:389"];
        assert_eq!(written, expected);
        for bad in ["a:b", "a:0", "a:99999", "[::1", "a/b", ":389", "ldap://a"] {
            assert_eq!(LdapHost::parse_list(bad, 389), Err(bad.to_owned()), "{bad}");
        }
    }
}
