//! Closed loops: each connection does one operation after another for the given time.

use crate::Server;
use crate::client::{Client, unexpected};
use crate::report::{Measured, Meter};
use crate::tls::Tls;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Messages per LMTP connection.
const MESSAGES_PER_CONNECTION: u32 = 100;

/// What one worker does until the deadline; it adds a time per operation.
pub(crate) type Work = fn(&Server, &Turn<'_>, &mut Tally) -> io::Result<()>;

/// Hands out users round robin and knows the deadline.
pub(crate) struct Turn<'a> {
    next: &'a AtomicU32,
    users: u32,
    deadline: Instant,
}

impl Turn<'_> {
    pub(crate) fn user(&self, server: &Server) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.users.max(1) + 1;
        server.user.replace("{}", &number.to_string())
    }

    /// A number that no other turn was given.
    pub(crate) fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

/// What a worker counted.
#[derive(Default)]
pub(crate) struct Tally {
    times: Vec<Duration>,
    operations: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, begun: Instant, operations: u64) {
        self.times.push(begun.elapsed());
        self.operations += operations;
    }
}

/// Runs a load and prints its row.
pub(crate) fn run(server: &Server, what: &str, work: Work) -> io::Result<String> {
    let next = AtomicU32::new(0);
    let all = Mutex::new((Vec::new(), 0_u64));
    let meter = Meter::start(server);
    let deadline = Instant::now() + Duration::from_secs(server.seconds);
    thread::scope(|scope| {
        let worker = || {
            let turn = Turn { next: &next, users: server.users, deadline };
            let mut tally = Tally::default();
            let result = work(server, &turn, &mut tally);
            if let Ok(mut all) = all.lock() {
                all.0.append(&mut tally.times);
                all.1 += tally.operations;
            }
            result
        };
        let handles: Vec<_> = (0..server.concurrency).map(|_| scope.spawn(worker)).collect();
        let failed = |_| io::Error::other("a worker panicked");
        handles.into_iter().try_for_each(|handle| handle.join().map_err(failed)?)
    })?;
    let cost = meter.stop();
    let (times, operations) = all.into_inner().unwrap_or_default();
    let (what, concurrency) = (what.to_owned(), server.concurrency);
    Measured { what, concurrency, times, operations, cost }.report(server)
}

/// A message of the asked size with lines of ordinary length.
pub(crate) fn message(size: usize, number: u32) -> Vec<u8> {
    let mut text = format!(
        "From: Bench <bench@example.net>\r\nTo: someone@example.com\r\nSubject: message {number} of \
         a measurement\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <{number}.{}@example.net>\
         \r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
        std::process::id()
    )
    .into_bytes();
    let line = b"The quick brown fox jumps over the lazy dog, and then it does it again.\r\n";
    while text.len() < size {
        text.extend_from_slice(line);
    }
    text
}

/// Delivers by LMTP.
pub(crate) fn lmtp(server: &Server, turn: &Turn<'_>, tally: &mut Tally) -> io::Result<()> {
    let mut number = 0;
    while !turn.is_over() {
        let mut client = Client::connect(&server.lmtp)?;
        client.send(b"LHLO bench.example.net\r\n")?;
        client.expect(b"250")?;
        for _ in 0..MESSAGES_PER_CONNECTION {
            if turn.is_over() {
                break;
            }
            number += 1;
            let begun = Instant::now();
            deliver(&mut client, &turn.user(server), &message(server.size, number))?;
            tally.add(begun, 1);
        }
        client.send(b"QUIT\r\n")?;
        client.expect(b"221")?;
    }
    Ok(())
}

