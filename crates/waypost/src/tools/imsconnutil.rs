//! `imsconnutil`: who is connected, and the end of their connections.

use super::control::report;
use super::counters::time;
use super::{block_on, open_store, user_and_domain};
use crate::cli::ImsconnutilArguments;
use crate::failure::{Context, Failure};
use crate::output::{progress, tell};
use crate::{config_file, ownership};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use waypost_options::{BASE_DEFAULTDOMAIN, Config};
use waypost_store::{AccessService, AccessTimes, LastAccess};
use waypost_supervisor::{Answer, AskError, Plan, Request, Service, ToolRights, UserRow, ask};
use waypost_types::AccountName;

/// The largest list of users that is read, in bytes.
const LIST_BYTES: u64 = 64 << 20;

/// Does what `-c`, `-a` or `-k` asks for.
pub(crate) fn run(file: &Path, arguments: &ImsconnutilArguments) -> Result<(), Failure> {
    let config = match arguments.access {
        true => ownership::load_for_tool(file, ToolRights::ReadFiles)?,
        false => config_file::load(file)?,
    };
    let accounts = accounts(&config, arguments)?;
    let socket = Plan::control_socket(&config);
    if arguments.kill {
        return disconnect(&socket, &accounts);
    }
    if arguments.access {
        return block_on(last_accesses(&config, &accounts));
    }
    connected(&socket, &services(arguments.service.as_deref())?, &accounts)
}

/// Prints when users have last logged in and out: all that are known, or those named.
async fn last_accesses(config: &Config, accounts: &BTreeSet<AccountName>) -> Result<(), Failure> {
    let store = open_store(config).await?;
    store.write_notes().await.context("the store")?;
    tell(format_args!(
        "{:<24} {:<8} {:<27} {:<27}",
        "USER", "SERVICE", "LAST LOGIN", "LAST LOGOUT"
    ));
    // A snapshot lives for one page: a reader must not hold up the store for a long list.
    for account in accounts {
        let known = store.store().snapshot().and_then(|snapshot| snapshot.last_access(account));
        show_access(account, &known.map_err(Failure::new)?.unwrap_or_default())?;
    }
    let mut after = None;
    while accounts.is_empty() {
        let page =
            store.store().snapshot().and_then(|snapshot| snapshot.last_accesses(after.as_ref()));
        let page = page.map_err(Failure::new)?;
        for (account, known) in &page {
            show_access(account, known)?;
        }
        let Some((last, _)) = page.into_iter().next_back() else { break };
        after = Some(last);
    }
    Ok(())
}

fn show_access(account: &AccountName, known: &LastAccess) -> Result<(), Failure> {
    for service in AccessService::ALL {
        let AccessTimes { log_in, log_out } = known.of(service);
        if log_in.is_some() || log_out.is_some() {
            let at = |one: Option<i64>| time(one.and_then(|at| at.try_into().ok()).unwrap_or(0));
            let (log_in, log_out) = (at(log_in)?, at(log_out)?);
            let (account, service) = (account.as_str(), service.name());
            tell(format_args!("{account:<24} {service:<8} {log_in:<27} {log_out}"));
        }
    }
    Ok(())
}

/// Prints the connections of all users, or of those named.
fn connected(
    socket: &Path,
    services: &[Service],
    accounts: &BTreeSet<AccountName>,
) -> Result<(), Failure> {
    let answers = send(socket, &Request::Users(services.to_vec()))?;
    tell(format_args!(
        "{:<24} {:<8} {:<9} {:>4}  {:<26}  {:<23} {:<23} CONNECTION",
        "USER", "SERVICE", "MECHANISM", "TLS", "SINCE", "CLIENT", "SERVER"
    ));
    let is_meant = |row: &UserRow| {
        accounts.is_empty() || accounts.iter().any(|account| account.as_str() == row.account)
    };
    let mut failed = 0_usize;
    for answer in &answers {
        match answer {
            Answer::User(process, row) if is_meant(row) => show(process, row)?,
            Answer::Failed(text) => {
                failed += 1;
                progress(text);
            }
            _ => {}
        }
    }
    if failed == 0 { Ok(()) } else { Err(Failure::new("the list is not complete")) }
}

