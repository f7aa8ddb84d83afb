//! The compaction's thread: looks for segments worth compacting, copies at a bounded pace, and removes
//! files that have no row any more.
//!
//! Every step of the writer is short and asked for like any other request, so it comes after the
//! mutations that came before it and before those that come later: neither starves the other.

use super::Hub;
use super::connection::Connection;
use super::intake::{Asked, Request};
use crate::engine::{Aim, Ask, Compactor, Engine, Progress, Told};
use crate::proto::{CompactReport, FromStored, REMOVED_SEGMENTS};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use waypost_store::StoreError;

/// Orders that wait; a further one is refused.
const ORDERS: usize = 64;
/// After a failure, such as a full disk, nothing is copied for this long; files go all the same.
const FAILURE_PAUSE: Duration = Duration::from_secs(60);
/// While mutations come in, the compaction goes at this fraction of its pace, unless it is behind.
const BUSY_SLOWDOWN: u32 = 4;

/// How segments are compacted.
#[derive(Debug, Clone)]
pub struct CompactPace {
    /// The least share of dead bytes of a segment, in percent; 0 switches the background off.
    pub percent: u16,
    /// Bytes copied in a second at most.
    pub bytes_per_second: u64,
    /// From one look for work to the next.
    pub interval: Duration,
}

impl Default for CompactPace {
    fn default() -> Self {
        Self { percent: 20, bytes_per_second: 16 << 20, interval: Duration::from_secs(30) }
    }
}

/// An administrator's order to compact now.
pub(crate) struct Order {
    pub(crate) origin: Arc<Connection>,
    pub(crate) request: u32,
    pub(crate) percent: u8,
}

/// Orders that wait for the compaction's thread.
#[derive(Default)]
pub(crate) struct Orders {
    state: Mutex<(VecDeque<Order>, bool)>,
    changed: Condvar,
}

impl Orders {
    /// Leaves an order; when too many wait it is refused.
    pub(crate) fn order(&self, order: Order) {
        let mut state = self.lock();
        if state.0.len() >= ORDERS || state.1 {
            let why = StoreError::Unavailable("too many compactions wait".to_owned());
            return order.answer(Err(why));
        }
        state.0.push_back(order);
        self.changed.notify_all();
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.lock().1
    }

