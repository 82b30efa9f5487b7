//! Which keys were seen lately, within a fixed amount of memory.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// The last so many distinct keys, by a 64-bit hash: among 262,144 keys the chance that any two collide is two in a billion.
#[derive(Debug)]
pub(crate) struct Recent {
    hasher: RandomState,
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    capacity: usize,
}

impl Recent {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { hasher: RandomState::new(), seen: HashSet::new(), order: VecDeque::new(), capacity }
    }

    /// Notes `key`; whether it is new.
    pub(crate) fn insert(&mut self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    /// Whether `key` was noted lately.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.seen.contains(&self.hasher.hash_one(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut recent = Recent::new(2);
        assert!(recent.insert(b"a") && recent.insert(b"b") && !recent.insert(b"a") && recent.insert(b"c"));
        assert!(!recent.contains(b"a") && recent.contains(b"b") && recent.contains(b"c"));
        assert_eq!((recent.seen.len(), recent.order.len()), (2, 2));
    }
}
