//! Event listeners: they get a copy of what matches, and nobody waits for them.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::process::Command;

use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, Server};
use serde_json::{Value, json};

const ALL: &str = "filter = { type = \"EventName\", systemEvents = [\"connected\", \"disconnected\"], userEventPattern = \"*\" }";

fn listener(filter: &str, endpoint: &str) -> String {
    format!("[[hubs.chat.eventListeners]]\n{filter}\nendpoint = {{ {endpoint} }}\n")
}

fn file(filter: &str, path: &str) -> String {
    listener(filter, &format!("type = \"File\", path = \"{path}\""))
}

/// Reads the events that a listener writes.
fn follow(server: &Server, name: &str) -> Program {
    let mut tail = Command::new("tail");
    tail.args(["-n", "+1", "-s", "0.1", "-F"]).arg(server.folder().join(name));
    Program::start(name, &mut tail)
}

fn next(lines: &mut Program) -> Value {
    serde_json::from_str(&lines.next_line()).expect("JSON")
}

#[test]
fn a_listener_gets_what_its_filter_names() {
    // 86
    let upstream = Upstream::start(|call| match call.event() {
        "connect" => Reply::status(204).header("ce-connectionState: state"),
        _ => Reply::status(204),
    });
    let users = "filter = { type = \"EventName\", userEventPattern = \"order, Bye\" }";
    let settings = upstream.handler("chat") + &file(ALL, "all.jsonl") + &file(users, "some.jsonl");
    let server = Server::start_with_file(&settings, &[]);
    let (mut all, mut some) = (follow(&server, "all.jsonl"), follow(&server, "some.jsonl"));
    let mut client = RawClient::connect(&server.client_url("chat", Some("用户"), &[], &[]), JSON);
    let id = client.expect_connected();
    for (ack, (name, data)) in [
        ("hello", r#""dataType":"text","data":"ü\n""#),
        ("order", r#""data":{"a":[1.50]}"#),
        ("bye", r#""dataType":"binary","data":"AP8=""#),
    ]
    .into_iter()
    .enumerate()
    {
        client.request(&format!(r#"{{"type":"event","event":"{name}",{data},"ackId":{ack}}}"#), ack as u64);
    }
    drop(client);

    let expected = [
        ("sys.connected", "connected", "application/json", "data", json!({})),
        ("user.hello", "hello", "text/plain", "data", json!("ü\n")),
        ("user.order", "order", "application/json", "data", json!({"a": [1.50]})),
        ("user.bye", "bye", "application/octet-stream", "data_base64", json!("AP8=")),
        ("sys.disconnected", "disconnected", "application/json", "data", json!(null)),
    ];
    for (number, (kind, name, content_type, member, data)) in (1..).zip(expected) {
        let event = next(&mut all);
        for (attribute, value) in [
            ("specversion", "1.0"),
            ("awpsversion", "1.0"),
            ("type", &format!("azure.webpubsub.{kind}")),
            ("source", &format!("/hubs/chat/client/{id}")),
            ("id", &i32::to_string(&number)),
            ("hub", "chat"),
            ("eventname", name),
            ("connectionid", &id),
            ("userid", "用户"),
            ("subprotocol", "json.webpubsub.azure.v1"),
            ("connectionstate", "state"),
            ("datacontenttype", content_type),
        ] {
            assert_eq!(event[attribute], value, "{attribute}: {event}");
        }
        match name {
            "disconnected" => assert!(event["data"]["reason"].is_string(), "{event}"),
            _ => assert_eq!(event[member], data, "{event}"),
        }
        assert!(event.get("signature").is_none() && !event.to_string().contains("sha256="), "{event}");
    }
    assert_eq!(next(&mut some)["eventname"], "order");
    assert_eq!(next(&mut some)["eventname"], "bye");
}

#[test]
fn all_that_match_get_the_same_event_and_a_broken_one_harms_nobody() {
    // 87
    let upstream = Upstream::start(|_| Reply::text("answer"));
    let settings = upstream.handler_with("chat", "/", "userEventPattern = \"*\"")
        + &file(ALL, "no/such/folder/events.jsonl")
        + &listener(ALL, "type = \"Nats\", url = \"nats://127.0.0.1:1\"")
        + &file(ALL, "one.jsonl")
        + &file(ALL, "two.jsonl");
    let server = Server::start_with_file(&settings, &[]);
    let (mut one, mut two) = (follow(&server, "one.jsonl"), follow(&server, "two.jsonl"));
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    let id = client.expect_connected();
    for ack_id in 1..=3 {
        client.send_text(&format!(
            r#"{{"type":"event","event":"e","dataType":"text","data":"x","ackId":{ack_id}}}"#
        ));
        assert!(client.next_text().contains("answer"));
        client.expect_text(&format!(r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#));
    }
    let (first, second): (Vec<Value>, Vec<Value>) = (0..4).map(|_| (next(&mut one), next(&mut two))).unzip();
    assert_eq!(first, second);
    let ids: Vec<&Value> = first.iter().map(|event| &event["id"]).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    let handled: Vec<(u64, String)> =
        upstream.calls().iter().map(|call| (call.id(), call.client().to_owned())).collect();
    assert_eq!(handled, [(2, id.clone()), (3, id.clone()), (4, id)]);
}
