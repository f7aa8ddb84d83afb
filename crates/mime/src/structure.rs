//! BODYSTRUCTURE text of a message's parts (RFC 3501 section 7.4.2).

use crate::content::Parameters;
use crate::form::PartKind;
use crate::out::Out;
use crate::tree::Node;

/// Writes BODYSTRUCTURE; the second value are the byte ranges of extension data, without which
/// the text is BODY.
pub(crate) fn write_structure(nodes: &[Node], out: Out) -> (Out, Vec<(u32, u32)>) {
    let mut writer = Writer { nodes, out, extensions: Vec::new() };
    writer.part(0);
    (writer.out, writer.extensions)
}

struct Writer<'a> {
    nodes: &'a [Node],
    out: Out,
    extensions: Vec<(u32, u32)>,
}

impl Writer<'_> {
    /// Writes the part at `index` with all inside it; the index after them. Recursion is as deep
    /// as the tree, which `DEPTH_MAX` limits.
    fn part(&mut self, index: usize) -> usize {
        let nodes = self.nodes;
        let Some(node) = nodes.get(index) else { return index + 1 };
        self.out.raw("(");
        let next = match node.kind {
            PartKind::Multipart => self.children(index),
            PartKind::Message => {
                self.basic(node);
                self.out.raw(" ");
                let envelope = nodes.get(index + 1).and_then(|n| n.envelope.as_deref());
                self.out.raw(envelope.unwrap_or("NIL"));
                self.out.raw(" ");
                let next = self.part(index + 1);
                self.count(node.lines);
                next
            }
            PartKind::Leaf => {
                self.basic(node);
                if node.content.is_text() {
                    self.count(node.lines);
                }
                index + 1
            }
        };
        if node.kind == PartKind::Multipart {
            self.out.raw(" ");
            self.out.string(&node.content.subtype);
        }
        self.extension(node);
        self.out.raw(")");
        next
    }

    fn children(&mut self, index: usize) -> usize {
        let mut next = index + 1;
        while self.nodes.get(next).is_some_and(|child| child.parent == index) {
            next = self.part(next);
        }
        next
    }

    /// Type, subtype, parameters, id, description, encoding, size.
    fn basic(&mut self, node: &Node) {
        self.out.string(&node.content.media);
        self.out.raw(" ");
        self.out.string(&node.content.subtype);
        self.parameters(&node.content.parameters);
        for value in [&node.id, &node.description] {
            self.nstring(value.as_deref());
        }
        self.out.raw(" ");
        self.out.string(node.encoding_name.as_deref().unwrap_or(b"7bit"));
        self.count(node.end.saturating_sub(node.body_start));
    }

    fn extension(&mut self, node: &Node) {
        let start = self.out.len();
        if node.kind == PartKind::Multipart {
            self.parameters(&node.content.parameters);
        } else {
            self.nstring(node.md5.as_deref());
        }
        match &node.disposition {
            Some(disposition) => {
                self.out.raw(" (");
                self.out.string(&disposition.kind);
                self.parameters(&disposition.parameters);
                self.out.raw(")");
            }
            None => self.out.raw(" NIL"),
        }
        self.languages(&node.languages);
        self.nstring(node.location.as_deref());
        // A form is far smaller than 4 GiB: RETAINED_BYTES_MAX bounds the values in it.
        let range = (u32::try_from(start), u32::try_from(self.out.len()));
        if let (Ok(start), Ok(end)) = range {
            self.extensions.push((start, end));
        }
    }

    fn languages(&mut self, languages: &[Vec<u8>]) {
        let mut before = " (";
        for language in languages {
            self.out.raw(before);
            self.out.string(language);
            before = " ";
        }
        self.out.raw(if languages.is_empty() { " NIL" } else { ")" });
    }

    fn parameters(&mut self, parameters: &Parameters) {
        let mut before = " (";
        for (name, value) in parameters {
            self.out.raw(before);
            self.out.string(name);
            self.out.raw(" ");
            self.out.string(value);
            before = " ";
        }
        self.out.raw(if parameters.is_empty() { " NIL" } else { ")" });
    }

    fn nstring(&mut self, value: Option<&[u8]>) {
        self.out.raw(" ");
        self.out.nstring(value);
    }

    fn count(&mut self, number: u64) {
        self.out.raw(" ");
        self.out.number(number);
    }
}
