//! What idle connections cost in memory: LOGIN, SELECT, IDLE, and nothing more; then again after a
//! burst in which each of them worked.

use crate::client::{Client, unexpected};
use crate::report::note;
use crate::tls::Tls;
use crate::{Server, cpu};
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// After this time a server has given back what it keeps for a while.
const SETTLED: Duration = Duration::from_secs(12);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Idle {
    /// Connections.
    #[arg(long, default_value_t = 5_000)]
    connections: u32,
    /// The mailbox that each selects.
    #[arg(long, default_value = "INBOX")]
    mailbox: String,
    /// Fill that mailbox of each user with this many messages first.
    #[arg(long)]
    fill: Option<u32>,
    /// After filling, expunge every second message.
    #[arg(long)]
    holes: bool,
    /// Speak TLS from the start, to the address of `--imap`, trusting this file of certificates.
    #[arg(long)]
    ca: Option<PathBuf>,
}

/// Prints a row for the idle connections and one for the same after a burst.
pub(crate) fn run(server: &Server, idle: &Idle) -> io::Result<Vec<String>> {
    let tls = idle.ca.as_deref().map(Tls::trusting).transpose()?;
    if let Some(count) = idle.fill {
        for user in 1..=server.users {
            crate::mailbox::fill_of(server, user, &idle.mailbox, count, idle.holes, tls.as_ref())?;
        }
    }
    let pid = server.pid.ok_or_else(|| io::Error::other("memory needs --pid"))?;
    // A connection of each user beforehand: what is made once, and the pages of the store that a process
    // has mapped, are not what a connection costs.
    for number in 0..server.users.clamp(1, idle.connections.max(1)) {
        work(&mut begin(server, idle, tls.as_ref(), number)?)?;
    }
    thread::sleep(SETTLED);
    let before = cpu::pss_kib(pid);
    let mut clients = Vec::new();
    for number in 0..idle.connections {
        clients.push(begin(server, idle, tls.as_ref(), number)?);
    }
    thread::sleep(SETTLED);
    let kinds = [if tls.is_some() { ", TLS" } else { "" }, if idle.holes { ", holes" } else { "" }];
    let what = format!("idle connection{}{}", kinds[0], kinds[1]);
    let mut rows = vec![row(server, idle, &what, cpu::pss_kib(pid), before)?];
    for client in &mut clients {
        work(client)?;
    }
    thread::sleep(SETTLED);
    rows.push(row(server, idle, &format!("{what}, after a burst"), cpu::pss_kib(pid), before)?);
    for client in &mut clients {
        client.send(b"DONE\r\n")?;
        client.finish_imap()?;
    }
    Ok(rows)
}

fn begin(server: &Server, idle: &Idle, tls: Option<&Tls>, number: u32) -> io::Result<Client> {
    let user = server.user.replace("{}", &(number % server.users.max(1) + 1).to_string());
    let mut client = crate::load::imap_over(server, &user, tls)?;
    client.imap(&format!("SELECT \"{}\"", idle.mailbox))?;
    to_idle(&mut client)?;
    Ok(client)
}

/// From IDLE through the burst's command to IDLE.
fn work(client: &mut Client) -> io::Result<()> {
    client.send(b"DONE\r\n")?;
    client.finish_imap()?;
    client.imap("FETCH 1:* (UID FLAGS ENVELOPE BODY.PEEK[])")?;
    to_idle(client)
}

fn to_idle(client: &mut Client) -> io::Result<()> {
    client.send(b"x IDLE\r\n")?;
    let line = client.line()?;
    if !line.starts_with(b"+") {
        return Err(unexpected(line));
    }
    client.rest();
    Ok(())
}

fn row(server: &Server, idle: &Idle, what: &str, now: u64, before: u64) -> io::Result<String> {
    let bytes = u32::try_from(now.saturating_sub(before)).map_or(f64::INFINITY, f64::from) * 1024.0;
    let each = bytes / f64::from(idle.connections.max(1));
    note(server, &format!("{what}, bytes"), each)?;
    Ok(format!(
        "{what}: {each:.0} bytes each ({} connections, {} KiB in all)",
        idle.connections, now
    ))
}
