//! A client that asks without end, while the writer is busy elsewhere.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::connection::{CONNECTION_JOB_KIB, serve};
use super::{Engine, EngineConfig, Hub, PROTOCOL_VERSION};
use crate::proto::{CONNECTION_UPLOADS, Hello, ToStored, encode};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A client that still sends after this time is read without end.
const PATIENCE: Duration = Duration::from_secs(60);
/// A server that takes nothing for this long does not read.
const STALL: Duration = Duration::from_millis(500);

/// The queue of a hub without a writer, once its client was read no further.
async fn queue_after(flood: &[ToStored]) -> usize {
    let store = tempfile::tempdir().unwrap();
    let reader = Engine::open(EngineConfig::new(store.path())).unwrap().reader();
    let hub = Arc::new(Hub::new(Arc::default(), reader).unwrap());
    let (ours, mut client) = UnixStream::pair().unwrap();
    let served = tokio::spawn(serve(Arc::clone(&hub), ours));
    let hello = Hello {
        version: PROTOCOL_VERSION,
        role: "test".to_owned(),
        pid: 1,
        client: 1,
        wakes: false,
        outcomes: 0,
    };
    client.write_all(&encode(&ToStored::Hello(hello)).unwrap()).await.unwrap();
    let frames: Vec<u8> = flood.iter().flat_map(|frame| encode(frame).unwrap()).collect();
    let send =
        async { while matches!(timeout(STALL, client.write_all(&frames)).await, Ok(Ok(()))) {} };
    assert!(timeout(PATIENCE, send).await.is_ok(), "read without end");
    served.abort();
    hub.intake.asked()
}

#[tokio::test]
async fn requests_that_nobody_serves_stop_the_reading() {
    let waiting = queue_after(&vec![ToStored::WriteNotes { request: 1 }; 1_000]).await;
    assert!(waiting > 1_000 && waiting <= CONNECTION_JOB_KIB, "{waiting}");
}

#[tokio::test]
async fn uploads_begun_and_given_up_without_end_stop_the_reading() {
    let turns = [ToStored::UploadBegin { upload: 1 }, ToStored::UploadAbort { upload: 1 }];
    let waiting = queue_after(&turns).await;
    let bounds = CONNECTION_UPLOADS..=4 * CONNECTION_UPLOADS + 1;
    assert!(bounds.contains(&waiting), "{waiting}");
}
