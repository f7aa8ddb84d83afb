//! Numbers that name things. Each is its own type, so one can never stand where another belongs.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// An account of the store: allocated in order, never reused.
    AccountId(u32)
);
number!(
    /// A mailbox, unique in the store, allocated in order, never reused; its printed form is the
    /// permanent MAILBOXID (RFC 8474 section 4).
    MailboxId(u32)
);
number!(
    /// An email of one account: the content that several copies share (RFC 8474 section 5.1).
    EmailId(u32)
);
number!(
    /// A thread of one account, numbered by its first email (RFC 8474 section 5.2).
    ThreadId(u32)
);
number!(
    /// A stored message body; several emails of several accounts may share it.
    BlobId(u64)
);
number!(
    /// A message's unique identifier in its mailbox, 1 to 4294967295 (RFC 3501 section 2.3.1.1).
    Uid(u32)
);
number!(
    /// The unique identifier validity value of a mailbox, never 0 (RFC 3501 section 2.3.1.1).
    UidValidity(u32)
);
number!(
    /// A modification sequence: one counter per account, 63 bits (RFC 7162 section 3.1). Zero means
    /// "before every change".
    ModSeq(u64)
);

impl MailboxId {
    /// The MAILBOXID as clients see it.
    pub fn object_id(self) -> String {
        format!("M{}", self.0)
    }
}

impl EmailId {
    /// The EMAILID as clients see it; the account keeps it unique over shared mailboxes.
    pub fn object_id(self, account: AccountId) -> String {
        format!("E{}-{}", account.0, self.0)
    }
}

impl ThreadId {
    /// The THREADID as clients see it.
    pub fn object_id(self, account: AccountId) -> String {
        format!("T{}-{}", account.0, self.0)
    }
}

impl ModSeq {
    /// The next modification sequence.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
