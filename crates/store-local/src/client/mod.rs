//! The store as a worker process sees it: read here, written by `stored`.
//!
//! Reads go to a [`Reader`] of this process. Mutations go over a socket and survive a restart of
//! the server: what was acknowledged is present exactly once, what was not is sent again until its
//! deadline. Wake-ups reach the watches of their account alone.

mod access;
mod driver;
mod link;
mod suspicion;
mod upload;
mod watchers;

pub use access::{StoreAccess, mend_numbers};

use crate::MutationId;
use crate::engine::RepairPlan;
use crate::proto::{
    CONNECTION_UPLOADS, CompactReport, MAX_FRAME_BYTES, StatusReport, ToStored, encode_about,
};
use crate::reader::Reader;
use link::{Answer, Entry, Link, Waiter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use suspicion::{KnownHarm, Suspecting, Told};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use upload::{ClientUpload, Slot};
use watchers::{ClientWatch, Watchers};
use waypost_store::{
    Access, BoxFuture, Content, Mutation, Outcome, Snapshot, Store, StoreError, Upload, Wake, Watch,
};
use waypost_types::{AccountId, ModSeq};

/// Mutations of this process under way at once; a further one waits for room.
pub const PENDING_MUTATIONS: usize = 4_096;
/// KiB of mutations of this process under way at once; a further one waits for room.
pub const PENDING_KIB: usize = 64 << 10;

/// What a mutation's frame takes beside the message, in bytes, mostly; a guess too small costs a copy.
const FRAME_REST_BYTES: usize = 2_048;

/// At the end of a process, what it has sent gets this long to be handed over.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often the farewell looks whether that is so.
const FAREWELL_STEP: Duration = Duration::from_millis(5);

/// How a worker reaches the store.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The partition's directory.
    pub store_path: PathBuf,
    /// The socket of `stored`.
    pub socket_path: PathBuf,
    /// The kind of process, such as `imapd`, for the log.
    pub role: String,
    /// Whether this process has sessions: it gets wake-ups and is asked what they show.
    pub watches: bool,
    /// A mutation without an outcome after this time fails as unavailable.
    pub deadline: Duration,
}

impl ClientConfig {
    /// The default deadline of a mutation.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// The defaults for a worker with sessions.
    pub fn new(store_path: impl Into<PathBuf>, socket_path: impl Into<PathBuf>) -> Self {
        Self {
            store_path: store_path.into(),
            socket_path: socket_path.into(),
            role: "worker".to_owned(),
            watches: true,
            deadline: Self::DEADLINE,
        }
    }
}

/// Asks a running server for its figures, without opening the store; within the deadline.
pub async fn ask_status(config: &ClientConfig) -> Result<StatusReport, StoreError> {
    match tokio::time::timeout(config.deadline, driver::ask_status(config)).await {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(error)) => Err(StoreError::Unavailable(error.to_string())),
        Err(_) => Err(gone("a status request")),
    }
}

/// A worker's store. Dropping it ends its connection.
pub struct StoreClient {
    reader: Reader,
    shared: Arc<Shared>,
    driver: AbortHandle,
}

/// What the client, its uploads, its watches and its connection share.
pub(crate) struct Shared {
    config: ClientConfig,
    /// The random number of this client: the upper half of its mutation ids.
    client: u64,
    last_mutation: AtomicU64,
    link: Mutex<Link>,
    watchers: Watchers,
    /// Tells the sending side that something waits.
    ready: Notify,
    connected: watch::Sender<bool>,
    mutations: Arc<Semaphore>,
    kib: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    /// Told of files that are removed; says how far this process sees an account.
    reader: OnceLock<Reader>,
    /// Damage that `stored` was told of.
    told: Told,
    /// What must not be read.
    harm: KnownHarm,
}

impl StoreClient {
    /// Connects to `stored`, waiting for it until the deadline, and opens the store for reading.
    /// Must be called on a tokio runtime, which then runs the connection.
    pub async fn connect(config: ClientConfig) -> Result<Self, StoreError> {
        let shared = Shared::new(config)?;
        let driver = tokio::spawn(driver::drive(Arc::clone(&shared))).abort_handle();
        let opened = shared.wait_connected(shared.deadline()).await;
        let opened = opened.and_then(|()| Reader::open(&shared.config.store_path));
        match opened {
            Ok(reader) => {
                let reader = shared.reader.get_or_init(|| reader).clone();
                Ok(Self { reader, shared, driver })
            }
            Err(error) => {
                driver.abort();
                Err(error)
            }
        }
    }

