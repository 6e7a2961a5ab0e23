//! The head of every request to a handler.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use hublet_tests::raw::RawClient;
use hublet_tests::token::{OTHER_KEY, OWN_KEY, now_s, signed};
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{JSON, Server, http, new_folder};
use hublet_wire::ws::Opcode;
use ring::hmac;
use serde_json::json;

fn accepting() -> (Upstream, Server) {
    Upstream::serve(|_| Reply::status(204))
}

fn client(server: &Server, user: Option<&str>) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", user, &[], &[]), JSON);
    client.expect_connected();
    client
}

fn event(client: &mut RawClient, name: &str, ack_id: u64) {
    client.request(
        &format!(r#"{{"type":"event","event":"{name}","dataType":"text","data":"x","ackId":{ack_id}}}"#),
        ack_id,
    );
}

/// One of each kind: connect, connected, a user event, disconnected.
fn life(server: &Server, upstream: &Upstream, user: Option<&str>) -> [Call; 4] {
    let mut client = client(server, user);
    event(&mut client, "hello", 1);
    // `connected` may come after the message.
    let connected = upstream.next_event("connected");
    drop(client);
    let disconnected = upstream.next_event("disconnected");
    [upstream.next_event("connect"), connected, upstream.next_event("hello"), disconnected]
}

fn hexadecimal(key: &str, text: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_request_has_them() {
    // 30, 35
    let (upstream, server) = accepting();
    let calls = life(&server, &upstream, Some("ann"));
    for (call, (name, kind)) in calls.iter().zip([
        ("connect", "azure.webpubsub.sys.connect"),
        ("connected", "azure.webpubsub.sys.connected"),
        ("hello", "azure.webpubsub.user.hello"),
        ("disconnected", "azure.webpubsub.sys.disconnected"),
    ]) {
        assert_eq!(call.method, "POST");
        let source = format!("/hubs/chat/client/{}", call.client());
        for (header, value) in [
            ("host", upstream.authority()),
            ("webhook-request-origin", "127.0.0.1"),
            ("ce-specversion", "1.0"),
            ("ce-awpsversion", "1.0"),
            ("ce-type", kind),
            ("ce-eventname", name),
            ("ce-source", &source),
            ("ce-connectionid", calls[0].client()),
            ("ce-hub", "chat"),
            ("ce-userid", "ann"),
            ("content-length", &call.body.len().to_string()),
        ] {
            assert_eq!(call.header(header), Some(value), "{header} of {call:?}");
        }
        let time = call.header("ce-time").expect("a time");
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00Z");
        for absent in [
            "authorization",
            "cookie",
            "transfer-encoding",
            "expect",
            "ce-physicalconnectionid",
            "ce-sessionid",
        ] {
            assert_eq!(call.header(absent), None, "{absent} of {call:?}");
        }
        let request = call.header("x-ms-client-request-id").expect("an id");
        assert_eq!((request.len(), request.matches('-').count()), (36, 4), "a GUID");
    }
    let requests: HashSet<_> = calls.iter().map(|call| call.header("x-ms-client-request-id")).collect();
    assert_eq!(requests.len(), 4, "one for each event");
}

#[test]
fn both_keys_sign_the_connection() {
    // 31
    let upstream = Upstream::start(|_| Reply::status(204));
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), upstream.handler("chat")).expect("a file");
    let keys = format!("{OWN_KEY},{OTHER_KEY}");
    let server = Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[("HUBLET_ACCESS_KEYS", &keys)]);
    let aud = format!("http://{}/client/hubs/chat", server.authority());
    let token = signed(OTHER_KEY, &json!({"aud": aud, "exp": now_s() + 60}));
    let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
    for _ in 0..2 {
        let mut client = RawClient::connect(&url, JSON);
        let id = client.expect_connected();
        let expected = format!("sha256={},sha256={}", hexadecimal(OWN_KEY, &id), hexadecimal(OTHER_KEY, &id));
        drop(client);
        for event in ["connect", "connected", "disconnected"] {
            let call = upstream.next_where(event, |call| call.event() == event && call.client() == id);
            let lines: Vec<_> =
                call.values("ce-signature").into_iter().map(String::from_utf8_lossy).collect();
            assert_eq!(lines.join(",").replace(", ", ","), expected);
        }
    }
}

#[test]
fn one_key_signs_alone() {
    // 31
    let (upstream, server) = accepting();
    let key = server.service().access_key().to_owned();
    for call in life(&server, &upstream, None) {
        let expected = format!("sha256={}", hexadecimal(&key, call.client()));
        assert_eq!(call.header("ce-signature"), Some(expected.as_str()));
    }
}

