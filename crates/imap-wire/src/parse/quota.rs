//! Commands about quotas (RFC 9208 section 4.1).

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::command::Command;
use crate::limits::Limits;

/// The name of a quota root, the first argument.
pub(super) fn root(cursor: &mut Cursor<'_>) -> Parse<String> {
    cursor.space()?;
    cursor.text()
}

/// A root and a list of resources with their limits, which may be empty.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let root = root(cursor)?;
    if !cursor.eat_word(b" ()") {
        cursor.space()?;
        cursor.list(Limits::OPTION_WORDS, resource)?;
    }
    Ok(Command::SetQuota { root })
}

fn resource(cursor: &mut Cursor<'_>) -> Parse<()> {
    let name = cursor.atom()?;
    if !name.first().is_some_and(u8::is_ascii_alphabetic) {
        return Err(Fault::SYNTAX);
    }
    cursor.space()?;
    cursor.number64().map(drop)
}
