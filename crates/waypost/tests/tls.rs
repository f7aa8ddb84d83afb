//! TLS as an administrator controls it: options set with `msconfig`, seen through real connections.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use rustls::version::{TLS12, TLS13};
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use support::tls::{Offer, TlsClient};
use support::{PASSWORD, World, wait_for};

/// The SASL PLAIN message of alice.
const PLAIN: &str = "AGFsaWNlAHNlY3JldA==";

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(world: &World, name: &str) -> PathBuf {
    world.folder.path().join(name)
}

fn set(world: &World, option: &str, value: &str) {
    world.tool(&["msconfig", "set", option, value], "");
}

/// Sets an option and has the services take it in.
fn apply(world: &World, option: &str, value: &str) {
    set(world, option, value);
    world.tool(&["refresh"], "");
}

/// What `msconfig` says when it refuses a value.
fn refused(world: &World, option: &str, value: &str) -> String {
    let output = world.run(&["msconfig", "set", option, value], "");
    assert_eq!(output.status.code(), Some(2), "{option} {value}: {}", err(&output));
    err(&output)
}

/// A world with alice and a certificate for localhost.
fn world() -> (World, Offer) {
    let world = World::new("");
    world.add_user("alice");
    world.tool(&["cert", "self-signed"], "");
    let offer = Offer::all(&file(&world, "cert.pem"));
    (world, offer)
}

fn imap_capability(port: u16) -> String {
    TlsClient::plain(port).1
}

fn pop_capability(port: u16) -> String {
    TlsClient::plain(port).0.capa()
}

#[test]
fn tls_is_offered_exactly_with_a_certificate_and_sslusessl() {
    let world = World::new("");
    world.add_user("alice");
    let _server = world.start();
    let status = world.tool(&["status"], "");
    assert!(status.contains("certificate: none; `waypost cert self-signed`"), "{status}");
    assert!(!imap_capability(world.imap).contains("STARTTLS"));
    assert!(!pop_capability(world.pop).contains("STLS"));
    assert!(TlsClient::plain(world.imap).0.imap_command("STARTTLS").contains("t BAD"));
    assert!(TlsClient::plain(world.pop).0.say("STLS").starts_with("-ERR"));
    for option in ["imap.enablesslport", "pop.enablesslport"] {
        let text = refused(&world, option, "1");
        assert!(text.contains("`waypost cert self-signed`"), "{text}");
    }

    let told = world.tool(&["cert", "self-signed"], "");
    assert!(told.contains("\n  refresh\n"), "{told}");
    assert!(told.contains("msconfig set imap.enablesslport 1"), "{told}");
    let history = world.tool(&["msconfig", "history"], "");
    assert!(history.contains("cert self-signed"), "{history}");
    // The first certificate is live at once, in a folder that no process was told of when it started.
    let moved = file(&world, "elsewhere");
    fs::create_dir(&moved).unwrap();
    for name in ["cert.pem", "key.pem"] {
        fs::rename(file(&world, name), moved.join(name)).unwrap();
    }
    set(&world, "base.sslcertfile", "elsewhere/cert.pem");
    apply(&world, "base.sslkeyfile", "elsewhere/key.pem");
    let offer = Offer::all(&moved.join("cert.pem"));
    assert!(imap_capability(world.imap).contains("STARTTLS"));
    assert!(pop_capability(world.pop).contains("STLS"));
    let mut client = TlsClient::imap(world.imap, &offer).unwrap();
    assert!(client.imap_command(&format!("LOGIN alice {PASSWORD}")).contains("t OK"));
    let capa = TlsClient::pop(world.pop, &offer).unwrap().capa();
    assert!(!capa.contains("STLS"), "{capa}");

    apply(&world, "imap.sslusessl", "0");
    assert!(!imap_capability(world.imap).contains("STARTTLS"));
    assert!(pop_capability(world.pop).contains("STLS"), "the other service's option");
    assert!(client.imap_command("NOOP").contains("t OK"), "an established connection stays");
    let text = refused(&world, "imap.enablesslport", "1");
    assert!(text.contains("imap.enablesslport needs imap.sslusessl = 1"), "{text}");
    apply(&world, "imap.sslusessl", "1");
    assert!(imap_capability(world.imap).contains("STARTTLS"));
    apply(&world, "pop.sslusessl", "0");
    assert!(!pop_capability(world.pop).contains("STLS"));
    assert!(refused(&world, "pop.enablesslport", "1").contains("pop.sslusessl = 1"));
}

