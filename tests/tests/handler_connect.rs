//! The `connect` event: what the handler is told, what its answer changes, and who does not get in.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use hublet_tests::raw::RawClient;
use hublet_tests::token::{DEVELOPMENT_KEY, now_s, signed};
use hublet_tests::upstream::{Call, Gate, Reply, Upstream};
use hublet_tests::{JSON, Server, http};
use serde_json::{Value, json};

const ALL_ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

/// A handler that answers `connect` as told, and accepts everything else.
fn answering(connect: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> (Upstream, Server) {
    Upstream::serve(move |call| match call.event() {
        "connect" => connect(call),
        _ => Reply::status(204),
    })
}

fn url(server: &Server) -> String {
    server.client_url("chat", Some("ann"), ALL_ROLES, &["given"])
}

/// The status line of a refused handshake.
fn refused(server: &Server) -> String {
    let head = RawClient::try_connect(&url(server), JSON, &[]).err().expect("a refusal");
    head.lines().next().expect("a status line").to_owned()
}

fn exists(server: &Server, path: &str) -> bool {
    http::head(server, &format!("/api/hubs/chat/{path}")).status == 200
}

/// The first message of a client, and the client.
fn connected(url: &str) -> (Value, RawClient) {
    let mut client = RawClient::connect(url, JSON);
    let message = serde_json::from_str(&client.next_text()).expect("JSON");
    (message, client)
}

#[test]
fn nobody_is_there_before_the_handler_says_so() {
    // 41
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, server) = answering(move |_| Reply::status(204).after(&held));
    let url = url(&server);
    let waiting = thread::spawn(move || connected(&url));
    let connect = upstream.next_event("connect");
    let connection = format!("connections/{}", connect.client());
    assert!(
        !exists(&server, &connection) && !exists(&server, "users/ann") && !exists(&server, "groups/given")
    );
    assert!(!waiting.is_finished(), "the answer to the handshake waits");
    gate.open();
    let (message, _client) = waiting.join().expect("a client");
    assert_eq!(
        message["connectionId"],
        connect.client(),
        "the connection has the id that the handler was told"
    );
    assert!(exists(&server, &connection) && exists(&server, "users/ann") && exists(&server, "groups/given"));
}

