//! What is to be said of a certificate and its key.

use crate::certificate::{CertificateFacts, ChainFault, Pair, Validity, chain_fault, day, warning};
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, ServerName};
use std::os::unix::fs::PermissionsExt;
use waypost_net::tls::TlsIdentity;

/// Permissions of a key that let everybody read or change it, or its group change it.
const TOO_OPEN: u32 = 0o027;
/// The permission of the group to read a key, as systems have that share keys among services.
const GROUP_READ: u32 = 0o040;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    Good,
    Warning,
    Bad,
}

impl Grade {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    pub(super) text: String,
}

fn good(text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Good, text: text.into() }
}

fn so_so(text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Warning, text: text.into() }
}

fn bad(text: impl Into<String>) -> Finding {
    Finding { grade: Grade::Bad, text: text.into() }
}

/// Whether clients will find their server's name.
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    /// How bad it is if they do not: clients may know the server by another name than its own.
    pub(super) otherwise: Grade,
}

/// Everything that can be said without knowing where the files are.
pub(super) fn of_identity(identity: &TlsIdentity, host: &Host<'_>, now: i64) -> Vec<Finding> {
    let chain = match identity.chain() {
        Ok(chain) => chain,
        Err(error) => return vec![bad(error.to_string())],
    };
    let facts = match chain.first().map(|first| CertificateFacts::read(first)) {
        Some(Ok(facts)) => facts,
        Some(Err(error)) => return vec![bad(format!("the certificate cannot be read: {error}"))],
        None => return vec![bad("there is no certificate")],
    };
    vec![
        key(identity, &facts),
        validity(&facts, now),
        names(&chain, &facts, host),
        usage(&facts),
        order(&chain, &facts, now),
    ]
}

fn key(identity: &TlsIdentity, facts: &CertificateFacts) -> Finding {
    match identity.check() {
        Ok(()) => good(format!("the key fits the certificate ({})", facts.key)),
        Err(error) => bad(error.to_string()),
    }
}

fn validity(facts: &CertificateFacts, now: i64) -> Finding {
    let told = warning(facts, now);
    match (Validity::at(facts, now), told) {
        (Validity::Ending(_), Some(told)) => so_so(told),
        (_, Some(told)) => bad(told),
        (_, None) => {
            good(format!("valid to {} ({})", day(facts.not_after), super::show::left(facts, now)))
        }
    }
}

fn names(chain: &[CertificateDer<'_>], facts: &CertificateFacts, host: &Host<'_>) -> Finding {
    let name = host.name;
    if chain.first().is_some_and(|first| is_named(first, name)) {
        return good(format!("good for {name}"));
    }
    let names = if facts.names.is_empty() { "no name" } else { &facts.title() };
    let text = format!("not good for {name}, which clients would refuse; it is good for {names}");
    Finding { grade: host.otherwise, text }
}

fn is_named(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(server) = ServerName::try_from(name) else { return false };
    let parsed = ParsedCertificate::try_from(certificate);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, &server).is_ok())
}

fn usage(facts: &CertificateFacts) -> Finding {
    if facts.for_servers {
        good("may be used by servers")
    } else {
        bad("its extended key usage does not allow servers to use it")
    }
}

fn order(chain: &[CertificateDer<'_>], facts: &CertificateFacts, now: i64) -> Finding {
    match chain_fault(chain, now) {
        Some(ChainFault::Damaged(at)) => bad(format!("certificate {at} of the chain is damaged")),
        Some(ChainFault::Order(at)) => bad(format!(
            "certificate {at} of the chain is not signed by the next one; the server's own comes \
             first, then each one's issuer"
        )),
        Some(ChainFault::Validity(at)) => {
            bad(format!("certificate {at} of the chain is outside its validity"))
        }
        None if facts.self_signed => good("self-signed: clients must be told to trust it"),
        None => good(format!("a chain of {}, in order; issuer {}", chain.len(), facts.issuer)),
    }
}

/// Who may read the key's file.
pub(super) fn of_key_file(pair: &Pair) -> Finding {
    let path = pair.key.display();
    let mode = match std::fs::metadata(&pair.key) {
        Ok(found) => found.permissions().mode() & 0o777,
        Err(error) => return bad(format!("{path}: {error}")),
    };
    if mode & TOO_OPEN != 0 {
        bad(format!("{path} has the permissions {mode:o}; `chmod 600 {path}` closes it"))
    } else if mode & GROUP_READ != 0 {
        good(format!("{path} can be read by its owner and its group ({mode:o})"))
    } else {
        good(format!("{path} can be read by its owner only ({mode:o})"))
    }
}
