//! Sequence sets.

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::sequence::{SequenceRange, SequenceSet};
use std::num::NonZeroU32;

impl Cursor<'_> {
    /// `sequence-set`
    pub(super) fn sequence_set(&mut self) -> Parse<SequenceSet> {
        let mut ranges = Vec::new();
        loop {
            if ranges.len() >= self.limits().set_ranges {
                return Err(Fault::limit("the message set has too many ranges"));
            }
            let start = self.sequence_number()?;
            let end = if self.eat(b':') { self.sequence_number()? } else { start };
            ranges.push(SequenceRange { start, end });
            if !self.eat(b',') {
                return SequenceSet::new(ranges).ok_or(Fault::SYNTAX);
            }
        }
    }

    /// Whether a sequence set can begin here.
    pub(super) fn at_sequence_set(&self) -> bool {
        self.peek().is_some_and(|b| b == b'*' || b.is_ascii_digit())
    }

    fn sequence_number(&mut self) -> Parse<Option<NonZeroU32>> {
        if self.eat(b'*') {
            return Ok(None);
        }
        let number = NonZeroU32::new(self.number()?);
        number.map(Some).ok_or(Fault::bad("message numbers begin at 1"))
    }
}
