//! Settings of hubs: from the configuration file and by the admin API, which goes before, how they are kept, and how a
//! changed file takes effect.
//!
//! Numbers in comments are the cases of the event handler reference.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hublet_tests::http::{self, Answer, bearer, call, handshake, request};
use hublet_tests::issuer::Issuer;
use hublet_tests::once::{self, Ended};
use hublet_tests::raw::{PATIENCE, RawClient};
use hublet_tests::{Folder, JSON, Server, command, new_folder};
use rustix::process::Signal;
use serde_json::{Value, json};

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];
const HUBS: &str = "/api/ext/hubs";
const CHAT: &str = "/api/ext/hubs/chat";
const TYPE: &str = "Content-Type: application/json";
const ANONYMOUS: &str = "anonymousConnectPolicy = \"allow\"\n";

fn write(folder: &Path, file: &str) {
    std::fs::write(folder.join("hublet.toml"), file).expect("a folder to write to");
}

/// A service with this `hublet.toml`.
fn with_file(file: &str) -> Server {
    let folder = new_folder();
    write(&folder, file);
    start_in(folder)
}

fn start_in(folder: Folder) -> Server {
    Server::start_in(folder, &LOOPBACK, &[])
}

fn put(server: &Server, path: &str, settings: &Value) -> Answer {
    call(server, "PUT", path, &[TYPE], settings.to_string().as_bytes())
}

fn get(server: &Server, path: &str) -> Answer {
    call(server, "GET", path, &[], b"")
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// The status that a client without a token gets.
fn nobody(server: &Server, hub: &str) -> u16 {
    handshake(server, &format!("/client/hubs/{hub}"), &[]).status
}

/// Waits until the log has this many lines with this in them, and returns the last.
fn expect_log(server: &Server, part: &str, count: usize) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let log = server.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(part)).collect();
        if let Some(line) = lines.get(count - 1) {
            return (*line).to_owned();
        }
        assert!(Instant::now() < end, "no {part:?} in\n{log}");
        sleep(Duration::from_millis(20));
    }
}

fn check_config(folder: &Path) -> Ended {
    once::run(command(folder).arg("check-config"), "")
}

#[test]
fn settings_are_set_shown_and_deleted() {
    // 8, 17
    let server = Server::start();
    assert_eq!(body(&get(&server, HUBS)), json!({"value": []}));
    assert_eq!((get(&server, CHAT).status, nobody(&server, "chat")), (404, 401));

    let settings = json!({"anonymousConnectPolicy": "allow", "webSocketKeepAliveIntervalInSeconds": 30});
    let answer = put(&server, "/api/ext/hubs/Chat", &settings);
    let shown = json!({"name": "chat", "source": "api", "properties": settings});
    assert_eq!((answer.status, body(&answer)), (201, shown.clone()));
    let answer = get(&server, "/api/EXT/hubs/CHAT/");
    assert_eq!((answer.status, body(&answer)), (200, shown.clone()));
    assert_eq!(body(&get(&server, HUBS)), json!({"value": [{"name": "chat", "source": "api"}]}));
    for hub in ["chat", "CHAT"] {
        assert_eq!(nobody(&server, hub), 101, "{hub}");
    }
    assert_eq!(nobody(&server, "other"), 401);

    // What is shown can be set, and all of it is replaced.
    let answer = put(&server, CHAT, &shown);
    assert_eq!((answer.status, body(&answer)), (200, shown));
    let mut client = RawClient::connect(&format!("ws://{}/client/hubs/chat", server.authority()), JSON);
    client.next_text();
    assert_eq!(put(&server, CHAT, &json!({})).status, 200);
    assert_eq!(nobody(&server, "chat"), 401);
    client.expect_silence();

    let answer = call(&server, "DELETE", CHAT, &[], b"");
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let answer = call(&server, "DELETE", CHAT, &[], b"");
    assert_eq!((answer.status, &body(&answer)["code"]), (404, &json!("Error.Hub.NotExisted")));
    assert_eq!(get(&server, CHAT).status, 404);
}

