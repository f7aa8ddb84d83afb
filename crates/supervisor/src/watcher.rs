//! The watcher itself: binds, starts the writer, then the services; ends them in reverse.

use crate::admin::Listener;
use crate::house::House;
use crate::member::{bind_role, remove_socket};
use crate::metrics::{GiveFigures, Metrics, Source};
use crate::output::OnOutput;
use crate::owner::forget_ports;
use crate::plan::Plan;
use crate::ports::BindError;
use crate::service::Service;
use crate::state::{Board, Lock, Row};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use waypost_options::Config;
use waypost_types::Secret;

/// Only the server's own user may control it.
const CONTROL_SOCKET_MODE: u32 = 0o600;

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
    /// A service cannot be given its settings.
    Settings(String),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "the watcher cannot run: {error}"),
            Self::Settings(reason) => f.write_str(reason),
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

/// Takes the processes that serve.
pub type OnReady<'a> = Box<dyn FnOnce(&[Row]) + 'a>;

/// Takes changed settings.
pub type OnSettings<'a> = Box<dyn Fn(&Config) + 'a>;

/// Makes what a process of a service works with.
pub type MakeSettings<'a> = Box<dyn Fn(&Config, Service) -> Result<Made, String> + 'a>;

/// What a process of a service works with.
#[derive(Debug)]
pub struct Made {
    /// As the process's own program reads it.
    pub bytes: Secret<Vec<u8>>,
    /// What in it is not as the configuration says, and why, such as a certificate that cannot be used.
    pub complaint: Option<String>,
}

/// What the program around the watcher wants to hear of, and what it gives.
pub struct Hooks<'a> {
    /// Called once, when every process serves for the first time.
    pub on_ready: OnReady<'a>,
    /// Called with the settings that were read again.
    pub on_settings: OnSettings<'a>,
    /// Called for each service that is started or given settings anew.
    pub make_settings: MakeSettings<'a>,
    /// Called with every line that a process says on standard error.
    pub on_output: OnOutput,
    /// Says that what the settings are made from has changed, but for the configuration.
    pub renewals: mpsc::Receiver<()>,
    /// Asked for figures that the watcher does not know, when a monitoring system reads them.
    pub figures: GiveFigures,
}

/// Runs everything until SIGTERM, SIGINT, a request to end or the loss of the writer. Must be called
/// on the main thread: the processes are told when the thread that started them ends.
///
/// # Errors
/// When a socket cannot be opened; then nothing was started.
pub fn run(plan: &Plan, lock: &Lock, hooks: Hooks<'_>) -> Result<Ending, WatchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ending = runtime.block_on(watch(plan, lock, hooks));
    lock.remove_state();
    ending
}

async fn watch(plan: &Plan, lock: &Lock, hooks: Hooks<'_>) -> Result<Ending, WatchError> {
    // Before anything is started: a signal that comes early must not be lost.
    let signals = Signals::register()?;
    let enabled = Service::ALL.into_iter().filter_map(|one| Some((one, plan.role(one)?)));
    let sockets = enabled
        .map(|(service, role)| Ok((service, bind_role(role)?)))
        .collect::<Result<Vec<_>, WatchError>>()?;
    forget_ports();
    let path = Plan::control_socket(&plan.settings);
    let socket = open_control_socket(&path)?;
    let board = Arc::new(Board::new());
    let (listener, desk) = Listener::new(socket, Arc::clone(&board))?;
    let (errands, more) = (listener.errands(), Arc::clone(&hooks.figures));
    let source = Source { board: Arc::clone(&board), errands, more };
    let mut house = House::new(plan, hooks, board, Metrics::new(source));
    house.offer_metrics().map_err(WatchError::Settings)?;
    for (service, sockets) in &sockets {
        house.install(*service, sockets, plan).map_err(WatchError::Settings)?;
    }
    // The slots alone hold them from here on, and let go of them when they are told to end.
    drop(sockets);
    let requests = tokio::spawn(listener.run());
    let ending = house.run(lock, signals, desk).await;
    requests.abort();
    remove_socket(&path);
    Ok(ending)
}

/// The lock on the run folder says that no other watcher uses the socket.
fn open_control_socket(path: &Path) -> io::Result<UnixListener> {
    remove_socket(path);
    let next = path.with_extension("new");
    remove_socket(&next);
    let open = || {
        let socket = UnixListener::bind(&next)?;
        fs::set_permissions(&next, fs::Permissions::from_mode(CONTROL_SOCKET_MODE))?;
        // Nobody finds it under its name before its permissions are right.
        fs::rename(&next, path)?;
        Ok(socket)
    };
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("control socket {}: {error}", path.display()))
    };
    open().map_err(named)
}

/// The signals that the watcher listens to.
pub(crate) struct Signals {
    pub(crate) terminate: Signal,
    pub(crate) interrupt: Signal,
    pub(crate) hang_up: Signal,
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
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
