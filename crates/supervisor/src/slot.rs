//! One place for one process: keeps it running until told to stop.

use crate::frames::{
    DISCONNECTED, Frame, Frames, NOT_RELOADED, READY, RELOAD, RELOADED, UNCONFINED, USERS,
};
use crate::launch::{Launch, Running, describe};
use crate::limits::{EXIT_SETTINGS, RESTART_DELAY_MAX, STOP_GRACE};
use crate::ports::Bound;
use crate::restart::{Restarts, Verdict};
use crate::state::{Board, Entry, ProcessState, seconds_now};
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, watch};
use tokio::time::{sleep, timeout};
use waypost_counters::Page;
use waypost_types::{Moment, Secret};

/// How urgently processes shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Not at all.
    Run,
    /// Their clients are told first.
    Gently,
    /// At once.
    Now,
}

/// Settings of a process, with the number of the order to take them in.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) number: u64,
    pub(crate) bytes: Arc<Secret<Vec<u8>>>,
}

/// Why a slot is empty for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vacated {
    /// It was told to stop.
    Stopped,
    /// Its process ended too often.
    GivenUp,
}

/// A place for one process.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) launch: Launch,
    pub(crate) listeners: Arc<[Bound]>,
    pub(crate) restarts: Restarts,
    /// Shows the row of that name.
    pub(crate) board: Arc<Board>,
    pub(crate) stop: watch::Receiver<Stop>,
    /// What a process of this slot works with; changes are told to one that runs.
    pub(crate) settings: watch::Receiver<Settings>,
    /// Questions and orders to the processes of the service.
    pub(crate) orders: broadcast::Receiver<Frame>,
    /// The counters of the service.
    pub(crate) page: Arc<Page>,
    /// The place on that page.
    pub(crate) place: usize,
    /// See [`crate::limits::HUNG_AFTER`].
    pub(crate) hung_after: Duration,
    /// Whether a process of this slot has ever served.
    pub(crate) was_ready: bool,
}

/// How one process ended.
enum End {
    /// As it was told.
    Stopped,
    /// By itself.
    Ended(ExitStatus),
    /// It was hung and was killed.
    Hung,
}

impl Slot {
    /// Runs the process, again and again.
    pub(crate) async fn keep(mut self) -> Vacated {
        loop {
            let started = Moment::now().instant;
            let verdict = match self.run_once().await {
                Ok(End::Stopped) => return self.vacate(Vacated::Stopped),
                ended => self.judge(ended, started),
            };
            let Verdict::Again(delay) = verdict else { return self.vacate(Vacated::GivenUp) };
            self.show(ProcessState::Down, None);
            if self.stopped_within(delay).await {
                return self.vacate(Vacated::Stopped);
            }
            tracing::info!(process = self.name, "process is started again");
            self.update(|entry| entry.row.restarts = entry.row.restarts.saturating_add(1));
        }
    }

    /// Says how a process ended, and what follows.
    fn judge(&mut self, ended: io::Result<End>, started: Instant) -> Verdict {
        let process = &self.name;
        match ended {
            Ok(End::Ended(status)) => {
                tracing::error!(process, how = describe(status), "process ended");
                if status.code() == Some(EXIT_SETTINGS) {
                    return self.judge_settings();
                }
            }
            Ok(End::Hung) => tracing::error!(process, "process hung and was killed"),
            Err(error) => tracing::error!(process, %error, "process cannot be started"),
            Ok(End::Stopped) => {}
        }
        self.restarts.ended(started, Moment::now().instant)
    }

    /// Wrong settings are nothing that trying again helps. But those of a running server may be in
    /// the middle of a change, which must not cost it a process for good.
    fn judge_settings(&self) -> Verdict {
        if self.was_ready { Verdict::Again(RESTART_DELAY_MAX) } else { Verdict::GiveUp }
    }

    fn vacate(&self, how: Vacated) -> Vacated {
        match how {
            Vacated::Stopped => self.show(ProcessState::Stopped, None),
            Vacated::GivenUp => {
                tracing::error!(
                    process = self.name,
                    "process is given up; see its last messages, then start the service again"
                );
                self.show(ProcessState::GivenUp, None);
            }
        }
        how
    }

    fn show(&self, state: ProcessState, process: Option<u32>) {
        self.update(|entry| {
            let row = &mut entry.row;
            if process.is_none() || row.process != process {
                row.since = process.map(|_| seconds_now());
            }
            row.state = state;
            if matches!(state, ProcessState::Stopped | ProcessState::GivenUp) {
                row.places.clear();
            }
            row.process = process;
        });
    }

    fn update(&self, change: impl FnOnce(&mut Entry)) {
        self.board.update(&self.name, change);
    }

    /// Waits for the delay; true when the slot shall stop instead.
    async fn stopped_within(&mut self, delay: Duration) -> bool {
        timeout(delay, told(&mut self.stop, Stop::Gently)).await.is_ok()
    }

