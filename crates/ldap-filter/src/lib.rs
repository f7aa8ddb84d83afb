//! Search filters of LDAP (RFC 4515): read, filled in, written and evaluated; and names of entries (RFC 4514).
//!
//! A filter is a tree whose values are bytes. What a client sent gets into it as a value only
//! ([`Template::fill`]), never as text, so no login name can change what is asked: `*` in it is a star
//! and `)` a parenthesis. An LDAP engine sends [`Filter`]'s text, which escapes its values; an engine
//! without a server of its own evaluates the tree ([`Filter::matches`]).

mod compare;
mod evaluate;
mod name;
mod node;
mod parse;
mod template;

pub use evaluate::Entry;
pub use name::{DistinguishedName, NamePart, SearchBase};
pub use node::{Filter, Node, Relation, Substrings, Value};
pub use parse::FilterError;
pub use template::{Names, Piece, Template, Variable};

/// The longest text of a filter in bytes; a filter that logins need has a tenth of that.
pub const MAX_FILTER_BYTES: usize = 4_096;
/// How deep filters may stand in one another, so that no recursion over them is deep.
pub const MAX_FILTER_DEPTH: usize = 32;
