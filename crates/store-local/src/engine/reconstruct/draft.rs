//! What each account's records say, before anything is put together.

use super::evidence::{Changes, Evidence, Filing};
use crate::codec::page;
use crate::codec::saved::{
    Saved, SavedAccount, SavedArrival, SavedChange, SavedKey, SavedName, SavedRow, SavedShown,
};
use std::collections::{BTreeMap, BTreeSet};
use waypost_store::StatePage;
use waypost_types::{
    AccountId, AccountName, FlagSet, Keyword, MailboxId, MailboxName, ModSeq, Uid,
};

/// What is known of a mailbox before its messages are put together.
pub(super) struct Known {
    pub(super) name: SavedName,
    pub(super) modseq: ModSeq,
    /// The number of the record that says that it was made.
    pub(super) made: u64,
}

/// What is being put together for an account.
pub(super) struct Draft {
    pub(super) name: Option<AccountName>,
    pub(super) list: BTreeMap<MailboxId, Known>,
    pub(super) deleted: BTreeMap<MailboxId, u64>,
    pub(super) subscriptions: BTreeSet<MailboxName>,
    pub(super) modseq: ModSeq,
    pub(super) next_email: u32,
    /// The number of the account's saved state, and as of when it is.
    pub(super) saved: Option<(SavedRow, ModSeq)>,
    /// From which record on a mailbox is open.
    pub(super) opened: BTreeMap<MailboxId, u64>,
    pub(super) arrivals: BTreeMap<MailboxId, Vec<SavedArrival>>,
    /// Staged messages that nothing says are there.
    pub(super) staged: BTreeMap<(MailboxId, Uid), SavedArrival>,
    /// UIDs below are given or never will be.
    pub(super) passed: BTreeMap<MailboxId, Uid>,
    pub(super) filings: BTreeMap<MailboxId, Vec<Filing>>,
    /// Filings in mailboxes that are gone: copies may have been made of what was there.
    pub(super) elsewhere: Vec<Filing>,
    /// Filings without numbers.
    pub(super) unplaced: Vec<Filing>,
}

/// What each account's records say, before anything is put together.
pub(super) fn drafts(evidence: &Evidence) -> BTreeMap<AccountId, Draft> {
    let mut ids: BTreeSet<AccountId> = evidence.changes.keys().copied().collect();
    ids.extend(evidence.states.keys().filter_map(|key| key.account()));
    ids.extend(evidence.filings.iter().filter_map(|one| one.placed).map(|placed| placed.account));
    let mut drafts: BTreeMap<AccountId, Draft> =
        ids.into_iter().map(|id| (id, draft(evidence, id))).collect();
    let mut by_name = BTreeMap::new();
    for (id, draft) in &drafts {
        by_name.extend(draft.name.clone().map(|name| (name, *id)));
    }
    for filing in &evidence.filings {
        let id = match filing.placed {
            Some(placed) => placed.account,
            None => *by_name.entry(filing.account.clone()).or_insert_with(|| {
                let last = drafts.last_key_value().map_or(0, |(last, _)| last.0);
                AccountId(last.saturating_add(1))
            }),
        };
        let draft = drafts.entry(id).or_insert_with(Draft::empty);
        draft.name.get_or_insert_with(|| filing.account.clone());
        by_name.entry(filing.account.clone()).or_insert(id);
        draft.take(filing);
    }
    drafts
}

fn draft(evidence: &Evidence, id: AccountId) -> Draft {
    let mut draft = Draft::empty();
    if let Some((row, Saved::Account(saved))) = evidence.state(SavedKey::Account(id)) {
        let SavedAccount { name, modseq, next_email, mailboxes, subscriptions } = saved;
        draft.name = Some(name);
        draft.modseq = modseq;
        draft.next_email = next_email;
        draft.subscriptions = subscriptions.into_iter().collect();
        for name in mailboxes {
            draft.list.insert(name.id, Known { name, modseq: ModSeq(0), made: row.number });
        }
        draft.saved = Some((row, modseq));
    }
    let none = Changes::new();
    for (number, (modseq, changes)) in evidence.changes.get(&id).unwrap_or(&none) {
        draft.modseq = draft.modseq.max(*modseq);
        let is_new = draft.saved.is_none_or(|(row, _)| *number > row.number);
        changes.iter().for_each(|change| draft.change(*number, is_new, change));
    }
    draft.add_unlisted(evidence, id);
    draft
}

impl Draft {
    const fn empty() -> Self {
        Self {
            name: None,
            list: BTreeMap::new(),
            deleted: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            modseq: ModSeq(0),
            next_email: 1,
            saved: None,
            opened: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            staged: BTreeMap::new(),
            passed: BTreeMap::new(),
            filings: BTreeMap::new(),
            elsewhere: Vec::new(),
            unplaced: Vec::new(),
        }
    }

