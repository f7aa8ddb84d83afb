//! What things cost when there are more of them: messages of a mailbox, folders of a user, users.
//!
//! A run fills up to a number and measures there; figures are appended to a file with one line for each:
//! plot, unit, line of the plot, number, figure, separated by tabs. `plot` draws what has gathered.

use crate::client::Client;
use crate::load::{deliver, imap, message};
use crate::mailbox;
use crate::plot::{self, Line};
use crate::report::{kib, percentile};
use crate::{Server, cpu};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Deliveries measured at each number.
const DELIVERIES: u32 = 300;
/// Runs of quick commands, and of those whose answer grows.
const RUNS: u32 = 30;
const LONG_RUNS: u32 = 5;
/// Commands sent before their answers are read.
const PIPELINE: u32 = 100;
/// Recipients of one message, when accounts are made.
const RECIPIENTS: u32 = 500;
/// Users that log in.
const LOGINS: u32 = 20;
/// Between the number of a user and that of the next one that is measured.
const STRIDE: u32 = 7_919;

/// What grows.
#[derive(clap::Subcommand)]
pub(crate) enum Growth {
    /// Messages in the first user's inbox.
    Messages(Step),
    /// Folders of the second user.
    Folders(Step),
    /// Users with mail; they are in the directory already.
    Accounts(Step),
    /// Prints users as LDIF for `waypost user import --ldif`.
    Ldif {
        /// The number of the first.
        #[arg(long, default_value_t = 1)]
        from: u32,
        /// The number of the last.
        #[arg(long)]
        to: u32,
        /// The hash of their password, as an export prints it.
        #[arg(long)]
        hash: String,
    },
    /// Draws a plot of each kind of figures.
    Plot {
        /// The file of figures.
        #[arg(long)]
        figures: PathBuf,
        /// The folder for the plots.
        #[arg(long)]
        folder: PathBuf,
    },
}

/// How many, and where the figures go.
#[derive(clap::Args)]
pub(crate) struct Step {
    /// How many there are.
    #[arg(long)]
    count: u32,
    /// How many there were after the step before.
    #[arg(long, default_value_t = 0)]
    before: u32,
    /// The file of figures.
    #[arg(long)]
    figures: PathBuf,
}

/// Does one step; what it found as lines.
pub(crate) fn run(server: &Server, growth: &Growth) -> io::Result<String> {
    match growth {
        Growth::Messages(step) => messages(server, step),
        Growth::Folders(step) => folders(server, step),
        Growth::Accounts(step) => accounts(server, step),
        Growth::Ldif { from, to, hash } => Ok(ldif(server, *from, *to, hash)),
        Growth::Plot { figures, folder } => plots(figures, folder),
    }
}

/// Figures of one step.
struct Figures<'a> {
    server: &'a Server,
    what: &'a str,
    step: &'a Step,
    text: String,
}

impl<'a> Figures<'a> {
    const fn new(server: &'a Server, what: &'a str, step: &'a Step) -> Self {
        Self { server, what, step, text: String::new() }
    }

    fn add(&mut self, kind: &str, unit: &str, line: &str, figure: f64) {
        let (what, count) = (self.what, self.step.count);
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{what}-{kind}\t{unit}\t{line}\t{count}\t{figure:.4}");
    }

