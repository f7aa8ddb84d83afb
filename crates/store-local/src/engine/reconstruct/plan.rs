//! What the store was, as far as the segments prove it.
//!
//! The newest saved state of each page, then everything that arrived after it. What was expunged or
//! flagged since is not known: it stays, as it was known last.

use super::draft::{Draft, Known, drafts, flags_on};
use super::evidence::{Evidence, Filing};
use crate::codec::page;
use crate::codec::saved::{Saved, SavedArrival, SavedKey, SavedMailbox, SavedPage, SavedRow};
use std::collections::{BTreeMap, BTreeSet};
use waypost_store::{PAGE_UIDS, StatePage};
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, FlagSet, Keyword, MailboxId, MailboxName, ModSeq,
    SpecialUse, ThreadId, Uid, UidValidity, UnixTime,
};

/// Added to what counts changes where some of them are unknown, so that no number comes twice.
const MODSEQ_GAP: u64 = 1 << 20;

/// One message of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) email: EmailId,
    pub(super) internal_date: UnixTime,
    pub(super) saved: i64,
    pub(super) flags: FlagSet,
    pub(super) modseq: ModSeq,
}

/// An email of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Email {
    pub(super) blob: BlobId,
    /// `None` when only its headers tell.
    pub(super) thread: Option<ThreadId>,
    pub(super) received: i64,
}

/// A mailbox as it will be.
#[derive(Debug)]
pub(super) struct NewMailbox {
    pub(super) name: MailboxName,
    /// `None` when it gets a new one: it is not proven that its UIDs mean what they meant.
    pub(super) uid_validity: Option<UidValidity>,
    pub(super) special_use: Option<SpecialUse>,
    pub(super) uid_next: Uid,
    pub(super) recent_from: Uid,
    pub(super) modseq: ModSeq,
    pub(super) messages: BTreeMap<Uid, Message>,
    /// Saved states that are still true, for the table of the new store.
    pub(super) states: Vec<(SavedKey, SavedRow)>,
    /// Why nothing is proven, if so.
    pub(super) unproven: Option<&'static str>,
}

/// An account as it will be.
#[derive(Debug)]
pub(super) struct NewAccount {
    pub(super) name: AccountName,
    pub(super) modseq: ModSeq,
    pub(super) next_email: u32,
    pub(super) mailboxes: BTreeMap<MailboxId, NewMailbox>,
    pub(super) subscriptions: BTreeSet<MailboxName>,
    pub(super) emails: BTreeMap<EmailId, Email>,
    /// As of the mailboxes' `states`.
    pub(super) states: Vec<(SavedKey, SavedRow)>,
}

/// The whole store as it will be.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) accounts: BTreeMap<AccountId, NewAccount>,
    /// Messages whose bytes are in no segment.
    pub(super) lost: u64,
    /// Messages of which nothing tells whose they are.
    pub(super) unfiled: u64,
    pub(super) last_mailbox: u32,
    pub(super) last_validity: u32,
}

impl Plan {
    /// Puts together what the segments tell.
    pub(super) fn new(evidence: &mut Evidence) -> Self {
        let mut plan = Self::default();
        let mut drafts = drafts(evidence);
        plan.last_mailbox = last_mailbox(evidence, &drafts);
        let mut missing = false;
        for (id, draft) in &mut drafts {
            let account = plan.account(evidence, *id, draft);
            missing |= account.misses(evidence);
            plan.accounts.insert(*id, account);
        }
        if missing && evidence.hidden_up_to < u64::MAX {
            // A segment is not there at all: what else was in it, nobody knows.
            evidence.damage.push("messages are in no segment: one of these is gone".to_owned());
            evidence.hidden_up_to = u64::MAX;
            return Self::new(evidence);
        }
        plan.drop_lost(evidence);
        plan.keep_unfiled(evidence);
        plan
    }

