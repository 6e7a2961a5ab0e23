//! What a REST send becomes at clients: types, charsets, sizes, receivers, order.
//!
//! Numbers in comments are the cases of the REST reference that `docs/compatibility.md` lists.

use hublet_tests::http::{self, Answer, Client, call};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::{JSON, Server};
use serde_json::{Value, json};

const TEXT: &str = "Content-Type: text/plain";
const HUB: &str = "/api/hubs/chat";
const MIB: usize = 1 << 20;

/// A JSON client and its id.
fn client(server: &Server, user: Option<&str>, groups: &[&str]) -> (RawClient, String) {
    let mut client = RawClient::connect(&server.client_url("chat", user, &[], groups), JSON);
    let id = client.expect_connected();
    (client, id)
}

fn send(server: &Server, path: &str, text: &str) -> Answer {
    call(server, "POST", &format!("{HUB}{path}"), &[TEXT], text.as_bytes())
}

fn from_server(kind: &str, data: &str) -> String {
    format!(r#"{{"type":"message","from":"server","dataType":"{kind}","data":{data}}}"#)
}

fn from_group(group: &str, text: &str) -> String {
    format!(
        r#"{{"type":"message","from":"group","group":"{group}","fromUserId":null,"dataType":"text","data":"{text}"}}"#
    )
}

/// A service with a JSON and a simple client.
struct Both {
    server: Server,
    json: RawClient,
    simple: RawClient,
}

impl Both {
    fn start() -> Self {
        let server = Server::start();
        let (json, _) = client(&server, Some("json"), &[]);
        let simple = RawClient::connect(&server.client_url("chat", Some("simple"), &[], &[]), None);
        Self { server, json, simple }
    }

    fn send(&self, headers: &[&str], body: &[u8]) -> Answer {
        call(&self.server, "POST", &format!("{HUB}/:send"), headers, body)
    }

    /// Expects that a message arrived nowhere.
    fn expect_nothing(&mut self) {
        assert_eq!(self.send(&[TEXT], b"marker").status, 202);
        self.json.expect_text(&from_server("text", r#""marker""#));
        self.simple.expect_text("marker");
    }
}

#[test]
fn a_body_arrives_as_its_content_type_says() {
    // 31-34, 37, 38, 41
    let mut both = Both::start();
    let utf16: Vec<u8> = "hü 🦀".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_json: Vec<u8> = "{\"a\":\"ü\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (content_type, body, kind, data, simple) in [
        ("text/plain", &b"Hello"[..], "text", r#""Hello""#, Message::Text("Hello".into())),
        (
            "text/plain; charset=utf-8",
            "ü \"q\"\n".as_bytes(),
            "text",
            r#""ü \"q\"\n""#,
            Message::Text("ü \"q\"\n".into()),
        ),
        ("TEXT/Plain;charset=\"UTF-8\"", b"x", "text", r#""x""#, Message::Text("x".into())),
        ("text/plain", b"", "text", r#""""#, Message::Text(String::new())),
        ("text/plain; charset=utf-16", &utf16, "text", r#""hü 🦀""#, Message::Text("hü 🦀".into())),
        (
            "application/json; charset=utf-16be",
            &utf16_json,
            "json",
            "{\"a\":\"ü\"}",
            Message::Text("{\"a\":\"ü\"}".into()),
        ),
        ("text/plain; charset=iso-8859-1", b"\xfc", "text", r#""ü""#, Message::Text("ü".into())),
        (
            "application/json",
            br#"{"hello":"world"}"#,
            "json",
            r#"{"hello":"world"}"#,
            Message::Text(r#"{"hello":"world"}"#.into()),
        ),
        (
            "application/json",
            br#"{"b": 1, "a": 1.50}"#,
            "json",
            r#"{"b": 1, "a": 1.50}"#,
            Message::Text(r#"{"b": 1, "a": 1.50}"#.into()),
        ),
        ("application/json", br#""plain""#, "json", r#""plain""#, Message::Text(r#""plain""#.into())),
        ("application/json", b"null", "json", "null", Message::Text("null".into())),
        ("application/octet-stream", b"\x05\x01\x01", "binary", r#""BQEB""#, Message::Binary(vec![5, 1, 1])),
        ("application/octet-stream", b"", "binary", r#""""#, Message::Binary(Vec::new())),
    ] {
        let answer = both.send(&[&format!("Content-Type: {content_type}")], body);
        assert_eq!(
            (answer.status, answer.header("content-length"), answer.body.as_str()),
            (202, Some("0"), "")
        );
        both.json.expect_text(&from_server(kind, data));
        assert_eq!(both.simple.next(), simple, "{content_type}");
    }
    for headers in [&[][..], &["Content-Type:"]] {
        assert_eq!(both.send(headers, b"\x05\x01\x01").status, 202, "without a type it is bytes");
        both.json.expect_text(&from_server("binary", r#""BQEB""#));
        assert_eq!(both.simple.next(), Message::Binary(vec![5, 1, 1]));
    }
}

#[test]
fn bodies_that_cannot_be_sent_are_refused() {
    // 35, 36
    let mut both = Both::start();
    for (content_type, body) in [
        ("application/json", &b"{"[..]),
        ("application/json", b""),
        ("application/json", b"{} {}"),
        ("application/json", b"'a'"),
        ("application/json", b"\"\xff\""),
        ("text/plain", b"\xff"),
        ("text/plain; charset=utf-16", b"\0"),
        ("text/plain; charset=utf-16", b"\0\xd8"),
    ] {
        let answer = both.send(&[&format!("Content-Type: {content_type}")], body);
        assert_eq!((answer.status, answer.header("x-ms-error-code")), (400, Some("Error.BadRequest")));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        let error: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&error["code"], &error["target"]), (&"Error.BadRequest".into(), &"Request".into()));
    }
    let invalid = both.send(&["Content-Type: application/json"], b"{");
    assert_eq!(
        invalid.body,
        r#"{"code":"Error.BadRequest","message":"The request body is not a valid JSON.","target":"Request","details":null,"inner":null}"#
    );
    for content_type in [
        "application/xml",
        "text/html",
        ";",
        "text/plain; charset=klingon",
        "text/plain; charset=\"",
        "multipart/form-data",
    ] {
        let answer = both.send(&[&format!("Content-Type: {content_type}")], b"x");
        assert_eq!((answer.status, answer.body.as_str()), (415, ""), "{content_type}");
    }
    assert_eq!(both.send(&[TEXT, "Content-Type: application/json"], b"1").status, 415, "two types");
    for encoding in ["gzip", "BR", "identity, gzip", "identity\r\nContent-Encoding: deflate"] {
        for content_type in [TEXT, "Content-Type: application/octet-stream", "X-No: type"] {
            let answer = both.send(&[content_type, &format!("Content-Encoding: {encoding}")], b"x");
            assert_eq!((answer.status, answer.body.as_str()), (415, ""), "{content_type}, {encoding}");
        }
    }
    both.expect_nothing();
    assert_eq!(both.send(&[TEXT, "Content-Encoding: Identity"], b"x").status, 202);
}

#[test]
fn a_body_has_at_most_one_mebibyte() {
    // 39
    let mut both = Both::start();
    let most = vec![b'x'; MIB];
    assert_eq!(both.send(&[TEXT], &most).status, 202);
    let data = format!("\"{}\"", "x".repeat(MIB));
    assert_eq!(both.json.next_text(), from_server("text", &data));
    assert_eq!(both.simple.next_text().len(), MIB);
    // On one connection: a refused body is not read as the next request.
    let path = format!("{HUB}/:send");
    let authorization = http::authorization(&both.server, &path);
    let mut http = Client::connect(&both.server);
    let answer = http.request("POST", &path, &[TEXT, &authorization], &vec![b'x'; MIB + 1]);
    assert_eq!((answer.status, answer.header("x-ms-error-code")), (400, Some("Error.BadRequest")));
    assert!(answer.body.contains("Invalid Content-Length header."), "{}", answer.body);
    assert_eq!(http.request("POST", &path, &[TEXT, &authorization], b"next").status, 202);
    both.json.expect_text(&from_server("text", r#""next""#));
    both.simple.expect_text("next");
    both.expect_nothing();
}

#[test]
fn a_body_may_come_in_chunks() {
    // 40
    let mut both = Both::start();
    let path = format!("{HUB}/:send");
    let head = |more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{}\r\n{TEXT}\r\n{more}Transfer-Encoding: chunked\r\n\r\n",
            both.server.authority(),
            http::authorization(&both.server, &path)
        )
    };
    let mut http = Client::connect(&both.server);
    http.send(format!("{}5;ext=1\r\nHello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n", head("")).as_bytes());
    assert_eq!(http.answer("POST").status, 202);
    both.json.expect_text(&from_server("text", r#""Hello!""#));
    both.simple.expect_text("Hello!");
    let chunk = format!("{MIB:x}\r\n{}\r\n", "y".repeat(MIB));
    http.send(format!("{}{chunk}0\r\n\r\n", head("")).as_bytes());
    assert_eq!(http.answer("POST").status, 202);
    both.json.next_text();
    assert_eq!(both.simple.next_text().len(), MIB);
    http.send(format!("{}{chunk}1\r\nz\r\n0\r\n\r\n", head("")).as_bytes());
    assert_eq!(http.answer("POST").status, 400);
    // A body that breaks off is none.
    let mut broken = Client::connect(&both.server);
    broken.send(format!("{}5\r\nHel", head("")).as_bytes());
    drop(broken);
    let mut broken = Client::connect(&both.server);
    broken.send(format!("{}nonsense\r\n", head("")).as_bytes());
    assert_eq!(broken.answer("POST").status, 400);
    // One that waits to be asked for its body is asked.
    let mut polite = Client::connect(&both.server);
    polite.send(head("Expect: 100-continue\r\n").as_bytes());
    assert_eq!(polite.answer("HEAD").status, 100);
    polite.send(b"2\r\nok\r\n0\r\n\r\n");
    assert_eq!(polite.answer("POST").status, 202);
    both.json.expect_text(&from_server("text", r#""ok""#));
    both.simple.expect_text("ok");
    // And one that is refused is not.
    let mut refused = Client::connect(&both.server);
    let head = head("Expect: 100-continue\r\n").replace("Bearer ", "Bearer x");
    refused.send(head.as_bytes());
    assert_eq!(refused.answer("POST").status, 401);
    refused.expect_end();
    both.expect_nothing();
}

#[test]
fn excluded_connections_get_nothing() {
    // 42, 43
    let server = Server::start();
    let (mut a, a_id) = client(&server, None, &["room"]);
    let (mut b, b_id) = client(&server, None, &["room"]);
    let (mut c, _) = client(&server, None, &["room"]);
    let both = format!("?excluded={a_id}&excluded={b_id}&excluded=nobody&EXCLUDED=");
    assert_eq!(send(&server, &format!("/:send{both}"), "hub").status, 202);
    assert_eq!(send(&server, &format!("/groups/room/:send{both}"), "group").status, 202);
    c.expect_text(&from_server("text", r#""hub""#));
    c.expect_text(&from_group("room", "group"));
    assert_eq!(send(&server, &format!("/:send?excluded={a_id},{b_id}"), "all").status, 202);
    for client in [&mut a, &mut b, &mut c] {
        client.expect_text(&from_server("text", r#""all""#));
    }
    // It means nothing where one connection or user is named.
    assert_eq!(send(&server, &format!("/connections/{a_id}/:send?excluded={b_id}"), "one").status, 202);
    a.expect_text(&from_server("text", r#""one""#));
    b.expect_silence();
}

#[test]
fn parameters_that_mean_nothing_are_ignored() {
    // 45, 52
    let server = Server::start();
    let (mut client, id) = client(&server, Some("u"), &["room"]);
    for path in ["/:send", "/groups/room/:send", "/users/u/:send"] {
        assert_eq!(send(&server, &format!("{path}?filter=&unknown=1&unknown=2"), "x").status, 202);
        assert!(client.next_text().contains(r#""data":"x""#), "{path}");
    }
    assert_eq!(send(&server, &format!("/connections/{id}/:send?filter=userId"), "x").status, 202);
    client.expect_text(&from_server("text", r#""x""#));
    client.expect_silence();
}

#[test]
fn headers_become_metadata() {
    // 54
    let mut both = Both::start();
    let (mut member, id) = client(&both.server, Some("u"), &["room"]);
    let with = |headers: &[&str], path: &str| {
        call(&both.server, "POST", &format!("{HUB}{path}"), &[&[TEXT], headers].concat(), b"x")
    };
    let metadata = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["metadata"].clone();
    for path in [
        "/users/u/:send".to_owned(),
        "/groups/room/:send".to_owned(),
        format!("/connections/{id}/:send"),
        "/:send?filter=userId%20ne%20null".to_owned(),
    ] {
        let headers = ["X-WebPubSub-Metadata-Trace: a, b ", "x-webpubsub-metadata-KEY: \"q\"", "X-Other: c"];
        assert_eq!(with(&headers, &path).status, 202);
        assert_eq!(metadata(&member.next_text()), json!({"trace": "b", "key": "\"q\""}), "{path}");
    }
    assert_eq!(metadata(&both.json.next_text())["trace"], "b");
    both.simple.expect_text("x");
    let long = format!("X-WebPubSub-Metadata-A: {}", "v".repeat(1_025));
    let sum: Vec<String> =
        (0..9).map(|n| format!("X-WebPubSub-Metadata-{n}: {}", "v".repeat(1_000))).collect();
    let sum: Vec<&str> = sum.iter().map(String::as_str).collect();
    let key = format!("X-WebPubSub-Metadata-{}: v", "k".repeat(257));
    for headers in
        [&["X-WebPubSub-Metadata-: v"][..], &["X-WebPubSub-Metadata-A: \u{fc}"], &[&long], &[&key], &sum]
    {
        let answer = with(headers, "/:send");
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (400, Some("Error.BadRequest")),
            "{headers:?}"
        );
    }
    member.expect_silence();
    both.expect_nothing();
}

#[test]
fn a_group_gets_group_messages() {
    // 48
    let server = Server::start();
    let (mut member, _) = client(&server, None, &["room", "a/b ü+%2F"]);
    let (mut other, _) = client(&server, None, &["Room"]);
    let url = server.client_url("chat", None, &[], &["room"]);
    let mut simple = RawClient::connect(&url, None);
    let mut elsewhere = RawClient::connect(&server.client_url("other", None, &[], &["room"]), JSON);
    elsewhere.expect_connected();
    assert_eq!(send(&server, "/groups/room/:send", "hi").status, 202);
    member.expect_text(&from_group("room", "hi"));
    simple.expect_text("hi");
    // The segment is decoded once, so that app servers and clients mean the same group.
    assert_eq!(send(&server, "/groups/a%2Fb%20%C3%BC+%252F/:send", "hi").status, 202);
    member.expect_text(&from_group("a/b ü+%2F", "hi"));
    for client in [&mut other, &mut elsewhere] {
        client.expect_silence();
    }
    for group in ["%20", "%09", &"g".repeat(1_025), "%ff"] {
        let answer = send(&server, &format!("/groups/{group}/:send"), "x");
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (400, Some("Error.BadRequest")),
            "{group}"
        );
        assert!(answer.body.contains("Invalid group name. Valid group name should be in between 1 and 1024"));
    }
    assert_eq!(send(&server, &format!("/groups/{}/:send", "g".repeat(1_024)), "x").status, 202);
}

#[test]
fn a_user_gets_it_at_each_connection() {
    // 49
    let server = Server::start();
    let (mut first, first_id) = client(&server, Some("a/b"), &[]);
    let (mut second, _) = client(&server, Some("a/b"), &[]);
    let (mut other, _) = client(&server, Some("A/B"), &[]);
    assert_eq!(send(&server, "/users/a%2Fb/:send", "user").status, 202);
    first.expect_text(&from_server("text", r#""user""#));
    second.expect_text(&from_server("text", r#""user""#));
    assert_eq!(send(&server, &format!("/connections/{first_id}/:send"), "connection").status, 202);
    first.expect_text(&from_server("text", r#""connection""#));
    // The id is of this hub.
    let elsewhere = format!("/api/hubs/other/connections/{first_id}/:send");
    assert_eq!(call(&server, "POST", &elsewhere, &[TEXT], b"x").status, 202);
    for client in [&mut first, &mut second, &mut other] {
        client.expect_silence();
    }
    assert_eq!(send(&server, "/users/%20/:send", "x").status, 400);
    assert_eq!(send(&server, "/connections/%20/:send", "x").status, 400);
}

#[test]
fn nobody_there_is_no_error() {
    // 50
    let server = Server::start();
    let gone = client(&server, None, &[]).1;
    while http::head(&server, &format!("{HUB}/connections/{gone}")).status == 200 {}
    for path in [
        "/:send",
        "/users/nobody/:send",
        "/groups/empty/:send",
        "/connections/x/:send",
        &format!("/connections/{gone}/:send"),
    ] {
        let answer = send(&server, path, "x");
        assert_eq!((answer.status, answer.header("content-length")), (202, Some("0")), "{path}");
    }
}

#[test]
fn a_time_to_live_is_checked() {
    // 51
    let server = Server::start();
    let (mut client, id) = client(&server, Some("u"), &["g"]);
    for path in [
        "/:send".to_owned(),
        "/groups/g/:send".to_owned(),
        "/users/u/:send".to_owned(),
        format!("/connections/{id}/:send"),
    ] {
        for ttl in ["0", "1", "300"] {
            assert_eq!(send(&server, &format!("{path}?messageTtlSeconds={ttl}"), "x").status, 202, "{ttl}");
            client.next_text();
        }
        for ttl in ["-1", "301", "x", "", "1.5", "1&messageTtlSeconds=1"] {
            let answer = send(&server, &format!("{path}?messageTtlSeconds={ttl}"), "x");
            assert_eq!(
                (answer.status, answer.header("x-ms-error-code")),
                (400, Some("Error.BadRequest")),
                "{ttl}"
            );
            let error: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(error["target"], "messageTtlSeconds");
        }
    }
    client.expect_silence();
}

#[test]
fn sends_on_one_connection_arrive_in_order() {
    // 53
    let server = Server::start();
    let (mut client, _) = client(&server, Some("u"), &["g"]);
    let mut http = Client::connect(&server);
    let paths = ["/:send", "/groups/g/:send", "/users/u/:send"].map(|path| format!("{HUB}{path}"));
    let tokens = paths.each_ref().map(|path| http::authorization(&server, path));
    for i in 0..300 {
        let (path, token) = (&paths[i % 3], &tokens[i % 3]);
        assert_eq!(http.request("POST", path, &[TEXT, token], i.to_string().as_bytes()).status, 202);
    }
    for i in 0..300 {
        let text = client.next_text();
        assert!(text.ends_with(&format!(r#""data":"{i}"}}"#)), "{i}: {text}");
    }
}
