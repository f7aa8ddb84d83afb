//! The state between two commands: the stored options and the draft of the next ones.

use super::command::{Command, NewValue};
use super::{listing, write_failure};
use crate::failure::{Context, Failure};
use crate::settings::clients;
use crate::{ownership, prompt};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use waypost_options::{
    BASE_USER, Config, ConfigFile, Draft, Note, Place, Problem, Writer, changed, find,
};
use waypost_types::Moment;

/// Where the name of the person at the terminal is looked for, the first that is set.
const NAMES: [&str; 3] = ["SUDO_USER", "LOGNAME", "USER"];

/// What one run of the program works on.
pub(super) struct Session<'a> {
    file: &'a ConfigFile,
    stored: Config,
    draft: Draft,
    touched: bool,
}

impl<'a> Session<'a> {
    /// Reads the file; one that is damaged or has unknown options is refused.
    pub(super) fn open(file: &'a ConfigFile) -> Result<Self, Failure> {
        let draft = file.draft().map_err(Failure::usage)?;
        Ok(Self { file, stored: draft.config().clone(), draft, touched: false })
    }

    /// The options that are in the file.
    pub(super) fn stored(&self) -> &Config {
        &self.stored
    }

    /// The options as they would be stored.
    pub(super) fn config(&self) -> &Config {
        self.draft.config()
    }

    /// Whether a command names a secret and goes on, so that it may hold the value.
    pub(super) fn holds_a_secret(&self, words: &[String]) -> bool {
        let before_last = words.split_last().map_or(&[][..], |(_, before)| before);
        let mut places = before_last.iter().filter_map(|word| self.find(word).ok());
        places.any(|place| place.record.secret)
    }

    /// Whether a change was made that is not stored.
    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// Carries out a command other than those that end or store; answers with lines to print.
    pub(super) fn execute(&mut self, command: &Command) -> Result<Vec<String>, Failure> {
        match command {
            Command::Set { name, value, restricted } => self.set(name, value, *restricted),
            Command::Unset { name, restricted } => self.unset(name, *restricted),
            Command::Revert { number, restricted } => self.revert(*number, *restricted),
            Command::Show(show) => listing::show(self.config(), show),
            Command::Help { name } => listing::help(self.config().registry(), name.as_deref()),
            Command::History => listing::history(self.file),
            Command::Diff { from, to } => self.diff(*from, *to),
            Command::Write { .. } | Command::Exit | Command::Quit => Ok(Vec::new()),
        }
    }

    /// Stores the draft; answers with the number of its generation, if it is a new one.
    pub(super) fn store(
        &mut self,
        writer: &Writer<'_>,
        remark: &str,
    ) -> Result<Option<u32>, Failure> {
        // The next start would fail. A user that is there already may be made later, as in a package.
        if self.config().read(&BASE_USER) != self.stored.read(&BASE_USER) {
            ownership::check_user(self.config())?;
        }
        // A server that runs would keep what it has, and the next one would not start.
        if clients::files(self.config()) != clients::files(&self.stored) {
            clients::read(self.config())?;
        }
        let number = writer.store(&self.draft, &note(remark)?).map_err(write_failure)?;
        *self = Self::open(self.file)?;
        Ok(number)
    }

    /// The same for a session that did not keep others out.
    pub(super) fn write(&mut self, remark: &str) -> Result<(), Failure> {
        let writer = self.file.lock().map_err(write_failure)?;
        self.store(&writer, remark).map(|_| ())
    }

    /// What `write` would refuse.
    pub(super) fn conflicts(&self) -> Vec<Problem> {
        self.draft.conflicts()
    }

    fn set(
        &mut self,
        name: &str,
        value: &NewValue,
        restricted: bool,
    ) -> Result<Vec<String>, Failure> {
        let place = self.find(name)?;
        allow(&place, restricted, || set_again(&place, value))?;
        let set = match value {
            NewValue::Given(text) => self.draft.set(&place, text),
            NewValue::Prompted => {
                let question = format!("{}: ", place.full_name());
                self.draft.set(&place, prompt::hidden_value(&question)?.expose())
            }
        };
        set.map_err(Failure::usage)?;
        self.touched = true;
        Ok(Vec::new())
    }

    fn unset(&mut self, name: &str, restricted: bool) -> Result<Vec<String>, Failure> {
        let place = self.find(name)?;
        allow(&place, restricted, || format!("unset -restricted {}", place.full_name()))?;
        if self.draft.unset(&place).map_err(Failure::usage)? {
            self.touched = true;
        }
        Ok(Vec::new())
    }

    /// The option of a name.
    pub(super) fn find(&self, name: &str) -> Result<Place, Failure> {
        find(self.config().registry(), name).map_err(Failure::usage)
    }

    fn revert(&mut self, number: u32, restricted: bool) -> Result<Vec<String>, Failure> {
        let generation = self.file.generation(number).ok_or_else(|| no_generation(number))?;
        let mut draft = self.draft.clone();
        self.file.revert(&mut draft, &generation).map_err(Failure::usage)?;
        for place in changed(self.config(), draft.config()) {
            allow(&place, restricted, || format!("revert -restricted {number}"))?;
        }
        self.draft = draft;
        self.touched = true;
        Ok(Vec::new())
    }

    fn diff(&self, from: Option<u32>, to: Option<u32>) -> Result<Vec<String>, Failure> {
        let from = from.map(|number| self.generation(number)).transpose()?;
        let to = to.map(|number| self.generation(number)).transpose()?;
        let from = from.as_ref().unwrap_or(&self.stored);
        Ok(listing::difference(from, to.as_ref().unwrap_or(self.draft.config())))
    }

    fn generation(&self, number: u32) -> Result<Config, Failure> {
        let generation = self.file.generation(number).ok_or_else(|| no_generation(number))?;
        self.file.values(&generation).map_err(Failure::usage)
    }
}

/// Refuses to change a restricted option unless that is meant; `again` is the command that means it.
fn allow(place: &Place, meant: bool, again: impl FnOnce() -> String) -> Result<(), Failure> {
    if meant || !place.record.restricted {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} is restricted, because a wrong value endangers the server; if you mean it: msconfig {}",
        place.full_name(),
        again()
    )))
}

fn set_again(place: &Place, value: &NewValue) -> String {
    let name = place.full_name();
    match value {
        NewValue::Given(text) if !place.record.secret => {
            format!("set -restricted {name} {}", quoted(text))
        }
        _ => format!("set -restricted -prompt {name}"),
    }
}

/// A value as a shell and the dialogue take it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

fn no_generation(number: u32) -> Failure {
    Failure::usage(format!("there is no generation {number}; `history` lists them"))
}

/// Who changes the options now, and why.
pub(in crate::tools) fn note(remark: &str) -> Result<Note, Failure> {
    let now = OffsetDateTime::from_unix_timestamp(Moment::now().wall.seconds);
    let when = now.context("the clock")?.format(&Rfc3339).context("the clock")?;
    let named = NAMES.iter().find_map(|name| std::env::var(name).ok().filter(|n| !n.is_empty()));
    let who = named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    Ok(Note { when, who, remark: remark.to_owned() })
}
