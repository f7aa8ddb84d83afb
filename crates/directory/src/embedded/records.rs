//! Users and domains as they are stored, and their attributes by name.
//!
//! What logins and deliveries need has a field of its own; every further attribute of the schema or of the
//! administrator's choice is kept beside them, so that filters can ask for it and an export loses nothing.

use super::admin::AdminError;
use super::codec::Stored;
use super::names;
use crate::model::{Domain, InetStatus, MailStatus};
use crate::password::StoredPassword;
use crate::quota::{Quota, QuotaValue, UserQuota};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use waypost_ldap_filter::{Entry, Template};

/// The most alternate addresses of one user; the record stays within one LMDB page chain.
pub(super) const MAX_ALTERNATE_ADDRESSES: usize = 100;
/// The most further attributes of one entry.
const MAX_ATTRIBUTES: usize = 64;
/// The most values of one further attribute.
const MAX_VALUES: usize = 64;
/// The longest value in bytes; the longest filter fits.
const MAX_VALUE_BYTES: usize = 4_096;
/// The longest name of an attribute in bytes.
const MAX_NAME_BYTES: usize = 64;
/// The most bytes of all further attributes of one entry.
const MAX_ENTRY_BYTES: usize = 65_536;

/// The object classes that every user has.
const USER_CLASSES: [&str; 6] =
    ["top", "person", "organizationalPerson", "inetOrgPerson", "inetUser", "inetMailUser"];

/// An attribute with its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The name, spelt as the schema does or as it was set.
    pub name: String,
    /// The values, at least one.
    pub values: Vec<String>,
}

impl Attribute {
    pub(super) fn new(name: &str, values: Vec<String>) -> Self {
        Self { name: name.to_owned(), values }
    }
}

/// A user as stored. The order of fields is the format. No debug text: it would show the hash.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct UserRecord {
    pub(super) uid: String,
    pub(super) domain: String,
    /// The hash; empty when there is none, and then no password is right.
    pub(super) user_password: String,
    pub(super) cn: Option<String>,
    pub(super) mail: String,
    pub(super) mail_alternate_addresses: Vec<String>,
    pub(super) mail_equivalent_addresses: Vec<String>,
    pub(super) mail_host: Option<String>,
    pub(super) mail_quota: Option<Quota>,
    pub(super) mail_user_status: MailStatus,
    pub(super) inet_user_status: InetStatus,
    pub(super) mail_allowed_service_access: Option<String>,
    pub(super) further: Vec<Attribute>,
}

/// A domain as stored. The order of fields is the format.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DomainRecord {
    pub(super) name: String,
    pub(super) inet_domain_status: InetStatus,
    pub(super) mail_domain_status: MailStatus,
    pub(super) mail_domain_allowed_service_access: Option<String>,
    pub(super) inet_domain_search_filter: Option<String>,
    pub(super) further: Vec<Attribute>,
}

/// The last field of version 1 was followed by nothing; what came later is empty.
impl Stored for UserRecord {
    fn from_version_1(content: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(&[content, &[0]].concat())
    }
}

impl Stored for DomainRecord {
    fn from_version_1(content: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(&[content, &[0, 0]].concat())
    }
}

impl From<DomainRecord> for Domain {
    fn from(record: DomainRecord) -> Self {
        Self {
            domain_uid_separator: record.first("domainUidSeparator"),
            name: record.name,
            inet_domain_status: record.inet_domain_status,
            mail_domain_status: record.mail_domain_status,
            mail_domain_allowed_service_access: record.mail_domain_allowed_service_access,
            inet_domain_search_filter: record.inet_domain_search_filter,
        }
    }
}

impl UserRecord {
    /// A user without anything but a name and an address.
    pub(super) fn new(uid: String, domain: String, mail: String) -> Self {
        Self {
            uid,
            domain,
            user_password: String::new(),
            cn: None,
            mail,
            mail_alternate_addresses: Vec::new(),
            mail_equivalent_addresses: Vec::new(),
            mail_host: None,
            mail_quota: None,
            mail_user_status: MailStatus::Active,
            inet_user_status: InetStatus::Active,
            mail_allowed_service_access: None,
            further: Vec::new(),
        }
    }

    /// What the user may store.
    pub(super) fn quota(&self, entry: &str) -> UserQuota {
        let value = |name| self.first(name);
        let read =
            UserQuota::read(entry, value("mailQuota").as_deref(), value("mailMsgQuota").as_deref());
        UserQuota { bytes: self.mail_quota.or(read.bytes), ..read }
    }

