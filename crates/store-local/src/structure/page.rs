//! LMDB's file as it lies on the disk, as far as a check must know it: heads, pages and nodes. Nothing
//! here trusts a byte: whatever stands in a page, it is read or refused.
//!
//! LMDB writes numbers as the machine has them; the machines that Waypost runs on begin with the least byte.

use crate::codec::Take;

/// Pages of heads at the front of the file; the newer one is the truth.
pub(super) const HEADS: u64 = 2;
/// A root that is none: the tree is empty.
pub(super) const NO_PAGE: u64 = u64::MAX;
/// The deepest tree that LMDB walks.
pub(super) const DEPTH_MAX: u16 = 32;

/// A map that is larger than this has no room in a process.
const MAP_BYTES_MAX: u64 = 1 << 46;
/// Bytes before the nodes' places, or before the data of a large value.
pub(super) const HEADER: usize = 16;
const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;
const META: u16 = 0x08;
/// Trees with keys that are numbers, as the one of free pages.
const INTEGER_KEYS: u16 = 0x08;
const NODE: usize = 8;
const BIG: u16 = 0x01;
const SUBTREE: u16 = 0x02;

/// Why something is refused.
pub(super) type Fault = &'static str;

struct Fields<'b>(Take<'b>);

impl<'b> Fields<'b> {
    fn u16(&mut self) -> Result<u16, Fault> {
        self.0.u16().map(u16::swap_bytes).ok_or(SHORT)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.0.u32().map(u32::swap_bytes).ok_or(SHORT)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        self.0.u64().map(u64::swap_bytes).ok_or(SHORT)
    }
}

const SHORT: Fault = "it is too short";

/// What is recorded of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TreeRecord {
    flags: u16,
    pub(super) depth: u16,
    pub(super) branches: u64,
    pub(super) leaves: u64,
    pub(super) overflows: u64,
    pub(super) entries: u64,
    pub(super) root: u64,
}

impl TreeRecord {
    const BYTES: usize = 48;

    fn read(bytes: &[u8]) -> Result<(u32, Self), Fault> {
        let mut fields = Fields(Take(bytes));
        let pad = fields.u32()?;
        let record = Self {
            flags: fields.u16()?,
            depth: fields.u16()?,
            branches: fields.u64()?,
            leaves: fields.u64()?,
            overflows: fields.u64()?,
            entries: fields.u64()?,
            root: fields.u64()?,
        };
        if record.depth > DEPTH_MAX || (record.root == NO_PAGE) != (record.depth == 0) {
            return Err("its record says an impossible depth");
        }
        Ok((pad, record))
    }
}

/// A head: one committed state of the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) free: TreeRecord,
    pub(super) main: TreeRecord,
    /// The last page in use.
    pub(super) last: u64,
    /// The number of the commit.
    pub(super) commit: u64,
}

impl Head {
    /// Reads the head in page 0 or 1.
    pub(super) fn read(page: &[u8], number: u64) -> Result<Self, Fault> {
        let (found, flags, _) = header(page)?;
        if found != number || flags != META {
            return Err("it is no head");
        }
        let mut fields = Fields(Take(page.get(HEADER..).ok_or(SHORT)?));
        if (fields.u32()?, fields.u32()?) != (MAGIC, VERSION) {
            return Err("it is no head of this form");
        }
        let (_address, map_bytes) = (fields.u64()?, fields.u64()?);
        let mut tree = || TreeRecord::read(fields.0.bytes(TreeRecord::BYTES).ok_or(SHORT)?);
        let ((page_bytes, free), (_, main)) = (tree()?, tree()?);
        let (last, commit) = (fields.u64()?, fields.u64()?);
        if page_bytes as usize != page.len() || free.flags != INTEGER_KEYS || main.flags != 0 {
            return Err("it is a head of other pages");
        }
        if map_bytes > MAP_BYTES_MAX {
            return Err("its map has no room");
        }
        if last < HEADS - 1 || last == u64::MAX || map_bytes / u64::from(page_bytes) <= last {
            return Err("its last page cannot be");
        }
        Ok(Self { free, main, last, commit })
    }
}

fn header(page: &[u8]) -> Result<(u64, u16, Fields<'_>), Fault> {
    let mut fields = Fields(Take(page));
    let (number, _pad, flags) = (fields.u64()?, fields.u16()?, fields.u16()?);
    Ok((number, flags, fields))
}

/// What a node leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'p> {
    /// The page below.
    Child(u64),
    /// A value that lies on the page.
    Here(&'p [u8]),
    /// A value on pages of its own: the first of them, and its bytes.
    Big(u64, u32),
    /// Another tree.
    Tree(TreeRecord),
}

