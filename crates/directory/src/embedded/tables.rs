//! The tables of the environment and their keys.
//!
//! `meta`: `format` and `generation`. `domains`: name to record. `users`: domain, NUL, uid to record.
//! `addresses`: address to the user's key. Names lie there folded to lower case.

use super::codec::{self, Stored};
use super::records::{DomainRecord, UserRecord};
use crate::contract::DirectoryError;
use heed::types::Bytes;
use heed::{CommitOrAbort, Database, DatabaseOpener, Env, MdbError, RoTxn, RwTxn, WithoutTls};
use std::ops::ControlFlow;
use std::path::Path;

/// How many tables there are.
pub(super) const COUNT: u32 = 4;
/// The format of the whole environment. A program refuses a newer one.
const FORMAT: u32 = 1;
/// The longest key LMDB takes in bytes; a longer name cannot exist.
const MAX_KEY_BYTES: usize = 511;
/// Key of the format number in `meta`.
const FORMAT_KEY: &[u8] = b"format";
/// Key of the generation number in `meta`.
const GENERATION_KEY: &[u8] = b"generation";

type Table = Database<'static, Bytes, Bytes>;

/// Handles of the four tables.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    meta: Table,
    domains: Table,
    users: Table,
    addresses: Table,
}

impl Tables {
    /// Opens the tables of an existing directory.
    pub(super) fn open(env: &Env<WithoutTls>, path: &Path) -> Result<Self, DirectoryError> {
        let fail = |error: heed::Error| storage_error("open the tables", &error);
        let txn = env.read_txn().map_err(fail)?;
        let opened = env.open_databases_and_commit(txn, |opener, txn| {
            let tables = (
                opener.open_database::<Bytes, Bytes>(txn, Some("meta"))?,
                opener.open_database::<Bytes, Bytes>(txn, Some("domains"))?,
                opener.open_database::<Bytes, Bytes>(txn, Some("users"))?,
                opener.open_database::<Bytes, Bytes>(txn, Some("addresses"))?,
            );
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tables))
        });
        let (Some(meta), Some(domains), Some(users), Some(addresses)) =
            opened.map_err(fail)?.commit().unwrap_or_default()
        else {
            return Err(DirectoryError::Unavailable {
                cause: format!(
                    "the directory at {} is empty; `waypost domain add` fills it",
                    path.display()
                ),
            });
        };
        let tables = Self { meta, domains, users, addresses };
        let txn = read(env)?;
        tables.check_format(&txn, path)?;
        Ok(tables)
    }

    /// Opens the tables, creating what is missing.
    pub(super) fn create(env: &Env<WithoutTls>, path: &Path) -> Result<Self, DirectoryError> {
        let fail = |error: heed::Error| storage_error("create the tables", &error);
        let txn = env.write_txn().map_err(fail)?;
        let created = env.create_databases_and_commit(txn, |opener, txn| {
            let tables = (
                create_table(opener, txn, "meta")?,
                create_table(opener, txn, "domains")?,
                create_table(opener, txn, "users")?,
                create_table(opener, txn, "addresses")?,
            );
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(tables))
        });
        let Some((meta, domains, users, addresses)) = created.map_err(fail)?.commit() else {
            return Err(DirectoryError::Unavailable { cause: "the tables were not made".into() });
        };
        let tables = Self { meta, domains, users, addresses };
        tables.write_format(env, path)?;
        Ok(tables)
    }

    fn write_format(&self, env: &Env<WithoutTls>, path: &Path) -> Result<(), DirectoryError> {
        let mut txn = write(env)?;
        if fetch::<u32>(self.meta, &txn, FORMAT_KEY)?.is_some() {
            return self.check_format(&txn, path);
        }
        store(self.meta, &mut txn, FORMAT_KEY, &FORMAT)?;
        store(self.meta, &mut txn, GENERATION_KEY, &1u64)?;
        txn.commit().map_err(|error| storage_error("write the format number", &error))
    }

    fn check_format(&self, txn: &RoTxn<'_>, path: &Path) -> Result<(), DirectoryError> {
        let cause = match fetch::<u32>(self.meta, txn, FORMAT_KEY)? {
            Some(FORMAT) => return Ok(()),
            Some(other) => format!(
                "{} has format {other}, this program knows {FORMAT}; use the program that wrote it",
                path.display()
            ),
            None => format!("{} has no format number", path.display()),
        };
        Err(DirectoryError::Damaged { cause })
    }

    /// The generation number.
    pub(super) fn generation(&self, txn: &RoTxn<'_>) -> Result<u64, DirectoryError> {
        let number = fetch(self.meta, txn, GENERATION_KEY)?;
        number.ok_or_else(|| DirectoryError::Damaged { cause: "no generation number".into() })
    }

    /// Raises the generation number; every change does so in its own transaction.
    pub(super) fn raise_generation(&self, txn: &mut RwTxn<'_>) -> Result<(), DirectoryError> {
        let next = self.generation(txn)?.wrapping_add(1);
        store(self.meta, txn, GENERATION_KEY, &next)
    }

    /// A domain by its folded name.
    pub(super) fn domain(
        &self,
        txn: &RoTxn<'_>,
        name: &str,
    ) -> Result<Option<DomainRecord>, DirectoryError> {
        fetch(self.domains, txn, name.as_bytes())
    }

    /// Every domain in the order of names.
    pub(super) fn all_domains(&self, txn: &RoTxn<'_>) -> Result<Vec<DomainRecord>, DirectoryError> {
        decode_all(self.domains.iter(txn).map_err(read_error)?)
    }

    /// Writes a domain.
    pub(super) fn put_domain(
        &self,
        txn: &mut RwTxn<'_>,
        record: &DomainRecord,
    ) -> Result<(), DirectoryError> {
        store(self.domains, txn, record.name.as_bytes(), record)
    }

    /// A user by folded uid and domain.
    pub(super) fn user(
        &self,
        txn: &RoTxn<'_>,
        uid: &str,
        domain: &str,
    ) -> Result<Option<UserRecord>, DirectoryError> {
        fetch(self.users, txn, &user_key(uid, domain))
    }

    /// Every user, of one domain or of all, in the order of domain and uid.
    pub(super) fn all_users(
        &self,
        txn: &RoTxn<'_>,
        domain: Option<&str>,
    ) -> Result<Vec<UserRecord>, DirectoryError> {
        // LMDB knows no empty prefix, hence two ways.
        let Some(domain) = domain else {
            return decode_all(self.users.iter(txn).map_err(read_error)?);
        };
        let prefix = user_key("", domain);
        decode_all(self.users.prefix_iter(txn, &prefix).map_err(read_error)?)
    }

    /// The same one after the other, until `visit` has seen enough.
    pub(super) fn visit_users(
        &self,
        txn: &RoTxn<'_>,
        domain: Option<&str>,
        visit: &mut dyn FnMut(UserRecord) -> ControlFlow<()>,
    ) -> Result<(), DirectoryError> {
        let Some(domain) = domain else {
            return visit_all(self.users.iter(txn).map_err(read_error)?, visit);
        };
        let prefix = user_key("", domain);
        visit_all(self.users.prefix_iter(txn, &prefix).map_err(read_error)?, visit)
    }

    /// The user who owns a folded address.
    pub(super) fn user_of_address(
        &self,
        txn: &RoTxn<'_>,
        local: &str,
        domain: &str,
    ) -> Result<Option<UserRecord>, DirectoryError> {
        let address = format!("{local}@{domain}");
        let Some((uid, domain)) = self.owner(txn, &address)? else { return Ok(None) };
        let record = self.user(txn, &uid, &domain)?;
        record.map(Some).ok_or_else(|| DirectoryError::Damaged {
            cause: format!("the address {address} belongs to {uid}@{domain}, who does not exist"),
        })
    }

    /// Uid and domain of the user who owns a folded address.
    pub(super) fn owner(
        &self,
        txn: &RoTxn<'_>,
        address: &str,
    ) -> Result<Option<(String, String)>, DirectoryError> {
        fetch(self.addresses, txn, address.as_bytes())
    }

    /// Writes a user and its addresses, taking away addresses of the former record that it lost.
    pub(super) fn put_user(
        &self,
        txn: &mut RwTxn<'_>,
        record: &UserRecord,
    ) -> Result<(), DirectoryError> {
        self.remove_user(txn, &record.uid, &record.domain)?;
        store(self.users, txn, &user_key(&record.uid, &record.domain), record)?;
        let owner = (&record.uid, &record.domain);
        for address in record.addresses() {
            store(self.addresses, txn, address.as_bytes(), &owner)?;
        }
        Ok(())
    }

    /// Removes a user and its addresses; false when there was none.
    pub(super) fn remove_user(
        &self,
        txn: &mut RwTxn<'_>,
        uid: &str,
        domain: &str,
    ) -> Result<bool, DirectoryError> {
        let Some(record) = self.user(txn, uid, domain)? else { return Ok(false) };
        for address in record.addresses() {
            self.addresses.delete(txn, address.as_bytes()).map_err(write_error)?;
        }
        self.users.delete(txn, &user_key(uid, domain)).map_err(write_error)
    }
}

