//! Any text as a configuration: refused, or the same for another process; never a panic.
#![no_main]

#[path = "../../crates/options/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(&String::from_utf8_lossy(input));
});
