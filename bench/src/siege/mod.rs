//! Honest clients beside thousands that mean harm: how long the honest wait, what memory that takes.

mod attack;
mod honest;

use crate::report::{Cost, Measured, Meter, kib, note};
use crate::{Server, cpu};
use attack::{Done, Target};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// The attackers are all there after this time.
const GATHERED: Duration = Duration::from_secs(8);
/// After this time a server has given back what it keeps for a while.
const SETTLED: Duration = Duration::from_secs(15);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Siege {
    /// Connections that mean harm.
    #[arg(long, default_value_t = 5_000)]
    attackers: usize,
    /// Honest clients, each of a user of its own if there are so many.
    #[arg(long, default_value_t = 100)]
    clients: usize,
}

/// Prints the rows of the honest clients and what memory the server took.
pub(crate) fn run(server: &Server, siege: &Siege) -> io::Result<Vec<String>> {
    let user = |number: u32| server.user.replace("{}", &number.to_string());
    let target = Target {
        imap: resolve(&server.imap)?,
        pop: resolve(&server.pop)?,
        lmtp: resolve(&server.lmtp)?,
        user: user(1),
        password: server.password.clone(),
    };
    let users: Vec<String> = (2..=server.users.max(2)).map(user).collect();
    let time = Duration::from_secs(server.seconds);
    let alone = honest::run(&target, &users, siege.clients, time)?;
    let before = memory(server);
    let (stop, done) = (AtomicBool::new(false), Done::default());
    let (times, peak, meter_cost) = thread::scope(|scope| {
        scope.spawn(|| attack::run(&target, siege.attackers, &stop, &done));
        let highest = scope.spawn(|| {
            let mut highest = 0;
            while !stop.load(Relaxed) {
                highest = memory(server).max(highest);
                thread::sleep(LOOK);
            }
            highest
        });
        thread::sleep(GATHERED);
        let meter = Meter::start(server);
        let times = honest::run(&target, &users, siege.clients, time);
        let cost = meter.stop();
        stop.store(true, Relaxed);
        (times, highest.join().unwrap_or_default(), cost)
    });
    let times = times?;
    thread::sleep(SETTLED);
    let after = memory(server);
    note(server, "siege, KiB at most", kib(peak))?;
    let wall = || Cost { wall: time, ..Cost::default() };
    let row = |what: &str, times, cost| {
        let mut measured = Measured::each(what, times, cost);
        measured.concurrency = u32::try_from(siege.clients).unwrap_or(u32::MAX);
        measured.report(server)
    };
    let Done { connects, refused, sent_bytes, read_bytes } = &done;
    Ok(vec![
        row("honest commands, alone", alone.commands, wall())?,
        row("honest sessions, alone", alone.sessions, wall())?,
        row("honest commands, besieged", times.commands, meter_cost)?,
        row("honest sessions, besieged", times.sessions, wall())?,
        format!(
            "siege: {} attackers, {} connects, {} not answered, {} KiB sent, {} KiB read; memory of all \
             processes {before} KiB before, {peak} KiB at most, {after} KiB after",
            siege.attackers,
            connects.load(Relaxed),
            refused.load(Relaxed),
            sent_bytes.load(Relaxed) / 1024,
            read_bytes.load(Relaxed) / 1024,
        ),
    ])
}

fn memory(server: &Server) -> u64 {
    server.pid.map_or(0, cpu::pss_kib)
}

fn resolve(address: &str) -> io::Result<SocketAddr> {
    let found = address.to_socket_addrs()?.find(SocketAddr::is_ipv4);
    found.ok_or_else(|| io::Error::other(format!("{address} is no IPv4 address and port")))
}
