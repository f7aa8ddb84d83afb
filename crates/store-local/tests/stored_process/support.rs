//! A store, its server in this process or in a child, and mail to put in.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waypost_store::model::payload;
use waypost_store::{Append, Mailbox, Mutation, Outcome, Payload, Store, StoreError};
use waypost_store_local::client::{ClientConfig, StoreClient};
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::server::{
    CompactPace, PurgePace, ScrubPace, StoredConfig, bind_socket, run_stored,
};
use waypost_types::{AccountId, AccountName, FlagSet, MailboxName, UnixTime};

/// The variable that tells this program to be `stored` for the store it names.
pub(crate) const CHILD_STORE: &str = "WAYPOST_TEST_STORED";

/// The variable that makes such a program purge and compact at once.
pub(crate) const CHILD_EAGER: &str = "WAYPOST_TEST_EAGER";

/// A server that purges and compacts at once, in segments of a MiB.
pub(crate) fn eager(store: &Path) -> StoredConfig {
    let short = Duration::from_millis(20);
    StoredConfig {
        engine: EngineConfig {
            cleanup_age: Duration::ZERO,
            segment_bytes: 1 << 20,
            ..EngineConfig::new(store)
        },
        purge: PurgePace { interval: short, margin: Duration::ZERO, grace: Duration::ZERO },
        compact: CompactPace { percent: 20, bytes_per_second: u64::MAX, interval: short },
        scrub: ScrubPace { bytes_per_second: u64::MAX, ..ScrubPace::default() },
    }
}

/// A directory with a store and a socket.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("stored.sock")
    }

    pub(crate) fn client_config(&self) -> ClientConfig {
        ClientConfig::new(self.store(), self.socket())
    }

    pub(crate) async fn client(&self) -> StoreClient {
        StoreClient::connect(self.client_config()).await.unwrap()
    }

    pub(crate) fn server(&self) -> Server {
        self.server_with(PurgePace::default(), EngineConfig::CLEANUP_AGE)
    }

    pub(crate) fn server_with(&self, purge: PurgePace, cleanup_age: Duration) -> Server {
        let engine = EngineConfig { cleanup_age, ..EngineConfig::new(self.store()) };
        self.server_of(StoredConfig { purge, ..StoredConfig::new(engine) })
    }

    pub(crate) fn server_of(&self, config: StoredConfig) -> Server {
        let listener = bind_socket(&self.socket()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            run_stored(listener, config, async { drop(stopped.await) }).await
        });
        Server { stop, task }
    }

    /// `stored` in a process of its own, as it is in real life: a process opens a store once, so
    /// a server that restarts beside its clients cannot live with them.
    pub(crate) fn child(&self) -> Process {
        self.child_with(&[])
    }

    /// One that purges and compacts at once, in small segments.
    pub(crate) fn eager_child(&self) -> Process {
        self.child_with(&[(CHILD_EAGER, "1")])
    }

    fn child_with(&self, environment: &[(&str, &str)]) -> Process {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::child_process", "--nocapture"])
            .env(CHILD_STORE, self.directory.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Process(child)
    }
}

/// A server in this process.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Server {
    pub(crate) async fn stop(self) -> Result<(), StoreError> {
        drop(self.stop);
        self.task.await.unwrap()
    }
}

/// A server in a process of its own; killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// An orderly end.
    pub(crate) fn stop(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The child's side of [`Place::child`]; nothing when the tests run.
#[test]
fn child_process() {
    let Some(directory) = std::env::var_os(CHILD_STORE) else { return };
    let directory = Path::new(&directory);
    let listener = bind_socket(&directory.join("stored.sock")).unwrap();
    let store = directory.join("store");
    let config = if std::env::var_os(CHILD_EAGER).is_some() {
        eager(&store)
    } else {
        StoredConfig::new(EngineConfig::new(store))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        drop(stop);
    });
    runtime.block_on(run_stored(listener, config, async { drop(stopped.await) })).unwrap();
}

/// Polls until it holds, for at most ten seconds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

pub(crate) async fn account(store: &dyn Store, name: &str) -> AccountId {
    let name = AccountName::new(name).unwrap();
    match store.submit(Mutation::EnsureAccount(name)).await {
        Ok(Outcome::Account(id)) => id,
        other => panic!("EnsureAccount answered {other:?}"),
    }
}

pub(crate) fn inbox(store: &dyn Store, account: AccountId) -> Mailbox {
    let snapshot = store.snapshot().unwrap();
    snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap().unwrap()
}

pub(crate) fn message(text: &str) -> Payload {
    payload(format!("Subject: {text}\r\n\r\n{text}\r\n").into_bytes())
}

pub(crate) fn append(mailbox: &Mailbox, payload: Payload) -> Mutation {
    Mutation::Append(Append {
        account: mailbox.account,
        mailbox: mailbox.id,
        payload,
        flags: FlagSet::default(),
        internal_date: UnixTime::utc(1_700_000_000),
        limits: Default::default(),
    })
}

/// The bytes of every live message of a mailbox.
pub(crate) fn bodies(store: &dyn Store, mailbox: &Mailbox) -> Vec<Vec<u8>> {
    let snapshot = store.snapshot().unwrap();
    let mailbox = snapshot.mailbox(mailbox.account, mailbox.id).unwrap().unwrap();
    let live = snapshot.live(&mailbox).unwrap();
    let body = |uid| {
        let row = snapshot.message(mailbox.id, uid).unwrap().unwrap();
        let body = snapshot.body(mailbox.account, row.email).unwrap();
        let mut bytes = Vec::new();
        body.append_to(0..body.size(), &mut bytes).unwrap();
        bytes
    };
    live.iter().map(body).collect()
}