/// A key and what it leads to.
pub(super) struct Node<'p> {
    pub(super) key: &'p [u8],
    pub(super) value: Value<'p>,
}

/// A page of a tree, with every node in its bounds.
pub(super) struct Page<'p> {
    pub(super) is_leaf: bool,
    pub(super) nodes: Vec<Node<'p>>,
}

impl<'p> Page<'p> {
    pub(super) fn read(page: &'p [u8], number: u64) -> Result<Self, Fault> {
        let (found, flags, mut rest) = header(page)?;
        if found != number {
            return Err("it has the number of another page");
        }
        let is_leaf = match flags {
            LEAF => true,
            BRANCH => false,
            _ => return Err("it is no page of a tree"),
        };
        let (lower, upper) = (usize::from(rest.u16()?), usize::from(rest.u16()?));
        if lower < HEADER || lower % 2 != 0 || lower > upper || upper > page.len() {
            return Err("its bounds cannot be");
        }
        let count = (lower - HEADER) / 2;
        if count < if is_leaf { 1 } else { 2 } {
            return Err("it has too few nodes");
        }
        let mut nodes = Vec::with_capacity(count);
        let mut taken = 0;
        for _ in 0..count {
            let at = usize::from(rest.u16()?);
            if at < upper {
                return Err("a node lies outside its part of the page");
            }
            let (node, bytes) = node(page.get(at..).ok_or(OUTSIDE)?, is_leaf)?;
            taken += bytes;
            nodes.push(node);
        }
        // Nodes lie side by side, so none lies over another.
        if taken != page.len() - upper {
            return Err("its nodes do not fill their part of the page");
        }
        Ok(Self { is_leaf, nodes })
    }
}

const OUTSIDE: Fault = "a node ends outside the page";

/// The node at the front of bytes, and how many it takes.
fn node(bytes: &[u8], is_leaf: bool) -> Result<(Node<'_>, usize), Fault> {
    let mut fields = Fields(Take(bytes));
    let (low, high) = (fields.u16()?, fields.u16()?);
    let (flags, key_bytes) = (fields.u16()?, usize::from(fields.u16()?));
    let key = fields.0.bytes(key_bytes).ok_or(OUTSIDE)?;
    let low_words = u64::from(low) | u64::from(high) << 16;
    let mut taken = NODE + key_bytes;
    let value = if is_leaf {
        let length = u32::try_from(low_words).map_err(|_| OUTSIDE)?;
        let here = if flags == BIG { 8 } else { length as usize };
        let value = fields.0.bytes(here).ok_or(OUTSIDE)?;
        taken += here;
        match flags {
            0 => Value::Here(value),
            BIG => Value::Big(Fields(Take(value)).u64()?, length),
            SUBTREE => Value::Tree(TreeRecord::read(value)?.1),
            _ => return Err("a node is of no kind that is written"),
        }
    } else {
        Value::Child(low_words | u64::from(flags) << 32)
    };
    Ok((Node { key, value }, taken.next_multiple_of(2)))
}

/// How many pages a large value has that begins on this page.
pub(super) fn big_pages(page: &[u8], number: u64, bytes: u32) -> Result<u64, Fault> {
    let (found, flags, mut rest) = header(page)?;
    if found != number || flags != OVERFLOW {
        return Err("it is no page of a large value");
    }
    let needed = (HEADER as u64 - 1 + u64::from(bytes)) / page.len() as u64 + 1;
    if u64::from(rest.u32()?) != needed {
        return Err("its large value has another number of pages");
    }
    Ok(needed)
}

/// The numbers in a value of the tree of free pages.
pub(super) fn free_pages(value: &[u8]) -> Result<Vec<u64>, Fault> {
    let mut fields = Fields(Take(value));
    let count = fields.u64()?;
    if count > (value.len() / 8) as u64 {
        return Err("a list of free pages is longer than its value");
    }
    (0..count).map(|_| fields.u64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_are_trusted(bytes in proptest::collection::vec(any::<u8>(), 0..600), flags in 0_u8..4, lower in 0_u8..64) {
            let mut page = bytes;
            for (at, byte) in (0..8).map(|at| (at, 0)).chain([(10, flags), (11, 0), (12, lower), (13, 0)]) {
                if let Some(place) = page.get_mut(at) {
                    *place = byte;
                }
            }
            let _ = Page::read(&page, 0).map(|page| page.nodes.len());
            let _ = (Head::read(&page, 0), big_pages(&page, 0, 9), free_pages(&page));
        }
    }
}
