//! The loop of steps and waits.

use super::core::{Panicked, catch};
use super::pace::{BRIEF, SHORT};
use super::{Connection, End, stopped};
use crate::INPUT_BUFFER_BYTES;
use crate::limits::{MERGE_BYTES, READ_BYTES, STEPS_PER_TURN};
use crate::session::{BoxFuture, Event, Farewell, Next, Service, Session};
use crate::stream::Stream;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;
use tokio::time::{sleep_until, timeout};

type Reply<S> = <<S as Service>::Session as Session>::Reply;

/// What the next step is about and where it runs.
enum Turn<R> {
    Here(Event<R>),
    Store(Event<R>),
    Worker(Event<R>),
}

/// What ended a wait of the idle state.
enum Awoken {
    Input(io::Result<usize>),
    Woken,
    Deadline,
    Stop,
}

impl<S: Service> Connection<S> {
    /// Steps and waits until the end.
    pub(super) async fn drive(&mut self) -> End {
        match self.turns().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn turns(&mut self) -> Result<Infallible, End> {
        let mut turn = Turn::Here(Event::Open);
        loop {
            let next = match turn {
                Turn::Here(event) => self.core()?.step(event),
                Turn::Store(event) => self.step_on_store(event).await?,
                Turn::Worker(event) => self.step_on_worker(event).await?,
            };
            turn = match next {
                Ok(next) => self.follow(next).await?,
                Err(panicked) => return Err(self.broken(panicked).await),
            };
        }
    }

    /// Does what a step asked for.
    async fn follow(&mut self, next: Next<Reply<S>>) -> Result<Turn<Reply<S>>, End> {
        let is_last = matches!(next, Next::Close);
        if !matches!(next, Next::Continue | Next::Store) {
            self.send_output(is_last).await?;
        }
        match next {
            Next::Continue => self.carry_on().await.map(|()| Turn::Here(Event::Go)),
            Next::Store => self.carry_on().await.map(|()| Turn::Store(Event::Go)),
            Next::Read { deadline } => self.park(deadline).await.map(Turn::Here),
            Next::Work => Ok(Turn::Worker(Event::Go)),
            Next::Call(call) => self.call(call).await.map(Turn::Here),
            Next::StartTls => {
                self.core()?.input.clear();
                let facts = Box::pin(self.start_tls()).await?;
                Ok(Turn::Here(Event::TlsStarted(facts)))
            }
            Next::Close => Err(End::Session),
        }
    }

    /// Steps again at once. Small output is gathered; what leaves the thread or waits flushes it.
    async fn carry_on(&mut self) -> Result<(), End> {
        if self.core()?.output.len() >= MERGE_BYTES {
            self.flush().await?;
        }
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_TURN) {
            yield_now().await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.send_output(false).await
    }

    /// Sends the output, of which it is known whether it is the last; while it waits for the client, no thread is
    /// held.
    async fn send_output(&mut self, is_last: bool) -> Result<(), End> {
        let limit = self.shared.limits.write_timeout;
        let Self { stream, core: Some(core), .. } = self else { return Err(End::Panicked) };
        let mut rest = core.output.as_slice();
        if rest.is_empty() {
            return Ok(());
        }
        // Most answers fit into what the kernel takes at once.
        match stream.send_now(rest, is_last) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(End::Write(error)),
        }
        if !rest.is_empty() {
            send_all(stream, rest, limit).await?;
        }
        let sent = core.output.len() as u64;
        core.sent();
        self.unanswered = false;
        self.bytes_out += sent;
        self.shared.counters.sent(sent);
        Ok(())
    }

    /// Runs a step that reads the store: here while such steps are brief, else where it may block.
    async fn step_on_store(
        &mut self,
        event: Event<Reply<S>>,
    ) -> Result<Result<Next<Reply<S>>, Panicked>, End> {
        let core = self.core()?;
        let is_long = core.spent >= BRIEF;
        let is_heavy = is_long && core.last >= SHORT;
        if is_heavy || !self.shared.pace.is_quick(Instant::now()) {
            self.flush().await?;
            return self.step_on_worker(event).await;
        }
        if is_long {
            yield_now().await;
        }
        let began = Instant::now();
        let core = self.core()?;
        let next = core.step(event);
        let ended = Instant::now();
        let took = ended.saturating_duration_since(began);
        core.took(took);
        self.shared.pace.note(took, ended);
        Ok(next)
    }

