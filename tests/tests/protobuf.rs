//! Protobuf clients on raw sockets, byte for byte. Bytes in hexadecimal are the vectors of the protocol's reference.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::protobuf::{bytes, find, find_number, find_text, hex, number};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::recovery::open_at;
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, PROTOBUF, PROTOBUF_RELIABLE, Server, http};
use hublet_wire::ws::Opcode;

const ALL_ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
const PING: [u8; 2] = [0x4a, 0];
const PONG: [u8; 2] = [0x22, 0];

fn client(server: &Server, user: Option<&str>, groups: &[&str]) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", user, ALL_ROLES, groups), PROTOBUF);
    assert!(find_text(&client.next_binary(), &[3, 1, 1]).is_some(), "a connection id");
    client
}

fn json_member(server: &Server, group: &str) -> RawClient {
    let mut member = RawClient::connect(&server.client_url("chat", Some("jay"), ALL_ROLES, &[group]), JSON);
    member.expect_connected();
    member
}

fn send(client: &mut RawClient, vector: &str) {
    client.send_binary(&hex(vector));
}

fn expect(client: &mut RawClient, vector: &str) {
    client.expect_binary(&hex(vector));
}

fn expect_silence(client: &mut RawClient) {
    client.send_binary(&PING);
    client.expect_binary(&PONG);
}

/// The acknowledgement of a request.
fn expect_ack(client: &mut RawClient, ack_id: u64) {
    let id = if ack_id == 0 { Vec::new() } else { number(1, ack_id) };
    client.expect_binary(&bytes(1, [id, number(2, 1)].concat()));
}

#[test]
fn connected_is_the_first_message() {
    // 116, 121
    let server = Server::start();
    for (user, subprotocol) in [
        (Some("ann"), PROTOBUF),
        (Some("ann"), PROTOBUF_RELIABLE),
        (None, PROTOBUF),
        (None, PROTOBUF_RELIABLE),
    ] {
        let mut client = RawClient::connect(&server.client_url("chat", user, &[], &[]), subprotocol);
        client.send_binary(&PING);
        let connected = client.next_binary();
        assert_eq!(find_text(&connected, &[3, 1, 2]).unwrap_or_default(), user.unwrap_or_default());
        assert!(find_text(&connected, &[3, 1, 1]).is_some_and(|id| id.len() > 22));
        assert_eq!(find(&connected, &[3, 1, 3]).is_some(), subprotocol == PROTOBUF_RELIABLE);
        client.expect_binary(&PONG);
    }
}

