//! JSON: one object in each text message (client-protocols.md §3).

mod decode;
mod encode;
mod render;

pub(super) use decode::decode;
pub(super) use encode::encode;