#[test]
fn a_resource_of_the_cloud_is_taken_as_it_is() {
    let server = Server::start();
    let handler = json!({
        "urlTemplate": "https://app.example/api/{hub}/{event}?code=secret", "userEventPattern": "*",
        "systemEvents": ["connect", "Connected"], "auth": {"type": "None", "managedIdentity": null}
    });
    let properties = json!({
        "anonymousConnectPolicy": "deny", "eventHandlers": [handler], "eventListeners": null,
        "webSocketKeepAliveIntervalInSeconds": 20, "chat": {"mode": "Default"}
    });
    let mut flat = properties.clone();
    flat["id"] = json!("/subscriptions/x");
    flat["resourceGroup"] = json!("g");
    let resource = json!({
        "id": "/subscriptions/x", "name": "other", "type": "Microsoft.SignalRService/WebPubSub/hubs",
        "systemData": null, "properties": properties
    });
    for settings in [resource, flat] {
        let answer = put(&server, CHAT, &settings);
        assert!(answer.status == 201 || answer.status == 200, "{answer:?}");
        let shown = body(&answer);
        assert_eq!(shown["name"], "chat", "the path names it");
        let handler = &shown["properties"]["eventHandlers"][0];
        assert_eq!(handler["urlTemplate"], "https://app.example/api/{hub}/{event}?code=secret");
        assert_eq!(handler["auth"], json!({"type": "None"}));
        assert_eq!(shown["properties"]["webSocketKeepAliveIntervalInSeconds"], 20);
    }
}

#[test]
fn mistakes_name_the_property_and_change_nothing() {
    // 12, 14, 15, 18
    let server = Server::start();
    let handler = |member: &str, value: Value| {
        let mut handler = json!({"urlTemplate": "http://127.0.0.1:1/"});
        handler[member] = value;
        json!({"eventHandlers": [{"urlTemplate": "builtin:echo"}, handler]})
    };
    let vault = "https://h/?c={@Microsoft.KeyVault(SecretUri=https://v.example/secrets/s)}";
    for (settings, target, part) in [
        (
            handler("urlTemplate", json!("https://{hub}.example/")),
            "eventHandlers[1].urlTemplate",
            "stands in the host",
        ),
        (handler("urlTemplate", json!(vault)), "eventHandlers[1].urlTemplate", "under [secrets]"),
        (
            handler("urlTemplate", json!("http://10.0.0.1/")),
            "eventHandlers[1].urlTemplate",
            "`allowed_networks`",
        ),
        (
            handler("urlTemplate", json!("tunnel:///x")),
            "eventHandlers[1].urlTemplate",
            "Tunnels are not offered yet",
        ),
        (handler("userEventPattern", json!("room.*")), "eventHandlers[1].userEventPattern", "no wildcards"),
        (
            handler("systemEvents", json!(["conect"])),
            "eventHandlers[1].systemEvents[0]",
            "Did you mean \"connect\"?",
        ),
        (handler("systemEvnts", json!([])), "eventHandlers[1].systemEvnts", "Did you mean `systemEvents`?"),
        (
            handler("auth", json!({"type": "ManagedIdentity"})),
            "eventHandlers[1].auth.managedIdentity.resource",
            "missing",
        ),
        (
            json!({"webSocketKeepAliveIntervalInSeconds": 0}),
            "webSocketKeepAliveIntervalInSeconds",
            "between 1 and 120",
        ),
        (
            json!({"webSocketKeepAliveIntervalInSeconds": 121}),
            "webSocketKeepAliveIntervalInSeconds",
            "between 1 and 120",
        ),
        (json!({"anonymousConnectPolicy": "alow"}), "anonymousConnectPolicy", "Did you mean `allow`?"),
        (
            json!({"eventListeners": [{"endpoint": {"type": "File", "path": "f"}}]}),
            "eventListeners[0].endpoint.type",
            "in the configuration file only",
        ),
    ] {
        let answer = put(&server, CHAT, &settings);
        let problem = body(&answer);
        assert_eq!((answer.status, &problem["target"]), (400, &json!(target)), "{settings}: {problem}");
        let message = problem["message"].as_str().expect("a text");
        assert!(
            message.starts_with(&format!("`{target}`: ")) && message.contains(part),
            "{settings}: {message}"
        );
        assert_eq!(problem["errors"][target], json!([message]));
    }
    let large = json!({"chat": {"text": "x".repeat(300 << 10)}}).to_string();
    for text in ["", "[]", "{", &large] {
        let answer = call(&server, "PUT", CHAT, &[TYPE], text.as_bytes());
        assert_eq!((answer.status, &body(&answer)["code"]), (400, &json!("Error.BadRequest")), "{answer:?}");
    }
    assert_eq!(call(&server, "PUT", CHAT, &["Content-Type: text/plain"], b"{}").status, 415);
    let answer = put(&server, "/api/ext/hubs/1x", &json!({}));
    assert_eq!((answer.status, &body(&answer)["target"]), (400, &json!("hub")));
    // Whoever asks for a check must not believe that it was made.
    assert_eq!(put(&server, &format!("{CHAT}?validate=maybe"), &json!({})).status, 400);
    assert_eq!(body(&get(&server, HUBS)), json!({"value": []}));
}

