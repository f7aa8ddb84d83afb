//! The POP3 service (RFC 1939 with CAPA, STLS, AUTH, UTF8 and response codes).
//!
//! A session shows the inbox as it was at login: a set of UIDs, whose ranks are the message numbers.
//! Nothing that others do changes that set, and nothing is removed before QUIT; then all deletions
//! are one mutation, and `+OK` leaves after the store has made it durable.
//!
//! There is no exclusive lock (RFC 1939 section 4 asks for one against changing message numbers):
//! each session keeps its own numbers, so `[IN-USE]` is never said and a phone never locks out a
//! desktop. A message that was fetched whole gets `\Seen` at the end of the session, as users of
//! webmail beside POP3 expect.

mod capability;
mod command;
mod job;
mod listing;
mod login;
mod maildrop;
mod reply;
mod retrieval;
mod session;
mod stuffing;
mod update;

pub use session::{Pop3Session, Reply};

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use waypost_auth::Authenticator;
use waypost_net::session::{ConnectionFacts, Refusal, Service};
use waypost_store::Store;

/// The named limits of the service.
pub mod limits {
    use std::time::Duration;

    /// A command line with its line end, in bytes. RFC 2449 section 4 asks for 255 at least; AUTH
    /// with an initial response needs this much.
    pub const LINE_BYTES: usize = waypost_auth::sasl::MAX_BASE64_BYTES + 32;
    /// Malformed, unknown and misplaced commands after which the session is ended.
    pub const ERRORS: u32 = 50;
    /// Failed logins after which the session is ended.
    pub const FAILED_LOGINS: u32 = 3;
    /// How long a connection may live before it has logged in.
    pub const LOGIN_TIME: Duration = Duration::from_secs(60);
    /// How long a client may be silent unless the configuration says otherwise; RFC 1939 section 3
    /// asks for this much at least.
    pub const IDLE_TIME: Duration = Duration::from_secs(10 * 60);
    /// Message rows read in one step at most.
    pub const ROWS_PER_STEP: usize = 4_000;
    /// Bytes of a message read from the store at a time.
    pub const READ_BYTES: usize = 32 * 1024;
    /// The first line of a reply, its line end left out, in bytes (RFC 2449 section 4: 512 with it).
    pub const REPLY_BYTES: usize = 510;
}

/// Settings; a change applies to the next command.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our name, in the goodbye.
    pub hostname: String,
    /// The text of the greeting, its substitutions made.
    pub banner: String,
    /// Our version, for the capability IMPLEMENTATION.
    pub version: String,
    /// How long a client that has logged in may be silent ([`limits::IDLE_TIME`]).
    pub idle_timeout: Duration,
}

/// Settings that running sessions see change.
pub type SharedConfig = Arc<RwLock<Arc<Config>>>;

/// The service: makes sessions.
pub struct Pop3Service {
    context: Arc<Context>,
}

/// What every session shares.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) auth: Authenticator,
    config: SharedConfig,
}

impl Context {
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pop3Service {
    /// A service over a store and an authenticator.
    pub fn new(store: Arc<dyn Store>, auth: Authenticator, config: SharedConfig) -> Self {
        Self { context: Arc::new(Context { store, auth, config }) }
    }
}

impl Service for Pop3Service {
    type Session = Pop3Session;

    fn name(&self) -> &'static str {
        reply::SERVICE
    }

    fn session(&self, facts: ConnectionFacts) -> Pop3Session {
        Pop3Session::new(Arc::clone(&self.context), facts)
    }

    fn too_many(&self, why: Refusal) -> &'static [u8] {
        match why {
            Refusal::Full => b"-ERR [SYS/TEMP] too many connections; try again later\r\n",
            Refusal::Crowded => {
                b"-ERR [SYS/TEMP] too many connections from your address; close some\r\n"
            }
            Refusal::Filtered => {
                b"-ERR [SYS/PERM] your address may not use this service; ask the administrator\r\n"
            }
        }
    }
}
