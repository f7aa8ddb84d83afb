//! SORT and UID SORT (RFC 5256 section 3) with DISPLAYFROM and DISPLAYTO (RFC 5957) and return options
//! (RFC 5267 section 3). What messages are sorted by was worked out when they arrived.
//!
//! First the messages are searched, then their values are read and sorted in runs, then the runs are
//! merged into the answer: each in steps of bounded cost. In a mailbox of more than a few messages texts
//! are not compared each time: they get ranks, which are kept for the next command.

mod order;
mod place;
mod rank;
mod value;

use super::answer::{Answer, Found};
use super::search::Seek;
use super::{Job, Started};
use crate::flow::{Completion, Env, Flow, Stepped};
use crate::numbers::Numbers;
use crate::state::Selected;
use crate::workspace::{Share, WorkspaceFull};
use order::{Order, TooMuchText};
use rank::{Progress, Ranked, Ranking};
use value::{Failure, Values};
use waypost_imap_wire::{ResponseCode, SearchKey, SortCriterion};
use waypost_store::StoreError;
use waypost_types::Uid;

/// Cost of sorting a run.
const RUN_COST: u64 = 1_000;

/// Sorts messages of the open mailbox.
pub(crate) struct Sort {
    seek: Seek,
    answer: Answer,
    order: Order,
    /// The ranks that stand for texts, when they do.
    ranked: Option<Ranked>,
    share: Share,
    phase: Phase,
}

/// What is done next.
enum Phase {
    Search,
    /// Make ranks of the texts.
    Rank(Box<Ranking>),
    /// Read the values of the messages found, from this one on.
    Read(Uid),
    Tell {
        /// The number that did not fit into the last step.
        number: Option<u32>,
    },
}

pub(super) fn start(
    open: &mut Selected,
    env: &mut Env<'_>,
    answer: Answer,
    criteria: Vec<SortCriterion>,
    search: SearchKey,
) -> Started {
    let seek = match Seek::new(search, open, env) {
        Ok(seek) => seek,
        Err(refused) => return refused.into(),
    };
    let (order, ranked, phase) = (Order::new(criteria), None, Phase::Search);
    let share = env.workspace.share();
    Started::Job(Job::Sort(Box::new(Sort { seek, answer, order, ranked, share, phase })))
}

impl Sort {
    pub(super) const fn is_mid_response(&self) -> bool {
        matches!(self.phase, Phase::Tell { .. })
    }

    pub(super) fn step(&mut self, open: &Selected, env: &mut Env<'_>) -> Stepped {
        if matches!(self.phase, Phase::Search) {
            if !self.seek.step(open, env)? {
                return Ok(Flow::Work);
            }
            let ranking = Ranking::new(self.order.criteria(), self.seek.found(), open, env)?;
            self.phase = ranking.map_or(Phase::Read(Uid(1)), |new| Phase::Rank(Box::new(new)));
        }
        if !matches!(self.phase, Phase::Tell { .. }) {
            match self.prepare(open, env) {
                Ok(true) => self.begin_to_tell(open, env)?,
                Ok(false) => return Ok(Flow::Work),
                Err(Failure::Store(failure)) => return Err(failure),
                Err(Failure::TooMuchText) => return Ok(too_much().into()),
                Err(Failure::WorkspaceFull) => return Ok(Completion::workspace_full().into()),
            }
        }
        Ok(if self.tell(env) { Completion::ok("SORT completed").into() } else { Flow::Work })
    }

    /// One step of making ranks or reading values; true when all values are there.
    fn prepare(&mut self, open: &Selected, env: &Env<'_>) -> Result<bool, Failure> {
        if let Phase::Rank(ranking) = &mut self.phase {
            match ranking.step(open, env, &mut self.share)? {
                Progress::Working => return Ok(false),
                Progress::ByText => {}
                Progress::Ranked(ranked) => {
                    self.order.rank_texts();
                    self.ranked = Some(ranked);
                }
            }
            self.phase = Phase::Read(Uid(1));
        }
        let Phase::Read(from) = self.phase else { return Ok(true) };
        let next = self.read(from, open, env)?;
        next.into_iter().for_each(|next| self.phase = Phase::Read(next));
        Ok(next.is_none())
    }

    /// Reads values up to the cost of a step; answers where to go on.
    fn read(&mut self, from: Uid, open: &Selected, env: &Env<'_>) -> Result<Option<Uid>, Failure> {
        let snapshot = env.store.snapshot().map_err(Failure::Store)?;
        let snapshot = snapshot.as_ref();
        let criteria = self.order.criteria();
        let (mut values, found) = match &self.ranked {
            Some(Ranked { found, ranks }) => {
                (Values::by_ranks(snapshot, open, criteria, ranks), found)
            }
            None => (Values::new(snapshot, open, criteria), self.seek.found()),
        };
        let mut numbers = Numbers::new(self.answer.uid, open.view.shown());
        for uid in found.iter_from(from) {
            if values.is_spent() {
                self.share.hold(self.order.weight())?;
                return Ok(Some(uid));
            }
            let Some(number) = numbers.of(uid) else { continue };
            if values.add(uid, &mut self.order)? && self.order.end_message(number) {
                values.cost += RUN_COST;
            }
        }
        Ok(None)
    }

    fn begin_to_tell(&mut self, open: &Selected, env: &mut Env<'_>) -> Result<(), StoreError> {
        self.order.finish();
        let uid = |number: Option<u32>| match self.answer.uid {
            true => number.map(Uid),
            false => number.and_then(|number| open.view.shown().uid_at(number)),
        };
        let found = Found {
            count: u32::try_from(self.order.len()).unwrap_or(u32::MAX),
            ends: self.order.ends().map(uid),
            mod_seq: self.seek.mod_seq(),
        };
        self.answer.begin(&found, open, env)?;
        self.phase = Phase::Tell { number: None };
        Ok(())
    }

    /// Tells numbers as they fit; true when the line is complete.
    fn tell(&mut self, env: &mut Env<'_>) -> bool {
        let Phase::Tell { number } = &mut self.phase else { return false };
        if self.answer.tells_all() {
            while let Some(next) = number.take().or_else(|| self.order.next()) {
                if env.is_full() {
                    *number = Some(next);
                    return false;
                }
                self.answer.number(next, env);
            }
        }
        self.answer.end(env);
        true
    }
}

fn too_much() -> Completion {
    Completion::no(ResponseCode::Limit, "The texts to sort by are too many; sort fewer messages")
}

impl From<WorkspaceFull> for Failure {
    fn from(WorkspaceFull: WorkspaceFull) -> Self {
        Self::WorkspaceFull
    }
}

impl From<TooMuchText> for Failure {
    fn from(TooMuchText: TooMuchText) -> Self {
        Self::TooMuchText
    }
}
