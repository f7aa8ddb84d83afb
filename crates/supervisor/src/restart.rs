//! When a process that ended is started again, and when no more.

use crate::limits::{RESTART_DELAY_MAX, RESTART_DELAY_MIN, STEADY_AFTER};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many times longer than its last delay a process must have run for the delay not to double:
/// then it was gone for a tenth of the time at most.
const WORTHWHILE: u32 = 10;

/// The administrator's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartRules {
    /// Whether processes are started again at all (`watcher.autorestart`).
    pub enabled: bool,
    /// The time over which ends are counted (`watcher.autorestartwindow`).
    pub window: Duration,
    /// More ends than this within the window are too many (`watcher.autorestartcount`).
    pub count: u32,
}

/// What to do about a process that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again after this long.
    Again(Duration),
    /// Leave it.
    GiveUp,
}

/// The history of one process.
#[derive(Debug)]
pub struct Restarts {
    rules: RestartRules,
    ends: VecDeque<Instant>,
    delay: Option<Duration>,
}

impl Restarts {
    /// No history yet.
    pub fn new(rules: RestartRules) -> Self {
        Self { rules, ends: VecDeque::new(), delay: None }
    }

    /// Takes note of an end at `now` of a process started at `started`. The delay doubles from
    /// [`RESTART_DELAY_MIN`] to [`RESTART_DELAY_MAX`] with each process that ran too briefly, and
    /// starts anew after one that ran for [`STEADY_AFTER`].
    pub fn ended(&mut self, started: Instant, now: Instant) -> Verdict {
        self.ends.push_back(now);
        let window = self.rules.window;
        while self.ends.front().is_some_and(|end| now.saturating_duration_since(*end) > window) {
            self.ends.pop_front();
        }
        let most = usize::try_from(self.rules.count).unwrap_or(usize::MAX);
        if !self.rules.enabled || self.ends.len() > most {
            return Verdict::GiveUp;
        }
        let delay = self.next_delay(now.saturating_duration_since(started));
        self.delay = Some(delay);
        Verdict::Again(delay)
    }

    fn next_delay(&self, ran: Duration) -> Duration {
        match self.delay {
            Some(delay) if ran >= STEADY_AFTER.max(delay) => RESTART_DELAY_MIN,
            Some(delay) if ran >= delay * WORTHWHILE => delay,
            Some(delay) => (delay * 2).min(RESTART_DELAY_MAX),
            None => RESTART_DELAY_MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_types::Moment;

    const RULES: RestartRules =
        RestartRules { enabled: true, window: Duration::from_secs(600), count: 10 };

    /// Runs processes of the given lengths one after the other.
    fn verdicts(rules: RestartRules, ran: &[Duration]) -> Vec<Verdict> {
        let mut restarts = Restarts::new(rules);
        let mut now = Moment::now().instant;
        let mut run = |ran: &Duration| {
            let started = now;
            now += *ran;
            let verdict = restarts.ended(started, now);
            if let Verdict::Again(delay) = verdict {
                now += delay;
            }
            verdict
        };
        ran.iter().map(&mut run).collect()
    }

    fn again(millis: u64) -> Verdict {
        Verdict::Again(Duration::from_millis(millis))
    }

    #[test]
    fn the_delay_doubles_up_to_its_limit() {
        let rules = RestartRules { count: 1_000, ..RULES };
        let got = verdicts(rules, &[Duration::ZERO; 10]);
        let want = [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000].map(again);
        assert_eq!(got, want);
    }

    #[test]
    fn a_steady_run_starts_the_delay_anew() {
        let (short, steady) = (Duration::ZERO, STEADY_AFTER);
        let got = verdicts(RULES, &[short, short, short, steady, short]);
        assert_eq!(got, [again(100), again(200), again(400), again(100), again(200)]);
    }

    #[test]
    fn a_worthwhile_run_keeps_the_delay() {
        let second = Duration::from_secs(1);
        assert_eq!(verdicts(RULES, &[second; 3]), [again(100); 3]);
        let almost = Duration::from_millis(999);
        assert_eq!(
            verdicts(RULES, &[second, almost, almost]),
            [again(100), again(200), again(400)]
        );
    }

    #[test]
    fn too_many_ends_within_the_window_are_given_up() {
        let got = verdicts(RULES, &[Duration::from_secs(1); 11]);
        assert!(got[..10].iter().all(|verdict| *verdict != Verdict::GiveUp));
        assert_eq!(got[10], Verdict::GiveUp);
    }

    #[test]
    fn old_ends_are_forgotten() {
        let got = verdicts(RULES, &[Duration::from_secs(61); 100]);
        assert!(got.iter().all(|verdict| *verdict == again(100)), "{got:?}");
    }

    #[test]
    fn without_restarts_the_first_end_is_the_last() {
        let rules = RestartRules { enabled: false, ..RULES };
        assert_eq!(verdicts(rules, &[Duration::from_secs(99)]), [Verdict::GiveUp]);
    }
}
