//! Logs as an administrator sees them: options set with `msconfig`, lines of real sessions.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use support::{Connection, PASSWORD, Server, World, signal_process, wait_for};

/// Long enough for a line to go from a process into the watcher's pipe.
const A_MOMENT: Duration = Duration::from_millis(500);

fn set(world: &World, option: &str, value: &str) {
    world.tool(&["msconfig", "set", option, value], "");
}

/// A whole POP3 session of a user.
fn pop_session(world: &World, user: &str) {
    let mut client = world.connect(world.pop);
    assert!(client.say(&format!("USER {user}")).starts_with("+OK"));
    assert!(client.say(&format!("PASS {PASSWORD}")).starts_with("+OK"));
    assert!(client.say("QUIT").starts_with("+OK"));
}

fn logins(text: &str, user: &str) -> usize {
    let is_login = |line: &&str| line.contains("] login ") && line.contains(&format!("\"{user}\""));
    text.lines().filter(is_login).count()
}

fn wait_for_logins(world: &World, service: &str, user: &str, count: usize) {
    wait_for(&format!("{count} logins of {user} in the log of {service}"), || {
        (logins(&world.log_of(service), user) == count).then_some(())
    });
}

/// Delivers a message to a user over LMTP.
fn deliver(world: &World, user: &str) {
    let mut client: Connection = world.connect(world.lmtp);
    assert!(client.say("LHLO localhost").starts_with("250"));
    while client.line().starts_with("250-") {}
    assert!(client.say("MAIL FROM:<>").starts_with("250"));
    assert!(client.say(&format!("RCPT TO:<{user}@example.com>")).starts_with("250"));
    assert!(client.say("DATA").starts_with("354"));
    assert!(client.say("Subject: hello\r\n\r\nhello\r\n.").starts_with("250"));
}

#[test]
fn each_service_has_its_own_log_and_level() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    pop_session(&world, "alice");
    let mut imap = world.imap("alice");
    deliver(&world, "alice");
    wait_for_logins(&world, "pop", "alice", 1);
    wait_for_logins(&world, "imap", "alice", 1);
    wait_for("delivery", || world.log_of("lmtp").contains(" delivered ").then_some(()));
    assert!(world.log_of("admin").contains(" INFO waypost["));
    assert!(world.log_of("pop").lines().all(|line| line.contains(" popd[")));
    assert!(world.log_of("store").lines().all(|line| line.contains(" stored[")));

    set(&world, "logfile.pop.loglevel", "ERROR");
    assert_eq!(world.tool(&["refresh", "pop"], ""), "pop is refreshed\n");
    pop_session(&world, "alice");
    drop(world.imap("alice"));
    wait_for_logins(&world, "imap", "alice", 2);
    assert_eq!(logins(&world.log_of("pop"), "alice"), 1);

    set(&world, "base.logfile.loglevel", "Nolog");
    world.tool(&["refresh"], "");
    let before = world.log_of("imap");
    drop(world.imap("alice"));
    set(&world, "imap.logfile.loglevel", "Information");
    world.tool(&["refresh", "imap"], "");
    drop(world.imap("alice"));
    wait_for_logins(&world, "imap", "alice", 3);
    assert!(world.log_of("imap").starts_with(&before));
    assert!(imap.command("NOOP").contains("t OK"), "no connection was dropped");
}

#[test]
fn rotation_under_load_loses_no_line() {
    const CLIENTS: usize = 4;
    const SESSIONS: usize = 100;
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    set(&world, "pop.logfile.maxlogfilesize", "20000");
    set(&world, "pop.logfile.maxlogfiles", "1000");
    world.tool(&["refresh", "pop"], "");
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| (0..SESSIONS).for_each(|_| pop_session(&world, "alice")));
        }
    });
    wait_for_logins(&world, "pop", "alice", CLIENTS * SESSIONS);
    let files = || {
        let entries = fs::read_dir(world.folder.path().join("log")).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with("pop")).count()
    };
    assert!(files() > 3, "{} files", files());
    let sizes = fs::read_dir(world.folder.path().join("log")).unwrap().flatten();
    assert!(sizes.map(|entry| entry.metadata().unwrap().len()).all(|bytes| bytes <= 20_000));

    set(&world, "pop.logfile.maxlogfiles", "2");
    world.tool(&["refresh", "pop"], "");
    wait_for("deletion of old files", || (files() == 2).then_some(()));
}

#[test]
fn a_watcher_that_hangs_stops_no_mail_and_a_killed_process_keeps_its_lines() {
    const SESSIONS: usize = 300;
    let world = World::new("");
    world.add_user("alice");
    let server = world.start();
    let popd = world.process("popd").pid.unwrap();
    pop_session(&world, "alice");
    wait_for_logins(&world, "pop", "alice", 1);

    server.signal("STOP");
    // More than its pipe holds.
    (0..SESSIONS).for_each(|_| pop_session(&world, "alice"));
    assert_eq!(logins(&world.log_of("pop"), "alice"), 1);
    server.signal("CONT");
    wait_for_logins(&world, "pop", "alice", SESSIONS + 1);

    server.signal("STOP");
    (0..9).for_each(|_| pop_session(&world, "alice"));
    thread::sleep(A_MOMENT);
    signal_process(popd, "KILL");
    server.signal("CONT");
    wait_for_logins(&world, "pop", "alice", SESSIONS + 10);
    wait_for("note of the end", || world.log_of("admin").contains("signal 9").then_some(()));
}

