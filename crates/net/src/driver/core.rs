//! A session with its buffers: the part of a connection that moves to another thread and back.

use crate::session::{Event, Io, Next, OUTPUT_STEP_BYTES, Session, Summary};
use bytes::BytesMut;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use waypost_types::Moment;

/// Output buffers above this are given back after they were sent.
const OUTPUT_KEPT_BYTES: usize = 2 * OUTPUT_STEP_BYTES;

/// A session, its input and its output.
pub(super) struct Core<E> {
    session: E,
    pub(super) input: BytesMut,
    pub(super) output: Vec<u8>,
    /// The peer sends no more.
    pub(super) eof: bool,
    /// The last step took input.
    pub(super) consumed: bool,
    /// Time on threads since the session last waited for its client.
    pub(super) spent: Duration,
    /// How long its last step that read the store took.
    pub(super) last: Duration,
}

/// What a caught panic said.
pub(super) struct Panicked(pub(super) String);

impl<E: Session> Core<E> {
    pub(super) fn new(session: E) -> Self {
        let (input, output) = (BytesMut::new(), Vec::new());
        let (spent, last) = (Duration::ZERO, Duration::ZERO);
        Self { session, input, output, eof: false, consumed: false, spent, last }
    }

    /// Runs one step. A panic in it is caught, and what the broken step had written is taken back.
    pub(super) fn step(&mut self, event: Event<E::Reply>) -> Result<Next<E::Reply>, Panicked> {
        let (waiting, written) = (self.input.len(), self.output.len());
        let Self { session, input, output, eof, .. } = self;
        let mut io = Io { input, eof: *eof, output, now: Moment::now() };
        let next = catch(|| session.step(&mut io, event));
        self.consumed = self.input.len() < waiting;
        if next.is_err() {
            self.output.truncate(written);
        }
        next
    }

    /// Forgets output that was sent.
    pub(super) fn sent(&mut self) {
        self.output.clear();
        if self.output.capacity() > OUTPUT_KEPT_BYTES {
            self.output = Vec::new();
        }
    }

    /// Notes how long a step that read the store took.
    pub(super) fn took(&mut self, step: Duration) {
        self.spent += step;
        self.last = step;
    }

    /// Gives empty buffers back before a wait that may last; what comes next is another command.
    pub(super) fn release(&mut self) {
        (self.spent, self.last) = (Duration::ZERO, Duration::ZERO);
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = Vec::new();
        }
    }

    /// Ends the session. Its own code runs for the last time here, so a panic is caught here too.
    pub(super) fn into_summary(self: Box<Self>) -> Summary {
        let summary = logged(catch(|| self.session.summary())).unwrap_or_default();
        logged(catch(move || drop(self)));
        summary
    }
}

fn logged<T>(ended: Result<T, Panicked>) -> Option<T> {
    ended.map_err(|said| tracing::error!(panic = said.0, "session panicked at its end")).ok()
}

/// Runs `job` and catches its panic. The state it touched is used no more than to report and drop
/// it, hence the assertion of unwind safety.
pub(super) fn catch<T>(job: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|payload| Panicked(message(payload.as_ref())))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned).unwrap_or("unknown panic").to_owned()
}
