//! POP3 dialogues on the reference model, and what they leave in the store.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

#[path = "support/faulty.rs"]
mod faulty;
mod support;

use faulty::{Fault, Faulty};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use support::{LOGIN, MAIL, NOW, Policy, World, deliver, store};
use waypost_net::testing::Dialogue;
use waypost_pop3::{Pop3Session, limits};
use waypost_store::model::ModelStore;
use waypost_store::{Mailbox, Mutation, StatePage, Store};
use waypost_types::{AccountName, MailboxName, SystemFlag, Uid, UidSet};

fn inbox(store: &dyn Store) -> Mailbox {
    let snapshot = store.snapshot().unwrap();
    let account = snapshot.account(&AccountName::new("alice").unwrap()).unwrap().unwrap();
    snapshot.mailbox_named(account.id, &MailboxName::inbox()).unwrap().unwrap()
}

/// The UIDs in Alice's inbox, those with `\Seen` in the second list.
fn uids(store: &dyn Store) -> (Vec<u32>, Vec<u32>) {
    let inbox = inbox(store);
    let Some(page) = store.snapshot().unwrap().page(inbox.id, 0).unwrap() else {
        return (Vec::new(), Vec::new());
    };
    let StatePage { live, .. } = &page;
    (live.iter().collect(), page.flag(SystemFlag::Seen).iter().collect())
}

fn expunge(store: &ModelStore, uids: &[u32]) {
    let inbox = inbox(store);
    let uids: UidSet = uids.iter().copied().map(Uid).collect();
    let (account, mailbox) = (inbox.account, inbox.id);
    let uids = Some(uids);
    let expunge = Mutation::Expunge { account, mailbox, uids, only_deleted: false };
    store.apply(expunge, NOW).unwrap();
}

fn play(dialogue: &mut Dialogue<Pop3Session>, script: &str) {
    dialogue.play("script", script).unwrap_or_else(|error| panic!("{error}"));
}

fn logged_in(world: &World) -> Dialogue<Pop3Session> {
    let mut dialogue = world.open();
    play(&mut dialogue, LOGIN);
    dialogue
}

/// EXTERNAL (RFC 4422 appendix A, RFC 5034).
#[test]
fn a_certificate_logs_its_owner_in() {
    let policy = Policy { min_cipher: -1, any_password: false };
    let world = World::new(store(), policy);
    let script = "S: +OK {*}\nC: AUTH\nS: +OK {*}\nS: EXTERNAL\nS: .\nC: AUTH EXTERNAL eA==\n\
                  S: -ERR [AUTH] you may not {*}\nC: AUTH EXTERNAL\nS: + \nC: \n\
                  S: +OK 3 messages {*}\n";
    play(&mut world.open_certified(Ok(())), script);
    let world = World::new(store(), Policy::default());
    let script = "S: +OK {*}\nC: AUTH\nS: +OK {*}\nS: PLAIN\nS: LOGIN\nS: EXTERNAL\nS: .\n\
                  C: AUTH EXTERNAL =\nS: +OK 3 messages {*}\n";
    play(&mut world.open_certified(Ok(())), script);
    let refused = "S: +OK {*}\nC: AUTH\nS: +OK {*}\nS: PLAIN\nS: LOGIN\nS: .\n\
                   C: AUTH EXTERNAL =\nS: -ERR [AUTH] your certificate is not accepted; {*}\n\
                   C: USER alice\nS: +OK {*}\nC: PASS wonder land\nS: +OK {*}\n";
    play(&mut world.open_certified(Err("expired".to_owned())), refused);
    let without = "S: +OK {*}\nC: AUTH EXTERNAL =\nS: -ERR EXTERNAL needs TLS {*}\n";
    play(&mut world.open(), without);
}

