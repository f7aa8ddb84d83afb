//! The scrub's thread: reads every stored message in the background and compares its checksum, so that a
//! disk that forgets is noticed while a backup still has what it forgot. Damage is told once; what can be
//! mended, such as a row that does not lead to its message, goes to the writer's repairs.
//!
//! A round takes as long as the administrator says; where it stands is kept in the store. What the scrub
//! reads does not push hot mail out of the system's memory: what was not there before leaves it again.

use super::Hub;
use super::intake::{Asked, Request};
use crate::check::{Damaged, Fault, UNREADABLE, examine_blob, owners_of};
use crate::codec::Take;
use crate::codec::rows::{self, BlobRow, SegmentRow};
use crate::engine::Engine;
use crate::env::{self, fault};
use crate::keys;
use crate::proto::Suspect;
use crate::reader::Reader;
use crate::segment::OpenSegments;
use rustix::fs::{Advice, fadvise};
use rustix::io::{ReadWriteFlags, preadv2};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use waypost_store::StoreError;
use waypost_types::{BlobId, Moment};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Blobs whose rows are read at once.
const STEP_BLOBS: usize = 256;
/// A small store is not read slower than this, in bytes a second.
const LEAST_RATE: u64 = 64 << 10;
/// How often the position is kept.
const KEEP: Duration = Duration::from_secs(60);
/// While mutations wait, the scrub does too, at most this long for a piece.
const YIELD: Duration = Duration::from_millis(200);
/// Damaged messages that are remembered; of more, each round tells again.
const KNOWN: usize = 65_536;
/// After a failure, nothing is tried for this long.
const FAILURE_PAUSE: Duration = Duration::from_secs(60);

/// How stored messages are read in the background.
#[derive(Debug, Clone)]
pub struct ScrubPace {
    /// How long a round over all messages takes; zero switches the scrub off.
    pub round: Duration,
    /// Bytes read in a second at most.
    pub bytes_per_second: u64,
}

impl Default for ScrubPace {
    fn default() -> Self {
        Self { round: Duration::from_secs(30 * 86_400), bytes_per_second: 4 << 20 }
    }
}

