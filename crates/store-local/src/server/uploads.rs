//! Streamed messages: written and synced beside the writer, each within its credit.

use super::Figures;
use super::connection::Connection;
use crate::engine::UploadWriter;
use crate::proto::{FromStored, UPLOAD_WINDOW_BYTES};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use tokio::sync::OwnedSemaphorePermit;
use waypost_store::limits::MESSAGE_BYTES;
use waypost_store::{LimitName, StoreError, UploadId};

/// The flow of one upload: what was received and is not written yet.
pub(crate) struct Flow {
    origin: Arc<Connection>,
    upload: u32,
    under_way: AtomicUsize,
}

impl Flow {
    /// The flow of a new upload.
    pub(crate) const fn new(origin: Arc<Connection>, upload: u32) -> Self {
        Self { origin, upload, under_way: AtomicUsize::new(0) }
    }

    /// Counts received bytes; false when the client sent more than its credit.
    pub(crate) fn admit(&self, bytes: usize, figures: &Figures) -> bool {
        let under_way = self.under_way.fetch_add(bytes, Ordering::AcqRel) + bytes;
        figures.upload_peak.fetch_max(under_way as u64, Ordering::Relaxed);
        under_way <= UPLOAD_WINDOW_BYTES
    }

    fn key(&self) -> Key {
        (self.origin.id, self.upload)
    }

    fn written(&self, bytes: usize) {
        self.under_way.fetch_sub(bytes, Ordering::AcqRel);
        grant(&self.origin, self.upload, bytes);
    }
}

/// A connection's number and the client's number of the upload.
type Key = (u64, u32);

/// One step of an upload.
pub(crate) enum Piece {
    Begin { origin: Arc<Connection>, upload: u32, writer: UploadWriter, turn: OwnedSemaphorePermit },
    Chunk { flow: Arc<Flow>, bytes: Bytes },
    End { flow: Arc<Flow> },
    Abort { connection: u64, upload: u32 },
    Ended { connection: u64 },
}

/// Where the connections leave their pieces. The queue is bounded by the credits and by the number of files
/// that a connection may have open.
pub(crate) struct Uploads {
    pieces: mpsc::Sender<Piece>,
}

impl Uploads {
    /// Starts the thread that writes uploads; it ends when the last sender is gone.
    pub(crate) fn start(figures: Arc<Figures>) -> std::io::Result<Self> {
        let (pieces, queue) = mpsc::channel();
        let desk = Desk { open: HashMap::new(), figures };
        std::thread::Builder::new()
            .name("store-uploads".to_owned())
            .spawn(move || desk.run(&queue))?;
        Ok(Self { pieces })
    }

    /// Leaves a piece for the thread.
    pub(crate) fn send(&self, piece: Piece) {
        if self.pieces.send(piece).is_err() {
            tracing::error!("the thread that writes uploads has ended");
        }
    }
}

struct Desk {
    /// Each with its share of the files that its connection may have open.
    open: HashMap<Key, (UploadWriter, OwnedSemaphorePermit)>,
    figures: Arc<Figures>,
}

impl Desk {
    fn run(mut self, queue: &mpsc::Receiver<Piece>) {
        while let Ok(piece) = queue.recv() {
            self.take(piece);
            self.figures.uploads.store(self.open.len(), Ordering::Relaxed);
        }
    }

    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Begin { origin, upload, writer, turn } => {
                if !origin.outbox.is_closed() {
                    self.open.insert((origin.id, upload), (writer, turn));
                    grant(&origin, upload, UPLOAD_WINDOW_BYTES);
                }
            }
            Piece::Chunk { flow, bytes } => self.write(&flow, &bytes),
            Piece::End { flow } => self.end(&flow),
            Piece::Abort { connection, upload } => {
                self.open.remove(&(connection, upload));
            }
            Piece::Ended { connection } => self.open.retain(|(of, _), _| *of != connection),
        }
    }

    fn write(&mut self, flow: &Flow, bytes: &[u8]) {
        let Some((writer, _)) = self.open.get_mut(&flow.key()) else { return };
        let result = if writer.size() + bytes.len() as u64 > MESSAGE_BYTES {
            Err(StoreError::Limit(LimitName::MessageBytes))
        } else {
            writer.write(bytes)
        };
        match result {
            Ok(()) => flow.written(bytes.len()),
            Err(error) => {
                self.open.remove(&flow.key());
                done(&flow.origin, flow.upload, Err(error));
            }
        }
    }

    fn end(&mut self, flow: &Flow) {
        let Some((writer, _turn)) = self.open.remove(&flow.key()) else { return };
        let size = writer.size();
        done(&flow.origin, flow.upload, writer.finish().map(|upload| (upload, size)));
    }
}

fn grant(origin: &Connection, upload: u32, bytes: usize) {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    origin.outbox.send(&FromStored::Credit { upload, bytes });
}

/// Tells the client how its upload ended.
pub(crate) fn done(origin: &Connection, upload: u32, result: Result<(UploadId, u64), StoreError>) {
    origin.outbox.send(&FromStored::UploadDone { upload, result });
}
