//! One connected client: its rights, its frames, its share of what may wait.

use super::Hub;
use super::compact::Order;
use super::intake::{Asked, Queued, Request};
use super::listens::Listens;
use super::outbox::{Outbox, WakeFrame};
use super::uploads::{Flow, Piece};
use crate::MutationId;
use crate::engine::Job;
use crate::notes::Noted;
use crate::proto::{
    CONNECTION_UPLOADS, FRAME_LISTENS, FRAME_NOTES, FrameReader, FromStored, HOLD_MAILBOXES, Hello,
    Holds, PROTOCOL_VERSION, QUERY_IDS, ROLE_BYTES, ToStored, UPLOAD_CHUNK_BYTES,
};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waypost_store::Mutation;
use waypost_types::{AccountId, ModSeq};

/// Mutations of one connection that wait; then its socket is not read.
pub(crate) const CONNECTION_JOBS: usize = 4_096;
/// KiB of mutations and requests of one connection that wait; then its socket is not read.
pub(crate) const CONNECTION_JOB_KIB: usize = 64 << 10;
/// Uploads of one connection that were begun and of which the files are still open: those that it may have
/// at the same time, and as many that it has ended meanwhile. Then its socket is not read.
const CONNECTION_FILES: usize = 2 * CONNECTION_UPLOADS;
/// A client introduces itself within this time.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes read from a client at once.
const READ_BUFFER_BYTES: usize = 64 << 10;

/// A connected client.
pub(crate) struct Connection {
    /// Its number in this process, never used again.
    pub(crate) id: u64,
    /// How it introduced itself.
    pub(crate) hello: Hello,
    /// What is sent to it.
    pub(crate) outbox: Outbox,
    /// Which accounts it wants to hear of.
    pub(crate) listens: Listens,
    jobs: Arc<Semaphore>,
    job_kib: Arc<Semaphore>,
    files: Arc<Semaphore>,
}

/// The reading side's own state.
struct Inbox {
    hub: Arc<Hub>,
    connection: Arc<Connection>,
    uploads: HashMap<u32, Arc<Flow>>,
}

/// Serves one client until it or the server ends.
pub(crate) async fn serve(hub: Arc<Hub>, stream: UnixStream) {
    if !may_enter(&stream, hub.uid) {
        tracing::warn!("a process of another user tried to reach the store's writer");
        return;
    }
    let (read, write) = stream.into_split();
    let mut frames = FrameReader::new(BufReader::with_capacity(READ_BUFFER_BYTES, read));
    let outbox = Outbox::new(write, Arc::clone(&hub.figures.overflows));
    let hello = match tokio::time::timeout(HELLO_PATIENCE, greet(&mut frames)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => return refuse(&outbox, &error),
        Err(_) => return,
    };
    let connection = Arc::new(Connection {
        id: hub.next_connection(),
        hello,
        outbox,
        listens: Listens::default(),
        jobs: Arc::new(Semaphore::new(CONNECTION_JOBS)),
        job_kib: Arc::new(Semaphore::new(CONNECTION_JOB_KIB)),
        files: Arc::new(Semaphore::new(CONNECTION_FILES)),
    });
    if !hub.enter(&connection) {
        return refuse(&connection.outbox, &io::Error::other("too many connections"));
    }
    connection.outbox.send(&FromStored::Hello(hub.hello()));
    // Told to those who are listed already when it is found.
    if let Some(harm) = hub.harmed.harm() {
        connection.outbox.send(&FromStored::Harmed { harm });
    }
    let drain = tokio::spawn({
        let connection = Arc::clone(&connection);
        async move { connection.outbox.drain().await }
    });
    let inbox = Inbox {
        hub: Arc::clone(&hub),
        connection: Arc::clone(&connection),
        uploads: HashMap::new(),
    };
    if let Err(error) = inbox.run(&mut frames).await {
        tracing::warn!(role = connection.hello.role, pid = connection.hello.pid, %error,
            "a connection to the store's writer failed");
    }
    connection.outbox.close();
    hub.leave(&connection);
    drop(drain.await);
}

