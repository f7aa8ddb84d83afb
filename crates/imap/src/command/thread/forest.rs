//! How messages are joined to threads (RFC 5256 section 3): by ORDEREDSUBJECT, or by REFERENCES in the six
//! steps of the RFC, which have their numbers here.
//!
//! Messages come in the order of their numbers. Ids and subjects are kept as hashes with a key that only
//! this command knows, so that a message costs some 80 bytes however long they are. Siblings are
//! ordered by one sort of all messages by date: whatever takes its children from that order has
//! them sorted.

use super::tree::Tree;
use crate::command::runs::Runs;
use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use waypost_imap_wire::ThreadAlgorithm;
use waypost_mime::{base_subject, collate, plain_message_id};

/// The root of all threads; as a parent it also stands for none.
pub(super) const ROOT: u32 = 0;

/// Messages and other ids that one THREAD may hold: some 400 MiB.
const NODES_MAX: usize = 4_000_000;
/// Bytes that a node takes: itself, its hash, its date, and its places in lists.
const NODE_BYTES: usize = 96;
/// Ancestors looked at for loops, for each message and id on the average. Only chains that are joined
/// from their ends again and again need more than a few.
const WALKS_EACH: u64 = 64;
/// And so many for a mailbox of few messages.
const WALKS_MIN: u64 = 1_000_000;
/// Ancestors that are looked at for the cost of one.
const WALKS_COST: u64 = 64;
/// Messages that one step of growing looks at.
const STEP_NODES: usize = 8_192;

/// Messages and what they refer to are too many, or joined in a way that takes too long to follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// What is needed of a message.
pub(super) struct Message<'a> {
    /// Its number in the answer, not 0.
    pub(super) number: u32,
    /// When it was sent, seconds since the epoch (RFC 5256 section 2.2).
    pub(super) sent: i64,
    /// Its decoded subject.
    pub(super) subject: &'a str,
    /// Its Message-ID, if it has a valid one.
    pub(super) id: Option<&'a str>,
    /// What it refers to, oldest first.
    pub(super) references: &'a [&'a str],
}

/// A message, or an id that is not among the messages (a dummy).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    pub(super) parent: u32,
    /// Its number in the answer; 0 for a dummy.
    pub(super) number: u32,
    /// Hash of the base subject; 0 for an empty one.
    subject: u64,
    is_reply: bool,
    /// Whether it ever was a parent: only then can it be an ancestor.
    was_parent: bool,
}

/// Messages on their way to be threads.
pub(super) struct Forest {
    algorithm: ThreadAlgorithm,
    hasher: RandomState,
    nodes: Vec<Node>,
    ids: HashMap<u64, u32>,
    /// Date, number and node of each message.
    dates: Runs<(i64, u32, u32)>,
    /// Ancestors looked at so far.
    walks: u64,
    collated: Vec<u8>,
    growth: Growth,
}

/// What is known of the threads so far.
#[derive(Default)]
struct Growth {
    stage: Stage,
    /// How far the stage has got.
    at: usize,
    /// The nodes of messages by date.
    order: Vec<u32>,
    /// Children of each node that are messages.
    children: Vec<u32>,
    /// Of each dummy the earliest child.
    first: Vec<u32>,
    /// Children of the root by date.
    heads: Vec<u32>,
    /// The subject table of step 5.
    subjects: HashMap<u64, u32>,
    tree: Option<Tree>,
}

/// What growing does next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Put messages in order of their dates.
    #[default]
    Order,
    /// Leave dummies out between messages: step 3.
    Prune,
    /// Find the children of the root: steps 2 to 4.
    Heads,
    /// Fill the subject table: step 5.B.
    Subjects,
    /// Merge threads: step 5.C.
    Merge,
    /// Give each message its children in order: step 6.
    Plant,
}

