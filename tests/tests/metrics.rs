//! `/metrics`: both formats as the official parser reads them, who may see them, and that the numbers are what clients, app
//! servers and event handlers did (operations.md §3, §21).

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hublet_tests::http::{self, Answer, bearer, call, handshake, request};
use hublet_tests::once::{self, Ended};
use hublet_tests::raw::{PATIENCE, RawClient};
use hublet_tests::token::{OWN_KEY, now_s, signed};
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, JSON_RELIABLE, Server, recovery, tools};
use hublet_wire::ws::{CloseCode, Opcode, encode_masked, encode_masked_close};
use rustix::process::Signal;
use serde_json::{Value, json};

const ROLES: [&str; 2] = ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"];
const TEXT: &str = "Content-Type: text/plain";
const OPEN_METRICS: &str =
    "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// Samples as the parser read them.
struct Scrape(Value);

impl Scrape {
    fn of(server: &Server) -> Self {
        Self::parse("prometheus", &request(server, "GET", "/metrics", &[], b""))
    }

    fn parse(format: &str, answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let Ended { code, out, error } = read(format, &answer.body);
        assert_eq!(code, Some(0), "{error}\n{}", answer.body);
        Self(serde_json::from_str(&out).expect("JSON"))
    }

    /// The sum of the samples of this name with these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.0[name].as_array().into_iter().flatten();
        let has = |sample: &&Value| labels.iter().all(|(label, value)| sample["labels"][*label] == *value);
        samples.filter(has).filter_map(|sample| sample["value"].as_f64()).sum()
    }
}

fn read(format: &str, text: &str) -> Ended {
    let mut python: Command = tools::python("tests/sdk/metrics.py");
    once::run(python.arg(format), text)
}

/// Scrapes until something is true of it.
fn until(server: &Server, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    let end = Instant::now() + PATIENCE;
    loop {
        let scrape = Scrape::of(server);
        if holds(&scrape) {
            return scrape;
        }
        assert!(
            Instant::now() < end,
            "{what}: {}",
            serde_json::to_string_pretty(&scrape.0).unwrap_or_default()
        );
        sleep(Duration::from_millis(20));
    }
}

fn closed(scrape: &Scrape, category: &str) -> f64 {
    scrape.sum("wps_connections_closed_total", &[("category", category)])
}

fn connect(server: &Server, groups: &[&str]) -> RawClient {
    let url = server.client_url("chat", Some("ann"), &ROLES, groups);
    let mut client = RawClient::connect(&url, JSON);
    client.expect_connected();
    client
}

#[test]
fn both_formats_are_what_the_official_parser_reads() {
    let server = Server::start();
    let _client = connect(&server, &["room"]);
    let prometheus = request(&server, "GET", "/metrics", &[], b"");
    assert_eq!(prometheus.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let open_metrics = request(&server, "GET", "/metrics", &[OPEN_METRICS], b"");
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open_metrics.header("content-type"), Some(media_type));
    let scrapes = [Scrape::parse("prometheus", &prometheus), Scrape::parse("openmetrics", &open_metrics)];
    for scrape in &scrapes {
        let labels = [("hub", "chat"), ("protocol", "json.webpubsub.azure.v1")];
        assert_eq!(scrape.sum("wps_connections", &labels), 1.0);
        assert_eq!(scrape.sum("wps_groups", &[("hub", "chat")]), 1.0);
        assert_eq!(scrape.sum("wps_users", &[("hub", "chat")]), 1.0);
        assert!(scrape.sum("process_resident_memory_bytes", &[]) > 1e6);
        assert!(scrape.sum("process_open_fds", &[]) > 3.0);
        #[expect(clippy::cast_precision_loss, reason = "not that many seconds")]
        let age = now_s() as f64 - scrape.sum("process_start_time_seconds", &[]);
        assert!((-1.0..600.0).contains(&age), "{age}");
        assert!(scrape.sum("wps_turn_duration_seconds_count", &[]) > 0.0);
    }
    let names = |scrape: &Scrape| scrape.0.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (first, second) = (names(&scrapes[0]), names(&scrapes[1]));
    assert!(
        second.iter().all(|name| first.contains(name)) && second.len() == first.len(),
        "{first:?} {second:?}"
    );
    assert_eq!(request(&server, "HEAD", "/metrics", &[], b"").status, 200);
    assert_eq!(request(&server, "POST", "/metrics", &[], b"").status, 405);
    let broken = format!("{}wps_users{{hub=\"chat\"}} 1\n", prometheus.body);
    assert_ne!(read("prometheus", &broken).code, Some(0), "the check finds a sample that is there twice");
}

