//! Services are started, stopped and refreshed one by one, while clients of the others stay.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use support::{PASSWORD, World, is_running, signal_process, wait_for};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether somebody listens on a port.
fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Guide: stop-start
#[test]
fn stopping_pop_tells_its_clients_and_leaves_imap_alone() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut imap = world.imap("alice");
    let mut pop = world.connect(world.pop);
    let before = world.process("imapd");

    assert_eq!(world.tool(&["stop-msg", "pop"], ""), "pop is stopped\n");
    assert!(pop.rest().starts_with("-ERR"));
    assert!(!listens(world.pop));
    assert!(imap.command("NOOP").contains("t OK"));
    assert_eq!(world.process("imapd"), before);
    assert_eq!(world.process("popd").state, "stopped");
    let status = world.run(&["status"], "");
    assert_eq!(status.status.code(), Some(1));
    assert!(err(&status).contains("pop is stopped; `start-msg pop` starts it"), "{}", err(&status));
    assert_eq!(world.tool(&["stop-msg", "pop"], ""), "pop is not started\n");

    assert_eq!(world.tool(&["start-msg", "pop"], ""), "pop is started\n");
    assert!(world.connect(world.pop).greeting.starts_with("+OK"));
    assert!(world.run(&["status"], "").status.success());
    assert_eq!(world.tool(&["start-msg", "pop"], ""), "pop is started already\n");
    assert!(imap.command("NOOP").contains("t OK"));
}

