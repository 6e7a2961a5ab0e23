//! Requests of the JSON subprotocol: what decodes to what, and what is refused (client-protocols.md §3.1 to §3.4, §8).

use hublet_wire::client::json::decode;
use hublet_wire::client::{ClientOp, Metadata, Payload};

/// The `Any` of the documentation (client-protocols.md §3.7) in base64.
const ANY: &str = "Ci90eXBlLmdvb2dsZWFwaXMuY29tL2F6dXJlLndlYnB1YnN1Yi5UZXN0TWVzc2FnZRICCAE=";

fn text(text: &str) -> Payload {
    Payload::Text(text.to_owned().into())
}

fn json(text: &str) -> Payload {
    Payload::Json(text.to_owned().into())
}

fn binary(bytes: &[u8]) -> Payload {
    Payload::Binary(bytes.to_vec().into())
}

/// A `sendToGroup` to `g` with these members after the group.
fn send(members: &str) -> String {
    format!(r#"{{"type":"sendToGroup","group":"g"{}{members}}}"#, if members.is_empty() { "" } else { "," })
}

/// The operation that [`send`] stands for when only the payload differs from the defaults.
fn sent(payload: Payload) -> ClientOp<'static> {
    ClientOp::SendToGroup {
        group: "g".into(),
        ack_id: None,
        no_echo: false,
        payload,
        metadata: Metadata::new(),
        ttl_seconds: None,
    }
}

#[track_caller]
fn accepts(message: &str, expected: ClientOp<'_>) {
    assert_eq!(decode(message), Ok(expected), "{message}");
}

#[track_caller]
fn refuses(message: &str) {
    assert!(decode(message).is_err(), "{message}");
}

