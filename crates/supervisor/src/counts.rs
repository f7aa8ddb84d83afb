//! What a process counts, as it tells its watcher.

/// How many numbers [`Counts`] has.
pub(crate) const COUNTERS: usize = 5;

/// Connections of one process, or of all of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections open now.
    pub current: u64,
    /// The most that were open at once.
    pub max: u64,
    /// Connections taken since the process started.
    pub total: u64,
    /// Connections that ended by a fault.
    pub failed: u64,
    /// Connections turned away because the limit was reached.
    pub refused: u64,
}

impl Counts {
    pub(crate) const fn to_array(self) -> [u64; COUNTERS] {
        let Self { current, max, total, failed, refused } = self;
        [current, max, total, failed, refused]
    }

    pub(crate) const fn from_array(
        [current, max, total, failed, refused]: [u64; COUNTERS],
    ) -> Self {
        Self { current, max, total, failed, refused }
    }

    /// The sum; the most at once is at most the sum of the most of each.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            current: self.current.saturating_add(other.current),
            max: self.max.saturating_add(other.max),
            total: self.total.saturating_add(other.total),
            failed: self.failed.saturating_add(other.failed),
            refused: self.refused.saturating_add(other.refused),
        }
    }
}
