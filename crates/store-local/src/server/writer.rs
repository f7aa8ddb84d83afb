//! The writer's thread: takes all that wait, commits once, answers all, then wakes the watchers.

use super::Hub;
use super::care::Care;
use super::connection::Connection;
use super::intake::{Asked, Queued, Request, Taken};
use super::kept::KeptOutcomes;
use super::outbox::{WakeFrame, merge};
use super::purge::{PurgePace, Purger};
use super::uploads::{Piece, done};
use crate::MutationId;
use crate::engine::{Done, Engine};
use crate::proto::{FromStored, Suspect, encode};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use waypost_store::{Mutation, StoreError};
use waypost_types::{AccountId, ModSeq, Moment};

/// Bytes of states that are saved in a second at most: some 8 MiB a minute.
const SAVED_BYTES_PER_SECOND: u64 = 128 << 10;
/// From one look for accounts that have become quiet to the next.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// A step that is due waits this long for a moment without mutations.
const SAVE_PATIENCE: Duration = Duration::from_secs(1);
/// After a failure, such as a full disk, nothing is saved for this long.
const SAVE_FAILURE_PAUSE: Duration = Duration::from_secs(60);

/// With damaged pages there is nothing to do but to refuse what comes.
const HARMED_PATIENCE: Duration = Duration::from_secs(3_600);

/// The writer: the one owner of the engine.
pub(crate) struct Writer {
    engine: Engine,
    kept: KeptOutcomes,
    hub: Arc<Hub>,
    purger: Purger,
    /// Mutations of many rows, which go in steps between the batches, one after the other. Each keeps
    /// its connection's share of what may wait.
    long: VecDeque<Queued>,
    backup_runs: Arc<AtomicBool>,
    care: Care,
    /// When the next step of saving is due.
    saves_at: Instant,
}

impl Writer {
    pub(crate) fn new(engine: Engine, kept: KeptOutcomes, hub: Arc<Hub>, pace: PurgePace) -> Self {
        Self {
            engine,
            kept,
            hub,
            purger: Purger::new(pace),
            long: VecDeque::new(),
            backup_runs: Arc::default(),
            care: Care::default(),
            saves_at: Instant::now(),
        }
    }

    /// Works until the intake stops. While a batch is synced, the next one gathers there.
    ///
    /// An error means that only a new process can write again. What waits is not answered: the
    /// clients ask for the outcomes when they are connected anew, and resend the rest.
    pub(crate) fn run(mut self) -> Result<(), StoreError> {
        loop {
            let harmed = self.hub.harmed.refusal();
            let patience = harmed.as_ref().map_or_else(|| self.patience(), |_| HARMED_PATIENCE);
            let taken = self.hub.intake.take(patience);
            if taken.stopped {
                if harmed.is_none() {
                    self.engine.write_all_notes();
                }
                return Ok(());
            }
            if let Some(why) = harmed {
                self.refuse(taken, &why);
                continue;
            }
            let batch = self.set_long_aside(taken.batch);
            if !batch.is_empty() {
                self.commit(batch)?;
            }
            for Asked { request, share } in taken.requests {
                self.serve(request);
                drop(share);
            }
            self.step_long()?;
            self.engine.write_due_notes(Instant::now());
            let idle = self.hub.intake.waiting() == 0 && self.long.is_empty();
            if self.purger.step(&mut self.engine, idle, || self.hub.workers()) {
                self.hub.figures.purge_steps.fetch_add(1, Ordering::Relaxed);
            }
            self.save_states(idle);
            let unsaved = self.engine.unsaved_accounts();
            self.hub.figures.unsaved_accounts.store(unsaved, Ordering::Relaxed);
            self.hub.figures.full.store(self.engine.is_full(), Ordering::Relaxed);
            // Last: when it finds damaged pages, nothing more is written.
            self.look_after();
        }
    }

    /// Refuses all that waits: pages of the metadata are damaged, so none is written.
    fn refuse(&mut self, taken: Taken, why: &StoreError) {
        let outcomes = self.hub.figures.outcomes.load(Ordering::Acquire);
        let queued: Vec<_> = self.long.drain(..).chain(taken.batch).collect();
        let (mut origins, mut done) = (Vec::new(), Vec::new());
        for Queued { origin, job, .. } in queued {
            origins.push(origin);
            done.push(Done { id: job.id, outcome: Err(why.clone()), touched: Vec::new() });
        }
        self.answer(origins, done, outcomes);
        for Asked { request, share } in taken.requests {
            self.refuse_request(request, why);
            drop(share);
        }
    }

