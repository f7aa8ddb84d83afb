//! `waypost directory`.

use crate::cli::DirectoryCommand;
use crate::failure::Failure;
use crate::output::tell;
use crate::{ownership, settings};
use std::path::Path;
use waypost_directory::{Directory, EmbeddedDirectory, QuotaValue, User};
use waypost_directory_ldap::{Finding, Level};
use waypost_options::{BASE_DEFAULTDOMAIN, Config};
use waypost_supervisor::ToolRights;

/// Carries out a subcommand.
pub(crate) fn run(file: &Path, command: DirectoryCommand) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    match command {
        DirectoryCommand::Check if settings::ldap::is_used(&config) => check_ldap(&config),
        DirectoryCommand::Check => check_embedded(&config),
    }
}

fn check_ldap(config: &Config) -> Result<(), Failure> {
    let findings = settings::ldap::directory(config)?.check();
    for finding in &findings {
        tell(format_args!("{finding}"));
    }
    let is_fault = |finding: &&Finding| finding.level == Level::Fault;
    match findings.iter().filter(is_fault).count() {
        0 => Ok(()),
        faults => Err(Failure::new(format!("the directory has {faults} faults"))),
    }
}

/// The embedded directory refuses what would be wrong, so there is little to look for.
fn check_embedded(config: &Config) -> Result<(), Failure> {
    let directory = settings::embedded_directory(config)?;
    let default = config.read(&BASE_DEFAULTDOMAIN);
    if directory.domain(&default).map_err(Failure::new)?.is_none() {
        return Err(Failure::new(format!(
            "the default domain {default} is not in the directory; `waypost domain add {default}` \
             adds it"
        )));
    }
    let users = directory.list_users(None).map_err(Failure::new)?;
    let domains = directory.list_domains().map_err(Failure::new)?.len();
    tell(format_args!("ok: {} users in {domains} domains of the embedded directory", users.len()));
    if let Some(parts) = with_partial_quotas(&directory, &users)? {
        tell(parts);
    }
    let mut elsewhere = users.iter().filter(|user| user.other_partition().is_some());
    let Some(first) = elsewhere.next() else { return Ok(()) };
    let count = 1 + elsewhere.count();
    Err(Failure::new(format!(
        "{count} users have a mailMessageStore that is not here, so they cannot log in and their mail waits; \
         the first is {}",
        first.entry
    )))
}

/// Users whose quotas of folders or types of messages are not enforced.
fn with_partial_quotas(
    directory: &EmbeddedDirectory,
    users: &[User],
) -> Result<Option<Finding>, Failure> {
    let mut found = Vec::new();
    for User { uid, domain, entry, .. } in users {
        let attributes = directory.attributes(uid, domain).map_err(Failure::new)?;
        let quotas = attributes.iter().filter(|own| {
            ["mailQuota", "mailMsgQuota"].iter().any(|name| own.name.eq_ignore_ascii_case(name))
        });
        let values =
            quotas.flat_map(|own| &own.values).filter_map(|value| QuotaValue::parse(value));
        if values.into_iter().any(|value| value.has_parts) {
            found.push(entry);
        }
    }
    let (count, first) = (found.len(), found.first());
    Ok(first.map(|first| Finding {
        level: Level::Advice,
        text: format!(
            "{count} users have quotas of folders or types of messages, of which only the total is enforced, \
             the first is {first}"
        ),
    }))
}
