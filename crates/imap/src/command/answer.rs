//! How the numbers that a SEARCH or SORT found are told: as a list of numbers (RFC 3501 section 7.2.5,
//! RFC 5256 section 4), or as what the client asked to be returned (RFC 4731, RFC 5267 section 3).

use crate::flow::Env;
use crate::state::Selected;
use std::ops::RangeInclusive;
use waypost_imap_wire::{ReturnOptions, Tag};
use waypost_store::{StatePage, StoreError};
use waypost_types::{ModSeq, Uid};

/// Which command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Search,
    Sort,
}

/// What was found, its order aside.
pub(super) struct Found {
    pub(super) count: u32,
    /// The first and the last message in the order of the answer.
    pub(super) ends: [Option<Uid>; 2],
    /// The highest modification sequence, when the client asked by one.
    pub(super) mod_seq: Option<ModSeq>,
}

/// An answer on its way.
pub(super) struct Answer {
    asked: Asked,
    /// Whether it speaks of UIDs.
    pub(super) uid: bool,
    /// The tag of the command, and what is to be returned; a list of numbers when nothing is said.
    extended: Option<(Tag, ReturnOptions)>,
    /// What ends a list of numbers.
    mod_seq: Option<ModSeq>,
    /// The range of `ALL` that may still grow.
    range: Option<RangeInclusive<u32>>,
    /// A range was told.
    has_ranges: bool,
}

impl Answer {
    pub(super) fn new(asked: Asked, uid: bool, tag: Tag, returns: Option<ReturnOptions>) -> Self {
        let extended = returns.map(|returns| (tag, returns));
        Self { asked, uid, extended, mod_seq: None, range: None, has_ranges: false }
    }

    /// Whether the numbers are told, each by [`Answer::number`].
    pub(super) fn tells_all(&self) -> bool {
        self.extended.as_ref().is_none_or(|(_, returns)| returns.all)
    }

    /// Begins the line. An extended one has a modification sequence that fits what is returned (RFC 4731
    /// section 3.2).
    pub(super) fn begin(
        &mut self,
        found: &Found,
        open: &Selected,
        env: &mut Env<'_>,
    ) -> Result<(), StoreError> {
        let Some((tag, returns)) = &self.extended else {
            self.mod_seq = found.mod_seq;
            match self.asked {
                Asked::Search => env.writer().search_start(),
                Asked::Sort => env.writer().sort_start(),
            }
            return Ok(());
        };
        let mod_seq = match found.mod_seq {
            Some(_) if !returns.all && !returns.count => {
                mod_seq_of_ends(found, *returns, open, env)?
            }
            highest => highest,
        };
        let number = |uid: Option<Uid>| match self.uid {
            true => uid.map(|uid| uid.0),
            false => uid.and_then(|uid| open.view.shown().sequence_of(uid)),
        };
        let [min, max] = found.ends.map(number);
        let mut writer = env.writer();
        writer.esearch_start(tag, self.uid);
        let items = [
            ("MIN", min.filter(|_| returns.min).map(u64::from)),
            ("MAX", max.filter(|_| returns.max).map(u64::from)),
            ("COUNT", returns.count.then_some(u64::from(found.count))),
            ("MODSEQ", mod_seq.map(|mod_seq| mod_seq.0)),
        ];
        for (name, number) in items {
            number.into_iter().for_each(|number| writer.esearch_item(name, number));
        }
        if returns.all && found.count > 0 {
            writer.esearch_all();
        }
        Ok(())
    }

    /// Tells one number.
    pub(super) fn number(&mut self, number: u32, env: &mut Env<'_>) {
        if self.extended.is_none() {
            return env.writer().search_number(number);
        }
        // Ranges ascend, whatever the order of the answer is (RFC 5267 section 3.2).
        self.range = match self.range.take() {
            Some(range) if range.end().checked_add(1) == Some(number) => {
                Some(*range.start()..=number)
            }
            range => {
                self.end_range(range, env);
                Some(number..=number)
            }
        };
    }

    /// Ends the line.
    pub(super) fn end(&mut self, env: &mut Env<'_>) {
        match self.extended {
            None => env.writer().search_end(self.mod_seq),
            Some(_) => {
                let range = self.range.take();
                self.end_range(range, env);
                env.writer().esearch_end();
            }
        }
    }

    fn end_range(&mut self, range: Option<RangeInclusive<u32>>, env: &mut Env<'_>) {
        if let Some(range) = range {
            env.writer().esearch_range(range, !self.has_ranges);
            self.has_ranges = true;
        }
    }
}

/// The highest modification sequence of the first and last message, of those that are returned.
fn mod_seq_of_ends(
    found: &Found,
    returns: ReturnOptions,
    open: &Selected,
    env: &Env<'_>,
) -> Result<Option<ModSeq>, StoreError> {
    let snapshot = env.store.snapshot()?;
    let mut highest = None;
    for (uid, is_returned) in found.ends.into_iter().zip([returns.min, returns.max]) {
        let Some(uid) = uid.filter(|_| is_returned) else { continue };
        let page = snapshot.page(open.mailbox(), StatePage::number_of(uid))?;
        let mod_seq = page.map(|page| page.modseq(crate::announce::position(uid)));
        highest = highest.max(mod_seq);
    }
    Ok(highest)
}
