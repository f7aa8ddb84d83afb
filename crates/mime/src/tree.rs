//! The tree of parts while a message passes by: what is open, where it began, what it holds.

use crate::content::{ContentType, Disposition, read_languages, read_token};
use crate::envelope::write_envelope;
use crate::form::{Encoding, Part, PartKind};
use crate::header::{Field, Fields};
use crate::limits::{BOUNDARY_BYTES_MAX, DEPTH_MAX, PARTS_MAX};
use crate::out::{EightBit, Out};

/// One entity with what BODYSTRUCTURE says of it.
#[derive(Debug)]
pub(crate) struct Node {
    /// Index of the entity around it; its own for the root.
    pub(crate) parent: usize,
    pub(crate) kind: PartKind,
    pub(crate) header_start: u64,
    pub(crate) body_start: u64,
    pub(crate) end: u64,
    /// Line ends in the body.
    pub(crate) lines: u64,
    pub(crate) content: ContentType,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) encoding: Encoding,
    pub(crate) encoding_name: Option<Vec<u8>>,
    pub(crate) md5: Option<Vec<u8>>,
    pub(crate) disposition: Option<Disposition>,
    pub(crate) languages: Vec<Vec<u8>>,
    pub(crate) location: Option<Vec<u8>>,
    /// ENVELOPE text, for the root and for messages inside message/rfc822 parts.
    pub(crate) envelope: Option<String>,
}

impl Node {
    fn new(parent: usize, start: u64) -> Self {
        Self {
            parent,
            kind: PartKind::Leaf,
            header_start: start,
            body_start: start,
            end: start,
            lines: 0,
            content: ContentType::plain(b"text", b"plain"),
            id: None,
            description: None,
            encoding: Encoding::SevenBit,
            encoding_name: None,
            md5: None,
            disposition: None,
            languages: Vec::new(),
            location: None,
            envelope: None,
        }
    }

    /// Takes over the values of the part's header. `digest`: the part stands in a
    /// multipart/digest, whose parts are messages unless they say otherwise (RFC 2046 5.1.5).
    fn describe(&mut self, fields: &Fields, digest: bool) {
        let owned = |field| fields.value(field).map(<[u8]>::to_vec);
        let given = fields.value(Field::ContentType).and_then(ContentType::read);
        self.content = match given {
            Some(content) => content,
            None if digest => ContentType::plain(b"message", b"rfc822"),
            None => ContentType::plain(b"text", b"plain"),
        };
        self.id = owned(Field::ContentId);
        self.description = owned(Field::ContentDescription);
        self.md5 = owned(Field::ContentMd5);
        self.location = owned(Field::ContentLocation);
        self.disposition = fields.value(Field::ContentDisposition).and_then(Disposition::read);
        self.languages =
            fields.value(Field::ContentLanguage).map(read_languages).unwrap_or_default();
        self.encoding_name = fields.value(Field::Encoding).and_then(read_token);
        self.encoding = self.encoding_name.as_deref().map_or(Encoding::SevenBit, Encoding::read);
    }

    /// A composite part that is not taken apart may not look like one: clients would expect its
    /// parts in BODYSTRUCTURE.
    fn make_opaque(&mut self) {
        self.kind = PartKind::Leaf;
        self.content = ContentType::plain(b"application", b"octet-stream");
    }

    fn part(&self, index: usize) -> Part {
        let position = |at| u16::try_from(at).unwrap_or(u16::MAX);
        let media = [&*self.content.media, b"/", &*self.content.subtype].concat();
        Part {
            index: position(index),
            parent: position(self.parent),
            kind: self.kind,
            encoding: self.encoding,
            header_start: self.header_start,
            body_start: self.body_start,
            end: self.end,
            media: String::from_utf8_lossy(&media).to_ascii_lowercase(),
            charset: self
                .content
                .parameter("charset")
                .map(|charset| String::from_utf8_lossy(charset).into_owned()),
        }
    }
}

/// Where the scanner stands inside an open entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In its header; `message` when it is a whole message.
    Header { message: bool },
    /// In a leaf's body.
    Leaf,
    /// In a multipart, between parts.
    Between,
    /// In a multipart behind its last part, or around an entity that fills it.
    Around,
}

