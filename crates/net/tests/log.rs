//! The line at the end of a session.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod common;

use common::{Client, start, until};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use waypost_net::limits::Limits;

/// Keeps the log in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_ends_with_one_line() {
    let kept = Kept::default();
    let writer = kept.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let running = start(Limits::new(10, 1), None, false);
    let mut client = Client::connect(&running).await;
    client.send("quit\r\n").await;
    assert_eq!(client.rest().await, b"hello\r\nquit\r\n");
    drop(client);
    drop(Client::connect(&running).await);
    until("both lines", || kept.text().matches("session ended").count() == 2).await;
    let text = kept.text();
    let line = text.lines().find(|line| line.contains("reason=\"quit\"")).unwrap();
    for part in ["service=\"toy\"", "connection=", "peer=127.0.0.1", "bytes_in=6", "bytes_out=13"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(line.contains("counts=toys=1") && line.contains("duration_ms="), "{line}");
    assert!(!line.contains("user="), "{line}");
}
