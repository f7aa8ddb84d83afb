//! Saving, in the background: the states of accounts that changed go into the segments again, when they
//! have been quiet for a while, in small steps with a commit each.
//!
//! Only what changed is written: pages whose checksum is another, mailboxes with another modification
//! sequence. An account's changes that were written down before are dropped when all of it is saved.
//! Deliveries alone make nothing stale, since their filing notes are as good.

use super::cache::{page_number, read_page};
use super::saved::saved_name;
use super::work::Work;
use super::{Cache, Engine, Kept};
use crate::codec::rows::{self, EmailRecord};
use crate::codec::saved::{
    Saved, SavedAccount, SavedKey, SavedMailbox, SavedMessage, SavedPage, SavedRow,
};
use crate::codec::{Take, corrupt, page};
use crate::env;
use crate::keys;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use waypost_store::{Mailbox, PAGE_UIDS, StatePage, StoreError};
use waypost_types::{AccountId, MailboxId, MailboxName, ModSeq, Uid, UnixTime};

/// An account is saved when nothing changed for this many seconds,
const QUIET_SECONDS: i64 = 30;
/// or when it waits this long.
const WAIT_SECONDS: i64 = 300;
/// Accounts that are remembered as waiting, some 64 bytes each; the others are found by a round over
/// all accounts.
const WAITING_ACCOUNTS: usize = 65_536;
/// Bytes after which a step ends.
const STEP_BYTES: u64 = 64 << 10;
/// Pages and mailboxes that a step looks at: some milliseconds.
const STEP_LOOKS: usize = 1_024;

/// Since when an account waits, and when it changed last.
#[derive(Debug, Clone, Copy)]
struct Waits {
    since: i64,
    last: i64,
}

/// What waits to be saved.
#[derive(Default)]
pub(super) struct Saver {
    waiting: BTreeMap<AccountId, Waits>,
    /// A round over all accounts: where it goes on; `None` when there is none.
    round: Option<u32>,
    job: Option<Job>,
}

/// An account that is being saved.
struct Job {
    account: AccountId,
    /// Its modification sequence at the beginning.
    modseq: ModSeq,
    mailboxes: VecDeque<MailboxId>,
    walk: Option<Walk>,
}

/// A mailbox that is being saved.
struct Walk {
    mailbox: MailboxId,
    modseq: ModSeq,
    next: u32,
    pages: Vec<(u32, u64)>,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SaveStep {
    /// Bytes written.
    pub(crate) bytes: u64,
    /// Whether another step has something to do now.
    pub(crate) more: bool,
}

impl Saver {
    /// A saver that looks at every account once: what waited when the store was closed is not kept.
    pub(super) fn new() -> Self {
        Self { round: Some(0), ..Self::default() }
    }

    /// Notes that accounts changed.
    pub(super) fn changed(&mut self, accounts: &[AccountId], now: UnixTime) {
        for account in accounts {
            if self.waiting.len() >= WAITING_ACCOUNTS && !self.waiting.contains_key(account) {
                self.round = Some(0);
                continue;
            }
            let new = Waits { since: now.seconds, last: now.seconds };
            self.waiting.entry(*account).or_insert(new).last = now.seconds;
        }
    }

    /// Whether there is anything to look at now or later.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.round.is_none() && self.job.is_none()
    }

    /// An account whose time has come; a clock that was set back ends the waiting.
    fn due(&mut self, now: UnixTime) -> Option<AccountId> {
        let now = now.seconds;
        let is_due = |waits: &Waits| {
            let past = |from: i64, seconds: i64| now < from || now - from >= seconds;
            past(waits.last, QUIET_SECONDS) || past(waits.since, WAIT_SECONDS)
        };
        let account = self.waiting.iter().find(|(_, waits)| is_due(waits)).map(|(id, _)| *id)?;
        self.waiting.remove(&account);
        Some(account)
    }
}

