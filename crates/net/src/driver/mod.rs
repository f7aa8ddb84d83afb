//! The life of one connection: handshake, session, goodbye, log line.

mod control;
mod core;
mod end;
pub(crate) mod pace;
pub(crate) mod threads;
mod turn;

pub(crate) use self::control::Control;
use self::core::Core;
use self::end::End;
use self::pace::Pace;
use self::threads::Threads;
use crate::counters::{Counters, Seat};
use crate::gate::{Case, Gate};
use crate::limits::{Limits, REFUSAL_TIMEOUT};
use crate::session::{
    ClientFacts, ConnectionFacts, Refusal, Service, Summary, TlsFacts, WakeHandle,
};
use crate::stream::{Socket, Stream};
use crate::tls::{ShownCertificate, TlsSettings, facts};
use crate::user_list::{Arrival, UserList};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use waypost_certmap::ClientCertificate;

/// Numbers the connections of this process, over all its services.
static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

/// What the connections of one service share.
pub(crate) struct Shared<S> {
    pub(crate) service: Arc<S>,
    pub(crate) limits: Limits,
    pub(crate) tls: Arc<TlsSettings>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) users: Arc<UserList>,
    pub(crate) gate: Arc<Gate>,
    /// Turns to tell a client that it is not let in.
    pub(crate) refusals: Arc<Semaphore>,
    /// Where steps that may block run.
    pub(crate) threads: Threads,
    /// Whether steps that read the store may run without a thread of their own.
    pub(crate) pace: Pace,
}

/// A socket just accepted.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    /// The client's address and port; `None` on a Unix socket.
    pub(crate) client: Option<SocketAddr>,
    pub(crate) tls_on_connect: bool,
}

impl Accepted {
    /// The client's address, in its own family.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.client.map(|client| client.ip().to_canonical())
    }
}

/// Runs a connection from accept to close. The future is kept small: there is one per silent
/// client, and rare states are boxed.
pub(crate) async fn run<S: Service>(
    shared: Arc<Shared<S>>,
    accepted: Accepted,
    seat: Seat,
    stop: watch::Receiver<bool>,
) {
    let tls_on_connect = accepted.tls_on_connect;
    let mut connection = Connection::new(shared, accepted, seat, stop);
    let end = connection.talk(tls_on_connect).await;
    Box::pin(connection.finish(end)).await;
}

/// Runs a connection that a filter judges first.
pub(crate) async fn enter<S: Service>(
    shared: Arc<Shared<S>>,
    accepted: Accepted,
    seat: Seat,
    mut case: Case,
    mut stop: watch::Receiver<bool>,
) {
    let decision = tokio::select! {
        biased;
        decision = case.decide() => decision,
        () = stopped(&mut stop) => return,
    };
    if decision.granted {
        return run(shared, accepted, seat, stop).await;
    }
    let service = shared.service.name();
    let peer = accepted.peer().map(tracing::field::display);
    let (names, reason) = (case.client_names().map(tracing::field::debug), decision.grounds);
    tracing::warn!(service, peer, names, %reason, "client refused by a filter");
    // Others need the seat more.
    drop(seat);
    turn_away(shared, accepted, Refusal::Filtered).await;
}

/// Counts a client that is not let in, and tells it why if there is a turn for that.
pub(crate) async fn turn_away<S: Service>(
    shared: Arc<Shared<S>>,
    accepted: Accepted,
    why: Refusal,
) {
    shared.counters.refused(why);
    if let Ok(_turn) = Arc::clone(&shared.refusals).try_acquire_owned() {
        if why != Refusal::Filtered {
            let (service, peer) = (shared.service.name(), accepted.peer());
            let peer = peer.map(tracing::field::display);
            tracing::info!(service, peer, ?why, "too many connections, client refused");
        }
        refuse(shared, accepted, why).await;
    }
}

/// Tells a client why it is not let in and closes.
async fn refuse<S: Service>(shared: Arc<Shared<S>>, accepted: Accepted, why: Refusal) {
    let Accepted { socket, tls_on_connect, .. } = accepted;
    let tell = async {
        let mut stream = if tls_on_connect {
            Stream::Tls(handshake(&shared.tls, socket, REFUSAL_TIMEOUT).await.ok()?)
        } else {
            Stream::Plain(socket)
        };
        stream.write_all(shared.service.too_many(why)).await.ok()?;
        stream.flush().await.ok()?;
        Some(stream)
    };
    if let Ok(Some(stream)) = timeout(REFUSAL_TIMEOUT, tell).await {
        stream.close(false).await;
    }
}

async fn handshake(
    tls: &TlsSettings,
    socket: Socket,
    limit: Duration,
) -> Result<Box<TlsStream<Socket>>, End> {
    let config = tls.config().ok_or(End::NoCertificate)?;
    match timeout(limit, TlsAcceptor::from(config).accept(socket)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(End::HandshakeFailed(error)),
        Err(_) => Err(End::HandshakeTimeout),
    }
}

/// One connection and what is known about it.
struct Connection<S: Service> {
    shared: Arc<Shared<S>>,
    stream: Stream,
    /// Absent before the greeting, while a step runs on another thread, and after the end.
    core: Option<Box<Core<S::Session>>>,
    control: Arc<Control>,
    stop: watch::Receiver<bool>,
    /// The session has been told to stop.
    stopping: bool,
    /// A little came, and nothing has been sent since.
    unanswered: bool,
    /// Steps since the connection last gave way to others.
    steps: u32,
    id: u64,
    peer: Option<IpAddr>,
    started: Instant,
    bytes_in: u64,
    bytes_out: u64,
    _seat: Seat,
}

