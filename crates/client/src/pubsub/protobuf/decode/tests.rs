use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn group(group: &str, data: Data) -> GroupMessage {
    GroupMessage {
        group: group.to_owned(),
        from_user_id: None,
        data,
        metadata: Metadata::new(),
        sequence_id: None,
        stream: None,
    }
}

#[test]
fn the_vectors_of_the_reference() {
    let text = |text: &str| Data::Text(text.to_owned());
    let refusal = |name: &str, message: &str| AckError { name: name.to_owned(), message: message.to_owned() };
    let connected = |token: Option<&str>| Message::Connected {
        connection_id: "connection".to_owned(),
        user_id: Some("user".to_owned()),
        reconnection_token: token.map(str::to_owned),
    };
    let part = |sequence_id, end| StreamPart { stream_id: "s1".to_owned(), sequence_id, end, error: None };
    for (hex, expected) in [
        ("0a04087b1001", Message::Ack { ack_id: 123, outcome: Ok(()) }),
        (
            "0a1a087b10001a140a09466f7262696464656e12076d657373616765",
            Message::Ack { ack_id: 123, outcome: Err(refusal("Forbidden", "message")) },
        ),
        (
            "121c0a0567726f7570120967726f75704e616d651a050a0378797a20b960",
            Message::Group(GroupMessage { sequence_id: Some(12345), ..group("groupName", text("xyz")) }),
        ),
        (
            "12120a067365727665721a050a0378797a20b960",
            Message::Server(ServerMessage {
                data: text("xyz"),
                metadata: Metadata::new(),
                sequence_id: Some(12345),
            }),
        ),
        (
            "12150a0567726f75701201671a0922077b2261223a317d",
            Message::Group(group("g", Data::Json(r#"{"a":1}"#.to_owned()))),
        ),
        ("1a140a120a0a636f6e6e656374696f6e120475736572", connected(None)),
        ("1a190a170a0a636f6e6e656374696f6e1204757365721a03726563", connected(Some("rec"))),
        ("1a07120512036d7367", Message::Disconnected { message: "msg".to_owned() }),
        ("2200", Message::Pong),
        (
            "2a0b0a013110011a040a026869",
            Message::InvokeResponse { invocation_id: "1".to_owned(), outcome: Ok(Some(text("hi"))) },
        ),
        (
            "2a150a013122100a0a4261645265717565737412026e6f",
            Message::InvokeResponse {
                invocation_id: "1".to_owned(),
                outcome: Err(refusal("BadRequest", "no")),
            },
        ),
        ("32060a0273311001", Message::StreamAck { stream_id: "s1".to_owned(), expected_sequence_id: 1 }),
        (
            "3a1c0a0273311211496e76616c696453657175656e636549641a016d2002",
            Message::StreamNack {
                stream_id: "s1".to_owned(),
                expected_sequence_id: 2,
                error: refusal("InvalidSequenceId", "m"),
            },
        ),
        ("42040a027331", Message::StreamClosed { stream_id: "s1".to_owned(), error: None }),
        (
            "12170a0567726f75701201671a030a016132060a0273311001",
            Message::Group(GroupMessage { stream: Some(part(1, false)), ..group("g", text("a")) }),
        ),
        (
            "12180a0567726f75701201671a020a0032080a02733110021801",
            Message::Group(GroupMessage { stream: Some(part(2, true)), ..group("g", text("")) }),
        ),
        (
            "520c0a0a656d7074792d726f6f6d",
            Message::GroupState(GroupStateMessage {
                group: "empty-room".to_owned(),
                kind: GroupStateKind::Snapshot,
                items: Vec::new(),
                sequence_id: None,
            }),
        ),
        (
            "4a240a09636861742d726f6f6d12170a07636f6e6e2d61311205616c6963652088d6ca94d832",
            Message::GroupState(GroupStateMessage {
                group: "chat-room".to_owned(),
                kind: GroupStateKind::Update,
                items: vec![GroupStateItem {
                    connection_id: "conn-a1".to_owned(),
                    user_id: Some("alice".to_owned()),
                    state: None,
                    updated_at_ms: 1_741_652_405_000,
                }],
                sequence_id: None,
            }),
        ),
        ("5a00", Message::Unknown("protobuf message 11 of 0 bytes".to_owned())),
    ] {
        assert_eq!(decode(&bytes(hex)).unwrap(), expected, "{hex}");
    }
}

#[test]
fn an_anonymous_user_has_none_and_metadata_comes_along() {
    let anonymous = decode(&bytes("1a050a030a0163")).unwrap();
    assert!(matches!(anonymous, Message::Connected { user_id: None, .. }), "{anonymous:?}");
    let message = decode(&bytes("12160a067365727665721a040a0278792a060a016b120176")).unwrap();
    let Message::Server(message) = message else { panic!("{message:?}") };
    assert_eq!(message.metadata, Metadata::from([("k".to_owned(), "v".to_owned())]));
}

#[test]
fn states_come_with_their_entries_and_number() {
    use hublet_wire::client::protobuf::Out;
    let mut bytes = Vec::new();
    Out::Write(&mut bytes).message(10, |out| {
        out.number(3, 7);
        out.text(1, "g");
        for (id, value) in [("a", "x"), ("b", "y")] {
            out.message(2, |out| {
                out.text(1, id);
                out.message(3, |out| {
                    out.entry(1, "k", value);
                    out.entry(1, "empty", "");
                });
                out.number(4, (-1_i64).cast_unsigned());
            });
        }
    });
    let item = |id: &str, value: &str| GroupStateItem {
        connection_id: id.to_owned(),
        user_id: None,
        state: Some(GroupState::from([
            ("k".to_owned(), value.to_owned()),
            ("empty".to_owned(), String::new()),
        ])),
        updated_at_ms: -1,
    };
    let expected = GroupStateMessage {
        group: "g".to_owned(),
        kind: GroupStateKind::Snapshot,
        items: vec![item("a", "x"), item("b", "y")],
        sequence_id: Some(7),
    };
    let read = decode(&bytes).unwrap();
    assert_eq!(read.sequence_id(), Some(7));
    assert_eq!(read, Message::GroupState(expected));
}

#[test]
fn what_cannot_be_read() {
    for hex in [
        "",
        "ff",
        "0801",
        "0a01",
        "0a020a00",
        "12020a00",
        "12090a0567726f75701a00",
        "52020a01",
        "4a021001",
        "4a0412021801",
    ] {
        assert!(decode(&bytes(hex)).is_err(), "{hex}");
    }
}
