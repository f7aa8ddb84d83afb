//! The `stored` server: the only writer of a store, behind a Unix socket.
//!
//! Connections are tasks of the caller's runtime; the writer and the uploads have a thread each.
//! A connection hands its mutations to the writer through [`intake`]; answers and wake-ups leave
//! through its [`outbox`], which never blocks the writer.

mod care;
#[cfg(test)]
mod care_tests;
mod compact;
mod connection;
#[cfg(test)]
mod flood_tests;
mod harm;
#[cfg(test)]
mod harm_tests;
mod intake;
mod kept;
mod listens;
mod outbox;
mod purge;
mod scrub;
mod uploads;
mod writer;

pub use compact::CompactPace;
pub use purge::PurgePace;
pub use scrub::ScrubPace;
pub(crate) use writer::usable_target;

use crate::engine::{Engine, EngineConfig};
use crate::notes::SharedNotes;
use crate::proto::{Hello, PROTOCOL_VERSION, StatusReport};
use crate::reader::Reader;
use compact::{Compaction, Orders};
use connection::Connection;
use harm::Harmed;
use intake::{Asked, Intake, Request};
use kept::KeptOutcomes;
use scrub::{Scrub, Stop};
use std::collections::HashMap;
use std::fs::{Permissions, remove_file, set_permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as BlockingListener, UnixStream as BlockingStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use uploads::Uploads;
use waypost_store::StoreError;
use writer::Writer;

/// Connections at the same time.
const CONNECTIONS: usize = 1_024;
/// Only the owner may connect.
const SOCKET_MODE: u32 = 0o600;
/// At the end, answers get this long to reach their clients.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often the farewell looks whether all answers are out.
const FAREWELL_STEP: Duration = Duration::from_millis(5);
/// After a failed `accept`, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How `stored` runs.
#[derive(Debug, Clone)]
pub struct StoredConfig {
    /// The engine.
    pub engine: EngineConfig,
    /// The purge of expunged messages.
    pub purge: PurgePace,
    /// The compaction of segments.
    pub compact: CompactPace,
    /// The scrub of stored messages.
    pub scrub: ScrubPace,
}

impl StoredConfig {
    /// The defaults for a partition.
    pub fn new(engine: EngineConfig) -> Self {
        Self {
            engine,
            purge: PurgePace::default(),
            compact: CompactPace::default(),
            scrub: ScrubPace::default(),
        }
    }
}

/// Makes the socket that workers connect to, mode 0600. A file left by a dead server is replaced;
/// one that somebody listens on is an error.
pub fn bind_socket(path: &Path) -> io::Result<BlockingListener> {
    match BlockingStream::connect(path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "stored is running already")),
        // A plain file refuses connections too, and is somebody's.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && is_socket(path) => {
            remove_file(path)?;
        }
        Err(_) => {}
    }
    let listener = BlockingListener::bind(path)?;
    set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Opens the store and serves it until `shutdown` answers; then the current batch is finished and
/// answered and all connections end. Another writer on the same store is an error.
pub async fn run_stored(
    listener: BlockingListener,
    config: StoredConfig,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), StoreError> {
    let StoredConfig { engine, purge, compact, scrub } = config;
    let (mut engine, kept) = tokio::task::spawn_blocking(move || open(engine))
        .await
        .map_err(|error| StoreError::Io(format!("opening the store: {error}")))??;
    listener.set_nonblocking(true).map_err(|error| failed("the socket", &error))?;
    let listener =
        UnixListener::from_std(listener).map_err(|error| failed("the socket", &error))?;
    let hub = Arc::new(
        Hub::new(engine.notes(), engine.reader()).map_err(|error| failed("the server", &error))?,
    );
    let (ended, writer_ended) = oneshot::channel::<()>();
    hub.figures.outcomes.store(kept.count()?, Ordering::Release);
    if let Some(structure) = engine.take_damaged() {
        hub.stop_at_damage(&structure);
    }
    let compaction = Compaction::new(engine.compactor(), Arc::clone(&hub), compact);
    let scrub = Scrub::new(Arc::clone(&hub), engine.reader(), scrub);
    let writer = Writer::new(engine, kept, Arc::clone(&hub), purge);
    let thread = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || {
            // Dropped at the end, also when the writer panics.
            let _ended = ended;
            writer.run()
        })
        .map_err(|error| failed("the writer's thread", &error))?;
    let compaction = compaction.start().map_err(|error| failed("the compaction's thread", &error));
    let compaction = compaction.inspect_err(|_| hub.intake.stop())?;
    let scrub = scrub.start().map_err(|error| failed("the scrub's thread", &error));
    let scrub = scrub.inspect_err(|_| {
        hub.intake.stop();
        hub.compaction.stop();
    })?;
    tokio::select! {
        () = accept(&hub, &listener) => {}
        () = shutdown => {}
        _ = writer_ended => tracing::error!("the writer ended unexpectedly"),
    }
    hub.intake.stop();
    hub.compaction.stop();
    hub.scrub.stop();
    let all = move || {
        // They hold the metadata open, and their panics have lost nothing.
        let _panicked = compaction.join();
        let _panicked = scrub.map(JoinHandle::join);
        thread.join()
    };
    let joined = tokio::task::spawn_blocking(all).await;
    hub.farewell().await;
    match joined {
        Ok(Ok(result)) => result,
        _ => Err(StoreError::Io("the writer failed".to_owned())),
    }
}

