//! Deadlines, bounds, rights, and one writer only.

use crate::support::{Place, account, inbox, message};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use waypost_store::{Mutation, Store, StoreError};
use waypost_store_local::client::{ClientConfig, PENDING_MUTATIONS, StoreClient};
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::proto::{FromStored, Hello, PROTOCOL_VERSION, encode};
use waypost_store_local::server::{StoredConfig, bind_socket, run_stored};
use waypost_types::AccountName;

/// A server that takes everything and answers nothing.
fn silent(place: &Place) -> tokio::task::JoinHandle<()> {
    std::fs::remove_file(place.socket()).ok();
    let listener = UnixListener::bind(place.socket()).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let hello = Hello {
                version: PROTOCOL_VERSION,
                role: "stored".to_owned(),
                pid: 1,
                client: 0,
                wakes: false,
                outcomes: 0,
            };
            stream.write_all(&encode(&FromStored::Hello(hello)).unwrap()).await.unwrap();
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        }
    })
}

async fn client_of_a_silent_server(place: &Place, deadline: Duration) -> StoreClient {
    place.server().stop_when_open(place).await;
    let server = silent(place);
    let config = ClientConfig { deadline, ..place.client_config() };
    let client = StoreClient::connect(config).await.unwrap();
    drop(server);
    client
}

impl crate::support::Server {
    /// Ends a server once it has made its store.
    async fn stop_when_open(self, place: &Place) {
        drop(place.client().await);
        self.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_change_without_an_answer_fails_at_its_deadline() {
    let place = Place::new();
    let store = client_of_a_silent_server(&place, Duration::from_millis(150)).await;
    let start = Instant::now();
    let answer = store.submit(Mutation::EnsureAccount(AccountName::new("ada").unwrap())).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_further_change_waits_for_room_and_gives_up_in_time() {
    let place = Place::new();
    let store = client_of_a_silent_server(&place, Duration::from_millis(400)).await;
    let name = AccountName::new("ada").unwrap();
    let change = || store.submit(Mutation::EnsureAccount(name.clone()));
    let first: Vec<_> = (0..PENDING_MUTATIONS).map(|_| change()).collect();
    let answer = change().await;
    let text = answer.unwrap_err().to_string();
    assert!(text.contains("not applied"), "{text}");
    for answer in first {
        assert!(matches!(answer.await, Err(StoreError::Unavailable(_))));
    }
    // All have given their room back: this one waits for its answer, not for room.
    let text = change().await.unwrap_err().to_string();
    assert!(text.contains("no answer"), "{text}");
}

#[tokio::test]
async fn a_change_that_is_too_large_is_refused_at_once() {
    let place = Place::new();
    let server = place.server();
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    let mut payload = message("large");
    payload.parsed.base_subject = "x".repeat(9 << 20);
    let answer = store.submit(crate::support::append(&mailbox, payload)).await;
    assert!(matches!(answer, Err(StoreError::NotPermitted(_))), "{answer:?}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_server_connecting_fails_in_time() {
    let place = Place::new();
    let config = ClientConfig { deadline: Duration::from_millis(50), ..place.client_config() };
    let answer = StoreClient::connect(config).await.err();
    assert!(matches!(answer, Some(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn the_socket_is_the_owners_alone_and_is_not_taken_from_a_running_server() {
    let place = Place::new();
    let server = place.server();
    let mode = std::fs::metadata(place.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(bind_socket(&place.socket()).is_err());
    server.stop().await.unwrap();
    assert!(bind_socket(&place.socket()).is_ok());
    let file = place.directory.path().join("file");
    std::fs::write(&file, b"not a socket").unwrap();
    assert!(bind_socket(&file).is_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"not a socket");
}

#[tokio::test]
async fn a_second_writer_on_the_store_is_refused() {
    let place = Place::new();
    let server = place.server();
    drop(place.client().await);
    let listener = bind_socket(&place.directory.path().join("other.sock")).unwrap();
    let config = StoredConfig::new(EngineConfig::new(place.store()));
    assert!(run_stored(listener, config, std::future::pending()).await.is_err());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_changes_share_a_commit() {
    let place = Place::new();
    let server = place.server();
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    let before = store.status().await.unwrap();
    let many: Vec<_> = (0..200)
        .map(|n| store.submit(crate::support::append(&mailbox, message(&n.to_string()))))
        .collect();
    for one in many {
        one.await.unwrap();
    }
    let after = store.status().await.unwrap();
    assert_eq!(after.mutations - before.mutations, 200);
    assert!(after.batches - before.batches < 100, "{after:?}");
    server.stop().await.unwrap();
}
