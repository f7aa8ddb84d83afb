//! `imapd` is restarted, and killed, ten times under five hundred connected clients.

use crate::client::Client;
use crate::crowd::{Crowd, USERS, name};
use crate::ledger::{Ledger, Work};
use crate::support::{PASSWORD, World, signal_process};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Clients that wait in IDLE.
const IDLERS: usize = 440;
/// Clients that change something all the time.
const WORKERS: usize = 60;
/// Restarts, and kills.
const ROUNDS: usize = 10;
/// How long the clients work undisturbed after they are all back.
const UNDISTURBED: Duration = Duration::from_millis(150);
/// A process that ran this long is replaced without a growing delay.
const STEADY: Duration = Duration::from_millis(1_200);

/// How `imapd` is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Ordered,
    Killed,
}

/// Guide: stop-start
/// Guide: reauthenticate-after-drop
#[test]
fn ten_restarts_under_500_clients_lose_nothing_and_never_refuse_pop() {
    play(Ending::Ordered);
}

#[test]
fn ten_kills_under_500_clients_lose_nothing_and_never_refuse_pop() {
    play(Ending::Killed);
}

fn play(ending: Ending) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let crowd = Crowd::new(World::new(""));
    let _server = crowd.world.start();
    runtime.block_on(rounds(&crowd, ending));
}

async fn rounds(crowd: &Arc<Crowd>, ending: Ending) {
    let mut idlers = JoinSet::new();
    for number in 0..IDLERS {
        idlers.spawn(wait_for_mail(Arc::clone(crowd), number % USERS));
    }
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let user = number % USERS;
        let ledger = Ledger::new(number);
        ledger.prepare(&mut crowd.try_enter(user).await.unwrap().client).await.unwrap();
        workers.spawn(work(Arc::clone(crowd), user, ledger));
    }
    let mut knockers = JoinSet::new();
    for user in [None, Some(0)] {
        knockers.spawn(knock(Arc::clone(crowd), user));
    }
    for _ in 0..ROUNDS {
        crowd.gather(IDLERS + WORKERS).await;
        sleep(UNDISTURBED).await;
        match ending {
            Ending::Ordered => restart(crowd).await,
            Ending::Killed => kill(crowd).await,
        }
    }
    crowd.gather(IDLERS + WORKERS).await;
    crowd.finish();
    let knocks: usize = knockers.join_all().await.into_iter().sum();
    assert!(knocks > 20 * ROUNDS, "{knocks} connections to POP");
    idlers.abort_all();
    if ending == Ending::Killed {
        assert_eq!(crowd.refused(), 0, "the port of IMAP was closed");
    }
    check(crowd, workers.join_all().await).await;
}

async fn restart(crowd: &Arc<Crowd>) {
    assert_eq!(crowd.tool(&["stop-msg", "imap"]).await, "imap is stopped\n");
    assert_eq!(crowd.tool(&["start-msg", "imap"]).await, "imap is started\n");
}

/// Kills the process once it is old enough to be replaced at once.
async fn kill(crowd: &Arc<Crowd>) {
    sleep(STEADY).await;
    let killed = Arc::clone(crowd);
    let kill = move || signal_process(killed.world.process("imapd").pid.unwrap(), "KILL");
    tokio::task::spawn_blocking(kill).await.unwrap();
    // Until all are gone they would count as back.
    sleep(UNDISTURBED).await;
}

/// A client that idles, and comes back when it is cut off.
async fn wait_for_mail(crowd: Arc<Crowd>, user: usize) {
    while let Some(mut guest) = crowd.enter(user).await {
        if guest.client.idle().await.is_ok() {
            while guest.client.wait().await.is_ok_and(|line| !line.starts_with("* BYE")) {}
        }
    }
}

async fn work(crowd: Arc<Crowd>, user: usize, mut ledger: Ledger) -> (usize, Ledger) {
    while let Some(mut guest) = crowd.enter(user).await {
        // How it ended stands in the ledger.
        let _ = ledger.run(&mut guest.client, || crowd.is_done()).await;
    }
    (user, ledger)
}

/// Connects to POP all the time; no attempt may fail. A user also logs in.
async fn knock(crowd: Arc<Crowd>, user: Option<usize>) -> usize {
    let mut knocks = 0;
    while !crowd.is_done() {
        let mut client = Client::connect(crowd.world.pop).await.unwrap();
        assert!(client.greeting.starts_with("+OK"), "{}", client.greeting);
        if let Some(user) = user {
            assert!(client.say(&format!("USER {}", name(user))).await.unwrap().starts_with("+OK"));
            assert!(client.say(&format!("PASS {PASSWORD}")).await.unwrap().starts_with("+OK"));
        }
        assert!(client.say("QUIT").await.unwrap().starts_with("+OK"));
        knocks += 1;
        sleep(Duration::from_millis(5)).await;
    }
    knocks
}

async fn check(crowd: &Arc<Crowd>, ledgers: Vec<(usize, Ledger)>) {
    let mut faults = Vec::new();
    for work in [Work::Append, Work::Create, Work::Store, Work::Move] {
        let those = ledgers.iter().filter(|(_, ledger)| ledger.work() == work);
        let told: usize = those.map(|(_, ledger)| ledger.acknowledged()).sum();
        println!("{work:?}: {told} acknowledged");
        assert!(told >= WORKERS, "{work:?}: only {told} changes were acknowledged");
    }
    for (user, ledger) in ledgers {
        let mut client = Client::connect(crowd.world.imap).await.unwrap();
        client.log_in(&name(user)).await.unwrap();
        faults.extend(ledger.faults(&mut client).await.unwrap());
    }
    assert!(faults.is_empty(), "{} faults, such as {:?}", faults.len(), faults.first());
}
