//! The directory contract over LDAP (RFC 4511): users and domains of a directory server.
//!
//! Domains are found in a DC tree (schema 1) or by what organisations say of themselves (schema 2), users
//! by a filter that may be each domain's own, passwords by binding as the user. Servers are used in order:
//! one that is lost is left for the next and used again when it is back. A directory that does not answer
//! is [`DirectoryError::Unavailable`], never a wrong password.
//!
//! The contract blocks; what waits for the network runs on a thread of the engine's own.

mod certificates;
mod check;
mod config;
mod connection;
mod domains;
mod engine;
mod entry;
mod filters;
mod health;
mod policy;
mod pool;
mod tls;
mod users;

pub use check::{Finding, Level};
pub use config::{BindIdentity, DomainScheme, LdapConfig, LdapHost, Security};

use engine::Engine;
use pool::Pool;
use std::future::Future;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use waypost_directory::{Directory, DirectoryError, Domain, Found, PasswordVerdict, User};
use waypost_ldap_filter::{Filter, SearchBase};
use waypost_types::Secret;

/// How often at most one question of the contract asks a server: a domain, its alias, an address here and
/// everywhere, the domain of its owner.
const STEPS_MAX: u32 = 8;
/// The name that is bound as when a user does not exist; no server has it.
const NOBODY: &str = "cn=waypost-nobody";

/// A directory behind LDAP. Connects when it is first asked.
pub struct LdapDirectory {
    engine: Arc<Engine>,
    /// Taken when dropped: ending a runtime may not wait, because the caller may be within another.
    runtime: Option<Runtime>,
    patience: Duration,
}

impl LdapDirectory {
    /// Prepares the engine; no server is asked.
    ///
    /// # Errors
    /// When the certificates of authorities cannot be read or the thread cannot be started.
    pub fn new(config: LdapConfig) -> Result<Self, DirectoryError> {
        let hosts = u32::try_from(config.hosts.len()).unwrap_or(u32::MAX);
        let once = config.connect_timeout.saturating_add(config.operation_timeout);
        let patience = once.saturating_mul(hosts.saturating_mul(STEPS_MAX));
        let engine = Arc::new(Engine::new(config)?);
        let built =
            Builder::new_multi_thread().worker_threads(1).thread_name("ldap").enable_all().build();
        let runtime = built.map_err(|error| DirectoryError::Unavailable {
            cause: format!("start a thread: {error}"),
        })?;
        runtime.spawn(Pool::watch(Arc::downgrade(&engine.searches)));
        Ok(Self { engine, runtime: Some(runtime), patience })
    }

    /// Looks at what logins will need, and says what is missing.
    pub fn check(&self) -> Vec<Finding> {
        let engine = Arc::clone(&self.engine);
        let found = self.wait_for(async move { Ok(check::check(&engine).await) }, check::PATIENCE);
        found.unwrap_or_else(|error| vec![Finding::fault(error.to_string())])
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        self.wait_for(work, self.patience)
    }

    /// Runs on the engine's thread and waits here. Everything within has its own, shorter limit; this one
    /// is for what nobody thought of.
    fn wait_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
        limit: Duration,
    ) -> Result<T, DirectoryError> {
        let lost = || DirectoryError::Unavailable { cause: "the engine did not answer".to_owned() };
        let (answer, answered) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().ok_or_else(lost)?;
        let task = runtime.spawn(async move { answer.send(work.await) });
        answered.recv_timeout(limit).unwrap_or_else(|_| {
            task.abort();
            Err(lost())
        })
    }
}

impl Drop for LdapDirectory {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Directory for LdapDirectory {
    fn user_by_login(&self, uid: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (uid, domain) = (uid.to_owned(), domain.to_owned());
        self.ask(async move { engine.user_by_login(&uid, &domain).await })
    }

    fn find_users(
        &self,
        domain: Option<&Domain>,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<User>, DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (domain, filter) = (domain.map(|domain| domain.name.clone()), filter.clone());
        self.ask(async move { engine.users_by_filter(domain.as_deref(), filter, most).await })
    }

    fn find_one(
        &self,
        base: &SearchBase,
        filter: &Filter,
        named: usize,
    ) -> Result<Found, DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (base, filter) = (base.clone(), filter.clone());
        self.ask(async move { engine.find_one(&base, filter, named).await })
    }

    fn holds_certificate(&self, user: &User, der: &[u8]) -> Result<bool, DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (entry, der) = (user.entry.clone(), der.to_vec());
        self.ask(async move { engine.holds_certificate(&entry, &der).await })
    }

    fn resolve_address(&self, local: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (local, domain) = (local.to_owned(), domain.to_owned());
        self.ask(async move { engine.resolve_address(&local, &domain).await })
    }

    fn domain(&self, name: &str) -> Result<Option<Domain>, DirectoryError> {
        let (engine, name) = (Arc::clone(&self.engine), name.to_owned());
        self.ask(async move { Ok(engine.place(&name).await?.map(|place| place.domain.clone())) })
    }

    fn verify_password(
        &self,
        user: &User,
        password: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (entry, password) = (user.entry.clone(), Arc::new(password.clone()));
        self.ask(async move { engine.check_password(entry, password).await })
    }

    /// A bind as nobody takes as long as one as somebody, but for the hash, which only the server knows. The caller
    /// hides the difference: it answers failed logins at a time that does not depend on how long they took.
    fn verify_nobody(&self, password: &Secret<String>) -> Result<(), DirectoryError> {
        let engine = Arc::clone(&self.engine);
        let (entry, password) = (NOBODY.to_owned(), Arc::new(password.clone()));
        self.ask(async move { engine.check_password(entry, password).await.map(|_| ()) })
    }

    fn generation(&self) -> Result<Option<u64>, DirectoryError> {
        Ok(None)
    }

    fn checks_at_once(&self) -> Option<usize> {
        Some(self.engine.config.connections)
    }
}
