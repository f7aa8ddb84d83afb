//! `start-msg`, `stop-msg` and `refresh`: requests to the running watcher.

use crate::config_file;
use crate::failure::Failure;
use crate::output::{progress, tell};
use std::fmt::Display;
use std::path::Path;
use waypost_supervisor::{Answer, AskError, Plan, Request, Service, ask};

/// The name of the watcher among the services that can be stopped.
const WATCHER: &str = "watcher";
/// Services of the described product that this server does not have, or not as a service.
const ELSEWHERE: [&str; 12] = [
    "http",
    "mta",
    "dispatcher",
    "job_controller",
    "ens",
    "sched",
    "mmp",
    "snmp",
    "sms",
    "cert",
    "metermaid",
    "mfagent",
];

/// Starts enabled services.
pub(crate) fn start(file: &Path, names: &[String]) -> Result<(), Failure> {
    send(file, &Request::Start(services(names)?), || {
        Failure::new(
            "the watcher does not run, so nothing can be started; `waypost run` starts it with \
             every enabled service (under systemd: `systemctl start waypost`)",
        )
    })
}

/// Stops services.
pub(crate) fn stop(file: &Path, force: bool, names: &[String]) -> Result<(), Failure> {
    let request = match names.iter().any(|name| name == WATCHER) {
        true => Request::End,
        false => Request::Stop { services: services(names)?, force },
    };
    send(file, &request, || Failure::new("the watcher does not run, so nothing is started"))
}

/// Has settings read again.
pub(crate) fn refresh(file: &Path, names: &[String]) -> Result<(), Failure> {
    send(file, &Request::Refresh(services(names)?), || {
        Failure::new("the watcher does not run; the settings are read when it starts")
    })
}

/// Sends a request, prints what came of it, and fails when a part of it failed.
fn send(
    file: &Path,
    request: &Request,
    not_running: impl FnOnce() -> Failure,
) -> Result<(), Failure> {
    // Only where the watcher is: the settings themselves it reads and judges itself.
    let socket = Plan::control_socket(&config_file::load(file)?);
    let answers = ask(&socket, request).map_err(|error| match error {
        AskError::NotRunning => not_running(),
        error => Failure::new(error),
    })?;
    if report(&answers) { Ok(()) } else { Err(Failure::new("not everything was done")) }
}

/// Prints what was done and what was not; whether all of it was.
pub(super) fn report(answers: &[Answer]) -> bool {
    let mut is_done = true;
    let mut fail = |text: &dyn Display| {
        is_done = false;
        progress(text);
    };
    for answer in answers {
        match answer {
            Answer::Done(text) => tell(text),
            Answer::Failed(text) => fail(text),
            Answer::Taken(taken) => fail(taken),
            _ => {}
        }
    }
    is_done
}

fn services(names: &[String]) -> Result<Vec<Service>, Failure> {
    names.iter().map(|name| service(name)).collect()
}

fn service(name: &str) -> Result<Service, Failure> {
    let known = || {
        let names: Vec<&str> = Service::ALL.into_iter().map(Service::name).collect();
        names.join(", ")
    };
    Service::named(name).ok_or_else(|| {
        Failure::usage(match name {
            WATCHER => "the watcher itself is started by `waypost run` and ended by \
                        `stop-msg watcher`"
                .to_owned(),
            "ha" => "`ha` is not supported: a watcher that gives up ends with an error, which a \
                     cluster's own monitor sees"
                .to_owned(),
            _ if ELSEWHERE.contains(&name) => {
                format!("this server has no service {name}; its services are {}", known())
            }
            _ => format!("there is no service {name:?}; the services are {}", known()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_checked_before_anything_is_asked() {
        assert_eq!(service("pop").unwrap(), Service::Pop);
        for (name, told) in [
            ("popd", "the services are store, imap, pop, lmtp"),
            ("http", "no service http"),
            ("ha", "not supported"),
            ("watcher", "waypost run"),
        ] {
            let text = service(name).unwrap_err().to_string();
            assert!(text.contains(told), "{text}");
        }
    }
}