#[test]
fn one_handler_that_hangs_holds_nobody_else_up() {
    // 56
    let gate = Gate::new();
    let held = gate.clone();
    let (upstream, server) = answering(move |call| match call.header("ce-userId") {
        Some("slow") => Reply::status(204).after(&held),
        _ => Reply::status(204),
    });
    let slow_url = server.client_url("chat", Some("slow"), &[], &[]);
    let slow = thread::spawn(move || connected(&slow_url));
    upstream.next_event("connect");
    // On every shard.
    for _ in 0..8 {
        let (_, mut quick) = connected(&url(&server));
        quick.request(r#"{"type":"event","event":"e","dataType":"text","data":"","ackId":1}"#, 1);
    }
    assert!(!slow.is_finished());
    gate.open();
    slow.join().expect("a client");
}

#[test]
fn the_handler_is_told_who_asks() {
    // 42, 43, 44
    let (upstream, server) = answering(|_| Reply::status(204));
    let claims = json!({
        "aud": format!("http://{}/client/hubs/chat", server.authority()),
        "exp": now_s() + 60,
        "sub": "ann",
        "role": ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"],
        "webpubsub.group": "given",
        "level": 7,
        "is_admin": true,
        "name": "Änn",
    });
    let token = signed(DEVELOPMENT_KEY, &claims);
    let url = format!(
        "ws://{}/client/hubs/chat?id=1&Access_Token={token}&id=two%20words&empty=&%C3%BC=%26",
        server.authority()
    );
    let headers = ["Origin: http://site.example", "Authorization: Bearer x", "X-Own: 1", "x-own: 2"];
    let (mut client, _) =
        RawClient::try_connect(&url, Some("x.custom, json.webpubsub.azure.v1"), &headers).expect("a client");
    client.expect_connected();

    let connect = upstream.next_event("connect");
    let body = connect.json();
    let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["claims", "clientCertificates", "headers", "query", "subprotocols"]);
    let told = &body["claims"];
    assert_eq!(told["sub"], json!(["ann"]));
    assert_eq!(told["role"], json!(["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"]));
    assert_eq!(told["webpubsub.group"], json!(["given"]));
    assert_eq!((&told["level"], &told["name"]), (&json!(["7"]), &json!(["Änn"])));
    assert_eq!(told["exp"], json!([claims["exp"].to_string()]));
    assert!(told["is_admin"][0].as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")), "{told}");
    // The long names that .NET knows them by.
    assert_eq!(told["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"], json!(["ann"]));
    assert_eq!(
        told["http://schemas.microsoft.com/ws/2008/06/identity/claims/role"],
        json!(["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"])
    );
    assert_eq!(body["query"], json!({"id": ["1", "two words"], "empty": [""], "ü": ["&"]}));
    assert_eq!(body["subprotocols"], json!(["x.custom", "json.webpubsub.azure.v1"]));
    assert_eq!(body["clientCertificates"], json!([]));

    let header = |name: &str| {
        let all = body["headers"].as_object().expect("headers");
        let found: Vec<&Value> = all
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        assert!(found.len() <= 1, "{name} twice: {all:?}");
        found.first().map(|value| (*value).clone())
    };
    assert_eq!(header("Host"), Some(json!([server.authority()])));
    assert_eq!(header("Origin"), Some(json!(["http://site.example"])));
    assert_eq!(header("X-Own"), Some(json!(["1", "2"])));
    assert_eq!(header("Sec-WebSocket-Version"), Some(json!(["13"])));
    assert_eq!(header("Authorization"), None);
    assert!(!connect.text().contains(&token), "the token is nobody's business");
}

#[test]
fn a_request_without_anything_special_has_all_members() {
    // 44
    let file = "[hubs.chat]\nanonymousConnectPolicy = \"allow\"\n";
    let upstream = Upstream::start(|_| Reply::status(204));
    let server = Server::start_with_file(&format!("{file}{}", upstream.handler("chat")), &[]);
    RawClient::connect(&format!("ws://{}/client/hubs/chat", server.authority()), None);
    let body = upstream.next_event("connect").json();
    assert!(body["headers"].is_object());
    for (member, empty) in [
        ("claims", json!({})),
        ("query", json!({})),
        ("subprotocols", json!([])),
        ("clientCertificates", json!([])),
    ] {
        assert_eq!(body[member], empty, "{member}");
    }
}

#[test]
fn answers_that_change_nothing() {
    // 45, 50 (nothing to parse)
    let answers: Vec<fn() -> Reply> = vec![
        || Reply::status(204),
        || Reply::status(200),
        || Reply::typed("application/json", "null"),
        || Reply::typed("application/json", "{}"),
        || Reply::typed("text/html", ""),
        || Reply::status(202),
        || Reply::json(&json!({"userId": null, "roles": null, "groups": null, "subprotocol": null})),
        || Reply::json(&json!({"groups": [], "socketio": {"any": [1]}, "mqtt": null})),
    ];
    let count = answers.len();
    let turn = AtomicU32::new(0);
    let (_upstream, server) = answering(move |_| {
        let turn = turn.fetch_add(1, Ordering::Relaxed) as usize;
        answers[turn]()
    });
    for turn in 0..count {
        let (message, mut client) = connected(&url(&server));
        assert_eq!(message["userId"], "ann", "{turn}");
        // The token's role and group are in force.
        client.request(r#"{"type":"joinGroup","group":"other","ackId":1}"#, 1);
        http::call(
            &server,
            "POST",
            "/api/hubs/chat/groups/given/:send",
            &["Content-Type: text/plain"],
            b"hi",
        );
        assert!(client.next_text().contains(r#""group":"given""#), "{turn}");
    }
}

#[test]
fn the_user_is_whom_the_handler_names() {
    // 46
    let (upstream, server) = answering(|call| {
        let answer = &call.json()["query"]["answer"][0];
        Reply::typed("application/json", answer.as_str().expect("an answer"))
    });
    for (answer, user) in [
        (r#"{"userId":"bob"}"#, Some("bob")),
        (r#"{"userId":"用户"}"#, Some("用户")),
        (r#"{"userId":""}"#, None),
        (r#"{"userId":null}"#, Some("ann")),
        ("{}", Some("ann")),
    ] {
        let (message, client) = connected(&format!("{}&answer={}", url(&server), http::query(answer)));
        // What the frame says of a user without a name is not documented: null or an empty text.
        let shown = message["userId"].as_str().filter(|user| !user.is_empty());
        assert_eq!(shown, user, "{answer}");
        let call = upstream.next_event("connected");
        assert_eq!(call.header("ce-userId"), user, "{answer}");
        assert_eq!(upstream.next_event("connect").header("ce-userId"), Some("ann"), "as the token says");
        if let Some(user) = user {
            assert!(exists(&server, &format!("users/{}", http::query(user))), "{answer}");
        }
        assert_eq!(exists(&server, "users/ann"), user == Some("ann"), "{answer}");
        drop(client);
        upstream.next_event("disconnected");
    }
}

#[test]
fn roles_of_the_answer_replace_those_of_the_token() {
    // 47
    let (_upstream, server) = answering(|call| {
        let answer = &call.json()["query"]["answer"][0];
        Reply::typed("application/json", answer.as_str().expect("an answer"))
    });
    for (answer, may_join, may_send) in [
        ("{}", true, true),
        (r#"{"roles":null}"#, true, true),
        (r#"{"roles":[]}"#, false, false),
        (r#"{"roles":["webpubsub.sendToGroup.room"]}"#, false, true),
    ] {
        let (_, mut client) = connected(&format!("{}&answer={}", url(&server), http::query(answer)));
        for (request, may) in [
            (r#"{"type":"joinGroup","group":"room","ackId":1}"#, may_join),
            (
                r#"{"type":"sendToGroup","group":"room","noEcho":true,"dataType":"text","data":"","ackId":2}"#,
                may_send,
            ),
        ] {
            client.send_text(request);
            let ack: Value = serde_json::from_str(&client.next_text()).expect("JSON");
            assert_eq!(ack["success"], may, "{answer}: {ack}");
        }
    }
}

#[test]
fn groups_of_the_answer_replace_those_of_the_token() {
    // 48
    let (upstream, server) = answering(|call| {
        let answer = &call.json()["query"]["answer"][0];
        Reply::typed("application/json", answer.as_str().expect("an answer"))
    });
    for (answer, groups, not) in [
        (r#"{"groups":[]}"#, &["given"][..], &["a"][..]),
        (r#"{"groups":null}"#, &["given"], &["a"]),
        (r#"{"groups":["a","b ü"]}"#, &["a", "b%20%C3%BC"], &["given"]),
    ] {
        let (_, client) = connected(&format!("{}&answer={}", url(&server), http::query(answer)));
        for group in groups {
            assert!(exists(&server, &format!("groups/{group}")), "{answer} {group}");
        }
        for group in not {
            assert!(!exists(&server, &format!("groups/{group}")), "{answer} {group}");
        }
        drop(client);
        upstream.next_event("disconnected");
    }
}

#[test]
fn the_handler_selects_the_subprotocol() {
    // 49
    let (upstream, server) =
        answering(|call| Reply::json(&json!({"subprotocol": call.json()["query"]["s"][0]})));
    let connect = |offered: Option<&str>, selected: &str| {
        let url = format!("{}&s={selected}", server.client_url("chat", None, &[], &[]));
        RawClient::try_connect(&url, offered, &[])
    };
    let (mut json, head) =
        connect(Some("x.custom, json.webpubsub.azure.v1"), "json.webpubsub.azure.v1").expect("a client");
    assert!(head.contains("json.webpubsub.azure.v1"), "{head}");
    json.expect_connected();
    assert_eq!(upstream.next_event("connected").header("ce-subprotocol"), Some("json.webpubsub.azure.v1"));

    let (mut simple, head) =
        connect(Some("json.webpubsub.azure.v1, x.custom"), "x.custom").expect("a client");
    assert!(head.to_ascii_lowercase().contains("sec-websocket-protocol: x.custom\r\n"), "{head}");
    let connected = upstream.next_event("connected");
    assert_eq!(connected.header("ce-subprotocol"), Some("x.custom"));
    simple.send_text("plain");
    assert_eq!(upstream.next_event("message").text(), "plain", "a simple client");

    for offered in ["x.custom", "json.webpubsub.azure.v1, x.custom"] {
        let head = connect(Some(offered), "y.other").err().expect("it was not offered");
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    }
    // Without any offer an answer would be refused by every client; the choice is left out.
    let (mut simple, head) = connect(None, "y.other").expect("a client");
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-protocol"), "{head}");
    simple.send_text("simple");
    assert_eq!(upstream.next_event("message").text(), "simple");
}

#[test]
fn the_content_type_of_the_answer_is_ignored() {
    // 50
    for content_type in ["text/plain", "application/json; charset=utf-8", "nonsense"] {
        let (_upstream, server) = answering(move |_| Reply::typed(content_type, r#"{"userId":"bob"}"#));
        assert_eq!(connected(&url(&server)).0["userId"], "bob", "{content_type}");
    }
    let (_upstream, server) = answering(|_| Reply::status(200).body(r#"{"UserId":"bob"}"#));
    assert_eq!(connected(&url(&server)).0["userId"], "bob", "no type, and members in any case");
}

#[test]
fn a_refusal_reaches_the_client_as_its_status() {
    // 51
    let (upstream, server) = answering(|call| {
        let status = call.json()["query"]["status"][0].as_str().and_then(|status| status.parse().ok());
        Reply::status(status.expect("a status"))
            .header("X-Own: 1")
            .header("Set-Cookie: a=b")
            .body("secret detail")
    });
    for status in [400, 401, 403, 404, 409, 429] {
        let url = format!("{}&status={status}", url(&server));
        let head = RawClient::try_connect(&url, JSON, &[]).err().expect("a refusal");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(
            !head.contains("secret detail") && !head.contains("X-Own") && !head.contains("a=b"),
            "{head}"
        );
    }
    // Redirects are refusals too, and nobody follows them.
    let head = RawClient::try_connect(&format!("{}&status=302", url(&server)), JSON, &[]).err();
    assert!(head.is_some_and(|head| !head.contains("secret detail")));
    server.stop_and_take_log();
    assert!(upstream.calls().iter().all(|call| call.event() == "connect"), "{:#?}", upstream.calls());
    assert_eq!(upstream.calls().len(), 7, "none is retried");
}

#[test]
fn answers_that_make_no_sense_are_the_services_failure() {
    // 52
    const LIMIT: usize = 16 << 20;
    let padded = |length: usize| {
        let mut body = br#"{"userId":"bob"}"#.to_vec();
        body.resize(length, b' ');
        body
    };
    let bodies = vec![
        b"{".to_vec(),
        b"[]".to_vec(),
        b"\"ann\"".to_vec(),
        b"\xff".to_vec(),
        br#"{"groups":[null]}"#.to_vec(),
        br#"{"groups":[""]}"#.to_vec(),
        br#"{"groups":[" "]}"#.to_vec(),
        format!(r#"{{"groups":["{}"]}}"#, "g".repeat(1025)).into_bytes(),
        br#"{"roles":[null]}"#.to_vec(),
        br#"{"roles":"webpubsub.sendToGroup"}"#.to_vec(),
        br#"{"userId":1}"#.to_vec(),
        padded(LIMIT + 1),
        padded(LIMIT),
    ];
    let count = bodies.len();
    let turn = AtomicU32::new(0);
    let (upstream, server) = answering(move |_| {
        let turn = turn.fetch_add(1, Ordering::Relaxed) as usize;
        Reply::typed("application/json", bodies[turn].clone())
    });
    for turn in 0..count - 1 {
        assert!(refused(&server).starts_with("HTTP/1.1 500 "), "{turn}");
    }
    assert_eq!(connected(&url(&server)).0["userId"], "bob", "16 MiB are fine");
    upstream.next_event("connected");
    assert_eq!(upstream.events("connect").len(), count, "a bad answer is not asked for again");
    assert_eq!(upstream.events("connected").len(), 1);
}

#[test]
fn a_handler_that_stumbles_is_asked_again() {
    // 53
    let turn = AtomicU32::new(0);
    let (upstream, server) = answering(move |_| match turn.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::status(503),
        _ => Reply::json(&json!({"userId": "bob"})),
    });
    assert_eq!(connected(&url(&server)).0["userId"], "bob");
    let (first, second) = (upstream.next_event("connect"), upstream.next_event("connect"));
    assert_eq!((first.id(), first.client()), (0, second.client()));
    assert_eq!((first.headers, first.body), (second.headers, second.body), "the very same request");
}

#[test]
fn a_handler_that_keeps_failing_is_asked_four_times() {
    let (upstream, server) = answering(|_| Reply::status(503));
    assert!(refused(&server).starts_with("HTTP/1.1 503 "));
    assert_eq!(upstream.calls().len(), 4);
}

#[test]
fn the_state_goes_with_the_connection() {
    // 54
    let state = "eyJrZXkiOiJhIn0=";
    let (upstream, server) =
        answering(move |_| Reply::status(204).header(&format!("ce-connectionState: {state}")));
    let (_, mut client) = connected(&url(&server));
    assert_eq!(upstream.next_event("connect").header("ce-connectionState"), None);
    client.request(r#"{"type":"event","event":"e","dataType":"text","data":"","ackId":1}"#, 1);
    drop(client);
    for event in ["connected", "e", "disconnected"] {
        assert_eq!(upstream.next_event(event).header("ce-connectionState"), Some(state), "{event}");
    }
}

#[test]
fn a_cookie_goes_with_the_connection_that_got_it() {
    // 55
    let turn = AtomicU32::new(0);
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "connect" => {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            Reply::status(204)
                .header(&format!("Set-Cookie: affinity=n{turn}; Path=/; HttpOnly"))
                .header("Set-Cookie: elsewhere=1; Path=/other")
        }
        "bad" => Reply::status(400).header("Set-Cookie: affinity=bad; Path=/"),
        "good" => Reply::status(204).header("Set-Cookie: affinity=new; Path=/"),
        _ => Reply::status(204),
    });
    let clients: Vec<_> = (0..2).map(|_| connected(&url(&server))).collect();
    for (number, (message, mut client)) in clients.into_iter().enumerate() {
        let own = |call: &Call| call.header("ce-connectionId") == message["connectionId"].as_str();
        let cookie = |event: &str| {
            let call = upstream.next_where(event, |call| own(call) && call.event() == event);
            call.header("cookie").map(str::to_owned)
        };
        assert_eq!(cookie("connect"), None, "the client's cookies are in the body alone");
        let first = Some(format!("affinity=n{number}"));
        assert_eq!(cookie("connected"), first);
        for (ack, event) in ["e", "bad", "good"].iter().enumerate() {
            client.send_text(&format!(
                r#"{{"type":"event","event":"{event}","dataType":"text","data":"","ackId":{ack}}}"#
            ));
            client.next_text();
            assert_eq!(cookie(event), first, "a failure sets no cookie");
        }
        drop(client);
        assert_eq!(cookie("disconnected").as_deref(), Some("affinity=new"));
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_leaves_no_trace() {
    let (upstream, server) = answering(|call| match call.header("ce-userId") {
        Some("ann") => Reply::never(),
        _ => Reply::status(204),
    });
    let path = url(&server).split_once(server.authority()).expect("a path").1.to_owned();
    let mut waiting = http::Client::connect(&server);
    let upgrade = http::UPGRADE.join("\r\n");
    waiting
        .send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{upgrade}\r\n\r\n", server.authority()).as_bytes());
    upstream.next_event("connect");
    drop(waiting);
    upstream.wait_for_abandoned(1);
    assert!(!exists(&server, "users/ann"));
    connected(&server.client_url("chat", Some("bob"), &[], &[]));
    upstream.next_event("disconnected");
    assert!(
        upstream
            .calls()
            .iter()
            .all(|call| { call.event() == "connect" || call.header("ce-userId") == Some("bob") })
    );
}

#[test]
fn user_ids_that_no_header_can_carry_are_refused() {
    let (_upstream, server) = Upstream::serve(|call| match call.event() {
        "connect" => Reply::json(&json!({ "userId": "a\r\nX-Evil: 1" })),
        _ => Reply::status(204),
    });
    let path = |user: &str| {
        let url = server.client_url("chat", Some(user), &[], &[]);
        format!("/client{}", url.split_once("/client").expect("a path").1)
    };
    assert_eq!(http::handshake(&server, &path("ann"), &[]).status, 500);
    assert_eq!(http::handshake(&server, &path("a\nb"), &[]).status, 400);
}
