//! `waypost cert`: certificates are made, shown, checked and installed, and their end is announced.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use support::tls::{Offer, TlsClient};
use support::{World, wait_for};
use time::{Duration, OffsetDateTime};

fn path(world: &World, name: &str) -> PathBuf {
    world.folder.path().join(name)
}

fn read(world: &World, name: &str) -> String {
    fs::read_to_string(path(world, name)).unwrap()
}

fn mode(world: &World, name: &str) -> u32 {
    fs::metadata(path(world, name)).unwrap().permissions().mode() & 0o777
}

/// Runs `waypost cert`; the exit status, and what was printed on both ways.
fn cert(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = world.run(&[&["cert"], arguments].concat(), "");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn good(world: &World, arguments: &[&str]) -> String {
    let (status, text) = cert(world, arguments);
    assert_eq!(status, 0, "{arguments:?}: {text}");
    text
}

/// Signs certificates for localhost.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Writes `NAME.pem`, the chain, and `NAME.key`; valid from and to so many days from now.
    fn sign(&self, world: &World, name: &str, host: &str, days: [i64; 2]) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        let [from, to] = days.map(|days| OffsetDateTime::now_utc() + Duration::days(days));
        (params.not_before, params.not_after) = (from, to + Duration::hours(1));
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let files = [format!("{name}.pem"), format!("{name}.key")];
        let chain = signed.pem() + &self.certificate.pem();
        fs::write(path(world, &files[0]), chain).unwrap();
        fs::write(path(world, &files[1]), key.serialize_pem()).unwrap();
        files.map(|file| path(world, &file).display().to_string())
    }
}

fn install(world: &World, [certificate, key]: &[String; 2]) -> (i32, String) {
    cert(world, &["install", "--cert", certificate, "--key", key])
}

