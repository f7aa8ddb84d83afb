//! The one binary: every process and every tool by the name it is called with.
fn main() {}
