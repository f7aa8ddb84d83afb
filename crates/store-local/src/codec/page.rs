//! State pages. A page is one string of bytes, live set first, cut into as many values as it needs:
//! nearly always one; a page of many keywords splits.

use super::{SEALED_BYTES_MAX, Take, bits, seal, unseal};
use waypost_store::{Bits512, KeywordId, Modseqs, PAGE_UIDS, StatePage};
use waypost_types::{ModSeq, SystemFlag};

/// Bytes at the front of the first part: how many parts follow it.
const PARTS_BYTES: usize = 1;
/// Bytes of a page in one part.
const PART_BYTES: usize = SEALED_BYTES_MAX - PARTS_BYTES;

/// The front of a page, enough for SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Which UIDs are live.
    pub(crate) live: Bits512,
    /// A bitmap for each system flag.
    pub(crate) system: [Bits512; 5],
}

impl Head {
    /// Live messages without `\Seen`.
    pub(crate) fn unseen(&self) -> Bits512 {
        self.live.without(&self.system[(SystemFlag::Seen as u8).trailing_zeros() as usize])
    }
}

/// The values of a page, at most 256.
pub(crate) fn encode(page: &StatePage) -> Vec<Vec<u8>> {
    let mut body = Vec::with_capacity(256);
    put_head(&mut body, page);
    put_modseqs(&mut body, &page.modseqs);
    put_keywords(&mut body, page);
    let chunks: Vec<&[u8]> = body.chunks(PART_BYTES).collect();
    let more = u8::try_from(chunks.len() - 1).unwrap_or(u8::MAX);
    chunks.iter().map(|chunk| seal(&[&[more], *chunk].concat())).collect()
}

/// How many values follow the first one; `None` when the first is damaged.
pub(crate) fn more_parts(first: &[u8]) -> Option<u8> {
    unseal(first)?.first().copied()
}

/// The front of a page from its first value.
pub(crate) fn decode_head(first: &[u8]) -> Option<Head> {
    take_head(&mut Take(unseal(first)?.get(PARTS_BYTES..)?))
}

/// The greatest number of a page: those above have no UIDs.
pub(crate) const NUMBER_MAX: u32 = u32::MAX / PAGE_UIDS;

/// A page from its values; `None` when they are damaged, or no page has this number.
pub(crate) fn decode(number: u32, parts: &[&[u8]]) -> Option<StatePage> {
    if number > NUMBER_MAX {
        return None;
    }
    match parts {
        [only] => decode_body(number, unseal(only)?.get(PARTS_BYTES..)?),
        _ => {
            let mut body = Vec::new();
            for part in parts {
                body.extend_from_slice(unseal(part)?.get(PARTS_BYTES..)?);
            }
            decode_body(number, &body)
        }
    }
}

fn decode_body(number: u32, body: &[u8]) -> Option<StatePage> {
    let mut from = Take(body);
    let Head { live, system } = take_head(&mut from)?;
    let modseqs = take_modseqs(&mut from, live.len())?;
    let keywords = take_keywords(&mut from, &live)?;
    from.0.is_empty().then_some(StatePage { number, live, system, keywords, modseqs })
}

fn put_head(out: &mut Vec<u8>, page: &StatePage) {
    bits::put(out, &page.live, None);
    let present = |(at, set): (usize, &Bits512)| if set.is_empty() { 0 } else { 1_u8 << at };
    out.push(page.system.iter().enumerate().map(present).sum());
    for set in page.system.iter().filter(|set| !set.is_empty()) {
        bits::put(out, set, Some(&page.live));
    }
}

fn take_head(from: &mut Take<'_>) -> Option<Head> {
    let live = bits::take(from, None)?;
    let present = from.u8()?;
    let mut system = [Bits512::EMPTY; 5];
    for (at, set) in system.iter_mut().enumerate() {
        if present >> at & 1 == 1 {
            *set = bits::take(from, Some(&live))?;
        }
    }
    Some(Head { live, system })
}

