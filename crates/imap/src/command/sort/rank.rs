//! Ranks in place of texts: taken from what earlier commands left, brought up to date, or made for the whole
//! mailbox, in steps of bounded cost.

use super::RUN_COST;
use super::order::{Order, is_text};
use super::place::{Placed, Placing};
use super::value::{Failure, Values};
use crate::flow::Env;
use crate::numbers::Numbers;
use crate::ranks::{Ranks, RanksOf};
use crate::state::Selected;
use crate::workspace::Share;
use std::sync::Arc;
use waypost_imap_wire::{SortCriterion, SortKey};
use waypost_store::StoreError;
use waypost_types::{Uid, UidSet};

/// A mailbox of fewer messages is sorted by texts in less than a millisecond.
const MESSAGES_MIN: u32 = 256;
/// Ranks are not made for less than this part of a mailbox: they cost what sorting all of it does.
const PART: u32 = 8;
/// Each new message is searched for among the texts that are there: about twenty of them are read. More
/// messages than this cost what making ranks anew does.
const NEW_MAX: u32 = 500;
/// One new message for so many in the mailbox, for the same reason.
const NEW_PART: u32 = 32;
/// Ranks that one step gives when the texts are in order.
const MERGE_STEP: usize = 1 << 13;

/// Messages to be sorted, and the ranks of their texts.
#[derive(Default)]
pub(super) struct Ranked {
    /// Without those that are gone.
    pub(super) found: UidSet,
    /// Of each criterion that is a text.
    pub(super) ranks: Vec<Option<Arc<Ranks>>>,
}

/// Ranks being made.
pub(super) struct Ranking {
    keys: Vec<SortKey>,
    live: Arc<UidSet>,
    /// Whose they are, whatever the key.
    of: RanksOf,
    ranked: Ranked,
    /// Criteria whose ranks are still to be made.
    missing: Vec<usize>,
    /// What is done for the last of them.
    work: Work,
    /// Whether a text could not be read: then the ranks serve this command only.
    damaged: bool,
}

enum Work {
    Begin,
    Place(Box<Placing>),
    /// Read all texts, from this message on.
    Read(Uid, Box<Order>),
    /// Give ranks to the texts in their order.
    Merge(Box<Order>, Vec<u32>),
}

/// Where a step has got to.
pub(super) enum Progress {
    /// There is more to do.
    Working,
    /// There are too many texts; those of the messages found may be few enough.
    ByText,
    Ranked(Ranked),
}

impl Ranking {
    /// Begins to rank; `None` when texts are better compared, or when there are none.
    pub(super) fn new(
        criteria: &[SortCriterion],
        found: &UidSet,
        open: &Selected,
        env: &Env<'_>,
    ) -> Result<Option<Self>, StoreError> {
        let keys: Vec<SortKey> = criteria.iter().map(|criterion| criterion.key).collect();
        if !keys.iter().copied().any(is_text) || found.is_empty() {
            return Ok(None);
        }
        let (account, mailbox) = (open.account(), open.mailbox());
        let snapshot = env.store.snapshot()?;
        let Some(record) = snapshot.mailbox(account, mailbox)? else { return Ok(None) };
        let live = snapshot.live(&record)?;
        if live.len() < MESSAGES_MIN {
            return Ok(None);
        }
        let uid_validity = record.uid_validity;
        let of = RanksOf { account, mailbox, uid_validity, key: SortKey::Subject };
        let found = found.intersection(&live);
        let (mut ranks, mut missing) = (Vec::new(), Vec::new());
        for (at, key) in keys.iter().copied().enumerate() {
            let of = RanksOf { key, ..of };
            let kept = if is_text(key) { env.workspace.ranks.of(&of) } else { None };
            let is_known = |ranks: &Arc<Ranks>| found.difference(&ranks.known).is_empty();
            if is_text(key) && !kept.as_ref().is_some_and(is_known) {
                missing.push(at);
            }
            ranks.push(kept);
        }
        if !missing.is_empty() && found.len() < live.len() / PART {
            return Ok(None);
        }
        let ranked = Ranked { found, ranks };
        let (work, damaged) = (Work::Begin, false);
        Ok(Some(Self { keys, live, of, ranked, missing, work, damaged }))
    }

