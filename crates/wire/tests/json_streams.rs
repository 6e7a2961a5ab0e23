//! Invocations, streams and group state in JSON: what decodes to what, what is refused and how (client-protocols.md
//! §3.8, §6), and their messages byte by byte.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use hublet_wire::client::json::decode;
use hublet_wire::client::{
    ClientOp, Format, GroupState, GroupStateItem, GroupStateKind, InvokeError, Message, MessageFrom,
    Metadata, Payload, StreamClosedError, StreamFailure, StreamInfo, StreamOutcome,
};
use hublet_wire::id::ConnId;

#[track_caller]
fn accepts(message: &str, expected: ClientOp<'_>) {
    assert_eq!(decode(message), Ok(expected), "{message}");
}

#[track_caller]
fn refuses(message: &str) {
    assert!(decode(message).is_err(), "{message}");
}

fn text(text: &str) -> Payload {
    Payload::Text(text.to_owned().into())
}

fn json(text: &str) -> Payload {
    Payload::Json(text.to_owned().into())
}

fn trace() -> Metadata {
    vec![("trace".to_owned(), "7".to_owned())]
}

/// The text of the one short message in `frames`.
fn message(frames: &[u8]) -> &str {
    let header = if frames[1] < 126 { 2 } else { 4 };
    assert_eq!(frames[0], 0x81);
    std::str::from_utf8(&frames[header..]).unwrap()
}

