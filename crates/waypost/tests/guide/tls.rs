//! A blocking client with TLS.

use crate::support::PATIENCE;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A connection of lines over TLS.
pub(crate) struct Tls(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Tls {
    /// Connects to a port that begins with TLS; answers with the greeting too.
    pub(crate) fn connect(port: u16, certificate: &str) -> (Self, String) {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut tls = Self::begin(stream, certificate, Strength::Any);
        let greeting = tls.line();
        (tls, greeting)
    }

    /// Says `ask` on a plain connection, which must be answered with `ready`, and begins TLS.
    pub(crate) fn upgrade(
        port: u16,
        (ask, ready): (&str, &str),
        certificate: &str,
        strength: Strength,
    ) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut plain = BufReader::new(stream);
        let mut line = String::new();
        plain.read_line(&mut line).unwrap();
        plain.get_mut().write_all(format!("{ask}\r\n").as_bytes()).unwrap();
        line.clear();
        plain.read_line(&mut line).unwrap();
        assert!(line.starts_with(ready), "{line}");
        Self::begin(plain.into_inner(), certificate, strength)
    }

    fn begin(stream: TcpStream, certificate: &str, strength: Strength) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let mut provider = default_provider();
        if strength == Strength::Bits128 {
            provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
        }
        let config = ClientConfig::builder_with_provider(Arc::new(provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(BufReader::new(StreamOwned::new(client, stream)))
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// Sends a line; answers with the next one.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.line()
    }

    /// Sends an IMAP command; answers with its lines up to the tagged one.
    pub(crate) fn command(&mut self, command: &str) -> String {
        let mut reply = self.say(&format!("t {command}"));
        while !reply.lines().last().unwrap_or_default().starts_with("t ") {
            let line = self.line();
            assert!(!line.is_empty(), "{reply}");
            reply.push_str(&line);
        }
        reply
    }
}

/// Ciphers that a client offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    Any,
    Bits128,
}
