//! Connections that survive their socket, on raw sockets, byte for byte.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use hublet_tests::fault_proxy::FaultProxy;
use hublet_tests::raw::{Message, PATIENCE, RawClient};
use hublet_tests::recovery::{Session, open, open_at};
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, JSON_RELIABLE, PROTOBUF_RELIABLE, Server, http};
use hublet_wire::ws::{CloseCode, Opcode};

const ALL_ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
/// More than may wait for an acknowledgement.
const TOO_MANY: u64 = 1_001;

/// A client in the group `room`.
fn member(server: &Server) -> (RawClient, Session) {
    open(server, "ann", ALL_ROLES, &["room"])
}

/// The app server sends text to the group.
fn send(server: &Server, text: &str) {
    post(server, "/api/hubs/chat/groups/room/:send", text);
}

fn post(server: &Server, path: &str, text: &str) {
    let answer = http::call(server, "POST", path, &["Content-Type: text/plain"], text.as_bytes());
    assert_eq!(answer.status, 202, "{}", answer.body);
}

fn message(number: u64, text: &str) -> String {
    format!(
        r#"{{"sequenceId":{number},"type":"message","from":"group","group":"room","fromUserId":null,"dataType":"text","data":"{text}"}}"#
    )
}

fn sequence_ack(client: &mut RawClient, number: u64) {
    client.send_text(&format!(r#"{{"type":"sequenceAck","sequenceId":{number}}}"#));
}

fn exists(server: &Server, connection: &str) -> bool {
    match http::head(server, &format!("/api/hubs/chat/connections/{connection}")).status {
        200 => true,
        404 => false,
        other => panic!("status {other}"),
    }
}

fn until_gone(server: &Server, connection: &str) {
    let deadline = Instant::now() + PATIENCE;
    while exists(server, connection) {
        assert!(Instant::now() < deadline, "it stays");
        thread::yield_now();
    }
}

fn close(server: &Server, connection: &str) {
    let path = format!("/api/hubs/chat/connections/{connection}?reason=enough");
    assert_eq!(http::call(server, "DELETE", &path, &[], b"").status, 204);
}

#[test]
fn connected_brings_a_reconnection_token() {
    // 51
    let server = Server::start();
    for (user, shown) in [(Some("ann"), r#""ann""#), (None, "null")] {
        let mut client = RawClient::connect(&server.client_url("chat", user, &[], &[]), JSON_RELIABLE);
        let text = client.next_text();
        let start = format!(r#"{{"type":"system","event":"connected","userId":{shown},"connectionId":""#);
        let rest = text.strip_prefix(&start).and_then(|rest| rest.strip_suffix(r#""}"#));
        let rest = rest.unwrap_or_else(|| panic!("{text}"));
        let (_, token) = rest.split_once(r#"","reconnectionToken":""#).unwrap_or_else(|| panic!("{text}"));
        assert!(token.len() > 40, "nobody guesses {token}");
    }
}

#[test]
fn data_messages_are_numbered_and_nothing_else_is() {
    // 123
    let server = Server::start();
    let (mut client, session) = member(&server);
    client.request(r#"{"type":"joinGroup","group":"other","ackId":1}"#, 1);
    send(&server, "one");
    client.expect_text(&message(1, "one"));
    client.expect_silence();
    post(&server, &format!("/api/hubs/chat/connections/{}/:send", session.id), "two");
    client.expect_text(r#"{"sequenceId":2,"type":"message","from":"server","dataType":"text","data":"two"}"#);
    client.send_text(r#"{"type":"sendToGroup","group":"other","dataType":"text","data":"3","ackId":2}"#);
    client.expect_text(
        r#"{"sequenceId":3,"type":"message","from":"group","group":"other","fromUserId":"ann","dataType":"text","data":"3"}"#,
    );
    client.expect_text(r#"{"type":"ack","ackId":2,"success":true}"#);
    close(&server, &session.id);
    let end = r#"{"type":"system","event":"disconnected","message":"Application server closed the connection. Reason: enough"}"#;
    client.expect_text(end);
    client.expect_close(1000, "");
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed() {
    // 124, 125, 128, 145
    let server = Server::start();
    for subprotocol in [JSON_RELIABLE, PROTOBUF_RELIABLE] {
        let (mut client, mut session) =
            open_at(&server.client_url("chat", Some("ann"), ALL_ROLES, &["room"]), subprotocol);
        let mut seen = Vec::new();
        for text in ["one", "two"] {
            send(&server, text);
            seen.push(client.next());
        }
        client.cut();
        for text in ["three", "four"] {
            send(&server, text);
        }
        let mut client = session.recover();
        // What was sent before comes again as it was, and then what was published meanwhile, and what is published now.
        assert_eq!([client.next(), client.next()], *seen);
        send(&server, "five");
        let rest: Vec<Message> = (0..3).map(|_| client.next()).collect();
        if subprotocol == JSON_RELIABLE {
            let expected = [(3, "three"), (4, "four"), (5, "five")];
            assert_eq!(rest, expected.map(|(number, text)| Message::Text(message(number, text))));
        }
        let bytes = |message: &Message| match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        };
        for (message, text) in rest.iter().zip(["three", "four", "five"]) {
            assert!(bytes(message).windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
        }
        // Once more, with everything.
        client.cut();
        let mut client = session.recover();
        let again: Vec<Message> = (0..5).map(|_| client.next()).collect();
        assert_eq!(again, [seen, rest].concat());
    }
}

#[test]
fn acknowledged_messages_do_not_come_again() {
    // 126, 127
    let server = Server::start();
    let (mut client, mut session) = member(&server);
    for number in 1..=4 {
        send(&server, "x");
        client.expect_text(&message(number, "x"));
    }
    sequence_ack(&mut client, 2);
    // Less than before, and nothing at all, change nothing.
    sequence_ack(&mut client, 1);
    sequence_ack(&mut client, 0);
    client.expect_silence();
    client.cut();
    let mut client = session.recover();
    client.expect_text(&message(3, "x"));
    client.expect_text(&message(4, "x"));
    sequence_ack(&mut client, 1_000_000_000_000_000_000);
    client.expect_silence();
    client.cut();
    let mut client = session.recover();
    client.expect_silence();
    send(&server, "y");
    client.expect_text(&message(5, "y"));
}

#[test]
fn groups_and_permissions_are_kept() {
    // 129
    let server = Server::start();
    let (mut client, mut session) = open(&server, "ann", &["webpubsub.joinLeaveGroup.room"], &[]);
    client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    let path = format!("/api/hubs/chat/permissions/sendToGroup/connections/{}?targetName=room", session.id);
    assert_eq!(http::call(&server, "PUT", &path, &[], b"").status, 200);
    client.cut();
    let mut client = session.recover();
    client.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x","ackId":2}"#);
    client.expect_text(&message(1, "x").replace("null", "\"ann\""));
    client.expect_text(r#"{"type":"ack","ackId":2,"success":true}"#);
    client.request(r#"{"type":"joinGroup","group":"room","ackId":3}"#, 3);
    client.request(r#"{"type":"leaveGroup","group":"room","ackId":4}"#, 4);
}

#[test]
fn only_the_reconnection_token_counts() {
    // 130, 131, 134, 142
    let server = Server::start();
    let (client, mut session) = member(&server);
    let (_other, stranger) = member(&server);
    client.cut();
    let first = session.token.clone();
    let url = session.url();
    for query in ["access_token=garbage", "access_token=&foo=1", "ACCESS_TOKEN=a.b.c"] {
        let at = url.replace('?', &format!("?{query}&"));
        let mut client = RawClient::connect(&at, JSON_RELIABLE);
        assert_eq!(client.expect_connected(), session.id);
        client.cut();
    }
    session.token = first;
    session.recover().expect_silence();
    let mut alive = session.recover();

    let mut plain = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    let not_reliable = Session { id: plain.expect_connected(), ..session.clone() };
    let mut unknown = session.id.clone();
    unknown.replace_range(..1, if unknown.starts_with('a') { "b" } else { "a" });
    for broken in [
        Session { token: stranger.token.clone(), ..session.clone() },
        Session { token: "garbage".to_owned(), ..session.clone() },
        Session { token: String::new(), ..session.clone() },
        Session { id: stranger.id, ..session.clone() },
        Session { id: unknown, ..session.clone() },
        Session { id: "nonsense".to_owned(), ..session.clone() },
        Session { hub_url: session.hub_url.replace("/chat", "/other"), ..session.clone() },
        not_reliable,
    ] {
        broken.expect_lost();
        alive.expect_silence();
    }
    plain.expect_silence();

    // An empty id is none: the client is a new one, with its access token.
    let url = server.client_url("chat", Some("ann"), &[], &[]);
    let at = format!("{url}&awps_connection_id=&awps_reconnection_token={}", http::query(&session.token));
    let mut new = RawClient::connect(&at, JSON_RELIABLE);
    assert_ne!(new.expect_connected(), session.id);
}

#[test]
fn the_application_is_told_when_nobody_comes_back() {
    // 132
    let upstream = Upstream::start(|_| Reply::status(204));
    let server = Server::start_with_file(&upstream.handler("chat"), &["--recovery-timeout", "1"]);
    let (client, session) = member(&server);
    assert!(exists(&server, &session.id));
    client.cut();
    let gone = upstream.next_event("disconnected");
    assert_eq!(gone.client(), session.id);
    assert_eq!(gone.json()["reason"], "The connection recovery timeout expired.");
    assert!(!exists(&server, &session.id));
    session.expect_lost();
    server.stop_and_take_log();
    assert_eq!(upstream.events("disconnected").len(), 1);
}

#[test]
fn the_application_is_not_told_of_a_recovery() {
    // 133
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "connect" => Reply::status(204).header("ce-connectionState: here"),
        _ => Reply::status(204),
    });
    let (client, mut session) = member(&server);
    upstream.next_event("connect");
    upstream.next_event("connected");
    client.cut();
    let mut client = session.recover();
    client.request(r#"{"type":"event","event":"hello","dataType":"text","data":"","ackId":1}"#, 1);
    let hello = upstream.next_event("hello");
    assert_eq!(hello.header("ce-subprotocol"), JSON_RELIABLE);
    assert_eq!(hello.header("ce-connectionState"), Some("here"));
    let events: Vec<String> = upstream.calls().iter().map(|call| call.event().to_owned()).collect();
    assert_eq!(events.iter().filter(|event| !event.is_empty()).count(), 3, "{events:?}");
}

#[test]
fn the_newer_socket_wins() {
    // 135
    let server = Server::start();
    let (mut old, mut session) = member(&server);
    send(&server, "one");
    old.expect_text(&message(1, "one"));
    let mut new = session.recover();
    assert_eq!(old.next(), Message::Ended, "without a close frame");
    new.expect_text(&message(1, "one"));
    send(&server, "two");
    new.expect_text(&message(2, "two"));
}

#[test]
fn a_half_open_socket_gives_way() {
    // 135, with an old socket that hears and says nothing
    let server = Server::start();
    let proxy = FaultProxy::start(server.authority(), 1);
    let (mut old, mut session) =
        open_at(&proxy.client_url(&server, "chat", "ann", ALL_ROLES, &["room"]), JSON_RELIABLE);
    send(&server, "one");
    old.expect_text(&message(1, "one"));
    assert_eq!(proxy.black_hole(), 1);
    send(&server, "two");
    let mut new = session.recover();
    new.expect_text(&message(1, "one"));
    new.expect_text(&message(2, "two"));
    sequence_ack(&mut new, 2);
    new.expect_silence();
}

#[test]
fn of_many_who_come_back_at_once_one_stays() {
    // 136
    let server = Server::start();
    let (client, session) = member(&server);
    client.cut();
    for round in 1..=20 {
        let (ended, losers) = channel();
        let stayed: Vec<RawClient> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let ended = ended.clone();
                    let session = &session;
                    scope.spawn(move || {
                        let mut client = session.knock();
                        loop {
                            match client.next() {
                                // It was let in, or about to be, and the next one took its place.
                                Message::Text(text) if text.contains(r#""connected""#) => {}
                                Message::Ended => {
                                    ended.send(()).expect("the test waits for it");
                                    return None;
                                }
                                Message::Text(text) if text == message(round, "x") => return Some(client),
                                other => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            for _ in 1..4 {
                losers.recv_timeout(PATIENCE).expect("all but one end");
            }
            send(&server, "x");
            threads.into_iter().filter_map(|thread| thread.join().expect("a client")).collect()
        });
        let [mut client] = <[RawClient; 1]>::try_from(stayed).unwrap_or_else(|_| panic!("in round {round}"));
        sequence_ack(&mut client, round);
        client.expect_silence();
    }
}

#[test]
fn the_subprotocol_stays() {
    // 137
    let server = Server::start();
    let (client, session) = member(&server);
    client.cut();
    for offered in
        [Some("json.webpubsub.azure.v1"), PROTOBUF_RELIABLE, Some("JSON.Reliable.webpubsub.azure.v1"), None]
    {
        let (mut client, head) = RawClient::try_connect(&session.url(), offered, &[]).expect("101");
        assert_eq!(client.expect_connected(), session.id);
        let echoed = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("sec-websocket-protocol: ").map(str::to_owned)
        });
        assert_eq!(echoed.as_deref(), JSON_RELIABLE, "{offered:?}");
        client.expect_silence();
    }
}

#[test]
fn which_closes_can_be_followed_by_a_recovery() {
    // 138
    let server = Server::start();
    for (code, is_kept) in
        [(Some(1000), false), (Some(1001), true), (Some(3001), true), (Some(4999), true), (None, true)]
    {
        let (mut client, mut session) = member(&server);
        match code {
            Some(code) => client.send_close(CloseCode(code), ""),
            None => client.send(Opcode::Close, b""),
        }
        assert_eq!(client.next(), Message::Close(code, String::new()), "the close frame is answered");
        assert_eq!(client.next(), Message::Ended);
        assert_eq!(exists(&server, &session.id), is_kept, "{code:?}");
        if is_kept {
            session.recover().expect_silence();
        } else {
            session.expect_lost();
        }
    }
}

#[test]
fn a_client_that_acknowledges_nothing_is_lost() {
    // 139
    let server = Server::start();
    let full = "The reliable message buffer is full.";
    let told = format!(r#"{{"type":"system","event":"disconnected","message":"{full}"}}"#);

    // By count, while it reads.
    let (mut client, session) = member(&server);
    for number in 1..=TOO_MANY {
        client.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x"}"#);
        client.expect_text(&message(number, "x").replace("null", "\"ann\""));
    }
    client.expect_text(&told);
    client.expect_close(1008, full);
    session.expect_lost();

    // By count, while it is away.
    let (client, session) = member(&server);
    client.cut();
    let mut sender = RawClient::connect(&server.client_url("chat", Some("bob"), ALL_ROLES, &[]), JSON);
    sender.expect_connected();
    for number in 1..=TOO_MANY {
        assert!(number <= 1_000 || exists(&server, &session.id), "a thousand may wait");
        sender.request(
            &format!(
                r#"{{"type":"sendToGroup","group":"room","dataType":"text","data":"x","ackId":{number}}}"#
            ),
            number,
        );
    }
    until_gone(&server, &session.id);
    session.expect_lost();

    // By bytes.
    let (mut client, session) = member(&server);
    let mebibyte = "x".repeat(1 << 20);
    for number in 1..=17 {
        send(&server, &mebibyte);
        assert_eq!(client.next_text().len(), message(number, &mebibyte).len());
    }
    client.expect_text(&told);
    client.expect_close(1008, full);
    session.expect_lost();
}

#[test]
fn a_client_that_acknowledges_may_go_on_for_ever() {
    // 140
    let server = Server::start();
    let (mut client, mut session) = member(&server);
    for round in 0..2 {
        for number in 1..=1_000 {
            client.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x"}"#);
            client.expect_text(&message(round * 1_000 + number, "x").replace("null", "\"ann\""));
        }
        sequence_ack(&mut client, (round + 1) * 1_000);
        client.expect_silence();
    }
    client.cut();
    session.recover().expect_silence();
}

#[test]
fn a_request_that_is_repeated_after_a_cut_is_a_duplicate() {
    // 141
    let server = Server::start();
    let (mut client, mut session) = open(&server, "ann", ALL_ROLES, &[]);
    let (mut other, _) = member(&server);
    let request = r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"once","ackId":7}"#;
    client.send_text(request);
    // It was carried out; the client leaves without having read the ack.
    other.expect_text(&message(1, "once").replace("null", "\"ann\""));
    client.cut();
    let mut client = session.recover();
    client.send_text(request);
    client.expect_text(
        r#"{"type":"ack","ackId":7,"success":false,"error":{"name":"Duplicate","message":"Message with ack-id: 7 has been processed"}}"#,
    );
    other.expect_silence();
}

#[test]
fn a_new_connection_inherits_nothing() {
    // 143
    let server = Server::start();
    let (mut client, session) = open(&server, "ann", ALL_ROLES, &[]);
    client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    client.cut();
    let (mut client, new) = open(&server, "ann", ALL_ROLES, &[]);
    assert_ne!(new.id, session.id);
    send(&server, "x");
    client.expect_silence();
    client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
}

#[test]
fn the_application_can_close_a_connection_whose_client_is_away() {
    // 144
    let (upstream, server) = Upstream::serve(|_| Reply::status(204));
    let (client, session) = member(&server);
    client.cut();
    close(&server, &session.id);
    let reason = upstream.next_event("disconnected").json()["reason"].clone();
    assert_eq!(reason, "Application server closed the connection. Reason: enough");
    assert!(!exists(&server, &session.id));
    session.expect_lost();
}

/// The close may come before the handshake, after it and before the client has its socket, or later. It is told in each case.
#[test]
fn a_recovery_beside_a_close_is_told_what_became_of_it() {
    let server = Server::start_with(&["--shards", "2"]);
    for round in 0..100 {
        let (client, session) = member(&server);
        client.cut();
        let read = thread::scope(|scope| {
            let knocking = scope.spawn(|| {
                let mut client = session.knock();
                let mut read = Vec::new();
                loop {
                    match client.next() {
                        Message::Ended => return read,
                        Message::Close(code, reason) => {
                            read.push(format!("{} {reason}", code.unwrap_or_default()));
                            client.send_close(CloseCode::NORMAL, "");
                        }
                        Message::Text(text) => {
                            let message: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                            read.push(message["event"].as_str().unwrap_or_default().to_owned());
                        }
                        other => panic!("{other:?}"),
                    }
                }
            });
            close(&server, &session.id);
            knocking.join().expect("a client")
        });
        let was_let_in = ["connected", "disconnected", "1000 "];
        let was_not = ["1008 The connection could not be recovered."];
        assert!(read == was_let_in || read == was_not, "in round {round}: {read:?}");
    }
}

#[test]
fn a_fault_of_the_client_ends_the_connection_for_good() {
    // 108
    let server = Server::start();
    let invalid = "The client message is not a valid JSON protocol message.";
    for (opcode, payload, code, reason) in [
        (Opcode::Binary, &b"{}"[..], 1003, "The JSON subprotocol requires text messages."),
        (Opcode::Text, b"{", 1007, invalid),
        (Opcode::Text, br#"{"type":"nope"}"#, 1007, invalid),
        (Opcode::Text, br#"{"type":"joinGroup","group":" "}"#, 1007, invalid),
        (Opcode::Text, br#"{"type":"sequenceAck"}"#, 1007, invalid),
        (Opcode::Text, br#"{"type":"sequenceAck","sequenceId":-1}"#, 1007, invalid),
        (Opcode::Text, br#"{"type":"ping","ackId":1}{"#, 1007, invalid),
        (Opcode::Text, &vec![b' '; (1 << 20) + 1], 1009, "The client message is too large."),
    ] {
        let (mut client, session) = member(&server);
        client.send(opcode, payload);
        client.expect_text(&format!(r#"{{"type":"system","event":"disconnected","message":"{reason}"}}"#));
        client.expect_close(code, reason);
        session.expect_lost();
    }
    let (mut client, session) = member(&server);
    client.send_bytes(b"\x83\x80\0\0\0\0");
    assert!(matches!(client.next(), Message::Close(Some(1002), _)));
    drop(client);
    session.expect_lost();
}

#[test]
fn expired_messages_are_left_out_for_a_client_that_was_away() {
    let server = Server::start();
    let (client, mut session) = member(&server);
    client.cut();
    let (mut sender, _) = open(&server, "bob", ALL_ROLES, &[]);
    let mut send = |ttl_seconds: u32, text: &str| {
        sender.send_text(&format!(
            r#"{{"type":"sendToGroup","group":"room","dataType":"text","data":"{text}","ttlSeconds":{ttl_seconds}}}"#
        ));
        sender.expect_silence();
    };
    let expected = |number: u64, text: &str| message(number, text).replace("null", "\"bob\"");
    send(1, "short");
    send(300, "long");
    send(0, "for ever");
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "it never expires");
        let mut client = session.recover();
        let first = client.next_text();
        client.cut();
        if first == expected(2, "long") {
            break;
        }
        assert_eq!(first, expected(1, "short"));
    }
    let mut client = session.recover();
    client.expect_text(&expected(2, "long"));
    client.expect_text(&expected(3, "for ever"));
    client.expect_silence();
}