#[test]
fn hubs_of_the_file_are_read_only() {
    let server = with_file(&format!("[hubs.Chat]\n{ANONYMOUS}"));
    let shown = json!({"name": "chat", "source": "file", "properties": {"anonymousConnectPolicy": "allow"}});
    assert_eq!(body(&get(&server, CHAT)), shown);
    for answer in [put(&server, CHAT, &json!({})), call(&server, "DELETE", CHAT, &[], b"")] {
        let error = body(&answer);
        assert_eq!((answer.status, &error["code"]), (409, &json!("Error.Conflict")));
        let message = error["message"].as_str().expect("a text");
        assert!(message.contains("\"chat\" is in the configuration file"), "{message}");
    }
    assert_eq!(nobody(&server, "chat"), 101);
    // Others can be made beside it.
    assert_eq!(put(&server, "/api/ext/hubs/a", &json!({})).status, 201);
    let list = json!({"value": [{"name": "a", "source": "api"}, {"name": "chat", "source": "file"}]});
    assert_eq!(body(&get(&server, HUBS)), list);
}

#[test]
fn settings_outlive_the_process() {
    let server = Server::start();
    assert!(!server.folder().join("hublet-data").exists(), "nothing to keep yet");
    let allow = json!({"anonymousConnectPolicy": "allow"});
    for hub in ["chat", "gone", "shadowed"] {
        assert_eq!(put(&server, &format!("{HUBS}/{hub}"), &allow).status, 201, "{hub}");
    }
    assert_eq!(call(&server, "DELETE", "/api/ext/hubs/gone", &[], b"").status, 204);
    // No time to write anything.
    server.signal(Signal::KILL);
    let folder = server.stop_and_take_folder();
    write(&folder, "[hubs.shadowed]\n");
    let server = start_in(folder);
    for (hub, status) in [("chat", 101), ("gone", 401), ("shadowed", 401)] {
        assert_eq!(nobody(&server, hub), status, "{hub}");
    }
    expect_log(&server, "go before those in the data folder", 1);
    // The file gives the hub back.
    write(server.folder(), "");
    server.signal(Signal::HUP);
    expect_log(&server, "hubs: changed shadowed", 1);
    assert_eq!(nobody(&server, "shadowed"), 101);
}

#[test]
fn settings_that_no_longer_fit_stop_the_start() {
    let server = Server::start();
    let handler =
        json!({"eventHandlers": [{"urlTemplate": "http://localhost:1/", "systemEvents": ["connect"]}]});
    assert_eq!(put(&server, CHAT, &handler).status, 201);
    let folder = server.stop_and_take_folder();
    let ended = once::run(command(&folder).args(LOOPBACK).arg("--production"), "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    for part in ["\"chat\"", "`eventHandlers[0].urlTemplate`", "`allowed_networks`", "write [hubs.chat]"] {
        assert!(ended.error.contains(part), "{part}: {}", ended.error);
    }
}

#[test]
fn secrets_are_not_shown() {
    let server = Server::start();
    let settings = |url: &str, secret: &str, nats: &str| {
        json!({
            "eventHandlers": [{"urlTemplate": url,
                "auth": {"type": "Header", "header": {"name": "X-Key", "value": secret}}}],
            "eventListeners": [{"endpoint": {"type": "Nats", "url": nats}}]
        })
    };
    let (url, nats) = ("https://a.example/", "nats://u:hidden-2@h:4222");
    let answer = put(&server, CHAT, &settings(url, "hidden-1", nats));
    assert_eq!(answer.status, 201, "{answer:?}");
    let masked = settings(url, "***", "nats://u:***@h:4222");
    for answer in [answer, get(&server, CHAT), put(&server, CHAT, &masked), get(&server, CHAT)] {
        let shown = body(&answer);
        assert_eq!(shown["properties"]["eventHandlers"], masked["eventHandlers"]);
        assert_eq!(
            shown["properties"]["eventListeners"][0]["endpoint"],
            masked["eventListeners"][0]["endpoint"]
        );
        assert!(!answer.body.contains("hidden"), "{}", answer.body);
    }
    // A masked secret does not go to a place that it was not for.
    let answer = put(&server, CHAT, &settings("https://evil.example/", "***", "nats://u:***@h:4222"));
    assert_eq!(
        (answer.status, &body(&answer)["target"]),
        (400, &json!("eventHandlers[0].auth.header.value"))
    );
    let answer = put(&server, CHAT, &settings(url, "***", "nats://u:***@evil:4222"));
    assert_eq!((answer.status, &body(&answer)["target"]), (400, &json!("eventListeners[0].endpoint")));
    let log = server.stop_and_take_log();
    assert!(!log.contains("hidden"), "{log}");
}