impl<S: Service> Connection<S> {
    fn new(
        shared: Arc<Shared<S>>,
        accepted: Accepted,
        seat: Seat,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let peer = accepted.peer();
        let connection = NEXT_CONNECTION.fetch_add(1, Relaxed);
        let (list, server) = (Arc::clone(&shared.users), accepted.socket.local_addr());
        let control = Control::new(connection, list, accepted.client, server);
        Self {
            shared,
            stream: Stream::Plain(accepted.socket),
            core: None,
            control: Arc::new(control),
            stop,
            stopping: false,
            unanswered: false,
            steps: 0,
            id: connection,
            peer,
            started: Instant::now(),
            bytes_in: 0,
            bytes_out: 0,
            _seat: seat,
        }
    }

    /// Lives to its end, or to the end of the grace that a stop leaves it.
    async fn talk(&mut self, tls_on_connect: bool) -> End {
        let stop = self.stop.clone();
        let grace = self.shared.limits.shutdown_grace;
        let control = Arc::clone(&self.control);
        tokio::select! {
            biased;
            end = self.live(tls_on_connect) => end,
            () = control.is_cut() => End::Disconnected,
            () = stopped_for(stop, grace) => End::Stopped,
        }
    }

    async fn live(&mut self, tls_on_connect: bool) -> End {
        let tls = match tls_on_connect {
            true => Box::pin(self.start_tls()).await.map(Some),
            false => Ok(None),
        };
        match tls {
            Ok(tls) => {
                self.open(tls);
                self.drive().await
            }
            Err(end) => end,
        }
    }

    /// Makes the session.
    fn open(&mut self, tls: Option<TlsFacts>) {
        let control = Arc::clone(&self.control);
        let is_plain = tls.is_none();
        let facts = ConnectionFacts {
            id: self.id,
            peer: self.peer,
            tls,
            starttls_available: is_plain && self.shared.tls.config().is_some(),
            waker: WakeHandle::new(move || control.wake.notify_one()),
            arrival: Arrival(Arc::clone(&self.control)),
        };
        self.core = Some(Box::new(Core::new(self.shared.service.session(facts))));
    }

    /// Replaces the plain stream by TLS. Bytes that wait in the kernel belong to the handshake: text
    /// slipped in before it makes the handshake fail.
    async fn start_tls(&mut self) -> Result<TlsFacts, End> {
        let socket = self.stream.take_plain().ok_or(End::Misuse("TLS is already active"))?;
        let limit = self.shared.limits.handshake_timeout;
        let tls = handshake(&self.shared.tls, socket, limit).await?;
        let known = facts(tls.get_ref().1, &self.shared.tls);
        if let Some(ClientFacts { certificate, verdict: Err(reason) }) = &known.client {
            self.log_client(certificate, reason);
        }
        self.stream = Stream::Tls(tls);
        Ok(known)
    }

    /// Says why a client's certificate is not accepted; the client may still log in by password.
    fn log_client(&self, certificate: &ShownCertificate, reason: &str) {
        let (subject, issuer) = ClientCertificate::read(certificate.der()).map_or_else(
            |_| Default::default(),
            |read| (read.subject().to_string(), read.issuer().to_string()),
        );
        tracing::warn!(
            service = self.shared.service.name(),
            connection = self.id,
            peer = self.peer.map(tracing::field::display),
            subject,
            issuer,
            reason,
            "client certificate not accepted"
        );
    }

    /// Ends the session, writes its log line, and then lets the client go. The session is dropped
    /// first: what it holds must not wait for the client's goodbye.
    async fn finish(mut self, end: End) {
        if end.is_failure() {
            self.shared.counters.failed();
        }
        let core = self.core.take();
        let peer_closed = core.as_ref().is_some_and(|core| core.eof);
        let summary = core.map(|core| core.into_summary()).unwrap_or_default();
        self.log(&end, &summary);
        if end.is_clean() {
            self.stream.close(peer_closed).await;
        }
    }

    fn log(&self, end: &End, summary: &Summary) {
        let service = self.shared.service.name();
        let reason = end.reason().unwrap_or(summary.reason);
        if let End::Misuse(what) = end {
            tracing::error!(service, connection = self.id, what, "protocol bug, session closed");
        }
        tracing::info!(
            service,
            connection = self.id,
            peer = self.peer.map(tracing::field::display),
            user = summary.user.as_deref(),
            reason,
            error = end.error().map(tracing::field::display),
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            bytes_in = self.bytes_in,
            bytes_out = self.bytes_out,
            counts = %Counts(&summary.counts),
            "session ended"
        );
    }
}

/// Named counts as `name=1 other=2`.
struct Counts<'a>(&'a [(&'static str, u64)]);

impl std::fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (name, count)) in self.0.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{name}={count}")?;
        }
        Ok(())
    }
}

/// Waits for the stop signal. A signal whose sender is gone counts as given: nobody is left who
/// could give it.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn stopped_for(mut stop: watch::Receiver<bool>, grace: Duration) {
    stopped(&mut stop).await;
    // Boxed: the timer exists only while the service stops.
    Box::pin(sleep(grace)).await;
}

#[cfg(test)]
mod tests;
