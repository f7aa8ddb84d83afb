//! A login attempt, the name in it, and the identity it ends in.

use crate::config::AuthConfig;
use crate::service_access::ServiceAccess;
use std::fmt;
use std::net::IpAddr;
use waypost_certmap::ClientCertificate;
use waypost_directory::{User, UserQuota};
use waypost_types::{AccountName, Secret};

/// The longest login name or authorization identity in bytes (RFC 4616 section 2).
pub const MAX_LOGIN_BYTES: usize = 255;

/// A service that users log in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// IMAP4
    Imap,
    /// POP3
    Pop3,
}

impl Service {
    /// The name in options, filters and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop",
        }
    }

    /// The option that says when passwords may be sent.
    pub(crate) const fn min_cipher_option(self) -> &'static str {
        match self {
            Self::Imap => "imap.plaintextmincipher",
            Self::Pop3 => "pop.plaintextmincipher",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client sent to log in, and how it is connected.
#[derive(Debug, Clone)]
pub struct LoginAttempt {
    /// The service.
    pub service: Service,
    /// The login name as sent; of a certificate its subject.
    pub login: String,
    /// The SASL authorization identity; `None` or empty asks for the login's own.
    pub authorization_id: Option<String>,
    /// What proves it.
    pub credential: Credential,
    /// The client's address; `None` on a Unix socket.
    pub peer: Option<IpAddr>,
    /// The bits of the TLS cipher's key; `None` without TLS.
    pub tls: Option<u32>,
}

/// What a login is proven by.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A password.
    Password(Secret<String>),
    /// A certificate.
    Certificate(PresentedCertificate),
}

/// A certificate whose key the client holds.
#[derive(Debug, Clone)]
pub struct PresentedCertificate {
    /// All of it, in DER.
    pub der: Vec<u8>,
    /// Why it is not trusted now, if so: no authority stands behind it, or its time is over.
    pub fault: Option<String>,
}

impl PresentedCertificate {
    /// The login attempt by this certificate.
    pub fn into_attempt(
        self,
        service: Service,
        authorization_id: Option<String>,
        peer: Option<IpAddr>,
        tls: Option<u32>,
    ) -> LoginAttempt {
        let read = ClientCertificate::read(&self.der);
        let subject = read.map(|certificate| certificate.subject().to_string());
        let login = subject.unwrap_or_default();
        let credential = Credential::Certificate(self);
        LoginAttempt { service, login, authorization_id, credential, peer, tls }
    }
}

impl LoginAttempt {
    /// What failures of it are counted by.
    pub(crate) fn counted_as(&self, config: &AuthConfig) -> Option<String> {
        match self.credential {
            Credential::Password(_) => {
                LoginName::parse(&self.login, config).map(|name| name.counted_as())
            }
            // A space and no domain: no login name is counted so.
            Credential::Certificate(_) => Some(format!("certificate {}", for_log(&self.login))),
        }
    }
}

/// Who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account whose mail is shown.
    pub account: AccountName,
    /// The uid, lower case.
    pub uid: String,
    /// The canonical domain, lower case.
    pub domain: String,
    /// The primary address.
    pub mail: String,
    /// The person's name.
    pub name: Option<String>,
    /// The store administrator who acts as this user; `None` when the user himself has logged in.
    pub acting: Option<AccountName>,
    /// What the entry said of quotas at login; [`crate::Authenticator::quota`] knows what it says now.
    pub(crate) quota: UserQuota,
    /// Which services the user may use, and from where.
    pub(crate) access: ServiceAccess,
}

impl From<User> for Identity {
    fn from(user: User) -> Self {
        Self {
            account: user.account,
            uid: user.uid,
            domain: user.domain,
            mail: user.mail,
            name: user.cn,
            acting: None,
            quota: user.quota,
            access: ServiceAccess::default(),
        }
    }
}

/// A login name split into its parts; these are folded to lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginName {
    /// As it was typed.
    pub(crate) typed: String,
    /// What stands before the separator.
    pub(crate) uid: String,
    /// What stands behind it, or the default domain.
    pub(crate) domain: String,
    /// Whether there was no separator.
    pub(crate) is_bare: bool,
}

impl LoginName {
    /// Splits a login name at the last separator. `None`: no directory can hold such a name.
    pub(crate) fn parse(text: &str, config: &AuthConfig) -> Option<Self> {
        if text.len() > MAX_LOGIN_BYTES || text.chars().any(char::is_control) {
            return None;
        }
        let separator = |c: char| config.login_separators.contains(c);
        let (uid, domain) = match text.rfind(separator) {
            None => (text, config.default_domain.as_str()),
            Some(at) => (&text[..at], text[at..].trim_start_matches(separator)),
        };
        if uid.is_empty() || domain.is_empty() {
            return None;
        }
        Some(Self {
            typed: text.to_owned(),
            uid: uid.to_lowercase(),
            domain: domain.to_lowercase(),
            is_bare: !text.contains(separator),
        })
    }

    /// What failures are counted by: the same for every way to write the name.
    pub(crate) fn counted_as(&self) -> String {
        format!("{}@{}", self.uid, self.domain)
    }

    /// Whether this is the name of `identity`.
    pub(crate) fn names(&self, identity: &Identity) -> bool {
        self.uid == identity.uid && self.domain == identity.domain
    }
}

/// A name from the peer, cut to what a log line can bear.
pub(crate) fn for_log(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_LOGIN_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authenticator::tests::config;

    fn split(text: &str, separators: &str) -> Option<(String, String)> {
        let config = AuthConfig { login_separators: separators.to_owned(), ..config() };
        LoginName::parse(text, &config).map(|name| (name.uid, name.domain))
    }

    fn parts(uid: &str, domain: &str) -> Option<(String, String)> {
        Some((uid.to_owned(), domain.to_owned()))
    }

    #[test]
    fn every_separator_splits_and_the_default_domain_fills_in() {
        assert_eq!(split("Alice", "@"), parts("alice", "example.com"));
        assert_eq!(split("alice@Other.example", "@"), parts("alice", "other.example"));
        assert_eq!(split("alice+other.example", "@+"), parts("alice", "other.example"));
        assert_eq!(split("alice+other.example", "@"), parts("alice+other.example", "example.com"));
        assert_eq!(split("a@b@other.example", "@"), parts("a@b", "other.example"));
        assert_eq!(split("alice", ""), parts("alice", "example.com"));
        assert_eq!(split("алиса→other.example", "→"), parts("алиса", "other.example"));
    }

    #[test]
    fn names_that_cannot_exist_are_none() {
        for bad in ["", "@", "alice@", "@other.example", "al\0ice", "alice\r\n"] {
            assert_eq!(split(bad, "@"), None, "{bad:?}");
        }
        assert_eq!(split(&"x".repeat(MAX_LOGIN_BYTES + 1), "@"), None);
    }
}
