//! What a service counts about its connections in this process, and what it allows.

use crate::limits::{AddressLimit, Limits};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use waypost_counters::{Page, Refusal, ServiceCounts};
use waypost_types::Moment;

/// How often a full process looks whether a sibling still has room.
const SIBLING_LOOK: Duration = Duration::from_millis(50);
/// Seats beyond its own that a process lends when a sibling has them free: all processes together hold no
/// more than they may.
const LENT_SEATS: u64 = 8;
/// Connections of a service whose limits were not set.
const SEATS_DEFAULT: u32 = 1_000;

/// The counters of one service, as one of its processes sees them; shared by its listeners and
/// connections.
pub struct Counters {
    page: Arc<Page>,
    slot: usize,
    seats: AtomicU64,
    addresses: RwLock<Option<AddressLimit>>,
    /// Whether this process holds as many connections as it may.
    full: watch::Sender<bool>,
}

impl Default for Counters {
    fn default() -> Self {
        Self::new(Arc::new(Page::own(SEATS_DEFAULT.into())), 0)
    }
}

impl Counters {
    /// Counts into the slot of this process on the page of its service.
    pub fn new(page: Arc<Page>, slot: usize) -> Self {
        let (seats, addresses) = (AtomicU64::new(SEATS_DEFAULT.into()), RwLock::default());
        Self { page, slot, seats, addresses, full: watch::Sender::new(false) }
    }

    /// Reads every counter of the service. The values are read one after another, not at one instant.
    pub fn snapshot(&self) -> ServiceCounts {
        self.page.counts()
    }

    /// Allows as many connections, in this process and of one address, as the limits say, from now on.
    /// Those above it stay until they end.
    pub fn allow(&self, limits: &Limits) {
        self.seats.store(limits.max_sessions.into(), Relaxed);
        let mut addresses = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        addresses.clone_from(&limits.per_address);
        drop(addresses);
        self.show();
        self.look();
    }

    /// Shows the other processes that this one is alive. To be called every few seconds.
    pub fn show(&self) {
        self.page.show(self.slot, self.seats.load(Relaxed), now());
    }

    /// Counts a login.
    pub fn login(&self, good: bool) {
        self.page.login(good);
    }

    /// Waits until this process may take a connection from the socket that it shares with its siblings:
    /// it has room, or nobody has, and the client is to be told.
    pub(crate) async fn turn(&self) {
        let mut full = self.full.subscribe();
        while *full.borrow_and_update() && self.page.sibling_has_room(self.slot, now()) {
            tokio::select! {
                _ = full.changed() => {}
                () = sleep(SIBLING_LOOK) => {}
            }
        }
    }

    /// Answers when it may no longer be this process's turn.
    pub(crate) async fn turn_ends(&self) {
        let mut full = self.full.subscribe();
        if *full.borrow_and_update() {
            // Nobody has room; that may change.
            sleep(SIBLING_LOOK).await;
        } else {
            // The sender is `self`.
            let _ = full.changed().await;
        }
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.page.received(bytes);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.page.sent(bytes);
    }

    pub(crate) fn failed(&self) {
        self.page.failed();
    }

    pub(crate) fn refused(&self, why: Refusal) {
        self.page.refused(why);
    }

    /// Counts one panic and answers how many there were.
    pub(crate) fn panicked(&self) -> u64 {
        self.page.panicked()
    }

    fn limit_of(&self, peer: IpAddr) -> Option<u64> {
        let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        addresses.as_ref().and_then(|limit| limit.of(peer))
    }

    /// Notes whether this process is full.
    fn look(&self) {
        let is_full = self.page.slot(self.slot).current >= self.seats.load(Relaxed);
        self.full.send_if_modified(|full| std::mem::replace(full, is_full) != is_full);
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Counters").field(&self.snapshot()).finish()
    }
}

fn now() -> u64 {
    u64::try_from(Moment::now().wall.seconds).unwrap_or_default()
}

