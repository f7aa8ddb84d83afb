//! APPEND (RFC 3501 section 6.3.11) with APPENDUID (RFC 4315 section 3): the message streams into
//! the store chunk by chunk.

use super::unexpected;
use crate::flow::{Completion, Env, Flow, Reply, Signal, Stepped};
use crate::state::User;
use bytes::Bytes;
use waypost_imap_wire::{AppendStart, ResponseCode};
use waypost_store::{Append as AppendMutation, Mutation, Outcome, Payload, StoreError, Upload};
use waypost_types::{AccountId, FlagSet, MailboxId, MailboxName, QuotaLimits, UnixTime, Usage};

/// Takes in one message.
pub(crate) struct Append {
    target: MailboxName,
    flags: FlagSet,
    date: Option<UnixTime>,
    size: u64,
    non_sync: bool,
    limits: QuotaLimits,
    stage: Stage,
}

enum Stage {
    /// The target is looked up.
    Find,
    /// What the user may store is asked for; then the client may send.
    Asking { mailbox: MailboxId, used: Usage },
    /// The client sends.
    Reading { mailbox: MailboxId, upload: Box<dyn Upload> },
    /// A chunk is being taken.
    Writing { mailbox: MailboxId },
    /// The last chunk was taken; the upload is being completed.
    Finishing { mailbox: MailboxId },
    /// The message is being filed.
    Filing,
    /// Over.
    Ended,
}

impl Append {
    /// Whether the size is right, then a command that takes the message.
    pub(crate) fn new(start: AppendStart, max_bytes: u64) -> Result<Self, Completion> {
        if start.size > max_bytes {
            return Err(Completion::no(ResponseCode::TooBig, "The message is too large"));
        }
        if start.size == 0 {
            // RFC 3502 section 6.3.11: a literal of no bytes cancels.
            return Err(Completion::no(ResponseCode::Cannot, "A message of no bytes is not kept"));
        }
        let AppendStart { mailbox: target, flags, date, size, non_sync, .. } = start;
        let (limits, stage) = (QuotaLimits::NONE, Stage::Find);
        Ok(Self { target, flags, date, size, non_sync, limits, stage })
    }

    pub(super) fn step(&mut self, user: &User, env: &mut Env<'_>, signal: Signal) -> Stepped {
        match (std::mem::replace(&mut self.stage, Stage::Ended), signal) {
            (Stage::Find, Signal::Go) => self.find(user, env),
            (Stage::Asking { mailbox, used }, Signal::Quota(quota)) => {
                self.limits = quota.enforced;
                self.begin(mailbox, used, env)
            }
            (Stage::Reading { mailbox, upload }, Signal::Chunk(bytes)) => {
                self.stage = Stage::Writing { mailbox };
                Ok(write(upload, bytes))
            }
            (Stage::Writing { mailbox }, Signal::Upload(upload)) => {
                self.stage = Stage::Reading { mailbox, upload };
                Ok(Flow::Read)
            }
            (Stage::Reading { mailbox, upload }, Signal::End) => {
                self.stage = Stage::Finishing { mailbox };
                Ok(finish(upload))
            }
            (Stage::Finishing { mailbox }, Signal::Payload(payload)) => {
                self.stage = Stage::Filing;
                Ok(self.file(user.account, mailbox, *payload, env))
            }
            (Stage::Filing, Signal::Outcome(outcome)) => completion(outcome),
            _ => unexpected("APPEND"),
        }
    }

    fn find(&mut self, user: &User, env: &Env<'_>) -> Stepped {
        let snapshot = env.store.snapshot()?;
        let Some(found) = snapshot.mailbox_named(user.account, &self.target)? else {
            return Ok(Completion::try_create().into());
        };
        let account = snapshot.account_by_id(user.account)?.ok_or(StoreError::NoSuchAccount)?;
        self.stage = Stage::Asking { mailbox: found.id, used: account.usage };
        Ok(env.ask_quota(&user.identity))
    }

    /// Lets the client send, unless it is certain now that the message will not fit. The store decides when the
    /// message is there.
    fn begin(&mut self, mailbox: MailboxId, used: Usage, env: &mut Env<'_>) -> Stepped {
        let added = Usage::of_message(self.size);
        self.limits.check(used, added).map_err(StoreError::OverQuota)?;
        env.decoder.accept_literal();
        if !self.non_sync {
            env.writer().continuation("Send the message");
        }
        self.stage = Stage::Reading { mailbox, upload: env.store.upload() };
        Ok(Flow::Read)
    }

    fn file(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        payload: Payload,
        env: &Env<'_>,
    ) -> Flow {
        if payload.size() != self.size {
            return Completion::bad("The message did not have the announced size").into();
        }
        let flags = std::mem::take(&mut self.flags);
        let internal_date = self.date.unwrap_or(env.now.wall);
        let limits = self.limits;
        let append = AppendMutation { account, mailbox, payload, flags, internal_date, limits };
        env.submit(Mutation::Append(append))
    }
}

fn write(upload: Box<dyn Upload>, bytes: Bytes) -> Flow {
    let answer = upload.write(bytes);
    Flow::Call(Box::pin(async move { Reply::Upload(answer.await) }))
}

fn finish(upload: Box<dyn Upload>) -> Flow {
    let answer = upload.finish();
    Flow::Call(Box::pin(async move { Reply::Payload(answer.await.map(Box::new)) }))
}

fn completion(outcome: Outcome) -> Result<Flow, StoreError> {
    let Outcome::Appended { uid_validity: validity, uid, .. } = outcome else {
        return unexpected("APPEND");
    };
    let code = ResponseCode::AppendUid { validity, uids: std::iter::once(uid).collect() };
    Ok(Completion::ok("APPEND completed").with_code(code).into())
}
