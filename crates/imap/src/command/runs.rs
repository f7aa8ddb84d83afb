//! Sorting in small steps: items are sorted in runs of bounded length as they come, and the runs are merged
//! as the result is taken. So no step has more to do than its share, however large the mailbox is.

use std::cmp::Ordering;
use std::ops::Range;

/// Items of one run: sorting it takes some hundred microseconds.
const RUN_ITEMS: usize = 4_096;

/// Items to be sorted. Every call must be given the same order, in which no two items are equal.
pub(super) struct Runs<T> {
    items: Vec<T>,
    /// Items that belong to a sorted run.
    sorted: usize,
    /// What is not taken yet of each run: a heap, the run with the least item first.
    heap: Vec<Range<usize>>,
    /// The least and the greatest item of sorted runs.
    ends: Option<(T, T)>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { items: Vec::new(), sorted: 0, heap: Vec::new(), ends: None }
    }
}

impl<T: Copy> Runs<T> {
    /// How many items there are, taken ones included.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds an item; true when that completed and sorted a run.
    pub(super) fn push(&mut self, item: T, order: impl Fn(&T, &T) -> Ordering) -> bool {
        self.items.push(item);
        let complete = self.items.len() - self.sorted >= RUN_ITEMS;
        if complete {
            self.end_run(order);
        }
        complete
    }

    /// Sorts the last run and makes all of them ready to be merged.
    pub(super) fn finish(&mut self, order: impl Fn(&T, &T) -> Ordering) {
        if self.sorted < self.items.len() {
            self.end_run(&order);
        }
        for at in (0..self.heap.len() / 2).rev() {
            self.sift_down(at, &order);
        }
    }

    /// The least and the greatest item of all, once [`Runs::finish`] was called.
    pub(super) const fn ends(&self) -> Option<(T, T)> {
        self.ends
    }

    /// Takes the next item in order, once [`Runs::finish`] was called.
    pub(super) fn next(&mut self, order: impl Fn(&T, &T) -> Ordering) -> Option<T> {
        let run = self.heap.first_mut()?;
        let item = self.items.get(run.start).copied();
        run.start += 1;
        if run.start >= run.end {
            self.heap.swap_remove(0);
        }
        self.sift_down(0, &order);
        item
    }

    fn end_run(&mut self, order: impl Fn(&T, &T) -> Ordering) {
        let run = self.sorted..self.items.len();
        self.sorted = run.end;
        let Some(items) = self.items.get_mut(run.clone()) else { return };
        items.sort_unstable_by(&order);
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return };
        self.ends = Some(match self.ends {
            None => (*first, *last),
            Some((least, greatest)) => (
                if order(first, &least).is_lt() { *first } else { least },
                if order(last, &greatest).is_gt() { *last } else { greatest },
            ),
        });
        self.heap.push(run);
    }

    /// Moves a run down the heap until none below it has a lesser item.
    fn sift_down(&mut self, mut at: usize, order: &impl Fn(&T, &T) -> Ordering) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if self.is_before(child, least, order) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// Whether the run at `a` exists and has a lesser item than that at `b`.
    fn is_before(&self, a: usize, b: usize, order: &impl Fn(&T, &T) -> Ordering) -> bool {
        let item = |at: usize| self.heap.get(at).and_then(|run| self.items.get(run.start));
        matches!((item(a), item(b)), (Some(a), Some(b)) if order(a, b).is_lt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without an order that repeats, none twice.
    fn scattered(count: u32) -> Vec<u32> {
        (0..count).map(|n| n.wrapping_mul(2_654_435_761)).collect()
    }

    #[test]
    fn runs_are_merged_in_order() {
        for count in [0, 1, 2, 4_095, 4_096, 4_097, 50_000] {
            let mut expected = scattered(count);
            let mut runs = Runs::default();
            let sorted = expected.iter().filter(|number| runs.push(**number, Ord::cmp)).count();
            runs.finish(Ord::cmp);
            assert_eq!(sorted, expected.len() / RUN_ITEMS);
            expected.sort_unstable();
            let ends = expected.first().copied().zip(expected.last().copied());
            assert_eq!((runs.len(), runs.ends()), (expected.len(), ends));
            let merged: Vec<u32> = std::iter::from_fn(|| runs.next(Ord::cmp)).collect();
            assert!(merged == expected, "{count}");
            assert_eq!(runs.next(Ord::cmp), None);
        }
    }
}
