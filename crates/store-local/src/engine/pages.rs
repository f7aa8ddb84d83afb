//! Changing a state page in memory.

use waypost_store::{Bits512, KeywordId, Modseqs, PAGE_UIDS, StatePage};
use waypost_types::{ModSeq, SystemFlags, UidSet};

/// Adds a live message.
pub(super) fn insert(
    page: &mut StatePage,
    at: u32,
    flags: SystemFlags,
    keywords: &[KeywordId],
    modseq: ModSeq,
) {
    let mut list = each(page);
    let rank = page.live.rank(at) as usize;
    list.insert(rank.min(list.len()), modseq);
    page.live.set(at, true);
    page.modseqs = collapsed(list);
    for flag in flags.iter() {
        page.flag_mut(flag).set(at, true);
    }
    for keyword in keywords {
        keyword_mut(page, *keyword).set(at, true);
    }
}

/// Adds live messages of another page of the same number, none of which is here.
pub(super) fn join(page: &mut StatePage, arrived: &StatePage, modseq: ModSeq) {
    let mut list = Vec::new();
    if let Modseqs::Same(same) = page.modseqs
        && (same == modseq || page.live.is_empty())
    {
        page.modseqs = Modseqs::Same(modseq);
    } else {
        let live = page.live.or(&arrived.live);
        list.extend(live.iter().map(|at| match page.live.contains(at) {
            true => page.modseq(at),
            false => modseq,
        }));
        page.modseqs = collapsed(list);
    }
    page.live = page.live.or(&arrived.live);
    for (set, more) in page.system.iter_mut().zip(&arrived.system) {
        *set = set.or(more);
    }
    for (id, more) in &arrived.keywords {
        let set = keyword_mut(page, *id);
        *set = set.or(more);
    }
}

/// Removes live messages with all their flags.
pub(super) fn remove(page: &mut StatePage, gone: &Bits512) {
    if let Modseqs::Each(list) = &page.modseqs {
        let stays = page.live.iter().zip(list).filter(|(at, _)| !gone.contains(*at));
        page.modseqs = collapsed(stays.map(|(_, modseq)| *modseq).collect());
    }
    page.live = page.live.without(gone);
    for set in &mut page.system {
        *set = set.without(gone);
    }
    for (_, set) in &mut page.keywords {
        *set = set.without(gone);
    }
    drop_empty(page);
}

/// Gives live messages a new modification sequence.
pub(super) fn stamp(page: &mut StatePage, changed: &Bits512, modseq: ModSeq) {
    if *changed == page.live {
        page.modseqs = Modseqs::Same(modseq);
        return;
    }
    let mut list = each(page);
    for (at, slot) in page.live.iter().zip(list.iter_mut()) {
        if changed.contains(at) {
            *slot = modseq;
        }
    }
    page.modseqs = collapsed(list);
}

/// The bitmap of a keyword, to change it.
pub(super) fn keyword_mut(page: &mut StatePage, keyword: KeywordId) -> &mut Bits512 {
    let at = match page.keywords.binary_search_by_key(&keyword, |(id, _)| *id) {
        Ok(at) => at,
        Err(at) => {
            page.keywords.insert(at, (keyword, Bits512::EMPTY));
            at
        }
    };
    &mut page.keywords[at].1
}

/// Forgets keywords that no message of the page has.
pub(super) fn drop_empty(page: &mut StatePage) {
    page.keywords.retain(|(_, set)| !set.is_empty());
}

/// The positions of a page whose UIDs are in a set.
pub(super) fn positions(uids: &UidSet, number: u32) -> Bits512 {
    Bits512(uids.bits_from(number.saturating_mul(PAGE_UIDS)))
}

/// Adds the UIDs at positions of a page to a set, a range at a time: most pages are one.
pub(crate) fn collect(uids: &mut UidSet, number: u32, bits: &Bits512) {
    let first = number * PAGE_UIDS;
    for range in bits.ranges() {
        uids.insert_range(first + range.start()..=first + range.end());
    }
}

fn each(page: &StatePage) -> Vec<ModSeq> {
    match &page.modseqs {
        Modseqs::Same(modseq) => vec![*modseq; page.live.len() as usize],
        Modseqs::Each(list) => list.clone(),
    }
}

fn collapsed(list: Vec<ModSeq>) -> Modseqs {
    match list.first() {
        Some(first) if list.iter().all(|modseq| modseq == first) => Modseqs::Same(*first),
        Some(_) => Modseqs::Each(list),
        None => Modseqs::Same(ModSeq(0)),
    }
}
