//! A walk over every page of one state: each is read once, and belongs to one thing alone.

use super::page::{self, HEADER, HEADS, Head, NO_PAGE, Page, TreeRecord, Value};
use super::{Area, Pages, Structure};
use std::cmp::Ordering;
use std::fmt;

/// Faults that are kept: one is enough to know that the metadata must be made anew.
pub(super) const FAULTS_MAX: usize = 1_000;

/// The tree of free pages.
pub(super) const FREE: &str = "free pages";
/// The tree of trees.
const MAIN: &str = "trees";
const HEAD: &str = "head";

/// A page that is not as LMDB writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageFault {
    page: u64,
    tree: String,
    what: &'static str,
    area: Area,
}

impl PageFault {
    pub(super) fn of_head(page: u64, what: &'static str) -> Self {
        Self { page, tree: HEAD.to_owned(), what, area: Area::Everything }
    }

    /// Whom it concerns.
    pub(crate) const fn area(&self) -> Area {
        self.area
    }
}

impl PageFault {
    /// Whether the writer cannot even open the metadata over it.
    pub(super) fn keeps_from_opening(&self) -> bool {
        [HEAD, MAIN, FREE, "state"].contains(&self.tree.as_str())
    }
}

impl fmt::Display for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {} of {} is damaged: {}", self.page, self.tree, self.what)?;
        match self.area {
            Area::Accounts(low, high) if low < high => {
                write!(f, "; rows of accounts {low} to {high} may lie below it")
            }
            Area::Mailboxes(low, high) if low < high => {
                write!(f, "; rows of mailboxes {low} to {high} may lie below it")
            }
            _ => Ok(()),
        }
    }
}

/// How keys of a tree are compared.
type Order = fn(&[u8], &[u8]) -> Ordering;

fn by_bytes(one: &[u8], other: &[u8]) -> Ordering {
    one.cmp(other)
}

/// Keys of the tree of free pages are numbers as the machine has them.
fn by_number(one: &[u8], other: &[u8]) -> Ordering {
    one.iter().rev().cmp(other.iter().rev())
}

/// A tree that is walked.
struct Tree {
    name: String,
    record: TreeRecord,
    order: Order,
    /// What was met so far.
    branches: u64,
    leaves: u64,
    overflows: u64,
    entries: u64,
    /// The last key of a leaf.
    last: Option<Vec<u8>>,
    /// Trees in it, or numbers of free pages.
    found: Vec<(String, TreeRecord)>,
    /// Whether something was not walked.
    broken: bool,
}

/// Where keys below a page lie: from the first on, before the second.
#[derive(Clone, Copy)]
struct Range<'k> {
    low: Option<&'k [u8]>,
    high: Option<&'k [u8]>,
}

pub(super) struct Walk<'p> {
    pages: &'p Pages,
    head: Head,
    /// A bit for each page that has its place.
    taken: Vec<u64>,
    seen: Structure,
}

impl<'p> Walk<'p> {
    pub(super) fn new(pages: &'p Pages, head: Head) -> Self {
        Self { pages, head, taken: Vec::new(), seen: Structure::default() }
    }

    pub(super) fn run(mut self) -> Structure {
        self.seen.pages = HEADS;
        if self.head.last >= self.pages.count {
            let what = "the file is shorter than it says";
            self.seen.faults.push(PageFault::of_head(self.head.commit % HEADS, what));
            return self.seen;
        }
        let words = usize::try_from(self.head.last / 64 + 1).unwrap_or(0);
        self.taken = vec![0; words];
        let main = self.tree(MAIN, self.head.main, by_bytes);
        for (name, record) in main {
            self.tree(&name, record, by_bytes);
        }
        self.tree(FREE, self.head.free, by_number);
        self.seen
    }

    /// Walks a tree; answers with the trees in it.
    fn tree(&mut self, name: &str, record: TreeRecord, order: Order) -> Vec<(String, TreeRecord)> {
        let mut tree = Tree {
            name: name.to_owned(),
            record,
            order,
            branches: 0,
            leaves: 0,
            overflows: 0,
            entries: 0,
            last: None,
            found: Vec::new(),
            broken: false,
        };
        if record.root != NO_PAGE {
            self.page(&mut tree, record.root, 1, Range { low: None, high: None });
        }
        let counted = [tree.branches, tree.leaves, tree.overflows, tree.entries];
        let recorded = [record.branches, record.leaves, record.overflows, record.entries];
        if !tree.broken && counted != recorded {
            tree.last = None;
            let whole = Range { low: None, high: None };
            self.fault(&mut tree, record.root, whole, "its record counts other pages or entries");
        }
        tree.found
    }

