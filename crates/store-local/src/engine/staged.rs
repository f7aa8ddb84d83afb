//! COPY and MOVE of many messages, in steps with other mutations between them.
//!
//! A step writes the rows of some messages under UIDs that the target has not given yet, with a commit
//! of its own. No state page knows these UIDs, so nobody sees them. The last step touches pages and
//! counters only: it makes all of them visible at once, takes the messages of a MOVE out of their
//! mailbox, and keeps the outcome. What is visible is what one transaction would have done at that
//! moment: a message that was expunged between the steps is left out, and flags are as they are then.
//!
//! A record in `state` says which UIDs are staged. Where the last step never comes, after a crash too,
//! they are given up: they count as used, and their rows wait for the purge like those of expunged
//! messages. UIDs only ascend, so a message that comes into the target meanwhile and needs a staged
//! UID gets one behind them; they are given up, and the transfer begins anew, further ahead.

use super::cache::Cache;
use super::pages;
use super::transfer::{Leaving, Order, Transfer};
use super::work::{Targets, Work};
use super::{Done, Engine, Job, Kept, MutationId, refused};
use crate::codec::saved::{SavedArrival, SavedChange};
use crate::codec::{Take, VERSION, rows};
use crate::env::{self, fault};
use crate::keys;
use heed::RoTxn;
use std::collections::VecDeque;
use std::sync::Arc;
use waypost_store::{Bits512, LimitName, MessageRow, Mutation, Outcome, StoreError, limits};
use waypost_types::{AccountId, FlagSet, MailboxId, ModSeq, Uid, UidSet, UnixTime, Usage};

/// The key of [`Staged`] in `state`, while a transfer is under way or given up and not tidied.
pub(super) const STAGED_KEY: &[u8] = b"staged";
/// UIDs that are left free before the staged ones, by attempt: room for what comes into the target
/// meanwhile. None at first, since most targets are quiet; then more than what made the attempt before
/// fail, as far as one mailbox can grow while it lasts.
const GAPS: [u32; 4] = [0, 1 << 10, 1 << 14, 1 << 18];

/// UIDs of a mailbox that rows may stand under though no message has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) account: AccountId,
    pub(crate) mailbox: MailboxId,
    /// The first of them.
    pub(crate) first: Uid,
    /// The one behind the last.
    pub(crate) end: Uid,
}

impl Staged {
    /// The record in a store, if there is one that can be read.
    pub(crate) fn read(table: &env::Table, txn: &RoTxn<'_>) -> Result<Option<Self>, StoreError> {
        Ok(env::get(table, txn, STAGED_KEY)?.and_then(Self::decode))
    }

    /// The staged UIDs, as far as they are of this mailbox.
    pub(crate) fn of(self, mailbox: MailboxId) -> UidSet {
        let is_there = self.mailbox == mailbox && self.first < self.end;
        if is_there { UidSet::range(self.first.0..=self.end.0 - 1) } else { UidSet::new() }
    }

    fn encode(self) -> Vec<u8> {
        let mut value = vec![VERSION];
        for number in [self.account.0, self.mailbox.0, self.first.0, self.end.0] {
            value.extend_from_slice(&number.to_be_bytes());
        }
        value
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let mut take = Take(value);
        take.version()?;
        let (account, mailbox) = (AccountId(take.u32()?), MailboxId(take.u32()?));
        Some(Self { account, mailbox, first: Uid(take.u32()?), end: Uid(take.u32()?) })
    }
}

/// A message whose row is staged.
pub(super) struct Held {
    pub(super) uid: Uid,
    pub(super) email: u32,
    pub(super) size: u64,
}

/// A transfer under way; at most one is. What it keeps in memory is bounded by
/// [`limits::COPY_MESSAGES`].
pub(super) struct UnderWay {
    /// What it does; `None` for one that an earlier process left behind.
    id: Option<MutationId>,
    pub(super) staged: Staged,
    /// The UID that the next row gets.
    pub(super) next: Uid,
    /// Whether another message took a UID behind the staged ones: they can be shown no more.
    overtaken: bool,
    attempt: usize,
    rest: VecDeque<(u32, Bits512)>,
    pub(super) held: Vec<Held>,
}

impl UnderWay {
    /// What an earlier process left behind.
    pub(super) fn left_behind(staged: Staged) -> Self {
        Self::new(None, staged, 0)
    }

    fn new(id: Option<MutationId>, staged: Staged, attempt: usize) -> Self {
        Self {
            id,
            staged,
            next: if id.is_some() { staged.first } else { staged.end },
            overtaken: id.is_none(),
            attempt,
            rest: VecDeque::new(),
            held: Vec::new(),
        }
    }