/// Starts a read transaction; it must not outlive the call that needs it.
pub(super) fn read(env: &Env<WithoutTls>) -> Result<RoTxn<'_, WithoutTls>, DirectoryError> {
    env.read_txn().map_err(read_error)
}

/// Starts the write transaction, waiting for other writers.
pub(super) fn write(env: &Env<WithoutTls>) -> Result<RwTxn<'_>, DirectoryError> {
    env.write_txn().map_err(write_error)
}

/// Sorts an LMDB error into damage and what may pass.
pub(super) fn storage_error(doing: &str, error: &heed::Error) -> DirectoryError {
    let cause = format!("{doing}: {error}");
    match error {
        heed::Error::Mdb(
            MdbError::Corrupted
            | MdbError::PageNotFound
            | MdbError::Invalid
            | MdbError::VersionMismatch
            | MdbError::Incompatible,
        ) => DirectoryError::Damaged { cause },
        _ => DirectoryError::Unavailable { cause },
    }
}

fn create_table<'e>(
    opener: &DatabaseOpener<'e, WithoutTls>,
    txn: &mut RwTxn<'e>,
    name: &str,
) -> Result<Database<'e, Bytes, Bytes>, heed::Error> {
    opener.create_database(txn, Some(name))
}

fn user_key(uid: &str, domain: &str) -> Vec<u8> {
    [domain.as_bytes(), b"\0", uid.as_bytes()].concat()
}

