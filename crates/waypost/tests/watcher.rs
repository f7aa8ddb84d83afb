//! The watcher keeps the processes running, the ports open, and ends them all in order.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use support::{World, is_running, signal_process, wait_for};

/// The roles with their place in `waypost status`.
const ROLES: [&str; 4] = ["stored", "imapd", "popd", "lmtpd"];

#[test]
fn a_killed_process_is_replaced_and_its_port_never_refuses() {
    let world = World::new("");
    let mut server = world.start();
    let done = Arc::new(AtomicBool::new(false));
    let connected = Arc::new(AtomicU32::new(0));
    let knockers: Vec<_> = [world.imap, world.pop, world.lmtp]
        .into_iter()
        .map(|port| {
            let (done, connected) = (Arc::clone(&done), Arc::clone(&connected));
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    TcpStream::connect(("127.0.0.1", port)).unwrap();
                    connected.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(std::time::Duration::from_millis(2));
                }
            })
        })
        .collect();
    for role in ROLES {
        let before = world.process(role);
        signal_process(before.pid.unwrap(), "KILL");
        let after = wait_for("new process", || {
            let now = world.process(role);
            (now.state == "ready" && now.pid != before.pid).then_some(now)
        });
        assert_eq!(after.restarts, before.restarts + 1, "{role}");
    }
    done.store(true, Ordering::Relaxed);
    knockers.into_iter().for_each(|knocker| knocker.join().unwrap());
    assert!(connected.load(Ordering::Relaxed) > 100);
    for (port, greeting) in [(world.imap, "* OK"), (world.pop, "+OK"), (world.lmtp, "220 ")] {
        let connection = world.connect(port);
        assert!(connection.greeting.starts_with(greeting), "{}", connection.greeting);
    }
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn sigterm_tells_clients_ends_every_process_and_succeeds() {
    let world = World::new("imap.numprocesses = 2\nlmtp.socket = \"lmtp.sock\"");
    let mut server = world.start();
    let processes = world.processes();
    assert_eq!(processes.len(), 5);
    let mut clients = [world.imap, world.pop, world.lmtp].map(|port| world.connect(port));
    server.signal("TERM");
    assert!(server.wait().success());
    let [imap, pop, lmtp] = clients.each_mut().map(|client| client.rest());
    assert!(imap.starts_with("* BYE"), "{imap:?}");
    assert!(pop.starts_with("-ERR"), "{pop:?}");
    assert!(lmtp.starts_with("421"), "{lmtp:?}");
    assert!(processes.iter().all(|process| !is_running(process.pid.unwrap())));
    assert!(!world.folder.path().join("lmtp.sock").exists());
    let output = world.run(&["status"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not running"));
}

#[test]
fn sessions_survive_the_end_of_the_writer() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut session = world.imap("alice");
    assert!(session.command("CREATE before").contains("t OK"));
    let before = world.process("stored").pid;
    signal_process(before.unwrap(), "KILL");
    let reply = session.command("CREATE after");
    assert!(reply.contains("t OK"), "{reply}");
    let list = session.command("LIST \"\" *");
    assert!(list.contains("before") && list.contains("after"), "{list}");
    assert_ne!(world.process("stored").pid, before);
}

#[test]
fn nothing_outlives_a_killed_watcher() {
    let world = World::new("");
    let mut server = world.start();
    let processes = world.processes();
    server.signal("KILL");
    assert!(!server.wait().success());
    wait_for("end of all processes", || {
        let all_ended = processes.iter().all(|process| !is_running(process.pid.unwrap()));
        all_ended.then_some(())
    });
    // The same folder, ports and sockets serve again.
    let mut again = world.start();
    again.signal("INT");
    assert!(again.wait().success());
}

#[test]
fn sighup_reaches_the_workers() {
    let world = World::new("");
    let server = world.start();
    let config = std::fs::read_to_string(world.config()).unwrap();
    let changed =
        config.replace("base.hostname = \"localhost\"", "base.hostname = \"other.example\"");
    std::fs::write(world.config(), changed).unwrap();
    server.signal("HUP");
    wait_for("new greetings", || {
        let ports = [world.imap, world.pop, world.lmtp];
        let greetings = ports.map(|port| world.connect(port).greeting);
        greetings.iter().all(|greeting| greeting.contains("other.example")).then_some(())
    });
}

#[test]
fn a_taken_port_is_told_with_its_option_and_nothing_is_started() {
    let world = World::new("");
    let _taken = TcpListener::bind(("127.0.0.1", world.pop)).unwrap();
    let output = world.run(&["run"], "");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("pop.port: cannot listen on"), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
}

#[test]
fn one_server_for_each_folder() {
    let world = World::new("");
    let _server = world.start();
    let output = world.run(&["run"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("running already"));
}

#[test]
fn a_bad_configuration_is_told_with_its_line() {
    let world = World::new("imap.prot = 1");
    for command in ["run", "check-config"] {
        let output = world.run(&[command], "");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("did you mean imap.port?"), "{text}");
    }
}
