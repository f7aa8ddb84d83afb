//! The filter before the greeting, with names that the tests make up.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod common;

use common::{Client, Running, start_behind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use waypost_access::{Filters, Known, Lookup, Names, NoNames, Reading};
use waypost_net::gate::Gate;
use waypost_net::limits::Limits;
use waypost_net::listener::Listener;

/// Rules of an attribute, where services that nobody knows may stand.
fn filters(rules: &str) -> Filters {
    Filters::of_attribute(rules, Reading::Tolerant).unwrap()
}

fn start(gate: &Arc<Gate>, seats: u32) -> Running {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener::tcp(socket, false);
    start_behind(Arc::clone(gate), vec![listener], address, Limits::new(seats, 4), None)
}

/// Answers when the test lets it.
struct Slow {
    turns: Arc<Semaphore>,
    known: Known,
}

impl Names for Slow {
    fn names_of(&self, _: IpAddr) -> Lookup {
        let (turns, known) = (Arc::clone(&self.turns), self.known.clone());
        Box::pin(async move {
            turns.acquire().await.unwrap().forget();
            known
        })
    }
}

#[tokio::test]
async fn a_refused_client_is_told_and_counted_and_leaves_no_seat_behind() {
    let gate = Arc::new(Gate::new(Arc::new(NoNames)));
    gate.judge_by(filters("-toy: 127.0.0.1"));
    let running = start(&gate, 1);
    for count in 1..=3 {
        let mut refused = Client::connect(&running).await;
        assert_eq!(refused.rest().await, b"not you\r\n");
        assert_eq!(running.counters.snapshot().filtered, count);
    }
    let counts = running.counters.snapshot();
    assert_eq!((counts.current, counts.refused, counts.failed), (0, 0, 0));
    gate.judge_by(filters("-other: ALL"));
    assert_eq!(Client::connect(&running).await.line().await, "hello");
}

#[tokio::test]
async fn a_change_of_filters_leaves_those_who_are_in() {
    let gate = Arc::new(Gate::default());
    let running = start(&gate, 5);
    let mut inside = Client::connect(&running).await;
    assert_eq!(inside.line().await, "hello");
    gate.judge_by(filters("-ALL: ALL"));
    assert_eq!(Client::connect(&running).await.line().await, "not you");
    assert_eq!(inside.ask("still here").await, "still here");
}

#[tokio::test]
async fn a_client_whose_name_is_looked_up_holds_nobody_up() {
    let turns = Arc::new(Semaphore::new(0));
    let known = Known::names(["friend.example"]);
    let gate = Arc::new(Gate::new(Arc::new(Slow { turns: Arc::clone(&turns), known })));
    gate.judge_by(filters("+toy: .example"));
    let running = start(&gate, 5);
    let mut waiting = [Client::connect(&running).await, Client::connect(&running).await];
    while running.counters.snapshot().current < 2 {
        tokio::task::yield_now().await;
    }
    gate.judge_by(filters("+toy: 127."));
    assert_eq!(Client::connect(&running).await.line().await, "hello", "no name is needed");
    turns.add_permits(2);
    for client in &mut waiting {
        assert_eq!(client.line().await, "hello");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_name() {
    let slow = Slow { turns: Arc::new(Semaphore::new(0)), known: Known::Unknown };
    let gate = Arc::new(Gate::new(Arc::new(slow)));
    gate.judge_by(filters("-toy: UNKNOWN"));
    let running = start(&gate, 5);
    let mut waiting = Client::connect(&running).await;
    while running.counters.snapshot().current < 1 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    running.stop.send(true).unwrap();
    running.served.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(waiting.rest().await, b"");
}

#[tokio::test]
async fn names_and_the_lack_of_them_decide() {
    for (known, greeting) in [
        (Known::names(["a.good.example"]), "hello"),
        (Known::names(["a.bad.example"]), "not you"),
        (Known::Unknown, "not you"),
        (Known::Spoofed, "not you"),
    ] {
        let turns = Arc::new(Semaphore::new(1));
        let gate = Arc::new(Gate::new(Arc::new(Slow { turns, known })));
        gate.judge_by(filters("+toy: .good.example"));
        let running = start(&gate, 5);
        assert_eq!(Client::connect(&running).await.line().await, greeting);
    }
}
