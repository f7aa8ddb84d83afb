//! What a message is sorted by, read from its row, its email or its form, or known as a rank.

use super::order::{Order, collate_within_limit, is_text};
use crate::command::search::step::{COST_BYTES, HEAD_COST, ROW_COST, STEP_COST};
use crate::numbers::Numbers;
use crate::ranks::Ranks;
use crate::rows::Rows;
use crate::state::Selected;
use std::borrow::Cow;
use std::sync::Arc;
use tracing::error;
use waypost_imap_wire::{SortCriterion, SortKey};
use waypost_mime::{FormSortKeys, base_subject};
use waypost_store::{Emails, MessageRow, Snapshot, StoreError};
use waypost_types::Uid;

/// Cost of telling a rank.
const RANK_COST: u64 = 1;
/// What the log says of a message whose header cannot be told.
const WITHOUT_HEADER: &str = "message sorted without its header";

/// Why values cannot be read to the end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The store failed.
    Store(StoreError),
    /// They are too many to keep.
    TooMuchText,
    /// They and those of others are.
    WorkspaceFull,
}

/// Reads values in one step.
pub(super) struct Values<'s> {
    open: &'s Selected,
    rows: Rows<'s>,
    emails: Box<dyn Emails<'s> + 's>,
    needs: Needs,
    /// Of each criterion, when its texts have ranks.
    ranks: Vec<Option<RanksAhead<'s>>>,
    /// What reading has cost.
    pub(super) cost: u64,
    /// Whether something could not be read.
    pub(super) damaged: bool,
}

/// What values are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// All of them are ranks.
    Nothing,
    Row,
    /// The row, and when the message was sent, which its row says unless an older program wrote it: then the
    /// row of its email does, which is much smaller than the form.
    Date,
    Form,
}

/// Ranks of messages that come in ascending order.
struct RanksAhead<'a> {
    numbers: Numbers<'a>,
    ranks: &'a [u32],
}

impl<'a> RanksAhead<'a> {
    fn new(ranks: &'a Ranks) -> Self {
        Self { numbers: Numbers::new(false, &ranks.known), ranks: &ranks.ranks }
    }

    fn of(&mut self, uid: Uid) -> Option<u64> {
        let at = self.numbers.of(uid)?.checked_sub(1)?;
        self.ranks.get(at as usize).map(|rank| u64::from(*rank))
    }
}

impl<'s> Values<'s> {
    /// Values that are read where they stand.
    pub(super) fn new(
        snapshot: &'s dyn Snapshot,
        open: &'s Selected,
        criteria: &[SortCriterion],
    ) -> Self {
        let any = |is: fn(SortKey) -> bool| criteria.iter().any(|criterion| is(criterion.key));
        let needs = match (any(is_text), any(|key| key == SortKey::Date)) {
            (true, _) => Needs::Form,
            (false, true) => Needs::Date,
            (false, false) => Needs::Row,
        };
        let rows = Rows::new(snapshot, open.mailbox());
        let emails = snapshot.emails(open.account());
        Self { open, rows, emails, needs, ranks: Vec::new(), cost: 0, damaged: false }
    }

    /// Values with ranks in place of texts: of each criterion those of its texts, if it has any.
    pub(super) fn by_ranks(
        snapshot: &'s dyn Snapshot,
        open: &'s Selected,
        criteria: &[SortCriterion],
        ranks: &'s [Option<Arc<Ranks>>],
    ) -> Self {
        let numbers: Vec<SortCriterion> =
            criteria.iter().filter(|criterion| !is_text(criterion.key)).copied().collect();
        let mut values = Self::new(snapshot, open, &numbers);
        if numbers.is_empty() {
            values.needs = Needs::Nothing;
        }
        values.ranks = ranks.iter().map(|ranks| ranks.as_deref().map(RanksAhead::new)).collect();
        values
    }

    /// Whether the step has cost its share.
    pub(super) const fn is_spent(&self) -> bool {
        self.cost > STEP_COST
    }

    /// Adds the values of a message; false for one that is gone, or whose row is damaged, which is left
    /// out.
    pub(super) fn add(&mut self, uid: Uid, order: &mut Order) -> Result<bool, Failure> {
        if self.needs == Needs::Nothing {
            self.cost += RANK_COST;
            self.add_numbers(uid, None, None, order);
            return Ok(true);
        }
        let Some(row) = self.row(uid)? else { return Ok(false) };
        match self.needs {
            Needs::Nothing | Needs::Row => self.add_numbers(uid, Some(&row), None, order),
            Needs::Date => {
                let sent = self.sent_by_email(uid, &row)?;
                self.add_numbers(uid, Some(&row), sent, order);
            }
            Needs::Form => self.add_with_form(uid, &row, order)?,
        }
        Ok(true)
    }

    /// The text of a message as it is compared; `None` when the message is gone or damaged.
    pub(super) fn text(&mut self, uid: Uid, key: SortKey) -> Result<Option<Vec<u8>>, Failure> {
        let Some(row) = self.row(uid)? else { return Ok(None) };
        let Some(bytes) = self.form(uid, &row)? else { return Ok(None) };
        let mut text = Vec::new();
        let keys = FormSortKeys::decode(&bytes).unwrap_or_default();
        collate_within_limit(&text_of(key, &keys), &mut text);
        Ok(Some(text))
    }

