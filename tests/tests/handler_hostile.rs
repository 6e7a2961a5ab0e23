//! Handlers that are broken, slow, too generous or malicious: their clients see a failure, nobody else notices.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::thread;

use hublet_tests::raw::{Message, RawClient};
use hublet_tests::token::{OTHER_KEY, OWN_KEY, now_s, signed};
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, Server, command, http, new_folder, once};
use serde_json::json;

/// A handler with a deadline of two seconds that answers `connect` of the hub `door` and user events of `chat` so; and
/// another one for the hub `fine`.
fn hostile(answer: impl Fn() -> Reply + Send + Sync + 'static) -> (Upstream, Server) {
    let upstream = Upstream::start(move |call| match call.header("ce-hub") {
        Some("fine") => Reply::text("fine"),
        _ => answer(),
    });
    let deadline = "timeoutInSeconds = 2\n";
    let file = upstream.handler_with("door", "/door", &format!("{deadline}systemEvents = [\"connect\"]"))
        + &upstream.handler_with("chat", "/chat", &format!("{deadline}userEventPattern = \"*\""))
        + &upstream.handler_with("fine", "/fine", "userEventPattern = \"*\"");
    (upstream, Server::start_with_file(&file, &[]))
}

fn client(server: &Server, hub: &str) -> RawClient {
    let mut client = RawClient::connect(&server.client_url(hub, None, &[], &[]), JSON);
    client.expect_connected();
    client
}

fn send(client: &mut RawClient, ack_id: u64) {
    client.send_text(&format!(
        r#"{{"type":"event","event":"e","dataType":"text","data":"x","ackId":{ack_id}}}"#
    ));
}

