//! Repair: what can be derived from the rest of the store is made anew, by the writer, in steps with a
//! commit each, so that others go on between them.
//!
//! The rules: a message that can still be shown stays; its UID stays; UIDVALIDITY changes only with a
//! mailbox whose record is lost, for then nothing proves what its UIDs meant. An account that was
//! repaired begins its change log anew, so every client compares its whole view with what is there.

mod accounts;
mod blobs;
mod emails;
mod mailboxes;
mod pages;
mod tables;

use super::work::Work;
use super::{Cache, Engine, EngineConfig, Kept};
use crate::check::{Finding, Part};
use crate::codec::rows::AccountRecord;
use crate::env::{self, Meta, Table};
use crate::keys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use waypost_store::StoreError;
use waypost_types::{AccountId, MailboxId, UnixTime};

/// What is to be repaired, from what a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairPlan {
    tables: bool,
    blobs: bool,
    accounts: BTreeSet<AccountId>,
    emails: BTreeSet<AccountId>,
    mailboxes: BTreeSet<(AccountId, MailboxId)>,
    /// Mailboxes that only their entries tell of.
    lost: BTreeSet<MailboxId>,
}

impl RepairPlan {
    /// The plan for findings.
    pub fn new(findings: &[Finding]) -> Self {
        let mut plan = Self::default();
        plan.extend(findings);
        plan
    }

    /// Takes in what else was found.
    pub(crate) fn extend(&mut self, findings: &[Finding]) {
        findings.iter().for_each(|finding| self.add(finding));
    }

    /// Whether there is nothing to do, or nothing that can be done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, finding: &Finding) {
        let place = finding.place;
        match finding.part {
            Part::State | Part::Purge | Part::Outcomes | Part::Access => self.tables = true,
            Part::Saved => {
                self.tables = true;
                self.blobs = true;
            }
            Part::Accounts
            | Part::AccountNames
            | Part::Mailboxes
            | Part::MailboxNames
            | Part::Subscriptions
            | Part::Changes => self.tables |= place.account.is_none(),
            Part::Pages | Part::Keywords => {}
            Part::Messages => self.emails.extend(place.account),
            Part::Emails | Part::Copies | Part::Threads | Part::MessageIds | Part::Forms => {
                self.tables |= place.account.is_none();
                self.emails.extend(place.account);
                self.blobs = true;
            }
            Part::Blobs | Part::Segments => self.blobs = true,
            // Nothing but a backup has bytes that are gone, and nothing is written to pages that do not
            // hang together.
            Part::Files | Part::Structure => return,
        }
        self.accounts.extend(place.account);
        match (place.account, place.mailbox) {
            (Some(account), Some(mailbox)) => {
                self.mailboxes.insert((account, mailbox));
            }
            (None, Some(mailbox)) => {
                self.lost.insert(mailbox);
            }
            (_, None) => {}
        }
    }
}

/// One step of a repair.
#[derive(Debug, Clone, Copy)]
enum Step {
    Tables,
    Account(AccountId),
    Lost(MailboxId),
    Places,
    Emails(AccountId),
    Mailbox(AccountId, MailboxId),
    Totals(AccountId),
    References,
}

/// A repair under way: the steps that are left, and what was done.
#[derive(Debug)]
pub struct Repair {
    plan: RepairPlan,
    steps: std::collections::VecDeque<Step>,
    report: Vec<String>,
}

impl Repair {
    /// Begins a repair.
    pub fn new(plan: RepairPlan) -> Self {
        let mut repair =
            Self { steps: std::collections::VecDeque::new(), plan, report: Vec::new() };
        repair.schedule();
        repair
    }

    fn schedule(&mut self) {
        let plan = &self.plan;
        let steps = &mut self.steps;
        steps.extend(plan.tables.then_some(Step::Tables));
        steps.extend(plan.accounts.iter().map(|account| Step::Account(*account)));
        steps.extend(plan.lost.iter().map(|mailbox| Step::Lost(*mailbox)));
        steps.extend(plan.blobs.then_some(Step::Places));
        steps.extend(plan.emails.iter().map(|account| Step::Emails(*account)));
        let mailboxes = plan.mailboxes.iter();
        steps.extend(mailboxes.map(|(account, mailbox)| Step::Mailbox(*account, *mailbox)));
        steps.extend(plan.accounts.iter().map(|account| Step::Totals(*account)));
        steps.extend(plan.blobs.then_some(Step::References));
    }

    /// Whether every step was taken.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty()
    }

    /// What was done, a line each.
    pub fn report(&self) -> &[String] {
        &self.report
    }
}

