//! What accounts hold and may hold.
//!
//! The account's record has the sum of its mailboxes' counters. It changes where they change, in the same
//! commit: when a message is filed, leaves, or its mailbox is deleted. So what is over a limit is known before
//! anything is written, and deliveries at the same time cannot pass it together.

use super::work::Work;
use crate::codec::corrupt;
use crate::codec::rows;
use crate::env::{self, Tables};
use crate::keys;
use heed::RoTxn;
use waypost_store::StoreError;
use waypost_types::{AccountId, MailboxId, QuotaLimits, Usage};

impl Work<'_, '_> {
    /// What an account holds.
    pub(super) fn usage(&mut self, account: AccountId) -> Result<Usage, StoreError> {
        Ok(self.account(account)?.value.usage.unwrap_or_default())
    }

    /// Whether `added` may be added to an account.
    pub(super) fn check_quota(
        &mut self,
        account: AccountId,
        limits: &QuotaLimits,
        added: Usage,
    ) -> Result<(), StoreError> {
        limits.check(self.usage(account)?, added).map_err(StoreError::OverQuota)
    }

    pub(super) fn hold_more(&mut self, account: AccountId, more: Usage) -> Result<(), StoreError> {
        let record = self.account_mut(account)?;
        record.usage = Some(record.usage.unwrap_or_default().plus(more));
        Ok(())
    }

    pub(super) fn hold_less(&mut self, account: AccountId, less: Usage) -> Result<(), StoreError> {
        let record = self.account_mut(account)?;
        record.usage = Some(record.usage.unwrap_or_default().minus(less));
        Ok(())
    }
}

/// What the mailboxes of an account hold together, for records that do not say it.
pub(crate) fn count(
    tables: &Tables,
    txn: &RoTxn<'_>,
    account: AccountId,
) -> Result<Usage, StoreError> {
    let mut sum = Usage::default();
    for entry in env::under(&tables.mailboxes, txn, &keys::account(account))? {
        let (key, value) = entry?;
        let id = crate::codec::Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId);
        let mailbox = id.and_then(|id| rows::decode_mailbox(account, id, value));
        let mailbox = mailbox.ok_or_else(|| corrupt(format!("mailboxes of account {account}")))?;
        sum = sum.plus(mailbox.counters.usage());
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]
    use super::super::tests::{Bench, delivery};
    use super::*;
    use crate::codec::rows::AccountRecord;
    use crate::reader::Reader;
    use waypost_store::{Deliver, Mutation, Outcome};
    use waypost_types::AccountName;

    /// Writes the account's record as the programs did that kept no usage.
    fn forget_usage(bench: &mut Bench, account: AccountId) {
        let meta = &bench.engine.meta;
        let mut txn = meta.env.write_txn().unwrap();
        let key = keys::account(account);
        let value = env::get(&meta.tables.accounts, &txn, &key).unwrap().unwrap();
        let record = AccountRecord { usage: None, ..AccountRecord::decode(value).unwrap() };
        env::put(&meta.tables.accounts, &mut txn, &key, &record.encode()).unwrap();
        txn.commit().unwrap();
        bench.engine.cache.accounts.clear();
    }

    fn shown(reader: &Reader) -> Usage {
        let snapshot = reader.snapshot().unwrap();
        snapshot.account(&AccountName::new("a").unwrap()).unwrap().unwrap().usage
    }

    #[test]
    fn records_without_usage_are_counted_from_their_mailboxes() {
        let mut bench = Bench::new();
        let text = "Subject: s\r\n\r\nx";
        let one = text.len() as u64;
        for _ in 0..2 {
            bench.run(delivery(&["a"], text)).unwrap();
        }
        let reader = bench.engine.reader();
        let account = {
            let snapshot = reader.snapshot().unwrap();
            snapshot.account(&AccountName::new("a").unwrap()).unwrap().unwrap().id
        };
        forget_usage(&mut bench, account);
        assert_eq!(shown(&reader), Usage { bytes: 2 * one, messages: 2 });
        let Mutation::Deliver(mut third) = delivery(&["a"], text) else { panic!("no delivery") };
        let mut deliver = |messages| {
            third.recipients[0].limits = QuotaLimits { messages: Some(messages), bytes: None };
            match bench.run(Mutation::Deliver(Deliver::clone(&third))).unwrap() {
                Outcome::Delivered(mut list) => list.remove(0).map(drop),
                other => panic!("{other:?}"),
            }
        };
        assert!(matches!(deliver(2), Err(StoreError::OverQuota(_))), "the old messages count");
        deliver(3).unwrap();
        assert_eq!(shown(&reader), Usage { bytes: 3 * one, messages: 3 });
    }
}
