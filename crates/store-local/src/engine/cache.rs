//! Decoded records that the writer keeps, within a batch and from batch to batch: it is the only
//! writer, so they stay true. Fifty deliveries into one mailbox rewrite its page once.

use super::names::KnownNames;
use crate::codec::{corrupt, page, rows};
use crate::env::{self, Table};
use crate::keys;
use heed::{RoTxn, RwTxn};
use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map, hash_map};
use waypost_store::{KeywordId, Mailbox, StatePage, StoreError};
use waypost_types::{AccountId, Keyword, MailboxId};

/// Records of each sort that outlive a batch; more are forgotten.
pub(super) const CACHED_RECORDS: usize = 8_192;

/// A record, and whether it must be written.
pub(super) struct Cached<T> {
    pub(super) value: T,
    pub(super) dirty: bool,
}

/// A page, and how many values it fills on disk.
pub(super) struct CachedPage {
    pub(super) page: StatePage,
    parts: usize,
    pub(super) dirty: bool,
}

/// The keywords of a mailbox.
#[derive(Default)]
pub(super) struct KeywordTable {
    ids: BTreeMap<Keyword, u16>,
    entries: BTreeMap<u16, (Keyword, u32)>,
    dirty: BTreeSet<u16>,
    renamed: bool,
}

/// Everything the writer keeps.
#[derive(Default)]
pub(super) struct Cache {
    pub(super) accounts: HashMap<AccountId, Cached<rows::AccountRecord>>,
    pub(super) mailboxes: HashMap<MailboxId, Cached<Mailbox>>,
    pub(super) pages: BTreeMap<(MailboxId, u32), CachedPage>,
    pub(super) keywords: HashMap<MailboxId, KeywordTable>,
    /// `None` before an account was made.
    pub(super) names: Option<KnownNames>,
}

impl KeywordTable {
    fn load(table: &Table, txn: &RoTxn<'_>, mailbox: MailboxId) -> Result<Self, StoreError> {
        let mut loaded = Self::default();
        for entry in env::under(table, txn, &mailbox.0.to_be_bytes())? {
            let (key, value) = entry?;
            let id = crate::codec::Take(key.get(4..).unwrap_or_default()).u16();
            if id == Some(keys::KEYWORD_GENERATION) {
                continue;
            }
            let row = id.zip(rows::decode_keyword(value));
            let (id, row) = row.ok_or_else(|| corrupt(format!("keywords of mailbox {mailbox}")))?;
            loaded.ids.insert(row.0.clone(), id);
            loaded.entries.insert(id, row);
        }
        Ok(loaded)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn id(&self, keyword: &Keyword) -> Option<KeywordId> {
        self.ids.get(keyword).copied().map(KeywordId)
    }

    pub(super) fn keyword(&self, id: KeywordId) -> Option<&Keyword> {
        self.entries.get(&id.0).map(|(keyword, _)| keyword)
    }

    /// The keyword's number, the least free one when it is new. Callers check the limit before.
    pub(super) fn know(&mut self, keyword: &Keyword) -> KeywordId {
        if let Some(id) = self.id(keyword) {
            return id;
        }
        let free = (0..keys::KEYWORD_GENERATION).zip(self.entries.keys()).find(|(n, id)| n != *id);
        let next = || u16::try_from(self.entries.len()).unwrap_or(keys::KEYWORD_GENERATION - 1);
        let id = free.map_or_else(next, |(n, _)| n);
        self.ids.insert(keyword.clone(), id);
        self.entries.insert(id, (keyword.clone(), 0));
        self.dirty.insert(id);
        self.renamed = true;
        KeywordId(id)
    }

    /// Counts uses; a keyword that none is left of is forgotten and its number free again.
    pub(super) fn count(&mut self, id: KeywordId, more: u32, less: u32) {
        let Some((keyword, uses)) = self.entries.get_mut(&id.0) else { return };
        *uses = uses.saturating_add(more).saturating_sub(less);
        self.dirty.insert(id.0);
        if *uses == 0 {
            let keyword = keyword.clone();
            self.ids.remove(&keyword);
            self.entries.remove(&id.0);
            self.renamed = true;
        }
    }

    fn flush(
        &mut self,
        table: &Table,
        txn: &mut RwTxn<'_>,
        mailbox: MailboxId,
    ) -> Result<(), StoreError> {
        for id in std::mem::take(&mut self.dirty) {
            let key = keys::keyword(mailbox, id);
            match self.entries.get(&id) {
                Some((keyword, uses)) => {
                    env::put(table, txn, &key, &rows::encode_keyword(keyword, *uses))?;
                }
                None => {
                    env::delete(table, txn, &key)?;
                }
            }
        }
        if std::mem::take(&mut self.renamed) {
            let key = keys::keyword(mailbox, keys::KEYWORD_GENERATION);
            let old = env::get(table, txn, &key)?.and_then(rows::decode_number).unwrap_or(0);
            env::put(table, txn, &key, &rows::encode_number(old + 1))?;
        }
        Ok(())
    }
}

impl CachedPage {
    fn flush(
        &mut self,
        table: &Table,
        txn: &mut RwTxn<'_>,
        mailbox: MailboxId,
    ) -> Result<(), StoreError> {
        let empty = self.page.live.is_empty();
        let values = if empty { Vec::new() } else { page::encode(&self.page) };
        for (part, value) in (0_u8..=u8::MAX).zip(&values) {
            env::put(table, txn, &keys::page(mailbox, self.page.number, part), value)?;
        }
        for part in values.len()..self.parts {
            let part = u8::try_from(part).unwrap_or(u8::MAX);
            env::delete(table, txn, &keys::page(mailbox, self.page.number, part))?;
        }
        self.parts = values.len();
        self.dirty = false;
        Ok(())
    }
}

impl Cache {
    /// The page, read when it is not here; `None` when none of its UIDs is live on disk.
    pub(super) fn page(
        &mut self,
        table: &Table,
        txn: &RoTxn<'_>,
        mailbox: MailboxId,
        number: u32,
    ) -> Result<Option<&mut CachedPage>, StoreError> {
        match self.pages.entry((mailbox, number)) {
            btree_map::Entry::Occupied(found) => Ok(Some(found.into_mut())),
            btree_map::Entry::Vacant(room) => {
                let found = read_page(table, txn, mailbox, number)?;
                let cached = found.map(|(page, parts)| CachedPage { page, parts, dirty: false });
                Ok(cached.map(|cached| room.insert(cached)))
            }
        }
    }

