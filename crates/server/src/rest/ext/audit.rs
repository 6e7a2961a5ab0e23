//! `/api/ext/audit`: who changed what; and which operations that is.

use http::StatusCode;
use serde::Serialize;

use super::super::error::RestError;
use super::hubs::document;
use super::{Operation, session};
use crate::audit::{ENTRIES_MAX, Entry};
use crate::caller::Caller;
use crate::denied::Refused;
use crate::http::{Connection, Response};

/// Actions in one answer.
pub(super) const TOP_MAX: u32 = 1_000;
const _: () = assert!(TOP_MAX as usize == ENTRIES_MAX);
/// Actions in one answer when nobody says how many.
const TOP_DEFAULT: u32 = 100;

#[derive(Serialize)]
struct List {
    /// The newest first.
    value: Vec<Entry>,
}

/// The last actions.
pub(super) fn list(connection: &Connection, top: Option<u32>) -> Response {
    let value = connection.context.audit.last(top.unwrap_or(TOP_DEFAULT) as usize);
    document(StatusCode::OK, &List { value })
}

/// Notes what a caller did, if it is something to note.
pub(super) fn record(
    connection: &Connection,
    caller: &Caller,
    operation: Operation<'_>,
    key: Option<&str>,
    outcome: &Result<Response, RestError>,
) {
    if let Some((action, target)) = action(operation, key) {
        let refusal = outcome.as_ref().err().map(RestError::sentence);
        connection.context.audit.record(Entry::new(caller, action, &target, refusal.as_deref()));
    }
}

/// Notes what somebody may not do, if it is something to note and known who that is.
pub(super) fn record_refused(connection: &Connection, refused: &Refused, operation: Operation<'_>) {
    if let Some((action, target)) = action(operation, None) {
        connection.context.audit.record_refused(refused, connection.peer, action, &target);
    }
}

/// What is to be noted, and about what it is; `None`: it changes nothing and shows no secret.
fn action(operation: Operation<'_>, key: Option<&str>) -> Option<(&'static str, String)> {
    Some(match operation {
        Operation::PutHub(hub) => ("hub.put", hub.to_owned()),
        Operation::DeleteHub(hub) => ("hub.delete", hub.to_owned()),
        Operation::TestHub(hub) => ("hub.test", hub.to_owned()),
        Operation::Replay(hub, id) => ("exchange.replay", format!("{hub}/{id}")),
        Operation::ShowKeys => ("keys.show", String::new()),
        Operation::SignOut => ("session.delete", String::new()),
        Operation::RegenerateKey => ("keys.regenerate", key.unwrap_or_default().to_owned()),
        Operation::ListHubs
        | Operation::GetHub(_)
        | Operation::ListExchanges(_)
        | Operation::ShowSession
        | Operation::SignIn
        | Operation::ListAudit
        | Operation::About
        | Operation::Trace
        | Operation::Overview
        | Operation::History
        | Operation::Inventory
        | Operation::ListConnections(_)
        | Operation::ShowConnection(..)
        | Operation::ListUsers(_)
        | Operation::ListGroups(_)
        | Operation::Logs => return None,
    })
}

/// Notes that somebody signed in, or tried to with a credential that is not good.
pub(super) fn record_sign_in(
    connection: &Connection,
    outcome: Result<session::SignedIn, RestError>,
) -> Result<Response, RestError> {
    let (audit, refusals) = (&connection.context.audit, &connection.context.refusals);
    match outcome {
        Ok(session::SignedIn { response, caller }) => {
            audit.record(Entry::new(&caller, "session.create", "", None));
            Ok(response)
        }
        Err(RestError::SignIn(denied)) => {
            if refusals.may_tell() {
                tracing::info!(reason = %denied, "somebody could not sign in to the portal");
            }
            audit.record_stranger(connection.peer, "session.refused", &denied.to_string());
            Err(RestError::SignIn(denied))
        }
        Err(error) => Err(error),
    }
}

/// Notes that somebody signed out.
pub(super) fn record_sign_out(connection: &Connection, caller: Option<&Caller>) {
    if let Some(caller) = caller {
        connection.context.audit.record(Entry::new(caller, "session.delete", "", None));
    }
}
