//! Listening sockets, and the loops that take connections from them.

use crate::counters::{Counters, Seat};
use crate::driver::pace::Pace;
use crate::driver::threads::{IDLE_KEPT, Threads};
use crate::driver::{Accepted, Shared, enter, run, stopped, turn_away};
use crate::gate::Gate;
use crate::limits::{
    ACCEPT_LOG_EVERY, ACCEPT_PAUSE, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, LINGER,
    Limits, REFUSALS_AT_ONCE,
};
use crate::session::Service;
use crate::stream::Socket;
use crate::tls::TlsSettings;
use crate::user_list::UserList;
use socket2::{Domain, SockRef, TcpKeepalive};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Time that sessions get beyond the grace and the linger before their tasks are aborted.
const DRAIN_MARGIN: Duration = Duration::from_secs(1);

/// A listening socket, usually inherited from the watcher.
#[derive(Debug)]
pub struct Listener {
    kind: Kind<std::net::TcpListener, std::os::unix::net::UnixListener>,
    tls_on_connect: bool,
}

#[derive(Debug)]
enum Kind<T, U> {
    Tcp(T),
    Unix(U),
}

impl Listener {
    /// A TCP listener; with `tls_on_connect` clients begin with the TLS handshake.
    pub fn tcp(socket: std::net::TcpListener, tls_on_connect: bool) -> Self {
        Self { kind: Kind::Tcp(socket), tls_on_connect }
    }

    /// A Unix listener; with `tls_on_connect` clients begin with the TLS handshake.
    pub fn unix(socket: std::os::unix::net::UnixListener, tls_on_connect: bool) -> Self {
        Self { kind: Kind::Unix(socket), tls_on_connect }
    }

    /// A listener from an inherited descriptor.
    ///
    /// # Errors
    /// When the descriptor is not a listening stream socket of a known family.
    pub fn from_fd(fd: OwnedFd, tls_on_connect: bool) -> io::Result<Self> {
        let socket = socket2::Socket::from(fd);
        if !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "socket does not listen"));
        }
        match socket.domain()? {
            Domain::UNIX => Ok(Self::unix(socket.into(), tls_on_connect)),
            Domain::IPV4 | Domain::IPV6 => Ok(Self::tcp(socket.into(), tls_on_connect)),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn register(self) -> io::Result<Bound> {
        let kind = match self.kind {
            Kind::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                prepare(&socket)?;
                Kind::Tcp(TcpListener::from_std(socket)?)
            }
            Kind::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Kind::Unix(UnixListener::from_std(socket)?)
            }
        };
        Ok(Bound { kind, tls_on_connect: self.tls_on_connect })
    }
}

/// What a service is run with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Limits of its connections.
    pub limits: Limits,
    /// The settings of TLS; while there are none, STARTTLS is not offered and TLS ports close at once.
    pub tls: Arc<TlsSettings>,
    /// Where it counts.
    pub counters: Arc<Counters>,
    /// Where its users are listed.
    pub users: Arc<UserList>,
    /// Who may connect.
    pub gate: Arc<Gate>,
}

/// Runs `service` on `listeners` until `stop` turns true (or its sender is gone). Then it stops
/// accepting, tells every session, and returns when all have ended or were cut (see
/// [`crate::limits::SHUTDOWN_GRACE`]). A blocking step that hangs does not hold it up, but the
/// runtime: shut that down with a time-out.
///
/// # Errors
/// When a listener cannot be registered with the runtime, or an accept loop broke.
pub async fn serve<S: Service>(
    listeners: Vec<Listener>,
    service: Arc<S>,
    setup: Setup,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let bound = listeners.into_iter().map(Listener::register).collect::<io::Result<Vec<_>>>()?;
    let shared = Arc::new(shared(service, setup));
    let mut loops = JoinSet::new();
    for listener in bound {
        let (shared, sessions) = (Arc::clone(&shared), JoinSet::new());
        loops.spawn(Acceptor { listener, shared, sessions }.run(stop.clone()));
    }
    while let Some(ended) = loops.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    Ok(())
}