fn show(process: &str, row: &UserRow) -> Result<(), Failure> {
    let address = |one: Option<SocketAddr>| one.map_or_else(|| "-".into(), |a| a.to_string());
    let service = Service::of_process(process).map_or_else(|| process, |service| service.name());
    let (client, server) = (address(row.client), address(row.server));
    let tls = if row.tls_bits == 0 { "-".to_owned() } else { row.tls_bits.to_string() };
    let since = time(row.since)?;
    let UserRow { account, mechanism, connection, .. } = row;
    tell(format_args!(
        "{account:<24} {service:<8} {mechanism:<9} {tls:>4}  {since:<26}  {client:<23} {server:<23} \
         {process}#{connection}"
    ));
    Ok(())
}

/// Has the users' connections to every service ended.
fn disconnect(socket: &Path, accounts: &BTreeSet<AccountName>) -> Result<(), Failure> {
    if accounts.is_empty() {
        return Err(Failure::usage("whom? Name users with -u USER or -f FILE"));
    }
    let mut is_done = true;
    for account in accounts {
        is_done &= report(&send(socket, &Request::Disconnect(account.as_str().to_owned()))?);
    }
    if is_done { Ok(()) } else { Err(Failure::new("not everybody is disconnected")) }
}

/// Ends the connections of a user who may no longer be connected, if the server runs.
pub(super) fn send_away(config: &Config, account: &AccountName) -> Result<(), Failure> {
    let request = Request::Disconnect(account.as_str().to_owned());
    match ask(&Plan::control_socket(config), &request) {
        Err(AskError::NotRunning) => Ok(()),
        Err(error) => Err(Failure::new(format!(
            "connections that are open were not ended: {error}; `imsconnutil -k -u {account}` ends them"
        ))),
        Ok(answers) if report(&answers) => Ok(()),
        Ok(_) => Err(Failure::new(format!(
            "not every open connection is ended; `imsconnutil -k -u {account}` tries again"
        ))),
    }
}

fn send(socket: &Path, request: &Request) -> Result<Vec<Answer>, Failure> {
    ask(socket, request).map_err(|error| match error {
        AskError::NotRunning => Failure::new("the server does not run, so nobody is connected"),
        error => Failure::new(error),
    })
}

fn services(name: Option<&str>) -> Result<Vec<Service>, Failure> {
    match name {
        None => Ok(vec![Service::Imap, Service::Pop]),
        Some("imap") => Ok(vec![Service::Imap]),
        Some("pop") => Ok(vec![Service::Pop]),
        Some(other) => {
            Err(Failure::usage(format!("users log in to imap and pop, not to {other:?}")))
        }
    }
}

/// The accounts that were named.
fn accounts(
    config: &Config,
    arguments: &ImsconnutilArguments,
) -> Result<BTreeSet<AccountName>, Failure> {
    let mut names = arguments.users.clone();
    if let Some(file) = &arguments.file {
        names.extend(listed(file)?);
    }
    names.iter().map(|name| account(config, name)).collect()
}

fn listed(file: &PathBuf) -> Result<Vec<String>, Failure> {
    let size = std::fs::metadata(file).context(file.display())?.len();
    if size > LIST_BYTES {
        return Err(Failure::usage(format!("{} is too large", file.display())));
    }
    let text = std::fs::read_to_string(file).context(file.display())?;
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// The account of a user: the default domain has no name in it.
pub(super) fn account(config: &Config, user: &str) -> Result<AccountName, Failure> {
    let (uid, domain) = user_and_domain(config, user);
    let is_default = domain.eq_ignore_ascii_case(&config.read(&BASE_DEFAULTDOMAIN));
    let name = if is_default { uid } else { format!("{uid}@{domain}") };
    AccountName::new(&name).map_err(|error| Failure::usage(format!("{user:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_as_they_log_in() {
        let config = Config::from_str("base.defaultdomain = \"example.com\"").unwrap();
        let name = |user: &str| account(&config, user).map(|name| name.as_str().to_owned());
        assert_eq!(name("Alice").unwrap(), "alice");
        assert_eq!(name("alice@Example.com").unwrap(), "alice");
        assert_eq!(name("bob@other.example").unwrap(), "bob@other.example");
        assert!(name("two words").is_err());
    }

    #[test]
    fn services_without_users_are_refused() {
        assert_eq!(services(None).unwrap(), [Service::Imap, Service::Pop]);
        assert_eq!(services(Some("pop")).unwrap(), [Service::Pop]);
        assert!(services(Some("lmtp")).unwrap_err().to_string().contains("imap and pop"));
    }
}
