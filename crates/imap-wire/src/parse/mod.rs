//! The grammar of commands, one file per family (RFC 3501 section 9, RFC 4466 section 6).
//!
//! A command is read as one slice: its lines with CRLF between them and its literals in place.

mod append;
mod cursor;
mod fault;
mod fetch;
mod mailbox;
mod message;
mod quota;
mod search;
mod sequence;
mod session;
mod sort;
mod strings;

use crate::command::{Command, Tag};
use crate::limits::Limits;
pub(crate) use append::AppendHead;
use cursor::Cursor;
pub(crate) use fault::Fault;
use fault::Parse;

/// What a command's text says.
pub(crate) enum Parsed {
    /// A whole command.
    Command(Command),
    /// An APPEND up to the header of its message, which ends the text.
    Append(AppendHead),
}

/// The longest command name in bytes.
const NAME_BYTES: usize = 16;

/// Reads a command's text without its last line end. [`Fault::Incomplete`] means that the text ends
/// in the header of a literal which the grammar allows there.
pub(crate) fn command(text: &[u8], limits: &Limits) -> Result<(Tag, Parsed), (Option<Tag>, Fault)> {
    let mut cursor = Cursor::new(text, limits);
    let tag = cursor.tag().map_err(|fault| (None, fault))?;
    match after_tag(&mut cursor) {
        Ok(parsed) => Ok((tag, parsed)),
        Err(fault) => Err((Some(tag), fault)),
    }
}

/// The tag of a text that may end anywhere after it.
pub(crate) fn tag_of(text: &[u8]) -> Option<Tag> {
    text.split(|b| *b == b' ').next().and_then(Tag::new)
}

fn after_tag(cursor: &mut Cursor<'_>) -> Parse<Parsed> {
    cursor.space()?;
    let mut name = [0; NAME_BYTES];
    let name = upper(cursor.atom()?, &mut name);
    if name == b"APPEND" {
        return append::append(cursor).map(Parsed::Append);
    }
    let command = arguments(name, cursor)?;
    cursor.end()?;
    Ok(Parsed::Command(command))
}

fn arguments(name: &[u8], cursor: &mut Cursor<'_>) -> Parse<Command> {
    Ok(match name {
        b"CAPABILITY" => Command::Capability,
        b"NOOP" => Command::Noop,
        b"LOGOUT" => Command::Logout,
        b"STARTTLS" => Command::StartTls,
        b"NAMESPACE" => Command::Namespace,
        b"IDLE" => Command::Idle,
        b"CHECK" => Command::Check,
        b"CLOSE" => Command::Close,
        b"UNSELECT" => Command::Unselect,
        b"EXPUNGE" => Command::Expunge,
        b"ID" => session::id(cursor)?,
        b"AUTHENTICATE" => session::authenticate(cursor)?,
        b"LOGIN" => session::login(cursor)?,
        b"ENABLE" => session::enable(cursor)?,
        b"SELECT" | b"EXAMINE" => mailbox::select(cursor, name == b"EXAMINE")?,
        b"CREATE" => mailbox::create(cursor)?,
        b"DELETE" => Command::Delete { mailbox: mailbox::only(cursor)? },
        b"RENAME" => mailbox::rename(cursor)?,
        b"SUBSCRIBE" => Command::Subscribe { mailbox: mailbox::only(cursor)? },
        b"UNSUBSCRIBE" => Command::Unsubscribe { mailbox: mailbox::only(cursor)? },
        b"LIST" => Command::List(mailbox::list(cursor)?),
        b"LSUB" => Command::Lsub(mailbox::lsub(cursor)?),
        b"STATUS" => mailbox::status(cursor)?,
        b"GETQUOTA" => Command::GetQuota { root: quota::root(cursor)? },
        b"GETQUOTAROOT" => Command::GetQuotaRoot { mailbox: mailbox::only(cursor)? },
        b"SETQUOTA" => quota::set(cursor)?,
        b"UID" => uid(cursor)?,
        _ => return on_messages(name, cursor, false),
    })
}

fn uid(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mut name = [0; NAME_BYTES];
    match upper(cursor.atom()?, &mut name) {
        b"EXPUNGE" => message::uid_expunge(cursor),
        name => on_messages(name, cursor, true),
    }
}

/// The commands that exist with and without `UID`.
fn on_messages(name: &[u8], cursor: &mut Cursor<'_>, uid: bool) -> Parse<Command> {
    match name {
        b"FETCH" => fetch::fetch(cursor, uid),
        b"STORE" => message::store(cursor, uid),
        b"SEARCH" => search::search(cursor, uid),
        b"SORT" => sort::sort(cursor, uid),
        b"THREAD" => sort::thread(cursor, uid),
        b"COPY" | b"MOVE" => message::transfer(cursor, uid, name == b"MOVE"),
        _ => Err(Fault::bad("unknown command")),
    }
}

/// The word in upper case; a word longer than the buffer becomes empty and so matches no name.
fn upper<'b>(word: &[u8], buffer: &'b mut [u8]) -> &'b [u8] {
    let Some(target) = buffer.get_mut(..word.len()) else { return &[] };
    target.copy_from_slice(word);
    target.make_ascii_uppercase();
    target
}
