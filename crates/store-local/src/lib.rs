//! The embedded message store engine and its single writer.
//!
//! - [`engine`]: the one writer: applies mutations in batches, purges, backs up.
//! - [`reader`]: snapshots, in any number of processes.
//! - [`codec`], [`keys`], [`segment`], [`env`], [`table`]: the format on disk.
//! - [`check`]: every table against every other, and the files against the rows, once `structure` has found
//!   the pages of the metadata whole.
//! - [`local`]: writer and reader in one process, for tools and tests.
//! - [`server`]: the `stored` process around the engine; [`client`]: a worker's way to it, over
//!   [`proto`]; [`confine`]: what a worker gives up at its start.

pub mod check;
pub mod client;
mod codec;
pub mod confine;
#[cfg(any(test, feature = "fuzzing"))]
pub mod decoding;
pub mod engine;
mod env;
mod keys;
pub mod local;
mod notes;
pub mod proto;
pub mod reader;
mod segment;
pub mod server;
mod structure;
mod table;

pub use engine::MutationId;
