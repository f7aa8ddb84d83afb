//! What was expunged or deleted comes back, as long as it is not purged.

use super::cache::Cached;
use super::purge::read_dead;
use super::transfer::InHand;
use super::work::{MailboxRef, Work};
use crate::codec::{Take, corrupt, rows};
use crate::env;
use crate::keys::{self, Purge};
use std::collections::BTreeSet;
use waypost_store::{
    ChangeKind, Copied, LimitName, Mailbox, MessageRow, Outcome, StoreError, limits,
};
use waypost_types::{AccountId, EmailId, FlagSet, MailboxId, MailboxName, Uid, UidSet};

impl Work<'_, '_> {
    /// Files expunged messages anew. Their old rows stay for the purge, which takes the bytes of none
    /// that has another copy.
    pub(super) fn undelete(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &UidSet,
    ) -> Result<Outcome, StoreError> {
        let uid_validity = self.mailbox(account, mailbox)?.value.uid_validity;
        if uids.len() > limits::COPY_MESSAGES {
            return Err(StoreError::Limit(LimitName::CopyMessages));
        }
        self.check_uids(account, mailbox, uids.len())?;
        let mut messages = InHand::new();
        let mut known = BTreeSet::new();
        for uid in uids.iter() {
            if let Some(row) = self.expunged_row(mailbox, uid)?
                && known.insert(row.email)
                && !self.has_copy(account, mailbox, row.email)?
            {
                messages.push((uid, row, FlagSet::default()));
            }
        }
        let source: UidSet = messages.iter().map(|(uid, _, _)| *uid).collect();
        let mut modseq = self.account(account)?.value.modseq;
        let mut target = UidSet::new();
        if !messages.is_empty() {
            modseq = self.advance(account)?;
            target = self.put_in(MailboxRef { account, id: mailbox }, messages, modseq)?;
        }
        Ok(Outcome::Copied(Copied { uid_validity, source, target, modseq }))
    }

    /// The row of a message that is not live and not purged.
    fn expunged_row(
        &mut self,
        mailbox: MailboxId,
        uid: Uid,
    ) -> Result<Option<MessageRow>, StoreError> {
        if self.is_live(mailbox, uid)? {
            return Ok(None);
        }
        let value = env::get(&self.tables.messages, &self.txn, &keys::message(mailbox, uid))?;
        let damaged = || corrupt(format!("message {uid} of mailbox {mailbox}"));
        value.map(|value| rows::decode_message(value).ok_or_else(damaged)).transpose()
    }

    fn is_live(&mut self, mailbox: MailboxId, uid: Uid) -> Result<bool, StoreError> {
        let page = self.page(mailbox, waypost_store::StatePage::number_of(uid))?;
        Ok(page.is_some_and(|page| page.live.contains(uid.0 % waypost_store::PAGE_UIDS)))
    }

    /// Whether an email is in a mailbox.
    fn has_copy(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        email: EmailId,
    ) -> Result<bool, StoreError> {
        let prefix = [&keys::email(account, email)[..], &mailbox.0.to_be_bytes()].concat();
        let mut uids = Vec::new();
        for entry in env::under(&self.tables.copies, &self.txn, &prefix)? {
            uids.extend(Take(entry?.0.get(12..).unwrap_or_default()).u32().map(Uid));
        }
        for uid in uids {
            if self.is_live(mailbox, uid)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Brings back a mailbox that was deleted at that time.
    pub(super) fn undelete_mailbox(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        deleted: i64,
        name: &MailboxName,
    ) -> Result<Outcome, StoreError> {
        let (key, dead) = self.dead_mailbox(account, mailbox, deleted)?;
        self.check_new(account, name, 1)?;
        if let Some(parent) = name.parent()
            && self.mailbox_named(account, &parent)?.is_none()
        {
            self.create_mailbox(account, &parent, None)?;
        }
        let modseq = self.advance(account)?;
        let usage = dead.counters.usage();
        let value = Mailbox { name: name.clone(), modseq, ..dead };
        self.cache.mailboxes.insert(mailbox, Cached { value, dirty: true });
        self.account_mut(account)?.mailboxes += 1;
        self.hold_more(account, usage)?;
        self.name_mailbox(account, mailbox, name)?;
        self.record(account, mailbox, &ChangeKind::Created, &UidSet::new())?;
        let tables = self.tables;
        self.delete(&tables.purge, &key)?;
        Ok(Outcome::Mailbox(mailbox))
    }

    /// The key and the record of a deleted mailbox of which nothing is purged.
    fn dead_mailbox(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        deleted: i64,
    ) -> Result<(Vec<u8>, Mailbox), StoreError> {
        self.account(account)?;
        let time = u64::try_from(deleted).unwrap_or(0).to_be_bytes();
        let prefix = [&time[..], &keys::mailbox(account, mailbox)].concat();
        for entry in env::under(&self.tables.purge, &self.txn, &prefix)? {
            let (key, value) = entry?;
            let dead = Purge::read(key).and_then(|entry| read_dead(&entry, value));
            if let Some(dead) = dead {
                return Ok((key.to_vec(), dead));
            }
        }
        Err(StoreError::NoSuchMailbox)
    }
}