/// Only processes of the same user and root; the socket's mode says so too.
fn may_enter(stream: &UnixStream, uid: u32) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == uid || peer.uid() == 0)
}

type Frames = FrameReader<BufReader<OwnedReadHalf>>;

async fn greet(frames: &mut Frames) -> io::Result<Hello> {
    match frames.next::<ToStored>().await? {
        Some((ToStored::Hello(hello), _)) if hello.version != PROTOCOL_VERSION => {
            Err(violation(&format!("protocol {} is not {PROTOCOL_VERSION}", hello.version)))
        }
        Some((ToStored::Hello(hello), _)) if hello.role.len() <= ROLE_BYTES => Ok(hello),
        Some(_) => Err(violation("no introduction")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn refuse(outbox: &Outbox, why: &io::Error) {
    if why.kind() == io::ErrorKind::UnexpectedEof {
        // A tool that only looked whether somebody listens.
        return;
    }
    tracing::warn!(%why, "a connection to the store's writer is refused");
    outbox.send(&FromStored::Refused { reason: why.to_string() });
}

fn violation(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Inbox {
    async fn run(mut self, frames: &mut Frames) -> io::Result<()> {
        let connection = Arc::clone(&self.connection);
        loop {
            let next = tokio::select! {
                next = frames.next::<ToStored>() => next?,
                () = connection.outbox.closed() => return Ok(()),
            };
            let Some((frame, size)) = next else { return Ok(()) };
            self.take(frame, size).await?;
        }
    }

    async fn take(&mut self, frame: ToStored, size: usize) -> io::Result<()> {
        let origin = Arc::clone(&self.connection);
        match frame {
            ToStored::Hello(_) => return Err(violation("a second introduction")),
            ToStored::Mutate { id, mutation } => self.mutate(id, mutation, size).await?,
            ToStored::OutcomeQuery { ids } if ids.len() <= QUERY_IDS => {
                self.ask(Request::Outcomes { origin, ids }, size).await?;
            }
            ToStored::OutcomeQuery { .. } => return Err(violation("too many outcomes at once")),
            ToStored::UploadBegin { upload } => self.begin(upload, size).await?,
            ToStored::UploadChunk { upload, bytes } => self.chunk(upload, bytes)?,
            ToStored::UploadEnd { upload } => {
                if let Some(flow) = self.uploads.remove(&upload) {
                    self.hub.uploads.send(Piece::End { flow });
                }
            }
            ToStored::UploadAbort { upload } => {
                self.uploads.remove(&upload);
                self.ask(Request::UploadAbort { origin, upload }, size).await?;
            }
            ToStored::HoldAnswer { round, holds } => self.holds(round, holds, size).await?,
            ToStored::Backup { request, directory } => {
                self.ask(Request::Backup { origin, request, directory }, size).await?;
            }
            ToStored::Status { request } => {
                let report = self.hub.report();
                origin.outbox.send(&FromStored::StatusReport { request, report });
            }
            ToStored::NoteAccess { notes } if notes.len() <= FRAME_NOTES => self.note(notes),
            ToStored::NoteAccess { .. } => return Err(violation("too many notes at once")),
            ToStored::Repair { request, plan } => {
                self.ask(Request::Repair { origin, request, plan }, size).await?;
            }
            ToStored::Suspect { suspect } => {
                self.ask(Request::Suspect { suspect }, size).await?;
            }
            ToStored::WriteNotes { request } => {
                self.ask(Request::WriteNotes { origin, request }, size).await?;
            }
            ToStored::Compact { request, percent } => {
                self.hub.compaction.order(Order { origin, request, percent });
            }
            ToStored::Listen { accounts } if accounts.len() <= FRAME_LISTENS => {
                self.listen(&accounts);
            }
            ToStored::Unlisten { accounts } if accounts.len() <= FRAME_LISTENS => {
                origin.listens.remove(&accounts);
            }
            ToStored::Listen { .. } | ToStored::Unlisten { .. } => {
                return Err(violation("too many accounts at once"));
            }
        }
        Ok(())
    }

    /// Waits while this connection has its share waiting: its socket is not read meanwhile.
    async fn mutate(&self, id: MutationId, mutation: Mutation, size: usize) -> io::Result<()> {
        let origin = Arc::clone(&self.connection);
        let jobs = Arc::clone(&origin.jobs).acquire_owned().await.map_err(io::Error::other)?;
        let room = self.room(size).await?;
        let job = Job { id, mutation };
        self.hub.intake.submit(Queued { origin, job, size, share: [jobs, room] });
        Ok(())
    }

    /// Waits likewise: a client that asks faster than the writer answers is not read.
    async fn ask(&self, request: Request, size: usize) -> io::Result<()> {
        let share = Some(self.room(size).await?);
        self.hub.intake.request(Asked { request, share });
        Ok(())
    }

    /// A share of what this connection may have waiting, for a frame of this size.
    async fn room(&self, size: usize) -> io::Result<OwnedSemaphorePermit> {
        let kib = u32::try_from(size.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.connection.job_kib).acquire_many_owned(kib);
        room.await.map_err(io::Error::other)
    }

    /// Listens first and looks then: a commit in between is told by the writer, one before is seen
    /// here.
    fn listen(&self, accounts: &[(AccountId, ModSeq)]) {
        self.connection.listens.add(accounts.iter().map(|(account, _)| *account));
        let snapshot = self.hub.reader.snapshot();
        let is_closed = self.hub.harmed.refusal().is_some();
        let now = |account| {
            if is_closed {
                // Nothing is written, and what lies on a damaged page is not read.
                return None;
            }
            let found = snapshot.as_ref().ok().map(|snapshot| snapshot.account_by_id(account));
            match found {
                Some(Ok(account)) => account.map(|account| account.modseq),
                // It cannot be known here: the session looks itself.
                Some(Err(_)) | None => Some(ModSeq(u64::MAX)),
            }
        };
        let ahead = accounts.iter().filter_map(|(account, seen)| {
            now(*account).filter(|modseq| modseq > seen).map(|modseq| (*account, modseq))
        });
        let outcomes = self.hub.figures.outcomes.load(Ordering::Acquire);
        if let Some(frame) = WakeFrame::new(outcomes, ahead.collect()) {
            self.connection.outbox.wake(&frame);
        }
    }

    /// Nobody is woken or answered: the next commit takes the notes along.
    fn note(&self, notes: Vec<Noted>) {
        let now = Instant::now();
        let mut waiting = self.hub.notes.lock();
        notes.iter().for_each(|(account, times)| waiting.add(account.clone(), times, now));
    }

    async fn begin(&mut self, upload: u32, size: usize) -> io::Result<()> {
        if self.uploads.len() >= CONNECTION_UPLOADS || self.uploads.contains_key(&upload) {
            return Err(violation("too many uploads at once"));
        }
        let origin = Arc::clone(&self.connection);
        self.uploads.insert(upload, Arc::new(Flow::new(Arc::clone(&origin), upload)));
        let turn = Arc::clone(&origin.files).acquire_owned().await.map_err(io::Error::other)?;
        self.ask(Request::UploadBegin { origin, upload, turn }, size).await
    }

    fn chunk(&self, upload: u32, bytes: Bytes) -> io::Result<()> {
        // A piece of an upload that failed or was aborted may still have been under way.
        let Some(flow) = self.uploads.get(&upload) else { return Ok(()) };
        if bytes.len() > UPLOAD_CHUNK_BYTES || !flow.admit(bytes.len(), &self.hub.figures) {
            return Err(violation("an upload went past its credit"));
        }
        self.hub.uploads.send(Piece::Chunk { flow: Arc::clone(flow), bytes });
        Ok(())
    }

    async fn holds(&self, round: u64, holds: Holds, size: usize) -> io::Result<()> {
        if matches!(&holds, Holds::Mailboxes(list) if list.len() > HOLD_MAILBOXES) {
            return Err(violation("too many mailboxes held"));
        }
        let origin = Arc::clone(&self.connection);
        self.ask(Request::Holds { origin, round, holds }, size).await
    }
}
