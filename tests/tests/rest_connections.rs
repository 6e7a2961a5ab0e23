//! What app servers do with connections over REST: ask for them, group them, close them, make tokens for them.
//!
//! Numbers in comments are the cases of the REST reference that `docs/compatibility.md` lists.

use hublet_tests::http::{self, Answer, Client, call, head};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::token::{OWN_KEY, claims, now_s, signed};
use hublet_tests::{JSON, Server, new_folder};
use serde_json::{Value, json};

const HUB: &str = "/api/hubs/chat";
const VERSIONS: &str = "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";

/// A JSON client and its id.
fn client(server: &Server, user: Option<&str>, groups: &[&str]) -> (RawClient, String) {
    client_of(server, "chat", user, groups)
}

fn client_of(server: &Server, hub: &str, user: Option<&str>, groups: &[&str]) -> (RawClient, String) {
    let mut client = RawClient::connect(&server.client_url(hub, user, &[], groups), JSON);
    let id = client.expect_connected();
    (client, id)
}

fn get(server: &Server, path: &str) -> u16 {
    head(server, &format!("{HUB}{path}")).status
}

fn put(server: &Server, path: &str) -> Answer {
    call(server, "PUT", &format!("{HUB}{path}"), &[], b"")
}

fn delete(server: &Server, path: &str) -> Answer {
    call(server, "DELETE", &format!("{HUB}{path}"), &[], b"")
}

fn post(server: &Server, path: &str) -> Answer {
    call(server, "POST", &format!("{HUB}{path}"), &[], b"")
}

/// Sends a text to a group and returns what a member gets.
fn publish(server: &Server, group: &str, text: &str) -> String {
    let path = format!("{HUB}/groups/{group}/:send");
    assert_eq!(call(server, "POST", &path, &["Content-Type: text/plain"], text.as_bytes()).status, 202);
    format!(
        r#"{{"type":"message","from":"group","group":"{group}","fromUserId":null,"dataType":"text","data":"{text}"}}"#
    )
}

/// Expects what a close by an app server brings, up to the end of the socket.
fn expect_closed(client: &mut RawClient, message: &str) {
    client.expect_text(&format!(r#"{{"type":"system","event":"disconnected","message":"{message}"}}"#));
    client.expect_close(1000, "");
}

#[test]
fn what_is_there_is_found() {
    // 55, 58, 59
    let server = Server::start();
    let (first, first_id) = client(&server, Some("a/b"), &["room", "only"]);
    let (second, _) = client(&server, Some("a/b"), &["room"]);
    for path in [&format!("/connections/{first_id}"), "/users/a%2Fb", "/groups/room", "/groups/only"] {
        let answer = head(&server, &format!("{HUB}{path}"));
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("0")), "{path}");
        assert_eq!(answer.header("api-supported-versions"), Some(VERSIONS));
        assert_eq!(head(&server, &format!("/api/hubs/other{path}")).status, 404, "another hub, {path}");
    }
    for path in ["/users/A%2FB", "/users/a", "/groups/ROOM", "/connections/x"] {
        assert_eq!(get(&server, path), 404, "{path}");
    }
    assert_eq!(get(&server, &format!("/connections/{}", first_id.to_lowercase())), 404);
    first.cut();
    // Its end is seen a moment later: ask until it is.
    while get(&server, "/groups/only") == 200 {}
    assert_eq!(get(&server, &format!("/connections/{first_id}")), 404);
    assert_eq!((get(&server, "/users/a%2Fb"), get(&server, "/groups/room")), (200, 200));
    second.cut();
    while get(&server, "/users/a%2Fb") == 200 {}
    assert_eq!(get(&server, "/groups/room"), 404);
}

