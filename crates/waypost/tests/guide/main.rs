//! The administrator's guide, typed as it is printed and observed through real connections.
//!
//! Each test names the promises that it holds: see `docs/guide-coverage.md`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../support/mod.rs"]
mod support;

mod enabling;
mod greetings;
mod limits;
mod logins;
mod ports;
mod site;
mod tls;
