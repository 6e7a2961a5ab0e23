//! How events travel: retries, deadlines, handlers that are away, and what is left when nobody waits any more.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use hublet_tests::raw::{Message, RawClient};
use hublet_tests::upstream::{Gate, Reply, Upstream};
use hublet_tests::{JSON, Server, http};
use hublet_wire::ws::Opcode;

fn client(server: &Server, hub: &str) -> RawClient {
    let mut client = RawClient::connect(&server.client_url(hub, Some("ann"), &[], &[]), JSON);
    client.expect_connected();
    client
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

/// An event whose first requests are answered so, and the outcome of its ack with the number of requests.
fn tried(first: impl Fn() -> Reply + Send + Sync + 'static, bad_ones: u32) -> (bool, usize) {
    let turn = AtomicU32::new(0);
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "e" if turn.fetch_add(1, Ordering::Relaxed) < bad_ones => first(),
        _ => Reply::status(204),
    });
    let mut client = client(&server, "chat");
    send(&mut client, "e", 1);
    let is_good = client.next_text() == r#"{"type":"ack","ackId":1,"success":true}"#;
    (is_good, upstream.events("e").len())
}

#[test]
fn failures_that_may_pass_are_retried() {
    thread::scope(|scope| {
        for (what, first) in [
            ("408", (|| Reply::status(408)) as fn() -> Reply),
            ("500", || Reply::status(500)),
            ("599", || Reply::status(599)),
            ("a reset", Reply::reset),
            ("an end without an answer", || Reply::raw("")),
            ("half a head", || Reply::raw("HTTP/1.1 200 OK\r\nContent-")),
        ] {
            scope.spawn(move || assert_eq!(tried(first, 1), (true, 2), "{what}"));
        }
    });
}

#[test]
fn other_failures_are_final() {
    for status in [301, 304, 400, 404, 429] {
        assert_eq!(tried(move || Reply::status(status), 1), (false, 1), "{status}");
    }
}

#[test]
fn after_three_retries_an_event_has_failed() {
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(tried(|| Reply::status(503), 9), (false, 4)));
        scope.spawn(|| assert_eq!(tried(|| Reply::status(503), 3), (true, 4), "the last one may succeed"));
    });
}

#[test]
fn a_handler_may_come_later() {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let file = format!(
        "[[hubs.chat.eventHandlers]]\nurlTemplate = \"http://127.0.0.1:{port}/\"\nuserEventPattern = \"*\"\n\
         systemEvents = [\"connect\"]\n"
    );
    let server = Server::start_with_file(&file, &[]);
    let url = server.client_url("chat", Some("ann"), &[], &[]);
    let waiting = thread::spawn(move || RawClient::connect(&url, JSON).expect_connected());
    // Another request on the same shard or not: the service is up, and the client waits meanwhile.
    http::request(&server, "GET", "/health", &[], b"");
    let upstream = Upstream::start_at(port, |_| Reply::status(204));
    waiting.join().expect("a client");
    assert_eq!(upstream.next_event("connect").id(), 0);
}

#[test]
fn a_handler_that_is_away_fails_events() {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let handler = |hub: &str, rest: &str| {
        format!("[[hubs.{hub}.eventHandlers]]\nurlTemplate = \"http://127.0.0.1:{port}/\"\n{rest}\n")
    };
    let server = Server::start_with_file(
        &(handler("door", "systemEvents = [\"connect\"]") + &handler("chat", "userEventPattern = \"*\"")),
        &[],
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            let url = server.client_url("door", None, &[], &[]);
            let head = RawClient::try_connect(&url, JSON, &[]).err().expect("nobody opens");
            assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        });
        scope.spawn(|| {
            let mut json = client(&server, "chat");
            send(&mut json, "e", 1);
            expect_failure(&mut json, 1);
        });
        scope.spawn(|| {
            let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
            simple.send_text("x");
            simple.expect_close(1011, "Internal server error");
        });
    });
}

#[test]
fn a_handler_has_its_deadline() {
    let upstream = Upstream::start(|_| Reply::never());
    let deadline = "timeoutInSeconds = 1\n";
    let file = upstream.handler_with("door", "/", &format!("{deadline}systemEvents = [\"connect\"]"))
        + &upstream.handler_with("chat", "/", &format!("{deadline}userEventPattern = \"*\""));
    let server = Server::start_with_file(&file, &[]);
    let mut json = client(&server, "chat");
    send(&mut json, "e", 1);
    expect_failure(&mut json, 1);
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    simple.send_text("x");
    simple.expect_close(1011, "Internal server error");
    let head = RawClient::try_connect(&server.client_url("door", None, &[], &[]), JSON, &[]).err();
    assert!(head.is_some_and(|head| head.starts_with("HTTP/1.1 500 ")));
    upstream.wait_for_abandoned(3);
    assert_eq!(upstream.calls().len(), 3, "a handler that is late is not asked again");
}

