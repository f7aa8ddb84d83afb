//! "Performance Options": processes, connections and idle times. Threads are in the tests of load.

use crate::site::Site;
use crate::support::{Process, signal_process};

/// Guide: numprocesses-default
/// Guide: numprocesses-pop
/// Guide: numprocesses-imap
#[test]
fn a_service_has_as_many_processes_as_it_was_given() {
    let site = Site::new("");
    let _server = site.world.start();
    for (service, role, port) in
        [("pop", "popd", site.world.pop), ("imap", "imapd", site.world.imap)]
    {
        assert_eq!(processes(&site, role).len(), 1);
        site.typed(&format!("msconfig set {service}.numprocesses 3"));
        site.typed(&format!("stop-msg {service}\nstart-msg {service}"));
        let three = processes(&site, role);
        assert_eq!(three.len(), 3, "{three:?}");
        // Each takes connections: the others are frozen meanwhile.
        for awake in &three {
            let others = || three.iter().filter(|p| p.pid != awake.pid).filter_map(|p| p.pid);
            others().for_each(|pid| signal_process(pid, "STOP"));
            assert!(site.world.connect(port).greeting.contains("OK"), "{awake:?}");
            others().for_each(|pid| signal_process(pid, "CONT"));
        }
    }
}

fn processes(site: &Site, role: &str) -> Vec<Process> {
    let all = site.world.processes().into_iter();
    all.filter(|process| process.name.split('.').next() == Some(role)).collect()
}

/// Guide: maxsessions-default
/// Guide: maxthreads-default
/// Guide: idle-default
#[test]
fn the_defaults_are_those_of_the_guide() {
    let site = Site::new("");
    for (option, value) in [
        ("pop.maxsessions", 600),
        ("imap.maxsessions", 4_000),
        ("pop.maxthreads", 250),
        ("imap.maxthreads", 250),
        ("pop.idletimeout", 10),
        ("imap.idletimeout", 30),
    ] {
        let shown = site.typed(&format!("msconfig show {option}"));
        assert_eq!(shown, format!("{option} = {value}  (default)\n"));
    }
}

/// Guide: maxsessions-default
#[test]
fn the_601st_connection_of_pop_is_one_too_many() {
    let site = Site::new("");
    let _server = site.world.start();
    let clients: Vec<_> = (0..600).map(|_| site.world.connect(site.world.pop)).collect();
    assert!(clients.iter().all(|client| client.greeting.starts_with("+OK ")));
    let refused = site.world.connect(site.world.pop).greeting;
    assert!(refused.contains("too many connections"), "{refused}");
}

/// Guide: maxsessions
#[test]
fn one_connection_too_many_is_told_and_counted() {
    let site = Site::new("");
    let _server = site.world.start();
    site.typed("msconfig set imap.maxsessions 2\nmsconfig set pop.maxsessions 1\nrefresh imap pop");
    let mut clients =
        vec![site.world.connect(site.world.imap), site.world.connect(site.world.imap)];
    let refused = site.world.connect(site.world.imap).greeting;
    assert!(refused.starts_with("* BYE") && refused.contains("Too many"), "{refused}");
    let pop = site.world.connect(site.world.pop);
    let refused = site.world.connect(site.world.pop).greeting;
    assert!(refused.starts_with("-ERR") && refused.contains("too many"), "{refused}");
    assert_eq!(site.world.service("imap")[4..].first().map(String::as_str), Some("2"));
    assert_eq!(site.world.service("imap").last().map(String::as_str), Some("1"), "refused");
    assert_eq!(site.world.service("pop").last().map(String::as_str), Some("1"), "refused");
    // Whoever leaves makes room.
    clients.pop();
    crate::support::wait_for("room", || {
        site.world.connect(site.world.imap).greeting.starts_with("* OK").then_some(())
    });
    drop(pop);
}

/// Guide: idle-floor-pop
/// Guide: idle-floor-imap
#[test]
fn idle_times_are_raised_and_not_lowered() {
    let site = Site::new("");
    site.world.add_user("alice");
    let _server = site.world.start();
    let mut client = site.world.imap("alice");
    let refused = site.refused("msconfig set pop.idletimeout 9");
    assert!(refused.contains("RFC 1939 section 3 allows no less than 10 minutes"), "{refused}");
    let refused = site.refused("msconfig set imap.idletimeout 29");
    assert!(refused.contains("RFC 3501 section 5.4 allows no less than 30 minutes"), "{refused}");
    site.typed("msconfig set pop.idletimeout 11\nmsconfig set imap.idletimeout 31");
    site.typed("refresh pop imap");
    assert!(client.command("NOOP").contains("t OK"), "a refresh drops nobody");
}
