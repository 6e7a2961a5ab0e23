//! Messages that are encoded once and get their sequence id in front: together they are what a message of its own would
//! be (client-protocols.md §5.1, decision D10).
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use std::mem::size_of;

use hublet_wire::client::{Format, Head, Message, MessageFrom, Metadata, Payload, SharedMessage};
use hublet_wire::ws::{Decoder, Event, FRAGMENT_BYTES_MAX, Role};
use proptest::prelude::*;

/// The payload of the one message that the frames are.
fn received(frames: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(Role::Client, 1 << 20);
    let mut frames = frames.to_vec();
    let mut input = frames.as_mut_slice();
    let payload = match decoder.next(&mut input) {
        Ok(Some(Event::Text(text))) => text.as_bytes().to_vec(),
        Ok(Some(Event::Binary(bytes))) => bytes.to_vec(),
        other => unreachable!("not a data message: {other:?}"),
    };
    assert_eq!(decoder.next(&mut input), Ok(None), "one message");
    assert!(decoder.is_idle());
    payload
}

/// The payload length of every frame.
fn frame_lengths(mut frames: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, second, rest @ ..] = frames {
        let len_bytes = match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let long = rest[..len_bytes].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let len = if len_bytes == 0 { usize::from(*second) } else { long };
        lengths.push(len);
        frames = &rest[len_bytes + len..];
    }
    lengths
}

/// What `plain` is with a sequence id as its first member or field.
fn numbered(format: Format, plain: &[u8], sequence_id: u64) -> Vec<u8> {
    match format {
        Format::Json => [format!(r#"{{"sequenceId":{sequence_id},"#).as_bytes(), &plain[1..]].concat(),
        Format::Protobuf => {
            assert_eq!(plain[0], 0x12);
            let length_bytes = plain[1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let mut content = vec![0x20];
            content.extend(varint(sequence_id));
            content.extend_from_slice(&plain[1 + length_bytes..]);
            let mut message = vec![0x12];
            message.extend(varint(content.len() as u64));
            [message, content].concat()
        }
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn check(format: Format, message: &Message<'_>, shared: &SharedMessage, sequence_id: u64) {
    let (head, body) = shared.split(sequence_id);
    assert_eq!(&body, shared.body());
    assert_eq!(&head[..], &shared.head(sequence_id)[..]);
    assert!(head.len() <= 45);
    assert_eq!(head.len() + body.len(), shared.frame_len(sequence_id));

    let frames = [&head[..], &body].concat();
    let expected = numbered(format, &received(&format.message_frame(message)), sequence_id);
    assert_eq!(received(&frames), expected);
    let lengths = frame_lengths(&frames);
    assert!(lengths.iter().all(|len| *len <= FRAGMENT_BYTES_MAX), "{lengths:?}");
    assert_eq!(lengths.iter().sum::<usize>(), expected.len());
    // Only what may be too long for one frame is fragmented.
    assert!(lengths.len() == 1 || expected.len() + 35 > FRAGMENT_BYTES_MAX, "{lengths:?}");
}

#[test]
fn a_head_needs_no_allocation_and_little_room() {
    assert_eq!(size_of::<Head>(), 46);
    assert!(size_of::<SharedMessage>() <= 48);
}

#[test]
fn every_length_around_one_fragment() {
    let metadata = Metadata::new();
    for format in [Format::Json, Format::Protobuf] {
        for len in FRAGMENT_BYTES_MAX - 150..FRAGMENT_BYTES_MAX + 40 {
            let payload = Payload::Text("x".repeat(len).into());
            let message =
                Message { from: MessageFrom::Server, payload: &payload, metadata: &metadata, stream: None };
            let shared = format.shared_message(&message);
            for sequence_id in [1, u64::MAX] {
                check(format, &message, &shared, sequence_id);
            }
        }
    }
}

#[test]
fn every_length_of_a_number() {
    let (payload, metadata) = (Payload::Text("x".into()), Metadata::new());
    let message = Message { from: MessageFrom::Server, payload: &payload, metadata: &metadata, stream: None };
    for format in [Format::Json, Format::Protobuf] {
        let shared = format.shared_message(&message);
        for sequence_id in (0..20).map(|power| 10_u64.pow(power)).chain((0..64).map(|bit| 1 << bit)) {
            for sequence_id in [sequence_id - 1, sequence_id, sequence_id.saturating_add(1)] {
                check(format, &message, &shared, sequence_id);
            }
        }
    }
}

fn payload() -> impl Strategy<Value = Payload> {
    let len = prop_oneof![
        0_usize..300,
        // Around one fragment, as text and as base64, and with several fragments.
        65_536_usize - 140..65_536 + 40,
        49_152_usize - 140..49_152 + 40,
        131_072_usize - 140..131_072 + 200,
        131_072_usize..300_000,
    ];
    (len, 0..5).prop_map(|(len, kind)| match kind {
        0 => Payload::Text("x".repeat(len).into()),
        // Characters of two bytes, which fragments may cut.
        1 => Payload::Text("ü".repeat(len / 2).into()),
        2 => Payload::Json(format!("\"{}\"", "é".repeat(len / 2)).into()),
        3 => Payload::Binary(vec![0xa5; len].into()),
        _ => Payload::Protobuf(vec![0x12, 0].into()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn head_and_body_are_the_message_with_its_number(
        payload in payload(),
        group in "\\PC{1,20}",
        metadata in prop::collection::btree_map("[!-~]{1,9}", "[ -~]{0,20}", 0..3),
        sequence_ids in prop::collection::vec(prop_oneof![1_u64..2_000, any::<u64>()], 1..4),
    ) {
        let metadata: Metadata = metadata.into_iter().collect();
        let from = MessageFrom::Group { group: &group, from_user: None };
        let message = Message { from, payload: &payload, metadata: &metadata, stream: None };
        for format in [Format::Json, Format::Protobuf] {
            let shared = format.shared_message(&message);
            for sequence_id in &sequence_ids {
                check(format, &message, &shared, *sequence_id);
            }
        }
    }
}
