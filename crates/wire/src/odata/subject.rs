//! What a filter asks about.

/// A connection as filters see it (rest-api.md §7.1). The answers may not change during one evaluation.
pub trait Subject {
    /// `userId`; `None` is null, for an anonymous connection.
    fn user_id(&self) -> Option<&str>;

    /// `protocol`: the negotiated subprotocol; `None` is null.
    fn protocol(&self) -> Option<&str>;

    /// Appends `connectionId` to `out`. Only called by filters that name it.
    fn write_connection_id(&self, out: &mut String);

    /// The number of `groups`.
    fn groups_len(&self) -> usize;

    /// Whether `group` is one of `groups`.
    fn is_in_group(&self, group: &str) -> bool;
}

/// The connection that a filter is validated with: no id, no user, no groups, no protocol (rest-api.md §7.3).
pub(super) struct Nobody;

impl Subject for Nobody {
    fn user_id(&self) -> Option<&str> {
        None
    }

    fn protocol(&self) -> Option<&str> {
        None
    }

    fn write_connection_id(&self, _out: &mut String) {}

    fn groups_len(&self) -> usize {
        0
    }

    fn is_in_group(&self, _group: &str) -> bool {
        false
    }
}
