//! Any bytes as the text of a header: decoded, folded, cut into fields, never a panic.
#![no_main]

#[path = "../../crates/mime/tests/support/texts.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