/// The standard body of an error.
fn body(code: &str, message: &str, target: &str) -> String {
    format!(r#"{{"code":"{code}","message":"{message}","target":"{target}","details":null,"inner":null}}"#)
}

#[test]
fn what_is_missing_is_answered_as_recorded() {
    // 56, 57, 61, 64
    let server = Server::start();
    // One connection: an answer to HEAD has a length and no body, and the next answer follows it.
    let mut http = Client::connect(&server);
    for (path, code, message, target) in [
        ("/connections/x", "Warning.Connection.NotExisted", "Connection `x` is not found.", "Connection"),
        ("/users/nobody", "Warning.User.NotExisted", "User `nobody` is not found.", "User"),
        // The original's message has 18 characters beside the name.
        ("/groups/empty", "Warning.Group.NotExisted", "Group `empty` is empty.", "Group"),
    ] {
        let path = format!("{HUB}{path}");
        let answer = http.request("HEAD", &path, &[&http::authorization(&server, &path)], b"");
        assert_eq!((answer.status, answer.header("x-ms-error-code")), (404, Some(code)));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(answer.header("api-supported-versions"), Some(VERSIONS));
        let length = body(code, message, target).len().to_string();
        assert_eq!(answer.header("content-length"), Some(length.as_str()), "{path}");
    }
    for (path, code, message, target) in [
        (
            "/groups/g/connections/x",
            "Error.Connection.NotExisted",
            "Connection `x` is not found.",
            "Connection",
        ),
        ("/users/nobody/groups/g", "Warning.User.NotExisted", "User `nobody` is not found.", "User"),
    ] {
        let answer = put(&server, path);
        assert_eq!((answer.status, answer.header("x-ms-error-code")), (404, Some(code)));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(answer.header("api-supported-versions"), Some(VERSIONS));
        assert_eq!(answer.body, body(code, message, target));
    }
    // Whatever stands in a path is text in a body.
    let odd = put(&server, "/groups/g/connections/%22%0A%5C%3Cx%3E%C3%BC");
    let body: Value = serde_json::from_str(&odd.body).expect("JSON");
    assert_eq!((odd.status, &body["message"]), (404, &json!("Connection `\"\n\\<x>ü` is not found.")));
    assert_eq!(get(&server, "/groups/g"), 404);
}

#[test]
fn a_connection_is_put_into_groups_and_taken_out() {
    // 60, 62, 75
    let server = Server::start();
    let (mut member, id) = client(&server, None, &[]);
    let path = format!("/groups/room/connections/{id}");
    for _ in 0..2 {
        let answer = put(&server, &path);
        assert_eq!(
            (answer.status, answer.header("content-length"), answer.body.as_str()),
            (200, Some("0"), "")
        );
    }
    let message = publish(&server, "room", "once");
    member.expect_text(&message);
    for path in [&path, &path, "/groups/room/connections/x", "/groups/other/connections/x"] {
        let answer = delete(&server, path);
        assert_eq!((answer.status, answer.header("content-length"), answer.body.as_str()), (204, None, ""));
    }
    publish(&server, "room", "lost");
    assert_eq!(get(&server, "/groups/room"), 404);
    assert_eq!(put(&server, &format!("/groups/a%2Fb%20%C3%BC/connections/{id}")).status, 200);
    assert_eq!(get(&server, "/groups/a%2Fb%20%C3%BC"), 200);
    // The id of another hub is none here.
    let elsewhere = call(&server, "PUT", &format!("/api/hubs/other/groups/room/connections/{id}"), &[], b"");
    assert_eq!(elsewhere.status, 404);
    member.expect_silence();
}

#[test]
fn a_user_is_put_into_groups_with_all_connections() {
    // 63, 65, 66
    let server = Server::start();
    let (mut first, _) = client(&server, Some("u"), &[]);
    let (mut second, _) = client(&server, Some("u"), &[]);
    let answer = put(&server, "/users/u/groups/room");
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("0")));
    let (mut later, _) = client(&server, Some("u"), &[]);
    let message = publish(&server, "room", "hi");
    first.expect_text(&message);
    second.expect_text(&message);
    later.expect_silence();
    for path in ["/users/u/groups/room", "/users/u/groups/room", "/users/nobody/groups/room"] {
        assert_eq!(delete(&server, path).status, 204);
    }
    publish(&server, "room", "lost");
    first.expect_silence();
    second.expect_silence();
}

