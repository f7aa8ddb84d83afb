//! The configuration: `config.toml`, one table per group; `imap.logfile` is the table `logfile` in `imap`.
//!
//! The whole file is read and checked before any of it counts, and all faults are told at once.

use crate::checks;
use crate::error::{ConfigError, Problem};
use crate::groups::{Registry, registry};
use crate::reader::Reader;
use crate::record::{Opt, OptionRecord, Place, full_name};
use crate::value::{OptionType, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest configuration file in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// A checked configuration.
#[derive(Clone)]
pub struct Config {
    registry: Registry,
    settings: Settings,
    folder: PathBuf,
}

/// What is set, by full names.
pub(crate) type Settings = BTreeMap<String, Setting>;

/// A value that is set.
#[derive(Clone)]
pub(crate) struct Setting {
    /// Where the value belongs.
    pub(crate) place: Place,
    /// The value, checked.
    pub(crate) value: Value,
    /// The line that sets it.
    pub(crate) line: Option<usize>,
}

impl Config {
    /// Reads and checks a file. Relative paths in it count from its own folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let failed = |reason: String| ConfigError {
            file: file.clone(),
            problems: vec![Problem { line: None, reason }],
        };
        let text = read_bounded(path, MAX_FILE_BYTES).map_err(failed)?;
        let absolute = std::path::absolute(path).map_err(|e| failed(e.to_string()))?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, folder).map_err(|problems| ConfigError { file, problems })
    }

    /// Checks a text. Relative paths in it stay relative.
    // The error names a file, which the trait's error could not; the name says what it does.
    #[allow(clippy::should_implement_trait, reason = "the trait would add nothing but an import")]
    pub fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parsed = Self::parse(text, Path::new(""));
        parsed.map_err(|problems| ConfigError { file: "configuration".to_owned(), problems })
    }

    /// The value of an option: what the file says, else the default.
    pub fn read<T: OptionType>(&self, option: &Opt<T>) -> T {
        self.read_named(option, "")
    }

    /// The value of an option of one of [`Config::members`]; another name has the defaults.
    pub fn read_named<T: OptionType>(&self, option: &Opt<T>, member: &str) -> T {
        let record = &option.record;
        let value = self.value_of(record, member);
        T::from_value(record, &value, &self.folder).unwrap_or_default()
    }

    /// The names for which the group of an option has something set, in the order of the alphabet.
    pub fn members<T>(&self, option: &Opt<T>) -> Vec<&str> {
        self.members_of(option.record.group)
    }

    /// The checked value of an option that exists once, by its record.
    pub fn value(&self, record: &OptionRecord) -> Value {
        self.value_of(record, "")
    }

    /// The checked value of an option, for listings.
    pub fn value_at(&self, place: &Place) -> Value {
        self.value_of(place.record, &place.member)
    }

    /// Whether the file sets an option.
    pub fn is_set(&self, place: &Place) -> bool {
        self.settings.contains_key(&place.full_name())
    }

    /// The options there are; one that exists once per name stands there for each name in use.
    pub fn places(&self) -> Vec<Place> {
        let place = |record, member: &str| Place { record, member: member.to_owned() };
        let places = self.registry.iter().flat_map(|record| match record.named {
            true => self.members_of(record.group).iter().map(|m| place(record, m)).collect(),
            false => vec![Place::of(record)],
        });
        places.collect()
    }

    /// The options that could be set.
    pub fn registry(&self) -> Registry {
        self.registry
    }

    fn value_of(&self, record: &OptionRecord, member: &str) -> Value {
        let set = self.settings.get(&full_name(record, member));
        set.map_or_else(|| Value::default_of(record), |setting| setting.value.clone())
    }

    pub(crate) fn members_of(&self, group: &str) -> Vec<&str> {
        let places = self.settings.values().map(|setting| &setting.place);
        let places = places.filter(|place| place.record.group == group && place.record.named);
        let members: BTreeSet<&str> = places.map(|place| place.member.as_str()).collect();
        members.into_iter().collect()
    }

    /// The line that sets an option.
    pub(crate) fn line(&self, record: &OptionRecord) -> Option<usize> {
        self.settings.get(&record.full_name()).and_then(|setting| setting.line)
    }

    /// What does not fit together.
    pub(crate) fn conflicts(&self) -> Vec<Problem> {
        checks::check(self)
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let config = Self::parse_options(registry(), text, folder)?;
        let conflicts = config.conflicts();
        if conflicts.is_empty() { Ok(config) } else { Err(conflicts) }
    }

    /// Checks each option by itself.
    pub(crate) fn parse_options(
        registry: Registry,
        text: &str,
        folder: &Path,
    ) -> Result<Self, Vec<Problem>> {
        let settings = Reader::read(registry, text)?;
        Ok(Self { registry, settings, folder: folder.to_owned() })
    }
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut text = String::new();
    // One byte more than allowed tells "at the limit" from "over it".
    let read = file.take(limit + 1).read_to_string(&mut text);
    let bytes = read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes as u64 > limit {
        return Err(format!("is larger than {limit} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
