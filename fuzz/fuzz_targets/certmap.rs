//! Any text is a `certmap.conf` or has a fault in one of its lines; any bytes are a certificate or are refused.
#![no_main]

#[path = "../../crates/certmap/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