impl Forest {
    /// A forest that will get about so many messages.
    pub(super) fn new(algorithm: ThreadAlgorithm, messages: u32) -> Self {
        let expected = (messages as usize).min(NODES_MAX);
        let ids = match algorithm {
            ThreadAlgorithm::OrderedSubject => HashMap::new(),
            ThreadAlgorithm::References => HashMap::with_capacity(expected),
        };
        Self {
            algorithm,
            hasher: RandomState::new(),
            nodes: vec![Node::default()],
            ids,
            dates: Runs::default(),
            walks: 0,
            collated: Vec::new(),
            growth: Growth::default(),
        }
    }

    /// About how many bytes it holds, and will hold while it grows.
    pub(super) const fn weight(&self) -> usize {
        self.nodes.len() * NODE_BYTES
    }

    /// Adds a message; answers what that has cost. Step 1, for REFERENCES.
    pub(super) fn add(&mut self, message: &Message<'_>) -> Result<u64, TooMany> {
        let before = self.walks;
        let node = match self.algorithm {
            ThreadAlgorithm::OrderedSubject => self.new_node()?,
            ThreadAlgorithm::References => self.node_of_message(message.id)?,
        };
        let base = base_subject(message.subject);
        let subject = self.hash_of_subject(&base.text);
        if let Some(slot) = self.nodes.get_mut(node as usize) {
            slot.number = message.number;
            slot.subject = subject;
            slot.is_reply = base.is_reply;
        }
        if self.algorithm == ThreadAlgorithm::References {
            self.refer(node, message.references)?;
        }
        let run = self.dates.push((message.sent, message.number, node), Ord::cmp);
        let sorting = if run { WALKS_COST * 1_000 } else { 0 };
        Ok(1 + (self.walks - before + sorting) / WALKS_COST)
    }

    /// Works on the threads for a step; the tree when they are complete. No message may be added after
    /// this was called.
    pub(super) fn grow(&mut self) -> Option<Tree> {
        let is_done = match self.growth.stage {
            Stage::Order => self.order(),
            Stage::Prune => self.prune(),
            Stage::Heads => self.find_heads(),
            Stage::Subjects => self.fill_subjects(),
            Stage::Merge => self.merge(),
            Stage::Plant => self.plant(),
        };
        if !is_done {
            return None;
        }
        self.growth.at = 0;
        self.growth.stage = match (self.growth.stage, self.algorithm) {
            (Stage::Order, ThreadAlgorithm::OrderedSubject) => Stage::Plant,
            (Stage::Order, ThreadAlgorithm::References) => Stage::Prune,
            (Stage::Prune, _) => Stage::Heads,
            (Stage::Heads, _) => Stage::Subjects,
            (Stage::Subjects, _) => Stage::Merge,
            (Stage::Merge, _) => Stage::Plant,
            (Stage::Plant, _) => return self.growth.tree.take(),
        };
        None
    }

    /// The node of a message: the dummy that waits for it, or a new one. An id belongs to the first
    /// message that has it.
    fn node_of_message(&mut self, id: Option<&str>) -> Result<u32, TooMany> {
        let Some(id) = id else { return self.new_node() };
        let node = self.node_of_id(id)?;
        if self.is_dummy(node) { Ok(node) } else { self.new_node() }
    }

    fn node_of_id(&mut self, id: &str) -> Result<u32, TooMany> {
        let hash = self.hasher.hash_one(&*plain_message_id(id));
        match self.ids.get(&hash) {
            Some(node) => Ok(*node),
            None => {
                let node = self.new_node()?;
                self.ids.insert(hash, node);
                Ok(node)
            }
        }
    }

    fn new_node(&mut self) -> Result<u32, TooMany> {
        if self.nodes.len() > NODES_MAX {
            return Err(TooMany);
        }
        self.nodes.push(Node::default());
        u32::try_from(self.nodes.len() - 1).map_err(|_| TooMany)
    }

    fn hash_of_subject(&mut self, base: &str) -> u64 {
        if base.is_empty() {
            return 0;
        }
        self.collated.clear();
        collate(base, &mut self.collated);
        self.hasher.hash_one(&self.collated).max(1)
    }

