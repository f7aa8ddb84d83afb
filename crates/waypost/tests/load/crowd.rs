//! Many clients of one server, who come back whenever they are cut off.

use crate::client::Client;
use crate::support::{PATIENCE, World};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// How many users share the connections.
pub(crate) const USERS: usize = 10;
/// The pause before a client tries again.
const AGAIN: Duration = Duration::from_millis(20);

/// What the clients share.
pub(crate) struct Crowd {
    pub(crate) world: World,
    /// A login is remembered once it succeeded. Of the many that come back at once, those of a user wait
    /// here for the first, or each would need a password hash.
    logins: [Mutex<()>; USERS],
    /// Clients that are logged in now.
    inside: AtomicUsize,
    /// Attempts to connect that nobody took.
    refused: AtomicUsize,
    done: AtomicBool,
}

/// A client that is counted while it is logged in.
pub(crate) struct Guest {
    pub(crate) client: Client,
    crowd: Arc<Crowd>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.crowd.inside.fetch_sub(1, Relaxed);
    }
}

impl Crowd {
    /// A world with its users; the server is not started yet.
    pub(crate) fn new(world: World) -> Arc<Self> {
        for user in 0..USERS {
            world.add_user(&name(user));
        }
        let logins = [(); USERS].map(|()| Mutex::new(()));
        let (inside, refused, done) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { world, logins, inside, refused, done })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Relaxed)
    }

    pub(crate) fn finish(&self) {
        self.done.store(true, Relaxed);
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Relaxed)
    }

    /// Connects and logs in.
    pub(crate) async fn try_enter(self: &Arc<Self>, user: usize) -> io::Result<Guest> {
        let connected = Client::connect(self.world.imap).await;
        if connected.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
            self.refused.fetch_add(1, Relaxed);
        }
        let mut client = connected?;
        let turn = self.logins[user].lock().await;
        client.log_in(&name(user)).await?;
        drop(turn);
        self.inside.fetch_add(1, Relaxed);
        Ok(Guest { client, crowd: Arc::clone(self) })
    }

    /// As [`Self::try_enter`], again and again; `None` when all is done.
    pub(crate) async fn enter(self: &Arc<Self>, user: usize) -> Option<Guest> {
        while !self.is_done() {
            match self.try_enter(user).await {
                Ok(guest) => return Some(guest),
                Err(_) => sleep(AGAIN).await,
            }
        }
        None
    }

    /// Waits until so many are logged in at the same time.
    pub(crate) async fn gather(&self, count: usize) {
        let end = Instant::now() + PATIENCE;
        while self.inside.load(Relaxed) < count {
            let inside = self.inside.load(Relaxed);
            assert!(Instant::now() < end, "only {inside} of {count} clients are logged in");
            sleep(AGAIN).await;
        }
    }

    /// Runs a tool beside the clients.
    pub(crate) async fn tool(self: &Arc<Self>, arguments: &'static [&'static str]) -> String {
        let crowd = Arc::clone(self);
        let run = move || crowd.world.tool(arguments, "");
        tokio::task::spawn_blocking(run).await.unwrap()
    }
}

/// The login name of a user.
pub(crate) fn name(user: usize) -> String {
    format!("u{user}")
}