#[test]
fn events_of_a_connection_are_numbered() {
    // 34
    let upstream = Upstream::start(|_| Reply::status(204));
    let file = upstream.handler("chat")
        + &upstream.handler_with(
            "late",
            "/late",
            "userEventPattern = \"c\"\nsystemEvents = [\"disconnected\"]",
        );
    let server = Server::start_with_file(&file, &[]);
    let ids = |hub: &str| {
        let mut client = RawClient::connect(&server.client_url(hub, None, &[], &[]), JSON);
        let id = client.expect_connected();
        for (ack, name) in ["a", "b", "c"].iter().enumerate() {
            client.send_text(&format!(
                r#"{{"type":"event","event":"{name}","dataType":"text","data":"x","ackId":{ack}}}"#
            ));
            client.next_text();
        }
        drop(client);
        upstream.next_where("disconnected", |call| call.event() == "disconnected" && call.client() == id);
        let calls = upstream.calls().into_iter().filter(|call| call.client() == id);
        let mut ids: Vec<(u64, String)> = calls.map(|call| (call.id(), call.event().to_owned())).collect();
        ids.sort();
        ids
    };
    let named = |names: &[(u64, &str)]| -> Vec<(u64, String)> {
        names.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
    };
    let all = named(&[(0, "connect"), (1, "connected"), (2, "a"), (3, "b"), (4, "c"), (5, "disconnected")]);
    assert_eq!(ids("chat"), all);
    // Numbers are taken also by what nobody asked for.
    assert_eq!(ids("late"), named(&[(4, "c"), (5, "disconnected")]));
}

#[test]
fn the_user_is_told_in_utf8() {
    // 36
    let (upstream, server) = accepting();
    for user in [None, Some("ann"), Some("用户"), Some("a b;c=\"d\"")] {
        for call in life(&server, &upstream, user) {
            let values = call.values("ce-userId");
            assert_eq!(values, user.map(str::as_bytes).into_iter().collect::<Vec<_>>(), "{call:?}");
        }
    }
}

#[test]
fn a_user_that_no_header_can_hold_splits_no_head() {
    let (upstream, server) = accepting();
    let aud = format!("http://{}/client/hubs/chat", server.authority());
    let key = server.service().access_key().to_owned();
    for user in ["a\r\nce-hub: other", "a\nb", "a\0b"] {
        let token = signed(&key, &json!({"aud": aud, "exp": now_s() + 60, "sub": user}));
        let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
        let head = RawClient::try_connect(&url, JSON, &[]).err().expect("no request can be made for it");
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    }
    life(&server, &upstream, Some("ann"));
    assert_eq!(upstream.calls().len(), 4, "{:#?}", upstream.calls());
}

#[test]
fn the_subprotocol_is_told_after_the_handshake() {
    // 37
    let (upstream, server) = accepting();
    for call in life(&server, &upstream, None) {
        let expected = (call.event() != "connect").then_some("json.webpubsub.azure.v1");
        assert_eq!(call.header("ce-subprotocol"), expected, "{call:?}");
    }
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    simple.send_text("x");
    upstream.next_event("message");
    drop(simple);
    upstream.next_event("disconnected");
    let simple: Vec<Call> = upstream.calls().split_off(4);
    assert!(simple.iter().all(|call| call.header("ce-subprotocol").is_none()), "{simple:#?}");
}

#[test]
fn the_origin_is_what_the_service_is_called() {
    // 38
    let upstream = Upstream::start(|_| Reply::allowing("*"));
    for (endpoints, expected) in [
        (None, "127.0.0.1"),
        (Some("https://ws.example.com:8443/path"), "ws.example.com"),
        (Some("https://a.example,https://b.example"), "a.example, b.example"),
    ] {
        let folder = new_folder();
        // A public endpoint that is not on loopback ends development mode.
        let file = format!("[upstream]\nallowed_networks = [\"loopback\"]\n{}", upstream.handler("chat"));
        std::fs::write(folder.join("hublet.toml"), file).expect("a file");
        let mut arguments = vec!["--listen", "127.0.0.1:0"];
        arguments.extend(endpoints.iter().flat_map(|endpoints| ["--public-endpoint", *endpoints]));
        let environment = [("HUBLET_ACCESS_KEYS", OWN_KEY)];
        let server = Server::start_in(folder, &arguments, &environment);
        let aud = format!("http://{}/client/hubs/chat", server.authority());
        let token = signed(OWN_KEY, &json!({"aud": aud, "exp": now_s() + 60}));
        let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
        RawClient::connect(&url, JSON).expect_connected();
        for event in ["connect", "connected", "disconnected"] {
            let call = upstream.next_event(event);
            assert_eq!(call.header("webhook-request-origin"), Some(expected), "{call:?}");
        }
    }
}

