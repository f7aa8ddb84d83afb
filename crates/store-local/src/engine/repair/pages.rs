//! State pages for a repair: those that are whole, and what can be said of those that are not.

use super::Fix;
use crate::codec::{Take, page};
use crate::engine::read_page;
use crate::env;
use crate::keys;
use std::collections::BTreeSet;
use waypost_store::{Bits512, Modseqs, StatePage, StoreError};
use waypost_types::{MailboxId, ModSeq};

impl Fix<'_, '_, '_> {
    /// The numbers of the pages that have any entry.
    pub(super) fn page_numbers(&self, mailbox: MailboxId) -> Result<BTreeSet<u32>, StoreError> {
        let mut numbers = BTreeSet::new();
        for entry in env::under(&self.work.tables.pages, &self.work.txn, &mailbox.0.to_be_bytes())?
        {
            numbers.extend(Take(entry?.0.get(4..).unwrap_or_default()).u32());
        }
        Ok(numbers)
    }

    /// A page, when all of it can be read.
    pub(super) fn page_if_whole(
        &self,
        mailbox: MailboxId,
        number: u32,
    ) -> Result<Option<StatePage>, StoreError> {
        match read_page(&self.work.tables.pages, &self.work.txn, mailbox, number) {
            Ok(page) => Ok(page.map(|(page, _)| page)),
            Err(StoreError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a page in place of all that stood under its number.
    pub(super) fn write_page(
        &mut self,
        mailbox: MailboxId,
        page: &StatePage,
    ) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let prefix = keys::page(mailbox, page.number, 0);
        for (key, _) in self.entries(&tables.pages, prefix.get(..8).unwrap_or_default())? {
            self.delete(&tables.pages, &key)?;
        }
        if page.live.is_empty() {
            return Ok(());
        }
        for (part, value) in (0_u8..=u8::MAX).zip(&page::encode(page)) {
            self.put(&tables.pages, &keys::page(mailbox, page.number, part), value)?;
        }
        Ok(())
    }
}

/// A page whose messages have no flags that are known.
pub(super) fn plain(number: u32, live: Bits512, modseq: ModSeq) -> StatePage {
    StatePage { live, modseqs: Modseqs::Same(modseq), ..StatePage::new(number) }
}

/// What a page promises of itself, made true: flags only of live messages, each with a modification
/// sequence.
pub(super) fn settle(page: &mut StatePage, modseq: ModSeq) {
    if page.number == 0 && page.live.contains(0) {
        let mut zero = Bits512::EMPTY;
        zero.set(0, true);
        crate::engine::pages::remove(page, &zero);
    }
    let live = page.live;
    for set in page.system.iter_mut().chain(page.keywords.iter_mut().map(|(_, set)| set)) {
        *set = set.and(&live);
    }
    crate::engine::pages::drop_empty(page);
    let zero = match &page.modseqs {
        Modseqs::Same(modseq) => modseq.0 == 0,
        Modseqs::Each(list) => list.len() != live.len() as usize || list.contains(&ModSeq(0)),
    };
    if zero {
        page.modseqs = Modseqs::Same(modseq);
    }
}
