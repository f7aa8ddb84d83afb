//! Commands about mailboxes: SELECT, EXAMINE, CREATE, RENAME, LIST, LSUB, STATUS and the like.

use super::cursor::Cursor;
use super::fault::{Fault, FaultCode, Parse};
use crate::command::{Command, ListArguments, StatusItem};
use crate::limits::Limits;
use crate::list_pattern::ListPattern;
use waypost_types::{MailboxName, SpecialUse};

/// A mailbox as the only argument.
pub(super) fn only(cursor: &mut Cursor<'_>) -> Parse<MailboxName> {
    cursor.space()?;
    cursor.mailbox()
}

/// RFC 3501 sections 6.3.1 and 6.3.2, with the parameters of RFC 4466 section 2.4.
pub(super) fn select(cursor: &mut Cursor<'_>, examine: bool) -> Parse<Command> {
    let mailbox = only(cursor)?;
    let mut condstore = false;
    if cursor.eat(b' ') {
        cursor.list(Limits::OPTION_WORDS, |cursor| {
            condstore = true;
            parameter(cursor, b"CONDSTORE")
        })?;
    }
    Ok(if examine {
        Command::Examine { mailbox, condstore }
    } else {
        Command::Select { mailbox, condstore }
    })
}

/// The one parameter that is offered.
fn parameter(cursor: &mut Cursor<'_>, name: &[u8]) -> Parse<()> {
    if cursor.atom()?.eq_ignore_ascii_case(name) {
        Ok(())
    } else {
        Err(Fault::bad("unknown parameter"))
    }
}

/// RFC 3501 section 6.3.3, with USE (RFC 6154 section 3).
pub(super) fn create(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mailbox = cursor.new_mailbox()?;
    let mut special_use = Vec::new();
    if cursor.eat_word(b" (") {
        parameter(cursor, b"USE")?;
        cursor.space()?;
        special_use = special_uses(cursor)?;
        cursor.expect(b')')?;
    }
    Ok(Command::Create { mailbox, special_use })
}

fn special_uses(cursor: &mut Cursor<'_>) -> Parse<Vec<SpecialUse>> {
    if cursor.eat_word(b"()") {
        return Ok(Vec::new());
    }
    let mut uses = cursor.list(Limits::OPTION_WORDS, special_use)?;
    let mut seen = Vec::new();
    uses.retain(|special_use| {
        let new = !seen.contains(special_use);
        seen.push(*special_use);
        new
    });
    Ok(uses)
}

fn special_use(cursor: &mut Cursor<'_>) -> Parse<SpecialUse> {
    if cursor.peek() != Some(b'\\') {
        return Err(Fault::SYNTAX);
    }
    let name = cursor.system_flag()?;
    let known = SpecialUse::ALL.into_iter().find(|u| u.attribute().eq_ignore_ascii_case(name));
    known.ok_or(Fault::no(FaultCode::UseAttr, "this special use is not supported"))
}

pub(super) fn rename(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let from = only(cursor)?;
    cursor.space()?;
    let to = cursor.new_mailbox()?;
    Ok(Command::Rename { from, to })
}

/// LIST with the options of RFC 6154 section 2. Those of LIST-EXTENDED are known and refused.
pub(super) fn list(cursor: &mut Cursor<'_>) -> Parse<ListArguments> {
    cursor.space()?;
    let special_use_only = cursor.peek() == Some(b'(');
    if special_use_only {
        cursor.list(Limits::OPTION_WORDS, special_use_option)?;
        cursor.space()?;
    }
    let mut arguments = names(cursor)?;
    if cursor.eat_word(b" RETURN") {
        // It is told in any case.
        cursor.space()?;
        cursor.list(Limits::OPTION_WORDS, special_use_option)?;
    }
    arguments.special_use_only = special_use_only;
    Ok(arguments)
}

pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Parse<ListArguments> {
    cursor.space()?;
    names(cursor)
}

fn special_use_option(cursor: &mut Cursor<'_>) -> Parse<()> {
    match cursor.atom()?.eq_ignore_ascii_case(b"SPECIAL-USE") {
        true => Ok(()),
        false => Err(Fault::bad("of the options of LIST only SPECIAL-USE is supported")),
    }
}

/// The reference and the pattern (RFC 3501 sections 6.3.8 and 6.3.9).
fn names(cursor: &mut Cursor<'_>) -> Parse<ListArguments> {
    let reference = cursor.reference()?;
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        return Err(Fault::bad("LIST with several patterns is not supported"));
    }
    let pattern = cursor.list_mailbox()?;
    if reference.len() + pattern.len() > Limits::PATTERN_BYTES {
        return Err(Fault::limit("the pattern is too long"));
    }
    let asks_separator = pattern.is_empty();
    let patterns = vec![ListPattern::new(&format!("{reference}{pattern}"))];
    Ok(ListArguments { reference, patterns, asks_separator, special_use_only: false })
}

pub(super) fn status(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let mailbox = only(cursor)?;
    cursor.space()?;
    let named = cursor.list(Limits::OPTION_WORDS, status_item)?;
    let mut items = Vec::with_capacity(named.len());
    for item in named {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(Command::Status { mailbox, items })
}

fn status_item(cursor: &mut Cursor<'_>) -> Parse<StatusItem> {
    let word = cursor.atom()?;
    let known =
        StatusItem::ALL.into_iter().find(|item| item.name().as_bytes().eq_ignore_ascii_case(word));
    known.ok_or(Fault::bad("unknown STATUS item"))
}
