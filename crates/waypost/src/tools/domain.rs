//! `waypost domain`.

use crate::cli::DomainCommand;
use crate::failure::Failure;
use crate::output::tell;
use crate::{ownership, settings};
use std::path::Path;
use waypost_supervisor::ToolRights;

/// Carries out a subcommand.
pub(crate) fn run(file: &Path, command: &DomainCommand) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    match command {
        DomainCommand::Add { domain } => {
            let directory = settings::writable_directory(&config)?;
            let added = directory.add_domain(domain).map_err(Failure::new)?;
            tell(format_args!("added the domain {}", added.name));
        }
        DomainCommand::List => {
            let directory = settings::directory(&config)?;
            for domain in directory.list_domains().map_err(Failure::new)? {
                tell(format_args!("{}\t{}", domain.name, domain.mail_domain_status));
            }
        }
    }
    Ok(())
}
