//! The store contract on the embedded engine: the suite, random mutations beside the model with
//! reopening in between, and views under random wake-ups.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use std::path::Path;
use waypost_store::conformance;
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::local::LocalStore;

/// A map that a test machine's limits allow many times at once.
const MAP_BYTES: usize = 1 << 30;

fn config(path: &Path) -> EngineConfig {
    EngineConfig { map_size: MAP_BYTES, ..EngineConfig::new(path) }
}

fn open(path: &Path) -> LocalStore {
    LocalStore::open(config(path)).unwrap()
}

/// Copies of more than one message go in steps.
fn open_with_short_steps(path: &Path) -> LocalStore {
    LocalStore::open(EngineConfig { step_rows: 1, ..config(path) }).unwrap()
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
fn copies_in_steps_keep_the_contract() {
    let mut directories = Vec::new();
    conformance::run(&mut || {
        let directory = tempfile::tempdir().unwrap();
        let store = open_with_short_steps(directory.path());
        directories.push(directory);
        store
    });
    for seed in 1..=4 {
        let directory = tempfile::tempdir().unwrap();
        let store = open_with_short_steps(directory.path());
        conformance::compare(seed, 400, 20, store, |store, _| store);
    }
    let directory = tempfile::tempdir().unwrap();
    conformance::follow(&open_with_short_steps(directory.path()), 5, 400, 6);
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
