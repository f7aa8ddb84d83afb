//! Any stored value and any frame of `stored` is read or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    waypost_store_local::decoding::check(input);
});
