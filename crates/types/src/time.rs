//! Time as an argument: protocol code is told `now`, it never asks.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 00:00:00 UTC, with the zone in which it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnixTime {
    /// Seconds since the epoch, UTC.
    pub seconds: i64,
    /// Minutes east of UTC in which the time was written, -1439 to 1439 (RFC 3501 `zone`).
    pub zone_minutes: i16,
}

impl UnixTime {
    /// A time in UTC.
    pub const fn utc(seconds: i64) -> Self {
        Self { seconds, zone_minutes: 0 }
    }
}

/// One reading of both clocks: wall for what is written down, monotonic for time-outs.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Wall-clock time, UTC.
    pub wall: UnixTime,
    /// Monotonic time.
    pub instant: Instant,
}

impl Moment {
    /// Reads the system clocks. Only drivers (`net`, tools) call this.
    pub fn now() -> Self {
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        Self { wall: UnixTime::utc(seconds), instant: Instant::now() }
    }

    /// This moment moved forward on both clocks, for tests.
    #[must_use]
    pub fn after(self, step: Duration) -> Self {
        let seconds = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
        Self {
            wall: UnixTime { seconds: self.wall.seconds.saturating_add(seconds), ..self.wall },
            instant: self.instant + step,
        }
    }
}

/// A length of time as people are told it: `1 minute`, `30 minutes`, `90 seconds`.
#[derive(Debug, Clone, Copy)]
pub struct Spoken(pub Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (count, unit) = match seconds {
            60.. if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
            _ => (seconds, "second"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spoken_in_the_largest_whole_unit() {
        for (seconds, words) in
            [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (90, "90 seconds")]
        {
            assert_eq!(Spoken(Duration::from_secs(seconds)).to_string(), words);
        }
        assert_eq!(Spoken(Duration::from_secs(30 * 60)).to_string(), "30 minutes");
    }
}
