//! Names of entries (RFC 4514): parts that become text with every escape, never text put together.

use crate::compare::Syntax;
use std::fmt;

/// A part of a name: an attribute and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePart {
    /// The attribute.
    pub attribute: String,
    /// Its value, without escapes.
    pub value: String,
}

/// The name of an entry, the most specific step first. Most steps have one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<NamePart>>);

/// Where a search begins, and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchBase {
    /// Everywhere.
    Tree,
    /// This entry and all below it.
    Below(DistinguishedName),
    /// This entry alone.
    Entry(DistinguishedName),
}

impl NamePart {
    /// A part.
    pub fn new(attribute: impl Into<String>, value: impl Into<String>) -> Self {
        Self { attribute: attribute.into(), value: value.into() }
    }

    /// Whether both name the same: case does not count, nor do spaces more than one between words.
    fn is_same(&self, other: &Self) -> bool {
        let whole = |part: &Self| Syntax::IgnoreCase.whole(&part.value);
        self.attribute.eq_ignore_ascii_case(&other.attribute) && whole(self) == whole(other)
    }
}

impl DistinguishedName {
    /// A name of these steps.
    pub fn new(steps: impl IntoIterator<Item = Vec<NamePart>>) -> Self {
        Self(steps.into_iter().filter(|step| !step.is_empty()).collect())
    }

    /// A name whose steps have one part each.
    pub fn of_parts(parts: impl IntoIterator<Item = NamePart>) -> Self {
        Self(parts.into_iter().map(|part| vec![part]).collect())
    }

    /// Its parts in order.
    pub fn parts(&self) -> impl Iterator<Item = &NamePart> {
        self.0.iter().flatten()
    }

    /// Whether it has no step: the name of the root.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both name the same entry.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.is_below(other)
    }

    /// Whether the entry is `base` or lies below it.
    pub fn is_below(&self, base: &Self) -> bool {
        let Some(above) = self.0.len().checked_sub(base.0.len()) else { return false };
        self.0[above..].iter().zip(&base.0).all(|(own, other)| same_step(own, other))
    }

    /// The text with something else than a comma between the steps.
    pub fn joined(&self, separator: &str) -> String {
        let mut text = String::new();
        for (at, step) in self.0.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { separator });
            for (at, part) in step.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "+" });
                text.push_str(&part.attribute);
                text.push('=');
                escape(&part.value, &mut text);
            }
        }
        text
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined(","))
    }
}

impl fmt::Display for SearchBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tree => f.write_str("the whole tree"),
            Self::Below(name) => write!(f, "below {name}"),
            Self::Entry(name) => write!(f, "the entry {name}"),
        }
    }
}

/// Parts of a step have no order.
fn same_step(one: &[NamePart], other: &[NamePart]) -> bool {
    let in_other = |part: &NamePart| other.iter().any(|its| part.is_same(its));
    one.len() == other.len() && one.iter().all(in_other)
}

/// RFC 4514 section 2.4; control characters are escaped too, so that a name is one line of a log.
fn escape(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        let at_an_end = letter == ' ' && (at == 0 || at == last);
        if letter.is_control() {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                text.push_str(&format!("\\{byte:02x}"));
            }
            continue;
        }
        if at_an_end || "\"+,;<>\\".contains(letter) || (letter == '#' && at == 0) {
            text.push('\\');
        }
        text.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[(&str, &str)]) -> DistinguishedName {
        let part = |(attribute, value): &(&str, &str)| NamePart::new(*attribute, *value);
        DistinguishedName::of_parts(parts.iter().map(part))
    }

    #[test]
    fn a_value_stays_a_value() {
        let text = |value: &str| name(&[("cn", value), ("o", "x")]).to_string();
        assert_eq!(text("Doe, John"), r"cn=Doe\, John,o=x");
        assert_eq!(text(r#"a"b+c;d<e>f\g"#), r#"cn=a\"b\+c\;d\<e\>f\\g,o=x"#);
        assert_eq!(text(" # "), r"cn=\ #\ ,o=x");
        assert_eq!(text("#a#"), r"cn=\#a#,o=x");
        assert_eq!(text(" "), r"cn=\ ,o=x");
        assert_eq!(text("a\0b\nc"), r"cn=a\00b\0ac,o=x");
        assert_eq!(text("Bücher=ä"), "cn=Bücher=ä,o=x");
        let pair = vec![NamePart::new("cn", "a"), NamePart::new("uid", "b+")];
        let both = DistinguishedName::new([pair, Vec::new(), vec![NamePart::new("o", "x")]]);
        assert_eq!(both.to_string(), r"cn=a+uid=b\+,o=x");
        assert_eq!(both.joined(", "), r"cn=a+uid=b\+, o=x");
    }

    #[test]
    fn names_are_compared_by_their_parts() {
        let alice = name(&[("uid", "alice"), ("ou", "People"), ("o", "Example  Ltd")]);
        assert!(alice.is_below(&name(&[("O", "example ltd")])));
        assert!(alice.is_below(&alice) && alice.is_same(&alice));
        assert!(alice.is_below(&DistinguishedName::default()));
        assert!(!alice.is_same(&name(&[("o", "Example Ltd")])));
        assert!(!alice.is_below(&name(&[("o", "Ltd")])));
        assert!(!name(&[("o", "x")]).is_below(&alice));
        // One value that looks like two steps is one step.
        assert!(!name(&[("cn", "a,o=x")]).is_below(&name(&[("o", "x")])));
        let step = |parts: &[(&str, &str)]| {
            DistinguishedName::new([parts.iter().map(|(a, v)| NamePart::new(*a, *v)).collect()])
        };
        let both = step(&[("cn", "a"), ("uid", "b")]);
        assert!(both.is_same(&step(&[("uid", "B"), ("cn", "A")])));
        assert!(!both.is_same(&step(&[("cn", "a")])));
    }
}
