//! The record of an option, and the typed handle that reads it.

use std::fmt;
use std::marker::PhantomData;

/// What is known of an option. The one declaration that everything else derives from.
#[derive(Debug, Clone, Copy)]
pub struct OptionRecord {
    /// The group: a service or a part of the server.
    pub group: &'static str,
    /// The name inside the group.
    pub name: &'static str,
    /// The name in `configutil`, the tool of older editions.
    pub alias: Option<&'static str>,
    /// Type, default and bounds.
    pub kind: Kind,
    /// When a change takes effect.
    pub applies: Applies,
    /// Whether the value must not be shown.
    pub secret: bool,
    /// One line of help: lower case, no full stop.
    pub help: &'static str,
    /// What the line leaves out; may be empty.
    pub details: &'static str,
    /// The section of the administrator's guide that explains the matter.
    pub guide: &'static str,
}

impl OptionRecord {
    /// `group.name`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.group, self.name)
    }
}

/// Type, default and bounds of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On or off.
    Switch {
        /// The default.
        default: bool,
    },
    /// A whole number.
    Integer {
        /// What it counts.
        unit: Unit,
        /// The default.
        default: u64,
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
    },
    /// One line of text; empty where the default is empty.
    Text {
        /// The default.
        default: &'static str,
    },
    /// An IP address; empty for "not set".
    Address {
        /// The default.
        default: &'static str,
    },
    /// A file or folder; relative ones count from the folder of the configuration file. Empty and `-`
    /// mean "none".
    Path {
        /// The default.
        default: &'static str,
    },
    /// One of several words.
    Choice {
        /// The default.
        default: &'static str,
        /// The words.
        choices: &'static [&'static str],
    },
}

impl Kind {
    /// A TCP port; 0 is refused, because a port that the system picks is one that no client finds.
    pub(crate) const fn port(default: u16) -> Self {
        Self::Integer { unit: Unit::Port, default: default as u64, min: 1, max: u16::MAX as u64 }
    }

    /// A whole number within bounds.
    pub(crate) const fn integer(unit: Unit, default: u64, min: u64, max: u64) -> Self {
        Self::Integer { unit, default, min, max }
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bits of a key.
    Bits,
    /// Bytes.
    Bytes,
    /// Connections.
    Connections,
    /// Things without a unit of their own.
    Count,
    /// Hours.
    Hours,
    /// Minutes.
    Minutes,
    /// A TCP port.
    Port,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// The seconds in one unit, for units of time.
    pub const fn seconds(self) -> Option<u64> {
        match self {
            Self::Hours => Some(3_600),
            Self::Minutes => Some(60),
            Self::Seconds => Some(1),
            _ => None,
        }
    }

    /// The unit as the manual prints it; empty where the number speaks for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bits => "bits",
            Self::Bytes => "bytes",
            Self::Connections => "connections",
            Self::Count | Self::Port => "",
            Self::Hours => "hours",
            Self::Minutes => "minutes",
            Self::Seconds => "seconds",
        }
    }
}

/// When a change of an option takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// At the next connection.
    NextConnection,
    /// When the named service is told to read its options again; `all` is every service.
    Refresh(&'static str),
    /// When the named services are started again.
    Restart(&'static [&'static str]),
    /// When the whole server is started again.
    RestartAll,
}

impl fmt::Display for Applies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NextConnection => f.write_str("at the next connection"),
            Self::Refresh("all") => f.write_str("after a refresh"),
            Self::Refresh(service) => write!(f, "after a refresh of {service}"),
            Self::Restart(services) => {
                write!(f, "after a restart of {}", services.join(" and "))
            }
            Self::RestartAll => f.write_str("after a restart of the server"),
        }
    }
}

/// The handle of an option: the only way to read one.
#[derive(Debug)]
pub struct Opt<T> {
    /// The record.
    pub record: OptionRecord,
    reads: PhantomData<fn() -> T>,
}

impl<T> Opt<T> {
    pub(crate) const fn new(record: OptionRecord) -> Self {
        Self { record, reads: PhantomData }
    }
}
