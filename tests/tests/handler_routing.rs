//! Which handler gets which event, where that is, and how settings change.
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::http::{self, Answer};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{JSON, Server, command, new_folder, once};
use serde_json::{Value, json};

fn accepting() -> Upstream {
    Upstream::start(|_| Reply::status(204))
}

fn client(server: &Server, hub: &str) -> RawClient {
    let mut client = RawClient::connect(&server.client_url(hub, Some("ann"), &[], &[]), JSON);
    client.expect_connected();
    client
}

/// Sends an event and returns whether its ack was a good one.
fn event(client: &mut RawClient, name: &str, ack_id: u64) -> bool {
    client.send_text(&format!(
        r#"{{"type":"event","event":"{name}","dataType":"text","data":"","ackId":{ack_id}}}"#
    ));
    let ack: Value = serde_json::from_str(&client.next_text()).expect("JSON");
    assert_eq!((&ack["type"], &ack["ackId"]), (&json!("ack"), &json!(ack_id)), "{ack}");
    ack["success"].as_bool().expect("an outcome")
}

fn put(server: &Server, hub: &str, settings: &Value) -> Answer {
    let (path, body) = (format!("/api/ext/hubs/{hub}"), settings.to_string());
    http::call(server, "PUT", &path, &["Content-Type: application/json"], body.as_bytes())
}

fn targets(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.target.as_str()).collect()
}

#[test]
fn patterns_name_the_events_that_a_handler_gets() {
    // 1, 2, 3, 4
    let upstream = accepting();
    let settings = [
        ("all", Some("*")),
        ("list", Some("a,b")),
        ("blanks", Some(" a , B ")),
        ("empty", Some("")),
        ("absent", None),
    ];
    let file: String = settings
        .iter()
        .map(|(hub, pattern)| {
            let pattern =
                pattern.map(|pattern| format!("userEventPattern = \"{pattern}\"")).unwrap_or_default();
            upstream.handler_with(hub, "/{hub}/{event}", &pattern)
        })
        .collect();
    let server = Server::start_with_file(&file, &[]);
    for (hub, wanted) in [
        ("all", &["foo", "a", "b", "A", "c"][..]),
        ("list", &["a", "b", "A"]),
        ("blanks", &["a", "b", "A"]),
        ("empty", &[]),
        ("absent", &[]),
    ] {
        let mut client = client(&server, hub);
        for (ack_id, name) in ["foo", "a", "b", "A", "c"].iter().enumerate() {
            assert_eq!(event(&mut client, name, ack_id as u64), wanted.contains(name), "{hub} {name}");
        }
        let calls: Vec<Call> =
            upstream.calls().into_iter().filter(|call| call.header("ce-hub") == Some(hub)).collect();
        let expected: Vec<String> = wanted.iter().map(|name| format!("/{hub}/{name}")).collect();
        assert_eq!(targets(&calls), expected);
    }
}

#[test]
fn the_first_handler_that_matches_is_the_only_one() {
    // 5
    let upstream = accepting();
    let file = upstream.handler_with("chat", "/first", "userEventPattern = \"a\"")
        + &upstream.handler_with("chat", "/second", "userEventPattern = \"*\"");
    let server = Server::start_with_file(&file, &[]);
    let mut client = client(&server, "chat");
    assert!(event(&mut client, "a", 1) && event(&mut client, "b", 2) && event(&mut client, "a", 3));
    assert_eq!(targets(&upstream.calls()), ["/first", "/second", "/first"]);
}

#[test]
fn system_events_go_to_the_handlers_that_name_them() {
    // 6
    let upstream = accepting();
    let file = upstream.handler_with("chat", "/one", "systemEvents = [\"connect\"]")
        + &upstream.handler_with("chat", "/two", "systemEvents = [\"Connected\"]");
    let server = Server::start_with_file(&file, &[]);
    let client = client(&server, "chat");
    let (connect, connected) = (upstream.next_event("connect"), upstream.next_event("connected"));
    assert_eq!((connect.target.as_str(), connected.target.as_str()), ("/one", "/two"));
    client.cut();
    server.stop_and_take_log();
    assert_eq!(targets(&upstream.calls()), ["/one", "/two"], "nobody asked for `disconnected`");
}