/// Expects that such an answer is a failure everywhere, and that another handler's clients notice nothing.
fn expect_failure(what: &str, answer: impl Fn() -> Reply + Send + Sync + 'static) {
    let (_upstream, server) = hostile(answer);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut json = client(&server, "chat");
            send(&mut json, 1);
            let ack = json.next_text();
            assert!(
                ack.contains(r#""success":false,"error":{"name":"InternalServerError""#),
                "{what}: {ack}"
            );
            json.expect_silence();
        });
        scope.spawn(|| {
            let head = RawClient::try_connect(&server.client_url("door", None, &[], &[]), JSON, &[]).err();
            let head = head.unwrap_or_else(|| panic!("{what}: the client was let in"));
            assert!(head.starts_with("HTTP/1.1 5"), "{what}: {head}");
        });
        scope.spawn(|| {
            let mut fine = client(&server, "fine");
            for ack_id in 1..=20 {
                send(&mut fine, ack_id);
                assert!(fine.next_text().contains(r#""data":"fine""#), "{what}");
                assert!(fine.next_text().contains(r#""success":true"#), "{what}");
            }
        });
    });
    assert_eq!(http::request(&server, "GET", "/health", &[], b"").status, 200, "{what}");
}

/// A bad answer and what is bad about it.
type Case = (&'static str, Box<dyn Fn() -> Reply + Send + Sync>);

fn case(what: &'static str, answer: impl Fn() -> Reply + Send + Sync + 'static) -> Case {
    (what, Box::new(answer))
}

/// All at once: most of them take until the deadline.
fn expect_failures(cases: Vec<Case>) {
    thread::scope(|scope| {
        for (what, answer) in cases {
            scope.spawn(move || expect_failure(what, answer));
        }
    });
}

#[test]
fn answers_that_are_no_http() {
    let mut cases: Vec<Case> = Vec::new();
    for (what, bytes) in [
        ("nothing", ""),
        ("another protocol", "SSH-2.0-x\r\n\r\n"),
        ("a wrong version", "HTTP/3.0 200 OK\r\n\r\n"),
        ("no status", "HTTP/1.1 OK\r\n\r\n"),
        ("a status of one digit", "HTTP/1.1 2 OK\r\n\r\n"),
        ("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        ("a broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx"),
        (
            "less than was promised",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\nabc",
        ),
        ("a null in a name", "HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n"),
        ("an upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    ] {
        cases.push(case(what, move || Reply::raw(bytes)));
    }
    expect_failures(cases);
}

#[test]
fn answers_that_never_come() {
    expect_failures(vec![
        case("no head", Reply::never),
        case("half a body", || Reply::text(&"x".repeat(1000)).half()),
        case("a reset", Reply::reset),
        case("interim answers for ever", || Reply::raw_forever("", "HTTP/1.1 100 Continue\r\n\r\n")),
    ]);
}

#[test]
fn answers_that_never_end() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    let data = || "x".repeat(1 << 16);
    expect_failures(vec![
        case("a head for ever", || Reply::raw_forever("HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaaaaaaaa\r\n")),
        case("chunks for ever", move || {
            let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
            Reply::raw_forever(head, format!("10000\r\n{}\r\n", data()))
        }),
        case("a body of 1 TB", move || {
            Reply::raw_forever(format!("{HEAD}Content-Length: 1099511627776\r\n\r\n"), data())
        }),
        case("a body without a length", move || {
            Reply::raw_forever(format!("{HEAD}Connection: close\r\n\r\n"), data())
        }),
        case("100 header lines of 10 KB", || {
            let line = |number| format!("X-{number}: {}", "x".repeat(10_000));
            (0..100).fold(Reply::text("x"), |reply, number| reply.header(&line(number)))
        }),
    ]);
}

#[test]
fn wrong_types_and_states() {
    expect_failures(vec![
        case("HTML with 200", || Reply::typed("text/html", "<h1>It works!</h1>")),
        case("JSON that is none", || Reply::typed("application/json", "{\"a\":")),
        case("more than 16 MiB", || Reply::typed("text/plain", vec![b'x'; (16 << 20) + 1])),
        case("a state of 1 MiB", || {
            Reply::status(200).header(&format!("ce-connectionState: {}", "x".repeat(1 << 20)))
        }),
    ]);
}

#[test]
fn ten_megabytes_reach_the_client() {
    // More than may wait for a client; pings and acks behind it do not make it a slow one.
    let upstream = Upstream::start(|call| match call.event() {
        "message" | "e" => Reply::typed("text/plain", vec![b'x'; 10_000_000]),
        _ => Reply::status(204),
    });
    let server = Server::start_with_file(&upstream.handler("chat"), &["--keep-alive-interval", "1"]);
    let mut simple = RawClient::connect(&server.client_url("chat", None, &[], &[]), None);
    let mut json = client(&server, "chat");
    for ack_id in 1..=10 {
        simple.send_text("x");
        match simple.next() {
            Message::Text(text) => assert_eq!(text.len(), 10_000_000),
            other => panic!("{other:?}"),
        }
        send(&mut json, ack_id);
        assert!(json.next_text().len() > 10_000_000);
        json.expect_text(&format!(r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#));
    }
}

#[test]
fn redirects_lead_nowhere() {
    let trap = Upstream::start(|_| Reply::text("gotcha"));
    let to_trap = format!("http://{}/x", trap.authority());
    for status in [301, 302, 303, 307, 308] {
        for target in [to_trap.as_str(), "http://169.254.169.254/latest/meta-data/", "/elsewhere"] {
            let location = format!("Location: {target}");
            let (upstream, server) = hostile(move || Reply::status(status).header(&location));
            let mut json = client(&server, "chat");
            send(&mut json, 1);
            assert!(json.next_text().contains("InternalServerError"), "{status} {target}");
            let head = RawClient::try_connect(&server.client_url("door", None, &[], &[]), JSON, &[]).err();
            assert!(head.is_some_and(|head| !head.contains("169.254") && !head.contains("ocation")));
            assert_eq!(upstream.calls().len(), 2, "it is not asked elsewhere, nor again");
        }
    }
    assert_eq!(trap.calls().len(), 0);
}

/// The settings of a handler at a URL, and this `[upstream]` table.
fn settings(upstream: &str, url: &str) -> String {
    format!(
        "[upstream]\n{upstream}\n[[hubs.chat.eventHandlers]]\nurlTemplate = \"{url}\"\nsystemEvents = [\"connect\"]\n\
         userEventPattern = \"*\"\ntimeoutInSeconds = 5\n"
    )
}

/// Reaches for a handler from a service in production: the status of a handshake, and the log.
fn reach(upstream: &str, url: &str) -> (u16, String) {
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), settings(upstream, url)).expect("a file in a new folder");
    let keys = format!("{OWN_KEY},{OTHER_KEY}");
    let arguments = ["--listen", "127.0.0.1:0", "--production"];
    let server = Server::start_in(folder, &arguments, &[("HUBLET_ACCESS_KEYS", &keys)]);
    let claims =
        json!({"aud": format!("http://{}/client/hubs/chat", server.authority()), "exp": now_s() + 60});
    let url =
        format!("ws://{}/client/hubs/chat?access_token={}", server.authority(), signed(OWN_KEY, &claims));
    let status = match RawClient::try_connect(&url, JSON, &[]) {
        Ok(_) => 101,
        Err(head) => head.get(9..12).and_then(|status| status.parse().ok()).expect("a status line"),
    };
    (status, server.stop_and_take_log())
}

fn is_listening() -> (Upstream, String) {
    let upstream = Upstream::start(|call| match call.method.as_str() {
        "POST" => Reply::status(204),
        _ => Reply::allowing("*"),
    });
    let port = upstream.authority().rsplit_once(':').expect("a port").1.to_owned();
    (upstream, port)
}

#[test]
fn private_addresses_are_refused_in_settings() {
    for (mode, hosts) in [
        (
            &["--production"][..],
            &["127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost"][..],
        ),
        (
            &["--production"],
            &["10.1.2.3", "172.16.0.1", "192.168.1.1", "[fd00::1]", "[fe80::1]", "100.64.0.1"],
        ),
        (&["--production"], &["169.254.169.254", "[fd00:ec2::254]"]),
        // In development mode loopback is allowed, and nothing else.
        (&[], &["169.254.169.254", "10.1.2.3", "[::ffff:169.254.169.254]"]),
    ] {
        for host in hosts {
            let folder = new_folder();
            let file = settings("", &format!("http://{host}/x"));
            std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
            let ended = once::run(command(&folder).arg("check-config").args(mode), "");
            assert_eq!(ended.code, Some(2), "{mode:?} {host}: {ended:?}");
            assert!(ended.error.contains("allowed_networks"), "it says what to change: {host}: {ended:?}");
        }
    }
}

#[test]
fn names_of_private_addresses_are_refused_when_they_are_called() {
    // To the system's resolver these are names, and it knows their address.
    let (upstream, port) = is_listening();
    for host in ["2130706433", "127.1", "0x7f000001"] {
        let (status, log) = reach("", &format!("http://{host}:{port}/"));
        assert_eq!(status, 500, "{host}: {log}");
        assert!(log.contains("allowed_networks"), "the log says what to change: {host}: {log}");
    }
    assert_eq!(upstream.calls().len(), 0);
}

#[test]
fn private_addresses_can_be_allowed() {
    let (_upstream, port) = is_listening();
    for allowed in ["loopback", "127.0.0.0/8", "127.0.0.1", "any"] {
        let (status, log) =
            reach(&format!("allowed_networks = [\"{allowed}\"]"), &format!("http://127.0.0.1:{port}/"));
        assert_eq!(status, 101, "{allowed}: {log}");
    }
}