    /// The first value of a further attribute.
    pub(super) fn first(&self, name: &str) -> Option<String> {
        first(&self.further, name)
    }

    /// A total is a number; with limits of folders beside it the value stays as it was written.
    fn set_mail_quota(&mut self, name: &str, values: Vec<String>) -> Result<(), AdminError> {
        let value = quota(name, values)?;
        set_further(&mut self.further, name, Vec::new())?;
        self.mail_quota = None;
        match value {
            Some((text, value)) if value.has_parts => {
                set_further(&mut self.further, "mailQuota", vec![text])?;
            }
            Some((_, value)) => self.mail_quota = value.total,
            None => {}
        }
        Ok(())
    }

    /// Every address that delivers here.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        let alternates = self.mail_alternate_addresses.iter();
        let all = alternates.chain(&self.mail_equivalent_addresses);
        std::iter::once(&self.mail).chain(all).map(String::as_str)
    }

    /// Every attribute, the hash included.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let known = [
            ("objectClass", USER_CLASSES.map(str::to_owned).to_vec()),
            ("uid", vec![self.uid.clone()]),
            ("cn", self.cn.iter().cloned().collect()),
            ("mail", vec![self.mail.clone()]),
            ("mailAlternateAddress", self.mail_alternate_addresses.clone()),
            ("mailEquivalentAddress", self.mail_equivalent_addresses.clone()),
            ("mailHost", self.mail_host.iter().cloned().collect()),
            ("mailQuota", self.mail_quota.iter().map(|quota| quota_text(*quota)).collect()),
            ("mailUserStatus", vec![self.mail_user_status.name().to_owned()]),
            ("inetUserStatus", vec![self.inet_user_status.name().to_owned()]),
            (
                "mailAllowedServiceAccess",
                self.mail_allowed_service_access.iter().cloned().collect(),
            ),
            (
                "userPassword",
                Some(&self.user_password).filter(|p| !p.is_empty()).into_iter().cloned().collect(),
            ),
        ];
        listed(known, &self.further)
    }

    /// Gives an attribute these values instead of those it has; none takes it away.
    pub(super) fn set(&mut self, name: &str, values: Vec<String>) -> Result<(), AdminError> {
        match name.to_ascii_lowercase().as_str() {
            "uid" => return refuse(name, "a user keeps the uid; add another user instead"),
            "objectclass" => return refuse(name, "every user has the same object classes"),
            "userpassword" => self.user_password = password(name, values)?,
            "cn" => self.cn = at_most_one(name, values)?,
            "mail" => {
                let mail = at_most_one(name, values)?;
                let Some(mail) = mail else { return refuse(name, "a user has a primary address") };
                self.mail = names::address(&mail)?.0;
            }
            "mailalternateaddress" => self.mail_alternate_addresses = addresses(&values)?,
            "mailequivalentaddress" => self.mail_equivalent_addresses = addresses(&values)?,
            "mailhost" => self.mail_host = at_most_one(name, values)?,
            "mailquota" => self.set_mail_quota(name, values)?,
            "mailmsgquota" => {
                let value = quota(name, values)?.map(|(text, _)| text);
                set_further(&mut self.further, name, value.into_iter().collect())?;
            }
            "mailmessagestore" => {
                let value = at_most_one(name, values)?;
                set_further(&mut self.further, name, value.into_iter().collect())?;
            }
            "mailuserstatus" => self.mail_user_status = mail_status(name, values)?,
            "inetuserstatus" => self.inet_user_status = inet_status(name, values)?,
            "mailallowedserviceaccess" => {
                self.mail_allowed_service_access = at_most_one(name, values)?;
            }
            _ => set_further(&mut self.further, name, values)?,
        }
        let mail = self.mail.clone();
        self.mail_alternate_addresses.retain(|address| *address != mail);
        self.mail_equivalent_addresses.retain(|address| *address != mail);
        Ok(())
    }
}

impl Entry for UserRecord {
    fn values(&self, attribute: &str) -> Vec<Cow<'_, str>> {
        let one = |value: Option<&'_ String>| value.map(|v| v.as_str().to_owned());
        let all = |values: &[String]| values.iter().cloned().map(Cow::Owned).collect();
        let single = match attribute {
            "objectclass" => return USER_CLASSES.map(Cow::Borrowed).to_vec(),
            "mailalternateaddress" => return all(&self.mail_alternate_addresses),
            "mailequivalentaddress" => return all(&self.mail_equivalent_addresses),
            "uid" => one(Some(&self.uid)),
            "cn" => one(self.cn.as_ref()),
            "mail" => one(Some(&self.mail)),
            "mailhost" => one(self.mail_host.as_ref()),
            "mailquota" if self.mail_quota.is_some() => self.mail_quota.map(quota_text),
            "mailuserstatus" => Some(self.mail_user_status.name().to_owned()),
            "inetuserstatus" => Some(self.inet_user_status.name().to_owned()),
            "mailallowedserviceaccess" => one(self.mail_allowed_service_access.as_ref()),
            _ => return further_values(&self.further, attribute),
        };
        single.map(Cow::Owned).into_iter().collect()
    }
}