    fn row(&mut self, uid: Uid) -> Result<Option<MessageRow>, Failure> {
        self.cost += ROW_COST;
        match self.rows.row(uid) {
            Ok(row) => Ok(row),
            Err(failure) => self.note(uid, failure, "message left out of SORT").map(|()| None),
        }
    }

    fn add_numbers(
        &mut self,
        uid: Uid,
        row: Option<&MessageRow>,
        sent: Option<i64>,
        order: &mut Order,
    ) {
        for at in 0..order.criteria().len() {
            let Some(criterion) = order.criteria().get(at) else { break };
            let ranks = self.ranks.get_mut(at).and_then(Option::as_mut);
            let number = match ranks {
                Some(ranks) => ranks.of(uid),
                None => row.and_then(|row| number_of(criterion.key, row, sent)),
            };
            order.add_number(number.unwrap_or_default());
        }
    }

    fn sent_by_email(&mut self, uid: Uid, row: &MessageRow) -> Result<Option<i64>, Failure> {
        if row.sent.is_some() {
            return Ok(None);
        }
        self.cost += ROW_COST;
        match self.emails.row(row.email) {
            Ok(email) => Ok(email.and_then(|email| email.sent)),
            Err(failure) => self.note(uid, failure, WITHOUT_HEADER).map(|()| None),
        }
    }

    /// One message whose form is damaged counts as one without a header: it must not keep a client from
    /// seeing others, nor vanish.
    fn add_with_form(
        &mut self,
        uid: Uid,
        row: &MessageRow,
        order: &mut Order,
    ) -> Result<(), Failure> {
        let bytes = self.form(uid, row)?.unwrap_or_default();
        let keys = FormSortKeys::decode(&bytes).unwrap_or_default();
        let sent = keys.head.sent_date.map(|date| date.seconds);
        for at in 0..order.criteria().len() {
            let Some(criterion) = order.criteria().get(at) else { break };
            match number_of(criterion.key, row, sent) {
                Some(number) => order.add_number(number),
                None => order.add_text(&text_of(criterion.key, &keys))?,
            }
        }
        Ok(())
    }

    fn form(&mut self, uid: Uid, row: &MessageRow) -> Result<Option<Cow<'s, [u8]>>, Failure> {
        match self.emails.form_bytes(row.email) {
            Ok(bytes) => {
                self.cost += HEAD_COST + bytes.len() as u64 / COST_BYTES;
                Ok(Some(bytes))
            }
            Err(failure) => self.note(uid, failure, WITHOUT_HEADER).map(|()| None),
        }
    }

    /// Damage to one message is noted; any other failure ends the command.
    fn note(&mut self, uid: Uid, failure: StoreError, what: &str) -> Result<(), Failure> {
        if !matches!(failure, StoreError::Corrupt(_) | StoreError::Io(_)) {
            return Err(Failure::Store(failure));
        }
        self.damaged = true;
        let (user, mailbox) = (&self.open.user.identity.account, self.open.name.as_str());
        error!(%user, mailbox, uid = uid.0, cause = %failure, "{what}");
        Ok(())
    }
}

/// The value of a key that is a number; `sent` is what else tells than the row when the message was sent.
fn number_of(key: SortKey, row: &MessageRow, sent: Option<i64>) -> Option<u64> {
    match key {
        SortKey::Arrival => Some(ascending(row.internal_date.seconds)),
        SortKey::Date => Some(ascending(sent_at(row, sent))),
        SortKey::Size => Some(row.size),
        _ => None,
    }
}

/// The value of a key that is a text.
fn text_of<'a>(key: SortKey, keys: &FormSortKeys<'a>) -> Cow<'a, str> {
    match key {
        SortKey::Cc => keys.sort_cc(),
        SortKey::DisplayFrom => Cow::Owned(keys.head.display_from()),
        SortKey::DisplayTo => Cow::Owned(keys.head.display_to()),
        SortKey::From => keys.sort_from(),
        SortKey::Subject => subject(keys),
        SortKey::To => keys.sort_to(),
        SortKey::Arrival | SortKey::Date | SortKey::Size => Cow::default(),
    }
}

/// When a message was sent; `sent` is what else tells than its row, if anything does. Without a date it
/// counts as sent when it arrived (RFC 5256 section 2.2).
fn sent_at(row: &MessageRow, sent: Option<i64>) -> i64 {
    row.sent.map(|date| date.seconds).or(sent).unwrap_or(row.internal_date.seconds)
}

/// The base subject in the form is folded for comparing as SEARCH does, where sharp s is two letters;
/// collation knows better.
fn subject<'a>(keys: &FormSortKeys<'a>) -> Cow<'a, str> {
    let subject = keys.head.subject();
    match subject.is_ascii() {
        true => keys.base_subject(),
        false => Cow::Owned(base_subject(&subject).text),
    }
}

/// A number with a sign as one without, in the same order.
const fn ascending(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_numbers_with_a_sign_is_kept() {
        let numbers = [i64::MIN, -5, -1, 0, 1, 5, i64::MAX];
        assert!(numbers.windows(2).all(|pair| ascending(pair[0]) < ascending(pair[1])));
    }
}
