//! Certificates of clients over real sockets: who is accepted, who is not and may stay all the same, and what
//! becomes of it when a session is resumed or the authorities change.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod common;

use common::{Client, Running, identity, start, write_certificate};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tempfile::tempdir;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use waypost_net::limits::Limits;
use waypost_net::tls::{ClientTrust, TlsError, TlsPolicy, TlsSettings};

/// An authority for certificates of clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `alice` with its key.
    fn client(&self, change: impl FnOnce(&mut CertificateParams)) -> Arc<CertifiedKey> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = time_in(100);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        certified(signed.der().clone(), &key)
    }

    fn trust(&self) -> ClientTrust {
        ClientTrust { authorities: self.pem.clone().into_bytes(), revoked: None }
    }

    /// A list that revokes certificates with these numbers.
    fn revoke(&self, serials: &[u64], next_update_days: i64) -> Vec<u8> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: time_in(next_update_days),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap().into_bytes()
    }
}

/// So many days from now.
fn time_in(days: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc() + time::Duration::days(days)
}

fn certified(der: CertificateDer<'static>, key: &KeyPair) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Arc::new(CertifiedKey::new(vec![der], any_supported_type(&key).unwrap()))
}

/// Shows one certificate whatever is asked for.
#[derive(Debug)]
struct Always(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// A server, and what clients need to know of it.
struct Site {
    _folder: tempfile::TempDir,
    identity: waypost_net::tls::TlsIdentity,
    server: CertificateDer<'static>,
    tls: Arc<TlsSettings>,
    running: Running,
}

impl Site {
    fn new(trust: Option<&ClientTrust>) -> Self {
        let folder = tempdir().unwrap();
        let server = write_certificate(folder.path());
        let identity = identity(folder.path());
        let tls = Arc::new(TlsSettings::new(&identity, &TlsPolicy::default(), trust).unwrap());
        let running = start(Limits::new(100, 4), Some(Arc::clone(&tls)), true);
        Self { _folder: folder, identity, server, tls, running }
    }

    fn trust(&self, trust: Option<&ClientTrust>) {
        self.tls.replace(&self.identity, &TlsPolicy::default(), trust).unwrap();
    }

    fn client(
        &self,
        certificate: Option<Arc<CertifiedKey>>,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.clone()).unwrap();
        let builder = ClientConfig::builder_with_protocol_versions(&[version]);
        let always = Arc::new(Always(certificate));
        Arc::new(builder.with_root_certificates(roots).with_client_cert_resolver(always))
    }

    async fn connect(
        &self,
        config: &Arc<ClientConfig>,
    ) -> std::io::Result<Client<tokio_rustls::client::TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(self.running.address).await?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Client(BufReader::new(connector.connect(name, stream).await?)))
    }

    /// What the server says of a certificate, over both versions of TLS.
    async fn verdict(&self, certificate: Option<Arc<CertifiedKey>>) -> String {
        let mut verdicts = Vec::new();
        for version in rustls::ALL_VERSIONS {
            let config = self.client(certificate.clone(), version);
            let mut client = self.connect(&config).await.expect("the handshake goes on");
            assert_eq!(client.line().await, "hello tls");
            verdicts.push(client.ask("client").await);
        }
        assert_eq!(verdicts[0], verdicts[1]);
        verdicts.remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_good_certificate_is_accepted_and_every_client_may_stay() {
    let (authority, other) = (Authority::new("clients"), Authority::new("others"));
    let site = Site::new(Some(&authority.trust()));
    assert_eq!(site.verdict(None).await, "no certificate");
    assert_eq!(site.verdict(Some(authority.client(|_| {}))).await, "accepted");
    let expired = authority.client(|params| params.not_after = date_time_ymd(2021, 1, 1));
    assert!(site.verdict(Some(expired)).await.contains("xpired"));
    let early = authority.client(|params| params.not_before = time_in(10));
    assert!(site.verdict(Some(early)).await.contains("not valid yet"));
    let of_a_server = authority.client(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(site.verdict(Some(of_a_server)).await.starts_with("refused: "));
    assert!(site.verdict(Some(other.client(|_| {}))).await.contains("no trusted authority"));
    // The same name does not make the same authority.
    let namesake = Authority::new("clients");
    assert!(site.verdict(Some(namesake.client(|_| {}))).await.starts_with("refused: "));
    let of_an_authority = authority.client(|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    assert!(site.verdict(Some(of_an_authority)).await.contains("authority's or self-signed"));
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    assert!(site.verdict(Some(certified(own.der().clone(), &key))).await.starts_with("refused: "));
    let nonsense = certified(CertificateDer::from(b"nonsense".to_vec()), &key);
    assert!(site.verdict(Some(nonsense)).await.starts_with("refused: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_authorities_no_certificate_is_asked_for() {
    let site = Site::new(None);
    let alice = Authority::new("clients").client(|_| {});
    assert_eq!(site.verdict(Some(alice)).await, "no certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_its_key_ends_the_handshake() {
    let authority = Authority::new("clients");
    let site = Site::new(Some(&authority.trust()));
    let stolen = authority.client(|_| {}).cert.clone();
    let key = PrivateKeyDer::try_from(KeyPair::generate().unwrap().serialize_der()).unwrap();
    let thief = Arc::new(CertifiedKey::new(stolen, any_supported_type(&key).unwrap()));
    for version in rustls::ALL_VERSIONS {
        let config = site.client(Some(Arc::clone(&thief)), version);
        if let Ok(mut client) = site.connect(&config).await {
            // The client of TLS 1.3 is done before the server has looked.
            assert_eq!(client.rest().await, b"");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_session_is_judged_anew() {
    let (authority, other) = (Authority::new("clients"), Authority::new("others"));
    let site = Site::new(Some(&authority.trust()));
    let alice = authority.client(|_| {});
    for version in rustls::ALL_VERSIONS {
        site.trust(Some(&authority.trust()));
        let config = site.client(Some(Arc::clone(&alice)), version);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = site.connect(&config).await.unwrap();
            assert_eq!(client.line().await, "hello tls");
            let kind = client.0.get_ref().get_ref().1.handshake_kind().unwrap();
            let kind = if kind == HandshakeKind::FullWithHelloRetryRequest {
                HandshakeKind::Full
            } else {
                kind
            };
            assert_eq!(kind, expected);
            assert_eq!(client.ask("client").await, "accepted");
            assert_eq!(client.ask("client now").await, "accepted");
            assert!(client.ask("client later").await.contains("xpired"), "a date that passes");
        }
        // A connection from before the change, and a session from before it.
        let mut early = site.connect(&config).await.unwrap();
        assert_eq!(early.line().await, "hello tls");
        site.trust(Some(&other.trust()));
        assert_eq!(early.ask("client").await, "accepted");
        assert!(early.ask("client now").await.starts_with("refused: "));
        let mut late = site.connect(&config).await.unwrap();
        assert_eq!(late.line().await, "hello tls");
        assert!(late.ask("client").await.starts_with("refused: "));
        site.trust(None);
        assert!(early.ask("client now").await.contains("no longer accepted"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_certificates_are_refused() {
    let authority = Authority::new("clients");
    let numbered = |serial: u64| {
        authority.client(|params| params.serial_number = Some(SerialNumber::from(serial)))
    };
    let with = |revoked| ClientTrust { revoked: Some(revoked), ..authority.trust() };
    let site = Site::new(Some(&with(authority.revoke(&[7, 9], 10))));
    assert_eq!(site.verdict(Some(numbered(8))).await, "accepted");
    assert!(site.verdict(Some(numbered(9))).await.contains("has revoked it"));
    // A list that nobody renews says nothing any more.
    site.trust(Some(&with(authority.revoke(&[7], -1))));
    assert!(site.verdict(Some(numbered(8))).await.contains("xpired"));
    // A list of another authority says nothing of this one's certificates.
    site.trust(Some(&with(Authority::new("others").revoke(&[8], 10))));
    assert_eq!(site.verdict(Some(numbered(8))).await, "accepted");
}

#[test]
fn what_is_no_authority_is_refused() {
    let authority = Authority::new("clients");
    let trust = |text: &[u8]| ClientTrust { authorities: text.to_vec(), revoked: None };
    for bad in
        [&b""[..], b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        assert!(matches!(trust(bad).check(), Err(TlsError::ClientAuthority(_))), "{bad:?}");
    }
    for bad in [&b""[..], b"nonsense", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"]
    {
        let trust = ClientTrust { revoked: Some(bad.to_vec()), ..authority.trust() };
        assert!(matches!(trust.check(), Err(TlsError::RevocationList(_))), "{bad:?}");
    }
    authority.trust().check().unwrap();
}