    /// Asks the running server for a consistent copy of the store in `directory`: an absolute
    /// path, absent or an empty directory.
    pub async fn backup(&self, directory: &Path) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let directory = directory.to_owned();
        self.request(Waiter::Backup(reply), |request| ToStored::Backup { request, directory })?;
        answer.await.unwrap_or_else(|_| Err(gone("a backup")))
    }

    /// Asks the server for its figures.
    pub async fn status(&self) -> Result<StatusReport, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.request(Waiter::Status(reply), |request| ToStored::Status { request })?;
        match timeout_at(self.shared.deadline(), answer).await {
            Ok(Ok(report)) => Ok(report),
            _ => Err(gone("a status request")),
        }
    }

    /// Asks the server to commit the notes it has gathered, so that snapshots opened then show
    /// them.
    pub async fn write_notes(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.request(Waiter::Notes(reply), |request| ToStored::WriteNotes { request })?;
        match timeout_at(self.shared.deadline(), answer).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(gone("a request")),
        }
    }

    /// Has the server compact, at full speed, every segment of which at least `percent` percent are
    /// dead; answers when their files are removed.
    pub async fn compact(&self, percent: u8) -> Result<CompactReport, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.request(Waiter::Compact(reply), |request| ToStored::Compact { request, percent })?;
        answer.await.unwrap_or_else(|_| Err(gone("a compaction")))
    }

    /// Asks the server to repair what a check found; answers with what was done.
    pub async fn repair(&self, plan: RepairPlan) -> Result<Vec<String>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.request(Waiter::Repair(reply), |request| ToStored::Repair { request, plan })?;
        answer.await.unwrap_or_else(|_| Err(gone("a repair")))
    }

    /// How many notes this process dropped because too many waited for the server.
    pub fn notes_dropped(&self) -> u64 {
        self.shared.link().notes_dropped()
    }

    /// Waits until all that was submitted or noted is handed to the server, at most a second; for
    /// the end of a worker, whose last notes say that its sessions ended.
    pub async fn farewell(&self) {
        self.shared.link().queue_notes();
        self.shared.ready.notify_one();
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end && !self.shared.link().is_drained() {
            tokio::time::sleep(FAREWELL_STEP).await;
        }
    }

    /// Whether the connection to `stored` stands now.
    pub fn is_connected(&self) -> bool {
        *self.shared.connected.borrow()
    }

    fn request(
        &self,
        waiter: Waiter,
        frame: impl FnOnce(u32) -> ToStored,
    ) -> Result<(), StoreError> {
        let sent = self.shared.link().request(waiter, frame);
        self.shared.ready.notify_one();
        if sent { Ok(()) } else { Err(gone("a request")) }
    }
}

fn gone(during: &str) -> StoreError {
    StoreError::Unavailable(format!("the writer went away during {during}"))
}

impl Drop for StoreClient {
    fn drop(&mut self) {
        self.driver.abort();
        self.shared.link().close();
    }
}

impl Store for StoreClient {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let inner = self.reader.snapshot()?;
        let harm = self.shared.harm.now();
        Ok(Box::new(Suspecting { inner, shared: &self.shared, harm }))
    }

    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>> {
        let shared = Arc::clone(&self.shared);
        let deadline = shared.deadline();
        let id = shared.next_id();
        let size = FRAME_REST_BYTES + inline_bytes(&mutation);
        let Ok(frame) = encode_about(&ToStored::Mutate { id, mutation }, size) else {
            let text = format!("a change of more than {} MiB", MAX_FRAME_BYTES >> 20);
            return Box::pin(async move { Err(StoreError::NotPermitted(text)) });
        };
        // With room, it is under way before the future is polled and whether or not it is kept.
        match shared.room_now(frame.len()) {
            Some(share) => {
                let answer = shared.track(id, frame, deadline, share);
                Box::pin(async move { shared.outcome(id, answer, deadline).await })
            }
            None => Box::pin(async move {
                let share = shared.room(frame.len(), deadline).await?;
                let answer = shared.track(id, frame, deadline, share);
                shared.outcome(id, answer, deadline).await
            }),
        }
    }

    fn upload(&self) -> Box<dyn Upload> {
        Box::new(ClientUpload::new(Arc::clone(&self.shared)))
    }

    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch> {
        Box::new(ClientWatch::new(Arc::clone(&self.shared), account, wake))
    }

    fn note_access(&self, notes: Vec<Access>) {
        if self.shared.link().note(notes, Instant::now().into_std()) {
            self.shared.ready.notify_one();
        }
    }
}

