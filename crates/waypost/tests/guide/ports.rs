//! "Specifying Port Numbers" and "Ports for Encrypted Communications".

use crate::site::{Site, listens};
use crate::support::World;
use crate::tls::{Strength, Tls};
use std::net::TcpListener;
use std::process::Command;

/// Guide: port-pop
/// Guide: port-imap
/// Guide: port-two-instances
#[test]
fn each_service_of_each_server_has_the_port_it_was_given() {
    let (one, other) = (Site::new(""), Site::new(""));
    let _servers = [one.world.start(), other.world.start()];
    let (pop, imap) = (World::free_port(), World::free_port());
    one.typed(&format!("msconfig set pop.port {pop}\nstop-msg pop\nstart-msg pop"));
    one.typed(&format!("msconfig set imap.port {imap}\nstop-msg imap\nstart-msg imap"));
    assert!(one.world.connect(pop).greeting.starts_with("+OK"));
    assert!(one.world.connect(imap).greeting.starts_with("* OK"));
    assert!(!listens(one.world.pop) && !listens(one.world.imap));
    assert!(other.world.connect(other.world.pop).greeting.starts_with("+OK"));
    assert!(other.world.connect(other.world.imap).greeting.starts_with("* OK"));
}

/// Guide: port-range
#[test]
fn a_port_is_a_number_from_1_to_65535() {
    let site = Site::new("");
    for bad in ["0", "65536", "-1", "pop3", "\"\""] {
        let refused = site.refused(&format!("msconfig set pop.port {bad}"));
        assert!(refused.contains("pop.port takes a number from 1 to 65535"), "{bad}: {refused}");
    }
    for good in [1, 65_535] {
        site.typed(&format!("msconfig set imap.port {good}"));
    }
    let server = site.world.start();
    assert!(site.world.connect(65_535).greeting.starts_with("* OK"));
    drop(server);
}

/// Guide: port-in-use
#[test]
fn a_port_that_is_taken_is_told_with_its_owner() {
    let site = Site::new("");
    let _server = site.world.start();
    let refused = site.refused(&format!("msconfig set pop.port {}", site.world.imap));
    assert!(refused.contains("imap.port and pop.port are both"), "{refused}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    site.typed(&format!("msconfig set pop.port {port}\nstop-msg pop"));
    let refused = site.refused("start-msg pop");
    assert!(refused.contains("pop.port: cannot listen on"), "{refused}");
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    drop(taken);
    site.typed("start-msg pop");
    assert!(site.world.connect(port).greeting.starts_with("+OK"));
}

/// Guide: sslport-imap
/// Guide: sslport-pop
#[test]
fn ssl_ports_begin_with_tls() {
    let site = Site::with_certificate("");
    site.world.add_user("alice");
    let _server = site.world.start();
    let certificate = site.certificate.as_deref().unwrap();
    for (service, ready) in [("imap", "* OK"), ("pop", "+OK")] {
        let port = World::free_port();
        site.typed(&format!("msconfig set {service}.enablesslport 1"));
        site.typed(&format!("msconfig set {service}.sslport {port}"));
        site.typed(&format!("stop-msg {service}\nstart-msg {service}"));
        let (mut client, greeting) = Tls::connect(port, certificate);
        assert!(greeting.starts_with(ready), "{greeting}");
        let reply = match service {
            "imap" => client.command(&crate::site::login("alice")),
            _ => client.say("USER alice"),
        };
        assert!(reply.contains("OK"), "{reply}");
        site.typed(&format!("msconfig set {service}.enablesslport 0"));
        site.typed(&format!("stop-msg {service}\nstart-msg {service}"));
        assert!(!listens(port));
    }
}

/// Guide: starttls
/// Guide: stls
#[test]
fn the_plain_ports_take_tls_when_there_is_a_certificate() {
    let site = Site::with_certificate("");
    let server = site.world.start();
    let certificate = site.certificate.as_deref().unwrap();
    let (imap, pop) = (site.world.imap, site.world.pop);
    assert!(site.world.connect(imap).command("CAPABILITY").contains(" STARTTLS"));
    let mut client = Tls::upgrade(imap, ("t STARTTLS", "t OK"), certificate, Strength::Any);
    let offered = client.command("CAPABILITY");
    assert!(offered.contains("t OK") && !offered.contains("STARTTLS"), "{offered}");
    let mut client = Tls::upgrade(pop, ("STLS", "+OK"), certificate, Strength::Any);
    assert!(client.say("USER alice").starts_with("+OK"));
    drop(server);

    let site = Site::new("");
    let _server = site.world.start();
    let mut client = site.world.connect(site.world.imap);
    assert!(!client.command("CAPABILITY").contains("STARTTLS"));
    assert!(client.command("STARTTLS").contains("t BAD"));
    assert!(site.world.connect(site.world.pop).say("STLS").starts_with("-ERR"));
}

/// Says that a test runs in a network of its own.
const OWN_NETWORK: &str = "WAYPOST_TEST_OWN_NETWORK";

/// The guide's dialogues, whose ports may be taken on this host: the test runs itself again in a network
/// where nobody else is.
///
/// Guide: transcript-pop-995
/// Guide: transcript-imap-993
/// Guide: port-default-pop
/// Guide: port-default-imap
/// Guide: sslport-default-pop
/// Guide: sslport-default-imap
#[test]
fn the_dialogues_of_the_guide_open_995_and_993() {
    if std::env::var_os(OWN_NETWORK).is_some() {
        return in_a_network_of_its_own();
    }
    let itself = std::env::current_exe().unwrap();
    let name = "ports::the_dialogues_of_the_guide_open_995_and_993";
    let run = format!("ip link set lo up && exec {} --exact {name}", itself.display());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", &run]).env(OWN_NETWORK, "1");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{error}");
}

fn in_a_network_of_its_own() {
    const POP: &str = "msconfig\nmsconfig> set pop.enablesslport 1\nmsconfig# set pop.sslusessl 1\n\
                       msconfig# set pop.sslport 995\nmsconfig# write\nmsconfig> exit\n\
                       stop-msg pop\nstart-msg pop\n";
    const IMAP: &str = "msconfig\nmsconfig> set imap.enablesslport 1\n\
                        msconfig# set imap.sslusessl 1\nmsconfig# set imap.sslport 993\n\
                        msconfig# write\nmsconfig> exit\nstop-msg imap\nstart-msg imap\n";
    let site = Site::with_certificate("");
    site.typed("msconfig unset pop.port\nmsconfig unset imap.port");
    let server = site.world.start();
    assert!(site.world.connect(110).greeting.starts_with("+OK"));
    assert!(site.world.connect(143).greeting.starts_with("* OK"));
    assert!(!listens(995) && !listens(993));
    site.transcript(POP);
    site.transcript(IMAP);
    let certificate = site.certificate.as_deref().unwrap();
    assert!(Tls::connect(995, certificate).1.starts_with("+OK"));
    assert!(Tls::connect(993, certificate).1.starts_with("* OK"));
    drop(server);

    // The same ports without being named.
    let site = Site::with_certificate("pop.enablesslport = 1\nimap.enablesslport = 1");
    let _server = site.world.start();
    let certificate = site.certificate.as_deref().unwrap();
    assert!(Tls::connect(995, certificate).1.starts_with("+OK"));
    assert!(Tls::connect(993, certificate).1.starts_with("* OK"));
}
