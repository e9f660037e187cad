//! Objects that are gone with the process: a sorted map. Tests: those of the store, and of all that runs on a cluster in memory.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;

use super::{FIRST, Key};

/// The objects by their keys.
pub(super) struct Memory(RwLock<Objects>);

struct Objects {
    all: BTreeMap<Arc<str>, Bytes>,
    /// The last version handed out.
    last: u64,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory(RwLock::new(Objects { all: BTreeMap::new(), last: FIRST }))
    }

    fn read(&self) -> RwLockReadGuard<'_, Objects> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        self.read().all.get(key).cloned()
    }

    /// Those whose keys start with `prefix`, from `start` on, and the version of which they are. Who looks at them holds nobody up.
    pub(super) fn list(&self, start: &str, prefix: &str) -> (Vec<(Key, Bytes)>, u64) {
        let objects = self.read();
        let from = objects.all.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        let found = from.take_while(|(key, _)| key.starts_with(prefix));
        (found.map(|(key, bytes)| (Key { text: key.clone() }, bytes.clone())).collect(), objects.last)
    }

    /// Puts these in or takes them out, all at once.
    pub(super) fn change(&self, changes: BTreeMap<Key, Option<Bytes>>, last: u64) {
        let mut objects = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, bytes) in changes {
            match bytes {
                Some(bytes) => objects.all.insert(key.text, bytes),
                None => objects.all.remove(&key.text),
            };
        }
        objects.last = last;
    }
}