#[test]
fn every_script_is_answered_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut scripts: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(scripts.len() >= 18);
    for script in scripts {
        let name = script.file_name().unwrap().to_string_lossy().into_owned();
        let min_cipher = if name.starts_with("secure_") { 128 } else { 0 };
        let world = World::new(store(), Policy { min_cipher, ..Policy::default() });
        world.open().play_file(&script).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Guide: idle-floor-pop
#[test]
fn settings_change_under_a_session() {
    let world = World::new(store(), Policy::default());
    let mut session = logged_in(&world);
    world.reconfigure(|config| {
        config.idle_timeout = Duration::from_secs(20 * 60);
        config.banner = "new".to_owned();
    });
    play(
        &mut session,
        "C: NOOP\nS: +OK{*}\nTIME +19m\nQUIET\nC: NOOP\nS: +OK{*}\nTIME +21m\n\
         S: -ERR idle for 20 minutes{*}\nCLOSE\n",
    );
    play(&mut world.open(), "S: +OK new{*}\n");
}

#[test]
fn a_longer_idle_time_counts_for_a_wait_that_has_begun() {
    let world = World::new(store(), Policy::default());
    let mut session = logged_in(&world);
    play(&mut session, "C: NOOP\nS: +OK{*}\nTIME +9m\nQUIET\n");
    world.reconfigure(|config| config.idle_timeout = Duration::from_secs(20 * 60));
    play(&mut session, "TIME +10m\nQUIET\nTIME +1m\nS: -ERR idle for 20 minutes{*}\nCLOSE\n");
}

/// Guide: idle-drop
#[test]
fn an_idle_end_deletes_nothing() {
    let store = store();
    let world = World::new(store.clone(), Policy::default());
    let script = "C: DELE 2\nS: +OK {*}\nTIME +11m\nS: -ERR idle for 10 minutes{*}\nCLOSE\n";
    play(&mut logged_in(&world), script);
    assert_eq!(uids(&*store), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_wrong_password_is_refused_late_and_with_a_code() {
    let world = World::new(store(), Policy::default());
    let script = "S: +OK {*}\nC: USER alice\nS: +OK {*}\nC: PASS wonder  land\n\
                  S: -ERR [AUTH] the user name or the password is wrong\n\
                  C: USER alice\nS: +OK {*}\nC: PASS wonder land\nS: +OK 3 messages {*}\n";
    play(&mut world.open(), script);
}

#[test]
fn only_quit_removes_and_whole_messages_get_seen() {
    for (end, live) in
        [("C: QUIT\nS: +OK {*}\nCLOSE\n", vec![1, 3]), ("EOF\nCLOSE\n", vec![1, 2, 3])]
    {
        let store = store();
        let world = World::new(store.clone(), Policy::default());
        let mut dialogue = logged_in(&world);
        let begin = "C: RETR 1\nS> .\nC: TOP 3 5\nS> .\nC: DELE 2\nS: +OK {*}\n";
        play(&mut dialogue, &format!("{begin}{end}"));
        assert_eq!(uids(&*store), (live, vec![1]), "{end}");
    }
}

#[test]
fn messages_that_are_seen_already_are_not_written() {
    let store = Faulty::new(store());
    let world = World::new(store.clone(), Policy::default());
    let fetch = "C: RETR 1\nS> .\nC: TOP 2 0\nS> .\nC: QUIT\nS: +OK {*}\nCLOSE\n";
    let mut written = Vec::new();
    for _ in 0..2 {
        play(&mut logged_in(&world), fetch);
        written.push(store.mutations.load(Relaxed));
    }
    assert_eq!(uids(&*store.model).1, [1]);
    assert_eq!(written[1], written[0], "nothing was left to mark");
    play(&mut logged_in(&world), &fetch.replace("RETR 1", "RETR 1\nS> .\nC: RETR 3"));
    assert_eq!(uids(&*store.model).1, [1, 3]);
}

#[test]
fn the_log_line_counts_what_was_done() {
    let world = World::new(store(), Policy::default());
    let mut dialogue = logged_in(&world);
    play(
        &mut dialogue,
        "C: RETR 1\nS> .\nC: RETR 2\nS> .\nC: DELE 1\nS: +OK {*}\nC: QUIT\nS: +OK {*}\nCLOSE\n",
    );
    let summary = dialogue.memory().summary();
    assert_eq!((summary.user.as_deref(), summary.reason), (Some("alice"), "quit"));
    let bytes = (MAIL[0].len() + MAIL[1].len()) as u64;
    assert_eq!(summary.counts, vec![("retrieved", 2), ("bytes", bytes), ("deleted", 1)]);
}

#[test]
fn what_others_do_changes_no_number_and_hides_no_message() {
    let store = store();
    let world = World::new(store.clone(), Policy::default());
    let mut dialogue = logged_in(&world);
    expunge(&store, &[1, 2]);
    deliver(&store, b"Subject: new\r\n\r\n");
    let script = "WAKE\nC: STAT\nS: +OK 3 87\nC: LIST\nS: +OK 3 messages\nS: 1 37\nS: 2 28\nS: 3 22\nS: .\n\
                  C: RETR 2\nS> no end\nS: .\nC: LIST 4\nS: -ERR no such message\n\
                  C: DELE 1\nS: +OK {*}\nC: DELE 3\nS: +OK {*}\nC: QUIT\nS: +OK {*}\nCLOSE\n";
    play(&mut dialogue, script);
    assert_eq!(uids(&*store), (vec![4], vec![]), "the new message stays, and stays unseen");
    play(&mut logged_in(&world), "C: UIDL\nS: +OK 1 messages\nS: 1 {*}.4\nS: .\n");
}

#[test]
fn a_session_says_what_it_shows_until_it_ends() {
    let store = Faulty::new(store());
    let world = World::new(store.clone(), Policy::default());
    let before = inbox(&*store);
    let mut dialogue = logged_in(&world);
    deliver(&store.model, b"Subject: new\r\n\r\n");
    play(&mut dialogue, "WAKE\nC: STAT\nS: +OK 3 87\n");
    let showing = Some((before.id, before.modseq));
    assert_eq!(*store.shown.lock().unwrap(), vec![showing]);
    play(&mut dialogue, "C: QUIT\nS: +OK {*}\nCLOSE\n");
    assert_eq!(*store.shown.lock().unwrap(), vec![showing, None]);
}

#[test]
fn two_sessions_share_a_maildrop_without_a_lock() {
    let store = store();
    let world = World::new(store.clone(), Policy::default());
    let (mut one, mut other) = (logged_in(&world), logged_in(&world));
    play(&mut one, "C: DELE 1\nS: +OK {*}\nC: QUIT\nS: +OK {*}\nCLOSE\n");
    play(&mut other, "C: RETR 1\nS> .\nC: DELE 1\nS: +OK {*}\nC: QUIT\nS: +OK {*}\nCLOSE\n");
    assert_eq!(uids(&*store).0, vec![2, 3]);
}

#[test]
fn quit_says_so_when_nothing_could_be_removed() {
    let store = Faulty::new(store());
    let world = World::new(store.clone(), Policy::default());
    let mut dialogue = logged_in(&world);
    play(&mut dialogue, "C: DELE 1\nS: +OK {*}\n");
    store.set(Fault::Mutations);
    play(
        &mut dialogue,
        "C: QUIT\nS: -ERR [SYS/TEMP] some deleted messages were not removed\nCLOSE\n",
    );
    assert_eq!(uids(&*store.model).0, vec![1, 2, 3]);
    store.set(Fault::Nothing);
    let mut reader = logged_in(&world);
    play(&mut reader, "C: RETR 1\nS> .\n");
    store.set(Fault::Mutations);
    play(&mut reader, "C: QUIT\nS: +OK {*}\nCLOSE\n");
}

#[test]
fn a_store_that_fails_is_a_temporary_error_without_its_details() {
    let store = Faulty::new(store());
    let world = World::new(store.clone(), Policy::default());
    let refused = "S: -ERR [SYS/TEMP] the message store does not answer; try again later\n";
    let mut dialogue = logged_in(&world);
    store.set(Fault::Snapshots);
    let mut script = String::from("C: DELE 3\nS: +OK {*}\n");
    for command in ["STAT", "LIST", "LIST 1", "RETR 1", "TOP 1 1"] {
        let _ = write!(script, "C: {command}\n{refused}");
    }
    script.push_str("C: UIDL 1\nS: +OK 1 {*}\nC: RSET\nS: +OK {*}\nC: STAT\nS: +OK 3 87\n");
    play(&mut dialogue, &script);
    let login =
        format!("S: +OK {{*}}\nC: USER alice\nS: +OK {{*}}\nC: PASS wonder land\n{refused}");
    let mut other = world.open();
    play(&mut other, &login);
    store.set(Fault::Bodies(0));
    play(&mut other, &LOGIN[LOGIN.find('C').unwrap()..]);
    play(&mut other, &format!("C: RETR 1\n{refused}C: TOP 1 0\n{refused}"));
    store.set(Fault::Mutations);
    let newcomer = login.replace("alice", "newcomer");
    play(&mut world.open(), &newcomer);
}

#[test]
fn a_purged_message_is_an_error_of_its_own() {
    let store = Faulty::new(store());
    let world = World::new(store.clone(), Policy::default());
    let mut dialogue = logged_in(&world);
    store.set(Fault::Rows);
    let gone = "S: -ERR the message is no longer stored\n";
    play(&mut dialogue, &format!("C: RETR 1\n{gone}C: TOP 1 1\n{gone}C: LIST 1\n{gone}"));
    play(
        &mut dialogue,
        "C: LIST\nS: +OK 3 messages\nS: .\nC: DELE 1\nS: +OK {*}\nC: QUIT\nS: +OK {*}\nCLOSE\n",
    );
    assert_eq!(uids(&*store.model).0, vec![2, 3]);
}

#[test]
fn a_message_that_breaks_off_ends_the_session_without_the_final_dot() {
    let model = store();
    deliver(&model, &b"x: y\r\n".repeat(60_000));
    let store = Faulty::new(model);
    let world = World::new(store.clone(), Policy::default());
    let mut dialogue = logged_in(&world);
    store.set(Fault::Bodies(200_000));
    dialogue.memory().send(b"RETR 4\r\nNOOP\r\n").unwrap();
    assert!(dialogue.memory().is_closed());
    let output = std::mem::take(dialogue.memory().output());
    assert!(output.starts_with(b"+OK 360000 octets\r\n") && output.len() > 100_000);
    assert!(!output.ends_with(b"\r\n.\r\n") && !output.ends_with(b"half"));
    assert_eq!(dialogue.memory().summary().counts[0], ("retrieved", 0));
    assert_eq!(uids(&*store.model).1, Vec::<u32>::new(), "not seen");
}

#[test]
fn endless_lines_and_endless_errors_end_in_a_refusal() {
    let world = World::new(store(), Policy::default());
    let long = "a".repeat(3 * limits::LINE_BYTES);
    let mut script = format!("S: +OK {{*}}\nC: {long}\nS: -ERR the line is too long\n");
    let edge = "b".repeat(limits::LINE_BYTES);
    let _ = write!(script, "C: {edge}\nS: -ERR the line is too long\nC: AUTH PLAIN\nS: + \n");
    let _ =
        write!(script, "C: {long}\nS: -ERR the line is too long\nC: NOOP\nS: -ERR log in first\n");
    for _ in 4..limits::ERRORS {
        script.push_str("C: BAD\nS: -ERR unknown command\n");
    }
    script.push_str("C: BAD\nS: -ERR unknown command\nS: -ERR too many errors; goodbye\nCLOSE\n");
    play(&mut world.open(), &script);
}

#[test]
fn the_longest_sasl_response_fits_in_a_line() {
    use base64::Engine;
    let world = World::new(store(), Policy { any_password: true, ..Policy::default() });
    let message = format!("{0}\0{0}\0{1}", "o".repeat(255), "p".repeat(1_000));
    let text = base64::engine::general_purpose::STANDARD.encode(message);
    assert_eq!(text.len(), waypost_auth::sasl::MAX_BASE64_BYTES);
    let script = format!("S: +OK {{*}}\nC: AUTH PLAIN {text}\nS: +OK 0 messages (0 octets)\n");
    play(&mut world.open(), &script);
}

#[test]
fn a_failing_store_is_not_asked_before_login() {
    let store = Faulty::new(Arc::new(ModelStore::new()));
    store.set(Fault::Snapshots);
    let world = World::new(store, Policy::default());
    play(&mut world.open(), "S: +OK {*}\nC: CAPA\nS> .\nC: QUIT\nS: +OK {*}\nCLOSE\n");
}