    fn refuse_request(&mut self, request: Request, why: &StoreError) {
        match request {
            // Who asks again after a lost connection must know what was applied before.
            Request::Outcomes { origin, ids }
                if !self.hub.harmed.harm().is_some_and(|harm| harm.is_total()) =>
            {
                self.tell_outcomes(&origin, ids);
            }
            // Its deadline decides.
            Request::Outcomes { origin, .. } => origin.outbox.close(),
            Request::UploadBegin { origin, upload, .. } => done(&origin, upload, Err(why.clone())),
            Request::UploadAbort { origin, upload } => {
                self.hub.uploads.send(Piece::Abort { connection: origin.id, upload });
            }
            Request::Backup { origin, request, .. } => {
                origin.outbox.send(&FromStored::BackupDone { request, result: Err(why.clone()) });
            }
            Request::Repair { origin, request, .. } => {
                origin.outbox.send(&FromStored::Repaired { request, result: Err(why.clone()) });
            }
            Request::WriteNotes { origin, request } => {
                origin.outbox.send(&FromStored::NotesWritten { request });
            }
            Request::Ended { origin } => self.ended(&origin),
            Request::Holds { .. } | Request::Suspect { .. } | Request::Found { .. } => {}
            // Whoever waits for it finds that nobody answers.
            Request::Step(_) => {}
        }
    }

