//! Prints what notes of log-ins cost `stored`: `cargo bench -p waypost-store-local --bench notes`.
//! The server runs in a process of its own; its time is what the system counted.

#![allow(clippy::unwrap_used, reason = "a measurement may stop when its set-up fails")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use waypost_store::{Access, AccessKind, AccessService, Mutation, Store};
use waypost_store_local::client::{ClientConfig, StoreClient};
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::server::{StoredConfig, bind_socket, run_stored};
use waypost_types::{AccountName, Moment};

/// Names the directory of the store to the process that serves it.
const SERVE: &str = "WAYPOST_BENCH_NOTES";
const NOTES: u32 = 10_000;

fn main() {
    if let Some(directory) = std::env::var_os(SERVE) {
        return serve(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut server = start(directory.path());
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config =
        ClientConfig::new(directory.path().join("store"), directory.path().join("stored.sock"));
    let client = runtime.block_on(StoreClient::connect(config)).unwrap();
    let bench = Bench { client, runtime, server: server.id() };
    for (what, accounts, pause) in [
        ("new accounts, one by one", NOTES, Duration::from_micros(100)),
        ("known accounts, one by one", NOTES, Duration::from_micros(100)),
        ("known accounts, at once", NOTES, Duration::ZERO),
        ("100 accounts, one by one", 100, Duration::from_micros(100)),
    ] {
        bench.run(what, accounts, pause);
    }
    drop(bench);
    server.kill().unwrap();
    server.wait().unwrap();
}

struct Bench {
    client: StoreClient,
    runtime: Runtime,
    server: u32,
}

impl Bench {
    fn run(&self, what: &str, accounts: u32, pause: Duration) {
        self.settle();
        let before = cpu(self.server);
        let mut noting = Duration::ZERO;
        for number in 0..NOTES {
            let note = note(number % accounts);
            let start = Instant::now();
            self.client.note_access(vec![note]);
            noting += start.elapsed();
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
        self.runtime.block_on(self.client.farewell());
        self.settle();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(NOTES);
        let (call, server) = (each(noting), each(cpu(self.server).saturating_sub(before)));
        println!(
            "{what}: {server:.2} us of CPU each in stored, committed; {call:.2} us for a call"
        );
    }

    /// All notes are in the metadata.
    fn settle(&self) {
        let name = AccountName::new("settle").unwrap();
        self.runtime.block_on(self.client.submit(Mutation::EnsureAccount(name))).unwrap();
        self.runtime.block_on(self.client.write_notes()).unwrap();
    }
}

fn note(number: u32) -> Access {
    // Names in no order, as log-ins are.
    let account = AccountName::new(&format!("user{}", number.wrapping_mul(2_654_435_761)));
    let at = Moment::now().wall.seconds;
    Access {
        account: account.unwrap(),
        service: AccessService::Imap,
        kind: AccessKind::LogIn,
        at: at + i64::from(number),
    }
}

/// The processor time of all threads of a process.
fn cpu(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanoseconds = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(tasks.filter_map(|task| nanoseconds(task.ok()?)).sum())
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env(SERVE, directory)
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

fn serve(directory: &Path) {
    let listener = bind_socket(&directory.join("stored.sock")).unwrap();
    let config = StoredConfig::new(EngineConfig::new(directory.join("store")));
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run_stored(listener, config, std::future::pending())).unwrap();
}
