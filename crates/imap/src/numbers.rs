//! The numbers under which a response speaks of messages that come in ascending order: counting on is much
//! cheaper than asking the set for the rank of each.

use waypost_types::{Uid, UidSet};

/// Numbers of messages that are shown: UIDs, or sequence numbers.
pub(crate) struct Numbers<'a> {
    uid: bool,
    shown: &'a UidSet,
    /// What is shown after the last message, and how many are shown up to it.
    ahead: Box<dyn Iterator<Item = Uid> + 'a>,
    passed: u32,
}

impl<'a> Numbers<'a> {
    /// Numbers of messages of `shown`; `uid` asks for UIDs.
    pub(crate) fn new(uid: bool, shown: &'a UidSet) -> Self {
        Self { uid, shown, ahead: Box::new(std::iter::empty()), passed: 0 }
    }

    /// The number of a message; `None` for one that is not shown.
    pub(crate) fn of(&mut self, uid: Uid) -> Option<u32> {
        if self.uid {
            return Some(uid.0);
        }
        if self.ahead.next() == Some(uid) {
            self.passed += 1;
            return Some(self.passed);
        }
        // What was just taken from it is no neighbour of this message.
        self.ahead = Box::new(std::iter::empty());
        self.passed = self.shown.sequence_of(uid)?;
        self.ahead = Box::new(self.shown.iter_from(Uid(uid.0.saturating_add(1))));
        Some(self.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranks_whatever_is_left_out() {
        let shown: UidSet = [2, 3, 5, 8, 13, 700, 701].into_iter().map(Uid).collect();
        let mut numbers = Numbers::new(false, &shown);
        let asked = [2, 3, 8, 13, 13, 4, 701, 702, 5];
        let told: Vec<_> = asked.map(|uid| numbers.of(Uid(uid))).into();
        let expected: Vec<_> = asked.map(|uid| shown.sequence_of(Uid(uid))).into();
        assert_eq!(told, expected);
        assert_eq!(Numbers::new(true, &shown).of(Uid(8)), Some(8));
    }
}
