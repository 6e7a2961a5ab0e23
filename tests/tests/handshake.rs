//! Handshakes: addresses, subprotocols, names, and every way to be refused.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists. Tokens are
//! the subject of `tokens.rs`.

use hublet_tests::http::{self, UPGRADE, handshake};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::{JSON, Server, new_folder, token};
use hublet_wire::ws::Opcode;
use serde_json::json;

/// A path with a good token for the hub `chat`.
fn path(server: &Server) -> String {
    let url = server.client_url("chat", Some("me"), &[], &[]);
    url.split_once(server.authority()).expect("the URL of this server").1.to_owned()
}

/// A token with these claims besides audience and expiry.
fn token_with(server: &Server, hub: &str, more: &serde_json::Value) -> String {
    let mut claims = json!({"aud": format!("http://{}/client/hubs/{hub}", server.authority()), "exp": token::now_s() + 60});
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    token::signed(token::DEVELOPMENT_KEY, &claims)
}

fn url(server: &Server, path: &str, token: &str) -> String {
    format!("ws://{}{path}access_token={token}", server.authority())
}

#[test]
fn a_subprotocol_is_chosen_and_echoed_as_it_was_spelled() {
    // 1-3, 5-7
    let server = Server::start();
    let path = path(&server);
    for (offered, chosen) in [
        (&[][..], None),
        (&["json.webpubsub.azure.v1"], Some("json.webpubsub.azure.v1")),
        (&["JSON.WebPubSub.Azure.V1"], Some("JSON.WebPubSub.Azure.V1")),
        (&["a, json.webpubsub.azure.v1, protobuf.webpubsub.azure.v1"], Some("json.webpubsub.azure.v1")),
        (&["a,b", "json.webpubsub.azure.v1"], Some("json.webpubsub.azure.v1")),
        (&["a", "Json.webpubsub.azure.v1 ,json.webpubsub.azure.v1"], Some("Json.webpubsub.azure.v1")),
        (&["custom.v1"], None),
        (&["json.webpubsub.azure.v12"], None),
    ] {
        let offered: Vec<String> =
            offered.iter().map(|names| format!("Sec-WebSocket-Protocol: {names}")).collect();
        let offered: Vec<&str> = offered.iter().map(String::as_str).collect();
        let answer = handshake(&server, &path, &offered);
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, chosen), "{offered:?}");
    }
}

