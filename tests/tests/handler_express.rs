//! The official middleware for Express, unchanged, as the event handler (tests/upstream/express.mjs).
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::program::Program;
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::token::{OTHER_KEY, OWN_KEY, now_s, signed};
use hublet_tests::{JSON, Server, http, new_folder, tools};
use hublet_wire::ws::{CloseCode, Opcode};
use serde_json::{Value, json};

const PRESENCE: &str = "groupPresenceEvents = { eventNames = [\"joined\", \"left\"] }";

struct App {
    program: Program,
    port: String,
}

impl App {
    fn start(endpoints: &[&str]) -> Self {
        let mut command = tools::node("tests/upstream/express.mjs");
        let mut program = Program::start("express.mjs", command.arg("chat").args(endpoints));
        let port = program.next_line();
        Self { program, port }
    }

    fn settings(&self, rest: &str) -> String {
        format!(
            "[[hubs.chat.eventHandlers]]\nurlTemplate = \"http://127.0.0.1:{}/events/{{event}}\"\n\
             userEventPattern = \"*\"\nsystemEvents = [\"connect\", \"connected\", \"disconnected\"]\n{rest}\n",
            self.port
        )
    }

    /// What a handler was given next.
    fn next(&mut self, handler: &str) -> Value {
        let given: Value = serde_json::from_str(&self.program.next_line()).expect("JSON");
        assert_eq!(given["handler"], handler, "{given}");
        given
    }

    /// What these handlers were given next, in the order of their names here.
    fn next_in_any_order<const N: usize>(&mut self, handlers: [&str; N]) -> [Value; N] {
        let given: Vec<Value> =
            handlers.iter().map(|_| serde_json::from_str(&self.program.next_line()).expect("JSON")).collect();
        handlers.map(|handler| {
            let found = given.iter().find(|given| given["handler"] == handler);
            found.unwrap_or_else(|| panic!("{handler} is missing: {given:?}")).clone()
        })
    }
}

fn served(rest: &str) -> (App, Server) {
    let app = App::start(&[]);
    let server = Server::start_with_file(&app.settings(rest), &[]);
    (app, server)
}

fn url(server: &Server, query: &[(&str, &Value)]) -> String {
    let url = server.client_url("chat", Some("ann"), &["webpubsub.joinLeaveGroup"], &[]);
    query.iter().fold(url, |url, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{url}&{name}={}", http::query(&value))
    })
}

