//! A form as it is stored. What it says twice it stores once: texts of the header are pieces of the
//! ENVELOPE, body structures are pieces of phrases that are part of the format.
//!
//! Version 2, numbers and texts as in [`pieces`](crate::pieces):
//!
//! 1. the version, and a byte of flags;
//! 2. the ENVELOPE: if lists repeat the one of From, where that begins in it and how long it is; its
//!    length; itself without those lists;
//! 3. BODYSTRUCTURE as pieces of [`PHRASES`], the count of extension ranges and each as its distance
//!    from the one before and its length;
//! 4. the sent date if there is one: seconds, minutes of the zone;
//! 5. as pieces of the ENVELOPE as it is stored: subject, From, To, Cc, Bcc; keys of From, To and Cc,
//!    base subject; Message-ID if there is one; the count of references, and each;
//! 6. size, length of the header, lines;
//! 7. the count of parts, and each: a byte of its kind, its encoding and whether it has a charset; its
//!    parent; where its header begins behind that of the part before, lengths of header and body; media
//!    type and charset as pieces of [`PHRASES`];
//! 8. the preview, in [`PHRASES`].

use crate::display;
use crate::form::{Encoding, Form, Part, PartKind};
use crate::older;
use crate::pieces::{Pieces, Stored, Take, put_piece};
use std::borrow::Cow;
use std::sync::LazyLock;
use waypost_types::UnixTime;
use waypost_types::varint;

const UTF8: u8 = 1;
const CUT: u8 = 1 << 1;
const SENT: u8 = 1 << 2;
/// How many lists behind From repeat it, Sender first: two bits.
const REPEATS_SHIFT: u32 = 3;
/// The base subject is a piece of the ENVELOPE but for its case.
const BASE_IN_CASE: u8 = 1 << 5;
const MESSAGE_ID: u8 = 1 << 6;

/// What body structures are made of. It is part of the format: another one needs another version.
const PHRASES: &str = concat!(
    r#"(("text" "plain" ("charset" "utf-8" "format" "flowed") NIL NIL "7bit" "#,
    r#" NIL NIL NIL NIL)("text" "html" ("charset" "utf-8") NIL NIL "quoted-printable" "#,
    r#" NIL NIL NIL NIL) "alternative" ("boundary" "----=_Part_") NIL NIL NIL)"#,
    r#" "mixed" ("boundary" "=-("text" "plain" ("charset" "us-ascii") NIL NIL "8bit" "#,
    r#" NIL NIL NIL NIL)("text" "html" ("charset" "UTF-8") NIL NIL "base64" "#,
    r#"("charset" "iso-8859-1") NIL NIL "7bit" ("charset" "ISO-8859-1") NIL NIL "8bit" "#,
    r#"("charset" "windows-1252" "format" "flowed" "delsp" "yes") NIL NIL "8bit" "#,
    r#""related" ("type" "multipart/alternative" "boundary" "----=_NextPart_000_"#,
    r#"("image" "png" ("name" "image001.png") "<image001.jpg@("image" "jpeg" ("name" "IMG_"#,
    r#"") NIL "base64" NIL ("attachment" ("filename" " NIL ("inline" ("filename" ""#,
    r#"("application" "pdf" ("name" ".pdf")) NIL NIL)("application" "octet-stream" ("name" ""#,
    r#"("application" "vnd.openxmlformats-officedocument.wordprocessingml.document" ("name" ".docx""#,
    r#""vnd.openxmlformats-officedocument.spreadsheetml.sheet" ("name" ".xlsx" "creation-date" ""#,
    r#""modification-date" "" "size" ""signed" ("protocol" "application/pgp-signature" "micalg" "pgp-sha256" ""#,
    r#"("application" "pgp-signature" ("name" "signature.asc" "smime.p7s" "protocol" "application/pkcs7-signature" "#,
    r#""report" ("report-type" "delivery-status" "boundary" "("message" "delivery-status" NIL NIL NIL "7bit" "#,
    r#"("message" "rfc822" NIL NIL NIL "7bit" ("text" "calendar" ("charset" "utf-8" "method" "REQUEST") NIL NIL "#,
    "text/plain text/html multipart/alternative multipart/mixed multipart/related image/png image/jpeg image/gif ",
    "application/pdf application/octet-stream message/rfc822 text/calendar multipart/signed ",
    "ISO-8859-1 US-ASCII UTF-8 iso-8859-15 windows-1251 gb2312 big5 iso-2022-jp koi8-r ",
);

static IN_PHRASES: LazyLock<Pieces<'static>> = LazyLock::new(|| Pieces::of(PHRASES.as_bytes()));

