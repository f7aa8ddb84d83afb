//! A session without a socket: the caller is the network and the clock.

use crate::INPUT_BUFFER_BYTES;
use crate::session::{
    BoxFuture, ConnectionFacts, Event, Farewell, Io, Next, Session, Summary, TlsFacts, WakeHandle,
};
use crate::user_list::Arrival;
use bytes::BytesMut;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use waypost_types::Moment;

/// Steps a session may take in a row before it counts as spinning.
pub const STEPS_AT_ONCE: usize = 1_000_000;

/// How long a call of the session may take, in real time.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The client's address in memory (RFC 5737).
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A session, what it said, and what it waits for.
pub struct Memory<S: Session> {
    session: S,
    input: BytesMut,
    output: Vec<u8>,
    eof: bool,
    now: Moment,
    state: State,
    woken: Arc<AtomicBool>,
    runtime: Option<&'static Runtime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading(Instant),
    AwaitsTls,
    Closed,
}

/// What a session in memory did wrong, or what was asked of it at a wrong time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryError {
    /// More than [`STEPS_AT_ONCE`] steps without waiting for anything.
    Spins,
    /// A call took longer than [`CALL_TIMEOUT`].
    CallHangs,
    /// It leaves a full input buffer untouched, for which the real loop ends it.
    InputStuck,
    /// TLS was offered, but the session did not ask for it.
    NoTlsWanted,
    /// The session waits for the TLS handshake, or is closed, and takes no such event.
    NotReading,
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spins => "the session spins: too many steps without a wait",
            Self::CallHangs => "a call of the session does not end",
            Self::InputStuck => "the session leaves a full input buffer untouched",
            Self::NoTlsWanted => "the session did not ask for TLS",
            Self::NotReading => "the session is closed or waits for TLS",
        })
    }
}

impl std::error::Error for MemoryError {}