/// The right to be one of at most `maxsessions` connections; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    counters: Arc<Counters>,
    peer: Option<IpAddr>,
}

impl Seat {
    /// Takes a seat for a client, or says what is full.
    pub(crate) fn take(counters: &Arc<Counters>, peer: Option<IpAddr>) -> Result<Self, Refusal> {
        let seats = counters.seats.load(Relaxed);
        let limit = peer.and_then(|peer| counters.limit_of(peer));
        let enter = |seats| counters.page.enter(counters.slot, seats, peer, limit, now());
        let taken = match enter(seats) {
            // It was taken from the shared socket in the moment when the sibling got room.
            Err(Refusal::Full) if counters.page.sibling_has_room(counters.slot, now()) => {
                enter(seats + LENT_SEATS)
            }
            taken => taken,
        };
        counters.look();
        taken.map(|()| Self { counters: Arc::clone(counters), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counters.page.leave(self.counters.slot, self.peer);
        self.counters.look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    fn limits(seats: u32) -> Limits {
        Limits::new(seats, 1)
    }

    fn counters(seats: u32) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        counters.allow(&limits(seats));
        counters
    }

    #[test]
    fn seats_are_limited_and_come_back() {
        let counters = counters(2);
        let take = || Seat::take(&counters, None);
        let (first, second) = (take(), take());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(take().unwrap_err(), Refusal::Full);
        drop(first);
        assert!(take().is_ok());
        let seen = counters.snapshot();
        assert_eq!((seen.current, seen.max, seen.total), (1, 2, 3));
    }

    #[test]
    fn the_limit_may_change_under_connections() {
        let counters = counters(2);
        let take = || Seat::take(&counters, None);
        let taken = [take(), take()];
        assert!(taken.iter().all(Result::is_ok) && take().is_err());
        counters.allow(&limits(3));
        let third = take();
        assert!(third.is_ok() && take().is_err());
        counters.allow(&limits(0));
        drop((taken, third));
        let only = take();
        assert!(only.is_ok() && take().is_err(), "at least one connection is allowed");
    }

    #[test]
    fn an_address_may_have_its_own_limit() {
        let counters = counters(10);
        let here = IpAddr::from([127, 0, 0, 1]);
        let limit = AddressLimit::new(move |peer| (peer == here).then_some(1));
        counters.allow(&Limits { per_address: Some(limit), ..limits(10) });
        let one = Seat::take(&counters, Some(here));
        assert_eq!(Seat::take(&counters, Some(here)).unwrap_err(), Refusal::Crowded);
        assert!(Seat::take(&counters, Some(IpAddr::from([127, 0, 0, 2]))).is_ok());
        assert!(Seat::take(&counters, None).is_ok(), "a Unix socket has no address");
        drop(one);
        assert!(Seat::take(&counters, Some(here)).is_ok());
    }

    #[tokio::test]
    async fn a_full_process_leaves_clients_to_a_sibling_with_room() {
        let soon = SIBLING_LOOK * 4;
        let page = Arc::new(Page::shared(2, 10).unwrap());
        let [one, two] = [0, 1].map(|slot| Arc::new(Counters::new(Arc::clone(&page), slot)));
        page.claim(0, 70, now());
        page.claim(1, 71, now());
        one.allow(&limits(1));
        two.allow(&limits(1));
        timeout(soon, one.turn()).await.unwrap();
        let seat = Seat::take(&one, None).unwrap();
        assert!(timeout(soon, one.turn()).await.is_err(), "the sibling has room");
        // Taken in the moment when the sibling got room: let in, for all together have room.
        assert!(Seat::take(&one, None).is_ok());
        let other = Seat::take(&two, None).unwrap();
        assert_eq!(Seat::take(&one, None).unwrap_err(), Refusal::Full, "nobody has room");
        timeout(soon, one.turn()).await.unwrap();
        drop(other);
        assert!(timeout(soon, one.turn()).await.is_err());
        page.release(1);
        timeout(soon, one.turn()).await.unwrap();
        drop(seat);
    }
}