#[test]
fn ssl_ports_open_as_the_guide_says() {
    let (world, offer) = world();
    let (imaps, pops) = (World::free_port(), World::free_port());
    for (service, port) in [("imap", imaps), ("pop", pops)] {
        set(&world, &format!("{service}.sslport"), &port.to_string());
        set(&world, &format!("{service}.enablesslport"), "1");
        let text = refused(&world, &format!("{service}.sslusessl"), "0");
        assert!(text.contains(&format!("{service}.enablesslport needs")), "{text}");
    }
    let _server = world.start();
    let (mut imap, greeting) = TlsClient::ssl(imaps, &offer).unwrap();
    assert!(greeting.starts_with("* OK") && !greeting.contains("STARTTLS"), "{greeting}");
    assert!(imap.imap_command(&format!("LOGIN alice {PASSWORD}")).contains("t OK"));
    let (mut pop, greeting) = TlsClient::ssl(pops, &offer).unwrap();
    assert!(greeting.starts_with("+OK"), "{greeting}");
    pop.say("USER alice");
    assert!(pop.say(&format!("PASS {PASSWORD}")).starts_with("+OK"));
}

/// What a client is offered and how its logins end.
struct Outcome {
    offered: bool,
    disabled: bool,
    replies: Vec<String>,
}

fn imap_outcome(client: &mut TlsClient) -> Outcome {
    let capability = client.imap_command("CAPABILITY");
    let replies = [format!("LOGIN alice {PASSWORD}"), format!("AUTHENTICATE PLAIN {PLAIN}")]
        .map(|command| client.imap_command(&command));
    Outcome {
        offered: capability.contains("AUTH=PLAIN"),
        disabled: capability.contains("LOGINDISABLED"),
        replies: replies.into(),
    }
}

fn pop_outcome(client: &mut TlsClient) -> Outcome {
    let capa = client.capa();
    let user = capa.contains("\r\nUSER\r\n");
    let sasl = capa.contains("\r\nSASL PLAIN LOGIN\r\n");
    assert_eq!(user, sasl, "{capa}");
    let mut replies = vec![client.say(&format!("AUTH PLAIN {PLAIN}"))];
    if replies[0].starts_with("-ERR") {
        replies.push(client.say("USER alice"));
    }
    Outcome { offered: user, disabled: !user, replies }
}

impl Outcome {
    fn check_refused(&self, why: &str) {
        assert!(!self.offered && self.disabled, "{why}");
        for reply in &self.replies {
            let refused = reply.starts_with("t NO [") || reply.starts_with("-ERR [SYS/PERM]");
            assert!(refused && reply.contains(why), "{reply}");
        }
    }

    fn check_taken(&self) {
        assert!(self.offered && !self.disabled);
        let first = &self.replies[0];
        assert!(first.contains("t OK") || first.starts_with("+OK"), "{first}");
    }
}

/// The demand of both protocols against connections in the clear, with 128 and with 256 bits.
#[test]
fn plaintextmincipher_demands_tls_with_keys_of_that_length() {
    let (world, offer) = world();
    let _server = world.start();
    let clear = |port| TlsClient::plain(port).0;
    let imap = |suites| TlsClient::imap(world.imap, &offer.only(suites)).unwrap();
    let pop = |suites| TlsClient::pop(world.pop, &offer.only(suites)).unwrap();
    imap_outcome(&mut clear(world.imap)).check_taken();
    pop_outcome(&mut clear(world.pop)).check_taken();
    for demand in ["1", "128", "129", "256"] {
        set(&world, "imap.plaintextmincipher", demand);
        apply(&world, "pop.plaintextmincipher", demand);
        let why = "start TLS before you send a password";
        imap_outcome(&mut clear(world.imap)).check_refused(why);
        pop_outcome(&mut clear(world.pop)).check_refused(why);
        let (weak_imap, weak_pop) =
            (imap_outcome(&mut imap("AES_128")), pop_outcome(&mut pop("AES_128")));
        if demand.parse::<u16>().unwrap() > 128 {
            let why = "the encryption of this connection is too weak";
            weak_imap.check_refused(why);
            weak_pop.check_refused(why);
        } else {
            weak_imap.check_taken();
            weak_pop.check_taken();
        }
        imap_outcome(&mut imap("AES_256")).check_taken();
        pop_outcome(&mut pop("AES_256")).check_taken();
        imap_outcome(&mut imap("CHACHA20")).check_taken();
    }
    let old = Offer { versions: vec![&TLS12], ..offer.only("AES_128") };
    let mut client = TlsClient::imap(world.imap, &old).unwrap();
    imap_outcome(&mut client).check_refused("too weak");
}

/// Guide: plaintextmincipher-minus-one
#[test]
fn imap_refuses_passwords_altogether_when_told_so() {
    let (world, offer) = world();
    let _server = world.start();
    let text = refused(&world, "pop.plaintextmincipher", "-1");
    assert!(text.contains("from 0 to 256"), "{text}");
    apply(&world, "imap.plaintextmincipher", "-1");
    let why = "this server takes no passwords, not even over TLS";
    imap_outcome(&mut TlsClient::plain(world.imap).0).check_refused(why);
    imap_outcome(&mut TlsClient::imap(world.imap, &offer).unwrap()).check_refused(why);
    pop_outcome(&mut TlsClient::plain(world.pop).0).check_taken();
    apply(&world, "imap.plaintextmincipher", "0");
    imap_outcome(&mut TlsClient::plain(world.imap).0).check_taken();
}

