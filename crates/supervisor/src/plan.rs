//! Which processes run, with which listening sockets: the configuration as the watcher sees it.

use crate::restart::RestartRules;
use crate::service::Service;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use waypost_options::{
    BASE_LISTENADDR, BASE_RUNDIR, Config, IMAP_ENABLE, IMAP_ENABLESSLPORT, IMAP_MAXSESSIONS,
    IMAP_NUMPROCESSES, IMAP_PORT, IMAP_SSLPORT, LMTP_ENABLE, LMTP_LISTENADDR, LMTP_MAXSESSIONS,
    LMTP_PORT, LMTP_SOCKET, Opt, POP_ENABLE, POP_ENABLESSLPORT, POP_MAXSESSIONS, POP_NUMPROCESSES,
    POP_PORT, POP_SSLPORT, WATCHER_AUTORESTART, WATCHER_AUTORESTARTCOUNT,
    WATCHER_AUTORESTARTWINDOW,
};

/// Everybody may connect; the folder that the administrator chose decides who reaches the socket.
const LMTP_SOCKET_MODE: u32 = 0o666;
/// Only the server's own user may connect.
const STORED_SOCKET_MODE: u32 = 0o600;

/// Everything that the watcher runs.
#[derive(Clone)]
pub struct Plan {
    /// The configuration file, absolute; handed to every process.
    pub config: PathBuf,
    /// What was read from it.
    pub settings: Config,
    /// The folder of the watcher's lock and state.
    pub rundir: PathBuf,
    /// The writer of the store: starts first, ends last.
    pub stored: RolePlan,
    /// The services.
    pub workers: Vec<RolePlan>,
    /// When processes are started again.
    pub restart: RestartRules,
}

/// One kind of process.
#[derive(Debug, Clone)]
pub struct RolePlan {
    /// The subcommand that runs it, also its name in logs.
    pub name: &'static str,
    /// How many of it run; they share the sockets.
    pub processes: usize,
    /// Connections that each of them may hold.
    pub seats: u64,
    /// Where it listens.
    pub listeners: Vec<ListenerPlan>,
}

/// One listening place; an address of both families becomes two sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerPlan {
    /// The option that says where, for error messages.
    pub option: String,
    /// Where.
    pub endpoint: Endpoint,
    /// Whether clients begin with TLS.
    pub tls: bool,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A port, on one address or on all.
    Tcp(Option<IpAddr>, u16),
    /// A Unix socket with its permissions.
    Unix(PathBuf, u32),
}

impl Plan {
    /// Reads the plan from a checked configuration that came from the file `config_file`.
    pub fn new(config: &Config, config_file: &Path) -> Self {
        let rundir = config.read(&BASE_RUNDIR);
        let stored = RolePlan {
            name: Service::Store.role(),
            processes: 1,
            seats: 0,
            listeners: vec![ListenerPlan {
                option: BASE_RUNDIR.record.full_name(),
                endpoint: Endpoint::Unix(Self::stored_socket(config), STORED_SOCKET_MODE),
                tls: false,
            }],
        };
        let workers = [imapd(config), popd(config), lmtpd(config)].into_iter().flatten().collect();
        let restart = RestartRules {
            enabled: config.read(&WATCHER_AUTORESTART),
            window: config.read(&WATCHER_AUTORESTARTWINDOW),
            count: config.read(&WATCHER_AUTORESTARTCOUNT),
        };
        let settings = config.clone();
        Self { config: config_file.to_owned(), settings, rundir, stored, workers, restart }
    }

    /// The socket of the store's writer.
    pub fn stored_socket(config: &Config) -> PathBuf {
        config.read(&BASE_RUNDIR).join("stored.sock")
    }

    /// What a service runs; `None` when it is disabled.
    pub fn role(&self, service: Service) -> Option<&RolePlan> {
        self.roles().find(|role| role.name == service.role())
    }

    /// The control socket of the watcher.
    pub fn control_socket(config: &Config) -> PathBuf {
        config.read(&BASE_RUNDIR).join("control.sock")
    }

