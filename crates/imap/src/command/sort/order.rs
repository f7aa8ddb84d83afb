//! The values by which messages are sorted, and their order. A message costs 16 bytes and 8 for each
//! criterion, texts aside.

use crate::command::runs::Runs;
use std::cmp::Ordering;
use waypost_imap_wire::{SortCriterion, SortKey};
use waypost_mime::collate;

/// Bytes of texts that one sort may keep: about a million subjects of a common length, twice.
const TEXT_BYTES_MAX: usize = 128 << 20;
/// Bits of the length in a text's place.
const LENGTH_BITS: u32 = 24;
/// Bytes of one text that count; longer ones are cut there. Texts in forms are shorter.
const LENGTH_MAX: usize = (1 << LENGTH_BITS) - 1;

/// The texts of a sort are too many to keep.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuchText;

/// A message in the sort.
#[derive(Debug, Clone, Copy)]
struct Item {
    /// The beginning of its first value: what is less here is less altogether.
    front: u64,
    /// Its number in the answer, which decides between equals.
    number: u32,
    /// Its place among messages, in the order in which they were added.
    at: u32,
}

/// Messages sorted by their values.
pub(super) struct Order {
    values: Values,
    runs: Runs<Item>,
    /// The message taken last, and its rank.
    last: Option<(Item, u32)>,
}

impl Order {
    /// An order by these criteria. Of those with the same key only the first can decide.
    pub(super) fn new(criteria: Vec<SortCriterion>) -> Self {
        let mut kept: Vec<SortCriterion> = Vec::new();
        for criterion in criteria {
            if kept.iter().all(|other| other.key != criterion.key) {
                kept.push(criterion);
            }
        }
        let (values, texts, ranked) = (Vec::new(), Vec::new(), false);
        let values = Values { criteria: kept, ranked, values, texts };
        Self { values, runs: Runs::default(), last: None }
    }

    /// From the first message on, the ranks of texts are added as numbers in their place.
    pub(super) const fn rank_texts(&mut self) {
        self.values.ranked = true;
    }

    /// The criteria; each message gets a value for each of them, in this order.
    pub(super) fn criteria(&self) -> &[SortCriterion] {
        &self.values.criteria
    }

    /// Messages so far.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        let Values { values, texts, .. } = &self.values;
        self.runs.len() * size_of::<Item>() + values.len() * size_of::<u64>() + texts.len()
    }

    /// The next value of the message that is being added: a number.
    pub(super) fn add_number(&mut self, number: u64) {
        self.values.values.push(number);
    }

    /// The next value of the message that is being added: a text, which is collated by i;unicode-casemap.
    pub(super) fn add_text(&mut self, text: &str) -> Result<(), TooMuchText> {
        let texts = &mut self.values.texts;
        let start = texts.len();
        let length = collate_within_limit(text, texts);
        self.values.values.push((start as u64) << LENGTH_BITS | length as u64);
        if texts.len() > TEXT_BYTES_MAX { Err(TooMuchText) } else { Ok(()) }
    }

    /// Ends a message; its number in the answer is greater than those of all before it. True when that
    /// took longer than usual.
    pub(super) fn end_message(&mut self, number: u32) -> bool {
        let values = &self.values;
        let at = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        let item = Item { front: values.front(at), number, at };
        self.runs.push(item, |a, b| values.compare(a, b))
    }

    /// Ends adding.
    pub(super) fn finish(&mut self) {
        let values = &self.values;
        self.runs.finish(|a, b| values.compare(a, b));
    }

    /// The numbers of the first and the last message.
    pub(super) fn ends(&self) -> [Option<u32>; 2] {
        match self.runs.ends() {
            Some((first, last)) => [Some(first.number), Some(last.number)],
            None => [None, None],
        }
    }

    /// Takes the number of the next message.
    pub(super) fn next(&mut self) -> Option<u32> {
        let values = &self.values;
        self.runs.next(|a, b| values.compare(a, b)).map(|item| item.number)
    }

    /// Takes the number of the next message, with the rank of its values: how many different ones are less.
    pub(super) fn next_ranked(&mut self) -> Option<(u32, u32)> {
        let values = &self.values;
        let item = self.runs.next(|a, b| values.compare(a, b))?;
        let rank = match &self.last {
            None => 0,
            Some((last, rank)) => rank + u32::from(values.compare_values(last.at, item.at).is_ne()),
        };
        self.last = Some((item, rank));
        Some((item.number, rank))
    }
}

/// Appends a text as it is compared; returns its length then.
pub(super) fn collate_within_limit(text: &str, texts: &mut Vec<u8>) -> usize {
    let start = texts.len();
    collate(text, texts);
    let length = (texts.len() - start).min(LENGTH_MAX);
    texts.truncate(start + length);
    length
}

/// What messages are sorted by.
struct Values {
    criteria: Vec<SortCriterion>,
    /// Whether the values of texts are their ranks.
    ranked: bool,
    /// Of each message one for each criterion: a number, or where a text begins and how long it is.
    values: Vec<u64>,
    texts: Vec<u8>,
}

