//! `connected`, `disconnected` and user events: what the handler gets, and what becomes of its failures.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::collections::HashMap;
use std::thread;

use hublet_tests::raw::{Message, RawClient};
use hublet_tests::upstream::{Gate, Reply, Upstream};
use hublet_tests::{JSON, Server, http};
use hublet_wire::ws::{CloseCode, Opcode};
use serde_json::{Value, json};

fn accepting() -> (Upstream, Server) {
    Upstream::serve(|_| Reply::status(204))
}

fn client(server: &Server) -> (RawClient, String) {
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    let id = client.expect_connected();
    (client, id)
}

fn simple(server: &Server) -> RawClient {
    RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), None)
}

fn close(server: &Server, connection: &str, query: &str) -> u16 {
    http::call(server, "DELETE", &format!("/api/hubs/chat/connections/{connection}{query}"), &[], b"").status
}

fn send(client: &mut RawClient, name: &str, ack_id: u64) {
    client.send_text(&format!(
        r#"{{"type":"event","event":"{name}","dataType":"text","data":"x","ackId":{ack_id}}}"#
    ));
}

fn expect_failure(client: &mut RawClient, ack_id: u64) {
    client.expect_text(&format!(
        r#"{{"type":"ack","ackId":{ack_id},"success":false,"error":{{"name":"InternalServerError","message":"Internal server error"}}}}"#
    ));
}

