//! How values are compared: without case, and with as little regard to spaces as the directory has
//! (RFC 4518 section 2.6, RFC 4517 section 4.2).

use std::cmp::Ordering;

/// Attributes of the syntax Telephone Number: spaces and hyphens do not count.
const TELEPHONES: [&str; 5] =
    ["facsimiletelephonenumber", "homephone", "mobile", "pager", "telephonenumber"];

/// What a value is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Without case; runs of spaces are one, those at the ends none.
    IgnoreCase,
    /// With case; spaces as above.
    ExactCase,
    /// Without case, spaces and hyphens.
    Telephone,
}

impl Syntax {
    /// The syntax of an attribute.
    pub(crate) fn of(attribute: &str) -> Self {
        if TELEPHONES.contains(&attribute) { Self::Telephone } else { Self::IgnoreCase }
    }

    /// The syntax that a matching rule compares by, by name or number.
    pub(crate) fn of_rule(rule: &str) -> Option<Self> {
        match rule {
            "caseignorematch"
            | "2.5.13.2"
            | "caseignoreia5match"
            | "1.3.6.1.4.1.1466.109.114.2" => Some(Self::IgnoreCase),
            "caseexactmatch" | "2.5.13.5" | "caseexactia5match" | "1.3.6.1.4.1.1466.109.114.1" => {
                Some(Self::ExactCase)
            }
            "telephonenumbermatch" | "2.5.13.20" => Some(Self::Telephone),
            _ => None,
        }
    }

    /// A whole value, ready to be compared.
    pub(crate) fn whole(self, text: &str) -> String {
        self.part(text).trim_matches(' ').to_owned()
    }

    /// A part of a value: spaces at its ends stay.
    pub(crate) fn part(self, text: &str) -> String {
        match self {
            Self::IgnoreCase => squeeze(&text.to_lowercase()),
            Self::ExactCase => squeeze(text),
            Self::Telephone => text.to_lowercase().replace([' ', '-'], ""),
        }
    }
}

fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for letter in text.chars() {
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if letter != ' ' || !squeezed.ends_with(' ') {
            squeezed.push(letter);
        }
    }
    squeezed
}

/// The order of two values: as numbers when both are, else as texts.
pub(crate) fn order(syntax: Syntax, one: &str, other: &str) -> Ordering {
    match (one.trim().parse::<i64>(), other.trim().parse::<i64>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => syntax.whole(one).cmp(&syntax.whole(other)),
    }
}
