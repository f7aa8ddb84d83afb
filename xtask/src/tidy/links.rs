//! Links in Markdown files: one that names a file of the repository must find it.

use super::finding::{Finding, Rule};
use std::path::Path;

/// Checks every Markdown file of the workspace at `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let pages = super::source::read_all(root, "md")?;
    Ok(pages.iter().flat_map(|page| check_page(root, &page.path, &page.text)).collect())
}

fn check_page(root: &Path, path: &str, text: &str) -> Vec<Finding> {
    let folder = root.join(path).parent().map(Path::to_owned).unwrap_or_default();
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let dead = targets(line).filter(|target| !folder.join(target).exists());
        findings.extend(dead.map(|target| {
            let message = format!("`{target}` does not exist: mend the link or remove it");
            Finding::new(path, index + 1, Rule::Link, message)
        }));
    }
    findings
}

/// The files that a line links to, without the place inside them; web addresses are not looked at.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = links.filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
    local.filter_map(|link| link.split('#').next()).filter(|target| !target.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn a_link_is_looked_up_from_its_page() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("docs/a.md"), "").unwrap();
        let check = |path, text| check_page(root.path(), path, text);
        assert_eq!(check("README.md", "[a](docs/a.md) and [b](docs/a.md#part)"), []);
        assert_eq!(check("docs/b.md", "[a](a.md)"), []);
        let findings = check("docs/b.md", "text\n[a](docs/a.md)");
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].rule), (2, Rule::Link));
    }

    #[test]
    fn addresses_and_places_in_the_page_are_not_files() {
        let line = "[a](https://example.com/x) [b](#part) [c](mailto:a@example.com) [d](e.md)";
        assert_eq!(targets(line).collect::<Vec<_>>(), ["e.md"]);
    }
}