    fn account(&mut self, evidence: &Evidence, id: AccountId, draft: &mut Draft) -> NewAccount {
        let name = draft.name.clone();
        let name = name.or_else(|| AccountName::new(&format!("{}-{id}", evidence.nobody)).ok());
        let mut account = NewAccount {
            name: name.unwrap_or_else(|| evidence.nobody.clone()),
            modseq: draft.modseq,
            next_email: draft.next_email,
            mailboxes: BTreeMap::new(),
            subscriptions: std::mem::take(&mut draft.subscriptions),
            emails: BTreeMap::new(),
            states: Vec::new(),
        };
        for filing in std::mem::take(&mut draft.elsewhere) {
            if let Some(placed) = filing.placed {
                account.know(placed.email, &filing);
            }
        }
        for (mailbox, known) in std::mem::take(&mut draft.list) {
            let put = self.mailbox(evidence, id, draft, &mut account, mailbox, known);
            account.mailboxes.insert(mailbox, put);
        }
        self.file_unplaced(draft, &mut account);
        for mailbox in account.mailboxes.values() {
            self.last_validity =
                self.last_validity.max(mailbox.uid_validity.map_or(0, |validity| validity.0));
            account.modseq = account.modseq.max(mailbox.modseq);
        }
        if let Some((last, _)) = account.emails.last_key_value() {
            account.next_email = account.next_email.max(last.0.saturating_add(1));
        }
        if account.mailboxes.values().any(|mailbox| mailbox.unproven.is_some()) {
            account.modseq.0 = account.modseq.0.saturating_add(MODSEQ_GAP);
        } else if let Some((row, _)) = draft.saved {
            account.states.push((SavedKey::Account(id), row));
        }
        let all = account.modseq;
        for mailbox in account.mailboxes.values_mut().filter(|one| one.unproven.is_some()) {
            mailbox.uid_validity = None;
            mailbox.modseq = all;
            mailbox.states.clear();
        }
        let changes = evidence.states.iter().filter(|(key, row)| {
            let newer = draft.saved.is_none_or(|(saved, _)| row.number > saved.number);
            matches!(key, SavedKey::Changes(of, _) if *of == id) && newer
        });
        account.states.extend(changes.map(|(key, row)| (*key, *row)));
        account
    }

    fn mailbox(
        &mut self,
        evidence: &Evidence,
        account_id: AccountId,
        draft: &mut Draft,
        account: &mut NewAccount,
        id: MailboxId,
        known: Known,
    ) -> NewMailbox {
        self.last_validity = self.last_validity.max(known.name.uid_validity.0);
        let key = SavedKey::Mailbox(account_id, id);
        let base = evidence.state(key).and_then(|(row, saved)| match saved {
            Saved::Mailbox(saved) => Some((row, saved)),
            _ => None,
        });
        let since = base.as_ref().map_or(known.made, |(row, _)| row.number);
        let opened = draft.opened.get(&id).is_some_and(|number| *number > since);
        let mut put = begin(&known, base.as_ref(), opened, evidence.hidden_up_to);
        let pages = read_pages(evidence, account_id, id, base.as_ref(), &mut put);
        for (page, _) in pages.values() {
            take_page(page, account, &mut put);
        }
        let mut arrived = BTreeSet::new();
        let base_as_of = base.as_ref().map_or(ModSeq(0), |(_, saved)| saved.as_of);
        let as_of = |uid: Uid| {
            let page = pages.get(&StatePage::number_of(uid)).map(|(_, as_of)| *as_of);
            page.unwrap_or(base_as_of)
        };
        let first_new = put.uid_next;
        let passed = draft.passed.remove(&id).unwrap_or(first_new);
        for arrival in draft.arrivals.remove(&id).unwrap_or_default() {
            if arrival.modseq > as_of(arrival.uid) {
                arrived.insert(arrival.uid);
                let SavedArrival { uid, email, modseq, internal_date, saved, flags } = arrival;
                put.add(uid, Message { email, internal_date, saved, flags, modseq });
            }
        }
        for filing in draft.filings.remove(&id).unwrap_or_default() {
            let Some(placed) = filing.placed else { continue };
            let email = account.know(placed.email, &filing);
            if placed.modseq > as_of(placed.uid) {
                arrived.insert(placed.uid);
                let Filing { internal_date, saved, flags, .. } = filing;
                let modseq = placed.modseq;
                put.add(placed.uid, Message { email, internal_date, saved, flags, modseq });
            }
        }
        let mut next = first_new;
        for uid in arrived.range(first_new..) {
            if *uid != next && *uid >= passed {
                put.doubt("messages between those that are there are not known");
            }
            next = Uid(uid.0.saturating_add(1));
        }
        put.uid_next = put.uid_next.max(next).max(passed);
        if let Some((last, _)) = put.messages.last_key_value() {
            put.uid_next = put.uid_next.max(Uid(last.0.saturating_add(1)));
        }
        if let Some((row, saved)) = base {
            put.states.push((key, SavedRow { modseq: saved.modseq.0, ..row }));
        }
        put
    }

