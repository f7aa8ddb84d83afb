//! Finding domains: by name through the tree of schema 1 or the organisations of schema 2.

use crate::config::DomainScheme;
use crate::engine::Engine;
use crate::entry::{DOMAIN_ATTRIBUTES, Entry};
use crate::filters;
use ldap3::{Scope, dn_escape};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use waypost_directory::{DirectoryError, Domain};

/// How long an answer about a domain is used again: one login or delivery asks several times, and a
/// change of a domain need not be seen within the same moment.
const KEPT: Duration = Duration::from_secs(5);
/// How many domains are kept; when there are more, all are asked for anew.
const KEPT_MAX: usize = 1_024;
/// How many aliases may follow one another.
const ALIASES_MAX: usize = 4;
/// The longest name of a domain in bytes (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 255;

/// A domain and where its users are.
pub(crate) struct Place {
    pub(crate) domain: Domain,
    /// The entry that describes the domain.
    pub(crate) entry: String,
    /// The entry below which its users lie.
    pub(crate) users: String,
}

/// Domains that were looked up a moment ago.
#[derive(Default)]
pub(crate) struct Known {
    places: Mutex<HashMap<String, (Instant, Arc<Place>)>>,
}

impl Known {
    fn find(&self, name: &str) -> Option<Arc<Place>> {
        let places = self.places();
        let (since, place) = places.get(name)?;
        (since.elapsed() < KEPT).then(|| Arc::clone(place))
    }

    fn keep(&self, name: &str, place: &Arc<Place>) {
        let mut places = self.places();
        if places.len() >= KEPT_MAX {
            places.clear();
        }
        places.insert(name.to_owned(), (Instant::now(), Arc::clone(place)));
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Place>)>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// The domain of this name or alias.
    pub(crate) async fn place(&self, name: &str) -> Result<Option<Arc<Place>>, DirectoryError> {
        let name = name.to_lowercase();
        if !may_exist(&name) {
            return Ok(None);
        }
        if let Some(place) = self.known.find(&name) {
            return Ok(Some(place));
        }
        let place = self.find_place(&name).await?.map(Arc::new);
        if let Some(place) = &place {
            self.known.keep(&name, place);
        }
        Ok(place)
    }

    async fn find_place(&self, name: &str) -> Result<Option<Place>, DirectoryError> {
        match &self.config.domains {
            DomainScheme::Single => Ok((name == self.default_domain()).then(|| self.only_place())),
            DomainScheme::DcTree { root } => self.in_tree(name, root).await,
            DomainScheme::Native => self.among_organisations(name).await,
        }
    }

    fn only_place(&self) -> Place {
        let domain = Domain {
            name: self.default_domain(),
            inet_domain_status: waypost_directory::InetStatus::default(),
            mail_domain_status: waypost_directory::MailStatus::default(),
            mail_domain_allowed_service_access: None,
            inet_domain_search_filter: None,
            domain_uid_separator: None,
        };
        let base = self.config.base_dn.clone();
        Place { domain, entry: base.clone(), users: base }
    }

    /// Schema 1: the name is the way to the entry (RFC 2247), which says where the users are.
    async fn in_tree(&self, name: &str, root: &str) -> Result<Option<Place>, DirectoryError> {
        let mut dn = dn_of(name, root);
        for _ in 0..=ALIASES_MAX {
            let Some(entry) = self.read(&dn, &DOMAIN_ATTRIBUTES).await? else { return Ok(None) };
            if let Some(target) = entry.owned("aliasedObjectName") {
                dn = target;
                continue;
            }
            let Some(users) = entry.owned("inetDomainBaseDN") else { return Ok(None) };
            let canonical = entry.owned("inetCanonicalDomainName");
            let canonical = canonical.or_else(|| name_of(&entry.dn, root));
            let canonical = canonical.unwrap_or_else(|| name.to_owned());
            return Ok(Some(place(&entry, &canonical, users)));
        }
        Err(damaged(format!("the domain {name} is an alias of an alias, without end")))
    }

