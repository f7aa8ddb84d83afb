//! The process of the store's writer.

use super::{name_process, raise_descriptor_limit};
use crate::failure::{Context, Failure};
use crate::{handover, log, settings};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use tokio::runtime::Builder;
use waypost_options::Config;
use waypost_store_local::client::StoreClient;
use waypost_store_local::server::run_stored;
use waypost_supervisor::{Attendant, Inherited, Reloads, renounce_rights};

const NAME: &str = "stored";

/// Runs until the watcher ends it.
pub(crate) fn run() -> Result<(), Failure> {
    name_process(NAME);
    let inherited = Inherited::receive().map_err(Failure::usage)?;
    renounce_rights(&inherited.stream).map_err(Failure::usage)?;
    let config = handover::unpack(&inherited.settings)?.config;
    let _log = log::start(&config, NAME).context("cannot start the log")?;
    raise_descriptor_limit();
    // Its tasks only move frames between sockets and the writer's thread. One thread does that for
    // more clients than the writer serves, and tasks that wake each other on it wake no other.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    // A failure is told on standard error, which the watcher logs.
    runtime.context("cannot start threads")?.block_on(work(&config, inherited))
}

async fn work(config: &Config, inherited: Inherited) -> Result<(), Failure> {
    let mut attendant = Attendant::start(inherited.stream).context("cannot reach the watcher")?;
    if let Some(reloads) = attendant.reloads() {
        tokio::spawn(obey(reloads));
    }
    let attendant = Arc::new(attendant);
    let socket = inherited.listeners.into_iter().next();
    let socket = socket.ok_or_else(|| Failure::new("the watcher sent no socket"))?;
    tokio::spawn(announce(config.clone(), Arc::clone(&attendant)));
    let mut stop = attendant.stop();
    let shutdown = async move {
        // An error means that nobody could tell any more.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let config = settings::stored(config);
    let listener = UnixListener::from(socket.fd);
    run_stored(listener, config, shutdown).await.context("the store")
}

/// Takes in a changed level of the log; the writer has no other setting that may change under it.
async fn obey(mut reloads: Reloads) {
    while let Some(order) = reloads.next().await {
        let unpacked = handover::unpack(&order.settings);
        match &unpacked {
            Ok(handover) => log::reconfigure(&handover.config),
            Err(failure) => tracing::error!(%failure, "settings not taken in, the old ones stay"),
        }
        reloads.finished(order.number, unpacked.is_ok()).await;
    }
}

/// Tells the watcher once the writer answers: its socket takes connections before the store is open,
/// and opening a large one may take longer than a client waits.
async fn announce(config: Config, attendant: Arc<Attendant>) {
    loop {
        match StoreClient::connect(settings::store_client(&config, "ready", false)).await {
            Ok(_) => return attendant.announce(),
            Err(error) => tracing::warn!(%error, "the store does not answer yet"),
        }
    }
}
