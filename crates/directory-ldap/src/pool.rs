//! Connections that are kept: a bounded number, on the first server that can be used.
//!
//! A server that breaks or is silent is left at once for the next; a task asks for it until it is back,
//! so no login waits for a server that is known to be lost.

use crate::config::{BindIdentity, LdapHost};
use crate::connection::{Answer, Connection, Request, Settings, Trouble};
use crate::health::Health;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use waypost_directory::DirectoryError;

/// How often lost servers are asked for.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a connection may lie unused; firewalls forget silent connections without a word.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// Connections of one kind.
pub(crate) struct Pool {
    hosts: Arc<[LdapHost]>,
    settings: Arc<Settings>,
    health: Arc<Health>,
    /// Whom a new connection is bound as; `None` leaves it nobody's.
    identity: Option<BindIdentity>,
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    host: usize,
    since: Instant,
    connection: Connection,
}

impl Pool {
    pub(crate) fn new(
        hosts: Arc<[LdapHost]>,
        settings: Arc<Settings>,
        health: Arc<Health>,
        identity: Option<BindIdentity>,
        size: usize,
    ) -> Self {
        let (places, idle) = (Semaphore::new(size), Mutex::new(Vec::new()));
        Self { hosts, settings, health, identity, places, idle }
    }

    /// Asks the first server that answers.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, DirectoryError> {
        let place = timeout(self.settings.operation_timeout, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(unavailable("every connection to the directory is busy".to_owned()));
        };
        for host in self.health.usable() {
            match self.ask_host(host, request).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => self.lose(host, &trouble),
            }
        }
        Err(unavailable(self.health.causes()))
    }

    /// A kept connection may have been closed by a server that was started anew, so its breaking says
    /// nothing yet.
    async fn ask_host(&self, host: usize, request: &Request) -> Result<Answer, Trouble> {
        if let Some(connection) = self.take(host) {
            match self.ask_on(host, connection, request).await {
                Err(Trouble::Broken(_)) => self.forget(host),
                answered => return answered,
            }
        }
        let connection = self.open(host).await?;
        self.ask_on(host, connection, request).await
    }

    async fn ask_on(
        &self,
        host: usize,
        mut connection: Connection,
        request: &Request,
    ) -> Result<Answer, Trouble> {
        let answer = connection.ask(request, self.settings.operation_timeout).await?;
        self.idle().push(Idle { host, since: Instant::now(), connection });
        Ok(answer)
    }

    /// Connects to a server as this pool does.
    pub(crate) async fn open(&self, host: usize) -> Result<Connection, Trouble> {
        let unknown = || Trouble::Broken("no such server".to_owned());
        let target = self.hosts.get(host).ok_or_else(unknown)?;
        Connection::open(target, &self.settings, self.identity.as_ref()).await
    }

    fn lose(&self, host: usize, trouble: &Trouble) {
        self.health.lose(host, trouble.cause());
        self.forget(host);
    }

    /// A connection to this server. Those to servers after it are left: it is preferred to them.
    fn take(&self, host: usize) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|one| one.host <= host && one.since.elapsed() < IDLE_MAX);
        let at = idle.iter().rposition(|one| one.host == host)?;
        Some(idle.swap_remove(at).connection)
    }

    fn forget(&self, host: usize) {
        self.idle().retain(|one| one.host != host);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for lost servers, for as long as somebody holds the pool.
    pub(crate) async fn watch(pool: std::sync::Weak<Self>) {
        loop {
            sleep(PROBE_INTERVAL).await;
            let Some(pool) = pool.upgrade() else { return };
            for host in pool.health.lost() {
                match pool.open(host).await {
                    Ok(_) => pool.health.find(host),
                    Err(trouble) => pool.health.lose(host, trouble.cause()),
                }
            }
        }
    }
}

fn unavailable(cause: String) -> DirectoryError {
    DirectoryError::Unavailable { cause }
}