    /// Steps 1.A and 1.B.
    fn refer(&mut self, message: u32, references: &[&str]) -> Result<(), TooMany> {
        let mut last = ROOT;
        for id in references {
            let node = self.node_of_id(id)?;
            if last != ROOT && self.parent(node) == ROOT {
                self.link(last, node)?;
            }
            last = node;
        }
        // What others say of its parent gives way to what it says itself.
        self.set_parent(message, ROOT);
        if last != ROOT { self.link(last, message) } else { Ok(()) }
    }

    /// Makes a node without a parent the child of another, unless that makes a loop.
    fn link(&mut self, parent: u32, child: u32) -> Result<(), TooMany> {
        if parent == child || self.is_ancestor(child, parent)? {
            return Ok(());
        }
        self.set_parent(child, parent);
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.was_parent = true;
        }
        Ok(())
    }

    fn is_ancestor(&mut self, ancestor: u32, node: u32) -> Result<bool, TooMany> {
        if !self.node(ancestor).was_parent {
            return Ok(false);
        }
        let mut at = node;
        while at != ROOT && at != ancestor {
            at = self.parent(at);
            self.walks += 1;
        }
        if self.walks > WALKS_MIN + WALKS_EACH * self.nodes.len() as u64 {
            return Err(TooMany);
        }
        Ok(at == ancestor)
    }

    fn node(&self, node: u32) -> Node {
        self.nodes.get(node as usize).copied().unwrap_or_default()
    }

    fn parent(&self, node: u32) -> u32 {
        self.node(node).parent
    }

    /// Whether a node that is not the root stands for an id only.
    fn is_dummy(&self, node: u32) -> bool {
        self.node(node).number == 0
    }

    fn set_parent(&mut self, node: u32, parent: u32) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.parent = parent;
        }
    }

    /// The part of a list of so many entries that this step looks at; its end is where the next begins.
    fn share(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.growth.at;
        let end = length.min(start + STEP_NODES);
        self.growth.at = end;
        start..end
    }

    fn order(&mut self) -> bool {
        if self.growth.order.is_empty() {
            self.ids = HashMap::new();
            self.dates.finish(Ord::cmp);
            self.growth.order.reserve_exact(self.dates.len());
        }
        for _ in 0..STEP_NODES {
            let Some((_, _, node)) = self.dates.next(Ord::cmp) else {
                self.dates = Runs::default();
                return true;
            };
            self.growth.order.push(node);
        }
        false
    }

    /// Every message gets the nearest message above it as its parent, or, when there is none, the topmost
    /// dummy. What was walked is made short, so that all walks together are no longer than twice the nodes.
    fn prune(&mut self) -> bool {
        if self.growth.at == 0 {
            self.growth.children = vec![0; self.nodes.len()];
            self.growth.first = vec![0; self.nodes.len()];
        }
        let count = self.nodes.len();
        for node in self.share(count) {
            let node = u32::try_from(node).unwrap_or(ROOT);
            let mut top = self.parent(node);
            while top != ROOT && self.is_dummy(top) && self.parent(top) != ROOT {
                top = self.parent(top);
            }
            let mut below = node;
            while below != ROOT && self.parent(below) != top && below != top {
                let above = self.parent(below);
                self.set_parent(below, top);
                below = above;
            }
            if !self.is_dummy(node)
                && let Some(children) = self.growth.children.get_mut(top as usize)
            {
                *children += 1;
            }
        }
        self.growth.at == count
    }

    /// A dummy keeps its place above several messages only; its earliest child has its date.
    fn find_heads(&mut self) -> bool {
        let count = self.growth.order.len();
        for at in self.share(count) {
            let message = self.growth.order.get(at).copied().unwrap_or(ROOT);
            let parent = self.parent(message);
            if parent == ROOT {
                self.growth.heads.push(message);
            } else if self.is_dummy(parent) {
                if self.growth.children.get(parent as usize) == Some(&1) {
                    self.set_parent(message, ROOT);
                    self.growth.heads.push(message);
                } else if let Some(first) = self.growth.first.get_mut(parent as usize)
                    && *first == ROOT
                {
                    *first = message;
                    self.growth.heads.push(parent);
                }
            }
        }
        self.growth.at == count
    }

    /// The thread subject of a child of the root: its own, or that of a dummy's earliest child.
    fn thread_subject(&self, head: u32) -> u64 {
        let first = self.growth.first.get(head as usize).copied().unwrap_or(ROOT);
        self.node(if self.is_dummy(head) { first } else { head }).subject
    }

    fn fill_subjects(&mut self) -> bool {
        let count = self.growth.heads.len();
        if self.growth.at == 0 {
            self.growth.subjects.reserve(count);
        }
        for at in self.share(count) {
            let head = self.growth.heads.get(at).copied().unwrap_or(ROOT);
            let subject = self.thread_subject(head);
            if subject == 0 {
                continue;
            }
            let current = self.node(head);
            match self.growth.subjects.entry(subject) {
                Entry::Vacant(vacant) => {
                    vacant.insert(head);
                }
                Entry::Occupied(mut occupied) => {
                    let other = self.nodes.get(*occupied.get() as usize).copied();
                    let other = other.unwrap_or_default();
                    let is_better = current.number == 0 || (other.is_reply && !current.is_reply);
                    if other.number != 0 && is_better {
                        occupied.insert(head);
                    }
                }
            }
        }
        self.growth.at == count
    }

    fn merge(&mut self) -> bool {
        let count = self.growth.heads.len();
        for at in self.share(count) {
            let head = self.growth.heads.get(at).copied().unwrap_or(ROOT);
            let subject = self.thread_subject(head);
            let Some(other) = self.growth.subjects.get(&subject).copied() else { continue };
            if subject != 0 && other != head {
                self.merge_threads(subject, head, other);
            }
        }
        self.growth.at == count
    }

    fn merge_threads(&mut self, subject: u64, head: u32, other: u32) {
        // The children of a dummy below another become children of that one when they are planted.
        let is_answer = self.node(head).is_reply && !self.node(other).is_reply;
        if self.is_dummy(other) || is_answer {
            return self.set_parent(head, other);
        }
        let Ok(both) = u32::try_from(self.nodes.len()) else { return };
        self.nodes.push(Node::default());
        self.set_parent(head, both);
        self.set_parent(other, both);
        self.growth.subjects.insert(subject, both);
    }

    fn plant(&mut self) -> bool {
        let mut tree = match self.growth.tree.take() {
            Some(tree) => tree,
            None => Tree::new(std::mem::take(&mut self.nodes)),
        };
        let count = self.growth.order.len();
        for at in self.share(count) {
            let message = self.growth.order.get(at).copied().unwrap_or(ROOT);
            let parent = match self.algorithm {
                ThreadAlgorithm::OrderedSubject => {
                    let subject = tree.node(message).subject;
                    let first = *self.growth.subjects.entry(subject).or_insert(message);
                    if first == message { ROOT } else { first }
                }
                ThreadAlgorithm::References => parent_to_be(&tree, message),
            };
            let is_new_dummy = tree.node(parent).number == 0 && !tree.has_children(parent);
            if parent != ROOT && is_new_dummy {
                tree.append(ROOT, parent);
            }
            tree.append(parent, message);
        }
        self.growth.tree = Some(tree);
        self.growth.at == count
    }
}

/// The parent of a message; a dummy that was merged stands for the one it was merged into.
fn parent_to_be(tree: &Tree, message: u32) -> u32 {
    let parent = tree.node(message).parent;
    match tree.node(parent) {
        dummy if dummy.number == 0 && dummy.parent != ROOT => dummy.parent,
        _ => parent,
    }
}

#[cfg(test)]
mod tests;
