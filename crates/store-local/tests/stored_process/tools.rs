//! Tools: through the server when it runs, in their own process when it does not.

use crate::support::{Place, account, append, bodies, inbox, message};
use std::path::Path;
use waypost_store::StoreError;
use waypost_store_local::client::{ClientConfig, StoreAccess};

async fn open(place: &Place) -> StoreAccess {
    StoreAccess::open(ClientConfig { watches: false, ..place.client_config() }).await.unwrap()
}

/// Writes a message with the tool's access, backs up, and reads the message from the copy.
async fn write_and_back_up(place: &Place, access: &StoreAccess) {
    let owner = account(access.store(), "ada").await;
    let mailbox = inbox(access.store(), owner);
    access.store().submit(append(&mailbox, message("precious"))).await.unwrap();
    let copy = place.directory.path().join("copy");
    access.backup(&copy).await.unwrap();
    assert!(matches!(access.backup(&copy).await, Err(StoreError::NotPermitted(_))));
    let relative = access.backup(Path::new("relative")).await;
    assert!(matches!(relative, Err(StoreError::NotPermitted(_))));
    let copied = ClientConfig::new(&copy, place.directory.path().join("nobody.sock"));
    let restored = StoreAccess::open(copied).await.unwrap();
    assert!(matches!(restored, StoreAccess::Local(_)));
    assert_eq!(bodies(restored.store(), &mailbox), bodies(access.store(), &mailbox));
    assert_eq!(bodies(restored.store(), &mailbox).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_goes_through_a_running_server() {
    let place = Place::new();
    let server = place.server();
    drop(place.client().await);
    let access = open(&place).await;
    assert!(matches!(access, StoreAccess::Remote(_)));
    write_and_back_up(&place, &access).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_writes_by_itself_when_the_server_is_down() {
    let place = Place::new();
    let access = open(&place).await;
    assert!(matches!(access, StoreAccess::Local(_)));
    write_and_back_up(&place, &access).await;
    drop(access);
    let server = place.server();
    assert!(matches!(open(&place).await, StoreAccess::Remote(_)));
    server.stop().await.unwrap();
}
