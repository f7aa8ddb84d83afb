//! The watcher itself: binds, starts the writer, then the services; ends them in reverse.

use crate::launch::Launch;
use crate::limits::HUNG_AFTER;
use crate::plan::{Plan, RolePlan};
use crate::ports::{BindError, Bound, bind};
use crate::restart::Restarts;
use crate::slot::{Slot, Stop, Vacated};
use crate::state::{Board, Lock, ProcessState, Row};
use std::fmt;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How the watcher ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was told to.
    Stopped,
    /// The writer of the store is lost for good, so nothing is left to serve.
    StoredLost,
}

/// Why the watcher could not run.
#[derive(Debug)]
pub enum WatchError {
    /// A socket cannot be opened.
    Bind(BindError),
    /// The system refused something else.
    Io(io::Error),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "the watcher cannot run: {error}"),
        }
    }
}

impl std::error::Error for WatchError {}

impl From<io::Error> for WatchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<BindError> for WatchError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

/// Runs everything until SIGTERM, SIGINT or the loss of the writer. `on_ready` is called once, when
/// every process serves for the first time. Must be called on the main thread: the processes are
/// told when the thread that started them ends.
///
/// # Errors
/// When a socket cannot be opened; then nothing was started.
pub fn run(plan: &Plan, lock: &Lock, on_ready: impl FnOnce(&[Row])) -> Result<Ending, WatchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ending = runtime.block_on(watch(plan, lock, on_ready));
    lock.remove_state();
    ending
}

async fn watch(
    plan: &Plan,
    lock: &Lock,
    on_ready: impl FnOnce(&[Row]),
) -> Result<Ending, WatchError> {
    // Before anything is started: a signal that comes early must not be lost.
    let signals = Signals::register()?;
    let sockets = plan
        .roles()
        .map(|role| Ok((role, bind_role(role)?)))
        .collect::<Result<Vec<_>, WatchError>>()?;
    let house = House::new(plan, sockets);
    let ending = house.run(lock, signals, on_ready).await;
    remove_sockets(plan);
    Ok(ending)
}

fn bind_role(role: &RolePlan) -> Result<Arc<[Bound]>, BindError> {
    let bound = role.listeners.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    Ok(bound.into_iter().flatten().collect())
}

fn remove_sockets(plan: &Plan) {
    for listener in plan.roles().flat_map(|role| &role.listeners) {
        if let crate::plan::Endpoint::Unix(path, _) = &listener.endpoint {
            remove_socket(path);
        }
    }
}

fn remove_socket(path: &Path) {
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    if is_socket && let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "socket not removed");
    }
}

/// The signals that the watcher listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Answers when the server shall end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What happened while the watcher waited.
enum Event {
    End,
    Reload,
    Changed,
    StoredLost,
}

/// All slots and what connects them.
struct House {
    board: Arc<Board>,
    reload: watch::Sender<u64>,
    stop_workers: watch::Sender<Stop>,
    stop_stored: watch::Sender<Stop>,
    stored: JoinSet<Vacated>,
    workers: JoinSet<Vacated>,
    waiting: Vec<Slot>,
}

impl House {
    /// The slots of the plan; none is started yet.
    fn new(plan: &Plan, sockets: Vec<(&RolePlan, Arc<[Bound]>)>) -> Self {
        let places: Vec<(&RolePlan, String, Arc<[Bound]>)> = sockets
            .iter()
            .flat_map(|(role, bound)| names(role).map(|name| (*role, name, Arc::clone(bound))))
            .collect();
        let rows = places.iter().map(|(_, name, bound)| new_row(name, bound)).collect();
        let board = Arc::new(Board::new(rows));
        let reload = watch::Sender::new(0);
        let [stop_workers, stop_stored] = [Stop::Run; 2].map(watch::Sender::new);
        let slot = |(row, (role, name, listeners)): (usize, (&RolePlan, String, Arc<[Bound]>))| {
            let is_stored = role.name == plan.stored.name;
            let stop = if is_stored { &stop_stored } else { &stop_workers };
            Slot {
                name,
                launch: Launch::role(role.name, &plan.config),
                listeners,
                restarts: Restarts::new(plan.restart),
                row,
                board: Arc::clone(&board),
                stop: stop.subscribe(),
                reload: reload.subscribe(),
                hung_after: HUNG_AFTER,
                was_ready: false,
            }
        };
        let waiting = places.into_iter().enumerate().map(slot).collect();
        let [stored, workers] = [JoinSet::new(), JoinSet::new()];
        Self { board, reload, stop_workers, stop_stored, stored, workers, waiting }
    }

