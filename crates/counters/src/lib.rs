//! The page of counters that all processes of one service share.
//!
//! The watcher makes a [`Page`] when it starts a service, hands its descriptor to every process, and reads
//! it for status and metrics. A process counts into its own slot what must be taken back when it dies (open
//! connections, and how many of them come from which address), and into the common part what has
//! happened for good (connections, logins). So the page outlives every worker, and nothing a dead one held
//! is held for ever: the watcher clears its slot.
//!
//! Every word is atomic and nothing waits for anything, so a process that is killed in the middle of a change
//! leaves no lock behind; what it may leave is a slot, which is cleared.

mod address;
mod layout;
mod memory;
mod page;

pub use layout::PROCESSES_MAX;
pub use page::{Page, Refusal, ServiceCounts, SlotCounts};
