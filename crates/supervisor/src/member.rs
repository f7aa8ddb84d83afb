//! One service inside the watcher: what it was started with, and its slots.

use crate::admin::{Phase, ServiceState};
use crate::frames::Frame;
use crate::launch::Launch;
use crate::limits::{HUNG_AFTER, ORDERS};
use crate::output::OnOutput;
use crate::plan::{Endpoint, Plan, RolePlan};
use crate::ports::{BindError, Bound, bind};
use crate::restart::Restarts;
use crate::service::Service;
use crate::slot::{Settings, Slot, Stop};
use crate::state::{Board, ProcessState, Row, seconds_now};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use waypost_counters::{Page, ServiceCounts};
use waypost_options::{Applies, Config, Place, changed};
use waypost_types::Secret;

/// A service, running or not.
pub(crate) struct Member {
    pub(crate) service: Service,
    pub(crate) phase: Phase,
    /// Slots that wait for the store's writer.
    pub(crate) waiting: Vec<Slot>,
    /// Slots whose tasks run.
    pub(crate) running: usize,
    pub(crate) stop: watch::Sender<Stop>,
    settings: watch::Sender<Settings>,
    orders: broadcast::Sender<Frame>,
    on_output: OnOutput,
    /// The counters since the service was first started.
    page: Option<Arc<Page>>,
    /// Unix sockets to remove at the end.
    paths: Vec<PathBuf>,
    /// The settings it was started with.
    started_with: Option<Config>,
    /// The settings its processes were last given.
    pub(crate) given: Option<Config>,
}

/// The opened sockets of a service.
pub(crate) type Sockets = Arc<[Bound]>;

/// Opens all sockets of a role, or none.
pub(crate) fn bind_role(role: &RolePlan) -> Result<Sockets, BindError> {
    let bound = role.listeners.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    Ok(bound.into_iter().flatten().collect())
}

impl Member {
    /// Not started.
    pub(crate) fn new(service: Service, on_output: OnOutput) -> Self {
        let bytes = Arc::new(Secret::new(Vec::new()));
        Self {
            service,
            phase: Phase::Stopped,
            waiting: Vec::new(),
            running: 0,
            stop: watch::Sender::new(Stop::Run),
            settings: watch::Sender::new(Settings { number: 0, bytes }),
            orders: broadcast::Sender::new(ORDERS),
            on_output,
            page: None,
            paths: Vec::new(),
            started_with: None,
            given: None,
        }
    }

    /// Makes the slots of a service; they wait to be spawned.
    ///
    /// # Errors
    /// When there is no memory for its counters.
    pub(crate) fn start(
        &mut self,
        role: &RolePlan,
        sockets: &Sockets,
        plan: &Plan,
        board: &Arc<Board>,
    ) -> io::Result<()> {
        let page = self.new_page(role)?;
        let names: Vec<String> = names(role).collect();
        let places: Vec<String> = sockets.iter().map(|one| one.place.clone()).collect();
        let rows = names.iter().map(|name| Row::new(name, places.clone())).collect();
        board.replace(self.service, rows);
        self.phase = Phase::Started;
        self.paths = unix_paths(role);
        self.started_with = Some(plan.settings.clone());
        self.stop = watch::Sender::new(Stop::Run);
        self.waiting = names
            .into_iter()
            .enumerate()
            .map(|(place, name)| Slot {
                name,
                launch: Launch::role(self.service, &plan.config, Arc::clone(&self.on_output)),
                listeners: Arc::clone(sockets),
                restarts: Restarts::new(plan.restart),
                board: Arc::clone(board),
                stop: self.stop.subscribe(),
                settings: self.settings.subscribe(),
                orders: self.orders.subscribe(),
                page: Arc::clone(&page),
                place,
                hung_after: HUNG_AFTER,
                was_ready: false,
            })
            .collect();
        Ok(())
    }

    /// A page of the right size, which goes on counting where the one before it was.
    fn new_page(&mut self, role: &RolePlan) -> io::Result<Arc<Page>> {
        let page = Arc::new(Page::shared(role.processes, role.seats)?);
        page.begin(self.page.as_deref(), seconds_now());
        self.page = Some(Arc::clone(&page));
        Ok(page)
    }

