//! SELECT and EXAMINE (RFC 3501 sections 6.3.1, 6.3.2) with CONDSTORE (RFC 7162 section 3.1.8) and
//! MAILBOXID (RFC 8474 section 4.1).

use super::{Job, Started};
use crate::flow::{Completion, Env, Stepped};
use crate::state::{Enabled, Opened, State, recent_of, write_flags};
use waypost_imap_wire::{ResponseCode, Status, Writer};
use waypost_store::{Snapshot, StoreError, View};
use waypost_types::{AccountId, MailboxName, Uid};

/// Opens a mailbox.
pub(crate) struct Select {
    name: MailboxName,
    read_only: bool,
    condstore: bool,
}

pub(super) fn start(name: MailboxName, read_only: bool, condstore: bool) -> Started {
    Started::Job(Job::Select(Select { name, read_only, condstore }))
}

impl Select {
    /// The mailbox open before is closed even when the new one cannot be opened (RFC 3501 section
    /// 6.3.1); CLOSED tells where its responses end.
    pub(super) fn step(&self, state: &mut State, env: &mut Env<'_>) -> Stepped {
        if state.deselect() {
            let text = "The mailbox open before is closed";
            env.writer().untagged(Status::Ok, Some(&ResponseCode::Closed), text);
        }
        let Some(user) = state.user_mut() else {
            return Ok(Completion::bad("Log in first").into());
        };
        if self.condstore {
            user.enabled.insert(Enabled::CONDSTORE);
        }
        let snapshot = env.store.snapshot()?;
        let Some(opened) = self.open(user.account, snapshot.as_ref())? else {
            return Ok(Completion::no_such_mailbox().into());
        };
        let unseen = snapshot.first_unseen(&opened.mailbox)?;
        write_selected(env.out, &opened, unseen);
        let recent_from = opened.mailbox.recent_from;
        state.select(opened);
        if let State::Selected(open) = state {
            open.submit_taken(env.store, recent_from);
        }
        Ok(self.completion().into())
    }

    fn open(
        &self,
        account: AccountId,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<Opened>, StoreError> {
        let Some(found) = snapshot.mailbox_named(account, &self.name)? else { return Ok(None) };
        let Some((view, mailbox)) = View::open(snapshot, account, found.id)? else {
            return Ok(None);
        };
        let keywords = snapshot.keywords(mailbox.id)?;
        Ok(Some(Opened { view, mailbox, read_only: self.read_only, keywords }))
    }

    fn completion(&self) -> Completion {
        match self.read_only {
            true => Completion::ok("EXAMINE completed").with_code(ResponseCode::ReadOnly),
            false => Completion::ok("SELECT completed").with_code(ResponseCode::ReadWrite),
        }
    }
}

fn write_selected(out: &mut Vec<u8>, opened: &Opened, unseen: Option<Uid>) {
    let (mailbox, live) = (&opened.mailbox, opened.view.shown());
    write_flags(out, &opened.keywords, opened.read_only);
    let mut writer = Writer::new(out);
    writer.exists(live.len());
    writer.recent(recent_of(live, mailbox.recent_from).len());
    let mut ok = |code, text| writer.untagged(Status::Ok, Some(&code), text);
    if let Some(sequence) = unseen.and_then(|uid| live.sequence_of(uid)) {
        ok(ResponseCode::Unseen(sequence), "The first message not seen");
    }
    ok(ResponseCode::UidValidity(mailbox.uid_validity), "UIDs are valid");
    ok(ResponseCode::UidNext(mailbox.uid_next), "The next UID");
    ok(ResponseCode::HighestModSeq(mailbox.modseq), "The highest modification sequence");
    ok(ResponseCode::MailboxId(mailbox.id.object_id()), "The mailbox's permanent number");
}
