//! Runs sessions in memory, with a clock that stands still, against text scripts (dialogues).
//!
//! A script is a text of lines. The text of `C:` and `S:` begins after one space and is taken as it
//! is, blanks at the end included.
//!
//! | line | meaning |
//! |---|---|
//! | `# text`, empty line | comment |
//! | `C: text` | the client sends the text and CRLF |
//! | `C~ text` | the client sends the text with `\r \n \t \\ \xHH` replaced, and no CRLF |
//! | `S: text` | the server's next line is the text; `{*}` in it stands for anything |
//! | `S* text` | the same, but every `*` stands for anything |
//! | `S> text` | skip lines of the server up to one that is like `S: text` |
//! | `S~ text` | the server's next bytes are the text, escapes as in `C~`, no line end implied |
//! | `QUIET` | the server has said nothing more |
//! | `WAKE` | the session's wake handle was used |
//! | `TIME +30m` | time passes (`ms`, `s`, `m`, `h`); deadlines within it fire in order |
//! | `STARTTLS`, `STARTTLS 128` | the session asked for TLS; it is established (256 bits) |
//! | `EOF` | the client closes its sending side |
//! | `SHUTDOWN` | the service stops |
//! | `CLOSE` | the server must have closed, with nothing more said |
//!
//! At the end of a script nothing the server said may be left over.

mod memory;
mod script;

pub use memory::{CALL_TIMEOUT, Memory, MemoryError, STEPS_AT_ONCE};
pub use script::{Dialogue, DialogueError};

#[cfg(test)]
mod tests;
