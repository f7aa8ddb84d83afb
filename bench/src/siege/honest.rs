//! Clients that do the usual things, and how long they wait.
//!
//! Knows nothing of the rest of the generator: a test uses it too.

use super::attack::Target;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// A server that is silent for this long hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// A client thinks for this long between two commands.
const PAUSE: Duration = Duration::from_millis(100);
/// Clients come one after the other: so many first logins at once from one address are refused.
const APART: Duration = Duration::from_millis(50);
/// Commands between two short sessions of another kind.
const COMMANDS: usize = 20;

/// Commands in the open mailbox.
const USUAL: [&str; 8] = [
    "NOOP",
    "FETCH 1:* (UID FLAGS)",
    "UID SEARCH UNSEEN",
    "STORE 1 +FLAGS.SILENT (\\Flagged)",
    "STATUS Sent (MESSAGES UNSEEN)",
    "LIST \"\" *",
    "FETCH 1 (ENVELOPE BODY.PEEK[])",
    "SELECT INBOX",
];

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Commands in a session.
    pub(crate) commands: Vec<Duration>,
    /// Whole sessions: log in and out, a look into the maildrop, a delivery.
    pub(crate) sessions: Vec<Duration>,
}

/// Works with so many clients of as many users for so long, and each at least once through the usual
/// commands; an error as soon as one is not served.
pub(crate) fn run(
    target: &Target,
    users: &[String],
    clients: usize,
    time: Duration,
) -> io::Result<Times> {
    let all = Mutex::new(Times::default());
    let end = Instant::now() + time;
    thread::scope(|scope| {
        let all = &all;
        let client = |user: &String| {
            thread::sleep(APART);
            let user = user.clone();
            scope.spawn(move || {
                let mut times = Times::default();
                let worked = work(target, &user, end, &mut times);
                if let Ok(mut all) = all.lock() {
                    all.commands.append(&mut times.commands);
                    all.sessions.append(&mut times.sessions);
                }
                worked.map_err(|error| io::Error::other(format!("{user} is not served: {error}")))
            })
        };
        let workers: Vec<_> = users.iter().cycle().take(clients).map(client).collect();
        let panicked = |_| io::Error::other("a client panicked");
        workers.into_iter().try_for_each(|worker| worker.join().map_err(panicked)?)
    })?;
    Ok(all.into_inner().unwrap_or_default())
}

fn work(target: &Target, user: &str, end: Instant, times: &mut Times) -> io::Result<()> {
    deliver(target, user)?;
    let mut imap = Line::imap(target, user)?;
    imap.command("SELECT INBOX")?;
    let mut number = 0;
    while number < USUAL.len() || Instant::now() < end {
        let begun = Instant::now();
        imap.command(USUAL[number % USUAL.len()])?;
        times.commands.push(begun.elapsed());
        number += 1;
        if number.is_multiple_of(COMMANDS) {
            let begun = Instant::now();
            match number / COMMANDS % 3 {
                0 => deliver(target, user)?,
                1 => Line::imap(target, user)?.command("LOGOUT")?,
                _ => look_by_pop(target, user)?,
            }
            times.sessions.push(begun.elapsed());
        }
        thread::sleep(PAUSE);
    }
    imap.command("LOGOUT")
}

fn deliver(target: &Target, user: &str) -> io::Result<()> {
    let mut lmtp = Line::open(target.lmtp, "220")?;
    lmtp.ask("LHLO honest.example.net", "250 ")?;
    lmtp.ask("MAIL FROM:<honest@example.net>", "250 ")?;
    lmtp.ask(&format!("RCPT TO:<{user}>"), "250 ")?;
    lmtp.ask("DATA", "354 ")?;
    lmtp.ask("Subject: hello\r\n\r\nHello.\r\n.", "250 ")?;
    lmtp.ask("QUIT", "221 ")
}

fn look_by_pop(target: &Target, user: &str) -> io::Result<()> {
    let mut pop = Line::open(target.pop, "+OK")?;
    pop.ask(&format!("USER {user}"), "+OK")?;
    pop.ask(&format!("PASS {}", target.password), "+OK")?;
    pop.ask("STAT", "+OK")?;
    pop.ask("QUIT", "+OK")
}

/// A connection that speaks lines.
struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    fn open(address: SocketAddr, greeting: &str) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = Self { stream: BufReader::new(stream) };
        line.until(greeting)?;
        Ok(line)
    }

    fn imap(target: &Target, user: &str) -> io::Result<Self> {
        let mut imap = Self::open(target.imap, "* OK")?;
        imap.command(&format!("LOGIN \"{user}\" \"{}\"", target.password))?;
        Ok(imap)
    }

    fn command(&mut self, command: &str) -> io::Result<()> {
        self.ask(&format!("x {command}"), "x OK")
    }

    fn ask(&mut self, line: &str, answer: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.until(answer).map_err(|error| io::Error::other(format!("{line}: {error}")))
    }

    /// Reads to a line that begins so; an error at one that refuses.
    fn until(&mut self, start: &str) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.starts_with(start.as_bytes()) {
                return Ok(());
            }
            let refused = ["x NO", "x BAD", "-ERR", "4", "5"];
            if refused.iter().any(|refused| line.starts_with(refused.as_bytes())) {
                return Err(io::Error::other(String::from_utf8_lossy(&line).into_owned()));
            }
        }
    }
}
