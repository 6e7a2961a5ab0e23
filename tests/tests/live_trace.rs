//! What happens on the service, for whoever looks: the admin API, resource logs, and the service's own log.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::http::{self, Answer, bearer, call};
use hublet_tests::raw::RawClient;
use hublet_tests::token::{DEVELOPMENT_KEY, OTHER_KEY, now_s, signed};
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, Server};
use serde_json::{Value, json};

const TRACE: &str = "/api/ext/trace";
const TEXT: &str = "Content-Type: text/plain";
const JOIN: &str = "webpubsub.joinLeaveGroup";
const SEND: &str = "webpubsub.sendToGroup";

/// A good request; the token's audience has no query.
fn get(server: &Server, path: &str, headers: &[&str]) -> Answer {
    let bare = path.split('?').next().unwrap_or_default();
    let authorization = http::authorization(server, bare);
    http::request(server, "GET", path, &[&[authorization.as_str()], headers].concat(), b"")
}

fn read(server: &Server, query: &str) -> Value {
    let answer = get(server, &format!("{TRACE}?{query}"), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// The events of a name, which must come in time.
fn wait_for(server: &Server, name: &str) -> Vec<Value> {
    let found = read(server, &format!("name={name}&wait=20"));
    let events = found["value"].as_array().expect("a list").clone();
    assert!(!events.is_empty(), "there is no {name}: {}", read(server, "top=1000"));
    events
}

fn the_one(server: &Server, name: &str) -> Value {
    let mut events = wait_for(server, name);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn everything_that_happens_is_there_with_its_fields() {
    let (_upstream, server) = Upstream::serve(|call| match call.event() {
        "order" => Reply::status(500),
        _ => Reply::status(204),
    });
    read(&server, "");
    let url = server.client_url("chat", Some("ann"), &[JOIN, SEND], &[]);
    let mut client = RawClient::connect(&url, JSON);
    let id = client.expect_connected();
    client.request(r#"{"type":"joinGroup","group":"tea","ackId":1}"#, 1);
    client.send_text(
        r#"{"type":"sendToGroup","group":"tea","dataType":"text","data":"a message to the group"}"#,
    );
    client.next_text();
    client.send_text(r#"{"type":"event","event":"order","dataType":"json","data":{"cups":2},"ackId":2}"#);
    client.next_text();
    let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sent = call(&server, "POST", "/api/hubs/CHAT/groups/tea/:send", &[TEXT, traceparent], b"from rest");
    assert_eq!(sent.status, 202);
    client.next_text();

    let started = the_one(&server, "ConnectionStarted");
    let about = |event: &Value| {
        assert_eq!((&event["hub"], &event["userId"]), (&json!("chat"), &json!("ann")), "{event}");
        assert_eq!(event["connectionId"], id.as_str(), "{event}");
    };
    about(&started);
    assert_eq!(started["remoteAddress"], "127.0.0.1");
    assert_eq!(
        (&started["category"], &started["level"]),
        (&json!("ConnectivityLogs"), &json!("Informational"))
    );
    assert!(
        started["time"].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')),
        "{started}"
    );

    let joined = the_one(&server, "AddedConnectionToGroup");
    about(&joined);
    assert_eq!((&joined["group"], &joined["category"]), (&json!("tea"), &json!("MessagingLogs")));

    let received = wait_for(&server, "ReceivedMessageFromClient");
    about(&received[0]);
    assert_eq!(received[0]["group"], "tea");
    assert_eq!(
        received[0]["payload"],
        json!({"type": "text", "bytes": 22, "text": "a message to the group"})
    );
    assert_eq!(received[1]["message"], "Received a message of 10 bytes from the client for event order.");

    let delivered = wait_for(&server, "SentMessage");
    assert_eq!((&delivered[0]["receivers"], &delivered[0]["group"]), (&json!(1), &json!("tea")));
    let to_client = wait_for(&server, "SentMessageToClient");
    about(&to_client[0]);
    assert_eq!(to_client[0]["group"], "tea");

    let failed = the_one(&server, "HttpHandlerUnexpectedResponse");
    about(&failed);
    let sentence = "Sending message during operation hub:chat,event:order,type:user,category:messages,requestType:Message \
                    got unexpected response with status code 500.";
    assert_eq!(failed["message"], sentence);
    assert_eq!((&failed["handler"]["status"], &failed["handler"]["event"]), (&json!(500), &json!("order")));
    assert!(failed["exception"].as_str().is_some_and(|text| text.contains("500")), "{failed}");
    let exchanges = get(&server, "/api/ext/hubs/chat/exchanges", &[]);
    let exchanges: Value = serde_json::from_str(&exchanges.body).expect("JSON");
    let order = exchanges["value"].as_array().expect("a list").iter().find(|call| call["event"] == "order");
    assert_eq!(order.expect("the exchange")["id"], failed["handler"]["exchangeId"]);
    let handled = wait_for(&server, "HandlerRequestProcessed");
    assert!(handled.iter().any(|event| event["handler"]["event"] == "connect"), "{handled:?}");

    let from_rest = the_one(&server, "ReceivedMessageFromRestApi");
    assert_eq!(
        from_rest["message"],
        "Received a message 0af7651916cd43dd8448eb211c80319c from REST API: POST \
         api/hubs/{hub}/groups/{group}/:send."
    );
    let request = the_one(&server, "RequestProcessed");
    assert_eq!(
        (&request["hub"], &request["traceId"]),
        (&json!("chat"), &json!("0af7651916cd43dd8448eb211c80319c"))
    );
    assert_eq!(request["http"]["route"], "api/hubs/{hub}/groups/{group}/:send");
    assert_eq!((&request["http"]["status"], &request["http"]["method"]), (&json!(202), &json!("POST")));
    assert_eq!(request["http"]["path"], "/api/hubs/CHAT/groups/tea/:send");

    client.cut();
    let aborted = the_one(&server, "ConnectionAborted");
    about(&aborted);
    assert_eq!(
        (&aborted["level"], &aborted["message"]),
        (&json!("Warning"), &json!("Connection aborted. The connection ended."))
    );
}

#[test]
fn who_is_refused_is_there_and_says_nothing_secret() {
    let file = "[resource_logs]\nfile = \"resource.log\"\n[live_trace]\npayloads = false\n";
    let server = Server::start_with_file(file, &["--log", "debug"]);
    let aud = format!("http://{}/client/hubs/other", server.authority());
    let wrong = signed(DEVELOPMENT_KEY, &json!({"aud": aud, "exp": now_s() + 60, "sub": "eve"}));
    let forged = signed(OTHER_KEY, &json!({"aud": aud, "exp": now_s() + 60}));
    let path = |token: &str| format!("/client/hubs/chat?access_token={token}&code=hunter2");
    read(&server, "");
    for token in [&wrong, &forged] {
        assert_eq!(http::handshake(&server, &path(token), &[]).status, 401);
    }
    let refused = http::request(&server, "POST", "/api/hubs/chat/:send", &[TEXT, &bearer(&forged)], b"x");
    assert_eq!(refused.status, 401);
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[SEND], &["tea"]), JSON);
    client.expect_connected();
    client.send_text(r#"{"type":"sendToGroup","group":"tea","dataType":"text","data":"a secret message"}"#);
    client.next_text();

    let failures = wait_for(&server, "AuthorizationFailed");
    let message = format!(
        "Failed to validate audience. Expected Audiences: http://{}/client/hubs/chat. Actual Audiences: {aud}",
        server.authority()
    );
    assert_eq!(failures[0]["message"], message);
    assert_eq!((&failures[0]["http"]["status"], &failures[0]["hub"]), (&json!(401), &json!("chat")));
    assert_eq!(failures[1]["message"], "The signature is invalid: no access key of this service made it.");
    assert_eq!(
        (&failures[2]["category"], &failures[2]["remoteAddress"]),
        (&json!("HttpRequestLogs"), &json!("127.0.0.1"))
    );
    let received = wait_for(&server, "ReceivedMessageFromClient");
    assert_eq!(received[0]["payload"], json!({"type": "text", "bytes": 16, "text": null}));

    let trace = read(&server, "top=1000").to_string();
    let logs = get(&server, "/api/ext/logs?top=1000", &[]).body;
    let file = server.folder().join("resource.log");
    let own = server.stop_and_take_folder_and_log();
    let resource =
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for (what, text) in [("trace", &trace), ("logs", &logs), ("log", &own.1), ("resource log", &resource)] {
        for secret in [DEVELOPMENT_KEY, OTHER_KEY, &wrong, &forged, "eyJ", "hunter2", "a secret message"] {
            assert!(!text.contains(secret), "{secret} is in the {what}:\n{text}");
        }
    }
    let records: Vec<Value> =
        resource.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let record = |name: &str| records.iter().find(|record| record["operationName"] == name);
    let started = record("ConnectionStarted").expect("a record of the connection");
    assert_eq!(started["category"], "ConnectivityLogs");
    assert_eq!(started["callerIpAddress"], "127.0.0.1");
    assert_eq!(started["properties"]["userId"], "ann");
    assert_eq!(started["properties"]["collection"], "Connection");
    // Until its last moment: clients are closed by a stop.
    let aborted = record("ConnectionAborted").expect("a record of the end");
    assert_eq!(aborted["properties"]["message"], "Connection aborted. Service reloading, reconnect");
    let denied = record("AuthorizationFailed").expect("a record of the refusal");
    assert_eq!(denied["properties"]["collection"], "Authorization");
    assert_eq!(denied["properties"]["url"], "/client/hubs/chat");
    assert_eq!(denied["properties"]["statusCode"], 401);
}

#[test]
fn messages_are_kept_only_while_somebody_looks() {
    let server = Server::start();
    let mut client = RawClient::connect(&server.client_url("chat", None, &[SEND], &["tea"]), JSON);
    client.expect_connected();
    let mut speak = |text: &str| {
        client.send_text(&format!(
            r#"{{"type":"sendToGroup","group":"tea","dataType":"text","data":"{text}"}}"#
        ));
        client.next_text();
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
        client.next_text();
    };
    speak("unseen");
    let before = read(&server, "");
    let names: Vec<&Value> =
        before["value"].as_array().expect("a list").iter().map(|event| &event["name"]).collect();
    assert_eq!(names, ["ConnectionStarted"]);
    assert_eq!(before["messages"], true, "from now on");
    speak("seen");
    let after = before["next"].as_str().expect("a cursor");
    let now = read(&server, &format!("after={after}&wait=20&text=SEEN"));
    let seen = now["value"].as_array().expect("a list");
    assert_eq!(seen[0]["payload"]["text"], "seen");
    assert_eq!((&now["lost"], seen.iter().all(|event| event["hub"] == "chat")), (&json!(0), true));
}

#[test]
fn requests_filter_wait_and_export() {
    let server = Server::start();
    let mut clients: Vec<(RawClient, String)> = ["ann", "bob"]
        .iter()
        .zip(["chat", "game"])
        .map(|(user, hub)| {
            let mut client = RawClient::connect(&server.client_url(hub, Some(user), &[], &[]), JSON);
            let id = client.expect_connected();
            (client, id)
        })
        .collect();
    // A client is told that it is connected before those who look are.
    let looked = (0..1_000).find(|_| wait_for(&server, "ConnectionStarted").len() == 2);
    assert!(looked.is_some(), "both are there");
    let count = |query: &str| read(&server, query)["value"].as_array().expect("a list").len();
    let id = clients[0].1.clone();
    for (query, expected) in [
        ("name=connectionstarted", 2),
        ("hub=CHAT", 1),
        ("userId=bob", 1),
        (&format!("connectionId={id}"), 1),
        ("group=tea", 0),
        ("category=MessagingLogs", 0),
        ("category=connectivitylogs", 2),
        ("text=bob", 1),
        ("text=connection%20started", 2),
        ("hub=chat&userId=bob", 0),
        ("top=1", 1),
    ] {
        assert_eq!(count(query), expected, "{query}");
    }
    for wrong in ["top=0", "top=1001", "wait=26", "after=x", "category=Logs", "hub=a&hub=b"] {
        let answer = get(&server, &format!("{TRACE}?{wrong}"), &[]);
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
    let export = get(&server, TRACE, &["Accept: application/jsonl"]);
    assert_eq!(export.header("content-type"), Some("application/jsonl"));
    let lines: Vec<Value> =
        export.body.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    // They may be on different shards, which tell in any order.
    let mut users: Vec<&str> = lines.iter().filter_map(|line| line["userId"].as_str()).collect();
    users.sort_unstable();
    assert_eq!((lines.len(), users), (2, vec!["ann", "bob"]));

    // A request waits for what it asks for and for nothing else.
    let next = read(&server, "")["next"].as_str().expect("a cursor").to_owned();
    std::thread::scope(|scope| {
        let query = format!("after={next}&wait=25&userId=bob");
        let server = &server;
        let waiting = scope.spawn(move || read(server, &query));
        let (bob, ann) = (clients.pop(), clients.pop());
        ann.expect("ann").0.cut();
        // Ann's end is there, and no answer for who waits for bob.
        assert_eq!(wait_for(server, "ConnectionAborted").len(), 1);
        bob.expect("bob").0.cut();
        let answer = waiting.join().expect("an answer");
        assert_eq!(answer["value"].as_array().expect("a list").len(), 1);
        assert_eq!(answer["value"][0]["name"], "ConnectionAborted");
    });
    let answer = http::request(&server, "GET", TRACE, &[], b"");
    assert_eq!(answer.status, 401);
}

#[test]
fn requests_are_found_by_whom_they_are_about() {
    let server = Server::start();
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    let id = client.expect_connected();
    read(&server, "");
    for path in [
        "groups/em%20pty/:send".to_owned(),
        "users/nobody/:send".to_owned(),
        format!("connections/{id}/:send"),
        "users/ann/groups/other".to_owned(),
    ] {
        let method = if path.ends_with(":send") { "POST" } else { "PUT" };
        let answer = call(&server, method, &format!("/api/hubs/chat/{path}"), &[TEXT], b"x");
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    }
    let request = ["RequestStarted", "RequestProcessed"];
    let send = ["RequestStarted", "ReceivedMessageFromRestApi", "RequestProcessed"];
    for (query, expected) in [
        ("group=em%20pty".to_owned(), &send[..]),
        ("userId=nobody".to_owned(), &send),
        (format!("connectionId={id}&category=HttpRequestLogs"), &request),
        (format!("connectionId={id}&name=ReceivedMessageFromRestApi"), &send[1..2]),
        ("group=other&userId=ann&category=HttpRequestLogs".to_owned(), &request),
    ] {
        let found = read(&server, &format!("{query}&top=1000"));
        let names: Vec<&str> = found["value"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|event| event["name"].as_str())
            .collect();
        assert_eq!(names, expected, "{query}: {found}");
    }
}

#[test]
fn refused_callers_cannot_fill_the_log() {
    const ROUNDS: usize = 150;
    let server = Server::start();
    let began = std::time::Instant::now();
    for _ in 0..ROUNDS {
        for (method, path) in
            [("POST", "/api/hubs/chat/:send"), ("GET", "/api/ext/hubs"), ("GET", "/api/ext/keys")]
        {
            assert_eq!(http::request(&server, method, path, &[TEXT], b"").status, 401, "{path}");
        }
        for path in ["/client/hubs/chat", "/livetrace"] {
            assert_eq!(http::handshake(&server, path, &[]).status, 401, "{path}");
        }
        let foreign = http::exchange(
            &server,
            b"GET /portal/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        );
        assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
    }
    let logs = get(&server, "/api/ext/logs?top=1000", &[]).body;
    let took_s = usize::try_from(began.elapsed().as_secs()).expect("a short time");
    let (_folder, log) = server.stop_and_take_folder_and_log();
    for text in [&logs, &log] {
        let lines = text.matches("was refused").count();
        assert!((10..=20 + 10 * took_s).contains(&lines), "{lines} lines in {took_s} s: {text}");
        assert!(text.contains("more requests were refused than the log tells of"), "{text}");
    }
    assert!(log.contains("left_out="), "{log}");
}

#[test]
fn who_is_refused_by_the_admin_api_is_there() {
    let server = Server::start();
    for path in ["/api/ext/hubs", "/api/ext/keys"] {
        assert_eq!(http::request(&server, "GET", path, &[], b"").status, 401);
    }
    let page = ["X-Hublet-Portal: 1", "Content-Type: application/json"];
    let wrong = br#"{"accessKey":"wrong"}"#;
    let sign_in = http::request(&server, "POST", "/api/ext/session", &page, wrong);
    assert_eq!(sign_in.status, 401, "{sign_in:?}");
    let failures = wait_for(&server, "AuthorizationFailed");
    let paths: Vec<&Value> = failures.iter().map(|event| &event["http"]["path"]).collect();
    assert_eq!(paths, ["/api/ext/hubs", "/api/ext/keys", "/api/ext/session"]);
    assert_eq!(failures[0]["category"], "HttpRequestLogs");
    assert_eq!(failures[0]["message"], "There is no access token.");
}

#[test]
fn a_full_disk_is_the_cause_that_the_log_names() {
    let server = Server::start_with_file("[resource_logs]\nfile = \"r.log\"\n", &[]);
    server.limit_files(0);
    for _ in 0..20 {
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    }
    let (_folder, log) = server.stop_and_take_folder_and_log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("resource logs")).collect();
    assert!((1..=2).contains(&told.len()), "at once, and what is left at the end: {log}");
    let lost = |line: &&str| {
        let (_, rest) = line.split_once("lost=").expect("how many");
        rest.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    assert_eq!(told.iter().map(lost).sum::<u64>(), 60, "{log}");
    assert!(told.iter().all(|line| line.contains("cannot be written") && line.contains("File too large")));
}

#[test]
fn a_stop_waits_for_nobody_who_waits() {
    let server = Server::start();
    let authorization = http::authorization(&server, TRACE);
    let mut waiting = http::Client::connect(&server);
    let path = format!("{TRACE}?hub=nothing&wait=25");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{authorization}\r\n\r\n", server.authority());
    waiting.send(request.as_bytes());
    // The answer to another one comes after the first has begun to wait.
    assert_eq!(get(&server, TRACE, &[]).status, 200);
    let began = std::time::Instant::now();
    server.signal(rustix::process::Signal::TERM);
    let answer = waiting.answer("GET");
    assert_eq!(answer.status, 200, "{answer:?}");
    let folder = server.wait_and_take_folder();
    assert!(began.elapsed().as_secs() < 20, "it did not wait for the time of the request");
    drop(folder);
}

#[test]
fn only_so_many_wait_and_they_make_room_when_they_go() {
    const WAITING_MAX: usize = 64;
    let server = Server::start();
    let authorization = http::authorization(&server, TRACE);
    let path = format!("{TRACE}?hub=nothing&wait=25");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{authorization}\r\n\r\n", server.authority());
    let wait = || {
        let mut client = http::Client::connect(&server);
        client.send(request.as_bytes());
        client
    };
    // More than may wait: one that asks meanwhile would take the place of another.
    let waiting: Vec<http::Client> = (0..2 * WAITING_MAX).map(|_| wait()).collect();
    let is_full = || get(&server, &format!("{TRACE}?hub=nothing&wait=1"), &[]).status == 503;
    assert!((0..20).any(|_| is_full()), "65 wait");
    assert_eq!(get(&server, TRACE, &[]).status, 200, "who does not wait is answered");
    drop(waiting);
    assert!((0..200).any(|_| !is_full()), "those who have gone wait no longer");
}

#[test]
fn a_small_buffer_says_what_it_lost() {
    let server = Server::start_with_file("[live_trace]\nbuffer_bytes = 65536\n", &[]);
    let first = read(&server, "")["next"].as_str().expect("a cursor").to_owned();
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    client.expect_connected();
    for _ in 0..200 {
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    }
    let found = read(&server, &format!("after={first}&top=1000"));
    let kept = found["value"].as_array().expect("a list");
    let lost = found["lost"].as_u64().expect("a number");
    assert!(lost > 0, "{found}");
    let first_id: u64 =
        first.split('-').nth(1).and_then(|id| id.parse().ok()).expect("a number in the cursor");
    assert_eq!(kept[0]["id"].as_u64(), Some(first_id + lost + 1));
    assert!(kept.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()));
}

#[test]
fn the_log_is_there_in_both_forms() {
    let server = Server::start_with(&["--log-format", "json", "--log", "debug"]);
    assert_eq!(http::handshake(&server, "/client/hubs/chat", &[]).status, 401);
    let answer = get(&server, "/api/ext/logs?level=info&text=REFUSED&wait=20", &[]);
    let logs: Value = serde_json::from_str(&answer.body).expect("JSON");
    let line = &logs["value"][0];
    assert_eq!((&line["level"], &line["message"]), (&json!("INFO"), &json!("a client was refused")));
    assert_eq!(line["fields"]["hub"], "chat");
    let next = logs["next"].as_str().expect("a cursor");
    let answer = get(&server, &format!("/api/ext/logs?after={next}&level=warn"), &[]);
    let later: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((&later["value"], &later["lost"]), (&json!([]), &json!(0)));
    assert_eq!(get(&server, "/api/ext/logs?level=loud", &[]).status, 400);
    let log = server.stop_and_take_log();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(lines.iter().any(|line| line["message"] == "a client was refused"), "{log}");
    assert!(lines.iter().any(|line| line["level"] == "DEBUG"), "{log}");
}

#[test]
fn resource_logs_are_put_aside_when_they_are_full() {
    let file = "[resource_logs]\nfile = \"r.log\"\nfile_bytes = 4096\nfiles = 2\ncategories = [\"HttpRequestLogs\"]\n";
    let server = Server::start_with_file(file, &[]);
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    client.expect_connected();
    for _ in 0..30 {
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    }
    let folder = server.stop_and_take_folder();
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    for name in ["r.log", "r.log.1"] {
        let text = read(name);
        assert!(text.len() <= 4_096, "{name} has {} bytes", text.len());
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).expect("a whole line");
            assert_eq!(record["category"], "HttpRequestLogs");
        }
    }
    assert!(!folder.join("r.log.2").exists());
}