#[test]
fn the_deadline_includes_retries() {
    let upstream = Upstream::start(|_| Reply::status(503));
    let rest = "timeoutInSeconds = 2\nuserEventPattern = \"*\"";
    let server = Server::start_with_file(&upstream.handler_with("chat", "/", rest), &[]);
    let mut json = client(&server, "chat");
    send(&mut json, "e", 1);
    expect_failure(&mut json, 1);
    assert_eq!(upstream.calls().len(), 2, "the third would be sent after four seconds");
}

#[test]
fn whoever_leaves_takes_the_request_along() {
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "slow" | "message" => Reply::never(),
        _ => Reply::status(204),
    });
    let mut json = client(&server, "chat");
    send(&mut json, "slow", 1);
    upstream.next_event("slow");
    json.cut();
    upstream.wait_for_abandoned(1);
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    simple.send_text("x");
    upstream.next_event("message");
    simple.cut();
    upstream.wait_for_abandoned(2);
    upstream.wait_for(2, |call| call.event() == "disconnected");
}

#[test]
fn whoever_leaves_behind_too_much_takes_the_request_along_too() {
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "message" => Reply::never(),
        _ => Reply::status(204),
    });
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    let large = "x".repeat(500_000);
    simple.send_text("slow");
    upstream.next_event("message");
    simple.send_text(&large);
    simple.send_text(&large);
    simple.cut();
    upstream.wait_for_abandoned(1);
    upstream.next_event("disconnected");
}

#[test]
fn a_client_that_is_closed_meanwhile_hears_no_more() {
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "slow" => Reply::text("late").after(&held),
        _ => Reply::status(204),
    });
    let mut json = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    let id = json.expect_connected();
    send(&mut json, "slow", 1);
    upstream.next_event("slow");
    assert_eq!(
        http::call(&server, "DELETE", &format!("/api/hubs/chat/connections/{id}"), &[], b"").status,
        204
    );
    assert!(json.next_text().contains("disconnected"));
    gate.open();
    assert!(matches!(json.next(), Message::Close(Some(1000), _)));
    let gone = upstream.next_event("disconnected");
    assert_eq!(gone.id(), 3, "after the event that was cancelled");
}

#[test]
fn a_stuck_handler_slows_no_healthy_one() {
    let stuck = Upstream::start(|_| Reply::never());
    let healthy = Upstream::start(|_| Reply::text("here"));
    let file = stuck.handler_with("stuck", "/", "userEventPattern = \"*\"")
        + &healthy.handler_with("chat", "/", "userEventPattern = \"*\"");
    let server = Server::start_with_file(&file, &[]);
    let url = server.client_url("stuck", None, &[], &[]);
    let mut waiting: Vec<RawClient> = (0..600).map(|_| RawClient::connect(&url, None)).collect();
    for client in &mut waiting {
        client.send_text("x");
    }
    stuck.wait_for(100, |_| true);
    for _ in 0..4 {
        let mut client = client(&server, "chat");
        for ack_id in 1..=50 {
            send(&mut client, "e", ack_id);
            assert!(client.next_text().contains("here"));
            expect_success(&mut client, ack_id);
        }
    }
    assert_eq!(healthy.calls().len(), 200);
}

#[test]
fn connections_to_a_handler_are_kept() {
    let (upstream, server) = Upstream::serve(|_| Reply::status(204));
    let mut client = client(&server, "chat");
    for ack_id in 1..=50 {
        send(&mut client, "e", ack_id);
        expect_success(&mut client, ack_id);
    }
    let calls = upstream.events("e");
    let connections: std::collections::HashSet<usize> = calls.iter().map(|call| call.connection).collect();
    assert!(connections.len() <= 2, "{connections:?}");
}

#[test]
fn a_kept_connection_that_the_handler_closed_is_no_failure() {
    // Web servers end idle connections; the next event finds out.
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "e" => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"),
        _ => Reply::status(204),
    });
    let mut client = client(&server, "chat");
    for ack_id in 1..=20 {
        send(&mut client, "e", ack_id);
        assert!(client.next_text().contains(r#""data":"ok""#));
        expect_success(&mut client, ack_id);
    }
    assert_eq!(upstream.events("e").len(), 20);
}

#[test]
fn the_built_in_echo_needs_no_app() {
    let file = "[[hubs.chat.eventHandlers]]\nurlTemplate = \"builtin:echo\"\nuserEventPattern = \"*\"\n\
                systemEvents = [\"connect\", \"connected\", \"disconnected\"]\n";
    let server = Server::start_with_file(file, &[]);
    let mut simple = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), None);
    simple.send_text("hello");
    simple.expect_text("hello");
    simple.send(Opcode::Binary, &[0, 255]);
    assert_eq!(simple.next(), Message::Binary(vec![0, 255]));
    let mut json = client(&server, "chat");
    for (ack, data) in [
        r#""dataType":"text","data":"x""#,
        r#""dataType":"json","data":{"a":[1]}"#,
        r#""dataType":"binary","data":"AP8=""#,
    ]
    .into_iter()
    .enumerate()
    {
        json.send_text(&format!(r#"{{"type":"event","event":"any",{data},"ackId":{ack}}}"#));
        json.expect_text(&format!(r#"{{"type":"message","from":"server",{data}}}"#));
        expect_success(&mut json, ack as u64);
    }
}