impl Values {
    fn compare(&self, a: &Item, b: &Item) -> Ordering {
        let by_front = a.front.cmp(&b.front);
        by_front.then_with(|| self.compare_values(a.at, b.at)).then(a.number.cmp(&b.number))
    }

    fn compare_values(&self, a: u32, b: u32) -> Ordering {
        for (criterion, (a, b)) in self.criteria.iter().zip(self.of(a).iter().zip(self.of(b))) {
            let order = match self.is_text(criterion) {
                true => self.text(*a).cmp(self.text(*b)),
                false => a.cmp(b),
            };
            if order.is_ne() {
                return if criterion.reverse { order.reverse() } else { order };
            }
        }
        Ordering::Equal
    }

    const fn is_text(&self, criterion: &SortCriterion) -> bool {
        !self.ranked && is_text(criterion.key)
    }

    /// The values of a message.
    fn of(&self, at: u32) -> &[u64] {
        let each = self.criteria.len();
        let start = at as usize * each;
        self.values.get(start..start + each).unwrap_or_default()
    }

    fn text(&self, place: u64) -> &[u8] {
        let start = usize::try_from(place >> LENGTH_BITS).unwrap_or(usize::MAX);
        let length = usize::try_from(place).unwrap_or(usize::MAX) & LENGTH_MAX;
        self.texts.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// The beginning of a message's first value, so that greater numbers come later.
    fn front(&self, at: u32) -> u64 {
        let (Some(criterion), Some(value)) = (self.criteria.first(), self.of(at).first()) else {
            return 0;
        };
        let front = match self.is_text(criterion) {
            true => {
                let text = self.text(*value);
                let mut front = [0; 8];
                front.iter_mut().zip(text).for_each(|(byte, of_text)| *byte = *of_text);
                u64::from_be_bytes(front)
            }
            false => *value,
        };
        if criterion.reverse { !front } else { front }
    }
}

/// Whether the values of a key are texts.
pub(super) const fn is_text(key: SortKey) -> bool {
    match key {
        SortKey::Arrival | SortKey::Date | SortKey::Size => false,
        SortKey::Cc
        | SortKey::DisplayFrom
        | SortKey::DisplayTo
        | SortKey::From
        | SortKey::Subject
        | SortKey::To => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEYS: [SortKey; 4] = [SortKey::Subject, SortKey::Size, SortKey::From, SortKey::Date];

    /// Two texts that often begin alike, and two numbers that are often the same.
    fn messages() -> impl Strategy<Value = Vec<(String, u64, String, u64)>> {
        let text = "(|same begin)[aAb\u{0}\u{e9}]{0,2}";
        prop::collection::vec((text, 0..3_u64, "[aAb]{0,2}", 0..3_u64), 0..40)
    }

    fn criteria() -> impl Strategy<Value = Vec<SortCriterion>> {
        let criterion = (0..KEYS.len(), any::<bool>())
            .prop_map(|(key, reverse)| SortCriterion { key: KEYS[key], reverse });
        prop::collection::vec(criterion, 1..6)
    }

    fn collated(text: &str) -> Vec<u8> {
        let mut key = Vec::new();
        collate(text, &mut key);
        key
    }

    proptest! {
        #[test]
        fn order_is_that_of_a_stable_sort_by_each_criterion(
            messages in messages(), criteria in criteria(),
        ) {
            let mut order = Order::new(criteria.clone());
            for (number, message) in (1..).zip(&messages) {
                for criterion in order.criteria().to_vec() {
                    match criterion.key {
                        SortKey::Subject => order.add_text(&message.0).unwrap(),
                        SortKey::Size => order.add_number(message.1),
                        SortKey::From => order.add_text(&message.2).unwrap(),
                        _ => order.add_number(message.3),
                    }
                }
                order.end_message(number);
            }
            order.finish();
            let mut expected: Vec<u32> = (1..).take(messages.len()).collect();
            // The last criterion first: each later sort keeps what it finds equal.
            for criterion in criteria.iter().rev() {
                expected.sort_by(|a, b| {
                    let [a, b] = [a, b].map(|number| &messages[*number as usize - 1]);
                    let order = match criterion.key {
                        SortKey::Subject => collated(&a.0).cmp(&collated(&b.0)),
                        SortKey::Size => a.1.cmp(&b.1),
                        SortKey::From => collated(&a.2).cmp(&collated(&b.2)),
                        _ => a.3.cmp(&b.3),
                    };
                    if criterion.reverse { order.reverse() } else { order }
                });
            }
            let ends = [expected.first().copied(), expected.last().copied()];
            prop_assert_eq!(order.ends(), ends);
            let sorted: Vec<u32> = std::iter::from_fn(|| order.next()).collect();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn texts_are_bounded() {
        let mut order = Order::new(vec![SortCriterion { key: SortKey::To, reverse: false }]);
        let text = "x".repeat(1 << 20);
        let mut taken = 0;
        while order.add_text(&text).is_ok() {
            order.end_message(taken);
            taken += 1;
        }
        assert_eq!(taken as usize, TEXT_BYTES_MAX >> 20);
    }
}
