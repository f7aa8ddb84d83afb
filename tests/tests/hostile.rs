//! Bad input and rude clients harm nobody else.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::time::Duration;
use waypost_e2e::instance::Instance;
use waypost_e2e::script::python;

const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn bad_input_ends_its_own_session_only() {
    let seed = waypost_e2e::seed().to_string();
    python(&Instance::start(), "hostile.py", &[&seed], LIMIT);
}

/// Guide: maxsessions
#[test]
fn connections_over_the_limit_are_told() {
    let server = Instance::start_with(&[("imap", "maxsessions", "50")]);
    python(&server, "crowd.py", &["50"], LIMIT);
}

#[test]
fn clients_that_stop_reading_hold_nothing() {
    let server = Instance::start();
    let metadata = server.metadata_file();
    python(&server, "stuck.py", &[metadata.to_str().expect("a plain path")], LIMIT);
}
