//! Ranks of a mailbox brought up to date: those of expunged messages go, and each new message is searched
//! for among the texts of messages that bear the ranks.

use super::value::{Failure, Values};
use crate::numbers::Numbers;
use crate::ranks::Ranks;
use std::cmp::Ordering;
use std::sync::Arc;
use waypost_imap_wire::SortKey;
use waypost_types::{Uid, UidSet};

/// Messages that a step passes without reading anything: some hundred microseconds.
const PASS_STEP: usize = 1 << 15;
/// In the place of a rank: the message is new.
const NEW: u32 = u32::MAX;

/// Ranks being brought up to date.
pub(super) struct Placing {
    before: Arc<Ranks>,
    live: Arc<UidSet>,
    /// Of the live messages passed, in ascending order.
    ranks: Vec<u32>,
    /// By rank before: a live message that bears it, 0 for none.
    by_rank: Vec<u32>,
    /// Ranks before that some live message bears, ascending, with that message.
    bearers: Vec<(u32, Uid)>,
    new: Vec<New>,
    phase: Phase,
}

/// A new message.
#[derive(Debug)]
struct New {
    uid: Uid,
    /// Its place among the live messages.
    at: usize,
    text: Vec<u8>,
    /// How many bearers have lesser texts, and whether the next one has the same.
    place: (usize, bool),
    rank: u32,
}

enum Phase {
    /// Pass the live messages, from this one on.
    Sift(Uid),
    /// Search the place of this new message.
    Search(usize),
    /// Give the new ranks, from this place on; by rank before.
    Renumber(usize, Vec<u32>),
}

/// Where a step has got to.
pub(super) enum Placed {
    Working,
    /// A text could not be read.
    Lost,
    /// The ranks of all live messages.
    All(Vec<u32>),
}

impl Placing {
    /// Begins with ranks made before, for the messages that are live now.
    pub(super) fn new(before: Arc<Ranks>, live: Arc<UidSet>) -> Self {
        let ranks = Vec::with_capacity(live.len() as usize);
        // Ranks are dense when they are made, and never more than messages.
        let by_rank = vec![0; before.ranks.len()];
        let (bearers, new, phase) = (Vec::new(), Vec::new(), Phase::Sift(Uid(1)));
        Self { before, live, ranks, by_rank, bearers, new, phase }
    }

    /// About how many bytes it holds at most, the texts of the new messages aside.
    pub(super) fn weight(&self) -> usize {
        let each = size_of::<u32>() * 3 + size_of::<(u32, Uid)>();
        self.live.len().max(1) as usize * each
    }

    /// Does one step; `values` reads texts.
    pub(super) fn step(
        &mut self,
        values: &mut Values<'_>,
        key: SortKey,
    ) -> Result<Placed, Failure> {
        match std::mem::replace(&mut self.phase, Phase::Search(0)) {
            Phase::Sift(from) => self.sift(from),
            Phase::Search(next) => return self.search_from(next, values, key),
            Phase::Renumber(from, by_rank) => return Ok(self.renumber(from, by_rank)),
        }
        Ok(Placed::Working)
    }

    /// Takes over the ranks of messages that are still there.
    fn sift(&mut self, from: Uid) {
        let mut numbers = Numbers::new(false, &self.before.known);
        for (passed, uid) in self.live.iter_from(from).enumerate() {
            if passed == PASS_STEP {
                self.phase = Phase::Sift(uid);
                return;
            }
            let number = numbers.of(uid).and_then(|number| number.checked_sub(1));
            let rank = number.and_then(|at| self.before.ranks.get(at as usize)).copied();
            match rank {
                Some(rank) => {
                    let bearer = self.by_rank.iter_mut().skip(rank as usize).take(1);
                    bearer.for_each(|bearer| *bearer = uid.0);
                }
                None => self.new.push(New::of(uid, self.ranks.len())),
            }
            self.ranks.push(rank.unwrap_or(NEW));
        }
        let borne = (0..).zip(&self.by_rank).filter(|(_, uid)| **uid != 0);
        self.bearers = borne.map(|(rank, uid)| (rank, Uid(*uid))).collect();
    }

    /// Searches the places of new messages up to the cost of a step.
    fn search_from(
        &mut self,
        next: usize,
        values: &mut Values<'_>,
        key: SortKey,
    ) -> Result<Placed, Failure> {
        for (at, new) in self.new.iter_mut().enumerate().skip(next) {
            if values.is_spent() {
                self.phase = Phase::Search(at);
                return Ok(Placed::Working);
            }
            let Some(text) = values.text(new.uid, key)? else { return Ok(Placed::Lost) };
            let place = place_of(&self.bearers, |(_, bearer)| {
                values.text(*bearer, key).map(|its| its.map(|its| its.cmp(&text)))
            })?;
            let Some(place) = place else { return Ok(Placed::Lost) };
            (new.text, new.place) = (text, place);
        }
        let by_rank = number_anew(&self.bearers, &mut self.new, self.before.ranks.len());
        self.phase = Phase::Renumber(0, by_rank);
        Ok(Placed::Working)
    }

