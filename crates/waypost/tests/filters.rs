//! Who may connect, and who may use which service: by options and by the directory, over real connections.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use support::{Connection, PASSWORD, World, wait_for};

/// A connection from one of this host's addresses to the service in the same family.
fn from(source: &str, port: u16) -> Connection {
    let source: IpAddr = source.parse().unwrap();
    let target = if source.is_ipv4() { "127.0.0.1" } else { "::1" };
    let target = SocketAddr::new(target.parse().unwrap(), port);
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    socket.connect(&target.into()).unwrap();
    Connection::over(socket.into()).unwrap()
}

fn greeting(source: &str, port: u16) -> String {
    from(source, port).greeting
}

/// Sets an option and has its service take it in.
fn set(world: &World, option: &str, value: &str) {
    world.tool(&["msconfig", "set", option, value], "");
    world.tool(&["refresh", option.split('.').next().unwrap()], "");
}

fn counter(world: &World, object: &str) -> u64 {
    let text = world.tool(&["counters", object], "");
    let line = text.lines().find(|line| line.contains("numFilteredConnections")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

/// The reply to a login by POP3.
fn pop_login(mut pop: Connection, user: &str) -> String {
    pop.say(&format!("USER {user}"));
    pop.say(&format!("PASS {PASSWORD}"))
}

#[test]
fn addresses_are_shut_out_before_the_greeting_after_a_refresh() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut inside = world.imap("alice");
    assert!(greeting("127.0.0.2", world.imap).starts_with("* OK"));

    set(&world, "imap.domainnotallowed", "imap: 127.0.0.0/8 EXCEPT 127.0.0.2");
    let refused = greeting("127.0.0.1", world.imap);
    assert!(refused.starts_with("* BYE [CONTACTADMIN] Your address may not"), "{refused}");
    assert!(from("127.0.0.1", world.imap).rest().is_empty(), "and nothing more");
    assert!(greeting("127.0.0.2", world.imap).starts_with("* OK"));
    assert!(greeting("127.0.0.1", world.pop).starts_with("+OK"), "another service");
    assert!(inside.command("NOOP").contains("t OK"), "who is in stays");
    assert_eq!((counter(&world, "imapstat"), counter(&world, "popstat")), (2, 0));
    let refusal = || {
        let log = world.log_of("imap");
        log.lines().find(|line| line.contains("client refused by a filter")).map(str::to_owned)
    };
    let line = wait_for("the refusal in the log", refusal);
    assert!(line.contains("127.0.0.1") && line.contains("EXCEPT 127.0.0.2"), "{line}");

    world.tool(&["msconfig", "unset", "imap.domainnotallowed"], "");
    world.tool(&["refresh", "imap"], "");
    assert!(greeting("127.0.0.1", world.imap).starts_with("* OK"));
}

#[test]
fn filters_that_allow_shut_out_the_rest_also_at_the_start() {
    let world = World::new("pop.domainallowed = \"imap: ALL$pop: 127.0.0.2\"");
    world.add_user("alice");
    let _server = world.start();
    let refused = greeting("127.0.0.1", world.pop);
    assert!(refused.starts_with("-ERR [SYS/PERM] your address may not"), "{refused}");
    assert!(pop_login(from("127.0.0.2", world.pop), "alice").starts_with("+OK"));
    set(&world, "pop.domainnotallowed", "pop: 127.0.0.3");
    assert!(
        greeting("127.0.0.1", world.pop).starts_with("+OK"),
        "no longer filters that allow alone"
    );
    assert!(greeting("127.0.0.3", world.pop).starts_with("-ERR"));
}

#[test]
fn senders_of_mail_are_told_to_try_again() {
    let world = World::new("lmtp.domainallowed = \"lmtp: 127.0.0.2\"\nlmtp.socket = \"lmtp.sock\"");
    let _server = world.start();
    let refused = greeting("127.0.0.1", world.lmtp);
    assert!(refused.starts_with("421 4.7.1 your address may not"), "{refused}");
    assert!(greeting("127.0.0.2", world.lmtp).starts_with("220 "));
    let socket = std::os::unix::net::UnixStream::connect(world.folder.path().join("lmtp.sock"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(socket.unwrap()), &mut line).unwrap();
    assert!(line.starts_with("220 "), "a Unix socket has permissions instead: {line}");
    assert_eq!(counter(&world, "lmtpstat"), 1);
}

#[test]
fn both_families_are_told_apart() {
    let world = World::new("imap.domainnotallowed = \"ALL: ::1\"");
    world.set("base.listenaddr", "\"\"");
    let _server = world.start();
    assert!(greeting("::1", world.imap).starts_with("* BYE"));
    assert!(greeting("127.0.0.1", world.imap).starts_with("* OK"));
    set(&world, "imap.domainnotallowed", "ALL: 127.0.0.0/8");
    assert!(greeting("::1", world.imap).starts_with("* OK"));
    assert!(greeting("127.0.0.1", world.imap).starts_with("* BYE"), "also as ::ffff:127.0.0.1");
}

#[test]
fn names_come_from_the_hosts_file_of_the_system() {
    let world = World::new("imap.domainnotallowed = \"imap: LOCAL\"");
    let _server = world.start();
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let is_local = hosts.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("127.0.0.1") && words.any(|name| name == "localhost")
    });
    // Every name that a system gives this address counts, so one without a dot is enough.
    let expected = if is_local { "* BYE" } else { "* " };
    assert!(greeting("127.0.0.1", world.imap).starts_with(expected));
    set(&world, "imap.domainnotallowed", "imap: localhost EXCEPT KNOWN");
    assert!(greeting("127.0.0.1", world.imap).starts_with("* OK"));
}

