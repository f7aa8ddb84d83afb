//! A confined process reads mail and cannot write the store.

use crate::support::{Place, account, append, bodies, inbox, message};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use waypost_store::Store;
use waypost_store_local::client::{ClientConfig, StoreClient};
use waypost_store_local::confine::{ConfinePlan, Confinement, confine};

/// The variable that tells this program to confine itself and try what it may.
const CONFINED: &str = "WAYPOST_TEST_CONFINED";
/// The child's exit status when the kernel has no Landlock.
const NO_LANDLOCK: &str = "confinement: None";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confined_worker_reads_and_submits_but_cannot_write_the_store() {
    let place = Place::new();
    let server = place.server();
    let store = place.client().await;
    let owner = account(&store, "ada").await;
    let mailbox = inbox(&store, owner);
    store.submit(append(&mailbox, message("readable"))).await.unwrap();
    let directory = place.directory.path().to_owned();
    let work = move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "confine::confined_process", "--nocapture", "--test-threads=1"])
            .env(CONFINED, directory)
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(work).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    if text.contains(NO_LANDLOCK) {
        eprintln!("this kernel has no Landlock: nothing to see");
    } else {
        assert!(text.contains("all refused"), "{text}");
    }
    assert_eq!(bodies(&store, &mailbox).len(), 2, "the confined worker's message");
    server.stop().await.unwrap();
}

/// The child's side; nothing when the tests run.
#[test]
fn confined_process() {
    let Some(directory) = std::env::var_os(CONFINED) else { return };
    let directory = Path::new(&directory);
    let store = directory.join("store");
    let plan = ConfinePlan { store: Some(store.clone()), ..ConfinePlan::default() };
    let confinement = confine(&plan).unwrap();
    println!("confinement: {confinement:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(read_and_submit(&store, &directory.join("stored.sock")));
    if confinement != Confinement::None {
        refused(&store, directory);
    }
}

async fn read_and_submit(store: &Path, socket: &Path) {
    let client = StoreClient::connect(ClientConfig::new(store, socket)).await.unwrap();
    let owner = account(&client, "ada").await;
    let mailbox = inbox(&client, owner);
    assert_eq!(bodies(&client, &mailbox).len(), 1);
    client.submit(append(&mailbox, message("by the confined worker"))).await.unwrap();
}

fn refused(store: &Path, directory: &Path) {
    let write = |path: &Path| OpenOptions::new().write(true).open(path).map(drop);
    let denied = |result: std::io::Result<()>| {
        assert_eq!(result.map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    };
    denied(write(&store.join("meta/data.mdb")));
    denied(std::fs::write(store.join("meta/new"), b"x"));
    denied(std::fs::write(store.join("segments/new"), b"x"));
    denied(std::fs::remove_file(store.join("meta/data.mdb")));
    denied(std::fs::rename(store.join("meta"), directory.join("elsewhere")));
    denied(std::fs::read("/etc/passwd").map(drop));
    for segment in std::fs::read_dir(store.join("segments")).unwrap() {
        denied(write(&segment.unwrap().path()));
    }
    write(&store.join("meta/lock.mdb")).unwrap();
    println!("all refused");
}
