//! Finding options by what somebody typed.

use crate::groups::registry;
use crate::nearest::nearest;
use crate::record::OptionRecord;

/// The option of a name, also of the name that older editions had; the error proposes the nearest.
pub fn find(name: &str) -> Result<&'static OptionRecord, String> {
    let is_meant = |record: &&&OptionRecord| is_name(record, name);
    registry().iter().find(is_meant).copied().ok_or_else(|| unknown(name))
}

/// The options that a pattern names: `*` stands for any letters, a group for all its options. The error
/// proposes the nearest name.
pub fn matching(pattern: &str) -> Result<Vec<&'static OptionRecord>, String> {
    let is_meant = |record: &&OptionRecord| {
        record.group == pattern || is_name(record, pattern) || is_like(pattern, &record.full_name())
    };
    let found: Vec<_> = registry().iter().copied().filter(is_meant).collect();
    if found.is_empty() { Err(unknown(pattern)) } else { Ok(found) }
}

fn is_name(record: &OptionRecord, name: &str) -> bool {
    record.full_name() == name || record.alias == Some(name)
}

/// Whether a name fits a pattern in which `*` stands for any letters.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return name.ends_with(rest) };
    for part in middle.split('*') {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

fn unknown(name: &str) -> String {
    let names: Vec<String> = registry().iter().map(|record| record.full_name()).collect();
    let aliases = registry().iter().filter_map(|record| record.alias);
    let names = names.iter().map(String::as_str).chain(aliases);
    let group = registry().iter().map(|record| record.group);
    let meant = nearest(name, names).or_else(|| nearest(name, group));
    let hint = meant.map_or_else(
        || "; `msconfig help` lists the options".to_owned(),
        |meant| format!("; did you mean {meant}?"),
    );
    format!("unknown option {name}{hint}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn names(pattern: &str) -> Vec<String> {
        matching(pattern).unwrap().iter().map(|record| record.full_name()).collect()
    }

    #[test]
    fn options_are_found_by_both_names() {
        assert_eq!(find("pop.enable").unwrap().full_name(), "pop.enable");
        assert_eq!(find("service.pop.enable").unwrap().full_name(), "pop.enable");
        assert_eq!(
            find("pop.prot").unwrap_err(),
            "unknown option pop.prot; did you mean pop.port?"
        );
        assert!(find("http.spooldir").unwrap_err().contains("`msconfig help` lists"));
    }

    #[test]
    fn patterns_name_several() {
        assert_eq!(names("*.port"), ["imap.port", "pop.port", "lmtp.port"]);
        assert_eq!(names("pop.*ssl*port"), ["pop.enablesslport", "pop.sslport"]);
        assert_eq!(names("log"), ["log.level", "log.file"]);
        assert_eq!(names("service.pop.port"), ["pop.port"]);
        assert_eq!(names("*").len(), registry().len());
        assert_eq!(names("*imap.p*rt*"), ["imap.port"]);
        assert!(matching("impa").unwrap_err().contains("did you mean imap?"));
        assert!(matching("*x*y*z*").is_err());
    }
}
