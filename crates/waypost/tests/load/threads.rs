//! `maxthreads`: commands beyond it wait their turn, threads come and go, and nobody quick waits for
//! somebody slow.

use crate::client::Client;
use crate::measure::threads;
use crate::support::{World, wait_for};
use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// `imap.maxthreads` of the test.
const THREADS_MAX: usize = 2;
/// Clients that search everything.
const SEARCHERS: usize = 8;
/// Clients that ask for everything and do not read.
const MUTES: usize = 2;
/// Messages of the mailbox.
const MESSAGES: usize = 3_000;
/// Bytes of each, about.
const MESSAGE_BYTES: usize = 6_000;
/// How often the quick command is tried without others.
const TRIES: usize = 50;
/// How many times as long as alone the quick command may take beside the slow ones, or else what part of
/// their time: a machine with other work makes everybody wait.
const DELAY_MAX: u32 = 100;
const SHARE_MAX: u32 = 50;

/// Guide: maxthreads
#[test]
fn slow_commands_delay_nobody_and_wait_for_a_thread() {
    let world = World::new("");
    world.add_user("alice");
    import(&world);
    let _server = world.start();
    world.tool(&["msconfig", "set", "imap.maxthreads", &THREADS_MAX.to_string()], "");
    world.tool(&["stop-msg", "imap"], "");
    world.tool(&["start-msg", "imap"], "");
    let imapd = world.process("imapd").pid.unwrap();
    let before = threads(imapd);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(play(&world, imapd, before));
    wait_for("end of threads", || (threads(imapd) <= before).then_some(()));
}

/// A large mailbox.
fn import(world: &World) {
    let mut mbox = String::new();
    for number in 0..MESSAGES {
        let text = format!("line of message {number}\n").repeat(MESSAGE_BYTES / 25);
        let _ = write!(
            mbox,
            "From a@example.net Mon Jan  1 00:00:00 2024\nFrom: a@example.net\n\
             Subject: number {number}\n\n{text}\n"
        );
    }
    let file = world.folder.path().join("mbox");
    fs::write(&file, mbox).unwrap();
    world.tool(&["import", "alice", "--mbox", file.to_str().unwrap()], "");
}

async fn reader(world: &World) -> Client {
    let mut client = Client::connect(world.imap).await.unwrap();
    client.log_in("alice").await.unwrap();
    client.ok("SELECT INBOX").await.unwrap();
    client
}

async fn play(world: &World, imapd: u32, before: usize) {
    let mut quick = reader(world).await;
    let (mut searchers, mut mutes) = (Vec::new(), Vec::new());
    for _ in 0..SEARCHERS {
        searchers.push(reader(world).await);
    }
    for _ in 0..MUTES {
        mutes.push(reader(world).await);
    }
    let mut alone: Vec<Duration> = Vec::new();
    for _ in 0..TRIES {
        alone.push(noop(&mut quick).await);
    }
    // The threads that hashed the first password are gone.
    while threads(imapd) > before {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for mute in &mut mutes {
        mute.send("t FETCH 1:* BODY.PEEK[]\r\n").await.unwrap();
    }
    let started = Instant::now();
    let mut searches = JoinSet::new();
    for mut client in searchers {
        searches.spawn(async move { client.command("SEARCH TEXT absent").await.unwrap() });
    }
    let (mut beside, mut most) = (Vec::new(), 0);
    while !searches.is_empty() {
        beside.push(noop(&mut quick).await);
        most = most.max(threads(imapd));
        while let Some(found) = searches.try_join_next() {
            assert_eq!(found.unwrap().concat(), "* SEARCH\r\nt OK SEARCH completed\r\n");
        }
    }
    let slow = started.elapsed();
    let (alone, usual) = (median(&mut alone), median(&mut beside));
    println!(
        "{SEARCHERS} searches: {slow:?}; NOOP: {alone:?} alone, {usual:?} beside them and {:?} at \
         most; threads: {before}, then {most}",
        beside.last(),
    );
    assert!(usual <= (alone * DELAY_MAX).max(slow / SHARE_MAX), "NOOP: {alone:?}, then {usual:?}");
    assert!(most > before && most <= before + THREADS_MAX, "{before} threads, then {most}");
    for mute in &mut mutes {
        let fetched = everything(mute).await;
        assert!(fetched > MESSAGES * MESSAGE_BYTES / 2, "{fetched} bytes");
    }
}

async fn noop(client: &mut Client) -> Duration {
    let started = Instant::now();
    client.ok("NOOP").await.unwrap();
    started.elapsed()
}

/// Reads a response to its end; answers with its bytes.
async fn everything(client: &mut Client) -> usize {
    let mut bytes = 0;
    loop {
        let line = client.line().await.unwrap();
        bytes += line.len();
        if line.starts_with("t ") {
            assert!(line.starts_with("t OK"), "{line}");
            return bytes;
        }
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
