//! Domains and users to LDIF and from it, by the names of the schema.
//!
//! An export has the form of schema 2: `o=DOMAIN` below a base, its users in `ou=People` below that. An
//! import takes that form and others: a user belongs to the nearest domain above, else to the domain of
//! the primary address. It changes who is there already, in one transaction: all of the file or nothing.

use super::admin::AdminError;
use super::records::{Attribute, DomainRecord, UserRecord};
use super::{EmbeddedDirectory, names, tables};
use crate::address::{fold, split_address};
use crate::ldif::{LdifEntry, LdifError, attribute_line, dn_parts, dn_value, ldif_line};
use heed::RwTxn;
use std::collections::BTreeMap;

/// Attributes that a server keeps for itself, or that are told by the place of an entry.
const LEFT_OUT: [&str; 22] = [
    "changetype",
    "createtimestamp",
    "creatorsname",
    "dc",
    "entrycsn",
    "entrydn",
    "entryid",
    "entryuuid",
    "hassubordinates",
    "inetcanonicaldomainname",
    "inetdomainbasedn",
    "modifiersname",
    "modifytimestamp",
    "nsuniqueid",
    "numsubordinates",
    "o",
    "objectclass",
    "structuralobjectclass",
    "subschemasubentry",
    "sunpreferreddomain",
    "pwdchangedtime",
    "uid",
];
/// Object classes of a domain.
const DOMAIN_CLASSES: [&str; 3] = ["inetdomain", "maildomain", "sunmanagedorganization"];
/// Object classes of a user.
const USER_CLASSES: [&str; 3] = ["inetmailuser", "inetorgperson", "inetuser"];

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Domains that were added or changed.
    pub domains: usize,
    /// Users that were added or changed.
    pub users: usize,
    /// Entries that are neither.
    pub others: usize,
    /// Values that are no text and were left out.
    pub binary: usize,
}

impl EmbeddedDirectory {
    /// Hands out domains and users as LDIF, an entry after the other.
    pub fn export(
        &self,
        base: &str,
        domain: Option<&str>,
        mut write: impl FnMut(&str),
    ) -> Result<(), AdminError> {
        let only = domain.map(names::domain).transpose()?;
        let txn = tables::read(&self.env)?;
        let mut domains = self.tables.all_domains(&txn)?;
        if let Some(only) = only {
            domains.retain(|domain| domain.name == only);
            if domains.is_empty() {
                return Err(AdminError::UnknownDomain(only));
            }
        }
        write("version: 1\n");
        for domain in domains {
            let dn = format!("o={},{base}", dn_value(&domain.name));
            write(&domain_entry(&dn, &domain));
            for user in self.tables.all_users(&txn, Some(&domain.name))? {
                write(&user_entry(&dn, &user));
            }
        }
        Ok(())
    }

    /// Takes entries in. The error names the line of the entry that is at fault; then nothing was changed.
    pub fn import(&self, entries: &[LdifEntry]) -> Result<Imported, LdifError> {
        let mut failed_at = 1;
        let done = self.change(|txn| {
            let mut done = Imported::default();
            let mut places = Places::default();
            for entry in entries.iter().filter(|entry| has_class(entry, &DOMAIN_CLASSES)) {
                failed_at = entry.line;
                self.import_domain(txn, entry, &mut places)?;
                done.domains += 1;
            }
            for entry in entries {
                failed_at = entry.line;
                done.binary += entry.binary;
                if has_class(entry, &USER_CLASSES) {
                    self.import_user(txn, entry, &places)?;
                    done.users += 1;
                } else if !has_class(entry, &DOMAIN_CLASSES) {
                    done.others += 1;
                }
            }
            Ok(done)
        });
        done.map_err(|error| LdifError::new(failed_at, error))
    }

    fn import_domain(
        &self,
        txn: &mut RwTxn<'_>,
        entry: &LdifEntry,
        places: &mut Places,
    ) -> Result<(), AdminError> {
        let name = names::domain(&domain_name(entry))?;
        let known = self.tables.domain(txn, &name)?;
        let mut record = known.unwrap_or_else(|| DomainRecord::new(name.clone()));
        for Attribute { name, values } in attributes(entry) {
            record.set(&name, values)?;
        }
        self.tables.put_domain(txn, &record)?;
        self.check_store_ids(txn, &record)?;
        places.by_dn.insert(dn_parts(&entry.dn), name.clone());
        if let Some(users) = first(entry, "inetDomainBaseDN") {
            places.by_dn.insert(dn_parts(users), name);
        }
        Ok(())
    }

