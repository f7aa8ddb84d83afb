//! Expunged messages stay while a session shows them, and go when none does.

use crate::support::{Place, account, append, inbox, message, until};
use std::sync::Arc;
use std::time::Duration;
use waypost_store::{Mutation, Store};
use waypost_store_local::server::PurgePace;
use waypost_types::Uid;

#[tokio::test]
async fn what_a_session_shows_is_not_purged() {
    let place = Place::new();
    let pace = PurgePace {
        interval: Duration::from_millis(20),
        margin: Duration::from_secs(1),
        grace: Duration::ZERO,
    };
    let server = place.server_with(pace, Duration::ZERO);
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    store.submit(append(&mailbox, message("kept"))).await.unwrap();
    let shown = inbox(&store, owner);
    let watch = store.watch(owner, Arc::new(|| {}));
    watch.showing(Some((shown.id, shown.modseq)));
    let expunge =
        Mutation::Expunge { account: owner, mailbox: shown.id, uids: None, only_deleted: false };
    store.submit(expunge).await.unwrap();
    let row = || store.snapshot().unwrap().message(shown.id, Uid(1)).unwrap();
    // Whole seconds count in the purge: after these it would have happened.
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    assert!(row().is_some(), "purged under a session");
    watch.showing(None);
    until("the row is purged", || row().is_none()).await;
    let mut steps = 0;
    for _ in 0..200 {
        steps = store.status().await.unwrap().purge_steps;
        if steps > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(steps > 0);
    server.stop().await.unwrap();
}
