//! The administrator's tools.

mod access;
mod attributes;
pub(crate) mod backup;
pub(crate) mod cert;
pub(crate) mod check;
pub(crate) mod check_store;
pub(crate) mod compact;
pub(crate) mod control;
pub(crate) mod counters;
pub(crate) mod deliver;
pub(crate) mod directory;
pub(crate) mod domain;
mod explain_filter;
pub(crate) mod import;
pub(crate) mod imsconnutil;
mod json;
mod ldif;
pub(crate) mod login_explain;
pub(crate) mod mboxutil;
pub(crate) mod msconfig;
mod newline;
pub(crate) mod quota;
pub(crate) mod reconstruct;
pub(crate) mod repair;
pub(crate) mod selftest;
pub(crate) mod status;
pub(crate) mod user;

use crate::failure::{Context, Failure};
use crate::settings;
use std::fmt::Display;
use std::future::Future;
use tokio::runtime::Builder;
use waypost_directory::{Delivery, Recipient, Standing, User, resolve_recipient, standing};
use waypost_options::{BASE_DEFAULTDOMAIN, Config};
use waypost_store_local::client::StoreAccess;
use waypost_types::QuotaLimits;

/// Runs a tool's asynchronous part.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start threads")?.block_on(work)
}

/// The store: through the running server, or directly when none runs.
async fn open_store(config: &Config) -> Result<StoreAccess, Failure> {
    settings::private_folder(&settings::store_path(config))?;
    let client = settings::store_client(config, "tool", false);
    StoreAccess::open(client).await.context("cannot open the store")
}

/// Splits `name` or `name@domain`.
fn user_and_domain(config: &Config, user: &str) -> (String, String) {
    match user.rsplit_once('@') {
        Some((uid, domain)) => (uid.to_owned(), domain.to_owned()),
        None => (user.to_owned(), config.read(&BASE_DEFAULTDOMAIN)),
    }
}

/// Refuses a user who is shut out, as LMTP does; [`find_user`] by login name finds that user too.
fn check_takes_mail(config: &Config, user: &User) -> Result<(), Failure> {
    let directory = settings::directory(config)?;
    let Some(domain) = directory.domain(&user.domain).map_err(Failure::new)? else {
        return Err(Failure::new(format!("there is no domain {}", user.domain)));
    };
    if let Some(partition) = user.other_partition() {
        return Err(in_other_partition(&user.entry, partition));
    }
    let standing = standing(&domain, user);
    match standing.status.delivery() {
        Delivery::Accept => Ok(()),
        Delivery::Defer | Delivery::Refuse => Err(takes_no_mail(&user.entry, &standing)),
    }
}

fn in_other_partition(name: impl Display, partition: &str) -> Failure {
    Failure::new(format!(
        "the mail of {name} is in the partition {partition} (mailMessageStore), which is not here"
    ))
}

/// What a tool may add to a user's mailboxes.
fn limits_for(config: &Config, user: &User, ignore_quota: bool) -> QuotaLimits {
    if ignore_quota {
        return QuotaLimits::NONE;
    }
    settings::quota(config).enforced_limits(user.quota)
}

fn takes_no_mail(name: impl Display, standing: &Standing) -> Failure {
    let Standing { attribute, status, .. } = standing;
    Failure::new(format!("{name} takes no mail: {attribute} is {status}"))
}

/// The user behind a login name or an address, and the folder of a sub-address.
fn find_user(config: &Config, name: &str) -> Result<(User, Option<String>), Failure> {
    let directory = settings::directory(config)?;
    let (uid, domain) = user_and_domain(config, name);
    if let Some(user) = directory.user_by_login(&uid, &domain).map_err(Failure::new)? {
        return Ok((user, None));
    }
    match resolve_recipient(&*directory, &format!("{uid}@{domain}")).map_err(Failure::new)? {
        Recipient::Accept { user, folder } => Ok((*user, folder)),
        Recipient::Defer(standing) | Recipient::Refuse(standing) => {
            Err(takes_no_mail(name, &standing))
        }
        Recipient::OtherPartition { partition, .. } => Err(in_other_partition(name, &partition)),
        Recipient::UnknownUser | Recipient::UnknownDomain => Err(Failure::new(format!(
            "there is no user {name}; `waypost user list` shows who is there"
        ))),
    }
}