#[test]
fn the_subprotocol_decides_what_kind_of_client_it_is() {
    // 1-3, 7
    let server = Server::start();
    let url = server.client_url("chat", None, &[], &[]);
    let mut shouting = RawClient::connect(&url, Some("JSON.WEBPUBSUB.AZURE.V1"));
    shouting.expect_connected();
    shouting.expect_silence();
    let (mut bare, mut custom) =
        (RawClient::connect(&url, None), RawClient::connect(&url, Some("custom.v1")));
    assert_eq!(
        http::call(&server, "POST", "/api/hubs/chat/:send", &["Content-Type: text/plain"], b"hi").status,
        202
    );
    for simple in [&mut bare, &mut custom] {
        simple.expect_text("hi");
    }
    shouting.expect_text(r#"{"type":"message","from":"server","dataType":"text","data":"hi"}"#);
}

#[test]
fn no_extension_is_accepted_and_the_head_is_small() {
    // 34, 35
    let server = Server::start();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate";
    let url = server.client_url("chat", None, &[], &["room"]);
    let (mut client, head) = RawClient::try_connect(&url, JSON, &[offer]).expect("a handshake");
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-extensions"), "{head}");
    assert!(head.len() < 512, "{head}");
    client.expect_connected();
    let text = "abc ".repeat(1_000);
    http::call(&server, "POST", "/api/hubs/chat/:send", &["Content-Type: text/plain"], text.as_bytes());
    // The decoder of the test refuses frames with the bit of compressed ones.
    assert_eq!(
        client.next_text().len(),
        r#"{"type":"message","from":"server","dataType":"text","data":""}"#.len() + 4_000
    );
    // Bytes that a client sends with its handshake are not lost, and nothing is said about compression later.
    client.send(Opcode::Ping, b"x");
    assert_eq!(client.next(), Message::Pong(b"x".to_vec()));
}

#[test]
fn the_hub_stands_in_the_path_or_in_the_query() {
    // 11
    let server = Server::start();
    let good = token_with(&server, "chat", &json!({}));
    for (path, status) in [
        ("/client/hubs/chat?", 101),
        ("/client/hubs/chat/?", 101),
        ("/CLIENT/Hubs/chat?", 101),
        ("/client/hubs/%63hat?", 101),
        ("/client/?hub=chat&", 101),
        ("/client?hub=chat&", 101),
        ("/client?HUB=Chat&", 101),
        ("/client/hubs/chat?hub=CHAT&", 101),
        ("/client/hubs/chat?hub=other&", 400),
        ("/client/hubs/other?hub=chat&", 400),
        ("/client?hub=chat&hub=other&", 400),
        ("/client?", 400),
        ("/client?hub=&", 400),
        ("/client/hubs?", 400),
        ("/client/hubs/?", 400),
        ("/client/hubs/%20?", 400),
        ("/client/hubs/%ff?", 400),
        ("/client/hubs/1h?", 400),
        ("/client?hub=1h&", 400),
        (&format!("/client/hubs/{}?", "h".repeat(129)), 400),
        ("/client/hubs/chat/more?", 404),
        ("/client/chat?", 404),
        ("/clients/mqtt/hubs/chat?", 404),
        ("/chat?", 404),
    ] {
        assert_eq!(handshake(&server, &format!("{path}access_token={good}"), &[]).status, status, "{path}");
    }
    // A token may be for the address without the hub.
    let aud = format!("http://{}/client/", server.authority());
    let short = token_with(&server, "chat", &json!({"aud": aud}));
    assert_eq!(handshake(&server, &format!("/client?hub=chat&access_token={short}"), &[]).status, 101);
    assert_eq!(handshake(&server, &format!("/client/hubs/chat?access_token={short}"), &[]).status, 401);
    let long = "h".repeat(128);
    let long_token = token_with(&server, &long, &json!({}));
    assert_eq!(
        handshake(&server, &format!("/client/hubs/{long}?access_token={long_token}"), &[]).status,
        101
    );
}

#[test]
fn hub_names_have_no_case() {
    // 12
    let server = Server::start();
    let connect = |path: &str, audience: &str| {
        let token = token_with(
            &server,
            audience,
            &json!({"webpubsub.group": "room", "role": "webpubsub.sendToGroup"}),
        );
        let mut client = RawClient::connect(&url(&server, path, &token), JSON);
        client.expect_connected();
        client
    };
    let mut clients = [
        connect("/client/hubs/Chat?", "cHAT"),
        connect("/client/hubs/chat?", "CHAT"),
        connect("/client?hub=CHAT&", "chat"),
    ];
    clients[0].send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"hi"}"#);
    for client in &mut clients {
        client.expect_text(
            r#"{"type":"message","from":"group","group":"room","fromUserId":null,"dataType":"text","data":"hi"}"#,
        );
    }
}

#[test]
fn what_is_no_handshake_is_refused() {
    // 13
    let server = Server::start();
    let path = path(&server);
    let [upgrade, connection, version, key] = UPGRADE;
    let status = |method: &str, headers: &[&str]| http::request(&server, method, &path, headers, b"").status;
    assert_eq!(status("GET", &[]), 400);
    assert_eq!(status("GET", &[connection, version, key]), 400);
    assert_eq!(status("GET", &[upgrade, version, key]), 400);
    assert_eq!(status("GET", &["Upgrade: h2c", connection, version, key]), 400);
    assert_eq!(status("POST", &UPGRADE), 400);
    assert_eq!(status("GET", &[upgrade, connection, version]), 400);
    for key in ["short", "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE="] {
        assert_eq!(
            status("GET", &[upgrade, connection, version, &format!("Sec-WebSocket-Key: {key}")]),
            400,
            "{key}"
        );
    }
    for other in ["Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: 14", "X: y"] {
        let answer = http::request(&server, "GET", &path, &[upgrade, connection, other, key], b"");
        assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")), "{other}");
    }
    let headers = [upgrade, "Connection: Upgrade", version, key].join("\r\n");
    let old = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n{headers}\r\n\r\n", server.authority());
    assert!(http::exchange(&server, old.as_bytes()).starts_with("HTTP/1.0 400 "));
    assert_eq!(
        status("GET", &["UPGRADE: WebSocket", "connection: upgrade", version, key]),
        101,
        "any case is fine"
    );
}

