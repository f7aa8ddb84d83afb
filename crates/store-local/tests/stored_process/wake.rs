//! Wake-ups: the right sessions, in time, at nobody's expense.

use crate::support::{Place, account, append, inbox, message, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use waypost_store::{Store, Wake};
use waypost_store_local::proto::{
    FrameReader, FromStored, Hello, PROTOCOL_VERSION, ToStored, encode,
};
use waypost_types::{AccountId, ModSeq};

fn counter() -> (Arc<AtomicUsize>, Wake) {
    let count = Arc::new(AtomicUsize::new(0));
    let wake = Arc::clone(&count);
    (
        count,
        Arc::new(move || {
            wake.fetch_add(1, Ordering::Relaxed);
        }),
    )
}

#[tokio::test]
async fn a_change_by_one_worker_wakes_the_sessions_of_another() {
    let place = Place::new();
    let server = place.child();
    let (writer, watcher) = (place.client().await, place.client().await);
    let owner = account(&writer, "ada").await;
    let mailbox = inbox(&writer, owner);
    let (woken, wake) = counter();
    let watch = watcher.watch(owner, wake);
    let (others, wake) = counter();
    let crowd: Vec<_> =
        (0..10_000).map(|n| watcher.watch(AccountId(1_000_000 + n), Arc::clone(&wake))).collect();
    writer.submit(append(&mailbox, message("news"))).await.unwrap();
    until("the watcher is woken", || woken.load(Ordering::Relaxed) > 0).await;
    assert_eq!(others.load(Ordering::Relaxed), 0);
    drop(watch);
    let before = woken.load(Ordering::Relaxed);
    writer.submit(append(&mailbox, message("more news"))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(woken.load(Ordering::Relaxed), before);
    server.stop();
    let server = place.child();
    until("a restart wakes all", || others.load(Ordering::Relaxed) >= crowd.len()).await;
    server.stop();
}

/// Changes made beside a worker that does not read.
const CHANGES: usize = 600;

async fn introduced(place: &Place, hello: Hello) -> UnixStream {
    let mut stream = UnixStream::connect(place.socket()).await.unwrap();
    stream.write_all(&encode(&ToStored::Hello(hello)).unwrap()).await.unwrap();
    stream
}

fn hello() -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        role: "test".to_owned(),
        pid: 1,
        client: 77,
        wakes: true,
        outcomes: 0,
    }
}

#[tokio::test]
async fn a_worker_that_does_not_read_delays_nobody_and_misses_nothing() {
    let place = Place::new();
    let server = place.server();
    let writer = place.client().await;
    let owner = account(&writer, "ada").await;
    let mailbox = inbox(&writer, owner);
    let mut deaf = introduced(&place, hello()).await;
    let accounts = vec![(owner, ModSeq(u64::MAX))];
    deaf.write_all(&encode(&ToStored::Listen { accounts }).unwrap()).await.unwrap();
    // More wake-ups than the socket takes. A writer that waited would miss the deadlines.
    for n in 0..CHANGES {
        let name = waypost_types::MailboxName::new("some/name").unwrap();
        let change = waypost_store::Mutation::Subscribe { account: owner, name, on: n % 2 == 0 };
        writer.submit(change).await.unwrap();
    }
    writer.submit(append(&mailbox, message("last"))).await.unwrap();
    let last = writer.snapshot().unwrap().account_by_id(owner).unwrap().unwrap().modseq;
    let mut frames = FrameReader::new(deaf);
    let mut seen = ModSeq(0);
    let mut wakes = 0;
    while seen < last {
        let next = tokio::time::timeout(Duration::from_secs(5), frames.next::<FromStored>()).await;
        if let FromStored::Wake { accounts, .. } = next.unwrap().unwrap().unwrap().0 {
            wakes += 1;
            seen = accounts.iter().find(|(account, _)| *account == owner).unwrap().1;
        }
    }
    assert!(wakes < CHANGES, "{wakes} wake-ups: nothing was merged");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn another_version_is_refused_with_a_reason() {
    let place = Place::new();
    let server = place.server();
    let stream = introduced(&place, Hello { version: 999, ..hello() }).await;
    let mut frames = FrameReader::new(stream);
    let first = frames.next::<FromStored>().await.unwrap();
    assert!(matches!(first, Some((FromStored::Refused { reason }, _)) if reason.contains("999")));
    assert!(frames.next::<FromStored>().await.unwrap().is_none());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_connection_of_a_client_replaces_the_old() {
    let place = Place::new();
    let server = place.server();
    let mut old = FrameReader::new(introduced(&place, hello()).await);
    assert!(matches!(old.next().await.unwrap(), Some((FromStored::Hello(_), _))));
    let mut new = FrameReader::new(introduced(&place, hello()).await);
    assert!(matches!(new.next().await.unwrap(), Some((FromStored::Hello(_), _))));
    assert!(old.next::<FromStored>().await.unwrap().is_none());
    server.stop().await.unwrap();
}
