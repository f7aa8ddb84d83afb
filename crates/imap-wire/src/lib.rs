//! IMAP types and codec: commands in, responses out, literals and turn-taking; no I/O.
//!
//! [`Decoder`] turns received bytes into [`Frame`]s, [`Writer`] appends responses to a buffer.
//! Modified UTF-7 exists only here: names leave this crate as UTF-8
//! [`MailboxName`](waypost_types::MailboxName).

mod command;
mod date;
mod decoder;
mod fetch;
mod limits;
mod list_pattern;
mod literal;
pub mod mutf7;
mod parse;
mod response;
mod response_code;
mod sasl;
mod search;
mod sequence;
mod sort;
mod text;

pub use command::{
    Command, FlagChange, FlagChangeKind, ListArguments, MailboxAttribute, StatusItem, Tag, Tagged,
};
pub use date::{Day, write_internal_date};
pub use decoder::{AppendStart, Decoder, Frame, Refusal};
pub use fetch::{FetchItem, Partial, Section, SectionText};
pub use limits::Limits;
pub use list_pattern::ListPattern;
pub use response::{FetchWriter, ListKind, NamespaceEntry, Status, Writer};
pub use response_code::ResponseCode;
pub use sasl::{SaslLine, decode_sasl};
pub use search::{Charset, ModSeqScope, ObjectId, SearchKey};
pub use sequence::{OutOfRange, SequenceRange, SequenceSet};
pub use sort::{ReturnOptions, SortCriterion, SortKey, ThreadAlgorithm};
pub use text::{push_astring, push_mailbox, push_nstring, push_number, push_string};
