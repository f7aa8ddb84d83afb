//! What `msconfig` answers: options, help, history, differences.

use super::command::{COMMANDS, Show};
use super::write_failure;
use crate::failure::Failure;
use std::fmt::Write;
use waypost_options::{
    Config, ConfigFile, OptionRecord, Place, Registry, Value, changed, commands, describe,
    explained, matching, notes,
};

/// The least width of a column of names.
const NAME_WIDTH: usize = 26;

/// The options of a pattern: those that are set; all of them with `default`, or when the pattern names
/// one alone. What differs from its default has the default beside it.
pub(super) fn show(config: &Config, show: &Show) -> Result<Vec<String>, Failure> {
    let mut places = matching(config, &show.pattern).map_err(Failure::usage)?;
    let all = show.default || places.len() == 1;
    places.retain(|place| all || config.is_set(place));
    places.retain(|place| place.record.restricted || !show.restricted);
    Ok(places.iter().map(|place| setting(config, place, show.passwords)).collect())
}

fn setting(config: &Config, place: &Place, passwords: bool) -> String {
    let name = place.full_name();
    let (value, default) = (config.value_at(place), Value::default_of(place.record));
    if place.record.secret {
        let shown = if passwords && value != default { value.reveal() } else { value.to_string() };
        return format!("{name} = {shown}");
    }
    if value == default {
        format!("{name} = {value}  (default)")
    } else {
        format!("{name} = {value}  (default: {default})")
    }
}

/// All commands and groups, or the options that a name or a pattern means.
pub(super) fn help(registry: Registry, name: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(name) = name else { return Ok(overview(registry)) };
    let is_it = |(usage, _): &&(&str, &str)| usage.split(' ').next() == Some(name);
    if let Some((usage, what)) = COMMANDS.iter().find(is_it) {
        return Ok(vec![format!("{usage}: {what}")]);
    }
    match explained(registry, name).map_err(Failure::usage)?.as_slice() {
        [record] => Ok(explanation(record)),
        records => Ok(lines(records)),
    }
}

/// A line for each option, the help below one another.
fn lines(records: &[&OptionRecord]) -> Vec<String> {
    let widest = records.iter().map(|record| record.full_name().len()).max().unwrap_or_default();
    let width = widest.max(NAME_WIDTH);
    records.iter().map(|r| format!("{:<width$} {}", r.full_name(), r.help)).collect()
}

fn overview(registry: Registry) -> Vec<String> {
    let width = COMMANDS.iter().map(|(usage, _)| usage.len()).max().unwrap_or_default();
    let mut lines: Vec<String> =
        COMMANDS.iter().map(|(usage, what)| format!("{usage:<width$} {what}")).collect();
    let mut groups: Vec<&str> = registry.iter().map(|record| record.group).collect();
    groups.dedup();
    lines.push(format!("Groups of options, which `help GROUP` lists: {}", groups.join(", ")));
    lines
}

fn explanation(record: &OptionRecord) -> Vec<String> {
    let mut lines = vec![
        format!("{}: {}", record.full_name(), record.help),
        format!("  {}", describe(record.kind).replace('`', "")),
        format!("  takes effect {}", record.applies),
    ];
    lines.extend(record.alias.map(|alias| format!("  older name: {alias}")));
    lines.extend(notes(record).iter().map(|note| format!("  {}", note.replace('`', ""))));
    lines.push(format!("  guide: {}", record.guide));
    if !record.details.is_empty() {
        lines.push(format!("  {}", record.details));
    }
    lines
}

/// One line per generation, oldest first.
pub(super) fn history(file: &ConfigFile) -> Result<Vec<String>, Failure> {
    let generations = file.history().map_err(write_failure)?;
    Ok(generations
        .into_iter()
        .map(|generation| {
            let note = generation.note;
            let mut line = format!("{:>4}  {}  {:<10}", generation.number, note.when, note.who);
            if !note.remark.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(line, "  {}", note.remark);
            }
            line.trim_end().to_owned()
        })
        .collect())
}

/// The options that differ: `-` before, `+` after.
pub(super) fn difference(before: &Config, after: &Config) -> Vec<String> {
    let lines = |place: &Place| {
        [('-', before), ('+', after)]
            .map(|(sign, config)| format!("{sign} {}", setting(config, place, false)))
    };
    changed(before, after).iter().flat_map(lines).collect()
}

/// What the file says now against the generation before the newest.
pub(super) fn last_change(file: &ConfigFile) -> Result<Vec<String>, Failure> {
    let now = file.draft().map_err(Failure::usage)?;
    let Some(before) = file.last_other(&now).map_err(write_failure)? else {
        return Ok(Vec::new());
    };
    let before = file.values(&before).map_err(Failure::usage)?;
    Ok(difference(&before, now.config()))
}

/// What a change that was stored means.
pub(super) fn outcome(number: Option<u32>, before: &Config, after: &Config) -> Vec<String> {
    let Some(number) = number else {
        return vec!["Nothing to store: the file says so already.".to_owned()];
    };
    let commands = commands(before, after);
    let effect = match (changed(before, after).as_slice(), commands.is_empty()) {
        ([], _) => "no value has changed.".to_owned(),
        (_, true) => "no enabled service is concerned.".to_owned(),
        ([one], false) => format!("{} takes effect {}:", one.full_name(), one.record.applies),
        (_, false) => "the changes take effect with:".to_owned(),
    };
    let mut lines = vec![format!("Stored as generation {number}; {effect}")];
    lines.extend(commands);
    lines
}
