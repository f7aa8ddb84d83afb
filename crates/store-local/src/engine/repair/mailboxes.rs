//! One mailbox: its rows, pages, keywords and counters made to agree.
//!
//! A state page with a right checksum is believed; a row that it does not know waits to be purged. Where
//! a page is damaged, its rows are its messages: none is lost, their flags are.

use super::Fix;
use super::pages::{plain, settle};
use crate::codec::rows::{self, EmailRecord};
use crate::codec::{Take, VALUE_BYTES_MAX, page, ranges};
use crate::engine::purge::expunged_front;
use crate::engine::{Waiting, read_waiting};
use crate::env;
use crate::keys::{self, Purge};
use std::collections::{BTreeMap, BTreeSet};
use waypost_store::{Bits512, Counters, Mailbox, MessageRow, PAGE_UIDS, StatePage, StoreError};
use waypost_types::{
    AccountId, EmailId, Keyword, MailboxId, ModSeq, SystemFlag, Uid, UidSet, UnixTime,
};

/// What is found out about a mailbox.
struct Found {
    account: AccountId,
    id: MailboxId,
    /// A modification sequence above all states.
    modseq: ModSeq,
    rows: BTreeMap<Uid, MessageRow>,
    queued: UidSet,
    /// Rows that no page knows and that do not wait to be purged yet.
    expunged: UidSet,
    counters: Counters,
    uses: BTreeMap<u16, u32>,
}

