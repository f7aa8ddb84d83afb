//! Filters and how they decide.

use crate::connection::{Connection, Whose};
use crate::fault::Fault;
use crate::list::{List, Word};
use crate::spec::{ClientSpec, Reading, ServiceSpec};
use crate::truth::Truth;
use crate::{RULES_MAX, TEXT_BYTES_MAX};
use std::fmt;

/// Whether a filter lets in or shuts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It lets in.
    Allow,
    /// It shuts out.
    Deny,
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    at: usize,
    services: List<ServiceSpec>,
    clients: List<ClientSpec>,
}

impl Rule {
    /// As it was written, without blanks around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The byte of the whole text where it begins.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Reads what stands behind the sign, if there is one; `at` is where that begins.
    fn parse(text: &str, at: usize, body: &str, reading: Reading) -> Result<Self, Fault> {
        let start = at + text.len() - body.len();
        let Some(colon) = colon(body) else {
            let what = "a colon and the clients are missing, as in imap:ALL";
            return Err(Fault::new(start + body.len(), what));
        };
        let (services, clients) = (&body[..colon], &body[colon + 1..]);
        let service = |word: Word<'_>| ServiceSpec::parse(word, reading);
        let client = |word: Word<'_>| ClientSpec::parse(word, reading);
        Ok(Self {
            text: text.to_owned(),
            at,
            services: List::parse(services, start, "services", service)?,
            clients: List::parse(clients, start + colon + 1, "clients", client)?,
        })
    }

    fn matches(&self, connection: &Connection) -> Truth {
        let services = self.services.means(&|spec| spec.matches(connection));
        services.and(|| self.clients.means(&|spec| spec.matches(connection)))
    }
}

/// The colon between services and clients; those of an IPv6 address among the services stand in brackets.
fn colon(text: &str) -> Option<usize> {
    let mut in_brackets = false;
    text.find(|letter| {
        in_brackets = letter == '[' || in_brackets && letter != ']';
        letter == ':' && !in_brackets
    })
}

/// The filters of one option, which all let in or all shut out. They stand between `$` or line ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleList(Vec<Rule>);

impl RuleList {
    /// Reads the value of an option.
    ///
    /// # Errors
    /// The first place that is no filter.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let rule = |(at, text): (usize, &str)| match text.strip_prefix(['+', '-']) {
            Some(_) => {
                let what =
                    "signs stand in the directory only; the option itself says whether it allows";
                Err(Fault::new(at, what))
            }
            None => Rule::parse(text, at, text, Reading::Strict),
        };
        parts(text)?.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is no filter.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The texts between the separators and where each begins; empty ones are left out.
fn parts(text: &str) -> Result<Vec<(usize, &str)>, Fault> {
    if text.len() > TEXT_BYTES_MAX {
        let what = format!("filters have {TEXT_BYTES_MAX} bytes at most");
        return Err(Fault::new(TEXT_BYTES_MAX, what));
    }
    let place = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    let all = text.split(['$', '\n']).map(str::trim).filter(|part| !part.is_empty());
    let parts: Vec<_> = all.map(|part| (place(part), part)).collect();
    match parts.get(RULES_MAX) {
        Some((at, _)) => Err(Fault::new(*at, format!("there are more than {RULES_MAX} filters"))),
        None => Ok(parts),
    }
}

/// All filters that a connection must pass in one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

impl Filters {
    /// The filters of two options.
    pub fn of_options(allowed: RuleList, not_allowed: RuleList) -> Self {
        Self { allow: allowed.0, deny: not_allowed.0 }
    }

    /// The filters of an attribute: `+SERVICES:CLIENTS` lets in, `-SERVICES:CLIENTS` shuts out, `$` between
    /// them.
    ///
    /// # Errors
    /// The first place that is no filter; an attribute without any is at fault too.
    pub fn of_attribute(text: &str, reading: Reading) -> Result<Self, Fault> {
        let mut filters = Self::default();
        for (at, text) in parts(text)? {
            if let Some(body) = text.strip_prefix('+') {
                filters.allow.push(Rule::parse(text, at, body, reading)?);
            } else if let Some(body) = text.strip_prefix('-') {
                filters.deny.push(Rule::parse(text, at, body, reading)?);
            } else {
                return Err(Fault::new(at, "a rule begins with + to allow or - to deny"));
            }
        }
        if filters.is_empty() { Err(Fault::new(0, "there is no rule")) } else { Ok(filters) }
    }

    /// Whether everybody passes.
    pub const fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Filters that allow come first, in order, then those that deny. Who meets none of them passes,
    /// except where some allow and none denies.
    pub fn decide(&self, connection: &Connection) -> Outcome {
        for rule in &self.allow {
            match rule.matches(connection) {
                Truth::Yes => return Outcome::by(rule, Sign::Allow),
                Truth::Ask(whose) => return Outcome::Ask(whose),
                Truth::No | Truth::Maybe => {}
            }
        }
        for rule in &self.deny {
            match rule.matches(connection) {
                Truth::Yes | Truth::Maybe => return Outcome::by(rule, Sign::Deny),
                Truth::Ask(whose) => return Outcome::Ask(whose),
                Truth::No => {}
            }
        }
        Outcome::Decided(match (self.allow.is_empty(), self.deny.is_empty()) {
            (true, true) => Decision { granted: true, grounds: Grounds::NoFilter },
            (false, true) => Decision { granted: false, grounds: Grounds::NotAllowed },
            (_, false) => Decision { granted: true, grounds: Grounds::NotDenied },
        })
    }
}

/// What [`Filters::decide`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is decided.
    Decided(Decision),
    /// A rule needs the names of this end: look them up, [`Connection::learn`] them, ask again.
    Ask(Whose),
}

impl Outcome {
    fn by(rule: &Rule, sign: Sign) -> Self {
        let grounds = Grounds::Rule { sign, text: rule.text.clone(), at: rule.at };
        Self::Decided(Decision { granted: sign == Sign::Allow, grounds })
    }
}

/// Whether a client passes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it passes.
    pub granted: bool,
    /// What decided.
    pub grounds: Grounds,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// There is no filter.
    NoFilter,
    /// There are filters that allow and none that denies, and none of them matches.
    NotAllowed,
    /// Filters that deny are there, and none at all matches.
    NotDenied,
    /// The first rule that matches.
    Rule {
        /// What it does.
        sign: Sign,
        /// As it was written.
        text: String,
        /// The byte of its text where it begins.
        at: usize,
    },
}

/// Fits behind "refused:" and "granted:".
impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFilter => f.write_str("there is no filter"),
            Self::NotAllowed => f.write_str("no filter allows it"),
            Self::NotDenied => f.write_str("no filter denies it"),
            Self::Rule { text, .. } => write!(f, "the filter {text:?} matches"),
        }
    }
}
