//! When expunged messages are purged: in bounded steps, never under a session that shows them.
//!
//! A round begins by asking every worker what its sessions show. Only what was expunged a margin
//! before the question is purged in the round: a session that opened its mailbox before such an
//! expunge has told its worker by then, and one that opens later does not show it.

use super::connection::Connection;
use crate::engine::Engine;
use crate::proto::{FromStored, Holds};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waypost_types::{MailboxId, ModSeq, Moment, UnixTime};

/// The pause between two steps of a round, so that the purge never takes the disk.
const STEP_PAUSE: Duration = Duration::from_millis(50);
/// A step that is due waits this long for a moment without mutations.
const STEP_PATIENCE: Duration = Duration::from_secs(1);
/// A round ends unfinished when a worker has not answered after this time.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// How expunged messages are purged.
#[derive(Debug, Clone)]
pub struct PurgePace {
    /// From the end of a round to the next.
    pub interval: Duration,
    /// How long before the question a message must have been expunged; covers a session that has
    /// read the mailbox and not yet told its worker. Whole seconds count.
    pub margin: Duration,
    /// No round begins for this time after the start and after a worker's connection ended:
    /// sessions of a worker that is reconnecting are not known.
    pub grace: Duration,
}

impl Default for PurgePace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            margin: Duration::from_secs(10),
            grace: Duration::from_secs(60),
        }
    }
}

/// The purge, driven by the writer between batches.
pub(crate) struct Purger {
    pace: PurgePace,
    round: u64,
    due: Instant,
    stage: Stage,
}

enum Stage {
    Resting,
    Asking { waits_for: HashSet<u64>, floors: Floors, asked: UnixTime },
    Purging { floors: Floors, asked: UnixTime, until: Instant },
}

type Floors = HashMap<MailboxId, ModSeq>;

impl Purger {
    pub(crate) fn new(pace: PurgePace) -> Self {
        let due = Instant::now() + pace.grace;
        Self { pace, round: 0, due, stage: Stage::Resting }
    }

    /// How long the writer may wait for mutations before something is to be done here.
    pub(crate) fn patience(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Does what is due; `idle` says that no mutation waits. True when rows were removed.
    pub(crate) fn step(
        &mut self,
        engine: &mut Engine,
        idle: bool,
        workers: impl FnOnce() -> Vec<Arc<Connection>>,
    ) -> bool {
        let now = Instant::now();
        if now < self.due || (!idle && now < self.due + STEP_PATIENCE) {
            return false;
        }
        match &self.stage {
            Stage::Resting => self.ask(&workers()),
            Stage::Asking { .. } => self.rest(self.pace.interval),
            Stage::Purging { .. } => return self.purge(engine),
        }
        false
    }

    /// Takes a worker's answer.
    pub(crate) fn answer(&mut self, connection: u64, round: u64, holds: Holds) {
        let Stage::Asking { waits_for, floors, .. } = &mut self.stage else { return };
        if round != self.round || !waits_for.remove(&connection) {
            return;
        }
        let Holds::Mailboxes(list) = holds else { return self.rest(self.pace.interval) };
        for hold in list {
            let floor = floors.entry(hold.mailbox).or_insert(hold.modseq);
            *floor = (*floor).min(hold.modseq);
        }
        self.begin_when_complete();
    }

    /// A worker's connection ended: what its sessions show is unknown until it is back.
    pub(crate) fn lost(&mut self) {
        self.rest(self.pace.grace);
    }

    fn ask(&mut self, workers: &[Arc<Connection>]) {
        self.round += 1;
        let waits_for = workers.iter().map(|worker| worker.id).collect();
        let asked = Moment::now().wall;
        self.stage = Stage::Asking { waits_for, floors: HashMap::new(), asked };
        self.due = Instant::now() + ANSWER_PATIENCE;
        for worker in workers {
            worker.outbox.send(&FromStored::HoldQuery { round: self.round });
        }
        self.begin_when_complete();
    }

    fn begin_when_complete(&mut self) {
        if let Stage::Asking { waits_for, floors, asked } = &mut self.stage
            && waits_for.is_empty()
        {
            // Sessions move on: what they showed then must not hold messages for ever.
            let until = Instant::now() + self.pace.interval;
            self.stage = Stage::Purging { floors: std::mem::take(floors), asked: *asked, until };
            self.due = Instant::now();
        }
    }

    fn purge(&mut self, engine: &mut Engine) -> bool {
        let Stage::Purging { floors, asked, until } = &self.stage else { return false };
        let margin = i64::try_from(self.pace.margin.as_secs()).unwrap_or(i64::MAX);
        let before = UnixTime::utc(asked.seconds.saturating_sub(margin));
        let progress = engine.purge_step(&|_, mailbox| floors.get(&mailbox).copied(), before);
        match progress {
            Ok(progress) if progress.more && Instant::now() < *until => {
                self.due = Instant::now() + STEP_PAUSE;
            }
            Ok(_) => self.rest(self.pace.interval),
            Err(ref error) => {
                tracing::error!(%error, "expunged messages cannot be purged");
                self.rest(self.pace.interval);
            }
        }
        progress.is_ok_and(|progress| progress.rows > 0)
    }

    fn rest(&mut self, time: Duration) {
        self.stage = Stage::Resting;
        self.due = Instant::now() + time;
    }
}
