//! What must hold for every byte sequence: no panic, and the events do not depend on how the bytes were cut.

use hublet_wire::ws::{self, Decoder, Event, Opcode, ProtocolError, Role};

/// The smallest limits reach the size check, the largest one all forms of the length.
const LIMITS: [usize; 4] = [0, 125, 1000, 1 << 20];

/// An [`Event`] that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Event<'_>> for Owned {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Event::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Event::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Event::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// All that decoding a stream gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) events: Vec<Owned>,
    pub(crate) error: Option<ProtocolError>,
    /// Whether the decoder holds nothing at the end.
    pub(crate) idle: bool,
}

/// Decodes `stream` in pieces of the given sizes, repeated as needed; sizes of zero are read as an empty piece.
pub(crate) fn decode(role: Role, limit: usize, stream: &[u8], sizes: &[usize]) -> Decoded {
    let mut decoder = Decoder::new(role, limit);
    let mut events = Vec::new();
    let mut sizes = sizes.iter().copied().cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        let mut piece = piece.to_vec();
        let mut input = piece.as_mut_slice();
        loop {
            match decoder.next(&mut input) {
                Ok(Some(event)) => events.push(event.into()),
                Ok(None) => break,
                Err(error) => return Decoded { events, error: Some(error), idle: false },
            }
        }
        assert!(input.is_empty(), "all input is taken when no event is found");
    }
    Decoded { events, error: None, idle: decoder.is_idle() }
}

/// Byte 0 chooses role and limit, byte 1 the number of piece sizes that follow; the rest is the stream.
pub(crate) fn check(data: &[u8]) {
    let [flags, count, rest @ ..] = data else { return };
    let role = if flags & 1 == 0 { Role::Server } else { Role::Client };
    let limit = LIMITS[usize::from(flags >> 1) % LIMITS.len()];
    let (sizes, stream) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let mut sizes: Vec<usize> = sizes.iter().map(|size| usize::from(*size)).collect();
    // At least one piece makes progress.
    sizes.push(7);

    let whole = decode(role, limit, stream, &[]);
    assert_eq!(decode(role, limit, stream, &sizes), whole, "in pieces of {sizes:?}");
    assert_eq!(decode(role, limit, stream, &[1]), whole, "byte by byte");
    for event in &whole.events {
        check_event(event, limit);
    }
}

/// An event keeps the limits, and encoding it again gives it back.
fn check_event(event: &Owned, limit: usize) {
    let (opcode, payload, bytes_max) = match event {
        Owned::Text(text) => (Opcode::Text, text.as_bytes(), limit),
        Owned::Binary(bytes) => (Opcode::Binary, bytes.as_slice(), limit),
        Owned::Ping(bytes) => (Opcode::Ping, bytes.as_slice(), 125),
        Owned::Pong(bytes) => (Opcode::Pong, bytes.as_slice(), 125),
        Owned::Close(None, reason) => {
            assert!(reason.is_empty());
            return;
        }
        Owned::Close(Some(code), reason) => {
            let code = ws::CloseCode(*code);
            let again = decode(Role::Client, 0, &ws::encode_close(code, reason), &[]);
            assert!(code.may_be_sent());
            assert_eq!(again.events, std::slice::from_ref(event));
            return;
        }
    };
    assert!(payload.len() <= bytes_max, "{opcode:?} of {} bytes", payload.len());
    let mut masked = Vec::new();
    ws::encode_masked(opcode, payload, [1, 2, 3, 4], &mut masked);
    for again in [
        decode(Role::Client, limit, &ws::encode_message(opcode, payload), &[]),
        decode(Role::Server, limit, &masked, &[]),
    ] {
        assert_eq!(again, Decoded { events: vec![event.clone()], error: None, idle: true });
    }
}
