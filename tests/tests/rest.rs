//! Who may call the REST API and how: credentials, versions, routes, and HTTP itself.
//!
//! Numbers in comments are the cases of the REST reference that `docs/compatibility.md` lists.

use hublet_tests::http::{self, Answer, Client, bearer, call};
use hublet_tests::raw::RawClient;
use hublet_tests::token::{DEVELOPMENT_KEY, OTHER_KEY, OWN_KEY, now_s, signed, signed_with, unsigned};
use hublet_tests::{JSON, Server, new_folder};
use ring::hmac;
use serde_json::{Value, json};

const SEND: &str = "/api/hubs/chat/:send";
const TEXT: &str = "Content-Type: text/plain";
const VERSIONS: &str = "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";

/// A JSON client of the hub `chat`, past its `connected` message.
fn listener(server: &Server) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", Some("listener"), &[], &[]), JSON);
    client.expect_connected();
    client
}

fn from_server(text: &str) -> String {
    format!(r#"{{"type":"message","from":"server","dataType":"text","data":"{text}"}}"#)
}

/// Sends `text` to everybody with this token.
fn send(server: &Server, path: &str, token: &str, text: &str) -> Answer {
    http::request(server, "POST", path, &[TEXT, &bearer(token)], text.as_bytes())
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.authority())
}

fn token(aud: &str) -> String {
    signed(DEVELOPMENT_KEY, &json!({"aud": aud, "exp": now_s() + 60}))
}

/// Expects that nothing arrived at a client before this moment.
fn expect_nothing(server: &Server, client: &mut RawClient) {
    assert_eq!(call(server, "POST", SEND, &[TEXT], b"marker").status, 202);
    client.expect_text(&from_server("marker"));
}

