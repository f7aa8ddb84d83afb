//! The store contract on the embedded engine: the suite, random mutations beside the model with
//! reopening in between, and views under random wake-ups.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use std::path::Path;
use waypost_store::conformance;
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::local::LocalStore;

/// A map that a test machine's limits allow many times at once.
const MAP_BYTES: usize = 1 << 30;

fn open(path: &Path) -> LocalStore {
    let config = EngineConfig { map_size: MAP_BYTES, ..EngineConfig::new(path) };
    LocalStore::open(config).unwrap()
}

#[test]
fn the_engine_keeps_the_contract() {
    let mut directories = Vec::new();
    conformance::run(&mut || {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        directories.push(directory);
        store
    });
}

#[test]
fn the_engine_does_what_the_model_does() {
    for seed in 1..=4 {
        let directory = tempfile::tempdir().unwrap();
        conformance::compare(seed, 400, 20, open(directory.path()), |store, _| store);
    }
}

#[test]
fn nothing_is_lost_by_closing_and_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    conformance::compare(77, 200, 10, open(directory.path()), |store, step| {
        if step % 7 != 0 {
            return store;
        }
        drop(store);
        open(directory.path())
    });
}

#[test]
fn views_follow_the_store() {
    for seed in 1..=4 {
        let directory = tempfile::tempdir().unwrap();
        conformance::follow(&open(directory.path()), seed, 400, 6);
    }
}
