//! Notes of log-ins and log-outs: sent without an answer, kept by an orderly end, never in the way.

use crate::support::{Place, account, until};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use waypost_store::{Access, AccessKind, AccessService, AccessTimes, LastAccess, Store};
use waypost_store_local::client::StoreAccess;
use waypost_store_local::proto::{
    FRAME_NOTES, FrameReader, FromStored, Hello, PROTOCOL_VERSION, ToStored, encode,
};
use waypost_types::AccountName;

fn ada() -> AccountName {
    AccountName::new("ada").unwrap()
}

fn note(kind: AccessKind, at: i64) -> Vec<Access> {
    vec![Access { account: ada(), service: AccessService::Imap, kind, at }]
}

fn known(store: &dyn Store) -> AccessTimes {
    let found = store.snapshot().unwrap().last_access(&ada()).unwrap();
    found.unwrap_or_default().of(AccessService::Imap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_them_sees_them_at_once() {
    let place = Place::new();
    let server = place.server();
    let (worker, tool) = (place.client().await, StoreAccess::open(place.client_config()).await);
    let tool = tool.unwrap();
    let batches = worker.status().await.unwrap().batches;
    worker.note_access(note(AccessKind::LogIn, 7));
    worker.farewell().await;
    // Another connection's frames may be read first.
    let start = Instant::now();
    while known(tool.store()).log_in != Some(7) {
        assert!(start.elapsed() < Duration::from_secs(10));
        tool.write_notes().await.unwrap();
    }
    assert_eq!(worker.status().await.unwrap().batches, batches);
    assert_eq!(worker.notes_dropped(), 0);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_of_worker_and_server_keeps_them() {
    let place = Place::new();
    let server = place.child();
    let worker = place.client().await;
    worker.note_access(note(AccessKind::LogIn, 7));
    worker.note_access(note(AccessKind::LogOut, 9));
    worker.farewell().await;
    // The answer says that the server has read what was sent before.
    worker.status().await.unwrap();
    drop(worker);
    server.stop();
    let after = StoreAccess::open(place.client_config()).await.unwrap();
    let times = known(after.store());
    assert_eq!(times, AccessTimes { log_in: Some(7), log_out: Some(9) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_wait_for_a_server_that_is_away() {
    let place = Place::new();
    let server = place.child();
    let worker = place.client().await;
    server.stop();
    while worker.is_connected() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    worker.note_access(note(AccessKind::LogIn, 3));
    let server = place.child();
    account(&worker, "bob").await;
    until("the note came with the first change", || known(&worker).log_in == Some(3)).await;
    server.stop();
}

#[tokio::test]
async fn more_notes_than_a_frame_may_hold_end_the_connection() {
    let place = Place::new();
    let server = place.server();
    let mut stream = UnixStream::connect(place.socket()).await.unwrap();
    let hello = Hello {
        version: PROTOCOL_VERSION,
        role: "test".to_owned(),
        pid: 1,
        client: 5,
        wakes: false,
        outcomes: 0,
    };
    let notes = |count| ToStored::NoteAccess { notes: vec![(ada(), LastAccess::default()); count] };
    let sent = [ToStored::Hello(hello), notes(FRAME_NOTES), ToStored::Status { request: 1 }];
    for frame in sent.iter().chain(&[notes(FRAME_NOTES + 1), ToStored::Status { request: 2 }]) {
        stream.write_all(&encode(frame).unwrap()).await.unwrap();
    }
    let mut frames = FrameReader::new(stream);
    let mut answered = Vec::new();
    while let Ok(Some((frame, _))) = frames.next::<FromStored>().await {
        if let FromStored::StatusReport { request, .. } = frame {
            answered.push(request);
        }
    }
    assert_eq!(answered, [1]);
    server.stop().await.unwrap();
}
