//! The words of `base.ssladjustciphersuites`: which cipher suites they select.
//!
//! The described product documents a list of `+NAME` and `-NAME` and of keywords such as
//! `WEAK+DEFAULT`; its own suites are not those of today. Here a keyword is a class of key lengths.

use crate::nearest::nearest;
use crate::record::point_at;
use std::ops::RangeInclusive;
use waypost_types::{CIPHER_SUITES, CipherSuite};

/// The keyword for every suite that is selected when nothing is said.
const DEFAULT: &str = "DEFAULT";
/// The classes, and the bits of the keys in them. No suite of this server is weak: the word selects
/// nothing, and is known so that a configuration that removes weak suites is understood.
const CLASSES: [(&str, RangeInclusive<u16>); 4] = [
    ("WEAK", 0..=127),
    ("MEDIUM", 128..=255),
    ("STRONG", 256..=u16::MAX),
    (DEFAULT, 128..=u16::MAX),
];

/// The suites that a text selects, in the order of the table; the error says what would be accepted.
///
/// Words stand between spaces, commas or their own signs. `+` adds, `-` removes, a word without a sign
/// adds. A text that begins with a sign adjusts the default; another one starts from nothing.
pub fn cipher_suites(text: &str) -> Result<Vec<&'static CipherSuite>, String> {
    let words = words(text);
    let adjusts = words.first().is_none_or(|word| word.sign.is_some());
    let mut selected = if adjusts { class(DEFAULT).unwrap_or_default() } else { Vec::new() };
    for Word { sign, name, at } in words {
        let meant = meaning(name).map_err(|what| point_at(text, at, &what))?;
        selected.retain(|suite| !meant.contains(suite));
        if sign != Some('-') {
            selected.extend(meant);
        }
    }
    if selected.is_empty() {
        return Err(format!("this selects no cipher suite; {}", known()));
    }
    Ok(CIPHER_SUITES.iter().filter(|suite| selected.contains(suite)).collect())
}

/// A word of the text.
struct Word<'a> {
    sign: Option<char>,
    name: &'a str,
    /// Where it begins, in bytes.
    at: usize,
}

/// The words with their signs. A sign belongs to the word that follows; one without is an unknown word.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let Some(first) = rest.chars().next() else { return words };
        let sign = Some(first).filter(|first| is_sign(*first));
        let word = if sign.is_some() { rest[1..].trim_start() } else { rest };
        let at = text.len() - word.len();
        let end = word.find(|c: char| c == ',' || c.is_whitespace() || is_sign(c));
        let (name, after) = word.split_at(end.unwrap_or(word.len()));
        words.push(Word { sign, name, at });
        rest = after;
    }
}

fn is_sign(letter: char) -> bool {
    letter == '+' || letter == '-'
}

fn meaning(word: &str) -> Result<Vec<&'static CipherSuite>, String> {
    let upper = word.to_ascii_uppercase();
    let named = || CIPHER_SUITES.iter().find(|suite| suite.name == upper).map(|suite| vec![suite]);
    class(&upper).or_else(named).ok_or_else(|| {
        let meant = nearest(&upper, names());
        let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        format!("there is no cipher suite {word:?}{hint}; {}", known())
    })
}

fn class(word: &str) -> Option<Vec<&'static CipherSuite>> {
    let (_, bits) = CLASSES.into_iter().find(|(name, _)| *name == word)?;
    Some(CIPHER_SUITES.iter().filter(|suite| bits.contains(&suite.key_bits)).collect())
}

fn names() -> Vec<&'static str> {
    let classes = CLASSES.iter().map(|(name, _)| *name);
    classes.chain(CIPHER_SUITES.iter().map(|suite| suite.name)).collect()
}

fn known() -> String {
    format!("the words are {}", names().join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::collections::BTreeSet;

    fn bits(text: &str) -> BTreeSet<u16> {
        cipher_suites(text).unwrap().iter().map(|suite| suite.key_bits).collect()
    }

    fn selected(text: &str) -> Vec<&'static str> {
        cipher_suites(text).unwrap().iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn keywords_are_classes_of_key_lengths() {
        assert_eq!(bits(""), [128, 256].into());
        assert_eq!(selected(""), selected("WEAK+DEFAULT"));
        assert_eq!(selected(""), selected("-weak"));
        assert_eq!(bits("STRONG"), [256].into());
        assert_eq!(bits("MEDIUM"), [128].into());
        assert_eq!(selected("-MEDIUM"), selected("STRONG"));
        assert_eq!(selected("MEDIUM, STRONG"), selected("DEFAULT"));
    }

    #[test]
    fn suites_are_added_and_removed_in_turn() {
        let one = "TLS_AES_128_GCM_SHA256";
        assert_eq!(selected(one), [one]);
        assert_eq!(selected(&format!("STRONG+{one}")).len(), selected("STRONG").len() + 1);
        assert_eq!(selected(&format!("-{one}")).len(), CIPHER_SUITES.len() - 1);
        assert_eq!(selected(&format!("-{one} + {one}")).len(), CIPHER_SUITES.len());
        let two = format!("{one}\tTLS_AES_256_GCM_SHA384");
        assert_eq!(selected(&two), ["TLS_AES_256_GCM_SHA384", one], "in the order of the table");
    }

    #[test]
    fn what_selects_nothing_is_refused_with_the_names() {
        for text in ["WEAK", "-DEFAULT", "-STRONG-MEDIUM"] {
            let refused = cipher_suites(text).unwrap_err();
            assert!(
                refused.contains("no cipher suite; the words are WEAK, MEDIUM, STRONG"),
                "{refused}"
            );
            assert!(refused.contains("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), "{refused}");
        }
        let refused = cipher_suites("+TLS_AES_128_GCM_SHA265").unwrap_err();
        assert!(refused.contains("did you mean TLS_AES_128_GCM_SHA256?"), "{refused}");
        for text in ["+", "STRONG+", "RC4", "-ü"] {
            assert!(cipher_suites(text).is_err(), "{text}");
        }
    }
}