/// One delivery: the envelope in one packet, the message in another.
pub(crate) fn deliver(client: &mut Client, to: &str, message: &[u8]) -> io::Result<()> {
    let envelope = format!("MAIL FROM:<bench@example.net>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
    client.send(envelope.as_bytes())?;
    for start in [&b"250"[..], b"250", b"354"] {
        client.expect(start)?;
    }
    let mut data = message.to_vec();
    data.extend_from_slice(b".\r\n");
    client.send(&data)?;
    client.expect(b"250")
}

/// Opens an IMAP connection and logs in.
pub(crate) fn imap(server: &Server, user: &str) -> io::Result<Client> {
    imap_over(server, user, None)
}

/// The same, with TLS if asked.
pub(crate) fn imap_over(server: &Server, user: &str, tls: Option<&Tls>) -> io::Result<Client> {
    let mut client = match tls {
        Some(tls) => Client::connect_tls(&server.imap, tls)?,
        None => Client::connect(&server.imap)?,
    };
    client.imap(&format!("LOGIN \"{user}\" \"{}\"", server.password))?;
    Ok(client)
}

/// IMAP login and logout.
pub(crate) fn imap_login(server: &Server, turn: &Turn<'_>, tally: &mut Tally) -> io::Result<()> {
    while !turn.is_over() {
        let begun = Instant::now();
        imap(server, &turn.user(server))?.imap("LOGOUT")?;
        tally.add(begun, 1);
    }
    Ok(())
}

/// Logs every user in once, so that rows of logins measure remembered credentials and not the hash of a password.
pub(crate) fn remember(server: &Server) -> io::Result<()> {
    for number in 1..=server.users {
        let user = server.user.replace("{}", &number.to_string());
        imap(server, &user)?.imap("LOGOUT")?;
        let mut client = pop(server, &user)?;
        client.send(b"QUIT\r\n")?;
        client.expect(b"+OK")?;
    }
    Ok(())
}

/// Opens a POP3 connection and logs in.
pub(crate) fn pop(server: &Server, user: &str) -> io::Result<Client> {
    let mut client = Client::connect(&server.pop)?;
    client.send(format!("USER {user}\r\n").as_bytes())?;
    client.expect(b"+OK")?;
    client.send(format!("PASS {}\r\n", server.password).as_bytes())?;
    client.expect(b"+OK")?;
    Ok(client)
}

/// POP3 login, STAT, QUIT.
pub(crate) fn pop_login(server: &Server, turn: &Turn<'_>, tally: &mut Tally) -> io::Result<()> {
    while !turn.is_over() {
        let begun = Instant::now();
        let mut client = pop(server, &turn.user(server))?;
        client.send(b"STAT\r\n")?;
        client.expect(b"+OK")?;
        client.send(b"QUIT\r\n")?;
        client.expect(b"+OK")?;
        tally.add(begun, 1);
    }
    Ok(())
}

/// Whole inboxes by FETCH; an operation is a message.
pub(crate) fn fetch(server: &Server, turn: &Turn<'_>, tally: &mut Tally) -> io::Result<()> {
    while !turn.is_over() {
        let mut client = imap(server, &turn.user(server))?;
        client.imap("SELECT INBOX")?;
        let begun = Instant::now();
        let answer = client.imap("FETCH 1:* BODY.PEEK[]")?;
        tally.add(begun, answer.lines);
        client.imap("LOGOUT")?;
    }
    Ok(())
}

/// Whole inboxes by RETR; an operation is a message.
pub(crate) fn retr(server: &Server, turn: &Turn<'_>, tally: &mut Tally) -> io::Result<()> {
    while !turn.is_over() {
        let mut client = pop(server, &turn.user(server))?;
        client.send(b"STAT\r\n")?;
        let stat = String::from_utf8_lossy(client.line()?).into_owned();
        let count: Option<u32> = stat.split(' ').nth(1).and_then(|n| n.parse().ok());
        let count = count.ok_or_else(|| unexpected(stat.as_bytes()))?;
        let begun = Instant::now();
        for number in 1..=count {
            client.send(format!("RETR {number}\r\n").as_bytes())?;
            client.pop_lines()?;
        }
        tally.add(begun, count.into());
        client.send(b"QUIT\r\n")?;
        client.expect(b"+OK")?;
    }
    Ok(())
}
