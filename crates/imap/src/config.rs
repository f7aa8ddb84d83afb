//! What an administrator decides about the IMAP service, and the limits that nobody needs to set.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Failed logins after which the connection is closed.
pub const LOGIN_FAILURES_MAX: u8 = 4;
/// How long a connection may live without a login.
pub const LOGIN_TIME: Duration = Duration::from_secs(60);
/// The least autologout time after login (RFC 3501 section 5.4).
pub const IDLE_TIMEOUT_MIN: Duration = Duration::from_secs(30 * 60);

/// Settings of the IMAP service. A session shows what it began with; times and sizes change under it.
#[derive(Debug, Clone)]
pub struct Config {
    /// The text of the greeting, placeholders (such as the host's name) already filled in.
    pub banner: String,
    /// The product's name in the ID response.
    pub product: String,
    /// The product's version in the ID response.
    pub version: String,
    /// How long a logged-in client may be silent, also in IDLE.
    pub idle_timeout: Duration,
    /// The largest message that APPEND takes, in bytes.
    pub max_message_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            banner: "Waypost IMAP4rev1 service ready".to_owned(),
            product: "Waypost".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            idle_timeout: IDLE_TIMEOUT_MIN,
            max_message_bytes: waypost_store::limits::MESSAGE_BYTES,
        }
    }
}

/// Settings that can be replaced while the service runs.
#[derive(Debug, Default)]
pub struct SharedConfig(RwLock<Arc<Config>>);

impl SharedConfig {
    /// Starts with these settings.
    pub fn new(config: Config) -> Self {
        Self(RwLock::new(Arc::new(config)))
    }

    /// The settings for a session that begins now.
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the settings: times and sizes for every session, the rest for those that begin later.
    pub fn replace(&self, config: Config) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}