fn open(config: EngineConfig) -> Result<(Engine, KeptOutcomes), StoreError> {
    let path = config.path.clone();
    let engine = Engine::open(config)?;
    Ok((engine, KeptOutcomes::open(&path)?))
}

fn failed(what: &str, error: &io::Error) -> StoreError {
    StoreError::Io(format!("{what}: {error}"))
}

async fn accept(hub: &Arc<Hub>, listener: &UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection::serve(Arc::clone(hub), stream));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What all threads of the server share.
pub(crate) struct Hub {
    /// The user that may connect, beside root.
    pub(crate) uid: u32,
    pub(crate) intake: Intake,
    /// Notes that wait for the writer's next commit.
    pub(crate) notes: Arc<SharedNotes>,
    /// Reads the store beside the writer.
    pub(crate) reader: Reader,
    pub(crate) uploads: Uploads,
    pub(crate) compaction: Orders,
    pub(crate) scrub: Stop,
    pub(crate) harmed: Harmed,
    pub(crate) figures: Arc<Figures>,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    last_connection: AtomicU64,
    started: Instant,
}

/// Counters for the status report.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) batches: AtomicU64,
    pub(crate) mutations: AtomicU64,
    /// How many outcomes the store has ever kept.
    pub(crate) outcomes: AtomicU64,
    pub(crate) largest_batch: AtomicUsize,
    pub(crate) uploads: AtomicUsize,
    pub(crate) upload_peak: AtomicU64,
    pub(crate) overflows: Arc<AtomicU64>,
    pub(crate) purge_steps: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) segment_bytes: AtomicU64,
    pub(crate) dead_bytes: AtomicU64,
    pub(crate) compacted_bytes: AtomicU64,
    pub(crate) removed_bytes: AtomicU64,
    pub(crate) removed_segments: AtomicU64,
    pub(crate) compacting: AtomicBool,
    pub(crate) suspects: AtomicU64,
    pub(crate) faults_found: AtomicU64,
    pub(crate) repaired: AtomicU64,
    pub(crate) repairs_waiting: AtomicU64,
    pub(crate) repairs_done: AtomicU64,
    pub(crate) repairs_failed: AtomicU64,
    pub(crate) scrubbed_bytes: AtomicU64,
    pub(crate) scrub_rounds: AtomicU64,
    pub(crate) scrub_messages: AtomicU64,
    pub(crate) scrub_finished: AtomicU64,
    pub(crate) scrub_faults: AtomicU64,
    pub(crate) harmed: AtomicBool,
    pub(crate) full: AtomicBool,
    pub(crate) saved_bytes: AtomicU64,
    pub(crate) unsaved_accounts: AtomicU64,
    pub(crate) save_failures: AtomicU64,
}

impl Figures {
    pub(crate) fn count_batch(&self, jobs: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.largest_batch.fetch_max(jobs, Ordering::Relaxed);
    }
}

