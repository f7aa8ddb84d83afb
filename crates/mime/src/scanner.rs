//! The push scanner: message bytes in chunks of any size in, one form out.

use crate::address::{Entry, parse_addresses};
use crate::decode::{decode_header_text, fold_case};
use crate::form::{Form, PartKind};
use crate::header::{Collector, Field, Fields};
use crate::ids::{message_id, thread_candidates, thread_references};
use crate::limits::{LINE_KEPT_MAX, RETAINED_BYTES_MAX, SORT_KEY_BYTES_MAX, TEXT_BYTES_MAX};
use crate::out::{EightBit, Out};
use crate::preview::{Previewer, Text};
use crate::structure::write_structure;
use crate::subject::base_subject;
use crate::tree::{Node, Phase, Place, Tree, parts};
use crate::{date, limits};
use serde::{Deserialize, Serialize};
use waypost_types::UnixTime;

/// What the scanner found out about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parsed {
    /// What is stored beside the message.
    pub form: Form,
    /// Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// Where to look for its thread: the ids of In-Reply-To, then of References from the end,
    /// none twice, at most [`REFERENCES_MAX`](crate::limits::REFERENCES_MAX).
    pub references: Vec<String>,
    /// Base subject (RFC 5256 section 2.1), case folded.
    pub base_subject: String,
    /// The Date header; None when missing or senseless.
    pub sent_date: Option<UnixTime>,
}

/// Takes a message apart as its bytes arrive. Memory is bounded by [`limits`], whatever the size
/// of the message; the result does not depend on how it was cut into chunks.
#[derive(Debug)]
pub struct Scanner {
    eight_bit: EightBit,
    line: LineStart,
    /// Where the current line begins.
    place: Place,
    /// Length of the line end before the current line.
    line_end: u64,
    tree: Tree,
    collector: Collector,
    previewer: Previewer,
    preview: Option<Text>,
    /// Bytes of values kept so far.
    retained: usize,
    head: Option<Box<Head>>,
}

/// The beginning of a line of which only a part has arrived.
#[derive(Debug, Default)]
struct LineStart {
    kept: Vec<u8>,
    len: u64,
    last: u8,
}

/// A line without its line end: at most `LINE_KEPT_MAX` bytes of it, and its lengths.
#[derive(Clone, Copy)]
struct Line<'a> {
    kept: &'a [u8],
    /// Bytes with the line end.
    len: u64,
    /// Bytes of the line end: 0 at the end of the message, 1 for LF, 2 for CRLF.
    end_len: u64,
}

