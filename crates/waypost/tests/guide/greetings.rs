//! "Service Banner".

use crate::site::Site;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const SHORT_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// Guide: banner-default
#[test]
fn the_greeting_names_product_and_version() {
    let site = Site::new("");
    let _server = site.world.start();
    let identity = format!("localhost POP3 service (Waypost {VERSION})");
    let pop = site.world.connect(site.world.pop).greeting;
    assert_eq!(pop, format!("+OK {identity}\r\n"));
    let imap = site.world.connect(site.world.imap).greeting;
    assert!(imap.ends_with(&format!("{}\r\n", identity.replace("POP3", "IMAP4rev1"))), "{imap}");
}

/// Guide: banner-pop
/// Guide: banner-imap
#[test]
fn a_banner_of_ones_own_replaces_it() {
    let site = Site::new("");
    let _server = site.world.start();
    let banner = "h=%h p=%p P=%P v=%v V=%V";
    for (service, port) in [("pop", site.world.pop), ("imap", site.world.imap)] {
        let told = site.typed(&format!("msconfig set {service}.banner \"{banner}\""));
        assert!(told.contains(&format!("refresh {service}")), "{told}");
        site.typed(&format!("refresh {service}"));
        let protocol = if service == "pop" { "POP3" } else { "IMAP4rev1" };
        let text = format!("h=localhost p={protocol} P=Waypost v={SHORT_VERSION} V={VERSION}\r\n");
        let greeting = site.world.connect(port).greeting;
        assert!(greeting.ends_with(&text), "{greeting}");
        site.typed(&format!("msconfig set {service}.banner hello\nrefresh {service}"));
        let greeting = site.world.connect(port).greeting;
        assert!(greeting.ends_with(" hello\r\n") && !greeting.contains("Waypost"), "{greeting}");
    }
}