#[test]
fn credentials_that_are_refused() {
    // 1-3, 5, 6, 18
    let server = Server::start();
    let mut client = listener(&server);
    let aud = url(&server, SEND);
    let claims = json!({"aud": aud, "exp": now_s() + 60});
    let good = signed(DEVELOPMENT_KEY, &claims);
    for (what, header) in [
        ("no header", "X: y".to_owned()),
        ("another scheme", "Authorization: Basic eDp5".to_owned()),
        ("no scheme", format!("Authorization: {good}")),
        ("no token", "Authorization: Bearer".to_owned()),
        ("another key", bearer(&signed(OWN_KEY, &claims))),
        ("alg none", bearer(&format!("{}.", unsigned(r#"{"alg":"none"}"#, &claims)))),
        (
            "RS256 with the key as secret",
            bearer(&signed_with(hmac::HMAC_SHA256, r#"{"alg":"RS256"}"#, DEVELOPMENT_KEY, &claims)),
        ),
        ("expired", bearer(&signed(DEVELOPMENT_KEY, &json!({"aud": aud, "exp": now_s() - 600})))),
        ("no expiry", bearer(&signed(DEVELOPMENT_KEY, &json!({ "aud": aud })))),
        (
            "not yet valid",
            bearer(&signed(
                DEVELOPMENT_KEY,
                &json!({"aud": aud, "exp": now_s() + 900, "nbf": now_s() + 600}),
            )),
        ),
        ("garbage", bearer("a.b.c")),
    ] {
        let answer = http::request(&server, "POST", SEND, &[TEXT, &header], b"refused");
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{what}");
        assert_eq!(answer.header("content-length"), Some("0"), "{what}");
        assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{what}");
    }
    let head = http::request(&server, "HEAD", "/api/hubs/chat/users/u", &[], b"");
    assert_eq!((head.status, head.header("www-authenticate")), (401, Some("Bearer")));
    // A token in the query is for clients only.
    assert_eq!(
        http::request(&server, "POST", &format!("{SEND}?access_token={good}"), &[TEXT], b"refused").status,
        401
    );
    expect_nothing(&server, &mut client);
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    // 4
    let server = Server::start();
    let mut client = listener(&server);
    let aud = url(&server, SEND);
    for claims in [
        json!({"aud": aud, "exp": now_s() - 120}),
        json!({"aud": aud, "exp": now_s() + 60, "nbf": now_s() + 240}),
    ] {
        assert_eq!(send(&server, SEND, &signed(DEVELOPMENT_KEY, &claims), "in time").status, 202, "{claims}");
        client.expect_text(&from_server("in time"));
    }
}

#[test]
fn the_audience_is_the_url_of_the_request() {
    // 7-13, 15, 17
    let server = Server::start();
    let mut client = listener(&server);
    let host = server.authority();
    let path = format!("{SEND}?api-version=2024-12-01&excluded=x");
    for (aud, status) in [
        (format!("http://{host}{path}"), 202),
        (format!("http://{host}{SEND}"), 202),
        (format!("http://{host}{SEND}?something=else"), 202),
        (format!("http://{host}{SEND}/"), 202),
        (format!("https://{host}{SEND}"), 202),
        (format!("wss://{host}{SEND}"), 202),
        (format!("HTTP://{host}/API/Hubs/Chat/:SEND"), 202),
        (format!("http://{host}/api/hubs/chat/%3Asend"), 202),
        (format!("ftp://{host}{SEND}"), 401),
        (format!("http://{host}/api/hubs/other/:send"), 401),
        (format!("http://{host}/api/hubs/chat"), 401),
        (format!("http://{host}{SEND}/child"), 401),
        (format!("http://{host}{SEND}Suffix"), 401),
        (format!("http://{host}/api/hubs/chat/groups/g/:send"), 401),
        (format!("http://{host}"), 401),
        (format!("http://other.example{SEND}"), 401),
        // A client's token is none for app servers.
        (format!("http://{host}/client/hubs/chat"), 401),
    ] {
        assert_eq!(send(&server, &path, &token(&aud), "x").status, status, "{aud}");
        if status == 202 {
            client.expect_text(&from_server("x"));
        }
    }
    expect_nothing(&server, &mut client);
    // As the JavaScript SDK writes a hub `chat[1]` and a group `a/b + 你好?#%`.
    let path =
        "/api/hubs/chat%5B1%5D/groups/a%2Fb%20%2B%20%E4%BD%A0%E5%A5%BD%3F%23%25/:send?api-version=2024-12-01";
    assert_eq!(send(&server, path, &token(&url(&server, path)), "x").status, 202);
}

#[test]
fn both_keys_and_public_endpoints() {
    // 14, 16
    let keys = format!("{OWN_KEY},{OTHER_KEY}");
    let arguments =
        ["--listen", "127.0.0.1:0", "--production", "--public-endpoint", "https://ws.example.com"];
    let server = Server::start_in(new_folder(), &arguments, &[("HUBLET_ACCESS_KEYS", &keys)]);
    let call = |key: &str, host: &str| {
        let token = signed(key, &json!({"aud": format!("https://{host}{SEND}"), "exp": now_s() + 60}));
        send(&server, SEND, &token, "x").status
    };
    for key in [OWN_KEY, OTHER_KEY] {
        assert_eq!(call(key, "ws.example.com"), 202);
        assert_eq!(call(key, server.authority()), 202);
        assert_eq!(call(key, "other.example.com"), 401);
        assert_eq!(call(key, &server.authority().replace("127.0.0.1", "localhost")), 401);
    }
    assert_eq!(call(DEVELOPMENT_KEY, "ws.example.com"), 401, "everybody has this key");
}

#[test]
fn health_needs_no_token() {
    // 21
    let server = Server::start();
    for path in ["/api/health", "/api/health?api-version=2024-12-01", "/API/Health/", "/health", "/ready"] {
        for (method, token) in [("HEAD", "X: y"), ("GET", "X: y"), ("HEAD", "Authorization: Bearer nonsense")]
        {
            let answer = http::request(&server, method, path, &[token], b"");
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method} {path}");
            assert_eq!(answer.header("api-supported-versions"), None);
            assert_eq!(answer.header("content-length"), Some("0"));
        }
    }
    let answer = http::request(&server, "POST", "/api/health", &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn five_versions_are_served() {
    // 22-25
    let server = Server::start();
    let mut client = listener(&server);
    let with = |query: &str| http::head(&server, &format!("/api/hubs/chat/connections/x{query}"));
    for query in VERSIONS.split(", ").map(|version| format!("?api-version={version}")) {
        let answer = with(&query);
        assert_eq!(
            (answer.status, answer.header("api-supported-versions")),
            (404, Some(VERSIONS)),
            "{query}"
        );
        let shouting = with(&query.replace("api-version", "API-Version"));
        assert_eq!((shouting.status, shouting.header("api-supported-versions")), (404, Some(VERSIONS)));
        assert_eq!(answer.headers.len(), with("").headers.len());
    }
    assert_eq!(with("").status, 404);
    for query in [
        "?api-version=2099-01-01",
        "?api-version=2024-12-01&api-version=2024-12-01",
        "?api-version=2024-12-01,2024-01-01",
        "?api-version=2021-05-01-preview",
        "?api-version=",
    ] {
        let answer = call(&server, "POST", &format!("{SEND}{query}"), &[TEXT], b"refused");
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.header("x-ms-error-code"), Some("UnsupportedApiVersion"), "{query}");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{query}");
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["error"]["code"], "UnsupportedApiVersion", "{query}");
        assert_eq!(body["error"]["innerError"], Value::Null, "{query}");
        let message = body["error"]["message"].as_str().expect("a text");
        let uri = format!("request URI 'http://{}{SEND}' does", server.authority());
        assert!(message.contains(&uri), "{message}");
    }
    expect_nothing(&server, &mut client);
}

#[test]
fn paths_are_read_with_tolerance() {
    // 27-30
    let server = Server::start();
    let mut client = listener(&server);
    let long = format!("/api/hubs/{}/:send", "h".repeat(128));
    for path in [
        "/api/hubs/chat/%3Asend",
        "/api/hubs/chat/:SEND",
        "/api/hubs/CHAT/:send",
        "/API/Hubs/chat/:send/",
        "/api/hubs/%63hat/%3a%73end",
    ] {
        assert_eq!(call(&server, "POST", path, &[TEXT], b"x").status, 202, "{path}");
        client.expect_text(&from_server("x"));
    }
    assert_eq!(call(&server, "POST", &long, &[TEXT], b"x").status, 202);
    for hub in ["1bad", "a b", "a%20b", "h%C3%BCb", "%ff", &"h".repeat(129)] {
        let hub = hub.replace(' ', "%20");
        let answer = call(&server, "POST", &format!("/api/hubs/{hub}/:send"), &[TEXT], b"x");
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (400, Some("Error.BadRequest")),
            "{hub}"
        );
        assert_eq!(answer.header("api-supported-versions"), None);
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&body["target"], &body["status"]), (&json!("hub"), &json!(400)));
        assert_eq!(body["errors"]["hub"][0], body["message"]);
        assert_eq!(body["title"], "One or more validation errors occurred.");
    }
    for path in [
        "/api/hubs/chat/",
        "/api/hubs/chat",
        "/api/hubs/chat/send",
        "/api/hubs/chat/:send/more",
        "/api/hubs/chat/:unknown",
        "/api/hubs/chat/groups",
        "/api/hubs/chat/groups/g/users/u",
        "/api/hubs/",
        "/api/hubs",
        "/api/nothing",
        "/nothing",
    ] {
        assert_eq!(call(&server, "POST", path, &[TEXT], b"x").status, 404, "{path}");
    }
    expect_nothing(&server, &mut client);
}

#[test]
fn other_methods_are_told_which_there_are() {
    let server = Server::start();
    for (method, path, allow) in [
        ("GET", SEND, "POST"),
        ("PUT", "/api/hubs/chat/:generateToken", "POST"),
        ("GET", "/api/hubs/chat/connections/c", "HEAD, DELETE"),
        ("DELETE", "/api/hubs/chat/users/u", "HEAD"),
        ("POST", "/api/hubs/chat/groups/g", "HEAD"),
        ("POST", "/api/hubs/chat/groups/g/connections/c", "PUT, DELETE"),
        ("HEAD", "/api/hubs/chat/users/u/groups/g", "PUT, DELETE"),
        ("GET", "/api/hubs/chat/users/u/:send", "POST"),
        ("GET", "/api/hubs/chat/groups/g/:closeConnections", "POST"),
        ("OPTIONS", SEND, "POST"),
    ] {
        let answer = call(&server, method, path, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(answer.body, "");
    }
}

/// A service with these lines of configuration.
fn configured(toml: &str) -> Server {
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), toml).expect("a file to write");
    Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[])
}

