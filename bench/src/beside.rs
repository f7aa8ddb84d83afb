//! What heavy work costs everybody else: deliveries to another user meanwhile, and the memory of each
//! process of the server.

use crate::client::Client;
use crate::load::{deliver, message};
use crate::report::{Cost, Measured, Meter, note, percentile};
use crate::{Server, cpu};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Between two deliveries: one at a time, as mail comes in, and not as much as would go.
const PAUSE: Duration = Duration::from_millis(2);
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(100);
/// Deliveries of one connection.
const DELIVERIES: u32 = 500;
/// How long deliveries alone are measured.
const ALONE: Duration = Duration::from_secs(3);

/// Measures heavy work beside deliveries to the last user; the first user does the work.
pub(crate) struct Beside<'a> {
    server: &'a Server,
    idle: BTreeMap<u32, cpu::Memory>,
    rows: Vec<String>,
}

impl<'a> Beside<'a> {
    /// Takes down what is used before the work, and how quick deliveries are without it.
    pub(crate) fn new(server: &'a Server) -> io::Result<Self> {
        if server.users < 2 {
            return Err(io::Error::other("the work and the deliveries need --users 2 or more"));
        }
        let mut beside = Self { server, idle: BTreeMap::new(), rows: Vec::new() };
        beside.measure("nothing", || {
            thread::sleep(ALONE);
            Ok(())
        })?;
        beside.idle = memory(server);
        Ok(beside)
    }

    /// Does the work once; rows for its time and for the deliveries, a line for the memory.
    pub(crate) fn measure(
        &mut self,
        what: &str,
        work: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let done = AtomicBool::new(false);
        let meter = Meter::start(self.server);
        let (worked, cost, times, peak) = thread::scope(|scope| {
            let deliveries = scope.spawn(|| deliveries(self.server, &done));
            let peak = scope.spawn(|| peak(self.server, &done));
            let worked = work();
            let cost = meter.stop();
            done.store(true, Relaxed);
            (worked, cost, deliveries.join(), peak.join())
        });
        worked?;
        let panicked = |_| io::Error::other("a thread panicked");
        let (times, peak) = (times.map_err(panicked)??, peak.map_err(panicked)?);
        let wall = cost.wall;
        self.rows.push(Measured::each(what, vec![wall], cost).report(self.server)?);
        let mut sorted = times.clone();
        sorted.sort_unstable();
        let slowest = percentile(&sorted, 100);
        let cost = Cost { wall, ..Cost::default() };
        let deliveries = Measured::each(format!("deliveries beside {what}"), times, cost);
        self.rows.push(deliveries.report(self.server)?);
        self.rows.push(format!("  slowest delivery {slowest:.1} ms; {}", self.grown(what, &peak)?));
        Ok(())
    }

    /// All rows so far.
    pub(crate) fn rows(self) -> Vec<String> {
        self.rows
    }

    /// By how much each process grew, the greatest first.
    fn grown(&self, what: &str, peak: &BTreeMap<u32, cpu::Memory>) -> io::Result<String> {
        let grown = |(pid, now): (&u32, &cpu::Memory)| {
            let before = self.idle.get(pid).map_or(0, |before| before.own_kib);
            (now.own_kib.saturating_sub(before), now.name.clone())
        };
        let mut all: Vec<(u64, String)> = peak.iter().map(grown).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        let most = all.first().map_or(0, |(kib, _)| *kib);
        note(self.server, &format!("{what}, KiB above idle"), crate::report::kib(most))?;
        let texts: Vec<_> = all.iter().map(|(kib, name)| format!("{name} +{kib} KiB")).collect();
        Ok(format!("memory above idle: {}", texts.join(", ")))
    }
}

fn memory(server: &Server) -> BTreeMap<u32, cpu::Memory> {
    server.pid.map(cpu::memory).unwrap_or_default()
}

/// The most that each process had.
fn peak(server: &Server, done: &AtomicBool) -> BTreeMap<u32, cpu::Memory> {
    let mut peak: BTreeMap<u32, cpu::Memory> = BTreeMap::new();
    while !done.load(Relaxed) {
        for (pid, now) in memory(server) {
            let most = peak.entry(pid).or_insert_with(|| now.clone());
            most.own_kib = most.own_kib.max(now.own_kib);
        }
        thread::sleep(LOOK);
    }
    peak
}

fn deliveries(server: &Server, done: &AtomicBool) -> io::Result<Vec<Duration>> {
    let to = server.user.replace("{}", &server.users.to_string());
    let mut times = Vec::new();
    let mut number = 0;
    while !done.load(Relaxed) {
        let mut client = Client::connect(&server.lmtp)?;
        client.send(b"LHLO bench.example.net\r\n")?;
        client.expect(b"250")?;
        for _ in 0..DELIVERIES {
            if done.load(Relaxed) {
                break;
            }
            number += 1;
            let text = message(server.size, number);
            let begun = Instant::now();
            deliver(&mut client, &to, &text)?;
            times.push(begun.elapsed());
            thread::sleep(PAUSE);
        }
        client.send(b"QUIT\r\n")?;
        client.expect(b"221")?;
    }
    Ok(times)
}