/// Takes a whole message apart.
pub fn parse(message: &[u8]) -> Parsed {
    let mut scanner = Scanner::new();
    scanner.push(message);
    scanner.finish()
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner whose form may be sent to any IMAP4rev1 client: this one is stored.
    pub fn new() -> Self {
        Self::with_eight_bit(EightBit::Encode)
    }

    /// A scanner that treats raw 8-bit in headers as told, for forms of one session.
    pub fn with_eight_bit(eight_bit: EightBit) -> Self {
        Self {
            eight_bit,
            line: LineStart::default(),
            place: Place { offset: 0, lines: 0 },
            line_end: 0,
            tree: Tree::new(eight_bit),
            collector: Collector::new(true, RETAINED_BYTES_MAX),
            previewer: Previewer::default(),
            preview: None,
            retained: 0,
            head: None,
        }
    }

    /// Takes the next bytes of the message.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, tail) = rest.split_at(at + 1);
            rest = tail;
            if self.line.len == 0 {
                self.take(Line::whole(line));
            } else {
                self.line.extend(line, at.checked_sub(1).and_then(|i| line.get(i)));
                self.take_started();
            }
        }
        self.line.extend(rest, rest.last());
    }

    /// The message is complete.
    pub fn finish(mut self) -> Parsed {
        if self.line.len > 0 {
            let started = std::mem::take(&mut self.line);
            self.take(Line { kept: &started.kept, len: started.len, end_len: 0 });
        }
        let end = self.place;
        self.end_header(end);
        let Self { tree, previewer, head, eight_bit, .. } = self;
        let (cut, utf8) = (tree.cut, tree.utf8);
        let nodes = tree.finish(end);
        let (out, extensions) = write_structure(&nodes, Out::new(eight_bit));
        let head = head.map(|head| *head).unwrap_or_default();
        let mut form = head.form(&nodes, end);
        form.utf8 = utf8 || out.utf8;
        form.cut |= cut;
        form.structure = out.into_text();
        form.extensions = extensions;
        form.preview = previewer.finish();
        Parsed {
            message_id: form.message_id.clone(),
            references: head.candidates,
            base_subject: form.base_subject.clone(),
            sent_date: form.sent_date,
            form,
        }
    }

    fn take_started(&mut self) {
        let mut started = std::mem::take(&mut self.line);
        let end_len = if started.len > 1 && started.last == b'\r' { 2 } else { 1 };
        let content = usize::try_from(started.len - end_len).unwrap_or(usize::MAX);
        let kept = started.kept.get(..content).unwrap_or(&started.kept);
        self.take(Line { kept, len: started.len, end_len });
        // The buffer is used again, the line is over.
        started.kept.clear();
        self.line.kept = started.kept;
    }

    /// Takes one line and moves on behind it.
    fn take(&mut self, line: Line<'_>) {
        let before = self.place;
        let after = Place {
            offset: before.offset + line.len,
            lines: before.lines + u64::from(line.end_len > 0),
        };
        let boundary = if line.kept.starts_with(b"--") && line.is_whole() {
            self.tree.boundary(line.kept)
        } else {
            None
        };
        match boundary {
            Some((depth, last)) => self.take_boundary(depth, last, after),
            None => self.take_content(line, after),
        }
        self.place = after;
        self.line_end = line.end_len;
    }

    fn take_content(&mut self, line: Line<'_>, after: Place) {
        match self.tree.phase() {
            Phase::Header { .. } if line.len == line.end_len => self.enter_body(after),
            Phase::Header { .. } => self.collector.line(line.kept, line.is_whole()),
            Phase::Leaf => {
                if let Some(text) = self.preview
                    && !self.previewer.line(text, line.kept)
                {
                    self.preview = None;
                }
            }
            Phase::Between | Phase::Around => {}
        }
    }

    /// The line end before a boundary belongs to it (RFC 2046 section 5.1.1). One that ends a
    /// header or its last line does not: a header is only read with all its line ends.
    fn take_boundary(&mut self, depth: usize, last: bool, next: Place) {
        self.preview = None;
        self.end_header(self.place);
        let end = Place {
            offset: self.place.offset.saturating_sub(self.line_end),
            lines: self.place.lines.saturating_sub(u64::from(self.line_end > 0)),
        };
        if self.tree.pass_boundary(depth, last, end, next) {
            self.collector = Collector::new(false, self.allowance());
        }
    }

    fn enter_body(&mut self, place: Place) {
        let fields = self.take_fields();
        if self.tree.enter_body(&fields, place) {
            self.collector = Collector::new(true, self.allowance());
        } else {
            self.preview = self.begin_preview();
        }
    }

    /// If a header is open, it ends here without its blank line.
    fn end_header(&mut self, place: Place) {
        if matches!(self.tree.phase(), Phase::Header { .. }) {
            let fields = self.take_fields();
            self.tree.end_in_header(&fields, place);
        }
    }

    fn take_fields(&mut self) -> Fields {
        let fields = std::mem::take(&mut self.collector).finish();
        self.retained = self.retained.saturating_add(fields.kept_bytes());
        if self.head.is_none() {
            self.head = Some(Box::new(Head::read(&fields)));
        }
        fields
    }

    fn allowance(&self) -> usize {
        let used = self.retained.saturating_add(self.tree.envelope_bytes);
        RETAINED_BYTES_MAX.saturating_sub(used)
    }

    fn begin_preview(&mut self) -> Option<Text> {
        let node = self.tree.current()?;
        let attached =
            node.disposition.as_ref().is_some_and(|d| d.kind.eq_ignore_ascii_case(b"attachment"));
        let text = match node.kind {
            PartKind::Leaf if attached || self.tree.in_embedded_message() => return None,
            PartKind::Leaf if node.content.is("text", "plain") => Text::Plain,
            PartKind::Leaf if node.content.is("text", "html") => Text::Html,
            _ => return None,
        };
        let charset = node.content.parameter("charset").unwrap_or_default();
        self.previewer.begin(text, node.encoding, charset).then_some(text)
    }
}

