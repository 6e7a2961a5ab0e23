//! Properties of the WebSocket codec.

use hublet_wire::ws::{
    self, CloseCode, FRAGMENT_BYTES_MAX, MessageWriter, Opcode, Role, encode_close, encode_control,
    encode_masked, encode_masked_close, encode_message,
};
use proptest::prelude::*;

#[path = "../../../fuzz/fuzz_targets/checks/frame_decoder.rs"]
mod checks;

use checks::{Decoded, Owned, decode};

const LIMIT: usize = 1 << 20;

/// What a peer may send, with the mask it uses.
fn event() -> impl Strategy<Value = (Owned, [u8; 4])> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let control = || prop::collection::vec(any::<u8>(), 0..126);
    let event = prop_oneof![
        "\\PC{0,200}".prop_map(Owned::Text),
        bytes().prop_map(Owned::Binary),
        control().prop_map(Owned::Ping),
        control().prop_map(Owned::Pong),
    ];
    (event, any::<[u8; 4]>())
}

fn parts(event: &Owned) -> (Opcode, &[u8]) {
    match event {
        Owned::Text(text) => (Opcode::Text, text.as_bytes()),
        Owned::Binary(bytes) => (Opcode::Binary, bytes),
        Owned::Ping(bytes) => (Opcode::Ping, bytes),
        Owned::Pong(bytes) => (Opcode::Pong, bytes),
        Owned::Close(_, reason) => (Opcode::Close, reason.as_bytes()),
    }
}

/// The length of every frame's payload in an unmasked stream.
fn frame_lengths(mut stream: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, second, rest @ ..] = stream {
        let (length, skip) = match (second, rest) {
            (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 2),
            (127, [_, _, _, _, _, a, b, c, ..]) => {
                (usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).expect("24 bits"), 8)
            }
            (short, _) => (usize::from(*short), 0),
        };
        lengths.push(length);
        stream = &rest[skip + length..];
    }
    lengths
}

proptest! {
    /// Random bytes never panic, and pieces make no difference; most streams fail early, so the next property
    /// covers what is valid.
    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..600)) {
        checks::check(&data);
    }

    #[test]
    fn any_pieces_of_valid_frames(
        events in prop::collection::vec(event(), 0..12),
        sizes in prop::collection::vec(1_usize..200, 1..8),
    ) {
        let mut from_client = Vec::new();
        let mut from_server = Vec::new();
        for (event, key) in &events {
            let (opcode, payload) = parts(event);
            encode_masked(opcode, payload, *key, &mut from_client);
            from_server.extend_from_slice(&encode_message(opcode, payload));
        }
        let expected = Decoded {
            events: events.into_iter().map(|(event, _)| event).collect(),
            error: None,
            idle: true,
        };
        for (role, stream) in [(Role::Server, from_client), (Role::Client, from_server)] {
            prop_assert_eq!(&decode(role, LIMIT, &stream, &[]), &expected);
            prop_assert_eq!(&decode(role, LIMIT, &stream, &sizes), &expected);
        }
    }

    /// Text in fragments at any place, controls between them, in any pieces.
    #[test]
    fn fragments(
        text in "\\PC{0,100}",
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        pings in prop::collection::vec(any::<bool>(), 6),
        sizes in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let bytes = text.as_bytes();
        cuts.sort_by_key(|cut| cut.index(bytes.len() + 1));
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        let mut start = 0;
        for (cut, ping) in cuts.iter().zip(&pings) {
            let end = cut.index(bytes.len() + 1);
            push_fragment(&mut stream, start == 0 && expected.is_empty(), &bytes[start..end]);
            start = end;
            // A ping after every fragment tells the first fragment from an empty one.
            let payload = vec![u8::from(*ping); usize::from(*ping) * 3];
            encode_masked(Opcode::Ping, &payload, [7; 4], &mut stream);
            expected.push(Owned::Ping(payload));
        }
        let opcode = if expected.is_empty() { Opcode::Text } else { Opcode::Continuation };
        encode_masked(opcode, &bytes[start..], [9; 4], &mut stream);
        expected.push(Owned::Text(text));

        let expected = Decoded { events: expected, error: None, idle: true };
        prop_assert_eq!(&decode(Role::Server, LIMIT, &stream, &[]), &expected);
        prop_assert_eq!(&decode(Role::Server, LIMIT, &stream, &sizes), &expected);
    }

    #[test]
    fn writer_equals_encode(len in prop_oneof![0_usize..300, 65_000_usize..200_000], hint in 0_usize..400) {
        let payload = vec![0x5a; len];
        let mut writer = MessageWriter::new(Opcode::Binary, hint);
        writer.buf().extend_from_slice(&payload);
        let bytes = writer.finish();
        prop_assert_eq!(&bytes, &encode_message(Opcode::Binary, &payload));
        let lengths = frame_lengths(&bytes);
        prop_assert!(lengths.iter().all(|length| *length <= FRAGMENT_BYTES_MAX));
        prop_assert_eq!(lengths.len(), len.div_ceil(FRAGMENT_BYTES_MAX).max(1));
        let expected = Decoded { events: vec![Owned::Binary(payload)], error: None, idle: true };
        prop_assert_eq!(decode(Role::Client, LIMIT, &bytes, &[]), expected);
    }

    #[test]
    fn close_reasons_are_cut_at_characters(reason in "\\PC{0,200}") {
        let cut = decode(Role::Client, 0, &encode_close(CloseCode::GOING_AWAY, &reason), &[]);
        let [Owned::Close(Some(1001), kept)] = cut.events.as_slice() else {
            return Err(TestCaseError::fail(format!("{cut:?}")));
        };
        prop_assert!(reason.starts_with(kept.as_str()));
        prop_assert!(kept.len() == reason.len() || (120..=123).contains(&kept.len()));
        let mut masked = Vec::new();
        encode_masked_close(CloseCode::GOING_AWAY, &reason, [1, 2, 3, 4], &mut masked);
        prop_assert_eq!(decode(Role::Server, 0, &masked, &[]), cut);
    }
}

/// Appends a masked text fragment that is not the last one.
fn push_fragment(stream: &mut Vec<u8>, is_first: bool, payload: &[u8]) {
    let start = stream.len();
    let opcode = if is_first { Opcode::Text } else { Opcode::Continuation };
    encode_masked(opcode, payload, [1, 2, 3, 4], stream);
    stream[start] &= 0x7f;
}

#[test]
fn controls_are_cut() {
    assert_eq!(encode_control(Opcode::Ping, b"")[..], [0x89, 0]);
    assert_eq!(encode_control(Opcode::Pong, &[1; 200]).len(), 2 + 125);
}

#[test]
fn a_truncated_writer_gives_an_empty_message() {
    let mut writer = MessageWriter::new(Opcode::Text, 0);
    writer.buf().clear();
    assert_eq!(writer.finish()[..], [0x81, 0]);
    assert_eq!(ws::encode_message(Opcode::Text, b"")[..], [0x81, 0]);
}
