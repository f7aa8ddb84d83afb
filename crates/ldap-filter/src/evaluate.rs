//! Whether an entry fits a filter (RFC 4511 section 4.5.1.7).
//!
//! The answer has three values: true, false and undefined. What cannot be compared is undefined, and stays
//! so under a negation, so that nothing is let in because it was not understood.

use crate::compare::{Syntax, order};
use crate::node::{Filter, Node, Relation, Substrings, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The attribute that no filter may ask for: each answer would tell something of the hash.
const PASSWORD: &str = "userpassword";

/// An entry of a directory.
pub trait Entry {
    /// The values of an attribute, whose name is in lower case; none when the entry has no such attribute.
    fn values(&self, attribute: &str) -> Vec<Cow<'_, str>>;
}

impl Filter {
    /// Whether the entry fits; what is undefined does not.
    pub fn matches(&self, entry: &dyn Entry) -> bool {
        holds(self, entry) == Some(true)
    }
}

/// True, false, or `None` for undefined.
fn holds(filter: &Filter, entry: &dyn Entry) -> Option<bool> {
    match filter {
        Node::And(parts) => all(parts.iter().map(|part| holds(part, entry))),
        Node::Or(parts) => {
            let none = all(parts.iter().map(|part| holds(part, entry).map(|held| !held)));
            none.map(|none| !none)
        }
        Node::Not(inner) => holds(inner, entry).map(|held| !held),
        Node::Present(attribute) => Some(!values(entry, attribute)?.is_empty()),
        Node::Compare { attribute, relation, value } => {
            let (syntax, value) = (Syntax::of(base(attribute)), text(value)?);
            let fits = |own: &Cow<'_, str>| compares(syntax, own, *relation, value);
            Some(values(entry, attribute)?.iter().any(fits))
        }
        Node::Substrings { attribute, parts } => {
            let syntax = Syntax::of(base(attribute));
            let parts = Parts::read(syntax, parts)?;
            Some(values(entry, attribute)?.iter().any(|own| parts.fit(&syntax.whole(own))))
        }
        Node::Extensible { attribute, dn: false, rule, value } => {
            let attribute = attribute.as_deref()?;
            let own = || Some(Syntax::of(base(attribute)));
            let syntax = rule.as_deref().map_or_else(own, Syntax::of_rule)?;
            let value = syntax.whole(text(value)?);
            Some(values(entry, attribute)?.iter().any(|own| syntax.whole(own) == value))
        }
        // Names of entries have no parts here.
        Node::Extensible { dn: true, .. } => None,
    }
}

/// Whether all are true: false as soon as one is false, else undefined when one is.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            None => result = None,
            Some(true) => {}
        }
    }
    result
}

/// An attribute's values; undefined for one that may not be asked for.
fn values<'a>(entry: &'a dyn Entry, attribute: &str) -> Option<Vec<Cow<'a, str>>> {
    let attribute = base(attribute);
    (attribute != PASSWORD).then(|| entry.values(attribute))
}

/// An attribute without its options, of which entries here have none.
fn base(attribute: &str) -> &str {
    attribute.split_once(';').map_or(attribute, |(base, _)| base)
}

fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn compares(syntax: Syntax, own: &str, relation: Relation, value: &str) -> bool {
    match relation {
        Relation::Equal | Relation::Approximate => syntax.whole(own) == syntax.whole(value),
        Relation::GreaterOrEqual => order(syntax, own, value) != Ordering::Less,
        Relation::LessOrEqual => order(syntax, own, value) != Ordering::Greater,
    }
}

/// The parts of a value, ready to be compared.
struct Parts {
    initial: String,
    any: Vec<String>,
    last: String,
}

impl Parts {
    fn read(syntax: Syntax, parts: &Substrings<Value>) -> Option<Self> {
        let read = |part: &Value| text(part).map(|text| syntax.part(text));
        let end = |part: &Option<Value>| part.as_ref().map_or(Some(String::new()), read);
        let any = parts.any.iter().map(read).collect::<Option<_>>()?;
        Some(Self { initial: end(&parts.initial)?, any, last: end(&parts.last)? })
    }

    /// The earliest place for each part leaves the most room for those after it.
    fn fit(&self, own: &str) -> bool {
        let Some(mut rest) = own.strip_prefix(self.initial.trim_start()) else { return false };
        for part in &self.any {
            let Some(at) = rest.find(part.as_str()) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(self.last.trim_end())
    }
}
