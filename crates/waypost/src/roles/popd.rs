//! The POP3 process.

use super::worker::{Built, Parts, Role, run as run_worker};
use crate::failure::{Context, Failure};
use crate::handover::Handover;
use crate::settings;
use std::sync::{Arc, PoisonError, RwLock};
use waypost_auth::Authenticator;
use waypost_options::POP_SSLUSESSL;
use waypost_pop3::{Pop3Service, SharedConfig};
use waypost_store::AccessService;

const ROLE: Role = Role {
    name: "popd",
    limits: settings::pop_limits,
    filters: settings::pop_filters,
    tls: |config| config.read(&POP_SSLUSESSL),
    watches: true,
    access: Some(AccessService::Pop),
    shows_users: |_| true,
    threads: |cores| cores,
};

/// Runs until the watcher ends it.
pub(crate) fn run() -> Result<(), Failure> {
    run_worker(&ROLE, build)
}

fn build(parts: &Parts) -> Result<Built<Pop3Service>, Failure> {
    let config = settings::auth(&parts.config, parts.cert_maps.clone());
    let auth = Authenticator::new(Arc::clone(&parts.directory), config);
    let auth = auth.context("cannot check logins")?;
    let counters = Arc::clone(&parts.counters);
    auth.observe(move |good| counters.login(good));
    auth.ask_names(Arc::clone(&parts.names));
    let shared: SharedConfig = Arc::new(RwLock::new(Arc::new(settings::pop3(&parts.config))));
    let service = Pop3Service::new(Arc::clone(&parts.store), auth.clone(), Arc::clone(&shared));
    let reconfigure = Box::new(move |handover: &Handover| {
        let config = &handover.config;
        auth.reconfigure(settings::auth(config, handover.cert_maps.clone()));
        *shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings::pop3(config));
    });
    Ok(Built { service, reconfigure })
}
