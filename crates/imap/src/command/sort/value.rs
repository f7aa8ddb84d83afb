//! What a message is sorted by, read from its row, its email or its form.

use super::order::{Order, is_text};
use crate::command::search::step::{COST_BYTES, HEAD_COST, ROW_COST, STEP_COST};
use crate::rows::Rows;
use crate::state::Selected;
use tracing::error;
use waypost_imap_wire::{SortCriterion, SortKey};
use waypost_mime::{FormSortKeys, base_subject};
use waypost_store::{Emails, MessageRow, Snapshot, StoreError};
use waypost_types::Uid;

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
    /// What reading has cost.
    pub(super) cost: u64,
}

/// What values are read from beside a message's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// When it was sent, which its row says unless an older program wrote it: then the row of its email
    /// does, which is much smaller than the form.
    Date,
    Form,
}

impl<'s> Values<'s> {
    pub(super) fn new(
        snapshot: &'s dyn Snapshot,
        open: &'s Selected,
        criteria: &[SortCriterion],
    ) -> Self {
        let any = |is: fn(SortKey) -> bool| criteria.iter().any(|criterion| is(criterion.key));
        let needs = match (any(is_text), any(|key| key == SortKey::Date)) {
            (true, _) => Needs::Form,
            (false, true) => Needs::Date,
            (false, false) => Needs::Nothing,
        };
        let rows = Rows::new(snapshot, open.mailbox());
        let emails = snapshot.emails(open.account());
        Self { open, rows, emails, needs, cost: 0 }
    }

    /// Whether the step has cost its share.
    pub(super) const fn is_spent(&self) -> bool {
        self.cost > STEP_COST
    }

    /// Adds the values of a message; false for one that is gone, or whose row is damaged, which is left
    /// out.
    pub(super) fn add(&mut self, uid: Uid, order: &mut Order) -> Result<bool, Failure> {
        self.cost += ROW_COST;
        let row = match self.rows.row(uid) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(false),
            Err(failure) => {
                self.note(uid, failure, "message left out of SORT")?;
                return Ok(false);
            }
        };
        match self.needs {
            Needs::Nothing => add_values(&row, None, &FormSortKeys::default(), order)?,
            Needs::Date => self.add_with_date(uid, &row, order)?,
            Needs::Form => self.add_with_form(uid, &row, order)?,
        }
        Ok(true)
    }

    fn add_with_date(
        &mut self,
        uid: Uid,
        row: &MessageRow,
        order: &mut Order,
    ) -> Result<(), Failure> {
        if row.sent.is_some() {
            return add_values(row, None, &FormSortKeys::default(), order);
        }
        self.cost += ROW_COST;
        let sent = match self.emails.row(row.email) {
            Ok(email) => email.and_then(|email| email.sent),
            Err(failure) => self.note(uid, failure, WITHOUT_HEADER).map(|()| None)?,
        };
        add_values(row, sent, &FormSortKeys::default(), order)
    }

    /// One message whose form is damaged counts as one without a header: it must not keep a client from
    /// seeing others, nor vanish.
    fn add_with_form(
        &mut self,
        uid: Uid,
        row: &MessageRow,
        order: &mut Order,
    ) -> Result<(), Failure> {
        let bytes = match self.emails.form_bytes(row.email) {
            Ok(bytes) => bytes,
            Err(failure) => {
                self.note(uid, failure, WITHOUT_HEADER)?;
                return add_values(row, None, &FormSortKeys::default(), order);
            }
        };
        self.cost += HEAD_COST + bytes.len() as u64 / COST_BYTES;
        let keys = FormSortKeys::decode(&bytes).unwrap_or_default();
        let sent = keys.head.sent_date.map(|date| date.seconds);
        add_values(row, sent, &keys, order)
    }

    /// Damage to one message is noted; any other failure ends the command.
    fn note(&self, uid: Uid, failure: StoreError, what: &str) -> Result<(), Failure> {
        if !matches!(failure, StoreError::Corrupt(_) | StoreError::Io(_)) {
            return Err(Failure::Store(failure));
        }
        let (user, mailbox) = (&self.open.user.identity.account, self.open.name.as_str());
        error!(%user, mailbox, uid = uid.0, cause = %failure, "{what}");
        Ok(())
    }
}

fn add_values(
    row: &MessageRow,
    sent: Option<i64>,
    keys: &FormSortKeys<'_>,
    order: &mut Order,
) -> Result<(), Failure> {
    for at in 0..order.criteria().len() {
        let Some(criterion) = order.criteria().get(at) else { break };
        match criterion.key {
            SortKey::Arrival => order.add_number(ascending(row.internal_date.seconds)),
            SortKey::Cc => order.add_text(&keys.sort_cc())?,
            SortKey::Date => order.add_number(ascending(sent_at(row, sent))),
            SortKey::DisplayFrom => order.add_text(&keys.head.display_from())?,
            SortKey::DisplayTo => order.add_text(&keys.head.display_to())?,
            SortKey::From => order.add_text(&keys.sort_from())?,
            SortKey::Size => order.add_number(row.size),
            SortKey::Subject => add_subject(keys, order)?,
            SortKey::To => order.add_text(&keys.sort_to())?,
        }
    }
    Ok(())
}

/// When a message was sent; `sent` is what else tells than its row, if anything does. Without a date it
/// counts as sent when it arrived (RFC 5256 section 2.2).
fn sent_at(row: &MessageRow, sent: Option<i64>) -> i64 {
    row.sent.map(|date| date.seconds).or(sent).unwrap_or(row.internal_date.seconds)
}

/// The base subject in the form is folded for comparing as SEARCH does, where sharp s is two letters;
/// collation knows better.
fn add_subject(keys: &FormSortKeys<'_>, order: &mut Order) -> Result<(), Failure> {
    let subject = keys.head.subject();
    if subject.is_ascii() {
        order.add_text(&keys.base_subject())?;
    } else {
        order.add_text(&base_subject(&subject).text)?;
    }
    Ok(())
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