/// The form as stored.
pub(crate) fn encode(form: &Form) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 10);
    let whole = form.envelope();
    let (repeated, repeats) = display::repeats_of_from(whole).unwrap_or_default();
    let envelope = [
        whole.get(..repeated.end).unwrap_or_default(),
        whole.get(repeated.end + repeats * repeated.len()..).unwrap_or_default(),
    ]
    .concat();
    let base = BaseSubject::of(&form.base_subject, &envelope);
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(Form::VERSION);
    out.push(
        flag(form.utf8, UTF8)
            | flag(form.cut, CUT)
            | flag(form.sent_date.is_some(), SENT)
            | u8::try_from(repeats).unwrap_or(0) << REPEATS_SHIFT
            | flag(matches!(base, BaseSubject::InCase(_)), BASE_IN_CASE)
            | flag(form.message_id.is_some(), MESSAGE_ID),
    );
    if repeats > 0 {
        varint::put(&mut out, repeated.start as u64);
        varint::put(&mut out, repeated.len() as u64);
    }
    varint::put(&mut out, envelope.len() as u64);
    out.extend_from_slice(&envelope);
    IN_PHRASES.put(form.structure.as_bytes(), &mut out);
    put_extensions(&form.extensions, &mut out);
    if let Some(date) = form.sent_date {
        varint::put_signed(&mut out, date.seconds);
        varint::put_signed(&mut out, date.zone_minutes.into());
    }
    put_texts(form, &envelope, &base, &mut out);
    [form.size, form.header_len, form.lines].into_iter().for_each(|n| varint::put(&mut out, n));
    put_parts(&form.parts, &mut out);
    IN_PHRASES.put(form.preview.as_bytes(), &mut out);
    out
}

fn put_extensions(extensions: &[(u32, u32)], out: &mut Vec<u8>) {
    varint::put(out, extensions.len() as u64);
    let mut before = 0_u32;
    for (start, end) in extensions {
        varint::put(out, start.wrapping_sub(before).into());
        varint::put(out, end.wrapping_sub(*start).into());
        before = *end;
    }
}

/// How the base subject is stored.
enum BaseSubject {
    AsItIs,
    /// As this piece of the ENVELOPE, whose capitals are small in the base subject.
    InCase(usize),
}

impl BaseSubject {
    fn of(base: &str, envelope: &[u8]) -> Self {
        if base.is_empty()
            || !base.is_ascii()
            || memchr::memmem::find(envelope, base.as_bytes()).is_some()
        {
            return Self::AsItIs;
        }
        let small = envelope.to_ascii_lowercase();
        memchr::memmem::find(&small, base.as_bytes()).map_or(Self::AsItIs, Self::InCase)
    }
}

fn put_texts(form: &Form, envelope: &[u8], base: &BaseSubject, out: &mut Vec<u8>) {
    let pieces = Pieces::of(envelope);
    for text in [&form.subject, &form.from, &form.to, &form.cc, &form.bcc] {
        pieces.put(text.as_bytes(), out);
    }
    for key in [&form.sort_from, &form.sort_to, &form.sort_cc] {
        pieces.put(key.as_bytes(), out);
    }
    match base {
        BaseSubject::AsItIs => pieces.put(form.base_subject.as_bytes(), out),
        BaseSubject::InCase(at) => put_piece(*at, form.base_subject.len(), out),
    }
    form.message_id.iter().for_each(|id| pieces.put(id.as_bytes(), out));
    varint::put(out, form.references.len() as u64);
    form.references.iter().for_each(|id| pieces.put(id.as_bytes(), out));
}

/// The bits of a part's byte behind its kind, and behind its encoding.
const ENCODING_SHIFT: u32 = 2;
const CHARSET: u8 = 1 << 5;
const KINDS: [PartKind; 3] = [PartKind::Leaf, PartKind::Message, PartKind::Multipart];
const ENCODINGS: [Encoding; 6] = [
    Encoding::Base64,
    Encoding::Binary,
    Encoding::EightBit,
    Encoding::Other,
    Encoding::QuotedPrintable,
    Encoding::SevenBit,
];

fn put_parts(parts: &[Part], out: &mut Vec<u8>) {
    varint::put(out, parts.len() as u64);
    let mut before = 0;
    for part in parts {
        let place = |found: Option<usize>| found.and_then(|at| u8::try_from(at).ok()).unwrap_or(0);
        let kind = place(KINDS.iter().position(|kind| *kind == part.kind));
        let encoding = place(ENCODINGS.iter().position(|encoding| *encoding == part.encoding));
        let charset = if part.charset.is_some() { CHARSET } else { 0 };
        out.push(kind | encoding << ENCODING_SHIFT | charset);
        varint::put(out, part.parent.into());
        varint::put(out, part.header_start.wrapping_sub(before));
        varint::put(out, part.body_start.wrapping_sub(part.header_start));
        varint::put(out, part.end.wrapping_sub(part.body_start));
        before = part.header_start;
        IN_PHRASES.put(part.media.as_bytes(), out);
        part.charset.iter().for_each(|charset| IN_PHRASES.put(charset.as_bytes(), out));
    }
}

