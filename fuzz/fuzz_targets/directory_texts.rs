//! Any bytes as LDIF, a stored password or an attribute of a directory, never a panic.
#![no_main]

#[path = "../../crates/directory/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
