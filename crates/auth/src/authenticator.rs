//! The authenticator: runs the pipeline with its bounds, its memory and its delays.

use crate::config::AuthConfig;
use crate::delay::Failures;
use crate::failure::{FailureKind, LoginFailure};
use crate::login::{Identity, LoginAttempt, LoginName, Service, for_log};
use crate::pipeline;
use crate::queue::HashQueue;
use crate::remembered::Remembered;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;
use waypost_directory::Directory;

/// The outcome of a login; owns everything it needs, so a session can keep it beside itself.
pub type LoginFuture =
    Pin<Box<dyn Future<Output = Result<Identity, LoginFailure>> + Send + 'static>>;

/// Checks logins. Cheap to clone; all clones share one memory and one queue.
#[derive(Clone)]
pub struct Authenticator {
    shared: Arc<Shared>,
}

/// Hears whether each login was good.
type Observer = Box<dyn Fn(bool) + Send + Sync>;

struct Shared {
    directory: Arc<dyn Directory>,
    config: RwLock<Arc<AuthConfig>>,
    remembered: Mutex<Remembered>,
    failures: Mutex<Failures>,
    queue: Arc<HashQueue>,
    observer: OnceLock<Observer>,
}

impl Authenticator {
    /// An authenticator over a directory. Fails when the system gives no random numbers.
    pub fn new(directory: Arc<dyn Directory>, config: AuthConfig) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_cores(directory, config, cores)
    }

    /// Why a service takes no password on such a connection; then IMAP shows `LOGINDISABLED` and POP3
    /// offers no `USER`.
    pub fn password_refusal(&self, service: Service, tls_bits: Option<u32>) -> Option<FailureKind> {
        self.shared.config().password_refusal(service, tls_bits)
    }

    /// Has every outcome told to `observer`, such as a counter: whether the login was good. The first
    /// call counts.
    pub fn observe(&self, observer: impl Fn(bool) + Send + Sync + 'static) {
        let _ = self.shared.observer.set(Box::new(observer));
    }

    /// Takes in changed settings for the logins that begin from now on. The default domain and the
    /// memory of logins stay: the accounts of users and what is remembered depend on them.
    pub fn reconfigure(&self, config: AuthConfig) {
        let old = self.shared.config();
        let (default_domain, remember_for) = (old.default_domain.clone(), old.remember_for);
        let config = Arc::new(AuthConfig { default_domain, remember_for, ..config });
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Checks a login and logs the outcome. Answers to wrong passwords come late by intent
    /// ([`crate::SHORTEST_DELAY`] to [`crate::LONGEST_DELAY`]). Must be polled within a tokio runtime.
    pub fn login(&self, attempt: LoginAttempt) -> LoginFuture {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.login(attempt).await })
    }

    fn with_cores(
        directory: Arc<dyn Directory>,
        config: AuthConfig,
        cores: usize,
    ) -> io::Result<Self> {
        let remembered = Mutex::new(Remembered::new(config.remember_for, config.remember_logins)?);
        let shared = Shared {
            directory,
            config: RwLock::new(Arc::new(config)),
            remembered,
            failures: Mutex::new(Failures::new()),
            queue: Arc::new(HashQueue::new(cores)),
            observer: OnceLock::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    fn config(&self) -> Arc<AuthConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn login(self: Arc<Self>, attempt: LoginAttempt) -> Result<Identity, LoginFailure> {
        let name = LoginName::parse(&attempt.login, &self.config());
        let outcome = self.check(&attempt, name.clone()).await;
        let delay = match &outcome {
            Err(failure) if failure.kind.is_delayed() => {
                lock(&self.failures).note(attempt.peer, name, Instant::now())
            }
            _ => Duration::ZERO,
        };
        log(&attempt, &outcome);
        if let Some(observer) = self.observer.get() {
            observer(outcome.is_ok());
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        outcome
    }

    async fn check(
        self: &Arc<Self>,
        attempt: &LoginAttempt,
        name: Option<LoginName>,
    ) -> Result<Identity, LoginFailure> {
        if let Some(refused) = self.config().password_refusal(attempt.service, attempt.tls) {
            let reason = format!("{}.plaintextmincipher forbids it", attempt.service);
            return Err(LoginFailure::new(refused, reason));
        }
        let Some(name) = name else {
            return Err(LoginFailure::new(FailureKind::BadCredentials, "malformed login name"));
        };
        let identity = self.identify(attempt, name).await?;
        pipeline::authorize(&self.config(), identity, attempt.authorization_id.as_deref())
    }

    async fn identify(
        self: &Arc<Self>,
        attempt: &LoginAttempt,
        name: LoginName,
    ) -> Result<Identity, LoginFailure> {
        let generation = self.directory.generation()?;
        let key = (attempt.service, name.clone());
        let known =
            lock(&self.remembered).find(&key, &attempt.password, generation, Instant::now());
        if let Some(identity) = known {
            return Ok(identity);
        }
        let identity = self.decide(attempt, name).await?;
        let (password, now) = (&attempt.password, Instant::now());
        lock(&self.remembered).insert(key, password, generation, identity.clone(), now);
        Ok(identity)
    }

    /// Runs the pipeline on a blocking thread when a core is free. The turn goes with the work, not with
    /// the caller: a client that hangs up does not free its core for another hash before this one ends.
    async fn decide(
        self: &Arc<Self>,
        attempt: &LoginAttempt,
        name: LoginName,
    ) -> Result<Identity, LoginFailure> {
        let turn = self.queue.enter(attempt.peer).await;
        let turn = turn.map_err(|full| LoginFailure::new(FailureKind::TooBusy, full.reason()))?;
        let (shared, password) = (Arc::clone(self), attempt.password.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _held_until_done = turn;
            pipeline::decide(&*shared.directory, &shared.config(), &name, &password)
        });
        work.await.unwrap_or_else(|error| {
            let reason = format!("the check ended early: {error}");
            Err(LoginFailure::new(FailureKind::Unavailable, reason))
        })
    }
}

/// Nothing that runs under these locks can panic half-way through a change, so a poisoned lock still
/// guards a sound value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line per login. Names come from the peer, so they are written with escapes.
fn log(attempt: &LoginAttempt, outcome: &Result<Identity, LoginFailure>) {
    let service = attempt.service.name();
    let login = for_log(&attempt.login);
    let peer = attempt.peer.map_or_else(|| "local".to_owned(), |peer| peer.to_string());
    let tls_bits = attempt.tls.unwrap_or(0);
    match outcome {
        Ok(identity) => {
            let account = identity.account.as_str();
            tracing::info!(service, account, peer, tls_bits, "login");
        }
        Err(LoginFailure { kind: kind @ FailureKind::Damaged, reason }) => {
            tracing::error!(service, ?login, peer, tls_bits, ?kind, reason, "login failed");
        }
        Err(LoginFailure { kind, reason }) => {
            tracing::warn!(service, ?login, peer, tls_bits, ?kind, reason, "login failed");
        }
    }
}

#[cfg(test)]
#[path = "authenticator_tests.rs"]
pub(crate) mod tests;
