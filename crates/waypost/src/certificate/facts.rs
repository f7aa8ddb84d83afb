//! What is written in a certificate.

use super::read_chain;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use waypost_net::tls::TlsIdentity;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The names of curves, by the object identifiers of a public key's parameters (RFC 5480 section 2.1.1.1).
const CURVES: [(&str, &str); 3] =
    [("1.2.840.10045.3.1.7", "P-256"), ("1.3.132.0.34", "P-384"), ("1.3.132.0.35", "P-521")];
/// Ed25519 (RFC 8410 section 3).
const ED25519: &str = "1.3.101.112";

/// The facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// Whom it is for.
    pub(crate) subject: String,
    /// Who has signed it.
    pub(crate) issuer: String,
    /// The host names and addresses that it is good for.
    pub(crate) names: Vec<String>,
    /// Its number among those of the issuer, in hexadecimal.
    pub(crate) serial: String,
    /// The first second of its validity, since 1970.
    pub(crate) not_before: i64,
    /// The last second of its validity.
    pub(crate) not_after: i64,
    /// The kind of its key, such as `ECDSA P-256`.
    pub(crate) key: String,
    /// The SHA-256 of the whole certificate.
    pub(crate) fingerprint: String,
    /// Whether its own key has signed it.
    pub(crate) self_signed: bool,
    /// Whether it may be used by a server; only some certificates say for what they may be used.
    pub(crate) for_servers: bool,
}

impl CertificateFacts {
    /// Reads a certificate in DER; the error says what is wrong with it.
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|e| e.to_string())?;
        let usage = parsed.extended_key_usage().map_err(|e| e.to_string())?;
        Ok(Self {
            subject: plain(&parsed.subject().to_string()),
            issuer: plain(&parsed.issuer().to_string()),
            names: names(&parsed)?,
            serial: parsed.raw_serial_as_string(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            key: key(&parsed),
            fingerprint: fingerprint(der),
            self_signed: parsed.subject() == parsed.issuer()
                && parsed.verify_signature(None).is_ok(),
            for_servers: usage.is_none_or(|usage| usage.value.server_auth || usage.value.any),
        })
    }

    /// Reads the server's own certificate of a chain.
    pub(crate) fn of(identity: &TlsIdentity) -> Result<Self, String> {
        let chain = identity.chain().map_err(|e| e.to_string())?;
        chain
            .first()
            .map_or_else(|| Err("there is no certificate".to_owned()), |der| Self::read(der))
    }

    /// Reads the server's own certificate of a file; the error names the file.
    pub(crate) fn of_file(file: &Path) -> Result<Self, String> {
        let chain = read_chain(file)?;
        let first = chain.first().map(|der| Self::read(der));
        first
            .unwrap_or_else(|| Err("no certificate".to_owned()))
            .map_err(|error| format!("{}: {error}", file.display()))
    }

    /// What people call it: its names, else its subject.
    pub(crate) fn title(&self) -> String {
        if self.names.is_empty() { self.subject.clone() } else { self.names.join(", ") }
    }
}

fn names(parsed: &X509Certificate<'_>) -> Result<Vec<String>, String> {
    let found = parsed.subject_alternative_name().map_err(|e| e.to_string())?;
    let names = found.map_or(&[][..], |found| &found.value.general_names);
    Ok(names.iter().filter_map(name).collect())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(host) => Some(plain(host)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

fn key(parsed: &X509Certificate<'_>) -> String {
    let info = parsed.public_key();
    let algorithm = info.algorithm.algorithm.to_id_string();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(_)) => {
            let parameters = info.algorithm.parameters.as_ref();
            let curve = parameters.and_then(|any| any.as_oid().ok()).map(|oid| oid.to_id_string());
            let curve = curve.unwrap_or_else(|| "unknown curve".to_owned());
            let known = CURVES.iter().find(|(id, _)| *id == curve);
            format!("ECDSA {}", known.map_or(curve.as_str(), |(_, name)| name))
        }
        _ if algorithm == ED25519 => "Ed25519".to_owned(),
        _ => format!("unknown ({algorithm})"),
    }
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = String::new();
    for (at, byte) in Sha256::digest(der).iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{byte:02X}", if at == 0 { "" } else { ":" });
    }
    text
}

/// A text from a certificate, which anybody may have made, fit for a terminal and a log.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
