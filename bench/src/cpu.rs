//! CPU time and memory of a process and its descendants, from /proc.

use std::collections::BTreeMap;
use std::time::Duration;

/// Kernel clock ticks per second; 100 on every Linux that matters here.
const TICKS: u64 = 100;

/// CPU time used so far by `root` and its descendants, ended children included.
pub(crate) fn used(root: u32) -> Duration {
    let stats = stats();
    of_ticks(tree(root, &stats).iter().filter_map(|pid| stats.get(pid)).map(|s| s.1).sum())
}

/// CPU time used so far by this process.
pub(crate) fn own() -> Duration {
    of_ticks(stat(std::process::id()).map_or(0, |(_, ticks)| ticks))
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / TICKS)
}

/// Proportional set size of `root` and its descendants in KiB.
pub(crate) fn pss_kib(root: u32) -> u64 {
    let of = |pid: &u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
        line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
    };
    tree(root, &stats()).iter().map(of).sum()
}

/// What a process has for itself.
#[derive(Clone)]
pub(crate) struct Memory {
    /// What it was started as.
    pub(crate) name: String,
    /// Anonymous memory, its share of what is shared included, in KiB: what the machine cannot take
    /// back. Pages of files in its maps are the cache of the system.
    pub(crate) own_kib: u64,
}

/// The memory of `root` and each of its descendants.
pub(crate) fn memory(root: u32) -> BTreeMap<u32, Memory> {
    let of = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"))?;
        let own_kib = line.split_whitespace().next()?.parse().ok()?;
        Some((pid, Memory { name: name(pid), own_kib }))
    };
    tree(root, &stats()).into_iter().filter_map(of).collect()
}

/// The last word of the command that a process was started with.
fn name(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<&str> = text.split('\0').filter(|word| !word.is_empty()).collect();
    let word = words.get(1).or_else(|| words.first()).copied().unwrap_or("?");
    word.rsplit('/').next().unwrap_or(word).to_owned()
}

/// For each process: its parent and its ticks.
fn stats() -> BTreeMap<u32, (u32, u64)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let parent = u32::try_from(number(1)?).ok()?;
    Some((parent, number(11)? + number(12)? + number(13)? + number(14)?))
}

fn tree(root: u32, stats: &BTreeMap<u32, (u32, u64)>) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(stats.iter().filter(|(_, (p, _))| *p == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}
