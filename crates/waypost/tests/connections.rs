//! Who is connected: limits over all processes and for each address, lists, counters, disconnection.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::process::Command;
use support::{Connection, PASSWORD, World, signal_process, wait_for};

/// The lines of `imsconnutil -c` without its head.
fn connected(world: &World, more: &[&str]) -> Vec<Vec<String>> {
    let text = world.tool(&[&["imsconnutil", "-c"], more].concat(), "");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    text.lines().skip(1).map(words).collect()
}

/// A counter of `waypost counters`.
fn counter(world: &World, object: &str, name: &str) -> u64 {
    let text = world.tool(&["counters", object], "");
    let line = text.lines().find(|line| line.trim_start().starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().last()).unwrap_or_default();
    number.parse().unwrap_or_else(|_| panic!("{name} in {text}"))
}

/// A POP3 session of a user.
fn pop(world: &World, user: &str) -> Connection {
    let mut connection = world.connect(world.pop);
    connection.say(&format!("USER {user}"));
    assert!(connection.say(&format!("PASS {PASSWORD}")).starts_with("+OK"));
    connection
}

#[test]
fn users_are_listed_with_how_they_are_connected() {
    let world = World::new("");
    world.add_user("alice");
    world.add_user("bob");
    let _server = world.start();
    let mut alice = world.imap("alice");
    let bob = pop(&world, "bob");
    let _stranger = world.connect(world.imap);

    let users = connected(&world, &[]);
    assert_eq!(users.len(), 2, "{users:?}");
    assert_eq!(users[0][..4], ["alice", "imap", "LOGIN", "-"]);
    assert!(users[0].contains(&format!("127.0.0.1:{}", world.imap)), "{users:?}");
    assert_eq!(users[1][..4], ["bob", "pop", "USER", "-"]);
    assert_eq!(connected(&world, &["-s", "pop"]).len(), 1);
    assert_eq!(connected(&world, &["-u", "alice@example.com"])[0][0], "alice");
    let list = world.folder.path().join("users");
    std::fs::write(&list, "bob\n\nnobody\n").unwrap();
    assert_eq!(connected(&world, &["-f", list.to_str().unwrap()])[0][0], "bob");

    assert!(alice.command("LOGOUT").contains("BYE"));
    drop(bob);
    wait_for("an empty list", || connected(&world, &[]).is_empty().then_some(()));
}

#[test]
fn a_user_is_disconnected_and_told_and_others_stay() {
    let world = World::new("imap.numprocesses = 2");
    world.add_user("alice");
    world.add_user("bob");
    let _server = world.start();
    let mut sessions: Vec<_> = (0..6).map(|_| world.imap("alice")).collect();
    let mut maildrop = pop(&world, "alice");
    let mut bob = world.imap("bob");
    assert!(sessions[0].command("SELECT INBOX").contains("t OK"));
    assert!(sessions[0].say("i IDLE").starts_with('+'));

    let told = world.tool(&["imsconnutil", "-k", "-u", "alice"], "");
    assert_eq!(told, "alice: 7 connections are ended\n");
    for session in &mut sessions {
        assert!(session.rest().contains("* BYE An administrator has ended"));
    }
    assert!(maildrop.rest().starts_with("-ERR an administrator has ended"));
    assert!(bob.command("NOOP").contains("t OK"));
    assert!(world.imap("alice").command("NOOP").contains("t OK"), "and may come again");
    let nobody = world.run(&["imsconnutil", "-k"], "");
    assert_eq!(nobody.status.code(), Some(2));
}

#[test]
fn a_disconnected_client_that_does_not_read_is_cut() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut client = world.imap("alice");
    let message = "x".repeat(1 << 20);
    assert!(
        client.command(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len())).contains("OK")
    );
    client.command("SELECT INBOX");
    // Far more than the sockets hold, and nobody reads it.
    let fetches: String = (0..50).map(|n| format!("f{n} FETCH 1 BODY.PEEK[]\r\n")).collect();
    client.send(&fetches);
    world.tool(&["imsconnutil", "-k", "-u", "alice"], "");
    wait_for("the end of the connection", || connected(&world, &[]).is_empty().then_some(()));
}

