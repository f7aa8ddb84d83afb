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
    /// Attributes that have a value which is no text.
    binary: HashMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    pub(crate) fn new(entry: ResultEntry) -> Self {
        let SearchEntry { dn, attrs, bin_attrs } = SearchEntry::construct(entry);
        let attributes =
            attrs.into_iter().map(|(name, values)| (name.to_ascii_lowercase(), values));
        let binary =
            bin_attrs.into_iter().map(|(name, values)| (name.to_ascii_lowercase(), values));
        Self { dn, attributes: attributes.collect(), binary: binary.collect() }
    }

    /// Whether an attribute has this value.
    pub(crate) fn holds(&self, name: &str, value: &[u8]) -> bool {
        let binary = self.binary.get(&name.to_ascii_lowercase());
        let in_binary = binary.is_some_and(|values| values.iter().any(|own| own == value));
        in_binary || self.values(name).iter().any(|own| own.as_bytes() == value)
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
        let mut values = self.values(name).iter().map(|value| {
            let status = MailStatus::from_attribute(Some(value));
            self.tell_unknown(name, value, status.name());
            status
        });
        values.find(|status| *status != MailStatus::Active).unwrap_or_default()
    }

    pub(crate) fn inet_status(&self, name: &str) -> InetStatus {
        let mut values = self.values(name).iter().map(|value| {
            let status = InetStatus::from_attribute(Some(value));
            self.tell_unknown(name, value, status.name());
            status
        });
        values.find(|status| *status != InetStatus::Active).unwrap_or_default()
    }

    /// The log has the value that stands in the entry, which the reason of a refused login does not show.
    fn tell_unknown(&self, attribute: &str, value: &str, counted: &str) {
        if !value.trim().eq_ignore_ascii_case(counted) {
            let dn = &self.dn;
            tracing::warn!(dn, attribute, value, counted, "unknown status");
        }
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
