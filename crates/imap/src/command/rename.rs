//! RENAME (RFC 3501 section 6.3.5): children move along; of INBOX only the messages move.

use super::done;
use crate::flow::{Completion, Env, Signal, Stepped};
use waypost_store::Mutation;
use waypost_types::{AccountId, MailboxName};

/// Renames a mailbox.
pub(crate) struct Rename {
    from: MailboxName,
    to: MailboxName,
}

impl Rename {
    pub(super) fn new(from: MailboxName, to: MailboxName) -> Self {
        Self { from, to }
    }

    pub(super) fn step(&self, account: AccountId, env: &Env<'_>, signal: Signal) -> Stepped {
        if matches!(signal, Signal::Outcome(_)) {
            return done("RENAME completed");
        }
        let Some(found) = env.store.snapshot()?.mailbox_named(account, &self.from)? else {
            return Ok(Completion::no_such_mailbox().into());
        };
        let to = self.to.clone();
        Ok(env.submit(Mutation::RenameMailbox { account, mailbox: found.id, to }))
    }
}
