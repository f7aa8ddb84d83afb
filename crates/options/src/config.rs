//! The configuration: `config.toml`, one table per group.
//!
//! The whole file is read and checked before any of it counts, and all faults are told at once.

use crate::checks;
use crate::error::{ConfigError, Problem};
use crate::groups::registry;
use crate::nearest::nearest;
use crate::record::{Opt, OptionRecord};
use crate::value::{OptionType, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{Document, Item, TableLike};

/// The largest configuration file in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// A checked configuration.
#[derive(Clone)]
pub struct Config {
    settings: BTreeMap<String, Setting>,
    folder: PathBuf,
}

#[derive(Clone)]
struct Setting {
    value: Value,
    line: Option<usize>,
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
        let record = &option.record;
        let value = self.value(record);
        T::from_value(record, &value, &self.folder).unwrap_or_default()
    }

    /// The checked value of an option by its record, for listings.
    pub fn value(&self, record: &OptionRecord) -> Value {
        let set = self.settings.get(&record.full_name());
        set.map_or_else(|| Value::default_of(record), |setting| setting.value.clone())
    }

    /// The line that sets an option.
    pub(crate) fn line(&self, record: &OptionRecord) -> Option<usize> {
        self.settings.get(&record.full_name()).and_then(|setting| setting.line)
    }

    /// Whether the file sets an option.
    pub fn is_set(&self, record: &OptionRecord) -> bool {
        self.settings.contains_key(&record.full_name())
    }

    /// What does not fit together.
    pub(crate) fn conflicts(&self) -> Vec<Problem> {
        checks::check(self)
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let config = Self::parse_options(text, folder)?;
        let conflicts = config.conflicts();
        if conflicts.is_empty() { Ok(config) } else { Err(conflicts) }
    }

    /// Checks each option by itself.
    pub(crate) fn parse_options(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, &span));
            vec![Problem { line, reason: error.message().trim().replace('\n', "; ") }]
        })?;
        let mut reader = Reader { text, settings: BTreeMap::new(), problems: Vec::new() };
        reader.document(document.as_table());
        let Reader { settings, problems, .. } = reader;
        let config = Self { settings, folder: folder.to_owned() };
        if problems.is_empty() { Ok(config) } else { Err(problems) }
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

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(span.start);
    before.filter(|byte| **byte == b'\n').count() + 1
}

/// Gathers settings and problems from a document.
struct Reader<'a> {
    text: &'a str,
    settings: BTreeMap<String, Setting>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn document(&mut self, root: &dyn TableLike) {
        for (group, item) in root.iter() {
            let line = self.line(root, group, item);
            if !registry().iter().any(|record| record.group == group) {
                let groups = registry().iter().map(|record| record.group);
                self.unknown(line, "group", group, nearest(group, groups));
            } else if let Some(table) = item.as_table_like() {
                self.group(group, table);
            } else {
                let reason = format!("`{group}` is a group; write [{group}] and its options below");
                self.problems.push(Problem { line, reason });
            }
        }
    }

    fn group(&mut self, group: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let line = self.line(table, name, item);
            let full_name = format!("{group}.{name}");
            match registry().iter().find(|r| r.group == group && r.name == name) {
                Some(record) => self.option(record, full_name, item, line),
                None => {
                    let names: Vec<String> = registry().iter().map(|r| r.full_name()).collect();
                    let best = nearest(&full_name, names.iter().map(String::as_str));
                    self.unknown(line, "option", &full_name, best);
                }
            }
        }
    }

    fn option(&mut self, record: &OptionRecord, name: String, item: &Item, line: Option<usize>) {
        match Value::from_toml(record, item) {
            Ok(value) => {
                self.settings.insert(name, Setting { value, line });
            }
            Err(expected) => {
                let found = match item.as_value() {
                    Some(value) if !record.secret => {
                        format!(", not {}", value.to_string().trim())
                    }
                    _ => String::new(),
                };
                let reason = format!("{name} {expected}{found}");
                self.problems.push(Problem { line, reason });
            }
        }
    }

    fn unknown(&mut self, line: Option<usize>, what: &str, name: &str, meant: Option<&str>) {
        let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        self.problems.push(Problem { line, reason: format!("unknown {what} {name}{hint}") });
    }

    fn line(&self, table: &dyn TableLike, key: &str, item: &Item) -> Option<usize> {
        let key = table.get_key_value(key).and_then(|(key, _)| key.span());
        key.or_else(|| item.span()).map(|span| line_of(self.text, &span))
    }
}

#[cfg(test)]
mod tests;
