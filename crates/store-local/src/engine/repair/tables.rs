//! What belongs to the whole store: names of accounts, the purge queue, outcomes, last accesses, numbers.

use super::Fix;
use crate::codec::rows::{self, Numbers};
use crate::codec::saved::{SavedKey, SavedRow};
use crate::codec::{Take, VERSION, access, page, ranges};
use crate::engine::purge::expunged_front;
use crate::engine::{BLOB_GAP, NUMBERS_KEY, Waiting, read_outcome, read_waiting};
use crate::env::{self, Meta, fault};
use crate::keys::{self, Purge};
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use std::collections::BTreeMap;
use waypost_store::{StatePage, StoreError};
use waypost_types::{AccountId, AccountName, UidSet};

impl Fix<'_, '_, '_> {
    pub(super) fn tables(&mut self) -> Result<(), StoreError> {
        self.raise_numbers()?;
        self.account_names()?;
        self.purge_queue()?;
        self.outcomes()?;
        self.accesses()?;
        self.saved_states()?;
        self.unreadable_keys()
    }

    /// Saved states that are damaged or nobody's. What they told is saved again from the metadata.
    fn saved_states(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.saved, &[])? {
            let decoded = SavedKey::decode(&key);
            let account = decoded.and_then(SavedKey::account);
            let known = match account {
                Some(account) => self.get(&tables.accounts, &keys::account(account))?.is_some(),
                None => decoded.is_some(),
            };
            let row = SavedRow::decode(&value).filter(|_| known);
            if row.is_some_and(|row| row.number == 0 || self.is_saved_there(decoded, &row)) {
                continue;
            }
            self.work.forget_saved(&key)?;
            self.say(match account {
                Some(account) => {
                    format!("account {account}: a saved state that is damaged dropped")
                }
                None => "a saved state that is nobody's dropped".to_owned(),
            });
        }
        Ok(())
    }

    fn is_saved_there(&self, key: Option<SavedKey>, row: &SavedRow) -> bool {
        let path = segment::path(self.work.partition, row.segment);
        let Ok(file) = std::fs::File::open(path) else { return false };
        let mut front = [0; HEADER_BYTES];
        let read = segment::read_at(&file, &mut front, row.offset);
        let header = Header::decode(&front).filter(|header| {
            read.is_ok() && header.kind == Kind::State && header.blob.0 == row.number
        });
        let state = header.and_then(|header| segment::read_state(&file, &header, row.offset, true));
        state.is_some_and(|(found, _)| Some(found) == key)
    }

    /// Numbers that were given are never given again.
    fn raise_numbers(&mut self) -> Result<(), StoreError> {
        let least = least_numbers(self.work.tables, &self.work.txn)?;
        let raised = above(*self.work.numbers, &least);
        if raised != *self.work.numbers {
            *self.work.numbers = raised;
            self.say("numbers of the store: raised above all that were given");
        }
        Ok(())
    }

    /// Names of accounts that stand for nothing.
    fn account_names(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.account_names, &[])? {
            let name = std::str::from_utf8(&key).ok().and_then(|name| AccountName::new(name).ok());
            let id = rows::decode_number(&value).and_then(|id| u32::try_from(id).ok());
            let known = match (&name, id.map(AccountId)) {
                (Some(name), Some(id)) => {
                    let record = self.get(&tables.accounts, &keys::account(id))?;
                    let other = record.as_deref().and_then(rows::AccountRecord::decode);
                    record.is_some() && other.is_none_or(|record| record.name == *name)
                        || record.is_none() && self.has_mail(id)?
                }
                _ => false,
            };
            if !known {
                self.delete(&tables.account_names, &key)?;
                let name = String::from_utf8_lossy(&key).into_owned();
                self.say(format!("name of an account that stands for nothing removed: {name:?}"));
            }
        }
        // What lost its name with that gets it again from its record.
        for (key, value) in self.entries(&tables.accounts, &[])? {
            let Some(record) = rows::AccountRecord::decode(&value) else { continue };
            let name = record.name.as_str().as_bytes();
            if let Some(id) = Take(&key).u32()
                && self.get(&tables.account_names, name)?.is_none()
            {
                self.put(&tables.account_names, name, &rows::encode_number(u64::from(id)))?;
                self.say(format!("user {}: is found by name again", record.name));
            }
        }
        Ok(())
    }

    pub(super) fn has_mail(&self, account: AccountId) -> Result<bool, StoreError> {
        let tables = self.work.tables;
        for table in [&tables.mailboxes, &tables.emails] {
            if env::under(table, &self.work.txn, &keys::account(account))?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn purge_queue(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.purge, &[])? {
            let entry = Purge::read(&key).filter(|_| key.len() == Purge::KEY_BYTES);
            let waiting = entry.and_then(|entry| read_waiting(&entry, &value).zip(Some(entry)));
            let Some((waiting, entry)) = waiting else {
                self.delete(&tables.purge, &key)?;
                self.say("an entry of the purge queue that cannot be read was removed");
                continue;
            };
            let mailbox = keys::mailbox(entry.account, entry.mailbox);
            let there = self.get(&tables.mailboxes, &mailbox)?.is_some();
            let account = self.get(&tables.accounts, &keys::account(entry.account))?;
            match waiting {
                _ if account.is_none() && !self.has_mail(entry.account)? => {
                    self.delete(&tables.purge, &key)?;
                    self.say("entries of the purge queue of an account that is not there removed");
                }
                Waiting::Dead if there => {
                    self.delete(&tables.purge, &key)?;
                    self.say(format!("mailbox number {} is no longer to be purged", entry.mailbox));
                }
                Waiting::Expunged(uids) if there => self.waiting_uids(&entry, &key, uids)?,
                Waiting::Dead | Waiting::Expunged(_) => {}
            }
            self.lower_modseq(&entry, &key)?;
        }
        Ok(())
    }

    /// An entry may not be of a change that its account never made.
    fn lower_modseq(&mut self, entry: &Purge, key: &[u8]) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let Some(top) = self.record(entry.account)?.map(|record| record.modseq) else {
            return Ok(());
        };
        if entry.modseq <= top {
            return Ok(());
        }
        if let Some(value) = self.get(&tables.purge, key)? {
            self.delete(&tables.purge, key)?;
            let mut right = Purge { modseq: top, ..*entry };
            while self.get(&tables.purge, &right.key())?.is_some() {
                right.sequence = right.sequence.saturating_add(1);
            }
            self.put(&tables.purge, &right.key(), &value)?;
            self.say("an entry of the purge queue was of a change that was never made");
        }
        Ok(())
    }

    /// Only messages that have a row and are not live wait.
    fn waiting_uids(&mut self, entry: &Purge, key: &[u8], uids: UidSet) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut right = UidSet::new();
        for uid in uids.iter() {
            let row = self.get(&tables.messages, &keys::message(entry.mailbox, uid))?;
            let number = StatePage::number_of(uid);
            let first = self.get(&tables.pages, &keys::page(entry.mailbox, number, 0))?;
            let head = first.as_deref().and_then(page::decode_head);
            if row.is_some() && !head.is_some_and(|head| head.live.contains(uid.0)) {
                right.insert(uid);
            }
        }
        if right == uids {
            return Ok(());
        }
        self.say(format!("purge queue of mailbox number {}: messages left it", entry.mailbox));
        if right.is_empty() {
            return self.delete(&tables.purge, key);
        }
        let mut value = expunged_front();
        ranges::put(&mut value, &right.ranges(), usize::from(u16::MAX));
        self.put(&tables.purge, key, &value)
    }

    fn outcomes(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut whole: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut damaged = Vec::new();
        let mut next = (0_u64, 0_u16);
        for (key, value) in self.entries(&tables.outcomes, &[])? {
            let mut take = Take(&key);
            let Some((sequence, part)) = take.u64().zip(take.u16()).filter(|_| key.len() == 10)
            else {
                self.delete(&tables.outcomes, &key)?;
                continue;
            };
            let wanted = if next.0 == sequence { next.1 } else { 0 };
            if part != wanted || value.first() != Some(&VERSION) {
                damaged.push(sequence);
            }
            next = (sequence, part.wrapping_add(1));
            let bytes = read_outcome(&value).unwrap_or_default();
            whole.entry(sequence).or_default().extend_from_slice(bytes);
        }
        let unreadable =
            |bytes: &[u8]| postcard::from_bytes::<waypost_store::Outcome>(bytes).is_err();
        damaged.extend(whole.iter().filter(|(_, bytes)| unreadable(bytes)).map(|(one, _)| *one));
        for sequence in damaged {
            for (key, _) in self.entries(&tables.outcomes, &sequence.to_be_bytes())? {
                self.delete(&tables.outcomes, &key)?;
            }
            self.say(format!("outcome {sequence} cannot be read and was removed"));
        }
        Ok(())
    }

    fn accesses(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.access, &[])? {
            let name = std::str::from_utf8(&key).ok().and_then(|name| AccountName::new(name).ok());
            if name.is_none() || access::decode(&value).is_none() {
                self.delete(&tables.access, &key)?;
                self.say("a last access that cannot be read was removed");
            }
        }
        Ok(())
    }

    /// Keys whose length is wrong belong to nothing.
    fn unreadable_keys(&mut self) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let lengths = [
            (&tables.emails, 8),
            (&tables.copies, 16),
            (&tables.threads, 12),
            (&tables.message_ids, 16),
            (&tables.forms, 8),
            (&tables.blobs, 8),
            (&tables.segments, 8),
        ];
        for (table, length) in lengths {
            let mut wrong = Vec::new();
            for entry in env::all(table, &self.work.txn)? {
                let (key, _) = entry?;
                if key.len() != length {
                    wrong.push(key.to_vec());
                }
            }
            for key in wrong {
                self.delete(table, &key)?;
                self.say("an entry whose key cannot be read was removed");
            }
        }
        Ok(())
    }
}