    /// Gives its processes settings: those that run take them in, those that start begin with them.
    pub(crate) fn give(&mut self, settings: &Config, number: u64, bytes: Secret<Vec<u8>>) {
        self.given = Some(settings.clone());
        self.settings.send_replace(Settings { number, bytes: Arc::new(bytes) });
    }

    /// Asks every process that runs.
    pub(crate) fn ask(&self, order: Frame) {
        // Without processes there is nobody to ask.
        let _ = self.orders.send(order);
    }

    /// Open connections of each process, in the order of their names.
    pub(crate) fn open(&self) -> Vec<u64> {
        let page = self.page.iter();
        page.flat_map(|page| (0..page.processes()).map(|slot| page.slot(slot).current)).collect()
    }

    /// Tells its processes to end, or to end more urgently.
    pub(crate) fn stop(&mut self, how: Stop, board: &Board) {
        for slot in self.waiting.drain(..) {
            board.update(&slot.name, |entry| entry.row.state = ProcessState::Stopped);
        }
        self.stop.send_modify(|stop| *stop = (*stop).max(how));
        self.phase = Phase::Stopping;
        self.settle();
    }

    /// Takes note that the task of a slot has ended.
    pub(crate) fn vacated(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.settle();
    }

    /// Nothing left means stopped, also when every process was given up.
    fn settle(&mut self) {
        if self.running == 0 && self.waiting.is_empty() {
            self.phase = Phase::Stopped;
            self.paths.drain(..).for_each(|path| remove_socket(&path));
        }
    }

    /// For a status.
    pub(crate) fn state(&self, settings: &Config) -> ServiceState {
        let enabled = self.service.is_enabled(settings);
        let counts = self.page.as_ref().map_or_else(ServiceCounts::default, |page| page.counts());
        ServiceState { service: self.service, enabled, phase: self.phase, counts }
    }

    /// Tells of the options that have changed since the service was started, and that it reads only
    /// then.
    pub(crate) fn outdated(&self, settings: &Config) -> Option<String> {
        let service = self.service;
        let (of_server, own) = self.changed(settings);
        let mut told = Vec::new();
        if !own.is_empty() {
            let own = own.join(", ");
            told.push(format!(
                "{own}: changed, and used after `stop-msg {service}; start-msg {service}`"
            ));
        }
        if !of_server.is_empty() {
            let of_server = of_server.join(", ");
            told.push(format!(
                "{of_server}: changed, and used after `stop-msg watcher` and a new start of the server"
            ));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// The options that have changed: those that the whole server must be started again for, and those
    /// that this service must.
    fn changed(&self, settings: &Config) -> (Vec<String>, Vec<String>) {
        let Some(old) = &self.started_with else { return Default::default() };
        let own = |applies: Applies| match applies {
            Applies::RestartAll | Applies::RestartServer => true,
            Applies::Restart(services) => services.contains(&self.service.name()),
            _ => false,
        };
        let places = changed(old, settings).into_iter().filter(|place| own(place.record.applies));
        let (of_server, own): (Vec<_>, Vec<_>) =
            places.partition(|place| place.record.applies == Applies::RestartServer);
        let names = |places: Vec<Place>| places.iter().map(Place::full_name).collect();
        (names(of_server), names(own))
    }
}

fn names(role: &RolePlan) -> Box<dyn Iterator<Item = String>> {
    let name = role.name;
    match role.processes {
        1 => Box::new(std::iter::once(name.to_owned())),
        several => Box::new((1..=several).map(move |number| format!("{name}.{number}"))),
    }
}

fn unix_paths(role: &RolePlan) -> Vec<PathBuf> {
    let path = |endpoint: &Endpoint| match endpoint {
        Endpoint::Unix(path, _) => Some(path.clone()),
        Endpoint::Tcp(..) => None,
    };
    role.listeners.iter().filter_map(|listener| path(&listener.endpoint)).collect()
}

/// Removes a socket that nobody listens on any more.
pub(crate) fn remove_socket(path: &Path) {
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    if is_socket && let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "socket not removed");
    }
}
