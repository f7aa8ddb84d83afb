//! `waypost counters`: the counters of the services, by the names of the described product's
//! `counterutil`.

use crate::cli::CountersArguments;
use crate::config_file;
use crate::failure::{Context, Failure};
use crate::output::tell;
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use waypost_supervisor::{Answer, Plan, Request, Service, ServiceState, ask};
use waypost_types::Moment;

/// What follows the name of a service in the name of its counters.
const OBJECT_END: &str = "stat";
/// Days as the described product writes them; times are UTC.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// Prints the counters once, or again and again.
pub(crate) fn run(file: &Path, arguments: &CountersArguments) -> Result<(), Failure> {
    let wanted = services(&arguments.objects)?;
    let socket = Plan::control_socket(&config_file::load(file)?);
    let most = arguments.count.unwrap_or(if arguments.interval.is_some() { u64::MAX } else { 1 });
    for round in 1..=most {
        let answers = ask(&socket, &Request::Status).map_err(Failure::new)?;
        tell(format_args!("count = {round} at {}", time(now())?));
        for answer in &answers {
            if let Answer::Service(state) = answer
                && wanted.contains(&state.service)
            {
                show(state)?;
            }
        }
        if round < most {
            std::thread::sleep(Duration::from_secs(arguments.interval.unwrap_or(1)));
        }
    }
    Ok(())
}

/// The services that have connections, or those whose counters were named.
fn services(objects: &[String]) -> Result<Vec<Service>, Failure> {
    let counted = || Service::ALL.into_iter().filter(|service| *service != Service::Store);
    let named = |object: &String| {
        let name = object.strip_suffix(OBJECT_END).unwrap_or(object);
        let found = counted().find(|service| service.name() == name);
        found.ok_or_else(|| {
            let known: Vec<String> =
                counted().map(|service| format!("{service}{OBJECT_END}")).collect();
            Failure::usage(format!("there is no {object}; the objects are {}", known.join(", ")))
        })
    };
    if objects.is_empty() { Ok(counted().collect()) } else { objects.iter().map(named).collect() }
}

fn show(state: &ServiceState) -> Result<(), Failure> {
    let counts = state.counts;
    tell(format_args!("{}{OBJECT_END}", state.service));
    let times =
        [("currentStartTime", counts.started), ("lastConnectionTime", counts.last_connection)];
    for (name, at) in times {
        tell(format_args!("  {name:<24} {}", time(at)?));
    }
    let numbers = [
        ("maxConnections", counts.max),
        ("numConnections", counts.total),
        ("numCurrentConnections", counts.current),
        ("numFailedConnections", counts.failed),
        ("numRefusedConnections", counts.refused),
        ("numCrowdedConnections", counts.crowded),
        ("numFilteredConnections", counts.filtered),
        ("numFailedLogins", counts.failed_logins),
        ("numGoodLogins", counts.good_logins),
        ("bytesReceived", counts.bytes_in),
        ("bytesSent", counts.bytes_out),
    ];
    numbers.into_iter().for_each(|(name, number)| tell(format_args!("  {name:<24} {number}")));
    Ok(())
}

fn now() -> u64 {
    u64::try_from(Moment::now().wall.seconds).unwrap_or_default()
}

/// A time in seconds since 1970; 0 is never.
pub(super) fn time(at: u64) -> Result<String, Failure> {
    if at == 0 {
        return Ok("never".to_owned());
    }
    let seconds = i64::try_from(at).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).context("the clock")?;
    at.format(TIME).context("the clock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_in_the_described_product() {
        let all = services(&[]).unwrap();
        assert_eq!(all, [Service::Imap, Service::Pop, Service::Lmtp]);
        let names = ["popstat".to_owned(), "imap".to_owned()];
        assert_eq!(services(&names).unwrap(), [Service::Pop, Service::Imap]);
        let refused = services(&["httpstat".to_owned()]).unwrap_err().to_string();
        assert!(refused.contains("imapstat, popstat, lmtpstat"), "{refused}");
        assert!(services(&["storestat".to_owned()]).is_err());
    }

    #[test]
    fn times_are_written_as_in_the_described_product() {
        assert_eq!(time(0).unwrap(), "never");
        assert_eq!(time(972_080_017).unwrap(), "20/Oct/2000:22:13:37 +0000");
    }
}
