//! Any text is read or refused at a place in it, and what is read decides; never a panic.
#![no_main]

#[path = "../../crates/access/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(&String::from_utf8_lossy(input));
});
