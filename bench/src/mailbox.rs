//! Large mailboxes: filling them quickly on any server, and SELECT.

use crate::Server;
use crate::client::Client;
use crate::load::{imap, imap_over, message};
use crate::report::{Measured, Meter};
use crate::tls::Tls;
use std::io;
use std::time::{Duration, Instant};

/// Messages appended one by one; the rest comes from COPY, each of at most this many times ten.
pub(crate) const SEED: u32 = 1_000;
/// The most messages of one COPY.
pub(crate) const COPY: u32 = 50_000;

/// Makes `mailbox` of the first user and fills it with `count` messages (twice that before `holes`
/// are made).
pub(crate) fn fill(server: &Server, mailbox: &str, count: u32, holes: bool) -> io::Result<()> {
    fill_of(server, 1, mailbox, count, holes, None)
}

/// The same for any user, over TLS if asked.
pub(crate) fn fill_of(
    server: &Server,
    user: u32,
    mailbox: &str,
    count: u32,
    holes: bool,
    tls: Option<&Tls>,
) -> io::Result<()> {
    let mut client = imap_over(server, &server.user.replace("{}", &user.to_string()), tls)?;
    // It may be there from an earlier run, and INBOX always is; a failure shows in APPEND.
    let _ = client.imap(&format!("DELETE \"{mailbox}\""));
    let _ = client.imap(&format!("CREATE \"{mailbox}\""));
    let wanted = if holes { count.saturating_mul(2) } else { count };
    for number in 0..SEED.min(wanted) {
        append(&mut client, mailbox, &message(server.size, number))?;
    }
    client.imap(&format!("SELECT \"{mailbox}\""))?;
    let mut have = SEED.min(wanted);
    while have < wanted {
        let step = have.min(COPY).min(wanted - have);
        client.imap(&format!("COPY 1:{step} \"{mailbox}\""))?;
        have += step;
    }
    if holes {
        expunge_every_second(&mut client, wanted)?;
    }
    client.imap("LOGOUT").map(drop)
}

/// Appends a message to a mailbox.
pub(crate) fn append(client: &mut Client, mailbox: &str, message: &[u8]) -> io::Result<()> {
    client.send(format!("a APPEND \"{mailbox}\" {{{}}}\r\n", message.len()).as_bytes())?;
    let line = client.line()?;
    if !line.starts_with(b"+") {
        return Err(crate::client::unexpected(line));
    }
    client.send(message)?;
    client.send(b"\r\n")?;
    // A client that has selected the mailbox is told of the message first.
    loop {
        let line = client.line()?;
        if line.starts_with(b"a OK") {
            return Ok(());
        }
        if !line.starts_with(b"* ") {
            return Err(crate::client::unexpected(line));
        }
    }
}

fn expunge_every_second(client: &mut Client, count: u32) -> io::Result<()> {
    let odd: Vec<String> = (1..=count).step_by(2).map(|n| n.to_string()).collect();
    for piece in odd.chunks(2_000) {
        client.imap(&format!("STORE {} +FLAGS.SILENT (\\Deleted)", piece.join(",")))?;
    }
    client.imap("EXPUNGE").map(drop)
}

/// SELECT again and again in one connection.
pub(crate) fn select(server: &Server, mailbox: &str) -> io::Result<String> {
    let mut client = imap(server, &server.user.replace("{}", "1"))?;
    let command = format!("SELECT \"{mailbox}\"");
    client.imap(&command)?;
    let meter = Meter::start(server);
    let deadline = Instant::now() + Duration::from_secs(server.seconds);
    let mut times = Vec::new();
    while Instant::now() < deadline {
        let begun = Instant::now();
        client.imap(&command)?;
        times.push(begun.elapsed());
    }
    Measured::each(format!("SELECT {mailbox}"), times, meter.stop()).report(server)
}