    fn import_user(
        &self,
        txn: &mut RwTxn<'_>,
        entry: &LdifEntry,
        places: &Places,
    ) -> Result<(), AdminError> {
        let bad = |reason: &str| AdminError::BadAttribute {
            attribute: entry.dn.clone(),
            reason: reason.to_owned(),
        };
        let uid = names::uid(first(entry, "uid").ok_or_else(|| bad("a user has a uid"))?)?;
        let of_mail =
            || first(entry, "mail").and_then(split_address).map(|(_, domain)| fold(domain));
        let domain = places.above(&entry.dn).or_else(of_mail);
        let domain = domain.ok_or_else(|| bad("no domain stands above, and there is no mail"))?;
        let domain = names::domain(&domain)?;
        let home = self.tables.domain(txn, &domain)?;
        let home = home.ok_or_else(|| AdminError::UnknownDomain(domain.clone()))?;
        let known = self.tables.user(txn, &uid, &domain)?;
        let own = format!("{uid}@{domain}");
        let mut record = known.unwrap_or_else(|| UserRecord::new(uid, domain, own));
        for Attribute { name, mut values } in attributes(entry) {
            // A name in other languages too; one is kept.
            let most = if name.eq_ignore_ascii_case("cn") { 1 } else { values.len() };
            values.truncate(most);
            record.set(&name, values)?;
        }
        self.check_store_id(&home, &record)?;
        self.check_addresses(txn, &record)?;
        Ok(self.tables.put_user(txn, &record)?)
    }
}

/// The domains of the entries that users stand below.
#[derive(Default)]
struct Places {
    by_dn: BTreeMap<Vec<String>, String>,
}

impl Places {
    fn above(&self, dn: &str) -> Option<String> {
        let parts = dn_parts(dn);
        (1..parts.len()).find_map(|from| self.by_dn.get(&parts[from..])).cloned()
    }
}

fn first<'a>(entry: &'a LdifEntry, attribute: &str) -> Option<&'a str> {
    let mut values = entry.values.iter();
    let found = values.find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.map(|(_, value)| value.as_str())
}

fn has_class(entry: &LdifEntry, classes: &[&str]) -> bool {
    let own = entry.values.iter().filter(|(name, _)| name.eq_ignore_ascii_case("objectclass"));
    own.into_iter()
        .any(|(_, own)| classes.iter().any(|class| class.eq_ignore_ascii_case(own.trim())))
}

/// What the entry says, else what its name does: `dc=a,dc=b` is a.b (RFC 2247), `o=a.b` too.
fn domain_name(entry: &LdifEntry) -> String {
    let said = ["sunPreferredDomain", "inetCanonicalDomainName"];
    if let Some(name) = said.iter().find_map(|attribute| first(entry, attribute)) {
        return name.to_owned();
    }
    let parts = dn_parts(&entry.dn);
    let labels: Vec<&str> = parts.iter().map_while(|part| part.strip_prefix("dc=")).collect();
    let organisation = parts.first().and_then(|part| part.strip_prefix("o="));
    organisation.map_or_else(|| labels.join("."), str::to_owned)
}

/// The attributes that are kept, each with its values. One with options, such as a language, is left out.
fn attributes(entry: &LdifEntry) -> Vec<Attribute> {
    let mut gathered: Vec<Attribute> = Vec::new();
    for (name, value) in entry.values.iter().filter(|(_, value)| !value.is_empty()) {
        let lower = name.to_ascii_lowercase();
        if LEFT_OUT.contains(&lower.as_str()) || name.contains(';') {
            continue;
        }
        match gathered.iter_mut().find(|own| own.name.eq_ignore_ascii_case(name)) {
            Some(own) => own.values.push(value.clone()),
            None => gathered.push(Attribute::new(name, vec![value.clone()])),
        }
    }
    gathered
}

fn domain_entry(dn: &str, domain: &DomainRecord) -> String {
    let mut entry = begun(dn);
    push(&mut entry, "objectClass", &["top", "organization", "inetDomain", "mailDomain"]);
    push(&mut entry, "objectClass", &["sunManagedOrganization"]);
    push(&mut entry, "o", &[domain.name.as_str()]);
    push(&mut entry, "sunPreferredDomain", &[domain.name.as_str()]);
    for Attribute { name, values } in domain.attributes() {
        if name != "objectClass" {
            push(&mut entry, &name, &values);
        }
    }
    entry.push_str(&begun(&format!("ou=People,{dn}")));
    push(&mut entry, "objectClass", &["top", "organizationalUnit"]);
    push(&mut entry, "ou", &["People"]);
    entry
}

/// LDAP demands a common name and a surname of every person.
fn user_entry(domain_dn: &str, user: &UserRecord) -> String {
    let mut entry = begun(&format!("uid={},ou=People,{domain_dn}", dn_value(&user.uid)));
    let attributes = user.attributes();
    for Attribute { name, values } in &attributes {
        push(&mut entry, name, values);
    }
    let lacks = |name: &str| !attributes.iter().any(|own| own.name.eq_ignore_ascii_case(name));
    let cn = user.cn.as_deref().unwrap_or(&user.uid);
    if lacks("cn") {
        push(&mut entry, "cn", &[cn]);
    }
    if lacks("sn") {
        push(&mut entry, "sn", &[cn.split_whitespace().last().unwrap_or(cn)]);
    }
    entry
}

fn begun(dn: &str) -> String {
    format!("\n{}\n", ldif_line("dn", dn))
}

fn push(entry: &mut String, name: &str, values: &[impl AsRef<str>]) {
    for value in values {
        entry.push_str(&attribute_line(name, value.as_ref()));
        entry.push('\n');
    }
}
