//! Looks at a live directory as logins will: what is missing is told before users find out.

use crate::config::DomainScheme;
use crate::domains::Place;
use crate::engine::Engine;
use crate::entry::{ADDRESS_ATTRIBUTES, DOMAIN_ATTRIBUTES, Entry, USER_ATTRIBUTES};
use crate::filters;
use ldap3::Scope;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;
use waypost_access::{Filters, Reading};
use waypost_directory::{DirectoryError, Domain, PARTITION, QuotaValue, split_address, store_id};
use waypost_ldap_filter::Filter;

/// How long the whole check may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How many domains are looked at.
const DOMAINS_MAX: i32 = 200;
/// How many users of each domain are looked at.
const USERS_MAX: i32 = 500;
/// How many findings of one kind are told in full.
const TOLD_MAX: usize = 5;

/// Something the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is and what to do, without a full stop.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Logins work, and something could be better.
    Advice,
    /// Some logins or deliveries will fail.
    Fault,
}

impl Finding {
    fn good(text: impl Into<String>) -> Self {
        Self { level: Level::Good, text: text.into() }
    }

    fn advice(text: impl Into<String>) -> Self {
        Self { level: Level::Advice, text: text.into() }
    }

    pub(crate) fn fault(text: impl Into<String>) -> Self {
        Self { level: Level::Fault, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.level {
            Level::Good => "ok",
            Level::Advice => "advice",
            Level::Fault => "fault",
        };
        write!(f, "{word}: {}", self.text)
    }
}

type Findings = Result<Vec<Finding>, DirectoryError>;

/// Everything, from the servers to the users. What builds on something that failed is left out.
pub(crate) async fn check(engine: &Engine) -> Vec<Finding> {
    let mut findings = hosts(engine).await;
    if findings.iter().all(|finding| finding.level == Level::Fault) {
        return findings;
    }
    let mut add = |found: Findings| match found {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::fault(error.to_string())),
    };
    add(base(engine).await);
    add(schema(engine).await);
    add(domains(engine).await);
    findings
}

async fn hosts(engine: &Engine) -> Vec<Finding> {
    let mut findings = Vec::new();
    let who = engine.config.identity.as_ref().map_or("nobody", |identity| &identity.dn);
    for (at, host) in engine.config.hosts.iter().enumerate() {
        let host = host.authority();
        findings.push(match engine.searches.open(at).await {
            Ok(_) => Finding::good(format!("{host}: connected and bound as {who}")),
            Err(trouble) => Finding::fault(format!("{host}: {}", trouble.cause())),
        });
    }
    findings
}

async fn base(engine: &Engine) -> Findings {
    let base = &engine.config.base_dn;
    let found = engine.read(base, &["objectClass"]).await?;
    Ok(vec![match found {
        Some(_) => Finding::good(format!("the base {base} can be read")),
        None => Finding::fault(format!(
            "the base {base} is not there or may not be read; set base.ugldapbasedn, or allow \
             base.ugldapbinddn to read it"
        )),
    }])
}

/// What the server's schema knows. A server that hides it is not at fault.
async fn schema(engine: &Engine) -> Findings {
    let root = engine.read("", &["subschemaSubentry"]).await?;
    let subschema = root.and_then(|entry| entry.owned("subschemaSubentry"));
    let Some(subschema) = subschema else {
        return Ok(vec![Finding::advice("the server does not show its schema")]);
    };
    let filter = filters::equal("objectClass", "subschema");
    let found = engine.search(&subschema, Scope::Base, filter, &["attributeTypes"], 1).await?;
    let Some(entry) = found.into_iter().next() else {
        return Ok(vec![Finding::advice("the server does not show its schema")]);
    };
    let known = attribute_names(entry.values("attributeTypes"));
    let missing: Vec<&str> =
        needed(engine).into_iter().filter(|name| !known.contains(&name.to_lowercase())).collect();
    if missing.is_empty() {
        return Ok(vec![Finding::good("the schema has every attribute")]);
    }
    let missing = missing.join(", ");
    Ok(vec![Finding::advice(format!(
        "the schema lacks {missing}; packaging/openldap has a schema for OpenLDAP with them"
    ))])
}

fn needed(engine: &Engine) -> Vec<&'static str> {
    let domains: &[&str] = match engine.config.domains {
        DomainScheme::Single => &[],
        DomainScheme::DcTree { .. } | DomainScheme::Native => &DOMAIN_ATTRIBUTES,
    };
    USER_ATTRIBUTES.iter().chain(domains).copied().collect()
}

/// The names in descriptions such as `( 1.2.3 NAME ( 'a' 'b' ) DESC 'text' ... )`.
fn attribute_names(descriptions: &[String]) -> BTreeSet<String> {
    let names = descriptions.iter().flat_map(|text| {
        let after = text.split_once("NAME").map_or("", |(_, after)| after.trim_start());
        let end = if after.starts_with('(') { after.find(')') } else { after.find("' ") };
        let list = &after[..end.map_or(after.len(), |end| end + 1)];
        list.split('\'').skip(1).step_by(2).map(str::to_lowercase).collect::<Vec<_>>()
    });
    names.collect()
}

