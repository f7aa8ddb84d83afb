//! "Login Requirements" and "Password-Based Login".

use crate::site::{Site, login};
use crate::support::PASSWORD;
use crate::tls::{Strength, Tls};

fn pop_login(site: &Site, user: &str, password: &str) -> String {
    let mut client = site.world.connect(site.world.pop);
    client.say(&format!("USER {user}"));
    client.say(&format!("PASS {password}"))
}

/// Guide: loginseparator
#[test]
fn a_plus_sign_separates_user_and_domain_when_it_may() {
    let site = Site::new("");
    site.world.add_user("alice");
    let _server = site.world.start();
    assert!(pop_login(&site, "alice@example.com", PASSWORD).starts_with("+OK"));
    assert!(pop_login(&site, "alice+example.com", PASSWORD).starts_with("-ERR"));
    site.typed("msconfig set base.loginseparator \"@+\"\nrefresh pop");
    assert!(pop_login(&site, "alice+example.com", PASSWORD).starts_with("+OK"));
    assert!(pop_login(&site, "alice@example.com", PASSWORD).starts_with("+OK"));
}

/// Guide: login-default-domain
/// Guide: login-password
/// Guide: login-pop-password
#[test]
fn a_password_lets_in_and_the_default_domain_needs_no_name() {
    let site = Site::new("");
    site.world.add_user("alice");
    let _server = site.world.start();
    for user in ["alice", "alice@example.com"] {
        assert!(pop_login(&site, user, PASSWORD).starts_with("+OK"));
        assert!(site.world.connect(site.world.imap).command(&login(user)).contains("t OK"));
    }
    assert!(pop_login(&site, "alice", "wrong").starts_with("-ERR [AUTH]"));
    let refused = site.world.connect(site.world.imap).command("LOGIN alice wrong");
    assert!(refused.contains("t NO [AUTHENTICATIONFAILED]"), "{refused}");
}

/// Guide: plaintextmincipher-zero
/// Guide: plaintextmincipher-positive
/// Guide: plaintextmincipher-too-long
#[test]
fn passwords_may_need_tls_of_some_strength() {
    let site = Site::with_certificate("");
    site.world.add_user("alice");
    let _server = site.world.start();
    let certificate = site.certificate.as_deref().unwrap();
    let (imap, pop) = (site.world.imap, site.world.pop);
    let secure = |strength| Tls::upgrade(imap, ("t STARTTLS", "t OK"), certificate, strength);

    // 0, the default: with and without TLS.
    site.typed("msconfig set imap.plaintextmincipher 0");
    assert!(site.world.connect(imap).command(&login("alice")).contains("t OK"));
    assert!(secure(Strength::Any).command(&login("alice")).contains("t OK"));

    for service in ["imap", "pop"] {
        site.typed(&format!("msconfig set {service}.plaintextmincipher 128\nrefresh {service}"));
    }
    let mut plain = site.world.connect(imap);
    assert!(plain.greeting.contains("LOGINDISABLED"), "{}", plain.greeting);
    assert!(!plain.greeting.contains("AUTH=PLAIN"), "{}", plain.greeting);
    assert!(plain.command(&login("alice")).contains("t NO [PRIVACYREQUIRED]"));
    assert!(site.world.connect(pop).say("USER alice").starts_with("-ERR"));
    assert!(secure(Strength::Bits128).command(&login("alice")).contains("t OK"));
    let mut client = Tls::upgrade(pop, ("STLS", "+OK"), certificate, Strength::Bits128);
    assert!(client.say("USER alice").starts_with("+OK"));
    assert!(client.say(&format!("PASS {PASSWORD}")).starts_with("+OK"));

    // More than the client's cipher has.
    site.typed("msconfig set imap.plaintextmincipher 256\nrefresh imap");
    let mut weak = secure(Strength::Bits128);
    assert!(weak.command("CAPABILITY").contains("LOGINDISABLED"));
    assert!(weak.command(&login("alice")).contains("t NO [PRIVACYREQUIRED]"));
    assert!(secure(Strength::Any).command(&login("alice")).contains("t OK"));
}
