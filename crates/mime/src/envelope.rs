//! ENVELOPE text of a header (RFC 3501 section 7.4.2).

use crate::address::{Entry, parse_addresses};
use crate::header::{Field, Fields};
use crate::out::Out;

/// Writes `(date subject from sender reply-to to cc bcc in-reply-to message-id)`. Sender and
/// Reply-To that are missing or empty take the value of From, as section 7.4.2 demands.
pub(crate) fn write_envelope(fields: &Fields, out: &mut Out) {
    let list = |field| parse_addresses(fields.value(field).unwrap_or_default());
    let from = list(Field::From);
    out.raw("(");
    out.nstring(fields.value(Field::Date));
    out.raw(" ");
    out.nstring(fields.value(Field::Subject));
    write_list(&from, out);
    for field in [Field::Sender, Field::ReplyTo] {
        let own = list(field);
        write_list(if own.is_empty() { &from } else { &own }, out);
    }
    for field in [Field::To, Field::Cc, Field::Bcc] {
        write_list(&list(field), out);
    }
    for field in [Field::InReplyTo, Field::MessageId] {
        out.raw(" ");
        out.nstring(fields.value(field));
    }
    out.raw(")");
}

fn write_list(entries: &[Entry], out: &mut Out) {
    if entries.is_empty() {
        return out.raw(" NIL");
    }
    out.raw(" (");
    entries.iter().for_each(|entry| write_entry(entry, out));
    out.raw(")");
}

fn write_entry(entry: &Entry, out: &mut Out) {
    match entry {
        Entry::Mailbox { name, route, mailbox, host } => {
            out.raw("(");
            out.nstring(name.as_deref());
            out.raw(" ");
            out.nstring(route.as_deref());
            out.raw(" ");
            out.string(mailbox);
            out.raw(" ");
            out.string(host);
            out.raw(")");
        }
        Entry::GroupStart(name) => {
            out.raw("(NIL NIL ");
            out.string(name);
            out.raw(" NIL)");
        }
        Entry::GroupEnd => out.raw("(NIL NIL NIL NIL)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Collector;
    use crate::out::EightBit;

    fn envelope(header: &str) -> String {
        let mut collector = Collector::new(true, usize::MAX);
        header.lines().for_each(|line| collector.line(line.as_bytes(), true));
        let mut out = Out::new(EightBit::Encode);
        write_envelope(&collector.finish(), &mut out);
        out.into_text()
    }

    #[test]
    fn example_of_rfc_3501() {
        let header = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\n\
            From: Terry Gray <gray@cac.washington.edu>\n\
            Subject: IMAP4rev1 WG mtg summary and minutes\n\
            To: imap@cac.washington.edu\n\
            Cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\n\
            Message-Id: <B27397-0100000@cac.washington.edu>";
        let gray = "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\"))";
        let expected = format!(
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \
             \"IMAP4rev1 WG mtg summary and minutes\" {gray} {gray} {gray} \
             ((NIL NIL \"imap\" \"cac.washington.edu\")) \
             ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")\
             (\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
             \"<B27397-0100000@cac.washington.edu>\")"
        );
        assert_eq!(envelope(header), expected);
    }

    #[test]
    fn empty_header_is_all_nil() {
        assert_eq!(envelope(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    }

    #[test]
    fn groups_and_empty_sender() {
        let text = envelope("From: u@d (Real Name)\nSender: \nTo: g: a@b;\nSubject:");
        let from = "((\"Real Name\" NIL \"u\" \"d\"))";
        let to = "((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL))";
        assert_eq!(text, format!("(NIL \"\" {from} {from} {from} {to} NIL NIL NIL NIL)"));
    }
}