    /// Schema 2: the organisation that bears the name.
    async fn among_organisations(&self, name: &str) -> Result<Option<Place>, DirectoryError> {
        let filter = filters::any_equal(&["sunPreferredDomain", "associatedDomain"], name);
        let base = &self.config.base_dn;
        let mut found =
            self.search(base, Scope::Subtree, filter, &DOMAIN_ATTRIBUTES, 2).await?.into_iter();
        let Some(entry) = found.next() else { return Ok(None) };
        if let Some(other) = found.next() {
            let cause = format!("two entries bear the domain {name}: {}; {}", entry.dn, other.dn);
            return Err(damaged(cause));
        }
        let aliases = entry.folded("associatedDomain");
        let preferred = entry.owned("sunPreferredDomain").or_else(|| aliases.into_iter().min());
        let canonical = preferred.unwrap_or_else(|| name.to_owned());
        let users = entry.owned("inetDomainBaseDN").unwrap_or_else(|| entry.dn.clone());
        Ok(Some(place(&entry, &canonical, users)))
    }
}

impl Engine {
    /// The name that the entry of a domain stands for.
    pub(crate) fn domain_name(&self, entry: &Entry) -> Option<String> {
        let name = match &self.config.domains {
            DomainScheme::Single => None,
            DomainScheme::DcTree { root } => name_of(&entry.dn, root),
            DomainScheme::Native => entry
                .owned("sunPreferredDomain")
                .or_else(|| entry.folded("associatedDomain").into_iter().min()),
        };
        name.map(|name| name.to_lowercase())
    }
}

/// What no directory knows is not asked for.
fn may_exist(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let labels = || name.split('.').all(|label| !label.is_empty());
    name.len() <= NAME_BYTES_MAX && name.chars().all(fits) && labels()
}

fn place(entry: &Entry, canonical: &str, users: String) -> Place {
    let filter = entry.first("inetDomainSearchFilter").filter(|text| !text.trim().is_empty());
    let domain = Domain {
        name: canonical.to_lowercase(),
        inet_domain_status: entry.inet_status("inetDomainStatus"),
        mail_domain_status: entry.mail_status("mailDomainStatus"),
        mail_domain_allowed_service_access: entry.filter("mailDomainAllowedServiceAccess"),
        inet_domain_search_filter: filter.map(str::to_owned),
        domain_uid_separator: entry.owned("domainUidSeparator"),
    };
    Place { domain, entry: entry.dn.clone(), users }
}

/// `a.b` below a root is `dc=a,dc=b,ROOT` (RFC 2247 section 4).
fn dn_of(name: &str, root: &str) -> String {
    let labels = name.split('.').map(|label| format!("dc={},", dn_escape(label)));
    labels.collect::<String>() + root
}

/// The domain that an entry below the root is for.
fn name_of(dn: &str, root: &str) -> Option<String> {
    let dn = normal(dn);
    let path = dn.strip_suffix(&normal(root))?.strip_suffix(',')?;
    let labels: Option<Vec<&str>> = path.split(',').map(|part| part.strip_prefix("dc=")).collect();
    labels.map(|labels| labels.join("."))
}

/// A name of an entry in a form that can be compared: servers put spaces and capitals where they like.
pub(crate) fn normal(dn: &str) -> String {
    let parts = dn.split(',').map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        format!("{}={}", name.trim(), value.trim())
    });
    parts.collect::<Vec<_>>().join(",").to_lowercase()
}

/// Whether an entry lies below another, or is it.
pub(crate) fn is_below(dn: &str, base: &str) -> bool {
    let (dn, base) = (normal(dn), normal(base));
    dn == base || dn.strip_suffix(&base).is_some_and(|rest| rest.ends_with(','))
}

fn damaged(cause: String) -> DirectoryError {
    DirectoryError::Damaged { cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ways_in_the_tree_belong_together() {
        assert_eq!(dn_of("a.example", "o=internet"), "dc=a,dc=example,o=internet");
        let name = name_of("DC=a, dc=Example , O=Internet", "o=internet");
        assert_eq!(name.as_deref(), Some("a.example"));
        assert_eq!(name_of("ou=x,dc=a,o=internet", "o=internet"), None);
        assert_eq!(name_of("o=internet", "o=internet"), None);
        assert!(is_below("uid=a, o=x, O=base", "o=X,o=base"));
        assert!(!is_below("uid=a,ou=foo=x,o=base", "o=x,o=base"));
    }

    #[test]
    fn odd_names_are_not_asked_for() {
        for odd in ["", ".", "a..b", "a b", "*", "a,o=x", "a)(b=*", "\0", &"a".repeat(256)] {
            assert!(!may_exist(odd), "{odd:?}");
        }
        assert!(may_exist("mail.example"));
        assert!(may_exist("bücher.example"));
    }
}
