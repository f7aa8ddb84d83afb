//! What is kept of a message beside its bytes: the form.

use crate::packed;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use waypost_types::UnixTime;

/// Everything FETCH, SEARCH and SORT need of a message without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    pub(crate) envelope: String,
    pub(crate) structure: String,
    /// Byte ranges of extension data in `structure`, ascending; BODY leaves them out.
    pub(crate) extensions: Vec<(u32, u32)>,
    /// Raw 8-bit was in a header value; sessions that want UTF-8 get it by [`Scanner`] anew.
    ///
    /// [`Scanner`]: crate::Scanner
    pub utf8: bool,
    /// A limit of [`limits`](crate::limits) kept header text or parts out of this form.
    pub cut: bool,
    /// Bytes of the whole message.
    pub size: u64,
    /// Bytes of its header, blank line included.
    pub header_len: u64,
    /// Line ends in the whole message.
    pub lines: u64,
    /// The Date header; None when missing or senseless.
    pub sent_date: Option<UnixTime>,
    /// Subject as UTF-8.
    pub subject: String,
    /// From as UTF-8: the whole field with names and addresses.
    pub from: String,
    /// To as UTF-8.
    pub to: String,
    /// Cc as UTF-8.
    pub cc: String,
    /// Bcc as UTF-8.
    pub bcc: String,
    /// Mailbox of the first From address, case folded (RFC 5256 section 3, FROM).
    pub sort_from: String,
    /// Mailbox of the first To address, case folded.
    pub sort_to: String,
    /// Mailbox of the first Cc address, case folded.
    pub sort_cc: String,
    /// Base subject (RFC 5256 section 2.1), case folded.
    pub base_subject: String,
    /// The first words of the message (RFC 8970); may be empty.
    pub preview: String,
    /// Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// Ids of References, oldest first, at most
    /// [`REFERENCES_MAX`](crate::limits::REFERENCES_MAX) of the last; without any, that of
    /// In-Reply-To (RFC 5256 section 3, REFERENCES).
    pub references: Vec<String>,
    /// The message and all its parts in pre-order; never empty in a form that was scanned.
    pub parts: Vec<Part>,
}

/// One entity: the message, a body part, or the message inside a message/rfc822 part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Position in [`Form::parts`].
    pub index: u16,
    /// Position of the entity around this one; its own for the whole message.
    pub parent: u16,
    /// What is inside.
    pub kind: PartKind,
    /// Transfer encoding of the body.
    pub encoding: Encoding,
    /// First byte of the header.
    pub header_start: u64,
    /// First byte of the body, after the blank line.
    pub body_start: u64,
    /// End of the body, exclusive: before the line end that belongs to the boundary.
    pub end: u64,
    /// `type/subtype` in lower case.
    pub media: String,
    /// Charset parameter as sent.
    pub charset: Option<String>,
}

/// What an entity holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartKind {
    /// Content of its own.
    Leaf,
    /// One message, the next of [`Form::parts`].
    Message,
    /// Parts, at least one.
    Multipart,
}

/// Content-Transfer-Encoding (RFC 2045 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// `base64`
    Base64,
    /// `binary`
    Binary,
    /// `8bit`
    EightBit,
    /// Any other, which cannot be decoded.
    Other,
    /// `quoted-printable`
    QuotedPrintable,
    /// `7bit`, also when none is given.
    SevenBit,
}

/// What a part weighs in a form beside its media type, in bytes.
const PART_WEIGHT: usize = 32;

impl Form {
    /// Version of the encoded form and of the parser.
    pub const VERSION: u8 = 2;

    /// ENVELOPE value, ready to send: IMAP4rev1-safe unless scanned with
    /// [`EightBit::Keep`](crate::EightBit::Keep).
    pub fn envelope(&self) -> &[u8] {
        self.envelope.as_bytes()
    }

    /// BODYSTRUCTURE value, ready to send.
    pub fn bodystructure(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.structure.as_bytes())
    }

    /// BODY value (no extension data), ready to send.
    pub fn body(&self) -> Cow<'_, [u8]> {
        Cow::Owned(without(self.structure.as_bytes(), &self.extensions))
    }

    /// The part a section number names (RFC 3501 section 6.4.5): parts of a multipart by number,
    /// `1` for the only body of a message that is none, parts inside a message/rfc822 part behind
    /// its own number. The empty path is the whole message.
    pub fn section(&self, path: &[u32]) -> Option<&Part> {
        let root = self.parts.first()?;
        let Some((first, rest)) = path.split_first() else { return Some(root) };
        let start = self.inside(root, *first)?;
        rest.iter().try_fold(start, |part, number| match part.kind {
            PartKind::Multipart => self.child(part, *number),
            PartKind::Message => self.inside(self.embedded(part)?, *number),
            PartKind::Leaf => None,
        })
    }

    /// The message inside a message/rfc822 part, for `n.HEADER` and `n.TEXT`.
    pub fn embedded(&self, part: &Part) -> Option<&Part> {
        if part.kind == PartKind::Message { self.child(part, 1) } else { None }
    }

    /// About how many bytes the form is stored in: what reading it costs.
    pub fn weight(&self) -> u64 {
        let ready = self.envelope.len() + self.structure.len() + 8 * self.extensions.len();
        let parts: usize = self.parts.iter().map(|part| PART_WEIGHT + part.media.len()).sum();
        (ready + parts) as u64
    }

    /// The form as stored, beginning with the version byte.
    pub fn encode(&self) -> Vec<u8> {
        packed::encode(self)
    }

    /// The form from its stored bytes, also of version 1; None for another version or damage: scan the
    /// message again.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        packed::decode(bytes)
    }

    /// Part `number` of a message whose top entity is `entity`.
    fn inside<'a>(&'a self, entity: &'a Part, number: u32) -> Option<&'a Part> {
        match entity.kind {
            PartKind::Multipart => self.child(entity, number),
            _ if number == 1 => Some(entity),
            _ => None,
        }
    }

    /// Child `number`, counted from 1. Children follow their parent, so the search begins there.
    fn child(&self, parent: &Part, number: u32) -> Option<&Part> {
        let skip = usize::try_from(number.checked_sub(1)?).ok()?;
        let after = self.parts.get(usize::from(parent.index) + 1..)?;
        after.iter().filter(|part| part.parent == parent.index).nth(skip)
    }
}

/// A structure without its extension data.
pub(crate) fn without(bytes: &[u8], extensions: &[(u32, u32)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for (start, end) in extensions {
        out.extend_from_slice(bytes.get(from..*start as usize).unwrap_or_default());
        from = *end as usize;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out
}

impl Part {
    /// A message/rfc822 part that was taken apart.
    pub fn is_message(&self) -> bool {
        self.kind == PartKind::Message
    }

    /// A multipart that was taken apart.
    pub fn is_multipart(&self) -> bool {
        self.kind == PartKind::Multipart
    }

    /// A leaf of type text.
    pub fn is_text(&self) -> bool {
        self.kind == PartKind::Leaf && self.media.starts_with("text/")
    }

    /// Bytes of the body as stored.
    pub fn body_len(&self) -> u64 {
        self.end.saturating_sub(self.body_start)
    }
}

impl Encoding {
    pub(crate) fn read(token: &[u8]) -> Self {
        let known: [(&[u8], Self); 5] = [
            (b"7bit", Self::SevenBit),
            (b"8bit", Self::EightBit),
            (b"base64", Self::Base64),
            (b"binary", Self::Binary),
            (b"quoted-printable", Self::QuotedPrintable),
        ];
        let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(token));
        found.map_or(Self::Other, |(_, encoding)| *encoding)
    }
}
