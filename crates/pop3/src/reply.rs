//! Replies: a status, a response code where a program can act on it (RFC 2449 section 8, RFC 3206),
//! a text.

use crate::limits;
use std::fmt::Display;
use std::io::Write;
use waypost_store::StoreError;

/// The service's name in logs.
pub(crate) const SERVICE: &str = "pop";

pub(crate) const STOPPING: &str = "[SYS/TEMP] the service is stopping; try again later";
pub(crate) const SENT_AWAY: &str = "an administrator has ended this session";
pub(crate) const NO_SUCH_MESSAGE: &str = "no such message";
pub(crate) const NOT_STORED: &str = "the message is no longer stored";
pub(crate) const TOO_LONG: &str = "the line is too long";
pub(crate) const TOO_MANY_ERRORS: &str = "too many errors; goodbye";

/// Appends `+OK` and a text.
pub(crate) fn ok(output: &mut Vec<u8>, text: impl Display) {
    line(output, format_args!("+OK {text}"));
}

/// Appends `-ERR` and a text, which may begin with a response code.
pub(crate) fn err(output: &mut Vec<u8>, text: impl Display) {
    line(output, format_args!("-ERR {text}"));
}

/// Appends a line.
pub(crate) fn line(output: &mut Vec<u8>, text: impl Display) {
    // Writing to memory cannot fail.
    let _ = write!(output, "{text}\r\n");
}

/// Appends the end of a reply of several lines.
pub(crate) fn end(output: &mut Vec<u8>) {
    output.extend_from_slice(b".\r\n");
}

/// Appends the greeting. Angle brackets would offer APOP (RFC 1939 section 7) and are left out, as
/// is what a line cannot hold.
pub(crate) fn greeting(output: &mut Vec<u8>, banner: &str) {
    let fits = |c: &char| matches!(c, ' '..='~') && !matches!(c, '<' | '>');
    let text: String = banner.chars().filter(fits).take(limits::REPLY_BYTES - 4).collect();
    ok(output, text);
}

/// What a client is told of a store that cannot do what it asked.
pub(crate) const fn refused(error: &StoreError) -> &'static str {
    match error {
        StoreError::Corrupt(_) | StoreError::NoSuchAccount | StoreError::NoSuchMailbox => {
            "[SYS/PERM] the maildrop is damaged or gone; ask the administrator"
        }
        _ => "[SYS/TEMP] the message store does not answer; try again later",
    }
}
