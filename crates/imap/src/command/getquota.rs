//! GETQUOTA and GETQUOTAROOT (RFC 9208 sections 4.1.1 and 4.1.2). All mailboxes of a user are under one
//! quota root, whose name is empty. Resources without a limit are not shown, as the RFC has it.

use super::{Job, Started, unexpected};
use crate::flow::{Completion, Env, Signal, Stepped};
use crate::state::User;
use waypost_imap_wire::ResponseCode;
use waypost_store::StoreError;
use waypost_types::{MailboxName, QuotaLimits, Usage};

/// The name of the only quota root.
pub(super) const ROOT: &str = "";
/// Bytes in one unit of STORAGE (RFC 9208 section 5.1).
const STORAGE_UNIT: u64 = 1024;

/// Tells usage and limits.
pub(crate) struct GetQuota {
    /// The mailbox whose root is asked for; none with GETQUOTA.
    mailbox: Option<MailboxName>,
    used: Option<Usage>,
}

pub(super) fn start(root: &str) -> Started {
    if root != ROOT {
        return no_such_root().into();
    }
    Started::Job(Job::GetQuota(GetQuota { mailbox: None, used: None }))
}

/// The mailbox need not exist: the client may ask before it creates it.
pub(super) fn start_root(mailbox: MailboxName) -> Started {
    Started::Job(Job::GetQuota(GetQuota { mailbox: Some(mailbox), used: None }))
}

/// The refusal of a quota root of another name.
pub(super) fn no_such_root() -> Completion {
    Completion::no(ResponseCode::NonExistent, "No such quota root; the only one is \"\"")
}

impl GetQuota {
    pub(super) fn step(&mut self, user: &User, env: &mut Env<'_>, signal: Signal) -> Stepped {
        match (signal, self.used) {
            (Signal::Go, _) => {
                let account = env.store.snapshot()?.account_by_id(user.account)?;
                self.used = Some(account.ok_or(StoreError::NoSuchAccount)?.usage);
                Ok(env.ask_quota(&user.identity))
            }
            (Signal::Quota(quota), Some(used)) => Ok(self.tell(used, &quota.limits, env).into()),
            _ => unexpected("GETQUOTA"),
        }
    }

    fn tell(&self, used: Usage, limits: &QuotaLimits, env: &mut Env<'_>) -> Completion {
        let mut writer = env.writer();
        if let Some(mailbox) = &self.mailbox {
            writer.quota_root(mailbox, ROOT);
        }
        let storage = limits.bytes.map(|limit| {
            ("STORAGE", used.bytes.div_ceil(STORAGE_UNIT), limit.div_ceil(STORAGE_UNIT))
        });
        let messages = limits.messages.map(|limit| ("MESSAGE", used.messages, limit));
        let resources: Vec<_> = storage.into_iter().chain(messages).collect();
        writer.quota(ROOT, &resources);
        match self.mailbox {
            Some(_) => Completion::ok("GETQUOTAROOT completed"),
            None => Completion::ok("GETQUOTA completed"),
        }
    }
}
