//! The LMTP process.

use super::worker::{Built, Parts, Role, run as run_worker};
use crate::failure::Failure;
use crate::handover::Handover;
use crate::settings;
use std::sync::{Arc, PoisonError, RwLock};
use waypost_lmtp::{LmtpService, SharedConfig};

/// LMTP is spoken inside one host or one trusted network, where STARTTLS is not offered.
const ROLE: Role = Role {
    name: "lmtpd",
    limits: settings::lmtp_limits,
    filters: settings::lmtp_filters,
    tls: |_| false,
    watches: false,
    access: None,
    shows_users: |_| false,
    // Half the cores bring in more mail than the one writer behind them can store.
    threads: |cores| cores.div_ceil(2),
};

/// Runs until the watcher ends it.
pub(crate) fn run() -> Result<(), Failure> {
    run_worker(&ROLE, build)
}

fn build(parts: &Parts) -> Result<Built<LmtpService>, Failure> {
    let shared: SharedConfig = Arc::new(RwLock::new(Arc::new(settings::lmtp(&parts.config))));
    let (store, directory) = (Arc::clone(&parts.store), Arc::clone(&parts.directory));
    let service = LmtpService::new(store, directory, Arc::clone(&shared));
    let reconfigure = Box::new(move |handover: &Handover| {
        let config = &handover.config;
        *shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings::lmtp(config));
    });
    Ok(Built { service, reconfigure })
}
