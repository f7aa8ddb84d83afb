//! Finding options by what somebody typed.

use crate::config::Config;
use crate::groups::Registry;
use crate::groups::logfile::is_second_alias;
use crate::nearest::nearest;
use crate::reader::{check_member, is_below, meant, names, split_group};
use crate::record::{OptionRecord, Place, full_name};

/// The option of a name, also of the name that older editions had; the error proposes the nearest.
pub fn find(registry: Registry, name: &str) -> Result<Place, String> {
    let is_meant = |record: &&&OptionRecord| !record.named && is_name(record, name);
    match registry.iter().find(is_meant) {
        Some(record) => Ok(Place::of(record)),
        None => find_named(registry, name),
    }
}

fn find_named(registry: Registry, name: &str) -> Result<Place, String> {
    let Some((group, member, option)) = split(name) else { return Err(unknown(registry, name)) };
    let is_meant = |r: &&&OptionRecord| r.named && r.group == group && r.name == option;
    let record = registry.iter().find(is_meant).ok_or_else(|| unknown(registry, name))?;
    check_member(member).map_err(|reason| format!("{name}: {reason}"))?;
    Ok(Place { record, member: member.to_owned() })
}

/// The options of a configuration that a pattern names: `*` stands for any letters, a group for all its
/// options. None when it names options of a group without names; the error proposes the nearest name.
pub fn matching(config: &Config, pattern: &str) -> Result<Vec<Place>, String> {
    if let Ok(place) = find(config.registry(), pattern) {
        return Ok(vec![place]);
    }
    let mut found = config.places();
    found.retain(|place| {
        let group = place.tables().join(".");
        group == pattern || is_meant(place.record, &place.full_name(), pattern)
    });
    if found.is_empty() {
        explained(config.registry(), pattern)?;
    }
    Ok(found)
}

/// The options that a pattern may stand for, whatever is set.
pub fn explained(registry: Registry, pattern: &str) -> Result<Vec<&'static OptionRecord>, String> {
    let (_, rest) = split_group(pattern);
    let member = rest.map_or("NAME", |rest| rest.rsplit_once('.').map_or(rest, |(name, _)| name));
    let is_meant = |r: &&OptionRecord| {
        let group = || r.named && pattern == format!("{}:{member}", r.group);
        is_meant(r, &full_name(r, member), pattern) || is_name(r, pattern) || group()
    };
    let found: Vec<_> = registry.iter().copied().filter(is_meant).collect();
    if found.is_empty() { Err(unknown(registry, pattern)) } else { Ok(found) }
}

/// Names of options that begin so, for completion; those of a group with names also for a name that
/// is being made.
pub fn beginning(config: &Config, start: &str) -> Vec<String> {
    let mut found: Vec<String> = config.places().iter().map(Place::full_name).collect();
    for record in config.registry().iter().filter(|record| record.named) {
        let stem = format!("{}:", record.group);
        found.push(match start.strip_prefix(&stem).and_then(|rest| rest.rsplit_once('.')) {
            Some((member, _)) => full_name(record, member),
            None => stem,
        });
    }
    found.retain(|name| name.starts_with(start));
    let mut seen = std::collections::HashSet::new();
    found.retain(|name| seen.insert(name.clone()));
    found
}

/// Group, name and option of `group:NAME.option`.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let (group, rest) = name.split_once(':')?;
    let (member, option) = rest.rsplit_once('.')?;
    Some((group, member, option))
}

fn is_meant(record: &OptionRecord, name: &str, pattern: &str) -> bool {
    record.group == pattern || is_below(record.group, pattern) || is_like(pattern, name)
}

