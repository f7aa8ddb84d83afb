//! The second stage of expunge and delete: rows, copies, forms and blob counts go in bounded steps,
//! not before their time and never under a session that still shows them.

use super::work::Work;
use crate::codec::rows::{self, BlobRow, EmailRecord, SegmentRow};
use crate::codec::{Take, VERSION, corrupt, ranges};
use crate::env::{self, Table};
use crate::keys::{self, Purge};
use crate::segment;
use std::ops::Bound;
use waypost_store::{Mailbox, StoreError, limits};
use waypost_types::{AccountId, EmailId, MailboxId, ModSeq, Uid, UidSet};

/// Entries of the queue that one step looks at, held back ones included.
const STEP_ENTRIES: usize = 1_000;

const EXPUNGED: u8 = 1;
const DEAD: u8 = 2;
/// A deleted mailbox of which a part is purged: it cannot be brought back.
const DYING: u8 = 3;

/// The oldest state of a mailbox that some session shows.
pub(super) type Floor<'a> = &'a dyn Fn(AccountId, MailboxId) -> Option<ModSeq>;

/// A key of the queue and its value, owned: purging writes while it walks.
type QueueEntry = (Vec<u8>, Vec<u8>);

/// The front of an entry for expunged messages; ranges follow.
pub(super) fn expunged_front() -> Vec<u8> {
    vec![VERSION, EXPUNGED]
}

/// The entry of a deleted mailbox; its record is kept so that it can be brought back.
pub(super) fn encode_dead(mailbox: &Mailbox) -> Vec<u8> {
    let mut value = vec![VERSION, DEAD];
    value.extend_from_slice(&rows::encode_mailbox(mailbox));
    value
}

/// What waits in the queue.
pub(crate) enum Waiting {
    /// Messages that were expunged.
    Expunged(UidSet),
    /// A deleted mailbox.
    Dead,
}

/// The record in the entry of a deleted mailbox, as long as it is whole.
pub(crate) fn read_dead(entry: &Purge, value: &[u8]) -> Option<Mailbox> {
    let mut take = Take(value);
    take.version()?;
    let is_whole = take.u8()? == DEAD;
    rows::decode_mailbox(entry.account, entry.mailbox, take.0).filter(|_| is_whole)
}

/// Reads an entry; `None` when it is damaged.
pub(crate) fn read_waiting(entry: &Purge, value: &[u8]) -> Option<Waiting> {
    let mut take = Take(value);
    take.version()?;
    match take.u8()? {
        EXPUNGED => ranges::take(take.0).map(Waiting::Expunged),
        DEAD | DYING => {
            rows::decode_mailbox(entry.account, entry.mailbox, take.0).map(|_| Waiting::Dead)
        }
        _ => None,
    }
}

/// What one step did.
#[derive(Default)]
pub(super) struct Step {
    pub(super) rows: usize,
    /// Where the next step goes on; `None` when the queue was seen to its end.
    pub(super) next: Option<Vec<u8>>,
    /// Segments without any live record; their rows are gone.
    pub(super) empty: Vec<u64>,
}

impl Work<'_, '_> {
    /// Purges entries that left before `before` (seconds since the epoch), from a key of the queue on.
    pub(super) fn purge(
        &mut self,
        from: &[u8],
        floor: Floor<'_>,
        before: u64,
    ) -> Result<Step, StoreError> {
        let mut step = Step::default();
        let mut at = Bound::Included(from.to_vec());
        for _ in 0..STEP_ENTRIES {
            let Some((key, value)) = self.next_entry(&at)? else { return Ok(step) };
            let entry = Purge::read(&key).ok_or_else(|| corrupt("purge queue"))?;
            if entry.time > before {
                return Ok(step);
            }
            // An entry that is held back is passed over: the next round looks at it again.
            let shown = floor(entry.account, entry.mailbox);
            let held = shown.is_some_and(|modseq| modseq < entry.modseq);
            let full = step.rows >= limits::STEP_ROWS;
            if full || !(held || self.purge_entry(&entry, &key, &value, &mut step)?) {
                step.next = Some(key);
                return Ok(step);
            }
            at = Bound::Excluded(key);
        }
        if let Bound::Excluded(last) = at {
            step.next = Some(last);
        }
        Ok(step)
    }