#[test]
fn its_handlers_get_every_event() {
    // 30, 57, 88
    let (mut app, server) = served(PRESENCE);
    let mut client = RawClient::connect(&url(&server, &[]), JSON);
    let id = client.expect_connected();
    let connect = app.next("connect");
    assert_eq!(connect["context"]["connectionId"], id.as_str());
    for (name, value) in [
        ("userId", "ann"),
        ("hub", "chat"),
        ("eventName", "connect"),
        ("origin", "127.0.0.1"),
        ("clientProtocol", "default"),
    ] {
        assert_eq!(connect["context"][name], value, "{connect}");
    }
    assert_eq!(connect["claims"]["sub"], json!(["ann"]));
    assert_eq!(connect["subprotocols"], json!([JSON]));
    assert_eq!(app.next("connected")["context"]["connectionId"], id.as_str());

    client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    assert_eq!(app.next("joined")["group"], "room");
    client.request(r#"{"type":"leaveGroup","group":"room","ackId":2}"#, 2);
    assert_eq!(app.next("left")["group"], "room");
    client.request(r#"{"type":"event","event":"nothing","dataType":"text","data":"x","ackId":3}"#, 3);
    assert_eq!(app.next("user")["context"]["eventName"], "nothing");

    client.send_close(CloseCode(1000), "bye");
    assert_eq!(client.next(), Message::Close(Some(1000), String::new()));
    let gone = app.next("disconnected");
    assert_eq!((&gone["reason"], &gone["context"]["userId"]), (&json!("bye"), &json!("ann")));
}

#[test]
fn data_of_every_type_goes_there_and_back() {
    // 63, 64, 66
    let (mut app, server) = served("");
    let mut client = RawClient::connect(&url(&server, &[]), JSON);
    client.expect_connected();
    app.next_in_any_order(["connect", "connected"]);
    for (ack, (kind, data, given)) in [
        ("text", r#""hello ü""#, json!("hello ü")),
        ("json", r#"{"a":[1,null]}"#, json!({"a": [1, null]})),
        ("binary", r#""AP8=""#, json!([0, 255])),
    ]
    .into_iter()
    .enumerate()
    {
        client.send_text(&format!(
            r#"{{"type":"event","event":"echo","dataType":"{kind}","data":{data},"ackId":{ack}}}"#
        ));
        client.expect_text(&format!(
            r#"{{"type":"message","from":"server","dataType":"{kind}","data":{data}}}"#
        ));
        client.expect_text(&format!(r#"{{"type":"ack","ackId":{ack},"success":true}}"#));
        let event = app.next("user");
        assert_eq!((&event["dataType"], &event["data"]), (&json!(kind), &given));
    }

    let mut simple = RawClient::connect(&url(&server, &[]), None);
    app.next_in_any_order(["connect", "connected"]);
    simple.send_text("hello");
    simple.expect_text("hello");
    assert_eq!(app.next("user")["context"]["eventName"], "message");
    simple.send(Opcode::Binary, &[0, 255]);
    assert_eq!(simple.next(), Message::Binary(vec![0, 255]));
}

#[test]
fn it_decides_who_a_client_is() {
    // 46, 47, 48
    let (mut app, server) = served("");
    let answer = json!({"userId": "bob", "groups": ["given"], "roles": ["webpubsub.sendToGroup"]});
    let mut client = RawClient::connect(&url(&server, &[("answer", &answer)]), JSON);
    assert!(client.next_text().contains(r#""userId":"bob""#));
    let [_, connected] = app.next_in_any_order(["connect", "connected"]);
    assert_eq!(connected["context"]["userId"], "bob");
    assert_eq!(http::head(&server, "/api/hubs/chat/groups/given").status, 200);
    client.send_text(r#"{"type":"joinGroup","group":"room","ackId":1}"#);
    assert!(client.next_text().contains("Forbidden"));
}

#[test]
fn its_refusals_reach_the_client() {
    // 51, 69
    let (_app, server) = served("");
    for status in ["400", "401"] {
        let head = RawClient::try_connect(&url(&server, &[("fail", &json!(status))]), JSON, &[]).err();
        assert!(head.is_some_and(|head| head.starts_with(&format!("HTTP/1.1 {status} "))));
    }
    let mut client = RawClient::connect(&url(&server, &[]), JSON);
    client.expect_connected();
    client.send_text(r#"{"type":"event","event":"fail","dataType":"text","data":"401","ackId":1}"#);
    assert!(client.next_text().contains(r#""success":false,"error":{"name":"InternalServerError""#));
    client.send_text(r#"{"type":"event","event":"echo","dataType":"text","data":"still here"}"#);
    assert!(client.next_text().contains("still here"));
}

#[test]
fn its_states_are_kept() {
    // 54, 77
    let (mut app, server) = served("");
    let states = json!({"key": "ä", "count": 40});
    let mut client = RawClient::connect(&url(&server, &[("states", &states)]), JSON);
    client.expect_connected();
    let [connect, connected] = app.next_in_any_order(["connect", "connected"]);
    assert_eq!((&connect["context"]["states"], &connected["context"]["states"]), (&json!({}), &states));
    for count in [41, 42] {
        client.send_text(r#"{"type":"event","event":"count","dataType":"text","data":""}"#);
        assert!(client.next_text().contains(&format!(r#""data":{{"count":{count}}}"#)));
        assert_eq!(app.next("user")["context"]["states"]["count"], count - 1);
    }
    drop(client);
    let gone = app.next("disconnected");
    assert_eq!(gone["context"]["states"], json!({"key": "ä", "count": 42}));
}

#[test]
fn its_allowed_endpoints_are_understood() {
    // 19, 20, 29
    for (endpoints, is_allowed) in [
        (&["https://ws.example.com"][..], true),
        (&["http://other.example", "https://ws.example.com:8443"], true),
        (&["https://other.example"], false),
        (&[], true),
    ] {
        let mut app = App::start(endpoints);
        let folder = new_folder();
        let file = format!("[upstream]\nallowed_networks = [\"loopback\"]\n{}", app.settings(""));
        std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
        let public = "https://ws.example.com:8443";
        let arguments = ["--listen", "127.0.0.1:0", "--production", "--public-endpoint", public];
        let keys = format!("{OWN_KEY},{OTHER_KEY}");
        let server = Server::start_in(folder, &arguments, &[("HUBLET_ACCESS_KEYS", &keys)]);
        let claims = json!({"aud": format!("{public}/client/hubs/chat"), "exp": now_s() + 60});
        let token = signed(OWN_KEY, &claims);
        let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
        match RawClient::try_connect(&url, JSON, &[]) {
            Ok((mut client, _)) => client.expect_connected(),
            Err(head) => head.get(9..12).expect("a status line").to_owned(),
        };
        let validation = app.next("validation");
        assert_eq!(validation["headers"]["webhook-request-origin"], "ws.example.com");
        let is_let_in = RawClient::try_connect(&url, JSON, &[]).is_ok();
        assert_eq!(is_let_in, is_allowed, "{endpoints:?}");
        if is_allowed {
            app.next("connect");
        }
    }
}

#[test]
fn a_user_beyond_ascii_is_as_the_original_sends_it() {
    // 36
    let (mut app, server) = served("");
    let mut client = RawClient::connect(&server.client_url("chat", Some("用户"), &[], &[]), JSON);
    client.expect_connected();
    // Node reads each byte of a header as a character.
    let shown: String = "用户".bytes().map(char::from).collect();
    assert_eq!(app.next("connect")["context"]["userId"], shown.as_str());
}
