//! The certificate of a running server, in the watcher: read when services get settings, and when its
//! files change.

use super::{CertificateFacts, DailyWarning};
use crate::settings;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use waypost_net::tls::{CERTIFICATE_POLL, CertificateFiles, TlsIdentity, TlsSettings};
use waypost_options::Config;
use waypost_types::Moment;

/// Holds the files and the last certificate in them that could be used.
#[derive(Default)]
pub(crate) struct Keeper(Mutex<State>);

#[derive(Default)]
struct State {
    files: Option<CertificateFiles>,
    good: Option<TlsIdentity>,
    warnings: DailyWarning,
}

/// A certificate to work with.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) identity: Option<TlsIdentity>,
    /// Why it is not the one that is configured.
    pub(crate) complaint: Option<String>,
}

impl Keeper {
    /// Reads the configured certificate. One that cannot be used is complained of, and the one before it
    /// goes on.
    pub(crate) fn read(&self, config: &Config) -> Kept {
        let mut state = self.lock();
        let Some(files) = settings::certificate_files(config) else {
            *state = State::default();
            return Kept::default();
        };
        let usable = files.read(settings::key_passphrase(config)).and_then(|identity| {
            TlsSettings::new(&identity, &settings::tls_policy(config)).map(|_| identity)
        });
        state.files = Some(files);
        match usable {
            Ok(identity) => {
                // What can be used for TLS can be read; if not, there is no expiry to warn of.
                state.warnings.watch(CertificateFacts::of(&identity).ok());
                state.good = Some(identity.clone());
                Kept { identity: Some(identity), complaint: None }
            }
            Err(error) => {
                let complaint = settings::certificate_failure(error).to_string();
                Kept { identity: state.good.clone(), complaint: Some(complaint) }
            }
        }
    }

    /// Looks at the files every [`CERTIFICATE_POLL`] and says when they have changed, for as long as
    /// somebody listens; and warns before the certificate expires.
    pub(crate) fn watch(self: Arc<Self>, renewals: mpsc::Sender<()>) -> io::Result<()> {
        let look = move || {
            while !renewals.is_closed() {
                std::thread::sleep(CERTIFICATE_POLL);
                if self.lock().files.as_ref().is_some_and(CertificateFiles::changed) {
                    // When one waits already, it will do.
                    let _ = renewals.try_send(());
                }
                self.warn();
            }
        };
        std::thread::Builder::new().name("certificates".to_owned()).spawn(look).map(drop)
    }

    fn warn(&self) {
        if let Some(warning) = self.lock().warnings.due(Moment::now().wall.seconds) {
            tracing::warn!("{warning}");
        }
    }

    /// Nothing that runs under the lock can panic half-way through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