    /// Mail that only names tell the place of, as older programs noted it: what no mailbox holds and the
    /// account's saved state, if there is one, does not know as expunged.
    fn file_unplaced(&mut self, draft: &mut Draft, account: &mut NewAccount) {
        let mut held: BTreeSet<BlobId> = account.emails.values().map(|email| email.blob).collect();
        for filing in std::mem::take(&mut draft.unplaced) {
            let expunged = draft.saved.is_some_and(|(row, _)| row.number > filing.blob.0);
            if expunged || !held.insert(filing.blob) {
                continue;
            }
            let mailbox = self.mailbox_named(account, &filing.mailbox);
            let email = account.new_email(&filing);
            let Filing { internal_date, saved, flags, .. } = filing;
            let modseq = ModSeq(account.modseq.0.max(1));
            account.modseq = modseq;
            if let Some(put) = account.mailboxes.get_mut(&mailbox) {
                let uid = put.uid_next;
                put.add(uid, Message { email, internal_date, saved, flags, modseq });
                put.uid_next = Uid(uid.0.saturating_add(1));
                put.doubt("its state was never saved");
            }
        }
    }

    /// The mailbox of that name, made when there is none.
    fn mailbox_named(&mut self, account: &mut NewAccount, name: &MailboxName) -> MailboxId {
        if let Some((id, _)) = account.mailboxes.iter().find(|(_, put)| put.name == *name) {
            return *id;
        }
        self.last_mailbox += 1;
        let id = MailboxId(self.last_mailbox);
        let special = SpecialUse::ALL.into_iter().find(|special| special.default_name() == *name);
        account.mailboxes.insert(
            id,
            NewMailbox {
                name: name.clone(),
                uid_validity: None,
                special_use: special,
                uid_next: Uid(1),
                recent_from: Uid(1),
                modseq: ModSeq(1),
                messages: BTreeMap::new(),
                states: Vec::new(),
                unproven: Some("nothing but mail in it tells of it"),
            },
        );
        id
    }

    /// Messages without bytes cannot be shown.
    fn drop_lost(&mut self, evidence: &Evidence) {
        for account in self.accounts.values_mut() {
            let NewAccount { emails, mailboxes, .. } = account;
            emails.retain(|_, email| evidence.blobs.contains_key(&email.blob));
            let mut held = BTreeSet::new();
            for put in mailboxes.values_mut() {
                let before = put.messages.len();
                put.messages.retain(|_, message| emails.contains_key(&message.email));
                self.lost += (before - put.messages.len()) as u64;
                held.extend(put.messages.values().map(|message| message.email));
            }
            // An email that no mailbox holds is expunged.
            emails.retain(|id, _| held.contains(id));
        }
    }

