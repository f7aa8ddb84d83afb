//! One step of a search: what it may read, what that has cost, and what it leaves for the next.

use crate::rows::Rows;
use crate::state::Selected;
use std::collections::HashMap;
use std::sync::Arc;
use waypost_mime::{Form, FormHead};
use waypost_store::{Emails, KeywordId, MessageRow, Snapshot, StoreError};
use waypost_types::{AccountId, Keyword, ThreadId, Uid};

/// Cost of one step. A message costs 1 for each key, its row and form a little more, texts by their size.
pub(in crate::command) const STEP_COST: u64 = 4_000;
/// Bytes that cost one unit, read and decoded.
pub(in crate::command) const COST_BYTES: u64 = 1 << 10;
/// Cost of reading a message's row.
pub(in crate::command) const ROW_COST: u64 = 2;
/// Cost of reading a message's form, its bytes aside.
const FORM_COST: u64 = 10;
/// Cost of reading the front of a form, its bytes aside.
pub(in crate::command) const HEAD_COST: u64 = 3;

/// Why a message is not measured to the end.
pub(super) enum Stop {
    /// The store failed.
    Failed(StoreError),
    /// The step has cost its share; the next one goes on within the message.
    Paused,
}

impl From<StoreError> for Stop {
    fn from(failure: StoreError) -> Self {
        Self::Failed(failure)
    }
}

/// What is known of the message at hand. A message may hold a thousand texts and a search a thousand keys
/// that read them, which is too much for one step.
#[derive(Default)]
pub(super) struct Answers {
    uid: Option<Uid>,
    /// By the number of the key.
    known: Vec<Option<bool>>,
    /// Where the key that is not answered yet has got to.
    pub(super) place: Option<Place>,
}

/// A place among the texts of a message.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Texts looked at.
    pub(super) at: usize,
    /// Bytes of the text at hand that were looked at.
    pub(super) from: u64,
}

impl Answers {
    /// Turns to a message; what is known of another is forgotten.
    pub(super) fn begin(&mut self, uid: Uid) {
        if self.uid != Some(uid) {
            self.uid = Some(uid);
            self.known.clear();
            self.place = None;
        }
    }

    /// Keeps what the key with this number says; it is the key that was being answered.
    fn keep(&mut self, number: usize, answer: bool) {
        if self.known.len() <= number {
            self.known.resize(number + 1, None);
        }
        self.known.iter_mut().skip(number).take(1).for_each(|known| *known = Some(answer));
        self.place = None;
    }

    /// What the key with this number says of the message at hand, worked out once.
    pub(super) fn of<'s>(
        context: &mut Context<'s>,
        number: usize,
        work_out: impl FnOnce(&mut Context<'s>) -> Result<bool, Stop>,
    ) -> Result<bool, Stop> {
        if let Some(Some(known)) = context.answers.known.get(number) {
            return Ok(*known);
        }
        context.go_on()?;
        let answer = work_out(context)?;
        context.answers.keep(number, answer);
        Ok(answer)
    }
}

/// What measuring needs, and what it has cost in this step.
pub(super) struct Context<'s> {
    pub(super) snapshot: &'s dyn Snapshot,
    pub(super) account: AccountId,
    pub(super) answers: Answers,
    rows: Rows<'s>,
    emails: Box<dyn Emails<'s> + 's>,
    keywords: HashMap<Keyword, KeywordId>,
    pub(super) cost: u64,
    /// Whether a text was read: every step gets on by one at least.
    has_read: bool,
    /// The message whose row and form were read last.
    row: Option<(Uid, Option<MessageRow>)>,
    form: Option<(Uid, Arc<Form>)>,
}

impl<'s> Context<'s> {
    pub(super) fn new(
        snapshot: &'s dyn Snapshot,
        open: &Selected,
        answers: Answers,
    ) -> Result<Self, StoreError> {
        let keywords = snapshot.keywords(open.mailbox())?;
        Ok(Self {
            snapshot,
            account: open.account(),
            answers,
            rows: Rows::new(snapshot, open.mailbox()),
            emails: snapshot.emails(open.account()),
            keywords: keywords.iter().map(|(id, keyword)| (keyword.clone(), *id)).collect(),
            cost: 0,
            has_read: false,
            row: None,
            form: None,
        })
    }

    /// Pauses when the step has cost its share.
    pub(super) fn go_on(&self) -> Result<(), Stop> {
        let spent = self.has_read && self.cost > STEP_COST;
        if spent { Err(Stop::Paused) } else { Ok(()) }
    }

    /// Counts a text that is read.
    pub(super) fn reads(&mut self, bytes: u64) {
        self.has_read = true;
        self.cost += 1 + bytes / COST_BYTES;
    }

    pub(super) fn keyword(&self, keyword: &Keyword) -> Option<KeywordId> {
        self.keywords.get(keyword).copied()
    }

    pub(super) fn thread(&mut self, row: &MessageRow) -> Result<Option<ThreadId>, StoreError> {
        self.cost += ROW_COST;
        let email = self.snapshot.email(self.account, row.email)?;
        Ok(email.map(|email| email.thread))
    }

    pub(super) fn row(&mut self, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        if let Some((last, row)) = &self.row
            && *last == uid
        {
            return Ok(*row);
        }
        self.cost += ROW_COST;
        let row = self.rows.row(uid)?;
        self.row = Some((uid, row));
        Ok(row)
    }

    /// What `look` finds in the front of a form, which is not kept.
    pub(super) fn head<T>(
        &mut self,
        row: &MessageRow,
        look: impl Fn(&FormHead<'_>) -> T,
    ) -> Result<T, StoreError> {
        let bytes = self.emails.form_bytes(row.email)?;
        self.cost += HEAD_COST + bytes.len() as u64 / COST_BYTES;
        if let Some(head) = FormHead::decode(&bytes) {
            return Ok(look(&head));
        }
        let form = self.snapshot.form(self.account, row.email)?.encode();
        Ok(look(&FormHead::decode(&form).unwrap_or_default()))
    }

    pub(super) fn form(&mut self, uid: Uid, row: &MessageRow) -> Result<Arc<Form>, StoreError> {
        if let Some((last, form)) = &self.form
            && *last == uid
        {
            return Ok(Arc::clone(form));
        }
        let form = Arc::new(self.snapshot.form(self.account, row.email)?);
        self.cost += FORM_COST + form.weight() / COST_BYTES;
        self.form = Some((uid, Arc::clone(&form)));
        Ok(form)
    }
}
