//! No option that nothing acts on: each handle is read by code outside the registry.
//!
//! That no option is read but by a declared handle needs no check here: the registry is the one crate that
//! reads the configuration, and it gives values out for handles alone.

use super::finding::{Finding, Rule};
use super::scan::Scanned;
use super::source::Source;
use std::collections::HashSet;

/// The crate of the registry; what it does with an option is to check it.
const REGISTRY: &str = "crates/options/";
/// Where the product is.
const PRODUCT: &str = "crates/";

/// Handles that were declared, and the constants that product code names.
#[derive(Debug, Default)]
pub(crate) struct Options {
    declared: Vec<(String, String, usize)>,
    named: HashSet<String>,
}

impl Options {
    /// Takes a file's part.
    pub(crate) fn add(&mut self, source: &Source, scanned: &mut Scanned) {
        let path = source.path.as_str();
        if path.starts_with(REGISTRY) {
            let handles = scanned.handles.drain(..);
            self.declared.extend(handles.map(|(name, line)| (name, path.to_owned(), line)));
        } else if path.starts_with(PRODUCT) {
            self.named.extend(scanned.constants.drain());
        }
    }

    /// A finding for each handle that nobody reads.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let unread = self.declared.iter().filter(|(name, ..)| !self.named.contains(name));
        unread
            .map(|(name, path, line)| {
                let message = format!(
                    "nothing acts on `{name}`: read it where it takes effect, or do not declare it yet"
                );
                Finding::new(path, *line, Rule::Option, message)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::super::scan::scan;
    use super::*;

    const GROUP: &str = "//! Why.\noptions! {\n    group \"a\";\n    A_ONE: u16 = \"one\", x(), y::Z;\n\
                         #[secret, named]\n    A_TWO: Vec<u8> = \"two\", Kind::Text { default: \"\" };\n}\n";

    fn unread(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let mut options = Options::default();
        for (path, text) in files {
            let source = Source { path: (*path).to_owned(), text: (*text).to_owned() };
            options.add(&source, &mut scan(&source).unwrap());
        }
        options.check().into_iter().map(|finding| (finding.message, finding.line)).collect()
    }

    #[test]
    fn an_option_that_nobody_reads_is_found() {
        let group = ("crates/options/src/groups/a.rs", GROUP);
        let both =
            ("crates/net/src/a.rs", "//! A.\nfn f(c: &C) { c.read(&A_ONE); g::<{ A_TWO }>(); }\n");
        let one = ("crates/net/src/a.rs", "//! A.\nfn f(c: &C) -> u16 { c.read(&A_ONE) }\n");
        assert_eq!(unread(&[group, both]), []);
        let found = unread(&[group, one]);
        assert_eq!((found.len(), found[0].1), (1, 6));
        assert!(found[0].0.contains("`A_TWO`"));
    }

    #[test]
    fn tests_and_the_registry_itself_are_no_readers() {
        let text = "//! A.\n#[cfg(test)]\nmod tests { fn f() { c(&A_ONE, &A_TWO); } }\n";
        let plain = "//! A.\nfn f() { c(&A_ONE, &A_TWO); }\n";
        for (path, text) in [
            ("crates/net/src/a.rs", text),
            ("crates/net/tests/a.rs", plain),
            ("crates/options/src/checks.rs", plain),
            ("tests/src/a.rs", plain),
        ] {
            assert_eq!(unread(&[("crates/options/src/groups/a.rs", GROUP), (path, text)]).len(), 2);
        }
        let test = format!("#![cfg(test)]\n{GROUP}");
        assert_eq!(unread(&[("crates/options/src/groups/a.rs", &test)]), []);
    }
}