fn fetch<T: Stored>(
    table: Table,
    txn: &RoTxn<'_>,
    key: &[u8],
) -> Result<Option<T>, DirectoryError> {
    // LMDB refuses such keys with an error, but a peer's long login name is no fault of the directory.
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Ok(None);
    }
    let value = table.get(txn, key).map_err(read_error)?;
    value.map(|sealed| codec::open(key, sealed)).transpose()
}

fn decode_all<'txn, T: Stored>(
    entries: impl Iterator<Item = Result<(&'txn [u8], &'txn [u8]), heed::Error>>,
) -> Result<Vec<T>, DirectoryError> {
    entries.map(|entry| entry.map_err(read_error).and_then(|(k, v)| codec::open(k, v))).collect()
}

fn visit_all<'txn, T: Stored>(
    entries: impl Iterator<Item = Result<(&'txn [u8], &'txn [u8]), heed::Error>>,
    visit: &mut dyn FnMut(T) -> ControlFlow<()>,
) -> Result<(), DirectoryError> {
    for entry in entries {
        let (key, value) = entry.map_err(read_error)?;
        if visit(codec::open(key, value)?).is_break() {
            break;
        }
    }
    Ok(())
}

fn store<T: serde::Serialize>(
    table: Table,
    txn: &mut RwTxn<'_>,
    key: &[u8],
    value: &T,
) -> Result<(), DirectoryError> {
    table.put(txn, key, &codec::seal(key, value)?).map_err(write_error)
}

fn read_error(error: heed::Error) -> DirectoryError {
    storage_error("read the directory", &error)
}

fn write_error(error: heed::Error) -> DirectoryError {
    storage_error("write the directory", &error)
}
