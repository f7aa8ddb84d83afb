//! Any bytes give an IMAP session that answers the same however they arrive, and never a panic.
#![no_main]
#![allow(dead_code, reason = "the helpers serve other tests too")]

#[path = "../../crates/imap/tests/common/mod.rs"]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    common::check::check(input);
});
