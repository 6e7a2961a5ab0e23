//! Requests of the protobuf subprotocol: what decodes to what, and what is refused (client-protocols.md §4, §6, §8).
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use hublet_wire::client::protobuf::decode;
use hublet_wire::client::{ClientOp, GroupState, Metadata, Payload, StreamFailure};

mod hex;
use hex::hex;

#[track_caller]
fn accepts(message: &str, expected: ClientOp<'_>) {
    assert_eq!(decode(&hex(message)), Ok(expected), "{message}");
}

#[track_caller]
fn refuses(message: &str) {
    assert!(decode(&hex(message)).is_err(), "{message}");
}

/// A field of bytes, at most 127 of them, with a number below 16.
fn field(number: usize, content: &str) -> String {
    let len = hex(content).len();
    assert!(len < 128 && number < 16);
    format!("{:02x}{len:02x}{content}", number << 3 | 2)
}

fn text_field(number: usize, text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    field(number, &bytes.concat())
}

/// A field of any length.
fn long_field(number: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut field = vec![number << 3 | 2];
    field.extend(
        [len & 0x7f | 0x80, len >> 7 & 0x7f | 0x80, len >> 14].map(|bits| u8::try_from(bits).unwrap()),
    );
    field.extend_from_slice(content);
    field
}

fn text(text: &str) -> Payload {
    Payload::Text(text.to_owned().into())
}

fn send(payload: Payload, ack_id: Option<u64>, no_echo: bool) -> ClientOp<'static> {
    ClientOp::SendToGroup {
        group: "group".into(),
        ack_id,
        no_echo,
        payload,
        metadata: Metadata::new(),
        ttl_seconds: None,
    }
}