    /// The UID that a message gets that would get `uid`: staged ones are never given twice.
    pub(super) fn pass(&mut self, mailbox: MailboxId, uid: Uid) -> Uid {
        let takes = self.staged.mailbox == mailbox && uid >= self.staged.first;
        if takes && uid < self.next {
            self.overtaken = true;
            return self.next;
        }
        self.overtaken |= takes;
        uid
    }
}

impl Engine {
    /// Whether a mutation changes so many rows that it goes in steps ([`Self::step`]).
    pub fn takes_steps(&self, mutation: &Mutation) -> bool {
        let Some(order) = Order::of(mutation) else { return false };
        if order.uids.len() as usize <= self.step_rows {
            return false;
        }
        let key = keys::mailbox(order.account, order.from);
        let txn = self.meta.env.read_txn();
        let count = txn.ok().and_then(|txn| {
            let value = env::get(&self.meta.tables.mailboxes, &txn, &key).ok()??;
            let record = rows::decode_mailbox(order.account, order.from, value)?;
            Some(record.counters.messages)
        });
        // What cannot be read is refused by the mutation itself.
        count.is_some_and(|count| count as usize > self.step_rows)
    }

    /// Takes the next step of a mutation of many rows; the same job until there is an answer. Another
    /// job gives up the one before. Other mutations may be committed between two steps.
    pub fn step(&mut self, job: &Job, now: UnixTime) -> Option<Done> {
        match self.try_step(job, now) {
            Ok(done) => done,
            Err(error) => {
                self.cache = Cache::default();
                self.files.roll_back();
                self.look_whether_usable();
                if let Some(under_way) = &mut self.under_way {
                    (under_way.id, under_way.overtaken) = (None, true);
                }
                // With what is kept back it begins anew.
                let again = error == StoreError::NoSpace && self.reserve.release(now);
                self.tidy_staged(now);
                (!again).then(|| refused(job.id, error))
            }
        }
    }

    /// All steps of a mutation, one after the other.
    pub(super) fn all_steps(&mut self, job: &Job, now: UnixTime) -> Done {
        loop {
            if let Some(done) = self.step(job, now) {
                return done;
            }
        }
    }

    /// Gives up what a transfer left behind that nobody goes on with.
    pub(super) fn tidy_staged(&mut self, now: UnixTime) {
        if self.under_way.as_ref().is_some_and(|under_way| under_way.id.is_none())
            && let Err(error) = self.give_up(now)
        {
            // The record stays, and with it the place in the numbering: tried again later.
            tracing::warn!(%error, "what is left of a broken-off copy cannot be put away yet");
        }
    }

    fn try_step(&mut self, job: &Job, now: UnixTime) -> Result<Option<Done>, StoreError> {
        let mut attempt = 0;
        match &self.under_way {
            Some(under_way) if under_way.id == Some(job.id) => {
                if under_way.overtaken {
                    attempt = under_way.attempt + 1;
                    self.give_up(now)?;
                }
            }
            Some(_) | None => {
                if let Some(outcome) = self.outcome(job.id)? {
                    return Ok(Some(Done { id: job.id, outcome, touched: Vec::new() }));
                }
                self.give_up(now)?;
            }
        }
        if attempt >= GAPS.len() {
            let why = "too much comes into that mailbox just now; try again later";
            return Err(StoreError::Unavailable(why.to_owned()));
        }
        self.commit_step(job, attempt, now)
    }

    fn commit_step(
        &mut self,
        job: &Job,
        attempt: usize,
        now: UnixTime,
    ) -> Result<Option<Done>, StoreError> {
        let damaged = || StoreError::NotPermitted("this does not go in steps".to_owned());
        let order = Order::of(&job.mutation).ok_or_else(damaged)?;
        let (meta, rows) = (Arc::clone(&self.meta), self.step_rows);
        let ring = std::mem::take(&mut self.ring);
        let result = self.begin(&meta, now).and_then(|mut work| {
            let outcome = work.transfer_step(job.id, &order, attempt, rows)?;
            let mut kept = Kept::new();
            if let Some(outcome) = outcome.as_ref().filter(|_| work.writes > 0) {
                let (txn, numbers) = (&mut work.txn, &mut *work.numbers);
                kept.push((ring.write(work.tables, txn, numbers, job.id, outcome)?, job.id));
            }
            let unsaved = work.write_changes()?;
            Ok((work.txn, work.writes, outcome, kept, work.touched, unsaved))
        });
        self.ring = ring;
        let (txn, writes, outcome, kept, touched, unsaved) = result?;
        if writes > 0 {
            self.finish(&meta, txn, kept, &[])?;
            self.left.clear();
            self.saver.changed(&unsaved, now);
        }
        let Some(outcome) = outcome else { return Ok(None) };
        self.under_way = None;
        Ok(Some(Done { id: job.id, outcome: Ok(outcome), touched }))
    }

