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
    /// Whether a wrong value endangers the server, so that a change wants to be meant.
    pub restricted: bool,
    /// Whether the option exists once per name: `group:NAME.name`.
    pub named: bool,
    /// One line of help: lower case, no full stop.
    pub help: &'static str,
    /// What the line leaves out; may be empty.
    pub details: &'static str,
    /// The section of the administrator's guide that explains the matter.
    pub guide: &'static str,
}

impl OptionRecord {
    /// `group.name`, and `group:NAME.name` for an option that exists once per name.
    pub fn full_name(&self) -> String {
        let name = if self.named { ":NAME" } else { "" };
        format!("{}{name}.{}", self.group, self.name)
    }

    /// The same option, its value kept apart and never shown.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The same option, changed only by somebody who says so.
    #[must_use]
    pub const fn restricted(self) -> Self {
        Self { restricted: true, ..self }
    }

    /// The same option, once per name.
    #[must_use]
    pub const fn named(self) -> Self {
        Self { named: true, ..self }
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
        default: i64,
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
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
    /// Text with a grammar of its own, which may allow several lines; empty for "not set".
    Formal {
        /// How it is written.
        grammar: Grammar,
    },
}

impl Kind {
    /// A TCP port; 0 is refused, because a port that the system picks is one that no client finds.
    pub(crate) const fn port(default: u16) -> Self {
        Self::Integer { unit: Unit::Port, default: default as i64, min: 1, max: u16::MAX as i64 }
    }

    /// A whole number within bounds.
    pub(crate) const fn integer(unit: Unit, default: i64, min: i64, max: i64) -> Self {
        Self::Integer { unit, default, min, max }
    }
}

/// How a text of [`Kind::Formal`] is written.
#[derive(Debug, Clone, Copy)]
pub struct Grammar {
    /// The form in a few words, for help and manual.
    pub form: &'static str,
    /// Checks a text that is not empty; the error says what is wrong and where: [`point_at`] makes one.
    pub check: fn(&str) -> Result<(), String>,
}

/// Functions cannot be compared; two grammars of one form are one.
impl PartialEq for Grammar {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
    }
}

impl Eq for Grammar {}

/// What is wrong with a text, then its line with a caret under the byte `at`.
pub fn point_at(text: &str, at: usize, what: &str) -> String {
    let (before, after) = text.split_at(text.floor_char_boundary(at));
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = after.find('\n').map_or(text.len(), |end| before.len() + end);
    let (line, before) = (&text[start..end], &before[start..]);
    format!("{what}\n  {line}\n  {:>1$}", '^', before.chars().count() + 1)
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
    /// Days.
    Days,
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
            Self::Days => Some(86_400),
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
            Self::Days => "days",
            Self::Hours => "hours",
            Self::Minutes => "minutes",
            Self::Seconds => "seconds",
        }
    }
}

/// When a change of an option takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// When the named service is told to read its options again; `all` is every service.
    Refresh(&'static str),
    /// When the named services are started again.
    Restart(&'static [&'static str]),
    /// When every service is started again.
    RestartAll,
    /// When the watcher is started again, too.
    RestartServer,
}

impl fmt::Display for Applies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refresh("all") => f.write_str("after a refresh"),
            Self::Refresh(service) => write!(f, "after a refresh of {service}"),
            Self::Restart(services) => {
                write!(f, "after a restart of {}", services.join(" and "))
            }
            Self::RestartAll => f.write_str("after a restart of all services"),
            Self::RestartServer => f.write_str("after a restart of the server, watcher included"),
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

/// An option, and whose it is when it exists once per name.
#[derive(Debug, Clone)]
pub struct Place {
    /// The record.
    pub record: &'static OptionRecord,
    /// The name in `group:NAME.option`; empty when the option has none.
    pub member: String,
}

impl Place {
    /// The place of an option that exists once.
    pub const fn of(record: &'static OptionRecord) -> Self {
        Self { record, member: String::new() }
    }

    /// `group.name` or `group:NAME.name`.
    pub fn full_name(&self) -> String {
        full_name(self.record, &self.member)
    }

    /// The keys of the tables that lead to the option in the file.
    pub(crate) fn tables(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.record.group.split('.').map(str::to_owned).collect();
        if let Some(last) = keys.last_mut().filter(|_| self.record.named) {
            *last = format!("{last}:{}", self.member);
        }
        keys
    }
}

/// The name of an option; `member` counts only when it exists once per name.
pub(crate) fn full_name(record: &OptionRecord, member: &str) -> String {
    if record.named {
        format!("{}:{member}.{}", record.group, record.name)
    } else {
        record.full_name()
    }
}

impl<T> Opt<T> {
    pub(crate) const fn new(record: OptionRecord) -> Self {
        Self { record, reads: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        assert_eq!(point_at("+imap:", 6, "no client"), "no client\n  +imap:\n        ^");
        assert_eq!(point_at("é,", 2, "comma"), "comma\n  é,\n   ^");
        assert_eq!(point_at("a", 99, "end"), "end\n  a\n   ^");
        assert_eq!(point_at("one\ntwo\nthree", 5, "w"), "w\n  two\n   ^");
        assert_eq!(point_at("one\n", 4, "end"), "end\n  \n  ^");
    }
}
