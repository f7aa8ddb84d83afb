//! The manual pages and shell completions: generated from the command line and the option registry, kept
//! in the repository, and compared with what would be generated now.

mod page;
mod pages;
mod settings;

use crate::cli::{Cli, PROGRAMS};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The shells that are served.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// The command line of a program, under its own name.
fn program(name: &str) -> Command {
    let mut whole = Cli::command();
    whole.build();
    if name == "waypost" {
        return whole;
    }
    let found = whole.get_subcommands().find(|command| command.get_name() == name);
    let found = found.unwrap_or_else(|| panic!("{name} is no command")).clone();
    found.bin_name(name).display_name(name.to_owned()).version(env!("CARGO_PKG_VERSION"))
}

fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once("waypost").chain(PROGRAMS)
}

/// Every generated file with its text.
fn files() -> Vec<(PathBuf, String)> {
    let page = |(name, text)| (Path::new("docs/man").join(name), text);
    let mut files: Vec<_> = pages::all().into_iter().map(page).collect();
    files.extend(names().flat_map(|name| SHELLS.map(|shell| completion(name, shell))));
    let list = names().map(|name| format!("{name}\n")).collect();
    files.push((PathBuf::from("packaging/programs"), list));
    files
}

fn completion(name: &str, shell: Shell) -> (PathBuf, String) {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut program(name), name, &mut bytes);
    let file = match shell {
        Shell::Zsh => format!("zsh/_{name}"),
        Shell::Fish => format!("fish/{name}.fish"),
        _ => format!("bash/{name}"),
    };
    (Path::new("packaging/completions").join(file), String::from_utf8(bytes).unwrap())
}

/// Run with `WAYPOST_REGENERATE=1` to write the files instead.
#[test]
fn manual_pages_and_completions_are_up_to_date() {
    for (file, text) in files() {
        let path = Path::new(ROOT).join(&file);
        if std::env::var_os("WAYPOST_REGENERATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "WAYPOST_REGENERATE=1 writes {} anew", file.display());
    }
}

#[test]
fn nothing_of_the_machine_that_built_them_is_in_them() {
    for (file, text) in files() {
        for stranger in [ROOT, "/root", "/home/", "/target/", "SystemTime"] {
            assert!(!text.contains(stranger), "{stranger} in {}", file.display());
        }
    }
}

#[test]
fn the_page_of_msconfig_has_its_commands_and_the_guides_dialogues() {
    let (_, text) = files().into_iter().find(|(file, _)| file.ends_with("msconfig.8")).unwrap();
    let plain = text.replace('\\', "");
    for (usage, _) in crate::tools::msconfig::COMMANDS {
        let name = usage.split(' ').next().unwrap();
        assert!(plain.contains(&format!("\n.TP\nfB{name}")), "{name}: {plain}");
    }
    for line in ["msconfig> set pop.enablesslport 1", "msconfig# set imap.sslport 993"] {
        assert!(plain.contains(line), "{line}");
    }
}

#[test]
fn the_page_of_options_has_every_option() {
    let (_, text) = files().into_iter().find(|(file, _)| file.ends_with("waypost.toml.5")).unwrap();
    for record in waypost_options::registry() {
        assert!(
            text.contains(&format!("\\fB{}\\fR", record.full_name())),
            "{}",
            record.full_name()
        );
    }
}
