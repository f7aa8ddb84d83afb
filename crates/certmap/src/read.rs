//! Reading a `certmap.conf`.

use crate::component::{KINDS, Kind};
use crate::maps::{CertMap, CertMaps, Component, DEFAULT, folded};
use std::fmt;

/// The largest file in bytes.
pub const MAP_FILE_BYTES: usize = 256 * 1024;
/// The most maps of a file: authorities whose clients are treated in a way of their own.
pub const MAPS_MAX: usize = 256;
/// The most components of one list.
const COMPONENTS_MAX: usize = 32;
/// The longest name of a map, and of an attribute, in bytes.
const WORD_BYTES_MAX: usize = 128;

/// What is wrong with a file, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapFault {
    /// The line, from 1.
    pub line: usize,
    /// What: lower case, no full stop.
    pub what: String,
}

impl fmt::Display for MapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for MapFault {}

type Read<T> = Result<T, String>;

impl CertMaps {
    /// Reads a file.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn read(text: &str) -> Result<Self, MapFault> {
        if text.len() > MAP_FILE_BYTES {
            return Err(MapFault { line: 1, what: format!("more than {MAP_FILE_BYTES} bytes") });
        }
        let mut reader = Reader::default();
        let mut last = 1;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') {
                reader.take(line, text).map_err(|what| MapFault { line, what })?;
            }
            last = line;
        }
        let mut maps = reader.maps.into_iter();
        let missing = || MapFault { line: last, what: FIRST.to_owned() };
        let default = maps.next().ok_or_else(missing)?;
        Ok(Self { default, others: maps.collect() })
    }
}

/// What every file begins with.
const FIRST: &str = "the first map must be `certmap default default`";

#[derive(Default)]
struct Reader {
    maps: Vec<CertMap>,
    /// The properties that were given, by the place of the map.
    given: Vec<(usize, &'static str)>,
}

impl Reader {
    fn take(&mut self, line: usize, text: &str) -> Read<()> {
        let (word, rest) = split_word(text);
        if word.eq_ignore_ascii_case("certmap") {
            self.begin(line, rest)
        } else {
            self.property(text)
        }
    }

    /// `certmap NAME ISSUER-DN`
    fn begin(&mut self, line: usize, text: &str) -> Read<()> {
        let (name, issuer) = split_word(text);
        if name.is_empty() || issuer.is_empty() {
            return Err("write `certmap NAME ISSUER-DN`".to_owned());
        }
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.len() > WORD_BYTES_MAX || !name.chars().all(fits) {
            return Err(format!("{name:?}: a name has letters, digits, `-`, `_` and `.`"));
        }
        if issuer.chars().any(char::is_control) {
            return Err("an issuer has no control characters".to_owned());
        }
        let is_default = |word: &str| word.eq_ignore_ascii_case(DEFAULT);
        if is_default(name) != self.maps.is_empty() || is_default(issuer) != is_default(name) {
            return Err(FIRST.to_owned());
        }
        if let Some(other) = self.maps.iter().find(|map| map.name.eq_ignore_ascii_case(name)) {
            return Err(format!("the map {name} is there already, in line {}", other.line));
        }
        let same = |map: &&CertMap| folded(&map.issuer) == folded(issuer);
        if let Some(other) = self.maps.iter().find(same) {
            return Err(format!("the map {} in line {} has this issuer", other.name, other.line));
        }
        if self.maps.len() == MAPS_MAX {
            return Err(format!("more than {MAPS_MAX} maps"));
        }
        self.maps.push(CertMap::new(name, issuer, line));
        Ok(())
    }

    /// `NAME:property value`
    fn property(&mut self, text: &str) -> Read<()> {
        let form = "write `certmap NAME ISSUER-DN`, `NAME:PROPERTY VALUE` or a comment with `#`";
        let (name, rest) = text.split_once(':').ok_or(form)?;
        let (property, value) = split_word(rest.trim_start());
        let property = known_property(property)?;
        let at = self.maps.iter().position(|map| map.name.eq_ignore_ascii_case(name.trim()));
        let at = at.ok_or_else(|| format!("there is no map {:?} above", name.trim()))?;
        if self.given.contains(&(at, property)) {
            return Err(format!("the map {} has this property already", self.maps[at].name));
        }
        self.given.push((at, property));
        let map = &mut self.maps[at];
        match property {
            "DNComps" => map.dn_comps = Some(components(value)?),
            "FilterComps" => map.filter_comps = components(value)?,
            "verifycert" => map.verify_certificate = switch(value)?,
            _ => map.subject_attribute = attribute(value)?,
        }
        Ok(())
    }
}

fn known_property(word: &str) -> Read<&'static str> {
    const KNOWN: [&str; 4] = ["DNComps", "FilterComps", "verifycert", "CmapLdapAttr"];
    if ["library", "InitFn"].iter().any(|name| name.eq_ignore_ascii_case(word)) {
        return Err(format!(
            "{word}: code of others is not loaded into this server; say it with DNComps, FilterComps \
             and CmapLdapAttr, FROM=TO included"
        ));
    }
    let known = KNOWN.into_iter().find(|name| name.eq_ignore_ascii_case(word));
    known.ok_or_else(|| format!("{word:?} is no property; they are {}", KNOWN.join(", ")))
}

/// `FROM[=TO]`, with commas between.
fn components(text: &str) -> Read<Vec<Component>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let listed = text.split(',').map(|word| component(word.trim()));
    let listed = listed.collect::<Read<Vec<_>>>()?;
    if listed.len() > COMPONENTS_MAX {
        return Err(format!("more than {COMPONENTS_MAX} components"));
    }
    Ok(listed)
}

fn component(word: &str) -> Read<Component> {
    let (from, to) = match word.split_once('=') {
        Some((from, to)) => (from.trim(), attribute(to.trim())?),
        None => (word, None),
    };
    let known = || KINDS.map(Kind::label).join(", ").to_lowercase();
    let from = Kind::named(from)
        .ok_or_else(|| format!("{from:?} is no component; they are {}", known()))?;
    if to.is_none() && word.contains('=') {
        return Err(format!("{word:?}: an attribute is missing after `=`"));
    }
    Ok(Component { from, to })
}

/// The name of an attribute of the directory; none is none.
fn attribute(word: &str) -> Read<Option<String>> {
    if word.is_empty() {
        return Ok(None);
    }
    let starts_well = word.starts_with(|first: char| first.is_ascii_alphabetic());
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if !starts_well || word.len() > WORD_BYTES_MAX || !word.chars().all(fits) {
        return Err(format!("{word:?} is no name of an attribute"));
    }
    if word.eq_ignore_ascii_case("userPassword") {
        return Err("passwords are not searched for".to_owned());
    }
    Ok(Some(word.to_ascii_lowercase()))
}

fn switch(word: &str) -> Read<bool> {
    match word.to_ascii_lowercase().as_str() {
        "on" | "yes" | "true" | "1" => Ok(true),
        "off" | "no" | "false" | "0" => Ok(false),
        _ => Err(format!("{word:?}: verifycert is `on` or `off`")),
    }
}

/// The first word, and what follows it.
fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}
