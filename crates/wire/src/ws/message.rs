//! The decoder: bytes of a connection in, whole messages and control frames out.

use std::mem;

use super::close::{self, CloseCode};
use super::frame::{Expected, Header, HeaderBytes, Opcode, Role, take_front};
use super::mask;
use super::partial::Partial;

/// Something complete that the peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message, all fragments together.
    Text(&'a str),
    /// A binary message, all fragments together.
    Binary(&'a [u8]),
    /// A ping; answer it with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer closes; nothing follows.
    Close {
        /// The code, if the peer gave one. It is valid.
        code: Option<u16>,
        /// The reason, empty if there is none.
        reason: &'a str,
    },
}

/// The peer broke a rule of RFC 6455 or the size limit. The text is meant as the reason of the close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// RSV1 to RSV3 without an extension (§5.2).
    #[error("Reserved bits are set in a frame header.")]
    ReservedBits,
    /// An opcode without a meaning (§5.2).
    #[error("A frame has a reserved opcode.")]
    Opcode,
    /// A control frame without FIN (§5.5).
    #[error("A control frame is fragmented.")]
    FragmentedControl,
    /// A control frame of more than 125 bytes (§5.5).
    #[error("A control frame is longer than 125 bytes.")]
    LongControl,
    /// A continuation of nothing, or a new message inside another (§5.4).
    #[error("A fragmented message is continued wrongly.")]
    Fragmentation,
    /// A frame of a client without a mask (§5.1).
    #[error("A client frame is not masked.")]
    Unmasked,
    /// A frame of a server with a mask (§5.1).
    #[error("A server frame is masked.")]
    Masked,
    /// A length that is not in its shortest form, or with the highest bit set (§5.2).
    #[error("A frame length is not in its shortest form.")]
    Length,
    /// A close payload of one byte (§5.5.1).
    #[error("A close frame has a payload of one byte.")]
    ClosePayload,
    /// A close code that must not be sent (§7.4).
    #[error("A close frame has an invalid code.")]
    CloseCode,
    /// Text or a close reason that is not UTF-8 (§8.1).
    #[error("A text is not valid UTF-8.")]
    Utf8,
    /// More than the limit for one message (client-protocols.md §8).
    #[error("The client message is too large.")]
    TooLarge,
}

impl ProtocolError {
    /// The code to close with.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Utf8 => CloseCode::INVALID_PAYLOAD,
            Self::TooLarge => CloseCode::TOO_LARGE,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// Decodes the frames of one connection.
///
/// It holds heap memory only while a message or a frame is incomplete, in one buffer that grows with the bytes that
/// came and never with a length that was only claimed.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// `u32` keeps the decoder at 24 bytes; there is one per connection.
    message_bytes_max: u32,
    role: Role,
}

#[derive(Debug)]
enum State {
    /// Between messages, perhaps with the beginning of a header.
    Between(HeaderBytes),
    /// A message or a frame is incomplete, or was returned from here by the last call.
    Partial(Box<Partial>),
    /// After a close frame or an error: the rest of the connection says nothing.
    Ended,
}

/// What a step of decoding found.
enum Found<'a> {
    /// An event that lies in the input.
    InPlace(Event<'a>),
    /// A payload in the partial buffer.
    Kept(Opcode),
}

impl Decoder {
    /// A decoder for messages of at most `message_bytes_max` bytes (4 GiB − 1 at most), all fragments together.
    pub fn new(role: Role, message_bytes_max: usize) -> Self {
        let message_bytes_max = u32::try_from(message_bytes_max).unwrap_or(u32::MAX);
        Self { state: State::Between(HeaderBytes::default()), message_bytes_max, role }
    }

