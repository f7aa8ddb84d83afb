//! The single writer: applies batches of mutations, one sync and one commit for all of them.

mod backup;
mod cache;
mod compact;
mod deliver;
mod files;
mod flags;
mod mailbox;
mod mark;
mod names;
mod notes;
mod outcomes;
mod pages;
mod purge;
mod quota;
mod reconstruct;
mod relocate;
mod repair;
mod reserve;
mod retire;
mod room;
mod saved;
mod saver;
mod show;
mod staged;
mod tidy;
mod transfer;
mod undelete;
mod upload;
mod work;

pub use backup::Backup;
pub(crate) use cache::{page_number, read_page};
pub(crate) use compact::{Aim, Compactor, Progress};
#[cfg(test)]
pub(crate) use mark::RUNS_FILE;
pub use outcomes::OUTCOMES;
pub(crate) use outcomes::read_outcome;
pub(crate) use pages::collect;
pub(crate) use purge::{Waiting, read_dead, read_waiting};
pub(crate) use quota::count as count_usage;
pub(crate) use reconstruct::refuse_lost;
pub use reconstruct::{Rebuilt, reconstruct};
pub(crate) use relocate::{Ask, Told};
pub use repair::{Repair, RepairPlan, mend};
pub(crate) use staged::Staged;
pub use upload::UploadWriter;

use crate::codec::corrupt;
use crate::codec::rows::{self, Numbers, SegmentRow};
use crate::env::{self, Meta, fault, io_fault};
use crate::keys;
use crate::notes::{Noted, SharedNotes};
use crate::reader::Reader;
use cache::Cache;
use files::Appender;
use heed::RwTxn;
use mark::RunMark;
use outcomes::Ring;
use reserve::Reserve;
use room::MetaRoom;
use saved::Unsaved;
use saver::Saver;
use serde::{Deserialize, Serialize};
use staged::UnderWay;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use waypost_store::{Mutation, Outcome, StoreError, limits};
use waypost_types::{AccountId, BlobId, MailboxId, ModSeq, UnixTime};
use work::Work;

/// The file in a partition whose lock makes a process the writer.
const LOCK_FILE: &str = "writer.lock";
/// The key of [`Numbers`] in `state`.
pub(crate) const NUMBERS_KEY: &[u8] = b"numbers";
/// Blob numbers skipped when bytes are found that no row knows: more than a batch and all uploads
/// under way can have taken, so no number ever names two messages.
const BLOB_GAP: u64 = 1 << 20;

/// How an engine is opened.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The partition's directory; made when it is missing.
    pub path: PathBuf,
    /// Size of the metadata map in bytes; sparse, so it costs nothing until used.
    pub map_size: usize,
    /// A segment is closed when it would grow past this many bytes.
    pub segment_bytes: u64,
    /// How long rows and bytes of expunged messages are kept (`store.cleanupage`).
    pub cleanup_age: Duration,
    /// Rows that one step of a large mutation changes before others get their turn.
    pub step_rows: usize,
    /// Bytes kept back on the disk, for those who delete when it is full.
    pub reserve_bytes: u64,
}

impl EngineConfig {
    /// The default size of the metadata map: 1 TiB.
    pub const MAP_SIZE: usize = 1 << 40;
    /// The default size of a segment: 256 MiB.
    pub const SEGMENT_BYTES: u64 = 256 << 20;
    /// The default age at which expunged messages are purged: one hour.
    pub const CLEANUP_AGE: Duration = Duration::from_secs(3600);
    /// The default of what is kept back on the disk: 8 MiB, enough to move some ten thousand messages.
    pub const RESERVE_BYTES: u64 = 8 << 20;

    /// The defaults for a partition.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            map_size: Self::MAP_SIZE,
            segment_bytes: Self::SEGMENT_BYTES,
            cleanup_age: Self::CLEANUP_AGE,
            step_rows: limits::STEP_ROWS,
            reserve_bytes: Self::RESERVE_BYTES,
        }
    }
}

