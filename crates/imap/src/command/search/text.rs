//! Search in header fields and texts. Every read is bounded: long texts are searched piece by piece.

use super::needle::Needle;
use super::step::{Context, Place, Stop};
use std::borrow::Cow;
use std::ops::Range;
use waypost_mime::limits::PART_TEXT_BYTES_MAX;
use waypost_mime::{FormHead, Part, decode_header_text, header_fields, part_text};
use waypost_store::{MessageRow, StoreError};
use waypost_types::Uid;

/// Bytes of one header that are searched.
const HEADER_SEARCH_BYTES: u64 = 256 << 10;
/// Bytes of a text that are read and decoded at once.
const PIECE_BYTES: u64 = PART_TEXT_BYTES_MAX as u64;
/// A piece ends with a line when its last line begins within so many bytes of its end.
const LINE_BYTES: usize = 64 << 10;
/// Bytes that two pieces of a text share for each byte that is looked for: it takes three in quoted-printable,
/// folding may have made its letter longer, and encoded lines have ends.
const SHARED_FOR_EACH: usize = 16;
/// Bytes that two pieces share beside these.
const SHARED_BYTES: usize = 1 << 10;

/// What a key reads of a message, and the text that it looks for there.
#[derive(Debug)]
pub(super) enum Reading {
    Field(Field, Needle),
    /// A header field; an empty value asks for the field.
    Header {
        name: String,
        value: Needle,
    },
    Body(Needle),
    /// The header or the body.
    Text(Needle),
}

impl Reading {
    /// Whether the message has the text.
    pub(super) fn holds(
        &self,
        uid: Uid,
        row: &MessageRow,
        context: &mut Context<'_>,
    ) -> Result<bool, Stop> {
        match self {
            Self::Field(field, text) => field_has(*field, text, uid, row, context),
            Self::Header { name, value } => header_has(name, value, uid, row, context),
            Self::Body(text) => texts_have(text, false, uid, row, context),
            Self::Text(text) => texts_have(text, true, uid, row, context),
        }
    }
}

/// A header field whose decoded text is kept in the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Bcc,
    Cc,
    From,
    Subject,
    To,
}

impl Field {
    fn text<'a>(self, form: &FormHead<'a>) -> Cow<'a, str> {
        match self {
            Self::Bcc => form.bcc(),
            Self::Cc => form.cc(),
            Self::From => form.from(),
            Self::Subject => form.subject(),
            Self::To => form.to(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bcc => "Bcc",
            Self::Cc => "Cc",
            Self::From => "From",
            Self::Subject => "Subject",
            Self::To => "To",
        }
    }
}

