//! From texts to settings: every key of the file is an option or a group on the way to one.

use crate::config::{Setting, Settings};
use crate::error::{Problem, Source};
use crate::files::{SECRETS_FILE, Texts};
use crate::groups::Registry;
use crate::nearest::nearest;
use crate::record::{OptionRecord, Place};
use crate::value::Value;
use std::collections::BTreeSet;
use std::ops::Range;
use toml_edit::{Document, Item, TableLike, TomlError};

/// The longest name in `group:NAME.option` in bytes.
const MAX_MEMBER_BYTES: usize = 64;
/// The most names of one group: more of them is a mistake of whatever wrote the file.
const MAX_MEMBERS: usize = 100;

/// Gathers settings and problems from both documents.
pub(crate) struct Reader<'a> {
    registry: Registry,
    /// The file that is read now, and its text.
    source: Source,
    text: &'a str,
    settings: Settings,
    problems: Vec<Problem>,
    members: BTreeSet<(&'static str, String)>,
}

/// What a key below the keys before it is.
enum Key {
    Option(Place),
    Group,
    Unknown,
}

impl<'a> Reader<'a> {
    /// Reads the texts; the error holds all faults of them.
    pub(crate) fn read(registry: Registry, texts: &'a Texts) -> Result<Settings, Vec<Problem>> {
        let (settings, problems, members) = Default::default();
        let source = Source::Options;
        let mut reader = Self { registry, source, text: "", settings, problems, members };
        reader.document(source, &texts.options);
        reader.document(Source::Secrets, texts.secrets.expose());
        if reader.problems.is_empty() { Ok(reader.settings) } else { Err(reader.problems) }
    }

    fn document(&mut self, source: Source, text: &'a str) {
        (self.source, self.text) = (source, text);
        match Document::parse(text) {
            Ok(document) => self.table("", document.as_table()),
            Err(error) => self.damage(&error),
        }
    }

    /// Reads a table; `path` is its full name.
    fn table(&mut self, path: &str, table: &dyn TableLike) {
        for (key, item) in table.iter() {
            let line = self.line(table, key, item);
            let name = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            match (self.key(path, key, &name), item.as_table_like()) {
                (Key::Option(place), _) => self.option(place, item, line),
                (Key::Group, Some(below)) => self.table(&name, below),
                (Key::Group, None) => self.complain(line, no_table(&name)),
                (Key::Unknown, below) => self.unknown(path, &name, line, below.is_some()),
            }
        }
    }

    fn key(&self, path: &str, key: &str, name: &str) -> Key {
        if has_quoted_dot(key) {
            return Key::Unknown;
        }
        let (group, member) = split_group(path);
        let is_it =
            |r: &&&OptionRecord| r.group == group && r.name == key && r.named == member.is_some();
        if let Some(record) = self.registry.iter().find(is_it) {
            return Key::Option(Place { record, member: member.unwrap_or_default().to_owned() });
        }
        // Nothing lies below a group with a name but its options.
        let is_inside = member.is_some();
        let (group, member) = split_group(name);
        let leads = |r: &&OptionRecord| match member {
            _ if is_inside => false,
            Some(_) => r.named && r.group == group,
            None => (r.group == group && !r.named) || is_below(r.group, group),
        };
        if self.registry.iter().any(leads) { Key::Group } else { Key::Unknown }
    }

    fn option(&mut self, place: Place, item: &Item, line: Option<usize>) {
        if let Err(reason) = self.belongs(&place).and_then(|()| self.admit(&place)) {
            return self.complain(line, reason);
        }
        let name = place.full_name();
        match Value::from_toml(place.record, item) {
            Ok(value) => {
                self.settings.insert(name, Setting { place, value, line });
            }
            Err(misfit) => {
                let found = item.as_value().map(|value| value.to_string().trim().to_owned());
                let shown = found.filter(|_| !place.record.secret);
                self.complain(line, misfit.told(&name, shown.as_deref()));
            }
        }
    }

    /// Whether an option stands in the file for its kind.
    fn belongs(&self, place: &Place) -> Result<(), String> {
        let name = place.full_name();
        match (self.source, place.record.secret) {
            (Source::Options, true) => Err(format!(
                "{name} is a secret, and this file is not for secrets: take the line out, then \
                 `msconfig set -prompt {name}` puts the value into {SECRETS_FILE}; change the \
                 secret if somebody may have read it"
            )),
            (Source::Secrets, false) => Err(format!(
                "{name} is no secret: move it to the configuration file beside this one"
            )),
            _ => Ok(()),
        }
    }