#[test]
fn the_content_type_says_what_the_body_is() {
    // 39
    let (upstream, server) = accepting();
    let mut json = client(&server, None);
    for (name, kind, data) in [
        ("connected", "application/json", &b"{}"[..]),
        ("t", "text/plain; charset=utf-8", "ü \u{0}".as_bytes()),
        ("j", "application/json", br#"{"b":1,"a":[1e400, null]}"#),
        ("d", "application/json", b"\"text\""),
        ("b", "application/octet-stream", b"\x00\xff"),
        ("p", "application/x-protobuf", b"\x0a\x01t"),
    ] {
        let request = match name {
            "connected" => None,
            "t" => Some(r#""dataType":"text","data":"ü \u0000""#),
            "j" => Some(r#""dataType":"json","data":{"b":1,"a":[1e400, null]}"#),
            "d" => Some(r#""data":"text""#),
            "b" => Some(r#""dataType":"binary","data":"AP8=""#),
            _ => Some(r#""dataType":"protobuf","data":"CgF0""#),
        };
        if let Some(data) = request {
            json.request(
                &format!(r#"{{"type":"event","event":"{name}",{data},"ackId":{}}}"#, name.as_bytes()[0]),
                name.as_bytes()[0].into(),
            );
        }
        let call = upstream.next_event(name);
        let found = call.header("content-type").expect("a type");
        match kind {
            // Receivers ignore parameters.
            "application/json" => assert!(found.starts_with(kind), "{name}: {found}"),
            exact => assert_eq!(found, exact, "{name}"),
        }
        assert_eq!(call.body, data, "{name}");
    }
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    for (opcode, payload, kind) in [
        (Opcode::Text, "ü".as_bytes(), "text/plain; charset=utf-8"),
        (Opcode::Binary, b"\x00\xff", "application/octet-stream"),
        (Opcode::Text, b"", "text/plain; charset=utf-8"),
    ] {
        simple.send(opcode, payload);
        let call = upstream.next_event("message");
        assert_eq!((call.header("content-type"), call.body.as_slice()), (Some(kind), payload));
    }
}

#[test]
fn a_retry_is_the_same_request() {
    // 40
    let turn = AtomicU32::new(0);
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "e" if turn.fetch_add(1, Ordering::Relaxed) < 2 => Reply::status(500),
        _ => Reply::status(204),
    });
    let mut client = client(&server, Some("ann"));
    event(&mut client, "e", 1);
    let [first, second, third] = [(); 3].map(|()| upstream.next_event("e"));
    assert_eq!((&first.headers, &first.body), (&second.headers, &second.body));
    assert_eq!((&first.headers, &first.body), (&third.headers, &third.body));
    assert_eq!(first.target, third.target);
}

#[test]
fn metadata_of_a_message_becomes_headers() {
    // 74 (towards the handler)
    let (upstream, server) = accepting();
    let mut client = client(&server, None);
    client.request(
        r#"{"type":"event","event":"e","dataType":"text","data":"x","metadata":{"Trace-Id":"7 a","b":""},"ackId":1}"#,
        1,
    );
    let call = upstream.next_event("e");
    assert_eq!(call.header("x-webpubsub-metadata-trace-id"), Some("7 a"), "{call:?}");
    assert_eq!(call.header("x-webpubsub-metadata-b"), Some(""), "{call:?}");
    event(&mut client, "f", 2);
    let call = upstream.next_event("f");
    assert!(
        !call.headers.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with("x-webpubsub")),
        "{call:?}"
    );
}

#[test]
fn a_configured_header_goes_with_every_request() {
    let upstream = Upstream::start(|_| Reply::status(204));
    let auth = "systemEvents = [\"connect\", \"connected\", \"disconnected\"]\nuserEventPattern = \"*\"\n\
                auth = { type = \"Header\", header = { name = \"X-Api-Key\", value = \"the-secret\" } }";
    let server = Server::start_with_file(&upstream.handler_with("chat", "/x", auth), &["--log", "trace"]);
    for call in life(&server, &upstream, None) {
        assert_eq!(call.header("x-api-key"), Some("the-secret"), "{call:?}");
    }
    let shown = http::call(&server, "GET", "/api/ext/hubs/chat", &[], b"");
    assert!(!shown.body.contains("the-secret"), "{shown:?}");
    assert!(!server.stop_and_take_log().contains("the-secret"), "secrets are not logged");
}
