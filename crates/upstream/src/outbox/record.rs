//! Events as they are on the disk: JSON, so that a later version can read it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hublet_hub::{ClientEvent, ClientInfo, EventKind};
use hublet_wire::id::ConnId;
use serde::{Deserialize, Serialize};

use super::{LAST_ID, Prepared, RESTARTED};

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    handler: String,
    client: Client,
    id: u64,
    kind: Kind,
    request_id: String,
    time_s: u64,
}

/// What is needed to tell that a connection is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Farewell {
    handler: String,
    client: Client,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Client {
    conn: String,
    hub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subprotocol: Option<String>,
    host: String,
    /// In base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Connected,
    Disconnected { reason: String },
    GroupJoined { group: String },
    GroupLeft { group: String },
}

impl Record {
    /// An event for a handler; `None`: it is no notification.
    pub(super) fn of(event: &ClientEvent, handler: &str, time_s: u64) -> Option<Self> {
        let kind = match &event.kind {
            EventKind::Connected => Kind::Connected,
            EventKind::Disconnected { reason } => Kind::Disconnected { reason: reason.to_string() },
            EventKind::GroupJoined(group) => Kind::GroupJoined { group: group.to_string() },
            EventKind::GroupLeft(group) => Kind::GroupLeft { group: group.to_string() },
            EventKind::Connect(_) | EventKind::User { .. } => return None,
        };
        Some(Self {
            handler: handler.to_owned(),
            client: Client::of(&event.client),
            id: event.id,
            kind,
            request_id: request_id(event.client.conn, event.id),
            time_s,
        })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The connection; `None`: it was written by something else than this service.
    pub(super) fn conn(&self) -> Option<ConnId> {
        self.client.conn.parse().ok()
    }

    pub(super) fn hub(&self) -> &str {
        &self.client.hub
    }

    pub(super) fn handler(&self) -> &str {
        &self.handler
    }

    pub(super) fn prepared(self) -> Option<Prepared> {
        let kind = match self.kind {
            Kind::Connected => EventKind::Connected,
            Kind::Disconnected { reason } => EventKind::Disconnected { reason: reason.into() },
            Kind::GroupJoined { group } => EventKind::GroupJoined(group.into()),
            Kind::GroupLeft { group } => EventKind::GroupLeft(group.into()),
        };
        let event = ClientEvent { client: self.client.info()?, id: self.id, kind };
        Some(Prepared { handler: self.handler, event, request_id: self.request_id, time_s: self.time_s })
    }
}

impl Farewell {
    pub(super) fn of(client: &ClientInfo, handler: &str) -> Self {
        Self { handler: handler.to_owned(), client: Client::of(client) }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The event for a connection that died with its process.
    pub(super) fn told(self, time_s: u64) -> Option<Record> {
        let conn = self.client.conn.parse().ok()?;
        Some(Record {
            handler: self.handler,
            client: self.client,
            id: LAST_ID,
            kind: Kind::Disconnected { reason: RESTARTED.into() },
            request_id: request_id(conn, LAST_ID),
            time_s,
        })
    }
}

impl Client {
    fn of(client: &ClientInfo) -> Self {
        Self {
            conn: client.conn.to_string(),
            hub: client.hub.to_string(),
            user: client.user.as_deref().map(str::to_owned),
            subprotocol: client.subprotocol.as_deref().map(str::to_owned),
            host: client.host.to_string(),
            state: client.state.as_ref().map(|state| STANDARD.encode(state)),
        }
    }

    fn info(self) -> Option<ClientInfo> {
        let state = match self.state {
            Some(state) => Some(Bytes::from(STANDARD.decode(state).ok()?)),
            None => None,
        };
        Some(ClientInfo {
            conn: self.conn.parse().ok()?,
            hub: self.hub.into(),
            user: self.user.map(Arc::from),
            subprotocol: self.subprotocol.map(Arc::from),
            host: self.host.into(),
            state,
        })
    }
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    // Texts and numbers always serialise.
    serde_json::to_vec(value).unwrap_or_default()
}

/// A UUID (version 8, RFC 9562 §5.8) for an event: the random part of the connection's id and the event's number, so
/// that it is the same whenever it is made.
fn request_id(conn: ConnId, id: u64) -> String {
    let mut bytes = [0; 16];
    bytes[..11].copy_from_slice(&conn.nonce);
    bytes[11..].copy_from_slice(&id.to_be_bytes()[3..]);
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (8 << 76) | (0b10 << 62);
    let hex = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| hex.get(part).unwrap_or_default().to_owned()).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn() -> ConnId {
        ConnId { nonce: [0xff; 11], shard: 1, slot: 2, node: 1 }
    }

    #[test]
    fn request_ids_are_uuids_of_the_event() {
        assert_eq!(request_id(conn(), 1), "ffffffff-ffff-8fff-bfff-ff0000000001");
        assert_eq!(request_id(conn(), LAST_ID), "ffffffff-ffff-8fff-bfff-ffffffffffff");
    }

    #[test]
    fn events_round_trip() {
        let text = |text: &str| Arc::<str>::from(text);
        let client = ClientInfo {
            conn: conn(),
            hub: text("chat"),
            user: Some(text("ü\n")),
            subprotocol: None,
            host: text("h"),
            state: Some(Bytes::from_static(b"\x00\xff")),
        };
        let anonymous =
            ClientInfo { user: None, subprotocol: Some(text("p")), state: None, ..client.clone() };
        for client in [client, anonymous] {
            for kind in [
                EventKind::Connected,
                EventKind::Disconnected { reason: text("why") },
                EventKind::GroupJoined(text("g")),
                EventKind::GroupLeft(text("g")),
            ] {
                let event = ClientEvent { client: client.clone(), id: 7, kind };
                let record = Record::of(&event, "http://h/{event}", 9).unwrap();
                let read = Record::read(&record.bytes()).unwrap();
                assert_eq!(read, record);
                let prepared = read.prepared().unwrap();
                assert_eq!((prepared.handler.as_str(), prepared.time_s), ("http://h/{event}", 9));
                assert_eq!(prepared.event, event);
            }
            let event = ClientEvent { client, id: 0, kind: EventKind::Connect(Bytes::new()) };
            assert_eq!(Record::of(&event, "h", 9), None);
        }
    }

    #[test]
    fn what_is_no_event_is_not_read() {
        for bytes in [&b""[..], b"{}", b"\xff"] {
            assert_eq!(Record::read(bytes), None);
            assert_eq!(Farewell::read(bytes), None);
        }
    }
}
