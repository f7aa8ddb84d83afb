//! Which bytes a section is (RFC 3501 section 6.4.5), from the offsets kept at arrival.

use std::cell::Cell;
use std::ops::Range;
use waypost_imap_wire::{Partial, Section, SectionText};
use waypost_mime::{Form, Part, select_fields};
use waypost_store::{Body, StoreError};

/// Bytes of one header that HEADER.FIELDS looks at; what follows is left out. Every field is compared
/// with every name asked for, so this bounds the time too.
const HEADER_READ_BYTES: u64 = 256 << 10;

/// The content of a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The message has no such section.
    Absent,
    /// Bytes put together from chosen header fields.
    Bytes(Vec<u8>),
    /// Bytes of the message as stored.
    Range(Range<u64>),
}

/// The content of a section, cut to `partial`; `looked` counts the bytes of headers looked at.
pub(super) fn content_of(
    section: &Section,
    partial: Option<Partial>,
    form: Option<&Form>,
    body: &dyn Body,
    looked: &Cell<u64>,
) -> Result<Content, StoreError> {
    let Some(range) = range_of(section, form, body.size()) else { return Ok(Content::Absent) };
    let (names, not) = match &section.text {
        SectionText::HeaderFields(names) => (names, false),
        SectionText::HeaderFieldsNot(names) => (names, true),
        _ => return Ok(Content::Range(cut(range, partial))),
    };
    let mut header = Vec::new();
    let end = range.end.min(range.start.saturating_add(HEADER_READ_BYTES));
    body.append_to(range.start..end, &mut header)?;
    looked.set(looked.get() + (end - range.start));
    let fields = select_fields(&header, names, not);
    Ok(Content::Bytes(match partial {
        Some(partial) => partial.of(&fields).to_vec(),
        None => fields,
    }))
}

/// The bytes that a section names; header fields are chosen from the header's.
fn range_of(section: &Section, form: Option<&Form>, size: u64) -> Option<Range<u64>> {
    let range = match (section.part.as_slice(), &section.text) {
        ([], SectionText::All) => 0..size,
        ([], SectionText::Text) => form?.header_len..size,
        ([], SectionText::Mime) => return None,
        ([], _) => 0..form?.header_len,
        (path, text) => range_of_part(form?, form?.section(path)?, text)?,
    };
    Some(range.start.min(size)..range.end.min(size))
}

/// HEADER and TEXT are of the message inside a message/rfc822 part (RFC 3501 section 6.4.5).
fn range_of_part(form: &Form, part: &Part, text: &SectionText) -> Option<Range<u64>> {
    Some(match text {
        SectionText::All => part.body_start..part.end,
        SectionText::Mime => part.header_start..part.body_start,
        SectionText::Text => {
            let inner = form.embedded(part)?;
            inner.body_start..inner.end
        }
        SectionText::Header | SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => {
            let inner = form.embedded(part)?;
            inner.header_start..inner.body_start
        }
    })
}

fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(partial) = partial else { return range };
    let start = range.start.saturating_add(partial.start.into()).min(range.end);
    start..start.saturating_add(partial.count.into()).min(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_part_asked_for() {
        assert_eq!(cut(10..30, None), 10..30);
        assert_eq!(cut(10..30, Some(Partial { start: 5, count: 10 })), 15..25);
        assert_eq!(cut(10..30, Some(Partial { start: 15, count: 10 })), 25..30);
        assert_eq!(cut(10..30, Some(Partial { start: 90, count: 10 })), 30..30);
    }
}
