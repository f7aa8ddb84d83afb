//! Messages that leave or are copied: expunge, copy, move.

use super::pages;
use super::work::{MailboxRef, Targets, Work};
use crate::codec::VALUE_BYTES_MAX;
use crate::codec::{corrupt, rows};
use crate::env;
use crate::keys;
use std::collections::BTreeSet;
use waypost_store::{
    Bits512, ChangeKind, Copied, LimitName, MessageRow, Mutation, Outcome, PAGE_UIDS, StoreError,
    limits,
};
use waypost_types::{
    AccountId, FlagSet, Keyword, MailboxId, ModSeq, QuotaLimits, SystemFlag, Uid, UidSet, Usage,
};

/// From this many messages of a page on, one walk over its rows is cheaper than a look-up for each.
const WALK_ROWS: u32 = 32;

/// Messages in hand: their rows with their flags.
pub(super) type InHand = Vec<(Uid, MessageRow, FlagSet)>;

/// Whether messages stay where they were; only more of them can be too many for an account.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transfer {
    Copy(QuotaLimits),
    Move,
}

/// A COPY or MOVE that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'m> {
    pub(super) account: AccountId,
    pub(super) from: MailboxId,
    pub(super) uids: &'m UidSet,
    pub(super) to: MailboxId,
    pub(super) transfer: Transfer,
}

impl<'m> Order<'m> {
    /// What a mutation asks for, if it is one.
    pub(super) const fn of(mutation: &'m Mutation) -> Option<Self> {
        match mutation {
            Mutation::Copy { account, from, uids, to, limits } => {
                let transfer = Transfer::Copy(*limits);
                Some(Self { account: *account, from: *from, uids, to: *to, transfer })
            }
            Mutation::Move { account, from, uids, to } => {
                let transfer = Transfer::Move;
                Some(Self { account: *account, from: *from, uids, to: *to, transfer })
            }
            _ => None,
        }
    }
}

/// What leaves a mailbox.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) bytes: u64,
    pub(super) emails: UidSet,
}

impl Leaving {
    pub(super) fn of(rows: &[(Uid, MessageRow)]) -> Self {
        Self {
            bytes: rows.iter().map(|(_, row)| row.size).sum(),
            emails: rows.iter().map(|(_, row)| Uid(row.email.0)).collect(),
        }
    }
}

impl Work<'_, '_> {
    pub(super) fn expunge(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Option<&UidSet>,
        only_deleted: bool,
    ) -> Result<Outcome, StoreError> {
        let deleted = self.mailbox(account, mailbox)?.value.counters.deleted;
        let mut targets = Targets::new();
        if !only_deleted || deleted > 0 {
            for (number, wanted) in self.targets(mailbox, uids)? {
                let Some(page) = self.page(mailbox, number)? else { continue };
                let marked = wanted.and(page.flag(SystemFlag::Deleted));
                let leaves = if only_deleted { marked } else { wanted };
                if !leaves.is_empty() {
                    targets.push((number, leaves));
                }
            }
        }
        if targets.is_empty() {
            let modseq = self.account(account)?.value.modseq;
            return Ok(Outcome::Expunged { uids: UidSet::new(), modseq });
        }
        let rows = self.rows(mailbox, &targets)?;
        let modseq = self.advance(account)?;
        let uids = self.take_out(account, mailbox, &targets, &Leaving::of(&rows), modseq)?;
        Ok(Outcome::Expunged { uids, modseq })
    }

