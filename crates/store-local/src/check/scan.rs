//! A check at work: the store as it was at the beginning, steps through its tables, and the findings.

use super::finding::{Finding, Part, Place, Problem};
use super::{CheckOptions, CheckReport, Seen};
use crate::codec::Take;
use crate::codec::rows::{self, AccountRecord, Numbers};
use crate::engine::{NUMBERS_KEY, Waiting, read_waiting};
use crate::env::{self, Meta, Table, Tables, fault};
use crate::keys::{self, Purge};
use crate::segment::OpenSegments;
use heed::RoTxn;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use waypost_store::{Mailbox, StoreError};
use waypost_types::{AccountId, AccountName, MailboxId, MailboxName, UidSet};

/// Entries that one read transaction looks at: some tenths of a second.
const STEP_ENTRIES: usize = 50_000;

/// A mailbox by both its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    pub(super) id: MailboxId,
    pub(super) account: AccountId,
}

/// What there was when the check began. What is made later is not checked.
pub(super) struct Overview {
    pub(super) numbers: Numbers,
    pub(super) accounts: Vec<AccountId>,
    /// By number, those that wait to be purged included.
    pub(super) mailboxes: Vec<Known>,
    /// The deleted ones among them.
    pub(super) dead: BTreeSet<MailboxId>,
    /// What else waited to be purged, by mailbox.
    pub(super) queued: BTreeMap<MailboxId, UidSet>,
}

/// A consistent state.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    pub(super) tables: &'t Tables,
    pub(super) txn: &'t RoTxn<'t>,
}

impl<'t> At<'t> {
    pub(super) fn get(&self, table: &Table, key: &[u8]) -> Result<Option<&'t [u8]>, StoreError> {
        env::get(table, self.txn, key)
    }

    pub(super) fn has_under(&self, table: &Table, prefix: &[u8]) -> Result<bool, StoreError> {
        Ok(env::at_or_after(table, self.txn, prefix)?
            .is_some_and(|(key, _)| key.starts_with(prefix)))
    }

    pub(super) fn account(&self, account: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        let value = self.get(&self.tables.accounts, &keys::account(account))?;
        Ok(value.and_then(AccountRecord::decode))
    }

    pub(super) fn mailbox(&self, known: Known) -> Result<Option<Mailbox>, StoreError> {
        let value = self.get(&self.tables.mailboxes, &keys::mailbox(known.account, known.id))?;
        Ok(value.and_then(|value| rows::decode_mailbox(known.account, known.id, value)))
    }

    /// Whether a deleted mailbox waits to be purged.
    pub(super) fn is_dead(&self, mailbox: MailboxId) -> Result<bool, StoreError> {
        let mut dead = false;
        self.each_waiting(mailbox, &mut |waiting| dead |= matches!(waiting, Waiting::Dead))?;
        Ok(dead)
    }

    /// The UIDs of a mailbox that wait to be purged.
    pub(super) fn queued(&self, mailbox: MailboxId) -> Result<UidSet, StoreError> {
        let mut all = UidSet::new();
        self.each_waiting(mailbox, &mut |waiting| {
            if let Waiting::Expunged(uids) = waiting {
                all.extend_from(&uids);
            }
        })?;
        Ok(all)
    }

    fn each_waiting(
        &self,
        mailbox: MailboxId,
        each: &mut dyn FnMut(Waiting),
    ) -> Result<(), StoreError> {
        for entry in env::all(&self.tables.purge, self.txn)? {
            let (key, value) = entry?;
            let Some(purge) = Purge::read(key).filter(|purge| purge.mailbox == mailbox) else {
                continue;
            };
            if let Some(waiting) = read_waiting(&purge, value) {
                each(waiting);
            }
        }
        Ok(())
    }
}

/// Where findings go.
pub(super) struct Sink {
    findings: Vec<Finding>,
    found: u64,
    findings_max: usize,
    /// Accounts and mailboxes that were reported as unknown, once each.
    unknown: BTreeSet<Place>,
    pub(super) seen: Seen,
}

impl Sink {
    pub(super) fn add(
        &mut self,
        part: Part,
        problem: Problem,
        place: Place,
        detail: impl Into<String>,
    ) {
        self.found += 1;
        if self.findings.len() < self.findings_max {
            let (user, mailbox, detail) = (None, None, detail.into());
            self.findings.push(Finding { part, problem, place, user, mailbox, detail });
        }
    }

    /// The same, but once for a place.
    pub(super) fn add_unknown(&mut self, part: Part, place: Place, detail: &str) {
        if self.unknown.insert(place) {
            self.add(part, Problem::Stray, place, detail);
        }
    }
}

/// A check at work.
pub(super) struct Scan<'m> {
    pub(super) meta: &'m Meta,
    pub(super) files: OpenSegments,
    pub(super) overview: Overview,
    pub(super) sink: Sink,
}

/// Names a table.
pub(super) type PickTable = fn(&Tables) -> &Table;

/// What is done with each entry of a table.
pub(super) type Each<'e> =
    &'e mut dyn FnMut(At<'_>, &mut Sink, env::Entry<'_>) -> Result<(), StoreError>;

impl<'m> Scan<'m> {
    pub(super) fn new(meta: &'m Meta, options: &CheckOptions) -> Result<Self, StoreError> {
        let sink = Sink {
            findings: Vec::new(),
            found: 0,
            findings_max: options.findings_max,
            unknown: BTreeSet::new(),
            seen: Seen::default(),
        };
        let files = OpenSegments::default();
        Ok(Self { meta, files, overview: overview(meta)?, sink })
    }

    pub(super) fn find_account(&self, name: &AccountName) -> Result<Option<AccountId>, StoreError> {
        self.at(|at| {
            let value = at.get(&at.tables.account_names, name.as_str().as_bytes())?;
            let id = value.and_then(rows::decode_number).and_then(|id| u32::try_from(id).ok());
            Ok(id.map(AccountId))
        })
    }