/// The greater of both, number by number.
fn above(numbers: Numbers, least: &Numbers) -> Numbers {
    Numbers {
        account: numbers.account.max(least.account),
        mailbox: numbers.mailbox.max(least.mailbox),
        uid_validity: numbers.uid_validity.max(least.uid_validity),
        blob: numbers.blob.max(least.blob),
        segment: numbers.segment.max(least.segment),
        current: numbers.current,
        outcome: numbers.outcome.max(least.outcome),
    }
}

/// The least numbers that are above all in the tables.
fn least_numbers(tables: &env::Tables, txn: &heed::RoTxn<'_>) -> Result<Numbers, StoreError> {
    let mut least = Numbers::default();
    let mut mailbox = 0;
    for entry in env::all(&tables.accounts, txn)? {
        least.account = least.account.max(Take(entry?.0).u32().unwrap_or(0).saturating_add(1));
    }
    for entry in env::all(&tables.mailboxes, txn)? {
        let (key, value) = entry?;
        let mut take = Take(key);
        let Some((account, id)) = take.u32().zip(take.u32()) else { continue };
        mailbox = mailbox.max(id);
        let id = waypost_types::MailboxId(id);
        if let Some(record) = rows::decode_mailbox(AccountId(account), id, value) {
            least.uid_validity = least.uid_validity.max(record.uid_validity.0);
        }
    }
    for entry in env::all(&tables.purge, txn)? {
        mailbox = mailbox.max(Purge::read(entry?.0).map_or(0, |entry| entry.mailbox.0));
    }
    for table in [&tables.pages, &tables.messages, &tables.keywords] {
        let last = table.last(txn)?;
        mailbox = mailbox.max(last.and_then(|(key, _)| Take(key).u32()).unwrap_or(0));
    }
    least.mailbox = mailbox.saturating_add(1);
    let last = |table: &env::Table| -> Result<u64, StoreError> {
        let last = table.last(txn)?;
        Ok(last.and_then(|(key, _)| Take(key).u64()).map_or(0, |last| last.saturating_add(1)))
    };
    least.blob = last(&tables.blobs)?.max(1);
    for entry in env::all(&tables.saved, txn)? {
        let number = SavedRow::decode(entry?.1).map_or(0, |row| row.number);
        least.blob = least.blob.max(number.saturating_add(1));
    }
    least.segment = last(&tables.segments)?.max(1);
    least.outcome = last(&tables.outcomes)?;
    Ok(least)
}

/// Makes the numbers of a store anew when they are gone or damaged: without them it cannot be opened.
/// The clock is as good as the last UIDVALIDITY: nothing greater was ever given.
pub(crate) fn mend_numbers(meta: &Meta, now: waypost_types::UnixTime) -> Result<bool, StoreError> {
    let mut txn = meta.env.write_txn().map_err(fault)?;
    let value = env::get(&meta.tables.state, &txn, NUMBERS_KEY)?;
    let empty = meta.tables.accounts.is_empty(&txn)?;
    if value.map_or(empty, |value| Numbers::decode(value).is_some()) {
        return Ok(false);
    }
    let mut numbers = least_numbers(&meta.tables, &txn)?;
    let clock = u32::try_from(now.seconds.max(1)).unwrap_or(u32::MAX);
    numbers.uid_validity = numbers.uid_validity.max(clock);
    numbers.blob += BLOB_GAP;
    env::put(&meta.tables.state, &mut txn, NUMBERS_KEY, &numbers.encode())?;
    txn.commit().map_err(fault)?;
    Ok(true)
}