impl LineStart {
    fn extend(&mut self, bytes: &[u8], last: Option<&u8>) {
        let room = LINE_KEPT_MAX.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.len += bytes.len() as u64;
        self.last = last.copied().unwrap_or(self.last);
    }
}

impl<'a> Line<'a> {
    /// A line that arrived in one piece, with its LF.
    fn whole(line: &'a [u8]) -> Self {
        let end_len = if line.ends_with(b"\r\n") { 2 } else { 1 };
        let content = line.get(..line.len() - end_len).unwrap_or_default();
        let kept = content.get(..LINE_KEPT_MAX).unwrap_or(content);
        Self { kept, len: line.len() as u64, end_len: end_len as u64 }
    }

    fn is_whole(&self) -> bool {
        self.kept.len() as u64 + self.end_len == self.len
    }
}

/// What the form takes from the message's own header.
#[derive(Debug, Default)]
struct Head {
    texts: [String; 5],
    sort_keys: [String; 3],
    base_subject: String,
    sent_date: Option<UnixTime>,
    message_id: Option<String>,
    references: Vec<String>,
    candidates: Vec<String>,
    cut: bool,
}

const TEXT_FIELDS: [Field; 5] = [Field::Subject, Field::From, Field::To, Field::Cc, Field::Bcc];

impl Head {
    fn read(fields: &Fields) -> Self {
        let value = |field| fields.value(field).unwrap_or_default();
        let mut cut = fields.cut;
        let texts = TEXT_FIELDS.map(|field| {
            let mut text = decode_header_text(value(field));
            cut |= truncate(&mut text, TEXT_BYTES_MAX);
            text
        });
        let [subject, ..] = &texts;
        let date = String::from_utf8_lossy(value(Field::Date));
        let (references, in_reply_to) = (value(Field::References), value(Field::InReplyTo));
        Self {
            base_subject: fold_case(&base_subject(subject).text),
            sort_keys: [Field::From, Field::To, Field::Cc].map(|field| sort_key(value(field))),
            sent_date: date::parse_date(&date),
            message_id: message_id(value(Field::MessageId)),
            references: thread_references(references, in_reply_to),
            candidates: thread_candidates(references, in_reply_to),
            texts,
            cut,
        }
    }

    /// The form without what only the whole message tells.
    fn form(&self, nodes: &[Node], end: Place) -> Form {
        let [subject, from, to, cc, bcc] = self.texts.clone();
        let [sort_from, sort_to, sort_cc] = self.sort_keys.clone();
        let root = nodes.first();
        Form {
            envelope: root.and_then(|root| root.envelope.clone()).unwrap_or_default(),
            structure: String::new(),
            extensions: Vec::new(),
            utf8: false,
            cut: self.cut,
            size: end.offset,
            header_len: root.map_or(0, |root| root.body_start),
            lines: end.lines,
            sent_date: self.sent_date,
            subject,
            from,
            to,
            cc,
            bcc,
            sort_from,
            sort_to,
            sort_cc,
            base_subject: self.base_subject.clone(),
            preview: String::new(),
            message_id: self.message_id.clone(),
            references: self.references.clone(),
            parts: parts(nodes),
        }
    }
}

/// Mailbox of the first address, or name of the group that comes first (RFC 5256 section 3).
fn sort_key(value: &[u8]) -> String {
    let mut key = match parse_addresses(value).into_iter().next() {
        Some(Entry::Mailbox { mailbox, .. }) => fold_case(&decode_header_text(&mailbox)),
        Some(Entry::GroupStart(name)) => fold_case(&decode_header_text(&name)),
        Some(Entry::GroupEnd) | None => String::new(),
    };
    truncate(&mut key, SORT_KEY_BYTES_MAX);
    key
}

/// Cuts at a character; true when something was cut off.
fn truncate(text: &mut String, limit: usize) -> bool {
    let long = text.len() > limit;
    if long {
        let end = (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    long
}

const _: () = assert!(limits::TEXT_BYTES_MAX < limits::FIELD_BYTES_MAX);
