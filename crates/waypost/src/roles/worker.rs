//! What the service processes have in common: confinement, log, runtime, store, orders.

use super::certificate::Certificate;
use super::raise_descriptor_limit;
use super::users::Users;
use crate::failure::{Context, Failure};
use crate::handover::Handover;
use crate::{handover, log, settings};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use waypost_access::{Filters, Names, NoNames};
use waypost_auth::CertMaps;
use waypost_directory::Directory;
use waypost_names::Dns;
use waypost_net::counters::Counters;
use waypost_net::gate::Gate;
use waypost_net::limits::Limits;
use waypost_net::listener::{Listener, Setup, serve};
use waypost_net::session::Service;
use waypost_options::{BASE_RUNDIR, Config};
use waypost_store::{AccessService, Store};
use waypost_store_local::client::StoreClient;
use waypost_store_local::confine::{ConfinePlan, Confinement, confine};
use waypost_supervisor::{Attendant, Inherited, InheritedListener, Reloads, renounce_rights};

/// Threads for password hashes, of which one runs for each core, and for reading files, beside those that
/// steps have (`*.maxthreads`).
const BLOCKING_THREADS: usize = 32;
/// How long one of them is kept without work.
const BLOCKING_THREAD_KEPT: Duration = Duration::from_secs(5);
/// How long the end of a process waits for steps that hang on a disk.
const RUNTIME_END: Duration = Duration::from_secs(2);
/// The lock file of LMDB, which readers write too.
const LMDB_LOCK: &str = "lock.mdb";
/// Where the number of cores is read from, besides the scheduler.
const SYSTEM_FACTS: [&str; 2] = ["/sys/fs/cgroup", "/proc/self"];

/// What distinguishes a service process.
pub(super) struct Role {
    /// Its name in logs.
    pub(super) name: &'static str,
    /// Limits of its connections.
    pub(super) limits: fn(&Config) -> Limits,
    /// Who may connect.
    pub(super) filters: fn(&Config) -> Filters,
    /// Whether it may use TLS.
    pub(super) tls: fn(&Config) -> bool,
    /// Whether its sessions show mailboxes.
    pub(super) watches: bool,
    /// Under which name the logins of its users are noted; none where nobody logs in.
    pub(super) access: Option<AccessService>,
    /// Whether administrators see who is logged in.
    pub(super) shows_users: fn(&Config) -> bool,
    /// Threads that its connections share, of a machine's cores. One too many is not free: each task
    /// that becomes ready while a thread rests wakes it, to find that another has done the work.
    pub(super) threads: fn(usize) -> usize,
}

/// What a service is built from.
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) cert_maps: Option<Arc<CertMaps>>,
    pub(super) store: Arc<dyn Store>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) names: Arc<dyn Names>,
    pub(super) counters: Arc<Counters>,
}

/// A service and what takes in changed settings.
pub(super) struct Built<S> {
    pub(super) service: S,
    pub(super) reconfigure: Box<dyn Fn(&Handover) + Send>,
}

/// Runs a service process until the watcher ends it.
pub(super) fn run<S: Service>(
    role: &Role,
    build: impl FnOnce(&Parts) -> Result<Built<S>, Failure>,
) -> Result<(), Failure> {
    super::name_process(role.name);
    let inherited = Inherited::receive().map_err(Failure::usage)?;
    renounce_rights(&inherited.stream).map_err(Failure::usage)?;
    let handover = handover::unpack(&inherited.settings)?;
    let config = &handover.config;
    // Its files are read now; a confined process may not.
    let dns = Dns::of_system();
    // No thread may run yet: the rules bind this thread and those it starts.
    let confined = confine(&confine_plan(config)).context("cannot confine this process")?;
    let _log = log::start(config, role.name).context("cannot start the log")?;
    if let Some(warning) = confined.warning() {
        tracing::warn!("{warning}");
    }
    let names: Arc<dyn Names> = match dns {
        Ok(dns) => Arc::new(dns),
        Err(error) => {
            tracing::warn!(%error, "no name server; filters know no names of clients");
            Arc::new(NoNames)
        }
    };
    raise_descriptor_limit();
    let limits = (role.limits)(config);
    let runtime = runtime(role.threads)?;
    let is_confined = confined == Confinement::Full;
    let start = Start { handover, inherited, is_confined, limits, names };
    let ended = runtime.block_on(work(role, start, build));
    runtime.shutdown_timeout(RUNTIME_END);
    // A failure is told on standard error, which the watcher logs.
    ended
}

fn runtime(threads: fn(usize) -> usize) -> Result<Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let built = Builder::new_multi_thread()
        .worker_threads(threads(cores).max(1))
        .max_blocking_threads(cores.saturating_add(BLOCKING_THREADS))
        .thread_keep_alive(BLOCKING_THREAD_KEPT)
        .enable_all()
        .build();
    built.context("cannot start threads")
}

/// What a process knows when its runtime starts.
struct Start {
    handover: Handover,
    inherited: Inherited,
    is_confined: bool,
    limits: Limits,
    names: Arc<dyn Names>,
}

