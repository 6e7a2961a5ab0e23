//! The audit log: who changed what, in the file and by the admin API; and what the service says about itself.

use std::time::Instant;

use hublet_tests::http::{Answer, call, request};
use hublet_tests::issuer::Issuer;
use hublet_tests::raw::PATIENCE;
use hublet_tests::{Server, new_folder};
use serde_json::{Value, json};

const AUDIT: &str = "/api/ext/audit";
const TYPE: &str = "Content-Type: application/json";
const TEXT: &str = "Content-Type: text/plain";
const PAGE: &str = "X-Hublet-Portal: 1";

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("a JSON document")
}

/// The last actions, the oldest first: who, how, what, to what, and what came of it.
fn actions(list: &[Value]) -> Vec<[String; 5]> {
    let of = |entry: &Value| {
        ["who", "via", "action", "target", "result"].map(|name| {
            let text = entry[name].as_str().expect("a text");
            let is_sentence = name == "result";
            text.split_once(": ").filter(|_| is_sentence).map_or(text, |(result, _)| result).to_owned()
        })
    };
    list.iter().map(of).collect()
}

#[test]
fn what_is_done_is_noted() {
    let server = Server::start_in(new_folder(), &["--listen", "127.0.0.1:0", "--production"], &[]);
    let key = server.service().access_key().to_owned();
    let sign_in = |credential: Value| {
        request(&server, "POST", "/api/ext/session", &[TYPE, PAGE], credential.to_string().as_bytes())
    };
    let hub = "/api/ext/hubs/chat";
    let handlers = json!({"eventHandlers": [{"urlTemplate": "builtin:echo"}]}).to_string();
    assert_eq!(call(&server, "PUT", hub, &[TYPE], handlers.as_bytes()).status, 201);
    assert_eq!(call(&server, "PUT", hub, &[TYPE], br#"{"secret":"hush"}"#).status, 400);
    assert_eq!(call(&server, "POST", &format!("{hub}/:test"), &[], b"").status, 200);
    assert_eq!(call(&server, "POST", &format!("{hub}/exchanges/7/:replay"), &[], b"").status, 404);
    // What only reads is not noted, and neither is what app servers do all day, nor who is nobody.
    assert_eq!(call(&server, "GET", hub, &[], b"").status, 200);
    assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"hi").status, 202);
    assert_eq!(request(&server, "DELETE", hub, &[], b"").status, 401);

    assert_eq!(sign_in(json!({"accessKey": "guess"})).status, 401);
    let answer = sign_in(json!({"accessKey": key}));
    let set = answer.header("set-cookie").expect("a cookie");
    let cookie = format!("Cookie: {}", set.split(';').next().unwrap_or_default());
    let page = |method: &str, path: &str, content_type: &str, body: &[u8]| {
        request(&server, method, path, &[&cookie, PAGE, content_type], body)
    };
    assert_eq!(page("GET", hub, TYPE, b"").status, 200);
    assert_eq!(page("POST", "/api/hubs/Chat/users/ann/:send", TEXT, b"hush").status, 202);
    assert_eq!(page("DELETE", "/api/hubs/chat/connections/x", TYPE, b"").status, 204);
    assert_eq!(page("PUT", "/api/hubs/chat/groups/g/connections/x", TYPE, b"").status, 404);
    assert_eq!(page("GET", "/api/ext/keys", TYPE, b"").status, 200);
    assert_eq!(page("DELETE", hub, TYPE, b"").status, 204);
    let answer = page("POST", "/api/ext/keys/:regenerate", TYPE, br#"{"keyType":"Secondary"}"#);
    let secondary = body(&answer)["secondaryKey"].as_str().expect("a key").to_owned();
    assert_eq!(page("DELETE", "/api/ext/session", TYPE, b"").status, 204);

    let mut shown = body(&call(&server, "GET", AUDIT, &[], b""))["value"].as_array().expect("a list").clone();
    shown.reverse();
    let primary = "primary key";
    assert_eq!(
        actions(&shown),
        [
            [primary, "api", "hub.put", "chat", "ok"],
            [primary, "api", "hub.put", "chat", "refused"],
            [primary, "api", "hub.test", "chat", "ok"],
            [primary, "api", "exchange.replay", "chat/7", "refused"],
            ["nobody", "portal", "session.refused", "", "refused"],
            [primary, "portal", "session.create", "", "ok"],
            [primary, "portal", "message.send", "chat/users/ann/:send", "ok"],
            [primary, "portal", "connection.close", "chat/connections/x", "ok"],
            [primary, "portal", "group.add", "chat/groups/g/connections/x", "refused"],
            [primary, "portal", "keys.show", "", "ok"],
            [primary, "portal", "hub.delete", "chat", "ok"],
            [primary, "portal", "keys.regenerate", "secondary", "ok"],
            [primary, "portal", "session.delete", "", "ok"],
        ]
        .map(|entry| entry.map(str::to_owned))
    );
    for entry in &shown {
        assert_eq!(entry["from"], "127.0.0.1");
        assert!(
            entry["time"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')),
            "{entry}"
        );
    }
    let newest = body(&call(&server, "GET", &format!("{AUDIT}?top=1"), &[], b""));
    assert_eq!((newest["value"].as_array().map(Vec::len), &newest["value"][0]), (Some(1), &shown[12]));
    for top in ["0", "1001", "x"] {
        assert_eq!(call(&server, "GET", &format!("{AUDIT}?top={top}"), &[], b"").status, 400, "{top}");
    }

    // A stop loses nothing.
    let folder = server.stop_and_take_folder();
    let text = std::fs::read_to_string(folder.join("hublet-data/audit.jsonl")).expect("a file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines, shown);
    for secret in [&key, &secondary, "hush", "guess"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn what_somebody_may_not_do_is_noted() {
    let mut issuer = Issuer::start();
    let server = Server::start_with_file(&issuer.configuration(), &[]);
    let reader = json!({"claims": {"roles": ["Web PubSub Service Reader"], "sub": "ann"}});
    let token = issuer.token(&reader);
    let credential = json!({"token": token}).to_string();
    let end = Instant::now() + PATIENCE;
    let cookie = loop {
        // The keys of the issuer come in a moment.
        let answer = request(&server, "POST", "/api/ext/session", &[TYPE, PAGE], credential.as_bytes());
        if let Some(set) = answer.header("set-cookie") {
            break format!("Cookie: {}", set.split(';').next().unwrap_or_default());
        }
        assert!(Instant::now() < end, "{answer:?}");
    };
    let (hub, regenerate) = ("/api/ext/hubs/chat", "/api/ext/keys/:regenerate");
    let secondary = br#"{"keyType":"Secondary"}"#;
    let by_token = |method: &str, path: &str, body: &[u8]| {
        request(&server, method, path, &[&hublet_tests::http::bearer(&token), TYPE], body).status
    };
    let by_cookie = |method: &str, path: &str, headers: &[&str], body: &[u8]| {
        request(&server, method, path, &[&[cookie.as_str(), TYPE], headers].concat(), body).status
    };
    let begun = body(&call(&server, "GET", AUDIT, &[], b""))["value"].as_array().map_or(0, Vec::len);
    assert_eq!(by_token("GET", "/api/ext/keys", b""), 403);
    assert_eq!(by_token("POST", regenerate, secondary), 403);
    assert_eq!(by_token("PUT", hub, b"{}"), 403);
    assert_eq!(
        by_token("POST", "/api/hubs/chat/:send", b"1"),
        403,
        "of REST only the page's calls are noted"
    );
    assert_eq!(by_token("GET", hub, b""), 404, "reading is not noted");
    assert_eq!(by_cookie("GET", "/api/ext/keys", &[PAGE], b""), 403);
    assert_eq!(by_cookie("DELETE", hub, &[PAGE], b""), 403);
    let grant = "/api/hubs/Chat/permissions/sendToGroup/connections/x?targetName=a%20b";
    assert_eq!(by_cookie("PUT", grant, &[PAGE], b""), 403);
    // Of another site, with a cookie that is good.
    assert_eq!(by_cookie("DELETE", hub, &["Sec-Fetch-Site: cross-site", PAGE], b""), 403);
    assert_eq!(by_cookie("POST", "/api/hubs/chat/:send", &["Sec-Fetch-Site: same-origin"], b"1"), 403);
    assert_eq!(by_cookie("DELETE", "/api/ext/session", &["Origin: http://evil.example", PAGE], b""), 403);
    // Nobody's cookie, and no cookie.
    assert_eq!(request(&server, "DELETE", hub, &["Cookie: hublet_session=x", PAGE], b"").status, 401);

    let mut shown = body(&call(&server, "GET", AUDIT, &[], b""))["value"].as_array().expect("a list").clone();
    shown.reverse();
    let shown = &shown[begun..];
    assert_eq!(
        actions(shown),
        [
            ["ann", "api", "keys.show", "", "refused"],
            ["ann", "api", "keys.regenerate", "", "refused"],
            ["ann", "api", "hub.put", "chat", "refused"],
            ["ann", "portal", "keys.show", "", "refused"],
            ["ann", "portal", "hub.delete", "chat", "refused"],
            [
                "ann",
                "portal",
                "permission.grant",
                "chat/permissions/sendToGroup/connections/x (group: a b)",
                "refused"
            ],
            ["ann", "portal", "hub.delete", "chat", "refused"],
            ["ann", "portal", "message.send", "chat/:send", "refused"],
            ["ann", "portal", "session.delete", "", "refused"],
        ]
        .map(|entry| entry.map(str::to_owned))
    );
    for (at, why) in [(0, "no role"), (4, "only read"), (6, "another site"), (7, "X-Hublet-Portal")] {
        assert!(shown[at]["result"].as_str().is_some_and(|text| text.contains(why)), "{}", shown[at]);
    }
    assert!(shown.iter().all(|entry| entry["issuer"] == issuer.url()), "ann of whom");
    assert!(!server.log().contains(&token));
}

#[test]
fn calls_of_the_page_say_what_they_are_about() {
    let server = Server::start();
    let answer = request(&server, "POST", "/api/ext/session", &[TYPE, PAGE], br#"{"development":true}"#);
    let set = answer.header("set-cookie").expect("a cookie");
    let cookie = format!("Cookie: {}", set.split(';').next().unwrap_or_default());
    let post = |method: &str, path: &str| request(&server, method, path, &[&cookie, PAGE, TEXT], b"hi");
    let made = post("POST", "/api/hubs/chat/:generateToken?userId=ann&role=r1&role=r2&minutesToExpire=9");
    let token = body(&made)["token"].as_str().expect("a token").to_owned();
    let permission = "/api/hubs/chat/permissions/joinLeaveGroup/connections/x?targetName=tea";
    assert_eq!(post("PUT", permission).status, 404);
    assert_eq!(post("DELETE", permission).status, 204);
    assert_eq!(post("POST", "/api/hubs/1x/:send").status, 400, "no hub has such a name");
    assert_eq!(post("POST", "/api/hubs/chat/:send?api-version=1").status, 400);
    let answer = call(&server, "GET", AUDIT, &[], b"");
    assert!(!answer.body.contains(&token), "{}", answer.body);
    let mut shown = body(&answer)["value"].as_array().expect("a list").clone();
    shown.reverse();
    let path = "chat/permissions/joinLeaveGroup/connections/x (group: tea)";
    assert_eq!(
        actions(&shown[1..]),
        [
            [
                "development",
                "portal",
                "token.generate",
                "chat/:generateToken (user: ann; roles: r1, r2)",
                "ok"
            ],
            ["development", "portal", "permission.grant", path, "refused"],
            ["development", "portal", "permission.revoke", path, "ok"],
            ["development", "portal", "message.send", "1x/:send", "refused"],
            ["development", "portal", "message.send", "chat/:send", "refused"],
        ]
        .map(|entry| entry.map(str::to_owned))
    );
}

#[test]
fn a_file_that_cannot_be_written_is_told_once_and_stops_nobody() {
    let folder = new_folder();
    // A folder of that name: whoever runs the test may write everywhere.
    std::fs::create_dir_all(folder.join("hublet-data/audit.jsonl")).expect("a new folder");
    let server = Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[]);
    for _ in 0..3 {
        assert!(call(&server, "PUT", "/api/ext/hubs/chat", &[TYPE], b"{}").status < 300);
    }
    let shown = body(&call(&server, "GET", AUDIT, &[], b""));
    assert_eq!(shown["value"].as_array().map(Vec::len), Some(3));
    let end = Instant::now() + PATIENCE;
    while !server.log().contains("audit.jsonl cannot be written") {
        assert!(Instant::now() < end, "{}", server.log());
        std::thread::yield_now();
    }
    let log = server.stop_and_take_log();
    assert_eq!(log.matches("audit.jsonl cannot be written").count(), 1, "{log}");
}

#[test]
fn the_service_says_what_it_is() {
    let key = "a-key-that-nobody-is-shown-0123456789";
    let file = format!(
        "public_endpoints = [\"http://localhost:9/x\"]\n[auth]\naccess_keys = [\"{key}\"]\n[secrets]\n\"https://v/s\" = \"hush\"\n"
    );
    let server = Server::start_with_file(&file, &[]);
    let service = format!("Endpoint=http://{};AccessKey={key}", server.authority());
    let service: hublet_client::ConnectionString = service.parse().expect("a connection string");
    let path = "/api/ext/about";
    let token = service.rest_token(&format!("http://{}{path}", server.authority()));
    let about = body(&request(&server, "GET", path, &[&hublet_tests::http::bearer(&token)], b""));
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["listeners"], json!([{"address": server.authority(), "tls": false}]));
    assert_eq!(about["publicEndpoints"], json!(["http://localhost:9/x"]));
    assert_eq!(about["dataFolder"], "hublet-data");
    assert!(about["platform"].as_str().is_some_and(|platform| platform.starts_with("linux ")), "{about}");
    let configuration = about["configuration"].as_str().expect("a text");
    assert!(configuration.contains("access_keys = [\"***\"]") && configuration.contains("[portal]"));
    assert!(!about.to_string().contains("hush") && !about.to_string().contains(key), "{about}");
}
