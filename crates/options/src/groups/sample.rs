//! Options for tests: what no released group has, or not all at once.
#![cfg(test)]

use super::{Registry, options};
use crate::record::Applies::{Refresh, Restart};
use crate::record::{Grammar, Kind, OptionRecord, Unit, point_at};
use std::sync::OnceLock;
use waypost_types::Secret;

/// The options of the release and those below.
pub(crate) fn registry() -> Registry {
    static ALL: OnceLock<Vec<&'static OptionRecord>> = OnceLock::new();
    ALL.get_or_init(|| [crate::registry(), RECORDS].concat())
}

/// Words of letters, for a grammar that is easily broken.
const WORDS: Grammar = Grammar {
    form: "WORD[,WORD...]",
    check: |text| match text.find(|c: char| !c.is_ascii_alphabetic() && c != ',') {
        Some(at) => Err(point_at(text, at, "a word has letters only")),
        None => Ok(()),
    },
};

options! {
    group "sample.proxy";

    SAMPLE_DEPTH: i32 = "depth" | "old.depth", Kind::integer(Unit::Count, 0, -1, 9), Refresh("all"),
        "how deep",
        "-1 is bottomless.",
        "Samples";
    SAMPLE_WORDS: Option<String> = "words", Kind::Formal { grammar: WORDS }, Refresh("all"),
        "some words",
        "",
        "Samples";
    #[restricted]
    SAMPLE_USER: String = "user", Kind::Text { default: "nobody" }, Restart(&["imap"]),
        "the user",
        "",
        "Samples";
    #[named]
    SAMPLE_PORT: u16 = "port", Kind::port(143), Restart(&["imap"]),
        "the port of a backend",
        "",
        "Samples";
    #[named, restricted]
    SAMPLE_ADMIN: String = "admin", Kind::Text { default: "cyrus" }, Refresh("imap"),
        "the administrator of a backend",
        "",
        "Samples";
    #[named, secret]
    SAMPLE_PASSWORD: Option<Secret<String>> = "password", Kind::Text { default: "" }, Refresh("imap"),
        "the password of that administrator",
        "",
        "Samples";
    #[secret, restricted]
    SAMPLE_KEY: Option<Secret<String>> = "key", Kind::Text { default: "" }, Restart(&["imap"]),
        "the key to everything",
        "",
        "Samples";
}
