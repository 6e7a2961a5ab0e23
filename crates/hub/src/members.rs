//! Lists of connections that know their own position, so that leaving is one swap and one fix-up.

use smallvec::SmallVec;

use crate::conn::Slot;

/// One entry of a [`Members`] list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// The connection.
    pub(crate) slot: Slot,
    /// Index of the list in the connection's own membership vector; 0 where a connection is in one list only.
    pub(crate) back: u32,
}

/// Connections of a group, a user or a hub, in no particular order.
#[derive(Debug, Default)]
pub(crate) struct Members {
    list: SmallVec<[Member; 2]>,
}

impl Members {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.list.iter().map(|member| member.slot)
    }

    /// Adds a member and returns its position.
    pub(crate) fn push(&mut self, member: Member) -> u32 {
        self.list.push(member);
        position(self.list.len() - 1)
    }

    /// Removes the member at `at`. Returns the member that now stands there, whose owner must be told.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Member> {
        self.list.swap_remove(at as usize);
        if self.list.len() * 4 <= self.list.capacity() {
            self.list.shrink_to_fit();
        }
        self.list.get(at as usize).copied()
    }

    /// Tells the list that the connection at `at` keeps this membership at another index now.
    pub(crate) fn set_back(&mut self, at: u32, back: u32) {
        if let Some(member) = self.list.get_mut(at as usize) {
            member.back = back;
        }
    }

    #[cfg(test)]
    pub(crate) fn get(&self, at: u32) -> Option<Member> {
        self.list.get(at as usize).copied()
    }
}

/// A list position as stored in 32 bits. Slots are 32 bits too, so no list can be longer.
pub(crate) fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
