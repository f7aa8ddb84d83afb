//! From a client's certificate to what is asked of the directory.
//!
//! A [`ClientCertificate`] is what is written in a certificate that others have verified. [`CertMaps`] is a
//! `certmap.conf`: maps by issuer that say where in the directory a certificate's owner is searched, and by
//! what filter. [`CertMaps::question`] puts both together to a [`Question`], whose names and values are typed:
//! what stands in a certificate can never change what is asked. Nothing here asks the directory.

mod certificate;
mod component;
mod maps;
mod question;
mod read;

pub use certificate::{ClientCertificate, UnreadableCertificate};
pub use component::Kind;
pub use maps::{CertMap, CertMaps, Component};
pub use question::{NoQuestion, Question, by_mail};
pub use read::{MAP_FILE_BYTES, MAPS_MAX, MapFault};

#[cfg(test)]
mod tests;
