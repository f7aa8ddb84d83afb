//! What was measured, and its row of the table.

use crate::{Server, cpu};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// The head of the table.
pub(crate) const HEAD: &str = "| what | conc | per second | p50 ms | p99 ms | server CPU us each | generator CPU us each |\n\
     |---|---|---|---|---|---|---|";

/// Counts what an operation costs both sides.
pub(crate) struct Meter {
    pid: Option<u32>,
    begun: Instant,
    server: Duration,
    generator: Duration,
}

impl Meter {
    pub(crate) fn start(server: &Server) -> Self {
        let used = server.pid.map(cpu::used).unwrap_or_default();
        Self { pid: server.pid, begun: Instant::now(), server: used, generator: cpu::own() }
    }

    /// What was used since the start.
    pub(crate) fn stop(&self) -> Cost {
        let wall = self.begun.elapsed();
        let server = self.pid.map(|pid| cpu::used(pid).saturating_sub(self.server));
        Cost { wall, server, generator: cpu::own().saturating_sub(self.generator) }
    }
}

/// Time and processor time.
#[derive(Default)]
pub(crate) struct Cost {
    /// Wall time.
    pub(crate) wall: Duration,
    /// CPU of the server, when its process is known.
    pub(crate) server: Option<Duration>,
    /// CPU of this process.
    pub(crate) generator: Duration,
}

impl Cost {
    /// Adds the cost of another operation.
    pub(crate) fn add(&mut self, other: &Self) {
        self.wall += other.wall;
        self.generator += other.generator;
        if let Some(server) = other.server {
            *self.server.get_or_insert_default() += server;
        }
    }
}

/// What one measurement found.
pub(crate) struct Measured {
    /// What was done.
    pub(crate) what: String,
    /// Connections at once.
    pub(crate) concurrency: u32,
    /// Time of each operation or each group of operations.
    pub(crate) times: Vec<Duration>,
    /// Operations done.
    pub(crate) operations: u64,
    /// What all of them cost.
    pub(crate) cost: Cost,
}

impl Measured {
    /// Operations of which each has a time.
    pub(crate) fn each(what: impl Into<String>, times: Vec<Duration>, cost: Cost) -> Self {
        let operations = times.len() as u64;
        Self { what: what.into(), concurrency: 1, times, operations, cost }
    }

    /// The row of the table; with `--tsv` it is appended to that file too.
    pub(crate) fn report(mut self, server: &Server) -> io::Result<String> {
        self.times.sort_unstable();
        let operations = precise(self.operations.max(1));
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / operations;
        let figures = [
            Some(operations / self.cost.wall.as_secs_f64()),
            Some(percentile(&self.times, 50)),
            Some(percentile(&self.times, 99)),
            self.cost.server.map(each),
            Some(each(self.cost.generator)),
        ];
        if let Some(path) = &server.tsv {
            let mut line = format!("{}\t{}\t{}", server.label, self.what, self.concurrency);
            for figure in figures {
                // Writing to a string does not fail.
                let _ = write!(line, "\t{:.4}", figure.unwrap_or(f64::NAN));
            }
            writeln!(File::options().append(true).create(true).open(path)?, "{line}")?;
        }
        let [rate, p50, p99, cpu, generator] = figures.map(|figure| figure.unwrap_or(f64::NAN));
        let cpu = if cpu.is_nan() { "-".to_owned() } else { format!("{cpu:.1}") };
        let (what, concurrency) = (self.what, self.concurrency);
        let rate = if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
        Ok(format!(
            "| {what} | {concurrency} | {rate} | {p50:.3} | {p99:.3} | {cpu} | {generator:.1} |"
        ))
    }
}

/// KiB as a figure.
pub(crate) fn kib(kib: u64) -> f64 {
    u32::try_from(kib).map_or(f64::INFINITY, f64::from)
}

/// Appends a figure that is no rate, such as bytes of memory, to the file of `--tsv`: it stands in the
/// place of the server's CPU.
pub(crate) fn note(server: &Server, what: &str, figure: f64) -> io::Result<()> {
    let Some(path) = &server.tsv else { return Ok(()) };
    let mut file = File::options().append(true).create(true).open(path)?;
    writeln!(file, "{}\t{what}\t1\tNaN\tNaN\tNaN\t{figure:.4}\tNaN", server.label)
}

/// The time in milliseconds that `percent` of the operations did not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn precise(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