    /// Runs a step where it may block.
    async fn step_on_worker(
        &mut self,
        event: Event<Reply<S>>,
    ) -> Result<Result<Next<Reply<S>>, Panicked>, End> {
        let mut core = self.core.take().ok_or(End::Panicked)?;
        let spent = core.spent;
        let job = move || {
            let began = Instant::now();
            let next = core.step(event);
            core.took(began.elapsed());
            (core, next)
        };
        // Steps catch their panics, so a job is lost only when the system gives no thread.
        let (core, next) = self.shared.threads.run(spent, job).await.ok_or(End::NoThread)?;
        self.core = Some(core);
        Ok(next)
    }

    /// Awaits the future of a session.
    async fn call(&mut self, mut call: BoxFuture<Reply<S>>) -> Result<Event<Reply<S>>, End> {
        let caught = poll_fn(|cx| match catch(|| call.as_mut().poll(cx)) {
            Ok(Poll::Ready(reply)) => Poll::Ready(Ok(reply)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panicked) => Poll::Ready(Err(panicked)),
        });
        match caught.await {
            Ok(reply) => Ok(Event::Reply(reply)),
            Err(panicked) => Err(self.broken(panicked).await),
        }
    }

    /// The idle state: waits for whatever comes first.
    async fn park(&mut self, deadline: Instant) -> Result<Event<Reply<S>>, End> {
        let stopping = self.stopping;
        if std::mem::take(&mut self.unanswered) {
            self.stream.acknowledge();
        }
        let Self { stream, core: Some(core), control, stop, .. } = self else {
            return Err(End::Panicked);
        };
        if stopping {
            return Err(End::Session);
        }
        if core.eof {
            // Steps go on while they take what is left, and no longer: nothing more will come.
            return if core.consumed { Ok(Event::Input) } else { Err(End::PeerClosed) };
        }
        if core.input.len() >= INPUT_BUFFER_BYTES {
            return Err(End::Misuse("input buffer full and nothing taken"));
        }
        core.release();
        let awoken = tokio::select! {
            () = stopped(stop) => Awoken::Stop,
            () = control.wake.notified() => Awoken::Woken,
            filled = stream.fill(&mut core.input) => Awoken::Input(filled),
            () = sleep_until(deadline.into()) => Awoken::Deadline,
        };
        self.event_of(awoken)
    }

    fn event_of(&mut self, awoken: Awoken) -> Result<Event<Reply<S>>, End> {
        Ok(match awoken {
            Awoken::Input(filled) => {
                let came = filled.map_err(End::Read)? as u64;
                self.core()?.eof = came == 0;
                // Much is acknowledged as it comes.
                self.unanswered = came < READ_BYTES as u64;
                self.bytes_in += came;
                self.shared.counters.received(came);
                Event::Input
            }
            Awoken::Woken if self.control.is_disconnected() => {
                self.stopping = true;
                Event::Shutdown(Farewell::Disconnected)
            }
            Awoken::Woken => Event::Woken,
            Awoken::Deadline => Event::Deadline,
            Awoken::Stop => {
                self.stopping = true;
                Event::Shutdown(Farewell::Stopping)
            }
        })
    }

    /// A step or call has panicked: its session ends, nothing else does. Replies of earlier steps
    /// still go out.
    async fn broken(&mut self, panicked: Panicked) -> End {
        let service = self.shared.service.name();
        let panics = self.shared.counters.panicked();
        let (connection, panic) = (self.id, panicked.0);
        tracing::error!(service, connection, panics, panic, "session step panicked");
        self.flush().await.err().unwrap_or(End::Panicked)
    }

    fn core(&mut self) -> Result<&mut Box<super::Core<S::Session>>, End> {
        self.core.as_mut().ok_or(End::Panicked)
    }
}

/// Sends all of `bytes` to a client that takes some of them in each span of `limit`.
async fn send_all(stream: &mut Stream, bytes: &[u8], limit: Duration) -> Result<(), End> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let wrote = timeout(limit, stream.write(rest)).await;
        let wrote = wrote.map_err(|_| End::WriteTimeout)?.map_err(End::Write)?;
        if wrote == 0 {
            return Err(End::Write(io::ErrorKind::WriteZero.into()));
        }
        rest = rest.get(wrote..).unwrap_or_default();
    }
    let flushed = timeout(limit, stream.flush()).await;
    flushed.map_err(|_| End::WriteTimeout)?.map_err(End::Write)
}
