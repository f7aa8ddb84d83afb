//! Any bytes give the same frames however they arrive, and never a panic.
#![no_main]

#[path = "../../crates/imap-wire/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
