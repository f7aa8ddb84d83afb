//! LMTP dialogues on the reference model, and what they leave in the store.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use waypost_directory::{Attribute, EmbeddedDirectory, NewUser, QuotaRules};
use waypost_lmtp::{Config, LmtpService, LmtpSession, limits};
use waypost_net::session::{ConnectionFacts, Service};
use waypost_net::testing::Dialogue;
use waypost_store::Store;
use waypost_store::model::ModelStore;
use waypost_types::{AccountName, MailboxName, Secret, Uid};

struct World {
    store: Arc<ModelStore>,
    service: LmtpService,
    _dir: tempfile::TempDir,
}

fn world(max_message_bytes: u64) -> World {
    world_with(max_message_bytes, QuotaRules::default(), &[])
}

/// A world whose server has these quotas and bob these attributes.
fn world_with(max_message_bytes: u64, quota: QuotaRules, of_bob: &[Attribute]) -> World {
    let dir = tempfile::tempdir().unwrap();
    let directory = EmbeddedDirectory::open_writable(dir.path(), "example.com").unwrap();
    directory.add_domain("example.com").unwrap();
    for uid in ["alice", "bob"] {
        let password = Secret::new("secret-of-a-test".to_owned());
        let user = NewUser {
            uid: uid.to_owned(),
            domain: "example.com".to_owned(),
            password,
            cn: None,
            mail: None,
            mail_alternate_addresses: Vec::new(),
            quota: None,
            message_quota: None,
        };
        directory.add_user(&user).unwrap();
    }
    directory.set_attributes("bob", "example.com", of_bob).unwrap();
    let config = Config {
        hostname: "mail.example.com".to_owned(),
        max_message_bytes,
        idle_timeout: Duration::from_secs(300),
        quota,
    };
    let store = Arc::new(ModelStore::new());
    let shared = Arc::new(RwLock::new(Arc::new(config)));
    let service = LmtpService::new(store.clone(), Arc::new(directory), shared);
    World { store, service, _dir: dir }
}

fn open(world: &World) -> Dialogue<LmtpSession> {
    Dialogue::open(|facts: ConnectionFacts| world.service.session(facts)).unwrap()
}

