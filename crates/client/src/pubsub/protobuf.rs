//! Protobuf: one message of the package `azure.webpubsub` in each binary message (client-protocols.md §4).

mod decode;
mod encode;

pub(super) use decode::decode;
pub(super) use encode::encode;
