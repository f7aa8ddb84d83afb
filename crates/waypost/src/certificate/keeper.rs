//! The certificate of a running server, and what certificates of clients are judged by, in the watcher: read when
//! services get settings, and when their files change.

use super::{CertificateFacts, DailyWarning};
use crate::settings;
use crate::settings::clients::{self, Clients};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use waypost_net::tls::{
    CERTIFICATE_POLL, CertificateFiles, TlsIdentity, TlsSettings, WatchedFiles,
};
use waypost_options::Config;
use waypost_types::Moment;

/// Holds the files and the last certificate in them that could be used.
#[derive(Default)]
pub(crate) struct Keeper(Mutex<State>);

#[derive(Default)]
struct State {
    files: Option<CertificateFiles>,
    good: Option<TlsIdentity>,
    /// The files that concern clients' certificates.
    client_files: WatchedFiles,
    good_clients: Clients,
    warnings: DailyWarning,
}

/// A certificate to work with.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) identity: Option<TlsIdentity>,
    /// What certificates of clients are judged by.
    pub(crate) clients: Clients,
    /// Why they are not those that are configured.
    pub(crate) complaint: Option<String>,
}

impl Keeper {
    /// Reads the configured certificate. One that cannot be used is complained of, and the one before it
    /// goes on.
    pub(crate) fn read(&self, config: &Config) -> Kept {
        let mut state = self.lock();
        let (identity, complaint) = state.read_identity(config);
        let (clients, other) = state.read_clients(config);
        let complaints: Vec<String> = [complaint, other].into_iter().flatten().collect();
        let complaint = (!complaints.is_empty()).then(|| complaints.join("; "));
        Kept { identity, clients, complaint }
    }

    /// Looks at the files every [`CERTIFICATE_POLL`] and says when they have changed, for as long as
    /// somebody listens; and warns before the certificate expires.
    pub(crate) fn watch(self: Arc<Self>, renewals: mpsc::Sender<()>) -> io::Result<()> {
        let look = move || {
            while !renewals.is_closed() {
                std::thread::sleep(CERTIFICATE_POLL);
                if self.lock().changed() {
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

impl State {
    fn changed(&self) -> bool {
        self.files.as_ref().is_some_and(CertificateFiles::changed) || self.client_files.changed()
    }

    fn read_identity(&mut self, config: &Config) -> (Option<TlsIdentity>, Option<String>) {
        let Some(files) = settings::certificate_files(config) else {
            (self.files, self.good, self.warnings) = Default::default();
            return (None, None);
        };
        let usable = files.read(settings::key_passphrase(config)).and_then(|identity| {
            TlsSettings::new(&identity, &settings::tls_policy(config), None).map(|_| identity)
        });
        self.files = Some(files);
        match usable {
            Ok(identity) => {
                // What can be used for TLS can be read; if not, there is no expiry to warn of.
                self.warnings.watch(CertificateFacts::of(&identity).ok());
                self.good = Some(identity.clone());
                (Some(identity), None)
            }
            Err(error) => {
                let complaint = settings::certificate_failure(error).to_string();
                (self.good.clone(), Some(complaint))
            }
        }
    }

    /// Authorities and maps are taken together or not at all: one may be made for the other.
    fn read_clients(&mut self, config: &Config) -> (Clients, Option<String>) {
        self.client_files = WatchedFiles::now(clients::files(config));
        match clients::read(config) {
            Ok(clients) => {
                self.good_clients = clients.clone();
                (clients, None)
            }
            Err(failure) => (self.good_clients.clone(), Some(failure.to_string())),
        }
    }
}
