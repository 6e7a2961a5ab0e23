//! Simple clients and `json.webpubsub.azure.v1` clients on raw sockets, byte for byte.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::raw::{Message, RawClient};
use hublet_tests::{JSON, Server, http};
use hublet_wire::ws::{CloseCode, Opcode};

const ALL_ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

/// A JSON client with all roles, past its `connected` message.
fn client(server: &Server, user: &str) -> RawClient {
    client_with(server, Some(user), ALL_ROLES, &[])
}

fn client_with(server: &Server, user: Option<&str>, roles: &[&str], groups: &[&str]) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", user, roles, groups), JSON);
    client.expect_connected();
    client
}

fn simple(server: &Server, query: &str, roles: &[&str], groups: &[&str]) -> RawClient {
    let url = server.client_url("chat", Some("simple"), roles, groups);
    RawClient::connect(&format!("{url}{query}"), None)
}

#[test]
fn connected_is_the_first_frame_with_exact_keys() {
    // 50, 86, 16
    let server = Server::start();
    let mut alice = RawClient::connect(&server.client_url("chat", Some("alice"), ALL_ROLES, &[]), JSON);
    alice.send_text(r#"{"type":"joinGroup","group":"room","ackId":1}"#);
    let text = alice.next_text();
    let id = text
        .strip_prefix(r#"{"type":"system","event":"connected","userId":"alice","connectionId":""#)
        .and_then(|rest| rest.strip_suffix(r#""}"#))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    alice.expect_text(r#"{"type":"ack","ackId":1,"success":true}"#);
    let mut nobody = RawClient::connect(&server.client_url("chat", None, ALL_ROLES, &[]), JSON);
    assert!(nobody.next_text().starts_with(r#"{"type":"system","event":"connected","userId":null,"#));
}

#[test]
fn groups_carry_text_json_binary_and_protobuf() {
    // 52-58, 60, 61, 63-67, 113
    let server = Server::start();
    let (mut alice, mut bob) = (client(&server, "alice"), client(&server, "bob"));
    bob.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    bob.request(r#"{"type":"joinGroup","group":"room","ackId":2}"#, 2);
    let any = "Ci90eXBlLmdvb2dsZWFwaXMuY29tL2F6dXJlLndlYnB1YnN1Yi5UZXN0TWVzc2FnZRICCAE=";
    for (ack, (kind, data)) in [
        ("text", r#""hi ü""#),
        ("text", r#""""#),
        ("binary", r#""AQID""#),
        ("binary", r#""""#),
        ("json", r#"{"b":1,"a":[1e400,0.12345678901234567890123456789,null]}"#),
        ("json", r#""text""#),
        ("json", "12345678901234567890"),
        ("json", "true"),
        ("protobuf", &format!("\"{any}\"")),
    ]
    .into_iter()
    .enumerate()
    {
        // Alice is no member: she gets nothing but the ack.
        alice.request(
            &format!(r#"{{"data":{data}, "extra":1, "ackId":{ack},"dataType":"{kind}","type":"sendToGroup","group":"room"}}"#),
            ack as u64,
        );
        bob.expect_text(&format!(
            r#"{{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"{kind}","data":{data}}}"#
        ));
    }
    alice.send_text(r#"{"type":"sendToGroup","group":"room","data":{"no":"type"}}"#);
    bob.expect_text(
        r#"{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"json","data":{"no":"type"}}"#,
    );
    alice.send_text(r#"{"type":"SENDTOGROUP","group":"room","dataType":"Text","data":"cap"}"#);
    bob.expect_text(
        r#"{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"text","data":"cap"}"#,
    );
    bob.request(r#"{"type":"leaveGroup","group":"room","ackId":3}"#, 3);
    bob.request(r#"{"type":"leaveGroup","group":"room","ackId":4}"#, 4);
    alice.request(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"gone","ackId":99}"#, 99);
    bob.expect_silence();
}

#[test]
fn echo_comes_before_the_ack_and_no_echo_leaves_the_sender_out() {
    // 56, 57
    let server = Server::start();
    let (mut alice, mut bob) = (client(&server, "alice"), client(&server, "bob"));
    for client in [&mut alice, &mut bob] {
        client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    }
    let message = |text: &str| {
        format!(
            r#"{{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"text","data":"{text}"}}"#
        )
    };
    alice.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"one","ackId":2}"#);
    alice.expect_text(&message("one"));
    alice.expect_text(r#"{"type":"ack","ackId":2,"success":true}"#);
    alice.request(
        r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"two","noEcho":true,"ackId":3}"#,
        3,
    );
    alice
        .send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"three","noEcho":null}"#);
    alice.expect_text(&message("three"));
    for text in ["one", "two", "three"] {
        bob.expect_text(&message(text));
    }
}

#[test]
fn ack_ids_are_remembered_once_they_succeeded() {
    // 62, 82-85, 99 (without the REST grant)
    let server = Server::start();
    let (mut alice, mut bob) = (client(&server, "alice"), client(&server, "bob"));
    bob.request(r#"{"type":"joinGroup","group":"room","ackId":0}"#, 0);
    let send =
        r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x","ackId":18446744073709551615}"#;
    alice.request(send, u64::MAX);
    alice.send_text(send);
    alice.expect_text(
        r#"{"type":"ack","ackId":18446744073709551615,"success":false,"error":{"name":"Duplicate","message":"Message with ack-id: 18446744073709551615 has been processed"}}"#,
    );
    bob.next_text();
    bob.expect_silence();
    for id in 1..=1001 {
        alice.request(&format!(r#"{{"type":"joinGroup","group":"room","ackId":{id}}}"#), id);
    }
    alice.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    alice.send_text(r#"{"type":"leaveGroup","group":"room","ackId":1001}"#);
    assert!(alice.next_text().contains(r#""name":"Duplicate""#), "ids are shared by all requests");
    alice.send_text(r#"{"type":"joinGroup","group":"room","ackId":null}"#);
    alice.expect_silence();
}

#[test]
fn events_without_a_handler_get_the_documented_answer() {
    // 76, 78, 40
    let server = Server::start();
    let mut alice = client(&server, "alice");
    alice.send_text(r#"{"type":"event","event":"order","ackId":4,"dataType":"json","data":[1,true,null]}"#);
    alice.expect_text(
        r#"{"type":"ack","ackId":4,"success":false,"error":{"name":"InternalServerError","message":"Internal server error"}}"#,
    );
    alice.send_text(r#"{"type":"event","event":"order","dataType":"text","data":"x"}"#);
    alice.send_text(r#"{"type":"sequenceAck","sequenceId":7}"#);
    alice.expect_silence();
    let mut simple = simple(&server, "", &[], &[]);
    simple.send_text("hello");
    simple.expect_close(1011, "Internal server error");
}

#[test]
fn roles_decide_and_a_refusal_keeps_the_connection() {
    // 89-97
    let server = Server::start();
    let roles = |list: &[&str]| client_with(&server, Some("u"), list, &["given"]);
    let mut none = roles(&[]);
    none.send_text(r#"{"type":"joinGroup","group":"room","ackId":1}"#);
    none.expect_text(
        r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to join group 'room'."}}"#,
    );
    none.send_text(r#"{"type":"leaveGroup","group":"given","ackId":1}"#);
    none.expect_text(
        r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to leave group 'given'."}}"#,
    );
    none.send_text(r#"{"type":"sendToGroup","group":"given","ackId":1,"dataType":"text","data":"x"}"#);
    none.expect_text(
        r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to send to group 'given'."}}"#,
    );
    none.send_text(r#"{"type":"joinGroup","group":"room"}"#);
    none.expect_silence();

    let six_stars = "webpubsub.joinLeaveGroups.******a*b*c*d*e*f";
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (&["webpubsub.joinLeaveGroup.a"], &["a"], &["b", "a.b", "A"]),
        (&["webpubsub.joinLeaveGroups.a.*"], &["a.b", "a."], &["a.b.c", "A.b", "a"]),
        (&["webpubsub.joinLeaveGroups.a.**"], &["a.b", "a.b.c"], &["A.b"]),
        (&["webpubsub.joinLeaveGroups.a?"], &["ab"], &["a", "a.", "abc"]),
        (&[r"webpubsub.joinLeaveGroups.\*x"], &["*x"], &["ax", "x"]),
        (&["webpubsub.joinLeaveGroup.a.*"], &["a.*"], &["a.b"]),
        (&[six_stars], &[], &["abcdef"]),
        (&["webpubsub.sendToGroup", "Webpubsub.joinLeaveGroup", "nonsense"], &[], &["a", "given"]),
    ];
    for (list, allowed, forbidden) in table {
        let mut client = roles(list);
        for (ack, group) in allowed.iter().enumerate() {
            let group = serde_json::to_string(group).expect("a string");
            client.request(&format!(r#"{{"type":"joinGroup","group":{group},"ackId":{ack}}}"#), ack as u64);
        }
        for group in *forbidden {
            client.send_text(&format!(r#"{{"type":"joinGroup","group":"{group}","ackId":77}}"#));
            assert!(client.next_text().contains("Forbidden"), "{list:?} {group}");
        }
    }
}

#[test]
fn metadata_and_ttl_are_checked_and_metadata_is_delivered() {
    // 70 (json receivers and simple clients), 72, 73
    let server = Server::start();
    let (mut alice, mut bob) = (client(&server, "alice"), client_with(&server, None, ALL_ROLES, &["room"]));
    let mut plain = simple(&server, "", &[], &["room"]);
    alice.send_text(
        r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"m","metadata":{"trace":"7"},"ttlSeconds":300}"#,
    );
    bob.expect_text(
        r#"{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"text","data":"m","metadata":{"trace":"7"}}"#,
    );
    plain.expect_text("m");
    for bad in [
        r#""ttlSeconds":301"#,
        r#""ttlSeconds":-1"#,
        r#""ttlSeconds":"5""#,
        r#""metadata":{"a b":"x"}"#,
        r#""metadata":{"a":"é"}"#,
        &format!(r#""metadata":{{"a":"{}","b":"{}"}}"#, "x".repeat(1024), "y".repeat(1025)),
    ] {
        let mut client = client(&server, "bad");
        client.send_text(&format!(
            r#"{{"type":"sendToGroup","group":"room","dataType":"text","data":"m",{bad}}}"#
        ));
        expect_invalid(&mut client);
    }
}

#[test]
fn simple_clients_get_payloads_only() {
    // 36 rows of the matrix, 47 for client senders, 110 for the kinds built in
    let server = Server::start();
    let mut alice = client(&server, "alice");
    let mut plain = simple(&server, "", &[], &["room"]);
    let send = |client: &mut RawClient, kind: &str, data: &str| {
        client.send_text(&format!(
            r#"{{"type":"sendToGroup","group":"room","dataType":"{kind}","data":{data}}}"#
        ));
    };
    send(&mut alice, "text", r#""h\u00fc""#);
    assert_eq!(plain.next(), Message::Text("hü".into()));
    send(&mut alice, "json", r#"{"a": 1}"#);
    assert_eq!(plain.next(), Message::Text(r#"{"a": 1}"#.into()));
    send(&mut alice, "json", r#""quoted""#);
    assert_eq!(plain.next(), Message::Text(r#""quoted""#.into()));
    send(&mut alice, "binary", r#""BQEB""#);
    assert_eq!(plain.next(), Message::Binary(vec![5, 1, 1]));
    send(&mut alice, "protobuf", r#""CgFh""#);
    assert_eq!(plain.next(), Message::Binary(vec![0x0a, 1, b'a']));
    send(&mut alice, "text", r#""""#);
    assert_eq!(plain.next(), Message::Text(String::new()));
}

#[test]
fn simple_clients_publish_to_a_group() {
    // 41-46, 49
    let server = Server::start();
    let mut member = client_with(&server, Some("m"), &[], &["g"]);
    let mut loud =
        simple(&server, "&webpubsub_mode=SENDTOGROUP&group=x&group=g", &["webpubsub.sendToGroup.g"], &["g"]);
    let mut quiet = simple(
        &server,
        "&webpubsub_mode=sendToGroup&group=g&noEcho=true",
        &["webpubsub.sendToGroup"],
        &["g"],
    );
    let from_group = |kind: &str, data: &str| {
        format!(
            r#"{{"type":"message","from":"group","group":"g","fromUserId":"simple","dataType":"{kind}","data":"{data}"}}"#
        )
    };
    loud.send_text("one");
    assert_eq!(loud.next(), Message::Text("one".into()), "the sender included");
    assert_eq!(quiet.next(), Message::Text("one".into()));
    member.expect_text(&from_group("text", "one"));
    // One message in three fragments with a ping in between is one publish.
    quiet.send_bytes(&[0x02, 0x81, 0, 0, 0, 0, 5]);
    quiet.send(Opcode::Ping, b"p");
    quiet.send_bytes(&[0x00, 0x81, 0, 0, 0, 0, 1]);
    quiet.send_bytes(&[0x80, 0x81, 0, 0, 0, 0, 1]);
    assert_eq!(quiet.next(), Message::Pong(b"p".to_vec()));
    assert_eq!(loud.next(), Message::Binary(vec![5, 1, 1]));
    member.expect_text(&from_group("binary", "BQEB"));
    loud.send_text("two");
    assert_eq!(quiet.next(), Message::Text("two".into()), "its own frame was not echoed");
    let mut forbidden =
        simple(&server, "&webpubsub_mode=sendToGroup&group=g", &["webpubsub.sendToGroup.h"], &[]);
    forbidden.send_text("x");
    assert!(matches!(forbidden.next(), Message::Close(Some(1008), _)));
    for query in
        ["&webpubsub_mode=foo", "&webpubsub_mode=sendToGroup", "&webpubsub_mode=sendToGroup&group=g&noEcho=x"]
    {
        let url = server.client_url("chat", None, &[], &[]) + query;
        let refused = RawClient::try_connect(&url, None, &[]).err().expect("a refusal");
        assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    }
    // In event mode the other parameters mean nothing.
    simple(&server, "&webpubsub_mode=&group=&noEcho=x", &[], &[]);
}

fn expect_invalid(client: &mut RawClient) {
    let reason = "The client message is not a valid JSON protocol message.";
    client.expect_text(&format!(r#"{{"type":"system","event":"disconnected","message":"{reason}"}}"#));
    client.expect_close(1007, reason);
}

#[test]
fn malformed_messages_close_with_the_documented_code() {
    // 79, 101-105, 109
    let server = Server::start();
    let deep = format!(
        r#"{{"type":"sendToGroup","group":"g","data":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let long_group = format!(r#"{{"type":"joinGroup","group":"{}"}}"#, "g".repeat(1025));
    let huge_group = format!(r#"{{"type":"joinGroup","group":"{}"}}"#, "g".repeat(900_000));
    let long_event = format!(r#"{{"type":"event","event":"{}","data":1}}"#, "e".repeat(129));
    for bad in [
        "{",
        "[]",
        r#""x""#,
        "",
        "null",
        r#"{"type":"nope"}"#,
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"joinGroup"}"#,
        r#"{"type":"joinGroup","group":""}"#,
        r#"{"type":"joinGroup","group":"   "}"#,
        r#"{"type":"joinGroup","group":5}"#,
        &long_group,
        &huge_group,
        r#"{"type":"sendToGroup","group":"g","dataType":"text","data":5}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"binary","data":"%%%"}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"binary","data":"AQI"}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"protobuf","data":"/////w=="}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"xml","data":"x"}"#,
        r#"{"type":"sendToGroup","group":"g"}"#,
        r#"{"type":"sendToGroup","group":"g","data":null}"#,
        r#"{"type":"sendToGroup","group":"g","data":1,"noEcho":"yes"}"#,
        r#"{"type":"sendToGroup","group":"g","dataType":"text","data":"\ud800"}"#,
        r#"{"type":"joinGroup","group":"g","ackId":"1"}"#,
        r#"{"type":"joinGroup","group":"g","ackId":-1}"#,
        r#"{"type":"joinGroup","group":"g","ackId":1.5}"#,
        r#"{"type":"joinGroup","group":"g","ackId":18446744073709551616}"#,
        r#"{"type":"event","event":"a b","data":1}"#,
        &long_event,
        &deep,
        r#"{"type":"ping"} x"#,
    ] {
        let mut client = client(&server, "bad");
        client.send_text(bad);
        expect_invalid(&mut client);
    }
    let mut binary = client(&server, "bad");
    binary.send(Opcode::Binary, b"{}");
    binary.expect_text(
        r#"{"type":"system","event":"disconnected","message":"The JSON subprotocol requires text messages."}"#,
    );
    binary.expect_close(1003, "The JSON subprotocol requires text messages.");
}

#[test]
fn broken_frames_close_and_others_notice_nothing() {
    // 106, 107, 87
    let server = Server::start();
    let mut bystander = client_with(&server, Some("good"), ALL_ROLES, &["room"]);
    let cases: [(&[u8], u16); 6] = [
        (&[0x81, 0x01, b'x'], 1002),                   // not masked
        (&[0xc1, 0x81, 0, 0, 0, 0, b'x'], 1002),       // RSV1
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),             // reserved opcode
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),             // continuation of nothing
        (&[0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002),     // ping of 126 bytes
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007), // invalid UTF-8
    ];
    for (bytes, code) in cases {
        let mut client = client(&server, "bad");
        client.send_bytes(bytes);
        let mut message = client.next();
        if code == 1007 {
            assert!(matches!(&message, Message::Text(text) if text.contains("disconnected")), "{message:?}");
            message = client.next();
        }
        assert!(matches!(message, Message::Close(Some(got), _) if got == code), "{bytes:?}: {message:?}");
        assert_eq!(client.next(), Message::Ended);
    }
    let mut big = client(&server, "big");
    let request = |len: usize| {
        let frame = r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"","ackId":1}"#;
        frame.replace(r#""data":"""#, &format!(r#""data":"{}""#, "x".repeat(len - frame.len())))
    };
    big.request(&request(1 << 20), 1);
    assert!(bystander.next_text().len() > 1_000_000);
    let mut frame = Vec::new();
    hublet_wire::ws::encode_masked(Opcode::Text, request((1 << 20) + 1).as_bytes(), [1, 2, 3, 4], &mut frame);
    big.try_send_bytes(&frame);
    big.expect_text(
        r#"{"type":"system","event":"disconnected","message":"The client message is too large."}"#,
    );
    assert_eq!(big.next(), Message::Close(Some(1009), "The client message is too large.".into()));
    assert_eq!(big.next(), Message::Ended);
    bystander.expect_silence();
}

#[test]
fn large_deliveries_come_in_fragments_of_at_most_64_kib() {
    // 88; the reader checks fragments itself, because a decoder would join them
    let server = Server::start();
    let mut member = client_with(&server, Some("m"), &[], &["room"]);
    let mut alice = client(&server, "alice");
    let data = "x".repeat(300 << 10);
    alice.request(
        &format!(r#"{{"type":"sendToGroup","group":"room","dataType":"text","data":"{data}","ackId":1}}"#),
        1,
    );
    let frames = member.next_frames();
    assert!(frames.len() > 4 && frames.iter().all(|len| *len <= 65_536), "{frames:?}");
    assert!(frames.iter().sum::<usize>() > 300 << 10);
}

#[test]
fn control_frames_and_closing() {
    // 169, 170, 48
    let server = Server::start();
    let mut alice = client(&server, "alice");
    alice.send(Opcode::Ping, b"payload");
    assert_eq!(alice.next(), Message::Pong(b"payload".to_vec()));
    alice.send_close(CloseCode(3001), "bye");
    assert_eq!(alice.next(), Message::Close(Some(3001), String::new()));
    assert_eq!(alice.next(), Message::Ended);
    let mut silent = client(&server, "silent");
    silent.send(Opcode::Close, b"");
    assert_eq!(silent.next(), Message::Close(None, String::new()));
    assert_eq!(silent.next(), Message::Ended);
}

#[test]
fn idle_clients_are_pinged_and_dead_ones_dropped() {
    // 167, 168
    let server = Server::start_with(&["--keep-alive-interval", "1"]);
    let mut idle = client(&server, "idle");
    idle.answers_pings = false;
    assert_eq!(idle.next(), Message::Ping(Vec::new()));
    let mut empty_pongs = client(&server, "lively");
    empty_pongs.answers_pings = false;
    // Two intervals and ten seconds without an answer end the one, empty pongs keep the other.
    loop {
        match idle.next() {
            Message::Ping(_) => {
                assert!(matches!(empty_pongs.next(), Message::Ping(_)));
                empty_pongs.send(Opcode::Pong, b"");
            }
            Message::Ended => break,
            other => panic!("{other:?}"),
        }
    }
    empty_pongs.answers_pings = true;
    empty_pongs.expect_silence();
}

#[test]
fn a_message_reaches_a_thousand_members_in_order() {
    // 180
    let server = Server::start();
    let mut members: Vec<RawClient> =
        (0..1_000).map(|i| client_with(&server, Some(&format!("u{i}")), &[], &["room"])).collect();
    let mut alice = client(&server, "alice");
    for n in 0..50 {
        alice.send_text(&format!(r#"{{"type":"sendToGroup","group":"room","dataType":"json","data":{n}}}"#));
    }
    for member in &mut members {
        for n in 0..50 {
            member.expect_text(&format!(
                r#"{{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"json","data":{n}}}"#
            ));
        }
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_and_nobody_else_suffers() {
    let server = Server::start_with(&["--outgoing-queue-bytes", "300000"]);
    let (mut reader, stuck) =
        (client_with(&server, Some("r"), &[], &["room"]), client_with(&server, Some("s"), &[], &["room"]));
    let mut alice = client(&server, "alice");
    let data = "x".repeat(200_000);
    let mut sent = 0;
    while http::head(&server, "/api/hubs/chat/users/s").status == 200 {
        alice.request(
            &format!(
                r#"{{"type":"sendToGroup","group":"room","dataType":"text","data":"{data}","ackId":{sent}}}"#
            ),
            sent,
        );
        sent += 1;
        assert!(reader.next_text().contains(&data));
        assert!(sent < 1_000, "the stuck client is never cut");
    }
    reader.expect_silence();
    drop(stuck);
}

#[test]
fn what_was_acknowledged_before_a_leave_arrives_before_it() {
    let server = Server::start_with(&["--shards", "2"]);
    // So many members that a shard is busy with each message for a while.
    let _members: Vec<RawClient> = (0..40).map(|_| client_with(&server, None, &[], &["room"])).collect();
    let mut alice = client(&server, "alice");
    for n in 0..120 {
        let mut member = client(&server, "member");
        member.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
        let send =
            r#"{"type":"sendToGroup","group":"room","dataType":"json","data":1,"noEcho":true,"ackId":"#;
        alice.request(&format!("{send}{n}}}"), n);
        member.send_text(r#"{"type":"leaveGroup","group":"room","ackId":2}"#);
        let first = member.next_text();
        assert!(first.contains(r#""data":1"#), "message {n} was left behind: {first}");
    }
}