impl Engine {
    /// Saves the next part of what changed, with a commit of its own.
    ///
    /// # Errors
    /// When the step could not be committed; it is tried again with the account's next change, or when
    /// the store is opened anew.
    pub(crate) fn save_step(&mut self, now: UnixTime) -> Result<SaveStep, StoreError> {
        let mut job = match self.saver.job.take() {
            Some(job) => job,
            None => match self.next_job(now)? {
                Some(job) => job,
                None => return Ok(SaveStep { bytes: 0, more: self.saver.round.is_some() }),
            },
        };
        let result = self.save_part(&mut job, now);
        match &result {
            Ok((Done::NotYet, _)) => self.saver.job = Some(job),
            Ok((Done::Saved, _)) => {}
            Ok((Done::Changed, _)) | Err(_) => self.saver.changed(&[job.account], now),
        }
        result.map(|(_, bytes)| SaveStep { bytes, more: true })
    }

    fn save_part(&mut self, job: &mut Job, now: UnixTime) -> Result<(Done, u64), StoreError> {
        let meta = Arc::clone(&self.meta);
        let mut work = self.begin(&meta, now)?;
        let mut step = Step { work: &mut work, bytes: 0, looks: 0 };
        let result = step.take(job);
        let (bytes, writes, txn) = (step.bytes, work.writes, work.txn);
        let result = result.and_then(|done| {
            if writes > 0 {
                self.finish(&meta, txn, Kept::new(), &[])?;
            }
            Ok((done, bytes))
        });
        result.inspect_err(|_| {
            self.cache = Cache::default();
            self.files.roll_back();
        })
    }

    /// Whether nothing waits to be saved.
    pub(crate) fn is_saved(&self) -> bool {
        self.saver.is_idle()
    }

    /// How many accounts wait to be saved, as far as they are remembered.
    pub(crate) fn unsaved_accounts(&self) -> u64 {
        self.saver.waiting.len() as u64 + u64::from(self.saver.job.is_some())
    }

    /// Lets the next record begin a new segment.
    #[cfg(test)]
    pub(super) fn leave_segment(&mut self) {
        self.files.leave_current();
        self.numbers.current = self.files.current();
    }

    /// Saves everything that waits, whether its time has come or not.
    #[cfg(test)]
    pub(crate) fn save_all(&mut self, now: UnixTime) -> Result<(), StoreError> {
        let later = UnixTime { seconds: now.seconds.saturating_add(WAIT_SECONDS), ..now };
        while self.save_step(later)?.more {}
        Ok(())
    }

    fn next_job(&mut self, now: UnixTime) -> Result<Option<Job>, StoreError> {
        let txn = self.meta.env.read_txn().map_err(env::fault)?;
        let (tables, saver) = (&self.meta.tables, &mut self.saver);
        let mut account = saver.due(now);
        let mut looks = 0;
        while account.is_none() && looks < STEP_LOOKS {
            let Some(from) = saver.round else { return Ok(None) };
            let next = env::at_or_after(&tables.accounts, &txn, &from.to_be_bytes())?;
            let next = next.and_then(|(key, _)| Take(key).u32());
            let Some(next) = next else {
                saver.round = None;
                return Ok(None);
            };
            saver.round = next.checked_add(1);
            looks += 1;
            let key = SavedKey::Account(AccountId(next)).encode();
            let is_saved = env::get(&tables.saved, &txn, &key)?.is_some();
            let changed =
                env::under(&tables.saved, &txn, &SavedKey::changes_of(AccountId(next)))?.next();
            account = (!is_saved || changed.is_some()).then_some(AccountId(next));
        }
        let Some(account) = account else { return Ok(None) };
        let Some(value) = env::get(&tables.accounts, &txn, &keys::account(account))? else {
            return Ok(None);
        };
        let Some(record) = rows::AccountRecord::decode(value) else { return Ok(None) };
        let mut mailboxes = VecDeque::new();
        for entry in env::under(&tables.mailboxes, &txn, &keys::account(account))? {
            mailboxes.extend(Take(entry?.0.get(4..).unwrap_or_default()).u32().map(MailboxId));
        }
        Ok(Some(Job { account, modseq: record.modseq, mailboxes, walk: None }))
    }
}

/// Whether a job is done.
enum Done {
    NotYet,
    /// The account changed meanwhile: it is saved again later.
    Changed,
    Saved,
}

/// A step at work.
struct Step<'s, 'a, 't> {
    work: &'s mut Work<'a, 't>,
    bytes: u64,
    looks: usize,
}