    /// Saves states in the segments at a bounded pace, with a few commits of its own.
    fn save_states(&mut self, idle: bool) {
        let (now, figures) = (Instant::now(), &self.hub.figures);
        let due = self.saves_at + if idle { Duration::ZERO } else { SAVE_PATIENCE };
        if now < due || self.engine.is_saved() {
            return;
        }
        let pause = match self.engine.save_step(Moment::now().wall) {
            Ok(step) if step.more => {
                figures.saved_bytes.fetch_add(step.bytes, Ordering::Relaxed);
                let micros = step.bytes.saturating_mul(1_000_000) / SAVED_BYTES_PER_SECOND;
                Duration::from_micros(micros)
            }
            Ok(_) => SAVE_INTERVAL,
            Err(error) => {
                figures.save_failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "states cannot be saved in the segments");
                SAVE_FAILURE_PAUSE
            }
        };
        self.saves_at = now + pause;
    }

    /// A step of what cares for damage; watchers hear of what it changed.
    fn look_after(&mut self) {
        let touched = self.care.step(&mut self.engine);
        if let Some(structure) = self.care.take_damaged() {
            self.engine.keep_mark();
            self.hub.stop_at_damage(&structure);
        }
        let (figures, counts) = (&self.hub.figures, self.care.counts);
        figures.suspects.store(counts.suspects, Ordering::Relaxed);
        figures.faults_found.store(counts.found, Ordering::Relaxed);
        figures.repaired.store(counts.repaired, Ordering::Relaxed);
        figures.repairs_waiting.store(self.care.waiting(), Ordering::Relaxed);
        figures.repairs_done.store(counts.done, Ordering::Relaxed);
        figures.repairs_failed.store(counts.failed, Ordering::Relaxed);
        let outcomes = self.hub.figures.outcomes.load(Ordering::Acquire);
        if touched.is_some() {
            self.tell(touched.into_iter(), outcomes);
        }
    }

    /// Tells each worker of the changes that its sessions watch.
    fn tell(&self, touched: impl Iterator<Item = (AccountId, ModSeq)>, outcomes: u64) {
        let mut changes = HashMap::new();
        touched.for_each(|change| merge(&mut changes, change));
        for worker in self.hub.workers() {
            if let Some(heard) = worker.listens.of(&changes, outcomes) {
                worker.outbox.wake(&WakeFrame::of(outcomes, heard));
            }
        }
    }

    /// How long nothing need be done when nothing comes in.
    fn patience(&self) -> Duration {
        if !self.long.is_empty() {
            return Duration::ZERO;
        }
        let rest = self.purger.patience().min(self.hub.notes.patience(Instant::now()));
        let rest = self.care.patience().map_or(rest, |care| rest.min(care));
        if self.engine.is_saved() {
            return rest;
        }
        rest.min(self.saves_at.saturating_duration_since(Instant::now()))
    }

    /// Keeps what goes in steps; the others are the batch.
    fn set_long_aside(&mut self, taken: Vec<Queued>) -> Vec<Queued> {
        let is_long = |queued: &Queued| self.engine.takes_steps(&queued.job.mutation);
        let (long, batch): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_long);
        self.long.extend(long);
        batch
    }

    /// A step of the first that goes in steps, with a commit of its own.
    fn step_long(&mut self) -> Result<(), StoreError> {
        let Some(queued) = self.long.front() else { return Ok(()) };
        let done = self.engine.step(&queued.job, Moment::now().wall);
        self.check_usable()?;
        let Some(done) = done else { return Ok(()) };
        let Some(Queued { origin, job, share, .. }) = self.long.pop_front() else { return Ok(()) };
        self.conclude(vec![origin], vec![place_of(&job.mutation)], vec![done]);
        drop(share);
        Ok(())
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.engine.is_unusable() {
            return Err(StoreError::Io("the metadata can no longer be written".to_owned()));
        }
        Ok(())
    }

    fn commit(&mut self, batch: Vec<Queued>) -> Result<(), StoreError> {
        self.hub.figures.count_batch(batch.len());
        let mut origins = Vec::with_capacity(batch.len());
        let mut shares = Vec::with_capacity(batch.len());
        let mut jobs = Vec::with_capacity(batch.len());
        let mut places = Vec::with_capacity(batch.len());
        for queued in batch {
            origins.push(queued.origin);
            shares.push(queued.share);
            places.push(place_of(&queued.job.mutation));
            jobs.push(queued.job);
        }
        let done = self.engine.commit(jobs, Moment::now().wall);
        self.check_usable()?;
        self.conclude(origins, places, done);
        drop(shares);
        Ok(())
    }

    /// Answers, looks after damage that was met, and wakes the watchers.
    fn conclude(&mut self, origins: Vec<Arc<Connection>>, places: Vec<Suspect>, done: Vec<Done>) {
        for (done, suspect) in done.iter().zip(places) {
            if matches!(done.outcome, Err(StoreError::Corrupt(_))) {
                self.care.suspect(suspect, Instant::now());
            }
        }
        let outcomes = self.count_outcomes();
        let touched: Vec<_> = done.iter().flat_map(|done| done.touched.iter().copied()).collect();
        self.answer(origins, done, outcomes);
        self.tell(touched.into_iter(), outcomes);
    }

    /// How many outcomes the store has kept; told to the clients, who only need it not too small.
    fn count_outcomes(&self) -> u64 {
        match self.kept.count() {
            Ok(count) => self.hub.figures.outcomes.store(count, Ordering::Release),
            Err(error) => tracing::error!(%error, "the outcomes cannot be counted"),
        }
        self.hub.figures.outcomes.load(Ordering::Acquire)
    }

    /// Answers in one write for each connection.
    fn answer(&self, origins: Vec<Arc<Connection>>, done: Vec<Done>, outcomes: u64) {
        let mut answers: HashMap<u64, (Arc<Connection>, Vec<u8>)> = HashMap::new();
        for (origin, done) in origins.into_iter().zip(done) {
            self.hub.figures.mutations.fetch_add(1, Ordering::Relaxed);
            let frame = FromStored::Outcome { id: done.id, outcomes, result: done.outcome };
            let (_, bytes) = answers.entry(origin.id).or_insert_with(|| (origin, Vec::new()));
            match encode(&frame) {
                Ok(frame) => bytes.extend(frame),
                Err(error) => tracing::error!(%error, "an outcome cannot be encoded"),
            }
        }
        for (origin, bytes) in answers.values() {
            origin.outbox.send_bytes(bytes);
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Outcomes { origin, ids } => self.tell_outcomes(&origin, ids),
            Request::UploadBegin { origin, upload, turn } => match self
                .engine
                .begin_upload(Moment::now().wall)
            {
                Ok(writer) => self.hub.uploads.send(Piece::Begin { origin, upload, writer, turn }),
                Err(error) => done(&origin, upload, Err(error)),
            },
            Request::UploadAbort { origin, upload } => {
                self.hub.uploads.send(Piece::Abort { connection: origin.id, upload });
            }
            Request::Holds { origin, round, holds } => self.purger.answer(origin.id, round, holds),
            Request::Backup { origin, request, directory } => {
                self.back_up(origin, request, directory);
            }
            Request::Repair { origin, request, plan } => self.care.ask(origin, request, plan),
            Request::Suspect { suspect } => self.care.suspect(suspect, Instant::now()),
            Request::Found { findings } => self.care.found(&findings),
            Request::WriteNotes { origin, request } => {
                self.engine.write_all_notes();
                origin.outbox.send(&FromStored::NotesWritten { request });
            }
            Request::Ended { origin } => self.ended(&origin),
            Request::Step(step) => step(&mut self.engine),
        }
    }

    fn tell_outcomes(&self, origin: &Connection, ids: Vec<MutationId>) {
        let outcomes = self.count_outcomes();
        for id in ids {
            match self.engine.outcome(id) {
                Ok(result) => {
                    origin.outbox.send(&FromStored::OutcomeKnown { id, outcomes, result })
                }
                Err(error) => {
                    // Without an answer the client would resend; its deadline decides instead.
                    tracing::error!(%error, "the outcome of a mutation cannot be read");
                    origin.outbox.close();
                    return;
                }
            }
        }
    }

    fn ended(&mut self, origin: &Connection) {
        self.hub.uploads.send(Piece::Ended { connection: origin.id });
        if origin.hello.wakes {
            self.purger.lost();
        }
        self.care.process_gone(Instant::now());
    }

    /// Runs one backup at a time, on a thread of its own.
    fn back_up(&mut self, origin: Arc<Connection>, request: u32, directory: PathBuf) {
        let runs = Arc::clone(&self.backup_runs);
        let result = if let Err(error) = usable_target(&directory) {
            Err(error)
        } else if runs.swap(true, Ordering::AcqRel) {
            Err(StoreError::NotPermitted("another backup is running".to_owned()))
        } else {
            self.engine.write_all_notes();
            let backup = self.engine.begin_backup();
            let reply = Arc::clone(&origin);
            let work = move || {
                let result = backup.run(&directory).map(|_| ());
                runs.store(false, Ordering::Release);
                reply.outbox.send(&FromStored::BackupDone { request, result });
            };
            let thread = std::thread::Builder::new().name("store-backup".to_owned()).spawn(work);
            thread.map(drop).map_err(|error| {
                self.backup_runs.store(false, Ordering::Release);
                StoreError::Io(format!("no thread for the backup: {error}"))
            })
        };
        if result.is_err() {
            origin.outbox.send(&FromStored::BackupDone { request, result });
        }
    }
}

