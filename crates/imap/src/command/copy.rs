//! COPY and MOVE (RFC 3501 section 6.4.7, RFC 6851) with COPYUID (RFC 4315 section 3).

use super::{Job, Started, unexpected};
use crate::flow::{Completion, Env, Signal, Stepped};
use crate::state::Selected;
use waypost_imap_wire::{ResponseCode, SequenceSet, Status};
use waypost_store::{Copied, Mutation, Outcome};
use waypost_types::{MailboxId, MailboxName, QuotaLimits, UidSet};

/// Copies or moves messages, all or none.
pub(crate) struct Copy {
    uids: UidSet,
    target: MailboxName,
    moves: bool,
    /// The target, when it was found and the quota is asked for.
    found: Option<MailboxId>,
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
        Ok(uids) => Started::Job(Job::Copy(Copy { uids, target, moves, found: None })),
        Err(_) => Completion::out_of_range().into(),
    }
}

impl Copy {
    pub(super) fn step(&mut self, open: &Selected, env: &mut Env<'_>, signal: Signal) -> Stepped {
        match signal {
            Signal::Outcome(Outcome::Copied(copied)) => Ok(self.completion(copied, env).into()),
            Signal::Go => self.find(open, env),
            Signal::Quota(quota) => match self.found {
                Some(to) => Ok(env.submit(self.mutation(open, to, quota.enforced))),
                None => unexpected(self.name()),
            },
            _ => unexpected(self.name()),
        }
    }

    /// A move adds nothing, so only a copy asks for the quota.
    fn find(&mut self, open: &Selected, env: &Env<'_>) -> Stepped {
        let account = open.account();
        let Some(target) = env.store.snapshot()?.mailbox_named(account, &self.target)? else {
            return Ok(Completion::try_create().into());
        };
        if self.uids.is_empty() {
            return Ok(Completion::ok("No message was named").into());
        }
        if self.moves {
            return Ok(env.submit(self.mutation(open, target.id, QuotaLimits::NONE)));
        }
        self.found = Some(target.id);
        Ok(env.ask_quota(&open.user.identity))
    }

    fn mutation(&mut self, open: &Selected, to: MailboxId, limits: QuotaLimits) -> Mutation {
        let (account, from) = (open.account(), open.mailbox());
        let uids = std::mem::take(&mut self.uids);
        match self.moves {
            true => Mutation::Move { account, from, uids, to },
            false => Mutation::Copy { account, from, uids, to, limits },
        }
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