    /// Copies or moves at once; for many messages see [`super::staged`].
    pub(super) fn copy(&mut self, order: &Order<'_>) -> Result<Outcome, StoreError> {
        let Order { account, from, uids, to, transfer } = *order;
        self.mailbox(account, from)?;
        let targets = self.targets(from, Some(uids))?;
        let count: u32 = targets.iter().map(|(_, bits)| bits.len()).sum();
        if count > limits::COPY_MESSAGES {
            return Err(StoreError::Limit(LimitName::CopyMessages));
        }
        let uid_validity = self.mailbox(account, to)?.value.uid_validity;
        self.check_uids(account, to, count)?;
        let mut source = UidSet::new();
        targets.iter().for_each(|(number, bits)| pages::collect(&mut source, *number, bits));
        if source.is_empty() {
            let modseq = self.account(account)?.value.modseq;
            let target = UidSet::new();
            return Ok(Outcome::Copied(Copied { uid_validity, source, target, modseq }));
        }
        let rows = self.rows(from, &targets)?;
        let messages = self.in_hand(from, &targets, &rows)?;
        if from != to {
            self.check_keywords(to, &all_keywords(&messages))?;
        }
        if let Transfer::Copy(limits) = transfer {
            let added = rows.iter().map(|(_, row)| Usage::of_message(row.size)).sum();
            self.check_quota(account, &limits, added)?;
        }
        let modseq = self.advance(account)?;
        if matches!(transfer, Transfer::Move) {
            self.take_out(account, from, &targets, &Leaving::of(&rows), modseq)?;
        }
        let target = self.put_in(MailboxRef { account, id: to }, messages, modseq)?;
        Ok(Outcome::Copied(Copied { uid_validity, source, target, modseq }))
    }

    /// Files messages anew, as of `modseq`.
    pub(super) fn put_in(
        &mut self,
        to: MailboxRef,
        messages: InHand,
        modseq: ModSeq,
    ) -> Result<UidSet, StoreError> {
        let (mut target, mut emails) = (UidSet::new(), UidSet::new());
        let saved = self.now.seconds;
        for (_, row, flags) in messages {
            let row = MessageRow { saved, ..row };
            target.push(self.file(&to, &row, &flags, modseq)?);
            emails.insert(Uid(row.email.0));
        }
        self.record(to.account, to.id, &ChangeKind::Arrived(target.clone()), &emails)?;
        Ok(target)
    }

