//! Any text is a filter that is read back, or a fault at a place inside it; a login name changes no shape.
#![no_main]

#[path = "../../crates/ldap-filter/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    support::check(input);
});
