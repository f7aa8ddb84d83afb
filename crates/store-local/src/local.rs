//! Writer and reader in one process: for tools while `stored` is down, and for tests.

use crate::engine::{
    Backup, BackupReport, Engine, EngineConfig, Job, MutationId, RepairPlan, UploadWriter,
};
use crate::notes::SharedNotes;
use crate::proto::CompactReport;
use crate::reader::{Gone, Reader};
use bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use waypost_mime::Scanner;
use waypost_store::{
    Access, BoxFuture, Content, Mutation, Outcome, Payload, Snapshot, Store, StoreError, Upload,
    Wake, Watch, limits,
};
use waypost_types::{AccountId, MailboxId, ModSeq, Moment};

/// Mutations that are committed together at most.
const BATCH_JOBS: usize = 1_000;
/// How long the writer rests before it looks for something to purge.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

type Answer = oneshot::Sender<Result<Outcome, StoreError>>;

enum Request {
    Submit(Box<Mutation>, Answer),
    Upload(oneshot::Sender<Result<UploadWriter, StoreError>>),
    Backup(Sender<Backup>),
    Compact(u8, Sender<Result<CompactReport, StoreError>>),
    Repair(RepairPlan, oneshot::Sender<Result<Vec<String>, StoreError>>),
}

/// A store in one process.
pub struct LocalStore {
    reader: Reader,
    requests: Option<Sender<Request>>,
    watches: Arc<Mutex<Watches>>,
    notes: Arc<SharedNotes>,
    writer: Option<JoinHandle<()>>,
}

impl LocalStore {
    /// Opens a partition, making it when it is new; fails while another process writes it.
    pub fn open(config: EngineConfig) -> Result<Self, StoreError> {
        let mut engine = Engine::open(config)?;
        if let Some(structure) = engine.take_damaged() {
            return Err(structure.refusal());
        }
        let (reader, notes) = (engine.reader(), engine.notes());
        let (requests, incoming) = channel();
        let watches: Arc<Mutex<Watches>> = Arc::default();
        let shared = Arc::clone(&watches);
        let writer = Writer { engine, watches: shared, next_id: first_id()? };
        let run = move || writer.run(&incoming);
        let writer = std::thread::Builder::new().name("store-writer".to_owned()).spawn(run);
        let writer = writer.map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self { reader, requests: Some(requests), watches, notes, writer: Some(writer) })
    }

    /// Copies the store to a missing or empty directory while everything goes on.
    pub fn backup(&self, dir: &Path) -> Result<BackupReport, StoreError> {
        let (answer, answered) = channel();
        self.send(Request::Backup(answer));
        answered.recv().map_err(|_| ended())?.run(dir)
    }

    /// Compacts every segment of which at least `percent` percent are dead, and removes the files.
    pub fn compact(&self, percent: u8) -> Result<CompactReport, StoreError> {
        let (answer, answered) = channel();
        self.send(Request::Compact(percent, answer));
        answered.recv().map_err(|_| ended())?
    }

    /// Repairs what a check found; answers with what was done, a line each.
    pub fn repair(&self, plan: RepairPlan) -> BoxFuture<Result<Vec<String>, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Repair(plan, answer));
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(ended())) })
    }

    /// What an account has lost from `since` on (seconds since 1970) and what can be brought back.
    pub(crate) fn gone(&self, account: AccountId, since: i64) -> Result<Gone, StoreError> {
        self.reader.gone(account, since)
    }

    fn send(&self, request: Request) {
        // When the writer is gone the request is dropped, and with it the answer's sender.
        if let Some(requests) = &self.requests {
            let _gone = requests.send(request);
        }
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
    }
}

impl Store for LocalStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.reader.snapshot()
    }

    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>> {
        let (answer, answered) = oneshot::channel();
        self.send(Request::Submit(Box::new(mutation), answer));
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(ended())) })
    }

    fn upload(&self) -> Box<dyn Upload> {
        let requests = self.requests.clone();
        Box::new(LocalUpload { requests, scanner: Scanner::new(), kept: Vec::new(), file: None })
    }

    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch> {
        let mut watches = lock(&self.watches);
        watches.next += 1;
        let key = watches.next;
        watches.open.insert(key, Watched { account, wake, showing: None });
        Box::new(LocalWatch { key, watches: Arc::clone(&self.watches) })
    }

    fn note_access(&self, notes: Vec<Access>) {
        self.notes.note(notes, Moment::now().instant);
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the store's writer has ended".to_owned())
}

/// Where the ids of this process begin: nowhere near those of another.
fn first_id() -> Result<u128, StoreError> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Io(e.to_string()))?;
    let start = bytes.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    Ok(start << 32)
}

struct Writer {
    engine: Engine,
    watches: Arc<Mutex<Watches>>,
    next_id: u128,
}

impl Writer {
    fn run(mut self, incoming: &Receiver<Request>) {
        loop {
            match incoming.recv_timeout(PURGE_INTERVAL) {
                Ok(request) => self.serve(request, incoming),
                Err(RecvTimeoutError::Timeout) => self.purge(),
                Err(RecvTimeoutError::Disconnected) => return self.engine.write_all_notes(),
            }
            self.engine.write_due_notes(Moment::now().instant);
        }
    }

