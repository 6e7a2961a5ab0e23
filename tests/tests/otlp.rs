//! Traces for collectors: what they get, what event handlers are told, and that nobody waits for a collector.
//! The binary must have the feature `otlp`, as `cargo xtask build` makes it.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::collections::BTreeMap;
use std::time::Instant;

use hublet_tests::http::call;
use hublet_tests::protobuf::{Value, fields};
use hublet_tests::raw::{PATIENCE, RawClient};
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{JSON, Server, new_folder};

const TEXT: &str = "Content-Type: text/plain";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const SECRET: &str = "a-secret-of-the-collector";

/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

fn traceparent() -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-01")
}

/// A span as the collector reads it.
#[derive(Debug, Clone, Default)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    state: String,
    name: String,
    kind: u64,
    times: [u64; 2],
    attributes: BTreeMap<String, String>,
    /// Of the process.
    resource: BTreeMap<String, String>,
    events: usize,
    status: u64,
}

impl Span {
    fn of(message: &[u8], resource: &BTreeMap<String, String>) -> Self {
        let mut span = Self { resource: resource.clone(), ..Self::default() };
        for (number, value) in fields(message) {
            match (number, value) {
                (1, Value::Bytes(id)) => span.trace = hex(&id),
                (2, Value::Bytes(id)) => span.id = hex(&id),
                (3, Value::Bytes(state)) => span.state = text(state),
                (4, Value::Bytes(id)) => span.parent = hex(&id),
                (5, Value::Bytes(name)) => span.name = text(name),
                (6, Value::Number(kind)) => span.kind = kind,
                (7, Value::Number(time)) => span.times[0] = time,
                (8, Value::Number(time)) => span.times[1] = time,
                (9, Value::Bytes(pair)) => span.attributes.extend([attribute(&pair)]),
                (11, Value::Bytes(_)) => span.events += 1,
                (15, Value::Bytes(status)) => span.status = number_in(&status, 3),
                other => panic!("no field of a span: {other:?}"),
            }
        }
        assert_eq!((span.trace.len(), span.id.len()), (32, 16), "{span:?}");
        assert!(span.times[0] > 1_700_000_000_000_000_000 && span.times[0] <= span.times[1], "{span:?}");
        span
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a text")
}

fn messages(message: &[u8], number: u64) -> Vec<Vec<u8>> {
    let inner = fields(message).into_iter().filter(|(known, _)| *known == number);
    inner
        .map(|(_, value)| match value {
            Value::Bytes(bytes) => bytes,
            Value::Number(number) => panic!("{number} instead of a message"),
        })
        .collect()
}

fn number_in(message: &[u8], number: u64) -> u64 {
    let found = fields(message).into_iter().find_map(|(known, value)| match value {
        Value::Number(value) if known == number => Some(value),
        _ => None,
    });
    found.unwrap_or_default()
}

fn attribute(pair: &[u8]) -> (String, String) {
    let value = messages(pair, 2).remove(0);
    let value = match fields(&value).remove(0) {
        (1, Value::Bytes(value)) => text(value),
        (3, Value::Number(value)) => value.to_string(),
        other => panic!("no value: {other:?}"),
    };
    (text(messages(pair, 1).remove(0)), value)
}

/// The spans of all requests that a collector got.
fn spans(calls: &[Call]) -> Vec<Span> {
    let mut spans = Vec::new();
    for call in calls {
        assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/v1/traces"), "{call:?}");
        assert_eq!(call.header("Content-Type"), Some("application/x-protobuf"));
        for resource_spans in messages(&call.body, 1) {
            let resource = messages(&resource_spans, 1).remove(0);
            let resource = messages(&resource, 1).iter().map(|pair| attribute(pair)).collect();
            for scope_spans in messages(&resource_spans, 2) {
                spans.extend(messages(&scope_spans, 2).iter().map(|span| Span::of(span, &resource)));
            }
        }
    }
    spans
}

/// A collector that takes everything.
fn collector() -> Upstream {
    Upstream::start(|_| Reply::status(200))
}

/// The span that fits, which must come in time.
fn wait_for(collector: &Upstream, what: &str, is_it: impl Fn(&Span) -> bool) -> Span {
    collector.wait_until(what, |calls| spans(calls).iter().any(&is_it));
    let mut found: Vec<Span> = spans(&collector.calls()).into_iter().filter(|span| is_it(span)).collect();
    assert_eq!(found.len(), 1, "{what}: {found:?}");
    found.remove(0)
}

fn settings(authority: &str, more: &str) -> String {
    format!("[otlp]\nendpoint = \"http://{authority}\"\nheaders = {{ api-key = \"{SECRET}\" }}\n{more}\n")
}

#[test]
fn requests_are_spans_below_their_callers() {
    let collector = collector();
    let server = Server::start_with_file(
        &settings(collector.authority(), "service_name = \"chat\""),
        &["--log", "trace"],
    );
    let headers = [TEXT, &traceparent(), "tracestate: x=1", "tracestate: y=2"];
    let path = "/api/hubs/CHAT/groups/tea/:send?filter=userId%20eq%20'a-private-name'";
    let authorization = hublet_tests::http::authorization(&server, "/api/hubs/CHAT/groups/tea/:send");
    let headers = [&headers[..], &[authorization.as_str()]].concat();
    assert_eq!(hublet_tests::http::request(&server, "POST", path, &headers, b"a-private-text").status, 202);
    let sent = wait_for(&collector, "the request's span", |span| span.name.contains(":send"));
    assert_eq!((sent.trace.as_str(), sent.parent.as_str()), (TRACE, PARENT));
    assert_eq!((sent.name.as_str(), sent.kind), ("POST /api/hubs/{hub}/groups/{group}/:send", 2));
    assert_eq!((sent.state.as_str(), sent.status, sent.events), ("x=1,y=2", 0, 0));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/hubs/{hub}/groups/{group}/:send"),
        ("http.response.status_code", "202"),
        ("url.path", "/api/hubs/CHAT/groups/tea/:send"),
        ("hublet.hub", "chat"),
    ] {
        assert_eq!(sent.attribute(name), Some(value), "{name}");
    }
    assert_eq!(sent.resource["service.name"], "chat");
    assert_eq!(sent.resource["service.instance.id"].len(), 32);