async fn domains(engine: &Engine) -> Findings {
    let mut findings = Vec::new();
    let names = domain_names(engine).await?;
    let default = engine.default_domain();
    if !names.contains(&default) {
        findings.push(Finding::fault(format!(
            "the default domain {default} is not in the directory; logins without a domain will fail"
        )));
    }
    let count = names.len();
    findings.push(Finding::good(format!("domains found: {count}")));
    for name in names {
        match engine.place(&name).await {
            Ok(Some(place)) => findings.extend(domain(engine, &place).await?),
            Ok(None) => findings.push(Finding::fault(format!("the domain {name} is not found"))),
            Err(error) => findings.push(Finding::fault(format!("the domain {name}: {error}"))),
        }
    }
    findings.push(Finding::advice(indexes(engine)));
    Ok(findings)
}

/// The names of all domains, as the way from a name to its entry would have them.
async fn domain_names(engine: &Engine) -> Result<BTreeSet<String>, DirectoryError> {
    let (base, marks): (&str, &[&str]) = match &engine.config.domains {
        DomainScheme::Single => return Ok(BTreeSet::from([engine.default_domain()])),
        DomainScheme::DcTree { root } => (root, &["inetDomainBaseDN"]),
        DomainScheme::Native => {
            (&engine.config.base_dn, &["sunPreferredDomain", "associatedDomain"])
        }
    };
    let filter = Filter::Or(marks.iter().map(|mark| filters::present(mark)).collect());
    let found =
        engine.search(base, Scope::Subtree, filter, &DOMAIN_ATTRIBUTES, DOMAINS_MAX).await?;
    Ok(found.iter().filter_map(|entry| engine.domain_name(entry)).collect())
}

async fn domain(engine: &Engine, place: &Place) -> Findings {
    let name = &place.domain.name;
    let base = &place.users;
    if engine.read(base, &["objectClass"]).await?.is_none() {
        let entry = &place.entry;
        return Ok(vec![Finding::fault(format!(
            "{name}: its users' base {base} ({entry}) is missing"
        ))]);
    }
    let filter = filters::present("uid");
    let users = engine.search(base, Scope::Subtree, filter, &USER_ATTRIBUTES, USERS_MAX).await?;
    let mut findings = vec![Finding::good(format!("{name}: {} users looked at", users.len()))];
    findings.push(match engine.template(place) {
        Ok(filter) => Finding::good(format!("{name}: users are found by {filter}")),
        Err(error) => Finding::fault(format!("{name}: {error}")),
    });
    findings.extend(repeated(name, &users));
    findings.extend(unreadable_access(&place.domain));
    findings.extend(odd_users(name, &users));
    findings.extend(without_store_id(engine, place, &users));
    findings.extend(not_found(engine, place, &users).await?);
    Ok(findings)
}

/// Login names and addresses that several entries have.
fn repeated(name: &str, users: &[Entry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, attributes) in [("uid", &["uid"][..]), ("address", &ADDRESS_ATTRIBUTES[..])] {
        let mut owners: HashMap<String, BTreeSet<&str>> = HashMap::new();
        for user in users {
            for value in attributes.iter().flat_map(|attribute| user.folded(attribute)) {
                owners.entry(value).or_default().insert(&user.dn);
            }
        }
        let mut doubles: Vec<_> = owners.iter().filter(|(_, owners)| owners.len() > 1).collect();
        doubles.sort();
        findings.extend(doubles.into_iter().take(TOLD_MAX).map(|(value, owners)| {
            let owners = owners.iter().copied().collect::<Vec<_>>().join("; ");
            Finding::fault(format!("{name}: the {what} {value} is not unique: {owners}"))
        }));
    }
    findings
}

/// Users whose uids give no store id, most often because the domain's uids are compound.
fn without_store_id(engine: &Engine, place: &Place, users: &[Entry]) -> Option<Finding> {
    let Domain { name, domain_uid_separator, .. } = &place.domain;
    let reasons = users.iter().filter_map(|user| {
        let uid = user.first("uid")?.to_lowercase();
        let id = store_id(&uid, name, domain_uid_separator.as_deref(), &engine.default_domain());
        Some(format!("{}: the uid {}", user.dn, id.err()?))
    });
    let reasons: Vec<String> = reasons.collect();
    let (count, first) = (reasons.len(), reasons.first()?);
    Some(Finding::fault(format!("{name}: {count} users have no store id, the first is {first}")))
}

