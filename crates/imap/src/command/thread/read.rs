//! What THREAD needs of a message, read from its row and its form.

use super::forest::{Forest, Message};
use crate::command::search::step::{COST_BYTES, HEAD_COST, ROW_COST, STEP_COST};
use crate::rows::Rows;
use crate::state::Selected;
use tracing::error;
use waypost_mime::FormThreadKeys;
use waypost_store::{Emails, Snapshot, StoreError};
use waypost_types::Uid;

/// Why messages cannot be read to the end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The store failed.
    Store(StoreError),
    /// They and what they refer to are too many to keep.
    TooMany,
}

/// Reads messages in one step.
pub(super) struct Messages<'s> {
    open: &'s Selected,
    rows: Rows<'s>,
    emails: Box<dyn Emails<'s> + 's>,
    cost: u64,
}

impl<'s> Messages<'s> {
    pub(super) fn new(snapshot: &'s dyn Snapshot, open: &'s Selected) -> Self {
        let rows = Rows::new(snapshot, open.mailbox());
        Self { open, rows, emails: snapshot.emails(open.account()), cost: 0 }
    }

    /// Whether the step has cost its share.
    pub(super) const fn is_spent(&self) -> bool {
        self.cost > STEP_COST
    }

    /// Adds a message. One that is gone, or whose row is damaged, is left out; one whose form is damaged
    /// counts as one without a header, for it must neither keep a client from seeing others, nor vanish.
    pub(super) fn add(
        &mut self,
        uid: Uid,
        number: u32,
        forest: &mut Forest,
    ) -> Result<(), Failure> {
        self.cost += ROW_COST;
        let row = match self.rows.row(uid) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(failure) => return self.note(uid, failure, "message left out of THREAD"),
        };
        let bytes = match self.emails.form_bytes(row.email) {
            Ok(bytes) => bytes,
            Err(failure) => {
                self.note(uid, failure, "message threaded without its header")?;
                Vec::new().into()
            }
        };
        let form = FormThreadKeys::decode(&bytes).unwrap_or_default();
        let head = &form.keys.head;
        let (subject, id, references) = (head.subject(), form.message_id(), form.references());
        let references: Vec<&str> = references.iter().map(AsRef::as_ref).collect();
        // A message without a date counts as sent when it arrived (RFC 5256 section 2.2).
        let sent = row.sent.or(head.sent_date).unwrap_or(row.internal_date);
        let message = Message {
            number,
            sent: sent.seconds,
            subject: &subject,
            id: id.as_deref(),
            references: &references,
        };
        self.cost += HEAD_COST + bytes.len() as u64 / COST_BYTES + forest.add(&message)?;
        Ok(())
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
