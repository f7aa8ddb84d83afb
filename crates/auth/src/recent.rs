//! A map of bounded size that forgets what was not used for longest, roughly.
//!
//! Two halves: new and used entries go to the young half; when it is full it becomes the old half, and
//! the former old half is dropped. So every step is constant time, also under a flood of new keys,
//! where an exact order of use would cost a list and a scan.

use std::collections::HashMap;
use std::hash::Hash;

/// A map of at most twice `half` entries.
pub(crate) struct RecentMap<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> RecentMap<K, V> {
    /// An empty map; `half` must be at least 1 to keep anything.
    pub(crate) fn new(half: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half }
    }

    /// The value of a key, which counts as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// Sets the value of a key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_bounded_and_used_entries_stay() {
        let mut map = RecentMap::new(10);
        map.insert(0, "kept");
        for key in 1..1_000 {
            map.insert(key, "new");
            assert!(map.len() <= 20);
            assert_eq!(map.get(&0).copied(), Some("kept"), "used all the time, at {key}");
        }
        assert_eq!(map.get(&1), None);
        map.remove(&0);
        assert_eq!(map.get(&0), None);
        map.clear();
        assert_eq!(map.len(), 0);
    }
}
