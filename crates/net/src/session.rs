//! The contract between a protocol and the loop that drives it: bytes and the time go in; bytes,
//! waits and calls come out. A session owns no socket, no clock and no thread.
//!
//! The loop calls [`Session::step`] whenever something happened ([`Event`]); the session consumes
//! input, appends output and says with [`Next`] what it waits for. A step is bounded: it appends at
//! most about [`OUTPUT_STEP_BYTES`], holds no read transaction when it returns, and is called again
//! when the socket has drained. So a client that stops reading holds neither a thread nor a snapshot.

use crate::tls::ShownCertificate;
use crate::user_list::Arrival;
use bytes::BytesMut;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;
pub use waypost_counters::Refusal;
use waypost_types::Moment;

/// A step stops and returns [`Next::Continue`], [`Next::Store`] or [`Next::Work`] once it has appended this much.
pub const OUTPUT_STEP_BYTES: usize = 64 * 1024;

/// A future that the loop awaits for a session.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// One protocol session.
pub trait Session: Send + 'static {
    /// What the session's own calls ([`Next::Call`]) answer.
    type Reply: Send + 'static;

    /// Runs one bounded step.
    fn step(&mut self, io: &mut Io<'_>, event: Event<Self::Reply>) -> Next<Self::Reply>;

    /// Facts for the log line at the end of the session, such as the user and what was done.
    fn summary(&self) -> Summary;
}

/// What a step may touch.
pub struct Io<'a> {
    /// Bytes received and not yet consumed; the session takes from the front (`split_to`,
    /// `advance`). Bounded by the loop at [`crate::INPUT_BUFFER_BYTES`]: a session that needs more
    /// must consume what is there.
    pub input: &'a mut BytesMut,
    /// The peer has closed its sending side: no more input will come.
    pub eof: bool,
    /// Replies to send, in order.
    pub output: &'a mut Vec<u8>,
    /// The time of this step.
    pub now: Moment,
}

/// Why a step runs.
#[derive(Debug)]
pub enum Event<R> {
    /// The connection is open (and for a TLS port the handshake is done): send the greeting.
    Open,
    /// There may be new input, or the peer closed its side ([`Io::eof`]).
    Input,
    /// The step asked to go on ([`Next::Continue`], [`Next::Store`], [`Next::Work`]).
    Go,
    /// A call's answer.
    Reply(R),
    /// The session's [`WakeHandle`] was woken: something it watches may have changed.
    Woken,
    /// The deadline of [`Next::Read`] has passed.
    Deadline,
    /// TLS was established after [`Next::StartTls`].
    TlsStarted(TlsFacts),
    /// The connection is to end: say goodbye and answer [`Next::Close`].
    Shutdown(Farewell),
}

/// Why a session is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// An administrator sends this user away.
    Disconnected,
    /// The service is stopping.
    Stopping,
}

/// What a session waits for.
pub enum Next<R> {
    /// More input, a wake-up or the deadline, whichever is first. The idle state: the loop releases
    /// its buffers when nothing is in them.
    Read {
        /// When [`Event::Deadline`] is due.
        deadline: Instant,
    },
    /// Send the output; when it has drained, step again at once on the loop's own thread.
    Continue,
    /// Step again to read the store, which is mostly in memory: at once on the loop's own thread while
    /// such steps are brief, else as for [`Next::Work`].
    Store,
    /// Send the output; when it has drained, step again on a thread that may block, counted against
    /// `maxthreads`.
    Work,
    /// Send the output, await the future, step with its answer. Input waits meanwhile.
    Call(BoxFuture<R>),
    /// Send the output, drop unread input (RFC 3501 section 6.2.1, RFC 2595 section 4), start TLS,
    /// step with [`Event::TlsStarted`].
    StartTls,
    /// Send the output and close.
    Close,
}

/// Facts about an established TLS layer.
#[derive(Debug, Clone)]
pub struct TlsFacts {
    /// Key length of the cipher in bits, for `plaintextmincipher`.
    pub cipher_bits: u16,
    /// The client's certificate; `None` when it has shown none.
    pub client: Option<ClientFacts>,
}

/// Facts about a client's certificate, whose key the client holds.
#[derive(Debug, Clone)]
pub struct ClientFacts {
    /// The certificate. A login by it judges it again, because that may be much later.
    pub certificate: ShownCertificate,
    /// Whether it was accepted when TLS began; else why not, for the log.
    pub verdict: Result<(), String>,
}

impl TlsFacts {
    /// A layer whose client has shown no certificate.
    pub const fn without_client(cipher_bits: u16) -> Self {
        Self { cipher_bits, client: None }
    }

    /// The client's certificate, if it was accepted when TLS began.
    pub fn accepted(&self) -> Option<&ShownCertificate> {
        let client = self.client.as_ref()?;
        client.verdict.is_ok().then_some(&client.certificate)
    }
}

/// Facts about a connection, given to the session when it is made.
#[derive(Debug, Clone)]
pub struct ConnectionFacts {
    /// Number of the connection in this process, for logs.
    pub id: u64,
    /// The client's address; `None` on a Unix socket.
    pub peer: Option<IpAddr>,
    /// TLS facts when the port speaks TLS from the start.
    pub tls: Option<TlsFacts>,
    /// Whether [`Next::StartTls`] can succeed (a certificate is installed).
    pub starttls_available: bool,
    /// Wakes this session from anywhere.
    pub waker: WakeHandle,
    /// Where the session says who has logged in.
    pub arrival: Arrival,
}

/// Wakes one session; cheap to clone, safe to call at any time; wake-ups coalesce.
#[derive(Clone)]
pub struct WakeHandle(Arc<dyn Fn() + Send + Sync>);

impl WakeHandle {
    /// A handle that calls `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Wakes the session.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for WakeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WakeHandle")
    }
}

/// What the end-of-session log line says.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// The login name or store id, when a user logged in.
    pub user: Option<String>,
    /// Why the session ended, in a few words.
    pub reason: &'static str,
    /// Named counts, such as `("retrieved", 3)`.
    pub counts: Vec<(&'static str, u64)>,
}

/// Makes the sessions of one service.
pub trait Service: Send + Sync + 'static {
    /// The sessions it makes.
    type Session: Session;

    /// The service's name in logs and counters, such as `imap`.
    fn name(&self) -> &'static str;

    /// A session for a new connection; it will see [`Event::Open`] first.
    fn session(&self, facts: ConnectionFacts) -> Self::Session;

    /// What a client that is not let in is told before it is closed.
    fn too_many(&self, why: Refusal) -> &'static [u8];
}
