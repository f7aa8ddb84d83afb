//! The watcher: owns the listening sockets, starts, stops and restarts the other processes.
//!
//! - [`Plan`]: which processes run with which sockets, read from the configuration.
//! - [`Lock`]: one watcher for each run folder, and the state file that `waypost status` reads.
//! - [`run`]: binds, starts, watches, stops.
//! - [`ask`]: the administrator's requests to a running watcher, over its control socket.
//! - [`settle_watcher`], [`renounce_rights`]: which of root's privileges are left to whom.
//! - [`Inherited`] and [`Attendant`]: the other end, in a process that the watcher started.
//!
//! Nothing else binds a port, so a worker that dies is replaced while clients wait in the queue of a
//! socket that never closed.

mod admin;
mod child;
mod control;
mod frames;
mod house;
mod launch;
mod member;
mod metrics;
mod notify;
mod output;
mod owner;
mod plan;
mod ports;
mod restart;
mod rights;
mod service;
mod slot;
mod state;
mod users;
mod watcher;

pub use admin::{Answer, AskError, Phase, Request, ServiceState, ask};
pub use child::{Attendant, Order, Reloads, UserDesk};
pub use control::{Inherited, InheritedListener};
pub use metrics::{Figure, GiveFigures, Given};
pub use output::{OnOutput, Speaker};
pub use owner::look_at_ports;
pub use plan::{Endpoint, ListenerPlan, Plan, RolePlan};
pub use ports::{BindError, TakenPort};
pub use restart::{RestartRules, Restarts, Verdict};
pub use rights::{Account, RightsError, ToolRights, renounce_rights, settle_tool, settle_watcher};
pub use service::Service;
pub use state::{Lock, LockError, ProcessState, Row, read_state};
pub use users::UserRow;
pub use watcher::{Ending, Hooks, Made, MakeSettings, OnReady, OnSettings, WatchError, run};
pub use waypost_counters::ServiceCounts;

/// The named times and limits of watching.
pub mod limits {
    use std::time::Duration;

    /// How often a process shows that it is alive.
    pub const HEARTBEAT: Duration = Duration::from_secs(5);
    /// A process that was silent for so long is hung: it is killed and replaced.
    pub const HUNG_AFTER: Duration = Duration::from_secs(60);
    /// The first delay before a process is started again.
    pub const RESTART_DELAY_MIN: Duration = Duration::from_millis(100);
    /// The longest delay before a process is started again.
    pub const RESTART_DELAY_MAX: Duration = Duration::from_secs(10);
    /// A process that ran for so long is sound: the delay starts from the least again.
    pub const STEADY_AFTER: Duration = Duration::from_secs(60);
    /// How long a process may take to end when it is told to; then it is killed. Longer than
    /// sessions get to say goodbye.
    pub const STOP_GRACE: Duration = Duration::from_secs(12);
    /// Connections that wait to be accepted on one port.
    pub const BACKLOG: i32 = 4_096;
    /// A request of an administrator, with its line end, in bytes.
    pub const REQUEST_BYTES: usize = 512;
    /// What is answered to one request, in bytes.
    pub const ANSWER_BYTES: u64 = 64 << 20;
    /// How long a request may take to come in, and its answer to be taken.
    pub const REQUEST_TIME: Duration = Duration::from_secs(5);
    /// Requests carried out at the same time; more wait to be accepted.
    pub const REQUESTS: usize = 16;
    /// How long whoever starts a service waits for it to serve.
    pub const START_WAIT: Duration = Duration::from_secs(30);
    /// How long whoever stops services waits for their end: of the workers, then of the writer.
    pub const STOP_WAIT: Duration = Duration::from_secs(30);
    /// How long whoever has settings read again waits for the processes to say that they have.
    pub const RELOAD_WAIT: Duration = Duration::from_secs(10);
    /// How long whoever asks the processes for something waits; those that hang are left out.
    pub const ASK_WAIT: Duration = Duration::from_secs(5);
    /// The pause after the control socket failed.
    pub const CONTROL_PAUSE: Duration = Duration::from_secs(1);
    /// Orders to the processes of a service that wait to be passed on.
    pub const ORDERS: usize = 64;
    /// How long a tool waits for an answer; longer than the watcher takes for any.
    pub const ANSWER_WAIT: Duration = Duration::from_secs(60);
    /// Connections that ask for figures at the same time.
    pub const SCRAPES: usize = 64;
    /// How long the head of a request for figures may take to come.
    pub const SCRAPE_HEAD_TIME: Duration = Duration::from_secs(2);
    /// How long a connection that asks for figures may take.
    pub const SCRAPE_TIME: Duration = Duration::from_secs(10);
    /// How long the figures that the watcher does not know itself may take; else they are left out.
    pub const FIGURES_WAIT: Duration = Duration::from_secs(2);
    /// Sockets handed to one process.
    pub const LISTENERS: usize = 16;
    /// The exit code of a process that no restart can help: its settings are wrong.
    pub const EXIT_SETTINGS: i32 = 2;
}
