//! What a server proves itself with: its certificate chain and its private key.

use super::TlsError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use waypost_types::Secret;
use zeroize::Zeroize;

/// The frame of an encrypted key (RFC 7468 section 11).
const ENCRYPTED: (&str, &str) =
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----END ENCRYPTED PRIVATE KEY-----");
/// What an encrypted key of the form before PKCS #8 has below its first line (RFC 1421 section 4.6.1.1).
const OLD_ENCRYPTED: &str = "Proc-Type: 4,ENCRYPTED";

/// A certificate chain and its key in PEM form, as somebody installed them.
#[derive(Debug, Clone)]
pub struct TlsIdentity {
    /// The chain, the server's own certificate first.
    pub certificate: Vec<u8>,
    /// The private key: PKCS #8, encrypted or not, PKCS #1 or SEC 1.
    pub key: Secret<Vec<u8>>,
    /// What opens an encrypted key.
    pub passphrase: Option<Secret<String>>,
}

impl TlsIdentity {
    /// The certificates of the chain in their order.
    ///
    /// # Errors
    /// When there is none, or one is damaged.
    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let failed = |e: pem::Error| TlsError::Certificate(e.to_string());
        let read = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain: Vec<_> = Result::map_err(read, failed)?;
        if chain.is_empty() { Err(failed(pem::Error::NoItemsFound)) } else { Ok(chain) }
    }

    /// Whether a server could use it.
    ///
    /// # Errors
    /// When certificate or key is damaged, or they do not fit each other.
    pub fn check(&self) -> Result<(), TlsError> {
        self.certified().map(drop)
    }

    /// Chain and key, ready to sign.
    pub(super) fn certified(&self) -> Result<CertifiedKey, TlsError> {
        let chain = self.chain()?;
        let mut key = self.private_key()?;
        let signer = any_supported_type(&key).map_err(TlsError::Unusable);
        key.zeroize();
        let certified = CertifiedKey::new(chain, signer?);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch),
            Err(error) => Err(TlsError::Unusable(error)),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = self.key.expose();
        if find(text, OLD_ENCRYPTED).is_some() {
            return Err(TlsError::Key(
                "it is encrypted in a form that is not read; `openssl pkcs8 -topk8` converts it"
                    .to_owned(),
            ));
        }
        match encrypted_body(text) {
            Some(body) => self.decrypt(body),
            None => PrivateKeyDer::from_pem_slice(text).map_err(|e| TlsError::Key(e.to_string())),
        }
    }

    fn decrypt(&self, body: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
        let passphrase = self.passphrase.as_ref().ok_or(TlsError::KeyEncrypted)?;
        let base64: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(base64).map_err(|e| TlsError::Key(e.to_string()))?;
        let sealed = EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
            .map_err(|e| TlsError::Key(e.to_string()))?;
        let opened =
            sealed.decrypt(passphrase.expose()).map_err(|e| TlsError::Passphrase(e.to_string()))?;
        Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(opened.as_bytes().to_vec())))
    }
}

/// What stands between the lines of an encrypted key, if that is what the text holds.
fn encrypted_body(text: &[u8]) -> Option<&[u8]> {
    let (begin, end) = ENCRYPTED;
    let body = text.get(find(text, begin)? + begin.len()..)?;
    body.get(..find(body, end)?)
}

fn find(text: &[u8], word: &str) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word.as_bytes())
}
