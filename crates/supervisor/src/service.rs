//! The services by the names that administrators use.

use std::fmt;
use waypost_options::{Config, IMAP_ENABLE, LMTP_ENABLE, Opt, POP_ENABLE};

/// A part of the server that can be started and stopped by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The writer of the message store.
    Store,
    /// IMAP.
    Imap,
    /// POP3.
    Pop,
    /// Mail in by LMTP.
    Lmtp,
}

impl Service {
    /// Every service, in the order they are started in.
    pub const ALL: [Self; 4] = [Self::Store, Self::Imap, Self::Pop, Self::Lmtp];

    /// The name for administrators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Imap => "imap",
            Self::Pop => "pop",
            Self::Lmtp => "lmtp",
        }
    }

    /// The subcommand that runs its processes, also their name in logs.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Store => "stored",
            Self::Imap => "imapd",
            Self::Pop => "popd",
            Self::Lmtp => "lmtpd",
        }
    }

    /// The service of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// The service of a process, from its name in the state file: the role, with a number when
    /// several run.
    pub fn of_process(process: &str) -> Option<Self> {
        let role = process.split_once('.').map_or(process, |(role, _)| role);
        Self::ALL.into_iter().find(|service| service.role() == role)
    }

    /// The option that enables it; the store is always enabled.
    pub const fn enabled_by(self) -> Option<Opt<bool>> {
        match self {
            Self::Store => None,
            Self::Imap => Some(IMAP_ENABLE),
            Self::Pop => Some(POP_ENABLE),
            Self::Lmtp => Some(LMTP_ENABLE),
        }
    }

    /// Whether the configuration allows to start it.
    pub fn is_enabled(self, config: &Config) -> bool {
        self.enabled_by().is_none_or(|option| config.read(&option))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_name_and_by_process() {
        for service in Service::ALL {
            assert_eq!(Service::named(service.name()), Some(service));
            assert_eq!(Service::of_process(service.role()), Some(service));
        }
        assert_eq!(Service::of_process("imapd.12"), Some(Service::Imap));
        assert_eq!(Service::named("http"), None);
    }

    #[test]
    fn every_service_but_the_store_can_be_disabled() {
        let text = "imap.enable = 0\npop.enable = 0\nlmtp.enable = 0";
        let config = Config::from_str(text).unwrap();
        let enabled: Vec<_> =
            Service::ALL.into_iter().filter(|service| service.is_enabled(&config)).collect();
        assert_eq!(enabled, [Service::Store]);
    }
}