impl Fix<'_, '_, '_> {
    pub(super) fn mailbox(&mut self, account: AccountId, id: MailboxId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let value = self.get(&tables.mailboxes, &keys::mailbox(account, id))?;
        let record = value.as_deref().and_then(|value| rows::decode_mailbox(account, id, value));
        let Some(record) = record else { return self.left_over(account, id) };
        let top = self.record(account)?.map_or(ModSeq(0), |record| record.modseq);
        let mut found = Found {
            account,
            id,
            modseq: top.max(record.modseq).next(),
            rows: self.rows(account, id)?,
            queued: self.queued(id)?,
            expunged: UidSet::new(),
            counters: Counters::default(),
            uses: BTreeMap::new(),
        };
        self.pages(&record, &mut found)?;
        self.queue_expunged(&found)?;
        self.keywords(&found)?;
        self.counters(record, &found)
    }

    /// What is left of a mailbox that is gone, and does not wait to be purged.
    fn left_over(&mut self, account: AccountId, id: MailboxId) -> Result<(), StoreError> {
        if self.is_dead(id)? {
            return Ok(());
        }
        let tables = self.work.tables;
        if env::under(&tables.messages, &self.work.txn, &id.0.to_be_bytes())?.next().is_some() {
            // Its messages are there: a mailbox that lost its record, not one that was deleted.
            self.make_mailbox(account, id)?;
            return self.mailbox_names(account);
        }
        for table in [&tables.pages, &tables.keywords] {
            for (key, _) in self.entries(table, &id.0.to_be_bytes())? {
                self.delete(table, &key)?;
            }
        }
        Ok(())
    }

    fn waiting(&self, mailbox: MailboxId) -> Result<Vec<Waiting>, StoreError> {
        let mut all = Vec::new();
        for entry in env::all(&self.work.tables.purge, &self.work.txn)? {
            let (key, value) = entry?;
            let Some(purge) = Purge::read(key).filter(|purge| purge.mailbox == mailbox) else {
                continue;
            };
            all.extend(read_waiting(&purge, value));
        }
        Ok(all)
    }

    /// Whether a deleted mailbox waits to be purged.
    pub(super) fn is_dead(&self, mailbox: MailboxId) -> Result<bool, StoreError> {
        Ok(self.waiting(mailbox)?.iter().any(|waiting| matches!(waiting, Waiting::Dead)))
    }

    fn queued(&self, mailbox: MailboxId) -> Result<UidSet, StoreError> {
        let mut all = UidSet::new();
        for waiting in self.waiting(mailbox)? {
            if let Waiting::Expunged(uids) = waiting {
                all.extend_from(&uids);
            }
        }
        Ok(all)
    }

    /// The rows, those made anew that can be: a copy says which email a message was. A row whose email is
    /// lost goes.
    fn rows(
        &mut self,
        account: AccountId,
        id: MailboxId,
    ) -> Result<BTreeMap<Uid, MessageRow>, StoreError> {
        let tables = self.work.tables;
        let mut all = BTreeMap::new();
        let mut damaged = BTreeSet::new();
        for (key, value) in self.entries(&tables.messages, &id.0.to_be_bytes())? {
            let uid = Take(key.get(4..).unwrap_or_default()).u32().filter(|_| key.len() == 8);
            let Some(uid) = uid.map(Uid) else {
                self.delete(&tables.messages, &key)?;
                continue;
            };
            match rows::decode_message(&value) {
                Some(row) => {
                    all.insert(uid, row);
                }
                None => {
                    damaged.insert(uid);
                }
            }
        }
        for number in self.page_numbers(id)? {
            if let Some(page) = self.page_if_whole(id, number)? {
                let live = page.live.iter().map(|at| page.uid(at));
                damaged.extend(live.filter(|uid| !all.contains_key(uid)));
            }
        }
        let copies =
            if damaged.is_empty() { BTreeMap::new() } else { self.copies_in(account, id)? };
        for uid in damaged {
            let made = copies.get(&uid).copied();
            let made = made.map(|email| self.row_of(account, email)).transpose()?.flatten();
            let key = keys::message(id, uid);
            match made {
                Some(row) => {
                    self.put(&tables.messages, &key, &rows::encode_message(&row))?;
                    all.insert(uid, row);
                    self.say_of(account, id, &format!("UID {uid}: its row was made anew"));
                }
                None => self.delete(&tables.messages, &key)?,
            }
        }
        self.settle_rows(account, id, &mut all)?;
        Ok(all)
    }

    /// Rows against their emails.
    fn settle_rows(
        &mut self,
        account: AccountId,
        id: MailboxId,
        all: &mut BTreeMap<Uid, MessageRow>,
    ) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut lost = Vec::new();
        for (uid, row) in all.iter_mut() {
            let email = self.get(&tables.emails, &keys::email(account, row.email))?;
            let key = keys::message(id, *uid);
            match email.as_deref().and_then(EmailRecord::decode) {
                Some(email) if email.row.size != row.size || !email.agrees(row) => {
                    row.size = email.row.size;
                    row.sent = row.sent.filter(|_| email.agrees(row));
                    self.put(&tables.messages, &key, &rows::encode_message(row))?;
                    self.say_of(
                        account,
                        id,
                        &format!("UID {uid}: its row was made to fit its email"),
                    );
                }
                Some(_) => {}
                None => {
                    self.delete(&tables.messages, &key)?;
                    self.delete(&tables.copies, &keys::copy(account, row.email, id, *uid))?;
                    lost.push(*uid);
                }
            }
        }
        for uid in lost {
            all.remove(&uid);
            self.say_of(
                account,
                id,
                &format!("UID {uid}: the message is lost, nothing tells of it"),
            );
        }
        Ok(())
    }

    /// Which email each message of a mailbox is a copy of.
    fn copies_in(
        &self,
        account: AccountId,
        id: MailboxId,
    ) -> Result<BTreeMap<Uid, EmailId>, StoreError> {
        let mut copies = BTreeMap::new();
        for entry in env::under(&self.work.tables.copies, &self.work.txn, &keys::account(account))?
        {
            let mut take = Take(entry?.0.get(4..).unwrap_or_default());
            let (email, mailbox, uid) = (take.u32(), take.u32(), take.u32());
            if let (Some(email), Some(mailbox), Some(uid)) = (email, mailbox, uid)
                && mailbox == id.0
            {
                copies.insert(Uid(uid), EmailId(email));
            }
        }
        Ok(copies)
    }

    fn row_of(&self, account: AccountId, email: EmailId) -> Result<Option<MessageRow>, StoreError> {
        let value = self.get(&self.work.tables.emails, &keys::email(account, email))?;
        let record = value.as_deref().and_then(EmailRecord::decode);
        Ok(record.map(|record| MessageRow {
            email,
            internal_date: UnixTime::utc(record.row.received),
            saved: record.row.received,
            size: record.row.size,
            // The record does not know the zone.
            sent: None,
        }))
    }

    /// The pages against the rows.
    fn pages(&mut self, record: &Mailbox, found: &mut Found) -> Result<(), StoreError> {
        let mut numbers = self.page_numbers(found.id)?;
        let tables = self.work.tables;
        for number in numbers.split_off(&(page::NUMBER_MAX + 1)) {
            let key = keys::page(found.id, number, 0);
            for (key, _) in self.entries(&tables.pages, key.get(..8).unwrap_or(&key))? {
                self.delete(&tables.pages, &key)?;
            }
            self.say_of(found.account, found.id, "a state page without UIDs was removed");
        }
        let there = numbers.clone();
        numbers.extend(found.rows.keys().map(|uid| StatePage::number_of(*uid)));
        let known = self.known_messages(found, &there)?;
        for number in numbers {
            let with_rows = rows_of(found, number);
            let whole = self.page_if_whole(found.id, number)?;
            let page = match whole {
                Some(mut page) => {
                    let before = page.clone();
                    let without = page.live.without(&with_rows);
                    crate::engine::pages::remove(&mut page, &without);
                    settle(&mut page, found.modseq);
                    if page != before {
                        self.write_page(found.id, &page)?;
                    }
                    page
                }
                // The page is gone as it goes when its last message is expunged, and nothing is missed.
                None if !there.contains(&number) && record.counters.messages <= known => {
                    StatePage::new(number)
                }
                None => {
                    let page =
                        plain(number, without_queued(found, number, with_rows), found.modseq);
                    self.write_page(found.id, &page)?;
                    let (first, count) = (number * PAGE_UIDS, page.live.len());
                    let what =
                        format!("{count} messages from UID {first} on are back without flags");
                    self.say_of(found.account, found.id, &what);
                    page
                }
            };
            count(found, &page, &with_rows);
        }
        Ok(())
    }

    /// How many messages the pages know that can be read.
    fn known_messages(&self, found: &Found, there: &BTreeSet<u32>) -> Result<u32, StoreError> {
        let mut known = 0;
        for number in there {
            let page = self.page_if_whole(found.id, *number)?;
            known += page.map_or(0, |page| page.live.len());
        }
        Ok(known)
    }

    fn queue_expunged(&mut self, found: &Found) -> Result<(), StoreError> {
        if found.expunged.is_empty() {
            return Ok(());
        }
        let tables = self.work.tables;
        let all = found.expunged.ranges();
        let mut rest = &all[..];
        let mut purge = self.work.purge_key(found.account, found.id, found.modseq, 0);
        while !rest.is_empty() {
            let mut value = expunged_front();
            let room = VALUE_BYTES_MAX - value.len();
            let taken = ranges::put(&mut value, rest, room);
            self.put(&tables.purge, &purge.key(), &value)?;
            rest = rest.get(taken..).unwrap_or_default();
            purge.sequence = purge.sequence.saturating_add(1);
        }
        let what = format!("{} rows of expunged messages wait to be purged", found.expunged.len());
        self.say_of(found.account, found.id, &what);
        Ok(())
    }

    /// Names and uses of keywords. A keyword whose name is lost gets one that says so.
    fn keywords(&mut self, found: &Found) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut uses = found.uses.clone();
        let (mut names, mut changed, mut generation) = (BTreeSet::new(), false, None);
        for (key, value) in self.entries(&tables.keywords, &found.id.0.to_be_bytes())? {
            let id = Take(key.get(4..).unwrap_or_default()).u16().filter(|_| key.len() == 6);
            if id == Some(keys::KEYWORD_GENERATION) {
                generation = rows::decode_number(&value);
                continue;
            }
            let known = id.zip(rows::decode_keyword(&value));
            let known = known.filter(|(_, (name, _))| names.insert(name.clone()));
            match known.map(|(id, (name, says))| (id, name, says, uses.remove(&id))) {
                Some((_, _, says, Some(count))) if says == count => {}
                Some((_, name, _, Some(count))) => {
                    self.put(&tables.keywords, &key, &rows::encode_keyword(&name, count))?;
                    changed = true;
                }
                Some((.., None)) | None => {
                    self.delete(&tables.keywords, &key)?;
                    changed = true;
                }
            }
        }
        for (id, count) in uses {
            let Some(name) = free_keyword(&names, id) else { continue };
            let key = keys::keyword(found.id, id);
            self.put(&tables.keywords, &key, &rows::encode_keyword(&name, count))?;
            let what = format!("a keyword of {count} messages lost its name and is now {name}");
            self.say_of(found.account, found.id, &what);
            names.insert(name);
            changed = true;
        }
        if changed || generation.is_none() && !names.is_empty() {
            // Readers keep tables of a generation; one that was given before must not come again.
            let next = generation.unwrap_or(u64::from(u32::MAX)).saturating_add(1);
            let key = keys::keyword(found.id, keys::KEYWORD_GENERATION);
            self.put(&tables.keywords, &key, &rows::encode_number(next))?;
        }
        Ok(())
    }

    fn counters(&mut self, before: Mailbox, found: &Found) -> Result<(), StoreError> {
        let mut record = before.clone();
        record.counters = found.counters;
        let mut last = found.rows.keys().next_back().copied().unwrap_or(Uid(0));
        last = last.max(found.queued.last().unwrap_or(last));
        record.uid_next = record.uid_next.max(Uid(last.0.saturating_add(1))).max(Uid(1));
        record.recent_from = record.recent_from.min(record.uid_next);
        if record.uid_validity.0 == 0 || record.uid_validity.0 > self.work.numbers.uid_validity {
            record.uid_validity = self.work.next_validity();
            let what = format!("UIDVALIDITY was none and is now {}", record.uid_validity);
            self.say_of(found.account, found.id, &what);
        }
        if record != before {
            self.say_of(found.account, found.id, "counted anew");
        }
        record.modseq = found.modseq;
        let key = keys::mailbox(found.account, found.id);
        let tables = self.work.tables;
        self.put(&tables.mailboxes, &key, &rows::encode_mailbox(&record))
    }

    fn say_of(&mut self, account: AccountId, id: MailboxId, what: &str) {
        let value = self.get(&self.work.tables.mailboxes, &keys::mailbox(account, id));
        let record =
            value.ok().flatten().and_then(|value| rows::decode_mailbox(account, id, &value));
        let name = record.map_or_else(|| format!("number {id}"), |record| record.name.to_string());
        let user = self.user(account);
        self.say(format!("{user} mailbox {name}: {what}"));
    }
}

