//! What holds for any bytes: shared by the fuzz target and the replay of its corpus.

use std::borrow::Cow;
use std::fmt::{Debug, Display};
use std::str::FromStr;
use waypost_ldap_filter::{Entry, Filter, FilterError, MAX_FILTER_BYTES, Names, Template};

/// An entry that has the first letters of a value of everything.
struct Everything;

impl Entry for Everything {
    fn values(&self, attribute: &str) -> Vec<Cow<'_, str>> {
        vec![Cow::Borrowed("alice"), Cow::Owned(attribute.to_owned())]
    }
}

/// What was read and written is read again as the same. Writing escapes more than reading asks for, so a text may have
/// become longer than one may be.
fn assert_read_back<T: FromStr<Err = FilterError> + Display + Debug + PartialEq>(read: &T) {
    let written = read.to_string();
    if written.len() <= MAX_FILTER_BYTES {
        assert_eq!(written.parse().as_ref(), Ok(read), "{written}");
    }
}

/// The first line is a template, the rest a login name. Whatever they are: no panic, faults lie inside, texts are
/// read back, and the name changes no shape.
pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (template, user) = text.split_once('\n').unwrap_or((&text, "alice"));
    match template.parse::<Filter>() {
        Ok(filter) => assert_read_back(&filter),
        Err(error) => assert!(error.at <= template.len(), "{error}"),
    }
    let Ok(template) = template.parse::<Template>() else { return };
    assert_read_back(&template);
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
