//! Sets of 512 bits in their shortest form.

use super::Take;
use waypost_store::Bits512;

/// Equal to the set of live messages.
const LIVE: u8 = 0xfe;
/// The eight words themselves.
const WORDS: u8 = 0xff;
/// Added to the number of ranges.
const RANGES: u8 = 0x80;
/// More ranges take no less room than the words.
const RANGES_MAX: usize = 15;
/// More single positions take no less room than the words.
const LIST_MAX: usize = 31;

/// Appends a set in its shortest form; `live` is what readers compare it with.
pub(super) fn put(out: &mut Vec<u8>, bits: &Bits512, live: Option<&Bits512>) {
    if live == Some(bits) {
        out.push(LIVE);
        return;
    }
    let count = bits.len() as usize;
    let ranges = ranges(bits);
    if count <= LIST_MAX && count <= ranges.len() * 2 {
        put_list(out, bits);
    } else if ranges.len() <= RANGES_MAX {
        put_ranges(out, &ranges);
    } else {
        out.push(WORDS);
        bits.0.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
    }
}

/// Reads a set; `None` when it is malformed.
pub(super) fn take(from: &mut Take<'_>, live: Option<&Bits512>) -> Option<Bits512> {
    match from.u8()? {
        LIVE => live.copied(),
        WORDS => {
            let mut bits = Bits512::EMPTY;
            for word in &mut bits.0 {
                *word = from.u64()?;
            }
            Some(bits)
        }
        tag if tag >= RANGES => take_ranges(from, usize::from(tag - RANGES)),
        count => take_list(from, usize::from(count)),
    }
}

fn put_list(out: &mut Vec<u8>, bits: &Bits512) {
    out.push((bits.len() & 0x1f) as u8);
    bits.iter().for_each(|at| out.extend_from_slice(&position(at)));
}

fn put_ranges(out: &mut Vec<u8>, ranges: &[(u32, u32)]) {
    out.push(RANGES | u8::try_from(ranges.len()).unwrap_or(0));
    for (first, last) in ranges {
        out.extend_from_slice(&position(*first));
        out.extend_from_slice(&position(*last));
    }
}

/// A position, 0 to 511, in two bytes.
const fn position(at: u32) -> [u8; 2] {
    [(at >> 8 & 1) as u8, (at & 0xff) as u8]
}

fn take_position(from: &mut Take<'_>) -> Option<u32> {
    from.u16().map(u32::from).filter(|at| *at < 512)
}

fn take_list(from: &mut Take<'_>, count: usize) -> Option<Bits512> {
    let mut bits = Bits512::EMPTY;
    for _ in 0..count {
        bits.set(take_position(from)?, true);
    }
    Some(bits)
}

fn take_ranges(from: &mut Take<'_>, count: usize) -> Option<Bits512> {
    let mut bits = Bits512::EMPTY;
    for _ in 0..count {
        let (first, last) = (take_position(from)?, take_position(from)?);
        fill(&mut bits, first, last);
    }
    Some(bits)
}

/// Sets the bits `first` to `last`, a word at a time: live sets are decoded at every SELECT.
fn fill(bits: &mut Bits512, first: u32, last: u32) {
    for (index, word) in (0_u32..8).zip(bits.0.iter_mut()) {
        let (start, end) = (index * 64, index * 64 + 63);
        if first <= end && last >= start && first <= last {
            let low = first.max(start) - start;
            let high = last.min(end) - start;
            *word |= (u64::MAX >> (63 - (high - low))) << low;
        }
    }
}

/// The set as ascending ranges, one more than is of use at most.
fn ranges(bits: &Bits512) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for at in bits.iter() {
        match ranges.last_mut() {
            Some(last) if last.1 + 1 == at => last.1 = at,
            _ => ranges.push((at, at)),
        }
        if ranges.len() > LIST_MAX {
            break;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_bits() -> impl Strategy<Value = Bits512> {
        prop_oneof![
            any::<[u64; 8]>().prop_map(Bits512),
            prop::collection::vec(0_u32..512, 0..40).prop_map(|list| {
                let mut bits = Bits512::EMPTY;
                list.into_iter().for_each(|at| {
                    bits.set(at, true);
                });
                bits
            }),
            (0_u32..512, 0_u32..512).prop_map(|(a, b)| {
                let mut bits = Bits512::EMPTY;
                fill(&mut bits, a.min(b), a.max(b));
                bits
            }),
        ]
    }

    proptest! {
        #[test]
        fn sets_come_back(bits in any_bits(), live in any_bits()) {
            for live in [None, Some(&live), Some(&bits)] {
                let mut out = Vec::new();
                put(&mut out, &bits, live);
                prop_assert!(out.len() <= 65);
                let mut from = Take(&out);
                prop_assert_eq!(take(&mut from, live), Some(bits));
                prop_assert!(from.0.is_empty());
            }
        }

        #[test]
        fn nonsense_never_panics(bytes: Vec<u8>) {
            let _ = take(&mut Take(&bytes), None);
        }
    }

    #[test]
    fn a_run_takes_five_bytes() {
        let mut bits = Bits512::EMPTY;
        fill(&mut bits, 1, 511);
        assert_eq!(bits.len(), 511);
        let mut out = Vec::new();
        put(&mut out, &bits, None);
        assert_eq!(out.len(), 5);
    }
}