#[test]
fn a_fault_is_pointed_at_and_nothing_is_stored() {
    let world = World::new("");
    for (value, what, caret) in [
        ("imap: ALL EXCEPT", "clients are missing", "\n                  ^"),
        ("imqp: ALL", "there is no such service", "\n  ^"),
        ("imap: @friends", "netgroups are not supported", "\n        ^"),
        ("imap: joe@desk.example", "leave out the user", "\n        ^"),
    ] {
        let refused = world.run(&["msconfig", "set", "imap.domainallowed", value], "");
        assert_eq!(refused.status.code(), Some(2));
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains(what) && told.contains(caret), "{told}");
    }
    assert!(!std::fs::read_to_string(world.config()).unwrap().contains("domainallowed"));
    let lines = "\npop.domainallowed = \"\"\"pop: 127.\npop: LOCAL\n\"\"\"\n";
    let text = std::fs::read_to_string(world.config()).unwrap() + lines;
    std::fs::write(world.config(), text).unwrap();
    world.tool(&["check-config"], "");
}

/// Guide: user-service-access
#[test]
fn a_user_may_use_pop_and_not_imap() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let shown = world.tool(&["user", "access", "alice"], "");
    assert_eq!(shown, "alice@example.com\tno rules, all services are allowed\n");
    world.imap("alice");
    let shown = world.tool(&["user", "access", "alice", "--set", "+pop:ALL"], "");
    assert_eq!(shown, "alice@example.com\t+pop:ALL\n");
    let refused = world.connect(world.imap).command(&format!("LOGIN alice {PASSWORD}"));
    assert!(refused.contains("t NO [CONTACTADMIN]"), "{refused}");
    assert!(pop_login(world.connect(world.pop), "alice").starts_with("+OK"));
    let reason = "mailAllowedServiceAccess of alice@example.com refuses imap: no filter allows it";
    wait_for("the reason in the log", || world.log_of("imap").contains(reason).then_some(()));

    world.tool(&["user", "access", "alice", "--set", "-pop:127.0.0.1"], "");
    assert!(pop_login(world.connect(world.pop), "alice").starts_with("-ERR"));
    assert!(pop_login(from("127.0.0.2", world.pop), "alice").starts_with("+OK"));
    assert!(pop_login(world.connect(world.pop), "alice").starts_with("-ERR"), "remembered or not");
    world.imap("alice");

    world.tool(&["domain", "access", "example.com", "--set", "-imap:*"], "");
    assert!(world.try_imap("alice").is_none(), "the domain must allow it too");
    world.tool(&["domain", "access", "example.com", "--clear"], "");
    world.tool(&["user", "access", "alice", "--clear"], "");
    world.imap("alice");
    assert!(pop_login(world.connect(world.pop), "alice").starts_with("+OK"));
}

#[test]
fn an_explained_login_names_filters_and_rules() {
    let world = World::new("imap.domainnotallowed = \"ALL: 192.0.2.\"");
    world.add_user("alice");
    world.tool(&["user", "set", "alice", "mailAllowedServiceAccess=+imap:198.51.100.1"], "");
    let explain = |from: &str| {
        let output = world.run(&["login-explain", "alice", "--from", from], "");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), told + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, told) = explain("192.0.2.1");
    assert!(code == Some(1) && told.contains("the connection would be refused"), "{told}");
    assert!(
        told.contains("imap.domainnotallowed (") && told.contains("\"ALL: 192.0.2.\""),
        "{told}"
    );
    let (code, told) = explain("198.51.100.1");
    assert!(code == Some(0) && told.contains("mailAllowedServiceAccess of the entry"), "{told}");
    let (code, told) = explain("198.51.100.2");
    assert!(code == Some(1) && told.contains("no filter allows it"), "{told}");
    let unnamed = world.run(&["login-explain", "alice"], "").stdout;
    assert!(String::from_utf8_lossy(&unnamed).contains("not judged: name the client's address"));
    let refused = world.run(&["user", "set", "alice", "mailAllowedServiceAccess=imap:*"], "");
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn rules_of_users_are_checked_and_pointed_at() {
    let world = World::new("");
    world.add_user("alice");
    let refused = world.run(&["user", "access", "alice", "--set", "+imap:*$pop:*"], "");
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("begins with + to allow") && told.contains("\n          ^"), "{told}");
    let shown = world.tool(&["user", "access", "alice"], "");
    assert!(shown.contains("no rules"), "{shown}");
    let unknown = world.run(&["domain", "access", "nowhere.example", "--set", "-imap:*"], "");
    assert_eq!(unknown.status.code(), Some(1));
}