    /// Does one step.
    pub(super) fn step(
        &mut self,
        open: &Selected,
        env: &Env<'_>,
        share: &mut Share,
    ) -> Result<Progress, Failure> {
        let Some(at) = self.missing.last().copied() else {
            return Ok(Progress::Ranked(std::mem::take(&mut self.ranked)));
        };
        let key = self.keys.get(at).copied().unwrap_or(SortKey::Subject);
        let done = match std::mem::replace(&mut self.work, Work::Begin) {
            Work::Begin => {
                self.begin(at, key);
                None
            }
            Work::Place(placing) => self.place(placing, key, open, env, share)?,
            Work::Read(from, order) => match self.read(from, order, open, env, share) {
                Err(Failure::TooMuchText) => return Ok(Progress::ByText),
                read => read.map(|()| None)?,
            },
            Work::Merge(order, ranks) => self.merge(order, ranks),
        };
        if let Some(ranks) = done {
            self.end(at, key, ranks, env);
        }
        Ok(Progress::Working)
    }

    fn begin(&mut self, at: usize, key: SortKey) {
        self.damaged = false;
        self.work = match self.ranked.ranks.get(at).cloned().flatten() {
            Some(before) if self.are_few(&before) => {
                Work::Place(Box::new(Placing::new(before, Arc::clone(&self.live))))
            }
            _ => read_all(key),
        };
    }

    /// Whether so few messages are new since these ranks were made that they can be placed.
    fn are_few(&self, before: &Ranks) -> bool {
        let new = self.live.difference(&before.known).len();
        new <= NEW_MAX.min(self.live.len() / NEW_PART)
    }

    fn place(
        &mut self,
        mut placing: Box<Placing>,
        key: SortKey,
        open: &Selected,
        env: &Env<'_>,
        share: &mut Share,
    ) -> Result<Option<Vec<u32>>, Failure> {
        share.hold(placing.weight())?;
        let snapshot = env.store.snapshot().map_err(Failure::Store)?;
        let criterion = SortCriterion { key, reverse: false };
        let mut values = Values::new(snapshot.as_ref(), open, &[criterion]);
        match placing.step(&mut values, key)? {
            Placed::Working => self.work = Work::Place(placing),
            Placed::Lost => self.work = read_all(key),
            Placed::All(ranks) => return Ok(Some(ranks)),
        }
        Ok(None)
    }

    /// Reads texts up to the cost of a step.
    fn read(
        &mut self,
        from: Uid,
        mut order: Box<Order>,
        open: &Selected,
        env: &Env<'_>,
        share: &mut Share,
    ) -> Result<(), Failure> {
        let snapshot = env.store.snapshot().map_err(Failure::Store)?;
        let mut values = Values::new(snapshot.as_ref(), open, order.criteria());
        let mut numbers = Numbers::new(false, &self.live);
        let count = self.live.len() as usize;
        let mut next = None;
        for uid in self.live.iter_from(from) {
            if values.is_spent() {
                next = Some(uid);
                break;
            }
            let Some(number) = numbers.of(uid) else { continue };
            if !values.add(uid, &mut order)? {
                values.damaged = true;
                self.ranked.found.remove(uid);
            } else if order.end_message(number) {
                values.cost += RUN_COST;
            }
        }
        self.damaged |= values.damaged;
        share.hold(order.weight() + count * size_of::<u32>())?;
        self.work = match next {
            Some(next) => Work::Read(next, order),
            None => {
                order.finish();
                Work::Merge(order, vec![0; count])
            }
        };
        Ok(())
    }

    fn merge(&mut self, mut order: Box<Order>, mut ranks: Vec<u32>) -> Option<Vec<u32>> {
        for _ in 0..MERGE_STEP {
            let Some((number, rank)) = order.next_ranked() else { return Some(ranks) };
            let at = (number as usize).saturating_sub(1);
            ranks.iter_mut().skip(at).take(1).for_each(|place| *place = rank);
        }
        self.work = Work::Merge(order, ranks);
        None
    }

    fn end(&mut self, at: usize, key: SortKey, ranks: Vec<u32>, env: &Env<'_>) {
        let ranks = Arc::new(Ranks { known: Arc::clone(&self.live), ranks });
        if !self.damaged {
            env.workspace.ranks.keep(RanksOf { key, ..self.of }, Arc::clone(&ranks));
        }
        self.ranked.ranks.iter_mut().skip(at).take(1).for_each(|of_key| {
            *of_key = Some(Arc::clone(&ranks));
        });
        self.missing.pop();
    }
}

fn read_all(key: SortKey) -> Work {
    Work::Read(Uid(1), Box::new(Order::new(vec![SortCriterion { key, reverse: false }])))
}
