//! EXPUNGE, UID EXPUNGE and CLOSE (RFC 3501 sections 6.4.2, 6.4.3, RFC 4315 section 2.1).

use super::{Job, Started, done};
use crate::flow::{Completion, Env, Flow, Signal, Stepped};
use crate::state::{Selected, State};
use waypost_imap_wire::SequenceSet;
use waypost_store::Mutation;
use waypost_types::UidSet;

/// Expunges; the announcement that follows tells which messages left.
pub(crate) struct Expunge {
    uids: Option<UidSet>,
}

/// Expunges without telling and closes the mailbox.
pub(crate) struct Close;

pub(super) fn start(open: &Selected, set: Option<&SequenceSet>) -> Started {
    if open.read_only {
        return Completion::read_only().into();
    }
    let uids = set.map(|set| set.resolve_uids(open.view.shown()));
    Started::Job(Job::Expunge(Expunge { uids }))
}

/// CLOSE of a mailbox opened by EXAMINE expunges nothing and is no error.
pub(super) fn start_close() -> Started {
    Started::Job(Job::Close(Close))
}

impl Expunge {
    pub(super) fn step(&mut self, open: &Selected, env: &Env<'_>, signal: Signal) -> Stepped {
        match signal {
            Signal::Outcome(_) => done("EXPUNGE completed"),
            _ => Ok(submit(open, env, self.uids.take())),
        }
    }
}

impl Close {
    pub(super) fn step(&self, state: &mut State, env: &Env<'_>, signal: Signal) -> Stepped {
        if let (State::Selected(open), Signal::Go) = (&*state, &signal)
            && !open.read_only
        {
            return Ok(submit(open, env, None));
        }
        state.deselect();
        done("CLOSE completed")
    }
}

fn submit(open: &Selected, env: &Env<'_>, uids: Option<UidSet>) -> Flow {
    let (account, mailbox) = (open.account(), open.mailbox());
    env.submit(Mutation::Expunge { account, mailbox, uids, only_deleted: true })
}
