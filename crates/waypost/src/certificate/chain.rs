//! Chains of certificates: reading one from a file, and whether each certificate has signed the one before.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use waypost_net::tls::PEM_FILE_BYTES;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Reads the certificates of a file in PEM form, at least one; the error names the file.
pub(crate) fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut text = Vec::new();
    let opened = File::open(file).map_err(|e| failed(&e))?;
    opened.take(PEM_FILE_BYTES).read_to_end(&mut text).map_err(|e| failed(&e))?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| failed(&e))?;
    if chain.is_empty() { Err(failed(&"no certificate in PEM form")) } else { Ok(chain) }
}

/// What is wrong with a chain; places count from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChainFault {
    /// The certificate at this place cannot be read.
    Damaged(usize),
    /// The certificate at this place was not signed by the next one.
    Order(usize),
    /// The certificate at this place is outside its validity.
    Validity(usize),
}

/// The first fault of a chain, at a time in seconds since 1970. The validity of the server's own
/// certificate is for others to judge.
pub(crate) fn chain_fault(chain: &[CertificateDer<'_>], now: i64) -> Option<ChainFault> {
    let mut parsed = Vec::new();
    for (at, der) in chain.iter().enumerate() {
        match X509Certificate::from_der(der) {
            Ok((_, certificate)) => parsed.push(certificate),
            Err(_) => return Some(ChainFault::Damaged(at + 1)),
        }
    }
    let unsigned = parsed.windows(2).position(|pair| !signs(&pair[1], &pair[0]));
    let outside = || {
        let valid = |certificate: &X509Certificate<'_>| {
            let validity = certificate.validity();
            (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
        };
        parsed.iter().skip(1).position(|certificate| !valid(certificate))
    };
    unsigned
        .map(|at| ChainFault::Order(at + 1))
        .or_else(|| outside().map(|at| ChainFault::Validity(at + 2)))
}

fn signs(issuer: &X509Certificate<'_>, subject: &X509Certificate<'_>) -> bool {
    subject.issuer() == issuer.subject()
        && subject.verify_signature(Some(issuer.public_key())).is_ok()
}
