//! What the model remembers.

use crate::{
    Account, Bits512, Change, ChangeKind, Counters, EmailRow, KeywordId, LastAccess, Mailbox,
    MessageRow, Modseqs, PAGE_UIDS, StatePage, StoreError, limits,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use waypost_mime::Parsed;
use waypost_types::{
    AccountId, AccountName, EmailId, FlagSet, Keyword, MailboxId, MailboxName, ModSeq, QuotaLimits,
    SpecialUse, SystemFlag, Uid, UidSet, UidValidity, Usage,
};

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<AccountId, Arc<Owner>>,
    pub(super) next_mailbox: u32,
    pub(super) next_validity: u32,
    pub(super) next_blob: u64,
    pub(super) access: BTreeMap<AccountName, LastAccess>,
}

#[derive(Clone)]
pub(super) struct Owner {
    pub(super) account: Account,
    pub(super) boxes: BTreeMap<MailboxId, MailboxState>,
    /// Mailboxes that were deleted: the model never purges.
    pub(super) dead: BTreeMap<MailboxId, MailboxState>,
    pub(super) subscriptions: BTreeSet<MailboxName>,
    pub(super) emails: BTreeMap<EmailId, Email>,
    pub(super) log: Vec<Change>,
}

#[derive(Clone)]
pub(super) struct MailboxState {
    pub(super) id: MailboxId,
    pub(super) name: MailboxName,
    pub(super) uid_validity: UidValidity,
    pub(super) uid_next: Uid,
    pub(super) modseq: ModSeq,
    pub(super) recent_from: Uid,
    pub(super) special_use: Option<SpecialUse>,
    pub(super) messages: BTreeMap<Uid, Message>,
    pub(super) expunged: BTreeMap<Uid, MessageRow>,
    pub(super) keywords: BTreeMap<KeywordId, Keyword>,
}

#[derive(Clone)]
pub(super) struct Message {
    pub(super) row: MessageRow,
    pub(super) flags: FlagSet,
    pub(super) modseq: ModSeq,
}

#[derive(Clone)]
pub(super) struct Email {
    pub(super) row: EmailRow,
    pub(super) bytes: Bytes,
    pub(super) parsed: Arc<Parsed>,
}

impl State {
    pub(super) fn modseqs(&self) -> BTreeMap<AccountId, ModSeq> {
        self.accounts.iter().map(|(id, owner)| (*id, owner.account.modseq)).collect()
    }

    pub(super) fn touched_since(&self, before: &BTreeMap<AccountId, ModSeq>) -> Vec<AccountId> {
        let changed = |(id, owner): (&AccountId, &Arc<Owner>)| {
            (before.get(id) != Some(&owner.account.modseq)).then_some(*id)
        };
        self.accounts.iter().filter_map(changed).collect()
    }

    pub(super) fn named(&self, name: &AccountName) -> Option<AccountId> {
        self.accounts.values().find(|o| o.account.name == *name).map(|o| o.account.id)
    }

    pub(super) fn owner(&mut self, account: AccountId) -> Result<&mut Owner, StoreError> {
        self.accounts.get_mut(&account).map(Arc::make_mut).ok_or(StoreError::NoSuchAccount)
    }
}

impl Owner {
    /// What the account holds, counted anew.
    pub(super) fn usage(&self) -> Usage {
        let messages = self.boxes.values().flat_map(|mailbox| mailbox.messages.values());
        messages.map(|message| Usage::of_message(message.row.size)).sum()
    }

    /// The account as readers see it.
    pub(super) fn record_of_account(&self) -> Account {
        Account { usage: self.usage(), ..self.account.clone() }
    }

    /// Whether `added` may be added.
    pub(super) fn check_quota(&self, limits: &QuotaLimits, added: Usage) -> Result<(), StoreError> {
        if *limits == QuotaLimits::NONE {
            return Ok(());
        }
        limits.check(self.usage(), added).map_err(StoreError::OverQuota)
    }

