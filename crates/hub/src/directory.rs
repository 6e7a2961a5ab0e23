//! Which shards of the node have connections of a hub, members of a group, connections of a user.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::{DefaultHashBuilder, Equivalent, HashMap};

use crate::group_state::GroupStates;
use crate::saved::Confirmed;
use crate::target::Target;

/// Most shards a node can have: a set of them is one word.
pub const SHARDS_MAX: usize = 64;
/// Locks of the map. Writes happen only when a shard gains its first or loses its last member.
const STRIPES: usize = 64;

/// A set of shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardSet(u64);

impl ShardSet {
    /// The set of one shard.
    pub fn only(shard: usize) -> Self {
        Self(1_u64.checked_shl(u32::try_from(shard).unwrap_or(u32::MAX)).unwrap_or(0))
    }

    /// Whether `shard` is in the set.
    pub(crate) fn contains(self, shard: usize) -> bool {
        self.0 & Self::only(shard).0 != 0
    }

    /// The set as bits, the first shard's the lowest.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// The set of [`Self::bits`].
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set without `shard`.
    #[must_use]
    pub(crate) fn without(self, shard: usize) -> Self {
        Self(self.0 & !Self::only(shard).0)
    }

    /// Whether the set has no member.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let shard = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                shard
            })
        })
    }
}

/// What a shard can have members of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic<'a> {
    /// Connections of the hub.
    Hub,
    /// Members of a group.
    Group(&'a str),
    /// Connections of a user.
    User(&'a str),
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Hub,
    Group(Arc<str>),
    User(Arc<str>),
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    hub: Arc<str>,
    kind: Kind,
}

impl Key {
    fn as_ref(&self) -> KeyRef<'_> {
        let topic = match &self.kind {
            Kind::Hub => Topic::Hub,
            Kind::Group(name) => Topic::Group(name),
            Kind::User(name) => Topic::User(name),
        };
        KeyRef { hub: &self.hub, topic }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct KeyRef<'a> {
    hub: &'a str,
    topic: Topic<'a>,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.as_ref()
    }
}

type Stripe = RwLock<HashMap<Key, ShardSet>>;

/// How many groups and users a hub has on all shards together.
#[derive(Debug, Default)]
struct Totals {
    groups: AtomicUsize,
    users: AtomicUsize,
}

/// The node's map from topics to shards: the only structure that shards share.
///
/// A shard enters itself before the join that made it a member is acknowledged, so every publish that begins after
/// the acknowledgement finds it.
#[derive(Debug)]
pub struct Directory {
    shards: usize,
    hasher: DefaultHashBuilder,
    stripes: Box<[Stripe]>,
    /// Of the hubs that some shard has.
    totals: RwLock<HashMap<Arc<str>, Totals>>,
    /// Group states of clients on all shards.
    pub(crate) states: GroupStates,
    /// Which messages between shards need not be kept any more.
    pub(crate) confirmed: Confirmed,
}

impl Directory {
    /// A directory for `shards` shards, at most [`SHARDS_MAX`]. With one shard nothing is recorded.
    pub fn new(shards: usize) -> Self {
        let stripes = if shards > 1 { STRIPES } else { 0 };
        Self {
            shards,
            hasher: DefaultHashBuilder::default(),
            stripes: (0..stripes).map(|_| Stripe::default()).collect(),
            totals: RwLock::default(),
            states: GroupStates::default(),
            confirmed: Confirmed::new(shards),
        }
    }

    /// Number of shards of the node.
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// The shards that have members of the topic; for a node of one shard always that one.
    pub fn lookup(&self, hub: &str, topic: Topic<'_>) -> ShardSet {
        let key = KeyRef { hub, topic };
        match self.stripe(&key) {
            None => ShardSet::only(0),
            Some(stripe) => {
                let map = stripe.read().unwrap_or_else(PoisonError::into_inner);
                map.get(&key).copied().unwrap_or_default()
            }
        }
    }

    /// Groups and users of a hub, each counted once whatever the number of shards that have it. `None` for a hub without
    /// connections, and always on a node of one shard, where that shard knows.
    pub fn groups_and_users(&self, hub: &str) -> Option<(usize, usize)> {
        let totals = self.totals.read().unwrap_or_else(PoisonError::into_inner);
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        totals.get(hub).map(|totals| (of(&totals.groups), of(&totals.users)))
    }

    /// The shards that may have connections of a target.
    pub fn shards_of(&self, hub: &str, target: &Target) -> ShardSet {
        match target {
            Target::All => self.lookup(hub, Topic::Hub),
            Target::Group(name) => self.lookup(hub, Topic::Group(name)),
            Target::User(name) => self.lookup(hub, Topic::User(name)),
            Target::Connection(id) if usize::from(id.shard) < self.shards => {
                ShardSet::only(usize::from(id.shard))
            }
            Target::Connection(_) => ShardSet::default(),
        }
    }

    /// Records that `shard` has its first connection of the hub.
    pub(crate) fn enter_hub(&self, hub: &Arc<str>, shard: usize) {
        self.enter(shard, KeyRef { hub, topic: Topic::Hub }, || Kind::Hub, hub);
    }