#[test]
fn only_those_who_may_see_and_change_settings() {
    let mut issuer = Issuer::start();
    let server = with_file(&issuer.configuration());
    let reader = issuer.token(&json!({"claims": {"roles": ["Web PubSub Service Reader"]}}));
    let owner = issuer.token(&json!({}));
    let other = issuer.token(&json!({"claims": {"roles": ["Other"]}}));
    let with = |token: &str, method: &str, path: &str| {
        request(&server, method, path, &[TYPE, &bearer(token)], b"{}").status
    };
    for (method, path, owners, readers) in [
        ("GET", HUBS, 200, 200),
        ("PUT", CHAT, 201, 403),
        ("GET", CHAT, 200, 200),
        ("DELETE", CHAT, 204, 403),
    ] {
        assert_eq!(with(&other, method, path), 403, "{method} {path}");
        let anonymous = request(&server, method, path, &[TYPE], b"{}");
        assert_eq!(anonymous.status, 401, "{method} {path}");
        assert!(anonymous.header("www-authenticate").is_some());
        // A token of an access key is for one path.
        let elsewhere = http::authorization(&server, "/api/hubs/chat/:send");
        assert_eq!(request(&server, method, path, &[TYPE, &elsewhere], b"{}").status, 401, "{method} {path}");
        assert_eq!(with(&reader, method, path), readers, "{method} {path}");
        assert_eq!(with(&owner, method, path), owners, "{method} {path}");
    }
    for (method, path, status, allow) in [
        ("POST", HUBS, 405, Some("GET")),
        ("PATCH", CHAT, 405, Some("GET, PUT, DELETE")),
        ("GET", "/api/ext/hubs/chat/nothing", 404, None),
        ("GET", "/api/ext", 404, None),
        ("GET", "/api/ext/nothing", 404, None),
    ] {
        let answer = request(&server, method, path, &[&bearer(&owner)], b"");
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
    }
}