    fn fault(&mut self, tree: &mut Tree, page: u64, range: Range<'_>, what: &'static str) {
        tree.broken = true;
        if self.seen.faults.len() < FAULTS_MAX {
            // Who reads on from the entry before comes to this page too.
            let low = tree.last.as_deref().or(range.low).unwrap_or_default();
            let area = Area::of(&tree.name, low, range.high);
            self.seen.faults.push(PageFault { page, tree: tree.name.clone(), what, area });
        }
    }

    /// Gives a page its place.
    fn take(&mut self, number: u64) -> Result<(), page::Fault> {
        if number < HEADS || number > self.head.last {
            return Err("there is no such page");
        }
        let word = usize::try_from(number / 64).ok().and_then(|at| self.taken.get_mut(at));
        let word = word.ok_or("there is no such page")?;
        let bit = 1 << (number % 64);
        if *word & bit != 0 {
            return Err("it has two places");
        }
        *word |= bit;
        Ok(())
    }

    fn page(&mut self, tree: &mut Tree, number: u64, level: u16, range: Range<'_>) {
        if let Err(what) = self.try_page(tree, number, level, range) {
            self.fault(tree, number, range, what);
        }
    }

    fn try_page(
        &mut self,
        tree: &mut Tree,
        number: u64,
        level: u16,
        range: Range<'_>,
    ) -> Result<(), page::Fault> {
        self.take(number)?;
        let bytes = self.pages.read(number, self.pages.page_bytes)?;
        self.seen.pages += 1;
        let page = Page::read(&bytes, number)?;
        if page.is_leaf != (level == tree.record.depth) {
            return Err("it lies at another depth than its tree says");
        }
        in_order(&page, range, tree.order)?;
        if page.is_leaf {
            return self.leaf(tree, &page);
        }
        tree.branches += 1;
        for (at, node) in page.nodes.iter().enumerate() {
            let Value::Child(child) = node.value else { continue };
            let low = if at == 0 { range.low } else { Some(node.key) };
            let high = page.nodes.get(at + 1).map(|node| node.key).or(range.high);
            self.page(tree, child, level + 1, Range { low, high });
        }
        Ok(())
    }

    fn leaf(&mut self, tree: &mut Tree, page: &Page<'_>) -> Result<(), page::Fault> {
        for node in &page.nodes {
            match node.value {
                Value::Tree(record) if tree.name == MAIN => {
                    let name = String::from_utf8_lossy(node.key).into_owned();
                    tree.found.push((name, record));
                }
                Value::Here(value) if tree.name == FREE => self.free(value)?,
                Value::Here(_) if tree.name != MAIN => {}
                Value::Big(first, bytes) => {
                    let value = self.big(tree, first, bytes)?;
                    if tree.name == FREE {
                        self.free(&value)?;
                    }
                }
                _ => return Err("an entry is of a kind that its tree has not"),
            }
            tree.entries += 1;
        }
        tree.leaves += 1;
        tree.last = page.nodes.last().map(|node| node.key.to_vec());
        Ok(())
    }

    /// The pages of a large value, and the value of the tree of free pages.
    fn big(&mut self, tree: &mut Tree, first: u64, bytes: u32) -> Result<Vec<u8>, page::Fault> {
        self.take(first)?;
        let front = self.pages.read(first, self.pages.page_bytes)?;
        let pages = page::big_pages(&front, first, bytes)?;
        (1..pages).try_for_each(|next| self.take(first.saturating_add(next)))?;
        tree.overflows += pages;
        self.seen.pages += pages;
        if tree.name != FREE {
            return Ok(Vec::new());
        }
        let all = self.pages.read(first, HEADER + bytes as usize)?;
        Ok(all.get(HEADER..).unwrap_or_default().to_vec())
    }

    /// Pages that are free are nothing else.
    fn free(&mut self, value: &[u8]) -> Result<(), page::Fault> {
        let free = page::free_pages(value)?;
        if !free.is_sorted_by(|one, next| one > next) {
            return Err("a list of free pages is not in order");
        }
        let taken = free.into_iter().try_for_each(|page| self.take(page));
        taken.map_err(|_| "a page that is in use is listed as free")
    }
}

/// Keys ascend, within what the page above says. The first key of a branch stands for all below the second.
fn in_order(page: &Page<'_>, range: Range<'_>, order: Order) -> Result<(), page::Fault> {
    const WRONG: page::Fault = "its keys are not in order";
    let keys = page.nodes.iter().skip(usize::from(!page.is_leaf)).map(|node| node.key);
    let mut before = range.low;
    for (at, key) in keys.enumerate() {
        let may_be_same = at == 0 && page.is_leaf;
        let wrong = |before| match order(before, key) {
            Ordering::Less => false,
            Ordering::Equal => !may_be_same,
            Ordering::Greater => true,
        };
        if key.is_empty() || before.is_some_and(wrong) {
            return Err(WRONG);
        }
        before = Some(key);
    }
    let behind = before.zip(range.high);
    if behind.is_some_and(|(last, high)| order(last, high) != Ordering::Less) {
        return Err(WRONG);
    }
    Ok(())
}
