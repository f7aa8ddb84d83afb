//! What is wrong with a text of filters, and where.

use std::borrow::Cow;
use std::fmt;

/// A place where a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The byte of the text; its length where something is missing at the end.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub what: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn new(at: usize, what: impl Into<Cow<'static, str>>) -> Self {
        Self { at, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.what, self.at)
    }
}

impl std::error::Error for Fault {}