#[test]
fn a_user_event_may_be_called_connected() {
    // 7
    let upstream = accepting();
    let file = upstream.handler_with("chat", "/users", "userEventPattern = \"connected,connect\"")
        + &upstream.handler_with("chat", "/system", "systemEvents = [\"connected\"]")
        + &upstream.handler_with("other", "/other", "systemEvents = [\"connected\", \"disconnected\"]");
    let server = Server::start_with_file(&file, &[]);
    let mut ann = client(&server, "chat");
    let system = upstream.next_event("connected");
    assert_eq!(
        (system.target.as_str(), system.header("ce-type")),
        ("/system", Some("azure.webpubsub.sys.connected"))
    );
    for (ack_id, name) in [(1, "connected"), (2, "connect")] {
        assert!(event(&mut ann, name, ack_id));
        let user = upstream.next_event(name);
        let kind = format!("azure.webpubsub.user.{name}");
        assert_eq!((user.target.as_str(), user.header("ce-type")), ("/users", Some(kind.as_str())));
    }
    let mut other = client(&server, "other");
    upstream.next_event("connected");
    assert!(!event(&mut other, "connected", 1), "`systemEvents` are not about user events");
}

#[test]
fn hub_names_have_no_case() {
    // 8
    let upstream = accepting();
    let server = Server::start_with_file(&upstream.handler("Chat"), &[]);
    for hub in ["chat", "CHAT", "Chat"] {
        let mut client = client(&server, hub);
        assert!(event(&mut client, "e", 1), "{hub}");
        let call = upstream.next_event("e");
        assert!(call.header("ce-hub").is_some_and(|hub| hub.eq_ignore_ascii_case("chat")), "{call:?}");
        assert!(call.target.eq_ignore_ascii_case("/chat/e"), "{call:?}");
    }
}

#[test]
fn a_hub_without_settings_asks_nobody() {
    // 9
    let (upstream, server) = Upstream::serve(|_| Reply::status(403));
    let mut other = client(&server, "other");
    assert!(!event(&mut other, "e", 1));
    other.cut();
    // The handler is there, and says no.
    let refused = RawClient::try_connect(&server.client_url("chat", None, &[], &[]), JSON, &[]).err();
    assert!(refused.is_some_and(|head| head.starts_with("HTTP/1.1 403 ")));
    assert_eq!(upstream.calls().len(), 1);
}

#[test]
fn placeholders_stand_in_path_and_query() {
    // 10, 13
    let upstream = accepting();
    let rest = "systemEvents = [\"connect\"]\nuserEventPattern = \"*\"";
    let file = upstream.handler_with("path", "/api/{hub}/x/{event}", rest)
        + &upstream.handler_with("case", "/{HUB}/{Event}/{event}", rest)
        + &upstream.handler_with("query", "/f?code=a%2Fb==&hub={hub}&event={event}", rest)
        + &upstream.handler_with("none", "/here", rest);
    let server = Server::start_with_file(&file, &[]);
    for (hub, connect, user) in [
        ("path", "/api/path/x/connect", "/api/path/x/My.event_1-2"),
        ("case", "/case/connect/connect", "/case/My.event_1-2/My.event_1-2"),
        ("query", "/f?code=a%2Fb==&hub=query&event=connect", "/f?code=a%2Fb==&hub=query&event=My.event_1-2"),
        ("none", "/here", "/here"),
    ] {
        let mut client = client(&server, hub);
        assert_eq!(upstream.next().target, connect);
        assert!(event(&mut client, "My.event_1-2", 1));
        assert_eq!(upstream.next().target, user);
    }
    let log = server.stop_and_take_log();
    assert!(!log.contains("a%2Fb"), "a code in the query is a secret: {log}");
}

