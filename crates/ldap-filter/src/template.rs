//! A filter with `%U`, `%V` and `%o` in its values: what `auth.searchfilter` and `inetDomainSearchFilter`
//! hold.

use crate::node::{Filter, Node, Value, WriteValue, escape};
use crate::parse::{FilterError, parse};
use std::fmt;
use std::str::FromStr;

/// A filter that a login name is filled into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Node<Vec<Piece>>);

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as they are.
    Bytes(Value),
    /// A part of the login name.
    Variable(Variable),
}

/// What stands for a part of the login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `%U`: what stands before the separator.
    User,
    /// `%V`: the domain.
    Domain,
    /// `%o`: the name as typed.
    Typed,
}

/// The parts of a login name. None that a template uses may be empty: RFC 4511 section 4.5.1 has no empty part of
/// a substring, so `(cn=*%U)` would be written as `(cn=*)` and ask for everybody.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// `%U`
    pub user: &'a str,
    /// `%V`
    pub domain: &'a str,
    /// `%o`
    pub typed: &'a str,
}

impl Template {
    /// The documented default of both places that hold one.
    pub const DEFAULT: &'static str = "(&(objectclass=inetOrgPerson)(uid=%U))";

    /// Reads a template for logins: one that asks for the name of who logs in. The outermost parentheses
    /// may be left out, as the guide does in its examples.
    pub fn for_logins(text: &str) -> Result<Self, FilterError> {
        let template: Self = text.parse()?;
        if template.names_the_user() {
            return Ok(template);
        }
        let what =
            "the filter has neither %U nor %o, so it would find the same users for everybody";
        Err(FilterError { at: text.len(), what: what.to_owned() })
    }

    /// The filter for a login name. The parts become values, whatever they hold.
    pub fn fill(&self, names: &Names<'_>) -> Filter {
        self.0.map(&mut |pieces| {
            pieces.iter().flat_map(|piece| piece.bytes(names)).copied().collect()
        })
    }

    fn names_the_user(&self) -> bool {
        let mut found = false;
        self.0.map(&mut |pieces| {
            let names =
                |piece: &Piece| matches!(piece, Piece::Variable(Variable::User | Variable::Typed));
            found |= pieces.iter().any(names);
        });
        found
    }
}

impl Default for Template {
    fn default() -> Self {
        let value = |piece| vec![piece];
        let compare = |attribute: &str, value| Node::Compare {
            attribute: attribute.to_owned(),
            relation: crate::node::Relation::Equal,
            value,
        };
        Self(Node::And(vec![
            compare("objectclass", value(Piece::Bytes(b"inetOrgPerson".to_vec()))),
            compare("uid", value(Piece::Variable(Variable::User))),
        ]))
    }
}

impl Piece {
    fn bytes<'a>(&'a self, names: &Names<'a>) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Variable(Variable::User) => names.user.as_bytes(),
            Self::Variable(Variable::Domain) => names.domain.as_bytes(),
            Self::Variable(Variable::Typed) => names.typed.as_bytes(),
        }
    }
}

impl Variable {
    /// The letter behind the percent sign.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::User => 'U',
            Self::Domain => 'V',
            Self::Typed => 'o',
        }
    }

    pub(crate) fn of(letter: u8) -> Option<Self> {
        let all = [Self::User, Self::Domain, Self::Typed];
        all.into_iter().find(|variable| variable.letter() == char::from(letter))
    }
}

impl FromStr for Template {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse(text, true).map(Self)
    }
}

impl WriteValue for Vec<Piece> {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|piece| match piece {
            Piece::Bytes(bytes) => escape(bytes, f, b"%"),
            Piece::Variable(variable) => write!(f, "%{}", variable.letter()),
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