/// Whether a field of the envelope has the text. A form that was cut is checked in the header.
fn field_has(
    field: Field,
    text: &Needle,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, Stop> {
    let (has, cut, bytes) = context.head(row, |form| {
        let value = field.text(form);
        (text.is_in(&value), form.cut(), value.len())
    })?;
    context.reads(bytes as u64);
    if has || !cut {
        return Ok(has);
    }
    header_has(field.name(), text, uid, row, context)
}

/// Whether a field of this name has the text; an empty text asks for the field.
fn header_has(
    name: &str,
    text: &Needle,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, Stop> {
    let header = header_of(uid, row, context)?;
    let found = header_fields(&header)
        .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
        .any(|(_, raw)| text.is_in(&value_of(raw)));
    Ok(found)
}

/// Whether a text of the message has the text: its header if asked for, its text parts, then the headers
/// of parts and of messages inside this one, which belong to its body. One after the other, so that a step
/// may end between them.
fn texts_have(
    text: &Needle,
    with_header: bool,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, Stop> {
    let form = context.form(uid, row)?;
    let begin = Place { at: usize::from(!with_header), from: 0 };
    let mut place = context.answers.place.take().unwrap_or(begin);
    let count = form.parts.len();
    while place.at < 2 * count {
        if let Err(stop) = context.go_on() {
            context.answers.place = Some(place);
            return Err(stop);
        }
        let found = match (place.at.checked_sub(1), place.at.checked_sub(1 + count)) {
            (None, _) => header_text_has(&header_of(uid, row, context)?, text),
            (Some(_), Some(inner)) => match form.parts.get(1 + inner) {
                Some(part) => inner_header_has(text, part, row, context)?,
                None => false,
            },
            (Some(at), None) => match form.parts.get(at).filter(|part| part.is_text()) {
                Some(part) => match piece_has(text, part, place.from, row, context)? {
                    Piece::Has => true,
                    Piece::Next(from) => {
                        place.from = from;
                        continue;
                    }
                    Piece::Last => false,
                },
                None => false,
            },
        };
        if found {
            return Ok(true);
        }
        place = Place { at: place.at + 1, from: 0 };
    }
    Ok(false)
}

/// What one piece of a text says.
enum Piece {
    Has,
    /// It has not; the next one begins here, in bytes of the part's body.
    Next(u64),
    Last,
}

fn piece_has(
    text: &Needle,
    part: &Part,
    from: u64,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<Piece, Stop> {
    let start = part.body_start.saturating_add(from);
    let end = start.saturating_add(PIECE_BYTES).min(part.body_start + part.body_len());
    let mut bytes = read(row, start..end, context)?;
    let next = if end < part.body_start + part.body_len() {
        let next = cut_piece(&mut bytes, text.len());
        Some(from + next as u64)
    } else {
        None
    };
    Ok(match next {
        _ if text.is_in(&part_text(part, &bytes)) => Piece::Has,
        Some(next) => Piece::Next(next),
        None => Piece::Last,
    })
}

/// Ends a piece with its last line and answers where the next one begins: with a line too, so that each can be
/// decoded by itself, and so early that what is looked for is whole in one of them. Where there are
/// no lines both are multiples of four, as base64 wants it.
fn cut_piece(bytes: &mut Vec<u8>, wanted: usize) -> usize {
    let line_before = |end: usize| {
        let least = end.saturating_sub(LINE_BYTES);
        let feed = bytes.get(least..end)?.iter().rposition(|byte| *byte == b'\n')?;
        Some(least + feed + 1).filter(|start| *start > 0)
    };
    let shared = wanted.saturating_mul(SHARED_FOR_EACH).saturating_add(SHARED_BYTES);
    let shared = shared.min(bytes.len() / 2);
    let end = line_before(bytes.len()).unwrap_or(bytes.len() & !3);
    let next = line_before(end - shared).unwrap_or((end - shared) & !3);
    bytes.truncate(end);
    next
}

fn inner_header_has(
    text: &Needle,
    part: &Part,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, Stop> {
    let end = part.body_start.min(part.header_start.saturating_add(HEADER_SEARCH_BYTES));
    let header = read(row, part.header_start..end, context)?;
    Ok(header_text_has(&header, text))
}

fn header_text_has(header: &[u8], text: &Needle) -> bool {
    header_fields(header).any(|(_, raw)| text.is_in(&decode_header_text(raw)))
}

fn value_of(raw: &[u8]) -> String {
    let value = raw.iter().position(|b| *b == b':').and_then(|at| raw.get(at + 1..));
    decode_header_text(value.unwrap_or(raw))
}

fn header_of(uid: Uid, row: &MessageRow, context: &mut Context<'_>) -> Result<Vec<u8>, StoreError> {
    let end = context.form(uid, row)?.header_len.min(HEADER_SEARCH_BYTES);
    read(row, 0..end, context)
}

fn read(
    row: &MessageRow,
    range: Range<u64>,
    context: &mut Context<'_>,
) -> Result<Vec<u8>, StoreError> {
    context.reads(range.end.saturating_sub(range.start));
    let mut bytes = Vec::new();
    context.snapshot.body(context.account, row.email)?.append_to(range, &mut bytes)?;
    Ok(bytes)
}
