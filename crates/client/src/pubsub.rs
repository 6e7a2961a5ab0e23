//! The subprotocols as a client speaks them, and a client on one socket.
//!
//! [`Protocol`] writes [`Request`]s and reads [`Message`]s, without a socket. [`Client`] is a small client for tools and
//! tests: one socket, no recovery. Programs want [`WebPubSubClient`](crate::WebPubSubClient).

mod data;
mod json;
mod message;
mod protobuf;
mod protocol;
mod request;
mod single;
mod state;

pub use data::Data;
pub use message::{AckError, GroupMessage, Message, Metadata, ServerMessage, StreamError, StreamPart};
pub use protocol::{Frame, Protocol};
pub use request::{Request, SendOptions, StreamFailure};
pub use single::Client;
pub use state::{GroupState, GroupStateItem, GroupStateKind, GroupStateMessage, GroupStateView};

/// The name of the subprotocol that is JSON and not reliable.
pub use hublet_wire::client::JSON_SUBPROTOCOL as SUBPROTOCOL;