    async fn run_once(&mut self) -> io::Result<End> {
        if *self.stop.borrow() > Stop::Run {
            return Ok(End::Stopped);
        }
        let settings = self.settings.borrow_and_update().bytes.clone();
        // What was asked of the one before is not asked of this one.
        self.orders = self.orders.resubscribe();
        let mut running =
            self.launch.start(&self.listeners, (&self.page, self.place), &settings)?;
        self.page.claim(self.place, running.process().unwrap_or_default(), seconds_now());
        self.show(ProcessState::Starting, running.process());
        tracing::info!(process = self.name, pid = running.process(), "process started");
        let ended = match self.attend(&mut running).await {
            Ok(None) => self.end(&mut running).await,
            Ok(Some(end)) => Ok(end),
            Err(error) => Err(error),
        };
        self.page.release(self.place);
        running.hear_out().await;
        ended
    }

    /// Looks after a process until it ends; `None` when it shall be told to end.
    async fn attend(&mut self, running: &mut Running) -> io::Result<Option<End>> {
        let mut open = true;
        let mut frames = Frames::default();
        let silence = sleep(self.hung_after);
        tokio::pin!(silence);
        loop {
            tokio::select! {
                status = running.child.wait() => return Ok(Some(End::Ended(status?))),
                frame = frames.next(&mut running.from), if open => match frame {
                    Ok(frame) => {
                        silence.set(sleep(self.hung_after));
                        self.listen(&frame, running.process());
                    }
                    // It is ending; should it hang there, the silence tells.
                    Err(_) => open = false,
                },
                () = &mut silence => {
                    running.child.kill().await?;
                    return Ok(Some(End::Hung));
                }
                // An error is the end of the process, which the first branch tells.
                Ok(()) = running.outbox.send(&mut running.to), if !running.outbox.is_empty() => {}
                Ok(()) = self.settings.changed() => {
                    let Settings { number, bytes } = self.settings.borrow_and_update().clone();
                    running.outbox.push(&Frame::with(RELOAD, number, bytes.expose().clone()));
                }
                // Those that were missed are answered by nobody, which is told to who asked.
                Ok(order) = self.orders.recv() => running.outbox.push(&order),
                () = told(&mut self.stop, Stop::Gently) => return Ok(None),
            }
        }
    }

    /// Takes note of what a process says; most of it is only that it is alive.
    fn listen(&mut self, frame: &Frame, process: Option<u32>) {
        let number = frame.number;
        match frame.code {
            READY => {
                self.was_ready = true;
                self.show(ProcessState::Ready, process);
            }
            UNCONFINED => self.update(|entry| entry.row.confined = false),
            RELOADED => self.update(|entry| entry.reloaded = (number, true)),
            NOT_RELOADED => self.update(|entry| entry.reloaded = (number, false)),
            USERS => self.update(|entry| entry.users.take(number, frame.payload.expose())),
            DISCONNECTED => self.update(|entry| {
                let count = frame.payload.expose().first_chunk();
                entry.disconnected = (number, count.map_or(0, |count| u64::from_le_bytes(*count)));
            }),
            _ => {}
        }
    }

    /// Tells a process to end, and makes it.
    async fn end(&mut self, running: &mut Running) -> io::Result<End> {
        // The port closes as soon as the process lets go of it, not when its last client is gone.
        self.listeners = Arc::new([]);
        running.terminate();
        let status = tokio::select! {
            ended = timeout(STOP_GRACE, running.child.wait()) => ended.ok().transpose()?,
            () = told(&mut self.stop, Stop::Now) => None,
        };
        match status {
            Some(status) if status.success() => {}
            Some(status) => {
                tracing::warn!(process = self.name, how = describe(status), "did not end cleanly");
            }
            None => {
                tracing::warn!(process = self.name, "did not end in time and is killed");
                running.child.kill().await?;
            }
        }
        Ok(End::Stopped)
    }
}

