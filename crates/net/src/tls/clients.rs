//! Certificates of clients: asked for, proven, and judged apart from the handshake.
//!
//! A client without a certificate, or with one that is not accepted, may still log in by password. So the
//! handshake checks only that the client holds the key of what it shows; whether an authority stands behind
//! it is judged afterwards, with the settings of that moment. A resumed session, whose handshake shows no
//! certificate again, is judged in the same way: neither an authority that was removed nor a date that has
//! passed is forgotten.

use super::{TlsError, TlsSettings};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    ServerConnection, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The most certificates that a client may show, its own included.
const CHAIN_MAX: usize = 8;
/// The most bytes of them that are kept for a session; chains of people have a few thousand.
const CHAIN_BYTES_MAX: usize = 32 * 1024;
/// The most bytes of authorities' names that clients are told, so that they choose a certificate that fits;
/// with more, they are told none and choose themselves.
const HINT_BYTES_MAX: usize = 16 * 1024;

/// Whose certificates of clients are trusted, in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTrust {
    /// The authorities, apart from those of servers.
    pub authorities: Vec<u8>,
    /// Their lists of revoked certificates.
    pub revoked: Option<Vec<u8>>,
}

impl ClientTrust {
    /// Whether a server could use it.
    ///
    /// # Errors
    /// When there is no authority, or something is damaged.
    pub fn check(&self) -> Result<(), TlsError> {
        Authorities::new(self, &rustls::crypto::aws_lc_rs::default_provider()).map(drop)
    }

    /// The certificates of the authorities.
    ///
    /// # Errors
    /// When there is none, or one is damaged.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read = CertificateDer::pem_slice_iter(&self.authorities).collect();
        let all: Vec<_> =
            Result::map_err(read, |error: rustls_pki_types::pem::Error| authority(error))?;
        if all.is_empty() { Err(authority("no certificate in PEM form")) } else { Ok(all) }
    }

    /// What is wrong with the chain of a client, its own certificate first, at a time in seconds since 1970.
    ///
    /// # Errors
    /// When the trust itself cannot be used.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        now: i64,
    ) -> Result<Result<(), String>, TlsError> {
        let authorities = Authorities::new(self, &rustls::crypto::aws_lc_rs::default_provider())?;
        Ok(authorities.judge(chain, now))
    }

    fn lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        let Some(text) = &self.revoked else { return Ok(Vec::new()) };
        let read = CertificateRevocationListDer::pem_slice_iter(text).collect();
        let all: Vec<_> = Result::map_err(read, |error: rustls_pki_types::pem::Error| list(error))?;
        if all.is_empty() { Err(list("no list in PEM form")) } else { Ok(all) }
    }
}

fn authority(why: impl fmt::Display) -> TlsError {
    TlsError::ClientAuthority(why.to_string())
}

fn list(why: impl fmt::Display) -> TlsError {
    TlsError::RevocationList(why.to_string())
}

/// [`ClientTrust`], ready to judge.
#[derive(Debug)]
pub(super) struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Authorities {
    pub(super) fn new(trust: &ClientTrust, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for (at, certificate) in trust.certificates()?.into_iter().enumerate() {
            let added = roots.add(certificate);
            added.map_err(|error| authority(format_args!("certificate {}: {error}", at + 1)))?;
        }
        let mut hints = roots.subjects();
        if hints.iter().map(|name| name.as_ref().len()).sum::<usize>() > HINT_BYTES_MAX {
            hints.clear();
        }
        let provider = Arc::new(provider.clone());
        let algorithms = provider.signature_verification_algorithms;
        // A list need not be there for every authority, but one that is there must be of today.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls(trust.lists()?)
            .allow_unknown_revocation_status()
            .enforce_revocation_expiration()
            .build()
            .map_err(list)?;
        Ok(Self { verifier, hints, algorithms })
    }

    /// What is wrong with a chain, if anything: signatures, validity, purpose, revocation.
    fn judge(&self, chain: &[CertificateDer<'_>], now: i64) -> Result<(), String> {
        let (own, between) = chain.split_first().ok_or("it is too large")?;
        let seconds = u64::try_from(now).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let verified = self.verifier.verify_client_cert(own, between, now);
        verified.map(drop).map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                "no trusted authority has issued it (base.sslclientcafile)".to_owned()
            }
            Error::InvalidCertificate(CertificateError::Revoked) => {
                "its authority has revoked it (base.sslclientcrlfile)".to_owned()
            }
            Error::InvalidCertificate(CertificateError::Other(cause)) => other_fault(&cause),
            Error::InvalidCertificate(fault) => fault.to_string(),
            other => other.to_string(),
        })
    }
}

/// Names a fault that has no name of its own among TLS errors, as a self-signed certificate has not: most tools make
/// it one of an authority.
fn other_fault(cause: &OtherError) -> String {
    match cause.to_string().as_str() {
        "CaUsedAsEndEntity" => "it is an authority's or self-signed, not a client's".to_owned(),
        name => format!("it cannot be used: {name}"),
    }
}

/// Asks for a certificate and checks no more than that the client holds its key.
impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if is_unreadable(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A certificate of a form that is not read, such as version 1: there is no key to check a signature with. It
/// must not keep its owner from logging in by password, and it is never accepted, for [`Authorities::judge`]
/// reads it by the same code.
fn is_unreadable(certificate: &CertificateDer<'_>) -> bool {
    ParsedCertificate::try_from(certificate).is_err()
}

/// What is wrong with a chain at a time in seconds since 1970.
type Judge = dyn Fn(&[CertificateDer<'static>], i64) -> Result<(), String> + Send + Sync;

/// A certificate that a client has shown and whose key it holds.
#[derive(Clone)]
pub struct ShownCertificate(Arc<Shown>);

struct Shown {
    /// Empty when it was too large to be kept.
    chain: Vec<CertificateDer<'static>>,
    judge: Box<Judge>,
}

impl fmt::Debug for ShownCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShownCertificate({} bytes)", self.der().len())
    }
}

impl ShownCertificate {
    /// A certificate with those that lead to its authority, judged by `judge`, which says what is wrong with
    /// them at a time in seconds since 1970.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        judge: impl Fn(&[CertificateDer<'static>], i64) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shown { chain, judge: Box::new(judge) }))
    }

    /// What the client of this connection has shown, judged by what `settings` are whenever it is asked.
    pub(super) fn of(connection: &ServerConnection, settings: &Arc<TlsSettings>) -> Option<Self> {
        let shown = connection.peer_certificates().filter(|chain| !chain.is_empty())?;
        let bytes = shown.iter().map(|certificate| certificate.len()).sum::<usize>();
        let fits = shown.len() <= CHAIN_MAX && bytes <= CHAIN_BYTES_MAX;
        let kept = if fits { shown } else { &[] };
        let chain = kept.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let settings = Arc::clone(settings);
        Some(Self::new(chain, move |chain, now| match settings.authorities() {
            Some(authorities) => authorities.judge(chain, now),
            None => Err("certificates of clients are no longer accepted".to_owned()),
        }))
    }

    /// The client's own certificate in DER; empty when it was too large to be kept.
    pub fn der(&self) -> &[u8] {
        self.0.chain.first().map_or(&[], |own| own.as_ref())
    }

    /// Whether it is accepted at a time in seconds since 1970, by the settings of now; else why not.
    ///
    /// # Errors
    /// A reason for the log.
    pub fn judge(&self, now: i64) -> Result<(), String> {
        (self.0.judge)(&self.0.chain, now)
    }
}
