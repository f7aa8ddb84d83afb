//! Faults of the disk below the whole server: clients are told what failed and what to do, everything
//! else goes on, and when the fault ends so do they.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use waypost_e2e::instance::Instance;
use waypost_e2e::line::LineClient;
use waypost_e2e::wait_for;
use waypost_powercut::control::{Control, UNLIMITED, Word};
use waypost_powercut::record::{CONTROL_VARIABLE, ROOT_VARIABLE};

/// More faults than any test lets happen.
const ALWAYS: u64 = 1 << 40;

/// A server all of whose processes run below the library of faults.
fn faulty() -> (Instance, Control) {
    let mut control = None;
    let server = Instance::start_below(|folder| {
        let folder = folder.canonicalize().unwrap();
        let page = Control::create(&folder.join("control")).unwrap();
        let variable = |path: &Path| OsString::from(path);
        let variables = vec![
            ("LD_PRELOAD", variable(&library())),
            (ROOT_VARIABLE, variable(&folder)),
            (CONTROL_VARIABLE, variable(page.path())),
        ];
        control = Some(page);
        variables
    });
    (server, control.unwrap())
}

fn library() -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().join("libwaypost_faults.so");
    assert!(path.exists(), "{} is missing", path.display());
    path
}

fn imap(server: &Instance) -> LineClient {
    let (mut client, _) = LineClient::connect(server.port("IMAP"));
    let login = format!("LOGIN alice@example.com \"{}\"", server.password("alice"));
    ok(&client.imap("A1", &login));
    client
}

fn ok(answer: &[String]) {
    assert!(answer.last().is_some_and(|line| line.contains(" OK")), "{answer:?}");
}

/// A client in an INBOX of three messages.
fn three_messages(server: &Instance) -> LineClient {
    let mut client = imap(server);
    for number in 1..4 {
        let text = format!("Subject: {number}\r\n\r\nthis is message {number}\r\n");
        ok(&client.imap("A2", &format!("APPEND INBOX {{{}+}}\r\n{text}", text.len())));
    }
    ok(&client.imap("A3", "SELECT INBOX"));
    client
}

/// What a FETCH of all bodies shows, and its last line.
fn bodies(client: &mut LineClient) -> (Vec<usize>, String) {
    // Messages hold empty lines, which elsewhere stand for the end of the connection.
    client.send("F1 FETCH 1:* BODY.PEEK[]\r\n");
    let mut answer = vec![client.line()];
    while answer.len() < 100 && !answer.last().unwrap().starts_with("F1 ") {
        answer.push(client.line());
    }
    let holds = |number: &usize| {
        let text = format!("this is message {number}");
        answer.iter().any(|line| line.starts_with(&text))
    };
    ((1..4).filter(holds).collect(), answer.last().unwrap().clone())
}

#[test]
fn a_read_error_costs_the_bytes_and_nothing_else() {
    let (server, control) = faulty();
    let mut client = three_messages(&server);
    control.set(Word::SegmentReadErrors, ALWAYS).unwrap();
    let (shown, last) = bodies(&mut client);
    assert!(shown.is_empty() && last.contains(" NO "), "{shown:?} {last}");
    ok(&client.imap("F2", "FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)"));
    ok(&client.imap("F3", "STORE 2 +FLAGS (\\Seen)"));
    assert!(control.read(Word::ReadErrorsSeen).unwrap() > 0);
    control.set(Word::SegmentReadErrors, 0).unwrap();
    let (shown, last) = bodies(&mut client);
    assert!(shown == [1, 2, 3] && last.contains(" OK"), "{shown:?} {last}");
}

#[test]
fn a_flipped_bit_costs_one_message_and_the_log_names_it() {
    let (server, _control) = faulty();
    let mut client = three_messages(&server);
    assert_eq!(flip(&server.home(), b"this is message 2"), 1);
    let (shown, last) = bodies(&mut client);
    assert_eq!(shown, [1, 3]);
    assert!(last.contains(" NO "), "{last}");
    let named = |line: &&str| {
        line.contains("message left out of FETCH")
            && line.contains("segment")
            && line.contains("uid=2")
    };
    wait_for("the log", || server.log().lines().find(named).map(str::to_owned));
    ok(&client.imap("A4", "FETCH 3 BODY.PEEK[TEXT]"));
}

/// Flips a bit where a segment below a folder holds a text; how often it does.
fn flip(folder: &Path, text: &[u8]) -> usize {
    let mut flipped = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            flipped += flip(&path, text);
        } else if path.extension().is_some_and(|end| end == "seg") {
            let bytes = fs::read(&path).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            for at in bytes.windows(text.len()).enumerate().filter(|(_, found)| *found == text) {
                file.write_all_at(&[text[0] ^ 4], at.0 as u64).unwrap();
                flipped += 1;
            }
        }
    }
    flipped
}

