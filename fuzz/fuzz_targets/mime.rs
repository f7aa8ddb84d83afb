//! Any bytes have a sound form, however they are cut into chunks; the stored form reads back.
#![no_main]

#[path = "../../crates/mime/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    support::check(message);
    let size = message.first().map_or(1, |byte| usize::from(*byte) % 61 + 1);
    support::parse_in_chunks(message, &[size, 1]);
});
