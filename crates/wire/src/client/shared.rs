//! Messages that differ only in their sequence id from receiver to receiver: encoded once, shared by all.

use std::ops::Deref;

use bytes::Bytes;

use crate::ws::{FRAGMENT_BYTES_MAX, Opcode, OutHeader, PLAIN_HEADER_MAX, encode_continuation};

/// What stands before the number in JSON.
const JSON_PREFIX: &[u8] = br#"{"sequenceId":"#;
/// Longest decimal form of a sequence id.
const DIGITS_MAX: usize = 20;
/// Longest part of a message before what is shared, in either format: in JSON [`JSON_PREFIX`], digits and a comma.
const PREFIX_BYTES_MAX: usize = JSON_PREFIX.len() + DIGITS_MAX + 1;
const HEAD_BYTES_MAX: usize = PLAIN_HEADER_MAX + PREFIX_BYTES_MAX;

/// A message for reliable clients without its sequence id.
///
/// A receiver's frames are [`SharedMessage::head`] and then [`SharedMessage::body`]; the body is the same for all of
/// them. A message that may be longer than [`FRAGMENT_BYTES_MAX`] is fragmented (decision D10): its head is then a
/// fragment of its own, and its body the other fragments.
#[derive(Debug, Clone)]
pub struct SharedMessage {
    body: Bytes,
    /// Bytes of the message in the body, frame headers not counted.
    rest_bytes: usize,
    numbering: Numbering,
}

/// Where the sequence id stands; in both formats it comes first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numbering {
    /// As the first member of the object.
    Json,
    /// As the first field of a message inside the outermost one.
    Protobuf {
        /// Tag of the inner message in the outer one.
        message_tag: u8,
        /// Tag of the sequence id in the inner message.
        sequence_tag: u8,
    },
}

/// The frame header of one receiver's message and its beginning with the sequence id; 46 bytes, no allocation.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    len: u8,
}

impl SharedMessage {
    /// `rest` is the message after its sequence id.
    pub(super) fn new(numbering: Numbering, rest: Vec<u8>) -> Self {
        let rest_bytes = rest.len();
        let body = if is_fragmented(rest_bytes) { encode_continuation(&rest) } else { rest.into() };
        Self { body, rest_bytes, numbering }
    }

    /// The beginning of the message for the receiver to which it is this one. Sequence ids begin with 1.
    pub fn head(&self, sequence_id: u64) -> Head {
        let mut prefix = Head::new();
        let opcode = match self.numbering {
            Numbering::Json => {
                prefix.push(JSON_PREFIX);
                prefix.push_decimal(sequence_id);
                prefix.push(b",");
                Opcode::Text
            }
            Numbering::Protobuf { message_tag, sequence_tag } => {
                let mut number = Head::new();
                number.push(&[sequence_tag]);
                number.push_varint(sequence_id);
                prefix.push(&[message_tag]);
                prefix.push_varint((number.len() + self.rest_bytes) as u64);
                prefix.push(&number);
                Opcode::Binary
            }
        };
        let is_whole = !is_fragmented(self.rest_bytes);
        let payload_bytes = prefix.len() + if is_whole { self.rest_bytes } else { 0 };
        let mut head = Head::new();
        head.push(OutHeader::new(is_whole, opcode, false, payload_bytes).bytes());
        head.push(&prefix);
        head
    }

    /// What follows the head, for every receiver.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Head and body for one receiver.
    pub fn split(&self, sequence_id: u64) -> (Head, Bytes) {
        (self.head(sequence_id), self.body.clone())
    }

    /// Bytes of head and body for one receiver.
    pub fn frame_len(&self, sequence_id: u64) -> usize {
        self.head(sequence_id).len() + self.body.len()
    }
}

/// Whether a message with this much after its sequence id goes in fragments. It does not depend on the number of
/// digits, since all receivers share the body.
fn is_fragmented(rest_bytes: usize) -> bool {
    rest_bytes + PREFIX_BYTES_MAX > FRAGMENT_BYTES_MAX
}

impl Head {
    const fn new() -> Self {
        Self { bytes: [0; HEAD_BYTES_MAX], len: 0 }
    }

    /// Appends bytes. There is room for the longest head, so they fit.
    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        let end = start + bytes.len();
        if let (Some(room), Ok(len)) = (self.bytes.get_mut(start..end), u8::try_from(end)) {
            room.copy_from_slice(bytes);
            self.len = len;
        }
    }

    fn push_decimal(&mut self, mut number: u64) {
        let mut digits = [0; DIGITS_MAX];
        let mut start = DIGITS_MAX;
        loop {
            start -= 1;
            digits[start] = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }

    fn push_varint(&mut self, mut number: u64) {
        loop {
            let bits = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            self.push(&[bits | u8::from(number > 0) << 7]);
            if number == 0 {
                break;
            }
        }
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}