/// The positions of a page that have a row.
fn rows_of(found: &Found, number: u32) -> Bits512 {
    let mut bits = Bits512::EMPTY;
    let first = number.saturating_mul(PAGE_UIDS);
    let last = first.saturating_add(PAGE_UIDS - 1);
    for (uid, _) in found.rows.range(Uid(first)..=Uid(last)) {
        bits.set(uid.0 - first, true);
    }
    bits
}

fn without_queued(found: &Found, number: u32, bits: Bits512) -> Bits512 {
    let queued = crate::engine::pages::positions(&found.queued, number);
    bits.without(&queued)
}

/// Counts a page, and finds the rows that it does not know.
fn count(found: &mut Found, page: &StatePage, with_rows: &Bits512) {
    for at in with_rows.without(&page.live).iter() {
        let uid = page.uid(at);
        if !found.queued.contains(uid) {
            found.expunged.insert(uid);
        }
    }
    found.counters.messages += page.live.len();
    found.counters.unseen += page.live.without(page.flag(SystemFlag::Seen)).len();
    found.counters.deleted += page.flag(SystemFlag::Deleted).len();
    let sizes = page.live.iter().filter_map(|at| found.rows.get(&page.uid(at)));
    found.counters.bytes += sizes.map(|row| row.size).sum::<u64>();
    for (id, set) in &page.keywords {
        *found.uses.entry(id.0).or_default() += set.len();
    }
}

fn free_keyword(names: &BTreeSet<Keyword>, id: u16) -> Option<Keyword> {
    let name = |more: u32| match more {
        0 => format!("recovered-{id}"),
        more => format!("recovered-{id}-{more}"),
    };
    let all = (0..u32::MAX).map_while(|more| Keyword::new(&name(more)).ok());
    all.into_iter().find(|name| !names.contains(name))
}
