//! How long an idling client waits: from the LMTP 250 to its untagged EXISTS.

use crate::client::{Client, unexpected};
use crate::load::{deliver, imap, message};
use crate::report::{Measured, Meter, percentile};
use crate::{Server, cpu};
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Pause between deliveries, so that each finds the client idle.
const PAUSE: Duration = Duration::from_millis(5);

/// Measures `count` deliveries while `idlers` other connections idle.
pub(crate) fn run(server: &Server, idlers: u32, count: u32) -> io::Result<String> {
    let user = server.user.replace("{}", "1");
    let pss_before = server.pid.map_or(0, cpu::pss_kib);
    let others = (0..idlers).map(|n| idle(server, n)).collect::<io::Result<Vec<_>>>()?;
    report_memory(server, idlers, pss_before);
    let mut watcher = start_idle(server, &user)?;
    let (sender, receiver) = mpsc::channel();
    let listener = thread::spawn(move || -> io::Result<()> {
        loop {
            let line = watcher.line()?;
            if line.ends_with(b" EXISTS") && sender.send(Instant::now()).is_err() {
                return Ok(());
            }
        }
    });
    let mut lmtp = Client::connect(&server.lmtp)?;
    lmtp.send(b"LHLO bench.example.net\r\n")?;
    lmtp.expect(b"250")?;
    let meter = Meter::start(server);
    let mut times = Vec::new();
    for number in 0..count {
        deliver(&mut lmtp, &user, &message(server.size, number))?;
        let answered = Instant::now();
        let told = receiver.recv_timeout(Duration::from_secs(10));
        let told = told.map_err(|_| io::Error::other("no EXISTS came"))?;
        times.push(told.saturating_duration_since(answered));
        thread::sleep(PAUSE);
    }
    let cost = meter.stop();
    drop((receiver, others, listener));
    let mut sorted = times.clone();
    sorted.sort_unstable();
    eprintln!("p90 {:.3} ms, max {:.3} ms", percentile(&sorted, 90), percentile(&sorted, 100));
    Measured::each(format!("250 to EXISTS, {idlers} others idle"), times, cost).report(server)
}

fn idle(server: &Server, number: u32) -> io::Result<Client> {
    let user = server.user.replace("{}", &(number % server.users.max(1) + 1).to_string());
    start_idle(server, &user)
}

fn start_idle(server: &Server, user: &str) -> io::Result<Client> {
    let mut client = imap(server, user)?;
    client.imap("SELECT INBOX")?;
    client.send(b"i IDLE\r\n")?;
    let line = client.line()?;
    if line.starts_with(b"+") { Ok(client) } else { Err(unexpected(line)) }
}

fn report_memory(server: &Server, idlers: u32, before: u64) {
    if let (Some(pid), true) = (server.pid, idlers > 0) {
        let each = f64::from(u32::try_from(cpu::pss_kib(pid).saturating_sub(before)).unwrap_or(0))
            / f64::from(idlers);
        eprintln!("memory: {each:.1} KiB PSS for each of {idlers} idle connections");
    }
}
