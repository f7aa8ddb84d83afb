//! Threads as trees whose siblings are in order, and how they are told (RFC 5256 section 4): without
//! recursion, however deep they are, and in as many steps as the output needs.

use super::forest::{Node, ROOT};
use waypost_imap_wire::Writer;

/// Moves from message to message in one step: those that put out nothing count, too.
const STEP_MOVES: usize = 16_384;

/// Threads that are worked out. Places are those of nodes; 0 is the root, which has no parent and is no
/// child, so it also stands for none.
pub(super) struct Tree {
    nodes: Vec<Node>,
    first: Vec<u32>,
    last: Vec<u32>,
    next: Vec<u32>,
    /// Children of each node.
    count: Vec<u32>,
    place: Place,
}

/// Where telling has got to.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Before a message.
    Enter(u32),
    /// Behind a message and all below it.
    Leave(u32),
    /// Before the first thread.
    Begin,
    /// Behind the last one.
    End,
}

impl Tree {
    /// No node has a child yet.
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        let [first, last, next, count] = [(); 4].map(|()| vec![0; nodes.len()]);
        Self { nodes, first, last, next, count, place: Place::Begin }
    }

    /// Adds the last child of a node so far.
    pub(super) fn append(&mut self, parent: u32, child: u32) {
        if let Some(node) = self.nodes.get_mut(child as usize) {
            node.parent = parent;
        }
        match at(&self.last, parent) {
            0 => set(&mut self.first, parent, child),
            last => set(&mut self.next, last, child),
        }
        set(&mut self.last, parent, child);
        let count = at(&self.count, parent) + 1;
        set(&mut self.count, parent, count);
    }

    /// The node at a place.
    pub(super) fn node(&self, place: u32) -> Node {
        self.nodes.get(place as usize).copied().unwrap_or_default()
    }

    pub(super) fn has_children(&self, node: u32) -> bool {
        at(&self.first, node) != 0
    }

    /// Tells what fits into an output of `limit` bytes; true when all is told.
    pub(super) fn tell(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        let mut writer = Writer::new(out);
        for _ in 0..STEP_MOVES {
            if writer.written() > limit {
                return false;
            }
            self.place = match self.place {
                Place::Begin if self.has_children(ROOT) => {
                    writer.thread_space();
                    writer.thread_open();
                    Place::Enter(at(&self.first, ROOT))
                }
                Place::Begin => Place::End,
                Place::Enter(node) => self.enter(node, &mut writer),
                Place::Leave(node) => self.leave(node, &mut writer),
                Place::End => return true,
            };
        }
        false
    }

    fn enter(&self, node: u32, writer: &mut Writer<'_>) -> Place {
        let number = self.node(node).number;
        let children = at(&self.count, node);
        if number != 0 {
            writer.thread_number(number);
            if children > 0 {
                writer.thread_space();
            }
        }
        if children > 1 {
            writer.thread_open();
        }
        match at(&self.first, node) {
            0 => Place::Leave(node),
            first => Place::Enter(first),
        }
    }

    fn leave(&self, node: u32, writer: &mut Writer<'_>) -> Place {
        if node == ROOT {
            return Place::End;
        }
        let parent = self.node(node).parent;
        // An only child stands behind its parent; others, and threads, in parentheses of their own.
        if parent != ROOT && at(&self.count, parent) < 2 {
            return Place::Leave(parent);
        }
        writer.thread_close();
        match at(&self.next, node) {
            0 => Place::Leave(parent),
            next => {
                writer.thread_open();
                Place::Enter(next)
            }
        }
    }
}

fn at(list: &[u32], place: u32) -> u32 {
    list.get(place as usize).copied().unwrap_or(0)
}

fn set(list: &mut [u32], place: u32, value: u32) {
    if let Some(slot) = list.get_mut(place as usize) {
        *slot = value;
    }
}
