//! Frame headers (RFC 6455 §5.2).

use super::message::ProtocolError;

/// Longest header: two bytes, eight of length, four of key.
pub(super) const HEADER_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (RFC 6455 §5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

/// The end that decodes: it decides whether incoming frames must be masked (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Incoming frames must be masked.
    Server,
    /// Incoming frames must not be masked.
    Client,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0,
    /// A text message or its first fragment.
    Text = 1,
    /// A binary message or its first fragment.
    Binary = 2,
    /// The end of the connection.
    Close = 8,
    /// A question whether the peer lives.
    Ping = 9,
    /// The answer.
    Pong = 10,
}

impl Opcode {
    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn parse(nibble: u8) -> Option<Self> {
        match nibble {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }
}

/// What the decoder's state allows for the next frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) role: Role,
    /// A fragmented message is open.
    pub(super) in_message: bool,
    /// Bytes that the message may still grow by.
    pub(super) room: usize,
}

/// A frame header that passed all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    /// All zero for unmasked frames, which makes unmasking a no-op.
    pub(super) key: [u8; 4],
    pub(super) payload_len: usize,
    pub(super) header_len: usize,
}

impl Header {
    /// Reads the header at the front of `bytes`; `None` if more bytes are needed.
    ///
    /// Every byte is judged in order as soon as it is there, so an error does not depend on how the bytes arrive.
    pub(super) fn parse(bytes: &[u8], expected: Expected) -> Result<Option<Self>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let fin = first & 0x80 != 0;
        let opcode = Opcode::parse(first & 0x0f).ok_or(ProtocolError::Opcode)?;
        if opcode.is_control() {
            if !fin {
                return Err(ProtocolError::FragmentedControl);
            }
        } else if (opcode == Opcode::Continuation) != expected.in_message {
            return Err(ProtocolError::Fragmentation);
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        match (expected.role, second & 0x80 != 0) {
            (Role::Server, true) | (Role::Client, false) => {}
            (Role::Server, false) => return Err(ProtocolError::Unmasked),
            (Role::Client, true) => return Err(ProtocolError::Masked),
        }
        let (claimed, key_at) = match second & 0x7f {
            126 | 127 if opcode.is_control() => return Err(ProtocolError::LongControl),
            126 => match bytes.get(2..4) {
                Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
                _ => return Ok(None),
            },
            127 => match bytes.get(2..10) {
                Some(&[a, b, c, d, e, f, g, h]) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
                _ => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        let minimal = match key_at {
            2 => true,
            4 => claimed > 125,
            // The highest bit must be zero.
            _ => claimed > 0xffff && claimed >> 63 == 0,
        };
        if !minimal {
            return Err(ProtocolError::Length);
        }
        // A length that does not fit into usize is above every limit too.
        let payload_len = usize::try_from(claimed).map_err(|_| ProtocolError::TooLarge)?;
        if !opcode.is_control() && payload_len > expected.room {
            return Err(ProtocolError::TooLarge);
        }

        let (key, header_len) = match expected.role {
            Role::Client => ([0; 4], key_at),
            Role::Server => match bytes.get(key_at..key_at + 4) {
                Some(&[a, b, c, d]) => ([a, b, c, d], key_at + 4),
                _ => return Ok(None),
            },
        };
        Ok(Some(Self { fin, opcode, key, payload_len, header_len }))
    }
}

/// The bytes of a header that has not fully arrived; always one short of a full header at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeaderBytes {
    len: u8,
    bytes: [u8; HEADER_BYTES_MAX - 1],
}

impl HeaderBytes {
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads a header from the stored bytes and the front of `input`, and takes what it used from `input`.
    pub(super) fn read(
        &mut self,
        input: &mut &mut [u8],
        expected: Expected,
    ) -> Result<Option<Header>, ProtocolError> {
        let stored = usize::from(self.len);
        let header = if stored == 0 {
            Header::parse(input, expected)?
        } else {
            let mut joined = [0; HEADER_BYTES_MAX];
            let added = input.len().min(HEADER_BYTES_MAX - stored);
            joined[..stored].copy_from_slice(&self.bytes[..stored]);
            joined[stored..stored + added].copy_from_slice(&input[..added]);
            Header::parse(&joined[..stored + added], expected)?
        };
        match header {
            Some(header) => {
                take_front(input, header.header_len - stored);
                self.len = 0;
            }
            None => {
                // Fourteen bytes always make a header, so the incomplete one fits.
                let bytes = take_front(input, input.len());
                for (to, from) in self.bytes[stored..].iter_mut().zip(bytes.iter()) {
                    *to = *from;
                    self.len += 1;
                }
            }
        }
        Ok(header)
    }
}

/// Takes the first `count` bytes (at most all) off `input`.
pub(super) fn take_front<'a>(input: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let whole = std::mem::take(input);
    let (front, rest) = whole.split_at_mut(count.min(whole.len()));
    *input = rest;
    front
}