/// Names a mutation for ever; chosen by the client, unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MutationId(pub u128);

/// A mutation that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: MutationId,
    /// What to do.
    pub mutation: Mutation,
}

/// A mutation that was applied or refused.
#[derive(Debug, Clone)]
pub struct Done {
    /// Its name.
    pub id: MutationId,
    /// What came of it.
    pub outcome: Result<Outcome, StoreError>,
    /// Accounts whose watchers must be woken, with their new modification sequence.
    pub touched: Vec<(AccountId, ModSeq)>,
}

/// What a purge step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PurgeProgress {
    /// Rows removed.
    pub rows: usize,
    /// Whether another step would find more to do now.
    pub more: bool,
}

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackupReport {
    /// Bytes of metadata copied.
    pub metadata_bytes: u64,
    /// Segments copied.
    pub segments: u64,
    /// Bytes of segments copied.
    pub segment_bytes: u64,
}

/// The single writer of a partition; holds an exclusive lock on `writer.lock` in it.
pub struct Engine {
    meta: Arc<Meta>,
    cache: Cache,
    files: Appender,
    room: MetaRoom,
    reserve: Reserve,
    mark: RunMark,
    numbers: Numbers,
    ring: Ring,
    cleanup_age: Duration,
    step_rows: usize,
    under_way: Option<UnderWay>,
    purge_from: Vec<u8>,
    tidied: Option<i64>,
    /// Old files without a row that the last look found.
    orphans: BTreeSet<u64>,
    unusable: bool,
    uploads: Arc<AtomicU64>,
    backups: Arc<AtomicU64>,
    retired: Vec<u64>,
    compacted_into: u64,
    notes: Arc<SharedNotes>,
    saver: Saver,
    /// Segments that a crash has left with bytes behind their records, and where these end: to be told
    /// in the next one.
    left: Vec<(u64, u64)>,
    /// Whether the batch in hand must do without records of states: there is no space for them.
    sparing: bool,
    _lock: File,
}

/// Outcomes of a batch that become part of the ring when it is committed.
type Kept = Vec<(u64, MutationId)>;

impl Engine {
    /// Opens the partition for writing, making it when it is new.
    ///
    /// # Errors
    /// When another process writes it, when it cannot be read, and when there are messages but no
    /// metadata: an empty store would let the messages be removed.
    pub fn open(config: EngineConfig) -> Result<Self, StoreError> {
        reconstruct::refuse_lost(&config.path)?;
        Self::make(config)
    }

    /// The same, whatever is there.
    fn make(config: EngineConfig) -> Result<Self, StoreError> {
        env::make_dirs(&config.path)?;
        let lock = lock(&config.path)?;
        let mark = RunMark::set(&config.path)?;
        let meta =
            Meta::open_writer(&config.path, config.map_size).map_err(reconstruct::with_remedy)?;
        meta.env.clear_stale_readers().map_err(fault)?;
        let txn = meta.env.read_txn().map_err(fault)?;
        let numbers = env::get(&meta.tables.state, &txn, NUMBERS_KEY)?
            .map(|value| {
                Numbers::decode(value)
                    .ok_or_else(|| corrupt("counters; `waypost repair` makes them anew"))
            })
            .transpose()?;
        // New numbers would name other things a second time.
        let empty = meta.tables.accounts.is_empty(&txn)?;
        if numbers.is_none() && !empty {
            return Err(corrupt("counters are missing; `waypost repair` makes them anew"));
        }
        let numbers = numbers.unwrap_or_default();
        let ring = Ring::load(&meta.tables, &txn)?;
        drop(txn);
        let files = Appender::new(&meta.path, config.segment_bytes);
        let room = MetaRoom::open(&meta)?;
        let reserve = Reserve::open(&meta.path, config.reserve_bytes);
        let mut engine = Self {
            meta,
            cache: Cache::default(),
            files,
            room,
            reserve,
            mark,
            numbers,
            ring,
            cleanup_age: config.cleanup_age,
            step_rows: config.step_rows.max(1),
            under_way: None,
            purge_from: Vec::new(),
            tidied: None,
            orphans: BTreeSet::new(),
            unusable: false,
            uploads: Arc::default(),
            backups: Arc::default(),
            retired: Vec::new(),
            compacted_into: 0,
            notes: Arc::default(),
            saver: Saver::new(),
            left: Vec::new(),
            sparing: false,
            _lock: lock,
        };
        engine.resume_segments()?;
        engine.find_staged()?;
        Ok(engine)
    }