fn take_parts(take: &mut Take<'_>) -> Option<Vec<Part>> {
    let count = take.size()?;
    let mut parts = Vec::new();
    let mut before = 0_u64;
    for index in 0..count {
        let byte = take.byte()?;
        let kind = *KINDS.get(usize::from(byte & 3))?;
        let encoding = *ENCODINGS.get(usize::from(byte >> ENCODING_SHIFT & 7))?;
        let parent = u16::try_from(take.number()?).ok()?;
        let header_start = before.wrapping_add(take.number()?);
        let body_start = header_start.wrapping_add(take.number()?);
        let end = body_start.wrapping_add(take.number()?);
        before = header_start;
        let media = text_of(take.stored()?, PHRASES.as_bytes())?;
        let charset = match byte & CHARSET {
            0 => None,
            _ => Some(text_of(take.stored()?, PHRASES.as_bytes())?),
        };
        let index = u16::try_from(index).ok()?;
        parts.push(Part {
            index,
            parent,
            kind,
            encoding,
            header_start,
            body_start,
            end,
            media,
            charset,
        });
    }
    Some(parts)
}

/// A text that must be one.
fn text_of(stored: Stored<'_>, other: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    stored.append(other, &mut bytes)?;
    String::from_utf8(bytes).ok()
}

/// The form from its stored bytes.
pub(crate) fn decode(bytes: &[u8]) -> Option<Form> {
    let (version, rest) = bytes.split_first()?;
    if *version == older::VERSION {
        return older::decode(rest);
    }
    let (keys, mut take) = FormThreadKeys::take(bytes)?;
    let (size, header_len, lines) = (take.number()?, take.number()?, take.number()?);
    let parts = take_parts(&mut take)?;
    let preview = text_of(take.stored()?, PHRASES.as_bytes())?;
    take.0.is_empty().then_some(())?;
    let FormThreadKeys { keys: FormSortKeys { head, keys, base_subject }, message_id, references } =
        keys;
    let text = |stored| text_of(stored, head.stored);
    let [subject, from, to, cc, bcc] = head.texts.map(text);
    let [sort_from, sort_to, sort_cc] = keys.map(text);
    let mut base_subject = text(base_subject)?;
    if head.flags & BASE_IN_CASE != 0 {
        base_subject.make_ascii_lowercase();
    }
    let mut structure = Vec::new();
    head.structure.append(PHRASES.as_bytes(), &mut structure)?;
    Some(Form {
        envelope: String::from_utf8(head.envelope()).ok()?,
        structure: String::from_utf8(structure).ok()?,
        extensions: head.extensions()?,
        utf8: head.flags & UTF8 != 0,
        cut: head.cut(),
        size,
        header_len,
        lines,
        sent_date: head.sent_date,
        subject: subject?,
        from: from?,
        to: to?,
        cc: cc?,
        bcc: bcc?,
        sort_from: sort_from?,
        sort_to: sort_to?,
        sort_cc: sort_cc?,
        base_subject,
        preview,
        message_id: match message_id {
            Some(id) => Some(text(id)?),
            None => None,
        },
        references: references.into_iter().map(text).collect::<Option<_>>()?,
        parts,
    })
}

/// The front of a form, borrowed from its stored bytes: what is asked of many messages at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormHead<'a> {
    flags: u8,
    /// The list of From in `stored`, when others repeat it.
    from_list: (usize, usize),
    /// The ENVELOPE without lists that repeat that of From.
    stored: &'a [u8],
    structure: Stored<'a>,
    /// The count of extension ranges, then they.
    extensions: &'a [u8],
    /// See [`Form::sent_date`].
    pub sent_date: Option<UnixTime>,
    texts: [Stored<'a>; 5],
}

