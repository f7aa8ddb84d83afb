//! Users, domains and their status, named after the attributes of the LDAP schema.

use crate::quota::UserQuota;
use serde::{Deserialize, Serialize};
use std::fmt;
use waypost_types::AccountName;

/// The name of the one partition of a server, which is also the default.
pub const PARTITION: &str = "primary";

/// The state of a mail account or of a domain's mail service (`mailUserStatus`, `mailDomainStatus`).
///
/// The order is part of the embedded directory's format: new values go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub enum MailStatus {
    /// Mail and login work. An absent attribute means this.
    #[default]
    Active,
    /// Mail is deferred, login is refused. An illegal value means this.
    Inactive,
    /// May be purged; mail and login are refused for good.
    Deleted,
    /// Mail is deferred and login refused until an administrator releases the account.
    Hold,
    /// Mail is deferred because the quota is used up; login still works.
    Overquota,
    /// Mail and login are refused.
    Disabled,
    /// The mailbox is gone; mail and login are refused for good.
    Removed,
    /// The account exists and has never been opened; mail and login are refused.
    Unused,
}

impl MailStatus {
    /// Every status, in the order of the schema.
    pub const ALL: [Self; 8] = [
        Self::Active,
        Self::Inactive,
        Self::Deleted,
        Self::Hold,
        Self::Overquota,
        Self::Disabled,
        Self::Removed,
        Self::Unused,
    ];

    /// The attribute's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
            Self::Hold => "hold",
            Self::Overquota => "overquota",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
            Self::Unused => "unused",
        }
    }

    /// Reads the attribute's value, any case; what is not a known value counts as inactive, because a
    /// typing error must not open an account.
    pub fn from_attribute(value: Option<&str>) -> Self {
        let Some(value) = value else { return Self::Active };
        let known = Self::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(value.trim()));
        known.unwrap_or(Self::Inactive)
    }

    /// Whether the status lets a user read mail.
    pub const fn may_log_in(self) -> bool {
        matches!(self, Self::Active | Self::Overquota)
    }

    /// What happens to mail that arrives.
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::Active => Delivery::Accept,
            Self::Inactive | Self::Hold | Self::Overquota => Delivery::Defer,
            Self::Deleted | Self::Disabled | Self::Removed | Self::Unused => Delivery::Refuse,
        }
    }
}

impl fmt::Display for MailStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of a person or a domain over all services (`inetUserStatus`, `inetDomainStatus`).
///
/// The order is part of the embedded directory's format: new values go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub enum InetStatus {
    /// Every service works. An absent attribute means this.
    #[default]
    Active,
    /// No service works for now. An illegal value means this.
    Inactive,
    /// May be purged; no service works any more.
    Deleted,
}

impl InetStatus {
    /// Reads the attribute's value, any case; what is not a known value counts as inactive.
    pub fn from_attribute(value: Option<&str>) -> Self {
        match value.map(|v| v.trim().to_ascii_lowercase()).as_deref() {
            None | Some("active") => Self::Active,
            Some("deleted") => Self::Deleted,
            Some(_) => Self::Inactive,
        }
    }

    /// The attribute's value.
    pub const fn name(self) -> &'static str {
        self.as_mail_status().name()
    }

    const fn as_mail_status(self) -> MailStatus {
        match self {
            Self::Active => MailStatus::Active,
            Self::Inactive => MailStatus::Inactive,
            Self::Deleted => MailStatus::Deleted,
        }
    }
}

/// What happens to mail for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is stored.
    Accept,
    /// The sender shall try again later.
    Defer,
    /// It is refused for good.
    Refuse,
}

/// A user of the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `uid`: the login name inside its domain, lower case.
    pub uid: String,
    /// The canonical name of the domain, lower case.
    pub domain: String,
    /// The store id: `uid` in the default domain, `uid@domain` elsewhere.
    pub account: AccountName,
    /// The engine's own name of the entry: the DN in LDAP, `uid@domain` in the embedded directory.
    pub entry: String,
    /// `cn`: the person's name.
    pub cn: Option<String>,
    /// `mail`: the primary address.
    pub mail: String,
    /// `mailAlternateAddress`: addresses that deliver here.
    pub mail_alternate_addresses: Vec<String>,
    /// `mailEquivalentAddress`: addresses that deliver here and stay as they are in headers.
    pub mail_equivalent_addresses: Vec<String>,
    /// `mailHost`: the host that stores the mail; `None` means any.
    pub mail_host: Option<String>,
    /// `mailMessageStore`: the partition that holds the mail; `None` means the default one.
    pub mail_message_store: Option<String>,
    /// `mailQuota` and `mailMsgQuota`.
    pub quota: UserQuota,
    /// `mailUserStatus`.
    pub mail_user_status: MailStatus,
    /// `inetUserStatus`.
    pub inet_user_status: InetStatus,
    /// `mailAllowedServiceAccess`: the service filter as written; `None` allows all services.
    pub mail_allowed_service_access: Option<String>,
}

/// A domain whose users the directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// The canonical name, lower case.
    pub name: String,
    /// `inetDomainStatus`.
    pub inet_domain_status: InetStatus,
    /// `mailDomainStatus`.
    pub mail_domain_status: MailStatus,
    /// `mailDomainAllowedServiceAccess`: the service filter as written; `None` allows all services.
    pub mail_domain_allowed_service_access: Option<String>,
    /// `inetDomainSearchFilter`: how a login name finds its user, as written; `None` means the server's
    /// default.
    pub inet_domain_search_filter: Option<String>,
    /// `domainUidSeparator`: what stands between name and domain in compound uids ([`crate::store_id`]).
    pub domain_uid_separator: Option<String>,
}

impl User {
    /// The partition named by `mailMessageStore` when the mail is not in the one of this server.
    pub fn other_partition(&self) -> Option<&str> {
        let named =
            self.mail_message_store.as_deref().map(str::trim).filter(|name| !name.is_empty());
        named.filter(|name| !name.eq_ignore_ascii_case(PARTITION))
    }
}

/// The status that decides for a user, and the attribute it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The status; `Active` when all four attributes are.
    pub status: MailStatus,
    /// The attribute that decided.
    pub attribute: &'static str,
}

/// The first of domain and user status that is not active decides: `inetDomainStatus`,
/// `mailDomainStatus`, `inetUserStatus`, `mailUserStatus`.
pub fn standing(domain: &Domain, user: &User) -> Standing {
    let order = [
        (domain.inet_domain_status.as_mail_status(), "inetDomainStatus"),
        (domain.mail_domain_status, "mailDomainStatus"),
        (user.inet_user_status.as_mail_status(), "inetUserStatus"),
        (user.mail_user_status, "mailUserStatus"),
    ];
    let decisive = order.into_iter().find(|(status, _)| *status != MailStatus::Active);
    let (status, attribute) = decisive.unwrap_or((MailStatus::Active, "mailUserStatus"));
    Standing { status, attribute }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_status_counts_as_inactive() {
        assert_eq!(MailStatus::from_attribute(None), MailStatus::Active);
        assert_eq!(MailStatus::from_attribute(Some("Hold")), MailStatus::Hold);
        assert_eq!(MailStatus::from_attribute(Some("actve")), MailStatus::Inactive);
        assert_eq!(InetStatus::from_attribute(Some("DELETED")), InetStatus::Deleted);
        assert_eq!(InetStatus::from_attribute(Some("")), InetStatus::Inactive);
    }

    #[test]
    fn every_status_reads_its_own_name() {
        for status in MailStatus::ALL {
            assert_eq!(MailStatus::from_attribute(Some(status.name())), status);
        }
    }
}
