//! Who gets in to the portal: its files, signing in, the cookie, and what browsers must show with it.

use hublet_tests::http::{Answer, Client, bearer, call, handshake, request};
use hublet_tests::issuer::Issuer;
use hublet_tests::token::DEVELOPMENT_KEY;
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{Server, new_folder};
use serde_json::{Value, json};

const SESSION: &str = "/api/ext/session";
const HUBS: &str = "/api/ext/hubs";
const SEND: &str = "/api/hubs/chat/:send";
const TYPE: &str = "Content-Type: application/json";
/// What the page sets, and what browsers add.
const PAGE: &str = "X-Hublet-Portal: 1";
const SAME_ORIGIN: &str = "Sec-Fetch-Site: same-origin";
const KEYS: [&str; 2] = ["primary-key-of-a-test-0123456789", "secondary-key-of-a-test-0123456789"];

fn own_keys(more: &str) -> Server {
    let file = format!("{more}\n[auth]\naccess_keys = [\"{}\", \"{}\"]\n", KEYS[0], KEYS[1]);
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
    Server::start_in(folder, &["--listen", "127.0.0.1:0", "--production"], &[])
}

fn sign_in(server: &Server, credential: &Value) -> Answer {
    request(server, "POST", SESSION, &[TYPE, PAGE, SAME_ORIGIN], credential.to_string().as_bytes())
}

/// The header line with the cookie of a good sign-in.
fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let set = answer.header("set-cookie").expect("a cookie");
    format!("Cookie: {}", set.split(';').next().unwrap_or_default())
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("a JSON document")
}

/// Who is signed in with this cookie.
fn session(server: &Server, cookie: &str) -> Value {
    body(&request(server, "GET", SESSION, &[cookie, SAME_ORIGIN], b""))
}

/// The statuses of reading and of writing something with these headers.
fn statuses(server: &Server, headers: &[&str]) -> [u16; 2] {
    let put = request(server, "PUT", "/api/ext/hubs/x", &[&[TYPE], headers].concat(), b"{}");
    let put = if put.status == 201 { 200 } else { put.status };
    [request(server, "GET", HUBS, headers, b"").status, put]
}

#[test]
fn the_page_is_served_with_what_protects_it() {
    let server = Server::start();
    let mut client = Client::connect(&server);
    let answer = client.request("GET", "/portal/", &[], b"");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let etag = answer.header("etag").expect("an entity tag").to_owned();
    let known = client.request("GET", "/portal/", &[&format!("If-None-Match: {etag}")], b"");
    assert_eq!((known.status, known.header("x-frame-options")), (304, Some("DENY")));
    let gzip = client.request("HEAD", "/portal/", &["Accept-Encoding: gzip, br"], b"");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_ne!(gzip.header("etag"), Some(etag.as_str()));
    let answer = client.request("GET", "/portal", &[], b"");
    assert_eq!((answer.status, answer.header("location")), (308, Some("portal/")));
    assert_eq!(client.request("GET", "/portal/nothing.js", &[], b"").status, 404);
    assert_eq!(client.request("POST", "/portal/", &[], b"").status, 405);

    let answer = client.request("GET", "/", &["Accept: text/html,*/*;q=0.8"], b"");
    assert_eq!((answer.status, answer.header("location")), (302, Some("portal/")));
    for accept in ["Accept: */*", "X: y"] {
        assert_eq!(client.request("GET", "/", &[accept], b"").status, 200, "{accept}");
    }
}

