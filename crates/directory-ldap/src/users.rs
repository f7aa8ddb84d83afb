//! Finding users: by login name and by address.

use crate::config::{BindIdentity, DomainScheme};
use crate::connection::Request;
use crate::domains::{Place, is_below};
use crate::engine::Engine;
use crate::entry::{ADDRESS_ATTRIBUTES, Entry, USER_ATTRIBUTES};
use crate::filters;
use crate::policy;
use ldap3::Scope;
use std::sync::Arc;
use waypost_directory::{DirectoryError, Domain, PasswordVerdict, User, split_address, store_id};
use waypost_ldap_filter::{Filter, Names, Template};
use waypost_types::Secret;

/// The longest name or local part that is asked for, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Entries that are of interest: one is the user, two are a mistake.
const MATCHES: i32 = 2;

impl Engine {
    /// The user who logs in with this name; nobody when several match.
    pub(crate) async fn user_by_login(
        &self,
        uid: &str,
        domain: &str,
    ) -> Result<Option<User>, DirectoryError> {
        if !may_exist(uid) {
            return Ok(None);
        }
        let Some(place) = self.place(domain).await? else { return Ok(None) };
        let typed = format!("{uid}@{domain}");
        let names = Names { user: uid, domain, typed: &typed };
        let filter = self.template(&place)?.fill(&names);
        let shown = filter.to_string();
        let found = self.find_users(&place.users, filter, MATCHES).await?;
        match found.as_slice() {
            [] => Ok(None),
            [entry] => self.user(entry, &place.domain).map(Some),
            [first, second, ..] => {
                let (first, second, base) = (&first.dn, &second.dn, &place.users);
                tracing::warn!(filter = shown, base, first, second, "a login name is not unique");
                Ok(None)
            }
        }
    }

    /// How users of a domain are found.
    pub(crate) fn template(&self, place: &Place) -> Result<Template, DirectoryError> {
        let Some(text) = &place.domain.inet_domain_search_filter else {
            return Ok(self.config.search_filter.clone());
        };
        Template::for_logins(text).map_err(|error| DirectoryError::Damaged {
            cause: format!("inetDomainSearchFilter of {}: {error}", place.entry),
        })
    }

    /// The users of a domain, or of all, that fit a filter.
    pub(crate) async fn users_by_filter(
        &self,
        domain: Option<&str>,
        filter: Filter,
        most: usize,
    ) -> Result<Vec<User>, DirectoryError> {
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let Some(domain) = domain else {
            let found = self.find_users(&self.config.base_dn, filter, most).await?;
            return self.owners(&found).await;
        };
        let Some(place) = self.place(domain).await? else { return Ok(Vec::new()) };
        let found = self.find_users(&place.users, filter, most).await?;
        found.iter().map(|entry| self.user(entry, &place.domain)).collect()
    }

    async fn owners(&self, entries: &[Entry]) -> Result<Vec<User>, DirectoryError> {
        let mut users = Vec::new();
        for entry in entries {
            users.extend(self.owner(entry, None).await?);
        }
        Ok(users)
    }

    /// The user who receives mail for an address, which may be written with an alias of the domain.
    pub(crate) async fn resolve_address(
        &self,
        local: &str,
        domain: &str,
    ) -> Result<Option<User>, DirectoryError> {
        if !may_exist(local) {
            return Ok(None);
        }
        let Some(place) = self.place(domain).await? else { return Ok(None) };
        let written = format!("{local}@{domain}");
        let canonical = format!("{local}@{}", place.domain.name);
        let filters = [&written, &canonical].map(|it| filters::any_equal(&ADDRESS_ATTRIBUTES, it));
        let filter = Filter::Or(filters.into());
        let mut found = self.find_users(&place.users, filter.clone(), MATCHES).await?;
        if found.is_empty() && !is_below(&self.config.base_dn, &place.users) {
            found = self.find_users(&self.config.base_dn, filter, MATCHES).await?;
        }
        match found.as_slice() {
            [] => Ok(None),
            [entry] => self.owner(entry, Some(&place)).await,
            [first, second, ..] => Err(DirectoryError::Damaged {
                cause: format!("two entries have {written}: {}; {}", first.dn, second.dn),
            }),
        }
    }

    /// An entry belongs to the domain of its primary address when it lies there, else to the domain where it
    /// was found. One that lies in neither is nobody's.
    pub(crate) async fn owner(
        &self,
        entry: &Entry,
        found: Option<&Place>,
    ) -> Result<Option<User>, DirectoryError> {
        let own = match entry.first("mail").and_then(split_address) {
            Some((_, domain)) => self.place(domain).await?,
            None if self.config.domains == DomainScheme::Single => {
                self.place(&self.default_domain()).await?
            }
            None => None,
        };
        let places = own.as_deref().into_iter().chain(found);
        let home = places.into_iter().find(|place| is_below(&entry.dn, &place.users));
        if home.is_none() {
            tracing::warn!(entry = entry.dn, "an entry lies in no domain of its addresses");
        }
        home.map(|place| self.user(entry, &place.domain)).transpose()
    }

    async fn find_users(
        &self,
        base: &str,
        filter: Filter,
        most: i32,
    ) -> Result<Vec<Entry>, DirectoryError> {
        self.search(base, Scope::Subtree, filter, &USER_ATTRIBUTES, most).await
    }

    fn user(&self, entry: &Entry, domain: &Domain) -> Result<User, DirectoryError> {
        let damaged = |cause: String| DirectoryError::Damaged { cause };
        let uid = entry.first("uid").map(str::to_lowercase);
        let uid = uid.ok_or_else(|| damaged(format!("{} has no uid", entry.dn)))?;
        let separator = domain.domain_uid_separator.as_deref();
        let account = store_id(&uid, &domain.name, separator, &self.default_domain());
        let account =
            account.map_err(|reason| damaged(format!("{}: the uid {reason}", entry.dn)))?;
        let domain = domain.name.as_str();
        let long = format!("{uid}@{domain}");
        Ok(User {
            account,
            entry: entry.dn.clone(),
            uid,
            domain: domain.to_owned(),
            cn: entry.owned("cn"),
            mail: entry.owned("mail").map_or(long, |mail| mail.to_lowercase()),
            mail_alternate_addresses: entry.folded("mailAlternateAddress"),
            mail_equivalent_addresses: entry.folded("mailEquivalentAddress"),
            mail_host: entry.owned("mailHost"),
            mail_message_store: entry.owned("mailMessageStore"),
            quota: entry.quota(),
            mail_user_status: entry.mail_status("mailUserStatus"),
            inet_user_status: entry.inet_status("inetUserStatus"),
            mail_allowed_service_access: entry.filter("mailAllowedServiceAccess"),
        })
    }

    /// Checks a password by binding as the entry. An empty password is never sent: a server takes it for
    /// a wish to be nobody, and agrees (RFC 4513 section 5.1.2).
    pub(crate) async fn check_password(
        &self,
        entry: String,
        password: Arc<Secret<String>>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        if password.expose().is_empty() || entry.is_empty() {
            return Ok(PasswordVerdict::Wrong);
        }
        let identity = BindIdentity { dn: entry, password: Secret::clone(&password) };
        let answer = self.binds.ask(&Request::Bind(identity)).await?;
        policy::verdict(&answer.result)
    }
}

/// What no directory knows is not asked for. Servers ignore spaces around a value, and so would find a
/// user under names that are not his.
fn may_exist(name: &str) -> bool {
    let clean = !name.is_empty() && name.trim() == name && !name.chars().any(char::is_control);
    clean && name.len() <= NAME_BYTES_MAX
}