    /// Lets the staged UIDs count as used and their rows wait for the purge.
    pub(super) fn give_up(&mut self, now: UnixTime) -> Result<(), StoreError> {
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        under_way.overtaken = true;
        let staged = under_way.staged;
        let meta = Arc::clone(&self.meta);
        let mut work = self.begin(&meta, now)?;
        let result = work.give_up(staged).and_then(|()| work.write_changes());
        let txn = work.txn;
        let result = result.and_then(|unsaved| {
            self.finish(&meta, txn, Kept::new(), &[])?;
            self.left.clear();
            self.saver.changed(&unsaved, now);
            Ok(())
        });
        result.inspect_err(|_| {
            self.cache = Cache::default();
            self.files.roll_back();
            self.look_whether_usable();
        })?;
        self.under_way = None;
        Ok(())
    }

    /// What an earlier process left behind.
    pub(super) fn find_staged(&mut self) -> Result<(), StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        let found = Staged::read(&self.meta.tables.state, &txn)?;
        self.under_way = found.map(UnderWay::left_behind);
        Ok(())
    }
}

impl Work<'_, '_> {
    /// One step; the outcome when it was the last.
    fn transfer_step(
        &mut self,
        id: MutationId,
        order: &Order<'_>,
        attempt: usize,
        rows: usize,
    ) -> Result<Option<Outcome>, StoreError> {
        self.mailbox(order.account, order.from)?;
        self.mailbox(order.account, order.to)?;
        let mut under_way = match self.under_way.take() {
            Some(under_way) => under_way,
            None => self.begin_transfer(id, order, attempt)?,
        };
        let result = if under_way.rest.is_empty() {
            self.show(order, &under_way).map(Some)
        } else {
            self.stage(order, &mut under_way, rows).map(|()| None)
        };
        *self.under_way = Some(under_way);
        result
    }

    fn begin_transfer(
        &mut self,
        id: MutationId,
        order: &Order<'_>,
        attempt: usize,
    ) -> Result<UnderWay, StoreError> {
        let targets = self.targets(order.from, Some(order.uids))?;
        let count: u32 = targets.iter().map(|(_, bits)| bits.len()).sum();
        if count > limits::COPY_MESSAGES {
            return Err(StoreError::Limit(LimitName::CopyMessages));
        }
        self.check_room(order, &targets, count)?;
        let gap = GAPS.get(attempt).copied().unwrap_or(0);
        self.check_uids(order.account, order.to, gap.saturating_add(count))?;
        let first = Uid(self.mailbox(order.account, order.to)?.value.uid_next.0 + gap);
        let end = Uid(first.0 + count);
        let staged = Staged { account: order.account, mailbox: order.to, first, end };
        let rest = targets.into();
        Ok(UnderWay { rest, ..UnderWay::new(Some(id), staged, attempt) })
    }

    /// Writes the rows of the next messages.
    fn stage(
        &mut self,
        order: &Order<'_>,
        under_way: &mut UnderWay,
        rows: usize,
    ) -> Result<(), StoreError> {
        let part = self.next_part(order.from, under_way, rows)?;
        let tables = self.tables;
        let saved = self.now.seconds;
        for (uid, row) in self.rows(order.from, &part)? {
            let row = MessageRow { saved, ..row };
            let to = under_way.next;
            let key = keys::message(order.to, to);
            self.put(&tables.messages, &key, &rows::encode_message(&row))?;
            let key = keys::copy(order.account, row.email, order.to, to);
            self.put(&tables.copies, &key, rows::PRESENT)?;
            self.tell(order.account, SavedChange::Staged(order.to, staged_as(to, &row)));
            under_way.next = Uid(to.0 + 1);
            under_way.held.push(Held { uid, email: row.email.0, size: row.size });
        }
        self.put(&tables.state, STAGED_KEY, &under_way.staged.encode())
    }

