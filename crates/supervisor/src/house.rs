//! All services of one watcher, what is asked of them, and the order of their start and end.

use crate::admin::{Answer, Desk, Outcome, Phase, Request, Waiting};
use crate::frames::{DISCONNECT, Frame, LIST};
use crate::member::{Member, Sockets, bind_role};
use crate::metrics::Metrics;
use crate::notify::{self, Notifier};
use crate::plan::Plan;
use crate::rights;
use crate::service::Service;
use crate::slot::{Stop, Vacated};
use crate::state::{Board, Lock, ProcessState, Row, seconds_now};
use crate::watcher::{Ending, Hooks, Made, MakeSettings, OnReady, OnSettings, Signals};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use waypost_options::Config;

/// What happened while the watcher waited.
enum Event {
    End,
    Reload,
    /// What the settings are made from has changed, but for the configuration.
    Renewed,
    Changed,
    Beat,
    Vacated(Service, Vacated),
    Asked(Request, tokio::sync::oneshot::Sender<Outcome>),
    /// A task of a slot was lost; it has not told which.
    Lost,
}

/// All services and what connects them.
pub(crate) struct House<'a> {
    config_file: PathBuf,
    /// As last read and found good.
    settings: Config,
    since: u64,
    board: Arc<Board>,
    metrics: Metrics,
    members: [Member; Service::ALL.len()],
    slots: JoinSet<(Service, Vacated)>,
    /// Numbers orders and questions to processes.
    number: u64,
    on_ready: Option<OnReady<'a>>,
    on_settings: OnSettings<'a>,
    make_settings: MakeSettings<'a>,
    renewals: mpsc::Receiver<()>,
    notifier: Notifier,
    /// The writer ends in this way when no service is being stopped any more.
    store_stop: Option<Stop>,
}

impl<'a> House<'a> {
    /// Nothing is started yet.
    pub(crate) fn new(plan: &Plan, hooks: Hooks<'a>, board: Arc<Board>, metrics: Metrics) -> Self {
        let Hooks { on_ready, on_settings, make_settings, on_output, renewals, .. } = hooks;
        Self {
            config_file: plan.config.clone(),
            settings: plan.settings.clone(),
            since: seconds_now(),
            board,
            metrics,
            members: Service::ALL.map(|service| Member::new(service, Arc::clone(&on_output))),
            slots: JoinSet::new(),
            number: 0,
            on_ready: Some(on_ready),
            on_settings,
            make_settings,
            renewals,
            notifier: Notifier::new(),
            store_stop: None,
        }
    }

    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Offers the counters to a monitoring system, where the settings say.
    pub(crate) fn offer_metrics(&mut self) -> Result<(), String> {
        self.metrics.settle(&self.settings)
    }

    /// Has a service started: the writer at once, the others as soon as it serves.
    ///
    /// # Errors
    /// Says why its processes cannot be given what they need.
    pub(crate) fn install(
        &mut self,
        service: Service,
        sockets: &Sockets,
        plan: &Plan,
    ) -> Result<(), String> {
        let (board, role) = (self.board(), plan.role(service));
        let Made { bytes, complaint } = (self.make_settings)(&plan.settings, service)?;
        complaint.map_or(Ok(()), Err)?;
        self.number += 1;
        let number = self.number;
        if let (Some(role), Some(member)) = (role, self.member(service)) {
            member.give(&plan.settings, number, bytes);
            let started = member.start(role, sockets, plan, &board);
            started.map_err(|error| format!("no memory for its counters: {error}"))?;
        }
        Ok(())
    }

    pub(crate) async fn run(mut self, lock: &Lock, mut signals: Signals, mut desk: Desk) -> Ending {
        let mut changes = self.board.changes();
        if let Some(warning) = rights::warning() {
            tracing::warn!("{warning}");
        }
        self.spawn(Service::Store);
        loop {
            match self.event(&mut signals, &mut changes, &mut desk).await {
                Event::End => break,
                Event::Asked(Request::End, outcome) => {
                    let said = vec![Answer::Done("the server is ending".to_owned())];
                    let _ = outcome.send(Outcome { answers: said, waiting: None });
                    break;
                }
                Event::Reload => self.reload(),
                Event::Renewed => self.renew(),
                Event::Changed => self.note(lock),
                Event::Beat => self.notifier.beat(),
                Event::Vacated(Service::Store, Vacated::GivenUp) => {
                    tracing::error!("the store's writer is lost, so everything ends");
                    self.end(&mut signals).await;
                    return Ending::StoredLost;
                }
                Event::Vacated(service, _) => self.vacated(service),
                Event::Asked(request, outcome) => {
                    // Whoever asked may have gone.
                    let _ = outcome.send(self.answer(request));
                }
                Event::Lost => {}
            }
        }
        tracing::info!("told to end");
        self.notifier.stopping();
        drop(desk);
        self.end(&mut signals).await;
        tracing::info!("ended");
        Ending::Stopped
    }

