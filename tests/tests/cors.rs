//! Calls from pages of other sites. With a real browser: `browser`.

use hublet_tests::http::{self, Answer, call};
use hublet_tests::{Server, new_folder};

const SEND: &str = "/api/hubs/chat/:send";
const ASKS: &str = "Access-Control-Request-Method: POST";

/// What an answer says to browsers: allowed origin, methods and headers, readable headers.
fn cors(answer: &Answer) -> [Option<&str>; 4] {
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    ["allow-origin", "allow-methods", "allow-headers", "expose-headers"]
        .map(|name| answer.header(&format!("access-control-{name}")))
}

fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let asked = "Access-Control-Request-Headers: authorization,content-type,x-ms-client-request-id";
    http::request(server, "OPTIONS", path, &[&format!("Origin: {origin}"), ASKS, asked], b"")
}

#[test]
fn it_is_off_unless_sites_are_named() {
    let server = Server::start();
    let answer = preflight(&server, SEND, "https://app.example.com");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!((cors(&answer), answer.header("vary")), ([None; 4], None));
    let answer = call(&server, "POST", SEND, &["Origin: https://app.example.com"], b"x");
    assert_eq!((answer.status, cors(&answer), answer.header("vary")), (202, [None; 4], None));
}

#[test]
fn named_sites_may_call() {
    let server =
        Server::start_with(&["--rest-allowed-origin", "https://app.example.com,http://localhost:3000/"]);
    for origin in ["https://app.example.com", "http://localhost:3000"] {
        for path in [SEND, "/api/hubs/chat/connections/x", "/api/health", "/api/openapi.json"] {
            let answer = preflight(&server, path, origin);
            assert_eq!(
                (answer.status, answer.header("access-control-max-age")),
                (204, Some("7200")),
                "{path}"
            );
            let [allowed, methods, headers, _] = cors(&answer);
            assert_eq!((allowed, methods), (Some(origin), Some("GET, HEAD, POST, PUT, DELETE")));
            assert_eq!(headers, Some("authorization,content-type,x-ms-client-request-id"));
        }
        // Refusals too: a page must be able to read why.
        let header = format!("Origin: {origin}");
        let accepted = call(&server, "POST", SEND, &[&header], b"x");
        let refused = call(&server, "PUT", "/api/hubs/chat/groups/g/connections/x", &[&header], b"");
        let unauthorized = http::request(&server, "POST", SEND, &[&header], b"x");
        for (answer, status) in [(accepted, 202), (refused, 404), (unauthorized, 401)] {
            assert_eq!(answer.status, status);
            let [allowed, methods, _, exposed] = cors(&answer);
            assert_eq!((allowed, methods, answer.header("vary")), (Some(origin), None, Some("Origin")));
            let exposed = exposed.expect("readable headers");
            assert!(exposed.contains("x-ms-error-code") && exposed.contains("api-supported-versions"));
        }
    }
}

#[test]
fn others_get_no_permission() {
    let server = Server::start_with(&["--rest-allowed-origin", "https://app.example.com"]);
    let own = format!("http://{}", server.authority());
    for origin in ["https://evil.example", "http://app.example.com", "null", &own] {
        let answer = preflight(&server, SEND, origin);
        assert_eq!((answer.status, cors(&answer)), (405, [None; 4]), "{origin}");
        // The browser keeps the answer from the page, a cache must not.
        assert_eq!(answer.header("vary"), Some("Origin"));
        let answer = call(&server, "POST", SEND, &[&format!("Origin: {origin}")], b"x");
        assert_eq!((answer.status, cors(&answer)), (202, [None; 4]), "{origin}: the token decides");
    }
    // An OPTIONS that asks nothing, and a place that is not the API.
    let origin = "Origin: https://app.example.com";
    assert_eq!(http::request(&server, "OPTIONS", SEND, &[origin], b"").status, 405);
    assert_eq!(cors(&http::request(&server, "GET", "/", &[origin], b"")), [None; 4]);
}

#[test]
fn all_sites_may_call() {
    let environment = [("HUBLET_REST_ALLOWED_ORIGINS", "*")];
    let server = Server::start_in(new_folder(), &["--listen", "127.0.0.1:0"], &environment);
    let answer = preflight(&server, SEND, "https://any.example");
    assert_eq!((answer.status, cors(&answer)[0]), (204, Some("*")));
    let answer = call(&server, "POST", SEND, &["Origin: null"], b"x");
    assert_eq!((answer.status, cors(&answer)[0], answer.header("vary")), (202, Some("*"), None));
}
