//! The commands, one file each or for a close family: how each begins and runs.

mod answer;
mod append;
mod copy;
mod create;
mod delete;
mod enable;
mod expunge;
mod fetch;
mod getquota;
mod id;
mod idle;
mod list;
mod login;
mod namespace;
mod noop;
mod rename;
mod runs;
mod search;
mod select;
mod setquota;
mod sort;
mod status;
mod store;
mod subscribe;
mod thread;

pub(crate) use append::Append;
pub(crate) use enable::enable_condstore;
pub(crate) use id::write_id;
pub(crate) use login::{Login, Logins, login_refusal};
pub(crate) use namespace::write_namespace;

use crate::error;
use crate::flow::{Completion, Env, Flow, Signal, Stepped};
use crate::state::{Selected, State, User};
use answer::{Answer, Asked};
use waypost_imap_wire::{Command, Tag};
use waypost_store::StoreError;
use waypost_types::AccountId;

/// A command that runs in steps.
pub(crate) enum Job {
    Append(append::Append),
    Close(expunge::Close),
    Copy(copy::Copy),
    Create(create::Create),
    Delete(delete::Delete),
    Expunge(expunge::Expunge),
    Fetch(Box<fetch::Fetch>),
    GetQuota(getquota::GetQuota),
    Idle(idle::Idle),
    List(list::List),
    Login(Box<login::Login>),
    Noop(noop::Noop),
    Rename(rename::Rename),
    Search(Box<search::Search>),
    Select(select::Select),
    Sort(Box<sort::Sort>),
    Status(status::Status),
    Store(store::Store),
    Subscribe(subscribe::Subscribe),
    Thread(Box<thread::Thread>),
}

/// How a command begins.
pub(crate) enum Started {
    /// It is complete at once.
    Done(Completion),
    /// It runs in steps.
    Job(Job),
}

impl From<Completion> for Started {
    fn from(completion: Completion) -> Self {
        Self::Done(completion)
    }
}

impl Job {
    /// Whether the first step touches no store and so needs no thread that may block.
    pub(crate) const fn begins_at_once(&self) -> bool {
        matches!(self, Self::Idle(_) | Self::Login(_) | Self::Subscribe(_))
    }

    /// Whether a response is cut short, so that nothing else may be sent.
    pub(crate) fn is_mid_response(&self) -> bool {
        match self {
            Self::Fetch(job) => job.is_mid_response(),
            Self::Search(job) => job.is_mid_response(),
            Self::Sort(job) => job.is_mid_response(),
            Self::Thread(job) => job.is_mid_response(),
            _ => false,
        }
    }

    /// Whether it waits for a wake-up.
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self, Self::Idle(_))
    }

    /// One step.
    pub(crate) fn step(&mut self, state: &mut State, env: &mut Env<'_>, signal: Signal) -> Stepped {
        match self {
            Self::Login(job) => job.step(state, env, signal),
            Self::Select(job) => job.step(state, env),
            Self::Close(job) => job.step(state, env, signal),
            Self::Idle(job) => job.step(state, env, signal),
            Self::Status(job) => job.step(state, env),
            Self::Copy(job) => with_mailbox(state, |open| job.step(open, env, signal)),
            Self::Expunge(job) => with_mailbox(state, |open| job.step(open, env, signal)),
            Self::Fetch(job) => with_mailbox(state, |open| job.step(open, env, signal)),
            Self::Search(job) => with_mailbox(state, |open| job.step(open, env)),
            Self::Sort(job) => with_mailbox(state, |open| job.step(open, env)),
            Self::Store(job) => with_mailbox(state, |open| job.step(open, env, signal)),
            Self::Thread(job) => with_mailbox(state, |open| job.step(open, env)),
            Self::Append(job) => with_user(state, |user| job.step(user, env, signal)),
            Self::GetQuota(job) => with_user(state, |user| job.step(user, env, signal)),
            Self::Create(job) => with_account(state, |account| job.step(account, env, signal)),
            Self::Delete(job) => with_account(state, |account| job.step(account, env, signal)),
            Self::List(job) => with_account(state, |account| job.step(account, env)),
            Self::Rename(job) => with_account(state, |account| job.step(account, env, signal)),
            Self::Subscribe(job) => with_account(state, |account| job.step(account, env, signal)),
            Self::Noop(job) => Ok(job.step()),
        }
    }

    /// The tagged response when the store refused.
    pub(crate) fn failed(&self, failure: &StoreError) -> Completion {
        match self {
            Self::Append(_) | Self::Copy(_) => error::completion_with_try_create(failure),
            _ => error::completion_of(failure),
        }
    }
}

