//! What must hold for every binary message: no panic, and what was decoded keeps the rules and survives a round trip.

use hublet_wire::client::{Format, protobuf};

use super::request;

pub(crate) fn check(data: &[u8]) {
    let Ok(op) = protobuf::decode(data) else { return };
    request::check(&op);
    let Some(published) = request::published(op) else { return };
    let frames = Format::Protobuf.message_frame(&published.message());
    let message = request::payload(&frames);
    let again = as_request(content(&message));

    // The message with a sequence id: its number is the first field, the others are the same.
    let shared = request::shared_payload(&Format::Protobuf.shared_message(&published.message()), 1);
    assert_eq!(content(&shared).strip_prefix(b"\x20\x01"), Some(content(&message)));

    assert_eq!(protobuf::decode(&again), Ok(published.request()), "{message:x?}");
}

/// The fields of the data message, which must be all that there is.
fn content(message: &[u8]) -> &[u8] {
    let content = message.strip_prefix(b"\x12").expect("a data message");
    let (len, content) = varint(content);
    assert_eq!(len, content.len());
    content
}

/// A request with the group, the data and the metadata of a data message; they have other numbers there.
fn as_request(message: &[u8]) -> Vec<u8> {
    let mut rest = message.strip_prefix(b"\x0a\x05group").expect("a message of a group");
    let mut request = Vec::new();
    while let [tag, after @ ..] = rest {
        request.push(match tag {
            0x12 => 0x0a,
            0x1a => 0x1a,
            0x2a => 0x32,
            tag => unreachable!("field {tag:x}"),
        });
        let (len, content) = varint(after);
        let (value, next) = content.split_at(len);
        request.extend_from_slice(&after[..after.len() - content.len()]);
        request.extend_from_slice(value);
        rest = next;
    }
    let mut message = vec![0x0a];
    let mut len = request.len();
    while len > 0x7f {
        message.push(u8::try_from(len & 0x7f).expect("seven bits") | 0x80);
        len >>= 7;
    }
    message.push(u8::try_from(len).expect("seven bits"));
    message.append(&mut request);
    message
}

/// A length, and what follows it.
fn varint(bytes: &[u8]) -> (usize, &[u8]) {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
    let value = bytes[..len].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, &bytes[len..])
}
