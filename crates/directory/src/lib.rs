//! Users and domains: the directory contract, and the embedded directory behind it.
//!
//! The contract ([`Directory`]) carries the attribute model of the mail server's LDAP schema, so that
//! an LDAP directory fits behind it unchanged. Passwords never leave an engine: callers hand a
//! password in and get a verdict.

mod address;
pub mod conformance;
mod contract;
mod embedded;
mod hash_scheme;
mod ldif;
mod model;
mod password;
mod quota;
mod recipient;
mod store_id;

pub use address::{split_address, split_subaddress};
pub use contract::{Directory, DirectoryError, Found, PasswordVerdict};
pub use embedded::{AdminError, Attribute, EmbeddedDirectory, Imported, NewUser};
pub use ldif::{LdifEntry, LdifError, read_ldif};
pub use model::{Delivery, Domain, InetStatus, MailStatus, PARTITION, Standing, User, standing};
pub use password::{PasswordError, StoredPassword};
pub use quota::{Quota, QuotaRules, QuotaValue, UserQuota};
pub use recipient::{Recipient, resolve_recipient};
pub use store_id::{forbidden_uid, store_id};
