//! The live trace at `/livetrace`, for the tools of the original.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::http::{self, bearer, call};
use hublet_tests::program::Program;
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::token::{DEVELOPMENT_KEY, OTHER_KEY, now_s, signed};
use hublet_tests::{JSON, Server, tools};
use serde_json::{Value, json};

fn viewer_token(server: &Server) -> String {
    let aud = format!("http://{}/livetrace", server.authority());
    signed(DEVELOPMENT_KEY, &json!({"aud": aud, "exp": now_s() + 3600}))
}

#[test]
fn the_tools_of_the_original_read_along() {
    let server = Server::start();
    let endpoint = format!("http://{}", server.authority());
    let mut script = tools::node("tests/signalr/viewer.mjs");
    let mut viewer = Program::start("viewer.mjs", script.arg(&endpoint).arg(viewer_token(&server)));
    viewer.expect_start("listening; ");
    let mut client = RawClient::connect(
        &server.client_url("chat", Some("ann"), &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"], &[]),
        JSON,
    );
    let id = client.expect_connected();
    let row = |viewer: &mut Program, name: &str| loop {
        let line = viewer.next_line();
        let row: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        if row["eventName"] == name {
            return row;
        }
    };
    let started = row(&mut viewer, "ConnectionStarted");
    assert_eq!((&started["message"], &started["logLevel"]), (&json!("Connection started."), &json!(2)));
    assert_eq!(
        started["logContext"],
        json!({"Hub": "chat", "ConnectionId": id, "UserId": "ann", "IP": "127.0.0.1"})
    );
    client.request(r#"{"type":"joinGroup","group":"tea","ackId":1}"#, 1);
    client.send_text(r#"{"type":"sendToGroup","group":"tea","dataType":"text","data":"not for the log"}"#);
    client.next_text();
    assert_eq!(row(&mut viewer, "AddedConnectionToGroup")["message"], "Added the connection to group tea.");
    let sent = row(&mut viewer, "SentMessage");
    assert_eq!(sent["message"], "Sent a message of 15 bytes to group tea. Receivers: 1.");
    assert!(!sent.to_string().contains("not for the log"), "{sent}");
    assert_eq!(
        call(&server, "POST", "/api/hubs/chat/:send", &["Content-Type: text/plain"], b"x").status,
        202
    );
    let request = row(&mut viewer, "RequestProcessed");
    assert_eq!(request["logContext"]["StatusCode"], "202");
    assert_eq!(request["logContext"]["RouteTemplate"], "api/hubs/{hub}/:send");
    server.signal(rustix::process::Signal::TERM);
    loop {
        let line = viewer.next_line();
        if line.starts_with("closed") {
            break;
        }
    }
    viewer.expect_end();
}

#[test]
fn who_may_not_read_along() {
    let server = Server::start();
    let authority = server.authority();
    let exp = now_s() + 60;
    for (aud, key, status) in [
        (format!("http://{authority}/livetrace"), DEVELOPMENT_KEY, 101),
        (format!("https://{authority}/livetrace"), DEVELOPMENT_KEY, 101),
        (format!("ws://{authority}/livetrace"), DEVELOPMENT_KEY, 401),
        (format!("http://{authority}/livetrace/tool"), DEVELOPMENT_KEY, 401),
        (format!("http://{authority}/client/hubs/chat"), DEVELOPMENT_KEY, 401),
        ("http://other.example/livetrace".to_owned(), DEVELOPMENT_KEY, 401),
        (format!("http://{authority}/livetrace"), OTHER_KEY, 401),
    ] {
        let token = signed(key, &json!({"aud": aud, "exp": exp}));
        let in_query = http::handshake(&server, &format!("/livetrace?access_token={token}"), &[]);
        assert_eq!(in_query.status, status, "{aud}");
        assert_eq!(http::handshake(&server, "/livetrace", &[&bearer(&token)]).status, status, "{aud}");
    }
    assert_eq!(http::handshake(&server, "/livetrace", &[]).status, 401);
    let good = bearer(&viewer_token(&server));
    assert_eq!(http::request(&server, "GET", "/livetrace", &[&good], b"").status, 400);

    let off = Server::start_with_file("[live_trace]\nenabled = false\n", &[]);
    let answer = http::handshake(&off, "/livetrace", &[&bearer(&viewer_token(&off))]);
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("live_trace.enabled"), "{answer:?}");
    assert_eq!(call(&off, "GET", "/api/ext/trace", &[], b"").status, 409);
}

#[test]
fn one_who_breaks_the_rules_is_closed() {
    let server = Server::start();
    let url = format!("ws://{}/livetrace?access_token={}", server.authority(), viewer_token(&server));
    for (first, then) in [
        ("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}", None),
        ("no end", None),
        ("{\"protocol\":\"json\",\"version\":1}\u{1e}", Some("{\"type\":".to_owned() + "\u{1e}")),
        ("{\"protocol\":\"json\",\"version\":1}\u{1e}", Some("{}".repeat(4_000))),
    ] {
        let mut viewer = RawClient::connect(&url, None);
        viewer.send_text(first);
        if let Some(then) = &then {
            assert_eq!(viewer.next_text(), "{}\u{1e}");
            viewer.send_text(then);
        }
        loop {
            match viewer.next() {
                Message::Close(code, _) => {
                    assert!(matches!(code, Some(1008 | 1009)), "{first}: {code:?}");
                    break;
                }
                Message::Text(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    // Others go on, and whoever asks for nothing gets events all the same.
    let mut viewer = RawClient::connect(&url, None);
    viewer.send_text("{\"protocol\":\"json\",\"version\":1}\u{1e}");
    assert_eq!(viewer.next_text(), "{}\u{1e}");
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    client.expect_connected();
    let told = viewer.next_text();
    assert!(told.starts_with("{\"type\":1,\"target\":\"LogProperty\""), "{told}");
    assert!(told.contains("ConnectionStarted") && told.contains("\"target\":\"logEvent\""), "{told}");
}