    /// The writer first, then the services.
    pub fn roles(&self) -> impl Iterator<Item = &RolePlan> {
        std::iter::once(&self.stored).chain(&self.workers)
    }
}

fn imapd(config: &Config) -> Option<RolePlan> {
    let address = config.read(&BASE_LISTENADDR);
    let ssl = config.read(&IMAP_ENABLESSLPORT).then_some(&IMAP_SSLPORT);
    config.read(&IMAP_ENABLE).then(|| RolePlan {
        name: Service::Imap.role(),
        processes: config.read(&IMAP_NUMPROCESSES),
        seats: seats(config, &IMAP_MAXSESSIONS),
        listeners: ports(config, address, &IMAP_PORT, ssl),
    })
}

fn popd(config: &Config) -> Option<RolePlan> {
    let address = config.read(&BASE_LISTENADDR);
    let ssl = config.read(&POP_ENABLESSLPORT).then_some(&POP_SSLPORT);
    config.read(&POP_ENABLE).then(|| RolePlan {
        name: Service::Pop.role(),
        processes: config.read(&POP_NUMPROCESSES),
        seats: seats(config, &POP_MAXSESSIONS),
        listeners: ports(config, address, &POP_PORT, ssl),
    })
}

fn lmtpd(config: &Config) -> Option<RolePlan> {
    let address = config.read(&LMTP_LISTENADDR);
    let mut listeners = ports(config, address, &LMTP_PORT, None);
    listeners.extend(config.read(&LMTP_SOCKET).map(|path| ListenerPlan {
        option: LMTP_SOCKET.record.full_name(),
        endpoint: Endpoint::Unix(path, LMTP_SOCKET_MODE),
        tls: false,
    }));
    config.read(&LMTP_ENABLE).then_some(RolePlan {
        name: Service::Lmtp.role(),
        processes: 1,
        seats: seats(config, &LMTP_MAXSESSIONS),
        listeners,
    })
}

fn seats(config: &Config, option: &Opt<usize>) -> u64 {
    u64::try_from(config.read(option)).unwrap_or(u64::MAX)
}

fn ports(
    config: &Config,
    address: Option<IpAddr>,
    plain: &Opt<u16>,
    ssl: Option<&Opt<u16>>,
) -> Vec<ListenerPlan> {
    let port = |option: &Opt<u16>, tls| ListenerPlan {
        option: option.record.full_name(),
        endpoint: Endpoint::Tcp(address, config.read(option)),
        tls,
    };
    std::iter::once(port(plain, false)).chain(ssl.map(|option| port(option, true))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        Plan::new(&Config::from_str(text).unwrap(), Path::new("/etc/config.toml"))
    }

    #[test]
    fn every_service_runs_by_default_and_a_disabled_one_does_not() {
        let names = |plan: &Plan| plan.roles().map(|role| role.name).collect::<Vec<_>>();
        assert_eq!(names(&plan("")), ["stored", "imapd", "popd", "lmtpd"]);
        assert_eq!(names(&plan("pop.enable = 0\nlmtp.enable = 0")), ["stored", "imapd"]);
    }

    #[test]
    fn ports_and_processes_come_from_their_options() {
        let plan = plan(
            "base.listenaddr = \"::1\"\nbase.sslcertfile = \"c\"\nbase.sslkeyfile = \"k\"\n\
             imap.numprocesses = 3\nimap.port = 1143\nimap.enablesslport = 1\nimap.sslport = 1993\n\
             lmtp.socket = \"/s\"",
        );
        let imapd = &plan.workers[0];
        assert_eq!((imapd.name, imapd.processes), ("imapd", 3));
        let address = Some("::1".parse().unwrap());
        let want = |option: &str, port, tls| ListenerPlan {
            option: option.to_owned(),
            endpoint: Endpoint::Tcp(address, port),
            tls,
        };
        assert_eq!(
            imapd.listeners,
            [want("imap.port", 1143, false), want("imap.sslport", 1993, true)]
        );
        let socket = &plan.workers[2].listeners[1];
        assert_eq!(socket.endpoint, Endpoint::Unix("/s".into(), LMTP_SOCKET_MODE));
        assert_eq!(socket.option, "lmtp.socket");
    }
}
