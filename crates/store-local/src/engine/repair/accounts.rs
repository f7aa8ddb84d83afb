//! Accounts: record, names, mailboxes by name, counts; the change log begins anew.

use super::Fix;
use crate::codec::Take;
use crate::codec::rows::{self, AccountRecord};
use crate::env;
use crate::keys::{self, Purge};
use waypost_store::{Counters, Mailbox, StoreError};
use waypost_types::{AccountId, AccountName, MailboxId, MailboxName, ModSeq, Uid, UidValidity};

/// Mailboxes whose names are lost or taken get one below this.
const RECOVERED: &str = "Recovered";

impl Fix<'_, '_, '_> {
    pub(super) fn account(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let record = match self.record(account)? {
            Some(record) if self.is_another(account, &record.name)? => {
                return self.forget_account(account);
            }
            Some(record) => record,
            None if !self.has_mail(account)? => return self.forget_account(account),
            None => self.make_account(account)?,
        };
        let (name, id) = (record.name.clone(), rows::encode_number(u64::from(account.0)));
        let named = self.get(&tables.account_names, name.as_str().as_bytes())?;
        if named.as_deref() != Some(&id[..]) {
            self.put(&tables.account_names, name.as_str().as_bytes(), &id)?;
            self.say(format!("user {name}: is found by name again"));
        }
        for (key, value) in self.entries(&tables.account_names, &[])? {
            if value == id && key != name.as_str().as_bytes() {
                self.delete(&tables.account_names, &key)?;
            }
        }
        self.mailbox_records(account)?;
        self.mailbox_names(account)?;
        self.subscriptions(account)
    }

    /// Whether a record without mail says what another account is: its number is wrong.
    fn is_another(&self, account: AccountId, name: &AccountName) -> Result<bool, StoreError> {
        let named = self.get(&self.work.tables.account_names, name.as_str().as_bytes())?;
        let named = named.as_deref().and_then(rows::decode_number);
        let named = named.and_then(|named| u32::try_from(named).ok()).map(AccountId);
        match named.filter(|named| *named != account) {
            Some(named) => Ok(self.has_mail(named)? && !self.has_mail(account)?),
            None => Ok(false),
        }
    }

    /// Entries of an account that has nothing.
    fn forget_account(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut count = 0;
        for table in [
            &tables.mailbox_names,
            &tables.subscriptions,
            &tables.changes,
            &tables.accounts,
            &tables.copies,
            &tables.threads,
            &tables.message_ids,
            &tables.forms,
        ] {
            for (key, _) in self.entries(table, &keys::account(account))? {
                self.delete(table, &key)?;
                count += 1;
            }
        }
        self.say(format!("account {account}: {count} entries that belong to nothing removed"));
        Ok(())
    }

    /// Makes a record anew. Its counts follow when everything else is right.
    fn make_account(&mut self, account: AccountId) -> Result<AccountRecord, StoreError> {
        let tables = self.work.tables;
        let id = rows::encode_number(u64::from(account.0));
        let names = self.entries(&tables.account_names, &[])?.into_iter();
        let mut names = names.filter(|(_, value)| *value == id).filter_map(|(key, _)| {
            std::str::from_utf8(&key).ok().and_then(|name| AccountName::new(name).ok())
        });
        let name = names.next().or_else(|| AccountName::new(&format!("recovered-{account}")).ok());
        let name = name.ok_or_else(|| StoreError::Corrupt(format!("name of account {account}")))?;
        let mut record = AccountRecord::new(name);
        record.modseq = self.highest_modseq(account)?;
        for table in [&tables.emails, &tables.copies, &tables.forms] {
            for entry in env::under(table, &self.work.txn, &keys::account(account))? {
                let email = Take(entry?.0.get(4..).unwrap_or_default()).u32().unwrap_or(0);
                record.next_email = record.next_email.max(email.saturating_add(1));
            }
        }
        self.save(account, &record)?;
        self.say(format!("user {}: the record of the account was made anew", record.name));
        Ok(record)
    }

    /// A modification sequence that no state of the account is beyond.
    fn highest_modseq(&self, account: AccountId) -> Result<ModSeq, StoreError> {
        let (tables, txn) = (self.work.tables, &self.work.txn);
        let mut highest = ModSeq(1);
        for entry in env::under(&tables.changes, txn, &keys::account(account))? {
            highest = highest.max(keys::change_modseq(entry?.0).unwrap_or(highest));
        }
        for entry in env::under(&tables.mailboxes, txn, &keys::account(account))? {
            let (key, value) = entry?;
            let Some(id) = Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId) else {
                continue;
            };
            let record = rows::decode_mailbox(account, id, value);
            highest = highest.max(record.map_or(highest, |record| record.modseq));
            for number in self.page_numbers(id)? {
                let page = self.page_if_whole(id, number)?;
                highest = highest.max(page.map_or(highest, |page| page.highest_modseq()));
            }
        }
        for entry in env::all(&tables.purge, txn)? {
            let entry = Purge::read(entry?.0).filter(|entry| entry.account == account);
            highest = highest.max(entry.map_or(highest, |entry| entry.modseq));
        }
        Ok(highest)
    }

    /// Mailboxes whose records cannot be read.
    fn mailbox_records(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.mailboxes, &keys::account(account))? {
            match Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId) {
                None => self.delete(&tables.mailboxes, &key)?,
                Some(id) if rows::decode_mailbox(account, id, &value).is_none() => {
                    self.make_mailbox(account, id)?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Makes a mailbox's record anew, with a new UIDVALIDITY: nothing proves that it had the UIDs that
    /// clients know.
    pub(super) fn make_mailbox(
        &mut self,
        account: AccountId,
        id: MailboxId,
    ) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut name = None;
        for (key, value) in self.entries(&tables.mailbox_names, &keys::account(account))? {
            if rows::decode_number(&value) == Some(u64::from(id.0)) {
                name =
                    key.get(4..).and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned);
            }
        }
        let name = name.and_then(|name| MailboxName::new(&name).ok());
        let name = match name {
            Some(name) => name,
            None => self.free_name(account, &id.to_string())?,
        };
        let modseq = self.record(account)?.map_or(ModSeq(1), |record| record.modseq);
        let record = Mailbox {
            id,
            account,
            name: name.clone(),
            uid_validity: self.work.next_validity(),
            uid_next: Uid(1),
            modseq,
            recent_from: Uid(1),
            special_use: waypost_types::SpecialUse::ALL
                .into_iter()
                .find(|special| special.default_name() == name),
            counters: Counters::default(),
        };
        let key = keys::mailbox(account, id);
        self.put(&tables.mailboxes, &key, &rows::encode_mailbox(&record))?;
        let user = self.user(account);
        let UidValidity(validity) = record.uid_validity;
        self.say(format!(
            "{user} mailbox {name}: its record was made anew, UIDVALIDITY is {validity}"
        ));
        self.found.push((account, id));
        Ok(())
    }

    /// A name below [`RECOVERED`] that no mailbox has.
    fn free_name(&self, account: AccountId, last: &str) -> Result<MailboxName, StoreError> {
        for number in 0..u32::MAX {
            let more = if number == 0 { String::new() } else { format!("-{number}") };
            let name = MailboxName::new(&format!("{RECOVERED}/{last}{more}"));
            let Ok(name) = name else { break };
            let key = keys::named(account, name.as_str());
            if self.get(&self.work.tables.mailbox_names, &key)?.is_none() {
                return Ok(name);
            }
        }
        Err(StoreError::BadName)
    }

    /// Names of mailboxes, both ways, and an INBOX.
    pub(super) fn mailbox_names(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let user = self.user(account);
        for (key, value) in self.entries(&tables.mailbox_names, &keys::account(account))? {
            let name = key.get(4..).and_then(|text| std::str::from_utf8(text).ok());
            let name = name.and_then(|name| MailboxName::new(name).ok());
            let id = rows::decode_number(&value).and_then(|id| u32::try_from(id).ok());
            if let Some(id) = id.map(MailboxId).filter(|_| name.is_some())
                && self.lost_its_record(account, id)?
            {
                self.make_mailbox(account, id)?;
                continue;
            }
            let record = match id.map(MailboxId) {
                Some(id) => {
                    self.get(&tables.mailboxes, &keys::mailbox(account, id))?.map(|v| (id, v))
                }
                None => None,
            };
            let record = record.and_then(|(id, value)| rows::decode_mailbox(account, id, &value));
            if name.is_none() || record.map(|record| record.name) != name {
                self.delete(&tables.mailbox_names, &key)?;
                self.say(format!("{user}: a name that stands for no mailbox was removed"));
            }
        }
        let mut inbox = false;
        for (key, value) in self.entries(&tables.mailboxes, &keys::account(account))? {
            let id = Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId);
            let record = id.and_then(|id| rows::decode_mailbox(account, id, &value));
            let Some(mut record) = record else { continue };
            inbox |= record.name.is_inbox();
            let number = rows::encode_number(u64::from(record.id.0));
            let named = keys::named(account, record.name.as_str());
            match self.get(&tables.mailbox_names, &named)? {
                Some(value) if value == number => continue,
                Some(_) => {
                    let last = record.name.as_str().replace('/', "-");
                    record.name = self.free_name(account, &last)?;
                    self.put(&tables.mailboxes, &key, &rows::encode_mailbox(&record))?;
                }
                None => {}
            }
            self.put(&tables.mailbox_names, &keys::named(account, record.name.as_str()), &number)?;
            self.say(format!("{user} mailbox {}: is found by name again", record.name));
        }
        if !inbox {
            self.work.create_mailbox(account, &MailboxName::inbox(), None)?;
            self.work.cache.flush(tables, &mut self.work.txn)?;
            *self.work.cache = super::Cache::default();
            self.say(format!("{user}: an INBOX was made"));
        }
        Ok(())
    }

    /// Whether a mailbox has messages, no record, and was not deleted.
    fn lost_its_record(&self, account: AccountId, id: MailboxId) -> Result<bool, StoreError> {
        let tables = self.work.tables;
        if self.get(&tables.mailboxes, &keys::mailbox(account, id))?.is_some() {
            return Ok(false);
        }
        let messages = env::under(&tables.messages, &self.work.txn, &id.0.to_be_bytes())?.next();
        Ok(messages.is_some() && !self.is_dead(id)?)
    }

    fn subscriptions(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.subscriptions, &keys::account(account))? {
            let name = key.get(4..).and_then(|text| std::str::from_utf8(text).ok());
            if name.is_none_or(|name| MailboxName::new(name).is_err()) {
                self.delete(&tables.subscriptions, &key)?;
                let user = self.user(account);
                self.say(format!("{user}: a subscription that cannot be read was removed"));
            } else if value != rows::PRESENT {
                self.put(&tables.subscriptions, &key, rows::PRESENT)?;
            }
        }
        Ok(())
    }

    /// A mailbox that only its entries tell of: its copies know the account.
    pub(super) fn lost_mailbox(&mut self, mailbox: MailboxId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut owner = None;
        for entry in env::all(&tables.copies, &self.work.txn)? {
            let mut take = Take(entry?.0);
            let account = take.u32().map(AccountId);
            if take.u32().and(take.u32()) == Some(mailbox.0) {
                owner = account;
                break;
            }
        }
        if let Some(account) = owner {
            self.make_mailbox(account, mailbox)?;
            return self.mailbox_names(account);
        }
        let mut count = 0;
        for table in [&tables.pages, &tables.keywords, &tables.messages] {
            for (key, _) in self.entries(table, &mailbox.0.to_be_bytes())? {
                self.delete(table, &key)?;
                count += 1;
            }
        }
        self.say(format!(
            "mailbox number {mailbox}: {count} entries that belong to nothing removed"
        ));
        Ok(())
    }

    /// Counts of an account, when everything below it is right. The change log begins anew: what a
    /// repair changes is not in it.
    pub(super) fn totals(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let Some(mut record) = self.record(account)? else { return Ok(()) };
        let before = record.clone();
        record.modseq = record.modseq.max(self.highest_modseq(account)?).next();
        for (key, _) in self.entries(&tables.changes, &keys::account(account))? {
            self.delete(&tables.changes, &key)?;
        }
        record.log_records = 0;
        record.log_floor = record.modseq;
        let count = |table| self.entries(table, &keys::account(account)).map(|all| all.len());
        record.mailboxes = u32::try_from(count(&tables.mailboxes)?).unwrap_or(u32::MAX);
        record.subscriptions = u32::try_from(count(&tables.subscriptions)?).unwrap_or(u32::MAX);
        if let Some((key, _)) = self.entries(&tables.emails, &keys::account(account))?.last() {
            let last = Take(key.get(4..).unwrap_or_default()).u32().unwrap_or(0);
            record.next_email = record.next_email.max(last.saturating_add(1));
        }
        record.usage = Some(crate::engine::count_usage(tables, &self.work.txn, account)?);
        self.open_all(account)?;
        let counts = |one: &AccountRecord| (one.mailboxes, one.subscriptions, one.usage);
        let counted = if counts(&before) == counts(&record) { "" } else { "counted anew, " };
        self.say(format!("user {}: {counted}the change log begins anew", record.name));
        self.save(account, &record)?;
        self.work.touched.push((account, record.modseq));
        Ok(())
    }

    /// What was saved of the account's mailboxes is not what a repair has made of them.
    fn open_all(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, _) in self.entries(&tables.mailboxes, &keys::account(account))? {
            if let Some(mailbox) = Take(key.get(4..).unwrap_or_default()).u32() {
                self.work.reopen(account, MailboxId(mailbox))?;
            }
        }
        Ok(())
    }
}
