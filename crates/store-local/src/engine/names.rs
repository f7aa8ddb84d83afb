//! Names of accounts whose entries are damaged: who is not found by name may have an account all the same, and must
//! not get a second one.

use super::work::Work;
use crate::codec::corrupt;
use crate::codec::rows::AccountRecord;
use crate::env;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use waypost_store::StoreError;
use waypost_types::AccountName;

/// Hashes of the names in all records of accounts: sixteen bytes or so for each, read when the first account is made.
#[derive(Default)]
pub(super) struct KnownNames {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Work<'_, '_> {
    /// Makes sure that no account has this name, which no entry leads to; from now on one has it.
    pub(super) fn take_name(&mut self, name: &AccountName) -> Result<(), StoreError> {
        if self.cache.names.is_none() {
            let mut names = KnownNames::default();
            for entry in env::all(&self.tables.accounts, &self.txn)? {
                // A record that is damaged is no reason to refuse everybody else.
                let Some(record) = AccountRecord::decode(entry?.1) else { continue };
                names.hashes.insert(names.hasher.hash_one(&record.name));
            }
            self.cache.names = Some(names);
        }
        let Some(names) = &mut self.cache.names else { return Ok(()) };
        let is_new = names.hashes.insert(names.hasher.hash_one(name));
        if is_new { Ok(()) } else { Err(corrupt(format!("account name {name}"))) }
    }
}
