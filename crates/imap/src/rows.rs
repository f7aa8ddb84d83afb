//! Rows of messages that are asked for in ascending order: read some at a time, since the next row lies
//! beside the last one.

use waypost_store::{MessageRow, Snapshot, StoreError};
use waypost_types::{MailboxId, Uid};

/// Rows read ahead at most. A step that stops early has read so many in vain.
const AHEAD_MAX: u32 = 128;

/// The rows of one mailbox.
pub(crate) struct Rows<'s> {
    snapshot: &'s dyn Snapshot,
    mailbox: MailboxId,
    /// What was read and not yet passed, the next one last.
    ahead: Vec<(Uid, MessageRow)>,
    /// How many UIDs the next reading covers: a single message costs a single look-up.
    span: u32,
}

impl<'s> Rows<'s> {
    pub(crate) const fn new(snapshot: &'s dyn Snapshot, mailbox: MailboxId) -> Self {
        Self { snapshot, mailbox, ahead: Vec::new(), span: 1 }
    }

    /// The row of a message; `None` when there is none. UIDs that do not ascend are found too.
    pub(crate) fn row(&mut self, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        while let Some((ahead, row)) = self.ahead.pop_if(|(ahead, _)| *ahead <= uid) {
            if ahead == uid {
                return Ok(Some(row));
            }
        }
        // Those that are damaged are not among them either: asked for alone, each says so.
        if self.span == 1 || !self.ahead.is_empty() {
            self.span = self.span.saturating_mul(2).min(AHEAD_MAX);
            return self.snapshot.message(self.mailbox, uid);
        }
        let last = Uid(uid.0.saturating_add(self.span));
        let ahead = &mut self.ahead;
        self.snapshot.rows(self.mailbox, uid, last, &mut |uid, row| ahead.push((uid, row)))?;
        self.span = self.span.saturating_mul(2).min(AHEAD_MAX);
        ahead.reverse();
        match self.ahead.pop_if(|(first, _)| *first == uid) {
            Some((_, row)) => Ok(Some(row)),
            None => self.snapshot.message(self.mailbox, uid),
        }
    }
}
