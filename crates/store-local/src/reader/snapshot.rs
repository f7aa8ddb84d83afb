//! One consistent state of the store.

use super::body::SegmentBody;
use super::emails::LocalEmails;
use super::live::Known;
use super::{Reader, access};
use crate::codec::rows::{self, AccountRecord, BlobRow, EmailRecord};
use crate::codec::{Take, change, corrupt, page, unseal};
use crate::engine::{collect, count_usage, page_number, read_page};
use crate::env::{self, Tables};
use crate::keys;
use heed::{RoTxn, WithoutTls};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use waypost_mime::{Form, Scanner};
use waypost_store::{
    Account, Body, Change, Changes, EmailRow, Emails, KeywordId, LastAccess, Mailbox, MessageRow,
    Snapshot, StatePage, StoreError,
};
use waypost_types::{
    AccountId, AccountName, EmailId, Keyword, MailboxId, MailboxName, ModSeq, ThreadId, Uid, UidSet,
};

/// Changes of an account after which its pages are read anew rather than the log.
const LOG_RECORDS_WORTH: usize = 2_000;
/// Keyword tables kept by one process.
const KEYWORD_TABLES: usize = 4_096;
/// Bytes of a message read at once when its form is made anew.
const REBUILD_BYTES: u64 = 64 << 10;

/// The keywords of a mailbox, shared.
type Keywords = Arc<[(KeywordId, Keyword)]>;

/// Keyword tables by mailbox, with their generation.
#[derive(Default)]
pub(super) struct KeywordCache(HashMap<MailboxId, (u64, Keywords)>);

pub(super) struct LocalSnapshot<'r> {
    pub(super) reader: &'r Reader,
    pub(super) txn: RoTxn<'r, WithoutTls>,
}

