//! What the kernel knows of the server's processes.

use crate::support::{Server, World};
use std::fs;
use std::time::Duration;

/// A tick of the processor time in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The watcher and every process it has started.
pub(crate) fn processes(world: &World, server: &Server) -> Vec<u32> {
    let started = world.processes().into_iter().filter_map(|process| process.pid);
    std::iter::once(server.child.id()).chain(started).collect()
}

/// The proportional set size of some processes together, in KiB.
pub(crate) fn pss_kib(processes: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    processes.iter().map(of).sum()
}

/// Processor time that a process has used, in ticks.
pub(crate) fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Fields 14 and 15 of the line; the name, which may hold spaces, is the second.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// How many threads a process has.
pub(crate) fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}
