//! The named limits of a service's connections.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A connection whose client takes none of the output for this long is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A TLS handshake not finished after this long is given up.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Sessions that are not finished this long after the stop signal are cut.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How long a closed connection waits for the client's own close, so that unread input does not
/// reset the connection and destroy the last reply on its way (RFC 1122 section 4.2.2.13).
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Bytes thrown away at most while lingering; a client that sends more is cut.
pub(crate) const LINGER_BYTES: usize = 256 * 1024;

/// How long a client over the limit is given to take the message that says so, the TLS handshake
/// included.
pub(crate) const REFUSAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Clients over the limit that are told so at once; the others are closed without a word.
pub(crate) const REFUSALS_AT_ONCE: usize = 64;

/// Pause after `accept` failed (no descriptors, no memory), so that the loop does not spin.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Failures of `accept` are logged at most once in this time.
pub(crate) const ACCEPT_LOG_EVERY: Duration = Duration::from_secs(5);

/// Silence after which the kernel asks whether a TCP peer is still there. Long, because each probe
/// wakes a sleeping phone.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_secs(10 * 60);

/// Time between unanswered TCP keep-alive probes.
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// Unanswered TCP keep-alive probes after which the peer is gone.
pub(crate) const KEEPALIVE_PROBES: u32 = 5;

/// Bytes asked of the socket at a time.
pub(crate) const READ_BYTES: usize = 16 * 1024;

/// Output of consecutive [`crate::session::Next::Continue`] steps is gathered up to this many bytes
/// before it is sent.
pub(crate) const MERGE_BYTES: usize = 16 * 1024;

/// Steps in a row after which a session lets the other connections of its thread run.
pub(crate) const STEPS_PER_TURN: u32 = 16;

/// How many connections an address may have.
#[derive(Clone)]
pub struct AddressLimit(Arc<dyn Fn(IpAddr) -> Option<u64> + Send + Sync>);

impl AddressLimit {
    /// A rule that knows the limit of an address; `None` is no limit.
    pub fn new(rule: impl Fn(IpAddr) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    pub(crate) fn of(&self, address: IpAddr) -> Option<u64> {
        (self.0)(address)
    }
}

impl fmt::Debug for AddressLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressLimit")
    }
}

/// Limits of one service in this process.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections open at once (`*.maxsessions`).
    pub max_sessions: u32,
    /// How many connections an address may have, over all processes; `None` for as many as it likes.
    pub per_address: Option<AddressLimit>,
    /// Threads for steps that may block, which is how many of them execute at once (`*.maxthreads`).
    pub max_threads: u32,
    /// See [`WRITE_TIMEOUT`].
    pub write_timeout: Duration,
    /// See [`HANDSHAKE_TIMEOUT`].
    pub handshake_timeout: Duration,
    /// See [`SHUTDOWN_GRACE`].
    pub shutdown_grace: Duration,
}

impl Limits {
    /// Limits with the usual times. Zero is taken as one.
    pub fn new(max_sessions: u32, max_threads: u32) -> Self {
        Self {
            max_sessions: max_sessions.max(1),
            per_address: None,
            max_threads: max_threads.max(1),
            write_timeout: WRITE_TIMEOUT,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            shutdown_grace: SHUTDOWN_GRACE,
        }
    }
}
