//! What is wrong with a configuration file, and where.

use std::fmt;

/// A configuration that was refused. The file is as it was: nothing here writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as it was given.
    pub file: String,
    /// Everything that was found, at least one; the file is never half accepted.
    pub problems: Vec<Problem>,
}

/// One fault in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; `None` when no single line is at fault.
    pub line: Option<usize>,
    /// What is wrong and what would be accepted.
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            match problem.line {
                Some(line) => write!(f, "{}:{line}: {}", self.file, problem.reason)?,
                None => write!(f, "{}: {}", self.file, problem.reason)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
