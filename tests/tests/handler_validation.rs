//! Abuse protection: a handler says that it wants the events before it gets any.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use hublet_tests::raw::RawClient;
use hublet_tests::token::{OTHER_KEY, OWN_KEY, now_s, signed};
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{JSON, Server, new_folder};
use serde_json::{Value, json};

/// What the service is called in these tests.
const ENDPOINT: &str = "https://ws.example.com:8443";

/// A service in production that may reach handlers on this machine.
fn production(hubs: &str) -> Server {
    let folder = new_folder();
    let file = format!("[upstream]\nallowed_networks = [\"loopback\"]\n{hubs}");
    std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
    let keys = format!("{OWN_KEY},{OTHER_KEY}");
    let arguments = ["--listen", "127.0.0.1:0", "--production", "--public-endpoint", ENDPOINT];
    Server::start_in(folder, &arguments, &[("HUBLET_ACCESS_KEYS", &keys)])
}

fn url(server: &Server, hub: &str) -> String {
    let claims = json!({"aud": format!("{ENDPOINT}/client/hubs/{hub}"), "exp": now_s() + 60});
    format!("ws://{}/client/hubs/{hub}?access_token={}", server.authority(), signed(OWN_KEY, &claims))
}

/// The status of a handshake.
fn status(server: &Server, hub: &str) -> u16 {
    match RawClient::try_connect(&url(server, hub), JSON, &[]) {
        Ok(_) => 101,
        Err(head) => head.get(9..12).and_then(|status| status.parse().ok()).expect("a status line"),
    }
}

/// A handler that answers validations as told, and accepts every event.
fn validated(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |call| match call.method.as_str() {
        "POST" => Reply::status(204),
        _ => answer(call),
    })
}

fn methods(upstream: &Upstream) -> Vec<String> {
    upstream.calls().into_iter().map(|call| call.method).collect()
}

#[test]
fn the_handler_is_asked_first() {
    // 19
    let upstream = validated(|_| Reply::allowing("*").header("Set-Cookie: a=b; Path=/"));
    let auth = "systemEvents = [\"connect\"]\nauth = { type = \"Header\", header = { name = \"X-Api-Key\", value = \"secret\" } }";
    let server = production(&upstream.handler_with("chat", "/api/{hub}/{event}?code=x", auth));
    assert_eq!(status(&server, "chat"), 101);
    let (validation, connect) = (upstream.next(), upstream.next());
    assert_eq!(
        (validation.method.as_str(), validation.target.as_str()),
        ("OPTIONS", "/api/chat/validate?code=x")
    );
    assert_eq!(validation.header("webhook-request-origin"), Some("ws.example.com"));
    assert_eq!(validation.header("ce-awpsversion"), Some("1.0"));
    assert_eq!(validation.body, b"");
    let own: Vec<_> = validation.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    for absent in ["ce-signature", "cookie", "authorization", "x-api-key", "ce-connectionid", "ce-type"] {
        assert!(!own.iter().any(|name| name == absent), "{own:?}");
    }
    assert_eq!((connect.method.as_str(), connect.target.as_str()), ("POST", "/api/chat/connect?code=x"));
    assert_eq!(connect.header("webhook-request-origin"), Some("ws.example.com"));
    assert_eq!(connect.header("x-api-key"), Some("secret"));
    assert_eq!(connect.header("cookie"), None, "a validation sets no cookies");
}

#[test]
fn answers_that_allow_and_answers_that_do_not() {
    // 20, 21, 29 (the answer of the middleware)
    let hosts = |lines: &[&str]| {
        lines
            .iter()
            .fold(Reply::status(200), |reply, line| reply.header(&format!("WebHook-Allowed-Origin: {line}")))
    };
    let cases: Vec<(&str, Reply, bool)> = vec![
        ("everybody", hosts(&["*"]), true),
        ("us", hosts(&["ws.example.com"]), true),
        ("us in capitals", hosts(&["WS.Example.COM"]), true),
        ("us with our port", hosts(&["ws.example.com:8443"]), true),
        ("us among others, one a line", hosts(&["other.example", "ws.example.com"]), true),
        ("204", Reply::status(204).header("webhook-allowed-origin: *"), true),
        ("others and us on one line", hosts(&["other.example, ws.example.com"]), false),
        ("others", hosts(&["other.example"]), false),
        ("a part of us", hosts(&["example.com"]), false),
        ("us and more", hosts(&["ws.example.com.evil.example"]), false),
        ("an empty line", hosts(&[""]), false),
        ("no line", hosts(&[]), false),
        ("403 with the line", Reply::status(403).header("WebHook-Allowed-Origin: *"), false),
        ("a redirect", Reply::status(302).header("WebHook-Allowed-Origin: *").header("Location: /x"), false),
    ];
    for (what, reply, is_allowed) in cases {
        let reply = std::sync::Mutex::new(Some(reply));
        let upstream =
            validated(move |_| reply.lock().ok().and_then(|mut reply| reply.take()).expect("one validation"));
        let server = production(&upstream.handler("chat"));
        let expected = if is_allowed { 101 } else { 500 };
        assert_eq!(status(&server, "chat"), expected, "{what}");
        let events = upstream.calls().iter().filter(|call| call.method == "POST").count();
        assert_eq!(events > 0, is_allowed, "{what}");
        if !is_allowed {
            let log = server.stop_and_take_log();
            let reason = if what.starts_with("403") || what.starts_with("a redirect") {
                "AbuseProtectionResponseInvalidStatusCode"
            } else {
                "AbuseProtectionResponseMissingAllowedOrigin"
            };
            assert!(log.contains(reason), "{what}: {log}");
        }
    }
}

