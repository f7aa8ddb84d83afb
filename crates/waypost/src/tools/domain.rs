//! `waypost domain`.

use super::{access, attributes};
use crate::cli::{AccessArguments, DomainCommand};
use crate::failure::Failure;
use crate::output::tell;
use crate::{ownership, settings};
use std::path::Path;
use waypost_options::Config;
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
        DomainCommand::Show { domain } => {
            let directory = settings::embedded_directory(&config)?;
            attributes::show(&directory.domain_attributes(domain).map_err(Failure::new)?);
        }
        DomainCommand::Set { domain, attributes } => {
            let attributes = attributes::parse(attributes)?;
            let directory = settings::writable_directory(&config)?;
            directory.set_domain_attributes(domain, &attributes).map_err(Failure::new)?;
            tell(format_args!("changed the domain {domain}"));
        }
        DomainCommand::List => {
            let directory = settings::embedded_directory(&config)?;
            for domain in directory.list_domains().map_err(Failure::new)? {
                tell(format_args!("{}\t{}", domain.name, domain.mail_domain_status));
            }
        }
        DomainCommand::Access { domain, change } => service_access(&config, domain, change)?,
    }
    Ok(())
}

fn service_access(config: &Config, domain: &str, change: &AccessArguments) -> Result<(), Failure> {
    if let Some(rules) = access::change(change, access::OF_DOMAIN)? {
        let directory = settings::writable_directory(config)?;
        directory.set_domain_attributes(domain, &[rules]).map_err(Failure::new)?;
    }
    let found = settings::directory(config)?.domain(domain).map_err(Failure::new)?;
    let found = found.ok_or_else(|| Failure::new(format!("there is no domain {domain}")))?;
    access::show(&found.name, found.mail_domain_allowed_service_access.as_deref());
    Ok(())
}
