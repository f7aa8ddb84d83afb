//! APPEND up to its message (RFC 3501 section 6.3.11, RFC 4466 section 2.7).

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::command::Tag;
use crate::date::parse_internal_date;
use crate::decoder::AppendStart;
use crate::literal::LiteralHeader;
use waypost_types::{FlagSet, MailboxName, UnixTime};

/// An APPEND before its message.
pub(crate) struct AppendHead {
    mailbox: MailboxName,
    flags: FlagSet,
    date: Option<UnixTime>,
}

impl AppendHead {
    /// The head with what its literal announces.
    pub(crate) fn start(self, tag: Tag, header: LiteralHeader) -> AppendStart {
        let Self { mailbox, flags, date } = self;
        let LiteralHeader { size, non_sync } = header;
        AppendStart { tag, mailbox, flags, date, size, non_sync }
    }
}

/// Reads up to the header of the message, which must end the text.
pub(super) fn append(cursor: &mut Cursor<'_>) -> Parse<AppendHead> {
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    cursor.space()?;
    let flags = append_flags(cursor)?;
    let date = append_date(cursor)?;
    if !is_header(cursor.rest()) {
        return Err(Fault::bad("the message must be a literal"));
    }
    Ok(AppendHead { mailbox, flags, date })
}

/// Whether the text is a literal's header and nothing else.
fn is_header(text: &[u8]) -> bool {
    let rest = text.strip_prefix(b"{");
    rest.is_some_and(|rest| !rest.contains(&b'{')) && LiteralHeader::at_end_of(text).is_some()
}

fn append_flags(cursor: &mut Cursor<'_>) -> Parse<FlagSet> {
    if cursor.peek() != Some(b'(') {
        return Ok(FlagSet::default());
    }
    let flags = cursor.flag_list()?;
    cursor.space()?;
    Ok(flags)
}

fn append_date(cursor: &mut Cursor<'_>) -> Parse<Option<UnixTime>> {
    if cursor.peek() != Some(b'"') {
        return Ok(None);
    }
    let text = cursor.string()?;
    cursor.space()?;
    let date = parse_internal_date(&text).ok_or(Fault::bad("the date is not valid"))?;
    Ok(Some(date))
}
