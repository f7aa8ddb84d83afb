//! The IMAP service: IMAP4rev1 (RFC 3501) and its extensions as a session without socket or clock.
//!
//! - A state owns only what it may touch (`state`); one table declares every command (`table`);
//!   each command, or close family, is a file under `command`.
//! - A command that needs the store is a job: it runs in bounded steps, each with a snapshot of its
//!   own that ends with the step. Commands sent ahead wait for their turn.
//! - The view of the open mailbox advances only by catching up with the store. What it learned is
//!   told at the end of a command, or in IDLE (`announce`).
//! - A mailbox that is deleted while open ends the selection with an untagged `OK [CLOSED]`; the
//!   connection goes on in the authenticated state (RFC 2180 section 3 leaves the choice, and
//!   closing the connection would cost the client its other work).

mod announce;
mod capability;
mod command;
mod config;
mod error;
mod flow;
mod numbers;
mod ranks;
mod rows;
mod service;
mod session;
mod state;
pub mod table;
mod workspace;

pub use config::{Config, IDLE_TIMEOUT_MIN, LOGIN_FAILURES_MAX, LOGIN_TIME, SharedConfig};
pub use flow::Reply;
pub use service::ImapService;
pub use session::ImapSession;
