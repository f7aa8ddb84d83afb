//! Header fields: iterating and selecting them in stored bytes, collecting them while scanning.

use crate::limits::{FIELD_BYTES_MAX, HEADER_BYTES_MAX, HEADER_FIELDS_MAX};

/// The fields of a header: name without the colon, and the field's raw bytes with folding and
/// line ends. Lines that are no field (no colon, a name with spaces) come with an empty name.
/// Stops at the blank line.
pub fn header_fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let (field, tail) = split_field(rest)?;
        rest = tail;
        Some((field_name(field).unwrap_or_default(), field))
    })
}

/// The fields whose name is in `names` (any case), or with `not` all others, each as stored, then
/// the blank line: what HEADER.FIELDS and HEADER.FIELDS.NOT answer (RFC 3501 section 6.4.5).
pub fn select_fields<N: AsRef<[u8]>>(header: &[u8], names: &[N], not: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, field) in header_fields(header) {
        let named = names.iter().any(|n| n.as_ref().eq_ignore_ascii_case(name));
        if named != not {
            out.extend_from_slice(field);
        }
    }
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Name of the field on this line: printable ASCII before a colon, trailing blanks allowed
/// (RFC 5322 section 4.5).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

/// First field with its continuation lines, and what follows; None at the blank line or the end.
fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.is_empty() || bytes.starts_with(b"\n") || bytes.starts_with(b"\r\n") {
        return None;
    }
    let mut end = 0;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        end += memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
            return bytes.split_at_checked(end);
        }
    }
}

/// Header fields a form is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Bcc,
    Cc,
    ContentDescription,
    ContentDisposition,
    ContentId,
    ContentLanguage,
    ContentLocation,
    ContentMd5,
    ContentType,
    Date,
    Encoding,
    From,
    InReplyTo,
    MessageId,
    References,
    ReplyTo,
    Sender,
    Subject,
    To,
}

impl Field {
    /// Fields that only a message has; on a body part they mean nothing.
    fn named(name: &[u8], message: bool) -> Option<Self> {
        let mut lower = [0_u8; 25];
        let slot = lower.get_mut(..name.len())?;
        slot.copy_from_slice(name);
        slot.make_ascii_lowercase();
        Some(match &*slot {
            b"content-description" => Self::ContentDescription,
            b"content-disposition" => Self::ContentDisposition,
            b"content-id" => Self::ContentId,
            b"content-language" => Self::ContentLanguage,
            b"content-location" => Self::ContentLocation,
            b"content-md5" => Self::ContentMd5,
            b"content-transfer-encoding" => Self::Encoding,
            b"content-type" => Self::ContentType,
            _ if !message => return None,
            b"bcc" => Self::Bcc,
            b"cc" => Self::Cc,
            b"date" => Self::Date,
            b"from" => Self::From,
            b"in-reply-to" => Self::InReplyTo,
            b"message-id" => Self::MessageId,
            b"references" => Self::References,
            b"reply-to" => Self::ReplyTo,
            b"sender" => Self::Sender,
            b"subject" => Self::Subject,
            b"to" => Self::To,
            _ => return None,
        })
    }

    /// A repeated address field adds to the first; of other repeated fields the first counts.
    fn is_list(self) -> bool {
        matches!(self, Self::Bcc | Self::Cc | Self::From | Self::ReplyTo | Self::To)
    }
}

/// The kept values of one header, unfolded, encoded words as they are.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: Vec<(Field, Vec<u8>)>,
    /// A limit kept something out.
    pub(crate) cut: bool,
}

impl Fields {
    /// The value without surrounding white space.
    pub(crate) fn value(&self, field: Field) -> Option<&[u8]> {
        self.values.iter().find(|(f, _)| *f == field).map(|(_, v)| v.trim_ascii())
    }

    /// Bytes of all values.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.values.iter().map(|(_, value)| value.len()).sum()
    }
}