/// The bytes of every message of a mailbox.
fn messages(store: &dyn Store, account: &str, mailbox: &str) -> Vec<String> {
    let snap = store.snapshot().unwrap();
    let account = snap.account(&AccountName::new(account).unwrap()).unwrap().unwrap();
    let name = MailboxName::new(mailbox).unwrap();
    let mailbox = snap.mailbox_named(account.id, &name).unwrap().unwrap();
    let read = |uid: Uid| {
        let row = snap.message(mailbox.id, uid).unwrap().unwrap();
        let mut bytes = Vec::new();
        snap.body(account.id, row.email).unwrap().append_to(0..row.size, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    snap.live(&mailbox).unwrap().iter().map(read).collect()
}

#[test]
fn every_script_is_answered_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut scripts: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(scripts.len() >= 5);
    for script in scripts {
        open(&world(20_000)).play_file(&script).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn recipients_share_one_message_with_trace_lines_and_sub_addresses_file() {
    let world = world(20_000);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues/delivery.t");
    open(&world).play_file(&script).unwrap_or_else(|error| panic!("{error}"));
    let inbox = messages(&*world.store, "alice", "INBOX");
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].starts_with("Return-Path: <sender@example.net>\r\nReceived: from client"));
    assert!(inbox[0].ends_with("Subject: hello\r\n\r\n.dot\r\n"), "{}", inbox[0]);
    assert_eq!(messages(&*world.store, "bob", "INBOX"), inbox, "no such folder: the inbox");
    // Bob's Sent did not exist when the mail came: the account was made by this very delivery.
    assert_eq!(messages(&*world.store, "bob", "Sent"), inbox);
}

#[test]
fn a_message_over_the_limit_is_refused_for_each_recipient_and_the_session_goes_on() {
    let world = world(20_000);
    let mut dialogue = open(&world);
    let mut script = String::from(
        "S: 220 {*}\nC: LHLO x\nS> 250 SIZE 20000\nC: MAIL FROM:<a@b>\nS: 250 {*}\n\
         C: RCPT TO:<alice@example.com>\nS: 250 {*}\nC: RCPT TO:<bob@example.com>\nS: 250 {*}\n\
         C: DATA\nS: 354 {*}\n",
    );
    for _ in 0..30 {
        let _ = writeln!(script, "C: {}", "x".repeat(990));
    }
    script.push_str("C: .\nS: 552 5.3.4 {*}\nS: 552 5.3.4 {*}\nC: NOOP\nS: 250 {*}\n");
    dialogue.play("too large", &script).unwrap_or_else(|error| panic!("{error}"));
    assert!(world.store.snapshot().unwrap().accounts().unwrap().is_empty(), "nothing was stored");
}

#[test]
fn endless_lines_and_endless_errors_end_in_a_refusal() {
    let world = world(20_000);
    let long = "a".repeat(3 * limits::COMMAND_BYTES);
    let mut script = format!(
        "S: 220 {{*}}\nC: {long}\nS: 500 5.5.2 the line is too long\nC: NOOP\nS: 250 {{*}}\n"
    );
    for _ in 1..limits::ERRORS {
        script.push_str("C: BAD\nS: 500 5.5.2 unknown command\n");
    }
    script.push_str("C: BAD\nS: 500 5.5.2 unknown command\nS: 421 4.7.0 {*}\nCLOSE\n");
    open(&world).play("errors", &script).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn many_declined_recipients_do_not_lose_the_message_for_the_others() {
    let world = world(20_000);
    let mut script =
        String::from("S: 220 {*}\nC: LHLO x\nS> 250 SIZE 20000\nC: MAIL FROM:<a@b>\nS: 250 {*}\n");
    for _ in 0..=limits::ERRORS {
        script.push_str("C: RCPT TO:<stranger@example.com>\nS: 550 5.1.1 {*}\n");
    }
    for _ in 0..limits::RECIPIENTS {
        script.push_str("C: RCPT TO:<alice@example.com>\nS: 250 {*}\n");
    }
    for _ in 0..=limits::ERRORS {
        script.push_str("C: RCPT TO:<bob@example.com>\nS: 452 4.5.3 {*}\n");
    }
    script.push_str("C: DATA\nS: 354 {*}\nC: Subject: list\nC:\nC: .\n");
    script.push_str(&"S: 250 {*}\n".repeat(limits::RECIPIENTS));
    open(&world).play("declined", &script).unwrap_or_else(|error| panic!("{error}"));
    assert!(!messages(&*world.store, "alice", "INBOX").is_empty());
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_message_delivers_nothing() {
    let world = world(20_000);
    let script = "S: 220 {*}\nC: LHLO x\nS> 250 SIZE 20000\nC: MAIL FROM:<a@b>\nS: 250 {*}\n\
                  C: RCPT TO:<alice@example.com>\nS: 250 {*}\nC: DATA\nS: 354 {*}\nC: half\nEOF\nCLOSE\n";
    open(&world).play("half", script).unwrap_or_else(|error| panic!("{error}"));
    assert!(world.store.snapshot().unwrap().accounts().unwrap().is_empty());
}

#[test]
fn the_same_bytes_in_chunks_of_any_size_deliver_the_same_mail() {
    let input = b"LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n\
                  Subject: x\r\n\r\n..a\r\n.b\r\nc\r\n.\r\nQUIT\r\n";
    for chunk in [1, 2, 3, 7, 64, input.len()] {
        let world = world(20_000);
        let mut dialogue = open(&world);
        for piece in input.chunks(chunk) {
            dialogue.memory().send(piece).unwrap();
        }
        let mail = messages(&*world.store, "alice", "INBOX");
        assert_eq!(mail.len(), 1, "chunks of {chunk}");
        assert!(mail[0].ends_with("\r\n\r\n.a\r\nb\r\nc\r\n"), "chunks of {chunk}: {}", mail[0]);
    }
}

fn attribute(name: &str, value: &str) -> Attribute {
    Attribute { name: name.to_owned(), values: vec![value.to_owned()] }
}

/// One message to alice and bob; `extra` ends MAIL, then come the replies to both RCPT and after the dot.
fn transaction(extra: &str, rcpt: [&str; 2], end: &[&str]) -> String {
    let mut script = format!(
        "C: MAIL FROM:<a@b>{extra}\nS: 250 {{*}}\nC: RCPT TO:<alice@example.com>\nS: {}\n\
         C: RCPT TO:<bob@example.com>\nS: {}\n",
        rcpt[0], rcpt[1]
    );
    if rcpt.iter().any(|reply| reply.starts_with("250")) {
        script.push_str("C: DATA\nS: 354 {*}\nC: Subject: q\nC:\nC: text\nC: .\n");
    } else {
        script.push_str("C: RSET\nS: 250 {*}\n");
    }
    end.iter().for_each(|reply| {
        let _ = writeln!(script, "S: {reply}");
    });
    script
}

const HELLO: &str = "S: 220 {*}\nC: LHLO x\nS> 250 SIZE 20000\n";
const TAKEN: &str = "250 2.1.5 {*}";
const FULL: &str = "452 4.2.2 {*}";
const NEVER: &str = "552 5.2.2 {*}";

#[test]
fn a_full_mailbox_waits_and_the_other_recipients_get_the_message() {
    let world = world_with(20_000, QuotaRules::default(), &[attribute("mailMsgQuota", "1")]);
    let mut script = HELLO.to_owned();
    script += &transaction("", [TAKEN, TAKEN], &["250 2.0.0 {*}", "250 2.0.0 {*}"]);
    script += &transaction("", [TAKEN, FULL], &["250 2.0.0 {*}"]);
    open(&world).play("full", &script).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(messages(&*world.store, "alice", "INBOX").len(), 2);
    assert_eq!(messages(&*world.store, "bob", "INBOX").len(), 1);
}

#[test]
fn what_the_quota_can_never_hold_is_refused_for_good() {
    let quota = [attribute("mailQuota", "1K")];
    let world = world_with(20_000, QuotaRules::default(), &quota);
    let mut script = HELLO.to_owned();
    script += &transaction(" SIZE=1025", [TAKEN, NEVER], &["250 2.0.0 {*}"]);
    script += &transaction(" SIZE=100", [TAKEN, TAKEN], &["250 2.0.0 {*}", "250 2.0.0 {*}"]);
    open(&world).play("announced", &script).unwrap_or_else(|error| panic!("{error}"));
    // Not announced, so only the store sees it, and its answer is this recipient's alone.
    let quota = [attribute("mailQuota", "100")];
    let world = world_with(20_000, QuotaRules::default(), &quota);
    let script = HELLO.to_owned() + &transaction("", [TAKEN, TAKEN], &["250 2.0.0 {*}", NEVER]);
    open(&world).play("not announced", &script).unwrap_or_else(|error| panic!("{error}"));
    let world = world_with(20_000, QuotaRules::default(), &[attribute("mailQuota", "0")]);
    let script = HELLO.to_owned() + &transaction("", [TAKEN, NEVER], &["250 2.0.0 {*}"]);
    open(&world).play("nothing allowed", &script).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_default_holds_for_users_without_a_quota_and_only_while_enforced() {
    let unlimited = [attribute("mailMsgQuota", "-1")];
    let rules = QuotaRules { default_messages: Some(0), ..QuotaRules::default() };
    let world = world_with(20_000, rules, &unlimited);
    let script = HELLO.to_owned() + &transaction("", [NEVER, TAKEN], &["250 2.0.0 {*}"]);
    open(&world).play("default", &script).unwrap_or_else(|error| panic!("{error}"));
    let world = world_with(20_000, QuotaRules { enforced: false, ..rules }, &[]);
    let taken = ["250 2.0.0 {*}", "250 2.0.0 {*}"];
    let script = HELLO.to_owned() + &transaction("", [TAKEN, TAKEN], &taken);
    open(&world).play("not enforced", &script).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn mail_for_another_partition_waits() {
    let of_bob = [attribute("mailMessageStore", "secondary")];
    let world = world_with(20_000, QuotaRules::default(), &of_bob);
    let script = HELLO.to_owned() + &transaction("", [TAKEN, "451 4.2.0 {*}"], &["250 2.0.0 {*}"]);
    open(&world).play("elsewhere", &script).unwrap_or_else(|error| panic!("{error}"));
    let world =
        world_with(20_000, QuotaRules::default(), &[attribute("mailMessageStore", "Primary")]);
    let taken = ["250 2.0.0 {*}", "250 2.0.0 {*}"];
    let script = HELLO.to_owned() + &transaction("", [TAKEN, TAKEN], &taken);
    open(&world).play("here", &script).unwrap_or_else(|error| panic!("{error}"));
}