async fn work<S: Service>(
    role: &Role,
    start: Start,
    build: impl FnOnce(&Parts) -> Result<Built<S>, Failure>,
) -> Result<(), Failure> {
    let Start { handover, inherited, is_confined, limits, names } = start;
    let counters = Arc::new(Counters::new(Arc::new(inherited.counters), inherited.slot));
    let mut attendant = Attendant::start(inherited.stream).context("cannot reach the watcher")?;
    if !is_confined {
        attendant.warn_unconfined();
    }
    let listeners = inherited.listeners.into_iter().map(listener).collect::<Result<_, _>>()?;
    let certificate: Arc<Certificate> = Arc::default();
    let taken = certificate.take(&handover, (role.tls)(&handover.config));
    taken.map_err(settings::certificate_failure)?;
    let Handover { config, cert_maps, .. } = handover;
    let store_config = settings::store_client(&config, role.name, role.watches);
    let store = StoreClient::connect(store_config).await.context("cannot reach the store")?;
    let directory: Arc<dyn Directory> = settings::directory(&config)?.into();
    let client = Arc::new(store);
    let store: Arc<dyn Store> = Arc::<StoreClient>::clone(&client);
    let gate = Arc::new(Gate::new(Arc::clone(&names)));
    gate.judge_by((role.filters)(&config));
    let shared = Arc::clone(&counters);
    let parts = Parts { config, cert_maps, store, directory, names, counters: shared };
    let Built { service, reconfigure } = build(&parts)?;
    let users = users(role, &parts);
    attendant.answer_with(users.desk(limits.shutdown_grace));
    let shown = Arc::clone(&counters);
    attendant.at_every_beat(move || shown.show());
    if let Some(reloads) = attendant.reloads() {
        let (limited, limits) = (Arc::clone(&counters), role.limits);
        let (users, shown) = (Arc::clone(&users), role.shows_users);
        let (gate, filters) = (Arc::clone(&gate), role.filters);
        let reconfigure = move |handover: &Handover| {
            let config = &handover.config;
            limited.allow(&limits(config));
            gate.judge_by(filters(config));
            users.reconfigure(config, shown(config));
            reconfigure(handover);
        };
        let certificate = (Arc::clone(&certificate), role.tls);
        tokio::spawn(obey(reloads, certificate, Box::new(reconfigure)));
    }
    attendant.announce();
    let users = Arc::clone(&users.list);
    let setup = Setup { limits, tls: certificate.tls(), counters, users, gate };
    let served = serve(listeners, Arc::new(service), setup, attendant.stop()).await;
    // When users left is known only now.
    client.farewell().await;
    served.context("cannot serve")
}

fn listener(inherited: InheritedListener) -> Result<Listener, Failure> {
    Listener::from_fd(inherited.fd, inherited.tls).context("cannot use an inherited socket")
}

/// The users of this process; in a service without logins nobody.
fn users(role: &Role, parts: &Parts) -> Arc<Users> {
    let users: Arc<Users> = Arc::default();
    users.reconfigure(&parts.config, (role.shows_users)(&parts.config));
    if let Some(service) = role.access {
        users.note_in(Arc::clone(&parts.store), service);
    }
    users
}

/// Reads settings and certificate again whenever asked, for as long as the process lives. Connections
/// stay; what does not fit leaves the old settings.
async fn obey(
    mut reloads: Reloads,
    (certificate, uses_tls): (Arc<Certificate>, fn(&Config) -> bool),
    reconfigure: Box<dyn Fn(&Handover) + Send>,
) {
    while let Some(order) = reloads.next().await {
        let (certificate, settings) = (Arc::clone(&certificate), Arc::clone(&order.settings));
        let take = move || {
            let handover = handover::unpack(&settings)?;
            // Logged there; a bad one leaves the old.
            let is_taken = certificate.take(&handover, uses_tls(&handover.config)).is_ok();
            Ok::<_, Failure>((handover, is_taken))
        };
        // Making keys ready takes milliseconds.
        let taken = tokio::task::spawn_blocking(take).await;
        let well = match taken.context("settings").flatten() {
            Ok((handover, is_taken)) => {
                log::reconfigure(&handover.config);
                reconfigure(&handover);
                tracing::info!("settings taken in");
                is_taken
            }
            Err(error) => {
                tracing::error!(%error, "settings not taken in, the old ones stay");
                false
            }
        };
        reloads.finished(order.number, well).await;
    }
}

/// Read the store and the users; write nothing but lock files.
fn confine_plan(config: &Config) -> ConfinePlan {
    let directory = settings::directory_path(config);
    let mut read = vec![directory.clone(), config.read(&BASE_RUNDIR)];
    read.extend(SYSTEM_FACTS.map(PathBuf::from));
    for file in settings::ldap::files(config) {
        read.extend(file.canonicalize());
        read.push(file);
    }
    ConfinePlan {
        store: Some(settings::store_path(config)),
        read,
        write: vec![directory.join(LMDB_LOCK)],
    }
}
