//! Forms of version 1, which older programs stored.

use crate::form::{Form, Part};
use serde::Deserialize;
use waypost_types::UnixTime;

/// The first byte of such a form.
pub(crate) const VERSION: u8 = 1;

/// A form as it was stored; fields that begin with an underscore are no longer kept.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
struct Older {
    envelope: String,
    structure: String,
    extensions: Vec<(u32, u32)>,
    utf8: bool,
    cut: bool,
    size: u64,
    header_len: u64,
    lines: u64,
    sent_date: Option<UnixTime>,
    subject: String,
    from: String,
    to: String,
    cc: String,
    bcc: String,
    _reply_to: String,
    _sender: String,
    sort_from: String,
    sort_to: String,
    sort_cc: String,
    base_subject: String,
    preview: String,
    message_id: Option<String>,
    _in_reply_to: Option<String>,
    references: Vec<String>,
    parts: Vec<Part>,
}

/// The form from what follows the version; `None` for damage.
pub(crate) fn decode(bytes: &[u8]) -> Option<Form> {
    let Ok((older, [])) = postcard::take_from_bytes::<Older>(bytes) else { return None };
    Some(Form {
        envelope: older.envelope,
        structure: older.structure,
        extensions: older.extensions,
        utf8: older.utf8,
        cut: older.cut,
        size: older.size,
        header_len: older.header_len,
        lines: older.lines,
        sent_date: older.sent_date,
        subject: older.subject,
        from: older.from,
        to: older.to,
        cc: older.cc,
        bcc: older.bcc,
        sort_from: older.sort_from,
        sort_to: older.sort_to,
        sort_cc: older.sort_cc,
        base_subject: older.base_subject,
        preview: older.preview,
        message_id: older.message_id,
        references: older.references,
        parts: older.parts,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::parse;

    #[test]
    fn forms_of_version_1_are_read() {
        let message = "From: A <a@b.c>\nSubject: s\nMessage-ID: <i@b.c>\n\ntext\n";
        let form = parse(message.as_bytes()).form;
        let kept = form.clone();
        let older = Older {
            envelope: kept.envelope,
            structure: kept.structure,
            extensions: kept.extensions,
            utf8: kept.utf8,
            cut: kept.cut,
            size: kept.size,
            header_len: kept.header_len,
            lines: kept.lines,
            sent_date: kept.sent_date,
            subject: kept.subject,
            from: kept.from,
            to: kept.to,
            cc: kept.cc,
            bcc: kept.bcc,
            _reply_to: "r".into(),
            _sender: "s".into(),
            sort_from: kept.sort_from,
            sort_to: kept.sort_to,
            sort_cc: kept.sort_cc,
            base_subject: kept.base_subject,
            preview: kept.preview,
            message_id: kept.message_id,
            _in_reply_to: Some("i".into()),
            references: kept.references,
            parts: kept.parts,
        };
        let stored = postcard::to_extend(&older, vec![VERSION]).unwrap();
        assert_eq!(Form::decode(&stored), Some(form));
        assert_eq!(Form::decode(&stored[..stored.len() - 1]), None);
    }
}
