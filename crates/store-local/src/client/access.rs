//! The store for tools: through `stored` when it runs, else with the engine in this process.

use super::{ClientConfig, StoreClient};
use crate::engine::{EngineConfig, RepairPlan, mend};
use crate::local::LocalStore;
use crate::proto::CompactReport;
use crate::reader::Gone;
use crate::server::usable_target;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};
use waypost_store::{Store, StoreError};
use waypost_types::{AccountId, Moment};

/// How long a tool tries when neither the socket answers nor the store can be locked: `stored` is
/// starting or ending.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// A store that can be written: remotely or in this process, under the writer's lock.
pub enum StoreAccess {
    /// `stored` runs and writes.
    Remote(StoreClient),
    /// `stored` is down; this process is the writer and keeps others out.
    Local(LocalStore),
}

impl StoreAccess {
    /// Opens the store of `config`, through its socket when somebody answers there.
    pub async fn open(config: ClientConfig) -> Result<Self, StoreError> {
        let end = Instant::now() + PATIENCE;
        loop {
            if answers(&config.socket_path).await {
                return StoreClient::connect(config).await.map(Self::Remote);
            }
            match open_local(&config.store_path).await {
                Ok(store) => return Ok(Self::Local(store)),
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// The store behind it.
    pub fn store(&self) -> &dyn Store {
        match self {
            Self::Remote(store) => store,
            Self::Local(store) => store,
        }
    }

    /// Lets snapshots opened from now on show every log-in and log-out that `stored` was told of. A
    /// store opened in this process has none that wait.
    pub async fn write_notes(&self) -> Result<(), StoreError> {
        match self {
            Self::Remote(store) => store.write_notes().await,
            Self::Local(_) => Ok(()),
        }
    }

    /// What an account has lost from `since` on (seconds since 1970) and what can be brought back.
    pub fn gone(&self, account: AccountId, since: i64) -> Result<Gone, StoreError> {
        match self {
            Self::Remote(store) => store.reader.gone(account, since),
            Self::Local(store) => store.gone(account, since),
        }
    }

    /// Compacts every segment of which at least `percent` percent are dead.
    pub async fn compact(&self, percent: u8) -> Result<CompactReport, StoreError> {
        match self {
            Self::Remote(store) => store.compact(percent).await,
            Self::Local(store) => store.compact(percent),
        }
    }

    /// Repairs what a check found; answers with what was done, a line each.
    pub async fn repair(&self, plan: RepairPlan) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Remote(store) => store.repair(plan).await,
            Self::Local(store) => store.repair(plan).await,
        }
    }

    /// Takes a consistent copy of the store into `directory`: an absolute path, absent or an empty
    /// directory.
    pub async fn backup(&self, directory: &Path) -> Result<(), StoreError> {
        match self {
            Self::Remote(store) => store.backup(directory).await,
            Self::Local(store) => {
                usable_target(directory)?;
                store.backup(directory).map(|_| ())
            }
        }
    }
}

async fn answers(socket: &Path) -> bool {
    match UnixStream::connect(socket).await {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused),
    }
}

/// Makes the numbers of the store at `config` anew, without which nothing can open it; false when they
/// are right, or another process has the store open, which it could not without them.
///
/// # Errors
/// When the store cannot be opened at all.
pub async fn mend_numbers(config: &ClientConfig) -> Result<bool, StoreError> {
    if answers(&config.socket_path).await || !config.store_path.exists() {
        return Ok(false);
    }
    let config = EngineConfig::new(&config.store_path);
    let mended = blocking(move || mend(&config, Moment::now().wall)).await;
    match mended {
        Err(StoreError::Unavailable(_)) => Ok(false),
        other => other,
    }
}

async fn open_local(path: &Path) -> Result<LocalStore, StoreError> {
    // Only the server knows how long to keep what was expunged, and whether sessions still show it.
    let config = EngineConfig { cleanup_age: Duration::MAX, ..EngineConfig::new(path) };
    blocking(move || LocalStore::open(config)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Io(format!("opening the store: {error}")))?
}