#[test]
fn who_may_see_them() {
    let server = Server::start();
    for proxied in [
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Prefix: /x",
        "Forwarded: for=10.0.0.1",
        "X-Real-IP: 10.0.0.1",
        "Via: 1.1 proxy",
    ] {
        let answer = request(&server, "GET", "/metrics", &[proxied], b"");
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{proxied}");
        assert!(answer.body.contains("metrics.open"), "{}", answer.body);
    }
    assert_eq!(call(&server, "GET", "/metrics", &["Via: 1.1 proxy"], b"").status, 200);

    // With keys of one's own a proxy that says nothing may be in front, on loopback too.
    let own = Server::start_with_file(&format!("[auth]\naccess_keys = [\"{OWN_KEY}\"]\n"), &[]);
    assert_eq!(request(&own, "GET", "/metrics", &[], b"").status, 401);

    let keys = format!("production = true\n[auth]\naccess_keys = [\"{OWN_KEY}\"]\n");
    let server = Server::start_with_file(&keys, &[]);
    let token = |audience: &str| {
        let audience = format!("http://{}{audience}", server.authority());
        bearer(&signed(OWN_KEY, &json!({ "aud": audience, "exp": now_s() + 60 })))
    };
    let get = |headers: &[&str]| request(&server, "GET", "/metrics", headers, b"").status;
    assert_eq!(get(&[]), 401);
    assert_eq!(get(&[&token("/metrics")]), 200);
    assert_eq!(get(&[&token("/api/hubs/chat/:send")]), 401, "a token for something else");
    assert_eq!(get(&["Authorization: Bearer x"]), 401);

    let server = Server::start_with_file(&format!("{keys}[metrics]\nopen = true\n"), &[]);
    assert_eq!(request(&server, "GET", "/metrics", &["Via: 1.1 proxy"], b"").status, 200);
    let server = Server::start_with_file("[metrics]\nenabled = false\n", &[]);
    assert_eq!(call(&server, "GET", "/metrics", &[], b"").status, 404);
}

