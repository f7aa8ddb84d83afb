//! Damage that ordinary work meets: each account concerned is checked on a thread of its own, then
//! repaired by the writer, a step between two batches. What the scrub finds and what a tool asks for is
//! repaired in the same way.

use super::connection::Connection;
use crate::check::{CheckOptions, CheckReport, Finding};
use crate::engine::{Engine, Repair, RepairPlan};
use crate::proto::{FromStored, REPAIR_LINES, Suspect};
use crate::reader::Reader;
use crate::structure::{self, Structure};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};
use waypost_store::StoreError;
use waypost_types::{AccountId, ModSeq, Moment};

/// Suspicions that wait for a check; what comes beyond is met again by whoever reads next.
const SUSPECTS: usize = 1_000;
/// An account that was checked is not checked again within this time: what only a backup can mend
/// would be found for ever.
const CALM: Duration = Duration::from_secs(600);
/// A process that is gone has let go of everything within this time.
const DYING: Duration = Duration::from_secs(5);
/// Repairs that tools may have waiting.
const REPAIRS: usize = 16;
/// How often the writer looks whether a check has ended.
const LOOK: Duration = Duration::from_millis(100);

/// A repair, and who waits for it.
struct Running {
    repair: Repair,
    asked: Option<(Arc<Connection>, u32)>,
}

/// A check that runs beside the writer.
struct Checking {
    /// Where damage was met; `None` when only the pages are examined.
    suspect: Option<Suspect>,
    report: Receiver<Result<Looked, StoreError>>,
}

/// What a check saw.
enum Looked {
    /// Pages that are damaged: nothing was looked up in them.
    Pages(Structure),
    /// The tables.
    Tables(CheckReport),
}

/// Examines the pages, and when they are whole, what is suspected.
fn look(reader: &Reader, suspect: Option<&Suspect>) -> Result<Looked, StoreError> {
    let structure = structure::examine_open(reader.meta())?;
    if !structure.is_whole() {
        return Ok(Looked::Pages(structure));
    }
    let Some(suspect) = suspect else { return Ok(Looked::Tables(CheckReport::default())) };
    let options = CheckOptions { bytes: false, ..CheckOptions::default() };
    reader.check_suspect(suspect, &options).map(Looked::Tables)
}

/// What was counted since the start.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CareCounts {
    pub(crate) suspects: u64,
    pub(crate) found: u64,
    pub(crate) repaired: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
}

/// The care, driven by the writer between batches.
#[derive(Default)]
pub(crate) struct Care {
    repairs: VecDeque<Running>,
    /// What the scrub found, to be repaired together: each repair of places reads all segments' rows.
    scrubbed: RepairPlan,
    waiting: VecDeque<Suspect>,
    checked: HashMap<Suspect, Instant>,
    checking: Option<Checking>,
    pub(crate) counts: CareCounts,
    /// Damaged pages, until somebody takes them: nothing is checked or repaired any more.
    damaged: Option<Structure>,
    /// Until when it is looked whether a process that is gone died while it read.
    readers_until: Option<Instant>,
    /// Whether the pages are to be examined without a suspicion.
    pages: bool,
}

impl Care {
    /// A process is gone. One that died in the middle of a read may have died of a damaged page.
    pub(crate) fn process_gone(&mut self, now: Instant) {
        self.readers_until = Some(now + DYING);
    }

    /// What was found of damaged pages.
    pub(crate) fn take_damaged(&mut self) -> Option<Structure> {
        self.damaged.take()
    }

    fn look_at_readers(&mut self, engine: &Engine, now: Instant) {
        if self.readers_until.is_none_or(|until| until < now) {
            self.readers_until = None;
            return;
        }
        match engine.clear_stale_readers() {
            Ok(0) => {}
            Ok(_) => {
                tracing::warn!("a process died while it read; the metadata's pages are examined");
                self.pages = true;
            }
            Err(error) => tracing::warn!(%error, "stale readers cannot be cleared"),
        }
    }

    /// Queues a repair that a tool asks for.
    pub(crate) fn ask(&mut self, origin: Arc<Connection>, request: u32, plan: RepairPlan) {
        if self.repairs.len() >= REPAIRS {
            let result = Err(StoreError::Unavailable("too many repairs wait".to_owned()));
            return origin.outbox.send(&FromStored::Repaired { request, result });
        }
        let (repair, asked) = (Repair::new(plan), Some((origin, request)));
        self.repairs.push_back(Running { repair, asked });
    }

    /// Somebody met damage.
    pub(crate) fn suspect(&mut self, suspect: Suspect, now: Instant) {
        self.checked.retain(|_, at| now.duration_since(*at) < CALM);
        let known = self.checked.contains_key(&suspect) || self.waiting.contains(&suspect);
        if known || self.waiting.len() >= SUSPECTS {
            return;
        }
        self.counts.suspects += 1;
        tracing::error!(%suspect, "damage was met; a check and a repair of it begin");
        self.waiting.push_back(suspect);
    }

