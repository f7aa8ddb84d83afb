//! How a command runs: what wakes it, what it waits for, how it ends.

use crate::workspace::Workspace;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use waypost_auth::{Authenticator, Identity, LoginFailure, SessionQuota};
use waypost_imap_wire::{Decoder, ResponseCode, Status, Writer};
use waypost_net::session::{BoxFuture, OUTPUT_STEP_BYTES};
use waypost_store::{Mutation, Outcome, Payload, Store, StoreError, Upload};
use waypost_types::Moment;

/// Room for one more response line in a step's output; a step stops before it could exceed the
/// limit of the loop.
const STEP_RESERVE_BYTES: usize = 1024;
/// A step with more output than this must end.
pub(crate) const STEP_FULL_BYTES: usize = OUTPUT_STEP_BYTES - STEP_RESERVE_BYTES;

/// What a call of the session answers.
pub enum Reply {
    /// The authenticator's answer.
    Login(Result<Identity, LoginFailure>),
    /// The store's answer to a mutation.
    Outcome(Result<Outcome, StoreError>),
    /// What the user may store.
    Quota(SessionQuota),
    /// An upload that took its chunk.
    Upload(Result<Box<dyn Upload>, StoreError>),
    /// An upload that is complete.
    Payload(Result<Box<Payload>, StoreError>),
}

/// Why a command runs its next step. Failed replies never reach a command: the dispatcher ends it.
pub(crate) enum Signal {
    /// The command begins, or the output has drained.
    Go,
    /// The authenticator's answer.
    Login(Result<Identity, LoginFailure>),
    /// The store's answer to a mutation.
    Outcome(Outcome),
    /// What the user may store.
    Quota(SessionQuota),
    /// An upload that took its chunk.
    Upload(Box<dyn Upload>),
    /// An upload that is complete.
    Payload(Box<Payload>),
    /// A raw line that the command asked for.
    Line(Vec<u8>),
    /// Bytes of the message being appended.
    Chunk(Bytes),
    /// The message being appended is complete.
    End,
    /// Something the session watches may have changed.
    Woken,
}

impl TryFrom<Reply> for Signal {
    type Error = StoreError;

    fn try_from(reply: Reply) -> Result<Self, StoreError> {
        Ok(match reply {
            Reply::Login(result) => Self::Login(result),
            Reply::Outcome(result) => Self::Outcome(result?),
            Reply::Quota(quota) => Self::Quota(quota),
            Reply::Upload(result) => Self::Upload(result?),
            Reply::Payload(result) => Self::Payload(result?),
        })
    }
}

/// What a command waits for after a step.
pub(crate) enum Flow {
    /// Goes on, on a thread that may block, when the output has drained.
    Work,
    /// Awaits a call.
    Call(BoxFuture<Reply>),
    /// Waits for the client.
    Read,
    /// The command is complete.
    Done(Completion),
    /// The connection cannot go on: a response is cut short.
    Broken(StoreError),
}

/// A step of a command; a failure of the store ends the command with the fitting reply.
pub(crate) type Stepped = Result<Flow, StoreError>;

/// The end of a command: its tagged response.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) status: Status,
    pub(crate) code: Option<ResponseCode>,
    pub(crate) text: Cow<'static, str>,
}

impl Completion {
    pub(crate) fn ok(text: &'static str) -> Self {
        Self { status: Status::Ok, code: None, text: Cow::Borrowed(text) }
    }

    pub(crate) fn no(code: ResponseCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: Some(code), text: text.into() }
    }

    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, code: None, text: text.into() }
    }

    pub(crate) fn with_code(self, code: ResponseCode) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The refusal of every change in a mailbox opened by EXAMINE.
    pub(crate) fn read_only() -> Self {
        Self::no(ResponseCode::ReadOnly, "The mailbox is open for reading only")
    }

    /// All commands together hold too much to go on with this one.
    pub(crate) fn workspace_full() -> Self {
        let text = "Too much is being sorted at the moment; try again later";
        Self::no(ResponseCode::Limit, text)
    }

    /// A sequence number beyond the mailbox.
    pub(crate) fn out_of_range() -> Self {
        Self::bad("A message sequence number is beyond the mailbox")
    }

    /// The mailbox of a command does not exist.
    pub(crate) fn no_such_mailbox() -> Self {
        Self::no(ResponseCode::NonExistent, "No such mailbox")
    }

    /// The target of a command does not exist and could be created (RFC 3501 section 6.3.11).
    pub(crate) fn try_create() -> Self {
        Self::no(ResponseCode::TryCreate, "No such mailbox; create it first")
    }
}

impl From<Completion> for Flow {
    fn from(completion: Completion) -> Self {
        Self::Done(completion)
    }
}

/// What every step may use.
pub(crate) struct Env<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) auth: &'a Authenticator,
    pub(crate) workspace: &'a Arc<Workspace>,
    pub(crate) decoder: &'a mut Decoder,
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) now: Moment,
}

impl Env<'_> {
    /// Whether the step has filled its share of output and must end.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() > STEP_FULL_BYTES
    }

    pub(crate) fn writer(&mut self) -> Writer<'_> {
        Writer::new(self.out)
    }

    /// Asks what the user of a session may store now.
    pub(crate) fn ask_quota(&self, identity: &Identity) -> Flow {
        let answer = self.auth.quota(identity);
        Flow::Call(Box::pin(async move { Reply::Quota(answer.await) }))
    }

    /// Submits a mutation whose outcome the command waits for.
    pub(crate) fn submit(&self, mutation: Mutation) -> Flow {
        let answer = self.store.submit(mutation);
        Flow::Call(Box::pin(async move { Reply::Outcome(answer.await) }))
    }
}