#[test]
fn a_client_too_many_is_told_so() {
    let server = Server::start_with(&["--connections-max", "2"]);
    let path = path(&server);
    let url = format!("ws://{}{path}", server.authority());
    let first = RawClient::connect(&url, JSON);
    let mut second = RawClient::connect(&url, JSON);
    let answer = handshake(&server, &path, &[]);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    second.expect_connected();
    second.expect_silence();
    // Its end is seen a moment later: ask until there is room.
    first.cut();
    while handshake(&server, &path, &[]).status != 101 {}
}

#[test]
fn anonymous_clients_are_welcome_where_they_may_be() {
    // 16
    let folder = new_folder();
    let file =
        "[hubs.Open]\nanonymousConnectPolicy = \"allow\"\n[hubs.shut]\nanonymousConnectPolicy = \"deny\"\n";
    std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
    let server = Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[]);
    for (path, status) in [
        ("/client/hubs/open", 101),
        ("/client/hubs/OPEN", 101),
        ("/client?hub=open", 101),
        ("/client/hubs/open?access_token=", 101),
        ("/client/hubs/shut", 401),
        ("/client/hubs/other", 401),
        // Who shows a token is held to it.
        ("/client/hubs/open?access_token=a.b.c", 401),
    ] {
        assert_eq!(handshake(&server, path, &[]).status, status, "{path}");
    }
    let mut nobody = RawClient::connect(&format!("ws://{}/client/hubs/open", server.authority()), JSON);
    assert!(nobody.next_text().starts_with(r#"{"type":"system","event":"connected","userId":null,"#));
    nobody.send_text(r#"{"type":"joinGroup","group":"room","ackId":1}"#);
    assert!(nobody.next_text().contains(r#""name":"Forbidden""#), "it has no role");
}

#[test]
fn a_simple_client_names_a_valid_mode() {
    // 44-46
    let server = Server::start();
    let path = path(&server);
    for (query, status) in [
        ("webpubsub_mode=foo", 400),
        ("webpubsub_mode=sendToGroup", 400),
        ("webpubsub_mode=sendToGroup&group=", 400),
        ("webpubsub_mode=sendToGroup&group=%20", 400),
        ("webpubsub_mode=sendToGroup&group=g&noEcho=x", 400),
        ("webpubsub_mode=SENDTOGROUP&group=g&noEcho=TRUE", 101),
        ("webpubsub_mode=foo&webpubsub_mode=sendToGroup&group=g", 101),
        ("webpubsub_mode=", 101),
        ("webpubsub_mode=sendEvent&noEcho=x", 101),
        ("something=else&noEcho=x", 101),
    ] {
        assert_eq!(handshake(&server, &format!("{path}&{query}"), &[]).status, status, "{query}");
        // A subprotocol does not make a wrong mode right.
        let pubsub = handshake(
            &server,
            &format!("{path}&{query}"),
            &["Sec-WebSocket-Protocol: json.webpubsub.azure.v1"],
        );
        assert_eq!(pubsub.status, status, "{query}");
    }
    let mut event = RawClient::connect(&format!("ws://{}{path}&webpubsub_mode=", server.authority()), None);
    event.send_text("x");
    event.expect_close(1011, "Internal server error");
}

#[test]
fn origins_do_not_matter() {
    let server = Server::start();
    for origin in ["Origin: https://elsewhere.example", "Origin: null"] {
        assert_eq!(handshake(&server, &path(&server), &[origin]).status, 101);
    }
}
