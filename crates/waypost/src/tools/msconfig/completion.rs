//! Completion of commands and option names at the prompt.

use super::command::COMMANDS;
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use waypost_options::{Config, beginning};

/// Completes the word before the cursor, names in use included.
pub(super) struct Names {
    /// The options as they are now.
    pub(super) config: Config,
}

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(&self.config, line.get(..position).unwrap_or_default()))
    }
}

impl Helper for Names {}
impl Highlighter for Names {}
impl Hinter for Names {
    type Hint = String;
}
impl Validator for Names {}

/// Where the word begins and what it may become.
pub(super) fn candidates(config: &Config, line: &str) -> (usize, Vec<String>) {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, word) = line.split_at(start);
    let mut found: Vec<String> = match before.split_whitespace().next() {
        None => COMMANDS
            .iter()
            .filter_map(|(usage, _)| usage.split(' ').next())
            .map(str::to_owned)
            .collect(),
        Some("set" | "unset" | "show" | "help") if !names_an_option(before) => {
            beginning(config, word)
        }
        Some(_) => Vec::new(),
    };
    found.retain(|name| name.starts_with(word));
    (start, found)
}

/// Whether the option is named already, and a value follows.
fn names_an_option(before: &str) -> bool {
    before.split_whitespace().skip(1).any(|word| !word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_names_are_completed() {
        let config = Config::from_str("").unwrap();
        let candidates = |line| candidates(&config, line);
        assert_eq!(candidates("se"), (0, vec!["set".to_owned()]));
        assert_eq!(candidates("set pop.enables"), (4, vec!["pop.enablesslport".to_owned()]));
        assert_eq!(candidates("unset -restricted pop.enables").1, ["pop.enablesslport"]);
        assert_eq!(
            candidates("show -default imap.logfile.log"),
            (14, vec!["imap.logfile.loglevel".to_owned(), "imap.logfile.logdir".to_owned()])
        );
        assert_eq!(candidates("set ").1.len(), config.registry().len());
        assert_eq!(candidates("set pop.port 1"), (13, Vec::new()));
        assert_eq!(candidates("revert p"), (7, Vec::new()));
    }
}
