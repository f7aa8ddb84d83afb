//! The store contract, through the socket.

use crate::support::{Place, Process};
use bytes::Bytes;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use waypost_store::conformance::{compare, follow, run};
use waypost_store::{
    Access, BoxFuture, Mutation, Outcome, Payload, Snapshot, Store, StoreError, Upload, Wake, Watch,
};
use waypost_store_local::client::StoreClient;
use waypost_types::AccountId;

/// A server and its client on a runtime of their own, since the suite waits on its own thread.
struct Remote {
    client: StoreClient,
    server: Option<Process>,
    place: Place,
    runtime: Arc<Runtime>,
}

impl Remote {
    fn new(runtime: &Arc<Runtime>) -> Self {
        let place = Place::new();
        let (server, client) = runtime.block_on(async { (place.child(), place.client().await) });
        Self { client, server: Some(server), place, runtime: Arc::clone(runtime) }
    }

    fn restart(&mut self) {
        self.server.take().unwrap().stop();
        self.server = Some(self.place.child());
    }
}

impl Store for Remote {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.client.snapshot()
    }

    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>> {
        // The deadline's timer needs the runtime.
        let answer = self.runtime.spawn({
            let _inside = self.runtime.enter();
            self.client.submit(mutation)
        });
        Box::pin(async move { answer.await.unwrap() })
    }

    fn upload(&self) -> Box<dyn Upload> {
        let (inner, runtime) = (self.client.upload(), Arc::clone(&self.runtime));
        Box::new(RemoteUpload { inner, runtime })
    }

    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch> {
        self.client.watch(account, wake)
    }

    fn note_access(&self, notes: Vec<Access>) {
        self.client.note_access(notes);
    }
}

/// An upload whose timers run on the client's runtime.
struct RemoteUpload {
    inner: Box<dyn Upload>,
    runtime: Arc<Runtime>,
}

impl Upload for RemoteUpload {
    fn write(self: Box<Self>, chunk: Bytes) -> BoxFuture<Result<Box<dyn Upload>, StoreError>> {
        let Self { inner, runtime } = *self;
        let written = runtime.spawn(inner.write(chunk));
        Box::pin(async move {
            let inner = written.await.unwrap()?;
            Ok(Box::new(Self { inner, runtime }) as Box<dyn Upload>)
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<Result<Payload, StoreError>> {
        let finished = self.runtime.spawn(self.inner.finish());
        Box::pin(async move { finished.await.unwrap() })
    }
}

fn runtime() -> Arc<Runtime> {
    Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

#[test]
fn the_suite_passes_through_the_socket() {
    let runtime = runtime();
    run(&mut || Remote::new(&runtime));
}

#[test]
fn a_client_equals_the_model_through_restarts_of_the_server() {
    let runtime = runtime();
    compare(11, 120, 40, Remote::new(&runtime), |mut remote, step| {
        if step % 20 == 19 {
            remote.restart();
        }
        remote
    });
}

#[test]
fn sessions_follow_through_the_socket() {
    let runtime = runtime();
    follow(&Remote::new(&runtime), 5, 100, 4);
}
