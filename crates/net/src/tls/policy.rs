//! Which TLS versions and cipher suites are allowed, and how strong an established layer is.

use super::{ShownCertificate, TlsError, TlsSettings};
use crate::session::{ClientFacts, TlsFacts};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConnection, SupportedProtocolVersion};
use std::sync::Arc;
use waypost_types::{CIPHER_SUITES, CipherSuite, Moment, TlsVersion};

/// What a client may negotiate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPolicy {
    /// The oldest version that is accepted.
    pub min_version: TlsVersion,
    /// The cipher suites that are accepted.
    pub suites: Vec<&'static CipherSuite>,
}

/// Everything that is safe.
impl Default for TlsPolicy {
    fn default() -> Self {
        Self { min_version: TlsVersion::Tls12, suites: CIPHER_SUITES.iter().collect() }
    }
}

impl TlsPolicy {
    /// The allowed versions that have a suite.
    pub(super) fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let has_suite = |version| self.suites.iter().any(|suite| suite.version == version);
        let allowed = TlsVersion::ALL.into_iter().filter(|v| *v >= self.min_version);
        let rustls = |version| match version {
            TlsVersion::Tls12 => &TLS12,
            TlsVersion::Tls13 => &TLS13,
        };
        allowed.filter(|v| has_suite(*v)).map(rustls).collect()
    }

    /// The provider with the allowed suites only; refused when none of them works with this signer.
    pub(super) fn provider(
        &self,
        algorithm: rustls::SignatureAlgorithm,
    ) -> Result<CryptoProvider, TlsError> {
        let mut provider = default_provider();
        let allowed = |number| {
            self.suites.iter().any(|s| s.number == number && s.version >= self.min_version)
        };
        provider.cipher_suites.retain(|suite| {
            allowed(u16::from(suite.suite())) && suite.usable_for_signature_algorithm(algorithm)
        });
        if provider.cipher_suites.is_empty() { Err(TlsError::NoCipherSuite) } else { Ok(provider) }
    }
}

/// The facts of a finished handshake. A suite that is not known here counts as having no key, so that a
/// policy on strength errs on the safe side.
pub(crate) fn facts(connection: &ServerConnection, settings: &Arc<TlsSettings>) -> TlsFacts {
    let suite = connection.negotiated_cipher_suite();
    let known = suite.and_then(|suite| CipherSuite::numbered(u16::from(suite.suite())));
    let client = ShownCertificate::of(connection, settings).map(|certificate| {
        let verdict = certificate.judge(Moment::now().wall.seconds);
        ClientFacts { certificate, verdict }
    });
    TlsFacts { cipher_bits: known.map_or(0, |suite| suite.key_bits), client }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_suites_is_what_the_library_speaks() {
        let numbers =
            |suites: Vec<u16>| suites.into_iter().collect::<std::collections::BTreeSet<_>>();
        let provider = default_provider();
        let spoken = provider.cipher_suites.iter().map(|s| u16::from(s.suite())).collect();
        let listed = CIPHER_SUITES.iter().map(|suite| suite.number).collect();
        assert_eq!(numbers(listed), numbers(spoken));
        for suite in &provider.cipher_suites {
            let known = CipherSuite::numbered(u16::from(suite.suite())).unwrap();
            assert_eq!(suite.tls13().is_some(), known.version == TlsVersion::Tls13);
            let name = suite.suite().as_str().unwrap().replace("TLS13_", "TLS_");
            assert_eq!(known.name, name);
            let bits = if known.name.contains("AES_128") { 128 } else { 256 };
            assert_eq!(known.key_bits, bits);
        }
    }
}
