//! `waypost user`.

use super::imsconnutil::send_away;
use super::{access, attributes, ldif, user_and_domain};
use crate::cli::{AccessArguments, UserCommand};
use crate::failure::Failure;
use crate::output::tell;
use crate::prompt::{new_password, password_line};
use crate::{ownership, settings};
use std::path::Path;
use waypost_directory::{Directory, MailStatus, NewUser, User, standing};
use waypost_options::Config;
use waypost_supervisor::ToolRights;

/// Carries out a subcommand.
pub(crate) fn run(file: &Path, command: &UserCommand) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    match command {
        UserCommand::Add { user, cn, aliases, quota, message_quota, hash_stdin, password } => {
            let (uid, domain) = user_and_domain(&config, user);
            let new = NewUser {
                uid,
                domain,
                password: if *hash_stdin { password_line() } else { new_password(password) }?,
                cn: cn.clone(),
                mail: None,
                mail_alternate_addresses: aliases.clone(),
                quota: quota.clone(),
                message_quota: message_quota.clone(),
            };
            let directory = settings::writable_directory(&config)?;
            let added = match hash_stdin {
                true => directory.add_user_with_hash(&new),
                false => directory.add_user(&new),
            };
            let added = added.map_err(Failure::new)?;
            tell(format_args!("added {} with the address {}", added.entry, added.mail));
        }
        UserCommand::Show { user } => {
            let (uid, domain) = user_and_domain(&config, user);
            let directory = settings::embedded_directory(&config)?;
            attributes::show(&directory.attributes(&uid, &domain).map_err(Failure::new)?);
        }
        UserCommand::Set { user, attributes } => set(&config, user, attributes)?,
        UserCommand::Export { base, domain, .. } => {
            ldif::export(&settings::embedded_directory(&config)?, base, domain.as_deref())?;
        }
        UserCommand::Import { ldif } => {
            ldif::import(&settings::writable_directory(&config)?, ldif)?;
        }
        UserCommand::Passwd { user, password } => {
            let (uid, domain) = user_and_domain(&config, user);
            let directory = settings::writable_directory(&config)?;
            let password = new_password(password)?;
            directory.set_password(&uid, &domain, &password).map_err(Failure::new)?;
            tell(format_args!("changed the password of {uid}@{domain}"));
        }
        UserCommand::List { domain } => list(&config, domain.as_deref())?,
        UserCommand::Disable { user } => set_status(&config, user, MailStatus::Disabled)?,
        UserCommand::Enable { user } => set_status(&config, user, MailStatus::Active)?,
        UserCommand::Access { user, change } => service_access(&config, user, change)?,
        UserCommand::Delete { user } => {
            let (uid, domain) = user_and_domain(&config, user);
            let directory = settings::writable_directory(&config)?;
            let found = directory.user_by_login(&uid, &domain).map_err(Failure::new)?;
            directory.delete_user(&uid, &domain).map_err(Failure::new)?;
            tell(format_args!("deleted {uid}@{domain}; stored mail stays"));
            if let Some(found) = found {
                send_away(&config, &found.account)?;
            }
        }
    }
    Ok(())
}

/// Changes attributes; who may not log in any more is sent away.
fn set(config: &Config, user: &str, words: &[String]) -> Result<(), Failure> {
    let (uid, domain) = user_and_domain(config, user);
    let attributes = attributes::parse(words)?;
    let directory = settings::writable_directory(config)?;
    let changed = directory.set_attributes(&uid, &domain, &attributes).map_err(Failure::new)?;
    tell(format_args!("changed {}", changed.entry));
    let domain = directory.domain(&changed.domain).map_err(Failure::new)?;
    let is_open = domain.is_some_and(|domain| standing(&domain, &changed).status.may_log_in());
    if is_open { Ok(()) } else { send_away(config, &changed.account) }
}

fn service_access(config: &Config, user: &str, change: &AccessArguments) -> Result<(), Failure> {
    let (uid, domain) = user_and_domain(config, user);
    if let Some(rules) = access::change(change, access::OF_USER)? {
        let directory = settings::writable_directory(config)?;
        directory.set_attributes(&uid, &domain, &[rules]).map_err(Failure::new)?;
    }
    let found = settings::directory(config)?.user_by_login(&uid, &domain).map_err(Failure::new)?;
    let found = found.ok_or_else(|| Failure::new(format!("there is no user {uid}@{domain}")))?;
    access::show(&found.entry, found.mail_allowed_service_access.as_deref());
    Ok(())
}

fn list(config: &Config, domain: Option<&str>) -> Result<(), Failure> {
    let directory = settings::embedded_directory(config)?;
    for user in directory.list_users(domain).map_err(Failure::new)? {
        tell(format_args!("{}", line(&user)));
    }
    Ok(())
}

fn line(user: &User) -> String {
    let aliases = user.mail_alternate_addresses.join(",");
    format!("{}\t{}\t{}\t{aliases}", user.entry, user.mail_user_status, user.mail)
}

fn set_status(config: &Config, user: &str, status: MailStatus) -> Result<(), Failure> {
    let (uid, domain) = user_and_domain(config, user);
    let directory = settings::writable_directory(config)?;
    directory.set_status(&uid, &domain, status).map_err(Failure::new)?;
    tell(format_args!("{uid}@{domain} is {status}"));
    if status.may_log_in() {
        return Ok(());
    }
    let found = directory.user_by_login(&uid, &domain).map_err(Failure::new)?;
    found.map_or(Ok(()), |found| send_away(config, &found.account))
}
