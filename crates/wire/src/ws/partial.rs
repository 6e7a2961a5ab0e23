//! What is kept of a message that did not arrive in one piece.

use super::frame::{Header, HeaderBytes, Opcode, take_front};
use super::message::ProtocolError;
use super::{mask, utf8};

/// The pieces of a message and of the frame that is arriving.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// Unmasked: the first `message_len` bytes belong to the message, the rest to a control frame between its pieces.
    buf: Vec<u8>,
    message_len: usize,
    /// How much of the message is known to be valid UTF-8, if it is text.
    checked: usize,
    /// Kind of the message; `None` while only a control frame is kept.
    message: Option<Opcode>,
    frame: Option<OpenFrame>,
    /// Beginning of the next frame's header.
    pub(super) header: HeaderBytes,
    /// What the last call returned from `buf`; it is dropped when the next call begins.
    returned: Option<Opcode>,
}

/// A frame of which the payload is arriving.
#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    header: Header,
    received: usize,
}

impl Partial {
    pub(super) const fn in_message(&self) -> bool {
        self.message.is_some()
    }

    pub(super) const fn message_len(&self) -> usize {
        self.message_len
    }

    pub(super) const fn in_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// Drops what the last call returned; tells what it was.
    pub(super) fn release(&mut self) -> Option<Opcode> {
        let returned = self.returned.take()?;
        if !returned.is_control() {
            self.message_len = 0;
            self.checked = 0;
            self.message = None;
        }
        self.buf.truncate(self.message_len);
        Some(returned)
    }

    /// Begins to collect the payload of a frame.
    pub(super) fn open(&mut self, header: Header) {
        if !header.opcode.is_control() && self.message.is_none() {
            self.message = Some(header.opcode);
        }
        self.frame = Some(OpenFrame { header, received: 0 });
    }

    /// Collects from `input`; the kind of what is complete now and can be had with [`Self::payload`].
    pub(super) fn collect(&mut self, input: &mut &mut [u8]) -> Result<Option<Opcode>, ProtocolError> {
        let Some(mut frame) = self.frame else { return Ok(None) };
        let Header { fin, opcode, key, payload_len, .. } = frame.header;
        let bytes = take_front(input, payload_len - frame.received);
        mask::apply(bytes, key, frame.received);
        frame.received += bytes.len();
        let missing = payload_len - frame.received;
        // Only the last frame tells where the message ends. Growing to the end of each frame before it would copy the
        // message once for every fragment.
        let is_last = fin && !opcode.is_control();
        let end = if is_last { self.buf.len() + bytes.len() + missing } else { usize::MAX };
        append(&mut self.buf, bytes, end);

        if !opcode.is_control() {
            self.message_len = self.buf.len();
            if self.message == Some(Opcode::Text) {
                self.checked = utf8::advance(&self.buf, self.checked)?;
            }
        }
        if missing > 0 {
            self.frame = Some(frame);
            return Ok(None);
        }
        self.frame = None;
        if opcode.is_control() {
            self.returned = Some(opcode);
        } else if fin {
            if self.message == Some(Opcode::Text) && self.checked < self.message_len {
                return Err(ProtocolError::Utf8);
            }
            self.returned = self.message;
        }
        Ok(self.returned)
    }

    /// The payload that [`Self::collect`] completed.
    pub(super) fn payload(&self) -> &[u8] {
        match self.returned {
            Some(opcode) if opcode.is_control() => &self.buf[self.message_len..],
            _ => &self.buf,
        }
    }
}

/// Appends to a buffer that doubles as it grows, but not beyond `end`. A claimed length alone reserves nothing.
fn append(buf: &mut Vec<u8>, bytes: &[u8], end: usize) {
    let needed = buf.len() + bytes.len();
    if needed > buf.capacity() {
        let target = needed.max(end.min(2 * buf.len()));
        buf.reserve_exact(target - buf.len());
    }
    buf.extend_from_slice(bytes);
}
