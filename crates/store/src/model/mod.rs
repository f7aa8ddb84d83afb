//! The reference model: the contract in its plainest form, in memory. Engines are compared with it,
//! protocol tests run on it. It is no engine: nothing lasts, every change copies what a reader holds.

mod apply;
mod snapshot;
mod state;

use crate::{
    Access, BoxFuture, Content, Mutation, Outcome, Payload, Snapshot, Store, StoreError, Upload,
    Wake, Watch,
};
use bytes::Bytes;
use snapshot::ModelSnapshot;
use state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use waypost_types::{AccountId, MailboxId, ModSeq, UnixTime};

/// An in-memory store.
#[derive(Default)]
pub struct ModelStore {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Arc<State>>,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    next: u64,
    wakes: BTreeMap<(AccountId, u64), Wake>,
}

impl ModelStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies a mutation at once, as of `now`.
    pub fn apply(&self, mutation: Mutation, now: UnixTime) -> Result<Outcome, StoreError> {
        let (outcome, touched) = {
            let mut guard = lock(&self.shared.state);
            let state = Arc::make_mut(&mut guard);
            let before = state.modseqs();
            let outcome = apply::apply(state, mutation, now);
            (outcome, state.touched_since(&before))
        };
        self.shared.wake(&touched);
        outcome
    }
}

impl Shared {
    fn wake(&self, touched: &[AccountId]) {
        let wakes: Vec<Wake> = {
            let watchers = lock(&self.watchers);
            let of = |account: &AccountId| {
                watchers.wakes.range((*account, 0)..=(*account, u64::MAX)).map(|(_, w)| w.clone())
            };
            touched.iter().flat_map(of).collect()
        };
        wakes.iter().for_each(|wake| wake());
    }
}

impl Store for ModelStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(ModelSnapshot(Arc::clone(&lock(&self.shared.state)))))
    }

    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>> {
        let model = Self { shared: Arc::clone(&self.shared) };
        Box::pin(async move { model.apply(mutation, waypost_types::Moment::now().wall) })
    }

    fn upload(&self) -> Box<dyn Upload> {
        Box::new(ModelUpload(Vec::new()))
    }

    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch> {
        let mut watchers = lock(&self.shared.watchers);
        watchers.next += 1;
        let key = (account, watchers.next);
        watchers.wakes.insert(key, wake);
        Box::new(ModelWatch { key, shared: Arc::clone(&self.shared) })
    }

    fn note_access(&self, notes: Vec<Access>) {
        let mut guard = lock(&self.shared.state);
        let state = Arc::make_mut(&mut guard);
        for Access { account, service, kind, at } in notes {
            state.access.entry(account).or_default().note(service, kind, at);
        }
    }
}

/// Wraps message bytes for a mutation, parsing them; for tests and small tools.
pub fn payload(bytes: impl Into<Bytes>) -> Payload {
    let bytes = bytes.into();
    let parsed = Box::new(waypost_mime::parse(&bytes));
    Payload { content: Content::Inline(bytes), parsed }
}

struct ModelUpload(Vec<u8>);

impl Upload for ModelUpload {
    fn write(mut self: Box<Self>, chunk: Bytes) -> BoxFuture<Result<Box<dyn Upload>, StoreError>> {
        self.0.extend_from_slice(&chunk);
        Box::pin(async move { Ok(self as Box<dyn Upload>) })
    }

    fn finish(self: Box<Self>) -> BoxFuture<Result<Payload, StoreError>> {
        Box::pin(async move { Ok(payload(self.0)) })
    }
}

struct ModelWatch {
    key: (AccountId, u64),
    shared: Arc<Shared>,
}

impl Watch for ModelWatch {
    fn showing(&self, _mailbox: Option<(MailboxId, ModSeq)>) {}
}

impl Drop for ModelWatch {
    fn drop(&mut self) {
        lock(&self.shared.watchers).wakes.remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
