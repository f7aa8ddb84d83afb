//! What waits for the writer: mutations by account, taken in turns, and requests between them.

use super::connection::Connection;
use crate::MutationId;
use crate::check::Finding;
use crate::engine::{Engine, Job, RepairPlan};
use crate::proto::{Holds, Suspect};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use waypost_store::Mutation;

/// The most mutations of one batch.
pub(crate) const BATCH_JOBS: usize = 1_000;
/// A batch takes no more mutations once their frames reach this many bytes.
pub(crate) const BATCH_BYTES: usize = 16 << 20;

/// A mutation that waits.
pub(crate) struct Queued {
    pub(crate) origin: Arc<Connection>,
    pub(crate) job: Job,
    /// Size of its frame in bytes.
    pub(crate) size: usize,
    /// Its share of what its connection may have waiting; given back when it is dropped.
    pub(crate) share: [OwnedSemaphorePermit; 2],
}

/// Something the writer does between batches, after every mutation that came before it.
pub(crate) enum Request {
    Outcomes {
        origin: Arc<Connection>,
        ids: Vec<MutationId>,
    },
    UploadBegin {
        origin: Arc<Connection>,
        upload: u32,
        turn: OwnedSemaphorePermit,
    },
    UploadAbort {
        origin: Arc<Connection>,
        upload: u32,
    },
    Holds {
        origin: Arc<Connection>,
        round: u64,
        holds: Holds,
    },
    Backup {
        origin: Arc<Connection>,
        request: u32,
        directory: PathBuf,
    },
    WriteNotes {
        origin: Arc<Connection>,
        request: u32,
    },
    Ended {
        origin: Arc<Connection>,
    },
    Repair {
        origin: Arc<Connection>,
        request: u32,
        plan: RepairPlan,
    },
    Suspect {
        suspect: Suspect,
    },
    /// The scrub found damage.
    Found {
        findings: Vec<Finding>,
    },
    /// A short step of another thread, such as one of the compaction.
    Step(Step),
}

/// A request that waits.
pub(crate) struct Asked {
    pub(crate) request: Request,
    /// Its share of what its connection may have waiting; `None` for what the server asks itself.
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

/// What another thread has the writer do to the engine.
pub(crate) type Step = Box<dyn FnOnce(&mut Engine) + Send>;

/// What the writer does next.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) batch: Vec<Queued>,
    pub(crate) requests: Vec<Asked>,
    /// Whether nothing more is to be taken, ever.
    pub(crate) stopped: bool,
}

/// The queue between the connections and the writer. Each connection bounds its own share.
#[derive(Default)]
pub(crate) struct Intake {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    accounts: HashMap<u64, VecDeque<(u64, Queued)>>,
    turns: VecDeque<u64>,
    waiting: usize,
    requests: VecDeque<(u64, Asked)>,
    arrivals: u64,
    stopped: bool,
}

impl Intake {
    /// Adds a mutation, unless its connection has ended.
    pub(crate) fn submit(&self, queued: Queued) {
        let turn = turn_of(&queued.job.mutation);
        let mut state = self.lock();
        if queued.origin.outbox.is_closed() || state.stopped {
            return;
        }
        let arrival = state.arrive();
        let lane = state.accounts.entry(turn).or_default();
        lane.push_back((arrival, queued));
        let is_new = lane.len() == 1;
        state.waiting += 1;
        if is_new {
            state.turns.push_back(turn);
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Adds a request; after the end it is dropped, so that nobody waits for its answer.
    pub(crate) fn request(&self, asked: Asked) {
        let mut state = self.lock();
        if state.stopped {
            return;
        }
        let arrival = state.arrive();
        state.requests.push_back((arrival, asked));
        drop(state);
        self.arrived.notify_one();
    }

    /// Takes the next batch and the requests whose turn has come; waits at most `patience`.
    pub(crate) fn take(&self, patience: Duration) -> Taken {
        let state = self.lock();
        let idle =
            |state: &mut State| state.waiting == 0 && state.requests.is_empty() && !state.stopped;
        let (mut state, _) = self
            .arrived
            .wait_timeout_while(state, patience, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return Taken { stopped: true, ..Taken::default() };
        }
        let batch = state.batch();
        let requests = state.due_requests();
        Taken { batch, requests, stopped: false }
    }

    /// Mutations that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Requests that wait now.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> usize {
        self.lock().requests.len()
    }

    /// Ends the queue. What waits is dropped: nothing of it was applied or answered.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        *state = State { stopped: true, ..State::default() };
        drop(state);
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// One mutation of each account in turn, until nothing waits or the batch is full.
    fn batch(&mut self) -> Vec<Queued> {
        let mut batch = Vec::with_capacity(self.waiting.min(BATCH_JOBS));
        let mut bytes = 0;
        while batch.len() < BATCH_JOBS && bytes < BATCH_BYTES {
            let Some(turn) = self.turns.pop_front() else { break };
            let Some(lane) = self.accounts.get_mut(&turn) else { continue };
            if let Some((_, queued)) = lane.pop_front() {
                bytes += queued.size;
                batch.push(queued);
                self.waiting -= 1;
            }
            if lane.is_empty() {
                self.accounts.remove(&turn);
            } else {
                self.turns.push_back(turn);
            }
        }
        batch
    }

    /// Requests that came before every mutation still waiting.
    fn due_requests(&mut self) -> Vec<Asked> {
        if self.requests.is_empty() {
            return Vec::new();
        }
        let oldest =
            self.accounts.values().filter_map(|lane| lane.front()).map(|(at, _)| *at).min();
        let oldest = oldest.unwrap_or(u64::MAX);
        let due = self.requests.iter().take_while(|(at, _)| *at < oldest).count();
        self.requests.drain(..due).map(|(_, asked)| asked).collect()
    }
}

/// Whose turn a mutation takes.
fn turn_of(mutation: &Mutation) -> u64 {
    let mut hasher = DefaultHasher::new();
    match mutation {
        Mutation::EnsureAccount(name) => name.hash(&mut hasher),
        Mutation::Deliver(deliver) => {
            deliver.recipients.first().map(|to| &to.account).hash(&mut hasher);
        }
        Mutation::Append(append) => append.account.hash(&mut hasher),
        Mutation::SetFlags { account, .. }
        | Mutation::Expunge { account, .. }
        | Mutation::Copy { account, .. }
        | Mutation::Move { account, .. }
        | Mutation::CreateMailbox { account, .. }
        | Mutation::RenameMailbox { account, .. }
        | Mutation::DeleteMailbox { account, .. }
        | Mutation::Subscribe { account, .. }
        | Mutation::TakeRecent { account, .. }
        | Mutation::Undelete { account, .. }
        | Mutation::UndeleteMailbox { account, .. } => account.hash(&mut hasher),
    }
    hasher.finish()
}
