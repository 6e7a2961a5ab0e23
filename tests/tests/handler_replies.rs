//! What a handler's answer to a user event becomes at the client.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::raw::{Message, RawClient};
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{JSON, Server};
use hublet_wire::ws::CloseCode;

/// A handler that answers user events as told, by the text of the event.
fn answering(answer: impl Fn(&str, &Call) -> Reply + Send + Sync + 'static) -> (Upstream, Server) {
    Upstream::serve(move |call| match call.header("ce-type") {
        Some(kind) if kind.starts_with("azure.webpubsub.user.") => answer(call.text(), call),
        _ => Reply::status(204),
    })
}

fn client(server: &Server) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    client.expect_connected();
    client
}

fn simple(server: &Server) -> RawClient {
    RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), None)
}

fn send(client: &mut RawClient, text: &str, ack_id: u64) {
    client.send_text(&format!(
        r#"{{"type":"event","event":"e","dataType":"text","data":"{text}","ackId":{ack_id}}}"#
    ));
}

fn expect_success(client: &mut RawClient, ack_id: u64) {
    client.expect_text(&format!(r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#));
}

fn expect_failure(client: &mut RawClient, ack_id: u64) {
    client.expect_text(&format!(
        r#"{{"type":"ack","ackId":{ack_id},"success":false,"error":{{"name":"InternalServerError","message":"Internal server error"}}}}"#
    ));
}

/// By name: an answer with data, what a simple client gets, and what a JSON client gets.
type Answer = (&'static str, fn() -> Reply, Message, &'static str);

fn answers() -> Vec<Answer> {
    let text = |text: &str| Message::Text(text.to_owned());
    vec![
        ("text", || Reply::text("Hey ü\""), text("Hey ü\""), r#""dataType":"text","data":"Hey ü\"""#),
        ("upper", || Reply::typed("Text/Plain", "a"), text("a"), r#""dataType":"text","data":"a""#),
        (
            "json",
            || Reply::typed("application/json; charset=utf-8", r#"{"b":1,"a":[1e400,null]}"#),
            text(r#"{"b":1,"a":[1e400,null]}"#),
            r#""dataType":"json","data":{"b":1,"a":[1e400,null]}"#,
        ),
        (
            "string",
            || Reply::typed("application/json", "\"s\""),
            text("\"s\""),
            r#""dataType":"json","data":"s""#,
        ),
        (
            "binary",
            || Reply::typed("application/octet-stream", b"\x00\xff".to_vec()),
            Message::Binary(vec![0, 255]),
            r#""dataType":"binary","data":"AP8=""#,
        ),
        // 67
        (
            "untyped",
            || Reply::status(200).body(b"raw".to_vec()),
            Message::Binary(b"raw".to_vec()),
            r#""dataType":"binary","data":"cmF3""#,
        ),
        (
            "protobuf",
            || Reply::typed("application/x-protobuf", b"\x0a\x01t".to_vec()),
            Message::Binary(b"\x0a\x01t".to_vec()),
            r#""dataType":"protobuf","data":"CgF0""#,
        ),
        (
            "created",
            || Reply::status(201).header("Content-Type: text/plain").body("201"),
            text("201"),
            r#""dataType":"text","data":"201""#,
        ),
    ]
}

#[test]
fn data_reaches_the_client_before_the_ack() {
    // 66, 67, 68
    let (_upstream, server) = answering(|text, _| {
        let answers = answers();
        answers.iter().find(|answer| answer.0 == text).map(|answer| answer.1()).expect("an answer")
    });
    let (mut json, mut simple) = (client(&server), simple(&server));
    for (ack, (name, _, plain, message)) in answers().into_iter().enumerate() {
        simple.send_text(name);
        assert_eq!(simple.next(), plain, "{name}");
        send(&mut json, name, ack as u64);
        json.expect_text(&format!(r#"{{"type":"message","from":"server",{message}}}"#));
        expect_success(&mut json, ack as u64);
        json.send_text(&format!(r#"{{"type":"event","event":"e","dataType":"text","data":"{name}"}}"#));
        json.expect_text(&format!(r#"{{"type":"message","from":"server",{message}}}"#));
    }
    json.expect_silence();
}

#[test]
fn an_empty_answer_is_no_message() {
    // 67
    let (_upstream, server) = answering(|text, _| match text {
        "204" => Reply::status(204),
        "200" => Reply::status(200),
        "202" => Reply::status(202),
        "odd" => Reply::typed("application/xml", ""),
        "octet" => Reply::typed("application/octet-stream", ""),
        // SDKs drop a message of it, or break on it.
        "null" => Reply::typed("application/json", "null"),
        _ => Reply::typed("application/json", ""),
    });
    let (mut json, mut simple) = (client(&server), simple(&server));
    for (ack, text) in ["204", "200", "202", "odd", "octet", "null", "json"].iter().enumerate() {
        send(&mut json, text, ack as u64);
        expect_success(&mut json, ack as u64);
        simple.send_text(text);
    }
    simple.send_close(CloseCode(1000), "");
    assert_eq!(simple.next(), Message::Close(Some(1000), String::new()));
}

#[test]
fn answers_that_no_client_can_have_are_failures() {
    // 72
    let (upstream, server) = answering(|text, _| {
        let reply = match text {
            "xml" => Reply::typed("application/xml", "<a/>"),
            "html" => Reply::typed("text/html", "<a>"),
            "nonsense" => Reply::typed("nonsense", "x"),
            "broken" => Reply::typed("application/json", "{\"a\":"),
            "two" => Reply::typed("application/json", "{} {}"),
            "latin1" => Reply::typed("text/plain", b"\xfc".to_vec()),
            _ => return Reply::status(204),
        };
        reply.header("ce-connectionState: bad")
    });
    let mut json = client(&server);
    let bad = ["xml", "html", "nonsense", "broken", "two", "latin1"];
    for (ack, text) in bad.iter().enumerate() {
        send(&mut json, text, ack as u64);
        expect_failure(&mut json, ack as u64);
        let mut simple = simple(&server);
        simple.send_text(text);
        simple.expect_close(1011, "Internal server error");
    }
    send(&mut json, "good", 100);
    expect_success(&mut json, 100);
    let good = upstream.next_where("good", |call| call.body == b"good");
    assert_eq!(good.header("ce-connectionState"), None, "the state of a failed answer does not count");
    assert_eq!(good.id(), 2 + bad.len() as u64, "none was asked twice");
}

#[test]
fn states_come_back_as_they_were() {
    // 77
    let dotnet = "eyJjb3VudGVyIjoiTWc9PSJ9"; // {"counter":"Mg=="}
    let javascript = "eyJjb3VudGVyIjoyfQ=="; // {"counter":2}
    let long = "x".repeat(16 << 10);
    let states = [dotnet, javascript, "no base64 at all; a=\"b\"", "", &long];
    let list: Vec<String> = states.iter().map(|state| (*state).to_owned()).collect();
    let (upstream, server) = answering(move |text, _| match text.parse::<usize>() {
        Ok(number) => Reply::status(204).header(&format!("CE-ConnectionState: {}", list[number])),
        Err(_) => Reply::status(204),
    });
    let mut json = client(&server);
    let mut ask = |text: &str, ack_id: u64| {
        send(&mut json, text, ack_id);
        expect_success(&mut json, ack_id);
        let call = upstream.next_where(text, |call| call.body == text.as_bytes());
        call.header("ce-connectionState").map(str::to_owned)
    };
    assert_eq!(ask("before", 1000), None);
    for (number, state) in (0..).zip(states) {
        ask(&number.to_string(), 2 * number);
        assert_eq!(ask(&format!("after {number}"), 2 * number + 1).as_deref(), Some(state));
    }
    // One client's state is nobody else's.
    let mut other = client(&server);
    send(&mut other, "other", 1);
    expect_success(&mut other, 1);
    assert_eq!(upstream.next_where("other", |call| call.body == b"other").header("ce-connectionState"), None);
}

#[test]
fn a_state_has_an_end() {
    let (upstream, server) = answering(|text, _| match text {
        "too long" => {
            Reply::status(204).header(&format!("ce-connectionState: {}", "x".repeat((16 << 10) + 1)))
        }
        _ => Reply::status(204).header("ce-connectionState: first").header("ce-connectionState: last"),
    });
    let mut json = client(&server);
    send(&mut json, "one", 1);
    expect_success(&mut json, 1);
    send(&mut json, "too long", 2);
    expect_failure(&mut json, 2);
    send(&mut json, "two", 3);
    expect_success(&mut json, 3);
    let two = upstream.next_where("two", |call| call.body == b"two");
    assert_eq!(two.header("ce-connectionState"), Some("last"));
}

#[test]
fn headers_of_the_answer_become_metadata() {
    // 74 (towards the client)
    let (_upstream, server) = answering(|text, _| match text {
        "lines" => Reply::text("x")
            .header("X-WebPubSub-Metadata-Key: old")
            .header("X-WebPubSub-Metadata-Key: new")
            .header("x-webpubsub-metadata-Other:  first , middle, last "),
        "empty key" => Reply::text("x").header("x-webpubsub-metadata-: a"),
        _ => Reply::status(204).header("x-webpubsub-metadata-a: b"),
    });
    let mut json = client(&server);
    send(&mut json, "lines", 1);
    let message: serde_json::Value = serde_json::from_str(&json.next_text()).expect("JSON");
    assert_eq!(message["metadata"], serde_json::json!({"key": "new", "other": "last"}), "{message}");
    expect_success(&mut json, 1);
    send(&mut json, "empty key", 2);
    json.expect_text(r#"{"type":"message","from":"server","dataType":"text","data":"x"}"#);
    expect_success(&mut json, 2);
    send(&mut json, "no body", 3);
    json.expect_text(
        r#"{"type":"message","from":"server","dataType":"text","data":"","metadata":{"a":"b"}}"#,
    );
    expect_success(&mut json, 3);
    let mut simple = simple(&server);
    simple.send_text("no body");
    simple.expect_text("");
    simple.send_text("lines");
    simple.expect_text("x");
}