#[test]
fn a_prefix_is_kept_and_the_page_may_connect_to_public_endpoints() {
    let server = own_keys("public_endpoints = [\"https://ws.example.com/one\"]");
    let answer = request(&server, "GET", "/one", &["Accept: text/html"], b"");
    assert_eq!((answer.status, answer.header("location")), (302, Some("/one/portal/")));
    let answer = request(&server, "GET", "/one/portal/", &[], b"");
    assert_eq!(answer.status, 200);
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("connect-src 'self' wss://ws.example.com;"), "{policy}");
    // A proxy that ends TLS and changes the host: the browser still says where it is.
    let key = json!({"accessKey": KEYS[0]}).to_string();
    let origin = "Origin: https://ws.example.com";
    let answer = request(&server, "POST", "/one/api/ext/session", &[TYPE, PAGE, origin], key.as_bytes());
    assert_eq!(body(&answer)["endpoint"], "https://ws.example.com/one");
    let set = answer.header("set-cookie").expect("a cookie");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{set}");
}

#[test]
fn either_key_signs_in_and_out() {
    let server = own_keys("");
    let strings =
        json!({"connectionString": format!("Endpoint=https://x;AccessKey={};Version=1.0;", KEYS[1])});
    for (credential, name) in [
        (json!({"accessKey": KEYS[0]}), "primary key"),
        (json!({"accessKey": KEYS[1]}), "secondary key"),
        (strings, "secondary key"),
    ] {
        let answer = sign_in(&server, &credential);
        let cookie = cookie(&answer);
        let set = answer.header("set-cookie").expect("a cookie");
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let shown = body(&answer);
        assert_eq!((&shown["signedIn"], &shown["name"]), (&json!(true), &json!(name)));
        assert_eq!((&shown["access"], &shown["development"]), (&json!("all"), &json!(false)));
        assert!(shown["expires"].as_str().is_some_and(|time| time.ends_with('Z')), "{shown}");
        assert_eq!(session(&server, &cookie)["name"], name);
        // The admin API and the data plane take it, and a token goes before it.
        let page = [cookie.as_str(), PAGE, SAME_ORIGIN];
        assert_eq!(statuses(&server, &page), [200, 200]);
        let sent =
            request(&server, "POST", SEND, &[&page[..], &["Content-Type: text/plain"]].concat(), b"hi");
        assert_eq!(sent.status, 202);
        assert_eq!(statuses(&server, &[&page[..], &["Authorization: Bearer a.b.c"]].concat()), [401, 401]);

        let answer = request(&server, "DELETE", SESSION, &page, b"");
        assert_eq!(answer.status, 204);
        assert!(answer.header("set-cookie").is_some_and(|set| set.contains("Max-Age=0")), "{answer:?}");
        assert_eq!(session(&server, &cookie)["signedIn"], false);
        let answer = request(&server, "GET", HUBS, &page, b"");
        assert_eq!((answer.status, &body(&answer)["code"]), (401, &json!("Error.Unauthorized")));
        assert!(answer.header("www-authenticate").is_some());
    }
    let log = server.stop_and_take_log();
    assert!(KEYS.iter().all(|key| !log.contains(key)), "{log}");
}