    /// The rows of live messages, ascending.
    pub(super) fn rows(
        &self,
        mailbox: MailboxId,
        targets: &Targets,
    ) -> Result<Vec<(Uid, MessageRow)>, StoreError> {
        let mut rows = Vec::new();
        for (number, bits) in targets {
            if bits.len() < WALK_ROWS {
                for at in bits.iter() {
                    let uid = Uid(number * PAGE_UIDS + at);
                    rows.push((uid, self.row(mailbox, uid)?));
                }
            } else {
                self.walk_rows(mailbox, *number, bits, &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn walk_rows(
        &self,
        mailbox: MailboxId,
        number: u32,
        bits: &Bits512,
        rows: &mut Vec<(Uid, MessageRow)>,
    ) -> Result<(), StoreError> {
        let before = rows.len();
        let first = number * PAGE_UIDS;
        let from = keys::message(mailbox, Uid(first));
        for entry in env::under_from(&self.tables.messages, &self.txn, &from, 4)? {
            let (key, value) = entry?;
            let uid = crate::codec::Take(key.get(4..).unwrap_or_default()).u32().unwrap_or(0);
            match uid.checked_sub(first) {
                Some(at) if at < PAGE_UIDS => {
                    if bits.contains(at) {
                        let damaged = || corrupt(format!("message {uid} of mailbox {mailbox}"));
                        let row = rows::decode_message(value).ok_or_else(damaged)?;
                        rows.push((Uid(uid), row));
                    }
                }
                _ => break,
            }
        }
        if rows.len() - before == bits.len() as usize {
            Ok(())
        } else {
            Err(corrupt(format!("messages of page {number} of mailbox {mailbox}")))
        }
    }

    fn in_hand(
        &mut self,
        mailbox: MailboxId,
        targets: &Targets,
        rows: &[(Uid, MessageRow)],
    ) -> Result<InHand, StoreError> {
        let mut messages = Vec::with_capacity(rows.len());
        let mut rows = rows.iter();
        for (number, bits) in targets {
            let Some(page) = self.page(mailbox, *number)?.cloned() else { continue };
            let table = self.keywords(mailbox)?;
            for (at, (uid, row)) in bits.iter().zip(rows.by_ref().take(bits.len() as usize)) {
                let mut flags = FlagSet { system: page.system_flags(at), keywords: Vec::new() };
                for (id, _) in page.keywords.iter().filter(|(_, set)| set.contains(at)) {
                    if let Some(keyword) = table.keyword(*id) {
                        flags.insert_keyword(keyword.clone());
                    }
                }
                messages.push((*uid, *row, flags));
            }
        }
        Ok(messages)
    }

    /// Expunges, first stage: pages, counters, change log, and a note for the purge.
    pub(super) fn take_out(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        targets: &Targets,
        leaving: &Leaving,
        modseq: ModSeq,
    ) -> Result<UidSet, StoreError> {
        let mut uids = UidSet::new();
        for (number, gone) in targets {
            pages::collect(&mut uids, *number, gone);
            self.clear_page(account, mailbox, *number, gone)?;
        }
        let counters = &mut self.mailbox_mut(account, mailbox)?.counters;
        counters.messages = counters.messages.saturating_sub(uids.len());
        counters.bytes = counters.bytes.saturating_sub(leaving.bytes);
        self.hold_less(account, Usage { bytes: leaving.bytes, messages: uids.len().into() })?;
        self.record(account, mailbox, &ChangeKind::Expunged(uids.clone()), &leaving.emails)?;
        self.queue_purge(account, mailbox, modseq, &uids)?;
        Ok(uids)
    }

    fn clear_page(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        number: u32,
        gone: &Bits512,
    ) -> Result<(), StoreError> {
        let page = self.page_mut(mailbox, number)?;
        let seen = page.flag(SystemFlag::Seen).and(gone).len();
        let deleted = page.flag(SystemFlag::Deleted).and(gone).len();
        let used: Vec<_> = page
            .keywords
            .iter()
            .map(|(id, set)| (*id, set.and(gone).len()))
            .filter(|(_, count)| *count > 0)
            .collect();
        pages::remove(page, gone);
        let counters = &mut self.mailbox_mut(account, mailbox)?.counters;
        counters.unseen = counters.unseen.saturating_sub(gone.len() - seen);
        counters.deleted = counters.deleted.saturating_sub(deleted);
        if !used.is_empty() {
            let table = self.keywords(mailbox)?;
            used.into_iter().for_each(|(id, count)| table.count(id, 0, count));
        }
        Ok(())
    }

    /// Lets rows of messages that are not live wait for the purge.
    pub(super) fn queue_purge(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        modseq: ModSeq,
        uids: &UidSet,
    ) -> Result<(), StoreError> {
        let ranges = uids.ranges();
        let mut rest = &ranges[..];
        let mut sequence = 0;
        let tables = self.tables;
        while !rest.is_empty() {
            let mut value = super::purge::expunged_front();
            let room = VALUE_BYTES_MAX - value.len();
            let taken = crate::codec::ranges::put(&mut value, rest, room);
            let mut key = self.purge_key(account, mailbox, modseq, sequence).key();
            // Another entry of this change must not be written over.
            while env::get(&tables.purge, &self.txn, &key)?.is_some() {
                sequence += 1;
                key = self.purge_key(account, mailbox, modseq, sequence).key();
            }
            self.put(&tables.purge, &key, &value)?;
            rest = rest.get(taken..).unwrap_or_default();
            sequence += 1;
        }
        Ok(())
    }
}

fn all_keywords(messages: &InHand) -> FlagSet {
    let all: BTreeSet<&Keyword> =
        messages.iter().flat_map(|(_, _, flags)| &flags.keywords).collect();
    FlagSet { keywords: all.into_iter().cloned().collect(), ..FlagSet::default() }
}
