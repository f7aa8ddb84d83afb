//! What FETCH can ask: data items, body sections and partial ranges (RFC 3501 section 6.4.5).

use crate::text::{push_astring, push_number};

/// One data item of FETCH; macros are expanded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `BODY` without a section: the structure without extension data.
    Body,
    /// `BODY[...]` or `BODY.PEEK[...]`
    BodySection {
        /// Whether `.PEEK` keeps `\Seen` as it is.
        peek: bool,
        /// Which bytes of the message.
        section: Section,
        /// Which range of them.
        partial: Option<Partial>,
    },
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `EMAILID` (RFC 8474 section 5.1)
    EmailId,
    /// `ENVELOPE`
    Envelope,
    /// `FLAGS`
    Flags,
    /// `INTERNALDATE`
    InternalDate,
    /// `MODSEQ` (RFC 7162 section 3.1.5)
    ModSeq,
    /// `RFC822`
    Rfc822,
    /// `RFC822.HEADER`
    Rfc822Header,
    /// `RFC822.SIZE`
    Rfc822Size,
    /// `RFC822.TEXT`
    Rfc822Text,
    /// `THREADID` (RFC 8474 section 5.2)
    ThreadId,
    /// `UID`
    Uid,
}

impl FetchItem {
    /// Whether fetching this sets `\Seen`.
    pub const fn sets_seen(&self) -> bool {
        matches!(self, Self::Rfc822 | Self::Rfc822Text | Self::BodySection { peek: false, .. })
    }
}

/// Bytes of a message: a part and what of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Part numbers from the outside in, each at least 1; empty for the message itself.
    pub part: Vec<u32>,
    /// What of the part.
    pub text: SectionText,
}

impl Section {
    /// Appends the section as it stands between `[` and `]`.
    pub fn push(&self, out: &mut Vec<u8>) {
        for (index, number) in self.part.iter().enumerate() {
            if index > 0 {
                out.push(b'.');
            }
            push_number(out, u64::from(*number));
        }
        let name = self.text.name();
        if !name.is_empty() && !self.part.is_empty() {
            out.push(b'.');
        }
        out.extend_from_slice(name.as_bytes());
        if let Some(fields) = self.text.fields() {
            push_fields(out, fields);
        }
    }
}

fn push_fields(out: &mut Vec<u8>, fields: &[String]) {
    out.extend_from_slice(b" (");
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        push_astring(out, field.as_bytes());
    }
    out.push(b')');
}

/// What of a message or part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// Everything: the whole message, or a part's content.
    All,
    /// `HEADER`
    Header,
    /// `HEADER.FIELDS (...)`
    HeaderFields(Vec<String>),
    /// `HEADER.FIELDS.NOT (...)`
    HeaderFieldsNot(Vec<String>),
    /// `MIME`; only with a part number.
    Mime,
    /// `TEXT`
    Text,
}

impl SectionText {
    /// The keyword, empty for [`SectionText::All`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "",
            Self::Header => "HEADER",
            Self::HeaderFields(_) => "HEADER.FIELDS",
            Self::HeaderFieldsNot(_) => "HEADER.FIELDS.NOT",
            Self::Mime => "MIME",
            Self::Text => "TEXT",
        }
    }

    /// The header names, where the keyword has them.
    pub fn fields(&self) -> Option<&[String]> {
        match self {
            Self::HeaderFields(fields) | Self::HeaderFieldsNot(fields) => Some(fields),
            _ => None,
        }
    }
}

/// A range of bytes, `<start.count>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// The first byte, from 0.
    pub start: u32,
    /// How many bytes at most, at least 1.
    pub count: u32,
}

impl Partial {
    /// The part of `bytes` in this range; empty when it starts past the end.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = usize::try_from(self.start).ok().and_then(|start| bytes.get(start..));
        let rest = rest.unwrap_or_default();
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        rest.get(..count).unwrap_or(rest)
    }
}
