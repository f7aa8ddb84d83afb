//! Changes to the embedded directory: what the tools call.

use super::records::{Attribute, DomainRecord, MAX_ALTERNATE_ADDRESSES, UserRecord};
use super::tables;
use super::{EmbeddedDirectory, names};
use crate::contract::DirectoryError;
use crate::model::{Domain, MailStatus, User};
use crate::password::{PasswordError, StoredPassword};
use crate::store_id::store_id;
use heed::RwTxn;
use std::fmt;
use waypost_types::Secret;

/// A user to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The login name inside the domain.
    pub uid: String,
    /// The domain, which must exist.
    pub domain: String,
    /// The password, or its hash for [`EmbeddedDirectory::add_user_with_hash`].
    pub password: Secret<String>,
    /// The person's name.
    pub cn: Option<String>,
    /// The primary address; `None` means `uid@domain`.
    pub mail: Option<String>,
    /// Further addresses that deliver to this user.
    pub mail_alternate_addresses: Vec<String>,
    /// `mailQuota`; `None` is the server's default.
    pub quota: Option<String>,
    /// `mailMsgQuota`; `None` is the server's default.
    pub message_quota: Option<String>,
}

/// Why a change was refused. The texts are for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminError {
    /// The domain is there already.
    DomainExists(String),
    /// The domain is not there.
    UnknownDomain(String),
    /// The user is there already.
    UserExists(String),
    /// The user is not there.
    UnknownUser(String),
    /// The address belongs to another user.
    AddressTaken {
        /// The address.
        address: String,
        /// Who has it.
        owner: String,
    },
    /// More than the named number of alternate addresses.
    TooManyAddresses(usize),
    /// A name that cannot be accepted.
    BadName {
        /// What the name stands for.
        what: &'static str,
        /// The name as given.
        name: String,
        /// What would be accepted.
        rule: String,
    },
    /// An attribute or a value of one that cannot be accepted.
    BadAttribute {
        /// The attribute as given.
        attribute: String,
        /// What would be accepted.
        reason: String,
    },
    /// A password that cannot be accepted.
    Password(PasswordError),
    /// The directory itself failed.
    Directory(DirectoryError),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DomainExists(name) => write!(f, "the domain {name} exists already"),
            Self::UnknownDomain(name) => {
                write!(f, "there is no domain {name}; `waypost domain add {name}` adds it")
            }
            Self::UserExists(user) => write!(f, "the user {user} exists already"),
            Self::UnknownUser(user) => {
                write!(f, "there is no user {user}; `waypost user list` shows who is there")
            }
            Self::AddressTaken { address, owner } => {
                write!(f, "the address {address} belongs to {owner}")
            }
            Self::TooManyAddresses(most) => write!(f, "a user has at most {most} addresses"),
            Self::BadName { what, name, rule } => write!(f, "{name:?} is no {what}: {rule}"),
            Self::BadAttribute { attribute, reason } => write!(f, "{attribute}: {reason}"),
            Self::Password(error) => write!(f, "{error}"),
            Self::Directory(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for AdminError {}

impl From<DirectoryError> for AdminError {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

impl EmbeddedDirectory {
    /// Adds a domain.
    pub fn add_domain(&self, name: &str) -> Result<Domain, AdminError> {
        let name = names::domain(name)?;
        self.change(|txn| {
            if self.tables.domain(txn, &name)?.is_some() {
                return Err(AdminError::DomainExists(name.clone()));
            }
            let record = DomainRecord::new(name.clone());
            self.tables.put_domain(txn, &record)?;
            Ok(record.into())
        })
    }

    /// Every domain in the order of names.
    pub fn list_domains(&self) -> Result<Vec<Domain>, AdminError> {
        let txn = tables::read(&self.env)?;
        let records = self.tables.all_domains(&txn)?;
        Ok(records.into_iter().map(Domain::from).collect())
    }

    /// Changes the status of a domain's mail service.
    pub fn set_domain_status(&self, name: &str, status: MailStatus) -> Result<(), AdminError> {
        let value = vec![status.name().to_owned()];
        self.set_domain_attributes(name, &[Attribute::new("mailDomainStatus", value)])
    }

    /// Gives attributes of a domain other values; an attribute without values is taken away.
    pub fn set_domain_attributes(
        &self,
        name: &str,
        attributes: &[Attribute],
    ) -> Result<(), AdminError> {
        let name = names::domain(name)?;
        self.change(|txn| {
            let record = self.tables.domain(txn, &name)?;
            let mut record = record.ok_or_else(|| AdminError::UnknownDomain(name.clone()))?;
            for Attribute { name, values } in attributes {
                record.set(name, values.clone())?;
            }
            self.tables.put_domain(txn, &record)?;
            self.check_store_ids(txn, &record)
        })
    }

    /// Every attribute of a domain.
    pub fn domain_attributes(&self, name: &str) -> Result<Vec<Attribute>, AdminError> {
        let name = names::domain(name)?;
        let txn = tables::read(&self.env)?;
        let record = self.tables.domain(&txn, &name)?;
        Ok(record.ok_or(AdminError::UnknownDomain(name))?.attributes())
    }

    /// Gives attributes of a user other values; an attribute without values is taken away. All of them or
    /// none are changed.
    pub fn set_attributes(
        &self,
        uid: &str,
        domain: &str,
        attributes: &[Attribute],
    ) -> Result<User, AdminError> {
        let (uid, domain) = (names::uid(uid)?, names::domain(domain)?);
        let changed = self.change(|txn| {
            let record = self.tables.user(txn, &uid, &domain)?;
            let mut record =
                record.ok_or_else(|| AdminError::UnknownUser(format!("{uid}@{domain}")))?;
            for Attribute { name, values } in attributes {
                record.set(name, values.clone())?;
            }
            self.check_addresses(txn, &record)?;
            self.tables.put_user(txn, &record)?;
            Ok(record)
        })?;
        Ok(self.user(changed)?)
    }

    /// Every attribute of a user, the hash of the password included.
    pub fn attributes(&self, uid: &str, domain: &str) -> Result<Vec<Attribute>, AdminError> {
        let (uid, domain) = (names::uid(uid)?, names::domain(domain)?);
        let txn = tables::read(&self.env)?;
        let record = self.tables.user(&txn, &uid, &domain)?;
        let record = record.ok_or_else(|| AdminError::UnknownUser(format!("{uid}@{domain}")))?;
        Ok(record.attributes())
    }

    /// Adds a user. Hashes the password first, which takes tens of milliseconds.
    pub fn add_user(&self, new: &NewUser) -> Result<User, AdminError> {
        self.add(new, StoredPassword::hash(&new.password))
    }

    /// Adds a user whose password is given as a hash of a scheme that is read.
    pub fn add_user_with_hash(&self, new: &NewUser) -> Result<User, AdminError> {
        self.add(new, StoredPassword::read(new.password.expose()))
    }

    fn add(
        &self,
        new: &NewUser,
        password: Result<StoredPassword, PasswordError>,
    ) -> Result<User, AdminError> {
        let mut record = new_record(new)?;
        record.user_password = password.map_err(AdminError::Password)?.as_text().to_owned();
        let added = self.change(|txn| {
            self.check_new(txn, &record)?;
            self.tables.put_user(txn, &record)?;
            Ok(record.clone())
        })?;
        Ok(self.user(added)?)
    }

    /// Gives a user another password.
    pub fn set_password(
        &self,
        uid: &str,
        domain: &str,
        password: &Secret<String>,
    ) -> Result<(), AdminError> {
        let stored = StoredPassword::hash(password).map_err(AdminError::Password)?;
        self.change_user(uid, domain, |record| {
            record.user_password = stored.as_text().to_owned();
        })
    }

    /// Changes a user's `mailUserStatus`: `Disabled` shuts the account, `Active` opens it.
    pub fn set_status(
        &self,
        uid: &str,
        domain: &str,
        status: MailStatus,
    ) -> Result<(), AdminError> {
        self.change_user(uid, domain, |record| record.mail_user_status = status)
    }

    /// Removes a user and its addresses from the directory. Stored mail is not touched.
    pub fn delete_user(&self, uid: &str, domain: &str) -> Result<(), AdminError> {
        let (uid, domain) = (names::uid(uid)?, names::domain(domain)?);
        self.change(|txn| {
            if self.tables.remove_user(txn, &uid, &domain)? {
                return Ok(());
            }
            Err(AdminError::UnknownUser(format!("{uid}@{domain}")))
        })
    }

    /// Every user, of one domain or of all, in the order of domain and uid.
    pub fn list_users(&self, domain: Option<&str>) -> Result<Vec<User>, AdminError> {
        let domain = domain.map(names::domain).transpose()?;
        let txn = tables::read(&self.env)?;
        if let Some(name) = &domain
            && self.tables.domain(&txn, name)?.is_none()
        {
            return Err(AdminError::UnknownDomain(name.clone()));
        }
        let records = self.tables.all_users(&txn, domain.as_deref())?;
        records.into_iter().map(|record| self.user(record).map_err(AdminError::from)).collect()
    }

    fn check_new(&self, txn: &RwTxn<'_>, record: &UserRecord) -> Result<(), AdminError> {
        let Some(domain) = self.tables.domain(txn, &record.domain)? else {
            return Err(AdminError::UnknownDomain(record.domain.clone()));
        };
        self.check_store_id(&domain, record)?;
        if self.tables.user(txn, &record.uid, &record.domain)?.is_some() {
            return Err(AdminError::UserExists(format!("{}@{}", record.uid, record.domain)));
        }
        self.check_addresses(txn, record)
    }

    /// Whether all users of a domain have store ids under its rule of uids.
    pub(super) fn check_store_ids(
        &self,
        txn: &RwTxn<'_>,
        domain: &DomainRecord,
    ) -> Result<(), AdminError> {
        if domain.first("domainUidSeparator").is_none() {
            return Ok(());
        }
        let users = self.tables.all_users(txn, Some(&domain.name))?;
        users.iter().try_for_each(|user| self.check_store_id(domain, user))
    }

    /// Whether a user's uid gives a store id.
    pub(super) fn check_store_id(
        &self,
        domain: &DomainRecord,
        user: &UserRecord,
    ) -> Result<(), AdminError> {
        let separator = domain.first("domainUidSeparator");
        let id = store_id(&user.uid, &domain.name, separator.as_deref(), &self.default_domain);
        let refused = |reason| AdminError::BadAttribute {
            attribute: format!("{}@{}", user.uid, user.domain),
            reason: format!("the uid {reason}"),
        };
        id.map(drop).map_err(refused)
    }

    /// Whether every address lies in a domain of ours and belongs to nobody else.
    pub(super) fn check_addresses(
        &self,
        txn: &RwTxn<'_>,
        record: &UserRecord,
    ) -> Result<(), AdminError> {
        record.addresses().try_for_each(|address| self.check_free(txn, address, record))
    }

    fn check_free(
        &self,
        txn: &RwTxn<'_>,
        address: &str,
        record: &UserRecord,
    ) -> Result<(), AdminError> {
        let (_, domain) = names::address(address)?;
        if self.tables.domain(txn, &domain)?.is_none() {
            return Err(AdminError::UnknownDomain(domain));
        }
        match self.tables.owner(txn, address)? {
            None => Ok(()),
            Some((uid, domain)) if uid == record.uid && domain == record.domain => Ok(()),
            Some((uid, domain)) => Err(AdminError::AddressTaken {
                address: address.to_owned(),
                owner: format!("{uid}@{domain}"),
            }),
        }
    }

    fn change_user(
        &self,
        uid: &str,
        domain: &str,
        change: impl FnOnce(&mut UserRecord),
    ) -> Result<(), AdminError> {
        let (uid, domain) = (names::uid(uid)?, names::domain(domain)?);
        self.change(|txn| {
            let record = self.tables.user(txn, &uid, &domain)?;
            let mut record =
                record.ok_or_else(|| AdminError::UnknownUser(format!("{uid}@{domain}")))?;
            change(&mut record);
            Ok(self.tables.put_user(txn, &record)?)
        })
    }

    /// Runs one change in one transaction, raising the generation with it; a refusal leaves no trace.
    pub(super) fn change<T>(
        &self,
        step: impl FnOnce(&mut RwTxn<'_>) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let mut txn = tables::write(&self.env)?;
        let done = step(&mut txn)?;
        self.tables.raise_generation(&mut txn)?;
        txn.commit().map_err(|error| tables::storage_error("commit the change", &error))?;
        Ok(done)
    }
}

fn new_record(new: &NewUser) -> Result<UserRecord, AdminError> {
    let (uid, domain) = (names::uid(&new.uid)?, names::domain(&new.domain)?);
    if new.mail_alternate_addresses.len() > MAX_ALTERNATE_ADDRESSES {
        return Err(AdminError::TooManyAddresses(MAX_ALTERNATE_ADDRESSES));
    }
    let own = format!("{uid}@{domain}");
    let (mail, _) = names::address(new.mail.as_deref().unwrap_or(&own))?;
    let alternates = new.mail_alternate_addresses.iter().map(|text| names::address(text));
    let mut alternates =
        alternates.map(|checked| checked.map(|(a, _)| a)).collect::<Result<Vec<_>, _>>()?;
    alternates.sort();
    alternates.dedup();
    alternates.retain(|address| *address != mail);
    let mut record = UserRecord::new(uid, domain, mail);
    record.cn.clone_from(&new.cn);
    record.mail_alternate_addresses = alternates;
    record.set("mailQuota", new.quota.iter().cloned().collect())?;
    record.set("mailMsgQuota", new.message_quota.iter().cloned().collect())?;
    Ok(record)
}