impl Shared {
    fn new(config: ClientConfig) -> Result<Arc<Self>, StoreError> {
        let client = getrandom::u64()
            .map_err(|error| StoreError::Io(format!("no random number: {error}")))?;
        Ok(Arc::new(Self {
            config,
            client,
            last_mutation: AtomicU64::new(0),
            link: Mutex::default(),
            watchers: Watchers::default(),
            ready: Notify::new(),
            connected: watch::Sender::new(false),
            mutations: Arc::new(Semaphore::new(PENDING_MUTATIONS)),
            kib: Arc::new(Semaphore::new(PENDING_KIB)),
            uploads: Arc::new(Semaphore::new(CONNECTION_UPLOADS)),
            reader: OnceLock::new(),
            told: Told::default(),
            harm: KnownHarm::default(),
        }))
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.config.deadline
    }

    fn next_id(&self) -> MutationId {
        let number = self.last_mutation.fetch_add(1, Ordering::Relaxed);
        MutationId(u128::from(self.client) << 64 | u128::from(number))
    }

    fn room_now(&self, bytes: usize) -> Option<[OwnedSemaphorePermit; 2]> {
        let one = Arc::clone(&self.mutations).try_acquire_owned().ok()?;
        let kib = Arc::clone(&self.kib).try_acquire_many_owned(kib(bytes)).ok()?;
        Some([one, kib])
    }

    async fn room(
        &self,
        bytes: usize,
        deadline: Instant,
    ) -> Result<[OwnedSemaphorePermit; 2], StoreError> {
        let shares = async {
            let one = Arc::clone(&self.mutations).acquire_owned().await.ok()?;
            let kib = Arc::clone(&self.kib).acquire_many_owned(kib(bytes)).await.ok()?;
            Some([one, kib])
        };
        let busy = || StoreError::Unavailable("too many changes wait; not applied".to_owned());
        timeout_at(deadline, shares).await.ok().flatten().ok_or_else(busy)
    }

    fn track(
        &self,
        id: MutationId,
        frame: Vec<u8>,
        deadline: Instant,
        share: [OwnedSemaphorePermit; 2],
    ) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        self.link().track(id, Entry { frame: frame.into(), reply, deadline, _share: share });
        self.ready.notify_one();
        answer
    }

    async fn outcome(
        &self,
        id: MutationId,
        answer: oneshot::Receiver<Answer>,
        deadline: Instant,
    ) -> Answer {
        if let Ok(Ok(answer)) = timeout_at(deadline, answer).await {
            return answer;
        }
        self.link().forget(id);
        Err(StoreError::Unavailable("no answer from the writer in time".to_owned()))
    }

    async fn wait_connected(&self, deadline: Instant) -> Result<(), StoreError> {
        let mut connected = self.connected.subscribe();
        let wait = connected.wait_for(|connected| *connected);
        match timeout_at(deadline, wait).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(StoreError::Unavailable("the store's writer cannot be reached".to_owned())),
        }
    }

    async fn upload_place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, StoreError> {
        let place = Arc::clone(&self.uploads).acquire_owned();
        let busy = || StoreError::Unavailable("too many large messages at once".to_owned());
        timeout_at(deadline, place).await.ok().and_then(Result::ok).ok_or_else(busy)
    }

    async fn begin_upload(&self, deadline: Instant) -> Result<Arc<Slot>, StoreError> {
        loop {
            self.wait_connected(deadline).await?;
            // The connection may have ended since.
            if let Some(slot) = self.link().begin_upload() {
                self.ready.notify_one();
                return Ok(slot);
            }
            tokio::task::yield_now().await;
        }
    }

    fn push_upload(&self, slot: &Slot, frame: &ToStored) -> bool {
        let sent = self.link().push_upload(slot, frame);
        self.ready.notify_one();
        sent
    }

    /// The modification sequence at which this process sees an account now; 0 when it sees none: a
    /// wake-up too many is harmless.
    fn modseq(&self, account: AccountId) -> ModSeq {
        let snapshot = self.reader.get().and_then(|reader| reader.snapshot().ok());
        let found = snapshot.and_then(|snapshot| snapshot.account_by_id(account).ok().flatten());
        found.map_or(ModSeq(0), |account| account.modseq)
    }

    fn push(&self, frame: &ToStored) {
        self.link().push(frame);
        self.ready.notify_one();
    }
}

/// Bytes of the message that travels inside a mutation.
fn inline_bytes(mutation: &Mutation) -> usize {
    let payload = match mutation {
        Mutation::Deliver(deliver) => &deliver.payload,
        Mutation::Append(append) => &append.payload,
        _ => return 0,
    };
    match &payload.content {
        Content::Inline(bytes) => bytes.len(),
        Content::Uploaded { .. } => 0,
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
