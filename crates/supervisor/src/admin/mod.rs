//! What administrators ask of a running watcher, and its answers: lines of text over a Unix socket.
//!
//! A request is one line, `waypost-control 1 VERB WORD...`; the answer is lines of fields separated
//! by tabs, the last of them [`END`]. A tool of another version is refused instead of misunderstood.

mod client;
mod server;

pub use client::{AskError, ask};
pub(crate) use server::{Desk, Errand, Listener, Outcome, Waiting, carry_out};

use crate::ports::{BindError, TakenPort};
use crate::service::Service;
use crate::state::Row;
use crate::users::UserRow;
use std::fmt;
use waypost_counters::ServiceCounts;

/// How every request begins; the number is the version of this protocol.
const GREETING: &str = "waypost-control 1";
/// The last line of an answer.
const END: &str = "end";
/// The request that ends the connections of an account.
const DISCONNECT: &str = "disconnect";
/// The word of a request that does not wait for clients.
const FORCE: &str = "-f";

/// What an administrator asks for. No service named means all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Start services that are enabled.
    Start(Vec<Service>),
    /// Stop services.
    Stop {
        /// Which.
        services: Vec<Service>,
        /// Kill them instead of telling their clients.
        force: bool,
    },
    /// Read the settings again.
    Refresh(Vec<Service>),
    /// Show what runs.
    Status,
    /// Show who is logged in.
    Users(Vec<Service>),
    /// End the connections of an account.
    Disconnect(String),
    /// End the server, watcher included.
    End,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, services) = match self {
            Self::Start(services) => ("start", services.as_slice()),
            Self::Stop { services, .. } => ("stop", services.as_slice()),
            Self::Refresh(services) => ("refresh", services.as_slice()),
            Self::Status => ("status", [].as_slice()),
            Self::Users(services) => ("users", services.as_slice()),
            Self::Disconnect(account) => return write!(f, "{GREETING} {DISCONNECT} {account}"),
            Self::End => ("end", [].as_slice()),
        };
        write!(f, "{GREETING} {verb}")?;
        if let Self::Stop { force: true, .. } = self {
            write!(f, " {FORCE}")?;
        }
        services.iter().try_for_each(|service| write!(f, " {service}"))
    }
}

impl Request {
    /// Reads a line without its end.
    fn parse(line: &str) -> Result<Self, String> {
        let words = line.strip_prefix(GREETING).and_then(|rest| rest.strip_prefix(' '));
        let words = words.ok_or("this watcher is of another version; restart the server")?;
        let (verb, words) = words.split_once(' ').unwrap_or((words, ""));
        if verb == DISCONNECT {
            return account(words).map(Self::Disconnect);
        }
        let mut words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
        let count = words.len();
        words.retain(|word| *word != FORCE);
        let force = words.len() < count;
        let service = |word: &&str| Service::named(word).ok_or(format!("no service {word:?}"));
        let services = words.iter().map(service).collect::<Result<Vec<_>, _>>()?;
        match verb {
            "start" => Ok(Self::Start(services)),
            "stop" => Ok(Self::Stop { services, force }),
            "refresh" => Ok(Self::Refresh(services)),
            "status" => Ok(Self::Status),
            "users" => Ok(Self::Users(services)),
            "end" => Ok(Self::End),
            _ => Err(format!("no request {verb:?}")),
        }
    }
}

/// The name of an account, which is one word.
fn account(word: &str) -> Result<String, String> {
    let name = waypost_types::AccountName::new(word);
    name.map(|name| name.as_str().to_owned()).map_err(|error| format!("{word:?}: {error}"))
}

/// What a service is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not running.
    Stopped,
    /// Its processes are kept running.
    Started,
    /// Told to end, and not ended yet.
    Stopping,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Stopped, Self::Started, Self::Stopping];

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Started => "started",
            Self::Stopping => "stopping",
        }
    }
}

/// A service in a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceState {
    /// Which.
    pub service: Service,
    /// Whether the configuration allows to start it.
    pub enabled: bool,
    /// What it is up to.
    pub phase: Phase,
    /// What it has counted since the watcher runs.
    pub counts: ServiceCounts,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Something done, for people.
    Done(String),
    /// Something that could not be done, for people.
    Failed(String),
    /// Something to look after, for people.
    Warning(String),
    /// A port that another program has, which the watcher may not see.
    Taken(TakenPort),
    /// The watcher.
    Server {
        /// Its version.
        version: String,
        /// Its process number.
        process: u32,
        /// When it was started, in seconds since 1970.
        since: u64,
    },
    /// A service.
    Service(ServiceState),
    /// A process.
    Process(Row),
    /// A user's connection to a process of that name.
    User(String, Box<UserRow>),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(text) => write!(f, "done\t{}", OneLine(text)),
            Self::Failed(text) => write!(f, "failed\t{}", OneLine(text)),
            Self::Warning(text) => write!(f, "warning\t{}", OneLine(text)),
            Self::Taken(TakenPort { service, option, place, port }) => {
                write!(f, "taken\t{service}\t{option}\t{place}\t{port}")
            }
            Self::Server { version, process, since } => {
                write!(f, "server\t{version}\t{process}\t{since}")
            }
            Self::Service(ServiceState { service, enabled, phase, counts }) => {
                write!(f, "service\t{service}\t{enabled}\t{}", phase.name())?;
                numbers(&mut counts.clone())
                    .into_iter()
                    .try_for_each(|number| write!(f, "\t{number}"))
            }
            Self::Process(row) => write!(f, "process\t{row}"),
            Self::User(process, row) => write!(f, "user\t{process}\t{row}"),
        }
    }
}

