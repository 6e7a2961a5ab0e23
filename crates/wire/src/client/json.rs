//! `json.webpubsub.azure.v1`: one JSON object per text message (client-protocols.md §3).

mod decode;
mod encode;
mod metadata;
mod value;

pub use decode::{InvalidMessage, decode};
pub use encode::{ack_frame, connected_frame, disconnected_frame, message_frame, pong_frame};
pub use value::is_valid;
