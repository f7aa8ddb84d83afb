//! What holds for any bytes: shared by the fuzz target and the replay of its corpus.

use std::borrow::Cow;
use waypost_ldap_filter::{Entry, Filter, Names, Template};

/// An entry that has the first letters of a value of everything.
struct Everything;

impl Entry for Everything {
    fn values(&self, attribute: &str) -> Vec<Cow<'_, str>> {
        vec![Cow::Borrowed("alice"), Cow::Owned(attribute.to_owned())]
    }
}

/// The first line is a template, the rest a login name. Whatever they are: no panic, faults lie inside, texts are
/// read back, and the name changes no shape.
pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (template, user) = text.split_once('\n').unwrap_or((&text, "alice"));
    match template.parse::<Filter>() {
        Ok(filter) => assert_eq!(filter.to_string().parse(), Ok(filter)),
        Err(error) => assert!(error.at <= template.len(), "{error}"),
    }
    let Ok(template) = template.parse::<Template>() else { return };
    assert_eq!(template.to_string().parse(), Ok(template.clone()));
    if user.is_empty() {
        // No name that logs in is: see `Names`.
        return;
    }
    let filled = template.fill(&Names { user, domain: "example.com", typed: user });
    // A filter that is longer than its limit after filling in is written but not read.
    if let Ok(again) = filled.to_string().parse::<Filter>() {
        let shape = |filter: &Filter| filter.map(&mut |_| ());
        assert_eq!(shape(&again), shape(&filled));
    }
    let _ = filled.matches(&Everything);
}
