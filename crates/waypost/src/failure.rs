//! What a command can fail with: one message for the person at the terminal, one exit code.

use std::fmt;

/// Something failed.
const EXIT_FAILED: u8 = 1;
/// The command line or the configuration is wrong; trying again does not help.
const EXIT_USAGE: u8 = 2;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Something failed that may work another time.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), code: EXIT_FAILED }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), code: EXIT_USAGE }
    }

    /// The question could not be put, so there is no answer to it, not even a bad one.
    pub(crate) fn unable(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), code: EXIT_USAGE }
    }

    /// The process's exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Names the operation that failed and on what.
pub(crate) trait Context<T> {
    /// Turns the error into a failure that begins with `what`.
    fn context(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
