//! The list of places that may break a rule, each with its reason.

use super::finding::{Finding, Rule};
use std::fs;
use std::path::Path;
use toml_edit::{Document, Item, Table};

/// A reason shorter than this many characters is not an argument.
const REASON_CHARS_MIN: usize = 30;

/// One entry of the list.
#[derive(Debug)]
struct Exception {
    rule: Rule,
    /// A file, or a folder when it ends in `/`.
    path: String,
    /// The one function that is excused; all of the path without it.
    item: Option<String>,
    /// The entry's line, for messages.
    line: usize,
    used: bool,
}

/// The whole list.
#[derive(Debug, Default)]
pub(crate) struct Exceptions(Vec<Exception>);

impl Exceptions {
    /// Reads the list at `path` below `root`; no file is an empty list.
    pub(crate) fn read(root: &Path, path: &str) -> Result<Self, String> {
        match fs::read_to_string(root.join(path)) {
            Ok(text) => Self::parse(&text).map_err(|message| format!("{path}:{message}")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{path}:1: {error}")),
        }
    }

    /// Reads the list; an error begins with its line.
    fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|e| format!("1: exception: {e}"))?;
        let Some(item) = document.get("exception") else { return Ok(Self::default()) };
        let tables = item.as_array_of_tables().ok_or("1: exception: write `[[exception]]`")?;
        let read = |table: &Table| {
            let line = line_of(text, table);
            entry(table, line).map_err(|message| format!("{line}: exception: {message}"))
        };
        tables.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an entry excuses the failure; marks that entry as needed.
    pub(crate) fn excuse(&mut self, finding: &Finding) -> bool {
        let entry = self.0.iter_mut().find(|exception| exception.covers(finding));
        entry.map(|exception| exception.used = true).is_some()
    }

    /// The entries that excused nothing, as failures of the list at `path`.
    pub(crate) fn unused(&self, path: &str) -> Vec<Finding> {
        let unused = self.0.iter().filter(|exception| !exception.used);
        let failure = |exception: &Exception| {
            let (rule, place) = (exception.rule.name(), &exception.path);
            let message = format!("`{rule}` for `{place}` is no longer needed: remove the entry");
            Finding::new(path, exception.line, Rule::Exception, message)
        };
        unused.map(failure).collect()
    }
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        let whole_folder = self.path.ends_with('/') && finding.path.starts_with(&self.path);
        let place = whole_folder || finding.path == self.path;
        place && self.rule == finding.rule && (self.item.is_none() || self.item == finding.item)
    }
}

fn line_of(text: &str, table: &Table) -> usize {
    let start = table.span().map_or(0, |span| span.start);
    text.get(..start).map_or(1, |before| before.matches('\n').count() + 1)
}

fn entry(table: &Table, line: usize) -> Result<Exception, String> {
    const KEYS: [&str; 4] = ["rule", "path", "item", "reason"];
    if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(key)) {
        return Err(format!("unknown key `{key}`: an entry has rule, path, item and reason"));
    }
    let name = text(table, "rule")?;
    let rule = Rule::EXCUSABLE.into_iter().find(|rule| rule.name() == name);
    let rule = rule.ok_or_else(|| format!("`{name}` is not a rule that can be excused"))?;
    if text(table, "reason")?.chars().count() < REASON_CHARS_MIN {
        return Err("argue the reason: why here, and why no other way serves".to_owned());
    }
    let item = table.get("item").and_then(Item::as_str).map(str::to_owned);
    Ok(Exception { rule, path: text(table, "path")?.to_owned(), item, line, used: false })
}

fn text<'a>(table: &'a Table, key: &str) -> Result<&'a str, String> {
    table.get(key).and_then(Item::as_str).ok_or_else(|| format!("`{key}` is missing or no text"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    const REASON: &str = "one place reads the clock, and it is this one";

    fn list(entries: &[(&str, &str, &str)]) -> String {
        let entry = |(rule, path, item): &(&str, &str, &str)| {
            let item = if item.is_empty() { String::new() } else { format!("item = \"{item}\"\n") };
            format!(
                "[[exception]]\nrule = \"{rule}\"\npath = \"{path}\"\n{item}reason = \"{REASON}\"\n\n"
            )
        };
        entries.iter().map(entry).collect()
    }

    fn finding(path: &str, rule: Rule, item: Option<&str>) -> Finding {
        Finding { item: item.map(str::to_owned), ..Finding::new(path, 1, rule, "") }
    }

    #[test]
    fn an_entry_excuses_its_rule_in_its_place_only() {
        let text = list(&[("clock", "a.rs", ""), ("clock", "net/", "")]);
        let mut list = Exceptions::parse(&text).unwrap();
        assert!(list.excuse(&finding("a.rs", Rule::Clock, None)));
        assert!(list.excuse(&finding("net/src/x.rs", Rule::Clock, None)));
        assert!(!list.excuse(&finding("b.rs", Rule::Clock, None)));
        assert!(!list.excuse(&finding("a.rs", Rule::Exit, None)));
        assert_eq!(list.unused("list"), []);
    }

    #[test]
    fn an_entry_may_name_one_function() {
        let text = list(&[("function-length", "a.rs", "step")]);
        let mut list = Exceptions::parse(&text).unwrap();
        assert!(!list.excuse(&finding("a.rs", Rule::FunctionLength, Some("other"))));
        assert!(list.excuse(&finding("a.rs", Rule::FunctionLength, Some("step"))));
    }

    #[test]
    fn an_unused_entry_fails_at_its_line() {
        let text = list(&[("clock", "a.rs", ""), ("exit", "b.rs", "")]);
        let mut list = Exceptions::parse(&text).unwrap();
        assert!(list.excuse(&finding("a.rs", Rule::Clock, None)));
        let unused = list.unused("list");
        assert_eq!(unused.len(), 1);
        assert_eq!((unused[0].path.as_str(), unused[0].line), ("list", 6));
    }

    #[test]
    fn a_bad_entry_is_refused() {
        let refused = |text: &str| Exceptions::parse(text).unwrap_err();
        assert!(refused(&list(&[("tier", "a", "")])).contains("not a rule"));
        assert!(refused(&list(&[("clock", "a", "")]).replace(REASON, "short")).contains("argue"));
        assert!(refused("[[exception]]\nrule = \"clock\"\n").starts_with("1: exception"));
        assert!(refused("[[exception]]\nlines = 3\n").contains("unknown key `lines`"));
        assert!(refused("exception = 1\n").contains("[[exception]]"));
        assert!(refused("not toml").contains("exception"));
        assert!(Exceptions::parse("").unwrap().0.is_empty());
    }
}
