//! The message store contract. Protocol services know only this crate, never an engine.
//!
//! - Reading: a [`Snapshot`] is one consistent state; it lives inside one step and is never held
//!   while a socket is waited for.
//! - Writing: a [`Mutation`] is a value; [`Store::submit`] answers when it is on stable storage.
//! - Following: a [`View`] is what one session has shown its client; it advances only by
//!   [`View::catch_up`], computed from the store. Wake-ups ([`Store::watch`]) carry no content:
//!   one that is lost, late or doubled changes nothing.
//! - Noting: [`Store::note_access`] keeps when an account was last logged in to; nobody waits for it.

mod access;
pub mod conformance;
mod error;
pub mod model;
mod mutation;
mod page;
mod read;
mod value;
mod view;

pub use access::{Access, AccessKind, AccessService, AccessTimes, LastAccess};
pub use error::{LimitName, StoreError};
pub use mutation::{
    Append, Content, Copied, Deliver, Delivered, FlagAction, Mutation, Outcome, Payload, Recipient,
    UploadId,
};
pub use page::{Bits512, KeywordId, MessageState, Modseqs, PAGE_UIDS, StatePage};
pub use read::{Body, BoxFuture, Emails, SingleEmails, Snapshot, Store, Upload, Wake, Watch};
pub use value::{
    Account, Change, ChangeKind, Changes, Counters, EmailRow, Mailbox, MessageRow, limits,
};
pub use view::{Announcement, View};
