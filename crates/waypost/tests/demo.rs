//! `waypost demo`: two runs, the same mail.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Connection, Server, wait_for};

/// The last line that a ready demo prints.
const LAST_LINE: &str = "Ctrl-C ends it";

/// Starts a demo; answers when it is ready, with what it printed.
fn start(folder: &Path) -> (Server, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
    let mut child = command.arg("demo").arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let server = Server { child };
    let mut text = String::new();
    while !text.contains(LAST_LINE) {
        assert!(output.read_line(&mut text).unwrap() > 0, "ended early: {text}");
    }
    (server, text)
}

fn environment(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder.join("demo.env")).unwrap();
    let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    text.lines().map(|line| pair(line).unwrap()).collect()
}

fn login(environment: &BTreeMap<String, String>) -> Connection {
    let port = environment["WAYPOST_IMAP_PORT"].parse().unwrap();
    let mut session = Connection::open(port);
    let password = &environment["WAYPOST_ALICE_PASSWORD"];
    assert!(session.command(&format!("LOGIN alice {password}")).contains("t OK"));
    session
}

#[test]
fn a_second_run_finds_its_mail_and_its_settings_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("var");
    let (mut first, told) = start(&folder);
    let environment_before = environment(&folder);
    for key in ["IMAP_PORT", "IMAPS_PORT", "POP_PORT", "POPS_PORT", "LMTP_PORT", "CA", "CONFIG"] {
        assert!(environment_before.contains_key(&format!("WAYPOST_{key}")), "{key}");
    }
    assert!(told.contains(&environment_before["WAYPOST_BOB_PASSWORD"]), "{told}");
    assert!(login(&environment_before).command("CREATE kept").contains("t OK"));
    let port = Command::new(folder.join("bin/msconfig"))
        .env("WAYPOST_CONFIG", folder.join("config.toml"))
        .args(["show", "imap.port"])
        .output()
        .unwrap();
    let expected = format!("imap.port = {}  ", environment_before["WAYPOST_IMAP_PORT"]);
    assert!(String::from_utf8_lossy(&port.stdout).starts_with(&expected), "{port:?}");
    first.signal("INT");
    assert!(first.wait().success());

    let (mut second, _) = start(&folder);
    assert_eq!(environment(&folder), environment_before);
    assert!(login(&environment_before).command("SELECT kept").contains("t OK"));
    second.signal("TERM");
    assert!(second.wait().success());
}

#[test]
fn a_demo_goes_on_when_nobody_reads_what_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let program = || Command::new(env!("CARGO_BIN_EXE_waypost"));
    let mut command = program();
    command.arg("demo").arg(folder.path()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut server = Server { child };
    wait_for("ready demo", || {
        let output = program().arg("--config").arg(&config).arg("status").output().unwrap();
        output.status.success().then_some(())
    });
    server.signal("TERM");
    assert!(server.wait().success());
}