fn put_modseqs(out: &mut Vec<u8>, modseqs: &Modseqs) {
    let list = match modseqs {
        Modseqs::Same(modseq) => std::slice::from_ref(modseq),
        Modseqs::Each(list) => list,
    };
    let base = list.iter().min().map_or(0, |m| m.0);
    let top = list.iter().max().map_or(0, |m| m.0) - base;
    let width = 8 - top.leading_zeros() as usize / 8;
    out.push(u8::try_from(width).unwrap_or(0));
    out.extend_from_slice(&base.to_be_bytes());
    for modseq in list.iter().filter(|_| width > 0) {
        let bytes = (modseq.0 - base).to_be_bytes();
        out.extend_from_slice(bytes.get(8 - width..).unwrap_or_default());
    }
}

fn take_modseqs(from: &mut Take<'_>, count: u32) -> Option<Modseqs> {
    let width = usize::from(from.u8()?);
    let base = from.u64()?;
    if width == 0 {
        return Some(Modseqs::Same(ModSeq(base)));
    }
    if width > 8 {
        return None;
    }
    let mut list = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let more = from.bytes(width)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        list.push(ModSeq(base.checked_add(more)?));
    }
    Some(Modseqs::Each(list))
}

fn put_keywords(out: &mut Vec<u8>, page: &StatePage) {
    let used = page.keywords.iter().filter(|(_, set)| !set.is_empty());
    out.extend_from_slice(&(used.clone().count() & 0xffff).to_be_bytes()[6..]);
    for (id, set) in used {
        out.extend_from_slice(&id.0.to_be_bytes());
        bits::put(out, set, Some(&page.live));
    }
}

fn take_keywords(from: &mut Take<'_>, live: &Bits512) -> Option<Vec<(KeywordId, Bits512)>> {
    let count = from.u16()?;
    let mut keywords = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let id = KeywordId(from.u16()?);
        keywords.push((id, bits::take(from, Some(live))?));
    }
    keywords.is_sorted_by(|a, b| a.0 < b.0).then_some(keywords)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::codec::VALUE_BYTES_MAX;
    use proptest::prelude::*;

    fn same(page: &StatePage) -> StatePage {
        let parts = encode(page);
        assert!(parts.iter().all(|part| part.len() <= VALUE_BYTES_MAX));
        assert_eq!(usize::from(more_parts(&parts[0]).unwrap()), parts.len() - 1);
        let refs: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let head = decode_head(refs[0]).unwrap();
        assert_eq!((head.live, head.system), (page.live, page.system));
        decode(page.number, &refs).unwrap()
    }

    proptest! {
        #[test]
        fn pages_come_back(
            live: [u64; 8],
            flags: [[u64; 8]; 5],
            keywords in prop::collection::btree_map(0_u16..4000, any::<[u64; 8]>(), 0..40),
            modseqs in prop::collection::vec(0_u64..1 << 63, 512),
            shift in 0_u32..63,
        ) {
            let live = Bits512(live);
            let mut page = StatePage::new(7);
            page.live = live;
            page.system = flags.map(|words| Bits512(words).and(&live));
            page.keywords = keywords
                .into_iter()
                .map(|(id, words)| (KeywordId(id), Bits512(words).and(&live)))
                .filter(|(_, set)| !set.is_empty())
                .collect();
            let count = live.len() as usize;
            page.modseqs = Modseqs::Each(modseqs.iter().take(count).map(|m| ModSeq(m >> shift)).collect());
            let back = same(&page);
            prop_assert_eq!(&back.keywords, &page.keywords);
            for at in live.iter() {
                prop_assert_eq!(back.state(at), page.state(at));
            }
        }

        #[test]
        fn nonsense_never_panics(bytes: Vec<u8>) {
            let _ = decode_body(0, &bytes);
        }
    }

    #[test]
    fn a_page_of_every_keyword_splits_and_comes_back() {
        let mut page = StatePage::new(0);
        page.live = Bits512([u64::MAX; 8]);
        page.keywords =
            (0..4000).map(|id| (KeywordId(id), Bits512([0x5555_5555_5555_5555; 8]))).collect();
        page.modseqs = Modseqs::Same(ModSeq(5));
        assert!(encode(&page).len() > 2);
        assert_eq!(same(&page), page);
    }

    #[test]
    fn a_plain_page_is_small() {
        let mut page = StatePage::new(0);
        page.live = Bits512([u64::MAX; 8]);
        *page.flag_mut(SystemFlag::Seen) = page.live;
        page.modseqs = Modseqs::Same(ModSeq(5));
        assert!(encode(&page)[0].len() < 32);
    }
}