impl<'a> FormHead<'a> {
    /// The front of a form from the bytes of [`Form::encode`]; None for another version or damage.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        Self::take(bytes).map(|(head, _)| head)
    }

    fn take(bytes: &'a [u8]) -> Option<(Self, Take<'a>)> {
        let mut take = Take(bytes);
        if take.byte()? != Form::VERSION {
            return None;
        }
        let flags = take.byte()?;
        let repeats = flags >> REPEATS_SHIFT & 3;
        let from_list = if repeats > 0 { (take.size()?, take.size()?) } else { (0, 0) };
        let length = take.size()?;
        let stored = take.bytes(length)?;
        stored.get(from_list.0..from_list.0.checked_add(from_list.1)?)?;
        let structure = take.stored()?;
        let extensions = take.0;
        for _ in 0..take.number()? {
            take.number()?;
            take.number()?;
        }
        let sent_date = match flags & SENT {
            0 => None,
            _ => Some(UnixTime {
                seconds: take.signed()?,
                zone_minutes: i16::try_from(take.signed()?).ok()?,
            }),
        };
        let mut texts = [Stored::default(); 5];
        for text in &mut texts {
            *text = take.stored()?;
        }
        Some((Self { flags, from_list, stored, structure, extensions, sent_date, texts }, take))
    }

    /// See [`Form::cut`].
    pub const fn cut(&self) -> bool {
        self.flags & CUT != 0
    }

    /// Appends the value of [`Form::envelope`].
    pub fn put_envelope(&self, out: &mut Vec<u8>) {
        let (start, length) = self.from_list;
        let end = start + length;
        let (front, rest) = self.stored.split_at_checked(end).unwrap_or_default();
        out.extend_from_slice(front);
        for _ in 0..self.flags >> REPEATS_SHIFT & 3 {
            out.extend_from_slice(front.get(start..).unwrap_or_default());
        }
        out.extend_from_slice(rest);
    }

    fn envelope(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_envelope(&mut out);
        out
    }

    /// Appends the value of [`Form::bodystructure`].
    pub fn put_bodystructure(&self, out: &mut Vec<u8>) {
        // Half of one is not told: what is stored is whole, or nothing of it can be read.
        let before = out.len();
        if self.structure.append(PHRASES.as_bytes(), out).is_none() {
            out.truncate(before);
        }
    }

    /// See [`Form::body`].
    pub fn body(&self) -> Vec<u8> {
        let mut structure = Vec::new();
        self.put_bodystructure(&mut structure);
        crate::form::without(&structure, &self.extensions().unwrap_or_default())
    }

    fn extensions(&self) -> Option<Vec<(u32, u32)>> {
        let mut take = Take(self.extensions);
        let mut before = 0_u32;
        let mut extensions = Vec::new();
        for _ in 0..take.number()? {
            let start = before.wrapping_add(u32::try_from(take.number()?).ok()?);
            before = start.wrapping_add(u32::try_from(take.number()?).ok()?);
            extensions.push((start, before));
        }
        Some(extensions)
    }

    fn text(&self, at: usize) -> Cow<'a, str> {
        self.texts.get(at).copied().unwrap_or_default().text(self.stored)
    }

    /// See [`Form::subject`].
    pub fn subject(&self) -> Cow<'a, str> {
        self.text(0)
    }

    /// See [`Form::from`].
    pub fn from(&self) -> Cow<'a, str> {
        self.text(1)
    }

    /// See [`Form::to`].
    pub fn to(&self) -> Cow<'a, str> {
        self.text(2)
    }

    /// See [`Form::cc`].
    pub fn cc(&self) -> Cow<'a, str> {
        self.text(3)
    }

    /// See [`Form::bcc`].
    pub fn bcc(&self) -> Cow<'a, str> {
        self.text(4)
    }

    /// What clients show of the first From address (RFC 5957 section 3); empty when there is none.
    pub fn display_from(&self) -> String {
        display::display_from(&self.envelope())
    }

    /// What clients show of the first To address (RFC 5957 section 3); empty when there is none.
    pub fn display_to(&self) -> String {
        display::display_to(&self.envelope())
    }
}

/// The front of a form up to the keys of SORT (RFC 5256), borrowed like [`FormHead`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormSortKeys<'a> {
    /// What stands before them.
    pub head: FormHead<'a>,
    keys: [Stored<'a>; 3],
    base_subject: Stored<'a>,
}

impl<'a> FormSortKeys<'a> {
    /// The keys from the bytes of [`Form::encode`]; None for another version or damage.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        Self::take(bytes).map(|(keys, _)| keys)
    }

    fn take(bytes: &'a [u8]) -> Option<(Self, Take<'a>)> {
        let (head, mut take) = FormHead::take(bytes)?;
        let keys = [take.stored()?, take.stored()?, take.stored()?];
        Some((Self { head, keys, base_subject: take.stored()? }, take))
    }

    fn key(&self, at: usize) -> Cow<'a, str> {
        self.keys.get(at).copied().unwrap_or_default().text(self.head.stored)
    }

    /// See [`Form::sort_from`].
    pub fn sort_from(&self) -> Cow<'a, str> {
        self.key(0)
    }

    /// See [`Form::sort_to`].
    pub fn sort_to(&self) -> Cow<'a, str> {
        self.key(1)
    }

    /// See [`Form::sort_cc`].
    pub fn sort_cc(&self) -> Cow<'a, str> {
        self.key(2)
    }

    /// See [`Form::base_subject`]; here capital letters of ASCII may be left, which
    /// [`collate`](crate::collate) does not see.
    pub fn base_subject(&self) -> Cow<'a, str> {
        self.base_subject.text(self.head.stored)
    }
}