#[derive(Debug)]
struct Open {
    node: usize,
    phase: Phase,
    boundary: Vec<u8>,
    /// Line ends before its body.
    lines_before: u64,
    has_child: bool,
    digest: bool,
}

/// A place in the message: byte offset and line ends before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) lines: u64,
}

/// All entities met so far and the stack of open ones; the root closes only at the end.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    open: Vec<Open>,
    eight_bit: EightBit,
    /// Open multiparts that have a boundary to look for.
    watched: usize,
    /// Bytes of envelopes made so far.
    pub(crate) envelope_bytes: usize,
    pub(crate) cut: bool,
    pub(crate) utf8: bool,
}

impl Tree {
    pub(crate) fn new(eight_bit: EightBit) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            open: Vec::new(),
            eight_bit,
            watched: 0,
            envelope_bytes: 0,
            cut: false,
            utf8: false,
        };
        tree.start(0, Place { offset: 0, lines: 0 }, true, false);
        tree
    }

    pub(crate) fn phase(&self) -> Phase {
        self.open.last().map_or(Phase::Around, |open| open.phase)
    }

    /// The innermost open entity.
    pub(crate) fn current(&self) -> Option<&Node> {
        self.nodes.get(self.open.last()?.node)
    }

    /// Whether the innermost open entity stands inside a message/rfc822 part.
    pub(crate) fn in_embedded_message(&self) -> bool {
        self.open
            .iter()
            .any(|open| self.nodes.get(open.node).is_some_and(|n| n.kind == PartKind::Message))
    }

    /// The open multipart whose boundary this line is, as its depth, and whether it is the last.
    /// Inner ones first. The whole line must match but for white space at its end, so that a
    /// boundary which begins like another is never taken for it.
    pub(crate) fn boundary(&self, line: &[u8]) -> Option<(usize, bool)> {
        if self.watched == 0 {
            return None;
        }
        let text = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(depth, open)| {
            let rest = text.strip_prefix(open.boundary.as_slice())?;
            match rest {
                _ if open.boundary.is_empty() => None,
                b"" => Some((depth, false)),
                b"--" => Some((depth, true)),
                _ => None,
            }
        })
    }

    /// The header of the current entity ends; its body begins at `place`. False when no more
    /// header follows at once, true when the body is a message whose header begins there.
    pub(crate) fn enter_body(&mut self, fields: &Fields, place: Place) -> bool {
        let deep = self.open.len() >= DEPTH_MAX || self.nodes.len() >= PARTS_MAX;
        let Some(kind) = self.describe(fields, place) else { return false };
        if kind != PartKind::Leaf && deep {
            self.cut = true;
            self.make_opaque();
            return false;
        }
        let boundary = self.current().map(boundary_parameter).unwrap_or_default();
        let Some(open) = self.open.last_mut() else { return false };
        let index = open.node;
        match kind {
            PartKind::Leaf => open.phase = Phase::Leaf,
            PartKind::Multipart if !boundary.is_empty() => {
                open.phase = Phase::Between;
                open.boundary = boundary;
                self.watched += 1;
            }
            PartKind::Multipart => {
                // Without a boundary all of the body is one part, so that it can be read.
                self.start_filling(index, place);
            }
            PartKind::Message => {
                open.phase = Phase::Around;
                open.has_child = true;
                self.start(index, place, true, false);
                return true;
            }
        }
        false
    }

    /// A boundary line of the multipart at `depth`: what is inside it ends at `end`. Unless it is
    /// the last, the next part begins at `next`; true then.
    pub(crate) fn pass_boundary(
        &mut self,
        depth: usize,
        last: bool,
        end: Place,
        next: Place,
    ) -> bool {
        self.close_to(depth + 1, end);
        let full = self.nodes.len() >= PARTS_MAX;
        let Some(open) = self.open.last_mut() else { return false };
        if last || full {
            self.cut |= !last;
            self.watched -= usize::from(!open.boundary.is_empty());
            open.boundary = Vec::new();
            open.phase = Phase::Around;
            return false;
        }
        open.has_child = true;
        let (index, digest) = (open.node, open.digest);
        self.start(index, next, false, digest);
        true
    }

    /// The message ends; every open entity ends with it.
    pub(crate) fn finish(mut self, end: Place) -> Vec<Node> {
        self.close_to(0, end);
        self.nodes
    }

    /// The header of the current entity ends without a blank line, and so does the entity.
    pub(crate) fn end_in_header(&mut self, fields: &Fields, place: Place) {
        self.describe(fields, place);
        if let Some(open) = self.open.last_mut() {
            open.phase = Phase::Around;
        }
    }

    fn start(&mut self, parent: usize, place: Place, message: bool, digest: bool) {
        self.nodes.push(Node::new(parent, place.offset));
        self.open.push(Open {
            node: self.nodes.len() - 1,
            phase: Phase::Header { message },
            boundary: Vec::new(),
            lines_before: place.lines,
            has_child: false,
            digest,
        });
    }

    /// Opens a text part without header that fills the multipart at `index`.
    fn start_filling(&mut self, index: usize, place: Place) {
        if let Some(open) = self.open.last_mut() {
            open.phase = Phase::Around;
            open.has_child = true;
        }
        self.start(index, place, false, false);
        if let Some(open) = self.open.last_mut() {
            open.phase = Phase::Leaf;
        }
    }

    /// Takes over the header of the current entity and says what it announces.
    fn describe(&mut self, fields: &Fields, place: Place) -> Option<PartKind> {
        let open = self.open.last_mut()?;
        let node = self.nodes.get_mut(open.node)?;
        node.describe(fields, open.digest);
        node.body_start = place.offset;
        open.lines_before = place.lines;
        open.digest = node.content.is("multipart", "digest");
        if node.content.media.eq_ignore_ascii_case(b"multipart") {
            node.kind = PartKind::Multipart;
        } else if node.content.is("message", "rfc822") {
            node.kind = PartKind::Message;
        }
        if open.phase == (Phase::Header { message: true }) {
            let mut out = Out::new(self.eight_bit);
            write_envelope(fields, &mut out);
            self.utf8 |= out.utf8;
            self.envelope_bytes = self.envelope_bytes.saturating_add(out.len());
            node.envelope = Some(out.into_text());
        }
        self.cut |= fields.cut;
        Some(node.kind)
    }

    fn make_opaque(&mut self) {
        let Some(open) = self.open.last_mut() else { return };
        open.phase = Phase::Leaf;
        if let Some(node) = self.nodes.get_mut(open.node) {
            node.make_opaque();
        }
    }

    /// Inner entities first: where one ends later because its header does, those around it do.
    fn close_to(&mut self, depth: usize, mut end: Place) {
        while self.open.len() > depth {
            let Some(open) = self.open.pop() else { return };
            self.watched -= usize::from(!open.boundary.is_empty());
            end = self.close(&open, end);
        }
    }

    fn close(&mut self, open: &Open, end: Place) -> Place {
        let Some(node) = self.nodes.get_mut(open.node) else { return end };
        let body = Place { offset: node.body_start, lines: open.lines_before };
        let end = if end.offset < body.offset { body } else { end };
        node.end = end.offset;
        node.lines = end.lines.saturating_sub(body.lines);
        if node.kind != PartKind::Leaf && !open.has_child {
            let (last, lines) = (node.end, node.lines);
            let mut child = Node::new(open.node, node.body_start);
            if node.kind == PartKind::Message {
                child.envelope = Some(empty_envelope(self.eight_bit));
            }
            self.nodes.push(Node { end: last, lines, ..child });
        }
        end
    }
}

/// The stored parts of a finished tree.
pub(crate) fn parts(nodes: &[Node]) -> Vec<Part> {
    nodes.iter().enumerate().map(|(index, node)| node.part(index)).collect()
}

/// Trailing white space is no part of a boundary (RFC 2046 section 5.1.1).
fn boundary_parameter(node: &Node) -> Vec<u8> {
    let boundary = node.content.parameter("boundary").unwrap_or_default().trim_ascii_end();
    if boundary.len() > BOUNDARY_BYTES_MAX { Vec::new() } else { boundary.to_vec() }
}

fn empty_envelope(eight_bit: EightBit) -> String {
    let mut out = Out::new(eight_bit);
    write_envelope(&Fields::default(), &mut out);
    out.into_text()
}
