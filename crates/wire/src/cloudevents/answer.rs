//! What event handlers answer.

/// What the answer to `connect` changes about a client (event-handlers.md §6.1). `None` leaves what the token gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectAnswer {
    /// User id; the empty text takes it away.
    pub user_id: Option<String>,
    /// Roles instead of the token's; none at all takes them away.
    pub roles: Option<Vec<String>>,
    /// Groups instead of the token's, valid names; never an empty list.
    pub groups: Option<Vec<String>>,
    /// The subprotocol to choose.
    pub subprotocol: Option<String>,
}
