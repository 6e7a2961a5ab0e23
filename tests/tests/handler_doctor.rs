//! `hublet hub test`, `exchanges` and `replay`: what is wrong with a handler, in a sentence that says what to change.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::net::TcpListener;
use std::thread;

use hublet_tests::once::{self, Ended};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{JSON, Server, command, tools};
use serde_json::Value;

fn hub(server: &Server, arguments: &[&str]) -> Ended {
    let mut command = command(server.folder());
    command.arg("hub").args(arguments).env("HUBLET_CONNECTION_STRING", server.connection_string());
    once::run(&mut command, "")
}

/// A handler that answers validations and events so, and what `hub test` says about it.
fn told(validation: fn() -> Reply, event: fn() -> Reply) -> Ended {
    let upstream = Upstream::start(move |call| match call.method.as_str() {
        "POST" => event(),
        _ => validation(),
    });
    let rest = "userEventPattern = \"*\"\ntimeoutInSeconds = 2";
    let server = Server::start_with_file(&upstream.handler_with("chat", "/{event}", rest), &[]);
    hub(&server, &["test", "chat"])
}

#[test]
fn each_mistake_has_its_sentence() {
    const GOOD: fn() -> Reply = || Reply::allowing("*");
    const FINE: fn() -> Reply = || Reply::status(204);
    type Case = (&'static str, fn() -> Reply, fn() -> Reply, &'static [&'static str]);
    let cases: &[Case] = &[
        ("no header", || Reply::status(200), FINE, &["no `WebHook-Allowed-Origin`"]),
        ("another origin", || Reply::allowing("ws.example"), FINE, &["ws.example", "127.0.0.1"]),
        ("OPTIONS needs a login", || Reply::status(401), FINE, &["401", "Let OPTIONS through"]),
        ("OPTIONS is not allowed", || Reply::status(405), FINE, &["405", "does not take OPTIONS"]),
        ("no such path", || Reply::status(404), FINE, &["404", "Correct the path"]),
        ("401", GOOD, || Reply::status(401), &["401", "access key"]),
        ("404", GOOD, || Reply::status(404), &["404", "Correct the path"]),
        ("a redirect", GOOD, || Reply::status(302).header("Location: /x"), &["redirect (302 Found)"]),
        ("500", GOOD, || Reply::status(500), &["500", "log"]),
        ("late", GOOD, Reply::never, &["in time", "`timeoutInSeconds`"]),
        ("a reset", GOOD, Reply::reset, &["closed the connection"]),
        ("no HTTP", GOOD, || Reply::raw("SSH-2.0-x\r\n"), &["speaks no HTTP"]),
        ("HTML", GOOD, || Reply::typed("text/html", "<h1>"), &["text/html"]),
        ("broken JSON", GOOD, || Reply::typed("application/json", "{"), &["JSON"]),
        (
            "too much state",
            GOOD,
            || Reply::status(204).header(&format!("ce-connectionState: {}", "x".repeat(20_000))),
            &["20000 bytes of connection state"],
        ),
    ];
    thread::scope(|scope| {
        for (what, validation, event, words) in cases {
            scope.spawn(move || {
                let ended = told(*validation, *event);
                // A handler on loopback gets events all the same; it would not elsewhere.
                let is_event_fine = std::ptr::fn_addr_eq(*event, FINE);
                assert_eq!(ended.code, Some(i32::from(!is_event_fine)), "{what}: {ended:?}");
                for word in *words {
                    assert!(ended.out.contains(word), "{what}: {word} is missing: {ended:?}");
                }
            });
        }
    });
}

#[test]
fn nobody_there_and_nobody_asked() {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let file = format!(
        "[[hubs.chat.eventHandlers]]\nurlTemplate = \"http://127.0.0.1:{port}/\"\nuserEventPattern = \"*\"\n"
    );
    let server = Server::start_with_file(&file, &[]);
    let ended = hub(&server, &["test", "chat"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.out.contains(&format!("Nobody listens at 127.0.0.1:{port}. Start the handler")),
        "{ended:?}"
    );
    let ended = hub(&server, &["test", "other"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.is_empty() && !ended.error.is_empty(), "{ended:?}");
}

#[test]
fn express_passes() {
    let mut app = Program::start("express.mjs", tools::node("tests/upstream/express.mjs").arg("chat"));
    let file = format!(
        "[[hubs.chat.eventHandlers]]\nurlTemplate = \"http://localhost:{}/events\"\nuserEventPattern = \"*\"\n",
        app.next_line()
    );
    let server = Server::start_with_file(&file, &[]);
    let ended = hub(&server, &["test", "chat"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("ok      validation") && ended.out.contains("ok      event"), "{ended:?}");
    assert!(app.next_line().contains(r#""handler":"validation""#));
    assert!(app.next_line().contains(r#""handler":"user""#));
}

#[test]
fn a_call_is_shown_and_made_again() {
    let (upstream, server) = Upstream::serve(|call| match call.event() {
        "order" => Reply::status(400).body("out of tea").header("X-Reason: tea"),
        _ => Reply::status(204),
    });
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    let id = client.expect_connected();
    client.send_text(r#"{"type":"event","event":"order","dataType":"json","data":{"cups":2},"ackId":1}"#);
    client.next_text();
    upstream.next_event("connected");

    let listed = hub(&server, &["exchanges", "chat", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap_or_else(|_| panic!("{listed:?}"));
    let all = listed["value"].as_array().expect("a list");
    let order = all.iter().find(|exchange| exchange["event"] == "order").expect("the order");
    assert_eq!((&order["status"], &order["ok"]), (&400.into(), &false.into()), "{order}");
    assert_eq!(
        (&order["connectionId"], &order["response"]["body"]),
        (&id.as_str().into(), &"out of tea".into())
    );
    assert_eq!(order["request"]["body"], r#"{"cups":2}"#);
    assert!(!listed.to_string().contains("sha256="), "signatures are not for showing");
    assert!(all.iter().any(|exchange| exchange["event"] == "connect"), "{listed}");

    let number = order["id"].as_str().expect("an id");
    let again = hub(&server, &["replay", "chat", number]);
    assert_eq!(again.code, Some(1), "{again:?}");
    let calls: Vec<Call> = upstream.wait_for(2, |call| call.event() == "order");
    assert_eq!(calls[0].body, calls[1].body);
    for name in ["ce-id", "ce-connectionId", "ce-type", "ce-signature", "content-type"] {
        assert_eq!(calls[0].header(name), calls[1].header(name), "{name}");
    }
    // The client hears nothing of it.
    client.expect_silence();
    assert_eq!(hub(&server, &["replay", "chat", "999999"]).code, Some(1));
}
