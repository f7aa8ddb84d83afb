//! The watcher: owns the listening sockets, starts, stops and restarts the other processes.
//!
//! - [`Plan`]: which processes run with which sockets, read from the configuration.
//! - [`Lock`]: one watcher for each run folder, and the state file that `waypost status` reads.
//! - [`run`]: binds, starts, watches, stops.
//! - [`Inherited`] and [`Attendant`]: the other end, in a process that the watcher started.
//!
//! Nothing else binds a port, so a worker that dies is replaced while clients wait in the queue of a
//! socket that never closed.

mod child;
mod control;
mod launch;
mod owner;
mod plan;
mod ports;
mod restart;
mod slot;
mod state;
mod watcher;

pub use child::{Attendant, Order};
pub use control::{Inherited, InheritedListener};
pub use plan::{Endpoint, ListenerPlan, Plan, RolePlan};
pub use ports::BindError;
pub use restart::{RestartRules, Restarts, Verdict};
pub use state::{Lock, LockError, ProcessState, Row, read_state};
pub use watcher::{Ending, WatchError, run};

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
    /// Sockets handed to one process.
    pub const LISTENERS: usize = 16;
    /// The exit code of a process that no restart can help: its settings are wrong.
    pub const EXIT_SETTINGS: i32 = 2;
}