impl Engine {
    /// Takes the next step of a repair, with a commit of its own; answers with the account that it
    /// changed, whose watchers must be woken.
    ///
    /// # Errors
    /// When the step could not be committed; nothing of it happened.
    pub fn repair_step(
        &mut self,
        repair: &mut Repair,
        now: UnixTime,
    ) -> Result<Option<(AccountId, waypost_types::ModSeq)>, StoreError> {
        let Some(step) = repair.steps.pop_front() else { return Ok(None) };
        // Rows that nobody sees yet look like damage.
        self.give_up(now)?;
        // What is kept in memory may be what was damaged on the disk.
        self.cache = Cache::default();
        let meta = Arc::clone(&self.meta);
        let mut work = self.begin(&meta, now)?;
        let mut fix = Fix { work: &mut work, said: Vec::new(), found: Vec::new() };
        let result = fix.take(step);
        let Fix { said, found, .. } = fix;
        let result = result.and_then(|()| work.write_changes());
        let (txn, touched) = (work.txn, work.touched.pop());
        let result = result.and_then(|unsaved| {
            self.finish(&meta, txn, Kept::new(), &[])?;
            self.saver.changed(&unsaved, now);
            Ok(())
        });
        self.cache = Cache::default();
        if let Err(error) = result {
            self.files.roll_back();
            return Err(error);
        }
        repair.report.extend(said);
        // A mailbox that was found by its entries is repaired like the others.
        for (account, mailbox) in found {
            repair.steps.push_back(Step::Emails(account));
            repair.steps.push_back(Step::Mailbox(account, mailbox));
            repair.steps.push_back(Step::Totals(account));
        }
        Ok(touched)
    }

    /// Repairs all that a check found, at once.
    ///
    /// # Errors
    /// When a step could not be committed; the steps before it stay.
    pub fn repair(&mut self, plan: RepairPlan, now: UnixTime) -> Result<Vec<String>, StoreError> {
        let mut repair = Repair::new(plan);
        while !repair.is_done() {
            self.repair_step(&mut repair, now)?;
        }
        Ok(repair.report)
    }
}

/// Makes the numbers of a store anew, without which it cannot be opened to write; false when they are
/// right. Nobody may be writing the store.
///
/// # Errors
/// When the store cannot be opened at all, its metadata do not hang together, or another process writes it.
pub fn mend(config: &EngineConfig, now: UnixTime) -> Result<bool, StoreError> {
    super::reconstruct::refuse_lost(&config.path)?;
    crate::structure::refuse_damaged(&config.path)?;
    let _lock = super::lock(&config.path)?;
    let meta = Meta::open_writer(&config.path, config.map_size)?;
    tables::mend_numbers(&meta, now)
}

/// A key and its value, owned.
type OwnedEntry = (Vec<u8>, Vec<u8>);

/// A step at work.
struct Fix<'f, 'a, 't> {
    work: &'f mut Work<'a, 't>,
    said: Vec<String>,
    /// Mailboxes that were brought back.
    found: Vec<(AccountId, MailboxId)>,
}

impl Fix<'_, '_, '_> {
    fn take(&mut self, step: Step) -> Result<(), StoreError> {
        match step {
            Step::Tables => self.tables(),
            Step::Account(account) => self.account(account),
            Step::Lost(mailbox) => self.lost_mailbox(mailbox),
            Step::Places => self.places(),
            Step::Emails(account) => self.emails(account),
            Step::Mailbox(account, mailbox) => self.mailbox(account, mailbox),
            Step::Totals(account) => self.totals(account),
            Step::References => self.references(),
        }
    }

    fn say(&mut self, line: impl Into<String>) {
        self.said.push(line.into());
    }

    fn get(&self, table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(env::get(table, &self.work.txn, key)?.map(<[u8]>::to_vec))
    }

    /// The keys and values under a prefix, owned: what is walked is changed. Everything, when it is
    /// empty.
    fn entries(&self, table: &Table, prefix: &[u8]) -> Result<Vec<OwnedEntry>, StoreError> {
        let mut all = Vec::new();
        let own = |(key, value): (&[u8], &[u8])| (key.to_vec(), value.to_vec());
        if prefix.is_empty() {
            for entry in env::all(table, &self.work.txn)? {
                all.push(own(entry?));
            }
        } else {
            for entry in env::under(table, &self.work.txn, prefix)? {
                all.push(own(entry?));
            }
        }
        Ok(all)
    }

    fn put(&mut self, table: &Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.work.put(table, key, value)
    }

    fn delete(&mut self, table: &Table, key: &[u8]) -> Result<(), StoreError> {
        self.work.delete(table, key).map(drop)
    }

    fn record(&self, account: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        let value = self.get(&self.work.tables.accounts, &keys::account(account))?;
        Ok(value.as_deref().and_then(AccountRecord::decode))
    }

    fn save(&mut self, account: AccountId, record: &AccountRecord) -> Result<(), StoreError> {
        let tables = self.work.tables;
        self.put(&tables.accounts, &keys::account(account), &record.encode())
    }

    /// An account in a line of the report.
    fn user(&self, account: AccountId) -> String {
        match self.record(account) {
            Ok(Some(record)) => format!("user {}", record.name),
            Ok(None) | Err(_) => format!("account {account}"),
        }
    }
}

#[cfg(test)]
mod tests;
