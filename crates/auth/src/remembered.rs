//! Remembered credentials: a login that succeeded a moment ago needs no second hash.
//!
//! What is kept is a keyed hash of the password under a key that lives as long as the process. An entry
//! counts only while the directory's generation is the one read *before* its password was checked, so
//! a change of password or status makes all of them worthless at once. A directory without a generation
//! (LDAP) leaves each of them its full lifetime.

use crate::login::{Identity, Service};
use crate::recent::RecentMap;
use blake2::Blake2bMac512;
use blake2::digest::{FixedOutput, KeyInit, Update};
use std::io;
use std::time::Duration;
use tokio::time::Instant;
use waypost_types::Secret;

/// Bytes of the process's key.
const KEY_BYTES: usize = 64;
/// Bytes of a keyed hash.
const TAG_BYTES: usize = 64;

/// What a login is remembered by: services differ in who may use them, and the name is that of who gave the
/// password, as typed. Whom an administrator acted as is not remembered at all.
type Key = (Service, String);

/// Logins that succeeded.
pub(crate) struct Remembered {
    entries: RecentMap<Key, Entry>,
    generation: Option<u64>,
    key: Secret<[u8; KEY_BYTES]>,
    lifetime: Duration,
}

struct Entry {
    tag: Secret<[u8; TAG_BYTES]>,
    identity: Identity,
    expires: Instant,
}

impl Remembered {
    /// Remembers at most `size` logins for `lifetime`. Fails when the system gives no random key.
    pub(crate) fn new(lifetime: Duration, size: usize) -> io::Result<Self> {
        let mut key = [0u8; KEY_BYTES];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let entries = RecentMap::new((size / 2).max(1));
        Ok(Self { entries, generation: None, key: Secret::new(key), lifetime })
    }

    /// The identity of a login that was remembered under this generation with this password.
    pub(crate) fn find(
        &mut self,
        key: &Key,
        password: &Secret<String>,
        generation: Option<u64>,
        now: Instant,
    ) -> Option<Identity> {
        self.follow(generation);
        let entry = self.entries.get(key)?;
        if now >= entry.expires {
            self.entries.remove(key);
            return None;
        }
        let (stored, identity) = (entry.tag.clone(), entry.identity.clone());
        self.tag(password)?.matches(stored.expose()).then_some(identity)
    }

    /// Remembers a login whose check began under `generation`.
    pub(crate) fn insert(
        &mut self,
        key: Key,
        password: &Secret<String>,
        generation: Option<u64>,
        identity: Identity,
        now: Instant,
    ) {
        // An older generation means that the directory changed during the check.
        if self.lifetime.is_zero() || generation != self.generation {
            return;
        }
        let Some(tag) = self.tag(password) else { return };
        let Some(expires) = now.checked_add(self.lifetime) else { return };
        self.entries.insert(key, Entry { tag, identity, expires });
    }

    /// Forgets everybody: names may mean others now.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    fn follow(&mut self, generation: Option<u64>) {
        if self.generation != generation {
            self.entries.clear();
            self.generation = generation;
        }
    }

    fn tag(&self, password: &Secret<String>) -> Option<Secret<[u8; TAG_BYTES]>> {
        let mut mac = Blake2bMac512::new_from_slice(self.key.expose()).ok()?;
        mac.update(password.expose().as_bytes());
        Some(Secret::new(mac.finalize_fixed().into()))
    }
}
