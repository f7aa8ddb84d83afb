//! TLS over real sockets: on connect, by STARTTLS, and with a certificate that changes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod common;

use common::{Client, files, identity, settings, start, tls_client, until, write_certificate};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpStream;
use waypost_net::limits::Limits;
use waypost_net::tls::{PEM_FILE_BYTES, TlsError, TlsIdentity, TlsPolicy, TlsSettings};
use waypost_types::{CIPHER_SUITES, CipherSuite, Secret, TlsVersion};

type Certificate = rustls::pki_types::CertificateDer<'static>;

fn limits() -> Limits {
    Limits::new(100, 4)
}

fn certificate() -> (TempDir, Certificate, Arc<TlsSettings>) {
    let folder = tempdir().unwrap();
    let certificate = write_certificate(folder.path());
    let tls = settings(folder.path());
    (folder, certificate, tls)
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_on_connect() {
    let (_folder, certificate, tls) = certificate();
    let running = start(limits(), Some(tls), true);
    let stream = TcpStream::connect(running.address).await.unwrap();
    let mut client = tls_client(stream, &certificate).await.unwrap();
    assert_eq!(client.line().await, "hello tls");
    assert_eq!(client.ask("secret").await, "secret");
    let long = "y".repeat(100_000);
    assert_eq!(client.ask(&long).await, long);
    client.send("flood\r\n").await;
    assert!(client.rest().await.ends_with(b"xpoured\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_tells_the_strength() {
    let (_folder, certificate, tls) = certificate();
    let running = start(limits(), Some(tls), false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    assert_eq!(client.ask("starttls").await, "go");
    let mut client = tls_client(client.0.into_inner(), &certificate).await.unwrap();
    let secure = client.line().await;
    assert!(["secure 128", "secure 256"].contains(&secure.as_str()), "{secure}");
    assert_eq!(client.ask("secret").await, "secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_slipped_in_before_starttls_is_dropped() {
    let (_folder, certificate, tls) = certificate();
    let running = start(limits(), Some(tls), false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    client.send("starttls\r\ninjected\r\n").await;
    assert_eq!(client.line().await, "go");
    let mut client = tls_client(client.0.into_inner(), &certificate).await.unwrap();
    assert!(client.line().await.starts_with("secure"));
    assert_eq!(client.ask("quit").await, "quit");
    assert_eq!(client.rest().await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_or_slow_handshake_ends_the_connection() {
    let (_folder, _certificate, tls) = certificate();
    let limits = Limits { handshake_timeout: Duration::from_millis(200), ..limits() };
    let running = start(limits, Some(tls), true);
    let mut babbler = Client::connect(&running).await;
    babbler.send("GET / HTTP/1.0\r\n\r\n").await;
    babbler.rest().await;
    until("babbler closed", || running.counters.snapshot().failed == 1).await;
    let mut silent = Client::connect(&running).await;
    silent.rest().await;
    until("silent one closed", || running.counters.snapshot().failed == 2).await;
    until("seats given back", || running.counters.snapshot().current == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_limit_is_told_inside_tls() {
    let (_folder, certificate, tls) = certificate();
    let running = start(Limits::new(1, 1), Some(tls), true);
    let stream = TcpStream::connect(running.address).await.unwrap();
    let mut first = tls_client(stream, &certificate).await.unwrap();
    assert_eq!(first.line().await, "hello tls");
    let stream = TcpStream::connect(running.address).await.unwrap();
    let mut second = tls_client(stream, &certificate).await.unwrap();
    assert_eq!(second.rest().await, b"too many\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_serves_new_handshakes() {
    let (folder, old, tls) = certificate();
    let running = start(limits(), Some(Arc::clone(&tls)), true);
    let connect = || TcpStream::connect(running.address);
    let mut early = tls_client(connect().await.unwrap(), &old).await.unwrap();
    assert_eq!(early.line().await, "hello tls");

    let new = write_certificate(folder.path());
    tls.replace(&identity(folder.path()), &TlsPolicy::default(), None).unwrap();
    assert!(tls_client(connect().await.unwrap(), &old).await.is_err());
    let mut late = tls_client(connect().await.unwrap(), &new).await.unwrap();
    assert_eq!(late.line().await, "hello tls");

    tls.clear();
    assert!(tls_client(connect().await.unwrap(), &new).await.is_err());
    assert_eq!(early.ask("still here").await, "still here");
}

#[test]
fn a_bad_identity_leaves_the_old_settings() {
    let (folder, _, tls) = certificate();
    let good = identity(folder.path());
    let before = tls.config().unwrap();
    let policy = TlsPolicy::default();
    let refuse = |identity: &TlsIdentity| tls.replace(identity, &policy, None).unwrap_err();
    let key = |text: &[u8]| Secret::new(text.to_vec());
    let nonsense = TlsIdentity { key: key(b"nonsense"), ..good.clone() };
    assert!(matches!(refuse(&nonsense), TlsError::Key(_)));
    let nonsense = TlsIdentity { certificate: b"nonsense".to_vec(), ..good.clone() };
    assert!(matches!(refuse(&nonsense), TlsError::Certificate(_)));
    // A key that does not fit: the state between the two renames of a renewal.
    write_certificate(folder.path());
    let other = TlsIdentity { key: identity(folder.path()).key, ..good.clone() };
    assert!(matches!(refuse(&other), TlsError::KeyMismatch));
    let nothing = TlsPolicy { suites: Vec::new(), ..TlsPolicy::default() };
    assert!(matches!(tls.replace(&good, &nothing, None), Err(TlsError::NoCipherSuite)));
    assert!(Arc::ptr_eq(&before, &tls.config().unwrap()));
    tls.replace(&good, &policy, None).unwrap();
    assert!(!Arc::ptr_eq(&before, &tls.config().unwrap()));
}

fn suites(fits: impl Fn(&CipherSuite) -> bool) -> Vec<&'static CipherSuite> {
    CIPHER_SUITES.iter().filter(|suite| fits(suite)).collect()
}

/// A selection must also fit the key: this one is ECDSA.
#[test]
fn suites_for_another_kind_of_key_are_none() {
    let (folder, _, _) = certificate();
    let identity = identity(folder.path());
    let with = |suites| TlsPolicy { min_version: TlsVersion::Tls12, suites };
    let rsa = with(suites(|suite| suite.name.contains("_RSA_")));
    assert!(matches!(TlsSettings::new(&identity, &rsa, None), Err(TlsError::NoCipherSuite)));
    TlsSettings::new(&identity, &with(suites(|suite| suite.name.contains("ECDSA"))), None).unwrap();
    let new = TlsPolicy { min_version: TlsVersion::Tls13, ..with(suites(|s| s.key_bits == 256)) };
    TlsSettings::new(&identity, &new, None).unwrap();
    let old = TlsPolicy { suites: suites(|s| s.version == TlsVersion::Tls12), ..new };
    assert!(matches!(TlsSettings::new(&identity, &old, None), Err(TlsError::NoCipherSuite)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_versions_and_suites_are_spoken() {
    let (folder, certificate, tls) = certificate();
    let running = start(limits(), Some(Arc::clone(&tls)), false);
    let identity = identity(folder.path());
    let policy = |min_version, key_bits| TlsPolicy {
        min_version,
        suites: suites(|suite| suite.key_bits == key_bits),
    };
    for version in TlsVersion::ALL {
        for bits in [128, 256] {
            tls.replace(&identity, &policy(version, bits), None).unwrap();
            let mut client = Client::connect(&running).await;
            assert_eq!(client.line().await, "hello");
            assert_eq!(client.ask("starttls").await, "go");
            let mut client = tls_client(client.0.into_inner(), &certificate).await.unwrap();
            assert_eq!(client.line().await, format!("secure {bits}"));
        }
    }
}

#[test]
fn files_tell_of_changes_until_they_are_read() {
    let (folder, _, _) = certificate();
    let path = |name: &str| folder.path().join(name);
    let files = files(folder.path());
    assert!(files.changed(), "never read");
    let first = files.read(None).unwrap();
    assert!(!files.changed());
    // A renewal often writes a key that only root may read; the repair changes neither content nor time.
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(path("key.pem"), mode).unwrap();
    assert!(files.changed());
    let second = files.read(None).unwrap();
    assert_eq!(first.key.expose(), second.key.expose());
    assert!(!files.changed());

    std::fs::remove_file(path("key.pem")).unwrap();
    assert!(files.changed());
    assert!(matches!(files.read(None), Err(TlsError::Read(..))));
    assert!(!files.changed(), "told again after it was read, badly");
    let large = usize::try_from(PEM_FILE_BYTES).unwrap() + 1;
    std::fs::write(path("key.pem"), vec![b'-'; large]).unwrap();
    assert!(files.changed());
    assert!(matches!(files.read(None), Err(TlsError::TooLarge(_))));
}

/// Encrypts the key of `folder` as `openssl` does.
fn encrypt(folder: &TempDir, passphrase: &str, arguments: &[&str]) -> Vec<u8> {
    let out = folder.path().join("encrypted.pem");
    let status = std::process::Command::new("openssl")
        .args(["pkcs8", "-topk8", "-passout", &format!("pass:{passphrase}"), "-in"])
        .arg(folder.path().join("key.pem"))
        .arg("-out")
        .arg(&out)
        .args(arguments)
        .status();
    assert!(status.unwrap().success());
    std::fs::read(out).unwrap()
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    let (folder, _, _) = certificate();
    let plain = identity(folder.path());
    for arguments in [&["-v2", "aes-256-cbc"][..], &["-v2", "aes-128-cbc"], &["-scrypt"]] {
        let key = Secret::new(encrypt(&folder, "open sesame", arguments));
        let with = |passphrase: Option<&str>| TlsIdentity {
            key: key.clone(),
            passphrase: passphrase.map(|text| Secret::new(text.to_owned())),
            ..plain.clone()
        };
        with(Some("open sesame")).check().unwrap();
        assert!(matches!(with(None).check(), Err(TlsError::KeyEncrypted)));
        assert!(matches!(with(Some("sesame")).check(), Err(TlsError::Passphrase(_))));
    }
    let key = Secret::new(b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n".to_vec());
    let old = TlsIdentity { key, ..plain }.check().unwrap_err().to_string();
    assert!(old.contains("openssl pkcs8 -topk8"), "{old}");
}
