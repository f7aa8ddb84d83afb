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
use waypost_ldap_filter::{DistinguishedName, Filter, NamePart, SearchBase};

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
        self.collect(domain, filter, most, &|record| filter.matches(record))
    }

    /// The records in a part of the tree that fit.
    pub(super) fn search_within(
        &self,
        base: &SearchBase,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        let fits = |record: &UserRecord| is_within(record, base) && filter.matches(record);
        self.collect(None, filter, most, &fits)
    }

    fn collect(
        &self,
        domain: Option<&str>,
        filter: &Filter,
        most: usize,
        fits: &dyn Fn(&UserRecord) -> bool,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        let txn = tables::read(&self.env)?;
        let mut found = Vec::new();
        let mut visit = |record: UserRecord| {
            if found.len() < most && fits(&record) {
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

/// Whether a user's entry lies there. It is named as an export names it, at the root of the tree.
fn is_within(record: &UserRecord, base: &SearchBase) -> bool {
    let name = || {
        DistinguishedName::of_parts([
            NamePart::new("uid", record.uid.as_str()),
            NamePart::new("ou", "People"),
            NamePart::new("o", record.domain.as_str()),
        ])
    };
    match base {
        SearchBase::Tree => true,
        SearchBase::Below(base) => name().is_below(base),
        SearchBase::Entry(entry) => name().is_same(entry),
    }
}

/// The value of an attribute that every fitting entry has, as a key.
fn demanded(filter: &Filter, attribute: &str) -> Option<String> {
    let value = filter.required(attribute)?;
    std::str::from_utf8(value).ok().map(|text| fold(text.trim()))
}
