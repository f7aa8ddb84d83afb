//! The settings of handshakes that begin now.

use super::{TlsError, TlsIdentity, TlsPolicy};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::sign::SingleCertAndKey;
use std::sync::{Arc, PoisonError, RwLock};

/// The TLS settings of one service, which may have none: then STARTTLS is not offered.
///
/// A handshake uses the settings that are current when it begins; established connections keep theirs.
#[derive(Debug, Default)]
pub struct TlsSettings {
    current: RwLock<Option<Arc<ServerConfig>>>,
}

impl TlsSettings {
    /// A service without TLS, until it gets an identity.
    pub fn none() -> Self {
        Self::default()
    }

    /// Settings to begin with.
    ///
    /// # Errors
    /// When certificate, key and policy cannot be used, or not together.
    pub fn new(identity: &TlsIdentity, policy: &TlsPolicy) -> Result<Self, TlsError> {
        let config = Arc::new(server_config(identity, policy)?);
        Ok(Self { current: RwLock::new(Some(config)) })
    }

    /// The settings for a handshake that begins now; `None` without a certificate.
    pub fn config(&self) -> Option<Arc<ServerConfig>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes other settings for the handshakes that begin from now on.
    ///
    /// # Errors
    /// As [`TlsSettings::new`]; the old settings stay, and the error is logged.
    pub fn replace(&self, identity: &TlsIdentity, policy: &TlsPolicy) -> Result<(), TlsError> {
        match server_config(identity, policy) {
            Ok(config) => {
                self.set(Some(Arc::new(config)));
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "certificate not taken, the settings of TLS stay");
                Err(error)
            }
        }
    }

    /// Offers no TLS from now on; established connections stay.
    pub fn clear(&self) {
        self.set(None);
    }

    fn set(&self, config: Option<Arc<ServerConfig>>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

/// Fresh settings with ticket keys of their own: a session resumed from before a change would hide the
/// new certificate from the client, and go on with a cipher that is no longer allowed.
fn server_config(identity: &TlsIdentity, policy: &TlsPolicy) -> Result<ServerConfig, TlsError> {
    let certified = identity.certified()?;
    let provider = policy.provider(certified.key.algorithm())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&policy.versions())
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ticketer = Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(config)
}
