//! Large messages: streamed in bounded memory.

use crate::support::{Place, account, append, bodies, inbox, until};
use bytes::Bytes;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use waypost_store::limits::INLINE_BYTES;
use waypost_store::{Content, Store, StoreError, Upload};
use waypost_store_local::client::StoreClient;
use waypost_store_local::proto::{
    FrameReader, FromStored, Hello, PROTOCOL_VERSION, ToStored, UPLOAD_CHUNK_BYTES,
    UPLOAD_WINDOW_BYTES, encode,
};

fn text(size: usize) -> Vec<u8> {
    let mut bytes = b"Subject: large\r\n\r\n".to_vec();
    for line in 0.. {
        if bytes.len() >= size {
            break;
        }
        bytes.extend(format!("line number {line}\r\n").into_bytes());
    }
    bytes
}

async fn written(store: &StoreClient, bytes: &[u8]) -> Box<dyn Upload> {
    let mut upload = store.upload();
    for chunk in bytes.chunks(300_000) {
        upload = upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    upload
}

#[tokio::test]
async fn large_messages_stream_within_their_window() {
    let place = Place::new();
    let server = place.server();
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    let bytes = text(10 << 20);
    let payload = written(&store, &bytes).await.finish().await.unwrap();
    assert!(
        matches!(payload.content, Content::Uploaded { size, .. } if size == bytes.len() as u64)
    );
    assert_eq!(*payload.parsed, waypost_mime::parse(&bytes));
    store.submit(append(&mailbox, payload)).await.unwrap();
    assert!(bodies(&store, &mailbox) == [bytes]);
    let report = store.status().await.unwrap();
    assert!(report.upload_peak_bytes > 0);
    assert!(report.upload_peak_bytes <= UPLOAD_WINDOW_BYTES as u64, "{report:?}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn messages_up_to_the_inline_limit_travel_in_the_mutation() {
    let place = Place::new();
    let server = place.server();
    let store = place.client().await;
    for (size, inline) in [(10, true), (INLINE_BYTES, true), (INLINE_BYTES + 1, false)] {
        let payload = written(&store, &vec![b'x'; size]).await.finish().await.unwrap();
        assert_eq!(matches!(payload.content, Content::Inline(_)), inline, "{size}");
        assert_eq!(payload.size(), size as u64);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn more_uploads_than_places_take_turns_and_dropped_ones_give_theirs_back() {
    let place = Place::new();
    let server = place.server();
    let store = place.client().await;
    let bytes = text(INLINE_BYTES + 200_000);
    for _ in 0..3 {
        let mut open = Vec::new();
        for _ in 0..12 {
            open.push(written(&store, &bytes).await);
        }
        drop(open);
    }
    let mut open = 12;
    for _ in 0..400 {
        open = store.status().await.unwrap().uploads;
        if open == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(open, 0, "aborted uploads are forgotten");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_restart_fails_an_upload_that_was_under_way() {
    let place = Place::new();
    let server = place.child();
    let store = place.client().await;
    let upload = written(&store, &text(2 << 20)).await;
    server.stop();
    let server = place.child();
    until("reconnected", || store.is_connected()).await;
    let failed = match upload.write(Bytes::from_static(b"more")).await {
        Ok(upload) => upload.finish().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    let payload = written(&store, &text(2 << 20)).await.finish().await;
    assert!(payload.is_ok(), "the next one succeeds: {payload:?}");
    server.stop();
}

#[tokio::test]
async fn a_piece_above_its_limit_ends_the_connection() {
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
    stream.write_all(&encode(&ToStored::Hello(hello)).unwrap()).await.unwrap();
    stream.write_all(&encode(&ToStored::UploadBegin { upload: 1 }).unwrap()).await.unwrap();
    let bytes = Bytes::from(vec![0; UPLOAD_CHUNK_BYTES + 1]);
    let chunk = encode(&ToStored::UploadChunk { upload: 1, bytes }).unwrap();
    stream.write_all(&chunk).await.unwrap();
    let mut frames = FrameReader::new(stream);
    while let Ok(Some((frame, _))) = frames.next::<FromStored>().await {
        assert!(!matches!(frame, FromStored::UploadDone { .. }));
    }
    server.stop().await.unwrap();
}
