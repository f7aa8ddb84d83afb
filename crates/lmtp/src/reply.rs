//! Replies: three digits, an enhanced status code (RFC 2034), a text.

use waypost_directory::Recipient;
use waypost_store::StoreError;

/// Appends a reply line.
pub(crate) fn line(output: &mut Vec<u8>, text: &str) {
    output.extend_from_slice(text.as_bytes());
    output.extend_from_slice(b"\r\n");
}

/// The reply to a delivery that the store refused.
pub(crate) const fn refused(error: &StoreError) -> &'static str {
    match error {
        StoreError::OverQuota(over) if over.is_permanent() => {
            "552 5.2.2 the message is more than the quota of this mailbox allows"
        }
        StoreError::OverQuota(_) => "452 4.2.2 the mailbox is full; try again later",
        StoreError::NoSpace => "452 4.3.1 no space left; try again later",
        StoreError::Limit(waypost_store::LimitName::MessageBytes) => TOO_LARGE,
        StoreError::Limit(_) => "452 4.2.2 a limit of this mailbox is reached; try again later",
        _ => "451 4.3.0 the message store cannot take mail now; try again later",
    }
}

/// The reply to a recipient that gets no mail here.
pub(crate) const fn not_accepted(recipient: &Recipient) -> &'static str {
    match recipient {
        Recipient::Accept { .. } => ACCEPTED,
        Recipient::Defer(_) => "450 4.2.1 this mailbox takes no mail now; try again later",
        Recipient::OtherPartition { .. } => {
            "451 4.2.0 the store of this mailbox cannot be reached here now; try again later"
        }
        Recipient::Refuse(_) => "550 5.2.1 this mailbox takes no mail",
        Recipient::UnknownUser => "550 5.1.1 no such user here",
        Recipient::UnknownDomain => "550 5.1.2 mail for this domain is not stored here",
    }
}

pub(crate) const ACCEPTED: &str = "250 2.1.5 recipient accepted";
pub(crate) const TOO_LARGE: &str = "552 5.3.4 the message is too large";
pub(crate) const TOO_MANY_RECIPIENTS: &str =
    "452 4.5.3 too many recipients; send the others in another transaction";
pub(crate) const DIRECTORY_DOWN: &str =
    "451 4.3.0 the directory cannot be asked now; try again later";