fn is_name(record: &OptionRecord, name: &str) -> bool {
    let is_alias = |alias: &str| alias == name || is_second_alias(alias, name);
    record.full_name() == name || record.alias.is_some_and(is_alias)
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

/// How options begin that belong to the HTTP service.
const LATER: [&str; 5] = ["http.", "service.http.", "base.proxy", "proxy:", "local.service.proxy."];

fn unknown(registry: Registry, name: &str) -> String {
    let bare = |r: &&&OptionRecord| r.named && format!("{}.{}", r.group, r.name) == name;
    if let Some(record) = registry.iter().find(bare) {
        return format!("{name} exists once per name: write {}", record.full_name());
    }
    let is_group =
        |start: &str| registry.iter().any(|r| start.strip_suffix([':', '.']) == Some(r.group));
    if LATER.iter().any(|start| name.starts_with(start) && !is_group(start)) {
        return format!("{name} comes with the HTTP service, which this release does not have");
    }
    let member = split(name).map_or("NAME", |(_, member, _)| member);
    let names = names(registry, member);
    let aliases = registry.iter().filter_map(|record| record.alias);
    let names = names.iter().map(String::as_str).chain(aliases);
    let group = registry.iter().map(|record| record.group);
    match nearest(name, names).or_else(|| nearest(name, group)) {
        None => format!("unknown option {name}; `msconfig help` lists the options"),
        nearest => format!("unknown option {name}{}", meant(nearest)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::files::Texts;
    use crate::groups::{registry, sample};
    use std::path::Path;

    fn config(text: &str) -> Config {
        Config::parse_options(sample::registry(), &Texts::without_secrets(text), Path::new(""))
            .unwrap()
    }

    fn names(text: &str, pattern: &str) -> Vec<String> {
        matching(&config(text), pattern).unwrap().iter().map(Place::full_name).collect()
    }

    #[test]
    fn options_are_found_by_both_names() {
        let find = |name| find(registry(), name);
        assert_eq!(find("pop.enable").unwrap().full_name(), "pop.enable");
        assert_eq!(find("service.pop.enable").unwrap().full_name(), "pop.enable");
        assert_eq!(
            find("pop.prot").unwrap_err(),
            "unknown option pop.prot; did you mean pop.port?"
        );
        assert!(find("sieve.quux").unwrap_err().contains("`msconfig help` lists"));
        assert!(find("http.spooldir").unwrap_err().contains("comes with the HTTP service"));
        assert!(find("base.proxyadmin").unwrap_err().contains("comes with the HTTP service"));
    }

    #[test]
    fn patterns_name_several() {
        let config = Config::from_str("").unwrap();
        let matching = |pattern| matching(&config, pattern);
        let names = |pattern| -> Vec<String> {
            matching(pattern).unwrap().iter().map(Place::full_name).collect()
        };
        assert_eq!(names("*p.port"), ["imap.port", "pop.port", "lmtp.port"]);
        assert_eq!(names("pop.*ssl*port"), ["pop.enablesslport", "pop.sslport"]);
        assert_eq!(names("watcher.*count"), ["watcher.autorestartcount"]);
        assert_eq!(names("service.pop.port"), ["pop.port"]);
        assert_eq!(names("*").len(), registry().len());
        assert_eq!(names("*imap.p*rt*"), ["imap.port"]);
        assert!(matching("impa").unwrap_err().contains("did you mean imap?"));
        assert!(matching("*x*y*z*").is_err());
    }

    #[test]
    fn groups_with_dots_and_names_are_found() {
        let find = |name| find(sample::registry(), name);
        assert_eq!(find("sample.proxy.depth").unwrap().full_name(), "sample.proxy.depth");
        assert_eq!(find("old.depth").unwrap().full_name(), "sample.proxy.depth");
        let place = find("sample.proxy:b-1.example.port").unwrap();
        assert_eq!((place.record.name, place.member.as_str()), ("port", "b-1.example"));
        for (name, reason) in [
            ("sample.proxy.dept", "did you mean sample.proxy.depth?"),
            ("sampel.proxy.depth", "did you mean sample.proxy.depth?"),
            ("sample.proxy:b1.prot", "did you mean sample.proxy:b1.port?"),
            ("sample.prxy:b1.port", "did you mean sample.proxy:b1.port?"),
            ("sample.proxy.port", "write sample.proxy:NAME.port"),
            ("sample.proxy:b 1.port", "letters, digits"),
            ("sample.proxy:.port", "letters, digits"),
        ] {
            let refused = find(name).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }

    #[test]
    fn patterns_name_what_stands_under_a_name() {
        let text = "[sample]\nproxy.depth = 1\n[sample.\"proxy:a\"]\nport = 1\n\
                    [sample.\"proxy:b.c\"]\nport = 2\nadmin = \"x\"\n";
        let ports = ["sample.proxy:a.port", "sample.proxy:b.c.port"];
        assert_eq!(names(text, "sample.proxy:*.port"), ports);
        let all = ["sample.proxy:a.port", "sample.proxy:a.admin", "sample.proxy:a.password"];
        assert_eq!(names(text, "sample.proxy:a"), all);
        assert_eq!(names(text, "sample").len(), 4 + 6);
        assert_eq!(names("", "sample.proxy:*"), [""; 0]);
        assert_eq!(names("", "sample.proxy:new.port"), ["sample.proxy:new.port"]);
        let explained = |pattern| explained(sample::registry(), pattern).unwrap().len();
        assert_eq!(explained("sample.proxy:new.*"), 3);
        assert_eq!(explained("sample.proxy:new"), 3);
        assert_eq!(explained("sample.proxy:new.p*"), 2);
        assert_eq!(explained("sample.*"), 7);
    }

    #[test]
    fn names_are_completed_also_new_ones() {
        let config = config("[sample.\"proxy:a\"]\nport = 1\n");
        let stem = ["sample.proxy:a.port", "sample.proxy:"];
        assert_eq!(beginning(&config, "sample.proxy:")[..1], stem[..1]);
        assert_eq!(beginning(&config, "sample.proxy:")[3..], stem[1..]);
        assert_eq!(beginning(&config, "sample.proxy:new.po"), ["sample.proxy:new.port"]);
        assert_eq!(beginning(&config, "sample.proxy.d"), ["sample.proxy.depth"]);
    }
}