    /// Records that `shard` has its first member of the group.
    pub(crate) fn enter_group(&self, hub: &Arc<str>, group: &Arc<str>, shard: usize) {
        let key = KeyRef { hub, topic: Topic::Group(group) };
        self.enter(shard, key, || Kind::Group(Arc::clone(group)), hub);
    }

    /// Records that `shard` has its first connection of the user.
    pub(crate) fn enter_user(&self, hub: &Arc<str>, user: &Arc<str>, shard: usize) {
        let key = KeyRef { hub, topic: Topic::User(user) };
        self.enter(shard, key, || Kind::User(Arc::clone(user)), hub);
    }

    fn enter(&self, shard: usize, key: KeyRef<'_>, kind: impl FnOnce() -> Kind, hub: &Arc<str>) {
        let Some(stripe) = self.stripe(&key) else { return };
        let mut map = stripe.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = map.get_mut(&key) {
            set.0 |= ShardSet::only(shard).0;
        } else {
            map.insert(Key { hub: Arc::clone(hub), kind: kind() }, ShardSet::only(shard));
            // The stripe is still locked, so that a hub that ends on one shard and begins on another is not mixed up.
            self.count(hub, key.topic, |count| _ = count.fetch_add(1, Ordering::Relaxed));
            if key.topic == Topic::Hub {
                let mut totals = self.totals.write().unwrap_or_else(PoisonError::into_inner);
                totals.insert(Arc::clone(hub), Totals::default());
            }
        }
    }

    /// Records that `shard` lost its last member of the topic.
    pub(crate) fn leave(&self, hub: &str, topic: Topic<'_>, shard: usize) {
        let key = KeyRef { hub, topic };
        let Some(stripe) = self.stripe(&key) else { return };
        let mut map = stripe.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = map.get_mut(&key) {
            *set = set.without(shard);
            if set.is_empty() {
                map.remove(&key);
                self.count(hub, topic, |count| _ = count.fetch_sub(1, Ordering::Relaxed));
                if topic == Topic::Hub {
                    self.totals.write().unwrap_or_else(PoisonError::into_inner).remove(hub);
                }
            }
        }
    }

    /// The node got its first, or lost its last, member of a group or a user.
    fn count(&self, hub: &str, topic: Topic<'_>, change: impl FnOnce(&AtomicUsize)) {
        let totals = self.totals.read().unwrap_or_else(PoisonError::into_inner);
        let Some(totals) = totals.get(hub) else { return };
        match topic {
            Topic::Hub => {}
            Topic::Group(_) => change(&totals.groups),
            Topic::User(_) => change(&totals.users),
        }
    }

    fn stripe(&self, key: &KeyRef<'_>) -> Option<&Stripe> {
        // `STRIPES` is a power of two; a node of one shard has no stripes.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        let at = self.hasher.hash_one(key) as usize & (STRIPES - 1);
        self.stripes.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_known_while_a_shard_has_it() {
        let directory = Directory::new(3);
        let (hub, room): (Arc<str>, Arc<str>) = ("h".into(), "room".into());
        directory.enter_group(&hub, &room, 0);
        directory.enter_group(&hub, &room, 2);
        directory.enter_user(&hub, &room, 1);
        let shards = |topic| directory.lookup("h", topic).iter().collect::<Vec<_>>();
        assert_eq!(shards(Topic::Group("room")), [0, 2]);
        assert_eq!(shards(Topic::User("room")), [1], "a user is not a group of the same name");
        assert_eq!(shards(Topic::Hub), [0_usize; 0]);
        directory.leave("h", Topic::Group("room"), 0);
        directory.leave("h", Topic::Group("room"), 2);
        assert!(directory.lookup("h", Topic::Group("room")).is_empty());
    }

    #[test]
    fn groups_and_users_are_counted_once() {
        let directory = Directory::new(2);
        let (hub, room): (Arc<str>, Arc<str>) = ("h".into(), "room".into());
        (0..2).for_each(|shard| {
            directory.enter_hub(&hub, shard);
            directory.enter_group(&hub, &room, shard);
            directory.enter_user(&hub, &room, shard);
        });
        directory.enter_user(&hub, &"other".into(), 1);
        assert_eq!(directory.groups_and_users("h"), Some((1, 2)));
        directory.leave("h", Topic::Group("room"), 0);
        directory.leave("h", Topic::User("room"), 0);
        directory.leave("h", Topic::Hub, 0);
        assert_eq!(directory.groups_and_users("h"), Some((1, 2)));
        directory.leave("h", Topic::Group("room"), 1);
        directory.leave("h", Topic::User("other"), 1);
        assert_eq!(directory.groups_and_users("h"), Some((0, 1)));
        directory.leave("h", Topic::User("room"), 1);
        directory.leave("h", Topic::Hub, 1);
        assert_eq!(directory.groups_and_users("h"), None);
        assert_eq!(Directory::new(1).groups_and_users("h"), None);
    }

    #[test]
    fn one_shard_is_always_asked() {
        let directory = Directory::new(1);
        assert_eq!(directory.lookup("h", Topic::Group("g")), ShardSet::only(0));
    }
}