#[test]
fn a_disabled_service_is_not_started_and_told_how_to_enable() {
    let world = World::new("pop.enable = 0");
    let _server = world.start();
    assert_eq!(world.service("pop")[1..3], ["no", "stopped"]);
    let refused = world.run(&["start-msg", "pop"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("`msconfig set pop.enable 1`"), "{}", err(&refused));
    assert!(!listens(world.pop));
    // All that is enabled runs, and the disabled one is none of it.
    assert_eq!(world.tool(&["start-msg"], ""), "every enabled service is started already\n");
    assert!(!listens(world.pop));

    world.set("pop.enable", "1");
    assert_eq!(world.service("pop")[1..3], ["yes", "stopped"]);
    assert_eq!(world.tool(&["start-msg", "pop"], ""), "pop is started\n");
    assert!(world.connect(world.pop).greeting.starts_with("+OK"));

    // Disabling does not stop it; it can be stopped all the same.
    world.set("pop.enable", "0");
    assert_eq!(world.service("pop")[1..3], ["no", "started"]);
    assert_eq!(world.tool(&["stop-msg", "pop"], ""), "pop is stopped\n");
    assert!(world.run(&["status"], "").status.success());
}

#[test]
fn a_start_binds_the_port_that_is_configured_now() {
    let world = World::new("");
    let _server = world.start();
    let port = World::free_port();
    world.set("pop.port", &port.to_string());
    let told = world.tool(&["refresh", "pop"], "");
    assert!(
        told.contains("pop.port: changed, and used after `stop-msg pop; start-msg pop`"),
        "{told}"
    );
    world.tool(&["stop-msg", "pop"], "");

    // Somebody else has it.
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = world.run(&["start-msg", "pop"], "");
    let text = err(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("pop.port: cannot listen on"), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    drop(taken);

    world.tool(&["start-msg", "pop"], "");
    assert!(world.connect(port).greeting.starts_with("+OK"));
    assert!(!listens(world.pop));
}

#[test]
fn a_bad_configuration_starts_nothing_and_is_told() {
    let world = World::new("");
    let _server = world.start();
    world.tool(&["stop-msg", "pop"], "");
    let good = fs::read_to_string(world.config()).unwrap();
    fs::write(world.config(), format!("{good}base.rundir = \"elsewhere\"\n")).unwrap();
    // The tool finds the watcher by the configuration; a folder without one has none.
    let refused = world.run(&["start-msg"], "");
    assert!(err(&refused).contains("`waypost run`"), "{}", err(&refused));

    fs::write(world.config(), format!("{good}pop.prot = 1\n")).unwrap();
    for tool in ["start-msg", "refresh"] {
        let refused = world.run(&[tool, "pop"], "");
        assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
        assert!(err(&refused).contains("did you mean pop.port?"), "{}", err(&refused));
    }
    assert!(!listens(world.pop));
    fs::write(world.config(), good).unwrap();
    assert_eq!(world.tool(&["start-msg"], ""), "pop is started\n");
}

#[test]
fn all_services_stop_and_start_while_the_watcher_stays() {
    let world = World::new("lmtp.socket = \"lmtp.sock\"");
    world.add_user("alice");
    let mut server = world.start();
    let mut client = world.imap("alice");
    let processes = world.processes();
    let told = world.tool(&["stop-msg"], "");
    for service in ["store", "imap", "pop", "lmtp"] {
        assert!(told.contains(&format!("{service} is stopped\n")), "{told}");
    }
    assert!(client.rest().starts_with("* BYE"));
    assert!(processes.iter().all(|process| !is_running(process.pid.unwrap())));
    assert!([world.imap, world.pop, world.lmtp].into_iter().all(|port| !listens(port)));
    assert!(!world.folder.path().join("lmtp.sock").exists());
    assert_eq!(world.tool(&["stop-msg"], ""), "nothing is started\n");

    // One service brings the store along.
    let told = world.tool(&["start-msg", "imap"], "");
    assert_eq!(told, "store is started\nimap is started\n");
    assert!(world.imap("alice").command("NOOP").contains("t OK"));
    assert_eq!(world.tool(&["start-msg"], ""), "pop is started\nlmtp is started\n");
    assert!(world.run(&["status"], "").status.success());

    assert_eq!(world.tool(&["stop-msg", "watcher"], ""), "the server is ending\n");
    assert!(server.wait().success());
}

#[test]
fn the_store_restarts_under_its_sessions() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut session = world.imap("alice");
    assert!(session.command("CREATE before").contains("t OK"));
    assert_eq!(world.tool(&["stop-msg", "store"], ""), "store is stopped\n");
    assert!(session.command("LIST \"\" *").contains("before"));
    assert_eq!(world.tool(&["start-msg", "store"], ""), "store is started\n");
    assert!(session.command("CREATE after").contains("t OK"));
}

#[test]
fn force_kills_at_once() {
    let world = World::new("");
    let _server = world.start();
    let process = world.process("popd").pid.unwrap();
    // A frozen process cannot end by itself; without force the watcher would wait for it.
    signal_process(process, "STOP");
    assert_eq!(world.tool(&["stop-msg", "-f", "pop"], ""), "pop is stopped\n");
    assert!(!is_running(process));
    let killed = "did not end in time and is killed";
    wait_for("line of the log", || world.log().contains(killed).then_some(()));
}

#[test]
fn tools_are_known_by_their_names_and_say_when_nothing_runs() {
    let world = World::new("");
    let link = |name: &str| {
        let path = world.folder.path().join(name);
        symlink(env!("CARGO_BIN_EXE_waypost"), path).unwrap();
    };
    let run = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(world.folder.path().join(name));
        command.env("WAYPOST_CONFIG", world.config()).args(arguments).output().unwrap()
    };
    for name in ["start-msg", "stop-msg", "refresh"] {
        link(name);
    }
    for (name, told) in
        [("start-msg", "`waypost run`"), ("stop-msg", "does not run"), ("refresh", "does not run")]
    {
        let output = run(name, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains(told), "{}", err(&output));
    }
    let _server = world.start();
    assert_eq!(out(&run("stop-msg", &["imap", "pop"])), "imap is stopped\npop is stopped\n");
    assert_eq!(out(&run("start-msg", &[])), "imap is started\npop is started\n");
    let unknown = run("start-msg", &["smtp"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("store, imap, pop, lmtp"), "{}", err(&unknown));
    assert!(out(&run("stop-msg", &["-h"])).contains("watcher"));
}

#[test]
fn the_control_socket_is_private_and_bears_nonsense() {
    let world = World::new("");
    let _server = world.start();
    let path = world.folder.path().join("run/control.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ask = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&path).unwrap();
        // The watcher may have closed before all was sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(ask(b"waypost-control 2 status\n").starts_with("failed\tthis watcher is of another"));
    assert!(ask(b"waypost-control 1 dance\n").starts_with("failed\tno request"));
    assert_eq!(ask(b"waypost-control 1 status"), "", "not a whole line");
    assert_eq!(ask(&[b'x'; 100_000]), "");
    assert_eq!(ask(b"\xff\xfe\n"), "");
    assert!(ask(b"waypost-control 1 status\n").ends_with("end\n"));
    // Those that connect and say nothing keep nobody out for long.
    let silent: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
    assert!(world.run(&["status"], "").status.success());
    drop(silent);
}

#[test]
fn refresh_changes_banners_limits_logins_and_log_under_connected_clients() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let mut imap = world.imap("alice");
    let mut pop = world.connect(world.pop);
    let mut lmtp = world.connect(world.lmtp);
    let processes = world.processes();
    assert!(!world.log().contains(" DEBUG "));

    world.set("imap.banner", "\"IMAP is new\"");
    world.set("pop.banner", "\"POP is new\"");
    world.set("imap.maxmessagesize", "65536");
    world.set("lmtp.maxmessagesize", "70000");
    world.set("imap.plaintextmincipher", "128");
    world.set("pop.plaintextmincipher", "128");
    world.set("imap.idletimeout", "45");
    let told = world.tool(&["refresh"], "");
    assert_eq!(
        told,
        "store is refreshed\nimap is refreshed\npop is refreshed\nlmtp is refreshed\n"
    );

    // New connections.
    let mut fresh = world.connect(world.imap);
    assert!(fresh.greeting.contains("IMAP is new"), "{}", fresh.greeting);
    assert!(fresh.greeting.contains("LOGINDISABLED"), "{}", fresh.greeting);
    let refused = fresh.command(&format!("LOGIN alice {PASSWORD}"));
    assert!(refused.contains("t NO [PRIVACYREQUIRED]"), "{refused}");
    assert!(world.connect(world.pop).greeting.contains("POP is new"));
    // Connections from before.
    assert!(pop.say("USER alice").starts_with("-ERR"));
    let refused = imap.command("APPEND INBOX {65537+}");
    assert!(refused.contains("TOOBIG") || refused.contains("NO"), "{refused}");
    lmtp.say("LHLO here");
    let size = (0..20).map(|_| lmtp.line()).find(|line| line.contains("SIZE"));
    assert!(size.unwrap().contains("70000"));
    assert_eq!(world.processes(), processes);
}

/// Guide: maxsessions
#[test]
fn refresh_changes_how_many_may_connect() {
    let world = World::new("pop.maxsessions = 1");
    let _server = world.start();
    let first = world.connect(world.pop);
    assert!(world.connect(world.pop).greeting.contains("too many connections"));
    world.set("pop.maxsessions", "2");
    world.tool(&["refresh", "pop"], "");
    let second = world.connect(world.pop);
    assert!(first.greeting.starts_with("+OK") && second.greeting.starts_with("+OK"));
    assert!(world.connect(world.pop).greeting.contains("too many connections"));
}

#[test]
fn refresh_takes_a_new_certificate_and_says_when_it_is_bad() {
    let world = World::new("base.sslcertfile = \"cert.pem\"\nbase.sslkeyfile = \"key.pem\"");
    let file = |name: &str| world.folder.path().join(name);
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(file("cert.pem"), made.cert.pem()).unwrap();
        fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    };
    renew();
    let _server = world.start();
    let mut client = world.connect(world.imap);
    renew();
    assert_eq!(world.tool(&["refresh", "imap"], ""), "imap is refreshed\n");
    wait_for("line of the log", || world.log().contains("certificate reloaded").then_some(()));
    fs::write(file("cert.pem"), "nonsense").unwrap();
    let refused = world.run(&["refresh", "imap"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("keeps the old ones"), "{}", err(&refused));
    assert!(client.command("CAPABILITY").contains("STARTTLS"));
    assert!(world.connect(world.imap).greeting.contains("STARTTLS"));
}

#[test]
fn refresh_changes_the_level_of_the_log() {
    let world = World::new("base.logfile.loglevel = \"Error\"");
    world.add_user("alice");
    let _server = world.start();
    drop(world.imap("alice"));
    assert!(!world.log().contains(" INFO "), "{}", world.log());
    world.set("base.logfile.loglevel", "\"Information\"");
    world.tool(&["refresh", "imap"], "");
    drop(world.imap("alice"));
    wait_for("line of the log", || world.log().contains("account=\"alice\"").then_some(()));
    assert!(world.log().contains("imapd["), "{}", world.log());
}

#[test]
fn a_process_that_ends_too_often_is_given_up_and_starts_when_told() {
    let world = World::new("watcher.autorestart = 0");
    let _server = world.start();
    signal_process(world.process("imapd").pid.unwrap(), "KILL");
    wait_for("end of imapd", || (world.process("imapd").state == "given-up").then_some(()));
    assert_eq!(world.service("imap")[2], "given-up");
    assert!(!listens(world.imap));
    assert!(world.connect(world.pop).greeting.starts_with("+OK"));
    assert_eq!(world.tool(&["start-msg", "imap"], ""), "imap is started\n");
    assert!(world.connect(world.imap).greeting.starts_with("* OK"));
}

#[test]
fn two_processes_share_a_port() {
    let world = World::new("imap.numprocesses = 2");
    let _server = world.start();
    let mut clients: Vec<_> = (0..20).map(|_| world.connect(world.imap)).collect();
    let service = world.service("imap");
    assert_eq!(service[3..5], ["2/2", "20"], "processes and open connections: {service:?}");

    // Whichever takes no connections, the other does.
    for name in ["imapd.1", "imapd.2"] {
        let frozen = world.process(name).pid.unwrap();
        signal_process(frozen, "STOP");
        let more: Vec<_> = (0..5).map(|_| world.connect(world.imap)).collect();
        assert!(more.iter().all(|client| client.greeting.starts_with("* OK")));
        signal_process(frozen, "CONT");
    }

    // The end of one is not the end of the other's sessions.
    signal_process(world.process("imapd.1").pid.unwrap(), "KILL");
    wait_for("a new process", || {
        let process = world.process("imapd.1");
        (process.state == "ready" && process.restarts == 1).then_some(())
    });
    let alive = clients.iter_mut().map(|client| client.try_command("NOOP"));
    let alive = alive.filter(|reply| reply.contains("t OK")).count();
    wait_for("as many open as alive", || {
        (world.service("imap")[4] == alive.to_string()).then_some(())
    });
    assert_eq!(world.process("imapd.2").restarts, 0);
}

/// Restarts `imapd` while clients of IMAP work and clients of POP come and go.
#[test]
fn restarts_of_imap_lose_nothing_and_never_refuse_pop() {
    const RESTARTS: usize = 10;
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let done = AtomicBool::new(false);
    let (folders, greetings) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| create_folders(&world, &done));
        let knocker = scope.spawn(|| {
            let mut greetings = 0_u32;
            while !done.load(Ordering::Relaxed) {
                assert!(world.connect(world.pop).greeting.starts_with("+OK"));
                greetings += 1;
            }
            greetings
        });
        for _ in 0..RESTARTS {
            assert_eq!(world.tool(&["stop-msg", "imap"], ""), "imap is stopped\n");
            assert_eq!(world.tool(&["start-msg", "imap"], ""), "imap is started\n");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        done.store(true, Ordering::Relaxed);
        (writer.join().unwrap(), knocker.join().unwrap())
    });
    assert!(greetings > 50 && folders.len() > RESTARTS, "{greetings} {}", folders.len());
    let list = world.imap("alice").command("LIST \"\" *");
    let missing: Vec<_> =
        folders.iter().filter(|folder| !list.contains(&format!("{folder}\r\n"))).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
}

/// Creates folders, connecting anew whenever the service has ended; answers with those that the
/// server said it has made.
fn create_folders(world: &World, done: &AtomicBool) -> Vec<String> {
    let mut made = Vec::new();
    let mut number = 0_u32;
    while !done.load(Ordering::Relaxed) {
        let Some(mut session) = world.try_imap("alice") else { continue };
        loop {
            number += 1;
            let name = format!("f{number}");
            if !session.try_command(&format!("CREATE {name}")).starts_with("t OK") {
                break;
            }
            made.push(name);
            if done.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    made
}

#[test]
fn status_shows_versions_uptimes_ports_and_connections() {
    let world = World::new("imap.maxsessions = 2");
    let _server = world.start();
    let _clients = [world.connect(world.imap), world.connect(world.imap)];
    assert!(world.connect(world.imap).greeting.contains("Too many connections"));
    let text = world.tool(&["status"], "");
    assert!(text.contains(&format!("Waypost {}", env!("CARGO_PKG_VERSION"))), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{}", world.imap)), "{text}");
    let service = world.service("imap");
    assert_eq!(service[1..], ["yes", "started", "1/1", "2", "2", "2", "1"]);
}
