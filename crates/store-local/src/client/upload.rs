//! Taking in a message: small ones in memory, large ones streamed to `stored` within its credit.

use super::Shared;
use crate::proto::{ToStored, UPLOAD_CHUNK_BYTES};
use bytes::{Bytes, BytesMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;
use waypost_mime::Scanner;
use waypost_store::limits::{INLINE_BYTES, MESSAGE_BYTES};
use waypost_store::{BoxFuture, Content, LimitName, Payload, StoreError, Upload, UploadId};

/// One streamed message on one connection.
pub(crate) struct Slot {
    /// The connection it lives and dies with.
    pub(crate) connection: u64,
    /// Its number there.
    pub(crate) number: u32,
    state: Mutex<SlotState>,
    changed: Notify,
}

#[derive(Default)]
struct SlotState {
    credit: usize,
    ended: Option<Result<(UploadId, u64), StoreError>>,
}

impl Slot {
    /// A slot without credit.
    pub(crate) fn new(connection: u64, number: u32) -> Self {
        Self { connection, number, state: Mutex::default(), changed: Notify::new() }
    }

    /// More may be sent.
    pub(crate) fn grant(&self, bytes: u32) {
        self.lock().credit += usize::try_from(bytes).unwrap_or(usize::MAX);
        self.changed.notify_one();
    }

    /// The upload ended, for better or worse.
    pub(crate) fn end(&self, result: Result<(UploadId, u64), StoreError>) {
        self.lock().ended.get_or_insert(result);
        self.changed.notify_one();
    }

    /// The upload failed.
    pub(crate) fn fail(&self, error: StoreError) {
        self.end(Err(error));
    }

    /// Waits for credit and takes at most `most` bytes of it.
    async fn credit(&self, most: usize) -> Result<usize, StoreError> {
        loop {
            {
                let mut state = self.lock();
                if let Some(Err(error)) = &state.ended {
                    return Err(error.clone());
                }
                let taken = state.credit.min(most);
                if taken > 0 {
                    state.credit -= taken;
                    return Ok(taken);
                }
            }
            self.changed.notified().await;
        }
    }

    async fn ended(&self) -> Result<(UploadId, u64), StoreError> {
        loop {
            if let Some(result) = self.lock().ended.clone() {
                return result;
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that is coming in.
pub(crate) struct ClientUpload {
    shared: Arc<Shared>,
    scanner: Scanner,
    size: u64,
    place: Place,
}

enum Place {
    /// A message that came in one chunk, as most do, is that chunk.
    Memory(Bytes),
    Stream(Stream),
}

impl ClientUpload {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, scanner: Scanner::new(), size: 0, place: Place::Memory(Bytes::new()) }
    }

    async fn take(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.size += chunk.len() as u64;
        if self.size > MESSAGE_BYTES {
            return Err(StoreError::Limit(LimitName::MessageBytes));
        }
        self.scanner.push(&chunk);
        match &mut self.place {
            Place::Memory(kept) if kept.len() + chunk.len() <= INLINE_BYTES => {
                *kept = join(std::mem::take(kept), chunk);
                Ok(())
            }
            Place::Memory(kept) => {
                let kept = std::mem::take(kept);
                let stream = Stream::open(&self.shared).await?;
                stream.send(&kept).await?;
                stream.send(&chunk).await?;
                self.place = Place::Stream(stream);
                Ok(())
            }
            Place::Stream(stream) => stream.send(&chunk).await,
        }
    }
}

/// Two pieces in one, without a copy where the first is empty.
fn join(first: Bytes, second: Bytes) -> Bytes {
    if first.is_empty() {
        return second;
    }
    let mut both = first.try_into_mut().unwrap_or_else(|first| BytesMut::from(&first[..]));
    both.extend_from_slice(&second);
    both.freeze()
}

impl Upload for ClientUpload {
    fn write(mut self: Box<Self>, chunk: Bytes) -> BoxFuture<Result<Box<dyn Upload>, StoreError>> {
        Box::pin(async move {
            self.take(chunk).await?;
            Ok(self as Box<dyn Upload>)
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<Result<Payload, StoreError>> {
        Box::pin(async move {
            let Self { scanner, size, place, .. } = *self;
            let content = match place {
                Place::Memory(bytes) => Content::Inline(bytes),
                Place::Stream(stream) => {
                    Content::Uploaded { upload: stream.finish(size).await?, size }
                }
            };
            Ok(Payload { content, parsed: Box::new(scanner.finish()) })
        })
    }
}

/// The streamed part of an upload; dropping it before its end aborts it.
struct Stream {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    finished: bool,
    /// Its place among the uploads of this process.
    _place: OwnedSemaphorePermit,
}

impl Stream {
    async fn open(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        let deadline = shared.deadline();
        let place = shared.upload_place(deadline).await?;
        let slot = shared.begin_upload(deadline).await?;
        Ok(Self { shared: Arc::clone(shared), slot, finished: false, _place: place })
    }

    async fn send(&self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let most = bytes.len().min(UPLOAD_CHUNK_BYTES);
            let count = in_time(self.shared.deadline(), self.slot.credit(most)).await?;
            let (now, rest) = bytes.split_at(count);
            let piece = Bytes::copy_from_slice(now);
            self.push(&ToStored::UploadChunk { upload: self.slot.number, bytes: piece })?;
            bytes = rest;
        }
        Ok(())
    }

    async fn finish(mut self, size: u64) -> Result<UploadId, StoreError> {
        self.push(&ToStored::UploadEnd { upload: self.slot.number })?;
        let (upload, stored) = in_time(self.shared.deadline(), self.slot.ended()).await?;
        self.finished = true;
        if stored == size {
            Ok(upload)
        } else {
            Err(StoreError::Corrupt(format!("an upload of {size} bytes was stored as {stored}")))
        }
    }

    fn push(&self, frame: &ToStored) -> Result<(), StoreError> {
        if self.shared.push_upload(&self.slot, frame) {
            Ok(())
        } else {
            Err(StoreError::Unavailable("the writer went away during an upload".to_owned()))
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.finished {
            let abort = ToStored::UploadAbort { upload: self.slot.number };
            self.shared.push_upload(&self.slot, &abort);
        }
        self.shared.link().end_upload(&self.slot);
    }
}

async fn in_time<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the writer takes no data".to_owned())))
}
