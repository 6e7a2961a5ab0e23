//! `protobuf.webpubsub.azure.v1` and its reliable form: one proto3 message per binary message, in the package
//! `azure.webpubsub` (client-protocols.md §4).
//!
//! The schema is small and does not change its numbers, and requests are read where they lie, so the wire format is
//! read and written here without generated code. Clients read and write their side with the same [`fields`] and [`Out`].

mod control;
mod decode;
mod encode;
mod read;
mod request;
mod write;

pub(super) use control::{
    ack_frame, connected_frame, disconnected_frame, group_state_frame, invoke_response_frame, pong_frame,
    shared_group_state, stream_ack_frame, stream_closed_frame, stream_nack_frame,
};
pub use decode::decode;
pub(super) use encode::{message_frame, shared_message};
pub use read::{Fields, Value, fields};
pub use write::{Out, count};