    assert_eq!(call(&server, "HEAD", "/api/hubs/chat/users/ann", &[], b"").status, 404);
    let missing = wait_for(&collector, "a span of its own trace", |span| span.name.starts_with("HEAD"));
    assert_eq!((missing.parent.as_str(), missing.status), ("", 0));
    assert_ne!(missing.trace, TRACE);

    let calls = collector.calls();
    assert!(calls.iter().all(|call| call.header("api-key") == Some(SECRET)), "{calls:?}");
    for private in ["a-private-name", "a-private-text", SECRET] {
        let shown = calls.iter().any(|call| String::from_utf8_lossy(&call.body).contains(private));
        assert!(!shown, "{private} is in a span");
    }
    let log = server.stop_and_take_log();
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn calls_of_handlers_are_spans_that_the_handlers_know() {
    let collector = collector();
    let app = Upstream::start(|call| match call.event() {
        "refused" => Reply::status(400).body("a-private-answer"),
        _ => Reply::status(204),
    });
    let handler = app.handler_with(
        "chat",
        "/{hub}/{event}?code=a-private-code",
        "userEventPattern = \"*\"\nsystemEvents = [\"connect\", \"connected\"]",
    );
    let server = Server::start_with_file(&(settings(collector.authority(), "") + &handler), &[]);
    let url = server.client_url("chat", Some("ann"), &[], &[]);
    let headers = [traceparent(), "tracestate: x=1".to_owned()];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let (mut client, _) = RawClient::try_connect(&url, JSON, &headers).expect("it is let in");
    client.expect_connected();
    client.request(
        r#"{"type":"event","event":"order","dataType":"text","data":"a-private-text","ackId":1}"#,
        1,
    );
    client.send_text(r#"{"type":"event","event":"refused","dataType":"text","data":"x","ackId":2}"#);
    client.next_text();

    let of_type = |event: &str| {
        let event = format!("azure.webpubsub.{event}");
        wait_for(&collector, &event, |span| span.attribute("cloudevents.event_type") == Some(&event))
    };
    let connect = of_type("sys.connect");
    assert_eq!((connect.trace.as_str(), connect.parent.as_str()), (TRACE, PARENT));
    let told = app.next_event("connect");
    assert_eq!(told.header("traceparent"), Some(connect.traceparent().as_str()));
    assert_eq!(told.header("tracestate"), Some("x=1"));

    let order = of_type("user.order");
    assert_eq!((order.parent.as_str(), order.status, order.kind), ("", 0, 3), "{order:?}");
    assert_ne!(order.trace, TRACE);
    let told = app.next_event("order");
    assert_eq!(told.header("traceparent"), Some(order.traceparent().as_str()));
    assert_eq!(told.header("tracestate"), None);
    let port = app.authority().split_once(':').expect("a port").1;
    for (name, value) in [
        ("http.request.method", "POST"),
        ("url.template", "/{hub}/{event}"),
        ("http.response.status_code", "204"),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
        ("hublet.hub", "chat"),
    ] {
        assert_eq!(order.attribute(name), Some(value), "{name}");
    }
    assert_eq!(order.name, "POST /{hub}/{event}");

    let refused = of_type("user.refused");
    assert_eq!((refused.status, refused.attribute("error.type")), (ERROR, Some("400")));
    assert_ne!(of_type("sys.connected").trace, TRACE, "nothing is known about where it comes from");
    for call in collector.calls() {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        assert!(!body.contains("a-private"), "{body}");
    }
}

#[test]
fn what_is_not_recorded_is_told_to_handlers_but_not_to_the_collector() {
    let collector = collector();
    let app = Upstream::start(|_| Reply::status(204));
    let text = settings(collector.authority(), "sample_ratio = 0") + &app.handler("chat");
    let server = Server::start_with_file(&text, &[]);
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    client.expect_connected();
    let told = app.next_event("connect");
    assert!(told.header("traceparent").is_some_and(|parent| parent.ends_with("-00")), "{told:?}");
    assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT, &traceparent()], b"x").status, 202);
    server.stop_and_take_log();
    let spans = spans(&collector.calls());
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0].trace, TRACE, "its caller records it");
}

