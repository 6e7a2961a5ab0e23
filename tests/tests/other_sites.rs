//! What pages of other websites reach of a service in development mode, whose key everybody knows.

use hublet_tests::Server;
use hublet_tests::http::{self, bearer, handshake, request};
use hublet_tests::token::{DEVELOPMENT_KEY, now_s, signed};

const OWN_KEY: &str = "a-key-of-a-test-0123456789-0123456789";
const SEND: &str = "/api/hubs/chat/:send";
const CLIENT: &str = "/client/hubs/chat";

fn token(key: &str, host: &str, path: &str) -> String {
    signed(key, &serde_json::json!({"aud": format!("http://{host}{path}"), "exp": now_s() + 60}))
}

/// The answers to good requests with this `Host`, as a page without `Origin` and `Sec-Fetch-Site` makes them.
fn ask(server: &Server, key: &str, host: &str) -> Vec<(&'static str, http::Answer)> {
    let line = format!("Host: {host}");
    let get = |path| request(server, "GET", path, &[&line, &bearer(&token(key, host, path))], b"");
    let send = [&line, &bearer(&token(key, host, SEND)), "Content-Type: text/plain"];
    let open = |path: &str, more: &str| {
        let token = token(key, host, path.split('?').next().unwrap_or_default());
        handshake(server, &format!("{path}?{more}access_token={token}"), &[&line])
    };
    let by_query =
        handshake(server, &format!("/client?hub=chat&access_token={}", token(key, host, CLIENT)), &[&line]);
    vec![
        (SEND, request(server, "POST", SEND, &send, b"hi")),
        ("/api/ext/overview", get("/api/ext/overview")),
        ("/api/ext/keys", get("/api/ext/keys")),
        ("/api/ext/session", request(server, "GET", "/api/ext/session", &[&line], b"")),
        ("/metrics", get("/metrics")),
        ("/metrics without a token", request(server, "GET", "/metrics", &[&line], b"")),
        ("/portal/", request(server, "GET", "/portal/", &[&line], b"")),
        ("/livetrace", open("/livetrace", "")),
        (CLIENT, open(CLIENT, "")),
        ("/client", by_query),
    ]
}

#[test]
fn a_name_that_somebody_gave_this_machine_leads_to_nothing() {
    let server = Server::start_with(&["--public-endpoint", "http://127.0.0.9:1"]);
    let port = server.authority().rsplit(':').next().expect("a port");
    let hosts =
        ["rebound.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[::2]", "x.internal"];
    for host in hosts.map(|name| format!("{name}:{port}")) {
        for (what, answer) in ask(&server, DEVELOPMENT_KEY, &host) {
            assert_eq!(answer.status, 403, "{host} {what}");
            let says_what_to_do =
                answer.body.contains("localhost") && answer.body.contains("auth.access_keys");
            assert!(says_what_to_do, "{what}: {answer:?}");
        }
        let line = format!("Host: {host}");
        for open in ["/health", "/ready", "/api/health", "/api/", "/api/openapi.json"] {
            assert_eq!(request(&server, "GET", open, &[&line], b"").status, 200, "{open}");
        }
    }
    // Nobody was let in.
    let exists = "/api/hubs/chat/connections/x";
    assert_eq!(http::call(&server, "HEAD", exists, &[], b"").status, 404);
    let names = ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]", "127.0.0.9"];
    for host in names.map(|name| format!("{name}:{port}")).into_iter().chain(["localhost".to_owned()]) {
        for (what, answer) in ask(&server, DEVELOPMENT_KEY, &host) {
            assert!(matches!(answer.status, 101 | 200 | 202), "{host} {what}: {answer:?}");
        }
    }
}

#[test]
fn the_well_known_key_in_the_configuration_is_no_secret_either() {
    let file = format!("[auth]\naccess_keys = [\"{DEVELOPMENT_KEY}\"]\n");
    let server = Server::start_with_file(&file, &[]);
    for (what, answer) in ask(&server, DEVELOPMENT_KEY, "rebound.example") {
        assert_eq!(answer.status, 403, "{what}");
    }
    // Nobody else signs with a key of one's own, so the name does not matter.
    let server = Server::start_with_file(&format!("[auth]\naccess_keys = [\"{OWN_KEY}\"]\n"), &[]);
    for (what, answer) in ask(&server, OWN_KEY, "any.example") {
        let refused = what == "/metrics without a token";
        assert_eq!(matches!(answer.status, 101 | 200 | 202), !refused, "{what}: {answer:?}");
        assert!(!refused || answer.status == 401, "{answer:?}");
    }
}

#[test]
fn containers_reach_their_host_on_demand() {
    let server = Server::start_with(&["--ignore-audience-host"]);
    for (what, answer) in ask(&server, DEVELOPMENT_KEY, "host.docker.internal:8080") {
        assert!(matches!(answer.status, 101 | 200 | 202), "{what}: {answer:?}");
    }
    for (what, answer) in ask(&server, DEVELOPMENT_KEY, "rebound.example") {
        assert_eq!(answer.status, 403, "{what}");
    }
}

#[test]
fn pages_of_other_websites_do_not_read_along() {
    let server = Server::start_with(&["--public-endpoint", "http://127.0.0.9:1"]);
    let status = |server: &Server, key: &str, path: &str, origin: &[&str]| {
        let token = token(key, server.authority(), path);
        handshake(server, &format!("{path}?access_token={token}"), origin)
    };
    let own = format!("Origin: http://{}", server.authority());
    for origin in [
        &[][..],
        &[own.as_str()],
        &["Origin: http://localhost:3000"],
        &["Origin: https://[::1]"],
        &["Origin: http://127.0.0.9"],
    ] {
        assert_eq!(status(&server, DEVELOPMENT_KEY, "/livetrace", origin).status, 101, "{origin:?}");
    }
    for origin in [
        &["Origin: https://evil.example"][..],
        &["Origin: http://localhost.evil.example"],
        &["Origin: null"],
        &["Origin: "],
        &[own.as_str(), "Origin: https://evil.example"],
    ] {
        let answer = status(&server, DEVELOPMENT_KEY, "/livetrace", origin);
        assert_eq!(answer.status, 403, "{origin:?}");
        assert!(answer.body.contains("other websites"), "{answer:?}");
        // Clients are pages of applications, wherever those are.
        assert_eq!(status(&server, DEVELOPMENT_KEY, CLIENT, origin).status, 101, "{origin:?}");
    }
    let server = Server::start_with_file(&format!("[auth]\naccess_keys = [\"{OWN_KEY}\"]\n"), &[]);
    let foreign = ["Origin: https://tools.example"];
    assert_eq!(status(&server, OWN_KEY, "/livetrace", &foreign).status, 101, "it has a token of a key");
}