fn odd_users(name: &str, users: &[Entry]) -> Vec<Finding> {
    let told = |level: Level, what: &str, odd: Vec<&Entry>| {
        let first = odd.first()?;
        let (count, dn) = (odd.len(), &first.dn);
        Some(Finding { level, text: format!("{name}: {count} users {what}, the first is {dn}") })
    };
    let all = |odd: &dyn Fn(&Entry) -> bool| users.iter().filter(|user| odd(user)).collect();
    let no_mail = all(&|user| user.first("mail").is_none());
    let several = all(&|user| user.values("uid").len() > 1);
    let bad_mail = all(&|user| user.first("mail").is_some_and(|m| split_address(m).is_none()));
    let unknown = all(&|user| has_unknown_status(user));
    let elsewhere = all(&|user| is_in_other_partition(user));
    let bad_quota = all(&|user| quotas(user).any(|quota| quota.is_none()));
    let bad_access = all(&|user| {
        user.filter("mailAllowedServiceAccess").is_some_and(|rules| is_unreadable(&rules))
    });
    let parts = all(&|user| quotas(user).flatten().any(|quota| quota.has_parts));
    let found = [
        told(Level::Advice, "have no mail attribute and get no mail", no_mail),
        told(Level::Fault, "have several uid values, of which one is the store id", several),
        told(Level::Fault, "have a mail attribute that is no address", bad_mail),
        told(Level::Fault, "have an unknown status, which counts as inactive", unknown),
        told(
            Level::Fault,
            "have a mailMessageStore that is not here, so they cannot log in and their mail waits",
            elsewhere,
        ),
        told(Level::Fault, "have a quota that cannot be read and counts as the default", bad_quota),
        told(
            Level::Fault,
            "have a mailAllowedServiceAccess that cannot be read, so they are let in nowhere",
            bad_access,
        ),
        told(
            Level::Advice,
            "have quotas of folders or types of messages, of which only the total is enforced",
            parts,
        ),
    ];
    found.into_iter().flatten().collect()
}

/// Rules that no service can read refuse everybody.
fn is_unreadable(rules: &str) -> bool {
    Filters::of_attribute(rules, Reading::Tolerant).is_err()
}

/// The same of a whole domain.
fn unreadable_access(domain: &Domain) -> Option<Finding> {
    let rules = domain.mail_domain_allowed_service_access.as_deref()?;
    let name = &domain.name;
    is_unreadable(rules).then(|| {
        Finding::fault(format!(
            "{name}: mailDomainAllowedServiceAccess cannot be read, so nobody of it is let in: {rules}"
        ))
    })
}

fn is_in_other_partition(user: &Entry) -> bool {
    let named = user.first("mailMessageStore").map(str::trim).filter(|name| !name.is_empty());
    named.is_some_and(|name| !name.eq_ignore_ascii_case(PARTITION))
}

/// The quotas that an entry has, read or not.
fn quotas(user: &Entry) -> impl Iterator<Item = Option<QuotaValue>> {
    let values = ["mailQuota", "mailMsgQuota"].into_iter().filter_map(|name| user.first(name));
    values.map(QuotaValue::parse)
}

fn has_unknown_status(user: &Entry) -> bool {
    use waypost_directory::MailStatus;
    ["mailUserStatus", "inetUserStatus"].iter().flat_map(|name| user.values(name)).any(|value| {
        let known = MailStatus::ALL.iter().any(|one| one.name().eq_ignore_ascii_case(value.trim()));
        !known
    })
}

/// One user is looked up as a login would: a filter that finds nobody is the most common mistake.
async fn not_found(engine: &Engine, place: &Place, users: &[Entry]) -> Findings {
    let name = &place.domain.name;
    let mut sample = users.iter().filter_map(|user| Some((user, user.first("uid")?)));
    let (Some((user, uid)), None) = (sample.next(), &place.domain.inet_domain_search_filter) else {
        return Ok(Vec::new());
    };
    Ok(match engine.user_by_login(uid, name).await {
        Ok(Some(_)) => vec![Finding::good(format!("{name}: {uid} is found as a login would be"))],
        Ok(None) => vec![Finding::fault(format!(
            "{name}: {uid} is not found by {}, though the entry {} is there",
            engine.config.search_filter, user.dn
        ))],
        Err(error) => vec![Finding::fault(format!("{name}: {uid}: {error}"))],
    })
}

fn indexes(engine: &Engine) -> String {
    let domains = match engine.config.domains {
        DomainScheme::Single => "",
        DomainScheme::DcTree { .. } => ",inetDomainBaseDN",
        DomainScheme::Native => ",sunPreferredDomain,associatedDomain",
    };
    format!(
        "equality indexes keep logins and deliveries fast; OpenLDAP: `index \
         objectClass,uid,mail,mailAlternateAddress,mailEquivalentAddress{domains} eq`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_descriptions_of_attributes() {
        let descriptions = [
            "( 0.9.2342.19200300.100.1.3 NAME ( 'mail' 'rfc822Mailbox' ) DESC 'x' )".to_owned(),
            "( 1.2.3 NAME 'mailHost' DESC 'the host' EQUALITY caseIgnoreMatch )".to_owned(),
            "( 1.2.4 DESC 'nameless' )".to_owned(),
        ];
        let names: Vec<String> = attribute_names(&descriptions).into_iter().collect();
        assert_eq!(names, ["mail", "mailhost", "rfc822mailbox"]);
    }
}
