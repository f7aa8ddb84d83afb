//! COPY and MOVE (RFC 3501 section 6.4.7, RFC 6851) with COPYUID (RFC 4315 section 3).

use super::{Job, Started, unexpected};
use crate::flow::{Completion, Env, Signal, Stepped};
use crate::state::Selected;
use waypost_imap_wire::{ResponseCode, SequenceSet, Status};
use waypost_store::{Copied, Mutation, Outcome};
use waypost_types::{MailboxName, UidSet};

/// Copies or moves messages, all or none.
pub(crate) struct Copy {
    uids: UidSet,
    target: MailboxName,
    moves: bool,
}

pub(super) fn start(
    open: &Selected,
    uid: bool,
    set: &SequenceSet,
    target: MailboxName,
    moves: bool,
) -> Started {
    if moves && open.read_only {
        return Completion::read_only().into();
    }
    match open.resolve(set, uid) {
        Ok(uids) => Started::Job(Job::Copy(Copy { uids, target, moves })),
        Err(_) => Completion::out_of_range().into(),
    }
}

impl Copy {
    pub(super) fn step(&mut self, open: &Selected, env: &mut Env<'_>, signal: Signal) -> Stepped {
        match signal {
            Signal::Outcome(Outcome::Copied(copied)) => Ok(self.completion(copied, env).into()),
            Signal::Go => self.submit(open, env),
            _ => unexpected(self.name()),
        }
    }

    fn submit(&mut self, open: &Selected, env: &Env<'_>) -> Stepped {
        let account = open.account();
        let Some(target) = env.store.snapshot()?.mailbox_named(account, &self.target)? else {
            return Ok(Completion::try_create().into());
        };
        if self.uids.is_empty() {
            return Ok(Completion::ok("No message was named").into());
        }
        let (from, to) = (open.mailbox(), target.id);
        let uids = std::mem::take(&mut self.uids);
        Ok(env.submit(match self.moves {
            true => Mutation::Move { account, from, uids, to },
            false => Mutation::Copy { account, from, uids, to, limits: Default::default() },
        }))
    }

    /// COPYUID of a MOVE comes before the expunges, in an untagged response (RFC 6851 section 4.3).
    fn completion(&self, copied: Copied, env: &mut Env<'_>) -> Completion {
        if copied.source.is_empty() {
            let text = "None of the messages exists any more";
            return Completion::no(ResponseCode::ExpungeIssued, text);
        }
        let Copied { uid_validity: validity, source, target: destination, .. } = copied;
        let code = ResponseCode::CopyUid { validity, source, destination };
        if self.moves {
            env.writer().untagged(Status::Ok, Some(&code), "Moved");
            return Completion::ok("MOVE completed");
        }
        Completion::ok("COPY completed").with_code(code)
    }

    const fn name(&self) -> &'static str {
        if self.moves { "MOVE" } else { "COPY" }
    }
}