/// Waits until processes shall end at least so urgently; a watcher that is gone means at once.
async fn told(stop: &mut watch::Receiver<Stop>, least: Stop) {
    let _ = stop.wait_for(|stop| *stop >= least).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HUNG_AFTER;
    use crate::restart::RestartRules;
    use crate::service::Service;
    use crate::state::Row;

    struct World {
        board: Arc<Board>,
        stop: watch::Sender<Stop>,
    }

    impl World {
        fn slot(script: &str, count: u32) -> (Self, Slot) {
            let board = Arc::new(Board::new());
            board.replace(Service::Imap, vec![Row::new("imapd", vec!["[::1]:143".to_owned()])]);
            let stop = watch::Sender::new(Stop::Run);
            let bytes = Arc::new(Secret::new(Vec::new()));
            let (_, settings) = watch::channel(Settings { number: 0, bytes });
            let (_, orders) = broadcast::channel(1);
            let window = Duration::from_secs(600);
            let slot = Slot {
                name: "imapd".to_owned(),
                launch: Launch::program("/bin/sh", &["-c", script]),
                listeners: Arc::new([]),
                restarts: Restarts::new(RestartRules { enabled: true, window, count }),
                board: Arc::clone(&board),
                stop: stop.subscribe(),
                settings,
                orders,
                page: Arc::new(Page::shared(1, 1).unwrap()),
                place: 0,
                hung_after: HUNG_AFTER,
                was_ready: false,
            };
            (Self { board, stop }, slot)
        }

        async fn wait_for(&self, wanted: impl Fn(&Row) -> bool) -> Row {
            let mut changes = self.board.changes();
            loop {
                let row = self.board.rows().remove(0);
                if wanted(&row) {
                    return row;
                }
                changes.changed().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_process_that_ends_is_started_again_until_it_is_given_up() {
        let (world, slot) = World::slot("exit 1", 2);
        assert_eq!(slot.keep().await, Vacated::GivenUp);
        let row = world.board.rows().remove(0);
        assert_eq!((row.state, row.restarts, row.process), (ProcessState::GivenUp, 2, None));
        assert!(row.places.is_empty(), "nobody listens any more");
    }

    #[tokio::test]
    async fn wrong_settings_are_not_tried_again() {
        let (world, slot) = World::slot("exit 2", 10);
        assert_eq!(slot.keep().await, Vacated::GivenUp);
        assert_eq!(world.board.rows().remove(0).restarts, 0);
    }

    #[tokio::test]
    async fn wrong_settings_of_a_running_server_do_not_cost_the_process() {
        let (world, slot) = World::slot("printf r >&0; sleep 0.2; exit 2", 0);
        let kept = tokio::spawn(slot.keep());
        world.wait_for(|row| row.state == ProcessState::Ready).await;
        world.wait_for(|row| row.state == ProcessState::Down).await;
        world.stop.send_replace(Stop::Gently);
        assert_eq!(kept.await.unwrap(), Vacated::Stopped);
    }

    #[tokio::test]
    async fn readiness_is_shown_and_a_stop_ends_the_process() {
        let (world, slot) = World::slot("read line; printf r >&0; exec sleep 60", 10);
        let kept = tokio::spawn(slot.keep());
        let row = world.wait_for(|row| row.state == ProcessState::Ready).await;
        assert!(row.process.is_some());
        world.stop.send_replace(Stop::Gently);
        assert_eq!(kept.await.unwrap(), Vacated::Stopped);
        assert_eq!(world.board.rows().remove(0).state, ProcessState::Stopped);
    }

    #[tokio::test]
    async fn a_stubborn_process_is_killed_when_told_now() {
        let script = "trap '' TERM; printf r >&0; exec sleep 60";
        let (world, slot) = World::slot(script, 10);
        let kept = tokio::spawn(slot.keep());
        world.wait_for(|row| row.state == ProcessState::Ready).await;
        world.stop.send_replace(Stop::Now);
        assert_eq!(kept.await.unwrap(), Vacated::Stopped);
    }

    #[tokio::test]
    async fn a_silent_process_is_hung_and_replaced() {
        let (world, mut slot) = World::slot("exec sleep 60", 10);
        slot.hung_after = Duration::from_millis(50);
        let kept = tokio::spawn(slot.keep());
        world.wait_for(|row| row.restarts == 2).await;
        world.stop.send_replace(Stop::Now);
        assert_eq!(kept.await.unwrap(), Vacated::Stopped);
    }

    #[tokio::test]
    async fn a_frozen_process_is_killed_and_replaced() {
        let script =
            "printf r >&0; for i in 1 2 3; do sleep 0.1; printf a >&0; done; kill -STOP $$";
        let (world, mut slot) = World::slot(script, 10);
        slot.hung_after = Duration::from_millis(500);
        let kept = tokio::spawn(slot.keep());
        let first = world.wait_for(|row| row.state == ProcessState::Ready).await;
        let next = world
            .wait_for(|row| row.state == ProcessState::Ready && row.process != first.process)
            .await;
        assert_eq!(next.restarts, 1);
        world.stop.send_replace(Stop::Now);
        assert_eq!(kept.await.unwrap(), Vacated::Stopped);
    }

    #[tokio::test]
    async fn without_automatic_restart_the_first_end_is_the_last() {
        let (world, mut slot) = World::slot("exit 1", 10);
        let rules = RestartRules { enabled: false, window: Duration::from_secs(1), count: 10 };
        slot.restarts = Restarts::new(rules);
        assert_eq!(slot.keep().await, Vacated::GivenUp);
        assert_eq!(world.board.rows().remove(0).restarts, 0);
    }
}
