//! Tokens of clients: which are good, which are not, and what is in them.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.

use hublet_tests::http::{self, Answer, handshake};
use hublet_tests::raw::RawClient;
use hublet_tests::token::{
    DEVELOPMENT_KEY, HEADER, OTHER_KEY, OWN_KEY, now_s, signed, signed_with, unsigned,
};
use hublet_tests::{JSON, Server, new_folder};
use ring::hmac;
use serde_json::{Value, json};

/// The answer to a handshake with the hub `chat`.
fn show(server: &Server, token: &str) -> Answer {
    handshake(server, &format!("/client/hubs/chat?access_token={token}"), &[])
}

fn audience(server: &Server) -> String {
    format!("http://{}/client/hubs/chat", server.authority())
}

/// Good claims with some replaced; `null` takes one away.
fn claims(server: &Server, changes: &Value) -> Value {
    let mut claims = json!({"aud": audience(server), "exp": now_s() + 60});
    for (name, value) in changes.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    claims
}

fn token(server: &Server, changes: &Value) -> String {
    signed(DEVELOPMENT_KEY, &claims(server, changes))
}

fn client(server: &Server, changes: &Value) -> RawClient {
    let token = token(server, changes);
    RawClient::connect(&format!("ws://{}/client/hubs/chat?access_token={token}", server.authority()), JSON)
}

/// A service in production with two keys of its own, known under a public name.
fn production() -> Server {
    let keys = format!("{OWN_KEY},{OTHER_KEY}");
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--production",
        "--public-endpoint",
        "https://ws.example.com,http://[2001:db8::1]:81",
    ];
    Server::start_in(new_folder(), &arguments, &[("HUBLET_ACCESS_KEYS", &keys)])
}

