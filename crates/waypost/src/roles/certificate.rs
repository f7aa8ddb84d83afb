//! The certificate of a service process, as its watcher hands it over.

use crate::handover::Handover;
use crate::settings;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use waypost_net::tls::{ClientTrust, TlsError, TlsIdentity, TlsPolicy, TlsSettings};

/// Tells one identity from another; the identity itself is not kept, for the key is in it.
type Digest = [u8; 32];

/// The settings of TLS, and what they were made from.
#[derive(Default)]
pub(super) struct Certificate {
    tls: Arc<TlsSettings>,
    /// The digest of the identity, the policy, and whose clients are trusted.
    made_from: Mutex<Option<(Digest, TlsPolicy, Option<ClientTrust>)>>,
}

impl Certificate {
    /// The settings, which change when this does.
    pub(super) fn tls(&self) -> Arc<TlsSettings> {
        Arc::clone(&self.tls)
    }

    /// Takes in what was handed over; without an identity, or where the service may not use TLS, there is
    /// none from now on. Nothing is made anew that stays the same: clients resume their sessions.
    ///
    /// # Errors
    /// When the identity cannot be used; the old one stays, and the error is logged.
    pub(super) fn take(&self, handover: &Handover, uses_tls: bool) -> Result<(), TlsError> {
        let mut made_from = self.made_from.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(identity) = handover.identity.as_ref().filter(|_| uses_tls) else {
            self.tls.clear();
            *made_from = None;
            return Ok(());
        };
        let policy = settings::tls_policy(&handover.config);
        let digest = digest(identity);
        let from = (digest, policy, handover.trust.clone());
        if made_from.as_ref() != Some(&from) {
            self.tls.replace(identity, &from.1, from.2.as_ref())?;
            if made_from.replace(from).is_some() {
                tracing::info!("certificate reloaded");
            }
        }
        Ok(())
    }
}

fn digest(identity: &TlsIdentity) -> Digest {
    let mut hash = Sha256::new();
    // The length keeps the two apart.
    hash.update(identity.certificate.len().to_le_bytes());
    hash.update(&identity.certificate);
    hash.update(identity.key.expose());
    hash.finalize().into()
}