impl DomainRecord {
    /// The first value of a further attribute.
    pub(super) fn first(&self, name: &str) -> Option<String> {
        first(&self.further, name)
    }

    /// A domain that is open.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            inet_domain_status: InetStatus::Active,
            mail_domain_status: MailStatus::Active,
            mail_domain_allowed_service_access: None,
            inet_domain_search_filter: None,
            further: Vec::new(),
        }
    }

    /// Every attribute.
    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let optional = |value: &Option<String>| value.iter().cloned().collect();
        let known = [
            ("objectClass", vec!["top".to_owned(), "domain".to_owned(), "mailDomain".to_owned()]),
            ("inetDomainStatus", vec![self.inet_domain_status.name().to_owned()]),
            ("mailDomainStatus", vec![self.mail_domain_status.name().to_owned()]),
            ("mailDomainAllowedServiceAccess", optional(&self.mail_domain_allowed_service_access)),
            ("inetDomainSearchFilter", optional(&self.inet_domain_search_filter)),
        ];
        listed(known, &self.further)
    }

    /// Gives an attribute these values instead of those it has; none takes it away.
    pub(super) fn set(&mut self, name: &str, values: Vec<String>) -> Result<(), AdminError> {
        match name.to_ascii_lowercase().as_str() {
            "objectclass" | "dc" => return refuse(name, "it follows from the domain's name"),
            "inetdomainstatus" => self.inet_domain_status = inet_status(name, values)?,
            "maildomainstatus" => self.mail_domain_status = mail_status(name, values)?,
            "maildomainallowedserviceaccess" => {
                self.mail_domain_allowed_service_access = at_most_one(name, values)?;
            }
            "inetdomainsearchfilter" => {
                self.inet_domain_search_filter = search_filter(name, at_most_one(name, values)?)?;
            }
            "domainuidseparator" => {
                let value = separator(name, at_most_one(name, values)?)?;
                set_further(&mut self.further, name, value.into_iter().collect())?;
            }
            _ => set_further(&mut self.further, name, values)?,
        }
        Ok(())
    }
}

/// The attributes that have values, the further ones last.
fn listed<const N: usize>(
    known: [(&str, Vec<String>); N],
    further: &[Attribute],
) -> Vec<Attribute> {
    let known = known.into_iter().filter(|(_, values)| !values.is_empty());
    let known = known.map(|(name, values)| Attribute::new(name, values));
    known.chain(further.iter().cloned()).collect()
}

fn first(further: &[Attribute], name: &str) -> Option<String> {
    let own = further.iter().find(|own| own.name.eq_ignore_ascii_case(name))?;
    own.values.first().cloned()
}

fn further_values<'a>(further: &'a [Attribute], attribute: &str) -> Vec<Cow<'a, str>> {
    let own = further.iter().filter(|own| own.name.eq_ignore_ascii_case(attribute));
    own.flat_map(|own| own.values.iter().map(|value| Cow::Borrowed(value.as_str()))).collect()
}

fn set_further(
    further: &mut Vec<Attribute>,
    name: &str,
    values: Vec<String>,
) -> Result<(), AdminError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let starts_well = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    if !starts_well || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_letter) {
        return refuse(
            name,
            "the name of an attribute has letters, digits and `-`, and begins with a letter",
        );
    }
    further.retain(|own| !own.name.eq_ignore_ascii_case(name));
    if values.is_empty() {
        return Ok(());
    }
    for value in &values {
        if value.is_empty() || value.len() > MAX_VALUE_BYTES || value.contains('\0') {
            return refuse(name, &format!("a value has 1 to {MAX_VALUE_BYTES} bytes and no NUL"));
        }
    }
    let bytes = |attribute: &Attribute| attribute.values.iter().map(String::len).sum::<usize>();
    let attribute = Attribute::new(name, values);
    let total = further.iter().map(bytes).sum::<usize>() + bytes(&attribute);
    let fits = attribute.values.len() <= MAX_VALUES && further.len() < MAX_ATTRIBUTES;
    if !fits || total > MAX_ENTRY_BYTES {
        return refuse(
            name,
            &format!(
                "an entry has at most {MAX_ATTRIBUTES} further attributes of {MAX_VALUES} values, \
                 {MAX_ENTRY_BYTES} bytes together"
            ),
        );
    }
    further.push(attribute);
    further.sort_by_cached_key(|own| own.name.to_ascii_lowercase());
    Ok(())
}