#[test]
fn versions_and_cipher_suites_change_with_a_refresh() {
    let (world, offer) = world();
    let _server = world.start();
    let connect = |offer: &Offer| TlsClient::imap(world.imap, offer);
    let old = Offer { versions: vec![&TLS12], ..offer.clone() };
    let new = Offer { versions: vec![&TLS13], ..offer.clone() };
    let mut early = connect(&old).unwrap();
    apply(&world, "base.tlsminversion", "TLS1.3");
    connect(&old).map(drop).unwrap_err();
    connect(&new).unwrap();
    assert!(early.imap_command("NOOP").contains("t OK"), "an established connection stays");
    apply(&world, "base.tlsminversion", "TLS1.2");
    connect(&old).unwrap();

    connect(&offer.only("AES_128")).unwrap();
    for (selection, taken, refused) in [
        ("STRONG", "AES_256", "AES_128"),
        ("-STRONG", "AES_128", "AES_256"),
        ("-TLS_AES_256_GCM_SHA384 -TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "CHACHA20", "AES_256"),
        ("MEDIUM+TLS_CHACHA20_POLY1305_SHA256", "CHACHA20", "AES_256"),
    ] {
        apply(&world, "base.ssladjustciphersuites", selection);
        connect(&offer.only(taken)).unwrap();
        connect(&offer.only(refused)).map(drop).unwrap_err();
    }
    assert!(early.imap_command("NOOP").contains("t OK"));
}

#[test]
fn what_leaves_no_tls_is_refused_with_the_names() {
    let (world, _) = world();
    for old in ["TLS1.1", "TLS1.0", "SSL3"] {
        let text = refused(&world, "base.tlsminversion", old);
        assert!(text.contains("TLS1.2, TLS1.3") && text.contains("RFC 8996"), "{text}");
    }
    let text = refused(&world, "base.ssladjustciphersuites", "STRONG+RC4_128_MD5");
    assert!(text.contains("there is no cipher suite \"RC4_128_MD5\""), "{text}");
    assert!(text.contains("WEAK, MEDIUM, STRONG, DEFAULT, TLS_AES_256_GCM_SHA384"), "{text}");
    assert!(refused(&world, "base.ssladjustciphersuites", "WEAK").contains("selects no cipher"));
    set(&world, "base.ssladjustciphersuites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    let text = refused(&world, "base.tlsminversion", "TLS1.3");
    assert!(text.contains("no cipher suite of TLS1.3"), "{text}");
    assert!(text.contains("TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256"), "{text}");
    // A selection that fits the versions, but not the ECDSA key that is installed.
    set(&world, "base.ssladjustciphersuites", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    let checked = world.run(&["check-config"], "");
    assert!(err(&checked).contains("no selected cipher suite"), "{}", err(&checked));
}

#[test]
fn a_renewed_certificate_is_taken_in_without_a_word() {
    let (world, old) = world();
    let _server = world.start();
    let mut early = TlsClient::imap(world.imap, &old).unwrap();
    world.tool(&["cert", "self-signed"], "");
    let new = Offer::all(&file(&world, "cert.pem"));
    wait_for("new certificate", || TlsClient::imap(world.imap, &new).ok());
    TlsClient::imap(world.imap, &old).map(drop).unwrap_err();
    assert!(early.imap_command("NOOP").contains("t OK"));
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let (world, offer) = world();
    let encrypted = std::process::Command::new("openssl")
        .args(["pkcs8", "-topk8", "-passout", "pass:open sesame", "-in"])
        .arg(file(&world, "key.pem"))
        .arg("-out")
        .arg(file(&world, "key.pem.encrypted"))
        .status();
    assert!(encrypted.unwrap().success());
    fs::rename(file(&world, "key.pem.encrypted"), file(&world, "key.pem")).unwrap();
    let refused = world.run(&["check-config"], "");
    assert!(
        err(&refused).contains("msconfig set -prompt base.sslkeypassword"),
        "{}",
        err(&refused)
    );
    set(&world, "base.sslkeypassword", "sesame");
    let refused = world.run(&["check-config"], "");
    assert!(err(&refused).contains("does not open the private key"), "{}", err(&refused));
    assert!(!err(&refused).contains("sesame"), "{}", err(&refused));
    set(&world, "base.sslkeypassword", "open sesame");
    let shown = world.tool(&["msconfig", "show", "base.ssl*"], "");
    assert!(shown.contains("base.sslkeypassword") && !shown.contains("sesame"), "{shown}");
    let _server = world.start();
    TlsClient::imap(world.imap, &offer).unwrap();
    TlsClient::pop(world.pop, &offer).unwrap();
    assert!(!world.log().contains("sesame"));
}
