//! `waypost run`: what the watcher needs done before it starts the others.

use crate::certificate::{Keeper, Kept};
use crate::failure::{Context, Failure};
use crate::logs::{self, Logs};
use crate::output::progress;
use crate::{config_file, figures, handover, ownership, roles, settings};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use waypost_options::Config;
use waypost_supervisor::{Ending, Hooks, Lock, Made, Plan, Row, Service};

/// Runs the server until it is told to end.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = settle(file, &config_file::load(file)?)?;
    let lock = claim(&config)?;
    serve(file, &config, &lock, |_| announce(&config))
}

/// Tells a person at a terminal where to look from now on.
fn announce(config: &Config) {
    if std::io::stderr().is_terminal() {
        progress(format_args!("waypost is ready; its logs go to {}", logs::place(config)));
    }
}

/// Becomes the server's user with the watcher's rights. Answers with the settings as that user reads them:
/// whoever cannot read them now could not do it at a refresh either.
pub(crate) fn settle(file: &Path, config: &Config) -> Result<Config, Failure> {
    ownership::settle_watcher(config, file)?;
    config_file::load(file)
}

/// Makes the run folder and claims it.
pub(crate) fn claim(config: &Config) -> Result<Lock, Failure> {
    let rundir = config.read(&waypost_options::BASE_RUNDIR);
    settings::private_folder(&rundir)?;
    Lock::acquire(&rundir).map_err(Failure::new)
}

/// Runs the server; `on_ready` is called when every process serves.
pub(crate) fn serve(
    file: &Path,
    config: &Config,
    lock: &Lock,
    on_ready: impl FnOnce(&[Row]),
) -> Result<(), Failure> {
    prepare(config)?;
    let logs = Logs::start(config)?;
    roles::raise_descriptor_limit();
    let plan = Plan::new(config, file);
    let keeper: Arc<Keeper> = Arc::default();
    let (renewed, renewals) = mpsc::channel(1);
    Arc::clone(&keeper).watch(renewed).context("cannot watch the certificate")?;
    let hooks = Hooks {
        on_ready: Box::new(on_ready),
        on_settings: Box::new(|config| logs.reconfigure(config)),
        make_settings: Box::new(move |config, service| make(&keeper, config, service)),
        on_output: logs.on_output(),
        renewals,
        figures: figures::of_store(config),
    };
    match waypost_supervisor::run(&plan, lock, hooks).map_err(Failure::new)? {
        Ending::Stopped => Ok(()),
        Ending::StoredLost => Err(Failure::new(
            "the store's writer cannot be kept running; its log says why (store.logfile.logdir)",
        )),
    }
}

/// What a process of a service works with. Those that speak TLS get the certificate.
fn make(keeper: &Keeper, config: &Config, service: Service) -> Result<Made, String> {
    let uses_tls = matches!(service, Service::Imap | Service::Pop);
    let kept = if uses_tls { keeper.read(config) } else { Kept::default() };
    let bytes = handover::pack(config, &kept)?;
    Ok(Made { bytes, complaint: kept.complaint })
}

/// Everything that a person should hear of at once instead of finding it in a worker's log.
fn prepare(config: &Config) -> Result<(), Failure> {
    settings::check_certificate(config)?;
    settings::clients::read(config)?;
    settings::private_folder(&settings::store_path(config))?;
    if settings::ldap::is_used(config) {
        return settings::ldap::check(config);
    }
    // Made here, because workers only look things up.
    settings::writable_directory(config)?;
    Ok(())
}
