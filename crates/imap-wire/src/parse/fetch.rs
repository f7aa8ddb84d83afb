//! FETCH (RFC 3501 section 6.4.5).

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::command::Command;
use crate::fetch::{FetchItem, Partial, Section, SectionText};
use crate::limits::Limits;
use waypost_types::ModSeq;

pub(super) fn fetch(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Command> {
    cursor.space()?;
    let set = cursor.sequence_set()?;
    cursor.space()?;
    let items = items(cursor)?;
    let changed_since = if cursor.eat_word(b" (") { changed_since(cursor)? } else { None };
    Ok(Command::Fetch { uid, set, items, changed_since })
}

/// The modifiers of RFC 4466 section 2.4; VANISHED belongs to QRESYNC, which is not offered.
fn changed_since(cursor: &mut Cursor<'_>) -> Parse<Option<ModSeq>> {
    if !cursor.eat_word(b"CHANGEDSINCE ") {
        return Err(Fault::bad("unknown FETCH modifier"));
    }
    let mod_seq = ModSeq(cursor.number64()?);
    cursor.expect(b')')?;
    Ok(Some(mod_seq))
}

fn items(cursor: &mut Cursor<'_>) -> Parse<Vec<FetchItem>> {
    if cursor.peek() == Some(b'(') {
        let most = cursor.limits().fetch_items;
        return cursor.list(most, item);
    }
    match macro_items(cursor) {
        Some(items) => Ok(items),
        None => item(cursor).map(|item| vec![item]),
    }
}

fn macro_items(cursor: &mut Cursor<'_>) -> Option<Vec<FetchItem>> {
    let mut items = vec![FetchItem::Flags, FetchItem::InternalDate, FetchItem::Rfc822Size];
    if cursor.eat_word(b"ALL") {
        items.push(FetchItem::Envelope);
    } else if cursor.eat_word(b"FULL") {
        items.extend([FetchItem::Envelope, FetchItem::Body]);
    } else if !cursor.eat_word(b"FAST") {
        return None;
    }
    Some(items)
}

fn item(cursor: &mut Cursor<'_>) -> Parse<FetchItem> {
    let word = cursor.take_some(|b| b.is_ascii_alphanumeric() || b == b'.')?;
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if cursor.peek() == Some(b'[') {
        let peek = is("BODY.PEEK");
        if peek || is("BODY") {
            return body_section(cursor, peek);
        }
    }
    plain_item(word).ok_or(Fault::bad("unknown FETCH item"))
}

fn plain_item(word: &[u8]) -> Option<FetchItem> {
    const ITEMS: [(&str, FetchItem); 13] = [
        ("FLAGS", FetchItem::Flags),
        ("UID", FetchItem::Uid),
        ("BODY", FetchItem::Body),
        ("BODYSTRUCTURE", FetchItem::BodyStructure),
        ("EMAILID", FetchItem::EmailId),
        ("ENVELOPE", FetchItem::Envelope),
        ("INTERNALDATE", FetchItem::InternalDate),
        ("MODSEQ", FetchItem::ModSeq),
        ("RFC822", FetchItem::Rfc822),
        ("RFC822.HEADER", FetchItem::Rfc822Header),
        ("RFC822.SIZE", FetchItem::Rfc822Size),
        ("RFC822.TEXT", FetchItem::Rfc822Text),
        ("THREADID", FetchItem::ThreadId),
    ];
    let found = ITEMS.into_iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    found.map(|(_, item)| item)
}

fn body_section(cursor: &mut Cursor<'_>, peek: bool) -> Parse<FetchItem> {
    cursor.expect(b'[')?;
    let section = section(cursor)?;
    cursor.expect(b']')?;
    let partial = if cursor.eat(b'<') { Some(partial(cursor)?) } else { None };
    Ok(FetchItem::BodySection { peek, section, partial })
}

fn partial(cursor: &mut Cursor<'_>) -> Parse<Partial> {
    let start = cursor.number()?;
    cursor.expect(b'.')?;
    let count = cursor.number()?;
    cursor.expect(b'>')?;
    if count == 0 {
        return Err(Fault::bad("a partial range has at least one byte"));
    }
    Ok(Partial { start, count })
}

fn section(cursor: &mut Cursor<'_>) -> Parse<Section> {
    let mut part = Vec::new();
    while cursor.peek().is_some_and(|b| b.is_ascii_digit()) {
        if part.len() >= Limits::PART_DEPTH {
            return Err(Fault::limit("the part number is too deep"));
        }
        part.push(part_number(cursor)?);
        if !cursor.eat(b'.') {
            return Ok(Section { part, text: SectionText::All });
        }
    }
    if part.is_empty() && cursor.peek() == Some(b']') {
        return Ok(Section { part, text: SectionText::All });
    }
    let text = section_text(cursor, !part.is_empty())?;
    Ok(Section { part, text })
}

fn part_number(cursor: &mut Cursor<'_>) -> Parse<u32> {
    match cursor.number()? {
        0 => Err(Fault::bad("part numbers begin at 1")),
        number => Ok(number),
    }
}

fn section_text(cursor: &mut Cursor<'_>, in_part: bool) -> Parse<SectionText> {
    let word = cursor.take_some(|b| b.is_ascii_alphabetic() || b == b'.')?;
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if is("HEADER.FIELDS") {
        header_names(cursor).map(SectionText::HeaderFields)
    } else if is("HEADER.FIELDS.NOT") {
        header_names(cursor).map(SectionText::HeaderFieldsNot)
    } else if is("HEADER") {
        Ok(SectionText::Header)
    } else if is("TEXT") {
        Ok(SectionText::Text)
    } else if is("MIME") && in_part {
        Ok(SectionText::Mime)
    } else {
        Err(Fault::bad("unknown body section"))
    }
}

fn header_names(cursor: &mut Cursor<'_>) -> Parse<Vec<String>> {
    cursor.space()?;
    let most = cursor.limits().header_names;
    cursor.list(most, Cursor::text)
}
