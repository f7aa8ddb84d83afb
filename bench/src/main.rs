//! Load generator and measurements for any IMAP, POP3 or LMTP server given by host and port.
//!
//! Every subcommand prints one row of a Markdown table: rate, percentiles, and, with `--pid`, the
//! CPU that the process and its descendants used per operation. Compare rows of one run only: with
//! `--tsv` runs of several servers are gathered in a file, of which `compare` makes tables and plots.

mod bare;
mod beside;
mod big;
mod client;
mod compare;
mod cpu;
mod growth;
mod idle;
mod large;
mod load;
mod mail;
mod mailbox;
mod many;
mod mixed;
mod notice;
mod plot;
mod report;
mod siege;
mod tls;

use clap::{Args, Parser, Subcommand};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// The command line.
#[derive(Parser)]
#[command(name = "waypost-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

/// Where the server is and who its users are.
#[derive(Args, Clone)]
pub(crate) struct Server {
    /// LMTP address.
    #[arg(long, default_value = "127.0.0.1:24", global = true)]
    lmtp: String,
    /// IMAP address (no TLS).
    #[arg(long, default_value = "127.0.0.1:143", global = true)]
    imap: String,
    /// POP3 address (no TLS).
    #[arg(long, default_value = "127.0.0.1:110", global = true)]
    pop: String,
    /// Login name; `{}` stands for the user's number, 1 to `--users`.
    #[arg(long, default_value = "bench{}@example.com", global = true)]
    user: String,
    /// How many users there are.
    #[arg(long, default_value_t = 1, global = true)]
    users: u32,
    /// Password of every user.
    #[arg(
        long,
        env = "WAYPOST_BENCH_PASSWORD",
        default_value = "",
        hide_env_values = true,
        global = true
    )]
    password: String,
    /// The server's process; it and its descendants are charged for the CPU they use.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// Connections at once.
    #[arg(long, default_value_t = 1, global = true)]
    concurrency: u32,
    /// How long each measurement runs.
    #[arg(long, default_value_t = 8, global = true)]
    seconds: u64,
    /// Message size in bytes.
    #[arg(long, default_value_t = 10_240, global = true)]
    size: usize,
    /// Append each row to this file too, fields separated by tabs, for `compare`.
    #[arg(long, global = true)]
    tsv: Option<PathBuf>,
    /// The server's name in that file.
    #[arg(long, default_value = "waypost", global = true)]
    label: String,
}

#[derive(Subcommand)]
enum What {
    /// Deliveries by LMTP, 100 messages per connection, envelope pipelined.
    Lmtp,
    /// Connect, log in, log out over IMAP.
    ImapLogin,
    /// Connect, log in, STAT, QUIT over POP3.
    PopLogin,
    /// Sessions of many commands in the proportions of imaptest's default mix.
    Mixed,
    /// FETCH 1:* BODY.PEEK[] over the inbox of each user in turn.
    Fetch,
    /// RETR of every message of the inbox of each user in turn.
    Retr,
    /// SELECT of a mailbox, over and over in one connection; with `--fill` it is filled first.
    Select {
        /// The mailbox.
        #[arg(long, default_value = "bench-select")]
        mailbox: String,
        /// Make the mailbox and fill it with this many messages.
        #[arg(long)]
        fill: Option<u32>,
        /// After filling, expunge every second message.
        #[arg(long)]
        holes: bool,
    },
    /// Commands in a mailbox of many messages, a row for each; filled first unless it is.
    Big {
        /// The mailbox.
        #[arg(long, default_value = "bench-big")]
        mailbox: String,
        /// Its messages.
        #[arg(long, default_value_t = 100_000)]
        count: u32,
    },
    /// Very large messages, delivered, appended, copied and fetched beside deliveries to another user:
    /// time, memory of each process above idle, and what the deliveries took meanwhile.
    Large {
        /// Bytes of the message.
        #[arg(long, default_value_t = 200_000_000)]
        bytes: u64,
    },
    /// STORE, COPY, MOVE, EXPUNGE and DELETE of very many messages beside deliveries to another user.
    Many {
        /// Messages.
        #[arg(long, default_value_t = 100_000)]
        count: u32,
    },
    /// What things cost when there are more of them: messages, folders, users.
    #[command(subcommand)]
    Growth(growth::Growth),
    /// Memory of idle connections: LOGIN, SELECT, IDLE.
    Idle(idle::Idle),
    /// From the LMTP 250 to the untagged EXISTS at an idling client.
    Notice {
        /// Other connections that idle meanwhile.
        #[arg(long, default_value_t = 0)]
        idlers: u32,
        /// Deliveries measured.
        #[arg(long, default_value_t = 500)]
        count: u32,
    },
    /// Honest clients beside thousands that mean harm.
    Siege(siege::Siege),
    /// Makes a table and plots of what `--tsv` gathered of two servers.
    Compare(compare::Compare),
    /// Is a server itself, at the addresses for IMAP and POP3, that only answers: the floor of the rows for
    /// logins and RETR.
    Bare,
    /// Prints the head of the table that the rows belong to.
    Head,
}

fn main() -> ExitCode {
    let Cli { what, server } = Cli::parse();
    match run(&what, &server) {
        Ok(row) => {
            println!("{row}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("waypost-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: &What, server: &Server) -> io::Result<String> {
    match what {
        What::Lmtp => load::run(server, "LMTP delivery", load::lmtp),
        What::ImapLogin => load::remember(server)
            .and_then(|()| load::run(server, "IMAP login + logout", load::imap_login)),
        What::PopLogin => load::remember(server)
            .and_then(|()| load::run(server, "POP3 login + STAT + QUIT", load::pop_login)),
        What::Mixed => load::run(server, "mixed commands", mixed::sessions),
        What::Fetch => load::run(server, "FETCH BODY.PEEK[] (a message)", load::fetch),
        What::Retr => load::run(server, "RETR (a message)", load::retr),
        What::Select { mailbox, fill, holes } => {
            if let Some(count) = fill {
                mailbox::fill(server, mailbox, *count, *holes)?;
            }
            mailbox::select(server, mailbox)
        }
        What::Big { mailbox, count } => {
            big::run(server, mailbox, *count).map(|rows| rows.join("\n"))
        }
        What::Large { bytes } => large::run(server, *bytes).map(|rows| rows.join("\n")),
        What::Many { count } => many::run(server, *count).map(|rows| rows.join("\n")),
        What::Growth(growth) => growth::run(server, growth),
        What::Idle(idle) => idle::run(server, idle).map(|rows| rows.join("\n")),
        What::Notice { idlers, count } => notice::run(server, *idlers, *count),
        What::Siege(siege) => siege::run(server, siege).map(|rows| rows.join("\n")),
        What::Compare(compare) => compare::run(compare),
        What::Bare => bare::run(server),
        What::Head => Ok(report::HEAD.to_owned()),
    }
}
