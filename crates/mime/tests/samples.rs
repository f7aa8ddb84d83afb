//! Real and broken mails that come with the `mail-parser` crate, when its source is at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod support;

use std::path::{Path, PathBuf};

/// Where Cargo unpacks crates.
fn registry() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    Some(cargo.join("registry").join("src"))
}

fn entries(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn mails(path: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(path) {
        if path.is_dir() {
            mails(&path, found);
        } else if path.extension().is_some_and(|e| e == "eml") {
            found.push(path);
        }
    }
}

#[test]
fn forms_of_all_samples_are_sound() {
    let indexes = registry().map(|path| entries(&path)).unwrap_or_default();
    let crates = indexes.iter().flat_map(|index| entries(index));
    let named = |p: &PathBuf| {
        p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("mail-parser-"))
    };
    let mut found = Vec::new();
    crates.filter(named).for_each(|path| mails(&path.join("resources"), &mut found));
    if found.is_empty() {
        eprintln!("skipped: the source of mail-parser holds no sample mails here");
    }
    for path in found {
        let Ok(message) = std::fs::read(&path) else { continue };
        eprintln!("{}", path.display());
        support::check(&message);
        support::parse_in_chunks(&message, &[1, 13, 500]);
    }
}
