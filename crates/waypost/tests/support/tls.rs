//! A client that speaks in the clear, starts TLS, and chooses what it offers.

use super::PATIENCE;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// What a client offers and trusts.
#[derive(Clone)]
pub struct Offer {
    /// Cipher suites whose name holds this word.
    pub suites: &'static str,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub trusts: CertificateDer<'static>,
}

impl Offer {
    /// Everything, to a server with the certificate of a file.
    pub fn all(certificate: &Path) -> Self {
        let trusts = CertificateDer::from_pem_file(certificate).unwrap();
        Self { suites: "", versions: rustls::ALL_VERSIONS.to_vec(), trusts }
    }

    /// Only suites whose name holds a word.
    pub fn only(&self, suites: &'static str) -> Self {
        Self { suites, ..self.clone() }
    }

    fn config(&self) -> ClientConfig {
        let mut provider = default_provider();
        provider
            .cipher_suites
            .retain(|suite| suite.suite().as_str().is_some_and(|name| name.contains(self.suites)));
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// One connection, in the clear or not.
pub enum TlsClient {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl TlsClient {
    /// A connection in the clear that has read its greeting.
    pub fn plain(port: u16) -> (Self, String) {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self::Plain(stream);
        let greeting = client.line().unwrap();
        (client, greeting)
    }

    /// A connection that begins with TLS, and its greeting.
    pub fn ssl(port: u16, offer: &Offer) -> io::Result<(Self, String)> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = handshake(stream, offer)?;
        let greeting = client.line()?;
        Ok((client, greeting))
    }

    /// An IMAP connection after STARTTLS.
    pub fn imap(port: u16, offer: &Offer) -> io::Result<Self> {
        let (mut client, _) = Self::plain(port);
        let reply = client.imap_command("STARTTLS");
        assert!(reply.contains("t OK"), "{reply}");
        client.start_tls(offer)
    }

    /// A POP3 connection after STLS.
    pub fn pop(port: u16, offer: &Offer) -> io::Result<Self> {
        let (mut client, _) = Self::plain(port);
        let reply = client.say("STLS");
        assert!(reply.starts_with("+OK"), "{reply}");
        client.start_tls(offer)
    }

    fn start_tls(self, offer: &Offer) -> io::Result<Self> {
        match self {
            Self::Plain(stream) => handshake(stream, offer),
            Self::Tls(_) => panic!("TLS is on already"),
        }
    }

    /// A line with its end.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        // Nothing is read ahead, for TLS may begin after any line.
        while !line.ends_with(b"\n") {
            let read = match self {
                Self::Plain(stream) => stream.read(&mut byte)?,
                Self::Tls(stream) => stream.read(&mut byte)?,
            };
            if read == 0 {
                break;
            }
            line.extend_from_slice(&byte);
        }
        Ok(String::from_utf8(line).unwrap())
    }

    fn send(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        match self {
            Self::Plain(stream) => stream.write_all(line.as_bytes()),
            Self::Tls(stream) => stream.write_all(line.as_bytes()),
        }
        .unwrap();
    }

    /// Sends a line; answers with the next one.
    pub fn say(&mut self, line: &str) -> String {
        self.send(line);
        self.line().unwrap()
    }

    /// Sends an IMAP command; answers with everything up to its tagged reply.
    pub fn imap_command(&mut self, command: &str) -> String {
        self.send(&format!("t {command}"));
        self.until(|line| line.starts_with("t "))
    }

    /// What CAPA lists.
    pub fn capa(&mut self) -> String {
        self.send("CAPA");
        self.until(|line| line == ".\r\n")
    }

    fn until(&mut self, is_last: impl Fn(&str) -> bool) -> String {
        let mut reply = String::new();
        loop {
            let line = self.line().unwrap();
            reply.push_str(&line);
            if line.is_empty() || is_last(&line) {
                return reply;
            }
        }
    }
}

fn handshake(mut stream: TcpStream, offer: &Offer) -> io::Result<TlsClient> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection =
        ClientConnection::new(Arc::new(offer.config()), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(TlsClient::Tls(Box::new(StreamOwned::new(connection, stream))))
}
