//! Encoding: messages and control frames as finished bytes.

use bytes::{Buf, Bytes};

use super::close::CloseCode;
use super::frame::{CONTROL_BYTES_MAX, Opcode};
use super::mask;

/// Largest payload of one outgoing frame; longer messages are fragmented (decision D10 in client-protocols.md:
/// some clients refuse larger single frames).
pub const FRAGMENT_BYTES_MAX: usize = 65_536;

/// Longest header without a key.
pub(crate) const PLAIN_HEADER_MAX: usize = 10;

/// Header of an outgoing frame in its shortest form.
pub(crate) struct OutHeader {
    bytes: [u8; PLAIN_HEADER_MAX],
    len: usize,
}

impl OutHeader {
    pub(crate) fn new(fin: bool, opcode: Opcode, masked: bool, payload_len: usize) -> Self {
        let mut bytes = [0; PLAIN_HEADER_MAX];
        bytes[0] = u8::from(fin) << 7 | opcode as u8;
        let len = match (u8::try_from(payload_len), u16::try_from(payload_len)) {
            (Ok(short @ 0..=125), _) => {
                bytes[1] = short;
                2
            }
            (_, Ok(medium)) => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..].copy_from_slice(&(payload_len as u64).to_be_bytes());
                PLAIN_HEADER_MAX
            }
        };
        bytes[1] |= u8::from(masked) << 7;
        Self { bytes, len }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Encodes a message of the server, unmasked, in fragments of at most [`FRAGMENT_BYTES_MAX`].
pub fn encode_message(opcode: Opcode, payload: &[u8]) -> Bytes {
    if payload.len() <= FRAGMENT_BYTES_MAX {
        let header = OutHeader::new(true, opcode, false, payload.len());
        return [header.bytes(), payload].concat().into();
    }
    encode_fragments(opcode, payload)
}

/// Encodes the rest of a message of which other frames are sent before, in fragments of at most
/// [`FRAGMENT_BYTES_MAX`]. `payload` is not empty.
pub(crate) fn encode_continuation(payload: &[u8]) -> Bytes {
    encode_fragments(Opcode::Continuation, payload)
}

/// The first fragment has the opcode, the last one ends the message.
fn encode_fragments(opcode: Opcode, payload: &[u8]) -> Bytes {
    let fragments = payload.len().div_ceil(FRAGMENT_BYTES_MAX);
    let mut out = Vec::with_capacity(fragments * PLAIN_HEADER_MAX + payload.len());
    for (index, fragment) in payload.chunks(FRAGMENT_BYTES_MAX).enumerate() {
        let opcode = if index == 0 { opcode } else { Opcode::Continuation };
        let is_last = index + 1 == fragments;
        out.extend_from_slice(OutHeader::new(is_last, opcode, false, fragment.len()).bytes());
        out.extend_from_slice(fragment);
    }
    out.into()
}

/// Encodes a ping, pong or close of the server; the payload is cut to 125 bytes.
pub fn encode_control(opcode: Opcode, payload: &[u8]) -> Bytes {
    encode_message(opcode, &payload[..payload.len().min(CONTROL_BYTES_MAX)])
}

/// Encodes a close frame of the server; the reason is cut to what fits, at a character boundary.
pub fn encode_close(code: CloseCode, reason: &str) -> Bytes {
    encode_control(Opcode::Close, &close_payload(code, reason))
}

fn close_payload(code: CloseCode, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(CONTROL_BYTES_MAX - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = Vec::with_capacity(2 + end);
    payload.extend_from_slice(&code.0.to_be_bytes());
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    payload
}

/// Appends one masked frame, as a client sends it, to `out`. It is never fragmented.
pub fn encode_masked(opcode: Opcode, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.extend_from_slice(OutHeader::new(true, opcode, true, payload.len()).bytes());
    out.extend_from_slice(&key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask::apply(&mut out[start..], key, 0);
}

/// Appends a masked close frame to `out`; the reason is cut as in [`encode_close`].
pub fn encode_masked_close(code: CloseCode, reason: &str, key: [u8; 4], out: &mut Vec<u8>) {
    encode_masked(Opcode::Close, &close_payload(code, reason), key, out);
}

/// Builds a message of the server in the buffer that is later sent: the header is written in front of the payload
/// when its length is known, so a payload of at most [`FRAGMENT_BYTES_MAX`] is not copied again.
#[derive(Debug)]
pub struct MessageWriter {
    opcode: Opcode,
    /// Room for the longest header, then the payload.
    buf: Vec<u8>,
}

impl MessageWriter {
    /// Starts a message of about `capacity_hint` bytes.
    pub fn new(opcode: Opcode, capacity_hint: usize) -> Self {
        let mut buf = Vec::with_capacity(PLAIN_HEADER_MAX + capacity_hint);
        buf.resize(PLAIN_HEADER_MAX, 0);
        Self { opcode, buf }
    }

    /// The buffer to append the payload to. What is in it already is not payload and must stay.
    pub fn buf(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }

    /// The finished frame or frames.
    pub fn finish(mut self) -> Bytes {
        let payload_len = self.buf.len().saturating_sub(PLAIN_HEADER_MAX);
        if payload_len > FRAGMENT_BYTES_MAX {
            return encode_message(self.opcode, &self.buf[PLAIN_HEADER_MAX..]);
        }
        // Only a caller that truncated below the reserved bytes needs this; it gets an empty message.
        self.buf.resize(PLAIN_HEADER_MAX + payload_len, 0);
        let header = OutHeader::new(true, self.opcode, false, payload_len);
        let start = PLAIN_HEADER_MAX - header.len;
        self.buf[start..PLAIN_HEADER_MAX].copy_from_slice(header.bytes());
        let mut frame = Bytes::from(self.buf);
        frame.advance(start);
        frame
    }
}