impl LocalSnapshot<'_> {
    pub(super) fn tables(&self) -> &Tables {
        &self.reader.shared.meta.tables
    }

    fn record(&self, account: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        let value = env::get(&self.tables().accounts, &self.txn, &keys::account(account))?;
        let damaged = || corrupt(format!("account {account}"));
        value.map(|value| AccountRecord::decode(value).ok_or_else(damaged)).transpose()
    }

    fn known(&self, account: AccountId) -> Result<AccountRecord, StoreError> {
        self.record(account)?.ok_or(StoreError::NoSuchAccount)
    }

    fn account_of(&self, id: AccountId, record: AccountRecord) -> Result<Account, StoreError> {
        let AccountRecord { name, modseq, usage, .. } = record;
        let usage = usage.map_or_else(|| count_usage(self.tables(), &self.txn, id), Ok)?;
        Ok(Account { id, name, modseq, usage })
    }

    /// The names under an account in a table of names.
    fn names(
        &self,
        table: &env::Table,
        account: AccountId,
    ) -> Result<Vec<MailboxName>, StoreError> {
        let mut names = Vec::new();
        for entry in env::under(table, &self.txn, &keys::account(account))? {
            let name = std::str::from_utf8(entry?.0.get(4..).unwrap_or_default()).ok();
            let name = name.and_then(|name| MailboxName::new(name).ok());
            names.push(name.ok_or_else(|| corrupt(format!("names of account {account}")))?);
        }
        Ok(names)
    }

    /// The live set as of this snapshot, from the shared one when that is not newer.
    fn learn(&self, mailbox: &Mailbox) -> Result<Known, StoreError> {
        let shared = &self.reader.shared.live;
        let found = shared.lock().unwrap_or_else(PoisonError::into_inner).find(mailbox.id);
        let known = match found {
            Some(known) if known.modseq == mailbox.modseq => return Ok(known),
            Some(known) if known.modseq < mailbox.modseq => match self.recent(mailbox, &known)? {
                Some(changes) => known.advance(changes.iter(), mailbox.modseq),
                None => self.scan(mailbox)?,
            },
            _ => self.scan(mailbox)?,
        };
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.keep(mailbox.id, known.clone());
        Ok(known)
    }

    /// The mailbox's changes since `known`; `None` when they are too many or no longer there.
    fn recent(&self, mailbox: &Mailbox, known: &Known) -> Result<Option<Vec<Change>>, StoreError> {
        let record = self.known(mailbox.account)?;
        if known.modseq < record.log_floor {
            return Ok(None);
        }
        let mut changes = Vec::new();
        for (count, change) in self.log(mailbox.account, known.modseq)?.enumerate() {
            if count >= LOG_RECORDS_WORTH {
                return Ok(None);
            }
            let change = change?;
            if change.mailbox == mailbox.id {
                changes.push(change);
            }
        }
        Ok(Some(changes))
    }

    fn log(
        &self,
        account: AccountId,
        since: ModSeq,
    ) -> Result<impl Iterator<Item = Result<Change, StoreError>> + use<'_>, StoreError> {
        let from = keys::change(account, since.next(), 0);
        let entries = env::under_from(&self.tables().changes, &self.txn, &from, 4)?;
        Ok(entries.map(move |entry| {
            let (key, value) = entry?;
            let damaged = || corrupt(format!("change log of account {account}"));
            let modseq = keys::change_modseq(key).ok_or_else(damaged)?;
            change::decode(modseq, value).ok_or_else(damaged)
        }))
    }

    /// Reads the live set from the pages.
    fn scan(&self, mailbox: &Mailbox) -> Result<Known, StoreError> {
        let mut live = UidSet::new();
        self.heads(mailbox.id, 0, &mut |number, head| {
            collect(&mut live, number, &head.live);
            true
        })?;
        live.compact();
        Ok(Known { modseq: mailbox.modseq, live: Arc::new(live), seen_below: Uid(1) })
    }

    /// Shows the front of each page from `number` on until `show` says false.
    fn heads(
        &self,
        mailbox: MailboxId,
        number: u32,
        show: &mut dyn FnMut(u32, &page::Head) -> bool,
    ) -> Result<(), StoreError> {
        let from = keys::page(mailbox, number, 0);
        for entry in env::under_from(&self.tables().pages, &self.txn, &from, 4)? {
            let (key, value) = entry?;
            if key.last() != Some(&0) {
                continue;
            }
            let number = page_number(key, mailbox).unwrap_or(0);
            let damaged = || corrupt(format!("page {number} of mailbox {mailbox}"));
            let head = page::decode_head(value).filter(|_| number <= page::NUMBER_MAX);
            if !show(number, &head.ok_or_else(damaged)?) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn keyword_rows(&self, mailbox: MailboxId) -> Result<Keywords, StoreError> {
        let mut rows = Vec::new();
        for entry in env::under(&self.tables().keywords, &self.txn, &mailbox.0.to_be_bytes())? {
            let (key, value) = entry?;
            let id = Take(key.get(4..).unwrap_or_default()).u16();
            if id == Some(keys::KEYWORD_GENERATION) {
                continue;
            }
            let row = id.zip(rows::decode_keyword(value)).map(|(id, row)| (KeywordId(id), row.0));
            rows.push(row.ok_or_else(|| corrupt(format!("keywords of mailbox {mailbox}")))?);
        }
        Ok(rows.into())
    }

    fn email_record(
        &self,
        account: AccountId,
        email: EmailId,
    ) -> Result<Option<EmailRecord>, StoreError> {
        let value = env::get(&self.tables().emails, &self.txn, &keys::email(account, email))?;
        let damaged = || corrupt(format!("email {email} of account {account}"));
        value.map(|value| EmailRecord::decode(value).ok_or_else(damaged)).transpose()
    }

    /// Makes a form anew: none is stored (too large), or an older parser made it.
    pub(super) fn rebuild(&self, account: AccountId, email: EmailId) -> Result<Form, StoreError> {
        let body = self.body(account, email)?;
        let mut scanner = Scanner::new();
        let mut buffer = Vec::new();
        let mut at = 0;
        while at < body.size() {
            buffer.clear();
            body.append_to(at..at + REBUILD_BYTES, &mut buffer)?;
            scanner.push(&buffer);
            at += REBUILD_BYTES;
        }
        Ok(scanner.finish().form)
    }

    fn is_live(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
    ) -> Result<bool, StoreError> {
        let key = keys::mailbox(account, mailbox);
        if env::get(&self.tables().mailboxes, &self.txn, &key)?.is_none() {
            return Ok(false);
        }
        let number = StatePage::number_of(uid);
        let key = keys::page(mailbox, number, 0);
        let Some(value) = env::get(&self.tables().pages, &self.txn, &key)? else {
            return Ok(false);
        };
        let damaged = || corrupt(format!("page {number} of mailbox {mailbox}"));
        Ok(page::decode_head(value).ok_or_else(damaged)?.live.contains(uid.0))
    }
}

impl Snapshot for LocalSnapshot<'_> {
    fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        let key = name.as_str().as_bytes();
        let Some(value) = env::get(&self.tables().account_names, &self.txn, key)? else {
            return Ok(None);
        };
        let damaged = || corrupt(format!("account name {name}"));
        let id = rows::decode_number(value).and_then(|n| u32::try_from(n).ok());
        let account = self.account_by_id(AccountId(id.ok_or_else(damaged)?))?;
        // A damaged name must not lead to the mail of somebody else.
        match account {
            Some(account) if account.name != *name => Err(damaged()),
            account => Ok(account),
        }
    }

    fn account_by_id(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        self.record(account)?.map(|record| self.account_of(account, record)).transpose()
    }

    fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut accounts = Vec::new();
        for entry in env::all(&self.tables().accounts, &self.txn)? {
            let (key, value) = entry?;
            let row = Take(key).u32().zip(AccountRecord::decode(value));
            let (id, record) = row.ok_or_else(|| corrupt("accounts"))?;
            accounts.push(self.account_of(AccountId(id), record)?);
        }
        Ok(accounts)
    }

    fn mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>, StoreError> {
        self.known(account)?;
        let mut list = Vec::new();
        for entry in env::under(&self.tables().mailboxes, &self.txn, &keys::account(account))? {
            let (key, value) = entry?;
            let id = Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId);
            let mailbox = id.and_then(|id| rows::decode_mailbox(account, id, value));
            list.push(mailbox.ok_or_else(|| corrupt(format!("mailboxes of account {account}")))?);
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    fn mailboxes_from(&self, account: AccountId, start: &str) -> Result<Vec<Mailbox>, StoreError> {
        if start.is_empty() {
            return self.mailboxes(account);
        }
        self.known(account)?;
        let prefix = keys::named(account, start);
        let mut list = Vec::new();
        for entry in env::under(&self.tables().mailbox_names, &self.txn, &prefix)? {
            let damaged = || corrupt(format!("mailbox names of account {account}"));
            let (key, value) = entry?;
            let id = rows::decode_number(value).and_then(|id| u32::try_from(id).ok());
            let mailbox = self.mailbox(account, MailboxId(id.ok_or_else(damaged)?))?;
            let is_named =
                |mailbox: &Mailbox| *key == keys::named(account, mailbox.name.as_str())[..];
            list.push(mailbox.filter(is_named).ok_or_else(damaged)?);
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    fn mailbox_named(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<Mailbox>, StoreError> {
        let key = keys::named(account, name.as_str());
        match env::get(&self.tables().mailbox_names, &self.txn, &key)? {
            Some(value) => {
                let id = rows::decode_number(value).and_then(|n| u32::try_from(n).ok());
                let damaged = || corrupt(format!("mailbox name {name}"));
                match self.mailbox(account, MailboxId(id.ok_or_else(damaged)?))? {
                    Some(mailbox) if mailbox.name != *name => Err(damaged()),
                    mailbox => Ok(mailbox),
                }
            }
            None => self.known(account).map(|_| None),
        }
    }

    fn mailbox(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<Mailbox>, StoreError> {
        let key = keys::mailbox(account, mailbox);
        match env::get(&self.tables().mailboxes, &self.txn, &key)? {
            Some(value) => rows::decode_mailbox(account, mailbox, value)
                .map(Some)
                .ok_or_else(|| corrupt(format!("mailbox {mailbox}"))),
            None => self.known(account).map(|_| None),
        }
    }

    fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, StoreError> {
        self.known(account)?;
        self.names(&self.tables().subscriptions, account)
    }

    fn keywords(&self, mailbox: MailboxId) -> Result<Keywords, StoreError> {
        let key = keys::keyword(mailbox, keys::KEYWORD_GENERATION);
        let value = env::get(&self.tables().keywords, &self.txn, &key)?;
        let Some(generation) = value.and_then(rows::decode_number) else {
            return Ok(Arc::new([]));
        };
        let shared = &self.reader.shared.keywords;
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, keywords)) = lock().0.get(&mailbox)
            && *known == generation
        {
            return Ok(Arc::clone(keywords));
        }
        let keywords = self.keyword_rows(mailbox)?;
        let mut cache = lock();
        if cache.0.len() >= KEYWORD_TABLES {
            cache.0.clear();
        }
        cache.0.insert(mailbox, (generation, Arc::clone(&keywords)));
        Ok(keywords)
    }

    fn live(&self, mailbox: &Mailbox) -> Result<Arc<UidSet>, StoreError> {
        Ok(self.learn(mailbox)?.live)
    }

    fn first_unseen(&self, mailbox: &Mailbox) -> Result<Option<Uid>, StoreError> {
        if mailbox.counters.unseen == 0 {
            return Ok(None);
        }
        let known = self.learn(mailbox)?;
        let mut found = None;
        let from = StatePage::number_of(known.seen_below);
        self.heads(mailbox.id, from, &mut |number, head| {
            let at = head.unseen().iter().next();
            found = at.map(|at| Uid(number * waypost_store::PAGE_UIDS + at));
            found.is_none()
        })?;
        let below = found.unwrap_or(mailbox.uid_next);
        if below != known.seen_below {
            let mut shared = self.reader.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
            shared.note_seen_below(mailbox.id, known.modseq, below);
        }
        Ok(found)
    }

    fn page(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError> {
        Ok(read_page(&self.tables().pages, &self.txn, mailbox, number)?.map(|(page, _)| page))
    }

    fn page_from(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError> {
        let from = keys::page(mailbox, number, 0);
        let found = env::at_or_after(&self.tables().pages, &self.txn, &from)?;
        match found.and_then(|(key, _)| page_number(key, mailbox)) {
            Some(number) => self.page(mailbox, number),
            None => Ok(None),
        }
    }

    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        let key = keys::message(mailbox, uid);
        let value = env::get(&self.tables().messages, &self.txn, &key)?;
        let damaged = || corrupt(format!("message {uid} of mailbox {mailbox}"));
        value.map(|value| rows::decode_message(value).ok_or_else(damaged)).transpose()
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        from: Uid,
        to: Uid,
        take: &mut dyn FnMut(Uid, MessageRow),
    ) -> Result<(), StoreError> {
        let first = keys::message(mailbox, from);
        for entry in env::under_from(&self.tables().messages, &self.txn, &first, 4)? {
            let (key, value) = entry?;
            let uid = Take(key.get(4..).unwrap_or_default()).u32().map(Uid);
            match uid.zip(rows::decode_message(value)) {
                Some((uid, _)) if uid > to => break,
                Some((uid, row)) => take(uid, row),
                None => {}
            }
        }
        Ok(())
    }

    fn email(&self, account: AccountId, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        match self.email_record(account, email)? {
            Some(record) => Ok(Some(record.row)),
            None => self.known(account).map(|_| None),
        }
    }

    fn form(&self, account: AccountId, email: EmailId) -> Result<Form, StoreError> {
        let value = env::get(&self.tables().forms, &self.txn, &keys::email(account, email))?;
        let Some(value) = value else { return self.rebuild(account, email) };
        let damaged = || corrupt(format!("form of email {email} of account {account}"));
        let bytes = unseal(value).ok_or_else(damaged)?;
        match Form::decode(bytes) {
            Some(form) => Ok(form),
            None => self.rebuild(account, email),
        }
    }

    fn emails(&self, account: AccountId) -> Box<dyn Emails<'_> + '_> {
        Box::new(LocalEmails::new(self, account))
    }

    fn body(&self, account: AccountId, email: EmailId) -> Result<Arc<dyn Body>, StoreError> {
        let missing = || corrupt(format!("email {email} of account {account} is missing"));
        let blob = self.email_record(account, email)?.ok_or_else(missing)?.row.blob;
        let value = env::get(&self.tables().blobs, &self.txn, &keys::number(blob.0))?;
        let row = value.and_then(BlobRow::decode);
        let row = row.ok_or_else(|| corrupt(format!("row of blob {blob}")))?;
        Ok(Arc::new(SegmentBody::open(self.reader, blob, row)?))
    }

    fn copies(
        &self,
        account: AccountId,
        email: EmailId,
    ) -> Result<Vec<(MailboxId, Uid)>, StoreError> {
        self.known(account)?;
        let mut copies = Vec::new();
        let prefix = keys::email(account, email);
        for entry in env::under(&self.tables().copies, &self.txn, &prefix)? {
            let mut key = Take(entry?.0.get(8..).unwrap_or_default());
            let copy = key.u32().zip(key.u32());
            let (mailbox, uid) = copy.ok_or_else(|| corrupt(format!("copies of email {email}")))?;
            if self.is_live(account, MailboxId(mailbox), Uid(uid))? {
                copies.push((MailboxId(mailbox), Uid(uid)));
            }
        }
        Ok(copies)
    }

    fn thread(&self, account: AccountId, thread: ThreadId) -> Result<Vec<EmailId>, StoreError> {
        self.known(account)?;
        let prefix = keys::thread_prefix(account, thread);
        let mut emails = Vec::new();
        for entry in env::under(&self.tables().threads, &self.txn, &prefix)? {
            emails.extend(Take(entry?.0.get(8..).unwrap_or_default()).u32().map(EmailId));
        }
        Ok(emails)
    }

    fn changes(&self, account: AccountId, since: ModSeq) -> Result<Changes, StoreError> {
        if since < self.known(account)?.log_floor {
            return Ok(Changes::TooOld);
        }
        self.log(account, since)?.collect::<Result<_, _>>().map(Changes::Complete)
    }

    fn last_access(&self, account: &AccountName) -> Result<Option<LastAccess>, StoreError> {
        access::one(&self.tables().access, &self.txn, account)
    }

    fn last_accesses(
        &self,
        after: Option<&AccountName>,
    ) -> Result<Vec<(AccountName, LastAccess)>, StoreError> {
        access::page(&self.tables().access, &self.txn, after)
    }
}
