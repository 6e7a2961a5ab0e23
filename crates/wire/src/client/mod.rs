//! The client subprotocols: one set of operations in, one set of messages out, one folder per byte format.
//!
//! [`json::decode`] and [`protobuf::decode`] read requests. [`Format`] makes messages: complete WebSocket frames, or for
//! reliable clients a [`SharedMessage`], which leaves room for a sequence id in front of what all receivers share.

pub mod any;
mod error;
mod format;
pub mod json;
mod message;
pub mod metadata;
mod op;
pub mod protobuf;
pub mod raw;
mod shared;
mod state;
mod subprotocol;

pub use error::{AckError, GroupAction, InvokeError, StreamClosedError};
pub use format::Format;
pub use message::{Message, MessageFrom, StreamInfo, StreamOutcome};
pub use op::{
    ClientOp, ID_BYTES_MAX, InvalidMessage, STREAM_IDLE_TIMEOUT_MS, StreamFailure, TTL_SECONDS_MAX,
};
pub use shared::{Head, SharedMessage};
pub use state::{GROUP_STATE_BYTES_MAX, GroupState, GroupStateItem, GroupStateKind, GroupStateTooLarge};
pub use subprotocol::{
    JSON_RELIABLE_SUBPROTOCOL, JSON_SUBPROTOCOL, PROTOBUF_RELIABLE_SUBPROTOCOL, PROTOBUF_SUBPROTOCOL,
    Subprotocol,
};

use bytes::Bytes;

/// What an application sent, in the four kinds of the conversion matrix (client-protocols.md §3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// UTF-8 text.
    Text(Bytes),
    /// One JSON value as its original text.
    Json(Bytes),
    /// Arbitrary bytes.
    Binary(Bytes),
    /// A serialised `google.protobuf.Any`.
    Protobuf(Bytes),
}

impl Payload {
    /// The bytes of the payload, whatever its kind.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(b) | Self::Json(b) | Self::Binary(b) | Self::Protobuf(b) => b,
        }
    }
}

/// Application metadata of a message: ordered key and value pairs (client-protocols.md §3.4).
pub type Metadata = Vec<(String, String)>;