/// Settings that cannot be meant, and a word of the sentence that says why.
fn wrong_settings() -> Vec<(Value, &'static str)> {
    let url = |template: &str| json!({"eventHandlers": [{"urlTemplate": template, "userEventPattern": "*"}]});
    let handler = |name: &str, value: Value| {
        let mut handler = json!({"urlTemplate": "http://127.0.0.1:1/"});
        handler[name] = value;
        json!({ "eventHandlers": [handler] })
    };
    let key_vault = "http://127.0.0.1:1/?code={@Microsoft.KeyVault(SecretUri=https://v.example/secrets/s)}";
    vec![
        (url("http://{hub}.example/"), "urlTemplate"), // 12
        (url("http://a.example:{hub}/"), "urlTemplate"),
        (url(key_vault), "[secrets]"), // 14
        (url("http://127.0.0.1:1/{other}"), "urlTemplate"),
        (url("ftp://127.0.0.1/"), "urlTemplate"),
        (url("127.0.0.1:3000/x"), "urlTemplate"),
        (url(""), "urlTemplate"),
        (url("builtin:other"), "urlTemplate"),
        (handler("userEventPattern", json!("room.*")), "userEventPattern"), // 15
        (handler("userEventPattern", json!("room.?")), "userEventPattern"),
        (handler("userEventPattern", json!("a,,b")), "userEventPattern"),
        (handler("systemEvents", json!(["message"])), "systemEvents"),
        (handler("groupPresenceEvents", json!({"eventNames": ["moved"]})), "groupPresenceEvents"),
        (handler("timeoutInSeconds", json!(0)), "timeoutInSeconds"),
        (handler("unheardOf", json!(1)), "unheardOf"),
        (json!({"webSocketKeepAliveIntervalInSeconds": 0}), "webSocketKeepAliveIntervalInSeconds"), // 18
        (json!({"webSocketKeepAliveIntervalInSeconds": 121}), "webSocketKeepAliveIntervalInSeconds"),
        (json!({"anonymousConnectPolicy": "maybe"}), "maybe"),
    ]
}

/// Settings of the hub `chat` in TOML. JSON of strings, numbers and lists is TOML already.
fn toml(settings: &Value) -> String {
    let lines = |value: &Value| -> String {
        let pairs = value.as_object().expect("an object").iter();
        pairs.filter(|(name, _)| *name != "eventHandlers").map(|(name, value)| line(name, value)).collect()
    };
    let mut text = format!("[hubs.chat]\n{}", lines(settings));
    for handler in settings["eventHandlers"].as_array().into_iter().flatten() {
        text += &format!("[[hubs.chat.eventHandlers]]\n{}", lines(handler));
    }
    text
}

fn line(name: &str, value: &Value) -> String {
    match value.as_object() {
        Some(members) => {
            members.iter().map(|(member, value)| line(&format!("{name}.{member}"), value)).collect()
        }
        None => format!("{name} = {value}\n"),
    }
}

#[test]
fn settings_that_cannot_be_meant_keep_the_service_from_starting() {
    // 12, 14, 15, 18
    for (settings, word) in wrong_settings() {
        let folder = new_folder();
        std::fs::write(folder.join("hublet.toml"), toml(&settings)).expect("a file in a new folder");
        let ended = once::run(command(&folder).arg("check-config"), "");
        assert_eq!(ended.code, Some(2), "{settings}: {ended:?}");
        assert!(ended.error.contains(word), "{settings}: {ended:?}");
    }
}

#[test]
fn settings_that_cannot_be_meant_leave_the_old_ones() {
    // 12, 14, 15, 16, 18
    let upstream = accepting();
    let server = Server::start();
    let url = format!("http://{}/{{event}}", upstream.authority());
    let good = json!({"eventHandlers": [{"urlTemplate": url, "userEventPattern": "*"}]});
    let answer = put(&server, "chat", &good);
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let mut client = client(&server, "chat");
    for (settings, word) in wrong_settings() {
        let answer = put(&server, "chat", &settings);
        assert_eq!(answer.status, 400, "{settings}: {answer:?}");
        assert!(answer.body.contains(word), "{settings}: {answer:?}");
    }
    assert!(event(&mut client, "still", 1));
    assert_eq!(targets(&upstream.calls()), ["/still"]);
}