#[test]
fn newer_operations_need_a_newer_version_where_that_is_asked_for() {
    // 26
    let strict = configured("[rest]\nstrict_api_versions = true\n");
    let lenient = Server::start();
    let version_before = |since: &str| {
        let at = VERSIONS.split(", ").position(|known| known == since).expect("a version");
        VERSIONS.split(", ").nth(at.wrapping_sub(1))
    };
    for (method, path, since, status) in [
        ("DELETE", "connections/x/groups", "2022-11-01", 204),
        ("POST", ":addToGroups", "2023-07-01", 200),
        ("POST", ":removeFromGroups", "2023-07-01", 200),
        ("GET", "groups/g/connections", "2024-12-01", 200),
        ("DELETE", "users/u/groups", "2021-10-01", 204),
        ("HEAD", "users/u", "2021-10-01", 404),
    ] {
        let ask = |server: &Server, version: Option<&str>| {
            let query = version.map(|version| format!("?api-version={version}")).unwrap_or_default();
            let path = format!("/api/hubs/chat/{path}{query}");
            call(server, method, &path, &["Content-Type: application/json"], br#"{"groups":["g"]}"#)
        };
        for version in [None, Some(since), Some("2024-12-01")] {
            assert_eq!(ask(&strict, version).status, status, "{method} {path} {version:?}");
        }
        if let Some(older) = version_before(since) {
            assert_eq!(ask(&lenient, Some(older)).status, status, "{method} {path}");
            let answer = ask(&strict, Some(older));
            assert_eq!(
                (answer.status, answer.header("x-ms-error-code")),
                (400, Some("UnsupportedApiVersion"))
            );
            let body: Value = serde_json::from_str(&answer.body).expect("JSON");
            let message = body["error"]["message"].as_str().expect("a text");
            assert!(message.ends_with(&format!("does not support the API version '{older}'.")), "{message}");
        }
    }
}

#[test]
fn escaped_slashes_stay_where_that_is_asked_for() {
    let server = configured("[rest]\nlegacy_path_decoding = true\n");
    let mut slash = RawClient::connect(&server.client_url("chat", Some("u/v"), &[], &["a/b"]), JSON);
    let id = slash.expect_connected();
    let mut escaped =
        RawClient::connect(&server.client_url("chat", Some("u%2Fv"), &[], &["a%2Fb", "c%2fd e"]), JSON);
    escaped.expect_connected();
    for path in ["groups/a%2Fb", "users/u%2Fv", "groups/c%2fd%20e"] {
        assert_eq!(call(&server, "POST", &format!("/api/hubs/chat/{path}/:send"), &[TEXT], b"x").status, 202);
        assert!(escaped.next_text().contains(r#""data":"x""#), "{path}");
    }
    slash.expect_silence();
    // What stands in a query or a body never was a part of a path.
    let path = format!("/api/hubs/chat/permissions/joinLeaveGroup/connections/{id}?targetName=a%2Fb");
    assert_eq!(call(&server, "PUT", &path, &[], b"").status, 200);
    slash.request(r#"{"type":"leaveGroup","group":"a/b","ackId":1}"#, 1);
    let body = br#"{"groups":["a/b"],"filter":"userId eq 'u/v'"}"#;
    let add = call(&server, "POST", "/api/hubs/chat/:addToGroups", &["Content-Type: application/json"], body);
    assert_eq!(add.status, 200);
    slash.request(r#"{"type":"leaveGroup","group":"a/b","ackId":2}"#, 2);
    escaped.expect_silence();
}

#[test]
fn requests_beyond_the_rate_are_told_to_come_back() {
    // 115
    let server = Server::start_with(&["--rest-requests-per-second", "5"]);
    let mut client = listener(&server);
    let authorization = http::authorization(&server, SEND);
    let mut http = Client::connect(&server);
    // Bounded: a machine so slow that no six requests fall into a second would be the failure.
    let answers: Vec<Answer> =
        (0..200).map(|_| http.request("POST", SEND, &[TEXT, &authorization], b"x")).collect();
    let refused = answers.iter().find(|answer| answer.status != 202).expect("200 are not within the rate");
    assert_eq!(
        (refused.status, refused.header("retry-after"), refused.header("x-ms-error-code")),
        (429, Some("1"), Some("Error.TooManyRequests"))
    );
    assert_eq!(refused.header("content-type"), Some("application/json; charset=utf-8"));
    let body: Value = serde_json::from_str(&refused.body).expect("JSON");
    assert_eq!((&body["code"], &body["target"]), (&json!("Error.TooManyRequests"), &json!("Request")));
    assert!(body["message"].is_string() && body["details"].is_null() && body["inner"].is_null());
    let sent = answers.iter().filter(|answer| answer.status == 202).count();
    assert!(sent >= 5, "{sent}");
    for _ in 0..sent {
        client.expect_text(&from_server("x"));
    }
    // Whoever has no right to ask costs nobody a turn, and health is not limited.
    for _ in 0..20 {
        let bad = bearer("a.b.c");
        assert_eq!(http.request("POST", SEND, &[TEXT, &bad], b"x").status, 401);
        assert_eq!(http.request("HEAD", "/api/health", &[], b"").status, 200);
    }
    // And in a moment it goes on; what was refused was never sent.
    while http.request("POST", SEND, &[TEXT, &authorization], b"later").status == 429 {}
    client.expect_text(&from_server("later"));
}

#[test]
fn connections_are_kept_closed_and_pipelined() {
    let server = Server::start();
    let mut client = listener(&server);
    let authorization = http::authorization(&server, SEND);
    let request = |version: &str, more: &str, text: &str| {
        format!(
            "POST {SEND} HTTP/{version}\r\nHost: {}\r\n{authorization}\r\n{TEXT}\r\n{more}Content-Length: {}\r\n\r\n{text}",
            server.authority(),
            text.len()
        )
    };
    let mut kept = Client::connect(&server);
    for text in ["one", "two", "three"] {
        kept.send(request("1.1", "", text).as_bytes());
        let answer = kept.answer("POST");
        assert_eq!((answer.status, answer.header("connection")), (202, None));
        client.expect_text(&from_server(text));
    }
    // 53, and answers in order.
    kept.send(
        [
            request("1.1", "", "four"),
            request("1.1", "", "five"),
            request("1.1", "Connection: close\r\n", "six"),
        ]
        .concat()
        .as_bytes(),
    );
    for close in [None, None, Some("close")] {
        let answer = kept.answer("POST");
        assert_eq!((answer.status, answer.header("connection")), (202, close));
    }
    kept.expect_end();
    for text in ["four", "five", "six"] {
        client.expect_text(&from_server(text));
    }
    let old = http::exchange(&server, request("1.0", "", "seven").as_bytes());
    assert!(old.starts_with("HTTP/1.0 202 "), "{old}");
    client.expect_text(&from_server("seven"));
    // What follows a refused body is a request again, or the end; never the rest of the body.
    let mut refused = Client::connect(&server);
    let body = format!("{}GET /api/health HTTP/1.1\r\n\r\n", "x".repeat(1 << 19));
    let bad = bearer("a.b.c");
    assert_eq!(refused.request("POST", SEND, &[TEXT, &bad], body.as_bytes()).status, 401);
    assert_eq!(refused.request("POST", SEND, &[TEXT, &authorization], b"eight").status, 202);
    client.expect_text(&from_server("eight"));
}

#[test]
fn answers_carry_no_surprise() {
    let server = Server::start();
    let answer =
        call(&server, "POST", SEND, &[TEXT, "x-ms-client-request-id: 7", "Accept: application/xml"], b"x");
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("content-length"), Some("0"));
    assert_eq!(answer.header("api-supported-versions"), Some(VERSIONS));
    assert!(answer.header("date").is_some());
    for absent in
        ["content-type", "server", "x-ms-client-request-id", "strict-transport-security", "x-ms-error-code"]
    {
        assert_eq!(answer.header(absent), None, "{absent}");
    }
}
