//! What the clients of a measurement speak.

use hublet_client::codec::{Opcode, encode_masked};
use hublet_client::pubsub::{Data, Frame, Protocol, Request, SendOptions};

use super::arrivals::Numbering;
use super::client::MASK;
use super::stamp;

/// The kinds of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Without a subprotocol
    Simple,
    Json,
    JsonReliable,
    Protobuf,
    ProtobufReliable,
}

impl Kind {
    /// As in rows of results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Json => "json",
            Self::JsonReliable => "json-reliable",
            Self::Protobuf => "protobuf",
            Self::ProtobufReliable => "protobuf-reliable",
        }
    }

    /// The subprotocol; `None`: a simple client.
    pub(super) fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Simple => None,
            Self::Json => Some(Protocol::Json),
            Self::JsonReliable => Some(Protocol::JsonReliable),
            Self::Protobuf => Some(Protocol::Protobuf),
            Self::ProtobufReliable => Some(Protocol::ProtobufReliable),
        }
    }

    pub(super) fn is_reliable(self) -> bool {
        self.protocol().is_some_and(Protocol::is_reliable)
    }

    /// How messages to it differ from one another.
    pub(super) fn numbering(self) -> Numbering {
        match self {
            Self::Simple | Self::Json | Self::Protobuf => Numbering::None,
            Self::JsonReliable => Numbering::Decimal,
            Self::ProtobufReliable => Numbering::Varint,
        }
    }

    /// A client's message to a group, with a number in its payload.
    pub(super) fn message(self, group: &str, payload_bytes: usize) -> Stamped {
        let payload = stamp::payload(payload_bytes);
        let Some(protocol) = self.protocol() else { return Stamped::plain(payload) };
        let options = SendOptions::default();
        let data = Data::Text(payload);
        match protocol.encode(&Request::SendToGroup { group, data: &data, options: &options }, None) {
            // A quote and a brace stand behind it.
            Frame::Text(text) => Stamped {
                payload_at: text.len() - 2 - payload_bytes,
                opcode: Opcode::Text,
                bytes: text.as_bytes().to_vec(),
            },
            Frame::Binary(bytes) => Stamped {
                payload_at: bytes.len() - payload_bytes,
                opcode: Opcode::Binary,
                bytes: bytes.to_vec(),
            },
        }
    }

    /// Tells the service that everything up to a number has arrived.
    pub(super) fn acknowledge(self, sequence_id: u64, frames: &mut Vec<u8>) {
        match self.protocol().map(|protocol| protocol.encode(&Request::SequenceAck { sequence_id }, None)) {
            None => {}
            Some(Frame::Text(text)) => encode_masked(Opcode::Text, text.as_bytes(), MASK, frames),
            Some(Frame::Binary(bytes)) => encode_masked(Opcode::Binary, &bytes, MASK, frames),
        }
    }

    /// The number in the payload of a message that arrived, which has so many bytes.
    pub(super) fn stamp(self, message: &[u8], payload_bytes: usize) -> Option<u64> {
        match self {
            Self::Simple | Self::Json | Self::JsonReliable => stamp::read(message),
            // The payload comes last.
            Self::Protobuf | Self::ProtobufReliable => {
                stamp::read(message.get(message.len().checked_sub(payload_bytes)?..)?)
            }
        }
    }
}

/// A message whose payload has a number.
#[derive(Debug)]
pub(super) struct Stamped {
    bytes: Vec<u8>,
    payload_at: usize,
    opcode: Opcode,
}

impl Stamped {
    /// The payload alone.
    pub(super) fn plain(payload: String) -> Self {
        Self { bytes: payload.into_bytes(), payload_at: 0, opcode: Opcode::Text }
    }

    /// Appends the frame of the message with this number.
    pub(super) fn frame(&mut self, number: u64, frames: &mut Vec<u8>) {
        stamp::write(self.bytes.get_mut(self.payload_at..).unwrap_or_default(), number);
        encode_masked(self.opcode, &self.bytes, MASK, frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_where_the_payload_begins() {
        for kind in [Kind::Simple, Kind::Json, Kind::JsonReliable, Kind::Protobuf, Kind::ProtobufReliable] {
            let message = kind.message("g", 20);
            let payload = &message.bytes[message.payload_at..message.payload_at + 20];
            assert_eq!(payload, stamp::payload(20).as_bytes(), "{kind:?}");
            assert_eq!(kind.stamp(&message.bytes, 20), Some(0), "{kind:?}");
        }
    }
}
