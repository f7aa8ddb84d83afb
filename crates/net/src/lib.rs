//! Listeners, TLS, connection limits, idle timers and the loop that drives a protocol session.
//!
//! A protocol implements [`session::Session`] and [`session::Service`]; [`listener::serve`] runs it
//! over TCP, Unix and TLS sockets. [`testing`] runs a session in memory, against a text script.

pub mod counters;
mod driver;
pub mod gate;
pub mod limits;
pub mod listener;
pub mod session;
mod stream;
pub mod testing;
pub mod tls;
pub mod user_list;

/// The most input bytes that wait in a connection's buffer before the session consumes some.
pub const INPUT_BUFFER_BYTES: usize = 128 * 1024;
