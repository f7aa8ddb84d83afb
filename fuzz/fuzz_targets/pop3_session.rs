//! Any bytes give a session that answers the same however they arrive, and never a panic.
#![no_main]

#[path = "../../crates/pop3/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