#[test]
fn a_full_disk_refuses_mail_for_now_and_reads_go_on() {
    let (server, control) = faulty();
    let mut client = three_messages(&server);
    control.set(Word::SegmentSpace, 0).unwrap();
    let reply = deliver(&server);
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    let answer = client.imap("A4", "APPEND INBOX {3+}\r\nabc");
    assert!(answer.last().unwrap().starts_with("A4 NO"), "{answer:?}");
    let says_full = || {
        let told = server.tool(&["status"]).output().unwrap();
        String::from_utf8_lossy(&told.stdout).contains("warning: the store's disk is full")
    };
    wait_for("status to say so", || says_full().then_some(()));
    assert_eq!(bodies(&mut client).0, [1, 2, 3]);
    ok(&client.imap("A5", "STORE 1 +FLAGS (\\Flagged)"));
    // Who has no space left must be able to delete.
    ok(&client.imap("A6", "STORE 3 +FLAGS.SILENT (\\Deleted)"));
    ok(&client.imap("A7", "EXPUNGE"));
    assert_eq!(bodies(&mut client).0, [1, 2]);
    assert!(control.read(Word::FullSeen).unwrap() > 0);
    control.set(Word::SegmentSpace, UNLIMITED).unwrap();
    // Not at once: what is kept back was let go for the changes above.
    wait_for("mail is taken", || deliver(&server).starts_with("250").then_some(()));
    wait_for("status to say nothing", || (!says_full()).then_some(()));
}

/// A session of a user.
fn session(server: &Instance, user: &str) -> LineClient {
    let (mut client, _) = LineClient::connect(server.port("IMAP"));
    let login = format!("LOGIN {user}@example.com \"{}\"", server.password(user));
    ok(&client.imap("S1", &login));
    client
}

/// How many messages a user's INBOX shows with their envelope; `None` when it is refused.
fn envelopes(server: &Instance, user: &str) -> Option<usize> {
    let mut client = session(server, user);
    let selected = client.imap("E1", "SELECT INBOX");
    selected.last().filter(|line| line.contains(" OK"))?;
    let answer = client.imap("E2", "FETCH 1:* ENVELOPE");
    let shown = answer.iter().filter(|line| line.contains(&format!("letter for {user} "))).count();
    answer.last().filter(|line| line.contains(" OK")).map(|_| shown)
}

/// Makes every node on the pages with a text say that its value has 2 GiB; how many pages.
fn damage_pages(file: &Path, text: &[u8]) -> usize {
    const PAGE: usize = 4_096;
    let bytes = fs::read(file).unwrap();
    let file = File::options().write(true).open(file).unwrap();
    let number = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let mut damaged = 0;
    for start in (0..bytes.len() / PAGE).map(|page| page * PAGE) {
        let is_leaf = number(start + 10) == 2;
        let holds = bytes[start..start + PAGE].windows(text.len()).any(|found| found == text);
        if !is_leaf || !holds {
            continue;
        }
        for place in (start + 16..start + number(start + 12)).step_by(2) {
            let node = (start + number(place)) as u64;
            file.write_all_at(&[0xff, 0xff, 0xff, 0x7f], node).unwrap();
        }
        damaged += 1;
    }
    damaged
}

