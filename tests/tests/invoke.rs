//! Invocations: events whose answer a client waits for by name, beside its other requests.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::protobuf::{bytes, find_text, hex, number};
use hublet_tests::raw::RawClient;
use hublet_tests::recovery::open;
use hublet_tests::upstream::{Gate, Reply, Upstream};
use hublet_tests::{JSON, JSON_RELIABLE, PROTOBUF, Server};

fn client(server: &Server, subprotocol: Option<&str>) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), subprotocol);
    client.next();
    client
}

fn invoke(client: &mut RawClient, id: &str, event: &str) {
    client.send_text(&format!(
        r#"{{"type":"invoke","invocationId":"{id}","target":"event","event":"{event}","dataType":"text","data":"{id}"}}"#
    ));
}

fn expect_answer(client: &mut RawClient, id: &str, rest: &str) {
    client.expect_text(&format!(r#"{{"type":"invokeResponse","invocationId":"{id}","success":{rest}}}"#));
}

fn expect_failure(client: &mut RawClient, id: &str, name: &str) {
    let text = client.next_text();
    let start = format!(
        r#"{{"type":"invokeResponse","invocationId":"{id}","success":false,"error":{{"name":"{name}","message":""#
    );
    assert!(text.starts_with(&start) && text.len() > start.len() + 10, "{text}");
}

/// Answers after the event's name.
fn scripted() -> (Upstream, Server) {
    Upstream::serve(|call| match call.event() {
        "text" => Reply::text("pong"),
        "json" => Reply::typed("application/json", r#"{"a": 1.50}"#),
        "null" => Reply::typed("application/json", " null "),
        "binary" => Reply::typed("application/octet-stream", [1, 255]),
        "any" => Reply::typed("application/x-protobuf", hex("0a0178 120179")),
        "empty" => Reply::status(200),
        "state" => {
            Reply::text("kept").header("ce-connectionState: s1").header("X-WebPubSub-Metadata-Trace: 7")
        }
        "refused" => Reply::status(400),
        "broken" => Reply::typed("image/png", "x"),
        "nonsense" => Reply::typed("application/json", "{"),
        _ => Reply::status(204),
    })
}

#[test]
fn the_handlers_answer_is_the_answer() {
    // 146, 147
    let (upstream, server) = scripted();
    for subprotocol in [JSON, JSON_RELIABLE] {
        let mut client = client(&server, subprotocol);
        for (event, rest) in [
            ("text", r#"true,"dataType":"text","data":"pong""#),
            ("json", r#"true,"dataType":"json","data":{"a": 1.50}"#),
            ("binary", r#"true,"dataType":"binary","data":"Af8=""#),
            ("any", r#"true,"dataType":"protobuf","data":"CgF4EgF5""#),
            ("null", "true"),
            ("empty", "true"),
            ("nothing", "true"),
            ("state", r#"true,"dataType":"text","data":"kept","metadata":{"trace":"7"}"#),
        ] {
            invoke(&mut client, "1", event);
            expect_answer(&mut client, "1", rest);
            let call = upstream.next_event(event);
            assert_eq!((call.text(), call.header("content-type")), ("1", Some("text/plain; charset=utf-8")));
            assert_eq!(call.header("ce-type"), Some(format!("azure.webpubsub.user.{event}").as_str()));
        }
        // No message came beside the answers, and the state was kept.
        client.expect_silence();
        invoke(&mut client, "2", "again");
        expect_answer(&mut client, "2", "true");
        assert_eq!(upstream.next_event("again").header("ce-connectionState"), Some("s1"));
    }
}

#[test]
fn what_a_client_sends_along() {
    let (upstream, server) = scripted();
    let mut client = client(&server, JSON);
    client.send_text(
        r#"{"data":[1.50],"event":"order","target":"event","metadata":{"Trace":"7"},"type":"invoke","invocationId":"ü"}"#,
    );
    expect_answer(&mut client, "ü", "true");
    let order = upstream.next_event("order");
    assert_eq!((order.text(), order.header("x-webpubsub-metadata-trace")), ("[1.50]", Some("7")));
    client.send_text(r#"{"type":"invoke","invocationId":"2","target":"event","event":"bare"}"#);
    expect_answer(&mut client, "2", "true");
    assert_eq!(upstream.next_event("bare").text(), "");
}

#[test]
fn failures_are_told_and_the_connection_stays() {
    // 148
    let (_upstream, server) = scripted();
    let mut client = client(&server, JSON);
    for event in ["refused", "broken", "nonsense"] {
        invoke(&mut client, "1", event);
        expect_answer(
            &mut client,
            "1",
            r#"false,"error":{"name":"InternalServerError","message":"Internal server error"}"#,
        );
    }
    for request in [
        r#"{"type":"invoke","invocationId":"x","target":"service","event":"text"}"#,
        r#"{"type":"invoke","invocationId":"x","target":"event"}"#,
        r#"{"type":"invoke","invocationId":"x","target":"event","event":"no name"}"#,
        r#"{"type":"invoke","invocationId":"x","target":"event","event":"text","dataType":"text","data":1}"#,
    ] {
        client.send_text(request);
        expect_failure(&mut client, "x", "BadRequest");
    }
    let long = "l".repeat(129);
    invoke(&mut client, &long, "text");
    expect_failure(&mut client, &long, "BadRequest");
    invoke(&mut client, &long[1..], "text");
    expect_answer(&mut client, &long[1..], r#"true,"dataType":"text","data":"pong""#);
    client.expect_silence();
}

#[test]
fn nobody_answers() {
    // 148
    let nobody = Server::start();
    let settings = "[[hubs.chat.eventListeners]]\nfilter = { type = \"EventName\", userEventPattern = \"*\" }\n\
                    endpoint = { type = \"File\", path = \"events.jsonl\" }\n";
    let listener = Server::start_with_file(settings, &[]);
    for (server, name) in [(&nobody, "InternalServerError"), (&listener, "NotFound")] {
        let mut client = client(server, JSON);
        invoke(&mut client, "1", "order");
        expect_failure(&mut client, "1", name);
        client.expect_silence();
    }
}

#[test]
fn invocations_go_beside_each_other_and_everything_else() {
    // 149
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "slow" => Reply::text("at last").after(&held),
        "quick" => Reply::text("at once"),
        _ => Reply::status(204),
    });
    let mut client = client(&server, JSON);
    invoke(&mut client, "1", "slow");
    upstream.next_event("slow");
    invoke(&mut client, "2", "quick");
    expect_answer(&mut client, "2", r#"true,"dataType":"text","data":"at once""#);
    client.request(r#"{"type":"event","event":"other","dataType":"text","data":"","ackId":1}"#, 1);
    // An id that is under way is taken.
    invoke(&mut client, "1", "quick");
    expect_failure(&mut client, "1", "BadRequest");
    gate.open();
    expect_answer(&mut client, "1", r#"true,"dataType":"text","data":"at last""#);
    invoke(&mut client, "1", "quick");
    expect_answer(&mut client, "1", r#"true,"dataType":"text","data":"at once""#);
}

#[test]
fn a_hundred_may_be_under_way() {
    let gate = Gate::new();
    let held = gate.clone();
    let (_upstream, server) = Upstream::serve(move |call| match call.event() {
        "slow" => Reply::status(204).after(&held),
        _ => Reply::status(204),
    });
    let mut client = client(&server, JSON);
    for id in 1..=100 {
        invoke(&mut client, &id.to_string(), "slow");
    }
    invoke(&mut client, "101", "slow");
    expect_failure(&mut client, "101", "BadRequest");
    gate.open();
    let mut answered: Vec<String> = (0..100).map(|_| client.next_text()).collect();
    answered.sort();
    answered.dedup();
    assert_eq!(answered.len(), 100);
    invoke(&mut client, "101", "other");
    expect_answer(&mut client, "101", "true");
}

#[test]
fn a_cancelled_invocation_is_not_answered() {
    // 150
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "stuck" => Reply::never(),
        "other" => Reply::text("x"),
        _ => Reply::status(204),
    });
    let mut client = client(&server, JSON);
    client.send_text(r#"{"type":"cancelInvocation","invocationId":"unknown"}"#);
    client.expect_silence();
    invoke(&mut client, "1", "stuck");
    upstream.next_event("stuck");
    client.send_text(r#"{"type":"cancelInvocation","invocationId":"1"}"#);
    upstream.wait_for_abandoned(1);
    client.expect_silence();
    // The id is free again.
    invoke(&mut client, "1", "other");
    expect_answer(&mut client, "1", r#"true,"dataType":"text","data":"x""#);
}

#[test]
fn a_lost_socket_takes_its_invocations_along() {
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "stuck" => Reply::never(),
        _ => Reply::status(204),
    });
    let (mut client, mut session) = open(&server, "ann", &[], &[]);
    invoke(&mut client, "1", "stuck");
    upstream.next_event("stuck");
    client.cut();
    upstream.wait_for_abandoned(1);
    let mut client = session.recover();
    invoke(&mut client, "1", "other");
    expect_answer(&mut client, "1", "true");
    client.expect_silence();
}

#[test]
fn protobuf_clients_invoke() {
    // 151
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "echo" => Reply::text(call.text()),
        "refused" => Reply::status(500),
        "stuck" => Reply::never(),
        _ => Reply::status(204),
    });
    let mut client = client(&server, PROTOBUF);
    client.send_binary(&hex("520f 0a046563686f 120131 1a04 0a026869"));
    client.expect_binary(&hex("2a0b 0a0131 1001 1a04 0a026869"));
    client.send_binary(&bytes(10, [bytes(1, "nothing"), bytes(2, "2")].concat()));
    client.expect_binary(&bytes(5, [bytes(1, "2"), number(2, 1)].concat()));
    client.send_binary(&bytes(10, [bytes(1, "no name"), bytes(2, "3")].concat()));
    let refused = client.next_binary();
    assert_eq!(find_text(&refused, &[5, 4, 1]).as_deref(), Some("BadRequest"));
    client.send_binary(&bytes(10, [bytes(1, "stuck"), bytes(2, "1")].concat()));
    upstream.next_event("stuck");
    client.send_binary(&hex("5a03 0a0131"));
    upstream.wait_for_abandoned(1);
    client.send_binary(&hex("4a00"));
    client.expect_binary(&hex("2200"));
}
