//! Who is where: the connections of each hub on this shard by group and by user.

use std::sync::Arc;

use hashbrown::HashMap;
use slab::Slab;

use crate::counters::ByProtocol;
use crate::members::Members;
use crate::upstream::HubPolicy;

/// Index of a hub in [`Hubs`].
pub(crate) type HubKey = u32;
/// Index of a group in its [`HubIndex`].
pub(crate) type GroupKey = u32;

/// Names to values that other structures refer to by a small key.
#[derive(Debug)]
pub(crate) struct Named<T> {
    keys: HashMap<Arc<str>, u32>,
    values: Slab<(Arc<str>, T)>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { keys: HashMap::new(), values: Slab::new() }
    }
}

impl<T: Default> Named<T> {
    pub(crate) fn key(&self, name: &str) -> Option<u32> {
        self.keys.get(name).copied()
    }

    /// The key of `name`, which is created when missing; `true` when it was.
    pub(crate) fn key_or_insert(&mut self, name: &Arc<str>) -> (u32, bool) {
        if let Some(key) = self.key(name) {
            return (key, false);
        }
        let key = crate::members::position(self.values.insert((Arc::clone(name), T::default())));
        self.keys.insert(Arc::clone(name), key);
        (key, true)
    }

    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        self.values.get(key as usize).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        self.values.get_mut(key as usize).map(|(_, value)| value)
    }

    pub(crate) fn name(&self, key: u32) -> Option<&Arc<str>> {
        self.values.get(key as usize).map(|(name, _)| name)
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<Arc<str>> {
        let (name, _) = self.values.try_remove(key as usize)?;
        self.keys.remove(&name);
        Some(name)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut T)> {
        self.values.iter_mut().map(|(_, (name, value))| (&*name, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Keys are below.
    pub(crate) fn capacity(&self) -> usize {
        self.values.capacity()
    }

    pub(crate) fn named(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.values.iter().map(|(_, (name, value))| (name, value))
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<str>, &T)> {
        self.values.iter().map(|(key, (name, value))| (crate::members::position(key), name, value))
    }
}

/// The hubs that have connections on this shard.
pub(crate) type Hubs = Named<HubIndex>;

/// One hub's connections on this shard.
#[derive(Debug, Default)]
pub(crate) struct HubIndex {
    pub(crate) all: Members,
    pub(crate) groups: Named<Members>,
    pub(crate) users: HashMap<Arc<str>, Members>,
    pub(crate) policy: HubPolicy,
    pub(crate) by_protocol: ByProtocol,
}
