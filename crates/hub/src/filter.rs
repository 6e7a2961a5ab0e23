//! Connections as a filter sees them (rest-api.md §7.1).

use std::fmt::Write;

use hublet_wire::odata::Subject;

use crate::conn::Conn;
use crate::index::Named;
use crate::members::Members;

/// A connection and the groups of its hub.
pub(crate) struct Candidate<'a> {
    pub(crate) conn: &'a Conn,
    pub(crate) groups: &'a Named<Members>,
}

impl Subject for Candidate<'_> {
    fn user_id(&self) -> Option<&str> {
        self.conn.user.as_deref()
    }

    fn protocol(&self) -> Option<&str> {
        self.conn.subprotocol()
    }

    fn write_connection_id(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}", self.conn.id);
    }

    fn groups_len(&self) -> usize {
        self.conn.groups.len()
    }

    fn is_in_group(&self, group: &str) -> bool {
        self.groups.key(group).is_some_and(|key| self.conn.is_member(key))
    }
}