/// The upstream vectors of client-protocols.md §4.5.
#[test]
fn documented_vectors() {
    accepts("32 07 0a05 67726f7570", ClientOp::JoinGroup { group: "group".into(), ack_id: None });
    accepts(
        "32 0b 0a05 67726f7570 10e5d802",
        ClientOp::JoinGroup { group: "group".into(), ack_id: Some(44_133) },
    );
    accepts("32 08 0a04 726f6f6d 1000", ClientOp::JoinGroup { group: "room".into(), ack_id: Some(0) });
    accepts(
        "3a 0a 0a05 67726f7570 10b960",
        ClientOp::LeaveGroup { group: "group".into(), ack_id: Some(12_345) },
    );
    accepts("0a 0e 0a05 67726f7570 1a05 0a03 787a79", send(text("xzy"), None, false));
    accepts("0a 10 0a05 67726f7570 1a05 0a03 787a79 2000", send(text("xzy"), None, false));
    accepts(
        "0a1f 0a0567726f7570 10b960 1a11 220f 7b2276616c7565223a22787a79227d 2001",
        send(Payload::Json(r#"{"value":"xzy"}"#.into()), Some(12_345), true),
    );
    accepts(
        "0a1e 0a0567726f7570 10b960 1a10 1a0e 0a076578616d706c65 120378797a 2001",
        send(Payload::Protobuf(hex("0a076578616d706c65 120378797a").into()), Some(12_345), true),
    );
    accepts(
        "2a0e 0a056576656e74 1205 0a03787a79",
        ClientOp::Event {
            event: "event".into(),
            ack_id: None,
            payload: text("xzy"),
            metadata: Metadata::new(),
        },
    );
    accepts("42 04 08c0c407", ClientOp::SequenceAck { sequence_id: 123_456 });
    accepts("4a00", ClientOp::Ping);
    accepts(
        "520f 0a046563686f 120131 1a04 0a026869",
        ClientOp::Invoke {
            invocation_id: "1".into(),
            event: "echo".into(),
            payload: Some(text("hi")),
            metadata: Metadata::new(),
        },
    );
    accepts("5a03 0a0131", ClientOp::CancelInvocation { invocation_id: "1".into() });
    accepts(
        "0a0d 0a0167 3a08 0a027331 10e0a712",
        ClientOp::StreamStart {
            group: "g".into(),
            stream_id: "s1".into(),
            idle_timeout_ms: 300_000,
            no_echo: false,
            ack_id: None,
        },
    );
    accepts(
        "6a0b 0a027331 1001 1a03 0a0161",
        ClientOp::StreamData { stream_id: "s1".into(), sequence_id: 1, payload: text("a") },
    );
    accepts("6a04 0a027331", ClientOp::StreamKeepalive { stream_id: "s1".into() });
    accepts("7204 0a027331", ClientOp::StreamEnd { stream_id: "s1".into(), error: None });
    let mut state = GroupState::default();
    state.insert("activity".to_owned(), "typing".to_owned()).unwrap();
    accepts(
        "7a230a09636861742d726f6f6d10011a140a120a0861637469766974791206747970696e67",
        ClientOp::SetGroupState { group: "chat-room".into(), state: Some(state), ack_id: Some(1) },
    );
    accepts(
        "7a0d0a09636861742d726f6f6d1002",
        ClientOp::SetGroupState { group: "chat-room".into(), state: None, ack_id: Some(2) },
    );
    accepts(
        "82010d0a09636861742d726f6f6d1003",
        ClientOp::SubscribeGroupState { group: "chat-room".into(), ack_id: Some(3) },
    );
    accepts(
        "8a010d0a09636861742d726f6f6d1004",
        ClientOp::UnsubscribeGroupState { group: "chat-room".into(), ack_id: Some(4) },
    );
}

#[test]
fn every_cut_of_a_vector_is_refused() {
    let message = hex("0a1e 0a0567726f7570 10b960 1a10 1a0e 0a076578616d706c65 120378797a 2001");
    for end in 0..message.len() {
        assert!(decode(&message[..end]).is_err(), "{end}");
    }
}

#[test]
fn the_members_of_the_message() {
    // Nothing, nothing known, nothing well-formed.
    for message in ["", "ff", "0200", "0000", "9a0601 78", "1a00", "2200", "62020a00", "920100"] {
        refuses(message);
    }
    // A member with another wire type than that of a message, and groups.
    for message in ["0801", "3001", "0d00000000", "33", "3334", "4b4c", "4a00 4b4c"] {
        refuses(message);
    }
    // Unknown fields are skipped: a number, 64 bits, bytes, 32 bits; even bytes that are no message.
    for unknown in ["9806 9601", "9906 0001020304050607", "9a06 02ffff", "9d06 00010203", "62 01 ff"] {
        accepts(&format!("{unknown} 4a00"), ClientOp::Ping);
        accepts(&format!("4a00 {unknown}"), ClientOp::Ping);
        let unknown = unknown.replacen("62", "7a", 1);
        let content = format!("0a0167 {unknown}");
        accepts(&field(6, &content), ClientOp::JoinGroup { group: "g".into(), ack_id: None });
        // In a message without any fields.
        accepts(&field(9, &format!("0801 {unknown}")), ClientOp::Ping);
    }
    // Of several members the last counts, and the same one again is merged.
    accepts("4a00 32030a0167", ClientOp::JoinGroup { group: "g".into(), ack_id: None });
    accepts("32030a0167 4a00", ClientOp::Ping);
    accepts("32030a0167 32021001", ClientOp::JoinGroup { group: "g".into(), ack_id: Some(1) });
    accepts("32050a01671001 4a00 32030a0168", ClientOp::JoinGroup { group: "h".into(), ack_id: None });
    // One that is not well-formed counts even if another follows.
    refuses("3202ffff 4a00");
}

#[test]
fn ack_ids_and_other_numbers() {
    for (number, expected) in [
        ("00", 0),
        ("01", 1),
        ("8000", 0),
        ("ffffffffffffffffff01", u64::MAX),
        ("ffffffffffffffff7f", i64::MAX.unsigned_abs()),
    ] {
        let ack_id = Some(expected);
        accepts(&field(6, &format!("0a0167 10{number}")), ClientOp::JoinGroup { group: "g".into(), ack_id });
        accepts(&field(7, &format!("0a0167 10{number}")), ClientOp::LeaveGroup { group: "g".into(), ack_id });
        accepts(&field(8, &format!("08{number}")), ClientOp::SequenceAck { sequence_id: expected });
    }
    // Zero is left out by encoders.
    accepts("4200", ClientOp::SequenceAck { sequence_id: 0 });
    // The last of repeated fields counts.
    accepts("32070a016710011002", ClientOp::JoinGroup { group: "g".into(), ack_id: Some(2) });
    for number in ["ffffffffffffffffff02", "8080808080808080808000", "80", ""] {
        refuses(&field(6, &format!("0a0167 10{number}")));
        refuses(&field(8, &format!("08{number}")));
    }
    // Text, 32 and 64 bits are no numbers.
    for wrong in ["120131", "1500000000", "110000000000000000"] {
        refuses(&field(6, &format!("0a0167 {wrong}")));
    }
}

#[test]
fn groups_and_events() {
    for group in ["", "0a00", "0a0120", "0a020920", "0a01ff", "0a02c328", "0801"] {
        for member in [6, 7, 15] {
            refuses(&field(member, group));
        }
        refuses(&field(1, &format!("{group} 1a030a0161")));
    }
    let long = "g".repeat(1_025);
    assert!(decode(&long_field(6, &long_field(1, long.as_bytes()))).is_err());
    assert_eq!(
        decode(&long_field(6, &long_field(1, &long.as_bytes()[1..]))),
        Ok(ClientOp::JoinGroup { group: long[1..].into(), ack_id: None })
    );
    for event in ["", "0a00", "0a03612062", "0a02c3bc"] {
        refuses(&field(5, &format!("{event} 12030a0161")));
    }
}

#[test]
fn data_of_every_kind() {
    for (data, payload) in [
        ("0a00", text("")),
        ("0a02c3bc", text("ü")),
        ("1200", Payload::Binary(Default::default())),
        ("1202ffff", Payload::Binary(vec![0xff, 0xff].into())),
        ("1a00", Payload::Protobuf(Default::default())),
        ("1a02 1200", Payload::Protobuf(vec![0x12, 0].into())),
        ("2201 31", Payload::Json("1".into())),
        ("2205 3165343030", Payload::Json("1e400".into())),
        // The spelling stays.
        ("2204 205b5d0a", Payload::Json(" []\n".into())),
        // The last member counts.
        ("0a0161 120162", Payload::Binary(b"b"[..].into())),
        ("120162 0a0161 9a0600", text("a")),
    ] {
        accepts(
            &field(1, &format!("{} {}", text_field(1, "group"), field(3, data))),
            send(payload, None, false),
        );
    }
    for data in [
        "",       // No member.
        "9a0600", // Only unknown ones.
        "0a01ff", // Not UTF-8.
        "2201ff",
        "2200", // Not JSON.
        "22017b",
        "2204 6e756c6c", // `null`.
        "2205 6e756c6c0a",
        "1a01 ff", // Not an Any.
        "1a03 0a01ff",
        "0801", // Other wire types.
        "1001",
        "0a0261", // Cut.
    ] {
        refuses(&field(1, &format!("{} {}", text_field(1, "group"), field(3, data))));
        refuses(&field(5, &format!("{} {}", text_field(1, "event"), field(2, data))));
    }
    // None at all.
    refuses(&field(1, &text_field(1, "group")));
    refuses(&field(5, &text_field(1, "event")));
    // JSON of more than 64 levels is refused before anybody has to read it.
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let message = |json: &str| {
        let data = long_field(3, &long_field(4, json.as_bytes()));
        long_field(1, &[&b"\x0a\x01g"[..], &data].concat())
    };
    assert!(decode(&message(&nested(64))).is_ok());
    assert!(decode(&message(&nested(65))).is_err());
    assert!(decode(&message(&nested(200_000))).is_err());
}

#[test]
fn echo_and_time_to_live() {
    let of = |members: &str| match decode(&hex(&field(1, &format!("0a0167 1a030a0161 {members}")))) {
        Ok(ClientOp::SendToGroup { no_echo, ttl_seconds, .. }) => Some((no_echo, ttl_seconds)),
        _ => None,
    };
    assert_eq!(of(""), Some((false, None)));
    assert_eq!(of("2000"), Some((false, None)));
    assert_eq!(of("2001"), Some((true, None)));
    assert_eq!(of("2800"), Some((false, Some(0))));
    assert_eq!(of("28ac02"), Some((false, Some(300))));
    for wrong in ["28ad02", "28808004", "28ffffffffffffffffff01", "220101", "2a0101"] {
        assert_eq!(of(wrong), None, "{wrong}");
    }
}

#[test]
fn metadata() {
    let entry = |key: &str, value: &str| format!("{}{}", text_field(1, key), text_field(2, value));
    let of = |entries: &[String]| {
        let entries: String = entries.iter().map(|entry| field(6, entry)).collect();
        match decode(&hex(&field(1, &format!("0a0167 1a030a0161 {entries}")))) {
            Ok(ClientOp::SendToGroup { metadata, .. }) => Some(metadata),
            _ => None,
        }
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(of(&[entry("trace", "7"), entry("A", "")]), Some(vec![pair("trace", "7"), pair("A", "")]));
    // A value that is left out is empty; fields of an entry come in any order and the last counts.
    assert_eq!(of(&[text_field(1, "a")]), Some(vec![pair("a", "")]));
    let turned = format!("{}{}{}9a0600", text_field(2, "x"), text_field(1, "a"), text_field(2, "y"));
    assert_eq!(of(&[turned]), Some(vec![pair("a", "y")]));
    for wrong in [
        vec![String::new()],
        vec![text_field(2, "x")],
        vec![entry("a b", "x")],
        vec![entry("a", "é")],
        vec![entry("a", "x"), entry("a", "x")],
        vec!["0a01ff".to_owned()],
        vec!["0801".to_owned()],
    ] {
        assert_eq!(of(&wrong), None, "{wrong:?}");
    }
    // 8 KiB in all.
    let value = "v".repeat(1_024);
    let entries = |count: u8| {
        let entry =
            |n: u8| long_field(6, &[&[0x0a, 1, b'a' + n][..], &long_field(2, value.as_bytes())].concat());
        let entries: Vec<Vec<u8>> = (0..count).map(entry).collect();
        long_field(1, &[&hex("0a0167 1a030a0161")[..], &entries.concat()].concat())
    };
    assert!(decode(&entries(7)).is_ok());
    assert!(decode(&entries(8)).is_err());

    // Metadata alone is an empty text.
    let metadata = vec![pair("k", "v")];
    accepts(
        &field(5, &format!("0a0165 {}", field(4, &entry("k", "v")))),
        ClientOp::Event { event: "e".into(), ack_id: None, payload: text(""), metadata: metadata.clone() },
    );
    accepts(
        &field(1, &format!("0a0167 {} 1a00", field(6, &entry("k", "v")))),
        ClientOp::SendToGroup {
            group: "g".into(),
            ack_id: None,
            no_echo: false,
            payload: text(""),
            metadata,
            ttl_seconds: None,
        },
    );
}

#[test]
fn invocations() {
    let invoke = |payload, metadata| ClientOp::Invoke {
        invocation_id: "1".into(),
        event: "e".into(),
        payload,
        metadata,
    };
    accepts(&field(10, "0a0165 120131"), invoke(None, Metadata::new()));
    accepts(&field(10, "120131 0a0165 1a00"), invoke(None, Metadata::new()));
    accepts(
        &field(10, "0a0165 120131 2206 0a016b 120176"),
        invoke(None, vec![("k".to_owned(), "v".to_owned())]),
    );
    let malformed = ClientOp::MalformedInvoke { invocation_id: "1".into() };
    for members in
        ["", "0a00", "0a0120", "0a0165 1a03 22017b", "0a0165 1a06 22046e756c6c", "0a0165 2202 0a00"]
    {
        accepts(&field(10, &format!("120131 {members}")), malformed.clone());
    }
    let long = "i".repeat(129);
    for (id, is_whole) in [(&long[1..], true), (&long, false)] {
        let message = long_field(10, &[&b"\x0a\x01e"[..], &long_field(2, id.as_bytes())].concat());
        assert_eq!(matches!(decode(&message), Ok(ClientOp::Invoke { .. })), is_whole);
        assert_eq!(matches!(decode(&message), Ok(ClientOp::MalformedInvoke { .. })), !is_whole);
    }
    // Without an id, with bytes that are not of the schema, and as a stream, which is not documented.
    for wrong in
        ["", "0a0165", "0a0165 1200", "0a0165 1001", "0a0165 120131 1a0161", "0a0165 120131 2a030a0173"]
    {
        refuses(&field(10, wrong));
    }
    refuses(&field(5, "0a0165 12030a0161 2a030a0173"));
    refuses(&field(5, "0a0165 12030a0161 2a00"));
    for wrong in ["", "0a00", "0801"] {
        refuses(&field(11, wrong));
    }
}

#[test]
fn stream_starts() {
    let started = |idle_timeout_ms, no_echo, ack_id| ClientOp::StreamStart {
        group: "g".into(),
        stream_id: "s1".into(),
        idle_timeout_ms,
        no_echo,
        ack_id,
    };
    accepts(&field(1, "0a0167 3a04 0a027331"), started(300_000, false, None));
    accepts(&field(1, "0a0167 1000 2001 3a06 0a027331 1001"), started(1, true, Some(0)));
    accepts(&field(1, "0a0167 3a0a 0a027331 10ffffffff0f"), started(u32::MAX, false, None));
    // Merged from two pieces.
    accepts(&field(1, "0a0167 3a02 1005 3a04 0a027331"), started(5, false, None));
    let malformed = |ack_id| ClientOp::MalformedStreamStart { stream_id: "s1".into(), ack_id };
    accepts(&field(1, "0a0167 1a030a0161 3a04 0a027331"), malformed(None));
    accepts(&field(1, "0a0167 1a00 3a04 0a027331 1007"), malformed(Some(7)));
    for idle in ["1000", "108080808010", "10ffffffffffffffffff01"] {
        let stream = field(7, &format!("0a027331 {idle}"));
        accepts(&field(1, &format!("0a0167 {stream}")), malformed(None));
    }
    for wrong in [
        "0a0167 3a00",
        "0a0167 3a020a00",
        "3a040a027331",
        "0a0167 3a0461",
        "0a0167 3801",
        "0a0167 3a030a01ff",
    ] {
        refuses(&field(1, wrong));
    }
}

#[test]
fn stream_data_and_ends() {
    let malformed = ClientOp::MalformedStream { stream_id: "s".into() };
    for members in [
        "1000 1a030a0161",
        "1a030a0161",
        "1001",
        "1a00",
        "1001 1a00",
        "1001 1a0322017b",
        "1001 1a06 22046e756c6c",
    ] {
        accepts(&field(13, &format!("0a0173 {members}")), malformed.clone());
    }
    for wrong in ["", "0a00", "1001 1a030a0161", "0a0173 1001 1a030a01ff", "0a0173 120131", "0a0173 1801"] {
        refuses(&field(13, wrong));
    }
    let ended = |message: Option<&'static str>, user_error_code: Option<&'static str>| ClientOp::StreamEnd {
        stream_id: "s".into(),
        error: Some(StreamFailure {
            message: message.map(Into::into),
            user_error_code: user_error_code.map(Into::into),
        }),
    };
    accepts(&field(14, "0a0173 1200"), ended(None, None));
    accepts(&field(14, "0a0173 1206 0a016d 120163"), ended(Some("m"), Some("c")));
    accepts(&field(14, "0a0173 1202 0a00"), ended(Some(""), None));
    for wrong in ["", "0a00", "0a0173 1001", "0a0173 12030a01ff", "0a0173 1201"] {
        refuses(&field(14, wrong));
    }
}

#[test]
fn group_states() {
    let set = |state| ClientOp::SetGroupState { group: "g".into(), state, ack_id: None };
    accepts(&field(15, "0a0167"), set(None));
    accepts(&field(15, "0a0167 1a00"), set(Some(GroupState::default())));
    let mut state = GroupState::default();
    state.insert("k".to_owned(), "w".to_owned()).unwrap();
    state.insert(String::new(), String::new()).unwrap();
    // The last of equal keys counts, in one piece or in two.
    accepts(&field(15, "0a0167 1a12 0a060a016b120176 0a00 0a060a016b120177"), set(Some(state.clone())));
    accepts(&field(15, "0a0167 1a0a 0a060a016b120176 0a00 1a08 0a060a016b120177"), set(Some(state)));
    let value = "v".repeat(8 << 10);
    for (value, is_small) in [(&value[1..], true), (&value, false)] {
        let entry = long_field(1, &[&b"\x0a\x01k"[..], &long_field(2, value.as_bytes())].concat());
        let message = long_field(15, &[&b"\x0a\x01g\x10\x05"[..], &long_field(3, &entry)].concat());
        assert_eq!(matches!(decode(&message), Ok(ClientOp::SetGroupState { .. })), is_small);
        assert_eq!(decode(&message) == Ok(ClientOp::MalformedGroupState { ack_id: Some(5) }), !is_small);
    }
    for wrong in ["0a0167 1801", "0a0167 1a01", "0a0167 1a02 0801", "0a0167 1a05 0a030a01ff", "1a00"] {
        refuses(&field(15, wrong));
    }
}
