//! Thousands of clients that mean harm, and honest ones that are served all the same.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "../../bench/src/siege/attack.rs"]
mod attack;
#[path = "../../bench/src/siege/honest.rs"]
mod honest;

use attack::{Done, Target};
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use waypost_e2e::instance::{Instance, ROLES};
use waypost_e2e::wait_for;

const ATTACKERS: usize = 2_000;
const CLIENTS: usize = 50;
const TIME: Duration = Duration::from_secs(15);
/// What a process may take for each attacker: input, output and state of a session, kept in full.
const ATTACKER_KIB_MAX: u64 = 64;
/// What a process may keep afterwards of what it took.
const KEPT_KIB_MAX: u64 = 64 << 10;

#[test]
fn honest_clients_are_served_beside_thousands_that_mean_harm() {
    let places = "6000";
    let server = Instance::start_with(&[
        ("imap", "maxsessions", places),
        ("pop", "maxsessions", places),
        ("lmtp", "maxsessions", places),
    ]);
    let address = |service| SocketAddr::from((Ipv4Addr::LOCALHOST, server.port(service)));
    let target = |user: &str| Target {
        imap: address("IMAP"),
        pop: address("POP"),
        lmtp: address("LMTP"),
        user: format!("{user}@example.com"),
        password: server.password(user).to_owned(),
    };
    let (enemy, friend) = (target("alice"), target("bob"));
    let pids: BTreeMap<&str, u32> = ROLES.iter().map(|role| (*role, server.pid(role))).collect();
    let before = pids.values().map(|pid| memory_kib(*pid)).collect::<Vec<_>>();

    let (stop, done) = (AtomicBool::new(false), Done::default());
    let times = thread::scope(|scope| {
        scope.spawn(|| attack::run(&enemy, ATTACKERS, &stop, &done));
        wait_for("the attackers", || {
            (done.connects.load(Relaxed) >= ATTACKERS as u64).then_some(())
        });
        let times = honest::run(&friend, std::slice::from_ref(&friend.user), CLIENTS, TIME);
        let during = pids.values().map(|pid| memory_kib(*pid)).collect::<Vec<_>>();
        stop.store(true, Relaxed);
        for ((role, now), before) in pids.keys().zip(during).zip(&before) {
            let most = before + ATTACKERS as u64 * ATTACKER_KIB_MAX;
            assert!(now < most, "{role} takes {now} KiB, {before} before");
        }
        times.expect("every honest client is served")
    });
    assert!(times.commands.len() >= CLIENTS * 8, "{} commands", times.commands.len());

    for (role, pid) in &pids {
        assert_eq!(server.pid(role), *pid, "{role} was replaced");
    }
    let settled = || pids.values().zip(&before).all(|(pid, b)| memory_kib(*pid) < b + KEPT_KIB_MAX);
    wait_for("memory to be as before", || settled().then_some(()));
    let after = honest::run(&friend, std::slice::from_ref(&friend.user), 1, Duration::ZERO);
    after.expect("a client is served afterwards");
}

/// Memory of a process's own, in KiB.
fn memory_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("the process runs")
}
