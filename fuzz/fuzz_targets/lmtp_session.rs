//! Any bytes to an LMTP session: whole replies, the same mail in any chunking, never a panic.
#![no_main]

#[path = "../../crates/lmtp/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