/// Begins a command that needs the store. The table has checked the state before.
pub(crate) fn start(command: Command, tag: &Tag, state: &mut State, env: &mut Env<'_>) -> Started {
    match command {
        Command::Create { mailbox, special_use } => create::start(mailbox, &special_use),
        Command::Delete { mailbox } => Started::Job(Job::Delete(delete::Delete::new(mailbox))),
        Command::Enable(names) => enable::start(&names, state, env).into(),
        Command::Examine { mailbox, condstore } => select::start(mailbox, true, condstore),
        Command::GetQuota { root } => getquota::start(&root),
        Command::GetQuotaRoot { mailbox } => getquota::start_root(mailbox),
        Command::Idle => Started::Job(Job::Idle(idle::Idle::default())),
        Command::List(arguments) => list::start_list(arguments),
        Command::Lsub(arguments) => list::start_lsub(arguments),
        Command::Noop => noop::start(state, "NOOP completed"),
        Command::Rename { from, to } => Started::Job(Job::Rename(rename::Rename::new(from, to))),
        Command::Select { mailbox, condstore } => select::start(mailbox, false, condstore),
        Command::SetQuota { root } => setquota::start(&root),
        Command::Status { mailbox, items } => status::start(mailbox, items),
        Command::Subscribe { mailbox } => subscribe::start(mailbox, true),
        Command::Unsubscribe { mailbox } => subscribe::start(mailbox, false),
        other => match state.selected_mut() {
            Some(open) => start_with_mailbox(other, tag, open, env),
            None => Completion::bad("Open a mailbox first").into(),
        },
    }
}

fn start_with_mailbox(
    command: Command,
    tag: &Tag,
    open: &mut Selected,
    env: &mut Env<'_>,
) -> Started {
    match command {
        Command::Check => noop::start_check(),
        Command::Close => expunge::start_close(),
        Command::Copy { uid, set, mailbox } => copy::start(open, uid, &set, mailbox, false),
        Command::Expunge => expunge::start(open, None),
        Command::Fetch { uid, set, items, changed_since } => {
            fetch::start(open, env, uid, &set, items, changed_since)
        }
        Command::Move { uid, set, mailbox } => copy::start(open, uid, &set, mailbox, true),
        Command::Search { uid, returns, criteria, .. } => {
            let answer = Answer::new(Asked::Search, uid, tag.clone(), returns);
            search::start(open, env, answer, criteria)
        }
        Command::Sort { uid, returns, order, criteria, .. } => {
            let answer = Answer::new(Asked::Sort, uid, tag.clone(), returns);
            sort::start(open, env, answer, order, criteria)
        }
        Command::Store { uid, set, unchanged_since, change } => {
            store::start(open, env, uid, &set, unchanged_since, change)
        }
        Command::Thread { uid, algorithm, criteria, .. } => {
            thread::start(open, env, uid, algorithm, criteria)
        }
        Command::UidExpunge { set } => expunge::start(open, Some(&set)),
        _ => Completion::bad("This command is not known here").into(),
    }
}

/// Runs a step that needs an open mailbox.
fn with_mailbox(state: &mut State, step: impl FnOnce(&mut Selected) -> Stepped) -> Stepped {
    match state.selected_mut() {
        Some(open) => step(open),
        None => Ok(Completion::bad("Open a mailbox first").into()),
    }
}

/// Runs a step that needs the user's account.
fn with_account(state: &State, step: impl FnOnce(AccountId) -> Stepped) -> Stepped {
    with_user(state, |user| step(user.account))
}

/// Runs a step that needs a user.
fn with_user(state: &State, step: impl FnOnce(&User) -> Stepped) -> Stepped {
    match state.user() {
        Some(user) => step(user),
        None => Ok(Completion::bad("Log in first").into()),
    }
}

/// The end of a command whose store answered with something that does not fit; nothing is known of
/// the change then.
fn unexpected(what: &'static str) -> Stepped {
    Err(StoreError::Unavailable(format!("the store gave no fitting answer to {what}")))
}

/// A flow that ends well.
fn done(text: &'static str) -> Stepped {
    Ok(Flow::Done(Completion::ok(text)))
}
