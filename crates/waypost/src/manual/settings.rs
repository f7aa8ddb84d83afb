//! The page of the configuration file, from the option registry.

use super::page::Page;
use waypost_options::{OptionRecord, describe, registry};

/// `waypost.toml(5)`.
pub(super) fn page() -> String {
    let mut page =
        Page::new("waypost.toml", "5", "waypost.toml, config.toml", "the configuration of Waypost");
    page.section("DESCRIPTION")
        .paragraph(
            "The configuration is one TOML file, `/etc/waypost/config.toml` unless a program is told \
             another with `--config` or WAYPOST_CONFIG. An option is written under the name of its \
             group, and is called `group.name` everywhere else:",
        )
        .example("[imap]\nport = 143\nidletimeout = 30")
        .paragraph(
            "What the file does not set has its default. A switch takes `1` or `0`, `\"yes\"` or \
             `\"no\"`, `true` or `false`. Relative paths count from the folder of the file. The whole \
             file is checked before any of it counts; an unknown or wrong option stops the start and is \
             told with its line. `msconfig` changes the file, keeps its comments, and says which \
             services to start again.",
        );
    let mut group = "";
    for record in registry() {
        if record.group != group {
            group = record.group;
            page.section(&format!("OPTIONS OF {}", group.to_uppercase()));
        }
        entry(&mut page, record);
    }
    page.section("FILES")
        .term("/etc/waypost/config.toml", "The configuration.")
        .term(
            "/etc/waypost/secrets.toml",
            "Its passwords, mode 0600; it belongs to the user of `base.user`.",
        )
        .term("/etc/waypost/history", "Every earlier state of it; `msconfig history` lists them.");
    page.see_also(&["msconfig(8)", "refresh(8)", "waypost(8)"])
}

fn entry(page: &mut Page, record: &OptionRecord) {
    let help = record.help;
    let first = help.chars().take(1).flat_map(char::to_uppercase);
    let sentence: String = first.chain(help.chars().skip(1)).collect();
    page.term(&record.full_name(), &format!("{sentence}."));
    page.more(&format!("Type: {}. Takes effect {}.", describe(record.kind), record.applies));
    if !record.details.is_empty() {
        page.more(record.details);
    }
    if record.secret {
        page.more("Secret: it stands in `secrets.toml`, and is set with `msconfig set -prompt`.");
    }
    if record.restricted {
        page.more("Restricted: `msconfig` changes it with `-restricted`.");
    }
    if let Some(alias) = record.alias {
        page.more(&format!("Older name: `{alias}`."));
    }
}
