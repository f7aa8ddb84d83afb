//! What is wrong with a configuration file, and where.

use std::fmt;

/// A configuration that was refused. The files are as they were: nothing here writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file of options, as it was given.
    pub file: String,
    /// The file of secrets.
    pub secrets: String,
    /// Everything that was found, at least one; a configuration is never half accepted.
    pub problems: Vec<Problem>,
}

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `config.toml`.
    Options,
    /// `secrets.toml`.
    Secrets,
}

/// One fault in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub source: Source,
    /// The line, from 1; `None` when no single line is at fault.
    pub line: Option<usize>,
    /// What is wrong and what would be accepted.
    pub reason: String,
}

impl Problem {
    /// A fault of the file of options, or of both together.
    pub(crate) fn new(line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { source: Source::Options, line, reason: reason.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            let file = match problem.source {
                Source::Options => &self.file,
                Source::Secrets => &self.secrets,
            };
            match problem.line {
                Some(line) => write!(f, "{file}:{line}: {}", problem.reason)?,
                None => write!(f, "{file}: {}", problem.reason)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