    /// Does something in one consistent state.
    pub(super) fn at<T>(
        &self,
        work: impl FnOnce(At<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        work(At { tables: &self.meta.tables, txn: &txn })
    }

    /// One step in a consistent state, with findings. Damage that LMDB itself reports is a finding of
    /// the part.
    pub(super) fn step(
        &mut self,
        part: Part,
        place: Place,
        work: impl FnOnce(At<'_>, &mut Sink) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        let done = work(At { tables: &self.meta.tables, txn: &txn }, &mut self.sink);
        self.sink.settle(part, place, done)
    }

    /// Every entry whose key begins with `prefix`, in steps.
    pub(super) fn walk(
        &mut self,
        part: Part,
        table: impl Fn(&Tables) -> &Table,
        prefix: &[u8],
        each: Each<'_>,
    ) -> Result<(), StoreError> {
        let mut last: Option<Vec<u8>> = None;
        loop {
            let txn = self.meta.env.read_txn().map_err(fault)?;
            let at = At { tables: &self.meta.tables, txn: &txn };
            let done = walk_step(at, table(at.tables), prefix, &mut last, &mut self.sink, each);
            match done {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return self.sink.settle(part, Place::STORE, Err(error)),
            }
        }
    }

    /// The distinct numbers at the front of a table's keys.
    pub(super) fn fronts(&self, table: &Table) -> Result<Vec<u32>, StoreError> {
        self.at(|at| {
            let mut fronts = Vec::new();
            let mut from = vec![0_u8];
            while let Some((key, _)) = env::at_or_after(table, at.txn, &from)? {
                let Some(front) = super::front(key) else { break };
                fronts.push(front);
                let Some(next) = front.checked_add(1) else { break };
                from = next.to_be_bytes().to_vec();
            }
            Ok(fronts)
        })
    }

    /// The findings with names.
    pub(super) fn report(mut self) -> Result<CheckReport, StoreError> {
        let mut findings = std::mem::take(&mut self.sink.findings);
        let mut users: BTreeMap<AccountId, Option<AccountName>> = BTreeMap::new();
        let mut names: BTreeMap<MailboxId, Option<MailboxName>> = BTreeMap::new();
        for finding in &mut findings {
            let Some(account) = finding.place.account else { continue };
            if let Entry::Vacant(room) = users.entry(account) {
                room.insert(super::named(&self, account)?);
            }
            finding.user = users.get(&account).cloned().flatten();
            let Some(id) = finding.place.mailbox else { continue };
            if let Entry::Vacant(room) = names.entry(id) {
                let record = self.at(|at| at.mailbox(Known { id, account }))?;
                room.insert(record.map(|record| record.name));
            }
            finding.mailbox = names.get(&id).cloned().flatten();
        }
        Ok(CheckReport { findings, found: self.sink.found, seen: self.sink.seen })
    }
}

impl Sink {
    fn settle(
        &mut self,
        part: Part,
        place: Place,
        done: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match done {
            Err(StoreError::Corrupt(what)) => {
                self.add(part, Problem::Damaged, place, what);
                Ok(())
            }
            other => other,
        }
    }
}

/// One step of a walk; true when more is to come.
fn walk_step(
    at: At<'_>,
    table: &Table,
    prefix: &[u8],
    last: &mut Option<Vec<u8>>,
    sink: &mut Sink,
    each: Each<'_>,
) -> Result<bool, StoreError> {
    let start = match (&*last, prefix) {
        (Some(last), _) => Bound::Excluded(last.clone()),
        (None, []) => Bound::Unbounded,
        (None, prefix) => Bound::Included(prefix.to_vec()),
    };
    let entries = table.from(at.txn, start.as_ref().map(Vec::as_slice), prefix)?;
    for (count, entry) in entries.enumerate() {
        let (key, value) = entry?;
        if count == STEP_ENTRIES {
            return Ok(true);
        }
        *last = Some(key.to_vec());
        each(at, sink, (key, value))?;
    }
    Ok(false)
}

fn overview(meta: &Meta) -> Result<Overview, StoreError> {
    let txn = meta.env.read_txn().map_err(fault)?;
    let numbers = env::get(&meta.tables.state, &txn, NUMBERS_KEY)?.map(Numbers::decode);
    let mut overview = Overview {
        numbers: numbers.flatten().unwrap_or_default(),
        accounts: Vec::new(),
        mailboxes: Vec::new(),
        dead: BTreeSet::new(),
        queued: BTreeMap::new(),
    };
    for entry in env::all(&meta.tables.accounts, &txn)? {
        overview.accounts.extend(Take(entry?.0).u32().map(AccountId));
    }
    for entry in env::all(&meta.tables.mailboxes, &txn)? {
        let mut key = Take(entry?.0);
        if let Some((account, id)) = key.u32().zip(key.u32()) {
            overview.mailboxes.push(Known { id: MailboxId(id), account: AccountId(account) });
        }
    }
    for entry in env::all(&meta.tables.purge, &txn)? {
        let (key, value) = entry?;
        let Some(purge) = Purge::read(key) else { continue };
        match read_waiting(&purge, value) {
            Some(Waiting::Dead) => {
                overview.dead.insert(purge.mailbox);
                overview.mailboxes.push(Known { id: purge.mailbox, account: purge.account });
            }
            Some(Waiting::Expunged(uids)) => {
                overview.queued.entry(purge.mailbox).or_default().extend_from(&uids);
            }
            None => {}
        }
    }
    overview.mailboxes.sort_unstable();
    overview.mailboxes.dedup_by_key(|known| known.id);
    Ok(overview)
}
