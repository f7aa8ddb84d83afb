//! Tests of secret, restricted and named options, with options that no release has.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::completion::candidates;
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use waypost_options::{Applies, Kind, OptionRecord, Registry, SECRETS_FILE};

const PLAIN: OptionRecord = OptionRecord {
    group: "proxy",
    name: "depth",
    alias: None,
    kind: Kind::Text { default: "none" },
    applies: Applies::Refresh("imap"),
    secret: false,
    restricted: false,
    named: false,
    help: "a test",
    details: "",
    guide: "Tests",
};
const PORT: OptionRecord = OptionRecord { name: "imapport", ..PLAIN.named() };
const USER: OptionRecord = OptionRecord { name: "user", ..PLAIN.restricted() };
const PASSWORD: OptionRecord =
    OptionRecord { name: "password", kind: Kind::Text { default: "" }, ..PLAIN.named().secret() };
const LEVEL: OptionRecord = OptionRecord { group: "proxy.logfile", name: "loglevel", ..PLAIN };
const RECORDS: Registry = &[&PLAIN, &PORT, &USER, &PASSWORD, &LEVEL];

/// A configuration of these options.
struct World {
    folder: tempfile::TempDir,
    file: ConfigFile,
}

impl World {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        Self { file: ConfigFile::with(RECORDS, &path).unwrap(), folder }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn run(&self, line: &str) -> Result<Vec<String>, String> {
        let command = Command::parse(&command::words(line).unwrap()).unwrap();
        once(&self.file, &command).map_err(|failure| failure.to_string())
    }

    fn ok(&self, line: &str) -> String {
        self.run(line).unwrap().join("\n")
    }
}

