//! Group state, a preview feature of the subprotocols (client-protocols.md §3.8): each connection may keep a small map in
//! a group, and others see it change.

use std::collections::BTreeMap;

/// The state of a connection in a group: names and values.
pub type GroupState = BTreeMap<String, String>;

/// States in a group, for those who subscribed to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStateMessage {
    /// The group.
    pub group: String,
    /// What the items are.
    pub kind: GroupStateKind,
    /// One for each connection that the message is about.
    pub items: Vec<GroupStateItem>,
    /// Its number among the messages of this connection; only of reliable connections.
    pub sequence_id: Option<u64>,
}

/// What a message about states says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupStateKind {
    /// All states there are: the first message of a subscription.
    Snapshot,
    /// What has changed.
    Update,
}

/// The state of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStateItem {
    /// The connection.
    pub connection_id: String,
    /// Its user; `None` for anonymous clients.
    pub user_id: Option<String>,
    /// The state; `None`: it was cleared, or the connection has left the group or ended.
    pub state: Option<GroupState>,
    /// When it changed, in milliseconds since 1970 by the clock of the service. It grows with each change of a
    /// connection's state.
    pub updated_at_ms: i64,
}

/// The states in one group as far as messages have told them.
///
/// ```
/// use hublet_client::pubsub::{GroupStateMessage, GroupStateView};
///
/// # fn example(messages: Vec<GroupStateMessage>) {
/// let mut typing = GroupStateView::default();
/// for message in messages.iter().filter(|message| message.group == "room") {
///     typing.apply(message);
///     let users = typing.iter().filter_map(|item| item.user_id.as_deref());
///     println!("typing: {}", users.collect::<Vec<_>>().join(", "));
/// }
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupStateView(BTreeMap<String, GroupStateItem>);

impl GroupStateView {
    /// Takes over what a message of the group says: a snapshot replaces everything but newer items, an update changes the
    /// items that it has.
    pub fn apply(&mut self, message: &GroupStateMessage) {
        let mut known = match message.kind {
            GroupStateKind::Snapshot => std::mem::take(&mut self.0),
            GroupStateKind::Update => BTreeMap::new(),
        };
        for item in &message.items {
            let id = &item.connection_id;
            let old = self.0.remove(id).or_else(|| known.remove(id));
            // Messages of other servers may overtake each other.
            let newest = old.filter(|old| old.updated_at_ms >= item.updated_at_ms);
            let newest = newest.unwrap_or_else(|| item.clone());
            if newest.state.is_some() {
                self.0.insert(id.clone(), newest);
            }
        }
    }

    /// The state of a connection, if it has one.
    pub fn get(&self, connection_id: &str) -> Option<&GroupState> {
        self.0.get(connection_id)?.state.as_ref()
    }

    /// All connections that have a state, by connection id.
    pub fn iter(&self) -> impl Iterator<Item = &GroupStateItem> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, value: Option<&str>, updated_at_ms: i64) -> GroupStateItem {
        let state = value.map(|value| GroupState::from([("k".to_owned(), value.to_owned())]));
        GroupStateItem { connection_id: id.to_owned(), user_id: None, state, updated_at_ms }
    }

    #[test]
    fn a_view_follows_snapshots_and_updates() {
        let mut view = GroupStateView::default();
        let mut apply = |kind, items: &[GroupStateItem]| {
            let message =
                GroupStateMessage { group: "g".to_owned(), kind, items: items.to_vec(), sequence_id: None };
            view.apply(&message);
            let states = view
                .iter()
                .map(|item| (item.connection_id.clone(), item.state.clone().unwrap()["k"].clone()));
            states.map(|(id, value)| format!("{id}={value}")).collect::<Vec<_>>().join(" ")
        };
        use GroupStateKind::{Snapshot, Update};
        assert_eq!(apply(Snapshot, &[item("a", Some("1"), 1), item("b", Some("1"), 2)]), "a=1 b=1");
        assert_eq!(apply(Update, &[item("b", Some("2"), 3), item("c", Some("1"), 4)]), "a=1 b=2 c=1");
        // What is older than what is known is late.
        assert_eq!(apply(Update, &[item("b", Some("late"), 2)]), "a=1 b=2 c=1");
        assert_eq!(apply(Update, &[item("a", None, 5)]), "b=2 c=1");
        assert_eq!(apply(Snapshot, &[item("b", Some("late"), 2), item("d", Some("1"), 6)]), "b=2 d=1");
        assert_eq!(apply(Snapshot, &[]), "");
        assert_eq!(view.get("b"), None);
    }
}
