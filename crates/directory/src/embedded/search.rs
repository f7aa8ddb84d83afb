//! Finding users by a filter.
//!
//! A filter that demands a uid or an address is answered from the keys; any other looks at every user of
//! the domain, which takes about a microsecond each.

use super::EmbeddedDirectory;
use super::records::UserRecord;
use super::tables;
use crate::address::fold;
use crate::contract::DirectoryError;
use heed::{RoTxn, WithoutTls};
use std::ops::ControlFlow;
use waypost_ldap_filter::Filter;

/// Attributes whose values are keys of the table of addresses.
const ADDRESSES: [&str; 3] = ["mail", "mailalternateaddress", "mailequivalentaddress"];

impl EmbeddedDirectory {
    /// The records of a folded domain, or of all, that fit.
    pub(super) fn search(
        &self,
        domain: Option<&str>,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        let txn = tables::read(&self.env)?;
        let mut found = Vec::new();
        let mut visit = |record: UserRecord| {
            if found.len() < most && filter.matches(&record) {
                found.push(record);
            }
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        match self.candidates(&txn, domain, filter)? {
            Some(candidates) => {
                let _ = candidates.into_iter().try_for_each(visit);
            }
            None => self.tables.visit_users(&txn, domain, &mut visit)?,
        }
        Ok(found)
    }

    /// The only users that can fit, when the filter says so much.
    fn candidates(
        &self,
        txn: &RoTxn<'_, WithoutTls>,
        domain: Option<&str>,
        filter: &Filter,
    ) -> Result<Option<Vec<UserRecord>>, DirectoryError> {
        if let Some(uid) = demanded(filter, "uid") {
            return self.by_uid(txn, domain, &uid).map(Some);
        }
        let Some(address) = ADDRESSES.iter().find_map(|name| demanded(filter, name)) else {
            return Ok(None);
        };
        let owner = self.tables.owner(txn, &address)?;
        let owner = owner.filter(|(_, own)| domain.is_none_or(|domain| domain == own));
        let Some((uid, domain)) = owner else { return Ok(Some(Vec::new())) };
        self.by_uid(txn, Some(&domain), &uid).map(Some)
    }

    fn by_uid(
        &self,
        txn: &RoTxn<'_, WithoutTls>,
        domain: Option<&str>,
        uid: &str,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        let Some(domain) = domain else {
            let domains = self.tables.all_domains(txn)?;
            let users = domains.iter().map(|domain| self.tables.user(txn, uid, &domain.name));
            return users.filter_map(Result::transpose).collect();
        };
        Ok(self.tables.user(txn, uid, domain)?.into_iter().collect())
    }
}

/// The value of an attribute that every fitting entry has, as a key.
fn demanded(filter: &Filter, attribute: &str) -> Option<String> {
    let value = filter.required(attribute)?;
    std::str::from_utf8(value).ok().map(|text| fold(text.trim()))
}
