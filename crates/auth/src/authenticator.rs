//! The authenticator: runs the pipeline with its bounds, its memory and its delays.

use crate::config::AuthConfig;
use crate::delay::{Failures, answered_after};
use crate::failure::{FailureKind, LoginFailure};
use crate::login::{Credential, Identity, LoginAttempt, LoginName, Service, for_log};
use crate::pipeline::{Decided, Run};
use crate::proxy;
use crate::queue::HashQueue;
use crate::quota::{QuotaFuture, Quotas, SessionQuota};
use crate::remembered::Remembered;
use crate::service_access;
use crate::trace::Explanation;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;
use waypost_access::{Names, NoNames};
use waypost_directory::Directory;
use waypost_types::Secret;

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
    names: OnceLock<Arc<dyn Names>>,
    quotas: Quotas,
}

impl Authenticator {
    /// An authenticator over a directory. Fails when the system gives no random numbers.
    pub fn new(directory: Arc<dyn Directory>, config: AuthConfig) -> io::Result<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let checks = directory.checks_at_once().unwrap_or_else(cores);
        Self::with_cores(directory, config, checks)
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

    /// Has rules of service access that speak of names ask here; without, no name is known. The first call
    /// counts.
    pub fn ask_names(&self, names: Arc<dyn Names>) {
        let _ = self.shared.names.set(names);
    }

    /// Takes in changed settings for the logins that begin from now on. The default domain and how long
    /// logins are remembered stay: the accounts of users and the memory depend on them. What is remembered
    /// is forgotten, because a name may mean another user now.
    pub fn reconfigure(&self, config: AuthConfig) {
        let old = self.shared.config();
        let (default_domain, remember_for) = (old.default_domain.clone(), old.remember_for);
        let config = Arc::new(AuthConfig { default_domain, remember_for, ..config });
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        lock(&self.shared.remembered).clear();
    }

    /// What a login would come to, step by step, by the very code of logins: without memory, delay, log line
    /// and bound, so for administrators only. Without a password that step is left out. Blocking.
    pub fn explain(
        &self,
        attempt: &LoginAttempt,
        password: Option<&Secret<String>>,
    ) -> Explanation {
        let config = self.shared.config();
        let mut run = Run::new(&*self.shared.directory, &config);
        let outcome = explained(&mut run, self.shared.names(), attempt, password);
        Explanation { steps: run.steps, outcome }
    }

