//! Large replies come in bounded steps, and the same bytes in any chunks give the same replies.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod support;

use std::sync::Arc;
use support::{Policy, World, answers, deliver, runtime, store};
use waypost_net::session::{
    ConnectionFacts, Event, Io, Next, OUTPUT_STEP_BYTES, Session, WakeHandle,
};
use waypost_net::user_list::Arrival;
use waypost_store::model::ModelStore;
use waypost_store::{Mutation, Store};
use waypost_types::{AccountName, MailboxName, Moment, UidSet};

/// How much more than its share a step may write: one chunk of a message and its line ends.
const SLACK: usize = 2 * waypost_pop3::limits::READ_BYTES + 1_024;

/// What the steps of a session wrote.
struct Steps {
    output: Vec<u8>,
    longest: usize,
    on_worker: usize,
}

/// Runs a session over `input` as the real loop does: the output is taken after each step.
fn run(world: &World, input: &[u8]) -> Steps {
    let waker = WakeHandle::new(|| {});
    let facts = ConnectionFacts {
        id: 1,
        peer: None,
        tls: None,
        starttls_available: false,
        waker,
        arrival: Arrival::default(),
    };
    let mut session = world.session(facts);
    let mut waiting = input.into();
    let mut steps = Steps { output: Vec::new(), longest: 0, on_worker: 0 };
    let mut event = Event::Open;
    loop {
        let (mut output, now) = (Vec::new(), Moment::now());
        let mut io = Io { input: &mut waiting, eof: false, output: &mut output, now };
        let next = session.step(&mut io, event);
        steps.longest = steps.longest.max(output.len());
        steps.output.append(&mut output);
        event = match next {
            Next::Continue => Event::Go,
            Next::Store | Next::Work => {
                steps.on_worker += 1;
                Event::Go
            }
            Next::Call(call) => Event::Reply(runtime().handle().block_on(call)),
            Next::Read { .. } if !waiting.is_empty() => Event::Input,
            Next::Read { .. } | Next::StartTls | Next::Close => return steps,
        };
    }
}

/// Alice with 6,144 messages.
fn full_store() -> Arc<ModelStore> {
    let store = store();
    let (account, mailbox) = {
        let snapshot = store.snapshot().unwrap();
        let account = snapshot.account(&AccountName::new("alice").unwrap()).unwrap().unwrap().id;
        (account, snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap().unwrap().id)
    };
    for _ in 0..11 {
        let uids = UidSet::range(1..=u32::MAX);
        let copy = Mutation::Copy {
            account,
            from: mailbox,
            uids,
            to: mailbox,
            limits: Default::default(),
        };
        store.apply(copy, support::NOW).unwrap();
    }
    store
}

const LOGIN: &[u8] = b"USER alice\r\nPASS wonder land\r\n";

#[test]
fn listings_of_many_messages_come_in_bounded_steps() {
    let world = World::new(full_store(), Policy::default());
    let steps = run(&world, &[LOGIN, b"LIST\r\nUIDL\r\nLIST\r\nQUIT\r\n"].concat());
    assert!(steps.longest <= OUTPUT_STEP_BYTES + 100, "{}", steps.longest);
    assert!(steps.output.len() > 2 * OUTPUT_STEP_BYTES);
    assert!(steps.on_worker > 3, "more than the login and one step for each LIST");
    let text = String::from_utf8(steps.output).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    // Greeting, two for the login, two around each listing, QUIT, and what follows it.
    assert_eq!(lines.len(), 3 * (6_144 + 2) + 5);
    for (column, listing) in lines[3..].chunks(6_144 + 2).take(3).enumerate() {
        assert_eq!((listing[0], listing[6_145]), ("+OK 6144 messages", "."));
        for (number, line) in (1..).zip(&listing[1..=6_144]) {
            let (first, second) = line.split_once(' ').unwrap();
            assert_eq!(first, number.to_string());
            let known = ["37", "28", "22"].contains(&second);
            assert!(if column == 1 { second.ends_with(&format!(".{number}")) } else { known });
        }
    }
}

#[test]
fn the_unique_ids_need_no_thread_that_may_block() {
    let world = World::new(store(), Policy::default());
    assert_eq!(run(&world, &[LOGIN, b"NOOP\r\n"].concat()).on_worker, 1, "the login");
    let facts_only = b"UIDL\r\nUIDL 1\r\nSTAT\r\nDELE 1\r\nRSET\r\nSTAT\r\n";
    assert_eq!(run(&world, &[LOGIN, facts_only].concat()).on_worker, 1);
}

#[test]
fn deletions_of_many_messages_are_weighed_in_bounded_steps() {
    let store = full_store();
    let world = World::new(store.clone(), Policy::default());
    let mut input = LOGIN.to_vec();
    for number in 1..=6_000 {
        input.extend_from_slice(format!("DELE {number}\r\n").as_bytes());
    }
    input.extend_from_slice(b"STAT\r\nQUIT\r\n");
    let steps = run(&world, &input);
    let text = String::from_utf8(steps.output).unwrap();
    assert!(
        text.contains(&format!("\r\n+OK 144 {}\r\n", 144 / 3 * 87)),
        "{}",
        &text[text.len() - 99..]
    );
    assert!(steps.longest <= OUTPUT_STEP_BYTES + 100);
    assert_eq!(steps.on_worker, 1 + 2, "the login, and 6,000 rows at 4,000 a step");
    let left = run(&world, &[LOGIN, b"STAT\r\n"].concat());
    assert!(left.output.ends_with(format!("+OK 144 {}\r\n", 144 / 3 * 87).as_bytes()));
}

#[test]
fn a_large_message_comes_whole_and_in_bounded_steps() {
    let store = store();
    let mut message = b"Subject: large\r\n\r\n".to_vec();
    for line in 0..60_000 {
        let dots = ".".repeat(line % 3);
        message.extend_from_slice(format!("{dots}line {line}\r\n").as_bytes());
    }
    deliver(&store, &message);
    let world = World::new(store, Policy::default());
    let steps = run(&world, &[LOGIN, b"RETR 4\r\nTOP 4 50000\r\n"].concat());
    assert!(steps.longest <= OUTPUT_STEP_BYTES + SLACK, "{}", steps.longest);
    let begin = format!("+OK {} octets\r\n", message.len());
    let text = String::from_utf8(steps.output).unwrap();
    let (_, reply) = text.split_once(&begin).unwrap();
    let (sent, top) = reply.split_once("\r\n.\r\n+OK the top of the message follows\r\n").unwrap();
    assert_eq!(unstuffed(sent).as_bytes(), message);
    let (lines, _) = top.split_once("\r\n.\r\n").unwrap();
    assert_eq!(lines.split("\r\n").count(), 2 + 50_000);
    assert!(message.starts_with(unstuffed(lines).as_bytes()));
}

/// The text as a client undoes the stuffing, every line ended.
fn unstuffed(reply: &str) -> String {
    reply.split("\r\n").flat_map(|line| [line.strip_prefix('.').unwrap_or(line), "\r\n"]).collect()
}

#[test]
fn the_same_bytes_in_chunks_of_any_size_give_the_same_replies() {
    let input = b"CAPA\r\nUSER alice\r\nPASS any\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 2\nTOP 3 1\r\n\
                  DELE 2\r\nSTAT\r\nBAD\r\nRETR 3\r\nRSET\r\nQUIT\r\n";
    let whole = answers(input, input.len());
    assert!(whole.ends_with(b"goodbye\r\n"));
    for chunk in 1..64 {
        assert_eq!(answers(input, chunk), whole, "chunks of {chunk}");
    }
}
