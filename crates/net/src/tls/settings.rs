//! The settings of handshakes that begin now.

use super::clients::Authorities;
use super::{ClientTrust, TlsError, TlsIdentity, TlsPolicy};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::sign::SingleCertAndKey;
use std::sync::{Arc, PoisonError, RwLock};

/// The TLS settings of one service, which may have none: then STARTTLS is not offered.
///
/// A handshake uses the settings that are current when it begins; established connections keep theirs.
#[derive(Debug, Default)]
pub struct TlsSettings {
    current: RwLock<Option<Current>>,
}

/// What handshakes begin with, and what their clients are judged by.
#[derive(Debug, Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// `None` asks clients for no certificate.
    authorities: Option<Arc<Authorities>>,
}

impl TlsSettings {
    /// A service without TLS, until it gets an identity.
    pub fn none() -> Self {
        Self::default()
    }

    /// Settings to begin with; with `clients`, certificates are asked for.
    ///
    /// # Errors
    /// When certificate, key, policy and authorities cannot be used, or not together.
    pub fn new(
        identity: &TlsIdentity,
        policy: &TlsPolicy,
        clients: Option<&ClientTrust>,
    ) -> Result<Self, TlsError> {
        let current = current(identity, policy, clients)?;
        Ok(Self { current: RwLock::new(Some(current)) })
    }

    /// The settings for a handshake that begins now; `None` without a certificate.
    pub fn config(&self) -> Option<Arc<ServerConfig>> {
        self.read().map(|current| current.config)
    }

    /// What certificates of clients are judged by now.
    pub(super) fn authorities(&self) -> Option<Arc<Authorities>> {
        self.read()?.authorities
    }

    fn read(&self) -> Option<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes other settings for the handshakes that begin from now on.
    ///
    /// # Errors
    /// As [`TlsSettings::new`]; the old settings stay, and the error is logged.
    pub fn replace(
        &self,
        identity: &TlsIdentity,
        policy: &TlsPolicy,
        clients: Option<&ClientTrust>,
    ) -> Result<(), TlsError> {
        match current(identity, policy, clients) {
            Ok(current) => {
                self.set(Some(current));
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

    fn set(&self, current: Option<Current>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }
}

/// Fresh settings with ticket keys of their own: a session resumed from before a change would hide the
/// new certificate from the client, go on with a cipher that is no longer allowed, or show no certificate
/// of its own where one is asked for now.
fn current(
    identity: &TlsIdentity,
    policy: &TlsPolicy,
    clients: Option<&ClientTrust>,
) -> Result<Current, TlsError> {
    let certified = identity.certified()?;
    let provider = policy.provider(certified.key.algorithm())?;
    let authorities = clients.map(|trust| Authorities::new(trust, &provider)).transpose()?;
    let authorities = authorities.map(Arc::new);
    let builder = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&policy.versions())
        .map_err(TlsError::Unusable)?;
    let builder = match &authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let asking: Arc<Authorities> = Arc::clone(authorities);
            builder.with_client_cert_verifier(asking)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ticketer = Ticketer::new().map_err(TlsError::Unusable)?;
    Ok(Current { config: Arc::new(config), authorities })
}
