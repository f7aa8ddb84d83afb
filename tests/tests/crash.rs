//! `kill -9` at any moment loses nothing acknowledged and doubles nothing.

use std::time::Duration;
use waypost_e2e::instance::Instance;
use waypost_e2e::script::python;

/// How many processes are killed; the store must come back from each.
const KILLS: &str = "200";
/// How often `stored` alone is killed below sessions that go on.
const RESTARTS: &str = "10";

#[test]
fn killed_processes_lose_and_double_nothing() {
    let server = forgiving_instance();
    let seed = waypost_e2e::seed().to_string();
    python(&server, "crash.py", &[&seed, KILLS], Duration::from_secs(500));
}

#[test]
fn sessions_survive_restarts_of_stored() {
    let server = forgiving_instance();
    python(&server, "restart.py", &[RESTARTS], Duration::from_secs(200));
}

/// A server that does not give up a process that ends often.
fn forgiving_instance() -> Instance {
    Instance::start_with(&[
        ("watcher", "autorestartcount", "1000"),
        ("watcher", "autorestartwindow", "600"),
    ])
}
