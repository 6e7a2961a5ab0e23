//! What describes the REST API: the OpenAPI document and the page. In a browser: `browser`.

use hublet_tests::Server;
use hublet_tests::http::{Client, request};
use serde_json::Value;

const DOCUMENT: &str = "/api/openapi.json";

#[test]
fn the_document_is_public_and_cached() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let answer = client.request("GET", DOCUMENT, &[], b"");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json; charset=utf-8"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let document: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(document["openapi"], "3.0.3");
    assert_eq!(document["servers"][0]["url"], "..", "it holds wherever it comes from");

    let head = client.request("HEAD", DOCUMENT, &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, answer.header("content-length")));
    let etag = answer.header("etag").expect("an entity tag");
    let known = client.request("GET", DOCUMENT, &[&format!("If-None-Match: {etag}")], b"");
    assert_eq!((known.status, known.body.as_str(), known.header("etag")), (304, "", Some(etag)));
    let post = client.request("POST", DOCUMENT, &[], b"");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn the_page_brings_everything_along() {
    let server = Server::start();
    let answer = request(&server, "GET", "/api?x=1", &[], b"");
    assert_eq!((answer.status, answer.header("location")), (308, Some("api/")));
    let answer = request(&server, "GET", "/api/", &[], b"");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let links = answer.body.split(['"', ' ']).filter_map(|part| {
        let file = part.strip_suffix(".js").or(part.strip_suffix(".css")).or(part.strip_suffix(".txt"));
        file.map(|_| part)
    });
    let links: Vec<&str> = links.collect();
    assert_eq!(links.len(), 5, "{links:?}");
    for link in links {
        let answer = request(&server, "HEAD", &format!("/api/{link}"), &[], b"");
        assert_eq!(answer.status, 200, "{link}");
        assert_eq!(answer.header("content-security-policy"), Some(policy), "{link}");
    }
    for path in ["/api/nothing", "/api/hubs", "/api/page.js/x"] {
        assert_eq!(request(&server, "GET", path, &[], b"").status, 404, "{path}");
    }
}