/// Where damage lies that a mutation meets. A delivery names accounts that may not exist yet; what it
/// meets is found by looking at the whole store.
const fn place_of(mutation: &Mutation) -> Suspect {
    let (account, mailbox) = match mutation {
        Mutation::EnsureAccount(_) | Mutation::Deliver(_) => (None, None),
        Mutation::Append(append) => (Some(append.account), Some(append.mailbox)),
        Mutation::SetFlags { account, mailbox, .. }
        | Mutation::Expunge { account, mailbox, .. }
        | Mutation::RenameMailbox { account, mailbox, .. }
        | Mutation::DeleteMailbox { account, mailbox }
        | Mutation::TakeRecent { account, mailbox, .. }
        | Mutation::Undelete { account, mailbox, .. }
        | Mutation::UndeleteMailbox { account, mailbox, .. } => (Some(*account), Some(*mailbox)),
        Mutation::Copy { account, from, .. } | Mutation::Move { account, from, .. } => {
            (Some(*account), Some(*from))
        }
        Mutation::CreateMailbox { account, .. } | Mutation::Subscribe { account, .. } => {
            (Some(*account), None)
        }
    };
    Suspect { account, mailbox }
}

/// A backup goes to an absolute path that is absent or an empty directory.
pub(crate) fn usable_target(directory: &Path) -> Result<(), StoreError> {
    if !directory.is_absolute() {
        return Err(StoreError::NotPermitted("a backup needs an absolute path".to_owned()));
    }
    match std::fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                Err(StoreError::NotPermitted("the backup's directory is not empty".to_owned()))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::Io(format!("{}: {error}", directory.display()))),
    }
}
