//! Who may hash a password now: one attempt per core, a bounded number waiting, and of those a bounded
//! share from one address, so that a flood from one place leaves room for everybody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waypost_types::network;

/// How many logins may wait for a core to hash their password; the next is told to come again. At 20 to
/// 40 ms a hash this is a wait of a few seconds, which clients endure.
pub const HASH_QUEUE: usize = 256;
/// How many logins from one address may wait or be hashed at once.
pub const PEER_SHARE: usize = HASH_QUEUE / 4;

/// The queue before the hash function.
pub(crate) struct HashQueue {
    places: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

/// Leave to hash one password; ends when dropped.
pub(crate) struct Turn {
    _core: OwnedSemaphorePermit,
    _place: Place,
}

/// Why there is no turn; for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The whole queue is full.
    Queue,
    /// The address has its share.
    Peer,
}

impl Full {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Queue => "the queue of password hashes is full",
            Self::Peer => "too many logins from one address wait for their password hash",
        }
    }
}

/// A place in the queue, counted for its address.
struct Place {
    queue: Arc<HashQueue>,
    peer: Option<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut peers = self.queue.peers();
        if let Some(count) = peers.get_mut(&peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                peers.remove(&peer);
            }
        }
    }
}

impl HashQueue {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(cores.saturating_add(HASH_QUEUE))),
            cores: Arc::new(Semaphore::new(cores)),
            peers: Mutex::new(HashMap::new()),
        }
    }

    /// Waits for a core, if there is a place to wait at.
    pub(crate) async fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Turn, Full> {
        let place = self.place(peer.map(network))?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| Full::Queue)?;
        Ok(Turn { _core: core, _place: place })
    }

    fn place(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Place, Full> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Full::Queue)?;
        if let Some(peer) = peer {
            // No more entries than places, so the map needs no bound of its own.
            let mut peers = self.peers();
            let count = peers.entry(peer).or_insert(0);
            if *count >= PEER_SHARE {
                return Err(Full::Peer);
            }
            *count += 1;
        }
        Ok(Place { queue: Arc::clone(self), peer, _permit: permit })
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn free_places(&self) -> usize {
        self.places.available_permits()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[tokio::test]
    async fn one_address_has_its_share_and_gives_it_back() {
        let queue = Arc::new(HashQueue::new(PEER_SHARE + 1));
        let (one, two) = (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()));
        let mut turns = Vec::new();
        for _ in 0..PEER_SHARE {
            turns.push(queue.enter(one).await.ok().unwrap());
        }
        assert_eq!(queue.enter(one).await.err(), Some(Full::Peer));
        assert!(queue.enter(two).await.is_ok(), "others still have room");
        turns.pop();
        assert!(queue.enter(one).await.is_ok(), "a turn that ended makes room");
        drop(turns);
        assert_eq!(queue.free_places(), PEER_SHARE + 1 + HASH_QUEUE);
        assert!(queue.peers().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn a_socket_without_an_address_has_no_share() {
        let queue = Arc::new(HashQueue::new(2 * PEER_SHARE));
        let mut turns = Vec::new();
        for _ in 0..2 * PEER_SHARE {
            turns.push(queue.enter(None).await.ok().unwrap());
        }
        assert!(queue.peers().is_empty());
    }
}