#[test]
fn documented_requests() {
    accepts(
        r#"{"type":"joinGroup","group":"room","ackId":1}"#,
        ClientOp::JoinGroup { group: "room".into(), ack_id: Some(1) },
    );
    accepts(
        r#"{"type":"leaveGroup","group":"room","ackId":2}"#,
        ClientOp::LeaveGroup { group: "room".into(), ack_id: Some(2) },
    );
    accepts(
        r#"{"type":"sendToGroup","group":"room","ackId":3,"noEcho":true,"dataType":"text","data":"hello"}"#,
        ClientOp::SendToGroup {
            group: "room".into(),
            ack_id: Some(3),
            no_echo: true,
            payload: text("hello"),
            metadata: Metadata::new(),
            ttl_seconds: None,
        },
    );
    accepts(r#"{"type":"sendToGroup","group":"g","data":{"a":1}}"#, sent(json(r#"{"a":1}"#)));
    accepts(
        r#"{"type":"sendToGroup","group":"g","dataType":"binary","data":"AQID","metadata":{"trace":"7"},"ttlSeconds":60}"#,
        ClientOp::SendToGroup {
            group: "g".into(),
            ack_id: None,
            no_echo: false,
            payload: binary(&[1, 2, 3]),
            metadata: vec![("trace".to_owned(), "7".to_owned())],
            ttl_seconds: Some(60),
        },
    );
    accepts(
        r#"{"type":"event","event":"order","ackId":4,"dataType":"json","data":[1,true,null]}"#,
        ClientOp::Event {
            event: "order".into(),
            ack_id: Some(4),
            payload: json("[1,true,null]"),
            metadata: Metadata::new(),
        },
    );
    accepts(r#"{"type":"ping"}"#, ClientOp::Ping);
    accepts(r#"{"type":"sequenceAck","sequenceId":12}"#, ClientOp::SequenceAck { sequence_id: 12 });
}

#[test]
fn requests_that_are_not_offered() {
    refuses(r#"{"type":"invokeResponse","invocationId":"1","success":true}"#);
    refuses(r#"{"type":"connected"}"#);
}

#[test]
fn keys_may_come_in_any_order_and_spelling() {
    let join = ClientOp::JoinGroup { group: "g".into(), ack_id: Some(1) };
    accepts(r#"{"data":1,"ackId":1,"type":"joinGroup","group":"g"}"#, join.clone());
    accepts("\t{ \"group\" :\r\n\"g\" , \"ackId\":1,\"type\":\"joinGroup\" } \n", join.clone());
    accepts(r#"{"\u0074ype":"join\u0047roup","gr\u006fup":"\u0067","ackId":1}"#, join.clone());
    // The last of duplicates counts.
    accepts(
        r#"{"type":"nope","type":"joinGroup","group":"x","ackId":"x","ackId":1,"group":"g"}"#,
        join.clone(),
    );
    refuses(r#"{"type":"joinGroup","group":"g","group":1}"#);
    // Unknown keys may hold anything, and so may keys that the type does not use.
    accepts(
        r#"{"type":"joinGroup","x":{"type":[1e999,"\ud800"]},"":0,"Group":1,"GROUP":2,"data":"%","ttlSeconds":-1,"group":"g","ackId":1,"noEcho":5}"#,
        join,
    );
    accepts(r#"{"type":"ping","group":5,"ackId":"x","stream":1}"#, ClientOp::Ping);
    // Keys are case-sensitive, the values of type and dataType are not.
    refuses(r#"{"Type":"ping"}"#);
    accepts(r#"{"type":"PING"}"#, ClientOp::Ping);
    for (data_type, data, payload) in [
        ("Text", r#""a""#, text("a")),
        ("JSON", r#""a""#, json(r#""a""#)),
        ("Binary", r#""AQ==""#, binary(&[1])),
        ("t\\u0065xt", r#""a""#, text("a")),
    ] {
        accepts(&send(&format!(r#""data":{data},"dataType":"{data_type}""#)), sent(payload));
    }
}

#[test]
fn ack_ids_and_other_numbers() {
    for (ack_id, expected) in [("0", Some(0)), ("18446744073709551615", Some(u64::MAX)), ("null", None)] {
        accepts(
            &format!(r#"{{"type":"joinGroup","group":"g","ackId":{ack_id}}}"#),
            ClientOp::JoinGroup { group: "g".into(), ack_id: expected },
        );
    }
    let wrong =
        [r#""1""#, "-1", "1.5", "1.0", "1e3", "-0", "18446744073709551616", "true", "[]", "{}", "01", "+1"];
    for number in wrong {
        for kind in ["joinGroup", "leaveGroup", "setGroupState"] {
            refuses(&format!(r#"{{"type":"{kind}","group":"g","ackId":{number}}}"#));
        }
        refuses(&send(&format!(r#""data":1,"ackId":{number}"#)));
        refuses(&format!(r#"{{"type":"event","event":"e","data":1,"ackId":{number}}}"#));
        refuses(&format!(r#"{{"type":"sequenceAck","sequenceId":{number}}}"#));
    }
    refuses(r#"{"type":"sequenceAck"}"#);
    refuses(r#"{"type":"sequenceAck","sequenceId":null}"#);
    accepts(
        r#"{"type":"sequenceAck","sequenceId":1000000000000000000}"#,
        ClientOp::SequenceAck { sequence_id: 1_000_000_000_000_000_000 },
    );
}

#[test]
fn echo_and_time_to_live() {
    for (value, expected) in [("true", true), ("false", false), ("null", false)] {
        let ClientOp::SendToGroup { no_echo, .. } =
            decode(&send(&format!(r#""data":1,"noEcho":{value}"#))).unwrap()
        else {
            panic!("not a send");
        };
        assert_eq!(no_echo, expected, "{value}");
    }
    for value in ["0", "1", r#""true""#, "[]", "{}"] {
        refuses(&send(&format!(r#""data":1,"noEcho":{value}"#)));
    }
    for (value, expected) in [("0", Some(0)), ("300", Some(300)), ("null", None)] {
        let ClientOp::SendToGroup { ttl_seconds, .. } =
            decode(&send(&format!(r#""data":1,"ttlSeconds":{value}"#))).unwrap()
        else {
            panic!("not a send");
        };
        assert_eq!(ttl_seconds, expected, "{value}");
    }
    for value in ["301", "65536", "-1", r#""5""#, "1.0", "true", "[5]"] {
        refuses(&send(&format!(r#""data":1,"ttlSeconds":{value}"#)));
    }
}

#[test]
fn groups_and_events() {
    let long = "g".repeat(1_025);
    for group in
        ["", r#","group":null"#, r#","group":"""#, r#","group":"   ""#, r#","group":1"#, r#","group":["g"]"#]
            .map(str::to_owned)
            .into_iter()
            .chain([format!(r#","group":"{long}""#), r#","group":"\ud800""#.to_owned()])
    {
        for kind in ["joinGroup", "leaveGroup", "sendToGroup", "setGroupState"] {
            refuses(&format!(r#"{{"type":"{kind}","data":1{group}}}"#));
        }
    }
    accepts(
        &format!(r#"{{"type":"joinGroup","group":"{}"}}"#, &long[1..]),
        ClientOp::JoinGroup { group: (&long[1..]).into(), ack_id: None },
    );
    accepts(
        r#"{"type":"joinGroup","group":"a/b \"\u00fc\ud834\udd1e\n"}"#,
        ClientOp::JoinGroup { group: "a/b \"ü𝄞\n".into(), ack_id: None },
    );

    let long = "e".repeat(129);
    for event in [r#""""#, r#""a b""#, r#""1a""#, r#""\u00fc""#, "null", "1", &format!(r#""{long}""#)] {
        refuses(&format!(r#"{{"type":"event","event":{event},"data":1}}"#));
    }
    refuses(r#"{"type":"event","data":1}"#);
    refuses(r#"{"type":"event","event":"e"}"#);
    for event in ["Order.v1_x-y", &long[1..]] {
        accepts(
            &format!(r#"{{"type":"event","event":"{event}","data":1}}"#),
            ClientOp::Event {
                event: event.into(),
                ack_id: None,
                payload: json("1"),
                metadata: Metadata::new(),
            },
        );
    }
}

#[test]
fn json_data_is_kept_as_it_came() {
    for data in [
        "1e400",
        "0.12345678901234567890123456789",
        "-0",
        "true",
        "false",
        r#""text \u0061\ud800""#,
        "[]",
        "{}",
        r#"{"b":1,"a":[1.00, 2 ],"b":2,"\u0061":"/\/"}"#,
        "[\n\t1 ]",
    ] {
        accepts(&send(&format!(r#""data":{data}"#)), sent(json(data)));
        accepts(&send(&format!(r#""data" : {data} ,"dataType":"json""#)), sent(json(data)));
        accepts(&send(&format!(r#""dataType":null,"data":{data}"#)), sent(json(data)));
    }
    refuses(&send(r#""data":null"#));
    refuses(&send(r#""data":null,"dataType":"json""#));
    refuses(&send(r#""data":null,"metadata":{"a":"b"}"#));
    refuses(&send(""));
    refuses(&send(r#""dataType":"json""#));
}

#[test]
fn text_data() {
    for (data, expected) in [
        (r#""""#, ""),
        (r#""a b""#, "a b"),
        (r#""\"\\\/\b\f\n\r\t\u0000""#, "\"\\/\u{8}\u{c}\n\r\t\0"),
        (r#""\u4f60\u597d \ud834\uDD1E ü""#, "你好 𝄞 ü"),
    ] {
        accepts(&send(&format!(r#""dataType":"text","data":{data}"#)), sent(text(expected)));
    }
    for data in ["1", "null", "true", "{}", r#"["a"]"#, r#""\ud834""#, r#""\udd1e\ud834""#, r#""\ud834x""#] {
        refuses(&send(&format!(r#""dataType":"text","data":{data}"#)));
    }
    refuses(&send(r#""dataType":"text""#));
}

#[test]
fn binary_data() {
    for (data, expected) in [
        ("", &b""[..]),
        ("AQ==", &[1]),
        ("AQID", &[1, 2, 3]),
        ("+/+/", &[0xfb, 0xff, 0xbf]),
        // Encoders of some clients escape the plus sign and the slash.
        (r"\u002B\/\u002b/", &[0xfb, 0xff, 0xbf]),
    ] {
        accepts(&send(&format!(r#""dataType":"binary","data":"{data}""#)), sent(binary(expected)));
    }
    for data in [
        r#""%%%""#,
        r#""AQ""#,
        r#""AQ=""#,
        r#""AQ===""#,
        r#""-_-_""#,
        r#""AR==""#,
        r#""A Q==""#,
        r#""AQ==\n""#,
        "1",
        "null",
        "[1]",
    ] {
        refuses(&send(&format!(r#""dataType":"binary","data":{data}"#)));
    }
}

#[test]
fn protobuf_data() {
    let message = send(&format!(r#""dataType":"protobuf","data":"{ANY}""#));
    let Ok(ClientOp::SendToGroup { payload: Payload::Protobuf(any), .. }) = decode(&message) else {
        panic!("not accepted");
    };
    assert_eq!(&any[any.len() - 4..], [0x12, 2, 8, 1]);
    accepts(&send(r#""dataType":"protobuf","data":"""#), sent(Payload::Protobuf(Default::default())));
    for data in [r#""%%%""#, r#""/w==""#, r#""AQID""#, "1", "{}", "null"] {
        refuses(&send(&format!(r#""dataType":"protobuf","data":{data}"#)));
    }
}

#[test]
fn unknown_data_types() {
    for data_type in [r#""xml""#, r#""""#, "1", "[]", r#""text ""#] {
        refuses(&send(&format!(r#""dataType":{data_type},"data":"a""#)));
        refuses(&send(&format!(r#""dataType":{data_type},"metadata":{{"a":"b"}}"#)));
    }
}

#[test]
fn metadata_rules() {
    let metadata_of = |value: &str| match decode(&send(&format!(r#""data":1,"metadata":{value}"#))) {
        Ok(ClientOp::SendToGroup { metadata, .. }) => Some(metadata),
        _ => None,
    };
    let pairs = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Metadata>())
    };
    assert_eq!(metadata_of("{}"), pairs(&[]));
    assert_eq!(metadata_of("null"), pairs(&[]));
    // In order, and case-sensitive.
    assert_eq!(
        metadata_of(r#"{"trace":"7","a":"","A":"\u0041 ~\t","!#$%&'*+-.^_`|~09":"x"}"#),
        pairs(&[("trace", "7"), ("a", ""), ("A", "A ~\t"), ("!#$%&'*+-.^_`|~09", "x")])
    );
    let (key, value) = ("k".repeat(256), "v".repeat(1_024));
    assert_eq!(metadata_of(&format!(r#"{{"{key}":"{value}"}}"#)), pairs(&[(&key, &value)]));
    // 8 KiB in all: eight values of 1,024 bytes less the keys.
    let many = |last: usize| {
        let full: Vec<String> = (0..7).map(|n| format!(r#""{n}":"{value}""#)).collect();
        format!(r#"{{{},"7":"{}"}}"#, full.join(","), &value[..last])
    };
    assert_eq!(metadata_of(&many(1_024 - 8)).map(|metadata| metadata.len()), Some(8));
    let small: Vec<String> = (0..4_000).map(|n| format!(r#""{n:x}":"""#)).collect();
    let doubled = format!(r#"{{{},"f":""}}"#, small[..2_000].join(","));

    for wrong in [
        r#"{"a b":"x"}"#,
        r#"{"":"x"}"#,
        r#"{"a:b":"x"}"#,
        r#"{"ü":"x"}"#,
        r#"{"a":"é"}"#,
        r#"{"a":"\u00e9"}"#,
        r#"{"a":"x\r\nb: y"}"#,
        r#"{"a":"\u007f"}"#,
        r#"{"a":1}"#,
        r#"{"a":null}"#,
        r#"{"a":["x"]}"#,
        r#"{"a":"x","a":"x"}"#,
        r#"{"a":"x","b":"x","\u0061":"x"}"#,
        "[]",
        r#"["a"]"#,
        r#""a""#,
        "1",
        "true",
        &format!(r#"{{"{key}k":"x"}}"#),
        &format!(r#"{{"a":"{value}v"}}"#),
        &many(1_024 - 7),
        &doubled,
        &format!("{{{}}}", small.join(",")),
    ] {
        assert_eq!(metadata_of(wrong), None, "{wrong}");
        refuses(&format!(r#"{{"type":"event","event":"e","data":1,"metadata":{wrong}}}"#));
    }
}

#[test]
fn metadata_alone_is_an_empty_text() {
    let metadata = vec![("a".to_owned(), "b".to_owned())];
    accepts(
        r#"{"type":"event","event":"e","metadata":{"a":"b"}}"#,
        ClientOp::Event { event: "e".into(), ack_id: None, payload: text(""), metadata },
    );
    let Ok(ClientOp::SendToGroup { payload, .. }) =
        decode(&send(r#""dataType":"binary","metadata":{"a":"b"}"#))
    else {
        panic!("not accepted");
    };
    assert_eq!(payload, text(""));
    refuses(&send(r#""metadata":{}"#));
    refuses(&send(r#""metadata":null"#));
}

#[test]
fn malformed_messages() {
    for message in [
        "",
        " ",
        "{",
        "}",
        "[]",
        r#""x""#,
        "null",
        "1",
        "{}",
        r#"{"type":"nope"}"#,
        r#"{"type":null}"#,
        r#"{"type":1}"#,
        r#"{"type":["ping"]}"#,
        r#"{"type":"ping "}"#,
        r#"[{"type":"ping"}]"#,
        r#"{"type":"ping"} x"#,
        r#"{"type":"ping"}{"type":"ping"}"#,
        r#"{"type":"ping",}"#,
        r#"{"type":"ping" "a":1}"#,
        r#"{"type":"ping","a":}"#,
        r#"{"type":"ping","a":[1,]}"#,
        r#"{"type":"ping","a":01}"#,
        r#"{"type":"ping","a":NaN}"#,
        r#"{"type":"ping","a":'x'}"#,
        r#"{"type":"ping","a":"\x"}"#,
        r#"{"type":"ping","a":"\u12g4"}"#,
        "{\"type\":\"ping\",\"a\":\"\n\"}",
        "{\"type\":\"ping\",\"a\":\"\u{0}\"}",
        r#"{"type":"ping",a:1}"#,
        r#"{"type":"ping"/* */}"#,
        "\u{feff}{\"type\":\"ping\"}",
    ] {
        refuses(message);
    }
}

#[test]
fn nesting_is_limited_to_64_levels() {
    // The message itself is the first level.
    let data = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    accepts(&send(&format!(r#""data":{}"#, data(63))), sent(json(&data(63))));
    refuses(&send(&format!(r#""data":{}"#, data(64))));
    // In any key, and with objects too.
    refuses(&format!(r#"{{"type":"ping","x":{}}}"#, data(64)));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(64), "}".repeat(64));
    refuses(&format!(r#"{{"type":"ping","x":{objects}}}"#));
    // Deep input does not overflow the stack, complete or not.
    refuses(&format!(r#"{{"type":"ping","x":{}}}"#, data(500_000)));
    refuses(&"[".repeat(1 << 20));
    refuses(&r#"{"a":"#.repeat(200_000));
    // Brackets in strings and in width are no nesting.
    let brackets = format!(r#""{}\"{}""#, "[{".repeat(100), "[{".repeat(100));
    accepts(&send(&format!(r#""data":{brackets}"#)), sent(json(&brackets)));
    let wide = format!("[{}1]", "[],{},".repeat(1_000));
    accepts(&send(&format!(r#""data":{wide}"#)), sent(json(&wide)));
}