#[test]
fn requests_about_groups() {
    // 115, 116, 117
    let server = Server::start();
    let mut ann = client(&server, Some("ann"), &[]);
    let mut jay = json_member(&server, "group");
    // Join without an ack, with one, with 0.
    send(&mut ann, "3207 0a0567726f7570");
    send(&mut ann, "320b 0a0567726f7570 10e5d802");
    expect(&mut ann, "0a06 08e5d802 1001");
    send(&mut ann, "3208 0a04726f6f6d 1000");
    expect_ack(&mut ann, 0);

    let text = r#"{"type":"message","from":"group","group":"group","fromUserId":"ann","dataType":"text","data":"xzy"}"#;
    for vector in ["0a0e 0a0567726f7570 1a05 0a03787a79", "0a10 0a0567726f7570 1a05 0a03787a79 2000"] {
        send(&mut ann, vector);
        jay.expect_text(text);
        expect(&mut ann, "1215 0a0567726f7570 120567726f7570 1a05 0a03787a79");
    }
    send(&mut ann, "0a1f 0a0567726f7570 10b960 1a11 220f7b2276616c7565223a22787a79227d 2001");
    expect_ack(&mut ann, 12_345);
    jay.expect_text(
        r#"{"type":"message","from":"group","group":"group","fromUserId":"ann","dataType":"json","data":{"value":"xzy"}}"#,
    );
    // The same ack id again, and a new one.
    let any = "0a1e 0a0567726f7570 10b960 1a10 1a0e 0a076578616d706c65 120378797a 2001";
    send(&mut ann, any);
    let refused = ann.next_binary();
    assert_eq!(find_text(&refused, &[1, 3, 1]).as_deref(), Some("Duplicate"));
    send(&mut ann, &any.replace("10b960", "10ba60"));
    expect_ack(&mut ann, 12_346);
    jay.expect_text(
        r#"{"type":"message","from":"group","group":"group","fromUserId":"ann","dataType":"protobuf","data":"CgdleGFtcGxlEgN4eXo="}"#,
    );
    send(&mut ann, "3a0a 0a0567726f7570 10bb60");
    expect_ack(&mut ann, 12_347);
    jay.send_text(r#"{"type":"sendToGroup","group":"group","dataType":"text","data":"gone","noEcho":true}"#);
    jay.expect_silence();
    // A sequence ack means nothing here, and ids may have 64 bits.
    send(&mut ann, "4204 08c0c407");
    expect_silence(&mut ann);
    ann.send_binary(&bytes(6, [bytes(1, "room"), number(2, u64::MAX)].concat()));
    expect_ack(&mut ann, u64::MAX);
}

#[test]
fn refusals_and_duplicates_are_told() {
    // 116
    let server = Server::start();
    let mut client = RawClient::connect(
        &server.client_url("chat", Some("ann"), &["webpubsub.joinLeaveGroup.a"], &[]),
        PROTOBUF,
    );
    client.next_binary();
    send(&mut client, "3205 0a0161 1001");
    expect_ack(&mut client, 1);
    send(&mut client, "3205 0a0161 1001");
    expect(
        &mut client,
        "0a3a 0801 1a36 0a094475706c6963617465 12294d65737361676520776974682061636b2d69643a2031 20686173206265656e2070726f636573736564",
    );
    send(&mut client, "3205 0a0162 1002");
    let refused = client.next_binary();
    assert_eq!((find_number(&refused, &[1, 1]), find_number(&refused, &[1, 2])), (Some(2), None));
    assert_eq!(find_text(&refused, &[1, 3, 1]).as_deref(), Some("Forbidden"));
    let message = "The client does not have permission to join group 'b'.";
    assert_eq!(find_text(&refused, &[1, 3, 2]).as_deref(), Some(message));
    // Without an ack id a refusal is silent.
    send(&mut client, "3203 0a0162");
    expect_silence(&mut client);
}

#[test]
fn answers_have_the_documented_bytes() {
    // 116, 120
    let server = Server::start();
    let (mut client, session) =
        open_at(&server.client_url("chat", Some("ann"), ALL_ROLES, &["groupName"]), PROTOBUF_RELIABLE);
    client.send_binary(&PING);
    expect(&mut client, "2200");
    let post = |path: &str, kind: &str, body: &str| {
        let kind = format!("Content-Type: {kind}");
        assert_eq!(http::call(&server, "POST", path, &[&kind], body.as_bytes()).status, 202);
    };
    // The sequence id stands before the other fields, which may come in any order.
    post("/api/hubs/chat/groups/groupName/:send", "text/plain", "xyz");
    expect(&mut client, "121b 2001 0a0567726f7570 120967726f75704e616d65 1a05 0a0378797a");
    post("/api/hubs/chat/:send", "text/plain", "xyz");
    expect(&mut client, "1211 2002 0a06736572766572 1a05 0a0378797a");
    post("/api/hubs/chat/groups/groupName/:send", "application/json", r#"{"a":1}"#);
    expect(&mut client, "121f 2003 0a0567726f7570 120967726f75704e616d65 1a09 22077b2261223a317d");
    post("/api/hubs/chat/:send", "text/plain", "");
    expect(&mut client, "120e 2004 0a06736572766572 1a02 0a00");
    let path = format!("/api/hubs/chat/connections/{}", session.id);
    assert_eq!(http::call(&server, "DELETE", &path, &[], b"").status, 204);
    let end = "Application server closed the connection.";
    client.expect_binary(&bytes(3, bytes(2, bytes(2, end))));
    client.expect_close(1000, "");
}

#[test]
fn what_is_no_request_closes_the_connection() {
    // 100, 118
    let server = Server::start();
    for subprotocol in [PROTOBUF, PROTOBUF_RELIABLE] {
        let name = subprotocol.expect("a name");
        let invalid = format!("The client message is not a valid {name} protocol message.");
        let wrong = format!("The {name} subprotocol requires binary messages.");
        for (opcode, payload, code, reason) in [
            (Opcode::Binary, hex(""), 1007, &invalid),
            (Opcode::Binary, hex("ff"), 1007, &invalid),
            (Opcode::Binary, hex("3200"), 1007, &invalid),
            (Opcode::Binary, hex("3203 0a0120"), 1007, &invalid),
            // A send without data, one without a group, an event without a name.
            (Opcode::Binary, hex("0a07 0a0567726f7570"), 1007, &invalid),
            (Opcode::Binary, hex("0a07 1a05 0a03787a79"), 1007, &invalid),
            (Opcode::Binary, hex("2a04 1202 0a00"), 1007, &invalid),
            // JSON that is none, an Any that is none, a time to live beyond the limit.
            (Opcode::Binary, bytes(1, [bytes(1, "g"), bytes(3, bytes(4, "{"))].concat()), 1007, &invalid),
            (Opcode::Binary, bytes(1, [bytes(1, "g"), bytes(3, bytes(3, "\x0a"))].concat()), 1007, &invalid),
            (
                Opcode::Binary,
                [bytes(1, [bytes(1, "g"), bytes(3, bytes(1, "x")), number(5, 301)].concat())].concat(),
                1007,
                &invalid,
            ),
            (Opcode::Text, b"{}".to_vec(), 1003, &wrong),
            (Opcode::Binary, vec![0; (1 << 20) + 1], 1009, &"The client message is too large.".to_owned()),
        ] {
            let url = server.client_url("chat", Some("ann"), ALL_ROLES, &[]);
            let mut client = RawClient::connect(&url, subprotocol);
            client.next_binary();
            client.send(opcode, &payload);
            client.expect_binary(&bytes(3, bytes(2, bytes(2, reason))));
            client.expect_close(code, reason);
        }
    }
}

#[test]
fn a_binary_message_closes_a_json_client() {
    // 100
    let server = Server::start();
    let mut client = json_member(&server, "g");
    client.send_binary(&PING);
    client.next_text();
    client.expect_close(1003, "The JSON subprotocol requires text messages.");
}

#[test]
fn unknown_fields_are_skipped() {
    // 119
    let server = Server::start();
    let mut client = client(&server, Some("ann"), &[]);
    let unknown = [number(99, 7), bytes(100, "x"), hex("f906 0102030405060708 fd06 01020304")].concat();
    let join = bytes(6, [bytes(1, "room"), unknown.clone(), number(2, 5)].concat());
    client.send_binary(&[unknown.clone(), join, unknown].concat());
    expect_ack(&mut client, 5);
    // Of several requests in one message the last one counts.
    client.send_binary(&[bytes(6, [bytes(1, "room"), number(2, 6)].concat()), PING.to_vec()].concat());
    client.expect_binary(&PONG);
    expect_silence(&mut client);
}

#[test]
fn metadata_travels() {
    // 122
    let (upstream, server) = Upstream::serve(|_| Reply::status(204));
    let mut ann = client(&server, Some("ann"), &["g"]);
    let mut jay = json_member(&server, "g");
    let entry = bytes(6, [bytes(1, "Trace"), bytes(2, "7")].concat());
    ann.send_binary(&bytes(1, [bytes(1, "g"), bytes(3, bytes(1, "x")), entry].concat()));
    let got = ann.next_binary();
    assert_eq!(find_text(&got, &[2, 5, 1]).as_deref(), Some("Trace"));
    assert_eq!(find_text(&got, &[2, 5, 2]).as_deref(), Some("7"));
    jay.expect_text(
        r#"{"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"text","data":"x","metadata":{"Trace":"7"}}"#,
    );
    // Metadata alone is an empty text.
    let entry = bytes(4, [bytes(1, "Trace"), bytes(2, "7")].concat());
    ann.send_binary(&bytes(5, [bytes(1, "order"), number(3, 1), entry].concat()));
    expect_ack(&mut ann, 1);
    let order = upstream.next_event("order");
    assert_eq!((order.text(), order.header("x-webpubsub-metadata-trace")), ("", Some("7")));
    assert_eq!(order.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn events_reach_the_handler_with_their_type() {
    // 114, 115, and the answers
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "text" => Reply::text("xyz"),
        "json" => Reply::typed("application/json", "{\"a\":1}"),
        "binary" => Reply::typed("application/octet-stream", [1, 2, 255]),
        "protobuf" => Reply::typed("application/x-protobuf", hex("0a0178 120179")),
        _ => Reply::status(204),
    });
    let mut ann = client(&server, Some("ann"), &[]);
    send(&mut ann, "2a0e 0a056576656e74 1205 0a03787a79");
    let event = upstream.next_event("event");
    assert_eq!((event.text(), event.header("ce-subprotocol")), ("xzy", PROTOBUF));
    let any = hex("0a076578616d706c65 120378797a");
    for (ack, (name, data, kind, body, reply)) in [
        ("text", bytes(1, "ü"), "text/plain; charset=utf-8", "ü".as_bytes(), bytes(1, "xyz")),
        ("json", bytes(4, "[1.50]"), "application/json", b"[1.50]", bytes(4, "{\"a\":1}")),
        ("binary", bytes(2, [0, 255]), "application/octet-stream", &[0, 255], bytes(2, [1, 2, 255])),
        ("protobuf", bytes(3, &any), "application/x-protobuf", &any, bytes(3, hex("0a0178 120179"))),
    ]
    .into_iter()
    .enumerate()
    {
        let ack = ack as u64 + 1;
        ann.send_binary(&bytes(5, [bytes(1, name), bytes(2, data), number(3, ack)].concat()));
        let call = upstream.next_event(name);
        assert_eq!((call.body.as_slice(), call.header("content-type")), (body, Some(kind)));
        // The data and then the ack.
        ann.expect_binary(&bytes(2, [bytes(1, "server"), bytes(3, reply)].concat()));
        expect_ack(&mut ann, ack);
    }
}

#[test]
fn large_deliveries_come_in_fragments() {
    let server = Server::start();
    let (mut client, _) = open_at(&server.client_url("chat", Some("ann"), &[], &["g"]), PROTOBUF_RELIABLE);
    let text = "x".repeat(200_000);
    let path = "/api/hubs/chat/groups/g/:send";
    assert_eq!(http::call(&server, "POST", path, &["Content-Type: text/plain"], text.as_bytes()).status, 202);
    assert_eq!(http::call(&server, "POST", path, &["Content-Type: text/plain"], text.as_bytes()).status, 202);
    let frames = client.next_frames();
    assert!(frames.len() >= 4 && frames.iter().all(|length| *length <= 65_536), "{frames:?}");
    let Message::Binary(message) = client.next() else { panic!("one message") };
    assert_eq!((find_number(&message, &[2, 4]), find_text(&message, &[2, 3, 1])), (Some(2), Some(text)));
}