#[test]
fn refresh_moves_a_log_and_a_folder_that_cannot_be_made_leaves_it() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut client = world.imap("alice");
    wait_for_logins(&world, "imap", "alice", 1);
    set(&world, "imap.logfile.logdir", "moved/here");
    world.tool(&["refresh", "imap"], "");
    drop(world.imap("alice"));
    let moved = world.folder.path().join("moved/here/imap");
    let text = || fs::read_to_string(&moved).unwrap_or_default();
    wait_for("login in the new file", || (logins(&text(), "alice") == 1).then_some(()));
    set(&world, "imap.logfile.logdir", "/proc/none");
    world.tool(&["refresh", "imap"], "");
    drop(world.imap("alice"));
    wait_for("login in the old file", || (logins(&text(), "alice") == 2).then_some(()));
    assert!(text().contains("the log cannot be moved"), "{}", text());
    assert!(client.command("NOOP").contains("t OK"));
    assert_eq!(logins(&world.log_of("imap"), "alice"), 1);
}

#[test]
fn a_client_cannot_forge_what_a_ban_tool_matches() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut client = world.connect(world.imap);
    let reply = client.command(r#"LOGIN "x\" peer=\"192.0.2.9" wrong"#);
    assert!(reply.starts_with("t NO"), "{reply}");
    let line = wait_for("failed login", || {
        world
            .log_of("imap")
            .lines()
            .find(|line| line.contains("] login failed "))
            .map(str::to_owned)
    });
    let escaped = r#"login="x\" peer=\"192.0.2.9" peer="127.0.0.1""#;
    assert!(line.contains(escaped) && line.contains(" kind=BadCredentials "), "{line}");
}

/// A mailbox is named by its owner, and mail to a sub-address brings the name into a line.
#[test]
fn a_mailbox_cannot_forge_what_a_ban_tool_matches() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let forged = r#"x login failed service="imap" login="a" peer="192.0.2.9" tls_bits=0 kind=BadCredentials"#;
    let quoted = forged.replace('"', "\\\"");
    let mut imap = world.imap("alice");
    assert!(imap.command(&format!("CREATE \"{quoted}\"")).contains(" OK "));
    let mut client: Connection = world.connect(world.lmtp);
    assert!(client.say("LHLO localhost").starts_with("250"));
    while client.line().starts_with("250-") {}
    assert!(client.say("MAIL FROM:<>").starts_with("250"));
    let answer = client.say(&format!("RCPT TO:<\"alice+{quoted}\"@example.com>"));
    assert!(answer.starts_with("250"), "{answer}");
    assert!(client.say("DATA").starts_with("354"));
    assert!(client.say("Subject: hello\r\n\r\nhello\r\n.").starts_with("250"));
    let log = wait_for("delivery", || {
        Some(world.log_of("lmtp")).filter(|log| log.contains(" delivered "))
    });
    let line = log.lines().find(|line| line.contains(" delivered ")).unwrap();
    assert!(line.contains(r#"mailbox="x login failed service=\"imap\""#), "{line}");
    assert!(!log.contains(r#"login failed service="imap""#), "{log}");
}

#[test]
fn with_a_facility_nothing_goes_to_the_file() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    set(&world, "imap.logfile.syslogfacility", "local5");
    world.tool(&["refresh", "imap"], "");
    drop(world.imap("alice"));
    // A process that has ended has no line on its way any more.
    world.tool(&["stop-msg", "imap"], "");
    world.tool(&["start-msg", "imap"], "");
    set(&world, "imap.logfile.syslogfacility", "none");
    world.tool(&["refresh", "imap"], "");
    drop(world.imap("alice"));
    wait_for_logins(&world, "imap", "alice", 1);
    // Without a syslog on this machine the lines are counted, with one they are there.
    let is_told = world.log_of("imap").contains("lines of the log were lost log=imap");
    assert_eq!(is_told, !fs::exists("/dev/log").unwrap());
}

#[test]
fn what_a_process_says_outside_its_log_is_logged() {
    let world = World::new("");
    let _server = world.start();
    let popd = world.process("popd").pid.unwrap();
    let users = world.folder.path().join("directory");
    fs::rename(&users, world.folder.path().join("away")).unwrap();
    signal_process(popd, "KILL");
    let is_it = |line: &&str| line.contains(" ERROR popd[") && line.contains("] waypost: ");
    wait_for("reason of a failed start", || {
        world.log_of("pop").lines().find(is_it).map(str::to_owned)
    });
    fs::rename(world.folder.path().join("away"), users).unwrap();
    wait_for("another start", || (world.process("popd").state == "ready").then_some(()));
}

#[test]
fn a_log_that_cannot_be_opened_is_told_with_its_option() {
    let world = World::new("lmtp.logfile.logdir = \"/proc/none\"");
    let output = world.run(&["run"], "");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot open the log /proc/none/lmtp (lmtp.logfile.logdir)"), "{text}");
}

#[test]
fn without_a_folder_all_logs_go_to_standard_error() {
    let world = World::new("base.logfile.logdir = \"-\"");
    world.add_user("alice");
    let child = world.command(&["run"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut server = Server { child };
    wait_for("ready server", || world.run(&["status"], "").status.success().then_some(()));
    drop(world.imap("alice"));
    pop_session(&world, "alice");
    thread::sleep(A_MOMENT);
    server.signal("TERM");
    assert!(server.wait().success());
    let mut text = String::new();
    server.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(logins(&text, "alice"), 2, "{text}");
    assert!(text.contains(" INFO waypost["), "{text}");
    assert!(!world.folder.path().join("log").exists());
}