#[test]
fn get_is_tried_where_options_is_not_found() {
    // 22
    let upstream = validated(|call| match call.method.as_str() {
        "OPTIONS" => Reply::status(404),
        _ => Reply::allowing("*"),
    });
    let server = production(&upstream.handler_with("chat", "/{hub}/{event}", "systemEvents = [\"connect\"]"));
    assert_eq!(status(&server, "chat"), 101);
    assert_eq!(methods(&upstream), ["OPTIONS", "GET", "POST"]);
    let get = upstream.next_where("GET", |call| call.method == "GET");
    assert_eq!(get.target, "/chat/validate");
    assert_eq!(get.header("webhook-request-origin"), Some("ws.example.com"));

    let upstream = validated(|call| match call.method.as_str() {
        "OPTIONS" => Reply::status(405),
        _ => Reply::allowing("*"),
    });
    let server = production(&upstream.handler("chat"));
    assert_eq!(status(&server, "chat"), 500);
    assert_eq!(methods(&upstream), ["OPTIONS"]);
}

#[test]
fn a_validation_is_tried_again() {
    // 23
    let turn = AtomicU32::new(0);
    let upstream = validated(move |_| match turn.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::status(503),
        _ => Reply::allowing("*"),
    });
    let server = production(&upstream.handler_with("chat", "/{hub}/{event}", "systemEvents = [\"connect\"]"));
    assert_eq!(status(&server, "chat"), 101);
    assert_eq!(methods(&upstream), ["OPTIONS", "OPTIONS", "POST"]);
}

#[test]
fn clients_that_come_together_share_one_validation() {
    // 24, and a part of 25
    let upstream = validated(|_| Reply::allowing("*"));
    let server = production(&upstream.handler_with("chat", "/{hub}/{event}", "systemEvents = [\"connect\"]"));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(status(&server, "chat"), 101));
        }
    });
    let methods = methods(&upstream);
    assert_eq!(methods.iter().filter(|method| *method == "OPTIONS").count(), 1, "{methods:?}");
    assert_eq!(methods.iter().filter(|method| *method == "POST").count(), 8, "{methods:?}");
    assert_eq!(methods.first().map(String::as_str), Some("OPTIONS"));
}

#[test]
fn a_validation_that_hangs_is_given_up() {
    // 27
    let upstream = validated(|_| Reply::never());
    let server = production(&upstream.handler("chat"));
    assert_eq!(status(&server, "chat"), 500);
    upstream.wait_for_abandoned(1);
    assert_eq!(methods(&upstream), ["OPTIONS"]);
    assert!(server.stop_and_take_log().contains("AbuseProtectionResponseFailed"));
}

#[test]
fn each_address_is_validated_for_itself() {
    // 28
    let upstream = validated(|call| match call.target.as_str() {
        "/same?code=bad" => Reply::status(200),
        _ => Reply::allowing("*"),
    });
    let connect = "systemEvents = [\"connect\"]";
    let file = upstream.handler_with("a", "/same?code=1", connect)
        + &upstream.handler_with("b", "/same?code=bad", connect)
        + &upstream.handler_with("c", "/same?code=1", connect)
        + &upstream.handler_with("d", "/{hub}", connect)
        + &upstream.handler_with("e", "/{hub}", connect);
    let server = production(&file);
    let statuses = ["a", "b", "c", "d", "e", "a"].map(|hub| status(&server, hub));
    assert_eq!(statuses, [101, 500, 101, 101, 101, 101]);
    let asked: Vec<String> = upstream
        .calls()
        .into_iter()
        .filter(|call| call.method == "OPTIONS")
        .map(|call| call.target)
        .collect();
    // Another query is another address; and each hub asks for itself.
    assert_eq!(asked, ["/same?code=1", "/same?code=bad", "/same?code=1", "/d", "/e"]);
}

#[test]
fn without_permission_every_kind_of_event_stays_here() {
    let upstream = validated(|_| Reply::status(200));
    let no_connect = "userEventPattern = \"*\"\nsystemEvents = [\"connected\", \"disconnected\"]";
    let server = production(&upstream.handler_with("chat", "/{hub}/{event}", no_connect));
    let mut json = RawClient::connect(&url(&server, "chat"), JSON);
    json.expect_connected();
    json.send_text(r#"{"type":"event","event":"e","dataType":"text","data":"","ackId":1}"#);
    let ack: Value = serde_json::from_str(&json.next_text()).expect("JSON");
    assert_eq!(ack["error"]["name"], "InternalServerError");
    let mut simple = RawClient::connect(&url(&server, "chat"), None);
    simple.send_text("x");
    simple.expect_close(1011, "Internal server error");
    server.stop_and_take_log();
    assert!(methods(&upstream).iter().all(|method| method == "OPTIONS"));
}

#[test]
fn handlers_on_this_machine_are_trusted_in_development_mode() {
    let upstream = validated(|_| Reply::status(500));
    let server = Server::start_with_file(&upstream.handler("chat"), &[]);
    RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON).expect_connected();
    assert_eq!(upstream.next_event("connect").method, "POST");
    let log = server.stop_and_take_log();
    assert!(methods(&upstream).iter().all(|method| method == "POST"));
    assert!(log.contains("abuse protection") || log.contains("validation"), "the log says so: {log}");
}
