//! `waypost user`.

use super::imsconnutil::send_away;
use super::user_and_domain;
use crate::cli::UserCommand;
use crate::failure::Failure;
use crate::output::tell;
use crate::prompt::new_password;
use crate::{ownership, settings};
use std::path::Path;
use waypost_directory::{MailStatus, NewUser, User};
use waypost_options::Config;
use waypost_supervisor::ToolRights;

/// Carries out a subcommand.
pub(crate) fn run(file: &Path, command: &UserCommand) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    match command {
        UserCommand::Add { user, cn, aliases, password } => {
            let (uid, domain) = user_and_domain(&config, user);
            let new = NewUser {
                uid,
                domain,
                password: new_password(password)?,
                cn: cn.clone(),
                mail: None,
                mail_alternate_addresses: aliases.clone(),
            };
            let directory = settings::writable_directory(&config)?;
            let added = directory.add_user(&new).map_err(Failure::new)?;
            tell(format_args!("added {} with the address {}", added.entry, added.mail));
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
        UserCommand::Delete { user } => {
            let (uid, domain) = user_and_domain(&config, user);
            let directory = settings::writable_directory(&config)?;
            directory.delete_user(&uid, &domain).map_err(Failure::new)?;
            tell(format_args!("deleted {uid}@{domain}; stored mail stays"));
            send_away(&config, user)?;
        }
    }
    Ok(())
}

fn list(config: &Config, domain: Option<&str>) -> Result<(), Failure> {
    let directory = settings::directory(config)?;
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
    if status.may_log_in() { Ok(()) } else { send_away(config, user) }
}
