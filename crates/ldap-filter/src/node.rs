//! The tree of a filter, and its text.

use std::fmt;

/// A value of a filter: bytes, because an escape can stand for any.
pub type Value = Vec<u8>;

/// A filter with nothing left to fill in.
pub type Filter = Node<Value>;

/// A filter or a part of one (RFC 4511 section 4.5.1.7). Names of attributes and rules are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node<V> {
    /// All of them hold; without parts it is true (RFC 4526).
    And(Vec<Self>),
    /// One of them holds; without parts it is false (RFC 4526).
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// `attribute=*`
    Present(String),
    /// `attribute=value` and its kin.
    Compare {
        /// The attribute.
        attribute: String,
        /// How they are compared.
        relation: Relation,
        /// The value.
        value: V,
    },
    /// `attribute=initial*any*last`
    Substrings {
        /// The attribute.
        attribute: String,
        /// The parts.
        parts: Substrings<V>,
    },
    /// `attribute:dn:rule:=value`
    Extensible {
        /// The attribute; none stands for every attribute that the rule fits.
        attribute: Option<String>,
        /// Whether the parts of the entry's name count too.
        dn: bool,
        /// The matching rule; none stands for the attribute's own.
        rule: Option<String>,
        /// The value.
        value: V,
    },
}

/// How an attribute is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// `~=`
    Approximate,
}

/// What a value begins with, holds in this order, and ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substrings<V> {
    /// The beginning.
    pub initial: Option<V>,
    /// What lies between.
    pub any: Vec<V>,
    /// The end.
    pub last: Option<V>,
}

impl<V> Node<V> {
    /// The same tree with other values.
    pub fn map<W>(&self, change: &mut impl FnMut(&V) -> W) -> Node<W> {
        match self {
            Self::And(parts) => Node::And(parts.iter().map(|part| part.map(change)).collect()),
            Self::Or(parts) => Node::Or(parts.iter().map(|part| part.map(change)).collect()),
            Self::Not(inner) => Node::Not(Box::new(inner.map(change))),
            Self::Present(attribute) => Node::Present(attribute.clone()),
            Self::Compare { attribute, relation, value } => Node::Compare {
                attribute: attribute.clone(),
                relation: *relation,
                value: change(value),
            },
            Self::Substrings { attribute, parts } => {
                Node::Substrings { attribute: attribute.clone(), parts: parts.map(change) }
            }
            Self::Extensible { attribute, dn, rule, value } => Node::Extensible {
                attribute: attribute.clone(),
                dn: *dn,
                rule: rule.clone(),
                value: change(value),
            },
        }
    }
}

impl<V> Substrings<V> {
    fn map<W>(&self, change: &mut impl FnMut(&V) -> W) -> Substrings<W> {
        Substrings {
            initial: self.initial.as_ref().map(&mut *change),
            any: self.any.iter().map(&mut *change).collect(),
            last: self.last.as_ref().map(change),
        }
    }
}

impl Filter {
    /// The values of which every entry that fits must have one, for an attribute: an engine with an index
    /// looks them up instead of reading all entries. `None` when other entries may fit too.
    pub fn required(&self, attribute: &str) -> Option<&[u8]> {
        match self {
            Self::Compare { attribute: own, relation: Relation::Equal, value } => {
                (own == attribute).then_some(value.as_slice())
            }
            Self::And(parts) => parts.iter().find_map(|part| part.required(attribute)),
            _ => None,
        }
    }
}

/// Writes a value into the text of a filter.
pub(crate) trait WriteValue {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl WriteValue for Value {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self, f, b"")
    }
}

/// Writes bytes with the escapes of RFC 4515 section 3, and one for each of `also`.
pub(crate) fn escape(bytes: &[u8], f: &mut fmt::Formatter<'_>, also: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match u8::try_from(letter) {
                Ok(byte)
                    if letter.is_control() || b"*()\\".contains(&byte) || also.contains(&byte) =>
                {
                    hex(letter.encode_utf8(&mut [0; 4]).as_bytes(), f)?;
                }
                _ => fmt::Write::write_char(f, letter)?,
            }
        }
        hex(chunk.invalid(), f)?;
    }
    Ok(())
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\{byte:02x}"))
}

impl Relation {
    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::Approximate => "~=",
        }
    }
}

impl<V: WriteValue> fmt::Display for Node<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        match self {
            Self::And(parts) => write_list(f, "&", parts)?,
            Self::Or(parts) => write_list(f, "|", parts)?,
            Self::Not(inner) => write!(f, "!{inner}")?,
            Self::Present(attribute) => write!(f, "{attribute}=*")?,
            Self::Compare { attribute, relation, value } => {
                write!(f, "{attribute}{}", relation.sign())?;
                value.write(f)?;
            }
            Self::Substrings { attribute, parts } => {
                write!(f, "{attribute}=")?;
                write_parts(f, parts)?;
            }
            Self::Extensible { attribute, dn, rule, value } => {
                f.write_str(attribute.as_deref().unwrap_or_default())?;
                f.write_str(if *dn { ":dn" } else { "" })?;
                rule.iter().try_for_each(|rule| write!(f, ":{rule}"))?;
                f.write_str(":=")?;
                value.write(f)?;
            }
        }
        f.write_str(")")
    }
}

fn write_list<V: WriteValue>(
    f: &mut fmt::Formatter<'_>,
    sign: &str,
    parts: &[Node<V>],
) -> fmt::Result {
    f.write_str(sign)?;
    parts.iter().try_for_each(|part| write!(f, "{part}"))
}

fn write_parts<V: WriteValue>(f: &mut fmt::Formatter<'_>, parts: &Substrings<V>) -> fmt::Result {
    parts.initial.iter().try_for_each(|part| part.write(f))?;
    f.write_str("*")?;
    for part in &parts.any {
        part.write(f)?;
        f.write_str("*")?;
    }
    parts.last.iter().try_for_each(|part| part.write(f))
}