#[test]
fn a_changed_file_takes_effect() {
    // 16
    let server = with_file(&format!("[hubs.a]\n{ANONYMOUS}[hubs.b]\n[hubs.c]\n{ANONYMOUS}"));
    let mut client = RawClient::connect(&format!("ws://{}/client/hubs/a", server.authority()), JSON);
    client.next_text();
    assert_eq!((nobody(&server, "a"), nobody(&server, "b"), nobody(&server, "c")), (101, 401, 101));
    write(server.folder(), &format!("[hubs.a]\n[hubs.c]\n{ANONYMOUS}[hubs.D]\n{ANONYMOUS}"));
    let line = expect_log(&server, "the configuration file has changed: ", 1);
    assert!(line.ends_with("hubs: added d; changed a; removed b"), "{line}");
    assert_eq!((nobody(&server, "a"), nobody(&server, "c"), nobody(&server, "d")), (401, 101, 101));
    // Whoever is there stays.
    client.send_text(r#"{"type":"ping"}"#);
    client.expect_text(r#"{"type":"pong"}"#);
}

#[test]
fn a_bad_edit_keeps_the_last_good_settings() {
    // 16
    let good = format!("[hubs.a]\n{ANONYMOUS}");
    let server = with_file(&good);
    let bad = [
        (
            format!("[hubs.b]\n{ANONYMOUS}[hubs.a]\nanonymousConnectPolicy = \"alow\"\n"),
            vec!["hublet.toml: line 4, column 26: ", "Did you mean `allow`?"],
        ),
        (
            format!("[hubs.b]\n{ANONYMOUS}\n[[hubs.a.eventHandlers]]\nurlTemplate = \"http://h/{{evnt}}\"\n"),
            vec![
                "hublet.toml: line 5, column 1: In the hub \"a\", `eventHandlers[0].urlTemplate`: ",
                "Did you mean {event}?",
            ],
        ),
        ("[hubs.b\n".to_owned(), vec!["hublet.toml: line 1, "]),
        ("log = \"loud\"\n[hubs.b]\n".to_owned(), vec!["\"loud\" is not a filter for the log"]),
    ];
    for (index, (file, parts)) in bad.iter().enumerate() {
        write(server.folder(), file);
        server.signal(Signal::HUP);
        let line = expect_log(&server, "SIGHUP: the configuration in effect stays as it is: ", index + 1);
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert_eq!((nobody(&server, "a"), nobody(&server, "b")), (101, 401), "{file}");
    }
    // A file that is gone has no hubs, which nobody means.
    std::fs::remove_file(server.folder().join("hublet.toml")).expect("a file to remove");
    server.signal(Signal::HUP);
    expect_log(&server, "there is no file hublet.toml", 1);
    assert_eq!(nobody(&server, "a"), 101);
    write(server.folder(), &good.replace("[hubs.a]", "[hubs.e]"));
    expect_log(&server, "hubs: added e; removed a", 1);
    assert_eq!((nobody(&server, "a"), nobody(&server, "e")), (401, 101));
}

#[test]
fn what_needs_a_restart_is_named() {
    let server = with_file("");
    write(
        server.folder(),
        &format!(
            "[hubs.a]\n{ANONYMOUS}[limits]\nmessage_bytes = 2048\n[upstream]\nallowed_networks = [\"private\"]\n"
        ),
    );
    server.signal(Signal::HUP);
    let line = expect_log(&server, "takes effect with a restart: ", 1);
    assert!(line.ends_with("restart: limits.message_bytes, upstream.allowed_networks"), "{line}");
    assert_eq!(nobody(&server, "a"), 101, "the rest is in effect");
    // What hubs need of it is told instead of half done.
    write(
        server.folder(),
        "[upstream]\nallowed_networks = [\"private\"]\n[[hubs.b.eventHandlers]]\nurlTemplate = \"http://10.0.0.1/\"\n",
    );
    server.signal(Signal::HUP);
    let line = expect_log(&server, "stays as it is: ", 1);
    assert!(line.contains("The address 10.0.0.1"), "{line}");
    assert_eq!(nobody(&server, "a"), 101);
}

#[test]
fn check_config_checks_hubs_and_shows_no_secrets() {
    let folder = new_folder();
    std::fs::write(folder.join("secret.txt"), "hidden-5\n").expect("a folder to write to");
    let file = "[identity]\ntoken_endpoint = \"https://login.example/token\"\nclient_id = \"c\"\nclient_secret = \"hidden-1\"\n\
                [secrets]\n\"https://v.example/secrets/a\" = \"hidden-2\"\n\"https://v.example/secrets/b\" = \"file:secret.txt\"\n\
                [[hubs.chat.eventHandlers]]\n\
                urlTemplate = \"https://h/{hub}?code=hidden-3&k={@Microsoft.KeyVault(SecretUri=https://v.example/secrets/b)}\"\n\
                auth = { type = \"ManagedIdentity\", managedIdentity = { resource = \"api://app\" } }\n\
                [[hubs.chat.eventListeners]]\nendpoint = { type = \"Nats\", url = \"nats://u:hidden-4@h\" }\n";
    write(&folder, file);
    let ended = check_config(&folder);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
    assert!(!ended.out.contains("hidden"), "{}", ended.out);
    for part in [
        "client_secret = \"***\"",
        "\"https://v.example/secrets/b\" = \"file:secret.txt\"",
        "https://h/{hub}?code=***&k={@Microsoft.KeyVault(SecretUri=https://v.example/secrets/b)}",
        "nats://u:***@h",
        "resource = \"api://app\"",
    ] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }

    for (file, parts) in [
        (file.replace("[secrets]", "[secrts]"), &["unknown field `secrts`", "Did you mean `secrets`?"][..]),
        (file.replace("secret.txt", "nothing.txt"), &["nothing.txt cannot be read"]),
        (
            file.replace("/secrets/b)", "/secrets/c)"),
            &[
                "hublet.toml: line 9, column 1: In the hub \"chat\", `eventHandlers[0].urlTemplate`: ",
                "under [secrets]",
            ],
        ),
        (
            file.replace("ManagedIdentity\",", "ManagdIdentity\","),
            &["line 10, column 10: ", "`eventHandlers[0].auth.type`", "Did you mean \"ManagedIdentity\"?"],
        ),
        (
            "[[hubs.a.eventListeners]]\nendpoint = { type = \"File\", path = \"f\" }\n".repeat(11),
            &["`eventListeners`: There are 11"],
        ),
        ("[hubs.A]\n[hubs.a]\n".to_owned(), &["configured twice"]),
    ] {
        write(&folder, &file);
        let ended = check_config(&folder);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{file}");
        for part in parts {
            assert!(ended.error.contains(part), "{part}: {}", ended.error);
        }
        assert!(!ended.error.contains("hidden"), "{}", ended.error);
    }
}
