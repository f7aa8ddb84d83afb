//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 sections 6.3.6, 6.3.7): a name may be subscribed whether or
//! not a mailbox has it.

use super::{Job, Started, done};
use crate::flow::{Env, Signal, Stepped};
use waypost_store::Mutation;
use waypost_types::{AccountId, MailboxName};

/// Changes the list of subscriptions.
pub(crate) struct Subscribe {
    name: MailboxName,
    on: bool,
}

pub(super) fn start(name: MailboxName, on: bool) -> Started {
    Started::Job(Job::Subscribe(Subscribe { name, on }))
}

impl Subscribe {
    pub(super) fn step(&self, account: AccountId, env: &Env<'_>, signal: Signal) -> Stepped {
        match signal {
            Signal::Outcome(_) => {
                done(if self.on { "SUBSCRIBE completed" } else { "UNSUBSCRIBE completed" })
            }
            _ => Ok(env.submit(Mutation::Subscribe {
                account,
                name: self.name.clone(),
                on: self.on,
            })),
        }
    }
}
