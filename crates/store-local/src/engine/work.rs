//! One batch at work: its transaction, the cached records, and what the mutations share.

use super::cache::{Cache, Cached, KeywordTable};
use super::files::Appender;
use super::pages;
use super::saved::Unsaved;
use super::staged::UnderWay;
use super::transfer::{Order, Transfer};
use crate::codec::rows::{AccountRecord, Numbers};
use crate::codec::{change, corrupt, rows};
use crate::env::{self, Tables};
use crate::keys;
use heed::RwTxn;
use std::path::Path;
use waypost_store::{
    Bits512, ChangeKind, KeywordId, LimitName, Mailbox, MessageRow, Mutation, Outcome, PAGE_UIDS,
    StatePage, StoreError, limits,
};
use waypost_types::{
    AccountId, AccountName, FlagSet, MailboxId, MailboxName, ModSeq, SystemFlag, Uid, UidSet,
    UnixTime, Usage,
};

/// A batch at work.
pub(super) struct Work<'a, 't> {
    pub(super) txn: RwTxn<'t>,
    pub(super) tables: &'a Tables,
    pub(super) partition: &'a Path,
    pub(super) cache: &'a mut Cache,
    pub(super) files: &'a mut Appender,
    pub(super) numbers: &'a mut Numbers,
    /// A transfer in steps, between two of them.
    pub(super) under_way: &'a mut Option<UnderWay>,
    pub(super) now: UnixTime,
    /// Grows with every write: a mutation that fails must not have moved it.
    pub(super) writes: u64,
    /// Accounts that the mutation in hand changed.
    pub(super) touched: Vec<(AccountId, ModSeq)>,
    /// The change that the last record was written for, and how many records it has.
    pub(super) recorded: (AccountId, ModSeq, u16),
    /// What is to be written into the segment beside the messages.
    pub(super) unsaved: Unsaved,
}

/// Pages with the positions on each that a mutation is about.
pub(super) type Targets = Vec<(u32, Bits512)>;