#[test]
fn a_secret_is_hidden_unless_asked_for() {
    let world = World::new("");
    assert_eq!(world.ok("show proxy:b1.password"), "proxy:b1.password = (not set)");
    let told = world.ok("set proxy:b1.password xyzzy");
    assert!(told.starts_with("Stored as generation 2; proxy:b1.password takes effect"), "{told}");
    assert_eq!(world.read("config.toml"), "");
    assert_eq!(world.read(SECRETS_FILE), "[\"proxy:b1\"]\npassword = \"xyzzy\"\n");
    let mode = fs::metadata(world.folder.path().join(SECRETS_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(world.ok("show proxy:b1.password"), "proxy:b1.password = (hidden)");
    assert_eq!(world.ok("show proxy*"), "proxy:b1.password = (hidden)");
    assert_eq!(world.ok("show -passwords proxy*"), "proxy:b1.password = \"xyzzy\"");
    let diff = "- proxy:b1.password = (not set)\n+ proxy:b1.password = (hidden)";
    assert_eq!(world.ok("diff"), diff);
    world.ok("set proxy:b1.password other");
    let diff = "- proxy:b1.password = (hidden)\n+ proxy:b1.password = (hidden)";
    assert_eq!(world.ok("diff 2 3"), diff);
    assert!(!world.ok("history").contains("xyzzy"));
    world.ok("revert 2");
    assert_eq!(world.ok("show -passwords proxy*"), "proxy:b1.password = \"xyzzy\"");
    world.ok("revert 1");
    assert_eq!(world.ok("show proxy*"), "");
    let refused = world.run("set proxy:b1.password 'a\u{1}xyzzy'").unwrap_err();
    assert!(refused.contains("one line") && !refused.contains("xyzzy"), "{refused}");
}

#[test]
fn a_secret_on_the_command_line_is_warned_of() {
    let world = World::new("");
    let session = Session::open(&world.file).unwrap();
    let warned = |line: &str| {
        let words = command::words(line).unwrap();
        seen(&session, &Command::parse(&words).unwrap())
    };
    let warning = warned("set proxy:b1.password xyzzy").unwrap();
    assert!(warning.ends_with("msconfig set -prompt proxy:b1.password"), "{warning}");
    assert_eq!(warned("set -prompt proxy:b1.password"), None);
    assert_eq!(warned("set proxy.depth xyzzy"), None);
}

#[test]
fn a_line_with_a_secret_is_known_as_such() {
    let world = World::new("");
    let session = Session::open(&world.file).unwrap();
    for (line, holds) in [
        ("set proxy:b1.password xyzzy", true),
        ("set -restricted proxy:b1.password xyzzy too many", true),
        ("set -prompt proxy:b1.password", false),
        ("show -passwords proxy:b1.password", false),
        ("set proxy.depth 1", false),
    ] {
        assert_eq!(session.holds_a_secret(&command::words(line).unwrap()), holds, "{line}");
    }
}

#[test]
fn a_restricted_option_wants_to_be_meant() {
    let world = World::new("");
    for (line, again) in [
        ("set proxy.user root", "set -restricted proxy.user root"),
        ("set proxy.user \"two words\"", "set -restricted proxy.user 'two words'"),
        ("unset proxy.user", "unset -restricted proxy.user"),
    ] {
        let refused = world.run(line).unwrap_err();
        assert!(refused.contains("proxy.user is restricted"), "{refused}");
        assert!(refused.ends_with(&format!(": msconfig {again}")), "{refused}");
    }
    assert!(!world.folder.path().join("history/0001.toml").exists());
    world.ok("set -restricted proxy.user root");
    world.ok("set -restricted proxy.depth 1");
    assert_eq!(world.ok("show -restricted *"), "proxy.user = \"root\"  (default: \"none\")");
    assert_eq!(world.ok("show *").lines().count(), 2);
    let refused = world.run("revert 1").unwrap_err();
    assert!(refused.ends_with(": msconfig revert -restricted 1"), "{refused}");
    assert!(world.ok("show proxy.user").contains("root"));
    world.ok("unset -restricted proxy.user");
    world.ok("revert -restricted 2");
    world.ok("revert -restricted 1");
    assert_eq!(world.ok("show -restricted *"), "");
    assert!(world.ok("help proxy.user").contains("-restricted"));
}

#[test]
fn options_of_named_groups_are_changed_and_listed() {
    let world = World::new("# ours\n");
    world.ok("set proxy:backend1.imapport 1143");
    world.ok("set proxy:backend2.imapport 2143");
    world.ok("set proxy.logfile.loglevel debug");
    let text = "# ours\n\n[\"proxy:backend1\"]\nimapport = \"1143\"\n\n[\"proxy:backend2\"]\n\
                imapport = \"2143\"\n\n[proxy.logfile]\nloglevel = \"debug\"\n";
    assert_eq!(world.read("config.toml"), text);
    assert_eq!(world.ok("show proxy:*.imapport").lines().count(), 2);
    assert_eq!(world.ok("show -default proxy:backend1").lines().count(), 2);
    assert_eq!(world.ok("show proxy").lines().count(), 3);
    world.ok("unset proxy:backend2.imapport");
    let last = "- proxy:backend2.imapport = \"2143\"  (default: \"none\")\n\
                + proxy:backend2.imapport = \"none\"  (default)";
    assert_eq!(world.ok("diff"), last);
    let refused = world.run("set proxy:backend1.imapprot 1").unwrap_err();
    assert!(refused.contains("did you mean proxy:backend1.imapport?"), "{refused}");
    assert!(world.run("set proxy.imapport 1").unwrap_err().contains("write proxy:NAME.imapport"));
    let help = world.ok("help proxy:new.imapport");
    assert!(help.starts_with("proxy:NAME.imapport: a test\n"), "{help}");
    assert_eq!(world.ok("help proxy").lines().count(), 5);
    let config = Session::open(&world.file).unwrap().config().clone();
    let found = candidates(&config, "set proxy:ba").1;
    assert_eq!(found, ["proxy:backend1.imapport", "proxy:backend1.password"]);
    assert_eq!(candidates(&config, "set proxy:new.im").1, ["proxy:new.imapport"]);
}

#[test]
fn a_group_is_added_where_only_one_below_it_stands() {
    let world =
        World::new("# top\n[\"proxy:a\"]\n\n# logs\n[proxy.logfile]\nloglevel = \"debug\"\n");
    world.ok("set proxy.depth 1");
    let text = "# top\n[\"proxy:a\"]\n\n[proxy]\ndepth = \"1\"\n\n# logs\n[proxy.logfile]\n\
                loglevel = \"debug\"\n";
    assert_eq!(world.read("config.toml"), text);
}