/// The front of a form up to the ids by which THREAD joins messages (RFC 5256), borrowed like
/// [`FormHead`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormThreadKeys<'a> {
    /// What stands before them.
    pub keys: FormSortKeys<'a>,
    message_id: Option<Stored<'a>>,
    references: Vec<Stored<'a>>,
}

impl<'a> FormThreadKeys<'a> {
    /// The keys from the bytes of [`Form::encode`]; None for another version or damage.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        Self::take(bytes).map(|(keys, _)| keys)
    }

    fn take(bytes: &'a [u8]) -> Option<(Self, Take<'a>)> {
        let (keys, mut take) = FormSortKeys::take(bytes)?;
        let message_id = match keys.head.flags & MESSAGE_ID {
            0 => None,
            _ => Some(take.stored()?),
        };
        let mut references = Vec::new();
        for _ in 0..take.number()? {
            references.push(take.stored()?);
        }
        Some((Self { keys, message_id, references }, take))
    }

    /// See [`Form::message_id`].
    pub fn message_id(&self) -> Option<Cow<'a, str>> {
        self.message_id.map(|id| id.text(self.keys.head.stored))
    }

    /// See [`Form::references`].
    pub fn references(&self) -> Vec<Cow<'a, str>> {
        self.references.iter().map(|id| id.text(self.keys.head.stored)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::parse;
    use proptest::prelude::*;

    #[test]
    fn phrases_are_those_of_the_format() {
        let number =
            PHRASES.bytes().fold(0_u64, |all, byte| all.wrapping_mul(31).wrapping_add(byte.into()));
        assert_eq!(
            (PHRASES.len(), number),
            (1713, 0x62e2_4990_6075_c4f2),
            "stored forms mean other phrases"
        );
    }

    fn message() -> String {
        let id = "<5f0c1e72-3b7a-4b8e@mail.example.com>";
        let from = "From: Anna Lindqvist <anna.lindqvist@lists.example.org>";
        let text = "Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n";
        format!(
            "Date: Thu, 1 Jan 2026 01:00:00 +0100\r\n{from}\r\nTo: Marek <m.kowalski@example.com>\r\n\
             Subject: Re: [list] Minutes of the Meeting\r\nMessage-ID: {id}\r\nReferences: {id} {id}\r\n\
             Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n{text}--b\r\n{text}--b--\r\n"
        )
    }

    #[test]
    fn what_is_said_twice_is_stored_once() {
        let form = parse(message().as_bytes()).form;
        let said = form.envelope.len() + form.structure.len() + form.preview.len();
        let encoded = form.encode();
        assert!(encoded.len() < 380 && said > 540, "{} bytes, {said} said", encoded.len());
        assert_eq!(Form::decode(&encoded).as_ref(), Some(&form));
        // Sender and Reply-To that differ are kept, also when only one does.
        for more in ["Sender: a@b.c", "Reply-To: a@b.c", "Reply-To: a@b.c\r\nSender: a@b.c"] {
            let form = parse(format!("{more}\r\n{}", message()).as_bytes()).form;
            let encoded = form.encode();
            let mut envelope = Vec::new();
            FormHead::decode(&encoded).unwrap().put_envelope(&mut envelope);
            assert_eq!(envelope, form.envelope(), "{more}");
            assert_eq!(Form::decode(&encoded), Some(form), "{more}");
        }
    }

    proptest! {
        /// A checksum keeps damage away; what comes through must not panic.
        #[test]
        fn altered_forms_are_read_or_refused(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut encoded = parse(message().as_bytes()).form.encode();
            let at = at.index(encoded.len());
            encoded[at] = byte;
            encoded.truncate(cut.index(encoded.len()) + 1);
            let _ = (Form::decode(&encoded), FormThreadKeys::decode(&encoded).map(|keys| keys.references()));
            if let Some(keys) = FormSortKeys::decode(&encoded) {
                let _ = (keys.base_subject(), keys.sort_from(), keys.head.display_to(), keys.head.body());
            }
        }
    }
}
