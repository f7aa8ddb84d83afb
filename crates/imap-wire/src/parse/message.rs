//! Commands on message sets: STORE, COPY, MOVE, UID EXPUNGE.

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::command::{Command, FlagChange, FlagChangeKind};
use waypost_types::ModSeq;

/// RFC 3501 section 6.4.6, with the modifier of RFC 7162 section 3.1.3.
pub(super) fn store(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Command> {
    cursor.space()?;
    let set = cursor.sequence_set()?;
    cursor.space()?;
    let unchanged_since = unchanged_since(cursor)?;
    let kind = if cursor.eat(b'+') {
        FlagChangeKind::Add
    } else if cursor.eat(b'-') {
        FlagChangeKind::Remove
    } else {
        FlagChangeKind::Replace
    };
    if !cursor.eat_word(b"FLAGS") {
        return Err(Fault::bad("unknown STORE item"));
    }
    let silent = cursor.eat_word(b".SILENT");
    cursor.space()?;
    let flags = cursor.store_flags()?;
    Ok(Command::Store { uid, set, unchanged_since, change: FlagChange { kind, silent, flags } })
}

fn unchanged_since(cursor: &mut Cursor<'_>) -> Parse<Option<ModSeq>> {
    if !cursor.eat(b'(') {
        return Ok(None);
    }
    if !cursor.eat_word(b"UNCHANGEDSINCE ") {
        return Err(Fault::bad("unknown STORE modifier"));
    }
    let mod_seq = ModSeq(cursor.number64()?);
    cursor.expect(b')')?;
    cursor.space()?;
    Ok(Some(mod_seq))
}

/// COPY and MOVE.
pub(super) fn transfer(cursor: &mut Cursor<'_>, uid: bool, is_move: bool) -> Parse<Command> {
    cursor.space()?;
    let set = cursor.sequence_set()?;
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    Ok(if is_move {
        Command::Move { uid, set, mailbox }
    } else {
        Command::Copy { uid, set, mailbox }
    })
}

/// RFC 4315 section 2.1.
pub(super) fn uid_expunge(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    Ok(Command::UidExpunge { set: cursor.sequence_set()? })
}
