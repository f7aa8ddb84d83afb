//! The first step of an explained login: the filters that judge a connection before its greeting.

use super::block_on;
use crate::failure::Failure;
use crate::settings;
use std::net::IpAddr;
use waypost_access::{Connection, End, Grounds, Names, Sign, decide};
use waypost_auth::{Rule, Service, Step};
use waypost_options::Config;

/// Judges a connection from an address; its other end, the server's, counts as `base.hostname`.
pub(super) fn step(
    config: &Config,
    service: Service,
    from: IpAddr,
    names: &dyn Names,
) -> Result<Step, Failure> {
    let (filters, allowed, denied) = match service {
        Service::Imap => {
            (settings::imap_filters(config), "imap.domainallowed", "imap.domainnotallowed")
        }
        Service::Pop3 => {
            (settings::pop_filters(config), "pop.domainallowed", "pop.domainnotallowed")
        }
    };
    let (client, server) = (End::at(Some(from)), End::named(&settings::hostname(config)));
    let mut connection = Connection { service: service.name(), client, server };
    let decision = block_on(async { Ok(decide(&filters, &mut connection, names).await) })?;
    let option = match &decision.grounds {
        Grounds::NotAllowed | Grounds::Rule { sign: Sign::Allow, .. } => allowed,
        _ => denied,
    };
    Ok(Step {
        name: "filter",
        input: from.to_string(),
        filter: None,
        answer: decision.grounds.to_string(),
        rule: Rule::Option(option),
        passed: decision.granted,
    })
}