    async fn run(
        mut self,
        lock: &Lock,
        mut signals: Signals,
        on_ready: impl FnOnce(&[Row]),
    ) -> Ending {
        let mut on_ready = Some(on_ready);
        let mut changes = self.board.changes();
        // The writer is the first slot.
        let stored = self.waiting.remove(0);
        self.stored.spawn(stored.keep());
        loop {
            match self.event(&mut signals, &mut changes).await {
                Event::End => break,
                Event::Reload => self.reload.send_modify(|count| *count += 1),
                Event::Changed => self.note(lock, &mut on_ready),
                Event::StoredLost => {
                    tracing::error!("the store's writer is lost, so everything ends");
                    self.end(&mut signals).await;
                    return Ending::StoredLost;
                }
            }
        }
        tracing::info!("told to end");
        self.end(&mut signals).await;
        tracing::info!("ended");
        Ending::Stopped
    }

    async fn event(&mut self, signals: &mut Signals, changes: &mut watch::Receiver<()>) -> Event {
        tokio::select! {
            _ = signals.terminate.recv() => Event::End,
            _ = signals.interrupt.recv() => Event::End,
            _ = signals.hang_up.recv() => Event::Reload,
            Ok(()) = changes.changed() => Event::Changed,
            // Before it is told to end, only one thing empties that slot.
            Some(_) = self.stored.join_next() => Event::StoredLost,
        }
    }

    /// Writes the state down, starts the services once the writer serves, and says when all do.
    fn note(&mut self, lock: &Lock, on_ready: &mut Option<impl FnOnce(&[Row])>) {
        let rows = self.board.rows();
        if let Err(error) = lock.write_state(&rows) {
            tracing::warn!(%error, "state file not written");
        }
        let is_ready = |row: &Row| row.state == ProcessState::Ready;
        if rows.first().is_some_and(is_ready) {
            for slot in self.waiting.drain(..) {
                self.workers.spawn(slot.keep());
            }
        }
        if rows.iter().all(is_ready)
            && let Some(on_ready) = on_ready.take()
        {
            tracing::info!(processes = rows.len(), "ready");
            on_ready(&rows);
        }
    }

    /// Ends the services, then the writer. A second signal makes it quick.
    async fn end(&mut self, signals: &mut Signals) {
        self.stop_workers.send_replace(Stop::Gently);
        tokio::select! {
            () = all(&mut self.workers) => {}
            () = signals.end() => {
                self.stop_workers.send_replace(Stop::Now);
                all(&mut self.workers).await;
            }
        }
        // The writer always ends gently: what it has taken is committed.
        self.stop_stored.send_replace(Stop::Gently);
        all(&mut self.stored).await;
    }
}

async fn all(slots: &mut JoinSet<Vacated>) {
    while slots.join_next().await.is_some() {}
}

fn names(role: &RolePlan) -> Box<dyn Iterator<Item = String>> {
    let name = role.name;
    match role.processes {
        1 => Box::new(std::iter::once(name.to_owned())),
        several => Box::new((1..=several).map(move |number| format!("{name}.{number}"))),
    }
}

fn new_row(name: &str, bound: &[Bound]) -> Row {
    Row {
        name: name.to_owned(),
        state: ProcessState::Down,
        process: None,
        restarts: 0,
        confined: true,
        places: bound.iter().map(|one| one.place.clone()).collect(),
    }
}
