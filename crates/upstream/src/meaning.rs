//! What a handler's success means (event-handlers.md §6).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use hublet_hub::EventKind;
use hublet_wire::client::{Metadata, Payload};
use hublet_wire::cloudevents::answer::{self, ConnectAnswer};
use hublet_wire::cloudevents::header;

use crate::failure::{Failure, STATE_BYTES_MAX};

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The client may connect.
    Admitted { answer: ConnectAnswer, state: Option<Bytes> },
    /// The user event was handled.
    Replied { reply: Option<(Payload, Metadata)>, state: Option<Bytes> },
    /// The notification arrived.
    Noted,
}

impl Meaning {
    /// Of an answer to such an event.
    ///
    /// # Errors
    /// It cannot be meant.
    pub(crate) fn of(kind: &EventKind, headers: &HeaderMap, body: Bytes) -> Result<Self, Failure> {
        match kind {
            EventKind::Connect(_) => {
                let answer = answer::connect_answer(&body).map_err(Failure::Answer)?;
                Ok(Self::Admitted { answer, state: state(headers)? })
            }
            EventKind::User { .. } => {
                let state = state(headers)?;
                let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
                let lines = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
                let reply = answer::reply(content_type, lines, body).map_err(Failure::Answer)?;
                Ok(Self::Replied { reply, state })
            }
            EventKind::Connected
            | EventKind::Disconnected { .. }
            | EventKind::GroupJoined(_)
            | EventKind::GroupLeft(_) => Ok(Self::Noted),
        }
    }
}

/// The connection state of an answer, the last one if there are several (event-handlers.md §4.4).
fn state(headers: &HeaderMap) -> Result<Option<Bytes>, Failure> {
    let lines = headers.get_all(HeaderName::from_static(header::CONNECTION_STATE));
    let Some(state) = lines.iter().next_back() else { return Ok(None) };
    if state.len() > STATE_BYTES_MAX {
        return Err(Failure::StateTooLarge(state.len()));
    }
    // It is a header of later requests, and only the user id may be more than ASCII there (event-handlers.md §4.1).
    if state.to_str().is_err() {
        return Err(Failure::StateNotAscii);
    }
    // A copy: the state stays for long, and what it is a part of is larger.
    Ok(Some(Bytes::copy_from_slice(state.as_bytes())))
}
