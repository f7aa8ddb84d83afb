//! What the system's service manager is told: readiness, reloads, the end, a line of status, and signs of
//! life. Without a manager nothing is sent.

use crate::state::{ProcessState, Row};
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Signs of life for each period that the manager allows; one may be late.
const BEATS: u32 = 2;
/// The shortest pause between two signs, whatever the manager asks for.
const BEAT_MIN: Duration = Duration::from_millis(50);

/// The line to the service manager.
pub(crate) struct Notifier {
    beat: Option<Interval>,
    ready: bool,
    status: String,
}

impl Notifier {
    /// Must be made on a tokio runtime.
    pub(crate) fn new() -> Self {
        let beat = sd_notify::watchdog_enabled().map(|period| {
            let mut beat = interval((period / BEATS).max(BEAT_MIN));
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beat
        });
        Self { beat, ready: false, status: String::new() }
    }

    /// Waits until a sign of life is due; for ever when none is asked for.
    pub(crate) async fn beat_due(&mut self) {
        match &mut self.beat {
            Some(beat) => drop(beat.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Whoever calls this is alive.
    pub(crate) fn beat(&self) {
        send(&[NotifyState::Watchdog]);
    }

    /// Tells what the processes do, and once that the server is up: every process serves, or has been
    /// given up while the store serves.
    pub(crate) fn show(&mut self, rows: &[Row]) {
        let status = summary(rows);
        if status != self.status {
            send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
        if !self.ready && is_up(rows) {
            self.ready = true;
            send(&[NotifyState::Ready]);
        }
    }

    /// Settings are about to be read again.
    pub(crate) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => send(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "the service manager is not told of a reload"),
        }
    }

    /// The server is about to end.
    pub(crate) fn stopping(&self) {
        send(&[NotifyState::Stopping, NotifyState::Status("ending")]);
    }
}

/// Settings were read again.
pub(crate) fn reloaded() {
    send(&[NotifyState::Ready]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager is not told");
    }
}

fn is_up(rows: &[Row]) -> bool {
    let is_decided = |row: &Row| matches!(row.state, ProcessState::Ready | ProcessState::GivenUp);
    let serves = rows.first().is_some_and(|store| store.state == ProcessState::Ready);
    serves && rows.iter().all(is_decided)
}

/// One line for `systemctl status`.
fn summary(rows: &[Row]) -> String {
    let ready = rows.iter().filter(|row| row.state == ProcessState::Ready).count();
    let others = rows.iter().filter(|row| row.state != ProcessState::Ready);
    let others: Vec<String> =
        others.map(|row| format!("{} {}", row.name, row.state.name())).collect();
    let text = format!("{ready} of {} processes serve", rows.len());
    if others.is_empty() { text } else { format!("{text}; {}", others.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(states: &[ProcessState]) -> Vec<Row> {
        let names = ["stored", "imapd", "popd"];
        let row = |(name, state): (&&str, &ProcessState)| Row {
            state: *state,
            ..Row::new(name, Vec::new())
        };
        names.iter().zip(states).map(row).collect()
    }

    #[test]
    fn a_lost_service_does_not_keep_the_server_from_being_up() {
        use ProcessState::{Down, GivenUp, Ready, Starting};
        assert!(is_up(&rows(&[Ready, Ready, Ready])));
        assert!(is_up(&rows(&[Ready, GivenUp, Ready])));
        assert!(!is_up(&rows(&[Ready, Starting, Ready])));
        assert!(!is_up(&rows(&[Ready, Down])));
        assert!(!is_up(&rows(&[GivenUp, Ready])));
        assert!(!is_up(&[]));
    }

    #[test]
    fn the_status_names_what_does_not_serve() {
        use ProcessState::{GivenUp, Ready};
        assert_eq!(summary(&rows(&[Ready, Ready])), "2 of 2 processes serve");
        let text = summary(&rows(&[Ready, GivenUp]));
        assert_eq!(text, "1 of 2 processes serve; imapd given-up");
    }
}
