//! Connections over real sockets: limits, steps, waits, the end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod common;

use common::{Client, FLOOD_STEPS, start, start_on, until};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use waypost_net::INPUT_BUFFER_BYTES;
use waypost_net::limits::Limits;
use waypost_net::listener::Listener;
use waypost_net::session::OUTPUT_STEP_BYTES;

fn limits() -> Limits {
    Limits::new(100, 4)
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_calls_and_work_are_answered_in_order() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    client.send("one\r\ncall\r\ntwo\r\nwork\r\nthree\r\nquit\r\n").await;
    for expected in ["one", "called", "two"] {
        assert_eq!(client.line().await, expected);
    }
    assert!(client.line().await.starts_with("worked"));
    assert_eq!(client.line().await, "three");
    assert_eq!(client.rest().await, b"quit\r\n");
    drop(client);
    until("seat given back", || running.counters.snapshot().current == 0).await;
    let seen = running.counters.snapshot();
    assert_eq!((seen.total, seen.failed), (1, 0));
    assert_eq!(seen.bytes_in, "one\r\ncall\r\ntwo\r\nwork\r\nthree\r\nquit\r\n".len() as u64);
    assert!(seen.bytes_out > "hello\r\none\r\ncalled\r\n".len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_two_writes_does_not_wait_for_an_acknowledgement() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    let began = Instant::now();
    for _ in 0..100 {
        client.send("on").await;
        assert_eq!(client.ask("e").await, "one");
    }
    // The kernel keeps the second write back for 40 ms if it has to wait.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_into_the_store_leave_the_loop_after_a_slow_one() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    // Which thread a brief step has is a matter of the machine's load, so a few are tried.
    let mut brief = Vec::new();
    for _ in 0..20 {
        brief.push(client.ask("look").await);
    }
    assert!(brief.iter().any(|answer| answer != "worked step"), "{brief:?}");
    assert_eq!(client.ask("lookslow").await, "slow");
    assert_eq!(client.ask("look").await, "worked step");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_the_limit_is_told_so() {
    let running = start(Limits::new(1, 1), None, false);
    let mut first = Client::connect(&running).await;
    assert_eq!(first.line().await, "hello");
    let mut second = Client::connect(&running).await;
    second.send("quit\r\n").await;
    assert_eq!(second.rest().await, b"too many\r\n");
    assert_eq!(running.counters.snapshot().refused, 1);
    assert_eq!(first.ask("quit").await, "quit");
    drop(first);
    until("seat given back", || running.counters.snapshot().current == 0).await;
    assert_eq!(Client::connect(&running).await.line().await, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_no_thread() {
    let running = start(Limits::new(10, 1), None, false);
    let mut deaf = Client::connect(&running).await;
    deaf.send("flood\r\n").await;
    let total = (FLOOD_STEPS * OUTPUT_STEP_BYTES) as u64;
    // Wait until the kernel takes no more for the deaf client.
    let mut sent = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = running.counters.snapshot().bytes_out;
        if now > OUTPUT_STEP_BYTES as u64 && now == sent {
            break;
        }
        sent = now;
    }
    assert!(sent < total, "the socket buffers took the whole flood");
    let mut other = Client::connect(&running).await;
    assert_eq!(other.line().await, "hello");
    assert!(other.ask("work").await.starts_with("worked"));
    // The deaf one loses nothing by it.
    let poured = deaf.rest().await;
    assert_eq!(poured.len() as u64, total + "hello\r\n".len() as u64 + "poured\r\n".len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_closed() {
    let limits = Limits { write_timeout: Duration::from_millis(200), ..limits() };
    let running = start(limits, None, false);
    let mut deaf = Client::connect(&running).await;
    deaf.send("flood\r\n").await;
    until("deaf client closed", || running.counters.snapshot().failed == 1).await;
    until("its seat given back", || running.counters.snapshot().current == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_own_session_only() {
    let running = start(limits(), None, false);
    let mut witness = Client::connect(&running).await;
    assert_eq!(witness.line().await, "hello");
    for (count, command) in (1..).zip(["panic", "panicwork", "paniccall"]) {
        let mut client = Client::connect(&running).await;
        assert_eq!(client.line().await, "hello");
        assert_eq!(client.ask("before").await, "before");
        client.send(&format!("half a step\r\n{command}\r\n")).await;
        let rest = client.rest().await;
        // Replies of finished steps go out, those of the broken step itself do not.
        let expected: &[u8] = if command == "panic" { b"" } else { b"half a step\r\n" };
        assert_eq!(rest, expected, "{command}");
        assert_eq!(running.counters.snapshot().step_panics, count);
    }
    assert_eq!(witness.ask("still here").await, "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_fires() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    let begin = Instant::now();
    client.send("short\r\n").await;
    assert_eq!(client.rest().await, b"hello\r\ndeadline\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn wake_ups_reach_a_parked_session() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    let waker = running.toy.wakers.lock().unwrap().first().unwrap().clone();
    waker.wake();
    assert_eq!(client.line().await, "woken");
    assert_eq!(client.ask("more").await, "more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_tells_the_clients_and_ends() {
    let limits = Limits { shutdown_grace: Duration::from_millis(300), ..limits() };
    let running = start(limits, None, false);
    let mut idle = Client::connect(&running).await;
    assert_eq!(idle.line().await, "hello");
    let mut deaf = Client::connect(&running).await;
    deaf.send("flood\r\n").await;
    until("flood begun", || running.counters.snapshot().bytes_out > 1_000_000).await;
    running.stop.send(true).unwrap();
    assert_eq!(idle.rest().await, b"bye\r\n");
    drop(idle);
    tokio::time::timeout(common::PATIENCE, running.served).await.unwrap().unwrap().unwrap();
    assert_eq!(running.counters.snapshot().current, 0);
    assert!(TcpStream::connect(running.address).await.is_err(), "still listening");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_client_gets_its_answers() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    client.send("one\r\ncall\r\nwork\r\n").await;
    client.0.shutdown().await.unwrap();
    let answers = String::from_utf8(client.rest().await).unwrap();
    assert!(answers.starts_with("hello\r\none\r\ncalled\r\nworked"), "{answers:?}");
    assert!(answers.ends_with("\r\neof\r\n"), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_never_taken_ends_the_session() {
    let running = start(limits(), None, false);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.line().await, "hello");
    // The toy waits for the end of a line that is longer than its buffer.
    let _ = client.0.write_all(&vec![b'x'; INPUT_BUFFER_BYTES + 1]).await;
    client.rest().await;
    until("session closed", || running.counters.snapshot().failed == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_sockets_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy");
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let listener = Listener::from_fd(socket.into(), false).unwrap();
    let running = start_on(vec![listener], ([127, 0, 0, 1], 0).into(), limits(), None);
    let mut client = Client(BufReader::new(UnixStream::connect(&path).await.unwrap()));
    assert_eq!(client.line().await, "hello");
    assert_eq!(client.ask("local").await, "local");
    running.stop.send(true).unwrap();
    assert_eq!(client.line().await, "bye");
}

#[test]
fn only_listening_sockets_are_listeners() {
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(Listener::from_fd(one.into(), false).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_client_gives_its_seat_back() {
    let running = start(limits(), None, false);
    for _ in 0..10 {
        let mut client = Client::connect(&running).await;
        let mut hello = [0; 7];
        client.0.read_exact(&mut hello).await.unwrap();
    }
    until("seats given back", || running.counters.snapshot().current == 0).await;
    assert_eq!(running.counters.snapshot().total, 10);
}