    /// The median of some runs in milliseconds.
    fn time(
        &mut self,
        line: &str,
        runs: u32,
        mut work: impl FnMut(u32) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut times = Vec::new();
        for run in 0..runs {
            let begun = Instant::now();
            work(run)?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        self.add("time", "ms", line, percentile(&times, 50));
        Ok(())
    }

    /// Deliveries, one after the other.
    fn deliveries(&mut self, to: impl Fn(u32) -> String) -> io::Result<()> {
        let mut client = Client::connect(&self.server.lmtp)?;
        client.send(b"LHLO bench.example.net\r\n")?;
        client.expect(b"250")?;
        let size = self.server.size;
        self.time("delivery", DELIVERIES, |run| deliver(&mut client, &to(run), &message(size, run)))
    }

    /// The memory of each kind of process, and of all.
    fn memory(&mut self) {
        let Some(pid) = self.server.pid else { return };
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for one in cpu::memory(pid).into_values() {
            *kinds.entry(one.name).or_default() += one.own_kib;
        }
        let all = kinds.values().sum();
        for (name, own_kib) in kinds.into_iter().chain([("all".to_owned(), all)]) {
            self.add("memory", "MiB", &name, kib(own_kib) / 1024.0);
        }
    }

    /// Appends the figures to their file.
    fn write(self) -> io::Result<String> {
        let mut file = File::options().append(true).create(true).open(&self.step.figures)?;
        file.write_all(self.text.as_bytes())?;
        Ok(self.text)
    }
}

fn user(server: &Server, number: u32) -> String {
    server.user.replace("{}", &number.to_string())
}

fn messages(server: &Server, step: &Step) -> io::Result<String> {
    let name = user(server, 1);
    let mut client = imap(server, &name)?;
    fill_inbox(server, &mut client, step.count)?;
    let mut figures = Figures::new(server, "messages", step);
    figures.time("SELECT", RUNS, |_| client.imap("SELECT INBOX").map(drop))?;
    figures.memory();
    figures.time("NOOP after a flag changed", RUNS, |run| {
        let sign = if run % 2 == 0 { '+' } else { '-' };
        client.imap(&format!("STORE 1 {sign}FLAGS (\\Flagged)"))?;
        client.imap("NOOP").map(drop)
    })?;
    figures.time("UID FETCH of the newest", RUNS, |_| {
        client.imap("FETCH * (UID FLAGS ENVELOPE)").map(drop)
    })?;
    figures.time("STATUS", RUNS, |_| {
        client.imap("STATUS INBOX (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ)").map(drop)
    })?;
    figures.deliveries(|_| name.clone())?;
    // What was delivered goes again, one by one.
    client.imap("SELECT INBOX")?;
    figures.time("EXPUNGE of one", RUNS, |_| {
        client.imap("STORE * +FLAGS.SILENT (\\Deleted)")?;
        client.imap("EXPUNGE").map(drop)
    })?;
    figures.time("SEARCH UNSEEN", LONG_RUNS, |_| client.imap("UID SEARCH UNSEEN").map(drop))?;
    client.imap("LOGOUT")?;
    figures.write()
}

/// Brings the inbox to so many messages: some appended, the rest by COPY.
fn fill_inbox(server: &Server, client: &mut Client, count: u32) -> io::Result<()> {
    let mut have = client.imap("SELECT INBOX")?.exists;
    while have < count.min(mailbox::SEED) {
        mailbox::append(client, "INBOX", &message(server.size, have))?;
        have += 1;
    }
    while have < count {
        let some = have.min(mailbox::COPY).min(count - have);
        client.imap(&format!("COPY 1:{some} INBOX"))?;
        have += some;
    }
    Ok(())
}

fn folders(server: &Server, step: &Step) -> io::Result<String> {
    let name = user(server, 2);
    let mut client = imap(server, &name)?;
    let mut next = step.before;
    while next < step.count {
        let last = (next + PIPELINE).min(step.count);
        for number in next..last {
            client.send(format!("x CREATE \"many/{}/{number}\"\r\n", number / 100).as_bytes())?;
        }
        for _ in next..last {
            client.finish_imap()?;
        }
        next = last;
    }
    let one = format!("\"many/{}/{}\"", (step.count - 1) / 100, step.count - 1);
    let mut figures = Figures::new(server, "folders", step);
    figures.time("LIST of all", LONG_RUNS, |_| client.imap("LIST \"\" \"*\"").map(drop))?;
    figures.time("LIST of one", RUNS, |_| client.imap(&format!("LIST \"\" {one}")).map(drop))?;
    figures.time("STATUS", RUNS, |_| {
        client.imap(&format!("STATUS {one} (MESSAGES UNSEEN UIDNEXT)")).map(drop)
    })?;
    figures.time("SELECT", RUNS, |_| client.imap(&format!("SELECT {one}")).map(drop))?;
    figures.time("CREATE and DELETE of one", RUNS, |_| {
        client.imap("CREATE \"one more\"")?;
        client.imap("DELETE \"one more\"").map(drop)
    })?;
    figures.deliveries(|_| name.clone())?;
    figures.memory();
    client.imap("LOGOUT")?;
    figures.write()
}

fn accounts(server: &Server, step: &Step) -> io::Result<String> {
    let mut client = Client::connect(&server.lmtp)?;
    client.send(b"LHLO bench.example.net\r\n")?;
    client.expect(b"250")?;
    let begun = Instant::now();
    for first in (step.before + 1..=step.count).step_by(RECIPIENTS as usize) {
        to_many(server, &mut client, first, (first + RECIPIENTS - 1).min(step.count))?;
    }
    let new = f64::from(step.count.saturating_sub(step.before).max(1));
    let each = begun.elapsed().as_secs_f64() * 1e3 / new;
    let mut figures = Figures::new(server, "accounts", step);
    figures.add("time", "ms", "first message of each", each);
    // Others in each round, spread over all of them.
    let some = |run: u32| user(server, run.wrapping_mul(STRIDE) % step.count + 1);
    figures.deliveries(some)?;
    figures.time("first login and SELECT", LOGINS, |run| log_in(server, &some(run)))?;
    figures.time("login and SELECT", LOGINS, |run| log_in(server, &some(run)))?;
    figures.memory();
    figures.write()
}

fn log_in(server: &Server, name: &str) -> io::Result<()> {
    let mut client = imap(server, name)?;
    client.imap("SELECT INBOX")?;
    client.imap("LOGOUT").map(drop)
}

/// One message to users by number.
fn to_many(server: &Server, client: &mut Client, first: u32, last: u32) -> io::Result<()> {
    let mut envelope = "MAIL FROM:<bench@example.net>\r\n".to_owned();
    for number in first..=last {
        // Writing to a string does not fail.
        let _ = write!(envelope, "RCPT TO:<{}>\r\n", user(server, number));
    }
    envelope.push_str("DATA\r\n");
    client.send(envelope.as_bytes())?;
    client.expect(b"250")?;
    for _ in first..=last {
        client.expect(b"250")?;
    }
    client.expect(b"354")?;
    let mut data = message(server.size, first);
    data.extend_from_slice(b".\r\n");
    client.send(&data)?;
    (first..=last).try_for_each(|_| client.expect(b"250"))
}

/// Users below `o=bench`, in the form of schema 2.
fn ldif(server: &Server, from: u32, to: u32, hash: &str) -> String {
    let mut text = String::new();
    for number in from..=to {
        let mail = user(server, number);
        let (uid, domain) = mail.split_once('@').unwrap_or((&mail, "example.com"));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "dn: uid={uid},ou=People,o={domain},o=bench\nobjectClass: inetOrgPerson\nobjectClass: \
             inetMailUser\nuid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {mail}\nuserPassword: {hash}\n\
             mailUserStatus: active\n\n"
        );
    }
    text
}

/// A plot for each kind of figures.
fn plots(figures: &Path, folder: &Path) -> io::Result<String> {
    let mut all: BTreeMap<(String, String), Vec<Line>> = BTreeMap::new();
    for text in fs::read_to_string(figures)?.lines() {
        let fields: Vec<&str> = text.split('\t').collect();
        let &[kind, unit, name, count, figure] = fields.as_slice() else {
            return Err(io::Error::other(format!("not a line of figures: {text}")));
        };
        let number = |word: &str| word.parse::<f64>().map_err(io::Error::other);
        let point = (number(count)?, number(figure)?);
        let lines = all.entry((kind.to_owned(), unit.to_owned())).or_default();
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: name.to_owned(), points: vec![point] }),
        }
    }
    fs::create_dir_all(folder)?;
    let mut made = Vec::new();
    for ((kind, unit), lines) in all {
        let (what, of) = kind.split_once('-').unwrap_or((&kind, ""));
        let path = folder.join(format!("growth-{kind}.svg"));
        fs::write(&path, plot::growth(&format!("{of} in {unit}, by {what}"), &lines))?;
        made.push(path.display().to_string());
    }
    Ok(made.join("\n"))
}
