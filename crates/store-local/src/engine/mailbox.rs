//! Accounts, mailboxes, subscriptions.

use super::cache::Cached;
use super::transfer::{Order, Transfer};
use super::work::Work;
use crate::codec::corrupt;
use crate::codec::rows::{self, AccountRecord};
use crate::codec::saved::SavedChange;
use crate::env;
use crate::keys::{self, Purge};
use waypost_store::{ChangeKind, Counters, LimitName, Mailbox, Outcome, StoreError, limits};
use waypost_types::{
    AccountId, AccountName, MailboxId, MailboxName, ModSeq, SpecialUse, Uid, UidSet, UidValidity,
};

impl Work<'_, '_> {
    pub(super) fn ensure_account(&mut self, name: &AccountName) -> Result<AccountId, StoreError> {
        if let Some(id) = self.account_named(name)? {
            return Ok(id);
        }
        self.take_name(name)?;
        let id = AccountId(self.numbers.account);
        self.numbers.account += 1;
        let tables = self.tables;
        let value = rows::encode_number(u64::from(id.0));
        self.put(&tables.account_names, name.as_str().as_bytes(), &value)?;
        let record = Cached { value: AccountRecord::new(name.clone()), dirty: true };
        self.cache.accounts.insert(id, record);
        self.advance(id)?;
        self.tell(id, SavedChange::Account(name.clone()));
        let special = SpecialUse::ALL.map(|special| (special.default_name(), Some(special)));
        for (name, special) in std::iter::once((MailboxName::inbox(), None)).chain(special) {
            self.add_mailbox(id, &name, special)?;
            self.put(&tables.subscriptions, &keys::named(id, name.as_str()), rows::PRESENT)?;
            self.account_mut(id)?.subscriptions += 1;
            self.tell(id, SavedChange::Subscribed(name, true));
        }
        Ok(id)
    }

    pub(super) fn create_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxId, StoreError> {
        let missing = self.check_new(account, name, 1)?;
        self.advance(account)?;
        for parent in missing.iter().rev() {
            self.add_mailbox(account, parent, None)?;
        }
        self.add_mailbox(account, name, special_use)
    }

    /// Checks that a name is free and there is room; the parents it lacks, nearest first.
    pub(super) fn check_new(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        count: usize,
    ) -> Result<Vec<MailboxName>, StoreError> {
        let have = self.account(account)?.value.mailboxes as usize;
        if self.mailbox_named(account, name)?.is_some() {
            return Err(StoreError::MailboxExists);
        }
        let mut missing = Vec::new();
        for parent in std::iter::successors(name.parent(), MailboxName::parent) {
            if self.mailbox_named(account, &parent)?.is_none() {
                missing.push(parent);
            }
        }
        if have + missing.len() + count > limits::MAILBOXES {
            return Err(StoreError::Limit(LimitName::Mailboxes));
        }
        Ok(missing)
    }

    fn add_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxId, StoreError> {
        let id = MailboxId(self.numbers.mailbox);
        self.numbers.mailbox += 1;
        let modseq = self.account(account)?.value.modseq;
        let value = Mailbox {
            id,
            account,
            name: name.clone(),
            uid_validity: self.next_validity(),
            uid_next: Uid(1),
            modseq,
            recent_from: Uid(1),
            special_use,
            counters: Counters::default(),
        };
        self.cache.mailboxes.insert(id, Cached { value, dirty: true });
        self.account_mut(account)?.mailboxes += 1;
        self.name_mailbox(account, id, name)?;
        self.record(account, id, &ChangeKind::Created, &UidSet::new())?;
        Ok(id)
    }

    /// Greater than any given before, and than any another server may have given for these names
    /// before a migration: the clock, or one more than the last.
    pub(super) fn next_validity(&mut self) -> UidValidity {
        let clock = u32::try_from(self.now.seconds.max(1)).unwrap_or(u32::MAX);
        self.numbers.uid_validity = clock.max(self.numbers.uid_validity.saturating_add(1));
        UidValidity(self.numbers.uid_validity)
    }

    pub(super) fn name_mailbox(
        &mut self,
        account: AccountId,
        id: MailboxId,
        name: &MailboxName,
    ) -> Result<(), StoreError> {
        let tables = self.tables;
        let key = keys::named(account, name.as_str());
        self.put(&tables.mailbox_names, &key, &rows::encode_number(u64::from(id.0)))
    }

    pub(super) fn rename_mailbox(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        to: &MailboxName,
    ) -> Result<Outcome, StoreError> {
        let from = self.mailbox(account, mailbox)?.value.name.clone();
        if from.is_inbox() {
            return self.rename_inbox(account, mailbox, to);
        }
        if self.mailbox_named(account, to)?.is_some() {
            return Err(StoreError::MailboxExists);
        }
        if to.is_below(&from) {
            return Err(StoreError::NotPermitted("a mailbox cannot move below itself".to_owned()));
        }
        let moves = self.renames(account, &from, to)?;
        self.check_new(account, to, 0)?;
        if let Some(parent) = to.parent()
            && self.mailbox_named(account, &parent)?.is_none()
        {
            self.create_mailbox(account, &parent, None)?;
        }
        self.advance(account)?;
        for (id, old, new) in moves {
            let tables = self.tables;
            self.delete(&tables.mailbox_names, &keys::named(account, old.as_str()))?;
            self.name_mailbox(account, id, &new)?;
            self.mailbox_mut(account, id)?.name = new;
            self.record(account, id, &ChangeKind::Renamed, &UidSet::new())?;
        }
        Ok(Outcome::Mailbox(mailbox))
    }

