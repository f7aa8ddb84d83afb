//! Client access filters: who may use which service from where.
//!
//! A filter is `SERVICES: CLIENTS`, in the manner of TCP wrappers. Options hold filters that allow and filters
//! that deny ([`RuleList`]); the attributes `mailAllowedServiceAccess` and `mailDomainAllowedServiceAccess`
//! hold both kinds, told apart by a sign ([`Filters::of_attribute`]). [`Filters::decide`] is a pure function:
//! where a rule needs the name of an address it says so, and is asked again with the answer. So this crate
//! knows no socket, no clock and no resolver; [`decide`] is the loop around it for callers who have a
//! [`Names`].
//!
//! What cannot be known (a user name that only the client's host could tell, a netgroup) never grants
//! anything, and refuses where a rule that denies speaks of it.

mod connection;
mod fault;
mod host;
mod list;
mod names;
mod rule;
mod spec;
mod truth;

pub use connection::{Connection, End, Known, NAMES_MAX, Whose};
pub use fault::Fault;
pub use names::{Lookup, Names, NoNames, decide};
pub use rule::{Decision, Filters, Grounds, Outcome, Rule, RuleList, Sign};
pub use spec::{Reading, SERVICES};

/// The longest text of filters in bytes; what an administrator can still read.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// The most filters in one text.
pub const RULES_MAX: usize = 64;
/// The most services and clients in one filter; each costs a comparison for every connection.
pub const SPECS_MAX: usize = 256;
/// The most times that `EXCEPT` may stand in one list; nobody can follow more.
pub const EXCEPT_MAX: usize = 8;
