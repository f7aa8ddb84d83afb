//! What commands cost in a mailbox of 100,000 messages: one row for each.

use crate::client::Client;
use crate::load::imap;
use crate::mail;
use crate::report::{Cost, Measured, Meter};
use crate::{Server, mailbox};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The mailbox that COPY and EXPUNGE work on.
const SCRATCH: &str = "bench-scratch";
/// Each row has at least so many runs after its first one.
const RUNS_MIN: usize = 3;
/// EXPUNGE needs a copy of the mailbox for each run.
const EXPUNGES: usize = 3;
/// Connections that fill the mailbox.
const FILLERS: u32 = 8;

/// Commands that change nothing: name, command.
const READS: [(&str, &str); 16] = [
    ("FETCH 1:* (UID FLAGS)", "FETCH 1:* (UID FLAGS)"),
    ("FETCH 1:* ENVELOPE", "FETCH 1:* ENVELOPE"),
    ("FETCH 1:* RFC822.SIZE", "FETCH 1:* RFC822.SIZE"),
    ("FETCH 1:* BODYSTRUCTURE", "FETCH 1:* BODYSTRUCTURE"),
    ("FETCH 1:2000 BODY.PEEK[]", "FETCH 1:2000 BODY.PEEK[]"),
    ("UID SEARCH SUBJECT", "UID SEARCH SUBJECT \"invoice meeting\""),
    ("UID SEARCH FROM", "UID SEARCH FROM tanaka"),
    ("UID SEARCH UNSEEN SINCE", "UID SEARCH UNSEEN SINCE 1-Jan-2021"),
    ("UID SEARCH BODY", "UID SEARCH BODY \"no such words anywhere\""),
    ("UID SORT (REVERSE DATE)", "UID SORT (REVERSE DATE) UTF-8 ALL"),
    ("UID SORT (DATE)", "UID SORT (DATE) UTF-8 ALL"),
    ("UID SORT (ARRIVAL)", "UID SORT (ARRIVAL) UTF-8 ALL"),
    ("UID SORT (SUBJECT)", "UID SORT (SUBJECT) UTF-8 ALL"),
    ("UID SORT (FROM)", "UID SORT (FROM) UTF-8 ALL"),
    ("UID THREAD ORDEREDSUBJECT", "UID THREAD ORDEREDSUBJECT UTF-8 ALL"),
    ("UID THREAD REFERENCES", "UID THREAD REFERENCES UTF-8 ALL"),
];

/// Fills the mailbox, unless it holds so many messages already.
fn fill(server: &Server, name: &str, count: u32) -> io::Result<()> {
    let mut client = first_user(server)?;
    if client.imap(&format!("SELECT \"{name}\"")).is_ok() {
        client.send(format!("x STATUS \"{name}\" (MESSAGES)\r\n").as_bytes())?;
        let full = client.line()?.ends_with(format!("(MESSAGES {count})").as_bytes());
        client.finish_imap()?;
        if full {
            return Ok(());
        }
        client.imap("CLOSE")?;
        client.imap(&format!("DELETE \"{name}\""))?;
    }
    client.imap(&format!("CREATE \"{name}\""))?;
    let append = |from: u32| -> io::Result<()> {
        let mut client = first_user(server)?;
        for number in (from..count).step_by(FILLERS as usize) {
            append_message(&mut client, name, number)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let fillers: Vec<_> = (0..FILLERS).map(|from| scope.spawn(move || append(from))).collect();
        let panicked = |_| io::Error::other("a filler panicked");
        fillers.into_iter().try_for_each(|filler| filler.join().map_err(panicked)?)
    })
}

fn append_message(client: &mut Client, name: &str, number: u32) -> io::Result<()> {
    let message = mail::message(number);
    let mut command = format!("x APPEND \"{name}\" {{{}+}}\r\n", message.len()).into_bytes();
    command.extend_from_slice(&message);
    command.extend_from_slice(b"\r\n");
    client.send(&command)?;
    client.finish_imap().map(drop)
}

fn first_user(server: &Server) -> io::Result<Client> {
    imap(server, &server.user.replace("{}", "1"))
}

/// All rows.
pub(crate) fn run(server: &Server, name: &str, count: u32) -> io::Result<Vec<String>> {
    fill(server, name, count)?;
    let mut bench = Bench { server, name, count, client: first_user(server)?, rows: Vec::new() };
    bench.client.imap(&format!("SELECT \"{name}\""))?;
    let told = capabilities(&mut bench.client)?;
    let can = |what: &str| match what.split(' ').nth(1) {
        Some("SORT") => told.iter().any(|name| name == "SORT"),
        Some("THREAD") => told.iter().any(|name| name.starts_with("THREAD=")),
        _ => true,
    };
    for (what, command) in READS.iter().filter(|(what, _)| can(what)) {
        bench.read(what, command)?;
    }
    if can("UID SORT") {
        bench.sort_after_arrival()?;
    }
    bench.store()?;
    bench.copy()?;
    bench.expunge()?;
    bench.client.imap("LOGOUT")?;
    Ok(bench.rows)
}

