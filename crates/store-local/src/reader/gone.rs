//! What was expunged or deleted and waits for its purge.

use super::Reader;
use crate::engine::{Waiting, read_dead, read_waiting};
use crate::keys::Purge;
use std::collections::BTreeMap;
use std::ops::Bound;
use waypost_store::{Mailbox, StoreError};
use waypost_types::{AccountId, MailboxId, UidSet};

/// Entries read in one transaction: a long queue must not hold old pages.
const STEP_ENTRIES: usize = 10_000;

/// What of an account can still be brought back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gone {
    /// Expunged messages by the UIDs that they had.
    pub messages: BTreeMap<MailboxId, UidSet>,
    /// Deleted mailboxes with the second of their deletion, oldest first.
    pub mailboxes: Vec<(i64, Mailbox)>,
}

impl Reader {
    /// What an account has lost from `since` on (seconds since 1970) and what is not purged yet.
    pub(crate) fn gone(&self, account: AccountId, since: i64) -> Result<Gone, StoreError> {
        let mut gone = Gone::default();
        let from = u64::try_from(since).unwrap_or(0).to_be_bytes().to_vec();
        let mut at = Some(Bound::Included(from));
        while let Some(from) = at.take() {
            at = self.gone_step(account, &from, &mut gone)?.map(Bound::Excluded);
        }
        Ok(gone)
    }

    /// Reads some entries; the last key when there may be more.
    fn gone_step(
        &self,
        account: AccountId,
        from: &Bound<Vec<u8>>,
        gone: &mut Gone,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let txn = self.txn()?;
        let from = from.as_ref().map(Vec::as_slice);
        let entries = self.shared.meta.tables.purge.from(&txn, from, &[])?;
        let (mut seen, mut last) = (0, None);
        for entry in entries.take(STEP_ENTRIES) {
            let (key, value) = entry?;
            seen += 1;
            last = Some(key);
            let Some(entry) = Purge::read(key).filter(|entry| entry.account == account) else {
                continue;
            };
            if let Some(Waiting::Expunged(uids)) = read_waiting(&entry, value) {
                let all = gone.messages.entry(entry.mailbox).or_default();
                uids.ranges().into_iter().for_each(|range| all.insert_range(range));
            } else if let Some(dead) = read_dead(&entry, value) {
                gone.mailboxes.push((i64::try_from(entry.time).unwrap_or(i64::MAX), dead));
            }
        }
        Ok(last.filter(|_| seen == STEP_ENTRIES).map(<[u8]>::to_vec))
    }
}
