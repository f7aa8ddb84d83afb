//! What the pipeline decided and why, step by step: for `waypost login-explain` and for nobody else.

use crate::failure::LoginFailure;
use crate::login::Identity;

/// A step of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it looks at.
    pub name: &'static str,
    /// What it was given.
    pub input: String,
    /// The filter that the directory was asked by, if it was asked by one.
    pub filter: Option<String>,
    /// What came out.
    pub answer: String,
    /// Where the rule stands that decided.
    pub rule: Rule,
    /// Whether the login went on.
    pub passed: bool,
}

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// In an option of the configuration.
    Option(&'static str),
    /// In an attribute of an entry.
    Attribute {
        /// The entry.
        entry: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// Nowhere: it always holds, or nothing is set.
    Always(&'static str),
}

impl Rule {
    pub(crate) fn of(entry: &str, attribute: &'static str) -> Self {
        Self::Attribute { entry: entry.to_owned(), attribute }
    }
}

/// A login that was only asked about.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The steps that were taken.
    pub steps: Vec<Step>,
    /// What the login would have given.
    pub outcome: Result<Identity, LoginFailure>,
}

impl Step {
    pub(crate) fn new(name: &'static str, input: impl Into<String>, rule: Rule) -> Self {
        let (input, answer) = (input.into(), String::new());
        Self { name, input, filter: None, answer, rule, passed: true }
    }

    pub(crate) fn answer(mut self, answer: impl Into<String>) -> Self {
        self.answer = answer.into();
        self
    }
}
