//! Messages of the protobuf subprotocol, byte by byte (client-protocols.md §4.3, §4.5).
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use hublet_wire::client::{
    AckError, Format, GroupAction, GroupState, GroupStateItem, GroupStateKind, InvokeError, Message,
    MessageFrom, Metadata, Payload, StreamClosedError, StreamInfo, StreamOutcome,
};
use hublet_wire::id::ConnId;

mod hex;
use hex::hex;

const PROTOBUF: Format = Format::Protobuf;

/// The payload of the one short frame.
fn payload(frame: &[u8]) -> Vec<u8> {
    let header = if frame[1] < 126 { 2 } else { 4 };
    assert_eq!(frame[0], 0x82);
    frame[header..].to_vec()
}

/// A field of at most 127 bytes with a number below 16.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let len = u8::try_from(content.len()).unwrap();
    assert!(len < 128);
    [&[number << 3 | 2, len], content].concat()
}

fn id() -> ConnId {
    ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 3 }
}

#[test]
fn acks() {
    for (ack_id, error, expected) in [
        (123, None, "0a04 087b 1001".to_owned()),
        // Zero and false are left out, as generated encoders do.
        (0, None, "0a02 1001".to_owned()),
        (u64::MAX, None, "0a0d 08ffffffffffffffffff01 1001".to_owned()),
        (
            1,
            Some(AckError::Duplicate(1)),
            "0a3a 0801 1a36 0a094475706c6963617465 12294d65737361676520776974682061636b2d69643a203120686173206265656e2070726f636573736564".to_owned(),
        ),
        (123, Some(AckError::BadRequest("message")), "0a19 087b 1a15 0a0a42616452657175657374 12076d657373616765".to_owned()),
    ] {
        assert_eq!(payload(&PROTOBUF.ack_frame(ack_id, error.as_ref())), hex(&expected), "{expected}");
    }
    let forbidden = PROTOBUF.ack_frame(1, Some(&AckError::Forbidden(GroupAction::Join, "g")));
    let text = b"The client does not have permission to join group 'g'.";
    let error = [field(1, b"Forbidden"), field(2, text)].concat();
    assert_eq!(payload(&forbidden), field(1, &[vec![8, 1], field(3, &error)].concat()));
}

