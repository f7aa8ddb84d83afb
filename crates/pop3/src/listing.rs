//! LIST and UIDL: one line per message, in slices.

use crate::job::Desk;
use crate::limits;
use crate::maildrop::Maildrop;
use crate::reply;
use waypost_store::StoreError;
use waypost_types::Uid;

/// What a line tells of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Its size (LIST).
    Size,
    /// Its unique id (UIDL).
    UniqueId,
}

/// A listing of all messages and how far it is. Between slices it holds no snapshot: the set of
/// messages does not change, and sizes never do.
#[derive(Debug)]
pub(crate) struct Listing {
    column: Column,
    /// UIDs from here on are still to be listed.
    next: Uid,
    /// Messages passed so far, deleted ones included: the number of the last one.
    number: u32,
    begun: bool,
}

impl Listing {
    pub(crate) const fn new(column: Column) -> Self {
        Self { column, next: Uid(1), number: 0, begun: false }
    }

    /// Unique ids are made of what the session knows.
    pub(crate) const fn needs_store(&self) -> bool {
        matches!(self.column, Column::Size)
    }

    pub(crate) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Writes a slice; true when the listing is complete.
    pub(crate) fn run(
        &mut self,
        maildrop: &Maildrop,
        desk: &mut Desk<'_>,
    ) -> Result<bool, StoreError> {
        if !self.begun {
            reply::ok(desk.output, format_args!("{} messages", maildrop.messages()));
        }
        let shown = maildrop.shown();
        let sizes = if self.needs_store() { Some(desk.store.snapshot()?) } else { None };
        for uid in shown.iter_from(self.next).take(limits::ROWS_PER_STEP) {
            if desk.is_full() {
                break;
            }
            self.number += 1;
            self.next = Uid(uid.0.saturating_add(1));
            if maildrop.is_deleted(uid) {
                continue;
            }
            let Some(sizes) = &sizes else {
                line(desk.output, self.number, maildrop.unique_id(uid));
                continue;
            };
            if let Some(row) = sizes.message(maildrop.mailbox(), uid)? {
                line(desk.output, self.number, row.size);
            }
        }
        self.begun = true;
        let complete = self.number >= shown.len();
        if complete {
            reply::end(desk.output);
        }
        Ok(complete)
    }
}

/// LIST of one message.
pub(crate) fn size(
    number: u32,
    maildrop: &Maildrop,
    desk: &mut Desk<'_>,
) -> Result<(), StoreError> {
    let Some(uid) = maildrop.find(number) else {
        reply::err(desk.output, reply::NO_SUCH_MESSAGE);
        return Ok(());
    };
    match desk.store.snapshot()?.message(maildrop.mailbox(), uid)? {
        Some(row) => reply::ok(desk.output, format_args!("{number} {}", row.size)),
        None => reply::err(desk.output, reply::NOT_STORED),
    }
    Ok(())
}

/// UIDL of one message.
pub(crate) fn unique_id(number: u32, maildrop: &Maildrop, output: &mut Vec<u8>) {
    match maildrop.find(number) {
        Some(uid) => reply::ok(output, format_args!("{number} {}", maildrop.unique_id(uid))),
        None => reply::err(output, reply::NO_SUCH_MESSAGE),
    }
}

fn line(output: &mut Vec<u8>, number: u32, text: impl std::fmt::Display) {
    reply::line(output, format_args!("{number} {text}"));
}