    fn next_entry(&self, at: &Bound<Vec<u8>>) -> Result<Option<QueueEntry>, StoreError> {
        let found = self.tables.purge.from(&self.txn, at.as_ref().map(Vec::as_slice), &[])?.next();
        Ok(found.transpose()?.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }

    /// Purges an entry, or as much of it as the step has room for; true when it is done.
    fn purge_entry(
        &mut self,
        entry: &Purge,
        key: &[u8],
        value: &[u8],
        step: &mut Step,
    ) -> Result<bool, StoreError> {
        let mut take = Take(value);
        let damaged = || corrupt(format!("purge entry of mailbox {}", entry.mailbox));
        take.version().ok_or_else(damaged)?;
        let kind = take.u8().ok_or_else(damaged)?;
        let done = match kind {
            EXPUNGED => {
                let uids = ranges::take(take.0).ok_or_else(damaged)?;
                self.purge_uids(entry, key, uids, step)?
            }
            DEAD | DYING => self.purge_mailbox(entry, step)?,
            _ => return Err(damaged()),
        };
        let tables = self.tables;
        if done {
            self.delete(&tables.purge, key)?;
        } else if kind == DEAD {
            let mut dying = value.to_vec();
            dying.get_mut(1).into_iter().for_each(|kind| *kind = DYING);
            self.put(&tables.purge, key, &dying)?;
        }
        Ok(done)
    }

    fn purge_uids(
        &mut self,
        entry: &Purge,
        key: &[u8],
        mut uids: UidSet,
        step: &mut Step,
    ) -> Result<bool, StoreError> {
        while let Some(uid) = uids.first() {
            if step.rows >= limits::STEP_ROWS {
                let mut value = expunged_front();
                ranges::put(&mut value, &uids.ranges(), usize::from(u16::MAX));
                let tables = self.tables;
                self.put(&tables.purge, key, &value)?;
                return Ok(false);
            }
            self.purge_message(entry.account, entry.mailbox, uid, step)?;
            uids.remove(uid);
        }
        Ok(true)
    }

    /// Removes the messages of a deleted mailbox, then its pages and keywords.
    fn purge_mailbox(&mut self, entry: &Purge, step: &mut Step) -> Result<bool, StoreError> {
        let prefix = entry.mailbox.0.to_be_bytes();
        let tables = self.tables;
        let room = limits::STEP_ROWS.saturating_sub(step.rows);
        for key in self.some_keys(&tables.messages, &prefix, room)? {
            let uid = Take(key.get(4..).unwrap_or_default()).u32().unwrap_or(0);
            self.purge_message(entry.account, entry.mailbox, Uid(uid), step)?;
        }
        for table in [&tables.pages, &tables.keywords] {
            let room = limits::STEP_ROWS.saturating_sub(step.rows);
            for key in self.some_keys(table, &prefix, room)? {
                self.delete(table, &key)?;
                step.rows += 1;
            }
        }
        let room = limits::STEP_ROWS.saturating_sub(step.rows);
        let saved = keys::mailbox(entry.account, entry.mailbox);
        step.rows += self.forget_all_saved(&saved, room)?;
        Ok(step.rows < limits::STEP_ROWS)
    }

    fn some_keys(
        &self,
        table: &Table,
        prefix: &[u8],
        most: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let keys = env::under(table, &self.txn, prefix)?.take(most);
        keys.map(|entry| entry.map(|(key, _)| key.to_vec())).collect()
    }

    fn purge_message(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
        step: &mut Step,
    ) -> Result<(), StoreError> {
        step.rows += 1;
        let tables = self.tables;
        let key = keys::message(mailbox, uid);
        let Some(value) = env::get(&tables.messages, &self.txn, &key)? else { return Ok(()) };
        let damaged = || corrupt(format!("message {uid} of mailbox {mailbox}"));
        let email = rows::decode_message(value).ok_or_else(damaged)?.email;
        self.delete(&tables.messages, &key)?;
        self.delete(&tables.copies, &keys::copy(account, email, mailbox, uid))?;
        let prefix = keys::email(account, email);
        let more = env::under(&tables.copies, &self.txn, &prefix)?.next().is_some();
        if more { Ok(()) } else { self.purge_email(account, email, step) }
    }

    fn purge_email(
        &mut self,
        account: AccountId,
        email: EmailId,
        step: &mut Step,
    ) -> Result<(), StoreError> {
        let tables = self.tables;
        let key = keys::email(account, email);
        let Some(value) = env::get(&tables.emails, &self.txn, &key)? else { return Ok(()) };
        let damaged = || corrupt(format!("email {email} of account {account}"));
        let record = EmailRecord::decode(value).ok_or_else(damaged)?;
        self.delete(&tables.emails, &key)?;
        self.delete(&tables.forms, &key)?;
        self.delete(&tables.threads, &keys::thread(account, record.row.thread, email))?;
        if let Some(hash) = record.message_id {
            self.delete(&tables.message_ids, &keys::message_id(account, hash, email))?;
        }
        self.release_blob(record.row.blob.0, step)
    }

    fn release_blob(&mut self, blob: u64, step: &mut Step) -> Result<(), StoreError> {
        let tables = self.tables;
        let key = keys::number(blob);
        let Some(value) = env::get(&tables.blobs, &self.txn, &key)? else { return Ok(()) };
        let mut row = BlobRow::decode(value).ok_or_else(|| corrupt(format!("blob {blob}")))?;
        row.references = row.references.saturating_sub(1);
        if row.references > 0 {
            return self.put(&tables.blobs, &key, &row.encode());
        }
        self.delete(&tables.blobs, &key)?;
        self.shrink_segment(row.segment, u64::from(row.front) + row.length, step)
    }

    fn shrink_segment(
        &mut self,
        number: u64,
        bytes: u64,
        step: &mut Step,
    ) -> Result<(), StoreError> {
        let tables = self.tables;
        let key = keys::number(number);
        let Some(value) = env::get(&tables.segments, &self.txn, &key)? else { return Ok(()) };
        let damaged = || corrupt(format!("row of segment {number}"));
        let row = SegmentRow::decode(value).ok_or_else(damaged)?;
        let row = SegmentRow { live: row.live.saturating_sub(bytes), ..row };
        if row.live > 0 || number == self.numbers.current || !self.may_drop(number, row)? {
            return self.put(&tables.segments, &key, &row.encode());
        }
        self.delete(&tables.segments, &key)?;
        step.empty.push(number);
        Ok(())
    }

    /// Only files of streamed messages are dropped whole: others may hold filing notes, which the
    /// compaction carries over.
    fn may_drop(&self, number: u64, row: SegmentRow) -> Result<bool, StoreError> {
        let opened = std::fs::File::open(segment::path(self.partition, number));
        let Ok(file) = opened else { return Ok(false) };
        let mut bytes = [0; segment::HEADER_BYTES];
        segment::read_at(&file, &mut bytes, 0)?;
        let header = segment::Header::decode(&bytes);
        Ok(header.is_some_and(|h| {
            h.kind == segment::Kind::Upload
                && segment::aligned(h.length + segment::HEADER_BYTES as u64) >= row.end
        }))
    }
}