    /// The next order; waits for one at most for `patience`.
    fn next(&self, patience: Duration) -> Option<Order> {
        let idle = |state: &mut (VecDeque<Order>, bool)| state.0.is_empty() && !state.1;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.0.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, (VecDeque<Order>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn answer(&self, result: Result<CompactReport, StoreError>) {
        self.origin.outbox.send(&FromStored::Compacted { request: self.request, result });
    }
}

/// The compaction of a running server.
pub(crate) struct Compaction {
    compactor: Compactor,
    hub: Arc<Hub>,
    pace: CompactPace,
    /// When the background does its next step.
    due: Instant,
    /// Until when nothing is copied, after a failure.
    rests_until: Instant,
    /// Batches that were committed before the last step.
    batches: u64,
}

impl Compaction {
    pub(crate) fn new(compactor: Compactor, hub: Arc<Hub>, pace: CompactPace) -> Self {
        let now = Instant::now();
        Self { compactor, hub, due: now + pace.interval, pace, rests_until: now, batches: 0 }
    }

    /// Starts the thread; it ends after [`Orders::stop`].
    pub(crate) fn start(self) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("store-compact".to_owned()).spawn(move || self.run())
    }

    fn run(mut self) {
        while !self.hub.compaction.is_stopped() {
            let patience = self.due.saturating_duration_since(Instant::now());
            if let Some(order) = self.hub.compaction.next(patience) {
                order.answer(self.obey(&order));
            } else if Instant::now() >= self.due {
                self.work();
            }
        }
    }

    /// Does all at once, and removes the files before it answers.
    fn obey(&mut self, order: &Order) -> Result<CompactReport, StoreError> {
        let mut report = CompactReport::default();
        while let Some(progress) = self.step(Aim::now(u64::from(order.percent)))? {
            report.add(progress);
            if self.hub.compaction.is_stopped() || order.origin.outbox.is_closed() {
                return Err(StoreError::Unavailable("the compaction was broken off".to_owned()));
            }
        }
        self.remove_files();
        self.measure()?;
        Ok(report)
    }

    /// One step of the background, and when the next one is due.
    fn work(&mut self) {
        let percent = u64::from(self.pace.percent);
        let rests = percent == 0 || Instant::now() < self.rests_until;
        let step = if rests { Ok(None) } else { self.step(Aim::background(percent)) };
        self.remove_files();
        let measured = step.and_then(|step| {
            if step.is_none_or(|progress| progress.segments > 0) {
                self.measure()?;
            }
            Ok(step)
        });
        let pause = match measured {
            Ok(Some(progress)) => self.pause_after(progress),
            Ok(None) => self.pace.interval,
            Err(error) => {
                if !self.hub.compaction.is_stopped() {
                    tracing::error!(%error, "the store cannot be compacted");
                }
                self.rests_until = Instant::now() + FAILURE_PAUSE;
                self.pace.interval
            }
        };
        self.due = Instant::now() + pause;
    }

    fn step(&mut self, aim: Aim) -> Result<Option<Progress>, StoreError> {
        let Self { compactor, hub, .. } = self;
        let step = compactor.step(aim, &mut |ask| compact(hub, ask));
        let figures = &self.hub.figures;
        figures.compacting.store(matches!(step, Ok(Some(_))), Ordering::Relaxed);
        let progress = step?;
        if let Some(progress) = &progress {
            figures.compacted_bytes.fetch_add(progress.copied, Ordering::Relaxed);
            figures.removed_bytes.fetch_add(progress.dropped, Ordering::Relaxed);
            figures.removed_segments.fetch_add(progress.segments, Ordering::Relaxed);
        }
        Ok(progress)
    }

    /// How long to rest after a step: longer while mutations come in, but a compaction that falls
    /// behind goes at its full pace.
    fn pause_after(&mut self, progress: Progress) -> Duration {
        let rate = self.pace.bytes_per_second.max(1);
        let micros = progress.copied.saturating_mul(1_000_000) / rate;
        let pause = Duration::from_micros(micros);
        let figures = &self.hub.figures;
        let batches = figures.batches.load(Ordering::Relaxed);
        let is_busy = std::mem::replace(&mut self.batches, batches) != batches;
        let dead = figures.dead_bytes.load(Ordering::Relaxed).saturating_mul(100);
        let allowed = figures.segment_bytes.load(Ordering::Relaxed);
        let is_behind = dead >= allowed.saturating_mul(u64::from(self.pace.percent));
        if is_busy && !is_behind { pause * BUSY_SLOWDOWN } else { pause }
    }

    fn measure(&self) -> Result<(), StoreError> {
        let space = self.compactor.space()?;
        let figures = &self.hub.figures;
        figures.segments.store(space.segments, Ordering::Relaxed);
        figures.segment_bytes.store(space.bytes, Ordering::Relaxed);
        figures.dead_bytes.store(space.dead, Ordering::Relaxed);
        Ok(())
    }

    /// Removes files, then has the workers close those that they have open.
    fn remove_files(&self) {
        let Some(retired) = with_engine(&self.hub, Engine::take_retired) else { return };
        self.compactor.remove_files(&retired);
        for segments in retired.chunks(REMOVED_SEGMENTS) {
            let frame = FromStored::Removed { segments: segments.to_vec() };
            self.hub.everyone().iter().for_each(|one| one.outbox.send(&frame));
        }
    }
}

fn compact(hub: &Hub, ask: Ask) -> Result<Told, StoreError> {
    let gone = || StoreError::Unavailable("the writer has ended".to_owned());
    with_engine(hub, |engine| engine.compact(ask)).unwrap_or_else(|| Err(gone()))
}

/// Has the writer do a short step; `None` when it has ended.
fn with_engine<T: Send + 'static>(
    hub: &Hub,
    work: impl FnOnce(&mut Engine) -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = mpsc::channel();
    let step = Request::Step(Box::new(move |engine| {
        let _gone = answer.send(work(engine));
    }));
    hub.intake.request(Asked { request: step, share: None });
    answered.recv().ok()
}
