//! What a command tells the person or script that called it.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a line. A reader that has gone away (`waypost user list | head`) is no fault, and a demo
/// goes on without its terminal.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line of progress beside what the command answers.
pub(crate) fn progress(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