    /// Decodes the next event and takes its bytes off the front of `input`, unmasking them in place.
    ///
    /// `Ok(None)` means that all of `input` was taken and more is needed. Call it until then: that call also frees
    /// what the event before it was kept in. After an [`Event::Close`] or an error all input is thrown away.
    pub fn next<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i mut [u8],
    ) -> Result<Option<Event<'d>>, ProtocolError> {
        match self.step(input) {
            Ok(None) => Ok(None),
            Ok(Some(Found::InPlace(event))) => {
                if matches!(event, Event::Close { .. }) {
                    self.state = State::Ended;
                }
                Ok(Some(event))
            }
            Ok(Some(Found::Kept(opcode))) => match &self.state {
                State::Partial(partial) => event(opcode, partial.payload()).map(Some),
                State::Between(_) | State::Ended => Ok(None),
            },
            Err(error) => {
                self.state = State::Ended;
                Err(error)
            }
        }
    }

    /// Whether nothing is pending and no heap memory is held.
    pub fn is_idle(&self) -> bool {
        match &self.state {
            State::Between(header) => header.is_empty(),
            State::Partial(_) => false,
            State::Ended => true,
        }
    }

    fn step<'i>(&mut self, input: &mut &'i mut [u8]) -> Result<Option<Found<'i>>, ProtocolError> {
        self.release();
        loop {
            let expected = self.expected();
            let (bytes, in_frame) = match &mut self.state {
                State::Between(bytes) => (bytes, false),
                State::Partial(partial) => {
                    let in_frame = partial.in_frame();
                    (&mut partial.header, in_frame)
                }
                State::Ended => {
                    *input = &mut [];
                    return Ok(None);
                }
            };
            let mut header = None;
            if !in_frame {
                let Some(parsed) = bytes.read(input, expected)? else { return Ok(None) };
                let is_whole = parsed.opcode.is_control() || (parsed.fin && !expected.in_message);
                if is_whole && parsed.payload_len <= input.len() {
                    let payload = take_front(input, parsed.payload_len);
                    mask::apply(payload, parsed.key, 0);
                    return event(parsed.opcode, payload).map(|event| Some(Found::InPlace(event)));
                }
                header = Some(parsed);
            }
            if let Some(opcode) = self.collect(header, input)? {
                return Ok(Some(Found::Kept(opcode)));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Keeps what `input` has of the open frame, after opening one with `header` if it is given.
    fn collect(
        &mut self,
        header: Option<Header>,
        input: &mut &mut [u8],
    ) -> Result<Option<Opcode>, ProtocolError> {
        // If there is an error, the state stays `Ended` and the memory is free at once.
        let mut partial = match mem::replace(&mut self.state, State::Ended) {
            State::Partial(partial) => partial,
            State::Between(_) | State::Ended => Box::default(),
        };
        if let Some(header) = header {
            partial.open(header);
        }
        let complete = partial.collect(input)?;
        self.state = State::Partial(partial);
        Ok(complete)
    }

    /// Drops what the last call returned, and the buffer when nothing else is in it.
    fn release(&mut self) {
        let State::Partial(partial) = &mut self.state else { return };
        match partial.release() {
            Some(Opcode::Close) => self.state = State::Ended,
            // A frame is returned as soon as it is complete, so no other one is open.
            Some(_) if !partial.in_message() => self.state = State::Between(HeaderBytes::default()),
            _ => {}
        }
    }

    fn expected(&self) -> Expected {
        let (in_message, message_len) = match &self.state {
            State::Partial(partial) => (partial.in_message(), partial.message_len()),
            State::Between(_) | State::Ended => (false, 0),
        };
        Expected { role: self.role, in_message, room: self.message_bytes_max as usize - message_len }
    }
}

/// The event of a complete, unmasked payload.
fn event(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, ProtocolError> {
    match opcode {
        Opcode::Text => simdutf8::basic::from_utf8(payload).map(Event::Text).map_err(|_| ProtocolError::Utf8),
        // A message has the opcode of its first frame, so a continuation never comes here.
        Opcode::Binary | Opcode::Continuation => Ok(Event::Binary(payload)),
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Pong => Ok(Event::Pong(payload)),
        Opcode::Close => close::parse(payload),
    }
}
