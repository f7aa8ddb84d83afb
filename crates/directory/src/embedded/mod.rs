//! The embedded directory: a small LMDB environment that tools write and workers read.
//!
//! Several processes share it. Writers exclude each other by LMDB's own lock; a reader sees the last
//! commit and needs write access to nothing but `lock.mdb`. Each change raises the generation number
//! in the same commit, which is how workers know that remembered credentials are stale.

mod admin;
mod certificates;
mod codec;
mod environment;
mod names;
mod records;
mod search;
mod tables;
mod transfer;

pub use admin::{AdminError, NewUser};
pub use records::Attribute;
pub use transfer::Imported;

use crate::address::fold;
use crate::contract::{Directory, DirectoryError, Found, PasswordVerdict};
use crate::model::{Domain, User};
use crate::password::{PasswordError, StoredPassword};
use crate::store_id::store_id;
use environment::{DATA_FILE, unavailable};
use heed::{CompactionOption, Env, WithoutTls};
use std::path::Path;
use tables::{Tables, storage_error};
use waypost_ldap_filter::{Filter, SearchBase};
use waypost_types::Secret;

/// The embedded directory. One process opens a path once and shares the value.
pub struct EmbeddedDirectory {
    env: Env<WithoutTls>,
    tables: Tables,
    default_domain: String,
}

impl EmbeddedDirectory {
    /// Opens an existing directory for look-ups only. Needs read access to `data.mdb` and write access to
    /// `lock.mdb`. Users of `default_domain` have store ids without a domain.
    pub fn open_read_only(path: &Path, default_domain: &str) -> Result<Self, DirectoryError> {
        let env = environment::open_read_only(path)?;
        let tables = Tables::open(&env, path)?;
        Ok(Self { env, tables, default_domain: fold(default_domain) })
    }

    /// Opens a directory for look-ups and changes; creates it (mode 0700) when it does not exist.
    pub fn open_writable(path: &Path, default_domain: &str) -> Result<Self, DirectoryError> {
        let env = environment::open_writable(path)?;
        let tables = Tables::create(&env, path)?;
        Ok(Self { env, tables, default_domain: fold(default_domain) })
    }

    /// Writes a consistent copy to `target`, a folder that is made (mode 0700); writers may go on.
    pub fn copy_to(&self, target: &Path) -> Result<(), DirectoryError> {
        environment::make_folder(target)?;
        let copied = self.env.copy_to_path(target.join(DATA_FILE), CompactionOption::Enabled);
        let synced = copied
            .map_err(|error| storage_error(&format!("copy to {}", target.display()), &error))?
            .sync_all();
        synced.map_err(|error| unavailable(target, &error))
    }

    fn user(&self, record: records::UserRecord) -> Result<User, DirectoryError> {
        let entry = format!("{}@{}", record.uid, record.domain);
        let domain = {
            let txn = tables::read(&self.env)?;
            self.tables.domain(&txn, &record.domain)?
        };
        let separator = domain.and_then(|domain| domain.first("domainUidSeparator"));
        let (uid, default) = (&record.uid, &self.default_domain);
        let account = store_id(uid, &record.domain, separator.as_deref(), default);
        let account = account.map_err(|reason| DirectoryError::Damaged {
            cause: format!("user {entry}: the uid {reason}"),
        })?;
        Ok(User {
            account,
            quota: record.quota(&entry),
            mail_message_store: record.first("mailMessageStore"),
            entry,
            uid: record.uid,
            domain: record.domain,
            cn: record.cn,
            mail: record.mail,
            mail_alternate_addresses: record.mail_alternate_addresses,
            mail_equivalent_addresses: record.mail_equivalent_addresses,
            mail_host: record.mail_host,
            mail_user_status: record.mail_user_status,
            inet_user_status: record.inet_user_status,
            mail_allowed_service_access: record.mail_allowed_service_access,
        })
    }
}

impl Directory for EmbeddedDirectory {
    fn user_by_login(&self, uid: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let txn = tables::read(&self.env)?;
        let record = self.tables.user(&txn, &fold(uid), &fold(domain))?;
        record.map(|record| self.user(record)).transpose()
    }

    fn find_users(
        &self,
        domain: Option<&Domain>,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<User>, DirectoryError> {
        let records = self.search(domain.map(|domain| domain.name.as_str()), filter, most)?;
        records.into_iter().map(|record| self.user(record)).collect()
    }

    fn find_one(
        &self,
        base: &SearchBase,
        filter: &Filter,
        named: usize,
    ) -> Result<Found, DirectoryError> {
        let records = self.search_within(base, filter, named.max(2))?;
        let users = records.into_iter().map(|record| self.user(record));
        users.collect::<Result<_, _>>().map(Found::of)
    }

    fn holds_certificate(&self, user: &User, der: &[u8]) -> Result<bool, DirectoryError> {
        let txn = tables::read(&self.env)?;
        let record = self.tables.user(&txn, &user.uid, &user.domain)?;
        Ok(record.is_some_and(|record| certificates::holds(&record, der)))
    }

    fn resolve_address(&self, local: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let txn = tables::read(&self.env)?;
        let record = self.tables.user_of_address(&txn, &fold(local), &fold(domain))?;
        record.map(|record| self.user(record)).transpose()
    }

    fn domain(&self, name: &str) -> Result<Option<Domain>, DirectoryError> {
        let txn = tables::read(&self.env)?;
        let record = self.tables.domain(&txn, &fold(name))?;
        Ok(record.map(Domain::from))
    }

    fn verify_password(
        &self,
        user: &User,
        password: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        // The hash is read now, not at look-up: a password changed in between counts at once.
        let record = {
            let txn = tables::read(&self.env)?;
            self.tables.user(&txn, &user.uid, &user.domain)?
        };
        let hash = record.map(|record| record.user_password).filter(|hash| !hash.is_empty());
        let Some(hash) = hash else {
            self.verify_nobody(password)?;
            return Ok(PasswordVerdict::Wrong);
        };
        let stored = StoredPassword::read(&hash);
        let right = stored.and_then(|stored| stored.verify(password));
        right.map(PasswordVerdict::of).map_err(|error| password_error(&user.entry, error))
    }

    fn verify_nobody(&self, password: &Secret<String>) -> Result<(), DirectoryError> {
        StoredPassword::verify_nobody(password).map_err(|e| password_error("nobody", e))
    }

    fn generation(&self) -> Result<Option<u64>, DirectoryError> {
        let txn = tables::read(&self.env)?;
        self.tables.generation(&txn).map(Some)
    }
}

fn password_error(entry: &str, error: PasswordError) -> DirectoryError {
    let cause = format!("check the password of {entry}: {error}");
    match error {
        PasswordError::Entropy | PasswordError::Resources => DirectoryError::Unavailable { cause },
        _ => DirectoryError::Damaged { cause },
    }
}

#[cfg(test)]
mod tests;
