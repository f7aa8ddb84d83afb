//! Entries as they came, and the attributes that are asked for.

use ldap3::{ResultEntry, SearchEntry};
use std::collections::HashMap;
use waypost_directory::{InetStatus, MailStatus, UserQuota};

/// What is asked of a user's entry.
pub(crate) const USER_ATTRIBUTES: [&str; 12] = [
    "uid",
    "cn",
    "mail",
    "mailAlternateAddress",
    "mailEquivalentAddress",
    "mailHost",
    "mailMessageStore",
    "mailQuota",
    "mailMsgQuota",
    "mailUserStatus",
    "inetUserStatus",
    "mailAllowedServiceAccess",
];

/// What is asked of a domain's entry.
pub(crate) const DOMAIN_ATTRIBUTES: [&str; 10] = [
    "sunPreferredDomain",
    "associatedDomain",
    "inetCanonicalDomainName",
    "inetDomainBaseDN",
    "inetDomainSearchFilter",
    "domainUidSeparator",
    "inetDomainStatus",
    "mailDomainStatus",
    "mailDomainAllowedServiceAccess",
    "aliasedObjectName",
];

/// The addresses of a user.
pub(crate) const ADDRESS_ATTRIBUTES: [&str; 3] =
    ["mail", "mailAlternateAddress", "mailEquivalentAddress"];

/// An entry.
pub(crate) struct Entry {
    pub(crate) dn: String,
    /// By name in lower case: servers write names in whatever case they like.
    attributes: HashMap<String, Vec<String>>,
}

impl Entry {
    pub(crate) fn new(entry: ResultEntry) -> Self {
        let SearchEntry { dn, attrs, .. } = SearchEntry::construct(entry);
        let lower = |(name, values): (String, Vec<String>)| (name.to_ascii_lowercase(), values);
        Self { dn, attributes: attrs.into_iter().map(lower).collect() }
    }

    pub(crate) fn values(&self, name: &str) -> &[String] {
        self.attributes.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(String::as_str)
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.first(name).map(str::to_owned)
    }

    /// Values in lower case, as addresses are compared.
    pub(crate) fn folded(&self, name: &str) -> Vec<String> {
        self.values(name).iter().map(|value| value.to_lowercase()).collect()
    }

    /// Of several values one that is not active counts: two are a mistake, and must not open an account.
    pub(crate) fn mail_status(&self, name: &str) -> MailStatus {
        let mut values =
            self.values(name).iter().map(|value| MailStatus::from_attribute(Some(value)));
        values.find(|status| *status != MailStatus::Active).unwrap_or_default()
    }

    pub(crate) fn inet_status(&self, name: &str) -> InetStatus {
        let mut values =
            self.values(name).iter().map(|value| InetStatus::from_attribute(Some(value)));
        values.find(|status| *status != InetStatus::Active).unwrap_or_default()
    }

    pub(crate) fn quota(&self) -> UserQuota {
        UserQuota::read(&self.dn, self.first("mailQuota"), self.first("mailMsgQuota"))
    }

    /// Service filters; several values are rules of one filter.
    pub(crate) fn filter(&self, name: &str) -> Option<String> {
        let values = self.values(name);
        (!values.is_empty()).then(|| values.join("$"))
    }
}
