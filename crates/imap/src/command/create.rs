//! CREATE (RFC 3501 section 6.3.3) with a special use (RFC 6154 section 3) and MAILBOXID (RFC 8474
//! section 4.2).

use super::{Job, Started, unexpected};
use crate::flow::{Completion, Env, Flow, Signal, Stepped};
use waypost_imap_wire::ResponseCode;
use waypost_store::{Mutation, Outcome};
use waypost_types::{AccountId, MailboxName, SpecialUse};

/// Makes a mailbox.
pub(crate) struct Create {
    name: MailboxName,
    special_use: Option<SpecialUse>,
}

pub(super) fn start(name: MailboxName, special_use: &[SpecialUse]) -> Started {
    match special_use {
        [] => Started::Job(Job::Create(Create { name, special_use: None })),
        [one] => Started::Job(Job::Create(Create { name, special_use: Some(*one) })),
        _ => refuse("A mailbox has one special use at most").into(),
    }
}

impl Create {
    pub(super) fn step(&self, account: AccountId, env: &Env<'_>, signal: Signal) -> Stepped {
        match signal {
            Signal::Outcome(Outcome::Mailbox(id)) => {
                let done = Completion::ok("CREATE completed");
                Ok(done.with_code(ResponseCode::MailboxId(id.object_id())).into())
            }
            Signal::Go => self.submit(account, env),
            _ => unexpected("CREATE"),
        }
    }

    /// A use that another mailbox has is refused: clients look for one mailbox of each.
    fn submit(&self, account: AccountId, env: &Env<'_>) -> Result<Flow, waypost_store::StoreError> {
        if self.special_use.is_some() {
            let taken = |mailboxes: Vec<waypost_store::Mailbox>| {
                mailboxes.iter().any(|mailbox| mailbox.special_use == self.special_use)
            };
            if env.store.snapshot()?.mailboxes(account).map(taken)? {
                return Ok(refuse("Another mailbox has this special use").into());
            }
        }
        let (name, special_use) = (self.name.clone(), self.special_use);
        Ok(env.submit(Mutation::CreateMailbox { account, name, special_use }))
    }
}

fn refuse(text: &'static str) -> Completion {
    Completion::no(ResponseCode::UseAttr, text)
}
