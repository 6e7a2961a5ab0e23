//! The four subprotocols behind one set of functions.

use std::sync::Arc;

use hublet_wire::client::Subprotocol;
use hublet_wire::client::{
    JSON_RELIABLE_SUBPROTOCOL, JSON_SUBPROTOCOL, PROTOBUF_RELIABLE_SUBPROTOCOL, PROTOBUF_SUBPROTOCOL,
};

use super::{Message, Request, json, protobuf};
use crate::error::Error;
use crate::ws::Event;

/// A subprotocol of PubSub clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// `json.webpubsub.azure.v1`.
    Json,
    /// `json.reliable.webpubsub.azure.v1`: the connection survives its socket, and nothing is lost with it.
    #[default]
    JsonReliable,
    /// `protobuf.webpubsub.azure.v1`.
    Protobuf,
    /// `protobuf.reliable.webpubsub.azure.v1`.
    ProtobufReliable,
}

/// The content of one WebSocket message. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Of a text message.
    Text(Arc<str>),
    /// Of a binary message.
    Binary(Arc<[u8]>),
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Json, Self::JsonReliable, Self::Protobuf, Self::ProtobufReliable];

    /// The name in a handshake.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => JSON_SUBPROTOCOL,
            Self::JsonReliable => JSON_RELIABLE_SUBPROTOCOL,
            Self::Protobuf => PROTOBUF_SUBPROTOCOL,
            Self::ProtobufReliable => PROTOBUF_RELIABLE_SUBPROTOCOL,
        }
    }

    /// Whether connections survive their sockets.
    pub fn is_reliable(self) -> bool {
        Subprotocol::named(self.name()).is_some_and(|subprotocol| subprotocol.reliable)
    }

    /// Whether messages are JSON.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::JsonReliable)
    }

    /// A request as a message on the wire. The ack id is for those that are answered by an ack; the others ignore it.
    pub fn encode(self, request: &Request<'_>, ack_id: Option<u64>) -> Frame {
        if self.is_json() {
            Frame::Text(json::encode(request, ack_id).into())
        } else {
            Frame::Binary(protobuf::encode(request, ack_id).into())
        }
    }

    /// Reads what came on the wire; `None` for what is no message of the subprotocol and is skipped.
    ///
    /// # Errors
    /// The message cannot be read.
    pub fn decode(self, event: &Event) -> Result<Option<Message>, Error> {
        match event {
            Event::Text(text) if self.is_json() => json::decode(text).map(Some),
            Event::Binary(bytes) if !self.is_json() => protobuf::decode(bytes).map(Some),
            _ => Ok(None),
        }
    }

    /// As [`decode`](Self::decode), of the content of a message.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_frame(self, frame: &Frame) -> Result<Option<Message>, Error> {
        match frame {
            Frame::Text(text) if self.is_json() => json::decode(text).map(Some),
            Frame::Binary(bytes) if !self.is_json() => protobuf::decode(bytes).map(Some),
            _ => Ok(None),
        }
    }
}