    /// Messages whose notes are damaged and that nobody holds go to an account of their own, or the
    /// compaction would take them away.
    fn keep_unfiled(&mut self, evidence: &Evidence) {
        let mut unfiled = evidence.unfiled.clone();
        for account in self.accounts.values() {
            account.emails.values().for_each(|email| {
                unfiled.remove(&email.blob);
            });
        }
        unfiled.retain(|blob| evidence.blobs.contains_key(blob));
        for filing in evidence.filings.iter() {
            unfiled.remove(&filing.blob);
        }
        if unfiled.is_empty() {
            return;
        }
        self.unfiled = unfiled.len() as u64;
        let last = self.accounts.last_key_value().map_or(0, |(id, _)| id.0);
        let mut account = NewAccount {
            name: evidence.nobody.clone(),
            modseq: ModSeq(1),
            next_email: 1,
            mailboxes: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            emails: BTreeMap::new(),
            states: Vec::new(),
        };
        let inbox = self.mailbox_named(&mut account, &MailboxName::inbox());
        for blob in unfiled {
            let filing = Filing {
                blob,
                account: evidence.nobody.clone(),
                mailbox: MailboxName::inbox(),
                flags: FlagSet::default(),
                internal_date: UnixTime::utc(0),
                saved: 0,
                received: 0,
                placed: None,
            };
            let email = account.new_email(&filing);
            let Filing { internal_date, saved, flags, .. } = filing;
            if let Some(put) = account.mailboxes.get_mut(&inbox) {
                let uid = put.uid_next;
                put.add(uid, Message { email, internal_date, saved, flags, modseq: ModSeq(1) });
                put.uid_next = Uid(uid.0.saturating_add(1));
            }
        }
        self.accounts.insert(AccountId(last.saturating_add(1)), account);
    }
}

impl NewAccount {
    /// Whether a message that is proven to be there has no bytes.
    fn misses(&self, evidence: &Evidence) -> bool {
        let has = |message: &Message| {
            let email = self.emails.get(&message.email);
            email.is_some_and(|email| evidence.blobs.contains_key(&email.blob))
        };
        let proven = self.mailboxes.values().filter(|mailbox| mailbox.unproven.is_none());
        !proven.flat_map(|mailbox| mailbox.messages.values()).all(has)
    }

    /// The number under which a filed message is an email here; another one when that is taken.
    fn know(&mut self, id: EmailId, filing: &Filing) -> EmailId {
        let thread = filing.placed.map(|placed| placed.thread);
        let email = Email { blob: filing.blob, thread, received: filing.received };
        match self.emails.get(&id) {
            Some(known) if known.blob != filing.blob => self.new_email(filing),
            Some(_) => id,
            None => {
                self.emails.insert(id, email);
                id
            }
        }
    }

    fn new_email(&mut self, filing: &Filing) -> EmailId {
        let last = self.emails.last_key_value().map_or(0, |(last, _)| last.0);
        let id = EmailId(self.next_email.max(last.saturating_add(1)));
        self.next_email = id.0.saturating_add(1);
        let (blob, received) = (filing.blob, filing.received);
        self.emails.insert(id, Email { blob, thread: None, received });
        id
    }
}

impl NewMailbox {
    /// Adds a message; where another one has its UID, behind all others.
    fn add(&mut self, uid: Uid, message: Message) {
        self.modseq = self.modseq.max(message.modseq);
        match self.messages.get(&uid) {
            None => {
                self.messages.insert(uid, message);
            }
            Some(there) if there.email == message.email => {}
            Some(_) => {
                let last = self.messages.last_key_value().map_or(0, |(last, _)| last.0);
                let free = Uid(self.uid_next.0.max(last.saturating_add(1)));
                self.messages.insert(free, message);
                self.uid_next = Uid(free.0.saturating_add(1));
                self.doubt("two messages claim one UID");
            }
        }
    }

    fn doubt(&mut self, why: &'static str) {
        self.unproven = self.unproven.or(Some(why));
    }
}