#[test]
fn group_names_are_checked() {
    // 67
    let server = Server::start();
    let (_member, id) = client(&server, Some("u"), &[]);
    let names = [
        ("g".repeat(1_024), true),
        ("g".repeat(1_025), false),
        // Counted in UTF-16 units after decoding.
        ("%C3%BC".repeat(1_024), true),
        ("%F0%9F%A6%80".repeat(513), false),
        ("%20".to_owned(), false),
        ("%ff".to_owned(), false),
    ];
    for (name, valid) in names {
        for path in [format!("/groups/{name}/connections/{id}"), format!("/users/u/groups/{name}")] {
            let (put, delete) = (put(&server, &path), delete(&server, &path));
            assert_eq!((put.status, delete.status), if valid { (200, 204) } else { (400, 400) }, "{path}");
            assert!(valid || put.body.contains(r#""target":"group""#), "{}", put.body);
        }
        assert!([400, 404].contains(&get(&server, &format!("/groups/{name}"))));
    }
}

#[test]
fn a_connection_is_in_so_many_groups_at_most() {
    let server = Server::start_with(&["--groups-per-connection", "2"]);
    let (mut member, id) = client(&server, Some("u"), &["a"]);
    assert_eq!(put(&server, &format!("/groups/b/connections/{id}")).status, 200);
    for path in [format!("/groups/c/connections/{id}"), "/users/u/groups/c".to_owned()] {
        let answer = put(&server, &path);
        assert_eq!((answer.status, answer.header("x-ms-error-code")), (400, Some("Error.BadRequest")));
        assert!(answer.body.contains("in 2 groups at most"), "{}", answer.body);
    }
    assert_eq!(get(&server, "/groups/c"), 404);
    // Of several connections those join that can.
    let (mut free, free_id) = client(&server, Some("free"), &["a"]);
    let as_json = ["Content-Type: application/json"];
    let add = call(&server, "POST", &format!("{HUB}/:addToGroups"), &as_json, br#"{"groups":["c"]}"#);
    assert_eq!((add.status, add.header("x-ms-error-code")), (400, Some("Error.BadRequest")));
    let listed = call(&server, "GET", &format!("{HUB}/groups/c/connections"), &[], b"").body;
    assert!(listed.contains(&free_id) && !listed.contains(&id), "{listed}");
    free.expect_silence();
    assert_eq!(put(&server, &format!("/groups/a/connections/{id}")).status, 200, "it is in there already");
    assert_eq!(delete(&server, &format!("/groups/a/connections/{id}")).status, 204);
    for (groups, status, joined) in [(r#"["c","d"]"#, 400, false), (r#"["b","c","c"]"#, 200, true)] {
        let body = format!(r#"{{"groups":{groups},"filter":"userId eq 'u'"}}"#);
        let path = format!("{HUB}/:addToGroups");
        assert_eq!(call(&server, "POST", &path, &as_json, body.as_bytes()).status, status, "{groups}");
        let listed = call(&server, "GET", &format!("{HUB}/groups/c/connections"), &[], b"").body;
        assert_eq!((listed.contains(&id), get(&server, "/groups/d")), (joined, 404), "all or none");
    }
    member.expect_silence();
}

#[test]
fn a_connection_is_closed_with_a_reason() {
    // 86-90
    let server = Server::start();
    let long = "r".repeat(300);
    for (query, message) in [
        (
            "?reason=bye%20%26%20%C3%BCn%C3%AF",
            "Application server closed the connection. Reason: bye & ünï".to_owned(),
        ),
        ("?reason=a+b%2Bc", "Application server closed the connection. Reason: a b+c".to_owned()),
        ("?reason=%22%0A%5C", r#"Application server closed the connection. Reason: \"\n\\"#.to_owned()),
        ("", "Application server closed the connection.".to_owned()),
        ("?reason=", "Application server closed the connection.".to_owned()),
        (&format!("?reason={long}"), format!("Application server closed the connection. Reason: {long}")),
    ] {
        let (mut client, id) = client(&server, None, &["room"]);
        let answer = delete(&server, &format!("/connections/{id}{query}"));
        assert_eq!((answer.status, answer.header("content-length"), answer.body.as_str()), (204, None, ""));
        assert_eq!(answer.header("api-supported-versions"), Some(VERSIONS));
        assert_eq!((get(&server, &format!("/connections/{id}")), get(&server, "/groups/room")), (404, 404));
        expect_closed(&mut client, &message);
        assert_eq!(delete(&server, &format!("/connections/{id}")).status, 204);
    }
    assert_eq!(delete(&server, "/connections/x?reason=r").status, 204);
    let mut simple = RawClient::connect(&server.client_url("chat", Some("simple"), &[], &[]), None);
    assert_eq!(post(&server, "/users/simple/:closeConnections?reason=bye").status, 204);
    assert_eq!(simple.next(), Message::Close(Some(1000), String::new()));
}

#[test]
fn all_are_closed_but_the_excluded_ones() {
    // 91
    let server = Server::start();
    let (mut first, _) = client(&server, None, &[]);
    let (mut second, _) = client(&server, Some("u"), &[]);
    let (mut kept, kept_id) = client(&server, None, &["room"]);
    let (mut elsewhere, _) = client_of(&server, "other", None, &[]);
    assert_eq!(
        post(&server, &format!("/:closeConnections?excluded={kept_id}&reason=r&excluded=x")).status,
        204
    );
    for client in [&mut first, &mut second] {
        expect_closed(client, "Application server closed the connection. Reason: r");
    }
    let message = publish(&server, "room", "still here");
    kept.expect_text(&message);
    elsewhere.expect_silence();
}

#[test]
fn users_and_groups_are_closed_in_their_hub() {
    // 92
    let server = Server::start();
    let (mut both, _) = client(&server, Some("u"), &["room"]);
    let (mut user, _) = client(&server, Some("u"), &[]);
    let (mut group, group_id) = client(&server, None, &["room"]);
    let (mut neither, _) = client(&server, Some("U"), &["Room"]);
    let (mut elsewhere, _) = client_of(&server, "other", Some("u"), &["room"]);
    assert_eq!(post(&server, &format!("/groups/room/:closeConnections?excluded={group_id}")).status, 204);
    expect_closed(&mut both, "Application server closed the connection.");
    group.expect_silence();
    user.expect_silence();
    assert_eq!(post(&server, "/users/u/:closeConnections").status, 204);
    expect_closed(&mut user, "Application server closed the connection.");
    for path in ["/users/nobody/:closeConnections", "/groups/empty/:closeConnections"] {
        assert_eq!(post(&server, path).status, 204);
    }
    for path in [
        "/users/%20/:closeConnections",
        "/groups/%20/:closeConnections",
        "/connections/%20/:closeConnections",
    ] {
        assert!([400, 404].contains(&post(&server, path).status), "{path}");
    }
    assert_eq!(post(&server, "/:closeConnections?reason=a&reason=b").status, 400);
    for client in [&mut neither, &mut elsewhere, &mut group] {
        client.expect_silence();
    }
}

/// The token in the answer to `:generateToken`.
fn generate(server: &Server, query: &str) -> String {
    let answer = post(server, &format!("/:generateToken{query}"));
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json; charset=utf-8"))
    );
    assert_eq!(answer.header("api-supported-versions"), Some(VERSIONS));
    let token = answer.body.strip_prefix(r#"{"token":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    token.expect("only a token").to_owned()
}

fn connect(server: &Server, token: &str) -> RawClient {
    RawClient::connect(&format!("ws://{}/client/hubs/chat?access_token={token}", server.authority()), JSON)
}

#[test]
fn a_generated_token_has_what_was_asked_for() {
    // 104
    let server = Server::start();
    let plain = generate(&server, "");
    let read = claims(&plain);
    let number = |read: &Value, name: &str| read[name].as_i64().expect("a number");
    assert_eq!(read["aud"], format!("http://{}/client/hubs/chat", server.authority()));
    assert_eq!(number(&read, "exp") - number(&read, "nbf"), 3_600);
    assert!((now_s() - number(&read, "nbf")).abs() <= 5, "{read}");
    assert!(read["iss"].is_string(), "{read}");
    for absent in ["sub", "role", "webpubsub.group"] {
        assert_eq!(read.get(absent), None);
    }
    assert!(connect(&server, &plain).next_text().contains(r#""userId":null"#));

    // 105, and the largest lifetime
    let query = "?api-version=2024-12-01&userId=a%2Fb+%C3%BC&role=webpubsub.sendToGroup.room&role=webpubsub.joinLeaveGroup\
                 &group=room&group=tea%20%26%20talk&minutesToExpire=5&clientType=default";
    let token = generate(&server, query);
    let read = claims(&token);
    assert_eq!((&read["sub"], number(&read, "exp") - number(&read, "nbf")), (&json!("a/b ü"), 300));
    let mut client = connect(&server, &token);
    assert!(client.next_text().contains(r#""userId":"a/b ü""#));
    for group in ["room", "tea%20%26%20talk"] {
        assert_eq!(get(&server, &format!("/groups/{group}")), 200);
    }
    client.send_text(r#"{"type":"joinGroup","group":"other","ackId":1}"#);
    client.expect_text(r#"{"type":"ack","ackId":1,"success":true}"#);
    client.send_text(r#"{"type":"sendToGroup","group":"other","data":1,"ackId":2}"#);
    assert!(client.next_text().contains(r#""name":"Forbidden""#));
    client.send_text(r#"{"type":"sendToGroup","group":"room","data":1,"ackId":3}"#);
    assert!(client.next_text().contains(r#""fromUserId":"a/b ü""#));
    assert!(
        connect(&server, &generate(&server, "?minutesToExpire=2147483647&userId="))
            .next_text()
            .contains("null")
    );
}

#[test]
fn a_generated_token_is_for_the_hub_and_the_public_address() {
    let arguments =
        ["--listen", "127.0.0.1:0", "--production", "--public-endpoint", "https://WS.example.com"];
    let server = Server::start_in(new_folder(), &arguments, &[("HUBLET_ACCESS_KEYS", OWN_KEY)]);
    let path = "/api/hubs/Chat/:generateToken";
    let token =
        signed(OWN_KEY, &json!({"aud": format!("https://ws.example.com{path}"), "exp": now_s() + 60}));
    let answer = http::request(&server, "POST", path, &[&http::bearer(&token)], b"");
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    let token = body["token"].as_str().expect("a token");
    assert_eq!(claims(token)["aud"], "https://ws.example.com/client/hubs/chat");
    let status =
        |hub: &str| http::handshake(&server, &format!("/client/hubs/{hub}?access_token={token}"), &[]).status;
    assert_eq!((status("chat"), status("CHAT"), status("other")), (101, 101, 401));
}

#[test]
fn wrong_parameters_of_a_token_are_named() {
    // 106-109
    let server = Server::start();
    for (query, target) in [
        ("minutesToExpire=0", "minutesToExpire"),
        ("minutesToExpire=-1", "minutesToExpire"),
        ("minutesToExpire=x", "minutesToExpire"),
        ("minutesToExpire=2147483648", "minutesToExpire"),
        ("minutesToExpire=1&minutesToExpire=1", "minutesToExpire"),
        ("userId=a&userId=b", "userId"),
        ("group=%20", "group"),
        ("group=fine&group=", "group"),
        ("clientType=mqtt", "clientType"),
        ("clientType=socketio", "clientType"),
    ] {
        let answer = post(&server, &format!("/:generateToken?{query}"));
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (400, Some("Error.BadRequest")),
            "{query}"
        );
        assert_eq!(answer.header("api-supported-versions"), None);
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["target"], target, "{query}");
        assert_eq!(body["errors"][target][0], body["message"], "{query}");
    }
    assert_eq!(
        post(&server, "/:generateToken?clientType=socketio").body,
        "{\"code\":\"Error.BadRequest\",\"message\":\"The value 'socketio' is not valid.\",\"target\":\"clientType\",\
         \"errors\":{\"clientType\":[\"The value 'socketio' is not valid.\"]},\"type\":null,\
         \"title\":\"One or more validation errors occurred.\",\"status\":400,\"detail\":null,\"instance\":null,\
         \"extensions\":{}}"
    );
}