    /// The page, made when it does not exist.
    pub(super) fn page_or_new(
        &mut self,
        table: &Table,
        txn: &RoTxn<'_>,
        mailbox: MailboxId,
        number: u32,
    ) -> Result<&mut StatePage, StoreError> {
        self.page(table, txn, mailbox, number)?;
        let new = || CachedPage { page: StatePage::new(number), parts: 0, dirty: true };
        let cached = self.pages.entry((mailbox, number)).or_insert_with(new);
        cached.dirty = true;
        Ok(&mut cached.page)
    }

    /// The number of the first page from `number` on, on disk or here, empty ones included.
    pub(super) fn next_page(
        &self,
        table: &Table,
        txn: &RoTxn<'_>,
        mailbox: MailboxId,
        number: u32,
    ) -> Result<Option<u32>, StoreError> {
        let here = self.pages.range((mailbox, number)..=(mailbox, u32::MAX)).next();
        let here = here.map(|((_, number), _)| *number);
        let found = env::at_or_after(table, txn, &keys::page(mailbox, number, 0))?;
        let stored = found.and_then(|(key, _)| page_number(key, mailbox));
        Ok(here.into_iter().chain(stored).min())
    }

    /// The keywords of a mailbox.
    pub(super) fn table(
        &mut self,
        table: &Table,
        txn: &RoTxn<'_>,
        mailbox: MailboxId,
    ) -> Result<&mut KeywordTable, StoreError> {
        match self.keywords.entry(mailbox) {
            hash_map::Entry::Occupied(found) => Ok(found.into_mut()),
            hash_map::Entry::Vacant(room) => {
                Ok(room.insert(KeywordTable::load(table, txn, mailbox)?))
            }
        }
    }

    /// Writes everything that changed.
    pub(super) fn flush(
        &mut self,
        tables: &env::Tables,
        txn: &mut RwTxn<'_>,
    ) -> Result<(), StoreError> {
        for (id, account) in self.accounts.iter_mut().filter(|(_, a)| a.dirty) {
            env::put(&tables.accounts, txn, &keys::account(*id), &account.value.encode())?;
            account.dirty = false;
        }
        for (id, mailbox) in self.mailboxes.iter_mut().filter(|(_, m)| m.dirty) {
            let key = keys::mailbox(mailbox.value.account, *id);
            env::put(&tables.mailboxes, txn, &key, &rows::encode_mailbox(&mailbox.value))?;
            mailbox.dirty = false;
        }
        for ((mailbox, _), page) in self.pages.iter_mut().filter(|(_, p)| p.dirty) {
            page.flush(&tables.pages, txn, *mailbox)?;
        }
        for (mailbox, table) in self.keywords.iter_mut().filter(|(_, t)| !t.dirty.is_empty()) {
            table.flush(&tables.keywords, txn, *mailbox)?;
        }
        Ok(())
    }

    /// Forgets a mailbox that was deleted.
    pub(super) fn forget_mailbox(&mut self, mailbox: MailboxId) {
        self.mailboxes.remove(&mailbox);
        self.keywords.remove(&mailbox);
        let pages = self.pages.range((mailbox, 0)..=(mailbox, u32::MAX));
        let numbers: Vec<_> = pages.map(|(key, _)| *key).collect();
        numbers.iter().for_each(|key| {
            self.pages.remove(key);
        });
    }

    /// Keeps the cache bounded; called when nothing in it waits to be written.
    pub(super) fn trim(&mut self) {
        if self.pages.len() > CACHED_RECORDS {
            self.pages.clear();
        }
        if self.mailboxes.len() > CACHED_RECORDS {
            self.mailboxes.clear();
        }
        if self.accounts.len() > CACHED_RECORDS {
            self.accounts.clear();
        }
        if self.keywords.len() > CACHED_RECORDS {
            self.keywords.clear();
        }
    }
}

/// Reads a page and how many values it fills.
pub(crate) fn read_page(
    table: &Table,
    txn: &RoTxn<'_>,
    mailbox: MailboxId,
    number: u32,
) -> Result<Option<(StatePage, usize)>, StoreError> {
    let Some(first) = env::get(table, txn, &keys::page(mailbox, number, 0))? else {
        return Ok(None);
    };
    let damaged = || corrupt(format!("page {number} of mailbox {mailbox}"));
    let mut parts = vec![first];
    for part in 1..=page::more_parts(first).ok_or_else(damaged)? {
        let more = env::get(table, txn, &keys::page(mailbox, number, part))?;
        parts.push(more.ok_or_else(damaged)?);
    }
    let page = page::decode(number, &parts).ok_or_else(damaged)?;
    Ok(Some((page, parts.len())))
}

/// The page number in a key, when it belongs to the mailbox.
pub(crate) fn page_number(key: &[u8], mailbox: MailboxId) -> Option<u32> {
    let mut take = crate::codec::Take(key);
    (take.u32()? == mailbox.0).then(|| take.u32())?
}