#[test]
fn wrong_credentials_are_refused_and_limited() {
    let server = own_keys("");
    let mut attempts = 0;
    for (credential, status) in [
        (json!({"accessKey": "wrong"}), 401),
        (json!({"accessKey": ""}), 401),
        (json!({"accessKey": DEVELOPMENT_KEY}), 401),
        (json!({"connectionString": "Endpoint=http://h"}), 401),
        (json!({"token": "a.b.c"}), 401),
        (json!({"development": true}), 403),
        (json!({"development": false}), 400),
        (json!({"accessKey": KEYS[0], "development": true}), 400),
        (json!({"AccessKey": KEYS[0]}), 400),
        (json!([]), 400),
    ] {
        let answer = sign_in(&server, &credential);
        assert_eq!((answer.status, answer.header("set-cookie")), (status, None), "{credential}");
        let message = body(&answer)["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.ends_with('.') && !message.contains(KEYS[0]), "{message}");
        attempts += 1;
    }
    assert_eq!(attempts, 10);
    let answer = sign_in(&server, &json!({"accessKey": KEYS[0]}));
    assert_eq!(answer.status, 429, "{answer:?}");
    let wait: u32 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    // Requests with a token go on.
    let token = server_token(&server, HUBS);
    assert_eq!(request(&server, "GET", HUBS, &[&token], b"").status, 200);
    let log = server.stop_and_take_log();
    assert!(!log.contains(KEYS[0]) && !log.contains(DEVELOPMENT_KEY), "{log}");
}

/// A token of the primary key.
fn server_token(server: &Server, path: &str) -> String {
    token_of(server, KEYS[0], path)
}

fn token_of(server: &Server, key: &str, path: &str) -> String {
    let endpoint = format!("http://{}", server.authority());
    let text = format!("Endpoint={endpoint};AccessKey={key};Version=1.0;");
    let service: hublet_client::ConnectionString = text.parse().expect("a connection string");
    bearer(&service.rest_token(&format!("{endpoint}{path}")))
}

#[test]
fn successes_are_not_limited() {
    let server = own_keys("");
    for _ in 0..12 {
        assert_eq!(sign_in(&server, &json!({"accessKey": KEYS[1]})).status, 200);
    }
}

#[test]
fn requests_with_the_cookie_come_from_the_page() {
    let server = own_keys("");
    let cookie = cookie(&sign_in(&server, &json!({"accessKey": KEYS[0]})));
    let cookie = cookie.as_str();
    let own = format!("Origin: http://{}", server.authority());
    for (headers, expected) in [
        (&[SAME_ORIGIN, PAGE][..], [200, 200]),
        (&[&own, PAGE], [200, 200]),
        (&["Sec-Fetch-Site: none", PAGE], [200, 200]),
        // Plain HTTP: browsers add nothing.
        (&[PAGE], [200, 200]),
        (&[], [403, 403]),
        // What changes something needs more.
        (&[SAME_ORIGIN], [200, 403]),
        (&[&own], [200, 403]),
        (&[SAME_ORIGIN, "X-Hublet-Portal: 0"], [200, 403]),
        // Other sites.
        (&["Sec-Fetch-Site: cross-site", PAGE], [403, 403]),
        (&["Sec-Fetch-Site: same-site", PAGE], [403, 403]),
        (&[SAME_ORIGIN, "Sec-Fetch-Site: cross-site", PAGE], [403, 403]),
        (&["Sec-Fetch-Site: same-site", &own, PAGE], [403, 403]),
        (&["Origin: http://evil.example", PAGE], [403, 403]),
        (&["Origin: null", PAGE], [403, 403]),
        (&["Origin: http://127.0.0.1:1", PAGE], [403, 403]),
        (&[&own, "Origin: http://evil.example", PAGE], [403, 403]),
    ] {
        assert_eq!(statuses(&server, &[&[cookie], headers].concat()), expected, "{headers:?}");
    }
    let answer = request(&server, "GET", HUBS, &[cookie], b"");
    assert_eq!(body(&answer)["code"], "Error.Forbidden", "{answer:?}");
    let secure = own.replace("http:", "https:");
    assert_eq!(statuses(&server, &[cookie, &secure, PAGE]), [403, 403], "another scheme is another site");
    // A page of another site can sign nobody in, or out.
    let key = json!({"accessKey": KEYS[0]}).to_string();
    for foreign in [
        &["Sec-Fetch-Site: cross-site", PAGE][..],
        &["Origin: http://evil.example", PAGE],
        &[SAME_ORIGIN],
        &[],
    ] {
        let headers = [&[TYPE, cookie], foreign].concat();
        assert_eq!(request(&server, "POST", SESSION, &headers, key.as_bytes()).status, 403, "{foreign:?}");
        assert_eq!(request(&server, "DELETE", SESSION, &headers, b"").status, 403, "{foreign:?}");
    }
    assert_eq!(session(&server, cookie)["signedIn"], true);
    for other in ["Cookie: hublet_session=", "Cookie: hublet_session=x", "Cookie: other=1"] {
        assert_eq!(statuses(&server, &[other, SAME_ORIGIN, PAGE]), [401, 401], "{other}");
    }
    // Where CORS lets all sites in, the cookie still does not.
    let server = own_keys("[rest]\nallowed_origins = [\"*\"]");
    let answer = request(&server, "GET", SESSION, &["Origin: http://evil.example"], b"");
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[test]
fn event_handlers_do_not_see_the_cookie() {
    let (upstream, server) = Upstream::serve(|_| Reply::status(204));
    let cookie = cookie(&sign_in(&server, &json!({"development": true})));
    let url = server.client_url("chat", None, &[], &[]);
    let path = url.split_once(server.authority()).map_or(url.as_str(), |(_, path)| path);
    for (line, seen) in [(cookie.clone(), Value::Null), (format!("{cookie}; a=1"), json!(["a=1"]))] {
        assert_eq!(handshake(&server, path, &[&line]).status, 101);
        assert_eq!(upstream.next_event("connect").json()["headers"]["Cookie"], seen);
    }
}

#[test]
fn development_mode_signs_in_by_itself_on_this_machine_alone() {
    let server = Server::start();
    let port = server.authority().rsplit(':').next().expect("a port");
    let ask = |headers: &[&str]| {
        let headers = [&[TYPE, PAGE, SAME_ORIGIN], headers].concat();
        request(&server, "POST", SESSION, &headers, b"{\"development\":true}")
    };
    for name in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        let host = format!("Host: {name}:{port}");
        let answer = ask(&[&host]);
        let shown = body(&answer);
        assert_eq!((&shown["name"], &shown["development"]), (&json!("development"), &json!(true)), "{name}");
        let cookie = cookie(&answer);
        assert_eq!(statuses(&server, &[&host, &cookie, PAGE, SAME_ORIGIN]), [200, 200]);
    }
    let answer = ask(&[]);
    let cookie = cookie(&answer);
    for other in [
        "Host: localhost:1",
        "Host: localhost",
        "X-Forwarded-For: 10.0.0.1",
        "Forwarded: for=10.0.0.1",
        "X-Forwarded-Host: localhost",
        "X-Forwarded-Port: 80",
        "X-Forwarded-Server: proxy",
        "X-Forwarded: for=10.0.0.1",
        "X-Real-IP: 127.0.0.1",
        "Via: 1.1 proxy",
    ] {
        let answer = ask(&[other]);
        assert_eq!((answer.status, &body(&answer)["code"]), (403, &json!("Error.Forbidden")), "{other}");
        assert_eq!(statuses(&server, &[other, &cookie, PAGE, SAME_ORIGIN]), [403, 403], "{other}");
        let shown = body(&request(&server, "GET", SESSION, &[other, &cookie, SAME_ORIGIN], b""));
        assert_eq!((&shown["signedIn"], &shown["development"]), (&json!(false), &json!(false)), "{other}");
    }
    // A name of somebody else's that leads here.
    let foreign = format!("Host: evil.example:{port}");
    let own = format!("Origin: http://evil.example:{port}");
    for path in ["/portal/", SESSION, HUBS] {
        for browser in [SAME_ORIGIN, own.as_str()] {
            let answer = request(&server, "GET", path, &[&foreign, browser], b"");
            assert_eq!(answer.status, 403, "{path} {browser}");
            assert!(answer.body.contains("localhost"), "it says what to do: {}", answer.body);
        }
    }
    assert_eq!(ask(&[&foreign]).status, 403);
    let forwarded = request(&server, "GET", SESSION, &["Host: localhost:1", SAME_ORIGIN], b"");
    assert_eq!(forwarded.status, 200, "another port of this machine is fine for those who have a key");

    // With keys of one's own there is something to ask for.
    let file = format!("[auth]\naccess_keys = [\"{}\"]\n", KEYS[0]);
    let server = Server::start_with_file(&file, &[]);
    assert_eq!(session(&server, "X: y")["development"], false);
    assert_eq!(sign_in(&server, &json!({"development": true})).status, 403);
    assert_eq!(sign_in(&server, &json!({"accessKey": KEYS[0]})).status, 200);
}

#[test]
fn tokens_of_issuers_sign_in_as_their_roles_allow() {
    let mut issuer = Issuer::start();
    let file = issuer.configuration();
    let server = Server::start_with_file(&file, &["--disable-local-auth"]);
    let reader = json!({"claims": {"roles": ["Web PubSub Service Reader"], "sub": "ann"}});
    let end = std::time::Instant::now() + hublet_tests::raw::PATIENCE;
    let answer = loop {
        // The keys of the issuer come in a moment.
        let answer = sign_in(&server, &json!({"token": issuer.token(&reader)}));
        if answer.status == 200 || std::time::Instant::now() > end {
            break answer;
        }
    };
    let shown = body(&answer);
    assert_eq!((&shown["name"], &shown["access"]), (&json!("ann"), &json!("read")), "{}", server.log());
    assert_eq!(shown["issuers"], json!([issuer.url()]));
    let cookie_of_reader = cookie(&answer);
    let page = [cookie_of_reader.as_str(), PAGE, SAME_ORIGIN];
    assert_eq!(statuses(&server, &page), [200, 403]);
    assert_eq!(request(&server, "GET", "/api/ext/keys", &page, b"").status, 403, "keys allow everything");
    let refused = request(&server, "POST", SEND, &[&page[..], &["Content-Type: text/plain"]].concat(), b"hi");
    assert_eq!(refused.status, 403);
    assert!(body(&refused)["message"].as_str().is_some_and(|text| text.contains("only read")), "{refused:?}");

    let owner = cookie(&sign_in(&server, &json!({"token": issuer.token(&json!({}))})));
    assert_eq!(statuses(&server, &[&owner, PAGE, SAME_ORIGIN]), [200, 200]);
    // A session is not longer than its token.
    let soon = hublet_tests::token::now_s() + 2;
    let short = sign_in(&server, &json!({"token": issuer.token(&json!({"claims": {"exp": soon}}))}));
    let short = cookie(&short);
    while session(&server, &short)["signedIn"] == true {
        assert!(hublet_tests::token::now_s() <= soon + 2, "it goes on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let past = hublet_tests::token::now_s() - 100;
    for refused in [
        // It is good for calls, but its session would be over.
        json!({"token": issuer.token(&json!({"claims": {"exp": past}}))}),
        json!({"token": issuer.token(&json!({"claims": {"roles": ["Other"]}}))}),
        json!({"token": issuer.token(&json!({"claims": {"iss": "https://other.example"}}))}),
        json!({"token": issuer.token(&json!({"key": "stranger"}))}),
        // Keys are turned off, and there is no way without.
        json!({"accessKey": DEVELOPMENT_KEY}),
        json!({"development": true}),
    ] {
        let answer = sign_in(&server, &refused);
        assert!(answer.status == 401 || answer.status == 403, "{refused}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn the_portal_can_be_turned_off() {
    let server = Server::start_with_file("[portal]\nenabled = false\n", &[]);
    let answer = request(&server, "GET", "/portal/", &[], b"");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("portal.enabled"), "{}", answer.body);
    assert_eq!(request(&server, "GET", "/", &["Accept: text/html"], b"").status, 200);
    for method in ["GET", "POST", "DELETE"] {
        let answer = request(&server, method, SESSION, &[TYPE, PAGE, SAME_ORIGIN], b"{\"development\":true}");
        assert_eq!(
            (answer.status, &body(&answer)["code"]),
            (404, &json!("Error.Portal.Disabled")),
            "{method}"
        );
    }
    assert_eq!(call(&server, "GET", HUBS, &[], b"").status, 200, "the admin API stays");
    let server = Server::start_with(&["--portal=false"]);
    assert_eq!(request(&server, "GET", "/portal/", &[], b"").status, 404);
}
