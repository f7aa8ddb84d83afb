//! TLS over real sockets: on connect, by STARTTLS, and with a certificate that changes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod common;

use common::{Client, files, start, tls_client, until, write_certificate};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpStream;
use waypost_net::limits::Limits;
use waypost_net::tls::{TlsError, TlsReloader};

type Certificate = rustls::pki_types::CertificateDer<'static>;

fn limits() -> Limits {
    Limits::new(100, 4)
}

fn certificate() -> (TempDir, Certificate, Arc<TlsReloader>) {
    let folder = tempdir().unwrap();
    let certificate = write_certificate(folder.path());
    let tls = TlsReloader::load(files(folder.path())).unwrap();
    (folder, certificate, Arc::new(tls))
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
    let (folder, old, _) = certificate();
    let tls = TlsReloader::load(files(folder.path())).unwrap();
    let tls = Arc::new(tls.with_poll(Duration::from_millis(20)));
    let running = start(limits(), Some(Arc::clone(&tls)), true);
    let connect = || TcpStream::connect(running.address);
    let mut early = tls_client(connect().await.unwrap(), &old).await.unwrap();
    assert_eq!(early.line().await, "hello tls");

    let before = tls.config();
    let new = write_certificate(folder.path());
    until("certificate reloaded", || !Arc::ptr_eq(&before, &tls.config())).await;
    assert!(tls_client(connect().await.unwrap(), &old).await.is_err());
    let mut late = tls_client(connect().await.unwrap(), &new).await.unwrap();
    assert_eq!(late.line().await, "hello tls");
    assert_eq!(early.ask("still here").await, "still here");
}

#[test]
fn a_bad_new_file_leaves_the_old_settings() {
    let (folder, _, tls) = certificate();
    let before = tls.config();
    let kept = std::fs::read(folder.path().join("key.pem")).unwrap();
    std::fs::write(folder.path().join("key.pem"), "nonsense").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Pem(..))));
    // A key that does not fit: the state between the two renames of a renewal.
    let other = tempdir().unwrap();
    write_certificate(other.path());
    std::fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Unusable(_))));
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Read(..))));
    assert!(Arc::ptr_eq(&before, &tls.config()));
    std::fs::write(folder.path().join("key.pem"), kept).unwrap();
    tls.reload_if_changed();
    assert!(!Arc::ptr_eq(&before, &tls.config()));
    let settled = tls.config();
    tls.reload_if_changed();
    assert!(Arc::ptr_eq(&settled, &tls.config()), "reloaded without a change");
}

/// A renewal often writes a key that only root may read; the repair changes neither content nor time.
#[test]
fn files_made_readable_later_are_read_again() {
    let (folder, _, tls) = certificate();
    let before = tls.config();
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(folder.path().join("key.pem"), mode).unwrap();
    tls.reload_if_changed();
    assert!(!Arc::ptr_eq(&before, &tls.config()), "not read again");
    let settled = tls.config();
    tls.reload_if_changed();
    assert!(Arc::ptr_eq(&settled, &tls.config()), "reloaded without a change");
}