#[test]
fn data_messages() {
    let (none, trace) =
        (Metadata::new(), vec![("k".to_owned(), "v".to_owned()), ("l".to_owned(), String::new())]);
    let group = |group| MessageFrom::Group { group, from_user: Some("nobody sees it") };
    for (from, payload_of_it, metadata, stream, expected) in [
        (
            group("groupName"),
            Payload::Text("xyz".into()),
            &none,
            None,
            "1219 0a0567726f7570 120967726f75704e616d65 1a050a0378797a",
        ),
        (
            MessageFrom::Server,
            Payload::Text("xyz".into()),
            &none,
            None,
            "120f 0a06736572766572 1a050a0378797a",
        ),
        (
            group("g"),
            Payload::Json(r#"{"a":1}"#.into()),
            &none,
            None,
            "1215 0a0567726f7570 120167 1a09 22077b2261223a317d",
        ),
        (
            group("g"),
            Payload::Binary(vec![0xff].into()),
            &none,
            None,
            "120f 0a0567726f7570 120167 1a03 1201ff",
        ),
        // An Any is a message itself: its bytes stand there as they are.
        (
            group("g"),
            Payload::Protobuf(hex("0a076578616d706c65 120378797a").into()),
            &none,
            None,
            "121c 0a0567726f7570 120167 1a10 1a0e 0a076578616d706c65 120378797a",
        ),
        // Empty ones say which kind they are.
        (MessageFrom::Server, Payload::Text("".into()), &none, None, "120c 0a06736572766572 1a020a00"),
        (MessageFrom::Server, Payload::Binary("".into()), &none, None, "120c 0a06736572766572 1a021200"),
        (MessageFrom::Server, Payload::Protobuf("".into()), &none, None, "120c 0a06736572766572 1a021a00"),
        (
            MessageFrom::Server,
            Payload::Text("a".into()),
            &trace,
            None,
            "121c 0a06736572766572 1a030a0161 2a060a016b120176 2a050a016c1200",
        ),
        (
            group("g"),
            Payload::Text("a".into()),
            &none,
            Some(StreamInfo { stream_id: "s1", sequence_id: 1, end: None }),
            "1217 0a0567726f7570 120167 1a030a0161 3206 0a0273311001",
        ),
        (
            group("g"),
            Payload::Text("".into()),
            &none,
            Some(StreamInfo { stream_id: "s1", sequence_id: 2, end: Some(StreamOutcome::Complete) }),
            "1218 0a0567726f7570 120167 1a020a00 3208 0a02733110021801",
        ),
        (
            group("g"),
            Payload::Text("".into()),
            &none,
            Some(StreamInfo {
                stream_id: "s1",
                sequence_id: 2,
                end: Some(StreamOutcome::UserError { message: Some("m"), user_error_code: Some("c") }),
            }),
            "122b 0a0567726f7570 120167 1a020a00 321b 0a02733110021801 2211 0a09557365724572726f72 12016d 1a0163",
        ),
        (
            group("g"),
            Payload::Text("".into()),
            &none,
            Some(StreamInfo {
                stream_id: "s1",
                sequence_id: 2,
                end: Some(StreamOutcome::UserError { message: None, user_error_code: None }),
            }),
            "1225 0a0567726f7570 120167 1a020a00 3215 0a02733110021801 220b 0a09557365724572726f72",
        ),
    ] {
        let message = Message { from, payload: &payload_of_it, metadata, stream };
        assert_eq!(payload(&PROTOBUF.message_frame(&message)), hex(expected), "{expected}");
    }
}

/// As in the vectors of client-protocols.md §4.5, where the number is the last field.
#[test]
fn data_messages_with_sequence_ids() {
    let none = Metadata::new();
    let text = Payload::Text("xyz".into());
    let group = MessageFrom::Group { group: "groupName", from_user: None };
    for (from, expected) in [
        (group, "121c 20b960 0a0567726f7570 120967726f75704e616d65 1a050a0378797a"),
        (MessageFrom::Server, "1212 20b960 0a06736572766572 1a050a0378797a"),
    ] {
        let message = Message { from, payload: &text, metadata: &none, stream: None };
        let (head, body) = PROTOBUF.shared_message(&message).split(12_345);
        assert_eq!(payload(&[&head[..], &body].concat()), hex(expected));
    }
}

#[test]
fn system_messages() {
    let text_of_id = id().to_string();
    let connected = |user: &str, token: Option<&str>| {
        let token = token.map(|token| field(3, token.as_bytes())).unwrap_or_default();
        let user = if user.is_empty() { Vec::new() } else { field(2, user.as_bytes()) };
        let build =
            |id: &str| field(3, &field(1, &[field(1, id.as_bytes()), user.clone(), token.clone()].concat()));
        // The same with the id of the documented vectors, which is none that this service gives out.
        (build(&text_of_id), build("connection"))
    };
    for (user, token, vector) in [
        (Some("user"), None, Some("1a14 0a12 0a0a636f6e6e656374696f6e 120475736572")),
        (Some("user"), Some("rec"), Some("1a19 0a17 0a0a636f6e6e656374696f6e 120475736572 1a03726563")),
        (None, Some("rec"), None),
        (Some(""), None, None),
    ] {
        let (expected, documented) = connected(user.unwrap_or_default(), token);
        assert_eq!(payload(&PROTOBUF.connected_frame(user, &id(), token)), expected);
        assert!(vector.is_none_or(|vector| hex(vector) == documented));
    }
    assert_eq!(payload(&PROTOBUF.disconnected_frame("msg")), hex("1a07 1205 12036d7367"));
    assert_eq!(payload(&PROTOBUF.disconnected_frame("")), hex("1a02 1200"));
    assert_eq!(payload(&PROTOBUF.pong_frame()), hex("2200"));
}

#[test]
fn invoke_responses() {
    let (none, trace) = (Metadata::new(), vec![("k".to_owned(), "v".to_owned())]);
    let hi = Payload::Text("hi".into());
    for (result, expected) in [
        (Ok(Some((&hi, &none))), "2a0b0a013110011a040a026869"),
        (Ok(Some((&hi, &trace))), "2a130a013110011a040a0268692a060a016b120176"),
        (Ok(None), "2a050a01311001"),
        (Ok(Some((&Payload::Json("null".into()), &none))), "2a050a01311001"),
        (Err(&InvokeError::BadRequest("no")), "2a150a013122100a0a4261645265717565737412026e6f"),
    ] {
        assert_eq!(payload(&PROTOBUF.invoke_response_frame("1", result)), hex(expected), "{expected}");
    }
}

#[test]
fn answers_to_publishers() {
    assert_eq!(payload(&PROTOBUF.stream_ack_frame("s1", 1)), hex("3206 0a027331 1001"));
    assert_eq!(payload(&PROTOBUF.stream_closed_frame("s1", None)), hex("4204 0a027331"));
    assert_eq!(
        payload(&PROTOBUF.stream_closed_frame("s1", Some(&StreamClosedError::BadRequest("no")))),
        hex("4216 0a027331 1210 0a0a42616452657175657374 12026e6f")
    );
    // The documented vector with our own sentence.
    let nack = |message: &str| {
        let message = field(3, message.as_bytes());
        field(7, &[field(1, b"s1"), field(2, b"InvalidSequenceId"), message, vec![0x20, 2]].concat())
    };
    assert_eq!(nack("m"), hex("3a1c0a0273311211496e76616c696453657175656e636549641a016d2002"));
    assert_eq!(
        payload(&PROTOBUF.stream_nack_frame("s1", 2)),
        nack("The next part of the stream must have the sequence id 2.")
    );
}

#[test]
fn group_states() {
    assert_eq!(
        payload(&PROTOBUF.group_state_frame(GroupStateKind::Snapshot, "empty-room", &[])),
        hex("520c0a0a656d7074792d726f6f6d")
    );
    let cleared = |id: &str| {
        let item = [field(1, id.as_bytes()), field(2, b"alice"), hex("2088d6ca94d832")].concat();
        field(9, &[field(1, b"chat-room"), field(2, &item)].concat())
    };
    assert_eq!(
        cleared("conn-a1"),
        hex("4a240a09636861742d726f6f6d12170a07636f6e6e2d61311205616c6963652088d6ca94d832")
    );
    let item = GroupStateItem {
        connection_id: id(),
        user_id: Some("alice"),
        state: None,
        updated_at_ms: 1_741_652_405_000,
    };
    let update = PROTOBUF.group_state_frame(GroupStateKind::Update, "chat-room", &[item]);
    assert_eq!(payload(&update), cleared(&id().to_string()));

    let mut state = GroupState::default();
    state.insert("k".to_owned(), String::new()).unwrap();
    let items = [
        GroupStateItem { user_id: None, state: Some(&state), ..item },
        GroupStateItem { user_id: None, state: Some(&GroupState::default()), updated_at_ms: 0, ..item },
    ];
    let id = field(1, id().to_string().as_bytes());
    let expected = [
        field(1, b"g"),
        field(2, &[&id[..], &hex("1a07 0a05 0a016b 1200"), &hex("2088d6ca94d832")].concat()),
        field(2, &[&id[..], &hex("1a00")].concat()),
    ]
    .concat();
    let snapshot = PROTOBUF.group_state_frame(GroupStateKind::Snapshot, "g", &items);
    assert_eq!(payload(&snapshot), field(10, &expected));
    // For a reliable client the number is field 3, and the first.
    let (head, body) = PROTOBUF.shared_group_state(GroupStateKind::Snapshot, "g", &items).split(7);
    assert_eq!(payload(&[&head[..], &body].concat()), field(10, &[&[0x18, 7][..], &expected].concat()));
}
