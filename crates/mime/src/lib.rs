//! Message bytes to envelope, body structure, preview and part offsets; bounded depth and count.
//!
//! [`Scanner`] takes a message in chunks of any size and keeps capped header values and offsets,
//! never bodies. Its result, [`Form`], is stored beside the message: ENVELOPE, BODYSTRUCTURE and
//! preview ready to send, decoded texts for SEARCH and SORT, offsets of every part. Malformed mail
//! never fails: whatever cannot be understood is simply not in the form.

mod address;
mod collate;
mod content;
mod date;
mod decode;
mod display;
mod envelope;
mod form;
mod header;
mod html;
mod ids;
pub mod limits;
mod older;
mod out;
mod packed;
mod pieces;
mod preview;
mod scanner;
mod structure;
mod subject;
mod tree;

pub use collate::collate;
pub use date::parse_date;
pub use decode::{decode_header_text, fold_case, part_text};
pub use form::{Encoding, Form, Part, PartKind};
pub use header::{header_fields, select_fields};
pub use ids::plain_message_id;
pub use out::EightBit;
pub use packed::{FormHead, FormSortKeys, FormThreadKeys};
pub use scanner::{Parsed, Scanner, parse};
pub use subject::{BaseSubject, base_subject};