fn capabilities(client: &mut Client) -> io::Result<Vec<String>> {
    client.send(b"x CAPABILITY\r\n")?;
    let line = String::from_utf8_lossy(client.line()?).into_owned();
    client.finish_imap()?;
    Ok(line.split(' ').map(str::to_owned).collect())
}

/// The measurement under way.
struct Bench<'a> {
    server: &'a Server,
    name: &'a str,
    count: u32,
    client: Client,
    rows: Vec<String>,
}

impl Bench<'_> {
    fn row(&mut self, what: &str, times: Vec<Duration>, cost: Cost) -> io::Result<()> {
        self.rows.push(Measured::each(what, times, cost).report(self.server)?);
        Ok(())
    }

    /// Runs a command once and counts it.
    fn once(
        &mut self,
        command: &str,
        times: &mut Vec<Duration>,
        cost: &mut Cost,
    ) -> io::Result<()> {
        let meter = Meter::start(self.server);
        self.client.imap(command)?;
        let used = meter.stop();
        times.push(used.wall);
        cost.add(&used);
        Ok(())
    }

    /// The first run has a row of its own: some servers prepare answers when they are first asked.
    fn read(&mut self, what: &str, command: &str) -> io::Result<()> {
        let (mut times, mut cost) = (Vec::new(), Cost::default());
        self.once(command, &mut times, &mut cost)?;
        self.row(&format!("{what}, first"), times, cost)?;
        let (mut times, mut cost) = (Vec::new(), Cost::default());
        let deadline = self.deadline();
        while times.len() < RUNS_MIN || Instant::now() < deadline {
            self.once(command, &mut times, &mut cost)?;
        }
        self.row(what, times, cost)
    }

    /// What a SORT by texts costs when one message has come since the last one.
    fn sort_after_arrival(&mut self) -> io::Result<()> {
        let (mut times, mut cost) = (Vec::new(), Cost::default());
        let deadline = self.deadline();
        while times.len() < RUNS_MIN || Instant::now() < deadline {
            append_message(&mut self.client, self.name, self.count)?;
            self.once("UID SORT (SUBJECT) UTF-8 ALL", &mut times, &mut cost)?;
            let last = self.count + 1;
            self.client.imap(&format!("STORE {last} +FLAGS.SILENT (\\Deleted)"))?;
            self.client.imap("EXPUNGE")?;
        }
        self.row("UID SORT (SUBJECT) after an arrival", times, cost)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.server.seconds)
    }

    fn store(&mut self) -> io::Result<()> {
        let (mut times, mut cost) = (Vec::new(), Cost::default());
        let deadline = self.deadline();
        while times.len() < RUNS_MIN || Instant::now() < deadline {
            self.once("STORE 1:* +FLAGS.SILENT (\\Seen)", &mut times, &mut cost)?;
            self.client.imap("STORE 1:* -FLAGS.SILENT (\\Seen)")?;
        }
        self.row("STORE 1:* +FLAGS.SILENT (\\Seen)", times, cost)
    }

    fn copy(&mut self) -> io::Result<()> {
        let (mut times, mut cost) = (Vec::new(), Cost::default());
        let deadline = self.deadline();
        while times.len() < RUNS_MIN || Instant::now() < deadline {
            self.make_scratch()?;
            self.once(&format!("COPY 1:1000 {SCRATCH}"), &mut times, &mut cost)?;
        }
        self.row("COPY 1:1000", times, cost)
    }

    fn make_scratch(&mut self) -> io::Result<()> {
        // It may be there from an earlier run; a failure shows in CREATE.
        let _ = self.client.imap(&format!("DELETE {SCRATCH}"));
        self.client.imap(&format!("CREATE {SCRATCH}")).map(drop)
    }

    fn expunge(&mut self) -> io::Result<()> {
        let (mut times, mut cost) = (Vec::new(), Cost::default());
        for _ in 0..EXPUNGES {
            self.make_scratch()?;
            for first in (1..=self.count).step_by(mailbox::COPY as usize) {
                let last = (first + mailbox::COPY - 1).min(self.count);
                self.client.imap(&format!("COPY {first}:{last} {SCRATCH}"))?;
            }
            self.client.imap(&format!("SELECT {SCRATCH}"))?;
            self.client.imap(&format!("STORE 1:{} +FLAGS.SILENT (\\Deleted)", self.count / 2))?;
            self.once("EXPUNGE", &mut times, &mut cost)?;
            self.client.imap(&format!("SELECT \"{}\"", self.name))?;
        }
        self.client.imap(&format!("DELETE {SCRATCH}"))?;
        self.row("EXPUNGE of half", times, cost)
    }
}