fn check_value(name: &str, value: &str) -> Result<(), AdminError> {
    if value.is_empty() || value.len() > MAX_VALUE_BYTES || value.chars().any(char::is_control) {
        let rule = format!("a value has 1 to {MAX_VALUE_BYTES} bytes and no control character");
        return refuse(name, &rule);
    }
    Ok(())
}

fn refuse<T>(attribute: &str, reason: &str) -> Result<T, AdminError> {
    let (attribute, reason) = (attribute.to_owned(), reason.to_owned());
    Err(AdminError::BadAttribute { attribute, reason })
}

fn at_most_one(name: &str, mut values: Vec<String>) -> Result<Option<String>, AdminError> {
    if values.len() > 1 {
        return refuse(name, "this attribute has one value");
    }
    values.iter().try_for_each(|value| check_value(name, value))?;
    Ok(values.pop())
}

fn password(name: &str, values: Vec<String>) -> Result<String, AdminError> {
    let Some(text) = at_most_one(name, values)? else { return Ok(String::new()) };
    let stored = StoredPassword::read(&text).map_err(AdminError::Password)?;
    Ok(stored.as_text().to_owned())
}

/// One character that a uid may hold and that login names and mailboxes do not use themselves.
fn separator(name: &str, value: Option<String>) -> Result<Option<String>, AdminError> {
    let Some(text) = value else { return Ok(None) };
    let fits = |c: char| c != '@' && crate::store_id::forbidden_uid(&format!("a{c}a")).is_none();
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if fits(letter) && !letter.is_alphanumeric() => Ok(Some(text)),
        _ => refuse(name, "it is one character that is no letter, digit or @, such as _"),
    }
}

fn addresses(values: &[String]) -> Result<Vec<String>, AdminError> {
    if values.len() > MAX_ALTERNATE_ADDRESSES {
        return Err(AdminError::TooManyAddresses(MAX_ALTERNATE_ADDRESSES));
    }
    let checked = values.iter().map(|text| names::address(text).map(|(address, _)| address));
    let mut checked = checked.collect::<Result<Vec<_>, _>>()?;
    checked.sort();
    checked.dedup();
    Ok(checked)
}

/// A quota as written and as read; unlike a directory's value, one that is set here must be right.
fn quota(name: &str, values: Vec<String>) -> Result<Option<(String, QuotaValue)>, AdminError> {
    let Some(text) = at_most_one(name, values)? else { return Ok(None) };
    match QuotaValue::parse(&text) {
        Some(value) => Ok(Some((text, value))),
        None => refuse(
            name,
            "write a number with or without K, M or G, -1 for no limit, or -2 for the default",
        ),
    }
}

fn quota_text(quota: Quota) -> String {
    match quota {
        Quota::AtMost(bytes) => bytes.to_string(),
        Quota::Unlimited => "-1".to_owned(),
    }
}

/// Unlike a directory's values, those that somebody sets here are refused when they are unknown.
fn mail_status(name: &str, values: Vec<String>) -> Result<MailStatus, AdminError> {
    let value = at_most_one(name, values)?;
    let status = MailStatus::from_attribute(value.as_deref());
    let known = MailStatus::ALL.map(MailStatus::name);
    known_status(name, value.as_deref(), &known, status)
}

fn inet_status(name: &str, values: Vec<String>) -> Result<InetStatus, AdminError> {
    let value = at_most_one(name, values)?;
    let status = InetStatus::from_attribute(value.as_deref());
    known_status(name, value.as_deref(), &["active", "inactive", "deleted"], status)
}

fn known_status<S>(
    name: &str,
    value: Option<&str>,
    known: &[&str],
    status: S,
) -> Result<S, AdminError> {
    let is_known = |value: &str| known.iter().any(|known| known.eq_ignore_ascii_case(value.trim()));
    if value.is_none_or(is_known) {
        return Ok(status);
    }
    refuse(name, &format!("the values are {}", known.join(", ")))
}

fn search_filter(name: &str, text: Option<String>) -> Result<Option<String>, AdminError> {
    let Some(text) = text else { return Ok(None) };
    match Template::for_logins(&text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => refuse(name, &format!("{error} in {text}")),
    }
}