    async fn event(
        &mut self,
        signals: &mut Signals,
        changes: &mut watch::Receiver<()>,
        desk: &mut Desk,
    ) -> Event {
        tokio::select! {
            // Ends are noted before what is asked: a service may be started once it is said to have
            // stopped.
            biased;
            _ = signals.terminate.recv() => Event::End,
            _ = signals.interrupt.recv() => Event::End,
            _ = signals.hang_up.recv() => Event::Reload,
            Some(ended) = self.slots.join_next() => match ended {
                Ok((service, how)) => Event::Vacated(service, how),
                Err(error) => {
                    tracing::error!(%error, "a process is no longer watched");
                    Event::Lost
                }
            },
            Some((request, outcome)) = desk.recv() => Event::Asked(request, outcome),
            Ok(()) = changes.changed() => Event::Changed,
            Some(()) = self.renewals.recv() => Event::Renewed,
            () = self.notifier.beat_due() => Event::Beat,
        }
    }

    fn member(&mut self, service: Service) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.service == service)
    }

    fn phase(&self, service: Service) -> Phase {
        let member = self.members.iter().find(|member| member.service == service);
        member.map_or(Phase::Stopped, |member| member.phase)
    }

    fn spawn(&mut self, service: Service) {
        let Some(member) = self.members.iter_mut().find(|member| member.service == service) else {
            return;
        };
        for slot in member.waiting.drain(..) {
            member.running += 1;
            self.slots.spawn(async move { (service, slot.keep().await) });
        }
    }

    /// Takes note of the end of a slot; the writer follows when it was to wait for that.
    fn vacated(&mut self, service: Service) {
        if let Some(member) = self.member(service) {
            member.vacated();
        }
        self.stop_store_in_turn();
    }

    /// Writes the state down, starts the services once the writer serves, and says when all do.
    fn note(&mut self, lock: &Lock) {
        let rows = self.board.rows();
        self.notifier.show(&rows);
        if let Err(error) = lock.write_state(&rows) {
            tracing::warn!(%error, "state file not written");
        }
        let is_ready = |row: &Row| row.state == ProcessState::Ready;
        let store = |row: &&Row| row.service() == Some(Service::Store);
        if rows.iter().find(store).is_some_and(is_ready) {
            Service::ALL.into_iter().for_each(|service| self.spawn(service));
        }
        if !rows.is_empty()
            && rows.iter().all(is_ready)
            && let Some(on_ready) = self.on_ready.take()
        {
            tracing::info!(processes = rows.len(), "ready");
            on_ready(&rows);
        }
    }

    fn answer(&mut self, request: Request) -> Outcome {
        match request {
            Request::Start(services) => self.start(&services),
            Request::Stop { services, force } => self.stop(&services, force),
            Request::Refresh(services) => self.refresh(&services),
            Request::Status => self.status(),
            Request::Users(services) => self.users(&services),
            Request::Disconnect(account) => self.disconnect(account),
            // Answered where the loop can be left.
            Request::End => Outcome::default(),
        }
    }

    /// Reads the settings again; the old ones stay when the file is not good.
    fn read_settings(&mut self) -> Result<Plan, Answer> {
        let settings = Config::load(&self.config_file)
            .map_err(|error| Answer::Failed(format!("nothing was changed: {error}")))?;
        self.settings = settings;
        Ok(Plan::new(&self.settings, &self.config_file))
    }

    fn start(&mut self, asked: &[Service]) -> Outcome {
        let plan = match self.read_settings() {
            Ok(plan) => plan,
            Err(answer) => return Outcome { answers: vec![answer], waiting: None },
        };
        let mut answers = Vec::new();
        let mut chosen = Vec::new();
        for service in self.chosen(asked, &plan) {
            match self.may_start(service, &plan) {
                Ok(()) => chosen.push(service),
                // Without names, what runs already is nothing to speak of.
                Err(Answer::Done(_)) if asked.is_empty() => {}
                Err(answer) => answers.push(answer),
            }
        }
        chosen.retain(|service| match self.open(*service, &plan) {
            Ok(()) => true,
            Err(answer) => {
                tracing::error!(%service, %answer, "not started");
                answers.push(answer);
                false
            }
        });
        self.spawn(Service::Store);
        if chosen.is_empty() && answers.is_empty() {
            answers.push(Answer::Done("every enabled service is started already".to_owned()));
        }
        Outcome { answers, waiting: Some(Waiting::Ready(chosen)) }
    }

    /// The services to start: those asked for, or all that are enabled; the writer before others
    /// when it does not run.
    fn chosen(&self, asked: &[Service], plan: &Plan) -> Vec<Service> {
        let store_runs = self.phase(Service::Store) == Phase::Started;
        let wanted = |service: &Service| match asked.is_empty() {
            true => plan.role(*service).is_some(),
            false => asked.contains(service) || (*service == Service::Store && !store_runs),
        };
        Service::ALL.into_iter().filter(wanted).collect()
    }

    /// Why a service is not to be started now; [`Answer::Done`] when it runs already.
    fn may_start(&self, service: Service, plan: &Plan) -> Result<(), Answer> {
        if let (None, Some(option)) = (plan.role(service), service.enabled_by()) {
            let option = option.record.full_name();
            return Err(Answer::Failed(format!(
                "{service} is not enabled; `msconfig set {option} 1` enables it, then \
                 `start-msg {service}` starts it"
            )));
        }
        match self.phase(service) {
            Phase::Stopped => Ok(()),
            Phase::Started => Err(Answer::Done(format!("{service} is started already"))),
            Phase::Stopping => Err(Answer::Failed(format!(
                "{service} is still ending; start it when `waypost status` shows it stopped, or \
                 kill it with `stop-msg -f {service}`"
            ))),
        }
    }

    fn open(&mut self, service: Service, plan: &Plan) -> Result<(), Answer> {
        let Some(role) = plan.role(service) else { return Ok(()) };
        let sockets = bind_role(role).map_err(|error| Answer::of_bind(service, error))?;
        let installed = self.install(service, &sockets, plan);
        installed.map_err(|error| Answer::Failed(format!("{service}: {error}")))
    }

    fn stop(&mut self, asked: &[Service], force: bool) -> Outcome {
        let how = if force { Stop::Now } else { Stop::Gently };
        let runs = |service: &Service| self.phase(*service) != Phase::Stopped;
        let wanted = |service: &Service| asked.is_empty() || asked.contains(service);
        let (chosen, idle): (Vec<_>, Vec<_>) =
            Service::ALL.into_iter().filter(wanted).partition(runs);
        let idle = idle.iter().filter(|_| !asked.is_empty());
        let mut answers: Vec<_> =
            idle.map(|service| Answer::Done(format!("{service} is not started"))).collect();
        if chosen.is_empty() && answers.is_empty() {
            answers.push(Answer::Done("nothing is started".to_owned()));
        }
        self.stop_members(&chosen, how);
        Outcome { answers, waiting: Some(Waiting::Stopped(chosen)) }
    }

    /// Stops services; the writer after those that are to end with it, because their last changes
    /// go through it.
    fn stop_members(&mut self, services: &[Service], how: Stop) {
        let board = self.board();
        for service in services.iter().filter(|service| **service != Service::Store) {
            if let Some(member) = self.member(*service) {
                member.stop(how, &board);
            }
        }
        if services.contains(&Service::Store) {
            self.store_stop = self.store_stop.max(Some(how));
        }
        self.stop_store_in_turn();
    }

    fn stop_store_in_turn(&mut self) {
        let board = self.board();
        let is_awaited =
            |member: &Member| member.service != Service::Store && member.phase == Phase::Stopping;
        if let Some(how) = self.store_stop
            && !self.members.iter().any(is_awaited)
            && let Some(store) = self.member(Service::Store)
        {
            if store.phase != Phase::Stopped {
                store.stop(how, &board);
            }
            self.store_stop = None;
        }
    }

    fn refresh(&mut self, asked: &[Service]) -> Outcome {
        if let Err(answer) = self.read_settings() {
            return Outcome { answers: vec![answer], waiting: None };
        }
        (self.on_settings)(&self.settings);
        let offered = self.offer_metrics();
        self.number += 1;
        let (number, settings) = (self.number, &self.settings);
        let mut answers: Vec<_> = offered.err().map(Answer::Failed).into_iter().collect();
        let mut chosen = Vec::new();
        let wanted = |member: &&mut Member| asked.is_empty() || asked.contains(&member.service);
        for member in self.members.iter_mut().filter(wanted) {
            let service = member.service;
            match (member.phase, asked.is_empty()) {
                (Phase::Started, _) => match (self.make_settings)(settings, service) {
                    Ok(Made { bytes, complaint }) => {
                        member.give(settings, number, bytes);
                        answers.extend(complaint.map(|complaint| kept(service, &complaint)));
                        chosen.push(service);
                        answers.extend(member.outdated(settings).map(Answer::Done));
                    }
                    Err(error) => answers.push(kept(service, &error)),
                },
                (_, true) => {}
                (_, false) => answers.push(Answer::Failed(format!("{service} is not started"))),
            }
        }
        Outcome { answers, waiting: Some(Waiting::Reloaded(chosen, number)) }
    }

    /// As a refresh of everything, told by a signal.
    fn reload(&mut self) {
        self.notifier.reloading();
        let Outcome { answers, waiting } = self.refresh(&[]);
        let board = self.board();
        tokio::spawn(async move {
            log_answers(answers);
            if let Some(waiting) = waiting {
                log_answers(waiting.finish(&board).await);
            }
            notify::reloaded();
        });
    }

    /// Has running services take in what has changed beside the configuration, such as a certificate.
    fn renew(&mut self) {
        self.number += 1;
        for member in self.members.iter_mut().filter(|member| member.phase == Phase::Started) {
            let Some(settings) = member.given.clone() else { continue };
            match (self.make_settings)(&settings, member.service) {
                Ok(Made { bytes, complaint: None }) => member.give(&settings, self.number, bytes),
                // Between two renames the pair does not fit; the next look finds it whole.
                Ok(Made { complaint: Some(error), .. }) | Err(error) => {
                    tracing::error!(service = %member.service, error, "not renewed, the old one stays");
                }
            }
        }
    }

    /// Asks who is logged in.
    fn users(&mut self, asked: &[Service]) -> Outcome {
        self.number += 1;
        let wanted = |member: &&Member| asked.is_empty() || asked.contains(&member.service);
        let members = self.members.iter().filter(wanted);
        let chosen = members.inspect(|member| member.ask(Frame::new(LIST, self.number)));
        let chosen = chosen.map(|member| member.service).collect();
        Outcome { answers: Vec::new(), waiting: Some(Waiting::Users(chosen, self.number)) }
    }

    /// Has the connections of an account ended.
    fn disconnect(&mut self, account: String) -> Outcome {
        self.number += 1;
        let order = Frame::with(DISCONNECT, self.number, account.clone().into_bytes());
        self.members.iter().for_each(|member| member.ask(order.clone()));
        let waiting = Some(Waiting::Disconnected(account, self.number));
        Outcome { answers: Vec::new(), waiting }
    }

    fn status(&mut self) -> Outcome {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let server = Answer::Server { version, process: std::process::id(), since: self.since };
        // The file may have changed since it was last needed; a bad one counts at the next start.
        let settings = Config::load(&self.config_file).unwrap_or_else(|_| self.settings.clone());
        let services = self.members.iter().map(|member| Answer::Service(member.state(&settings)));
        let warning = rights::warning().map(|text| Answer::Warning(text.to_owned()));
        let answers = std::iter::once(server)
            .chain(warning)
            .chain(services)
            .chain(self.processes())
            .collect();
        Outcome { answers, waiting: None }
    }

    /// Every process with its open connections.
    fn processes(&self) -> impl Iterator<Item = Answer> {
        let open = |service: Option<Service>| {
            let member = self.members.iter().find(|member| Some(member.service) == service);
            member.map_or_else(Vec::new, Member::open)
        };
        let mut rows = self.board.rows();
        for of_one in rows.chunk_by_mut(|one, other| one.service() == other.service()) {
            let open = open(of_one.first().and_then(Row::service));
            of_one.iter_mut().zip(open).for_each(|(row, open)| row.open = open);
        }
        rows.into_iter().map(Answer::Process)
    }

    /// Ends the services, then the writer. A second signal makes it quick.
    async fn end(&mut self, signals: &mut Signals) {
        self.stop_members(&Service::ALL, Stop::Gently);
        loop {
            tokio::select! {
                ended = self.slots.join_next() => match ended {
                    Some(Ok((service, _))) => self.vacated(service),
                    Some(Err(error)) => tracing::error!(%error, "a process is no longer watched"),
                    None => return,
                },
                // The writer always ends gently: what it has taken is committed.
                () = signals.end() => self.hurry(),
            }
        }
    }

    fn hurry(&mut self) {
        let workers = self.members.iter().filter(|member| member.service != Service::Store);
        workers.for_each(|member| {
            member.stop.send_replace(Stop::Now);
        });
    }
}

fn log_answers(answers: Vec<Answer>) {
    for answer in answers {
        match answer {
            Answer::Failed(text) => tracing::error!("{text}"),
            said => tracing::info!("{said}"),
        }
    }
}

/// A service goes on with what it has.
fn kept(service: Service, why: &str) -> Answer {
    Answer::Failed(format!("{service} keeps the old ones: {why}"))
}
