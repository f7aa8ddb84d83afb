//! `waypost directory`.

use crate::cli::DirectoryCommand;
use crate::failure::Failure;
use crate::output::tell;
use crate::{ownership, settings};
use std::path::Path;
use waypost_directory::Directory;
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
    let users = directory.list_users(None).map_err(Failure::new)?.len();
    let domains = directory.list_domains().map_err(Failure::new)?.len();
    tell(format_args!("ok: {users} users in {domains} domains of the embedded directory"));
    Ok(())
}
