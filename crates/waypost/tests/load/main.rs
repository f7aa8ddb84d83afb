//! What holds under many connections: restarts, the cost of idle clients, threads.
//!
//! One thread plays all clients, so that the machine's cores are left to the server.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a failed unwrap fails the test; figures are for people"
)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod crowd;
mod ledger;
mod measure;
mod overhead;
mod restarts;
mod threads;