/// Ends the thread.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; true when the thread is to end.
    fn rest(&self, time: Duration) -> bool {
        let guard = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The scrub of a running server.
pub(crate) struct Scrub {
    hub: Arc<Hub>,
    reader: Reader,
    files: OpenSegments,
    pace: ScrubPace,
    kept: Instant,
    /// The position that the store has.
    position: BlobId,
    /// What is damaged and was told.
    known: BTreeMap<BlobId, Fault>,
    rate: u64,
    stopped: bool,
}

impl Scrub {
    pub(crate) fn new(hub: Arc<Hub>, reader: Reader, pace: ScrubPace) -> Self {
        Self {
            hub,
            reader,
            files: OpenSegments::default(),
            pace,
            kept: Instant::now(),
            position: BlobId(0),
            known: BTreeMap::new(),
            rate: LEAST_RATE,
            stopped: false,
        }
    }

    /// Starts the thread, unless the scrub is switched off; it ends after [`Stop::stop`].
    pub(crate) fn start(self) -> io::Result<Option<JoinHandle<()>>> {
        if self.pace.round.is_zero() {
            return Ok(None);
        }
        let thread = std::thread::Builder::new().name("store-scrub".to_owned());
        thread.spawn(move || self.run()).map(Some)
    }

    fn run(mut self) {
        while !self.stopped {
            let begun = Instant::now();
            let rest = match self.round() {
                Ok(()) => self.pace.round.saturating_sub(begun.elapsed()),
                Err(error) => {
                    tracing::error!(%error, "the scrub of stored messages cannot go on");
                    if matches!(error, StoreError::Corrupt(_)) {
                        let suspect = Suspect { account: None, mailbox: None };
                        self.ask(Request::Suspect { suspect });
                    }
                    FAILURE_PAUSE
                }
            };
            self.stopped = self.stopped || self.hub.scrub.rest(rest);
        }
    }

    /// From where the last one stands to the end.
    fn round(&mut self) -> Result<(), StoreError> {
        self.rate = self.needed_rate()?;
        let mut last = self.read_position()?;
        self.position = last;
        let mut read = 0_u64;
        loop {
            let rows = self.next_rows(last)?;
            if rows.is_empty() {
                let now = u64::try_from(Moment::now().wall.seconds).unwrap_or_default();
                self.hub.figures.scrub_finished.store(now, Ordering::Relaxed);
                self.hub.figures.scrub_rounds.fetch_add(1, Ordering::Relaxed);
                self.keep(BlobId(0));
                if read > 0 {
                    tracing::info!(messages = read, "every stored message was read and compared");
                }
                return Ok(());
            }
            for (blob, row) in rows {
                last = blob;
                self.blob(blob, row)?;
                read += 1;
                self.hub.figures.scrub_messages.fetch_add(1, Ordering::Relaxed);
                if self.stopped {
                    return Ok(());
                }
            }
            if self.kept.elapsed() >= KEEP {
                self.keep(last);
            }
        }
    }

    fn blob(&mut self, blob: BlobId, row: Option<BlobRow>) -> Result<(), StoreError> {
        let Some(row) = row else { return self.damaged(blob, UNREADABLE) };
        let reader = self.reader.clone();
        let files = std::mem::take(&mut self.files);
        let mut read = |file: &File, from: u64, length: u64| self.checksum(file, from, length);
        let result = examine_blob(reader.meta(), &files, blob, row, &mut read);
        self.files = files;
        match result? {
            Err(_) if self.stopped => Ok(()),
            Err(fault) => self.damaged(blob, fault),
            Ok(_) => {
                self.known.remove(&blob);
                Ok(())
            }
        }
    }

    /// Tells of damage, and has it repaired, unless it is known: what only a backup can mend is met in
    /// every round.
    fn damaged(&mut self, blob: BlobId, fault: Fault) -> Result<(), StoreError> {
        if self.known.get(&blob) == Some(&fault) {
            return Ok(());
        }
        let findings = owners_of(self.reader.meta(), &Damaged::from([(blob, fault)]))?;
        if self.known.len() < KNOWN {
            self.known.insert(blob, fault);
        }
        self.hub.figures.scrub_faults.fetch_add(findings.len() as u64, Ordering::Relaxed);
        for finding in &findings {
            let remedy = finding.remedy().name();
            tracing::error!(%finding, remedy, "a stored message is damaged");
        }
        self.ask(Request::Found { findings });
        Ok(())
    }

    /// The checksum of bytes of a file, at the scrub's pace; `None` when they cannot be read, or the
    /// thread is to end.
    fn checksum(&mut self, file: &File, from: u64, length: u64) -> Option<u32> {
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut at = 0;
        while at < length {
            let count = usize::try_from(length - at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let piece = buffer.get_mut(..count)?;
            read_cold(file, piece, from + at).ok()?;
            hasher.update(piece);
            at += count as u64;
            self.hub.figures.scrubbed_bytes.fetch_add(count as u64, Ordering::Relaxed);
            if self.pause(count) {
                return None;
            }
        }
        Some(hasher.finalize())
    }

    /// Keeps the pace after `count` bytes, and lets mutations go first; true when the thread is to end.
    fn pause(&mut self, count: usize) -> bool {
        let mut time = Duration::from_secs_f64(count as f64 / self.rate as f64);
        if self.hub.intake.waiting() > 0 {
            time = time.max(YIELD);
        }
        self.stopped = self.hub.scrub.rest(time);
        self.stopped
    }

    /// The pace at which a round lasts as long as it may.
    fn needed_rate(&self) -> Result<u64, StoreError> {
        let meta = self.reader.meta();
        let txn = meta.env.read_txn().map_err(fault)?;
        let mut live = 0_u64;
        for entry in env::all(&meta.tables.segments, &txn)? {
            live = live.saturating_add(SegmentRow::decode(entry?.1).map_or(0, |row| row.live));
        }
        let seconds = NonZeroU64::new(self.pace.round.as_secs()).unwrap_or(NonZeroU64::MIN);
        let most = self.pace.bytes_per_second.max(1);
        Ok((live / seconds).max(LEAST_RATE).min(most))
    }

    fn next_rows(&self, last: BlobId) -> Result<Vec<(BlobId, Option<BlobRow>)>, StoreError> {
        let meta = self.reader.meta();
        let txn = meta.env.read_txn().map_err(fault)?;
        let mut rows = Vec::new();
        let after = keys::number(last.0);
        for entry in env::after(&meta.tables.blobs, &txn, Some(&after))?.take(STEP_BLOBS) {
            let (key, value) = entry?;
            rows.extend(Take(key).u64().map(|blob| (BlobId(blob), BlobRow::decode(value))));
        }
        Ok(rows)
    }

    fn read_position(&self) -> Result<BlobId, StoreError> {
        let meta = self.reader.meta();
        let txn = meta.env.read_txn().map_err(fault)?;
        let value = env::get(&meta.tables.state, &txn, Engine::SCRUB_KEY)?;
        Ok(BlobId(value.and_then(rows::decode_number).unwrap_or(0)))
    }

    /// Has the writer keep the position; one that is lost costs only reading again.
    fn keep(&mut self, last: BlobId) {
        self.kept = Instant::now();
        // A store that is read at once costs no commit.
        if std::mem::replace(&mut self.position, last) == last {
            return;
        }
        self.ask(Request::Step(Box::new(move |engine: &mut Engine| engine.keep_scrub(last))));
    }

    fn ask(&self, request: Request) {
        self.hub.intake.request(Asked { request, share: None });
    }
}

/// Reads bytes; those that were not in the system's memory before leave it again.
fn read_cold(file: &File, piece: &mut [u8], from: u64) -> io::Result<()> {
    let hot = preadv2(file, &mut [IoSliceMut::new(piece)], from, ReadWriteFlags::NOWAIT);
    if hot.is_ok_and(|count| count == piece.len()) {
        return Ok(());
    }
    std::os::unix::fs::FileExt::read_exact_at(file, piece, from)?;
    // A file system that keeps no such memory refuses the advice, which is as well.
    let _unheeded = fadvise(file, from, NonZeroU64::new(piece.len() as u64), Advice::DontNeed);
    Ok(())
}