impl Work<'_, '_> {
    /// Applies one mutation: checks first, then writes.
    pub(super) fn apply(&mut self, mutation: &Mutation) -> Result<Outcome, StoreError> {
        self.unsaved.noted = matches!(mutation, Mutation::Deliver(_) | Mutation::Append(_));
        match mutation {
            Mutation::EnsureAccount(name) => self.ensure_account(name).map(Outcome::Account),
            Mutation::Deliver(deliver) => self.deliver(deliver),
            Mutation::Append(append) => self.append(append),
            Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since } => {
                self.set_flags((*account, *mailbox), uids, *action, flags, *unchanged_since)
            }
            Mutation::Expunge { account, mailbox, uids, only_deleted } => {
                self.expunge(*account, *mailbox, uids.as_ref(), *only_deleted)
            }
            Mutation::Copy { account, from, uids, to, limits } => {
                let transfer = Transfer::Copy(*limits);
                let (account, from, to) = (*account, *from, *to);
                self.copy(&Order { account, from, uids, to, transfer })
            }
            Mutation::Move { account, from, uids, to } => {
                let (account, from, to) = (*account, *from, *to);
                self.copy(&Order { account, from, uids, to, transfer: Transfer::Move })
            }
            Mutation::CreateMailbox { account, name, special_use } => {
                self.create_mailbox(*account, name, *special_use).map(Outcome::Mailbox)
            }
            Mutation::RenameMailbox { account, mailbox, to } => {
                self.rename_mailbox(*account, *mailbox, to)
            }
            Mutation::DeleteMailbox { account, mailbox } => self.delete_mailbox(*account, *mailbox),
            Mutation::Subscribe { account, name, on } => self.subscribe(*account, name, *on),
            Mutation::TakeRecent { account, mailbox, before } => {
                self.take_recent(*account, *mailbox, *before)
            }
            Mutation::Undelete { account, mailbox, uids } => {
                self.undelete(*account, *mailbox, uids)
            }
            Mutation::UndeleteMailbox { account, mailbox, deleted, name } => {
                self.undelete_mailbox(*account, *mailbox, *deleted, name)
            }
        }
    }

    pub(super) fn account(
        &mut self,
        id: AccountId,
    ) -> Result<&mut Cached<AccountRecord>, StoreError> {
        if !self.cache.accounts.contains_key(&id) {
            let value = env::get(&self.tables.accounts, &self.txn, &keys::account(id))?;
            let value = value.ok_or(StoreError::NoSuchAccount)?;
            let damaged = || corrupt(format!("account {id}"));
            let mut value = AccountRecord::decode(value).ok_or_else(damaged)?;
            if value.usage.is_none() {
                value.usage = Some(super::quota::count(self.tables, &self.txn, id)?);
            }
            self.cache.accounts.insert(id, Cached { value, dirty: false });
        }
        self.cache.accounts.get_mut(&id).ok_or(StoreError::NoSuchAccount)
    }

    pub(super) fn account_mut(&mut self, id: AccountId) -> Result<&mut AccountRecord, StoreError> {
        self.writes += 1;
        let cached = self.account(id)?;
        cached.dirty = true;
        Ok(&mut cached.value)
    }

    /// The account of a name. One whose record has another name is damage: nobody's mail may come to others.
    pub(super) fn account_named(
        &mut self,
        name: &AccountName,
    ) -> Result<Option<AccountId>, StoreError> {
        let key = name.as_str().as_bytes();
        let found = env::get(&self.tables.account_names, &self.txn, key)?;
        let what = || format!("account name {name}");
        let Some(id) = number(found, what)?.map(AccountId) else { return Ok(None) };
        match self.account(id) {
            Ok(account) if account.value.name != *name => Err(corrupt(what())),
            Ok(_) | Err(StoreError::NoSuchAccount) => Ok(Some(id)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn mailbox(
        &mut self,
        account: AccountId,
        id: MailboxId,
    ) -> Result<&mut Cached<Mailbox>, StoreError> {
        let known = self.cache.mailboxes.get(&id);
        if known.is_none_or(|mailbox| mailbox.value.account != account) {
            self.account(account)?;
            let key = keys::mailbox(account, id);
            let value = env::get(&self.tables.mailboxes, &self.txn, &key)?;
            let value = value.ok_or(StoreError::NoSuchMailbox)?;
            let damaged = || corrupt(format!("mailbox {id}"));
            let value = rows::decode_mailbox(account, id, value).ok_or_else(damaged)?;
            self.cache.mailboxes.insert(id, Cached { value, dirty: false });
        }
        let cached = self.cache.mailboxes.get_mut(&id);
        cached.filter(|m| m.value.account == account).ok_or(StoreError::NoSuchMailbox)
    }

    pub(super) fn mailbox_mut(
        &mut self,
        account: AccountId,
        id: MailboxId,
    ) -> Result<&mut Mailbox, StoreError> {
        self.writes += 1;
        let cached = self.mailbox(account, id)?;
        cached.dirty = true;
        Ok(&mut cached.value)
    }

    /// The mailbox of a name; one whose record has another name is damage.
    pub(super) fn mailbox_named(
        &mut self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<MailboxId>, StoreError> {
        let key = keys::named(account, name.as_str());
        let found = env::get(&self.tables.mailbox_names, &self.txn, &key)?;
        let what = || format!("mailbox name {name}");
        let Some(id) = number(found, what)?.map(MailboxId) else { return Ok(None) };
        match self.mailbox(account, id) {
            Ok(mailbox) if mailbox.value.name != *name => Err(corrupt(what())),
            Ok(_) | Err(StoreError::NoSuchMailbox) => Ok(Some(id)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn page(
        &mut self,
        mailbox: MailboxId,
        number: u32,
    ) -> Result<Option<&StatePage>, StoreError> {
        let found = self.cache.page(&self.tables.pages, &self.txn, mailbox, number)?;
        Ok(found.map(|cached| &cached.page))
    }

    pub(super) fn page_mut(
        &mut self,
        mailbox: MailboxId,
        number: u32,
    ) -> Result<&mut StatePage, StoreError> {
        self.writes += 1;
        self.cache.page_or_new(&self.tables.pages, &self.txn, mailbox, number)
    }

    pub(super) fn keywords(&mut self, mailbox: MailboxId) -> Result<&mut KeywordTable, StoreError> {
        self.cache.table(&self.tables.keywords, &self.txn, mailbox)
    }

    pub(super) fn row(&self, mailbox: MailboxId, uid: Uid) -> Result<MessageRow, StoreError> {
        let value = env::get(&self.tables.messages, &self.txn, &keys::message(mailbox, uid))?;
        let row = value.and_then(rows::decode_message);
        row.ok_or_else(|| corrupt(format!("message {uid} of mailbox {mailbox}")))
    }

    pub(super) fn put(
        &mut self,
        table: &env::Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.writes += 1;
        env::put(table, &mut self.txn, key, value)
    }

    pub(super) fn delete(&mut self, table: &env::Table, key: &[u8]) -> Result<bool, StoreError> {
        self.writes += 1;
        env::delete(table, &mut self.txn, key)
    }

    /// The pages of a mailbox with their live positions among `uids`, all of them without `uids`.
    /// Cost: pages that exist and hold a wanted UID.
    pub(super) fn targets(
        &mut self,
        mailbox: MailboxId,
        uids: Option<&UidSet>,
    ) -> Result<Targets, StoreError> {
        let mut targets = Vec::new();
        let mut number = 0;
        while let Some(next) = self.next_wanted(mailbox, uids, number)? {
            if let Some(page) = self.page(mailbox, next)? {
                let wanted =
                    uids.map_or(page.live, |uids| pages::positions(uids, next).and(&page.live));
                if !wanted.is_empty() {
                    targets.push((next, wanted));
                }
            }
            number = next + 1;
        }
        Ok(targets)
    }

    /// The first page from `number` on that may hold a wanted UID.
    fn next_wanted(
        &self,
        mailbox: MailboxId,
        uids: Option<&UidSet>,
        mut number: u32,
    ) -> Result<Option<u32>, StoreError> {
        loop {
            if let Some(uids) = uids {
                let Some(first) = number.checked_mul(PAGE_UIDS) else { return Ok(None) };
                let Some(uid) = uids.iter_from(Uid(first)).next() else { return Ok(None) };
                number = StatePage::number_of(uid);
            }
            let found = self.cache.next_page(&self.tables.pages, &self.txn, mailbox, number)?;
            match found {
                Some(found) if found > number && uids.is_some() => number = found,
                found => return Ok(found),
            }
        }
    }

    /// Gives the account the modification sequence of the mutation in hand.
    pub(super) fn advance(&mut self, account: AccountId) -> Result<ModSeq, StoreError> {
        let record = self.account_mut(account)?;
        record.modseq = record.modseq.next();
        let modseq = record.modseq;
        self.touched.retain(|(touched, _)| *touched != account);
        self.touched.push((account, modseq));
        Ok(modseq)
    }

    /// Writes down a change at the account's modification sequence, and in its mailbox.
    pub(super) fn record(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        kind: &ChangeKind,
        emails: &UidSet,
    ) -> Result<(), StoreError> {
        let modseq = self.account(account)?.value.modseq;
        if !matches!(kind, ChangeKind::Deleted) {
            self.mailbox_mut(account, mailbox)?.modseq = modseq;
        }
        if (self.recorded.0, self.recorded.1) != (account, modseq) {
            self.recorded = (account, modseq, 0);
        }
        for value in change::encode(mailbox, kind, emails) {
            let key = keys::change(account, modseq, self.recorded.2);
            self.recorded.2 = self.recorded.2.saturating_add(1);
            let log = self.tables;
            self.put(&log.changes, &key, &value)?;
            self.account_mut(account)?.log_records += 1;
        }
        self.tell_kind(account, mailbox, kind)?;
        self.trim_log(account)
    }

    fn trim_log(&mut self, account: AccountId) -> Result<(), StoreError> {
        while self.account(account)?.value.log_records > limits::CHANGE_LOG_RECORDS {
            let from = keys::account(account);
            let oldest = env::at_or_after(&self.tables.changes, &self.txn, &from)?;
            let key = oldest.map(|(key, _)| key.to_vec()).filter(|key| key.starts_with(&from));
            let dropped = key.as_deref().and_then(keys::change_modseq);
            let record = self.account_mut(account)?;
            record.log_records -= 1;
            let (Some(key), Some(dropped)) = (key, dropped) else { continue };
            record.log_floor = record.log_floor.max(dropped);
            let tables = self.tables;
            self.delete(&tables.changes, &key)?;
        }
        Ok(())
    }

    /// Whether keywords fit into a mailbox's table.
    pub(super) fn check_keywords(
        &mut self,
        mailbox: MailboxId,
        flags: &FlagSet,
    ) -> Result<(), StoreError> {
        if flags.keywords.is_empty() {
            return Ok(());
        }
        let table = self.keywords(mailbox)?;
        let new = flags.keywords.iter().filter(|keyword| table.id(keyword).is_none()).count();
        if new > 0 && table.len() + new > limits::KEYWORDS {
            return Err(StoreError::Limit(LimitName::Keywords));
        }
        Ok(())
    }

    /// Whether a mailbox has `count` UIDs left.
    pub(super) fn check_uids(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        count: u32,
    ) -> Result<(), StoreError> {
        let next = self.mailbox(account, mailbox)?.value.uid_next;
        let left = next.0.checked_add(count).is_some();
        if left { Ok(()) } else { Err(StoreError::Limit(LimitName::Uids)) }
    }

    /// Files a message as the next of a mailbox; everything was checked. The caller records it.
    pub(super) fn file(
        &mut self,
        mailbox: &MailboxRef,
        row: &MessageRow,
        flags: &FlagSet,
        modseq: ModSeq,
    ) -> Result<Uid, StoreError> {
        let ids = self.use_keywords(mailbox.id, flags)?;
        let next = self.mailbox(mailbox.account, mailbox.id)?.value.uid_next;
        let passing = self.under_way.as_mut();
        let uid = passing.map_or(next, |under_way| under_way.pass(mailbox.id, next));
        let record = self.mailbox_mut(mailbox.account, mailbox.id)?;
        record.uid_next = Uid(uid.0.saturating_add(1));
        record.counters.messages += 1;
        record.counters.unseen += u32::from(!flags.system.contains(SystemFlag::Seen));
        record.counters.deleted += u32::from(flags.system.contains(SystemFlag::Deleted));
        record.counters.bytes += row.size;
        self.hold_more(mailbox.account, Usage::of_message(row.size))?;
        let page = self.page_mut(mailbox.id, StatePage::number_of(uid))?;
        pages::insert(page, uid.0 % PAGE_UIDS, flags.system, &ids, modseq);
        let tables = self.tables;
        let key = keys::message(mailbox.id, uid);
        self.put(&tables.messages, &key, &rows::encode_message(row))?;
        let key = keys::copy(mailbox.account, row.email, mailbox.id, uid);
        self.put(&tables.copies, &key, rows::PRESENT)?;
        self.tell_arrival(mailbox.account, mailbox.id, uid, (row, flags, modseq));
        Ok(uid)
    }

    pub(super) fn use_keywords(
        &mut self,
        mailbox: MailboxId,
        flags: &FlagSet,
    ) -> Result<Vec<KeywordId>, StoreError> {
        if flags.keywords.is_empty() {
            return Ok(Vec::new());
        }
        self.writes += 1;
        let table = self.keywords(mailbox)?;
        let mut ids = Vec::with_capacity(flags.keywords.len());
        for keyword in &flags.keywords {
            let id = table.know(keyword);
            table.count(id, 1, 0);
            ids.push(id);
        }
        Ok(ids)
    }
}

/// A mailbox by both its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MailboxRef {
    pub(super) account: AccountId,
    pub(super) id: MailboxId,
}

fn number(value: Option<&[u8]>, what: impl Fn() -> String) -> Result<Option<u32>, StoreError> {
    let read = |value| rows::decode_number(value).and_then(|n| u32::try_from(n).ok());
    value.map(|value| read(value).ok_or_else(|| corrupt(what()))).transpose()
}