    pub(super) fn new(id: AccountId, name: AccountName) -> Self {
        Self {
            account: Account { id, name, modseq: ModSeq(0), usage: Usage::default() },
            boxes: BTreeMap::new(),
            dead: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            emails: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    pub(super) fn mailbox(&mut self, id: MailboxId) -> Result<&mut MailboxState, StoreError> {
        self.boxes.get_mut(&id).ok_or(StoreError::NoSuchMailbox)
    }

    pub(super) fn id_of(&self, name: &MailboxName) -> Option<MailboxId> {
        self.boxes.values().find(|mailbox| mailbox.name == *name).map(|mailbox| mailbox.id)
    }

    /// The modification sequence of the mutation in hand: one more than the account's.
    pub(super) fn advance(&mut self) -> ModSeq {
        self.account.modseq = self.account.modseq.next();
        self.account.modseq
    }

    /// Writes down a change of a mailbox at the account's modification sequence.
    pub(super) fn record(&mut self, mailbox: MailboxId, kind: ChangeKind) {
        let modseq = self.account.modseq;
        if let Some(state) = self.boxes.get_mut(&mailbox) {
            state.modseq = modseq;
        }
        self.log.push(Change { modseq, mailbox, kind });
        let keep = usize::try_from(limits::CHANGE_LOG_RECORDS).unwrap_or(usize::MAX);
        if self.log.len() > keep {
            self.log.drain(..self.log.len() - keep);
        }
    }

    /// First known among the references with an equal base subject, else a thread of its own.
    pub(super) fn thread_for(&self, parsed: &Parsed, new: EmailId) -> waypost_types::ThreadId {
        let known = |reference: &String| {
            self.emails.values().find(|email| {
                email.parsed.message_id.as_ref() == Some(reference)
                    && email.parsed.base_subject == parsed.base_subject
            })
        };
        let found = parsed.references.iter().find_map(known);
        found.map_or(waypost_types::ThreadId(new.0), |email| email.row.thread)
    }
}

impl MailboxState {
    pub(super) fn record(&self, account: AccountId) -> Mailbox {
        let seen = |m: &&Message| m.flags.system.contains(SystemFlag::Seen);
        let deleted = |m: &&Message| m.flags.system.contains(SystemFlag::Deleted);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let messages = count(self.messages.len());
        Mailbox {
            id: self.id,
            account,
            name: self.name.clone(),
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            modseq: self.modseq,
            recent_from: self.recent_from,
            special_use: self.special_use,
            counters: Counters {
                messages,
                unseen: messages - count(self.messages.values().filter(seen).count()),
                deleted: count(self.messages.values().filter(deleted).count()),
                bytes: self.messages.values().map(|m| m.row.size).sum(),
            },
        }
    }

    pub(super) fn live(&self, uids: &UidSet) -> UidSet {
        self.messages.keys().copied().filter(|uid| uids.contains(*uid)).collect()
    }

    /// Gives keywords that are new here a number; those no message uses are forgotten.
    pub(super) fn know(&mut self, flags: &FlagSet) -> Result<(), StoreError> {
        let used: BTreeSet<&Keyword> =
            self.messages.values().flat_map(|m| &m.flags.keywords).collect();
        let mut table = self.keywords.clone();
        table.retain(|_, keyword| used.contains(keyword));
        for keyword in &flags.keywords {
            if table.values().any(|known| known == keyword) {
                continue;
            }
            if table.len() >= limits::KEYWORDS {
                return Err(StoreError::Limit(crate::LimitName::Keywords));
            }
            let free = (0..=u16::MAX).map(KeywordId).find(|id| !table.contains_key(id));
            if let Some(id) = free {
                table.insert(id, keyword.clone());
            }
        }
        self.keywords = table;
        Ok(())
    }

    pub(super) fn page(&self, number: u32) -> Option<StatePage> {
        let first = number.checked_mul(PAGE_UIDS)?;
        let range = Uid(first)..=Uid(first.saturating_add(PAGE_UIDS - 1));
        let mut page = StatePage::new(number);
        let mut modseqs = Vec::new();
        for (uid, message) in self.messages.range(range) {
            let at = uid.0 - first;
            page.live.set(at, true);
            for flag in message.flags.system.iter() {
                page.flag_mut(flag).set(at, true);
            }
            modseqs.push(message.modseq);
        }
        for (id, keyword) in &self.keywords {
            let mut bits = Bits512::EMPTY;
            for at in page.live.iter() {
                let has = |m: &Message| m.flags.keywords.contains(keyword);
                bits.set(at, self.messages.get(&page.uid(at)).is_some_and(has));
            }
            if !bits.is_empty() {
                page.keywords.push((*id, bits));
            }
        }
        page.modseqs = Modseqs::Each(modseqs);
        (!page.live.is_empty()).then_some(page)
    }
}
