//! Reading the last log-ins and log-outs.

use crate::codec::{access, corrupt};
use crate::env::{self, Table};
use heed::RoTxn;
use waypost_store::{LastAccess, StoreError, limits};
use waypost_types::AccountName;

/// What is known of one account.
pub(super) fn one(
    table: &Table,
    txn: &RoTxn<'_>,
    account: &AccountName,
) -> Result<Option<LastAccess>, StoreError> {
    let value = env::get(table, txn, account.as_str().as_bytes())?;
    let damaged = || corrupt(format!("last access of {account}"));
    value.map(|value| access::decode(value).ok_or_else(damaged)).transpose()
}

/// The accounts after `after`, at most a page of them.
pub(super) fn page(
    table: &Table,
    txn: &RoTxn<'_>,
    after: Option<&AccountName>,
) -> Result<Vec<(AccountName, LastAccess)>, StoreError> {
    let entries = env::after(table, txn, after.map(|name| name.as_str().as_bytes()))?;
    let mut found = Vec::new();
    for entry in entries.take(limits::ACCESS_PAGE) {
        let (key, value) = entry?;
        let name = std::str::from_utf8(key).ok().and_then(|name| AccountName::new(name).ok());
        let row = name.zip(access::decode(value));
        found.push(row.ok_or_else(|| corrupt("table of last accesses"))?);
    }
    Ok(found)
}
