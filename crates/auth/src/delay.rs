//! Failures wait: the more of them from an address or on an account, the longer, up to a bound.
//!
//! Only the answer to a failed attempt is late. A right password is never refused or delayed, so nobody
//! can lock others out by failing in their name.

use crate::recent::RecentMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;
use waypost_types::network;

/// The delay of a first failure.
pub const SHORTEST_DELAY: Duration = Duration::from_secs(1);
/// The longest delay. Longer ones would only hold connections open.
pub const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// How long after its last failure an address or account starts afresh.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Half the number of addresses, and of accounts, that are watched at once.
const WATCHED_HALF: usize = 10_000;

/// Recent failures by address and by account.
pub(crate) struct Failures {
    peers: RecentMap<IpAddr, Count>,
    accounts: RecentMap<String, Count>,
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
}

impl Failures {
    pub(crate) fn new() -> Self {
        Self { peers: RecentMap::new(WATCHED_HALF), accounts: RecentMap::new(WATCHED_HALF) }
    }

    /// Notes a failure and says how long its answer waits.
    pub(crate) fn note(
        &mut self,
        peer: Option<IpAddr>,
        account: Option<String>,
        now: Instant,
    ) -> Duration {
        let by_peer = peer.map_or(1, |peer| raise(&mut self.peers, network(peer), now));
        let by_account = account.map_or(1, |account| raise(&mut self.accounts, account, now));
        delay(by_peer.max(by_account))
    }
}

fn raise<K: std::hash::Hash + Eq>(map: &mut RecentMap<K, Count>, key: K, now: Instant) -> u32 {
    if let Some(count) = map.get(&key)
        && now.saturating_duration_since(count.last) < FORGET_AFTER
    {
        *count = Count { failures: count.failures.saturating_add(1), last: now };
        return count.failures;
    }
    map.insert(key, Count { failures: 1, last: now });
    1
}

/// How long after its beginning a failed login is answered, when checking it took `worked`.
///
/// Not `worked + delay`, which would tell how long the check took: a directory server hashes the password of a
/// user who exists and has nothing to hash for one who does not. Counted from the beginning, both are answered at the
/// same moment; a check that takes longer than [`SHORTEST_DELAY`] moves the answer by whole steps of it.
pub(crate) fn answered_after(worked: Duration, delay: Duration) -> Duration {
    let steps = worked.as_nanos() / SHORTEST_DELAY.as_nanos();
    delay.saturating_add(SHORTEST_DELAY.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX)))
}

fn delay(failures: u32) -> Duration {
    let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    SHORTEST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn name(uid: &str) -> Option<String> {
        Some(format!("{uid}@example.com"))
    }

    fn seconds(failures: &mut Failures, peer: &str, uid: &str, now: Instant) -> u64 {
        failures.note(Some(peer.parse().unwrap()), name(uid), now).as_secs()
    }

    #[test]
    fn delays_grow_to_their_bound_and_are_forgotten() {
        let (mut failures, now) = (Failures::new(), Instant::now());
        let grown: Vec<u64> =
            (0..40).map(|_| seconds(&mut failures, "192.0.2.1", "alice", now)).collect();
        assert_eq!(grown[..4], [1, 2, 4, 5]);
        assert!(grown[4..].iter().all(|s| *s == 5));
        assert_eq!(seconds(&mut failures, "192.0.2.1", "alice", now + FORGET_AFTER), 1);
    }

    #[test]
    fn the_answer_does_not_tell_how_long_the_check_took() {
        let at = |worked, delay| {
            answered_after(Duration::from_millis(worked), Duration::from_secs(delay)).as_millis()
        };
        assert_eq!([0, 1, 80, 999].map(|worked| at(worked, 1)), [1_000; 4]);
        assert_eq!([0, 1, 80, 999].map(|worked| at(worked, 5)), [5_000; 4]);
        assert_eq!([1_000, 1_999].map(|worked| at(worked, 1)), [2_000; 2]);
        for worked in 0..5_000 {
            let answered = at(worked, 1);
            assert!(answered >= worked.into() && answered <= u128::from(worked) + 1_000);
        }
    }

    #[test]
    fn address_and_account_count_apart() {
        let (mut failures, now) = (Failures::new(), Instant::now());
        assert_eq!(seconds(&mut failures, "192.0.2.1", "alice", now), 1);
        assert_eq!(seconds(&mut failures, "192.0.2.1", "bob", now), 2, "same address");
        assert_eq!(seconds(&mut failures, "192.0.2.2", "bob", now), 2, "same account");
        assert_eq!(seconds(&mut failures, "192.0.2.3", "carol", now), 1);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_a_mapped_one_as_ipv4() {
        let (mut failures, now) = (Failures::new(), Instant::now());
        assert_eq!(seconds(&mut failures, "2001:db8::1", "a", now), 1);
        assert_eq!(seconds(&mut failures, "2001:db8::ffff:1", "b", now), 2);
        assert_eq!(seconds(&mut failures, "2001:db8:0:1::1", "c", now), 1);
        assert_eq!(seconds(&mut failures, "192.0.2.1", "d", now), 1);
        assert_eq!(seconds(&mut failures, "::ffff:192.0.2.1", "e", now), 2);
        assert_eq!(failures.note(None, None, now), SHORTEST_DELAY);
    }
}
