//! DELETE (RFC 3501 section 6.3.4): children stay.

use super::done;
use crate::flow::{Completion, Env, Signal, Stepped};
use waypost_store::Mutation;
use waypost_types::{AccountId, MailboxName};

/// Deletes a mailbox.
pub(crate) struct Delete {
    name: MailboxName,
}

impl Delete {
    pub(super) fn new(name: MailboxName) -> Self {
        Self { name }
    }

    pub(super) fn step(&self, account: AccountId, env: &Env<'_>, signal: Signal) -> Stepped {
        if matches!(signal, Signal::Outcome(_)) {
            return done("DELETE completed");
        }
        match env.store.snapshot()?.mailbox_named(account, &self.name)? {
            Some(found) => Ok(env.submit(Mutation::DeleteMailbox { account, mailbox: found.id })),
            None => Ok(Completion::no_such_mailbox().into()),
        }
    }
}
