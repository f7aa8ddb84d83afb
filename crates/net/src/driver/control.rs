//! What reaches a connection from outside: wake-ups, and the orders to end.

use crate::user_list::UserList;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::sync::Notify;

/// The outside handle of one connection.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Number of the connection in this process.
    pub(crate) connection: u64,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) server: Option<SocketAddr>,
    /// Where its user is listed.
    pub(crate) list: Arc<UserList>,
    pub(crate) wake: Notify,
    cut: Notify,
    disconnected: AtomicBool,
}

impl Control {
    /// Of a connection from `client` to `server`.
    pub(crate) fn new(
        connection: u64,
        list: Arc<UserList>,
        client: Option<SocketAddr>,
        server: Option<SocketAddr>,
    ) -> Self {
        Self { connection, list, client, server, ..Self::default() }
    }

    /// Asks the session to say goodbye at its next wait.
    pub(crate) fn disconnect(&self) {
        self.disconnected.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Whether the session was asked to say goodbye.
    pub(crate) fn is_disconnected(&self) -> bool {
        self.disconnected.load(Relaxed)
    }

    /// Ends the connection wherever it is.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Answers when the connection shall end at once.
    pub(crate) async fn is_cut(&self) {
        self.cut.notified().await;
    }
}
