//! The first step of an explained login: the filters that judge a connection before its greeting.

use super::block_on;
use crate::failure::Failure;
use crate::settings;
use std::net::IpAddr;
use waypost_access::{Connection, End, Filters, Grounds, Names, Sign, decide};
use waypost_auth::{Rule, Service, Step};
use waypost_options::Config;

/// Says that filters are there which nothing was judged by.
pub(super) fn not_judged(config: &Config, service: Service) -> Option<Step> {
    let (filters, option, _) = filters_of(config, service);
    (!filters.is_empty()).then(|| Step {
        name: "filter",
        input: "no address".to_owned(),
        filter: None,
        answer: "not judged: name the client's address with --from".to_owned(),
        rule: Rule::Option(option),
        passed: true,
    })
}

/// The filters of a service, and the options that they stand in: what allows, what denies.
fn filters_of(config: &Config, service: Service) -> (Filters, &'static str, &'static str) {
    match service {
        Service::Imap => {
            (settings::imap_filters(config), "imap.domainallowed", "imap.domainnotallowed")
        }
        Service::Pop3 => {
            (settings::pop_filters(config), "pop.domainallowed", "pop.domainnotallowed")
        }
    }
}

/// Judges a connection from an address; its other end, the server's, counts as `base.hostname`.
pub(super) fn step(
    config: &Config,
    service: Service,
    from: IpAddr,
    names: &dyn Names,
) -> Result<Step, Failure> {
    let (filters, allowed, denied) = filters_of(config, service);
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
