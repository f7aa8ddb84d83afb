//! The source files of the tree and the rules that look at their bare text.

use super::finding::{Finding, Rule};
use std::fs;
use std::path::Path;

/// Folders that hold no source of ours: build output, demo data, fetched test data, repositories.
const SKIPPED_FOLDERS: [&str; 6] = ["target", "var", ".git", ".cache", "node_modules", "corpus"];

/// Folders of protocol code: bytes and the time go in, bytes and calls come out.
const PROTOCOL_FOLDERS: [&str; 5] =
    ["crates/imap/", "crates/imap-wire/", "crates/lmtp/", "crates/mime/", "crates/pop3/"];

/// The most folders below one another that the walk follows, against a link that leads to itself.
const FOLDER_DEPTH_MAX: usize = 16;

/// Words that mark unfinished work; written in two parts so that this file does not mark itself.
const MARKERS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// A source file: Rust, or a page in Markdown.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path from the workspace's root, `/` between its parts.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

/// Reads every file below `root` whose name ends in `extension`, in the order of their paths.
pub(crate) fn read_all(root: &Path, extension: &str) -> Result<Vec<Source>, String> {
    let mut paths = Vec::new();
    collect(root, "", 0, &mut paths)?;
    paths.retain(|path| Path::new(path).extension().is_some_and(|found| found == extension));
    paths.sort();
    paths.into_iter().map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: String) -> Result<Source, String> {
    let text = fs::read_to_string(root.join(&path)).map_err(|e| format!("{path}:1: {e}"))?;
    Ok(Source { path, text })
}

/// Adds the paths of all files below `folder`.
fn collect(root: &Path, folder: &str, depth: usize, paths: &mut Vec<String>) -> Result<(), String> {
    let entries = fs::read_dir(root.join(folder)).map_err(|e| format!("{folder}: {e}"))?;
    for entry in entries {
        let entry = entry.map_err(|e| format!("{folder}: {e}"))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|e| format!("{path}: {e}"))?;
        let enter = kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str());
        if enter && depth < FOLDER_DEPTH_MAX {
            collect(root, &path, depth + 1, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

impl Source {
    /// The rules for the text as it stands, comments included.
    pub(crate) fn check_text(&self) -> Vec<Finding> {
        let lines = self.text.lines().enumerate();
        let markers = lines.filter(|(_, line)| bare_marker(line)).map(|(index, _)| {
            let message = "unfinished work without an issue: do it, or name the issue as `(#12)`";
            Finding::new(&self.path, index + 1, Rule::Marker, message)
        });
        self.check_purpose().into_iter().chain(markers).collect()
    }

    fn check_purpose(&self) -> Option<Finding> {
        let first = self.text.lines().next().unwrap_or_default();
        let purpose = first.strip_prefix("//!").unwrap_or_default().trim();
        let message = "begin the file with a `//!` line that says what the module is for";
        purpose.is_empty().then(|| Finding::new(&self.path, 1, Rule::Purpose, message))
    }

    /// Whether the whole file is test code, a contract's conformance suite included. `#[cfg(test)]`
    /// inside a file is the scanner's to see.
    pub(crate) fn is_test(&self) -> bool {
        let (folders, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        folders.split('/').any(|folder| folder == "tests" || folder == "conformance")
            || name == "tests.rs"
            || name == "conformance.rs"
            || name.ends_with("_tests.rs")
            || name.ends_with("_test.rs")
    }

    /// Whether the file belongs to a library: what it prints would surprise the program around it.
    pub(crate) fn is_library(&self) -> bool {
        let product = self.path.starts_with("crates/") && !self.path.starts_with("crates/waypost/");
        product && !self.path.ends_with("/main.rs") && !self.path.ends_with("/build.rs")
    }

    /// Whether the file is protocol code, which owns no socket and no clock.
    pub(crate) fn is_protocol(&self) -> bool {
        PROTOCOL_FOLDERS.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Whether the file is a program's entry.
    pub(crate) fn is_main(&self) -> bool {
        self.path.ends_with("/main.rs") || self.path == "main.rs"
    }
}

/// Whether a line has a marker word that no `(#number)` follows.
fn bare_marker(line: &str) -> bool {
    MARKERS.iter().any(|marker| {
        line.match_indices(marker).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + marker.len()..]);
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let whole = !before.ends_with(word) && !after.starts_with(word);
            whole && !names_issue(after)
        })
    })
}

fn names_issue(after: &str) -> bool {
    after.strip_prefix("(#").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn rules(text: &str) -> Vec<(usize, Rule)> {
        source("a.rs", text).check_text().iter().map(|f| (f.line, f.rule)).collect()
    }

    #[test]
    fn a_file_begins_with_its_purpose() {
        assert_eq!(rules("//! Why.\n"), []);
        assert_eq!(rules("//!\nuse a;\n"), [(1, Rule::Purpose)]);
        assert_eq!(rules("\n//! Late.\n"), [(1, Rule::Purpose)]);
        assert_eq!(rules(""), [(1, Rule::Purpose)]);
    }

    #[test]
    fn a_marker_needs_an_issue() {
        let line = |word: &str, rest: &str| format!("//! Why.\n// {word}{rest}\n");
        for marker in MARKERS {
            assert_eq!(rules(&line(marker, " later")), [(2, Rule::Marker)]);
            assert_eq!(rules(&line(marker, "(#): later")), [(2, Rule::Marker)]);
            assert_eq!(rules(&line(marker, "(#7): later")), []);
            assert_eq!(rules(&line(&format!("V{marker}"), " component")), []);
        }
    }

    #[test]
    fn paths_tell_tests_libraries_and_programs() {
        assert!(source("crates/a/tests/b.rs", "").is_test());
        assert!(source("crates/a/src/b/tests.rs", "").is_test());
        assert!(source("crates/a/src/conformance/b.rs", "").is_test());
        assert!(!source("crates/a/src/b.rs", "").is_test());
        assert!(source("crates/a/src/b.rs", "").is_library());
        assert!(!source("crates/waypost/src/b.rs", "").is_library());
        assert!(!source("xtask/src/b.rs", "").is_library());
        assert!(source("crates/waypost/src/main.rs", "").is_main());
        assert!(source("crates/imap/src/b.rs", "").is_protocol());
        assert!(!source("crates/net/src/b.rs", "").is_protocol());
    }

    #[test]
    fn the_walk_finds_rust_files_and_skips_build_output() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b/x.rs", "a.rs", "target/y.rs", "b/notes.md"] {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "//! Why.\n").unwrap();
        }
        let sources = read_all(root.path(), "rs").unwrap();
        let paths: Vec<_> = sources.iter().map(|s| s.path.as_str()).collect();
        assert_eq!(paths, ["a.rs", "b/x.rs"]);
    }
}
