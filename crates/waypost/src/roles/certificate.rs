//! The certificate of a service process: read at the start, on a refresh, and when its files change.

use crate::certificate::{CertificateFacts, DailyWarning};
use crate::failure::Failure;
use crate::settings;
use std::sync::{Arc, Mutex, PoisonError};
use waypost_net::tls::{CERTIFICATE_POLL, CertificateFiles, TlsError, TlsPolicy, TlsSettings};
use waypost_options::Config;
use waypost_types::{Moment, Secret};

/// What may be behind a file that cannot be read.
const CONFINED: &str = "; a process reads only folders that its options named when it started: for \
                        another one, stop and start the service";

/// The settings of TLS, and where they come from.
pub(super) struct Certificate {
    tls: Arc<TlsSettings>,
    source: Mutex<Source>,
}

/// What the options say.
struct Source {
    files: Option<CertificateFiles>,
    passphrase: Option<Secret<String>>,
    policy: TlsPolicy,
    warnings: DailyWarning,
}

impl Certificate {
    /// Reads the certificate that a service uses, if it may use TLS; one that cannot be used is a failure.
    pub(super) fn load(config: &Config, uses_tls: bool) -> Result<Self, Failure> {
        let mut source = Source::new(config, uses_tls);
        let tls = Arc::new(TlsSettings::none());
        source.apply(&tls).map_err(settings::certificate_failure)?;
        let source = Mutex::new(source);
        Ok(Self { tls, source })
    }

    /// The settings, which change when this does.
    pub(super) fn tls(&self) -> Arc<TlsSettings> {
        Arc::clone(&self.tls)
    }

    /// Takes in changed options; whether their certificate can be used. Otherwise the old one stays.
    pub(super) fn reconfigure(&self, config: &Config, uses_tls: bool) -> bool {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        *source = Source::new(config, uses_tls);
        source.reload(&self.tls)
    }

    /// Reads the files now, changed or not; whether they can be used.
    pub(super) fn reload(&self) -> bool {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).reload(&self.tls)
    }

    /// Looks at the files every [`CERTIFICATE_POLL`] for as long as the process lives.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CERTIFICATE_POLL).await;
            let certificate = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || certificate.look()).await.is_err() {
                tracing::error!("looking for a new certificate failed");
            }
        }
    }

    fn look(&self) {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if source.files.as_ref().is_some_and(CertificateFiles::changed) {
            // Already logged; between two renames the pair does not fit, the next look repairs it.
            let _ = source.reload(&self.tls);
        }
        source.warn();
    }
}

impl Source {
    fn new(config: &Config, uses_tls: bool) -> Self {
        Self {
            files: settings::certificate_files(config).filter(|_| uses_tls),
            passphrase: settings::key_passphrase(config),
            policy: settings::tls_policy(config),
            warnings: DailyWarning::default(),
        }
    }

    fn reload(&mut self, tls: &TlsSettings) -> bool {
        match self.apply(tls) {
            Ok(()) => {
                if let Some(files) = &self.files {
                    let certificate = files.certificate().display();
                    tracing::info!(%certificate, "certificate reloaded");
                }
                true
            }
            Err(error) => {
                let hint = if is_denied(&error) { CONFINED } else { "" };
                tracing::error!(%error, "certificate not reloaded, the old one stays{hint}");
                false
            }
        }
    }

    /// Reads the files and puts them in force; without files there is no TLS.
    fn apply(&mut self, tls: &TlsSettings) -> Result<(), TlsError> {
        let Some(files) = &self.files else {
            tls.clear();
            return Ok(());
        };
        let identity = files.read(self.passphrase.clone())?;
        tls.replace(&identity, &self.policy)?;
        // What can be used for TLS can be read; if not, there is no expiry to warn of.
        self.warnings.watch(CertificateFacts::of(&identity).ok());
        self.warn();
        Ok(())
    }

    fn warn(&mut self) {
        if let Some(warning) = self.warnings.due(Moment::now().wall.seconds) {
            tracing::warn!("{warning}");
        }
    }
}

fn is_denied(error: &TlsError) -> bool {
    matches!(error, TlsError::Read(_, error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}