#[test]
fn invocations() {
    let invoke = |payload, metadata| ClientOp::Invoke {
        invocation_id: "1".into(),
        event: "echo".into(),
        payload,
        metadata,
    };
    let start = r#"{"type":"invoke","invocationId":"1","target":"event","event":"echo""#;
    for (members, payload) in [
        (r#","dataType":"text","data":"ping""#, Some(text("ping"))),
        (r#","dataType":"Json","data":{"a":1}"#, Some(json(r#"{"a":1}"#))),
        (r#","data":[1]"#, Some(json("[1]"))),
        (r#","dataType":"binary","data":"AQ==""#, Some(Payload::Binary(vec![1].into()))),
        (r#","dataType":"protobuf","data":"EgA=""#, Some(Payload::Protobuf(vec![0x12, 0].into()))),
        ("", None),
        (r#","data":null"#, None),
        (r#","dataType":"text","data":null"#, None),
        (r#","dataType":"json""#, None),
        // Neither acknowledged nor a stream: these keys mean nothing here.
        (r#","ackId":"x","stream":1,"noEcho":2"#, None),
    ] {
        accepts(&format!("{start}{members}}}"), invoke(payload, Metadata::new()));
    }
    accepts(&format!(r#"{start},"metadata":{{"trace":"7"}}}}"#), invoke(None, trace()));

    let long = "i".repeat(129);
    accepts(
        &format!(r#"{{"type":"invoke","invocationId":"{}","target":"Event","event":"e"}}"#, &long[1..]),
        ClientOp::Invoke {
            invocation_id: (&long[1..]).into(),
            event: "e".into(),
            payload: None,
            metadata: Metadata::new(),
        },
    );
}

#[test]
fn malformed_invocations_are_answered_if_they_have_an_id() {
    for members in [
        "",
        r#""target":"event""#,
        r#""event":"e""#,
        r#""target":"group","event":"e""#,
        r#""target":null,"event":"e""#,
        r#""target":1,"event":"e""#,
        r#""target":"event","event":"a b""#,
        r#""target":"event","event":1"#,
        r#""target":"event","event":"e","dataType":"text","data":1"#,
        r#""target":"event","event":"e","dataType":"xml","data":1"#,
        r#""target":"event","event":"e","dataType":"binary","data":"%""#,
        r#""target":"event","event":"e","metadata":{"a b":"c"}"#,
        r#""target":"event","event":"e","metadata":[]"#,
    ] {
        let comma = if members.is_empty() { "" } else { "," };
        let invoke = |id: &str| format!(r#"{{"type":"invoke"{id}{comma}{members}}}"#);
        accepts(
            &invoke(r#","invocationId":"a b""#),
            ClientOp::MalformedInvoke { invocation_id: "a b".into() },
        );
        for id in [r#","invocationId":"""#, r#","invocationId":null"#, r#","invocationId":1"#, ""] {
            refuses(&invoke(id));
        }
    }
    let long = "i".repeat(129);
    accepts(
        &format!(r#"{{"type":"invoke","invocationId":"{long}","target":"event","event":"e"}}"#),
        ClientOp::MalformedInvoke { invocation_id: long.as_str().into() },
    );
}

#[test]
fn cancelled_invocations() {
    accepts(
        r#"{"type":"cancelInvocation","invocationId":"1"}"#,
        ClientOp::CancelInvocation { invocation_id: "1".into() },
    );
    refuses(r#"{"type":"cancelInvocation"}"#);
    refuses(r#"{"type":"cancelInvocation","invocationId":""}"#);
    refuses(r#"{"type":"cancelInvocation","invocationId":1}"#);
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
    let start = |stream: &str, members: &str| {
        format!(r#"{{"type":"sendToGroup","group":"g","stream":{stream}{members}}}"#)
    };
    let s1 = r#"{"streamId":"s1"}"#;
    accepts(&start(s1, ""), started(300_000, false, None));
    accepts(&start(s1, r#","noEcho":true,"ackId":0"#), started(300_000, true, Some(0)));
    accepts(&start(s1, r#","data":null,"dataType":null"#), started(300_000, false, None));
    for (idle, expected) in [("1", 1), ("300", 300), ("4294967295", u32::MAX), ("null", 300_000)] {
        accepts(
            &start(&format!(r#"{{"idleTimeoutMs":{idle},"streamId":"x","streamId":"s1","x":[]}}"#), ""),
            started(expected, false, None),
        );
    }
    // Without a stream it is an ordinary message.
    assert!(matches!(decode(&start("null", r#","data":1"#)), Ok(ClientOp::SendToGroup { .. })));
    refuses(&start("null", ""));

    let malformed = |ack_id| ClientOp::MalformedStreamStart { stream_id: "s1".into(), ack_id };
    for members in
        [r#","data":1"#, r#","dataType":"text""#, r#","dataType":"text","data":"""#, r#","data":"x""#]
    {
        accepts(&start(s1, members), malformed(None));
        accepts(&start(s1, &format!(r#"{members},"ackId":5"#)), malformed(Some(5)));
    }
    for idle in ["0", "-1", "1.5", r#""300""#, "4294967296", "true", "{}"] {
        accepts(&start(&format!(r#"{{"streamId":"s1","idleTimeoutMs":{idle}}}"#), ""), malformed(None));
    }
    let long = "s".repeat(129);
    accepts(
        &start(&format!(r#"{{"streamId":"{long}"}}"#), ""),
        ClientOp::MalformedStreamStart { stream_id: long.as_str().into(), ack_id: None },
    );

    // Without an id there is nothing to close, and the rules of the request itself hold as ever.
    for stream in
        [r#"{"streamId":""}"#, r#"{"streamId":1}"#, r#"{"streamId":null}"#, "{}", "[]", "1", r#""s1""#]
    {
        refuses(&start(stream, ""));
    }
    refuses(&start(s1, r#","ackId":-1"#));
    refuses(&start(s1, r#","noEcho":1"#));
    refuses(r#"{"type":"sendToGroup","stream":{"streamId":"s1"}}"#);
    refuses(r#"{"type":"sendToGroup","group":" ","stream":{"streamId":"s1"}}"#);
}

#[test]
fn stream_data() {
    let data = |members: &str| format!(r#"{{"type":"streamData","streamId":"s1"{members}}}"#);
    for (members, sequence_id, payload) in [
        (r#","streamSequenceId":1,"dataType":"text","data":"a""#, 1, text("a")),
        (r#","streamSequenceId":1,"dataType":"text","data":"""#, 1, text("")),
        (r#","data":{"a":1},"dataType":"JSON","streamSequenceId":2"#, 2, json(r#"{"a":1}"#)),
        (
            r#","streamSequenceId":18446744073709551615,"dataType":"binary","data":"AQ==""#,
            u64::MAX,
            Payload::Binary(vec![1].into()),
        ),
    ] {
        let expected = ClientOp::StreamData { stream_id: "s1".into(), sequence_id, payload };
        accepts(&data(members), expected);
    }
    for members in ["", r#","streamSequenceId":null,"dataType":null,"data":null"#, r#","group":1"#] {
        accepts(&data(members), ClientOp::StreamKeepalive { stream_id: "s1".into() });
    }
    for members in [
        // Zero, and only some of the three.
        r#","streamSequenceId":0,"dataType":"text","data":"a""#,
        r#","streamSequenceId":1"#,
        r#","dataType":"text""#,
        r#","data":"a""#,
        r#","dataType":"text","data":"a""#,
        r#","streamSequenceId":1,"dataType":"text""#,
        r#","streamSequenceId":1,"data":"a""#,
        r#","streamSequenceId":1,"dataType":"json","data":null"#,
        // Of a wrong kind.
        r#","streamSequenceId":"1","dataType":"text","data":"a""#,
        r#","streamSequenceId":1.0,"dataType":"text","data":"a""#,
        r#","streamSequenceId":1,"dataType":"text","data":5"#,
        r#","streamSequenceId":1,"dataType":"xml","data":"a""#,
        r#","streamSequenceId":1,"dataType":"binary","data":"%""#,
    ] {
        accepts(&data(members), ClientOp::MalformedStream { stream_id: "s1".into() });
    }
    for id in ["", r#","streamId":"""#, r#","streamId":null"#, r#","streamId":["s1"]"#] {
        refuses(&format!(r#"{{"type":"streamData"{id}}}"#));
        refuses(&format!(r#"{{"type":"streamEnd"{id}}}"#));
    }
}

#[test]
fn stream_ends() {
    let ended = |error| ClientOp::StreamEnd { stream_id: "s1".into(), error };
    let end = |members: &str| format!(r#"{{"type":"streamEnd","streamId":"s1"{members}}}"#);
    accepts(&end(""), ended(None));
    accepts(&end(r#","error":null"#), ended(None));
    for (error, message, user_error_code) in [
        ("{}", None, None),
        (r#"{"message":"m","userErrorCode":"c"}"#, Some("m"), Some("c")),
        (r#"{"message":null,"userErrorCode":"\u0063","x":1}"#, None, Some("c")),
        (r#"{"message":""}"#, Some(""), None),
    ] {
        let error_of_it = StreamFailure {
            message: message.map(Into::into),
            user_error_code: user_error_code.map(Into::into),
        };
        accepts(&end(&format!(r#","error":{error}"#)), ended(Some(error_of_it)));
    }
    for error in ["1", "[]", r#""m""#, "true", r#"{"message":1}"#, r#"{"userErrorCode":5}"#] {
        accepts(&end(&format!(r#","error":{error}"#)), ClientOp::MalformedStream { stream_id: "s1".into() });
    }
}

#[test]
fn group_states() {
    let set = |state| ClientOp::SetGroupState { group: "g".into(), state, ack_id: Some(1) };
    let request = |members: &str| format!(r#"{{"type":"setGroupState","group":"g","ackId":1{members}}}"#);
    let state = |pairs: &[(&str, &str)]| {
        let mut state = GroupState::default();
        for (key, value) in pairs {
            state.insert((*key).to_owned(), (*value).to_owned()).unwrap();
        }
        Some(state)
    };
    accepts(&request(""), set(None));
    accepts(&request(r#","state":null"#), set(None));
    accepts(&request(r#","state":{}"#), set(state(&[])));
    accepts(&request(r#","state":{"k":"v"}"#), set(state(&[("k", "v")])));
    accepts(
        &request(r#","state":{"ü":"\u00fc\n","":"","k":"1","k":"2"}"#),
        set(state(&[("ü", "ü\n"), ("", ""), ("k", "2")])),
    );
    let most = "v".repeat(8 << 10);
    accepts(&request(&format!(r#","state":{{"k":"{}"}}"#, &most[1..])), set(state(&[("k", &most[1..])])));
    for wrong in
        [format!(r#"{{"k":"{most}"}}"#), "[]".into(), "1".into(), r#"{"k":1}"#.into(), r#"{"k":null}"#.into()]
    {
        accepts(&request(&format!(r#","state":{wrong}"#)), ClientOp::MalformedGroupState { ack_id: Some(1) });
    }

    accepts(
        r#"{"type":"subscribeGroupState","group":"g","ackId":3}"#,
        ClientOp::SubscribeGroupState { group: "g".into(), ack_id: Some(3) },
    );
    accepts(
        r#"{"type":"unsubscribeGroupState","group":"g"}"#,
        ClientOp::UnsubscribeGroupState { group: "g".into(), ack_id: None },
    );
    for kind in ["setGroupState", "subscribeGroupState", "unsubscribeGroupState"] {
        refuses(&format!(r#"{{"type":"{kind}","ackId":1}}"#));
        refuses(&format!(r#"{{"type":"{kind}","group":""}}"#));
        refuses(&format!(r#"{{"type":"{kind}","group":"g","ackId":"1"}}"#));
    }
}

#[test]
fn invoke_responses() {
    let (none, trace) = (Metadata::new(), trace());
    let pong = text("pong");
    for (result, expected) in [
        (
            Ok(Some((&pong, &none))),
            r#"{"type":"invokeResponse","invocationId":"1","success":true,"dataType":"text","data":"pong"}"#,
        ),
        (
            Ok(Some((&json(r#"{"a": 1}"#), &trace))),
            r#"{"type":"invokeResponse","invocationId":"1","success":true,"dataType":"json","data":{"a": 1},"metadata":{"trace":"7"}}"#,
        ),
        // Neither key, or the invocation never ends in one of the clients (decision D14).
        (Ok(None), r#"{"type":"invokeResponse","invocationId":"1","success":true}"#),
        (
            Ok(Some((&json(" null\n"), &none))),
            r#"{"type":"invokeResponse","invocationId":"1","success":true}"#,
        ),
        (
            Err(&InvokeError::BadRequest("Invalid payload")),
            r#"{"type":"invokeResponse","invocationId":"1","success":false,"error":{"name":"BadRequest","message":"Invalid payload"}}"#,
        ),
        (
            Err(&InvokeError::InternalServerError),
            r#"{"type":"invokeResponse","invocationId":"1","success":false,"error":{"name":"InternalServerError","message":"Internal server error"}}"#,
        ),
    ] {
        assert_eq!(message(&Format::Json.invoke_response_frame("1", result)), expected);
    }
    let not_found = Format::Json.invoke_response_frame("\"", Err(&InvokeError::NotFound));
    assert!(message(&not_found).starts_with(
        r#"{"type":"invokeResponse","invocationId":"\"","success":false,"error":{"name":"NotFound","message":""#
    ));
}

#[test]
fn answers_to_publishers() {
    let json = Format::Json;
    assert_eq!(
        message(&json.stream_ack_frame("s1", 1)),
        r#"{"type":"streamAck","streamId":"s1","expectedSequenceId":1}"#
    );
    assert_eq!(
        message(&json.stream_nack_frame("s1", 2)),
        r#"{"type":"streamNack","streamId":"s1","name":"InvalidSequenceId","message":"The next part of the stream must have the sequence id 2.","expectedSequenceId":2}"#
    );
    assert_eq!(
        message(&json.stream_closed_frame("s\n", None)),
        r#"{"type":"streamClosed","streamId":"s\n"}"#
    );
    for (error, name, text) in [
        (StreamClosedError::StreamNotFound, "StreamNotFound", None),
        (StreamClosedError::IdleTimeout, "IdleTimeout", None),
        (StreamClosedError::InternalServerError, "InternalServerError", Some("Internal server error")),
        (StreamClosedError::BadRequest("No."), "BadRequest", Some("No.")),
        (
            StreamClosedError::Forbidden("a"),
            "Forbidden",
            Some("The client does not have permission to send to group 'a'."),
        ),
    ] {
        let text = text.map_or_else(|| error.to_string(), str::to_owned);
        assert_eq!(
            message(&json.stream_closed_frame("s1", Some(&error))),
            format!(
                r#"{{"type":"streamClosed","streamId":"s1","error":{{"name":"{name}","message":"{text}"}}}}"#
            )
        );
    }
}

#[test]
fn parts_and_ends_for_members() {
    let none = Metadata::new();
    let start =
        r#"{"type":"message","from":"group","group":"g","fromUserId":"alice","dataType":"text","data":"#;
    for (data, metadata, sequence_id, end, expected) in [
        ("a", &none, 1, None, r#""a","stream":{"streamId":"s1","streamSequenceId":1}}"#),
        (
            "a",
            &trace(),
            1,
            None,
            r#""a","metadata":{"trace":"7"},"stream":{"streamId":"s1","streamSequenceId":1}}"#,
        ),
        (
            "",
            &none,
            2,
            Some(StreamOutcome::Complete),
            r#""","stream":{"streamId":"s1","streamSequenceId":2,"endOfStream":true}}"#,
        ),
        (
            "",
            &none,
            2,
            Some(StreamOutcome::UserError { message: Some("\"m"), user_error_code: Some("c") }),
            r#""","stream":{"streamId":"s1","streamSequenceId":2,"endOfStream":true,"error":{"name":"UserError","message":"\"m","userErrorCode":"c"}}}"#,
        ),
        (
            "",
            &none,
            2,
            Some(StreamOutcome::UserError { message: None, user_error_code: None }),
            r#""","stream":{"streamId":"s1","streamSequenceId":2,"endOfStream":true,"error":{"name":"UserError"}}}"#,
        ),
        (
            "",
            &none,
            2,
            Some(StreamOutcome::InternalServerError),
            r#""","stream":{"streamId":"s1","streamSequenceId":2,"endOfStream":true,"error":{"name":"InternalServerError","message":"Internal server error"}}}"#,
        ),
    ] {
        let part = Message {
            from: MessageFrom::Group { group: "g", from_user: Some("alice") },
            payload: &text(data),
            metadata,
            stream: Some(StreamInfo { stream_id: "s1", sequence_id, end }),
        };
        assert_eq!(message(&Format::Json.message_frame(&part)), format!("{start}{expected}"));
        // For a reliable member the same, with its number in front.
        let (head, body) = Format::Json.shared_message(&part).split(12);
        assert_eq!(
            message(&[&head[..], &body].concat()),
            format!(r#"{{"sequenceId":12,{}{expected}"#, &start[1..])
        );
    }
    for (outcome, name) in [
        (StreamOutcome::IdleTimeout, "IdleTimeout"),
        (StreamOutcome::Forbidden, "Forbidden"),
        (StreamOutcome::Cancelled, "Cancelled"),
    ] {
        let end = Message {
            from: MessageFrom::Group { group: "g", from_user: None },
            payload: &text(""),
            metadata: &none,
            stream: Some(StreamInfo { stream_id: "s1", sequence_id: 1, end: Some(outcome) }),
        };
        let frame = Format::Json.message_frame(&end);
        assert!(message(&frame).contains(&format!(r#""error":{{"name":"{name}","message":"The "#)));
    }
}

#[test]
fn group_state_messages() {
    let connection_id = ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 3 };
    let mut state = GroupState::default();
    state.insert("k".to_owned(), "\"v".to_owned()).unwrap();
    state.insert("a".to_owned(), String::new()).unwrap();
    let items = [
        GroupStateItem {
            connection_id,
            user_id: Some("alice"),
            state: Some(&state),
            updated_at_ms: 1_741_652_405_000,
        },
        GroupStateItem { connection_id, user_id: None, state: None, updated_at_ms: 1 },
    ];
    let json = Format::Json;
    assert_eq!(
        message(&json.group_state_frame(GroupStateKind::Snapshot, "g", &[])),
        r#"{"type":"groupStateSnapshot","group":"g","items":[]}"#
    );
    assert_eq!(
        message(&json.group_state_frame(GroupStateKind::Snapshot, "g", &items)),
        format!(
            r#"{{"type":"groupStateSnapshot","group":"g","items":[{{"connectionId":"{connection_id}","userId":"alice","state":{{"a":"","k":"\"v"}},"updatedAt":1741652405000}},{{"connectionId":"{connection_id}","updatedAt":1}}]}}"#
        )
    );
    let (head, body) = json.shared_group_state(GroupStateKind::Update, "g", &items[1..]).split(7);
    assert_eq!(
        message(&[&head[..], &body].concat()),
        format!(
            r#"{{"sequenceId":7,"type":"groupStateUpdate","group":"g","items":[{{"connectionId":"{connection_id}","updatedAt":1}}]}}"#
        )
    );
}
