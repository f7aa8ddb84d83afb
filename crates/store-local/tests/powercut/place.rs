//! A folder with a store and its `stored`, which runs below the library of faults.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use waypost_powercut::control::Control;
use waypost_powercut::record::{CONTROL_VARIABLE, LOG_VARIABLE, ROOT_VARIABLE};
use waypost_store_local::client::{ClientConfig, StoreClient};
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::server::{
    CompactPace, PurgePace, ScrubPace, StoredConfig, bind_socket, run_stored,
};

/// The variable that tells this program to be `stored` for the folder it names.
const CHILD: &str = "WAYPOST_TEST_POWERCUT";
/// Small, so that the script fills several.
const SEGMENT_BYTES: u64 = 48 << 10;
/// Small, so that copies of a few messages go in steps.
const STEP_ROWS: usize = 2;
/// Small, since every state of a recording opens a store in memory.
const RESERVE_BYTES: u64 = 256 << 10;
/// Small, so that many can be open at once.
const MAP_BYTES: usize = 256 << 20;

/// How the store is opened, here and in `stored`.
pub(crate) fn engine_config(store: &Path) -> EngineConfig {
    EngineConfig {
        map_size: MAP_BYTES,
        segment_bytes: SEGMENT_BYTES,
        cleanup_age: Duration::ZERO,
        step_rows: STEP_ROWS,
        reserve_bytes: RESERVE_BYTES,
        ..EngineConfig::new(store)
    }
}

/// A folder in memory where there is one: what it holds need not outlive a real power cut.
pub(crate) fn memory_folder() -> TempDir {
    let named = |folder: &Path| tempfile::Builder::new().prefix("waypost-cut-").tempdir_in(folder);
    named(Path::new("/dev/shm")).or_else(|_| named(&std::env::temp_dir())).unwrap()
}

/// The folder of one recording.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) control: Control,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = memory_folder();
        std::fs::create_dir(folder.path().join("root")).unwrap();
        File::create(folder.path().join("log")).unwrap();
        let control = Control::create(&folder.path().join("control")).unwrap();
        Self { folder, control }
    }

    /// The folder that is watched.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root").canonicalize().unwrap()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root().join("store")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) async fn client(&self) -> StoreClient {
        StoreClient::connect(ClientConfig::new(self.store(), self.socket())).await.unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("stored.sock")
    }

    /// Starts `stored` below the library.
    pub(crate) fn stored(&self) -> Stored {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "place::child_process", "--nocapture"])
            .env(CHILD, self.folder.path())
            .env("LD_PRELOAD", library())
            .env(ROOT_VARIABLE, self.root())
            .env(LOG_VARIABLE, self.log())
            .env(CONTROL_VARIABLE, self.control.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Stored(child)
    }
}

/// The library of faults, built with this test because it is named among its dependencies.
fn library() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().join("libwaypost_faults.so");
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A running `stored`; killed when it is dropped.
pub(crate) struct Stored(Child);

impl Stored {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// An orderly end.
    pub(crate) fn stop(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The child's side; nothing when the tests run.
#[test]
fn child_process() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let folder = Path::new(&folder);
    let listener = bind_socket(&folder.join("stored.sock")).unwrap();
    let store = folder.join("root").canonicalize().unwrap().join("store");
    let purge = PurgePace {
        interval: Duration::from_millis(20),
        margin: Duration::ZERO,
        grace: Duration::ZERO,
    };
    let interval = Duration::from_millis(20);
    let compact = CompactPace { percent: 20, bytes_per_second: u64::MAX, interval };
    // It only reads, and keeps where it stands by the clock.
    let scrub = ScrubPace { round: Duration::ZERO, ..ScrubPace::default() };
    let config = StoredConfig { engine: engine_config(&store), purge, compact, scrub };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        drop(stop);
    });
    runtime.block_on(run_stored(listener, config, async { drop(stopped.await) })).unwrap();
}