#[test]
fn a_stop_exports_the_rest() {
    let collector = collector();
    let server = Server::start_with_file(&settings(collector.authority(), ""), &[]);
    for _ in 0..3 {
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    }
    let log = server.stop_and_take_log();
    assert_eq!(spans(&collector.calls()).len(), 3);
    assert!(!log.contains("spans"), "{log}");
}

#[test]
fn nobody_waits_for_a_collector_that_hangs() {
    let collector = Upstream::start(|_| Reply::never());
    let app = Upstream::start(|_| Reply::status(204));
    let text = settings(collector.authority(), "") + &app.handler("chat");
    let mut server = Server::start_with_file(&text, &[]);
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    client.expect_connected();
    collector.wait_until("the first spans", |calls| !calls.is_empty());
    for ack in 1..20 {
        let event = format!(r#"{{"type":"event","event":"e","dataType":"text","data":"x","ackId":{ack}}}"#);
        client.request(&event, ack);
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
        client.next_text();
    }
    drop(client);
    server.signal(rustix::process::Signal::TERM);
    let status = server.wait();
    assert!(status.success(), "{status:?}");
    let log = server.log();
    assert!(log.contains("The last spans were not exported in time"), "{log}");
    assert!(!log.contains("a shard did not end in time"), "{log}");
}

#[test]
fn a_collector_that_is_down_is_one_warning() {
    let gone = collector();
    let authority = gone.authority().to_owned();
    drop(gone);
    let server = Server::start_with_file(&settings(&authority, ""), &[]);
    for _ in 0..50 {
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    }
    let deadline = Instant::now() + PATIENCE;
    while !server.log().contains("spans are not exported") && Instant::now() < deadline {
        assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    }
    let log = server.stop_and_take_log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("spans are not exported")).collect();
    // One when it is found, and one at the end about what is lost for good.
    assert_eq!(warnings.len(), 2, "{log}");
    assert!(warnings[0].contains("cannot connect"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn what_the_collector_refuses_is_said() {
    let collector = Upstream::start(|call| {
        // partial_success { rejected_spans: 1, error_message } on every request.
        let echoed = call.header("api-key").unwrap_or_default().as_bytes();
        let length = u8::try_from(echoed.len()).expect("a short text");
        let message = [&[0x08, 1, 0x12, length][..], echoed].concat();
        let length = u8::try_from(message.len()).expect("a short message");
        Reply::typed("application/x-protobuf", [&[0x0a, length][..], &message].concat())
    });
    let server = Server::start_with_file(&settings(collector.authority(), ""), &[]);
    assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    collector.next();
    let log = server.stop_and_take_log();
    assert!(log.contains("the collector rejects them") && log.contains("lost=1"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn the_variables_of_opentelemetry_turn_it_on() {
    let collector = collector();
    let endpoint = format!("http://{}/", collector.authority());
    let server = Server::start_in(
        new_folder(),
        &["--listen", "127.0.0.1:0"],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key"),
            ("OTEL_SERVICE_NAME", "from-outside"),
        ],
    );
    assert_eq!(call(&server, "POST", "/api/hubs/chat/:send", &[TEXT], b"x").status, 202);
    let span = wait_for(&collector, "a span", |span| span.name.contains(":send"));
    assert_eq!(span.resource["service.name"], "from-outside");
    assert_eq!(collector.calls()[0].header("api-key"), Some("a key"));
}