impl Step<'_, '_, '_> {
    fn take(&mut self, job: &mut Job) -> Result<Done, StoreError> {
        let account = job.account;
        while self.bytes < STEP_BYTES && self.looks < STEP_LOOKS {
            self.looks += 1;
            if let Some(walk) = &mut job.walk {
                match self.page(account, walk) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.mailbox(account, walk)?;
                        job.walk = None;
                    }
                    // What is damaged is not saved: the repair comes first, and opens the mailbox.
                    Err(StoreError::Corrupt(what)) => {
                        tracing::warn!(%account, what, "a mailbox cannot be saved");
                        return Ok(Done::Saved);
                    }
                    Err(error) => return Err(error),
                }
            } else if let Some(mailbox) = job.mailboxes.pop_front() {
                job.walk = self.begin(account, mailbox)?;
            } else {
                return self.account(job);
            }
        }
        Ok(Done::NotYet)
    }

    fn record(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<Mailbox>, StoreError> {
        let key = keys::mailbox(account, mailbox);
        let value = env::get(&self.work.tables.mailboxes, &self.work.txn, &key)?;
        Ok(value.and_then(|value| rows::decode_mailbox(account, mailbox, value)))
    }

    /// Begins with a mailbox; `None` when it is saved as it is.
    fn begin(&self, account: AccountId, mailbox: MailboxId) -> Result<Option<Walk>, StoreError> {
        let Some(record) = self.record(account, mailbox)? else { return Ok(None) };
        let row = self.work.saved_row(SavedKey::Mailbox(account, mailbox))?;
        let same = |row: SavedRow| {
            row.number != 0 && row.mark != super::saved::OPEN && row.modseq == record.modseq.0
        };
        let walk = Walk { mailbox, modseq: record.modseq, next: 0, pages: Vec::new() };
        Ok((!row.is_some_and(same)).then_some(walk))
    }

    /// Saves the next page unless it is saved as it is; false when there is none.
    fn page(&mut self, account: AccountId, walk: &mut Walk) -> Result<bool, StoreError> {
        let tables = self.work.tables;
        let from = keys::page(walk.mailbox, walk.next, 0);
        let found = env::at_or_after(&tables.pages, &self.work.txn, &from)?;
        let Some(number) = found.and_then(|(key, _)| page_number(key, walk.mailbox)) else {
            return Ok(false);
        };
        walk.next = number.saturating_add(1);
        let read = read_page(&tables.pages, &self.work.txn, walk.mailbox, number)?;
        let Some((page, _)) = read else { return Ok(true) };
        let values = page::encode(&page);
        let mark = crc32fast::hash(&values.concat());
        let key = SavedKey::Page(account, walk.mailbox, number);
        let old = self.work.saved_row(key)?.filter(|row| row.mark == mark);
        let row = match old {
            Some(row) => row,
            None => {
                let saved = self.saved_page(account, walk.mailbox, &page, values)?;
                let row = SavedRow { mark, ..SavedRow::default() };
                let row = self.work.save(key, &Saved::Page(saved), row)?;
                self.bytes += row.bytes;
                row
            }
        };
        walk.pages.push((number, row.number));
        Ok(true)
    }

    fn saved_page(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        page: &StatePage,
        values: Vec<Vec<u8>>,
    ) -> Result<SavedPage, StoreError> {
        let as_of = self.work.account(account)?.value.modseq;
        let table = self.work.keywords(mailbox)?;
        let spelled = page
            .keywords
            .iter()
            .filter_map(|(id, _)| table.keyword(*id).map(|keyword| (id.0, keyword.clone())));
        let keywords = spelled.collect();
        let messages = self.messages(account, mailbox, page)?;
        Ok(SavedPage { as_of, values, keywords, messages })
    }

    fn messages(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        page: &StatePage,
    ) -> Result<Vec<SavedMessage>, StoreError> {
        let (tables, txn) = (self.work.tables, &self.work.txn);
        let mut messages = Vec::with_capacity(page.live.len() as usize);
        let first = page.number * PAGE_UIDS;
        let from = keys::message(mailbox, Uid(first));
        for entry in env::under_from(&tables.messages, txn, &from, 4)? {
            let (key, value) = entry?;
            let uid = Take(key.get(4..).unwrap_or_default()).u32().unwrap_or(0);
            let Some(at) = uid.checked_sub(first).filter(|at| *at < PAGE_UIDS) else { break };
            if !page.live.contains(at) {
                continue;
            }
            let damaged = || corrupt(format!("message {uid} of mailbox {mailbox}"));
            let row = rows::decode_message(value).ok_or_else(damaged)?;
            let email = env::get(&tables.emails, txn, &keys::email(account, row.email))?;
            let email = email.and_then(EmailRecord::decode).ok_or_else(damaged)?.row;
            messages.push(SavedMessage {
                uid: Uid(uid),
                email: row.email,
                internal_date: row.internal_date,
                saved: row.saved,
                blob: email.blob,
                thread: email.thread,
                received: email.received,
            });
        }
        if messages.len() == page.live.len() as usize {
            return Ok(messages);
        }
        Err(corrupt(format!("messages of page {} of mailbox {mailbox}", page.number)))
    }

    /// Saves a mailbox all of whose pages are saved, unless it changed meanwhile.
    fn mailbox(&mut self, account: AccountId, walk: &mut Walk) -> Result<(), StoreError> {
        let Some(record) = self.record(account, walk.mailbox)? else { return Ok(()) };
        if record.modseq != walk.modseq {
            return Ok(());
        }
        self.forget_pages(account, walk)?;
        let saved = SavedMailbox {
            name: saved_name(&record),
            as_of: self.work.account(account)?.value.modseq,
            modseq: record.modseq,
            uid_next: record.uid_next,
            recent_from: record.recent_from,
            pages: std::mem::take(&mut walk.pages),
        };
        let row = SavedRow { modseq: record.modseq.0, ..SavedRow::default() };
        let key = SavedKey::Mailbox(account, walk.mailbox);
        self.bytes += self.work.save(key, &Saved::Mailbox(saved), row)?.bytes;
        Ok(())
    }

    /// Pages that are there no more.
    fn forget_pages(&mut self, account: AccountId, walk: &Walk) -> Result<(), StoreError> {
        let there: BTreeSet<u32> = walk.pages.iter().map(|(page, _)| *page).collect();
        let mut gone = Vec::new();
        let prefix = SavedKey::pages_of(account, walk.mailbox);
        for entry in env::under(&self.work.tables.saved, &self.work.txn, &prefix)? {
            let key = entry?.0;
            match SavedKey::decode(key) {
                Some(SavedKey::Page(_, _, page)) if there.contains(&page) => {}
                _ => gone.push(key.to_vec()),
            }
        }
        gone.iter().try_for_each(|key| self.work.forget_saved(key))
    }

    /// Saves the account itself, all of whose mailboxes are saved, unless it changed meanwhile.
    fn account(&mut self, job: &Job) -> Result<Done, StoreError> {
        let account = job.account;
        let tables = self.work.tables;
        if env::get(&tables.accounts, &self.work.txn, &keys::account(account))?.is_none() {
            return Ok(Done::Saved);
        }
        let record = self.work.account(account)?.value.clone();
        if record.modseq != job.modseq {
            return Ok(Done::Changed);
        }
        let (mut mailboxes, mut subscriptions) = (Vec::new(), Vec::new());
        for entry in env::under(&tables.mailboxes, &self.work.txn, &keys::account(account))? {
            let (key, value) = entry?;
            let id = Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId);
            let record = id.and_then(|id| rows::decode_mailbox(account, id, value));
            mailboxes.extend(record.map(|record| saved_name(&record)));
        }
        for entry in env::under(&tables.subscriptions, &self.work.txn, &keys::account(account))? {
            let name = entry?.0.get(4..).and_then(|name| std::str::from_utf8(name).ok());
            subscriptions.extend(name.and_then(|name| MailboxName::new(name).ok()));
        }
        self.work.forget_all_saved(&SavedKey::changes_of(account), usize::MAX)?;
        let saved = SavedAccount {
            name: record.name,
            modseq: record.modseq,
            next_email: record.next_email,
            mailboxes,
            subscriptions,
        };
        let key = SavedKey::Account(account);
        self.bytes += self.work.save(key, &Saved::Account(saved), SavedRow::default())?.bytes;
        Ok(Done::Saved)
    }
}