#[test]
fn tokens_that_nobody_here_signed_are_refused() {
    // 16, 17
    let server = Server::start();
    let claims = claims(&server, &json!({}));
    let good = signed(DEVELOPMENT_KEY, &claims);
    let (input, _) = good.rsplit_once('.').expect("a signature");
    let admin = claims.as_object().expect("claims").clone();
    let mut admin = Value::Object(admin);
    admin["role"] = json!("webpubsub.sendToGroup");
    let (_, signature) = good.rsplit_once('.').expect("a signature");
    for (what, token) in [
        ("another key", signed(OWN_KEY, &claims)),
        ("no signature", format!("{input}.")),
        ("no third part", input.to_owned()),
        ("alg none", format!("{}.", unsigned(r#"{"alg":"none"}"#, &claims))),
        ("alg none, signed", signed_with(hmac::HMAC_SHA256, r#"{"alg":"none"}"#, DEVELOPMENT_KEY, &claims)),
        (
            "RS256 with the key as secret",
            signed_with(hmac::HMAC_SHA256, r#"{"alg":"RS256"}"#, DEVELOPMENT_KEY, &claims),
        ),
        ("HS512", signed_with(hmac::HMAC_SHA512, r#"{"alg":"HS512"}"#, DEVELOPMENT_KEY, &claims)),
        ("HS512 that says HS256", signed_with(hmac::HMAC_SHA512, HEADER, DEVELOPMENT_KEY, &claims)),
        ("no algorithm", signed_with(hmac::HMAC_SHA256, "{}", DEVELOPMENT_KEY, &claims)),
        ("changed claims", format!("{}.{signature}", unsigned(HEADER, &admin))),
        ("a changed signature", format!("{good}A")),
        ("no token", "abc".to_owned()),
        ("dots", "..".to_owned()),
    ] {
        let answer = show(&server, &token);
        assert_eq!(answer.status, 401, "{what}");
        assert!(
            answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer error=")),
            "{what}"
        );
        let longest = token.split('.').max_by_key(|part| part.len()).unwrap_or_default();
        assert!(longest.is_empty() || !answer.body.contains(longest), "{what}: {}", answer.body);
    }
    let none = handshake(&server, "/client/hubs/chat", &[]);
    assert_eq!((none.status, none.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(show(&server, &good).status, 101);
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    // 19-21
    let server = Server::start();
    let now = now_s();
    for (changes, status) in [
        (json!({"exp": now - 360}), 401),
        (json!({"exp": now - 240}), 101),
        (json!({"exp": now + 60, "nbf": now + 600}), 401),
        (json!({"exp": now + 60, "nbf": now + 240}), 101),
        (json!({"exp": now + 60, "nbf": now - 600, "iat": now + 10_000, "iss": "anybody", "kid": 1}), 101),
        (json!({"exp": null}), 401),
        (json!({"exp": "tomorrow"}), 401),
        (json!({"exp": now as f64 + 60.5}), 101),
        (json!({"nbf": null}), 101),
    ] {
        assert_eq!(show(&server, &token(&server, &changes)).status, status, "{changes}");
    }
}

#[test]
fn the_audience_is_the_address_of_the_hub() {
    // 22
    let server = Server::start();
    let host = server.authority();
    for (aud, status) in [
        (format!("ws://{host}/client/hubs/chat"), 101),
        (format!("wss://{host}/client/hubs/chat"), 101),
        (format!("https://{host}/client/hubs/chat"), 101),
        (format!("HTTP://{host}/CLIENT/Hubs/CHAT/"), 101),
        (format!("http://{host}/client/hubs/chat?x=y"), 101),
        (format!("ftp://{host}/client/hubs/chat"), 401),
        (format!("http://{host}/client/hubs/chatter"), 401),
        (format!("http://{host}/client/hubs/other"), 401),
        (format!("http://{host}/client/hubs"), 401),
        (format!("http://{host}/client/hubs/chat/more"), 401),
        (format!("http://{host}"), 401),
        (format!("http://{host}client/hubs/chat"), 401),
        ("http://example.com/client/hubs/chat".to_owned(), 401),
        ("http://127.0.0.1/client/hubs/chat".to_owned(), 401),
        (String::new(), 401),
    ] {
        assert_eq!(show(&server, &token(&server, &json!({"aud": aud}))).status, status, "{aud}");
    }
    let good = audience(&server);
    assert_eq!(show(&server, &token(&server, &json!({"aud": ["http://other/", good]}))).status, 101);
    for aud in [json!([]), json!(null), json!(["http://other/"]), json!(7)] {
        assert_eq!(show(&server, &token(&server, &json!({ "aud": aud }))).status, 401, "{aud}");
    }
    // A name that needs escapes, in both spellings.
    for aud in ["chat[1]", "chat%5B1%5D"] {
        let aud = format!("http://{host}/client/hubs/{aud}");
        let token = token(&server, &json!({ "aud": aud }));
        for hub in ["chat[1]", "Chat%5b1%5D"] {
            let answer = handshake(&server, &format!("/client/hubs/{hub}?access_token={token}"), &[]);
            assert_eq!(answer.status, 101, "{aud} {hub}");
        }
    }
}

#[test]
fn loopback_names_are_one_host_in_development_only() {
    let with_host = |server: &Server, aud: &str, host: &str, key: &str| {
        let port = server.authority().rsplit_once(':').expect("a port").1.to_owned();
        let aud = format!("http://{aud}:{port}/client/hubs/chat");
        let token = signed(key, &json!({"aud": aud, "exp": now_s() + 60}));
        let path = format!("/client/hubs/chat?access_token={token}");
        handshake(server, &path, &[&format!("Host: {host}:{port}")]).status
    };
    let development = Server::start();
    for (aud, host, status) in [
        ("localhost", "127.0.0.1", 101),
        ("127.0.0.1", "localhost", 101),
        ("[::1]", "LOCALHOST", 101),
        ("localhost", "[::1]", 101),
        ("example.com", "127.0.0.1", 401),
        // Everybody has the key, so only names of this machine are good.
        ("localhost", "example.com", 403),
        ("example.com", "example.com", 403),
    ] {
        assert_eq!(with_host(&development, aud, host, DEVELOPMENT_KEY), status, "{aud} {host}");
    }
    let production = production();
    assert_eq!(with_host(&production, "127.0.0.1", "127.0.0.1", OWN_KEY), 101);
    assert_eq!(with_host(&production, "localhost", "127.0.0.1", OWN_KEY), 401);
    // Whatever the client calls the service, as long as its token says the same.
    assert_eq!(with_host(&production, "example.com", "example.com", OWN_KEY), 101);
}

#[test]
fn own_keys_and_public_endpoints() {
    // 18
    let server = production();
    let show = |key: &str, aud: &str| {
        let token = signed(key, &json!({"aud": format!("{aud}/client/hubs/chat"), "exp": now_s() + 60}));
        show(&server, &token).status
    };
    for key in [OWN_KEY, OTHER_KEY] {
        assert_eq!(show(key, &format!("http://{}", server.authority())), 101);
        assert_eq!(show(key, "https://WS.example.com"), 101);
        assert_eq!(show(key, "wss://ws.example.com:443"), 101);
        assert_eq!(show(key, "http://[2001:DB8::1]:81"), 101);
        assert_eq!(show(key, "http://[2001:db8::1]:82"), 401);
        assert_eq!(show(key, "https://example.com"), 401);
    }
    assert_eq!(show(DEVELOPMENT_KEY, "https://ws.example.com"), 401, "everybody has this key");
    assert_eq!(server.facts("connection string").count(), 0, "keys that were configured are not shown");
    assert_eq!(server.facts("client access URL").count(), 0);
}

#[test]
fn the_token_travels_in_the_query_or_in_a_header() {
    // 23, 24
    let server = Server::start();
    let good = token(&server, &json!({}));
    let bad = token(&server, &json!({"exp": 1}));
    let (good_header, bad_header) = (http::bearer(&good), http::bearer(&bad));
    for (query, header, status) in [
        ("", good_header.as_str(), 101),
        ("", &good_header.replace("Bearer", "bEARER"), 101),
        ("", &bad_header, 401),
        ("", &good_header.replace("Bearer", "Basic"), 401),
        ("?access_token=", &good_header, 101),
        (&format!("?access_token={good}"), &bad_header, 101),
        (&format!("?access_token={bad}"), &good_header, 401),
        (&format!("?ACCESS_TOKEN={good}"), "X: y", 101),
        (&format!("?x=1&Access_Token={good}&y=2"), "X: y", 101),
    ] {
        assert_eq!(
            handshake(&server, &format!("/client/hubs/chat{query}"), &[header]).status,
            status,
            "{query} {header}"
        );
    }
}

#[test]
fn roles_and_groups_come_as_one_or_many() {
    // 26
    let server = Server::start();
    for (role, group, has_room) in [
        (json!("webpubsub.sendToGroup"), json!("room"), true),
        (json!(["webpubsub.sendToGroup"]), json!(["room"]), true),
        (
            json!(["webpubsub.joinLeaveGroup", "nonsense", "webpubsub.sendToGroup.room"]),
            json!(["other", "room"]),
            true,
        ),
        (json!("webpubsub.sendToGroup"), json!([]), false),
        (json!(["webpubsub.sendToGroups.r?om"]), json!(null), false),
    ] {
        let mut client = client(&server, &json!({"role": role, "webpubsub.group": group}));
        client.expect_connected();
        client.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x","ackId":1}"#);
        if has_room {
            assert!(client.next_text().contains(r#""group":"room""#), "{role} {group}");
        }
        client.expect_text(r#"{"type":"ack","ackId":1,"success":true}"#);
        client.send_close(hublet_wire::ws::CloseCode::NORMAL, "");
    }
    let mut nothing = client(&server, &json!({"role": [], "webpubsub.group": []}));
    nothing.expect_connected();
    nothing.send_text(r#"{"type":"sendToGroup","group":"room","data":1,"ackId":1}"#);
    assert!(nothing.next_text().contains(r#""name":"Forbidden""#));
    for wrong in [json!({"role": 1}), json!({"webpubsub.group": [1]}), json!({"sub": ["a"]})] {
        assert_eq!(show(&server, &token(&server, &wrong)).status, 401, "{wrong}");
    }
}

#[test]
fn group_names_in_tokens_are_checked() {
    // 27
    let server = Server::start_with(&["--groups-per-connection", "3"]);
    for groups in [json!("g".repeat(1_025)), json!(["fine", ""]), json!(" \t"), json!(["ü".repeat(1_025)])] {
        let answer = show(&server, &token(&server, &json!({"webpubsub.group": groups})));
        assert_eq!((answer.status, answer.body.as_str()), (400, "The token contains an invalid group name."));
    }
    for (groups, status) in [
        (json!("g".repeat(1_024)), 101),
        (json!("ü".repeat(1_024)), 101),
        (json!(["a", "b", "c"]), 101),
        (json!(["a", "b", "c", "d"]), 400),
    ] {
        assert_eq!(show(&server, &token(&server, &json!({"webpubsub.group": groups}))).status, status);
    }
}

#[test]
fn user_ids_are_shown_as_they_are() {
    let server = Server::start();
    for user in ["a/b", "a+b c", "ü 你好 🦀", "%2F", "\"quoted\"\\", "x=y&z;#?", "a\u{1}b"] {
        let roles = json!({"sub": user, "role": "webpubsub.sendToGroup", "webpubsub.group": "room"});
        let mut client = client(&server, &roles);
        let connected: Value = serde_json::from_str(&client.next_text()).expect("JSON");
        assert_eq!(connected["userId"], user);
        client.send_text(r#"{"type":"sendToGroup","group":"room","data":1}"#);
        let message: Value = serde_json::from_str(&client.next_text()).expect("JSON");
        assert_eq!(message["fromUserId"], user);
    }
}

#[test]
fn a_connection_outlives_its_token() {
    // 25
    let server = Server::start();
    // Within the tolerance for one more second.
    let short = token(&server, &json!({"exp": now_s() - 299}));
    let mut client = RawClient::connect(
        &format!("ws://{}/client/hubs/chat?access_token={short}", server.authority()),
        JSON,
    );
    client.expect_connected();
    while show(&server, &short).status == 101 {
        std::thread::yield_now();
    }
    assert_eq!(show(&server, &short).status, 401);
    client.expect_silence();
}
