//! What a service counts about its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one service in this process; shared by its listeners and connections.
#[derive(Debug, Default)]
pub struct Counters {
    current: AtomicU64,
    max: AtomicU64,
    total: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    step_panics: AtomicU64,
    /// Connections allowed at once; 0 as long as the limit of the start holds.
    seats: AtomicU64,
}

/// The counters at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// Connections open now.
    pub current: u64,
    /// The most connections that were open at once.
    pub max: u64,
    /// Connections taken since the start.
    pub total: u64,
    /// Connections that ended by a failed TLS handshake, a socket error, a client that did not
    /// read, or an internal error.
    pub failed: u64,
    /// Connections turned away because the limit was reached.
    pub refused: u64,
    /// Bytes received by sessions (inside TLS).
    pub bytes_in: u64,
    /// Bytes sent by sessions (inside TLS).
    pub bytes_out: u64,
    /// Steps that panicked; each ended its own session only.
    pub step_panics: u64,
}

impl Counters {
    /// Reads every counter. The values are read one after another, not at one instant.
    pub fn snapshot(&self) -> CountersSnapshot {
        CountersSnapshot {
            current: self.current.load(Relaxed),
            max: self.max.load(Relaxed),
            total: self.total.load(Relaxed),
            failed: self.failed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            step_panics: self.step_panics.load(Relaxed),
        }
    }

    /// Allows another number of connections from now on. Those above it stay until they end; zero is
    /// taken as one.
    pub fn allow(&self, max_sessions: u32) {
        self.seats.store(u64::from(max_sessions.max(1)), Relaxed);
    }

    /// The connections allowed at once, when the service was started with this limit.
    pub(crate) fn allowed(&self, at_start: u32) -> u64 {
        match self.seats.load(Relaxed) {
            0 => u64::from(at_start),
            allowed => allowed,
        }
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Counts one panic and answers how many there were.
    pub(crate) fn panicked(&self) -> u64 {
        self.step_panics.fetch_add(1, Relaxed) + 1
    }
}

/// The right to be one of at most `maxsessions` connections; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Counters>);

impl Seat {
    /// Takes a seat, or answers `None` when `limit` connections are open.
    pub(crate) fn take(counters: &Arc<Counters>, limit: u64) -> Option<Self> {
        let add = |open: u64| (open < limit).then_some(open + 1);
        let before = counters.current.fetch_update(Relaxed, Relaxed, add).ok()?;
        counters.max.fetch_max(before + 1, Relaxed);
        counters.total.fetch_add(1, Relaxed);
        Some(Self(Arc::clone(counters)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.current.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_and_come_back() {
        let counters = Arc::new(Counters::default());
        let first = Seat::take(&counters, 2);
        let second = Seat::take(&counters, 2);
        assert!(first.is_some() && second.is_some());
        assert!(Seat::take(&counters, 2).is_none());
        drop(first);
        assert!(Seat::take(&counters, 2).is_some());
        let seen = counters.snapshot();
        assert_eq!((seen.current, seen.max, seen.total), (1, 2, 3));
    }

    #[test]
    fn the_limit_may_change_under_connections() {
        let counters = Arc::new(Counters::default());
        let take = || Seat::take(&counters, counters.allowed(2));
        let taken = [take(), take()];
        assert!(taken.iter().all(Option::is_some) && take().is_none());
        counters.allow(3);
        let third = take();
        assert!(third.is_some() && take().is_none());
        counters.allow(0);
        drop((taken, third));
        let only = take();
        assert!(only.is_some() && take().is_none(), "at least one connection is allowed");
    }
}
