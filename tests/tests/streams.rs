//! Streams of clients to groups.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::protobuf::{bytes, find_number, find_text, hex};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::recovery::open;
use hublet_tests::{JSON, JSON_RELIABLE, PROTOBUF, Server, http};
use serde_json::Value;

const ROLES: &[&str] = &["webpubsub.sendToGroup.g", "webpubsub.joinLeaveGroup"];

fn client(server: &Server, user: &str, groups: &[&str]) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", Some(user), ROLES, groups), JSON);
    client.expect_connected();
    client
}

/// A publisher outside of the group, and a member.
fn pair(server: &Server) -> (RawClient, RawClient) {
    (client(server, "ann", &[]), client(server, "bob", &["g"]))
}

fn start(client: &mut RawClient, id: &str) {
    client.send_text(&format!(
        r#"{{"type":"sendToGroup","group":"g","noEcho":false,"stream":{{"streamId":"{id}"}}}}"#
    ));
    expect_ack(client, id, 1);
}

fn data(client: &mut RawClient, id: &str, number: u64, text: &str) {
    client.send_text(&format!(
        r#"{{"type":"streamData","streamId":"{id}","streamSequenceId":{number},"dataType":"text","data":"{text}"}}"#
    ));
}

fn end(client: &mut RawClient, id: &str) {
    client.send_text(&format!(r#"{{"type":"streamEnd","streamId":"{id}"}}"#));
}

fn expect_ack(client: &mut RawClient, id: &str, expected: u64) {
    client
        .expect_text(&format!(r#"{{"type":"streamAck","streamId":"{id}","expectedSequenceId":{expected}}}"#));
}

/// Acks may be sent for several parts together.
fn expect_acks_up_to(client: &mut RawClient, id: &str, expected: u64) {
    let mut last = 0;
    while last < expected {
        let ack: Value = serde_json::from_str(&client.next_text()).expect("JSON");
        assert_eq!((&ack["type"], &ack["streamId"]), (&"streamAck".into(), &id.into()), "{ack}");
        let next = ack["expectedSequenceId"].as_u64().expect("a number");
        assert!(next >= last && next <= expected, "{ack}");
        last = next;
    }
}

fn expect_closed(client: &mut RawClient, id: &str, error: Option<&str>) {
    let text = client.next_text();
    let start = format!(r#"{{"type":"streamClosed","streamId":"{id}""#);
    match error {
        None => assert_eq!(text, start + "}"),
        Some(name) => {
            let start = start + &format!(r#","error":{{"name":"{name}","message":""#);
            assert!(text.starts_with(&start) && text.len() > start.len() + 10, "{name}: {text}");
        }
    }
}

fn part(id: &str, number: u64, text: &str) -> String {
    format!(
        r#"{{"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"text","data":"{text}","stream":{{"streamId":"{id}","streamSequenceId":{number}}}}}"#
    )
}

/// The last message of a stream: its `error`, which is null if it went well.
fn expect_terminal(client: &mut RawClient, id: &str, number: u64) -> Value {
    let mut message: Value = serde_json::from_str(&client.next_text()).expect("JSON");
    let stream = message["stream"].as_object_mut().unwrap_or_else(|| panic!("no part of a stream"));
    let error = stream.remove("error").unwrap_or_default();
    let expected =
        part(id, number, "").replace(&format!("{number}}}"), &format!(r#"{number},"endOfStream":true}}"#));
    assert_eq!(message, serde_json::from_str::<Value>(&expected).expect("JSON"));
    error
}

#[test]
fn a_stream_reaches_the_members() {
    // 152, 153, 157, 165
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    for _ in 0..2 {
        start(&mut ann, "s1");
        for (number, text) in [(1, "a"), (2, ""), (3, "c")] {
            data(&mut ann, "s1", number, text);
            bob.expect_text(&part("s1", number, text));
        }
        expect_acks_up_to(&mut ann, "s1", 4);
        end(&mut ann, "s1");
        bob.expect_text(
            r#"{"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"text","data":"","stream":{"streamId":"s1","streamSequenceId":4,"endOfStream":true}}"#,
        );
        expect_closed(&mut ann, "s1", None);
    }
    ann.expect_silence();
    bob.expect_silence();
}

#[test]
fn parts_carry_all_types_of_data() {
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    start(&mut ann, "s");
    for (number, data) in [r#""dataType":"json","data":{"a": 1e400}"#, r#""dataType":"binary","data":"AQID""#]
        .into_iter()
        .enumerate()
    {
        let number = number + 1;
        ann.send_text(&format!(
            r#"{{"type":"streamData","streamId":"s","streamSequenceId":{number},{data}}}"#
        ));
        bob.expect_text(&format!(
            r#"{{"type":"message","from":"group","group":"g","fromUserId":"ann",{data},"stream":{{"streamId":"s","streamSequenceId":{number}}}}}"#
        ));
    }
}

#[test]
fn a_part_that_comes_again_is_acknowledged_and_not_delivered() {
    // 154
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    start(&mut ann, "s");
    data(&mut ann, "s", 1, "once");
    expect_ack(&mut ann, "s", 2);
    data(&mut ann, "s", 1, "twice");
    expect_ack(&mut ann, "s", 2);
    bob.expect_text(&part("s", 1, "once"));
    bob.expect_silence();
}

#[test]
fn a_gap_is_told_and_not_delivered() {
    // 155
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    start(&mut ann, "s");
    data(&mut ann, "s", 1, "one");
    expect_ack(&mut ann, "s", 2);
    data(&mut ann, "s", 3, "three");
    ann.expect_text(
        r#"{"type":"streamNack","streamId":"s","name":"InvalidSequenceId","message":"The next part of the stream must have the sequence id 2.","expectedSequenceId":2}"#,
    );
    bob.expect_text(&part("s", 1, "one"));
    bob.expect_silence();
    data(&mut ann, "s", 2, "two");
    bob.expect_text(&part("s", 2, "two"));
}

#[test]
fn an_idle_stream_ends_and_a_keepalive_keeps_it() {
    // 156, 159
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    for id in ["kept", "idle"] {
        ann.send_text(&format!(
            r#"{{"type":"sendToGroup","group":"g","stream":{{"streamId":"{id}","idleTimeoutMs":2000}}}}"#
        ));
        expect_ack(&mut ann, id, 1);
    }
    // As long as the other stream lasts, and it began first.
    ann.socket().set_read_timeout(Some(std::time::Duration::from_millis(100))).expect("a socket option");
    let closed = loop {
        ann.send_text(r#"{"type":"streamData","streamId":"kept"}"#);
        if let Some(message) = ann.next_in_time() {
            break message;
        }
    };
    let Message::Text(closed) = closed else { panic!("{closed:?}") };
    assert!(
        closed.starts_with(r#"{"type":"streamClosed","streamId":"idle","error":{"name":"IdleTimeout","#),
        "{closed}"
    );
    assert_eq!(expect_terminal(&mut bob, "idle", 1)["name"], "IdleTimeout");
    ann.socket().set_read_timeout(Some(hublet_tests::raw::PATIENCE)).expect("a socket option");
    data(&mut ann, "kept", 1, "here");
    bob.expect_text(&part("kept", 1, "here"));
    expect_ack(&mut ann, "kept", 2);
    data(&mut ann, "idle", 1, "late");
    expect_closed(&mut ann, "idle", Some("StreamNotFound"));
}

#[test]
fn a_publisher_may_call_its_end_an_error() {
    // 158
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    for (given, expected) in [
        (
            r#"{"message":"m","userErrorCode":"c"}"#,
            r#"{"name":"UserError","message":"m","userErrorCode":"c"}"#,
        ),
        (r#"{"message":"m"}"#, r#"{"name":"UserError","message":"m"}"#),
    ] {
        start(&mut ann, "s");
        ann.send_text(&format!(r#"{{"type":"streamEnd","streamId":"s","error":{given}}}"#));
        let error = expect_terminal(&mut bob, "s", 1);
        assert_eq!(error, serde_json::from_str::<Value>(expected).expect("JSON"));
        expect_closed(&mut ann, "s", None);
    }
}

#[test]
fn streams_that_are_not_there() {
    // 160
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    data(&mut ann, "s", 1, "x");
    expect_closed(&mut ann, "s", Some("StreamNotFound"));
    ann.send_text(r#"{"type":"streamData","streamId":"s"}"#);
    expect_closed(&mut ann, "s", Some("StreamNotFound"));
    end(&mut ann, "s");
    expect_closed(&mut ann, "s", Some("StreamNotFound"));
    // Another connection's stream is none of this one.
    start(&mut ann, "s");
    data(&mut bob, "s", 1, "x");
    expect_closed(&mut bob, "s", Some("StreamNotFound"));
    bob.expect_silence();
}

#[test]
fn starts_that_are_refused() {
    // 152, 161
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    let long = "l".repeat(129);
    for (rest, id) in [
        (r#""group":"g","dataType":"text","data":"x","stream":{"streamId":"s"}"#.to_owned(), "s"),
        (r#""group":"g","data":1,"stream":{"streamId":"s"}"#.to_owned(), "s"),
        (r#""group":"g","dataType":"text","stream":{"streamId":"s"}"#.to_owned(), "s"),
        (r#""group":"g","stream":{"streamId":"s","idleTimeoutMs":0}"#.to_owned(), "s"),
        (r#""group":"g","stream":{"streamId":"s","idleTimeoutMs":-1}"#.to_owned(), "s"),
        (r#""group":"g","stream":{"streamId":"s","idleTimeoutMs":4294967296}"#.to_owned(), "s"),
        (r#""group":"g","stream":{"streamId":"s","idleTimeoutMs":"1"}"#.to_owned(), "s"),
        (format!(r#""group":"g","stream":{{"streamId":"{long}"}}"#), &long),
    ] {
        ann.send_text(&format!(r#"{{"type":"sendToGroup",{rest}}}"#));
        expect_closed(&mut ann, id, Some("BadRequest"));
    }
    start(&mut ann, &long[1..]);
    ann.send_text(r#"{"type":"sendToGroup","group":"other","stream":{"streamId":"s"}}"#);
    ann.expect_text(
        r#"{"type":"streamClosed","streamId":"s","error":{"name":"Forbidden","message":"The client does not have permission to send to group 'other'."}}"#,
    );
    // With an ack id that one is answered too.
    ann.send_text(r#"{"type":"sendToGroup","group":"other","ackId":1,"stream":{"streamId":"s"}}"#);
    assert!(ann.next_text().contains(r#""ackId":1,"success":false,"error":{"name":"Forbidden""#));
    expect_closed(&mut ann, "s", Some("Forbidden"));
    ann.send_text(r#"{"type":"sendToGroup","group":"g","ackId":2,"stream":{"streamId":"s"}}"#);
    ann.expect_text(r#"{"type":"ack","ackId":2,"success":true}"#);
    expect_ack(&mut ann, "s", 1);
    // The id is taken, and its stream stays as it is.
    ann.send_text(r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#);
    expect_closed(&mut ann, "s", Some("BadRequest"));
    data(&mut ann, "s", 1, "x");
    bob.expect_text(&part("s", 1, "x"));
    bob.expect_silence();
    // Without an id there is nothing to answer.
    for stream in [r#"{}"#, r#"{"streamId":""}"#, r#"{"streamId":1}"#, r#""s""#] {
        let mut client = client(&server, "ann", &[]);
        client.send_text(&format!(r#"{{"type":"sendToGroup","group":"g","stream":{stream}}}"#));
        client.next_text();
        client.expect_close(1007, "The client message is not a valid JSON protocol message.");
    }
}

#[test]
fn a_connection_has_a_hundred_streams_at_most() {
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    for id in 0..100 {
        start(&mut ann, &id.to_string());
    }
    ann.send_text(r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"100"}}"#);
    expect_closed(&mut ann, "100", Some("BadRequest"));
    end(&mut ann, "7");
    expect_closed(&mut ann, "7", None);
    expect_terminal(&mut bob, "7", 1);
    start(&mut ann, "100");
}

#[test]
fn parts_that_break_a_rule_end_the_stream() {
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    for rest in [
        r#""streamSequenceId":0,"dataType":"text","data":"x""#,
        r#""streamSequenceId":1,"data":"x""#,
        r#""streamSequenceId":1"#,
        r#""dataType":"text","data":"x""#,
        r#""streamSequenceId":1,"dataType":"text","data":1"#,
        r#""streamSequenceId":"1","dataType":"text","data":"x""#,
    ] {
        start(&mut ann, "s");
        ann.send_text(&format!(r#"{{"type":"streamData","streamId":"s",{rest}}}"#));
        expect_closed(&mut ann, "s", Some("BadRequest"));
        assert_eq!(expect_terminal(&mut bob, "s", 1)["name"], "Cancelled", "{rest}");
    }
}

#[test]
fn a_publisher_in_the_group_hears_itself_unless_it_does_not_want_to() {
    // 162
    let server = Server::start();
    let mut ann = client(&server, "ann", &["g"]);
    let mut bob = client(&server, "bob", &["g"]);
    ann.send_text(r#"{"type":"sendToGroup","group":"g","noEcho":true,"stream":{"streamId":"s"}}"#);
    expect_ack(&mut ann, "s", 1);
    data(&mut ann, "s", 1, "x");
    expect_ack(&mut ann, "s", 2);
    end(&mut ann, "s");
    expect_closed(&mut ann, "s", None);
    ann.expect_silence();
    bob.expect_text(&part("s", 1, "x"));
    expect_terminal(&mut bob, "s", 2);

    start(&mut ann, "s");
    data(&mut ann, "s", 1, "x");
    let got = [ann.next_text(), ann.next_text()];
    assert!(got.contains(&part("s", 1, "x")), "{got:?}");
}

#[test]
fn a_stream_outlives_its_socket() {
    // 163
    let server = Server::start();
    let mut bob = client(&server, "bob", &["g"]);
    let (mut ann, mut session) = open(&server, "ann", ROLES, &[]);
    start(&mut ann, "s");
    for number in 1..=3 {
        data(&mut ann, "s", number, "x");
        bob.expect_text(&part("s", number, "x"));
    }
    ann.cut();
    let mut ann = session.recover();
    // It resends what was not acknowledged, as far as it knows.
    data(&mut ann, "s", 2, "again");
    expect_acks_up_to(&mut ann, "s", 4);
    data(&mut ann, "s", 3, "again");
    expect_acks_up_to(&mut ann, "s", 4);
    data(&mut ann, "s", 4, "new");
    expect_acks_up_to(&mut ann, "s", 5);
    end(&mut ann, "s");
    expect_closed(&mut ann, "s", None);
    bob.expect_text(&part("s", 4, "new"));
    expect_terminal(&mut bob, "s", 5);
    bob.expect_silence();
}

#[test]
fn streams_end_with_their_publisher() {
    // 164
    let server = Server::start_with(&["--recovery-timeout", "1"]);
    let mut bob = client(&server, "bob", &["g"]);
    for subprotocol in [JSON, JSON_RELIABLE] {
        let mut ann = RawClient::connect(&server.client_url("chat", Some("ann"), ROLES, &[]), subprotocol);
        ann.next_text();
        start(&mut ann, "s");
        data(&mut ann, "s", 1, "x");
        bob.expect_text(&part("s", 1, "x"));
        ann.cut();
        assert_eq!(expect_terminal(&mut bob, "s", 2)["name"], "Cancelled");
    }
}

#[test]
fn a_permission_that_is_taken_ends_the_stream() {
    let server = Server::start();
    let mut bob = client(&server, "bob", &["g"]);
    let (mut ann, session) = open(&server, "ann", ROLES, &[]);
    start(&mut ann, "s");
    let path = format!("/api/hubs/chat/permissions/sendToGroup/connections/{}?targetName=g", session.id);
    assert_eq!(http::call(&server, "DELETE", &path, &[], b"").status, 204);
    data(&mut ann, "s", 1, "x");
    expect_closed(&mut ann, "s", Some("Forbidden"));
    assert_eq!(expect_terminal(&mut bob, "s", 1)["name"], "Forbidden");
    bob.expect_silence();
}

#[test]
fn reliable_members_get_parts_with_sequence_ids() {
    // 166
    let server = Server::start();
    let mut ann = client(&server, "ann", &[]);
    let (mut bob, mut session) = open(&server, "bob", &[], &["g"]);
    let numbered = |number: u64, text: &str| {
        part("s", number, text).replacen('{', &format!(r#"{{"sequenceId":{number},"#), 1)
    };
    start(&mut ann, "s");
    data(&mut ann, "s", 1, "a");
    bob.expect_text(&numbered(1, "a"));
    bob.cut();
    data(&mut ann, "s", 2, "b");
    expect_acks_up_to(&mut ann, "s", 3);
    end(&mut ann, "s");
    expect_closed(&mut ann, "s", None);
    let mut bob = session.recover();
    bob.expect_text(&numbered(1, "a"));
    bob.expect_text(&numbered(2, "b"));
    assert!(bob.next_text().starts_with(r#"{"sequenceId":3,"#));
    bob.expect_silence();
}

#[test]
fn members_that_come_late_or_know_no_streams() {
    let server = Server::start();
    let (mut ann, mut bob) = pair(&server);
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &["g"]), None);
    let mut late = client(&server, "late", &[]);
    start(&mut ann, "s");
    data(&mut ann, "s", 1, "one");
    bob.expect_text(&part("s", 1, "one"));
    simple.expect_text("one");
    late.request(r#"{"type":"joinGroup","group":"g","ackId":1}"#, 1);
    data(&mut ann, "s", 2, "two");
    late.expect_text(&part("s", 2, "two"));
    simple.expect_text("two");
}

#[test]
fn protobuf_clients_stream() {
    // 115, 116 of streams
    let server = Server::start();
    let connect = |groups: &[&str]| {
        let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), ROLES, groups), PROTOBUF);
        client.next_binary();
        client
    };
    let (mut ann, mut bob) = (connect(&[]), connect(&["g"]));
    let mut jay = client(&server, "jay", &["g"]);
    let mut send = |vector: &str| ann.send_binary(&hex(vector));
    send("0a0d 0a0167 3a08 0a027331 10e0a712");
    send("6a04 0a027331");
    send("6a0b 0a027331 1001 1a03 0a0161");
    bob.expect_binary(&hex("1217 0a0567726f7570 120167 1a030a0161 3206 0a0273311001"));
    jay.expect_text(&part("s1", 1, "a"));
    send("6a0b 0a027331 1003 1a03 0a0161");
    send("7204 0a027331");
    bob.expect_binary(&hex("1218 0a0567726f7570 120167 1a020a00 3208 0a02733110021801"));
    expect_terminal(&mut jay, "s1", 2);
    send("7204 0a027331");
    ann.expect_binary(&hex("3206 0a027331 1001"));
    // The ack of the part, and then the gap.
    let mut answer = ann.next_binary();
    if answer == hex("3206 0a027331 1002") {
        answer = ann.next_binary();
    }
    assert_eq!(find_text(&answer, &[7, 2]).as_deref(), Some("InvalidSequenceId"));
    assert_eq!(
        (find_text(&answer, &[7, 1]).as_deref(), find_number(&answer, &[7, 4])),
        (Some("s1"), Some(2))
    );
    let mut answer = ann.next_binary();
    if answer == hex("3206 0a027331 1002") {
        answer = ann.next_binary();
    }
    assert_eq!(answer, hex("4204 0a027331"));
    let closed = ann.next_binary();
    assert_eq!(find_text(&closed, &[8, 2, 1]).as_deref(), Some("StreamNotFound"));

    // The end with an error.
    ann.send_binary(&hex("0a0d 0a0167 3a08 0a027331 10e0a712"));
    ann.expect_binary(&hex("3206 0a027331 1001"));
    ann.send_binary(&bytes(14, [bytes(1, "s1"), bytes(2, [bytes(1, "m"), bytes(2, "c")].concat())].concat()));
    let terminal = bob.next_binary();
    let error = [1, 2, 3].map(|field| find_text(&terminal, &[2, 6, 4, field]).unwrap_or_default());
    assert_eq!(error, ["UserError", "m", "c"]);
    // Streams of events and invocations do not exist.
    let event = [bytes(1, "e"), bytes(5, bytes(1, "s"))].concat();
    ann.expect_binary(&hex("4204 0a027331"));
    ann.send_binary(&bytes(5, event));
    ann.next_binary();
    ann.expect_close(1007, "The client message is not a valid protobuf.webpubsub.azure.v1 protocol message.");
}
