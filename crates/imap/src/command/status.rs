//! STATUS (RFC 3501 section 6.3.10) with HIGHESTMODSEQ (RFC 7162 section 3.1.7) and MAILBOXID (RFC
//! 8474 section 4.3), DELETED and DELETED-STORAGE (RFC 9208 section 4.1.4): answered from one record and exact counters.

use super::{Job, Started, done, enable_condstore};
use crate::flow::{Completion, Env, Stepped};
use crate::state::{Enabled, State};
use waypost_imap_wire::StatusItem;
use waypost_store::{Mailbox, Snapshot, StoreError};
use waypost_types::{MailboxName, SystemFlag, Uid};

/// Tells the state of a mailbox without opening it.
pub(crate) struct Status {
    name: MailboxName,
    items: Vec<StatusItem>,
}

pub(super) fn start(name: MailboxName, items: Vec<StatusItem>) -> Started {
    Started::Job(Job::Status(Status { name, items }))
}

impl Status {
    pub(super) fn step(&self, state: &mut State, env: &mut Env<'_>) -> Stepped {
        let Some(account) = state.user().map(|user| user.account) else {
            return Ok(Completion::bad("Log in first").into());
        };
        let snapshot = env.store.snapshot()?;
        let Some(mailbox) = snapshot.mailbox_named(account, &self.name)? else {
            return Ok(Completion::no_such_mailbox().into());
        };
        if self.items.contains(&StatusItem::HighestModSeq) {
            enable(state, env.out);
        }
        let mut values = Vec::with_capacity(self.items.len());
        for item in &self.items {
            values.push((*item, value(*item, &mailbox, snapshot.as_ref())?));
        }
        env.writer().status(&self.name, &values, &mailbox.id.object_id());
        done("STATUS completed")
    }
}

/// Asking for HIGHESTMODSEQ enables CONDSTORE (RFC 7162 section 3.1).
fn enable(state: &mut State, out: &mut Vec<u8>) {
    match state {
        State::Selected(open) => {
            enable_condstore(open, out);
        }
        State::Authenticated(user) => {
            user.enabled.insert(Enabled::CONDSTORE);
        }
        State::NotAuthenticated(_) | State::Logout => {}
    }
}

fn value(item: StatusItem, mailbox: &Mailbox, snapshot: &dyn Snapshot) -> Result<u64, StoreError> {
    Ok(match item {
        StatusItem::Messages => mailbox.counters.messages.into(),
        StatusItem::Recent => recent(mailbox, snapshot)?.into(),
        StatusItem::UidNext => mailbox.uid_next.0.into(),
        StatusItem::UidValidity => mailbox.uid_validity.0.into(),
        StatusItem::Unseen => mailbox.counters.unseen.into(),
        StatusItem::HighestModSeq => mailbox.modseq.0,
        StatusItem::MailboxId => 0,
        StatusItem::Deleted => mailbox.counters.deleted.into(),
        StatusItem::DeletedStorage => deleted_bytes(mailbox, snapshot)?,
    })
}

/// What expunging would free. Costs a look-up for each message that is marked, and nothing when none is.
fn deleted_bytes(mailbox: &Mailbox, snapshot: &dyn Snapshot) -> Result<u64, StoreError> {
    if mailbox.counters.deleted == 0 {
        return Ok(0);
    }
    let (mut bytes, mut number) = (0, 0);
    while let Some(page) = snapshot.page_from(mailbox.id, number)? {
        for at in page.flag(SystemFlag::Deleted).and(&page.live).iter() {
            let row = snapshot.message(mailbox.id, page.uid(at))?;
            bytes += row.map_or(0, |row| row.size);
        }
        number = page.number + 1;
    }
    Ok(bytes)
}

fn recent(mailbox: &Mailbox, snapshot: &dyn Snapshot) -> Result<u32, StoreError> {
    let Some(below) = mailbox.recent_from.0.checked_sub(1) else {
        return Ok(mailbox.counters.messages);
    };
    let live = snapshot.live(mailbox)?;
    Ok(live.len() - live.count_up_to(Uid(below)))
}