#[test]
fn an_address_of_its_own_serves_nothing_else() {
    let file = format!("production = true\n[auth]\naccess_keys = [\"{OWN_KEY}\"]\n");
    let server = Server::start_with_file(&file, &["--metrics-listen", "127.0.0.1:0"]);
    let url = server.facts("metrics").next().expect("its address");
    let authority = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/metrics")).expect("a URL");
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        http::exchange_at(authority, request.as_bytes())
    };
    let answer = get("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\nwps_shards "), "{answer}");
    for path in ["/health", "/ready", "/api/health"] {
        assert!(get(path).starts_with("HTTP/1.1 200 "), "{path}");
    }
    for path in ["/", "/client/hubs/chat", "/api/hubs/chat/:send", "/api/ext/overview", "/api/"] {
        assert!(get(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    let main = format!("http://{}", server.authority());
    assert!(!url.starts_with(&main), "{url}");
}

/// operations.md §21, 12: the numbers are what happened.
#[test]
fn numbers_are_what_clients_did() {
    let server = Server::start_with(&["--shards", "2"]);
    let mut clients: Vec<RawClient> = (0..4).map(|_| connect(&server, &["room"])).collect();
    for ack_id in 0..10 {
        let send = format!(
            r#"{{"type":"sendToGroup","group":"room","dataType":"text","data":"0123456789","ackId":{ack_id}}}"#
        );
        clients[0].send_text(&send);
    }
    let mut received = [0; 4];
    for (client, count) in clients.iter_mut().zip(&mut received) {
        while *count < 10 {
            *count += usize::from(client.next_text().contains("0123456789"));
        }
    }
    let sent = call(&server, "POST", "/api/hubs/chat/groups/room/:send", &[TEXT], b"from REST");
    assert_eq!(sent.status, 202);
    for client in &mut clients {
        while !client.next_text().contains("from REST") {}
    }
    assert_eq!(http::head(&server, "/api/hubs/chat/groups/nobody").status, 404);
    assert_eq!(handshake(&server, "/client/hubs/chat", &[]).status, 401);
    let scrape = until(&server, "all was read", |scrape| scrape.sum("wps_send_queue_bytes", &[]) == 0.0);
    assert_eq!(scrape.sum("wps_connections", &[]), 4.0);
    assert_eq!(scrape.sum("wps_groups", &[]), 1.0, "a group of two shards is one");
    assert_eq!(scrape.sum("wps_users", &[]), 1.0);
    assert_eq!(scrape.sum("wps_connections_opened_total", &[]), 4.0);
    assert_eq!(scrape.sum("wps_messages_total", &[("direction", "in")]), 10.0);
    assert_eq!(scrape.sum("wps_messages_total", &[("direction", "out")]), 44.0);
    assert!(scrape.sum("wps_inbound_bytes_total", &[]) >= 10.0 * 80.0);
    assert!(scrape.sum("wps_outbound_bytes_total", &[("target", "client")]) >= 44.0 * 60.0);
    let handshakes =
        |status| scrape.sum("wps_client_requests_total", &[("client_type", "WebPubSub"), ("status", status)]);
    assert_eq!((handshakes("101"), handshakes("401")), (4.0, 1.0));
    assert_eq!(closed(&scrape, "Unauthorized"), 1.0);
    let rest = |category, status| {
        scrape.sum("wps_rest_requests_total", &[("category", category), ("status", status)])
    };
    assert_eq!((rest("SendToGroup", "202"), rest("CheckGroupExists", "404")), (1.0, 1.0));
    let timed = [("category", "SendToGroup")];
    assert_eq!(scrape.sum("wps_rest_request_duration_seconds_count", &timed), 1.0);
    let within = [("category", "SendToGroup"), ("le", "+Inf")];
    assert_eq!(scrape.sum("wps_rest_request_duration_seconds_bucket", &within), 1.0);
    drop(clients);
    until(&server, "all are gone", |scrape| {
        closed(scrape, "Normal") == 4.0
            && scrape.sum("wps_connections", &[]) == 0.0
            && scrape.sum("wps_groups", &[]) == 0.0
    });
}

/// operations.md §21, 13.
#[test]
fn each_close_path_has_its_category() {
    let file = "[limits]\nkeep_alive_interval_s = 1\nrecovery_timeout_s = 1\noutgoing_queue_bytes = 65536\n";
    let server = Server::start_with_file(file, &[]);
    let expect = |category: &str, count: f64| {
        until(&server, category, |scrape| closed(scrape, category) == count);
    };
    let mut client = connect(&server, &[]);
    client.send_close(CloseCode::NORMAL, "");
    expect("Normal", 1.0);
    connect(&server, &[]).cut();
    expect("Normal", 2.0);
    let (client, _) = recovery::open(&server, "ann", &ROLES, &[]);
    client.cut();
    expect("Normal", 3.0);
    until(&server, "expired", |scrape| scrape.sum("wps_reconnect_total", &[("result", "expired")]) == 1.0);
    let mut client = connect(&server, &[]);
    client.send_text("{");
    expect("BadRequest", 1.0);
    let mut client = connect(&server, &[]);
    client.send(Opcode::Binary, b"x");
    expect("BadRequest", 2.0);
    let mut client = connect(&server, &[]);
    client.send_bytes(&[0xff; 16]);
    expect("BadRequest", 3.0);
    assert_eq!(handshake(&server, "/client/hubs/1", &[]).status, 400);
    expect("BadRequest", 4.0);
    let client = connect(&server, &[]);
    assert_eq!(call(&server, "POST", "/api/hubs/chat/:closeConnections", &[], b"").status, 204);
    expect("ClosedByAppServer", 1.0);
    drop(client);
    let silent = connect(&server, &[]);
    expect("PingTimeout", 1.0);
    drop(silent);

    // Simple clients: nothing handles their events; they may not send to their group.
    let url = server.client_url("chat", None, &[], &[]);
    let mut simple = RawClient::connect(&url, None);
    simple.send_text("hello");
    expect("EventHandlerNotFound", 1.0);
    let mut simple = RawClient::connect(&format!("{url}&webpubsub_mode=sendToGroup&group=g"), None);
    simple.send_text("hello");
    expect("Unauthorized", 1.0);

    // One that does not read.
    let slow = connect(&server, &["room"]);
    let large = vec![b'x'; 60_000];
    let end = Instant::now() + PATIENCE;
    while closed(&Scrape::of(&server), "SlowClient") == 0.0 {
        assert!(Instant::now() < end, "it is cut");
        for _ in 0..20 {
            call(&server, "POST", "/api/hubs/chat/groups/room/:send", &[TEXT], &large);
        }
    }
    assert_eq!(Scrape::of(&server).sum("wps_slow_client_drops_total", &[]), 1.0);
    drop(slow);

    let scrape = Scrape::of(&server);
    let ended: f64 = scrape.sum("wps_connections_closed_total", &[]);
    let refused = scrape.sum("wps_client_requests_total", &[])
        - scrape.sum("wps_client_requests_total", &[("status", "101")]);
    let opened = scrape.sum("wps_connections_opened_total", &[]);
    assert_eq!(
        opened - (ended - refused),
        scrape.sum("wps_connections", &[]),
        "none is lost, none is counted twice"
    );
}

#[test]
fn who_is_one_too_many_is_counted_as_throttled() {
    let server = Server::start_with_file("[limits]\nconnections_max = 2\n", &[]);
    let _all = [connect(&server, &[]), connect(&server, &[])];
    let url = server.client_url("chat", None, &[], &[]);
    let (_, path) = url.split_once(server.authority()).expect("a URL");
    assert_eq!(handshake(&server, path, &[]).status, 429);
    let scrape = Scrape::of(&server);
    assert_eq!((closed(&scrape, "Throttled"), scrape.sum("wps_connections", &[])), (1.0, 2.0));
    assert_eq!(scrape.sum("wps_connection_quota_ratio", &[]), 1.0);
}

#[test]
fn event_handlers_are_timed() {
    let upstream = Upstream::start(|call| Reply::status(if call.event() == "good" { 204 } else { 400 }));
    let rest = "userEventPattern = \"*\"\nsystemEvents = [\"connected\"]";
    let server = Server::start_with_file(&upstream.handler_with("chat", "/{event}", rest), &[]);
    let mut client = connect(&server, &[]);
    for (ack_id, event) in ["good", "bad", "good"].into_iter().enumerate() {
        let request =
            json!({ "type": "event", "event": event, "dataType": "text", "data": "x", "ackId": ack_id });
        client.send_text(&request.to_string());
        client.next_text();
    }
    let scrape = until(&server, "connected was told", |scrape| {
        scrape.sum("wps_event_handler_duration_seconds_count", &[("event", "connected")]) == 1.0
    });
    let labels = |status| [("hub", "chat"), ("event", "user"), ("status", status)];
    assert_eq!(scrape.sum("wps_event_handler_duration_seconds_count", &labels("2xx")), 2.0);
    assert_eq!(scrape.sum("wps_event_handler_failures_total", &labels("2xx")), 0.0);
    assert_eq!(scrape.sum("wps_event_handler_failures_total", &labels("4xx")), 1.0);
    assert!(scrape.sum("wps_event_handler_duration_seconds_sum", &[]) > 0.0);
    // Three times `x`, and `{}` for `connected`.
    assert_eq!(scrape.sum("wps_outbound_bytes_total", &[("target", "upstream")]), 5.0);
    // A simple client whose event fails is closed.
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    simple.send_text("x");
    until(&server, "closed", |scrape| closed(scrape, "SendEventFailed") == 1.0);
}

#[test]
fn recoveries_are_counted_and_sessions_taken_up() {
    let server = Server::start();
    let (client, mut session) = recovery::open(&server, "ann", &ROLES, &["room"]);
    client.cut();
    let client = session.recover();
    let mut stranger = session.clone();
    stranger.token = "x".to_owned();
    stranger.expect_lost();
    assert_eq!(call(&server, "POST", "/api/hubs/chat/groups/room/:send", &[TEXT], b"kept").status, 202);
    let scrape = until(&server, "kept", |scrape| scrape.sum("wps_reliable_buffer_messages", &[]) == 1.0);
    let result = |result| scrape.sum("wps_reconnect_total", &[("result", result)]);
    assert_eq!((result("resumed"), result("refused"), result("expired")), (1.0, 1.0, 0.0));
    let protocol = JSON_RELIABLE.expect("a subprotocol");
    assert_eq!(scrape.sum("wps_connections", &[("protocol", protocol)]), 1.0);
    server.signal(Signal::TERM);
    drop(client);
    let folder = server.wait_and_take_folder();
    let server = Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[]);
    let scrape = Scrape::of(&server);
    assert_eq!(scrape.sum("wps_connections_restored_total", &[]), 1.0);
    assert_eq!(scrape.sum("wps_connections", &[]), 1.0);
    assert_eq!(scrape.sum("wps_reliable_buffer_messages", &[]), 1.0);
}

#[test]
fn the_overview_says_the_same() {
    let server = Server::start_with(&["--shards", "2"]);
    let mut client = connect(&server, &["room"]);
    client.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x"}"#);
    client.next_text();
    assert_eq!(request(&server, "GET", "/api/ext/overview", &[], b"").status, 401);
    let get = |path: &str| -> Value {
        let answer = call(&server, "GET", path, &[], b"");
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    };
    let end = Instant::now() + PATIENCE;
    // A shard counts what it wrote when its turn ends, which the client may be ahead of.
    let overview = loop {
        let overview = get("/api/ext/overview");
        if overview["totals"]["messagesOut"] == 1 {
            break overview;
        }
        assert!(Instant::now() < end, "{overview}");
    };
    assert_eq!(overview["state"], "serving");
    assert_eq!(
        (&overview["connections"], &overview["groups"], &overview["users"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(overview["byProtocol"]["json.webpubsub.azure.v1"], 1);
    assert_eq!(overview["hubs"], json!([{ "hub": "chat", "connections": 1 }]));
    assert_eq!(overview["node"]["shards"], 2);
    let totals = &overview["totals"];
    assert_eq!((&totals["connectionsOpened"], &totals["messagesIn"]), (&json!(1), &json!(1)));
    assert!(overview["memoryBytes"].as_u64() > Some(1 << 20) && overview["handlerLatency"].is_null());
    assert!(overview["time"].as_str().unwrap().ends_with('Z'), "{}", overview["time"]);
    drop(client);
    let end = Instant::now() + PATIENCE;
    while get("/api/ext/overview")["closed"]["Normal"] != 1 {
        assert!(Instant::now() < end, "the end is seen");
    }
    let history = get("/api/ext/overview/history");
    assert_eq!(history["stepSeconds"], 5);
    let first = &history["value"][0];
    assert!(first["time"].is_string() && first["totals"]["messagesOut"].is_u64(), "{history}");
}

/// Frames may come in one segment with the head of the handshake: they are bytes of the client like all others.
#[test]
fn bytes_that_come_with_the_handshake_count() {
    let server = Server::start();
    let url = server.client_url("chat", Some("ann"), &ROLES, &[]);
    let (authority, path) = url.strip_prefix("ws://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let send = r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"x"}"#;
    let mut frames = Vec::new();
    encode_masked(Opcode::Text, send.as_bytes(), [1, 2, 3, 4], &mut frames);
    encode_masked_close(CloseCode::NORMAL, "", [1, 2, 3, 4], &mut frames);
    let mut bytes = format!(
        "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n\r\n"
    )
    .into_bytes();
    bytes.extend(&frames);
    let answer = http::exchange(&server, &bytes);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    let overview = call(&server, "GET", "/api/ext/overview", &[], b"").body;
    let totals = &serde_json::from_str::<Value>(&overview).expect("JSON")["totals"];
    assert_eq!((&totals["messagesIn"], &totals["bytesIn"]), (&json!(1), &json!(frames.len())), "{totals}");
}

/// The names of metrics in an expression of Prometheus or a template.
fn metrics_in(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("wps_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_metrics_that_are_there() {
    let server = Server::start();
    // What has no series before it happened is known by its help.
    let document = request(&server, "GET", "/metrics", &[], b"").body;
    let families: Vec<(&str, &str)> = document
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let is_known = |name: &str| {
        families.iter().any(|(family, kind)| {
            let suffixes: &[&str] = if *kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            suffixes.iter().any(|suffix| name == format!("{family}{suffix}"))
        })
    };
    let read = |path: &str| std::fs::read_to_string(tools::root().join(path)).expect("a file");
    let dashboard: Value = serde_json::from_str(&read("docs/grafana/hublet.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut used = Vec::new();
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let expression = target["expr"].as_str().expect("an expression");
            let names = metrics_in(expression);
            assert!(!names.is_empty(), "{expression}");
            for name in names {
                assert!(is_known(name), "{name} in {expression}");
                used.push(name.to_owned());
            }
        }
    }
    for wanted in [
        "wps_connections",
        "wps_send_queue_bytes",
        "wps_slow_client_drops_total",
        "wps_turn_duration_seconds_bucket",
    ] {
        assert!(used.iter().any(|name| name == wanted), "{wanted} is on the dashboard");
    }
    let alerts = read("docs/grafana/alerts.yml");
    assert!(alerts.lines().filter(|line| line.contains("expr:")).all(|line| !metrics_in(line).is_empty()));
    assert!(metrics_in(&alerts).into_iter().all(is_known), "{alerts}");
    // And the page that explains them has each.
    let page = read("docs/metrics.md");
    for (family, _) in &families {
        assert!(page.contains(&format!("`{family}`")), "docs/metrics.md has {family}");
    }
    for name in metrics_in(&page) {
        assert!(is_known(name) || families.iter().any(|(family, _)| *family == name), "{name} is there");
    }
}