impl<S: Session> Memory<S> {
    /// Makes a session with `make` and opens it; `tls` as on a port that begins with TLS.
    ///
    /// # Errors
    /// When the greeting step misbehaves.
    pub fn open(
        tls: Option<TlsFacts>,
        make: impl FnOnce(ConnectionFacts) -> S,
    ) -> Result<Self, MemoryError> {
        let woken = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&woken);
        let waker = WakeHandle::new(move || flag.store(true, SeqCst));
        let starttls_available = tls.is_none();
        let arrival = Arrival::default();
        let peer = Some(PEER);
        let session =
            make(ConnectionFacts { id: 1, peer, tls, starttls_available, waker, arrival });
        let now = Moment::now();
        let state = State::Reading(now.instant);
        let (input, output) = (BytesMut::new(), Vec::new());
        let mut memory =
            Self { session, input, output, eof: false, now, state, woken, runtime: None };
        memory.deliver(Event::Open)?;
        Ok(memory)
    }

    /// Waits for calls within that runtime from now on; one whose clock is paused lets delays pass at once.
    #[must_use]
    pub fn calls_within(self, runtime: &'static Runtime) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// The client sends `bytes`. They are lost when the session is closed, as on a socket.
    ///
    /// # Errors
    /// When the session misbehaves.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), MemoryError> {
        let mut rest = bytes;
        while !rest.is_empty() && matches!(self.state, State::Reading(_)) {
            let room = INPUT_BUFFER_BYTES.saturating_sub(self.input.len());
            if room == 0 {
                return Err(MemoryError::InputStuck);
            }
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.input.extend_from_slice(now);
            self.deliver(Event::Input)?;
            rest = later;
        }
        Ok(())
    }

    /// What the server has said and nobody has taken; take it from the front.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the session has closed.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether the session has used its wake handle since [`Memory::wake`] last ran.
    pub fn was_woken(&self) -> bool {
        self.woken.load(SeqCst)
    }

    /// The time of the session.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The end-of-session facts.
    pub fn summary(&self) -> Summary {
        self.session.summary()
    }

    /// Wakes the session as its wake handle would.
    ///
    /// # Errors
    /// When the session is not reading, or misbehaves.
    pub fn wake(&mut self) -> Result<(), MemoryError> {
        self.woken.store(false, SeqCst);
        self.deliver_reading(Event::Woken)
    }

    /// Tells the session that the service stops.
    ///
    /// # Errors
    /// When the session is not reading, or misbehaves.
    pub fn shut_down(&mut self) -> Result<(), MemoryError> {
        self.deliver_reading(Event::Shutdown(Farewell::Stopping))?;
        if matches!(self.state, State::Reading(_)) {
            self.state = State::Closed;
        }
        Ok(())
    }

    /// The client closes its sending side. As with the real loop, a session that then goes on
    /// reading without taking input is closed.
    ///
    /// # Errors
    /// When the session misbehaves.
    pub fn end_input(&mut self) -> Result<(), MemoryError> {
        self.eof = true;
        while matches!(self.state, State::Reading(_)) {
            let before = self.input.len();
            self.deliver(Event::Input)?;
            if self.input.len() == before && matches!(self.state, State::Reading(_)) {
                self.state = State::Closed;
            }
        }
        Ok(())
    }

    /// Establishes TLS for a session that asked for it.
    ///
    /// # Errors
    /// When it did not ask, or misbehaves.
    pub fn start_tls(&mut self, facts: TlsFacts) -> Result<(), MemoryError> {
        if self.state != State::AwaitsTls {
            return Err(MemoryError::NoTlsWanted);
        }
        self.deliver(Event::TlsStarted(facts))
    }

    /// Lets time pass; deadlines within it fire at their time.
    ///
    /// # Errors
    /// When the session misbehaves, a deadline that never moves on included.
    pub fn pass(&mut self, time: Duration) -> Result<(), MemoryError> {
        let target = self.now.after(time);
        for _ in 0..STEPS_AT_ONCE {
            match self.state {
                State::Reading(due) if due <= target.instant => {
                    self.now = self.now.after(due.saturating_duration_since(self.now.instant));
                    self.deliver(Event::Deadline)?;
                }
                _ => {
                    self.now = target;
                    return Ok(());
                }
            }
        }
        Err(MemoryError::Spins)
    }

    fn deliver_reading(&mut self, event: Event<S::Reply>) -> Result<(), MemoryError> {
        match self.state {
            State::Reading(_) => self.deliver(event),
            State::AwaitsTls | State::Closed => Err(MemoryError::NotReading),
        }
    }

    /// Steps until the session waits for the outside.
    fn deliver(&mut self, mut event: Event<S::Reply>) -> Result<(), MemoryError> {
        for _ in 0..STEPS_AT_ONCE {
            let Self { session, input, output, eof, now, .. } = self;
            let next = session.step(&mut Io { input, eof: *eof, output, now: *now }, event);
            event = match next {
                Next::Continue | Next::Store | Next::Work => Event::Go,
                Next::Call(call) => Event::Reply(match self.runtime {
                    Some(runtime) => runtime.block_on(call),
                    None => answer(call)?,
                }),
                Next::Read { deadline } => return self.wait(State::Reading(deadline)),
                Next::StartTls => {
                    self.input.clear();
                    return self.wait(State::AwaitsTls);
                }
                Next::Close => return self.wait(State::Closed),
            };
        }
        Err(MemoryError::Spins)
    }

    fn wait(&mut self, state: State) -> Result<(), MemoryError> {
        self.state = state;
        Ok(())
    }
}

/// Unparks the thread that waits for a call.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a call on this thread. A call that needs the timers or sockets of a runtime works only
/// when the test runs inside one.
fn answer<T>(call: BoxFuture<T>) -> Result<T, MemoryError> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut call = pin!(call);
    let begin = Instant::now();
    loop {
        if let Poll::Ready(reply) = call.as_mut().poll(&mut context) {
            return Ok(reply);
        }
        let left = CALL_TIMEOUT.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Err(MemoryError::CallHangs);
        }
        thread::park_timeout(left);
    }
}
