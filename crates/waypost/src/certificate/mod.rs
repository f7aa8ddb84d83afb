//! Certificates: reading what is in them, judging them, making them, and putting them in place.

mod chain;
mod expiry;
mod facts;
mod issue;
mod keeper;
mod place;

pub(crate) use chain::{ChainFault, chain_fault, read_chain};
pub(crate) use expiry::{DailyWarning, Validity, count, day, warning};
pub(crate) use facts::CertificateFacts;
pub(crate) use issue::{SelfSigned, self_signed, server_params};
pub(crate) use keeper::{Keeper, Kept};
pub(crate) use place::{Pair, write_private};