/// LMDB trusts its pages: who reads this one ends. That must not go on for ever, nor for everybody.
#[test]
fn a_damaged_page_of_the_metadata_closes_the_store_to_changes_and_to_whom_it_concerns() {
    const LETTERS: usize = 40;
    let mut server = Instance::start();
    for user in ["alice", "bob"] {
        let mut client = session(&server, user);
        for number in 0..LETTERS {
            let text = format!("Subject: letter for {user} {number}\r\n\r\n{number}\r\n");
            ok(&client.imap("P1", &format!("APPEND INBOX {{{}+}}\r\n{text}", text.len())));
        }
        assert_eq!(envelopes(&server, user), Some(LETTERS));
    }
    let imapd = server.pid("imapd");
    assert!(damage_pages(&server.metadata_file(), b"letter for bob 20") > 0);
    let (mut client, _) = LineClient::connect(server.port("IMAP"));
    let login = format!("LOGIN bob@example.com \"{}\"", server.password("bob"));
    client.send(format!("D1 {login}\r\nD2 SELECT INBOX\r\nD3 FETCH 1:* ENVELOPE\r\n"));
    let closed = |log: &String| log.contains("the store is closed to changes").then_some(());
    wait_for("the store to be closed to changes", || closed(&server.log()));
    wait_for("another imapd", || (server.pid("imapd") != imapd).then_some(()));
    let imapd = server.pid("imapd");
    for _ in 0..3 {
        assert_eq!(envelopes(&server, "alice"), Some(LETTERS));
        assert_eq!(envelopes(&server, "bob"), None, "it lies on the damaged page");
    }
    let mut client = session(&server, "alice");
    ok(&client.imap("Q1", "SELECT INBOX"));
    let answer = client.imap("Q2", "STORE 1 +FLAGS (\\Seen)");
    assert!(answer.last().unwrap().starts_with("Q2 NO"), "{answer:?}");
    let reply = deliver(&server);
    assert!(reply.starts_with('4'), "the mail server must try again: {reply}");
    assert_eq!(server.pid("imapd"), imapd, "nobody ended again");
    let told = server.tool(&["check"]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("structure damaged") && told.contains("`waypost reconstruct`"), "{told}");
    let told = server.tool(&["status"]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("warning: pages of the metadata are damaged"), "{told}");

    // The writer that is started anew finds it again.
    server.stop();
    server.start_again();
    assert_eq!(envelopes(&server, "alice"), Some(LETTERS));
    assert_eq!(envelopes(&server, "bob"), None);
    server.stop();
    let made = server.tool(&["reconstruct"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    server.start_again();
    for user in ["alice", "bob"] {
        assert_eq!(envelopes(&server, user), Some(LETTERS), "{user}");
    }
    assert!(deliver(&server).starts_with("250"));
}

/// Metadata that are cut short under the processes that have them mapped.
#[test]
fn metadata_that_are_cut_short_under_the_server_come_back() {
    const LETTERS: usize = 40;
    let mut server = Instance::start();
    let mut client = session(&server, "bob");
    for number in 0..LETTERS {
        let text = format!("Subject: letter for bob {number}\r\n\r\n{number}\r\n");
        ok(&client.imap("P1", &format!("APPEND INBOX {{{}+}}\r\n{text}", text.len())));
    }
    let file = File::options().write(true).open(server.metadata_file()).unwrap();
    file.set_len(16_384).unwrap();
    client.send("D2 SELECT INBOX\r\nD3 FETCH 1:* ENVELOPE\r\n");
    let told = |log: &String| log.contains("`waypost reconstruct`").then_some(());
    wait_for("the log to tell what to do", || told(&server.log()));
    server.stop();
    let refused = server.tool(&["check"]).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(told.contains("structure damaged") && told.contains("`waypost reconstruct`"), "{told}");
    let made = server.tool(&["reconstruct"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    server.start_again();
    assert_eq!(envelopes(&server, "bob"), Some(LETTERS));
    assert!(deliver(&server).starts_with("250"));
}

/// The reply to a delivery to alice.
fn deliver(server: &Instance) -> String {
    let (mut client, _) = LineClient::connect(server.port("LMTP"));
    client.send("LHLO here\r\n");
    client.until(|line| line.starts_with("250 "));
    assert!(client.ask("MAIL FROM:<a@example.net>").starts_with("250"));
    assert!(client.ask("RCPT TO:<alice@example.com>").starts_with("250"));
    assert!(client.ask("DATA").starts_with("354"));
    client.ask("Subject: delivered\r\n\r\nx\r\n.")
}

#[test]
fn without_descriptors_sessions_that_are_there_go_on() {
    let (server, _control) = faulty();
    let mut client = three_messages(&server);
    assert_eq!(bodies(&mut client).0, [1, 2, 3]);
    let imapd = server.pid("imapd");
    limit(imapd, 8);
    let port = server.port("IMAP");
    let crowd: Vec<_> =
        (0..8).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    ok(&client.imap("N1", "NOOP"));
    ok(&client.imap("N2", "STORE 1 +FLAGS (\\Answered)"));
    assert_eq!(bodies(&mut client).0, [1, 2, 3]);
    drop(crowd);
    limit(imapd, 1_024);
    ok(&imap(&server).imap("N3", "LIST \"\" *"));
    assert_eq!(server.pid("imapd"), imapd, "no process was lost");
}

/// Lowers or raises how many descriptors a process may have from now on.
fn limit(pid: u32, descriptors: u32) {
    let limits = format!("--nofile={descriptors}:");
    let status = Command::new("prlimit").args([&format!("--pid={pid}"), &limits]).status();
    assert!(status.expect("prlimit is there").success());
}