/// A mailbox without its messages yet.
fn begin(
    known: &Known,
    base: Option<&(SavedRow, SavedMailbox)>,
    opened: bool,
    hidden_up_to: u64,
) -> NewMailbox {
    let since = base.map_or(known.made, |(row, _)| row.number);
    let saved = base.map(|(_, saved)| saved);
    NewMailbox {
        name: known.name.name.clone(),
        uid_validity: Some(known.name.uid_validity),
        special_use: known.name.special_use,
        uid_next: saved.map_or(Uid(1), |saved| saved.uid_next),
        recent_from: saved.map_or(Uid(1), |saved| saved.recent_from),
        modseq: saved.map_or(known.modseq, |saved| saved.modseq.max(known.modseq)),
        messages: BTreeMap::new(),
        states: Vec::new(),
        unproven: match (saved, known.made) {
            (None, 0) => Some("its state was never saved"),
            _ if opened => Some("it changed after its state was saved"),
            _ if hidden_up_to >= since => Some("changes may be lost with what is damaged"),
            _ => None,
        },
    }
}

/// The pages of a mailbox that count, each with the modification sequence up to which it is true.
fn read_pages(
    evidence: &Evidence,
    account: AccountId,
    mailbox: MailboxId,
    base: Option<&(SavedRow, SavedMailbox)>,
    put: &mut NewMailbox,
) -> BTreeMap<u32, (SavedPage, ModSeq)> {
    let mut pages = BTreeMap::new();
    let listed: BTreeMap<u32, u64> =
        base.map(|(_, saved)| saved.pages.iter().copied().collect()).unwrap_or_default();
    let as_of = base.map_or(ModSeq(0), |(_, saved)| saved.as_of);
    let first = SavedKey::Page(account, mailbox, 0);
    for (key, row) in evidence.states.range(first..=SavedKey::Page(account, mailbox, u32::MAX)) {
        let SavedKey::Page(_, _, number) = *key else { continue };
        let counts = match listed.get(&number) {
            Some(record) => row.number >= *record,
            None => base.is_none_or(|(base, _)| row.number > base.number),
        };
        let Some((row, Saved::Page(page))) = evidence.state(*key).filter(|_| counts) else {
            continue;
        };
        let mark = crc32fast::hash(&page.values.concat());
        put.states.push((*key, SavedRow { mark, ..row }));
        let as_of = page.as_of.max(as_of);
        pages.insert(number, (page, as_of));
    }
    if listed.keys().any(|number| !pages.contains_key(number)) {
        put.doubt("a part of its saved state is not there");
    }
    pages
}

fn take_page(saved: &SavedPage, account: &mut NewAccount, put: &mut NewMailbox) {
    let values: Vec<&[u8]> = saved.values.iter().map(Vec::as_slice).collect();
    let Some(first) = saved.messages.first() else { return };
    let number = StatePage::number_of(first.uid);
    let Some(page) = page::decode(number, &values) else {
        put.doubt("a part of its saved state is not there");
        return;
    };
    let keywords: BTreeMap<u16, Keyword> = saved.keywords.iter().cloned().collect();
    for message in &saved.messages {
        let at = message.uid.0 % PAGE_UIDS;
        let flags = flags_on(&page, at, &keywords);
        let (blob, thread) = (message.blob, Some(message.thread));
        let email = Email { blob, thread, received: message.received };
        account.emails.entry(message.email).or_insert(email);
        let (internal_date, saved) = (message.internal_date, message.saved);
        let modseq = page.modseq(at);
        put.add(message.uid, Message { email: message.email, internal_date, saved, flags, modseq });
    }
}

fn last_mailbox(evidence: &Evidence, drafts: &BTreeMap<AccountId, Draft>) -> u32 {
    let listed = drafts.values().flat_map(|draft| draft.list.keys().chain(draft.deleted.keys()));
    let placed = evidence.filings.iter().filter_map(|one| one.placed).map(|placed| placed.mailbox);
    let saved = evidence.states.keys().filter_map(|key| match key {
        SavedKey::Mailbox(_, mailbox) | SavedKey::Page(_, mailbox, _) => Some(*mailbox),
        _ => None,
    });
    listed.copied().chain(placed).chain(saved).map(|id| id.0).max().unwrap_or(0)
}
