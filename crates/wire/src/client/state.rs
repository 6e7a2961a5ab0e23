//! Group state: a small map of strings that each connection may set in each of its groups, a preview feature
//! (client-protocols.md §3.8).

use std::collections::BTreeMap;

use crate::id::ConnId;

/// Largest state, keys and values together. No source names a limit.
pub const GROUP_STATE_BYTES_MAX: usize = 8 << 10;

/// A state is larger than [`GROUP_STATE_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The group state is too large. Its keys and values may have 8192 bytes together.")]
pub struct GroupStateTooLarge;

/// The state of one connection in one group, in the order of its keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupState {
    entries: BTreeMap<String, String>,
    bytes: usize,
}

impl GroupState {
    /// Sets a value; the last one of a key counts.
    ///
    /// # Errors
    /// The state would be too large.
    pub fn insert(&mut self, key: String, value: String) -> Result<(), GroupStateTooLarge> {
        let key_bytes = key.len();
        let bytes = self.bytes + key_bytes + value.len();
        let replaced = self.entries.get(&key).map_or(0, |old| key_bytes + old.len());
        if bytes - replaced > GROUP_STATE_BYTES_MAX {
            return Err(GroupStateTooLarge);
        }
        self.bytes = bytes - replaced;
        self.entries.insert(key, value);
        Ok(())
    }

    /// The keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The state of a member, for those who subscribed.
#[derive(Debug, Clone, Copy)]
pub struct GroupStateItem<'a> {
    /// The member.
    pub connection_id: ConnId,
    /// Its user; `None` for anonymous clients, for which the key is left out.
    pub user_id: Option<&'a str>,
    /// Its state; `None` when it was cleared, for which the key is left out.
    pub state: Option<&'a GroupState>,
    /// Milliseconds since 1970 of the last change. It must grow with each change: clients ignore an item that is not
    /// newer than the one they have.
    pub updated_at_ms: u64,
}

/// Which of the two group-state messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStateKind {
    /// All members that have a state; the first message of a subscription.
    Snapshot,
    /// What changed.
    Update,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_what_is_kept() {
        let mut state = GroupState::default();
        for _ in 0..3 {
            state.insert("k".to_owned(), "v".repeat(GROUP_STATE_BYTES_MAX - 1)).unwrap();
        }
        assert_eq!(state.bytes(), GROUP_STATE_BYTES_MAX);
        assert_eq!(state.insert("l".to_owned(), String::new()), Err(GroupStateTooLarge));
        assert_eq!(state.insert("k".to_owned(), "v".repeat(GROUP_STATE_BYTES_MAX)), Err(GroupStateTooLarge));
        assert_eq!(state.iter().count(), 1);
        state.insert("k".to_owned(), String::new()).unwrap();
        state.insert("a".to_owned(), "b".to_owned()).unwrap();
        assert_eq!(state.iter().collect::<Vec<_>>(), [("a", "b"), ("k", "")]);
        assert_eq!(state.bytes(), 3);
    }
}