    /// Applies all jobs, syncs, commits once, and only then answers, in the order of the jobs. A
    /// job whose id is in the ring of outcomes is answered from there and not applied again.
    ///
    /// With a job that goes in steps ([`Self::takes_steps`]), each has commits of its own.
    pub fn commit(&mut self, jobs: Vec<Job>, now: UnixTime) -> Vec<Done> {
        let alone = jobs.iter().any(|job| self.takes_steps(&job.mutation));
        if !alone && self.has_room_for(&jobs, now) {
            return self.commit_together(&jobs, now);
        }
        let alone = |job: Job| match self.takes_steps(&job.mutation) {
            true => self.all_steps(&job, now),
            false => self.commit_alone(&job, now),
        };
        jobs.into_iter().map(alone).collect()
    }

    fn commit_together(&mut self, jobs: &[Job], now: UnixTime) -> Vec<Done> {
        let with_notes = self.notes.lock().since().is_some();
        match self.try_batch(jobs, now, notes::BATCH_NOTES) {
            Ok(done) => done,
            Err(error) if jobs.len() == 1 && !with_notes => {
                jobs.iter().map(|job| self.make_do(job, now, error.clone())).collect()
            }
            // What failed may be the notes, which no job pays for, or one job's own trouble (damage,
            // or too large for the space left).
            Err(_) => jobs.iter().map(|job| self.commit_alone(job, now)).collect(),
        }
    }

