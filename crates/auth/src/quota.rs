//! What the users of open sessions may store, as the directory says it now.
//!
//! A session lives for days, so what its user's entry said at login may not hold for it. The directory is asked
//! again after [`FRESH`], by few at a time and for a bounded while; when it does not answer, what is known holds on.

use crate::login::Identity;
use crate::recent::RecentMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use waypost_directory::{Directory, DirectoryError, UserQuota};
use waypost_ldap_filter::{Filter, Relation};
use waypost_types::{AccountName, QuotaLimits};

/// How long an answer of the directory holds: a change is felt in open sessions within this time.
pub const FRESH: Duration = Duration::from_secs(30);
/// How long a command waits for the directory at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions under way at once. A directory that hangs keeps so many threads, and none that logins need.
const QUESTIONS: usize = 4;
/// How many users' answers are kept.
const KEPT: usize = 10_000;

/// What a user may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionQuota {
    /// The limits, to be shown.
    pub limits: QuotaLimits,
    /// The limits that changes are held to: none while quotas are not enforced.
    pub enforced: QuotaLimits,
}

/// The answer to a question about a quota; owns what it needs.
pub type QuotaFuture = Pin<Box<dyn Future<Output = SessionQuota> + Send + 'static>>;

/// The answers of a while.
pub(crate) struct Quotas {
    known: Mutex<RecentMap<AccountName, (Instant, UserQuota)>>,
    turns: Arc<Semaphore>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            known: Mutex::new(RecentMap::new(KEPT / 2)),
            turns: Arc::new(Semaphore::new(QUESTIONS)),
        }
    }
}

impl Quotas {
    /// What the entry of a session's user says.
    pub(crate) async fn of(
        &self,
        directory: &Arc<dyn Directory>,
        identity: &Identity,
        now: Instant,
    ) -> UserQuota {
        let known = self.lock().get(&identity.account).copied();
        if let Some((since, quota)) = known
            && now.saturating_duration_since(since) < FRESH
        {
            return quota;
        }
        let old = known.map_or(identity.quota, |(_, quota)| quota);
        let asked = timeout(PATIENCE, self.ask(Arc::clone(directory), identity)).await;
        let quota = match asked.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(found) => found.unwrap_or(old),
            Err(reason) => {
                let account = identity.account.as_str();
                tracing::warn!(account, reason, "quota not looked up, the last known holds");
                old
            }
        };
        // Kept in either case: a directory that does not answer is not asked by every command.
        self.lock().insert(identity.account.clone(), (now, quota));
        quota
    }

    async fn ask(
        &self,
        directory: Arc<dyn Directory>,
        identity: &Identity,
    ) -> Result<Option<UserQuota>, String> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|e| e.to_string())?;
        let (uid, domain) = (identity.uid.clone(), identity.domain.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let _held_until_done = turn;
            look_up(&*directory, &uid, &domain)
        });
        asked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, RecentMap<AccountName, (Instant, UserQuota)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By uid, not by login name: who has logged in may have done so by another attribute.
fn look_up(
    directory: &dyn Directory,
    uid: &str,
    domain: &str,
) -> Result<Option<UserQuota>, DirectoryError> {
    let Some(domain) = directory.domain(domain)? else { return Ok(None) };
    let (attribute, value) = ("uid".to_owned(), uid.as_bytes().to_vec());
    let filter = Filter::Compare { attribute, relation: Relation::Equal, value };
    let found = directory.find_users(Some(&domain), &filter, 2)?;
    Ok(found.into_iter().find(|user| user.uid == uid).map(|user| user.quota))
}
