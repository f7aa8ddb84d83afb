//! Search in header fields and texts. Every read is bounded; what lies beyond is not found.

use super::key::Context;
use std::ops::Range;
use waypost_mime::limits::PART_TEXT_BYTES_MAX;
use waypost_mime::{Form, Part, decode_header_text, fold_case, header_fields, part_text};
use waypost_store::{Body, MessageRow, StoreError};
use waypost_types::Uid;

/// Bytes of one header that are searched.
const HEADER_SEARCH_BYTES: u64 = 256 << 10;
/// Bytes of one message's texts, and of the headers inside it, that are searched, before decoding.
const TEXT_SEARCH_BYTES: u64 = 16 << 20;
/// Bytes that cost one unit.
const COST_BYTES: u64 = 4 << 10;

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
    fn text(self, form: &Form) -> &str {
        match self {
            Self::Bcc => &form.bcc,
            Self::Cc => &form.cc,
            Self::From => &form.from,
            Self::Subject => &form.subject,
            Self::To => &form.to,
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
pub(super) fn field_has(
    field: Field,
    text: &str,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, StoreError> {
    let form = context.form(uid, row)?;
    if fold_case(field.text(&form)).contains(text) {
        return Ok(true);
    }
    if !form.cut {
        return Ok(false);
    }
    header_has(field.name(), text, uid, row, context)
}

/// Whether a field of this name has the text; an empty text asks for the field.
pub(super) fn header_has(
    name: &str,
    text: &str,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, StoreError> {
    let header = header_of(uid, row, context)?;
    let found = header_fields(&header)
        .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
        .any(|(_, raw)| fold_case(&value_of(raw)).contains(text));
    Ok(found)
}

/// Whether a text part has the text.
pub(super) fn body_has(
    text: &str,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, StoreError> {
    let form = context.form(uid, row)?;
    let body = context.snapshot.body(context.account, row.email)?;
    let mut budget = TEXT_SEARCH_BYTES;
    for part in form.parts.iter().filter(|part| part.is_text()) {
        let bytes = read_part(part, body.as_ref(), &mut budget, context)?;
        if fold_case(&part_text(part, &bytes)).contains(text) {
            return Ok(true);
        }
    }
    inner_headers_have(text, &form, body.as_ref(), &mut budget, context)
}

/// Whether the header or a text part has the text.
pub(super) fn message_has(
    text: &str,
    uid: Uid,
    row: &MessageRow,
    context: &mut Context<'_>,
) -> Result<bool, StoreError> {
    let header = header_of(uid, row, context)?;
    if header_text_has(&header, text) {
        return Ok(true);
    }
    body_has(text, uid, row, context)
}

/// Headers of parts and of messages inside this one belong to its body.
fn inner_headers_have(
    text: &str,
    form: &Form,
    body: &dyn Body,
    budget: &mut u64,
    context: &mut Context<'_>,
) -> Result<bool, StoreError> {
    for part in form.parts.iter().skip(1) {
        let room = HEADER_SEARCH_BYTES.min(*budget);
        let end = part.body_start.min(part.header_start.saturating_add(room));
        *budget -= end.saturating_sub(part.header_start);
        let header = read(body, part.header_start..end, context)?;
        if header_text_has(&header, text) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn header_text_has(header: &[u8], text: &str) -> bool {
    header_fields(header).any(|(_, raw)| fold_case(&decode_header_text(raw)).contains(text))
}

fn value_of(raw: &[u8]) -> String {
    let value = raw.iter().position(|b| *b == b':').and_then(|at| raw.get(at + 1..));
    decode_header_text(value.unwrap_or(raw))
}

fn header_of(uid: Uid, row: &MessageRow, context: &mut Context<'_>) -> Result<Vec<u8>, StoreError> {
    let form = context.form(uid, row)?;
    let body = context.snapshot.body(context.account, row.email)?;
    read(body.as_ref(), 0..form.header_len.min(HEADER_SEARCH_BYTES), context)
}

fn read_part(
    part: &Part,
    body: &dyn Body,
    budget: &mut u64,
    context: &mut Context<'_>,
) -> Result<Vec<u8>, StoreError> {
    let length = part.body_len().min(PART_TEXT_BYTES_MAX as u64).min(*budget);
    *budget -= length;
    read(body, part.body_start..part.body_start.saturating_add(length), context)
}

fn read(
    body: &dyn Body,
    range: Range<u64>,
    context: &mut Context<'_>,
) -> Result<Vec<u8>, StoreError> {
    context.cost += 1 + range.end.saturating_sub(range.start) / COST_BYTES;
    let mut bytes = Vec::new();
    body.append_to(range, &mut bytes)?;
    Ok(bytes)
}