#[test]
fn disabling_a_user_ends_open_sessions() {
    let world = World::new("");
    world.add_user("alice");
    world.add_user("bob");
    let _server = world.start();
    let mut alice = world.imap("alice");
    let mut bob = world.imap("bob");
    let told = world.tool(&["user", "disable", "alice"], "");
    assert!(told.contains("alice: 1 connections are ended"), "{told}");
    assert!(alice.rest().contains("* BYE"));
    let told = world.tool(&["user", "delete", "bob"], "");
    assert!(told.contains("bob: 1 connections are ended"), "{told}");
    assert!(bob.rest().contains("* BYE"));
}

#[test]
fn counters_outlive_the_processes_that_count() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let session = world.imap("alice");
    let refused = world.connect(world.imap).command(&format!("LOGIN alice not-{PASSWORD}"));
    assert!(refused.contains("t NO"), "{refused}");
    drop(pop(&world, "alice"));
    let seen = |name: &str| counter(&world, "imapstat", name);
    assert_eq!((seen("numGoodLogins"), seen("numFailedLogins")), (1, 1));
    assert_eq!(counter(&world, "popstat", "numGoodLogins"), 1);
    let (total, max) = (seen("numConnections"), seen("maxConnections"));
    assert!(total == 2 && max >= 1, "{total} {max}");

    signal_process(world.process("imapd").pid.unwrap(), "KILL");
    wait_for("a new process", || (world.process("imapd").restarts == 1).then_some(()));
    wait_for("readiness", || (world.process("imapd").state == "ready").then_some(()));
    drop(session);
    assert_eq!(seen("numCurrentConnections"), 0, "what the dead process held is let go");
    drop(world.imap("alice"));
    assert_eq!((seen("numGoodLogins"), seen("numFailedLogins")), (2, 1));
    assert_eq!((seen("numConnections"), seen("maxConnections")), (total + 1, max));

    world.tool(&["stop-msg", "imap"], "");
    world.tool(&["start-msg", "imap"], "");
    assert_eq!(seen("numGoodLogins"), 2, "also over an orderly restart");
}

#[test]
fn a_full_process_leaves_clients_to_its_sibling_and_the_last_one_is_told() {
    let world = World::new("imap.numprocesses = 2\nimap.maxsessions = 3");
    let _server = world.start();
    // Whichever process takes them: none is turned away before both are full.
    let mut clients: Vec<_> = (0..6).map(|_| world.connect(world.imap)).collect();
    assert!(clients.iter().all(|client| client.greeting.starts_with("* OK")));
    let seventh = world.connect(world.imap).greeting;
    assert!(seventh.contains("Too many connections"), "{seventh}");
    assert_eq!(counter(&world, "imapstat", "numRefusedConnections"), 1);
    clients.truncate(4);
    wait_for("free seats", || {
        (counter(&world, "imapstat", "numCurrentConnections") == 4).then_some(())
    });
    clients.extend((0..2).map(|_| world.connect(world.imap)));
    assert!(clients.iter().all(|client| client.greeting.starts_with("* OK")));
}

#[test]
fn an_address_has_its_limit_over_all_processes_and_refresh_changes_it() {
    let world = World::new("imap.numprocesses = 2");
    let _server = world.start();
    world.tool(&["msconfig", "set", "imap.connlimits", "127.0.0.0/8:3"], "");
    let mut clients: Vec<_> = (0..4).map(|_| world.connect(world.imap)).collect();
    world.tool(&["refresh", "imap"], "");
    assert!(clients.iter_mut().all(|client| client.command("NOOP").contains("t OK")));
    let refused = world.connect(world.imap).greeting;
    assert!(refused.contains("Too many connections from your address"), "{refused}");
    assert_eq!(counter(&world, "imapstat", "numCrowdedConnections"), 1);
    assert!(world.connect(world.pop).greeting.starts_with("+OK"), "another service, another limit");
    clients.truncate(2);
    wait_for("room for one more", || {
        world.connect(world.imap).greeting.starts_with("* OK").then_some(())
    });
    let wrong = world.run(&["msconfig", "set", "imap.connlimits", "*:20,nowhere:3"], "");
    assert_eq!(wrong.status.code(), Some(2));
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(told.contains("no IP address") && told.contains("^"), "{told}");
}