    /// The next messages that are still there, at most `rows`.
    fn next_part(
        &mut self,
        from: MailboxId,
        under_way: &mut UnderWay,
        rows: usize,
    ) -> Result<Targets, StoreError> {
        let mut part = Targets::new();
        let mut room = rows;
        while room > 0 {
            let Some((number, wanted)) = under_way.rest.pop_front() else { break };
            let live = self.page(from, number)?.map_or(Bits512::EMPTY, |page| page.live);
            let (taken, left) = split(&wanted.and(&live), room);
            if !left.is_empty() {
                under_way.rest.push_front((number, left));
            }
            room -= taken.len() as usize;
            if !taken.is_empty() {
                part.push((number, taken));
            }
        }
        Ok(part)
    }

    /// What is over a limit is refused before anything is written.
    fn check_room(
        &mut self,
        order: &Order<'_>,
        targets: &Targets,
        count: u32,
    ) -> Result<(), StoreError> {
        let messages = count.into();
        let most = self.mailbox(order.account, order.from)?.value.counters.bytes;
        if self.check_limits(order, Usage { bytes: most, messages }).is_ok() {
            return Ok(());
        }
        // Only close to a limit are the sizes added up.
        let bytes = Leaving::of(&self.rows(order.from, targets)?).bytes;
        self.check_limits(order, Usage { bytes, messages })
    }

    /// Only more messages can be too many.
    pub(super) fn check_limits(
        &mut self,
        order: &Order<'_>,
        added: Usage,
    ) -> Result<(), StoreError> {
        match &order.transfer {
            Transfer::Copy(limits) => self.check_quota(order.account, limits, added),
            Transfer::Move => Ok(()),
        }
    }

    fn give_up(&mut self, staged: Staged) -> Result<(), StoreError> {
        let rows = self.staged_rows(staged)?;
        if let Some(last) = rows.last() {
            let next = Uid(last.0 + 1);
            self.skip_uids(staged.account, staged.mailbox, next)?;
            self.tell(staged.account, SavedChange::Passed(staged.mailbox, next));
            let modseq = self.account(staged.account)?.value.modseq;
            self.queue_purge(staged.account, staged.mailbox, modseq, &rows)?;
        }
        let tables = self.tables;
        self.delete(&tables.state, STAGED_KEY).map(drop)
    }

    /// Staged rows that are there. A message that came behind them may be live among these UIDs.
    fn staged_rows(&mut self, staged: Staged) -> Result<UidSet, StoreError> {
        let mut uids = UidSet::new();
        let from = keys::message(staged.mailbox, staged.first);
        for entry in env::under_from(&self.tables.messages, &self.txn, &from, 4)? {
            let uid = Take(entry?.0.get(4..).unwrap_or_default()).u32().map(Uid);
            match uid {
                Some(uid) if uid < staged.end => uids.push(uid),
                Some(_) | None => break,
            }
        }
        for (number, live) in self.targets(staged.mailbox, Some(&uids))? {
            let mut arrived = UidSet::new();
            pages::collect(&mut arrived, number, &live);
            uids.remove_all(&arrived);
        }
        Ok(uids)
    }

    /// Lets UIDs below `next` count as used. A mailbox that is gone needs it no more.
    fn skip_uids(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        next: Uid,
    ) -> Result<(), StoreError> {
        match self.mailbox(account, mailbox) {
            Ok(record) if record.value.uid_next >= next => Ok(()),
            Ok(_) => {
                self.mailbox_mut(account, mailbox)?.uid_next = next;
                Ok(())
            }
            Err(StoreError::NoSuchMailbox) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A mailbox is about to be deleted: should it come back, staged UIDs are used there.
    pub(super) fn pass_staged(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<(), StoreError> {
        let Some(under_way) = self.under_way.as_mut() else { return Ok(()) };
        if under_way.staged.mailbox != mailbox {
            return Ok(());
        }
        under_way.overtaken = true;
        let next = under_way.next;
        self.skip_uids(account, mailbox, next)
    }
}

/// A staged row for the segment; its flags are told when it is shown.
fn staged_as(uid: Uid, row: &MessageRow) -> SavedArrival {
    let MessageRow { email, internal_date, saved, .. } = *row;
    let (modseq, flags) = (ModSeq(0), FlagSet::default());
    SavedArrival { uid, email, modseq, internal_date, saved, flags }
}

/// The first `most` positions, and the others.
fn split(bits: &Bits512, most: usize) -> (Bits512, Bits512) {
    if bits.len() as usize <= most {
        return (*bits, Bits512::EMPTY);
    }
    let mut taken = Bits512::EMPTY;
    for at in bits.iter().take(most) {
        taken.set(at, true);
    }
    (taken, bits.without(&taken))
}

#[cfg(test)]
#[path = "staged_tests.rs"]
mod tests;