    fn renumber(&mut self, from: usize, by_rank: Vec<u32>) -> Placed {
        for rank in self.ranks.iter_mut().skip(from).take(PASS_STEP) {
            *rank = by_rank.get(*rank as usize).copied().unwrap_or(NEW);
        }
        let next = from + PASS_STEP;
        if next < self.ranks.len() {
            self.phase = Phase::Renumber(next, by_rank);
            return Placed::Working;
        }
        for new in &self.new {
            self.ranks.iter_mut().skip(new.at).take(1).for_each(|rank| *rank = new.rank);
        }
        Placed::All(std::mem::take(&mut self.ranks))
    }
}

impl New {
    const fn of(uid: Uid, at: usize) -> Self {
        Self { uid, at, text: Vec::new(), place: (0, false), rank: 0 }
    }
}

/// How many of ascending items are less, and whether the next one is equal; `None` when one that was asked
/// could not tell.
fn place_of<T, E>(
    items: &[T],
    mut compare: impl FnMut(&T) -> Result<Option<Ordering>, E>,
) -> Result<Option<(usize, bool)>, E> {
    let (mut low, mut high) = (0, items.len());
    while low < high {
        let middle = low.midpoint(high);
        let Some(item) = items.get(middle) else { break };
        match compare(item)? {
            None => return Ok(None),
            Some(Ordering::Less) => low = middle + 1,
            Some(Ordering::Equal) => return Ok(Some((middle, true))),
            Some(Ordering::Greater) => high = middle,
        }
    }
    Ok(Some((low, false)))
}

/// Numbers bearers and new messages together, densely; answers the new rank by the rank before, of which
/// there are less than `ranks`. The new messages are left in the order of their texts.
fn number_anew(bearers: &[(u32, Uid)], new: &mut [New], ranks: usize) -> Vec<u32> {
    new.sort_unstable_by(|a, b| a.text.cmp(&b.text));
    let mut by_rank = vec![NEW; ranks];
    let mut rank = 0;
    let mut groups = new.chunk_by_mut(|a, b| a.text == b.text).peekable();
    for (at, (before, _)) in bearers.iter().enumerate() {
        let is_less = |place: (usize, bool)| place.0 < at || place == (at, false);
        while let Some(group) =
            groups.next_if(|group| group.first().is_some_and(|new| is_less(new.place)))
        {
            group.iter_mut().for_each(|new| new.rank = rank);
            rank += 1;
        }
        let equal =
            groups.next_if(|group| group.first().is_some_and(|new| new.place == (at, true)));
        equal.into_iter().flatten().for_each(|new| new.rank = rank);
        by_rank.iter_mut().skip(*before as usize).take(1).for_each(|now| *now = rank);
        rank += 1;
    }
    for group in groups {
        group.iter_mut().for_each(|new| new.rank = rank);
        rank += 1;
    }
    by_rank
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Dense ranks of these texts.
    fn ranks_of(texts: &[String]) -> Vec<u32> {
        let mut different = texts.to_vec();
        different.sort();
        different.dedup();
        let rank = |text| u32::try_from(different.binary_search(text).unwrap()).unwrap();
        texts.iter().map(rank).collect()
    }

    proptest! {
        #[test]
        fn placed_messages_get_the_ranks_that_all_would_get(
            old in prop::collection::vec(("[a-c]{0,2}", any::<bool>()), 0..30),
            arrived in prop::collection::vec("[a-c]{0,3}", 0..10),
        ) {
            let texts: Vec<String> = old.iter().map(|(text, _)| text.clone()).collect();
            let before = ranks_of(&texts);
            let is_left = |at: &usize| old[*at].1;
            let left: Vec<usize> = (0..old.len()).filter(is_left).collect();
            let mut bearers: Vec<(u32, Uid)> = Vec::new();
            for at in &left {
                bearers.push((before[*at], Uid(u32::try_from(*at).unwrap())));
            }
            bearers.sort_by_key(|(rank, _)| *rank);
            bearers.dedup_by_key(|(rank, _)| *rank);
            let mut new: Vec<New> = Vec::new();
            for (at, text) in arrived.iter().enumerate() {
                let its = |(_, uid): &(u32, Uid)| Ok::<_, ()>(Some(texts[uid.0 as usize].cmp(text)));
                let place = place_of(&bearers, its).unwrap().unwrap();
                let text = text.clone().into_bytes();
                new.push(New { text, place, ..New::of(Uid(1), at) });
            }
            let by_rank = number_anew(&bearers, &mut new, before.len());
            let mut now: Vec<u32> = left.iter().map(|at| by_rank[before[*at] as usize]).collect();
            new.sort_by_key(|new| new.at);
            now.extend(new.iter().map(|new| new.rank));
            let all: Vec<String> =
                left.iter().map(|at| texts[*at].clone()).chain(arrived).collect();
            prop_assert_eq!(now, ranks_of(&all));
        }
    }

    #[test]
    fn a_place_is_not_known_when_a_text_is_lost() {
        let told = place_of(&[1, 2, 3], |item| Ok::<_, ()>((*item != 2).then_some(Ordering::Less)));
        assert_eq!(told, Ok(None));
    }
}