impl Answer {
    /// What there is to say of a service whose sockets cannot be opened.
    pub(crate) fn of_bind(service: Service, error: BindError) -> Self {
        match error.taken(service) {
            Some(taken) => Self::Taken(taken),
            None => Self::Failed(format!("{service}: {error}")),
        }
    }

    /// Reads a line; `None` when a watcher of this version would not send it.
    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once('\t')?;
        let fields: Vec<&str> = rest.split('\t').collect();
        match (kind, fields.as_slice()) {
            ("done", _) => Some(Self::Done(rest.to_owned())),
            ("failed", _) => Some(Self::Failed(rest.to_owned())),
            ("warning", _) => Some(Self::Warning(rest.to_owned())),
            ("taken", [service, option, place, port]) => Some(Self::Taken(TakenPort {
                service: Service::named(service)?,
                option: (*option).to_owned(),
                place: (*place).to_owned(),
                port: port.parse().ok()?,
            })),
            ("server", [version, process, since]) => Some(Self::Server {
                version: (*version).to_owned(),
                process: process.parse().ok()?,
                since: since.parse().ok()?,
            }),
            ("service", [service, enabled, phase, counts @ ..]) => {
                Some(Self::Service(ServiceState {
                    service: Service::named(service)?,
                    enabled: enabled.parse().ok()?,
                    phase: Phase::ALL.into_iter().find(|known| known.name() == *phase)?,
                    counts: service_counts(counts)?,
                }))
            }
            ("process", _) => Row::parse(rest).map(Self::Process),
            ("user", [process, ..]) => {
                let row = rest.split_once('\t').and_then(|(_, row)| UserRow::parse(row))?;
                Some(Self::User((*process).to_owned(), Box::new(row)))
            }
            _ => None,
        }
    }
}

/// The numbers of [`ServiceCounts`] in their order on the line; the compiler misses none.
fn numbers(counts: &mut ServiceCounts) -> [&mut u64; 14] {
    let ServiceCounts {
        started,
        last_connection,
        current,
        max,
        total,
        failed,
        refused,
        crowded,
        filtered,
        good_logins,
        failed_logins,
        bytes_in,
        bytes_out,
        step_panics,
    } = counts;
    [
        started,
        last_connection,
        current,
        max,
        total,
        failed,
        refused,
        crowded,
        filtered,
        good_logins,
        failed_logins,
        bytes_in,
        bytes_out,
        step_panics,
    ]
}

/// Counts from the fields of a line.
fn service_counts(fields: &[&str]) -> Option<ServiceCounts> {
    let mut counts = ServiceCounts::default();
    let places = numbers(&mut counts);
    if fields.len() != places.len() {
        return None;
    }
    for (place, field) in places.into_iter().zip(fields) {
        *place = field.parse().ok()?;
    }
    Some(counts)
}

/// Text that cannot be taken for another line: an error may quote a file.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lines().filter(|line| !line.is_empty());
        lines.enumerate().try_for_each(|(number, line)| {
            let between = if number == 0 { "" } else { "; " };
            write!(f, "{between}{}", line.replace(char::is_control, " "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_they_were_meant() {
        let requests = [
            Request::Start(vec![]),
            Request::Start(vec![Service::Pop, Service::Imap]),
            Request::Stop { services: vec![Service::Store], force: true },
            Request::Stop { services: vec![], force: false },
            Request::Refresh(vec![Service::Lmtp]),
            Request::Status,
            Request::Users(vec![Service::Imap]),
            Request::Disconnect("alice@other.example".to_owned()),
            Request::End,
        ];
        for request in requests {
            assert_eq!(Request::parse(&request.to_string()), Ok(request));
        }
    }

    #[test]
    fn strangers_and_nonsense_are_refused() {
        for line in [
            "",
            "hello",
            "waypost-control 2 status",
            "waypost-control 1 dance",
            "waypost-control 1 start smtp",
            "waypost-control 1 disconnect",
            "waypost-control 1 disconnect two words",
        ] {
            assert!(Request::parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn answers_come_back_and_keep_to_one_line() {
        let counts = (1..=14).map(|number: u8| number.to_string()).collect::<Vec<_>>();
        let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
        let counts = service_counts(&counts).unwrap();
        assert_eq!((counts.started, counts.refused, counts.crowded), (1, 7, 8));
        assert_eq!((counts.filtered, counts.step_panics), (9, 14));
        let (service, phase) = (Service::Imap, Phase::Stopping);
        let state = ServiceState { service, enabled: true, phase, counts };
        let answers = [
            Answer::Done("pop is started".to_owned()),
            Answer::Failed("no\tway".replace('\t', " ")),
            Answer::Warning("look after this".to_owned()),
            Answer::Taken(TakenPort {
                service: Service::Pop,
                option: "pop.sslport".to_owned(),
                place: "[::]:995".to_owned(),
                port: 995,
            }),
            Answer::Server { version: "1.2".to_owned(), process: 3, since: 4 },
            Answer::Service(state),
            Answer::Process(Row::new("imapd.2", vec!["[::1]:143".to_owned()])),
        ];
        for answer in answers {
            assert_eq!(Answer::parse(&answer.to_string()), Some(answer));
        }
        let text = Answer::Failed("one\n\ntwo\u{1b}[31m\n".to_owned()).to_string();
        assert_eq!(text, "failed\tone; two [31m");
    }
}