fn shared<S: Service>(service: Arc<S>, setup: Setup) -> Shared<S> {
    let most = usize::try_from(setup.limits.max_threads).unwrap_or(usize::MAX);
    let threads = Threads::new(most, IDLE_KEPT);
    let Setup { limits, tls, counters, users, gate } = setup;
    counters.allow(&limits);
    let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
    let pace = Pace::new(Instant::now());
    Shared { service, limits, tls, counters, users, gate, refusals, threads, pace }
}

/// A listener known to the runtime.
struct Bound {
    kind: Kind<TcpListener, UnixListener>,
    tls_on_connect: bool,
}

impl Bound {
    /// The next connection that is this process's to take.
    async fn next(&self, counters: &Counters) -> io::Result<Accepted> {
        loop {
            counters.turn().await;
            tokio::select! {
                biased;
                accepted = self.accept() => return accepted,
                () = counters.turn_ends() => {}
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        let (socket, client) = match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                (Socket::Tcp(stream), Some(address))
            }
            Kind::Unix(listener) => (Socket::Unix(listener.accept().await?.0), None),
        };
        Ok(Accepted { socket, client, tls_on_connect: self.tls_on_connect })
    }
}

/// Sets the options that connections inherit from the socket that they come through (Linux), so that none has
/// to be given each of them.
fn prepare(socket: &std::net::TcpListener) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&keepalive)
}

/// The accept loop of one listener, and the connections that came through it.
struct Acceptor<S> {
    listener: Bound,
    shared: Arc<Shared<S>>,
    sessions: JoinSet<()>,
}

impl<S: Service> Acceptor<S> {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let for_sessions = stop.clone();
        let mut logged = None;
        loop {
            tokio::select! {
                () = stopped(&mut stop) => break,
                Some(ended) = self.sessions.join_next() => self.reap(ended),
                accepted = self.listener.next(&self.shared.counters) => match accepted {
                    Ok(accepted) => self.admit(accepted, &for_sessions),
                    Err(error) => self.pause(&error, &mut logged).await,
                },
            }
        }
        drop(self.listener);
        drain(self.sessions, self.shared.limits.shutdown_grace).await;
    }

    /// Gives a connection a seat and has it judged, or has it told that there is none.
    fn admit(&mut self, accepted: Accepted, stop: &watch::Receiver<bool>) {
        let shared = Arc::clone(&self.shared);
        let seat = match Seat::take(&shared.counters, accepted.peer()) {
            Ok(seat) => seat,
            Err(why) => {
                self.sessions.spawn(turn_away(shared, accepted, why));
                return;
            }
        };
        match shared.gate.case(shared.service.name(), &accepted) {
            None => self.sessions.spawn(run(shared, accepted, seat, stop.clone())),
            Some(case) => {
                self.sessions.spawn(Box::pin(enter(shared, accepted, seat, case, stop.clone())))
            }
        };
    }

    /// A task ends by itself; a panic outside the guarded steps has still ended only that one.
    fn reap(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            let panics = self.shared.counters.panicked();
            tracing::error!(service = self.shared.service.name(), panics, %error, "connection lost");
        }
    }

    /// Waits a little after a failed accept. Whatever the error, the loop goes on: descriptors come
    /// back when connections end.
    async fn pause(&self, error: &io::Error, logged: &mut Option<Instant>) {
        if logged.is_none_or(|at| at.elapsed() >= ACCEPT_LOG_EVERY) {
            *logged = Some(Instant::now());
            tracing::error!(service = self.shared.service.name(), %error, "cannot accept");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Waits for the sessions, which cut themselves after the grace; aborts what is left after that.
async fn drain(mut sessions: JoinSet<()>, grace: Duration) {
    let all = async { while sessions.join_next().await.is_some() {} };
    if timeout(grace + LINGER + DRAIN_MARGIN, all).await.is_err() {
        tracing::error!(left = sessions.len(), "sessions aborted at shutdown");
        sessions.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_inherit_their_options() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener::tcp(socket, false).register().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let accepted = listener.accept().await.unwrap();
        assert_eq!(accepted.client, Some(client.local_addr().unwrap()));
        let Socket::Tcp(stream) = accepted.socket else { panic!("a Unix socket") };
        let options = SockRef::from(&stream);
        assert!(options.tcp_nodelay().unwrap() && options.keepalive().unwrap());
        assert_eq!(options.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(options.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(options.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
    }
}