    /// Takes a change; `is_new` says that the saved state of the account does not have it.
    fn change(&mut self, number: u64, is_new: bool, change: &SavedChange) {
        match change {
            SavedChange::Account(name) => {
                self.name.get_or_insert_with(|| name.clone());
            }
            SavedChange::Made(name, modseq) if is_new => {
                let known = Known { name: name.clone(), modseq: *modseq, made: number };
                self.list.insert(name.id, known);
                self.deleted.remove(&name.id);
            }
            SavedChange::Renamed(id, name, modseq) if is_new => {
                if let Some(known) = self.list.get_mut(id) {
                    known.name.name = name.clone();
                    known.modseq = *modseq;
                }
            }
            SavedChange::Deleted(id) if is_new => {
                self.list.remove(id);
                self.deleted.insert(*id, number);
            }
            SavedChange::Subscribed(name, on) if is_new => {
                if *on {
                    self.subscriptions.insert(name.clone());
                } else {
                    self.subscriptions.remove(name);
                }
            }
            SavedChange::Opened(id) => {
                let last = self.opened.entry(*id).or_insert(number);
                *last = (*last).max(number);
            }
            SavedChange::Arrived(id, arrival) => {
                self.arrivals.entry(*id).or_default().push(arrival.clone());
            }
            SavedChange::Staged(id, arrival) => {
                self.staged.insert((*id, arrival.uid), arrival.clone());
            }
            SavedChange::Shown(id, shown) => self.show(*id, shown),
            SavedChange::Passed(id, next) => {
                let last = self.passed.entry(*id).or_insert(*next);
                *last = (*last).max(*next);
            }
            SavedChange::Made(..)
            | SavedChange::Renamed(..)
            | SavedChange::Deleted(_)
            | SavedChange::Subscribed(..) => {}
        }
    }

    /// Staged messages are there.
    fn show(&mut self, mailbox: MailboxId, shown: &SavedShown) {
        let keywords: BTreeMap<u16, Keyword> = shown.keywords.iter().cloned().collect();
        for (number, values) in &shown.pages {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let Some(page) = page::decode(*number, &values) else { continue };
            for at in page.live.iter() {
                let Some(staged) = self.staged.remove(&(mailbox, page.uid(at))) else { continue };
                let flags = flags_on(&page, at, &keywords);
                let arrival = SavedArrival { flags, modseq: shown.modseq, ..staged };
                self.arrivals.entry(mailbox).or_default().push(arrival);
            }
        }
    }

    /// Mailboxes that were saved after their account, or whose account never was.
    fn add_unlisted(&mut self, evidence: &Evidence, id: AccountId) {
        let first = SavedKey::Mailbox(id, MailboxId(0));
        for (key, row) in evidence.states.range(first..=SavedKey::Mailbox(id, MailboxId(u32::MAX)))
        {
            let SavedKey::Mailbox(_, mailbox) = *key else { continue };
            let newer = self.saved.is_none_or(|(saved, _)| row.number > saved.number);
            let deleted = self.deleted.get(&mailbox).is_some_and(|number| *number > row.number);
            if !newer || deleted || self.list.contains_key(&mailbox) {
                continue;
            }
            if let Some((row, Saved::Mailbox(saved))) = evidence.state(*key) {
                let known = Known { name: saved.name, modseq: saved.modseq, made: row.number };
                self.list.insert(mailbox, known);
            }
        }
    }

    /// Takes a filing, unless its mailbox was deleted since.
    fn take(&mut self, filing: &Filing) {
        let Some(placed) = filing.placed else { return self.unplaced.push(filing.clone()) };
        self.modseq = self.modseq.max(placed.modseq);
        self.next_email = self.next_email.max(placed.email.0.saturating_add(1));
        if self.list.contains_key(&placed.mailbox) {
            self.filings.entry(placed.mailbox).or_default().push(filing.clone());
            return;
        }
        let known = self.saved.is_some_and(|(_, as_of)| placed.modseq <= as_of);
        if known || self.deleted.contains_key(&placed.mailbox) {
            self.elsewhere.push(filing.clone());
        } else {
            self.unplaced.push(filing.clone());
        }
    }
}

/// The flags at a position of a page.
pub(super) fn flags_on(page: &StatePage, at: u32, keywords: &BTreeMap<u16, Keyword>) -> FlagSet {
    let mut flags = FlagSet { system: page.system_flags(at), ..FlagSet::default() };
    for (id, _) in page.keywords.iter().filter(|(_, set)| set.contains(at)) {
        if let Some(keyword) = keywords.get(&id.0) {
            flags.insert_keyword(keyword.clone());
        }
    }
    flags
}
