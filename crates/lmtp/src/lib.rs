//! The LMTP service (RFC 2033): local delivery with a reply per recipient.
//!
//! One message becomes one [`waypost_store::Mutation::Deliver`] for all its recipients; each reply
//! after the final dot is that recipient's own result, sent after the store has made it durable.

mod command;
mod data;
mod delivery;
mod known;
mod path;
mod reply;
mod session;
mod transaction;

pub use delivery::trace_lines;
pub use session::LmtpSession;

use known::KnownRecipients;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use waypost_directory::{Directory, QuotaRules};
use waypost_net::session::{ConnectionFacts, Refusal, Service};
use waypost_store::Store;
use waypost_types::{AccountName, OverQuota, QuotaLimits, Usage};

/// The named limits of the service.
pub mod limits {
    /// A command line with its line end, in bytes (RFC 5321 section 4.5.3.1.4 asks for 512, the
    /// extensions for more).
    pub const COMMAND_BYTES: usize = 2_048;
    /// Recipients of one message.
    pub const RECIPIENTS: usize = waypost_store::limits::RECIPIENTS;
    /// Bytes of a message handed to the store at a time.
    pub const CHUNK_BYTES: usize = 64 * 1024;
    /// Refused commands after which the session is ended; declined recipients do not count.
    pub const ERRORS: u32 = 100;
    /// Transactions of one session; then the client is asked to connect anew.
    pub const TRANSACTIONS: u32 = 10_000;
}

/// Settings; a change applies to the next command.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our name in the greeting and in trace lines.
    pub hostname: String,
    /// The largest message in bytes, trace lines included (SIZE, RFC 1870).
    pub max_message_bytes: u64,
    /// How long the client may be silent (RFC 5321 section 4.5.3.2.7 asks for 5 minutes).
    pub idle_timeout: Duration,
    /// The server's part of quotas.
    pub quota: QuotaRules,
}

/// Settings that running sessions see change.
pub type SharedConfig = Arc<RwLock<Arc<Config>>>;

/// The service: makes sessions.
pub struct LmtpService {
    context: Arc<Context>,
}

/// What every session shares.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) known: KnownRecipients,
    config: SharedConfig,
}

impl Context {
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether `added` fits beside what the account holds now. A store that cannot be read says so when the
    /// message comes.
    pub(crate) fn fits(
        &self,
        account: &AccountName,
        limits: &QuotaLimits,
        added: Usage,
    ) -> Result<(), OverQuota> {
        if *limits == QuotaLimits::NONE {
            return Ok(());
        }
        let found = self.store.snapshot().and_then(|snapshot| snapshot.account(account));
        match found {
            Ok(found) => {
                limits.check(found.map_or_else(Usage::default, |found| found.usage), added)
            }
            Err(_) => Ok(()),
        }
    }
}

impl LmtpService {
    /// A service over a store and a directory.
    pub fn new(store: Arc<dyn Store>, directory: Arc<dyn Directory>, config: SharedConfig) -> Self {
        let known = KnownRecipients::default();
        Self { context: Arc::new(Context { store, directory, known, config }) }
    }
}

impl Service for LmtpService {
    type Session = LmtpSession;

    fn name(&self) -> &'static str {
        "lmtp"
    }

    fn session(&self, facts: ConnectionFacts) -> LmtpSession {
        LmtpSession::new(Arc::clone(&self.context), facts)
    }

    fn too_many(&self, why: Refusal) -> &'static [u8] {
        match why {
            Refusal::Full => b"421 4.3.2 too many connections; try again later\r\n",
            Refusal::Crowded => b"421 4.7.0 too many connections from your address\r\n",
            // Not 554: a slip in a filter must not make the sender give up mail.
            Refusal::Filtered => {
                b"421 4.7.1 your address may not deliver here; ask the administrator\r\n"
            }
        }
    }
}
