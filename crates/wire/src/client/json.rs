//! `json.webpubsub.azure.v1` and its reliable form: one JSON object per text message (client-protocols.md §3, §5, §6).

mod control;
mod decode;
mod encode;
mod members;
mod pairs;
mod stream;
mod text;
mod value;

pub(super) use control::{
    ack_frame, connected_frame, disconnected_frame, group_state_frame, invoke_response_frame, pong_frame,
    shared_group_state, stream_ack_frame, stream_closed_frame, stream_nack_frame,
};
pub use decode::decode;
pub(super) use encode::{message_frame, shared_message};
pub use value::{LEVELS_MAX, is_valid, nests_within};
