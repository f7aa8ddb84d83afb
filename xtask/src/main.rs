//! Repository checks: tidy and the gate.
fn main() {}
