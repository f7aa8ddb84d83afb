//! Damaged pages close the store to changes and to whom they concern, and to nobody else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::{StoredConfig, bind_socket, run_stored};
use crate::client::{ClientConfig, StoreClient};
use crate::engine::{EngineConfig, RUNS_FILE};
use crate::env::Meta;
use crate::local::LocalStore;
use crate::structure::tests::{cut_last_emails, damage_heads};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waypost_store::model::payload;
use waypost_store::{Deliver, Mutation, Recipient, Store, StoreError};
use waypost_types::{AccountName, FlagSet, MailboxName, QuotaLimits, UnixTime};

const USERS: [&str; 2] = ["ada", "bob"];
const LETTERS: u32 = 40;

fn store_path(place: &TempDir) -> PathBuf {
    place.path().join("store")
}

type Running = (oneshot::Sender<()>, JoinHandle<Result<(), StoreError>>);

fn start(place: &TempDir) -> Running {
    let listener = bind_socket(&place.path().join("stored.sock")).unwrap();
    let config = StoredConfig::new(EngineConfig::new(store_path(place)));
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    (stop, tokio::spawn(async move { run_stored(listener, config, shutdown).await }))
}

async fn stop((stop, task): Running) {
    drop(stop);
    task.await.unwrap().unwrap();
}

async fn client(place: &TempDir) -> StoreClient {
    let config = ClientConfig::new(store_path(place), place.path().join("stored.sock"));
    StoreClient::connect(config).await.unwrap()
}

async fn deliver(store: &StoreClient, user: &str) -> Result<(), StoreError> {
    let recipient = Recipient {
        account: AccountName::new(user).unwrap(),
        folder: None,
        flags: FlagSet::default(),
        limits: QuotaLimits::default(),
    };
    let payload = payload(format!("Subject: for {user}\r\n\r\nkept\r\n").into_bytes());
    let (recipients, internal_date) = (vec![recipient], UnixTime::utc(1_700_000_000));
    store.submit(Mutation::Deliver(Deliver { payload, recipients, internal_date })).await.map(drop)
}

/// How many messages of a user show their form.
fn forms(store: &StoreClient, user: &str) -> Result<usize, StoreError> {
    let snapshot = store.snapshot()?;
    let account = snapshot.account(&AccountName::new(user).unwrap())?.unwrap();
    let inbox = snapshot.mailbox_named(account.id, &MailboxName::inbox())?.unwrap();
    let mut count = 0;
    for uid in snapshot.live(&inbox)?.iter() {
        let row = snapshot.message(inbox.id, uid)?.unwrap();
        snapshot.form(account.id, row.email)?;
        count += 1;
    }
    Ok(count)
}

async fn until_harmed(store: &StoreClient) {
    for _ in 0..4_000 {
        if store.status().await.unwrap().harmed {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the damage is never found");
}

/// A store with mail of two users, one after the other, that nobody has open.
async fn filled() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let server = start(&place);
    let store = client(&place).await;
    for user in USERS {
        for _ in 0..LETTERS {
            deliver(&store, user).await.unwrap();
        }
    }
    drop(store);
    stop(server).await;
    assert!(!store_path(&place).join(RUNS_FILE).exists(), "it came to its end");
    for _ in 0..4_000 {
        if Meta::open_writer(&store_path(&place), EngineConfig::MAP_SIZE).is_ok() {
            return place;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("somebody has it open");
}

async fn must_be_contained(store: &StoreClient) {
    assert_eq!(forms(store, "ada"), Ok(LETTERS as usize));
    let refused = forms(store, "bob");
    let is_spared =
        matches!(&refused, Err(StoreError::Corrupt(why)) if why.contains("damaged pages"));
    assert!(is_spared, "{refused:?}");
    for user in USERS {
        let refused = deliver(store, user).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_lmdb_refuses_closes_the_store_to_changes_and_to_whom_it_concerns() {
    let place = filled().await;
    cut_last_emails(&store_path(&place));
    let server = start(&place);
    let store = client(&place).await;
    assert!(!store.status().await.unwrap().harmed, "nobody met it yet");
    let met = forms(&store, "bob");
    assert!(matches!(met, Err(StoreError::Corrupt(_))), "{met:?}");
    until_harmed(&store).await;
    // Told after the status was answered at the latest.
    let _met = store.status().await;
    must_be_contained(&store).await;
    drop(store);
    stop(server).await;

    // The next writer knows at once, since the mark of this one stayed.
    let server = start(&place);
    let store = client(&place).await;
    assert!(store.status().await.unwrap().harmed);
    must_be_contained(&store).await;
    drop(store);
    stop(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_did_not_come_to_its_end_does_not_open_what_would_end_it_again() {
    let place = filled().await;
    damage_heads(&store_path(&place));
    std::fs::write(store_path(&place).join(RUNS_FILE), b"").unwrap();
    let (_stop, task) = start(&place);
    let refused = task.await.unwrap();
    let says =
        matches!(&refused, Err(StoreError::Corrupt(why)) if why.contains("`waypost reconstruct`"));
    assert!(says, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_writes_alone_does_not_write_where_pages_are_damaged() {
    let place = filled().await;
    let config = || EngineConfig::new(store_path(&place));
    cut_last_emails(&store_path(&place));
    drop(LocalStore::open(config()).unwrap());
    std::fs::write(store_path(&place).join(RUNS_FILE), b"").unwrap();
    for _ in 0..2 {
        let refused = LocalStore::open(config()).map(drop);
        assert!(matches!(&refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    }
}