    /// Checks a login and logs the outcome. Answers to wrong passwords come late by intent
    /// ([`crate::SHORTEST_DELAY`] to [`crate::LONGEST_DELAY`]). Must be polled within a tokio runtime.
    pub fn login(&self, attempt: LoginAttempt) -> LoginFuture {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.login(attempt).await })
    }

    /// What the user of a session may store, at most [`crate::QUOTA_FRESH`] old while the directory answers. Must
    /// be polled within a tokio runtime.
    pub fn quota(&self, identity: &Identity) -> QuotaFuture {
        let (shared, identity) = (Arc::clone(&self.shared), identity.clone());
        Box::pin(async move {
            let user = shared.quotas.of(&shared.directory, &identity, Instant::now()).await;
            let rules = shared.config().quota;
            SessionQuota { limits: rules.limits(user), enforced: rules.enforced_limits(user) }
        })
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
            names: OnceLock::new(),
            quotas: Quotas::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    fn config(&self) -> Arc<AuthConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn names(&self) -> &dyn Names {
        self.names.get().map_or(&NoNames, |names| &**names)
    }

    async fn login(self: Arc<Self>, attempt: LoginAttempt) -> Decided<Identity> {
        let began = Instant::now();
        let outcome = self.check(&attempt).await;
        let delay = match &outcome {
            Err(failure) if failure.kind.is_delayed() => {
                let account = attempt.counted_as(&self.config());
                lock(&self.failures).note(attempt.peer, account, Instant::now())
            }
            _ => Duration::ZERO,
        };
        log(&attempt, &outcome);
        if let Some(observer) = self.observer.get() {
            observer(outcome.is_ok());
        }
        if !delay.is_zero() {
            tokio::time::sleep_until(began + answered_after(began.elapsed(), delay)).await;
        }
        outcome
    }

    async fn check(self: &Arc<Self>, attempt: &LoginAttempt) -> Decided<Identity> {
        let config = self.config();
        let mut run = Run::new(&*self.directory, &config);
        let identity = match &attempt.credential {
            Credential::Password(password) => {
                run.connection(attempt)?;
                let name = run.name(&attempt.login)?;
                self.identify(attempt, name, password).await?
            }
            Credential::Certificate(shown) => {
                let shown = shown.clone();
                self.work(attempt, move |run| run.by_certificate(&shown)).await?
            }
        };
        identity.access.check(attempt, &config.hostname, self.names()).await?;
        let Some(wanted) = proxy::asked_for(&run, attempt, &identity) else { return Ok(identity) };
        proxy::permit(&mut run, &identity, wanted)?;
        let wanted = wanted.to_owned();
        let become_other = move |run: &mut Run<'_>| proxy::become_other(run, identity, &wanted);
        let other = self.work(attempt, become_other).await?;
        other.access.check(attempt, &config.hostname, self.names()).await?;
        Ok(other)
    }

    async fn identify(
        self: &Arc<Self>,
        attempt: &LoginAttempt,
        name: LoginName,
        password: &Secret<String>,
    ) -> Decided<Identity> {
        let (generation, config) = (self.directory.generation()?, self.config());
        let key = (attempt.service, name.typed.clone());
        let known = lock(&self.remembered).find(&key, password, generation, Instant::now());
        if let Some(identity) = known {
            return Ok(identity);
        }
        let again = password.clone();
        let decide = move |run: &mut Run<'_>| run.decide(&name, Some(&again));
        let identity = self.work(attempt, decide).await?;
        // Settings that changed during the check may find another user.
        if Arc::ptr_eq(&config, &self.config()) {
            let now = Instant::now();
            lock(&self.remembered).insert(key, password, generation, identity.clone(), now);
        }
        Ok(identity)
    }

    /// Runs a part of the pipeline on a blocking thread when a core is free. The turn goes with the work, not
    /// with the caller: a client that hangs up does not free its core for another hash before this one ends.
    async fn work(
        self: &Arc<Self>,
        attempt: &LoginAttempt,
        part: impl FnOnce(&mut Run<'_>) -> Decided<Identity> + Send + 'static,
    ) -> Decided<Identity> {
        let turn = self.queue.enter(attempt.peer).await;
        let turn = turn.map_err(|full| LoginFailure::new(FailureKind::TooBusy, full.reason()))?;
        let shared = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            let _held_until_done = turn;
            part(&mut Run::new(&*shared.directory, &shared.config()))
        });
        work.await.unwrap_or_else(|error| {
            let reason = format!("the check ended early: {error}");
            Err(LoginFailure::new(FailureKind::Unavailable, reason))
        })
    }
}

/// All parts of the pipeline in their order.
fn explained(
    run: &mut Run<'_>,
    names: &dyn Names,
    attempt: &LoginAttempt,
    password: Option<&Secret<String>>,
) -> Decided<Identity> {
    let identity = match &attempt.credential {
        Credential::Password(_) => {
            run.connection(attempt)?;
            let name = run.name(&attempt.login)?;
            run.decide(&name, password)?
        }
        Credential::Certificate(shown) => run.by_certificate(shown)?,
    };
    service_access::explain(run, attempt, &identity, names)?;
    let Some(wanted) = proxy::asked_for(run, attempt, &identity) else { return Ok(identity) };
    proxy::permit(run, &identity, wanted)?;
    let other = proxy::become_other(run, identity, wanted)?;
    service_access::explain(run, attempt, &other, names)?;
    Ok(other)
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
    let by_certificate = matches!(attempt.credential, Credential::Certificate(_));
    let certificate = by_certificate.then(|| tracing::field::debug(login));
    match outcome {
        Ok(Identity { account, acting: Some(admin), .. }) => {
            let (account, admin) = (account.as_str(), admin.as_str());
            tracing::info!(
                service,
                account,
                admin,
                peer,
                tls_bits,
                certificate,
                "login by a store administrator"
            );
        }
        Ok(identity) => {
            let account = identity.account.as_str();
            tracing::info!(service, account, peer, tls_bits, certificate, "login");
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
