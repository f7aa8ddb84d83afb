//! Every reply that confirms a change leaves after the sync of that change.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, Instant};
use waypost_e2e::instance::Instance;
use waypost_e2e::line::LineClient;
use waypost_e2e::trace::{self, Durable, Tracer};

/// How far `strace` may be behind what it watches.
const TRACE_LAG: Duration = Duration::from_secs(3);
/// How many characters of a call's arguments a failed test shows.
const ARGUMENTS_SHOWN: usize = 160;

const MESSAGE: &str = "From: a@example.net\r\nSubject: traced\r\n\r\nHello.\r\n";

#[test]
fn lmtp_replies_after_the_sync() {
    let server = Instance::start();
    let (mut client, _) = LineClient::connect(server.port("LMTP"));
    client.send("LHLO here\r\n");
    client.until(|line| line.starts_with("250 "));
    traced(&server, "lmtpd", "traced-body", "250 ", Durable::MessageAndMetadata, || {
        assert!(client.ask("MAIL FROM:<a@example.net>").starts_with("250"));
        assert!(client.ask("RCPT TO:<alice@example.com>").starts_with("250"));
        assert!(client.ask("DATA").starts_with("354"));
        let reply = client.ask(&format!("{MESSAGE}traced-body\r\n."));
        assert!(reply.starts_with("250"), "{reply}");
    });
}

#[test]
fn append_store_and_expunge_reply_after_the_sync() {
    let server = Instance::start();
    let mut client = imap(&server);
    let append = format!("APPEND INBOX {{{}+}}\r\n{MESSAGE}", MESSAGE.len());
    imap_traced(&server, &mut client, "T1", &append, Durable::MessageAndMetadata);
    client.imap("A3", "SELECT INBOX");
    let store = "STORE 1 +FLAGS.SILENT (\\Deleted)";
    imap_traced(&server, &mut client, "T2", store, Durable::Metadata);
    imap_traced(&server, &mut client, "T3", "EXPUNGE", Durable::Metadata);
}

#[test]
fn copy_move_and_mailbox_commands_reply_after_the_sync() {
    let server = Instance::start();
    let mut client = imap(&server);
    imap_traced(&server, &mut client, "T1", "CREATE Work", Durable::Metadata);
    client.imap("A3", &format!("APPEND INBOX {{{}+}}\r\n{MESSAGE}", MESSAGE.len()));
    client.imap("A4", "SELECT INBOX");
    imap_traced(&server, &mut client, "T2", "COPY 1 Work", Durable::Metadata);
    imap_traced(&server, &mut client, "T3", "MOVE 1 Work", Durable::Metadata);
    imap_traced(&server, &mut client, "T4", "RENAME Work Play", Durable::Metadata);
    imap_traced(&server, &mut client, "T5", "SUBSCRIBE Play", Durable::Metadata);
    imap_traced(&server, &mut client, "T6", "DELETE Play", Durable::Metadata);
}

#[test]
fn pop3_quit_replies_after_the_sync() {
    let server = Instance::start();
    let mut owner = imap(&server);
    owner.imap("A3", &format!("APPEND INBOX {{{}+}}\r\n{MESSAGE}", MESSAGE.len()));
    let (mut client, _) = LineClient::connect(server.port("POP"));
    assert!(client.ask("USER alice@example.com").starts_with("+OK"));
    assert!(client.ask(&format!("PASS {}", server.password("alice"))).starts_with("+OK"));
    assert!(client.ask("DELE 1").starts_with("+OK"));
    traced(&server, "popd", "\"QUIT\\r\\n\"", "+OK", Durable::Metadata, || {
        assert!(client.ask("QUIT").starts_with("+OK"));
    });
}

fn imap(server: &Instance) -> LineClient {
    let (mut client, _) = LineClient::connect(server.port("IMAP"));
    let login = format!("LOGIN alice@example.com \"{}\"", server.password("alice"));
    let answer = client.imap("A1", &login);
    assert!(answer.last().is_some_and(|line| line.starts_with("A1 OK")), "{answer:?}");
    client
}

fn imap_traced(
    server: &Instance,
    client: &mut LineClient,
    tag: &str,
    command: &str,
    durable: Durable,
) {
    let received = format!("\"{tag} {}", command.split(' ').next().unwrap_or_default());
    traced(server, "imapd", &received, "", durable, || {
        let answer = client.imap(tag, command);
        let ok = format!("{tag} OK");
        assert!(answer.last().is_some_and(|line| line.starts_with(&ok)), "{answer:?}");
    });
}

/// Does `work` under `strace` and checks the order of its calls.
fn traced(
    server: &Instance,
    role: &str,
    received: &str,
    reply: &str,
    durable: Durable,
    work: impl FnOnce(),
) {
    let (stored, worker) = (server.pid("stored"), server.pid(role));
    let metadata = server.metadata_file().canonicalize().expect("a path can be resolved");
    let syncing = trace::syncing_descriptors(stored, &metadata);
    let tracer = Tracer::attach(&[stored, worker], &server.scratch());
    work();
    let verdict = verdict(|| trace::check(&tracer.calls(), &syncing, received, reply, durable));
    let calls = tracer.calls();
    tracer.finish();
    if let Err(fault) = verdict {
        for call in &calls {
            let arguments: String = call.arguments.chars().take(ARGUMENTS_SHOWN).collect();
            println!("{}..{} {}({arguments}", call.began, call.ended, call.name);
        }
        panic!("{received}: {fault}");
    }
}

/// The client may have its reply before `strace` has written down the call that sent it.
fn verdict(check: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let start = Instant::now();
    loop {
        let verdict = check();
        if verdict.is_ok() || start.elapsed() > TRACE_LAG {
            return verdict;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
