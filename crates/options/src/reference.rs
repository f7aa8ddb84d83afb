//! The reference manual of options, derived from the registry.

use crate::groups::{Registry, registry};
use crate::record::{Kind, OptionRecord};
use std::fmt::Write;

/// The manual in Markdown: `docs/reference/options.md`.
pub fn reference_markdown() -> String {
    manual(registry())
}

fn manual(registry: Registry) -> String {
    let mut text = String::from(
        "# Options\n\n\
         Generated from the option registry; change the registry, not this file.\n\n\
         Options stand in `config.toml`, one table per group. A dot in the name of a group leads to a table in the \
         table, and a group that exists once per name has it behind a colon, between quotes: `[imap.logfile]`, \
         `[\"group:name\"]`.\n\n\
         ```toml\n[imap]\nport = 143\nidletimeout = 30\n```\n\n\
         What the file does not set has its default. A switch takes `1` or `0`, `\"yes\"` or `\"no\"`, \
         `true` or `false`. \
         `msconfig` changes the file and keeps its comments. Relative paths count from the folder of the file.\n\n\
         Secrets, and nothing else, stand in `secrets.toml` beside it, written the same way. Its mode must be \
         0600. `msconfig set -prompt NAME` asks for one and puts it there; `show` hides secrets, `show \
         -passwords` does not. Every stored state of both files is kept in `history/`, its secrets again in a \
         file of their own.\n",
    );
    let mut group = "";
    for record in registry {
        if record.group != group {
            group = record.group;
            text.push_str(&format!("\n## {group}\n"));
        }
        entry(&mut text, record);
    }
    text
}

fn entry(text: &mut String, record: &OptionRecord) {
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n### {}\n\n{}{}.\n\n- {}\n- takes effect {}\n- guide: {}\n",
        record.full_name(),
        record.help[..1].to_uppercase(),
        &record.help[1..],
        describe(record.kind),
        record.applies,
        record.guide
    );
    if let Some(alias) = record.alias {
        let _ = writeln!(text, "- older name: `{alias}`");
    }
    for note in notes(record) {
        let _ = writeln!(text, "- {note}");
    }
    if !record.details.is_empty() {
        let _ = write!(text, "\n{}\n", record.details);
    }
}

/// What is special about an option.
pub fn notes(record: &OptionRecord) -> Vec<&'static str> {
    let notes = [
        (record.secret, "secret: kept in `secrets.toml`, shown only with `-passwords`"),
        (record.restricted, "restricted: `set` and `unset` change it only with `-restricted`"),
        (record.named, "exists once per NAME: letters, digits, `.`, `-` and `_`"),
    ];
    notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note).collect()
}

/// Type, bounds and default in words, values between backticks.
pub fn describe(kind: Kind) -> String {
    match kind {
        Kind::Switch { default } => format!("switch, default `{}`", u8::from(default)),
        Kind::Integer { unit, default, min, max } => {
            let unit = unit.name();
            let unit = if unit.is_empty() { String::new() } else { format!(" of {unit}") };
            format!("number{unit}, {min} to {max}, default `{default}`")
        }
        Kind::Text { default } => format!("text, {}", text_default(default)),
        Kind::Address { default } => format!("IP address, {}", text_default(default)),
        Kind::Path { default } => format!("path, {}", text_default(default)),
        Kind::Formal { grammar } => format!("text of the form `{}`, no default", grammar.form),
        Kind::Choice { default, choices } => {
            format!("one of `{}`, default `{default}`", choices.join("`, `"))
        }
    }
}

fn text_default(default: &str) -> String {
    if default.is_empty() { "no default".to_owned() } else { format!("default `{default}`") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::groups::sample;

    /// Run with `WAYPOST_REGENERATE=1` to write the file instead.
    /// Guide: option-reference
    #[test]
    fn the_committed_manual_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/options.md");
        if std::env::var_os("WAYPOST_REGENERATE").is_some() {
            std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, reference_markdown()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(committed, reference_markdown(), "WAYPOST_REGENERATE=1 writes it anew");
    }

    #[test]
    fn every_option_is_explained_in_a_chapter_that_the_guide_has() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/administration.md");
        let guide = std::fs::read_to_string(path).unwrap();
        for record in registry() {
            let heading = format!("## {}", record.guide);
            assert!(guide.lines().any(|line| line == heading), "{}", record.full_name());
        }
    }

    #[test]
    fn every_option_is_in_the_manual() {
        let manual = reference_markdown();
        for record in registry() {
            assert!(manual.contains(&format!("\n### {}\n", record.full_name())));
        }
    }

    #[test]
    fn what_is_special_about_an_option_is_said() {
        let manual = manual(sample::registry());
        for expected in [
            "\n## sample.proxy\n",
            "\n### sample.proxy:NAME.password\n",
            "\n- secret: kept in `secrets.toml`",
            "\n- restricted: ",
            "\n- exists once per NAME: ",
            "\n- text of the form `WORD[,WORD...]`, no default\n",
            "\n- number, -1 to 9, default `0`\n",
        ] {
            assert!(manual.contains(expected), "{expected}");
        }
        assert!(!reference_markdown().contains("sample"), "nothing of tests is in the release");
    }
}