    fn rename_inbox(
        &mut self,
        account: AccountId,
        inbox: MailboxId,
        to: &MailboxName,
    ) -> Result<Outcome, StoreError> {
        self.check_new(account, to, 1)?;
        if self.mailbox(account, inbox)?.value.counters.messages > limits::COPY_MESSAGES {
            return Err(StoreError::Limit(LimitName::CopyMessages));
        }
        let target = self.create_mailbox(account, to, None)?;
        let all = UidSet::range(1..=self.mailbox(account, inbox)?.value.uid_next.0);
        let transfer = Transfer::Move;
        self.copy(&Order { account, from: inbox, uids: &all, to: target, transfer })?;
        Ok(Outcome::Mailbox(target))
    }

    /// The mailbox and its children with their old and new names, checked.
    fn renames(
        &mut self,
        account: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<Vec<(MailboxId, MailboxName, MailboxName)>, StoreError> {
        let mut moves = Vec::new();
        for (id, old) in self.names_from(account, from)? {
            let Some(new) = old.moved(from, to) else { continue };
            let new = new.map_err(|_| StoreError::BadName)?;
            if self.mailbox_named(account, &new)?.is_some() {
                return Err(StoreError::MailboxExists);
            }
            moves.push((id, old, new));
        }
        Ok(moves)
    }

    /// Mailboxes whose names begin with the text of `from`.
    fn names_from(
        &self,
        account: AccountId,
        from: &MailboxName,
    ) -> Result<Vec<(MailboxId, MailboxName)>, StoreError> {
        let prefix = keys::named(account, from.as_str());
        let mut found = Vec::new();
        for entry in env::under(&self.tables.mailbox_names, &self.txn, &prefix)? {
            let (key, value) = entry?;
            let name = key.get(4..).and_then(|name| std::str::from_utf8(name).ok());
            let name = name.and_then(|name| MailboxName::new(name).ok());
            let id = rows::decode_number(value).and_then(|n| u32::try_from(n).ok());
            let damaged = || corrupt(format!("mailbox names of account {account}"));
            let (id, name) = id.zip(name).ok_or_else(damaged)?;
            found.push((MailboxId(id), name));
        }
        Ok(found)
    }

    pub(super) fn delete_mailbox(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Outcome, StoreError> {
        if self.mailbox(account, mailbox)?.value.name.is_inbox() {
            return Err(StoreError::NotPermitted("INBOX cannot be deleted".to_owned()));
        }
        self.pass_staged(account, mailbox)?;
        let record = self.mailbox(account, mailbox)?.value.clone();
        let tables = self.tables;
        // Its pages and keywords stay for the purge, so those of this batch must be written, and before
        // its record goes: that must not be written any more.
        self.cache.flush(tables, &mut self.txn)?;
        let modseq = self.advance(account)?;
        self.record(account, mailbox, &ChangeKind::Deleted, &UidSet::new())?;
        self.account_mut(account)?.mailboxes -= 1;
        self.hold_less(account, record.counters.usage())?;
        self.delete(&tables.mailboxes, &keys::mailbox(account, mailbox))?;
        self.delete(&tables.mailbox_names, &keys::named(account, record.name.as_str()))?;
        self.cache.forget_mailbox(mailbox);
        let key = self.purge_key(account, mailbox, modseq, 0).key();
        let dead = super::purge::encode_dead(&record);
        self.put(&tables.purge, &key, &dead)?;
        Ok(Outcome::Done)
    }

    /// The key under which something that leaves now waits to be purged.
    pub(super) fn purge_key(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        modseq: ModSeq,
        sequence: u16,
    ) -> Purge {
        let time = u64::try_from(self.now.seconds).unwrap_or(0);
        Purge { time, account, mailbox, modseq, sequence }
    }

    pub(super) fn subscribe(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        on: bool,
    ) -> Result<Outcome, StoreError> {
        let have = self.account(account)?.value.subscriptions;
        let key = keys::named(account, name.as_str());
        let tables = self.tables;
        let is = env::get(&tables.subscriptions, &self.txn, &key)?.is_some();
        if is == on {
            return Ok(Outcome::Done);
        }
        if on && have as usize >= limits::SUBSCRIPTIONS {
            return Err(StoreError::Limit(LimitName::Subscriptions));
        }
        self.advance(account)?;
        if on {
            self.put(&tables.subscriptions, &key, rows::PRESENT)?;
            self.account_mut(account)?.subscriptions += 1;
        } else {
            self.delete(&tables.subscriptions, &key)?;
            self.account_mut(account)?.subscriptions -= 1;
        }
        self.tell(account, SavedChange::Subscribed(name.clone(), on));
        Ok(Outcome::Done)
    }

    pub(super) fn take_recent(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        before: Uid,
    ) -> Result<Outcome, StoreError> {
        let record = &self.mailbox(account, mailbox)?.value;
        let recent_from = record.recent_from.max(before.min(record.uid_next));
        if recent_from != record.recent_from {
            self.mailbox_mut(account, mailbox)?.recent_from = recent_from;
        }
        Ok(Outcome::Done)
    }
}
