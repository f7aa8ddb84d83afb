//! Clients that nobody here wrote deliver and read mail.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::process::Command;
use std::time::Duration;
use waypost_e2e::instance::Instance;
use waypost_e2e::script::{attempt, python, run};

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn swaks_delivers_and_curl_reads() {
    let server = Instance::start();
    let port = server.port("LMTP").to_string();
    swaks(&server, &["--server", "127.0.0.1", "--port", &port], "by TCP");
    swaks(&server, &["--socket", server.setting("WAYPOST_LMTP_SOCKET")], "by socket");
    refused_recipient(&server, &port);
    for (scheme, service) in [("imap", "IMAP"), ("imaps", "IMAPS")] {
        let port = server.port(service);
        let list = curl(&server, &format!("{scheme}://localhost:{port}/"), &[]);
        assert!(list.contains("INBOX") && list.contains("Trash"), "{list}");
        let body = curl(&server, &format!("{scheme}://localhost:{port}/INBOX;MAILINDEX=2"), &[]);
        assert!(body.contains("Subject: by socket"), "{body}");
        let found =
            curl(&server, &format!("{scheme}://localhost:{port}/INBOX?SUBJECT%20socket"), &[]);
        assert!(found.contains("* SEARCH 2"), "{found}");
    }
    for (scheme, service) in [("pop3", "POP"), ("pop3s", "POPS")] {
        let port = server.port(service);
        let list = curl(&server, &format!("{scheme}://localhost:{port}/"), &[]);
        assert_eq!(list.lines().filter(|line| !line.trim().is_empty()).count(), 2, "{list}");
        let body = curl(&server, &format!("{scheme}://localhost:{port}/1"), &[]);
        assert!(body.contains("Subject: by TCP"), "{body}");
    }
}

#[test]
fn the_tools_deliver_and_manage_users() {
    let server = Instance::start();
    server.give_input(b"From: a@example.net\nSubject: by the tool\n\nHello.\n");
    run(&server, server.tool(&["deliver", "alice@example.com"]), LIMIT);
    let url = format!("imap://localhost:{}/INBOX;UID=1", server.port("IMAP"));
    let body = curl(&server, &url, &[]);
    assert!(body.contains("Subject: by the tool\r\n") && body.ends_with("Hello.\r\n"), "{body}");
    server.give_input(b"a long enough password\n");
    run(&server, server.tool(&["user", "add", "carol", "--password-stdin"]), LIMIT);
    let listed = run(&server, server.tool(&["user", "list"]), LIMIT);
    assert!(["alice", "bob", "carol"].iter().all(|name| listed.contains(name)), "{listed}");
    assert!(may_log_in(&server, "carol", "a long enough password"));
    run(&server, server.tool(&["user", "disable", "carol"]), LIMIT);
    assert!(!may_log_in(&server, "carol", "a long enough password"), "a disabled user logged in");
    assert!(may_log_in(&server, "alice", server.password("alice")));
}

#[test]
fn curl_appends_and_upgrades_to_tls() {
    let server = Instance::start();
    let port = server.port("IMAP");
    let message = server.scratch().join("message");
    let text = "From: a@example.net\r\nSubject: by curl\r\n\r\nHello.\r\n";
    std::fs::write(&message, text).expect("a file can be written");
    let url = format!("imap://localhost:{port}/INBOX");
    curl(&server, &url, &["--ssl-reqd", "--upload-file", message.to_str().unwrap()]);
    let body = curl(&server, &format!("{url};UID=1"), &["--ssl-reqd"]);
    assert_eq!(body, text);
    let url = format!("pop3://localhost:{}/1", server.port("POP"));
    assert_eq!(curl(&server, &url, &["--ssl-reqd"]), text);
}

#[test]
fn imaplib_drives_every_command() {
    python(&Instance::start(), "imap_commands.py", &[], LIMIT);
}

#[test]
fn poplib_drives_every_command() {
    python(&Instance::start(), "pop_commands.py", &[], LIMIT);
}

#[test]
fn fetchmail_empties_a_mailbox_through_stls() {
    python(&Instance::start(), "fetchmail.py", &[], LIMIT);
}

#[test]
fn mutt_lists_reads_and_flags() {
    python(&Instance::start(), "mutt.py", &[], LIMIT);
}

#[test]
fn postfix_hands_mail_over() {
    python(&Instance::start(), "postfix.py", &[], LIMIT);
}

#[test]
fn two_clients_see_each_others_changes() {
    let server = Instance::start();
    let seed = waypost_e2e::seed().to_string();
    python(&server, "together.py", &[&seed], LIMIT);
}

#[test]
fn mbsync_keeps_two_thousand_messages_the_same() {
    python(&Instance::start(), "sync.py", &[], Duration::from_secs(300));
}

#[test]
fn real_mail_comes_out_byte_for_byte() {
    python(&Instance::start(), "real_mail.py", &[], Duration::from_secs(400));
}

fn may_log_in(server: &Instance, user: &str, password: &str) -> bool {
    let mut command = Command::new("curl");
    command.args(["--silent", "--user", &format!("{user}@example.com:{password}")]);
    command.arg(format!("pop3://localhost:{}/", server.port("POP")));
    attempt(server, command, LIMIT).0
}

fn swaks(server: &Instance, to: &[&str], subject: &str) {
    let mut command = Command::new("swaks");
    command.args(["--protocol", "LMTP", "--from", "sender@example.net"]);
    command.args(["--to", "alice@example.com", "--header", &format!("Subject: {subject}")]);
    let output = run(server, with(command, to), LIMIT);
    assert!(output.contains("<-  250 2."), "{output}");
}

fn refused_recipient(server: &Instance, port: &str) {
    let mut command = Command::new("swaks");
    command.args(["--protocol", "LMTP", "--from", "sender@example.net"]);
    command.args(["--to", "nobody@example.com", "--server", "127.0.0.1", "--port", port]);
    let (success, output) = attempt(server, command, LIMIT);
    assert!(!success && output.contains("550 5.1.1"), "{output}");
}

fn curl(server: &Instance, url: &str, more: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60"]);
    command.args(["--cacert", server.setting("WAYPOST_CA")]);
    let user = format!("alice@example.com:{}", server.password("alice"));
    run(server, with(with(command, &["--user", &user, url]), more), LIMIT)
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}