#[test]
fn a_monitoring_system_reads_the_counters_where_the_settings_say() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let _session = world.imap("alice");
    let port = World::free_port();
    let ask = |port: u16, path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        let output = Command::new("curl").args(["-sS", "-i", "-m", "10", &url]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(port, "/metrics"), "", "off by default");
    world.tool(&["msconfig", "set", "metrics.port", &port.to_string()], "");
    world.tool(&["msconfig", "set", "metrics.enable", "1"], "");
    world.tool(&["refresh"], "");
    let text = ask(port, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("text/plain; version=0.0.4"), "{text}");
    assert!(text.contains("\nwaypost_connections{service=\"imap\"} 1\n"), "{text}");
    assert!(text.contains("waypost_logins_total{service=\"imap\",result=\"good\"} 1\n"), "{text}");
    world.tool(&["deliver", "alice"], "Subject: kept\n\nline\n");
    // It measures the segments.
    world.tool(&["compact"], "");
    let text = ask(port, "/metrics");
    for line in [
        "# TYPE waypost_store_segments gauge",
        "waypost_store_segments 1",
        "waypost_store_compacting 0",
        "waypost_store_freed_segments_total 0",
        "waypost_store_repairs_total{result=\"done\"} 0",
        "waypost_store_repairs_total{result=\"failed\"} 0",
        "waypost_store_repairs_waiting 0",
        "waypost_store_scrub_faults_total 0",
        "waypost_store_unsaved_accounts 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let told = world.run(&["status"], "");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("saved states: 0 B written, 1 accounts wait"), "{told}");
    assert!(ask(port, "/other").starts_with("HTTP/1.1 404"));
    // More than are served at a time, none of which ends its request.
    let silent: Vec<_> = (0..70)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            std::io::Write::write_all(&mut stream, b"GET").unwrap();
            stream
        })
        .collect();
    assert!(ask(port, "/metrics").starts_with("HTTP/1.1 200"), "others are not kept waiting");
    drop(silent);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = taken.local_addr().unwrap().port().to_string();
    world.tool(&["msconfig", "set", "metrics.port", &other], "");
    let refused = world.run(&["refresh"], "");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("metrics.port: cannot offer"), "{told}");
    world.tool(&["msconfig", "set", "metrics.enable", "0"], "");
    world.tool(&["refresh"], "");
    assert_eq!(ask(port, "/metrics"), "");
}

#[test]
fn the_last_login_and_logout_of_users_are_kept_while_the_option_is_on() {
    let world = World::new("");
    world.add_user("alice");
    world.add_user("bob");
    let _server = world.start();
    let lines = |more: &[&str]| -> Vec<Vec<String>> {
        let text = world.tool(&[&["imsconnutil", "-a"], more].concat(), "");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        text.lines().skip(1).map(words).collect()
    };
    assert!(lines(&[]).is_empty());
    world.imap("alice").command("LOGOUT");
    let bob = pop(&world, "bob");
    // The workers send their notes a quarter of a second later.
    wait_for("notes", || {
        (lines(&[]).len() == 2 && lines(&["-u", "alice"])[0].last()? != "never").then_some(())
    });
    let year = "/20";
    let alice = &lines(&["-u", "alice"])[0];
    assert_eq!(alice[..2], ["alice", "imap"]);
    assert!(alice[2].contains(year) && alice[4].contains(year), "{alice:?}");
    let of_bob = &lines(&["-u", "bob"])[0];
    assert!(of_bob[1] == "pop" && of_bob.last().unwrap() == "never", "{of_bob:?}");

    world.tool(&["msconfig", "set", "base.enablelastaccess", "0"], "");
    world.tool(&["msconfig", "set", "imap.enableuserlist", "0"], "");
    world.tool(&["refresh"], "");
    let before = lines(&[]);
    drop(bob);
    let carol = world.imap("alice");
    assert!(connected(&world, &["-s", "imap"]).is_empty(), "the list is off");
    drop(carol);
    assert_eq!(lines(&[]), before);
}
