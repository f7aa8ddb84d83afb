//! What differs between two configurations, and what makes the difference take effect.

use crate::config::Config;
use crate::groups::logfile::common;
use crate::groups::registry;
use crate::record::{Applies, Kind, OptionRecord, Place};
use crate::value::Value;
use std::collections::HashSet;

/// The option by which a service is offered or not.
const ENABLE: &str = "enable";
/// The command that ends the server.
const END: &str = "stop-msg watcher";
/// The command that starts it; a service manager has its own.
const RUN: &str = "waypost run  # or: systemctl start waypost";
/// The command that has services read their options again.
const REFRESH: &str = "refresh";
/// Every service, in [`Applies::Refresh`].
const ALL: &str = "all";

/// The options with different values, in the order of the registry.
pub fn changed(before: &Config, after: &Config) -> Vec<Place> {
    let mut places = after.places();
    let is_gone = |place: &Place| place.record.named && !after.is_set(place);
    places.extend(before.places().into_iter().filter(is_gone));
    let is_set = |place: &Place| before.is_set(place) || after.is_set(place);
    let mut seen = HashSet::new();
    places.retain(|place| seen.insert(place.full_name()));
    places.retain(|place| before.value_at(place) != after.value_at(place));
    // The common option is told already.
    let is_own = |place: &Place| common(place.record).is_none() || is_set(place);
    places.retain(is_own);
    places.sort_by_key(|place| position(after, place));
    places
}

fn position(config: &Config, place: &Place) -> Option<usize> {
    let name = place.record.full_name();
    config.registry().iter().position(|record| record.full_name() == name)
}

/// The shell commands after which all changes have taken effect; none when no service is concerned. A
/// service that was not enabled need not be stopped, and one that is not enabled cannot be started.
pub fn commands(before: &Config, after: &Config) -> Vec<String> {
    let changed: Vec<_> = changed(before, after).iter().map(|place| place.record).collect();
    let any = |applies| changed.iter().any(|record| record.applies == applies);
    if any(Applies::RestartServer) {
        return vec![END.to_owned(), RUN.to_owned()];
    }
    if any(Applies::RestartAll) {
        return vec!["stop-msg".to_owned(), "start-msg".to_owned()];
    }
    let concerns = |record: &&OptionRecord, service: &str| match record.applies {
        Applies::Restart(services) => services.contains(&service),
        _ => false,
    };
    let restarted = |enable: &&OptionRecord| changed.iter().any(|r| concerns(r, enable.group));
    let restarts: Vec<_> = enables().filter(restarted).collect();
    [("stop-msg", before), ("start-msg", after)]
        .into_iter()
        .filter_map(|(command, config)| command_line(command, config, &restarts))
        .chain(refresh(after, &changed, &restarts))
        .collect()
}

/// The command for what running services take in; a service that is started again needs none.
fn refresh(
    after: &Config,
    changed: &[&OptionRecord],
    restarts: &[&'static OptionRecord],
) -> Option<String> {
    let applies =
        |to: &str| changed.iter().any(|r| matches!(r.applies, Applies::Refresh(s) if s == to));
    if applies(ALL) {
        return Some(REFRESH.to_owned());
    }
    let restarted = |enable: &OptionRecord| restarts.iter().any(|r| r.group == enable.group);
    let refreshed: Vec<_> =
        enables().filter(|enable| applies(enable.group) && !restarted(enable)).collect();
    command_line(REFRESH, after, &refreshed)
}

/// The `enable` option of each service.
fn enables() -> impl Iterator<Item = &'static OptionRecord> {
    let is_enable = |r: &&OptionRecord| {
        r.name == ENABLE && !r.group.contains('.') && matches!(r.kind, Kind::Switch { .. })
    };
    registry().iter().copied().filter(is_enable)
}

fn command_line(
    command: &str,
    config: &Config,
    enables: &[&'static OptionRecord],
) -> Option<String> {
    let is_on = |enable: &&&'static OptionRecord| config.value(enable) == Value::Switch(true);
    let enabled = enables.iter().filter(is_on);
    let services: Vec<&str> = enabled.map(|enable| enable.group).collect();
    (!services.is_empty()).then(|| format!("{command} {}", services.join(" ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn between(before: &str, after: &str) -> Vec<String> {
        commands(&Config::from_str(before).unwrap(), &Config::from_str(after).unwrap())
    }

    #[test]
    fn a_change_names_the_services_to_start_again() {
        assert_eq!(between("", "pop.port = 1110"), ["stop-msg pop", "start-msg pop"]);
        let both = "pop.port = 1110\nimap.banner = \"hi\"";
        assert_eq!(between("", both), ["stop-msg pop", "start-msg pop", "refresh imap"]);
        let one = "pop.port = 1110\npop.banner = \"hi\"";
        assert_eq!(between("", one), ["stop-msg pop", "start-msg pop"]);
        assert_eq!(between("", "pop.enable = 0\npop.banner = \"hi\""), ["stop-msg pop"]);
        let base = "base.listenaddr = \"::1\"";
        assert_eq!(between("", base), ["stop-msg imap pop", "start-msg imap pop"]);
        assert_eq!(between("", "base.logfile.loglevel = \"debug\""), ["refresh"]);
        assert_eq!(between("", "base.defaultdomain = \"x.example\""), ["stop-msg", "start-msg"]);
        assert_eq!(between("", "watcher.autorestart = 0"), [END, RUN]);
        assert_eq!(between("", "store.path = \"mail\""), [END, RUN]);
        assert_eq!(between("", "# only words\npop.port = 110"), Vec::<String>::new());
    }

    #[test]
    fn enabling_starts_and_disabling_stops() {
        assert_eq!(between("pop.enable = 0", ""), ["start-msg pop"]);
        assert_eq!(between("", "pop.enable = 0"), ["stop-msg pop"]);
        let off = "pop.enable = 0\nbase.listenaddr = \"::1\"";
        assert_eq!(between("pop.enable = 0", off), ["stop-msg imap", "start-msg imap"]);
        assert!(between("pop.enable = 0", "pop.enable = 0\npop.port = 1110").is_empty());
    }
}
