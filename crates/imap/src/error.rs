//! What a client is told about a failure of the store. The details go to the log only.

use crate::flow::Completion;
use std::borrow::Cow;
use tracing::{debug, error, info, warn};
use waypost_imap_wire::ResponseCode;
use waypost_store::StoreError;
use waypost_types::{OverQuota, QuotaResource};

/// The tagged response for a failure.
pub(crate) fn completion_of(failure: &StoreError) -> Completion {
    let (code, text): (ResponseCode, Cow<'static, str>) = match failure {
        StoreError::NoSuchAccount => {
            (ResponseCode::ContactAdmin, "This account no longer exists".into())
        }
        StoreError::NoSuchMailbox => (ResponseCode::NonExistent, "No such mailbox".into()),
        StoreError::MailboxExists => (ResponseCode::AlreadyExists, "The name is taken".into()),
        StoreError::NotPermitted(_) => {
            (ResponseCode::Cannot, "This operation is not possible".into())
        }
        StoreError::BadName => {
            (ResponseCode::Cannot, "A resulting mailbox name would be too long or too deep".into())
        }
        StoreError::Limit(limit) => (ResponseCode::Limit, limit.text().into()),
        StoreError::OverQuota(over) => (ResponseCode::OverQuota, over_quota(over).into()),
        StoreError::NoSpace => {
            (ResponseCode::Unavailable, "The server has no space left; nothing was changed".into())
        }
        StoreError::Unavailable(_) => {
            (ResponseCode::Unavailable, "The mail store does not answer; try again later".into())
        }
        StoreError::Corrupt(_) => (
            ResponseCode::Corruption,
            "Stored data is damaged; the administrator can see which".into(),
        ),
        StoreError::Io(_) => {
            (ResponseCode::ServerBug, "The mail store failed; the administrator can see why".into())
        }
    };
    Completion::no(code, text)
}

/// What to do about a full mailbox.
const fn over_quota(over: &OverQuota) -> &'static str {
    match (over.is_permanent(), over.resource) {
        (true, _) => "This is more than your whole quota allows",
        (false, QuotaResource::Storage) => "Your mailboxes are full; delete some messages first",
        (false, QuotaResource::Message) => {
            "Your mailboxes hold too many messages; delete some first"
        }
    }
}

/// The same, with the hint to create the mailbox when that would help (RFC 3501 section 6.3.11).
pub(crate) fn completion_with_try_create(failure: &StoreError) -> Completion {
    match failure {
        StoreError::NoSuchMailbox => {
            Completion::no(ResponseCode::TryCreate, "No such mailbox; create it first")
        }
        other => completion_of(other),
    }
}

/// Where a failure happened, for the log.
pub(crate) struct Place<'a> {
    pub(crate) session: u64,
    pub(crate) user: &'a str,
    pub(crate) mailbox: &'a str,
    pub(crate) command: &'static str,
}

/// Writes a failure to the log: loudly what an administrator must mend, quietly what a client did.
pub(crate) fn log(failure: &StoreError, place: &Place<'_>) {
    let Place { session, user, mailbox, command } = place;
    match failure {
        StoreError::Corrupt(_) | StoreError::Io(_) | StoreError::NoSpace => {
            error!(session, user, mailbox, command, cause = %failure, "command failed");
        }
        StoreError::Unavailable(_) | StoreError::NoSuchAccount => {
            warn!(session, user, mailbox, command, cause = %failure, "command failed");
        }
        StoreError::OverQuota(_) => {
            info!(session, user, mailbox, command, cause = %failure, "command refused");
        }
        _ => debug!(session, user, mailbox, command, cause = %failure, "command refused"),
    }
}