    /// Commits everything that waits together.
    fn serve(&mut self, first: Request, incoming: &Receiver<Request>) {
        let mut jobs = Vec::new();
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next.take() {
            match request {
                Request::Submit(mutation, answer) => {
                    self.next_id += 1;
                    jobs.push(Job { id: MutationId(self.next_id), mutation: *mutation });
                    answers.push(answer);
                }
                Request::Upload(answer) => {
                    let _gone = answer.send(self.engine.begin_upload(Moment::now().wall));
                }
                Request::Repair(plan, answer) => {
                    let _gone = answer.send(self.engine.repair(plan, Moment::now().wall));
                }
                Request::Backup(answer) => {
                    self.engine.write_all_notes();
                    let _gone = answer.send(self.engine.begin_backup());
                }
                Request::Compact(percent, answer) => {
                    let _gone = answer.send(self.engine.compact_all(u64::from(percent)));
                }
            }
            if jobs.len() < BATCH_JOBS {
                next = incoming.try_recv().ok();
            }
        }
        if !jobs.is_empty() {
            self.commit(jobs, answers);
        }
    }

    fn commit(&mut self, jobs: Vec<Job>, answers: Vec<Answer>) {
        let done = self.engine.commit(jobs, Moment::now().wall);
        if self.engine.is_unusable() {
            // Whether the last commit is there shows when the store is opened anew: no answer.
            return;
        }
        let mut touched = Vec::new();
        for (done, answer) in done.into_iter().zip(answers) {
            let _gone = answer.send(done.outcome);
            touched.extend(done.touched.into_iter().map(|(account, _)| account));
        }
        touched.sort_unstable();
        touched.dedup();
        let wakes: Vec<Wake> = lock(&self.watches).of(&touched);
        wakes.iter().for_each(|wake| wake());
    }

    fn purge(&mut self) {
        let watches = Arc::clone(&self.watches);
        let floor = |account, mailbox| lock(&watches).floor(account, mailbox);
        if let Err(error) = self.engine.purge_step(&floor, Moment::now().wall) {
            tracing::warn!(%error, "purge failed");
        }
        if let Err(error) = self.engine.save_step(Moment::now().wall) {
            tracing::warn!(%error, "states cannot be saved in the segments");
        }
        // Nothing waits: the unlinks delay nobody.
        self.engine.remove_retired();
    }
}

#[derive(Default)]
struct Watches {
    next: u64,
    open: HashMap<u64, Watched>,
}

struct Watched {
    account: AccountId,
    wake: Wake,
    showing: Option<(MailboxId, ModSeq)>,
}

impl Watches {
    /// The wake-ups of accounts, which are sorted.
    fn of(&self, accounts: &[AccountId]) -> Vec<Wake> {
        let watched = self.open.values();
        let touched = watched.filter(|w| accounts.binary_search(&w.account).is_ok());
        touched.map(|w| Arc::clone(&w.wake)).collect()
    }

    fn floor(&self, account: AccountId, mailbox: MailboxId) -> Option<ModSeq> {
        let shown = self.open.values().filter(|w| w.account == account).filter_map(|w| w.showing);
        shown.filter(|(shown, _)| *shown == mailbox).map(|(_, modseq)| modseq).min()
    }
}

struct LocalWatch {
    key: u64,
    watches: Arc<Mutex<Watches>>,
}

impl Watch for LocalWatch {
    fn showing(&self, mailbox: Option<(MailboxId, ModSeq)>) {
        if let Some(watched) = lock(&self.watches).open.get_mut(&self.key) {
            watched.showing = mailbox;
        }
    }
}

impl Drop for LocalWatch {
    fn drop(&mut self) {
        lock(&self.watches).open.remove(&self.key);
    }
}

/// Small messages are kept in memory; one that grows past the limit goes to a segment of its own.
/// Writing blocks: whoever uses this store has a thread to spare.
struct LocalUpload {
    requests: Option<Sender<Request>>,
    scanner: Scanner,
    kept: Vec<u8>,
    file: Option<UploadWriter>,
}

impl LocalUpload {
    async fn take(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        self.scanner.push(chunk);
        if let Some(file) = &mut self.file {
            return file.write(chunk);
        }
        self.kept.extend_from_slice(chunk);
        if self.kept.len() <= limits::INLINE_BYTES {
            return Ok(());
        }
        let mut file = self.begin().await?;
        file.write(&std::mem::take(&mut self.kept))?;
        self.file = Some(file);
        Ok(())
    }

    async fn begin(&self) -> Result<UploadWriter, StoreError> {
        let (answer, answered) = oneshot::channel();
        if let Some(requests) = &self.requests {
            let _gone = requests.send(Request::Upload(answer));
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Upload for LocalUpload {
    fn write(mut self: Box<Self>, chunk: Bytes) -> BoxFuture<Result<Box<dyn Upload>, StoreError>> {
        Box::pin(async move {
            self.take(&chunk).await?;
            Ok(self as Box<dyn Upload>)
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<Result<Payload, StoreError>> {
        Box::pin(async move {
            let Self { scanner, kept, file, .. } = *self;
            let content = match file {
                Some(file) => {
                    let size = file.size();
                    Content::Uploaded { upload: file.finish()?, size }
                }
                None => Content::Inline(Bytes::from(kept)),
            };
            Ok(Payload { content, parsed: Box::new(scanner.finish()) })
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
