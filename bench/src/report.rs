//! Rows of the table.

use std::time::Duration;

/// The head of the table.
pub(crate) const HEAD: &str = "| what | conc | per second | p50 ms | p99 ms | server CPU us each |\n\
                               |---|---|---|---|---|---|";

/// What one measurement found.
pub(crate) struct Measured {
    /// Time of each operation or each group of operations.
    pub(crate) times: Vec<Duration>,
    /// Operations done.
    pub(crate) operations: u64,
    /// Wall time.
    pub(crate) wall: Duration,
    /// CPU of the server, when its process is known.
    pub(crate) cpu: Option<Duration>,
}

/// One row.
pub(crate) fn row(what: &str, concurrency: u32, mut measured: Measured) -> String {
    measured.times.sort_unstable();
    let operations = measured.operations.max(1);
    let rate = precise(operations) / measured.wall.as_secs_f64();
    let cpu = measured.cpu.map_or_else(
        || "-".to_owned(),
        |cpu| format!("{:.1}", cpu.as_secs_f64() * 1e6 / precise(operations)),
    );
    let (p50, p99) = (percentile(&measured.times, 50), percentile(&measured.times, 99));
    format!("| {what} | {concurrency} | {rate:.0} | {p50:.3} | {p99:.3} | {cpu} |")
}

/// The time in milliseconds that `percent` of the operations did not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn precise(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