    /// The outcome of a mutation among the last [`OUTCOMES`] applied; `None` when it was not
    /// applied (refused mutations changed nothing and are not kept).
    pub fn outcome(
        &self,
        id: MutationId,
    ) -> Result<Option<Result<Outcome, StoreError>>, StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        Ok(self.ring.find(&self.meta.tables, &txn, id)?.map(Ok))
    }

    /// Purges at most about [`waypost_store::limits::STEP_ROWS`] rows of what left longer ago than
    /// the clean-up age and is shown by no session: `floor` is the least modification sequence at
    /// which a session shows a mailbox, `None` when none does.
    pub fn purge_step(
        &mut self,
        floor: &dyn Fn(AccountId, MailboxId) -> Option<ModSeq>,
        now: UnixTime,
    ) -> Result<PurgeProgress, StoreError> {
        self.tidy_staged(now);
        self.retire_orphans(now)?;
        let age = i64::try_from(self.cleanup_age.as_secs()).unwrap_or(i64::MAX);
        let Ok(before) = u64::try_from(now.seconds.saturating_sub(age)) else {
            return Ok(PurgeProgress::default());
        };
        let from = std::mem::take(&mut self.purge_from);
        let meta = Arc::clone(&self.meta);
        let mut work = self.begin(&meta, now)?;
        let result = work.purge(&from, floor, before);
        let (txn, writes) = (work.txn, work.writes);
        let step = match result {
            Ok(step) if writes > 0 => self.finish(&meta, txn, Kept::new(), &[]).map(|()| step),
            other => other,
        };
        let step = step.inspect_err(|error| {
            self.cache = Cache::default();
            if *error == StoreError::NoSpace {
                // The purge is what makes space, so the next step may use what is kept back.
                self.reserve.release(now);
            }
        })?;
        self.retired.extend(step.empty);
        let more = step.next.is_some();
        self.purge_from = step.next.unwrap_or_default();
        Ok(PurgeProgress { rows: step.rows, more })
    }

    /// The key in `state` of the last blob that the scrub has read.
    pub(crate) const SCRUB_KEY: &[u8] = b"scrub";

    /// Keeps how far the scrub has read.
    pub(crate) fn keep_scrub(&self, last: BlobId) {
        let kept = self.meta.env.write_txn().map_err(fault).and_then(|mut txn| {
            let value = rows::encode_number(last.0);
            env::put(&self.meta.tables.state, &mut txn, Self::SCRUB_KEY, &value)?;
            txn.commit().map_err(fault)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "how far the scrub has read cannot be kept");
        }
    }

    /// A reader in this process that shares the writer's map.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.meta))
    }

    /// Whether the metadata can be written no more until the store is opened anew: LMDB refuses
    /// every transaction after one whose last page could not be written.
    pub const fn is_unusable(&self) -> bool {
        self.unusable
    }

    /// Frees the reader slots of processes that ended; returns how many.
    pub fn clear_stale_readers(&self) -> Result<usize, StoreError> {
        self.meta.env.clear_stale_readers().map_err(fault)
    }

    fn resume_segments(&mut self) -> Result<(), StoreError> {
        let orphans = tidy::orphans(&self.meta, UnixTime::utc(0))?;
        self.numbers.segment = self.numbers.segment.max(orphans.greatest + 1);
        let mut unknown = !orphans.all.is_empty();
        if self.numbers.current != 0 {
            let txn = self.meta.env.read_txn().map_err(fault)?;
            let key = keys::number(self.numbers.current);
            let row = env::get(&self.meta.tables.segments, &txn, &key)?.map(SegmentRow::decode);
            let row = row.flatten().unwrap_or_default();
            if self.files.resume(self.numbers.current, row.end)? {
                unknown = true;
            }
            self.numbers.current = self.files.current();
        }
        self.left = tidy::left(&self.meta, self.numbers.current)?;
        if unknown {
            self.numbers.blob += BLOB_GAP;
        }
        Ok(())
    }

    fn begin<'a, 't>(
        &'a mut self,
        meta: &'t Meta,
        now: UnixTime,
    ) -> Result<Work<'a, 't>, StoreError>
    where
        't: 'a,
    {
        let txn = meta.env.write_txn().map_err(|error| {
            self.unusable |= matches!(error, heed::Error::Mdb(heed::MdbError::Panic));
            fault(error)
        })?;
        Ok(Work {
            txn,
            tables: &meta.tables,
            partition: &meta.path,
            cache: &mut self.cache,
            files: &mut self.files,
            numbers: &mut self.numbers,
            under_way: &mut self.under_way,
            now,
            writes: 0,
            touched: Vec::new(),
            recorded: (AccountId(0), ModSeq(0), 0),
            unsaved: match self.sparing {
                true => Unsaved::sparing(),
                false => Unsaved::new(self.left.clone()),
            },
        })
    }

    /// One batch, with at most `notes` of what waits; an error means that none of it happened.
    fn try_batch(
        &mut self,
        jobs: &[Job],
        now: UnixTime,
        notes: usize,
    ) -> Result<Vec<Done>, StoreError> {
        let result = self.run_batch(jobs, now, notes);
        if result.is_err() {
            self.cache = Cache::default();
            self.files.roll_back();
            self.look_whether_usable();
        }
        result
    }

    /// A commit may have failed in its very last write. Nobody knows then whether it is there, so
    /// it must not be answered as refused: the next process finds out.
    fn look_whether_usable(&mut self) {
        let begun = self.meta.env.write_txn();
        self.unusable |= matches!(begun, Err(heed::Error::Mdb(heed::MdbError::Panic)));
    }

    fn run_batch(
        &mut self,
        jobs: &[Job],
        now: UnixTime,
        notes: usize,
    ) -> Result<Vec<Done>, StoreError> {
        let meta = Arc::clone(&self.meta);
        let ring = std::mem::take(&mut self.ring);
        let result = self.begin(&meta, now).and_then(|work| apply_all(work, &ring, jobs));
        self.ring = ring;
        let Applied { txn, done, kept, writes, unsaved } = result?;
        if writes > 0 {
            let notes = self.notes.lock().take(notes);
            let result = self.finish(&meta, txn, kept, &notes);
            result.inspect_err(|_| self.lose_notes(notes.len()))?;
            self.found_space(jobs);
            self.saver.changed(&unsaved, now);
            if !self.sparing {
                self.left.clear();
            }
        }
        Ok(done)
    }

    /// Writes the cached records and notes, syncs the segments, commits: in this order, so that no
    /// row ever names bytes that are not on stable storage.
    fn finish(
        &mut self,
        meta: &Meta,
        mut txn: RwTxn<'_>,
        kept: Kept,
        notes: &[Noted],
    ) -> Result<(), StoreError> {
        self.cache.flush(&meta.tables, &mut txn)?;
        for (number, grown) in self.files.take_growth() {
            let key = keys::number(number);
            let old = env::get(&meta.tables.segments, &txn, &key)?.map(SegmentRow::decode);
            let mut row = old.flatten().unwrap_or_default();
            row.grow(grown);
            env::put(&meta.tables.segments, &mut txn, &key, &row.encode())?;
        }
        env::put(&meta.tables.state, &mut txn, NUMBERS_KEY, &self.numbers.encode())?;
        notes::write(&meta.tables, &mut txn, notes)?;
        self.room.make(meta);
        self.files.sync()?;
        txn.commit().map_err(fault)?;
        self.files.committed();
        self.cache.trim();
        for (sequence, id) in kept {
            self.ring.remember(sequence, id);
        }
        Ok(())
    }
}

