//! What the login pipeline needs from the configuration.

use crate::login::Service;
use std::time::Duration;

/// Settings of the login pipeline.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// `base.defaultdomain`: the domain of a login name that has none.
    pub default_domain: String,
    /// `base.loginseparator`: every character of it separates uid and domain.
    pub login_separators: String,
    /// `base.hostname`: users whose `mailHost` is another host are refused.
    pub hostname: String,
    /// `imap.plaintextmincipher` in bits: 0 accepts passwords in the clear, more asks for TLS with at least
    /// that many bits.
    pub imap_plaintext_min_cipher: u32,
    /// `pop.plaintextmincipher`, likewise.
    pub pop_plaintext_min_cipher: u32,
    /// `base.authcachettl`: how long a successful login is remembered; zero remembers none.
    pub remember_for: Duration,
    /// `base.authcachesize`: how many successful logins are remembered.
    pub remember_logins: usize,
}

impl AuthConfig {
    /// Whether a password may be sent on a connection with this many bits of TLS key, if any.
    pub fn password_allowed(&self, service: Service, tls_bits: Option<u32>) -> bool {
        let least = match service {
            Service::Imap => self.imap_plaintext_min_cipher,
            Service::Pop3 => self.pop_plaintext_min_cipher,
        };
        least == 0 || tls_bits.is_some_and(|bits| bits >= least)
    }
}
