//! Words every other crate speaks: identifiers, UID sets, flags, names, quotas, secrets, time.
//!
//! Nothing here does I/O. Constructors refuse what cannot be right, so code above never re-checks.

mod address;
mod flags;
mod id;
mod name;
mod quota;
mod secret;
mod time;
mod tls;
mod uid_set;
pub mod varint;

pub use address::network;
pub use flags::{FlagSet, Keyword, KeywordError, SystemFlag, SystemFlags};
pub use id::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid, UidValidity};
pub use name::{AccountName, MailboxName, NameError, SpecialUse};
pub use quota::{OverQuota, QuotaLimits, QuotaResource, Usage};
pub use secret::Secret;
pub use time::{Moment, Spoken, UnixTime};
pub use tls::{CIPHER_SUITES, CipherSuite, TlsVersion};
pub use uid_set::UidSet;