/// A batch that was applied and waits for its commit.
struct Applied<'t> {
    txn: RwTxn<'t>,
    done: Vec<Done>,
    kept: Kept,
    writes: u64,
    /// Accounts of which more changed than records of messages tell.
    unsaved: Vec<AccountId>,
}

fn apply_all<'t>(
    mut work: Work<'_, 't>,
    ring: &Ring,
    jobs: &[Job],
) -> Result<Applied<'t>, StoreError> {
    let mut done: Vec<Done> = Vec::with_capacity(jobs.len());
    let mut kept = Kept::new();
    let mut first: HashMap<MutationId, usize> = HashMap::with_capacity(jobs.len());
    for job in jobs {
        let known = match first.get(&job.id).and_then(|at| done.get(*at)) {
            Some(earlier) => Some(earlier.outcome.clone()),
            None => ring.find(work.tables, &work.txn, job.id)?.map(Ok),
        };
        if let Some(outcome) = known {
            done.push(Done { id: job.id, outcome, touched: Vec::new() });
            continue;
        }
        let before = work.writes;
        let outcome = work.apply(&job.mutation);
        match &outcome {
            Ok(outcome) if work.writes > before => {
                let (txn, numbers) = (&mut work.txn, &mut *work.numbers);
                kept.push((ring.write(work.tables, txn, numbers, job.id, outcome)?, job.id));
            }
            // It failed half-way: nothing of this batch can be kept.
            Err(error) if work.writes > before => return Err(error.clone()),
            Ok(_) | Err(_) => {}
        }
        first.insert(job.id, done.len());
        let touched = std::mem::take(&mut work.touched);
        done.push(Done { id: job.id, outcome, touched });
    }
    let unsaved = work.write_changes()?;
    Ok(Applied { txn: work.txn, done, kept, writes: work.writes, unsaved })
}

fn refused(id: MutationId, error: StoreError) -> Done {
    Done { id, outcome: Err(error), touched: Vec::new() }
}

/// Makes this process the writer, or says who cannot be.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(env::FILE_MODE)
        .open(path.join(LOCK_FILE))
        .map_err(io_fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
            "another process writes the store in {}",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(io_fault(error)),
    }
}

#[cfg(test)]
mod care_tests;
#[cfg(test)]
mod churn_tests;
#[cfg(test)]
mod compact_tests;
#[cfg(test)]
mod notes_tests;
#[cfg(test)]
mod room_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod undelete_tests;
