//! Where lines of the log go: rotated files, syslog or standard error, each behind a thread of its own.
//!
//! - [`Line`]: what one line looks like, and how lines of strangers are made to look so.
//! - [`Settings`]: where lines go and what is kept of them.
//! - [`Book`]: a running log with a bounded queue; whoever writes into it never waits for a disk.
//!
//! A file has one writer, its book, so rotation needs no agreement between processes. Lines that cannot
//! be written are counted, and the count is told as soon as something can be written again.

mod archive;
mod book;
mod create;
mod file;
mod line;
mod settings;
mod sink;
mod stamp;
mod syslog;

pub use book::{Book, Intake};
pub use line::{Level, Line, OneLine};
pub use settings::{Destination, Facility, FileSettings, Settings};
pub use stamp::start_of_line;

/// The named times and limits of the log.
pub mod limits {
    use std::time::Duration;

    /// Lines that wait to be written: seconds of a busy server.
    pub const QUEUE_LINES: usize = 10_000;
    /// Bytes that wait to be written: what as many lines of the usual length have, but not of the longest.
    pub const QUEUE_BYTES: usize = 4 << 20;
    /// The text of a line in bytes; the rest is cut off. No event needs more, and syslog takes no more.
    pub const TEXT_BYTES: usize = 8 << 10;
    /// A whole line with its start, in bytes.
    pub const LINE_BYTES: usize = TEXT_BYTES + 256;
    /// How long the end of a process waits for its last lines.
    pub const FLUSH_TIME: Duration = Duration::from_secs(2);
    /// Lines that come this soon after others wait for so long, and are written with one call: calls and
    /// wake-ups cost more than lines.
    pub const GATHER_TIME: Duration = Duration::from_millis(50);
    /// Lines written with one call; with more of them none waits.
    pub const GATHER_LINES: usize = 256;
    /// How often age, expiry and free space are looked at when nothing is written.
    pub const TEND_EVERY: Duration = Duration::from_secs(10);
    /// The pause after a file or socket could not be opened; lines meanwhile are counted.
    pub const RETRY_PAUSE: Duration = Duration::from_secs(1);
    /// How long syslog may take for one line before it counts as gone.
    pub const SYSLOG_TIME: Duration = Duration::from_secs(1);
    /// Entries of a log folder that are looked at; a folder with more is not one of logs.
    pub const FOLDER_ENTRIES: usize = 100_000;

    const _: () = assert!(QUEUE_BYTES > LINE_BYTES, "an empty queue has room for the longest line");
}