/// Collects the header of one part line by line.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    fields: Fields,
    /// Position in `fields.values` of the field whose continuation lines are still to come.
    open: Option<usize>,
    message: bool,
    seen_bytes: usize,
    seen_fields: usize,
    /// Bytes of values that may still be kept.
    allowance: usize,
}

impl Collector {
    /// For a message's header (`message`) or a body part's, keeping at most `allowance` bytes.
    pub(crate) fn new(message: bool, allowance: usize) -> Self {
        Self { message, allowance, ..Self::default() }
    }

    /// Takes a line without its line end; `whole` is false when its end was not kept.
    pub(crate) fn line(&mut self, line: &[u8], whole: bool) {
        self.seen_bytes = self.seen_bytes.saturating_add(line.len());
        if !whole || self.seen_bytes > HEADER_BYTES_MAX {
            self.cut();
        } else if matches!(line.first(), Some(b' ' | b'\t')) {
            self.append(line);
        } else {
            self.begin(line);
        }
    }

    pub(crate) fn finish(self) -> Fields {
        self.fields
    }

    fn begin(&mut self, line: &[u8]) {
        self.open = None;
        let Some(name) = field_name(line) else { return };
        self.seen_fields += 1;
        if self.seen_fields > HEADER_FIELDS_MAX {
            return self.cut();
        }
        let Some(field) = Field::named(name, self.message) else { return };
        let colon = memchr::memchr(b':', line).map_or(0, |at| at + 1);
        let known = self.fields.values.iter().position(|(f, _)| *f == field);
        match known {
            None => {
                self.fields.values.push((field, Vec::new()));
                self.open = Some(self.fields.values.len() - 1);
            }
            Some(at) if field.is_list() => {
                self.open = Some(at);
                self.append(b", ");
            }
            Some(_) => return,
        }
        self.append(line.get(colon..).unwrap_or_default());
    }

    fn append(&mut self, bytes: &[u8]) {
        let Some((_, value)) = self.open.and_then(|at| self.fields.values.get_mut(at)) else {
            return;
        };
        if bytes.len() > self.allowance || value.len() + bytes.len() > FIELD_BYTES_MAX {
            return self.cut();
        }
        self.allowance -= bytes.len();
        value.extend_from_slice(bytes);
    }

    fn cut(&mut self) {
        self.open = None;
        self.fields.cut = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From x\r\nA: 1\r\n 2\r\nb : 3\nNo colon\r\nC: 4\r\n\r\nD: body\r\n";

    #[test]
    fn fields_keep_their_bytes() {
        let fields: Vec<_> = header_fields(HEADER).collect();
        assert_eq!(fields.len(), 5);
        assert_eq!(fields[1], (&b"A"[..], &b"A: 1\r\n 2\r\n"[..]));
        assert_eq!(fields[2], (&b"b"[..], &b"b : 3\n"[..]));
        assert_eq!(fields[3].0, b"");
    }

    #[test]
    fn selection_ends_with_the_blank_line() {
        assert_eq!(select_fields(HEADER, &["a", "B"], false), b"A: 1\r\n 2\r\nb : 3\n\r\n");
        assert_eq!(select_fields(HEADER, &["a", "b"], true), b"From x\r\nNo colon\r\nC: 4\r\n\r\n");
        assert_eq!(select_fields(b"", &["a"], false), b"\r\n");
        assert_eq!(select_fields(b"A: 1", &["a"], false), b"A: 1\r\n\r\n");
    }

    #[test]
    fn collector_unfolds_and_limits() {
        let mut collector = Collector::new(true, 60);
        for line in ["To: a@b,", " c@d", "Subject: one", "Subject: two", "TO: e@f", "junk", " x"] {
            collector.line(line.as_bytes(), true);
        }
        collector.line(format!("Cc: {}", "x".repeat(100)).as_bytes(), true);
        let fields = collector.finish();
        assert_eq!(fields.value(Field::To), Some(&b"a@b, c@d,  e@f"[..]));
        assert_eq!(fields.value(Field::Subject), Some(&b"one"[..]));
        assert_eq!(fields.value(Field::Cc), Some(&b""[..]));
        assert!(fields.cut);
    }
}
