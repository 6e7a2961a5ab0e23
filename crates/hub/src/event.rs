//! What happens to clients, for the application: events on their way out and the answers to them.

use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::{Metadata, Payload};
use hublet_wire::id::ConnId;

/// A client as it was when something happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its connection.
    pub conn: ConnId,
    /// Lower-cased hub name.
    pub hub: Arc<str>,
    /// User id; `None` for anonymous clients.
    pub user: Option<Arc<str>>,
    /// The subprotocol that was negotiated, a custom one included; `None` on `connect` and for clients without one.
    pub subprotocol: Option<Arc<str>>,
    /// Host name, without a port, under which the client reached the service (event-handlers.md §3.2).
    pub host: Arc<str>,
    /// The connection state that an event handler set last, as it stood in the header (event-handlers.md §4.4).
    pub state: Option<Bytes>,
}

/// Something that happened to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientEvent {
    /// Who.
    pub client: ClientInfo,
    /// Number within the connection: 0 is `connect`, everything after it 1, 2, 3, … (event-handlers.md §4.2).
    pub id: u64,
    /// What.
    pub kind: EventKind,
}

/// The kinds of events (event-handlers.md §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A client asks to connect. Blocking: the handshake waits for the answer. The JSON body of event-handlers.md §5.1.
    Connect(Bytes),
    /// The client is connected.
    Connected,
    /// The client is gone for good.
    Disconnected {
        /// Why, as event-handlers.md §5.3 has it; may be empty.
        reason: Arc<str>,
    },
    /// The client sent an event. Blocking: the client's next request waits for the answer.
    User {
        /// Name of the event, as the client spelled it.
        name: Arc<str>,
        /// What it carries.
        payload: Payload,
        /// Metadata of the message.
        metadata: Metadata,
        /// The client waits for the answer beside its other requests: nothing waits for this event.
        invoked: bool,
    },
    /// The client is now in a group.
    GroupJoined(Arc<str>),
    /// The client is no longer in a group.
    GroupLeft(Arc<str>),
}

/// The answer to a user event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was handled.
    Handled {
        /// A message for the client, and its metadata.
        reply: Option<(Payload, Metadata)>,
        /// New connection state; `None` leaves the old one.
        state: Option<Bytes>,
    },
    /// Only listeners got it, which cannot answer.
    Heard,
    /// It was not handled, or the answer was no good (event-handlers.md §6.3).
    Failed,
    /// Nothing handles it.
    Unwanted,
}