impl Hub {
    fn new(notes: Arc<SharedNotes>, reader: Reader) -> io::Result<Self> {
        let figures = Arc::new(Figures::default());
        Ok(Self {
            uid: own_uid()?,
            intake: Intake::default(),
            notes,
            reader,
            uploads: Uploads::start(Arc::clone(&figures))?,
            compaction: Orders::default(),
            scrub: Stop::default(),
            harmed: Harmed::default(),
            figures,
            connections: Mutex::default(),
            last_connection: AtomicU64::new(0),
            started: Instant::now(),
        })
    }

    pub(crate) fn next_connection(&self) -> u64 {
        self.last_connection.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Lists a connection; an older one of the same client ends. False when there are too many.
    pub(crate) fn enter(&self, connection: &Arc<Connection>) -> bool {
        let mut connections = self.connections();
        for old in connections.values() {
            if old.hello.client == connection.hello.client {
                old.outbox.close();
            }
        }
        let has_room = connections.len() < CONNECTIONS;
        if has_room {
            connections.insert(connection.id, Arc::clone(connection));
        }
        has_room
    }

    pub(crate) fn leave(&self, connection: &Arc<Connection>) {
        self.connections().remove(&connection.id);
        let request = Request::Ended { origin: Arc::clone(connection) };
        self.intake.request(Asked { request, share: None });
    }

    /// The connections of processes that serve sessions.
    pub(crate) fn workers(&self) -> Vec<Arc<Connection>> {
        self.connections().values().filter(|one| one.hello.wakes).map(Arc::clone).collect()
    }

    /// All connections.
    pub(crate) fn everyone(&self) -> Vec<Arc<Connection>> {
        self.connections().values().map(Arc::clone).collect()
    }

    /// How the server introduces itself.
    pub(crate) fn hello(&self) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            role: "stored".to_owned(),
            pid: std::process::id(),
            client: 0,
            wakes: false,
            outcomes: self.figures.outcomes.load(Ordering::Acquire),
        }
    }

    pub(crate) fn report(&self) -> StatusReport {
        let figures = &self.figures;
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        StatusReport {
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            connections: narrow(self.connections().len()),
            batches: read(&figures.batches),
            mutations: read(&figures.mutations),
            largest_batch: narrow(figures.largest_batch.load(Ordering::Relaxed)),
            waiting: narrow(self.intake.waiting()),
            uploads: narrow(figures.uploads.load(Ordering::Relaxed)),
            upload_peak_bytes: read(&figures.upload_peak),
            overflows: read(&figures.overflows),
            purge_steps: read(&figures.purge_steps),
            notes_dropped: self.notes.lock().dropped(),
            segments: read(&figures.segments),
            segment_bytes: read(&figures.segment_bytes),
            dead_bytes: read(&figures.dead_bytes),
            compacted_bytes: read(&figures.compacted_bytes),
            removed_bytes: read(&figures.removed_bytes),
            removed_segments: read(&figures.removed_segments),
            compacting: figures.compacting.load(Ordering::Relaxed),
            suspects: read(&figures.suspects),
            faults_found: read(&figures.faults_found),
            repaired: read(&figures.repaired),
            repairs_waiting: read(&figures.repairs_waiting),
            repairs_done: read(&figures.repairs_done),
            repairs_failed: read(&figures.repairs_failed),
            scrubbed_bytes: read(&figures.scrubbed_bytes),
            scrub_rounds: read(&figures.scrub_rounds),
            scrub_messages: read(&figures.scrub_messages),
            scrub_finished: read(&figures.scrub_finished),
            scrub_faults: read(&figures.scrub_faults),
            harmed: figures.harmed.load(Ordering::Relaxed),
            full: figures.full.load(Ordering::Relaxed),
            saved_bytes: read(&figures.saved_bytes),
            unsaved_accounts: read(&figures.unsaved_accounts),
            save_failures: read(&figures.save_failures),
        }
    }

    /// Lets answers reach their clients, then ends all connections.
    async fn farewell(&self) {
        let end = Instant::now() + FAREWELL;
        let all: Vec<_> = self.connections().values().map(Arc::clone).collect();
        while Instant::now() < end && !all.iter().all(|one| one.outbox.is_drained()) {
            tokio::time::sleep(FAREWELL_STEP).await;
        }
        all.iter().for_each(|one| one.outbox.close());
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user of this process: what the system tells the other end of a socket about us.
fn own_uid() -> io::Result<u32> {
    let (ours, _theirs) = UnixStream::pair()?;
    ours.peer_cred().map(|own| own.uid())
}
