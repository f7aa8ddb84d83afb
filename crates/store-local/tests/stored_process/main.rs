//! `stored` and its clients, in one process and in several.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod compact;
mod confine;
mod conformance;
mod limits;
mod notes;
mod purge;
mod restart;
mod support;
mod tools;
mod upload;
mod wake;
