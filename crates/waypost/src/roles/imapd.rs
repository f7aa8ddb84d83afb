//! The IMAP process.

use super::worker::{Built, Parts, Role, run as run_worker};
use crate::failure::{Context, Failure};
use crate::handover::Handover;
use crate::settings;
use std::sync::Arc;
use waypost_auth::Authenticator;
use waypost_imap::{ImapService, SharedConfig};
use waypost_options::{IMAP_ENABLEUSERLIST, IMAP_SSLUSESSL};
use waypost_store::AccessService;

const ROLE: Role = Role {
    name: "imapd",
    limits: settings::imap_limits,
    filters: settings::imap_filters,
    tls: |config| config.read(&IMAP_SSLUSESSL),
    watches: true,
    access: Some(AccessService::Imap),
    shows_users: |config| config.read(&IMAP_ENABLEUSERLIST),
    threads: |cores| cores,
};

/// Runs until the watcher ends it.
pub(crate) fn run() -> Result<(), Failure> {
    run_worker(&ROLE, build)
}

fn build(parts: &Parts) -> Result<Built<ImapService>, Failure> {
    let config = settings::auth(&parts.config, parts.cert_maps.clone());
    let auth = Authenticator::new(Arc::clone(&parts.directory), config);
    let auth = Arc::new(auth.context("cannot check logins")?);
    let counters = Arc::clone(&parts.counters);
    auth.observe(move |good| counters.login(good));
    auth.ask_names(Arc::clone(&parts.names));
    let shared = Arc::new(SharedConfig::new(settings::imap(&parts.config)));
    let service =
        ImapService::new(Arc::clone(&parts.store), Arc::clone(&auth), Arc::clone(&shared));
    let reconfigure = Box::new(move |handover: &Handover| {
        let config = &handover.config;
        auth.reconfigure(settings::auth(config, handover.cert_maps.clone()));
        shared.replace(settings::imap(config));
    });
    Ok(Built { service, reconfigure })
}