fn expect_success(client: &mut RawClient, ack_id: u64) {
    client.expect_text(&format!(r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#));
}

#[test]
fn bodies_of_notifications() {
    // 57
    let (upstream, server) = accepting();
    drop(client(&server));
    assert_eq!(upstream.next_event("connected").text(), "{}");
    let gone = upstream.next_event("disconnected");
    assert!(
        gone.json()["reason"].is_string() && gone.json().as_object().map(serde_json::Map::len) == Some(1)
    );
    assert_eq!(upstream.next_event("connect").method, "POST");
}

#[test]
fn reasons_of_a_disconnect() {
    // 59, 60
    let (upstream, server) = accepting();
    let reason = || upstream.next_event("disconnected").json()["reason"].as_str().expect("a text").to_owned();

    let (_kept, id) = client(&server);
    assert_eq!(close(&server, &id, "?reason=no%20more%20tea"), 204);
    assert_eq!(reason(), "Application server closed the connection. Reason: no more tea");
    let (mut told, id) = client(&server);
    assert_eq!(close(&server, &id, ""), 204);
    assert_eq!(reason(), "Application server closed the connection.");
    assert!(told.next_text().contains(r#""message":"Application server closed the connection.""#));

    for text in ["done for today", "", "für heute"] {
        let (mut client, _) = client(&server);
        client.send_close(CloseCode(1000), text);
        assert_eq!(reason(), text);
    }
    let (mut broken, _) = client(&server);
    broken.send(Opcode::Binary, b"x");
    assert!(!reason().is_empty(), "a sentence about what was wrong");
    let (cut, _) = client(&server);
    cut.cut();
    reason();
}

#[test]
fn failing_notifications_are_no_business_of_the_client() {
    // 58
    let (upstream, server) = Upstream::serve(|call| match (call.event(), call.header("ce-userId")) {
        ("connected", Some("ann")) | ("disconnected", Some("bob")) => Reply::status(503),
        _ => Reply::status(204),
    });
    let (mut ann, _) = client(&server);
    let mut bob = RawClient::connect(&server.client_url("chat", Some("bob"), &[], &[]), JSON);
    bob.expect_connected();
    for client in [&mut ann, &mut bob] {
        send(client, "e", 1);
        expect_success(client, 1);
    }
    drop(bob);
    for (event, user) in [("connected", "ann"), ("disconnected", "bob")] {
        let calls =
            upstream.wait_for(4, |call| call.event() == event && call.header("ce-userId") == Some(user));
        assert!(calls.iter().all(|call| call.client() == calls[0].client() && call.id() == calls[0].id()));
    }
    send(&mut ann, "e", 2);
    expect_success(&mut ann, 2);
    drop(ann);
    upstream
        .next_where("ann", |call| call.event() == "disconnected" && call.header("ce-userId") == Some("ann"));
    let log = server.stop_and_take_log();
    assert_eq!((upstream.events("connected").len(), upstream.events("disconnected").len()), (5, 5));
    assert!(log.contains("HttpHandlerUnexpectedResponse") && log.contains("503"), "{log}");
}

#[test]
fn a_disconnect_is_told_once() {
    // 61
    let (upstream, server) = accepting();
    let races = 40;
    for race in 0..races {
        let (mut client, id) = client(&server);
        thread::scope(|scope| {
            scope.spawn(|| close(&server, &id, ""));
            scope.spawn(move || match race % 3 {
                0 => client.send_close(CloseCode(1000), "bye"),
                1 => client.cut(),
                _ => {
                    client.try_send_bytes(b"\xff");
                }
            });
        });
    }
    upstream.wait_for(races, |call| call.event() == "disconnected");
    server.stop_and_take_log();
    let mut told: HashMap<String, u32> = HashMap::new();
    for call in upstream.events("disconnected") {
        *told.entry(call.client().to_owned()).or_default() += 1;
    }
    assert!(told.len() == races && told.values().all(|count| *count == 1), "{told:?}");
}

#[test]
fn a_slow_connected_handler_delays_no_message() {
    // 62
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "connected" => Reply::status(204).after(&held),
        _ => Reply::status(204),
    });
    let (mut client, id) = client(&server);
    upstream.next_event("connected");
    send(&mut client, "e", 1);
    expect_success(&mut client, 1);
    drop(client);
    // The notifications of a connection keep their order.
    let (mut other, other_id) = self::client(&server);
    send(&mut other, "e", 1);
    expect_success(&mut other, 1);
    assert!(!upstream.calls().iter().any(|call| call.event() == "disconnected" && call.client() == id));
    gate.open();
    upstream.next_where("disconnected", |call| call.event() == "disconnected" && call.client() == id);
    assert_ne!(id, other_id);
}

#[test]
fn frames_of_simple_clients_are_messages() {
    // 63
    let (upstream, server) = accepting();
    for query in ["", "&webpubsub_mode=", "&webpubsub_mode=SendEvent&group=ignored"] {
        let url = format!("{}{query}", server.client_url("chat", Some("ann"), &[], &[]));
        let mut simple = RawClient::connect(&url, None);
        simple.send_text("hello ü");
        simple.send(Opcode::Binary, &[0, 255, 10]);
        for (payload, kind) in
            [("hello ü".as_bytes(), "text/plain; charset=utf-8"), (&[0, 255, 10], "application/octet-stream")]
        {
            let call = upstream.next_event("message");
            assert_eq!(call.header("ce-type"), Some("azure.webpubsub.user.message"));
            assert_eq!(
                (call.body.as_slice(), call.header("content-type")),
                (payload, Some(kind)),
                "{query:?}"
            );
        }
    }
}

#[test]
fn payloads_arrive_byte_for_byte() {
    // 64; the types are in `handler_headers`
    let (upstream, server) = accepting();
    let (mut client, _) = client(&server);
    let long = "ü".repeat(400_000);
    for (ack, (kind, data, body)) in [
        ("binary", r#""AP8=""#.to_owned(), vec![0, 255]),
        ("binary", r#""""#.to_owned(), vec![]),
        ("text", r#""a\n\"\u00fc\ud83d\ude00""#.to_owned(), "a\n\"ü😀".as_bytes().to_vec()),
        ("text", r#""""#.to_owned(), vec![]),
        ("text", format!("\"{long}\""), long.into_bytes()),
        ("json", r#"{"b" : 1,"a":[12345678901234567890.10,null, "ü"]}"#.to_owned(), vec![]),
        ("json", "false".to_owned(), vec![]),
    ]
    .into_iter()
    .enumerate()
    {
        client.request(
            &format!(r#"{{"type":"event","event":"e","dataType":"{kind}","data":{data},"ackId":{ack}}}"#),
            ack as u64,
        );
        let call = upstream.next_event("e");
        let expected = if kind == "json" { data.into_bytes() } else { body };
        assert!(call.body == expected, "{kind}: {}", String::from_utf8_lossy(&call.body));
    }
}

#[test]
fn a_refused_event_closes_simple_clients_only() {
    // 69
    for status in [400, 401, 404, 302, 418] {
        let (_upstream, server) = Upstream::serve(move |call| match call.event() {
            "message" | "bad" => Reply::status(status).header("ce-connectionState: no").body("secret detail"),
            _ => Reply::status(204),
        });
        let mut simple = simple(&server);
        simple.send_text("x");
        simple.expect_close(1011, "Internal server error");
        let (mut client, _) = client(&server);
        send(&mut client, "bad", 1);
        expect_failure(&mut client, 1);
        client.send_text(r#"{"type":"event","event":"bad","dataType":"text","data":"x"}"#);
        client.expect_silence();
        send(&mut client, "good", 2);
        expect_success(&mut client, 2);
    }
}

#[test]
fn a_failed_ack_id_may_be_used_again() {
    // 70
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "bad" => Reply::status(400),
        _ => Reply::status(204),
    });
    let (mut client, _) = client(&server);
    send(&mut client, "bad", 1);
    expect_failure(&mut client, 1);
    send(&mut client, "bad", 1);
    expect_failure(&mut client, 1);
    send(&mut client, "good", 1);
    expect_success(&mut client, 1);
    send(&mut client, "good", 1);
    assert!(client.next_text().contains(r#""name":"Duplicate""#));
    assert_eq!((upstream.events("bad").len(), upstream.events("good").len()), (2, 1));
}

#[test]
fn an_event_that_only_a_listener_wants_is_a_success() {
    // 71; nobody at all: `pubsub::events_without_a_handler_get_the_documented_answer`
    let upstream = Upstream::start(|_| Reply::text("no"));
    let listener = "[[hubs.chat.eventListeners]]\n\
                    filter = { type = \"EventName\", userEventPattern = \"heard,message\" }\n\
                    endpoint = { type = \"File\", path = \"events.jsonl\" }\n";
    let file = upstream.handler_with("chat", "/", "userEventPattern = \"other\"") + listener;
    let server = Server::start_with_file(&file, &[]);
    let (mut client, _) = client(&server);
    send(&mut client, "heard", 1);
    expect_success(&mut client, 1);
    send(&mut client, "unheard", 2);
    expect_failure(&mut client, 2);
    let mut simple = simple(&server);
    simple.send_text("x");
    simple.send_text("y");
    simple.send_close(CloseCode(1000), "");
    assert_eq!(simple.next(), Message::Close(Some(1000), String::new()), "no answer, and no failure");
    assert_eq!(upstream.calls().len(), 0);
}

#[test]
fn events_of_a_connection_wait_for_each_other() {
    // 73
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "slow" => Reply::text("slow").after(&held),
        "connect" | "connected" => Reply::status(204),
        event => Reply::text(event),
    });
    let (mut client, id) = client(&server);
    send(&mut client, "slow", 1);
    send(&mut client, "second", 2);
    send(&mut client, "third", 3);
    upstream.next_event("slow");
    // Others go on, on every shard.
    for _ in 0..4 {
        let (mut other, _) = self::client(&server);
        send(&mut other, "quick", 1);
        assert!(other.next_text().contains("quick"));
        expect_success(&mut other, 1);
    }
    // So does what is sent to the one that waits.
    let path = format!("/api/hubs/chat/connections/{id}/:send");
    assert_eq!(http::call(&server, "POST", &path, &["Content-Type: text/plain"], b"meanwhile").status, 202);
    assert!(client.next_text().contains("meanwhile"));
    client.expect_silence();
    assert!(upstream.events("second").is_empty() && upstream.events("third").is_empty());
    gate.open();
    for (ack_id, event) in [(1, "slow"), (2, "second"), (3, "third")] {
        let message: Value = serde_json::from_str(&client.next_text()).expect("JSON");
        assert_eq!((&message["from"], &message["data"]), (&json!("server"), &json!(event)));
        expect_success(&mut client, ack_id);
    }
    let order: Vec<u64> = upstream
        .calls()
        .iter()
        .filter(|call| call.client() == id && call.id() > 1)
        .map(|call| call.id())
        .collect();
    assert_eq!(order, [2, 3, 4]);
}

#[test]
fn a_burst_arrives_in_order() {
    // 73
    let (upstream, server) = accepting();
    let mut simple = simple(&server);
    let count: usize = 300;
    for number in 0..count {
        simple.send_text(&number.to_string());
    }
    let calls = upstream.wait_for(count, |call| call.event() == "message");
    let numbers: Vec<usize> = calls.iter().map(|call| call.text().parse().expect("a number")).collect();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    assert!(calls.windows(2).all(|two| two[0].id() + 1 == two[1].id()));
}
