//! Whether steps that read the store may run on the loop's own threads.
//!
//! What they read is nearly always in memory, and then a change of threads costs more than the step. When
//! it is not, or the machine has no time, a step takes long; the loops then keep to what cannot block,
//! and try again after a pause that grows while the trials stay slow.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A command that has been at work for this long without waiting for its client lets all others of its
/// loop run between its steps.
pub(super) const BRIEF: Duration = Duration::from_millis(2);

/// And if its steps take longer than this, it goes on where others may pass it. Steps that copy what is
/// stored are shorter: they fill their output in some hundred microseconds at most.
pub(super) const SHORT: Duration = Duration::from_micros(500);

/// A step that took longer than this has waited: a step in memory takes some hundred microseconds at most.
const SLOW: Duration = Duration::from_millis(3);

/// The first pause after a slow step. Of a store that always waits for its disk, a loop then sees one step
/// of at most a hundred in a second.
const PAUSE_FIRST_MS: u32 = 50;
/// The longest pause.
const PAUSE_MAX_MS: u32 = 5_000;

/// How the steps of a service have gone lately.
#[derive(Debug)]
pub(crate) struct Pace {
    begun: Instant,
    /// No step runs on a loop before this many milliseconds after the beginning.
    slow_until: AtomicU64,
    /// The next pause in milliseconds.
    pause: AtomicU32,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { begun: now, slow_until: AtomicU64::new(0), pause: AtomicU32::new(PAUSE_FIRST_MS) }
    }

    /// Whether a step may run on a loop's thread now.
    pub(super) fn is_quick(&self, now: Instant) -> bool {
        let until = self.slow_until.load(Relaxed);
        until == 0 || self.millis(now) >= until
    }

    /// Notes how long a step on a loop's thread took.
    pub(super) fn note(&self, took: Duration, now: Instant) {
        if took >= SLOW {
            let pause = self.pause.load(Relaxed);
            self.slow_until.store(self.millis(now) + u64::from(pause), Relaxed);
            self.pause.store((pause * 2).min(PAUSE_MAX_MS), Relaxed);
        } else if self.slow_until.load(Relaxed) != 0 {
            self.slow_until.store(0, Relaxed);
            self.pause.store(PAUSE_FIRST_MS, Relaxed);
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(100);

    #[test]
    fn slow_steps_leave_the_loop_for_longer_and_longer() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let pace = Pace::new(begun);
        assert!(pace.is_quick(at(0)));
        pace.note(SLOW, at(1));
        assert!(!pace.is_quick(at(50)) && pace.is_quick(at(51)));
        pace.note(SLOW, at(60));
        assert!(!pace.is_quick(at(159)) && pace.is_quick(at(160)));
        for _ in 0..20 {
            pace.note(SLOW, at(200));
        }
        assert!(pace.is_quick(at(200 + u64::from(PAUSE_MAX_MS))));
    }

    #[test]
    fn a_quick_trial_brings_the_loop_back() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let pace = Pace::new(begun);
        pace.note(SLOW, at(0));
        pace.note(SLOW, at(60));
        pace.note(QUICK, at(200));
        assert!(pace.is_quick(at(200)));
        pace.note(SLOW, at(300));
        assert!(!pace.is_quick(at(349)) && pace.is_quick(at(350)));
    }
}