#[test]
fn a_self_signed_certificate_is_made_shown_and_checked() {
    let world = World::new("");
    let (status, text) = cert(&world, &["check"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("`waypost cert self-signed`"), "{text}");
    good(&world, &["self-signed", "--name", "localhost", "--name", "127.0.0.1", "--days", "400"]);
    assert_eq!((mode(&world, "key.pem"), mode(&world, "cert.pem")), (0o600, 0o644));
    let text = good(&world, &["show"]);
    for line in [
        "subject:     CN=localhost",
        "names:       localhost, 127.0.0.1",
        "self-signed: yes",
        "key:         ECDSA P-256",
        "(400 days left)",
        "chain:       1 certificate",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let fingerprint = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(path(&world, "cert.pem"))
        .output()
        .unwrap();
    let fingerprint = String::from_utf8(fingerprint.stdout).unwrap();
    let (_, fingerprint) = fingerprint.trim().split_once('=').unwrap();
    assert!(text.contains(fingerprint), "{fingerprint}: {text}");
    assert_eq!(good(&world, &["show", path(&world, "cert.pem").to_str().unwrap()]), text);

    let text = good(&world, &["check"]);
    assert!(text.contains("good:    good for localhost"), "{text}");
    good(&world, &["check", "--host", "127.0.0.1"]);
    let (status, text) = cert(&world, &["check", "--host", "mail.example"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("bad:     not good for mail.example"), "{text}");
}

#[test]
fn days_permissions_and_names_decide_over_the_exit_status() {
    let world = World::new("");
    good(&world, &["self-signed", "--days", "29"]);
    let (status, text) = cert(&world, &["check"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("warning: the certificate expires on "), "{text}");
    good(&world, &["self-signed", "--days", "31"]);
    good(&world, &["check"]);
    fs::set_permissions(path(&world, "key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let (status, text) = cert(&world, &["check"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("chmod 600"), "{text}");
    // Another name than base.hostname may be what clients use.
    good(&world, &["self-signed", "--name", "*.example.com"]);
    let (status, text) = cert(&world, &["check"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("it is good for *.example.com"), "{text}");
    good(&world, &["check", "--host", "mail.example.com"]);
    for arguments in [["--name", "two words"], ["--days", "0"], ["--days", "9999"]] {
        let (status, text) = cert(&world, &[&["self-signed"], &arguments[..]].concat());
        assert_eq!(status, 2, "{text}");
    }
}

#[test]
fn a_certificate_of_an_authority_is_not_overwritten_by_mistake() {
    let world = World::new("");
    let files = Authority::new().sign(&world, "signed", "localhost", [-1, 90]);
    let (status, text) = install(&world, &files);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("the server does not run"), "{text}");
    assert_eq!(read(&world, "cert.pem"), read(&world, "signed.pem"));
    assert_eq!(mode(&world, "key.pem"), 0o600);
    let text = good(&world, &["check"]);
    assert!(text.contains("a chain of 2, in order"), "{text}");

    let (status, text) = cert(&world, &["self-signed"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("is signed by") && text.contains("--force"), "{text}");
    assert_eq!(read(&world, "cert.pem"), read(&world, "signed.pem"));
    good(&world, &["self-signed", "--force"]);
    assert_eq!(read(&world, "cert.pem.old"), read(&world, "signed.pem"));
    assert_eq!(read(&world, "key.pem.old"), read(&world, "signed.key"));
    good(&world, &["self-signed"]);
    // Writing one after the other would lose the first.
    world.tool(&["msconfig", "set", "base.sslkeyfile", "cert.pem"], "");
    let (status, text) = cert(&world, &["self-signed"]);
    assert!(status == 2 && text.contains("are one file"), "{text}");
    world.tool(&["msconfig", "set", "base.sslkeyfile", "key.pem"], "");
    // What cannot be read may be anything.
    fs::write(path(&world, "cert.pem"), "nonsense").unwrap();
    assert_eq!(cert(&world, &["self-signed"]).0, 2);
}

#[test]
fn a_bad_pair_is_not_installed() {
    let world = World::new("");
    good(&world, &["self-signed"]);
    let before = [read(&world, "cert.pem"), read(&world, "key.pem")];
    let authority = Authority::new();
    let signed = authority.sign(&world, "signed", "localhost", [-1, 90]);
    let other = authority.sign(&world, "other", "localhost", [-1, 90]);
    let expired = authority.sign(&world, "expired", "localhost", [-90, -1]);
    let early = authority.sign(&world, "early", "localhost", [2, 90]);
    let text = read(&world, "signed.pem");
    let second = text.rfind("-----BEGIN").unwrap();
    let turned = path(&world, "turned.pem");
    fs::write(&turned, [&text[second..], &text[..second]].concat()).unwrap();
    let gap = path(&world, "gap.pem");
    let stranger = Authority::new();
    fs::write(&gap, text[..second].to_owned() + &stranger.certificate.pem()).unwrap();
    let with = |certificate: &PathBuf| [certificate.display().to_string(), signed[1].clone()];
    for (files, why) in [
        ([signed[0].clone(), other[1].clone()], "belongs to another certificate"),
        (expired, "expired on"),
        (early, "not valid before"),
        (with(&turned), "certificate 1 of the chain is not signed by the next one"),
        (with(&gap), "certificate 1 of the chain is not signed by the next one"),
        (with(&path(&world, "log")), "No such file"),
        ([signed[1].clone(), signed[1].clone()], "no certificate in PEM form"),
    ] {
        let (status, text) = install(&world, &files);
        assert_eq!(status, 2, "{text}");
        assert!(text.contains(why), "{why}: {text}");
    }
    assert_eq!([read(&world, "cert.pem"), read(&world, "key.pem")], before);
    assert!(!path(&world, "cert.pem.old").exists());
}

#[test]
fn an_installed_certificate_serves_at_once_and_its_end_is_announced() {
    let world = World::new("");
    let text = good(&world, &["self-signed"]);
    assert!(text.contains("stored base.sslcertfile and base.sslkeyfile as generation"), "{text}");
    let _server = world.start();
    let authority = Authority::new();
    let (status, text) = install(&world, &authority.sign(&world, "a", "localhost", [-1, 12]));
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("imap is refreshed") && text.contains("pop is refreshed"), "{text}");
    fs::write(path(&world, "ca.pem"), authority.certificate.pem()).unwrap();
    let offer = Offer::all(&path(&world, "ca.pem"));
    TlsClient::imap(world.imap, &offer).unwrap();
    TlsClient::pop(world.pop, &offer).unwrap();
    let warning = "the certificate expires on ";
    wait_for("warning in the log", || world.log().contains(warning).then_some(()));
    let status = world.tool(&["status"], "");
    assert!(status.contains("\ncertificate: localhost, expires "), "{status}");
    assert!(status.contains("(12 days)\nwarning: the certificate expires on "), "{status}");

    let (status, text) = install(&world, &authority.sign(&world, "b", "localhost", [-1, 90]));
    assert_eq!(status, 0, "{text}");
    let warnings = world.log().matches(warning).count();
    let status = world.tool(&["status"], "");
    assert!(
        status.contains("(90 days)") && !status.contains("warning: the certificate"),
        "{status}"
    );
    assert_eq!(world.log().matches(warning).count(), warnings);
    assert_eq!(read(&world, "cert.pem.old"), read(&world, "a.pem"));
}

/// A configuration that has SSL ports and lacks the certificate is what these tools repair.
#[test]
fn a_missing_certificate_is_made_for_a_configuration_that_needs_it() {
    let world = World::new("");
    let text = read(&world, "config.toml");
    let text = text.replace("imap.port", "imap.enablesslport = 1\nimap.port");
    fs::write(world.config(), text).unwrap();
    let checked = world.run(&["check-config"], "");
    let text = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(text.contains("`waypost cert self-signed` makes one"), "{text}");
    let text = good(&world, &["self-signed"]);
    assert!(!text.contains("msconfig set imap.enablesslport"), "{text}");
    assert!(text.contains("msconfig set pop.enablesslport 1"), "{text}");
    world.tool(&["check-config"], "");
}
