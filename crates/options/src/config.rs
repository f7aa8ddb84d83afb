//! The configuration: `config.toml`, one table per group; `imap.logfile` is the table `logfile` in `imap`.
//!
//! Secrets stand in a file of their own, `secrets.toml`. All is read and checked before any of it counts, and
//! all faults are told at once.

use crate::checks;
use crate::error::{ConfigError, Problem};
use crate::files::{Files, Texts};
use crate::groups::logfile::common;
use crate::groups::{Registry, registry};
use crate::reader::Reader;
use crate::record::{Opt, OptionRecord, Place, full_name};
use crate::value::{OptionType, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

mod wire;

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
    /// Reads and checks a file and the secrets beside it. Relative paths count from their folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let files = Files::beside(path);
        let texts = files.read()?;
        let absolute = std::path::absolute(path)
            .map_err(|e| files.refusal(vec![Problem::new(None, e.to_string())]))?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        Self::parse(&texts, folder).map_err(|problems| files.refusal(problems))
    }

    /// Checks a text without secrets. Relative paths in it stay relative.
    // The error names a file, which the trait's error could not; the name says what it does.
    #[allow(clippy::should_implement_trait, reason = "the trait would add nothing but an import")]
    pub fn from_str(text: &str) -> Result<Self, ConfigError> {
        let parsed = Self::parse(&Texts::without_secrets(text), Path::new(""));
        parsed.map_err(|problems| Files::beside(Path::new("configuration")).refusal(problems))
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
        let common = || self.settings.get(&common(record)?.full_name());
        let set = self.settings.get(&full_name(record, member)).or_else(common);
        set.map_or_else(|| Value::default_of(record), |setting| setting.value.clone())
    }

    pub(crate) fn members_of(&self, group: &str) -> Vec<&str> {
        let places = self.settings.values().map(|setting| &setting.place);
        let places = places.filter(|place| place.record.group == group && place.record.named);
        let members: BTreeSet<&str> = places.map(|place| place.member.as_str()).collect();
        members.into_iter().collect()
    }

    /// The line of its file that sets an option; `None` when nothing sets it.
    pub fn line(&self, record: &OptionRecord) -> Option<usize> {
        self.settings.get(&record.full_name()).and_then(|setting| setting.line)
    }

    /// What does not fit together.
    pub(crate) fn conflicts(&self) -> Vec<Problem> {
        checks::check(self)
    }

    fn parse(texts: &Texts, folder: &Path) -> Result<Self, Vec<Problem>> {
        Self::parse_options(registry(), texts, folder)?.fit_together()
    }

    fn fit_together(self) -> Result<Self, Vec<Problem>> {
        let conflicts = self.conflicts();
        if conflicts.is_empty() { Ok(self) } else { Err(conflicts) }
    }

    /// Checks each option by itself.
    pub(crate) fn parse_options(
        registry: Registry,
        texts: &Texts,
        folder: &Path,
    ) -> Result<Self, Vec<Problem>> {
        let settings = Reader::read(registry, texts)?;
        Ok(Self { registry, settings, folder: folder.to_owned() })
    }
}

#[cfg(test)]
mod tests;
