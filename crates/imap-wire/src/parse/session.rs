//! Commands about the session: ID, AUTHENTICATE, LOGIN, ENABLE.

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::command::Command;
use crate::limits::Limits;
use crate::sasl;
use waypost_types::Secret;

/// RFC 2971 section 3.1.
pub(super) fn id(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    if cursor.eat_word(b"NIL") || cursor.eat_word(b"()") {
        return Ok(Command::Id(Vec::new()));
    }
    cursor.list(Limits::ID_PAIRS, id_pair).map(Command::Id)
}

fn id_pair(cursor: &mut Cursor<'_>) -> Parse<(String, Option<String>)> {
    let field = cursor.string_text()?;
    cursor.space()?;
    let value = cursor.nstring_text()?;
    let value_bytes = value.as_ref().map_or(0, String::len);
    if field.len() > Limits::ID_FIELD_BYTES || value_bytes > Limits::ID_VALUE_BYTES {
        return Err(Fault::limit("an ID field or value is too long"));
    }
    Ok((field, value))
}

/// RFC 3501 section 6.2.2 with the initial response of RFC 4959.
pub(super) fn authenticate(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mechanism = upper_word(cursor)?;
    let initial = if cursor.eat(b' ') {
        let text = cursor.take_while(|b| b != b' ');
        let decoded = sasl::decode_initial(text);
        Some(decoded.ok_or(Fault::bad("the initial response is not base64"))?)
    } else {
        None
    };
    Ok(Command::Authenticate { mechanism, initial })
}

pub(super) fn login(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let user = cursor.text()?;
    cursor.space()?;
    let password = Secret::new(cursor.astring()?.into_owned());
    Ok(Command::Login { user, password })
}

/// RFC 5161 section 3.1.
pub(super) fn enable(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let mut names = Vec::new();
    cursor.space()?;
    loop {
        if names.len() >= Limits::ENABLE_NAMES {
            return Err(Fault::limit("too many capabilities"));
        }
        names.push(upper_word(cursor)?);
        if !cursor.eat(b' ') {
            return Ok(Command::Enable(names));
        }
    }
}

fn upper_word(cursor: &mut Cursor<'_>) -> Parse<String> {
    let word = cursor.atom()?.to_ascii_uppercase();
    String::from_utf8(word).map_err(|_| Fault::SYNTAX)
}