#[test]
fn settings_change_for_the_next_event() {
    // 16
    let upstream = accepting();
    let server = Server::start();
    let mut ann = client(&server, "chat");
    assert!(!event(&mut ann, "zero", 1));
    let settings = |path: &str, pattern: &str| {
        let url = format!("http://{}{path}", upstream.authority());
        let system = ["connected"];
        json!({"eventHandlers": [{"urlTemplate": url, "userEventPattern": pattern, "systemEvents": system}]})
    };
    for (path, pattern) in [("/1", "*"), ("/2", "two"), ("/3", "*")] {
        assert!((200..300).contains(&put(&server, "Chat", &settings(path, pattern)).status));
        assert_eq!(event(&mut ann, "one", 1), pattern == "*", "{path}");
        assert!(event(&mut ann, "two", 2), "{path}");
        ann = client(&server, "chat");
        assert_eq!(upstream.next_event("connected").target, path);
    }
    let shown = http::call(&server, "GET", "/api/ext/hubs/chat", &[], b"");
    assert_eq!(shown.status, 200);
    let shown: Value = serde_json::from_str(&shown.body).expect("JSON");
    assert!(shown.to_string().contains(r#""userEventPattern":"*""#), "{shown}");
    let folder = server.stop_and_take_folder();

    // They are still there after a restart.
    let server = Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[]);
    ann = client(&server, "chat");
    assert!(event(&mut ann, "three", 1));
    assert_eq!(upstream.next_event("three").target, "/3");
    assert_eq!(upstream.next_event("connected").target, "/3");
    assert!((200..300).contains(&http::call(&server, "DELETE", "/api/ext/hubs/chat", &[], b"").status));
    assert!(!event(&mut ann, "four", 2));
    assert_eq!(targets(&upstream.calls()), ["/1", "/1", "/1", "/2", "/2", "/3", "/3", "/3", "/3", "/3"]);
}

#[test]
fn clients_without_a_token_are_let_in_by_the_handler() {
    // 17
    let upstream = Upstream::start(|call| match call.event() {
        "connect" => Reply::json(&json!({"userId": "guest"})),
        _ => Reply::status(204),
    });
    let mut file = "[hubs.open]\nanonymousConnectPolicy = \"allow\"\n".to_owned();
    file += &(upstream.handler("open") + &upstream.handler("closed"));
    let server = Server::start_with_file(&file, &[]);
    let url = |hub: &str| format!("ws://{}/client/hubs/{hub}?x=1", server.authority());
    let refused = RawClient::try_connect(&url("closed"), JSON, &[]).err();
    assert!(refused.is_some_and(|head| head.starts_with("HTTP/1.1 401 ")));
    let mut client = RawClient::connect(&url("open"), JSON);
    assert!(client.next_text().contains(r#""userId":"guest""#));
    let connect = upstream.next();
    assert_eq!(connect.target, "/open/connect");
    assert_eq!((connect.header("ce-userId"), &connect.json()["claims"]), (None, &json!({})));
    assert_eq!(connect.json()["query"], json!({"x": ["1"]}));
}

#[test]
fn the_ping_interval_follows_the_setting() {
    // 18
    let file = "[hubs.quick]\nwebSocketKeepAliveIntervalInSeconds = 1\n";
    let server = Server::start_with_file(file, &["--keep-alive-interval", "60"]);
    let mut client = RawClient::connect(&server.client_url("quick", None, &[], &[]), None);
    client.answers_pings = false;
    assert!(matches!(client.next(), Message::Ping(_)), "long before a minute is over");
}

#[test]
fn group_events_go_only_to_whom_they_were_configured_for() {
    // 88
    let upstream = accepting();
    let presence =
        "groupPresenceEvents = { eventNames = [\"joined\", \"left\"], groupFilters = [\"chat*\"] }";
    let file = upstream.handler_with("chat", "/all", "userEventPattern = \"*\"")
        + &upstream.handler_with("chat", "/groups", presence)
        + &upstream.handler_with("quiet", "/quiet", "userEventPattern = \"*\"")
        + &upstream.handler_with("left", "/left", "groupPresenceEvents = { eventNames = [\"left\"] }");
    let server = Server::start_with_file(&file, &[]);
    let join = |hub: &str| {
        let url = server.client_url(hub, Some("ann"), &["webpubsub.joinLeaveGroup"], &[]);
        let mut client = RawClient::connect(&url, JSON);
        client.expect_connected();
        for (ack, (kind, group)) in
            [("joinGroup", "room"), ("joinGroup", "chat1"), ("leaveGroup", "chat1")].into_iter().enumerate()
        {
            client.request(&format!(r#"{{"type":"{kind}","group":"{group}","ackId":{ack}}}"#), ack as u64);
        }
        client
    };
    join("quiet");
    let mut client = join("chat");
    for name in ["joined", "left"] {
        let call = upstream.next();
        assert_eq!((call.target.as_str(), call.event()), ("/groups", name));
        assert_eq!(call.header("ce-type"), Some(format!("azure.webpubsub.gp.{name}").as_str()));
        assert_eq!(call.json(), json!({"group": "chat1"}));
        assert!(call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")));
    }
    client.send_text(r#"{"type":"joinGroup","group":"chat2","ackId":7}"#);
    client.next_text();
    assert_eq!(upstream.next().json(), json!({"group": "chat2"}));
    client.cut();
    let left = upstream.next();
    assert_eq!((left.event(), left.json()), ("left", json!({"group": "chat2"})), "whoever is gone has left");
    join("left");
    let gone = [upstream.next(), upstream.next()];
    assert!(gone.iter().all(|call| (call.target.as_str(), call.event()) == ("/left", "left")), "{gone:?}");
}