    /// The scrub found damage, and says each only once. What only a backup can mend gives nothing to do.
    pub(crate) fn found(&mut self, findings: &[Finding]) {
        self.scrubbed.extend(findings);
    }

    /// Repairs under way or waiting.
    pub(crate) fn waiting(&self) -> u64 {
        self.repairs.len() as u64 + u64::from(!self.scrubbed.is_empty())
    }

    /// How long the writer may wait when nothing comes in.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let repairs = !self.repairs.is_empty() || !self.scrubbed.is_empty();
        let is_idle = !repairs && self.waiting.is_empty() && !self.pages;
        match (&self.checking, is_idle) {
            (_, false) if self.checking.is_none() || repairs => Some(Duration::ZERO),
            (Some(_), _) => Some(LOOK),
            (None, _) => self.readers_until.map(|_| LOOK),
        }
    }

    /// Does the next thing; answers with an account whose watchers must be woken.
    pub(crate) fn step(&mut self, engine: &mut Engine) -> Option<(AccountId, ModSeq)> {
        self.look_at_check();
        self.look_at_readers(engine, Instant::now());
        if self.checking.is_none() {
            if std::mem::take(&mut self.pages) {
                self.begin_check(None, engine.reader());
            } else if let Some(suspect) = self.waiting.pop_front() {
                self.checked.insert(suspect, Instant::now());
                self.begin_check(Some(suspect), engine.reader());
            }
        }
        if self.repairs.is_empty() && !self.scrubbed.is_empty() {
            let repair = Repair::new(std::mem::take(&mut self.scrubbed));
            self.repairs.push_back(Running { repair, asked: None });
        }
        let running = self.repairs.front_mut()?;
        let step = engine.repair_step(&mut running.repair, Moment::now().wall);
        let (touched, failed) = match step {
            Ok(touched) => (touched, None),
            Err(error) => (None, Some(error)),
        };
        if running.repair.is_done() || failed.is_some() {
            self.ended(failed);
        }
        touched
    }

    fn begin_check(&mut self, suspect: Option<Suspect>, reader: Reader) {
        let (send, report) = sync_channel(1);
        let work = move || {
            let _nobody_waits = send.send(look(&reader, suspect.as_ref()));
        };
        let thread = std::thread::Builder::new().name("store-check".to_owned()).spawn(work);
        match thread {
            Ok(_) => self.checking = Some(Checking { suspect, report }),
            Err(error) => tracing::error!(%error, ?suspect, "no thread for a check"),
        }
    }

    fn look_at_check(&mut self) {
        let Some(checking) = &self.checking else { return };
        let suspect = checking.suspect;
        let result = match checking.report.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err(StoreError::Io("the check failed".to_owned())),
        };
        self.checking = None;
        match result {
            Ok(Looked::Tables(report)) => {
                if let Some(suspect) = suspect {
                    self.checked(suspect, &report);
                }
            }
            Ok(Looked::Pages(structure)) => {
                self.counts.found += structure.faults.len() as u64;
                // Nothing is repaired where nothing can be written.
                for (origin, request) in self.repairs.drain(..).filter_map(|one| one.asked) {
                    let result = Err(structure.refusal());
                    origin.outbox.send(&FromStored::Repaired { request, result });
                }
                *self = Self { counts: self.counts, damaged: Some(structure), ..Self::default() };
            }
            Err(error) => tracing::error!(%error, ?suspect, "a check could not be made"),
        }
    }

    fn checked(&mut self, suspect: Suspect, report: &CheckReport) {
        self.counts.found += report.found;
        for finding in report.findings.iter().take(REPAIR_LINES) {
            tracing::error!(%finding, remedy = finding.remedy().name(), "the store is damaged");
        }
        let plan = RepairPlan::new(&report.findings);
        if plan.is_empty() {
            tracing::warn!(%suspect, found = report.found, "a check found nothing to repair");
        } else {
            self.repairs.push_back(Running { repair: Repair::new(plan), asked: None });
        }
    }

    fn ended(&mut self, failed: Option<StoreError>) {
        let Some(Running { repair, asked }) = self.repairs.pop_front() else { return };
        self.counts.repaired += repair.report().len() as u64;
        for line in repair.report().iter().take(REPAIR_LINES) {
            tracing::warn!(line, "repaired");
        }
        *if failed.is_some() { &mut self.counts.failed } else { &mut self.counts.done } += 1;
        if let Some(error) = &failed {
            tracing::error!(%error, "a repair ended before its end");
        }
        if let Some((origin, request)) = asked {
            let lines = || repair.report().iter().take(REPAIR_LINES).cloned().collect();
            let result = failed.map_or_else(|| Ok(lines()), Err);
            origin.outbox.send(&FromStored::Repaired { request, result });
        }
    }
}