    /// Whether the name in `group:NAME.option` is one, and one of not too many.
    fn admit(&mut self, place: &Place) -> Result<(), String> {
        if !place.record.named {
            return Ok(());
        }
        let group = place.record.group;
        check_member(&place.member)?;
        self.members.insert((group, place.member.clone()));
        let count = self.members.iter().filter(|(other, _)| *other == group).count();
        let full = || format!("{group} has more than {MAX_MEMBERS} names; take some of them out");
        if count > MAX_MEMBERS { Err(full()) } else { Ok(()) }
    }

    fn unknown(&mut self, path: &str, name: &str, line: Option<usize>, is_table: bool) {
        let last = name.strip_prefix(path).unwrap_or(name).trim_start_matches('.');
        let wants_name =
            |r: &&OptionRecord| r.named && (r.group == name || (r.group == path && r.name == last));
        let is_plain = |group: &str| {
            !path.contains(':') && self.registry.iter().any(|r| r.group == group && !r.named)
        };
        let reason = match (self.registry.iter().copied().find(wants_name), split_group(name)) {
            _ if has_quoted_dot(last) => format!("{name} has a dot between quotes; write {name}"),
            (Some(r), _) => format!("{name} needs a name: write [{}]", header(r.group, "NAME")),
            (None, (group, Some(_))) if is_plain(group) => {
                format!("{group} takes no name: write [{group}]")
            }
            _ if is_table || path.is_empty() => {
                let groups = self.registry.iter().map(|record| record.group);
                format!("unknown group {name}{}", meant(nearest(name, groups)))
            }
            _ => {
                let member = split_group(path).1.unwrap_or_default();
                let names: Vec<String> = names(self.registry, member);
                let names = names.iter().map(String::as_str);
                format!("unknown option {name}{}", meant(nearest(name, names)))
            }
        };
        self.complain(line, reason);
    }

    /// What keeps a text from being TOML at all.
    fn damage(&mut self, error: &TomlError) {
        let line = error.span().map(|span| line_of(self.text, &span));
        let found = line.and_then(|line| self.text.lines().nth(line - 1)).unwrap_or_default();
        let mut reason = error.message().trim().replace('\n', "; ");
        if found.trim_start().starts_with('[') && found.contains(':') && !found.contains('"') {
            reason.push_str("; a group with a name stands between quotes: [\"group:name\"]");
        }
        self.complain(line, reason);
    }

    fn complain(&mut self, line: Option<usize>, reason: String) {
        self.problems.push(Problem { source: self.source, line, reason });
    }

    fn line(&self, table: &dyn TableLike, key: &str, item: &Item) -> Option<usize> {
        let key = table.get_key_value(key).and_then(|(key, _)| key.span());
        key.or_else(|| item.span()).map(|span| line_of(self.text, &span))
    }
}

/// Whether the name in `group:NAME.option` is one.
pub(crate) fn check_member(member: &str) -> Result<(), String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if (1..=MAX_MEMBER_BYTES).contains(&member.len()) && member.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!(
        "the name after the colon has letters, digits, `.`, `-` and `_`, {MAX_MEMBER_BYTES} at \
         most, which {member:?} has not"
    ))
}

/// Whether one key holds a dot that should part two; in the name behind a colon it may stand.
fn has_quoted_dot(key: &str) -> bool {
    split_group(key).0.contains('.')
}

/// A group's path, and the name behind its colon.
pub(crate) fn split_group(path: &str) -> (&str, Option<&str>) {
    match path.split_once(':') {
        Some((group, member)) => (group, Some(member)),
        None => (path, None),
    }
}

/// Whether a group lies below another.
pub(crate) fn is_below(group: &str, above: &str) -> bool {
    group.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// The full names of all options, those of named groups with a given name.
pub(crate) fn names(registry: Registry, member: &str) -> Vec<String> {
    let member = if member.is_empty() { "NAME" } else { member };
    registry.iter().map(|record| crate::record::full_name(record, member)).collect()
}

/// The proposal behind an unknown name.
pub(crate) fn meant(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// A group with a name, as the file has it between brackets.
fn header(group: &str, member: &str) -> String {
    match group.rsplit_once('.') {
        Some((above, last)) => format!("{above}.\"{last}:{member}\""),
        None => format!("\"{group}:{member}\""),
    }
}

fn no_table(name: &str) -> String {
    let written = match split_group(name) {
        (group, Some(member)) => header(group, member),
        (group, None) => group.to_owned(),
    };
    format!("`{name}` is a group; write [{written}] and its options below")
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(span.start);
    before.filter(|byte| **byte == b'\n').count() + 1
}
