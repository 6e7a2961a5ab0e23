//! Who may call the REST API besides the holders of access keys: tokens of issuers, and what the switches in `[auth]` do.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use hublet_tests::http::{self, Answer, bearer};
use hublet_tests::issuer::Issuer;
use hublet_tests::raw::RawClient;
use hublet_tests::token::{DEVELOPMENT_KEY, claims, now_s, signed, signed_with};
use hublet_tests::{Folder, JSON, Server, command, new_folder, once};
use ring::hmac;
use serde_json::{Value, json};

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];
const SEND: &str = "/api/hubs/chat/:send";
const TEXT: &str = "Content-Type: text/plain";
const OWNER: &str = "Web PubSub Service Owner";
const READER: &str = "Web PubSub Service Reader";

/// A folder with this `hublet.toml`.
fn folder_with(file: &str) -> Folder {
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
    folder
}

/// A service that accepts the tokens of an issuer, with these arguments.
fn service(issuer: &Issuer, arguments: &[&str]) -> Server {
    Server::start_in(folder_with(&issuer.configuration()), &[&LOOPBACK, arguments].concat(), &[])
}

/// A request with this token.
fn call(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    http::request(server, method, path, &[TEXT, &bearer(token)], b"hello")
}

fn send(server: &Server, token: &str) -> u16 {
    call(server, token, "POST", SEND).status
}

/// Sends until it works, for a service that gets its keys in a moment.
fn send_soon(server: &Server, token: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while send(server, token) != 202 {
        assert!(Instant::now() < end, "{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn with_roles(issuer: &mut Issuer, roles: &Value) -> String {
    issuer.token(&json!({"claims": {"roles": roles}}))
}

#[test]
fn roles_decide_what_a_token_is_good_for() {
    let mut issuer = Issuer::start();
    let server = service(&issuer, &[]);
    let owner = issuer.token(&json!({}));
    let reader = with_roles(&mut issuer, &json!(["Other", READER]));
    let nobody = with_roles(&mut issuer, &json!(["Other"]));
    let without = with_roles(&mut issuer, &Value::Null);
    for (method, path, status) in [
        ("HEAD", "/api/hubs/chat/users/u", 404),
        ("HEAD", "/api/hubs/chat/permissions/sendToGroup/connections/c?targetName=g", 404),
        ("GET", "/api/hubs/chat/groups/g/connections?api-version=2024-12-01", 200),
        ("POST", SEND, 202),
        ("POST", "/api/hubs/chat/:generateToken", 200),
        ("POST", "/api/hubs/chat/:closeConnections", 204),
        ("PUT", "/api/hubs/chat/users/u/groups/g", 404),
        ("DELETE", "/api/hubs/chat/users/u/groups", 204),
    ] {
        assert_eq!(call(&server, &owner, method, path).status, status, "{method} {path}");
        let reads = method == "HEAD" || method == "GET";
        let answer = call(&server, &reader, method, path);
        assert_eq!(answer.status, if reads { status } else { 403 }, "{method} {path}");
        for token in [&nobody, &without] {
            let answer = call(&server, token, method, path);
            assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{method} {path}");
            assert_eq!(answer.header("content-length"), Some("0"), "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), None, "the token is good");
        }
    }
    // What is there is answered to a reader.
    let mut client = RawClient::connect(&server.client_url("chat", Some("u"), &[], &[]), JSON);
    client.expect_connected();
    assert_eq!(call(&server, &reader, "HEAD", "/api/hubs/chat/users/u").status, 200);
    // One role may be a string. Both roles are those of an owner.
    for roles in [json!(OWNER), json!([READER, OWNER])] {
        let token = with_roles(&mut issuer, &roles);
        assert_eq!(send(&server, &token), 202, "{roles}");
        client.next_text();
    }
    // A path that is none needs no token, and a method that is none is told before it.
    assert_eq!(call(&server, &nobody, "POST", "/api/hubs/chat/nothing").status, 404);
    // Access keys are good as before.
    assert_eq!(http::call(&server, "POST", SEND, &[TEXT], b"hello").status, 202);
}

#[test]
fn other_roles_and_audiences_can_be_configured() {
    let mut issuer = Issuer::start();
    let file = format!(
        "{}jwks_uri = \"{}/keys\"\naudiences = [\"api://hublet\", \"other\"]\nroles_claim = \"groups\"\n\
         owner_roles = [\"admins\"]\nreader_roles = [\"staff\"]\n",
        issuer.configuration(),
        issuer.url()
    );
    let server = Server::start_in(folder_with(&file), &LOOPBACK, &[]);
    // Roles of Azure are not in tokens of Entra, and other issuers know no roles: then callers are named.
    let caller = "system:serviceaccount:shop:orders";
    let callers = format!("{}roles_claim = \"sub\"\nowner_roles = [\"{caller}\"]\n", issuer.configuration());
    let by_name = Server::start_in(folder_with(&callers), &LOOPBACK, &[]);
    for (sub, status) in
        [(json!(caller), 202), (json!("system:serviceaccount:shop:other"), 403), (json!(null), 403)]
    {
        let token = issuer.token(&json!({"claims": {"sub": sub}}));
        assert_eq!(send(&by_name, &token), status, "{sub}");
    }
    for (claims, status) in [
        (json!({"aud": "api://hublet", "groups": ["admins"]}), 202),
        (json!({"aud": ["x", "other"], "groups": "admins"}), 202),
        (json!({"aud": "api://hublet/.default", "groups": ["admins"]}), 202),
        (json!({"aud": "api://hublet", "groups": ["staff"]}), 403),
        (json!({"aud": "api://hublet", "roles": ["admins"]}), 403),
        (json!({"aud": "api://hublet", "groups": ["Admins", OWNER]}), 403),
        (json!({"groups": ["admins"]}), 401),
    ] {
        let token = issuer.token(&json!({ "claims": claims }));
        assert_eq!(send(&server, &token), status, "{claims}");
    }
}

#[test]
fn tokens_of_issuers_that_are_refused() {
    let mut issuer = Issuer::start();
    let start = Instant::now();
    let server = service(&issuer, &[]);
    let now = now_s();
    for how in [
        json!({"alg": "RS256"}),
        json!({"alg": "PS256"}),
        json!({"alg": "ES256", "key": "ec"}),
        json!({"claims": {"aud": "https://webpubsub.azure.com/"}}),
        json!({"claims": {"aud": "https://webpubsub.azure.com/.default"}}),
        json!({"claims": {"aud": ["x", "https://webpubsub.azure.com"]}}),
        json!({"claims": {"exp": now - 240}}),
        json!({"claims": {"nbf": now + 240}}),
        json!({"claims": {"nbf": null, "iat": null, "sub": null}}),
        json!({"header": {"typ": "at+jwt", "x5t": "t"}}),
    ] {
        assert_eq!(send(&server, &issuer.token(&how)), 202, "{how}");
    }
    let path = format!("http://{}{SEND}", server.authority());
    for (how, error) in [
        (json!({"claims": {"aud": path}}), "The audience is invalid"),
        (json!({"claims": {"aud": "https://webpubsub.azure.com.evil"}}), "The audience is invalid"),
        (json!({"claims": {"aud": "https://management.azure.com"}}), "The audience is invalid"),
        (json!({"claims": {"aud": null}}), "The audience is invalid"),
        (json!({"claims": {"iss": "https://other.example.com"}}), "The issuer is invalid"),
        (json!({"claims": {"iss": format!("{}/", issuer.url())}}), "The issuer is invalid"),
        (json!({"claims": {"iss": issuer.url().to_uppercase()}}), "The issuer is invalid"),
        (json!({"claims": {"iss": [issuer.url(), "x"]}}), "The issuer is invalid"),
        (json!({"claims": {"iss": null}}), "The issuer is invalid"),
        (json!({"claims": {"exp": now - 360}}), "The token is expired"),
        (json!({"claims": {"exp": null}}), "The token has no expiration"),
        (json!({"claims": {"exp": "soon"}}), "The token is malformed"),
        (json!({"claims": {"nbf": now + 360}}), "The token is not yet valid"),
        (json!({"header": {"kid": null}}), "The signature key was not found"),
        (json!({"header": {"kid": "rsa-9"}}), "The signature key was not found"),
        (json!({"header": {"kid": "RSA-1"}}), "The signature key was not found"),
        (json!({"header": {"crit": ["b64"], "b64": false}}), "The token is malformed"),
        // Another key of that name, or one of another kind.
        (json!({"key": "stranger"}), "The signature is invalid"),
        (json!({"key": "rsa", "header": {"kid": "ec-1"}}), "The signature key was not found"),
        (json!({"key": "ec", "alg": "ES256", "header": {"kid": "rsa-1"}}), "The signature key was not found"),
        (json!({"key": "ec", "alg": "ES256", "header": {"alg": "RS256"}}), "The signature key was not found"),
        // A signature of another algorithm than the header says.
        (json!({"alg": "PS256", "header": {"alg": "RS256"}}), "The signature is invalid"),
        (json!({"alg": "RS256", "header": {"alg": "PS256"}}), "The signature is invalid"),
        (json!({"alg": "RS512"}), "The signature is invalid"),
        (json!({"alg": "RS512", "header": {"alg": "RS256"}}), "The signature is invalid"),
        // No signature, and the public key as a shared secret.
        (json!({"alg": "none"}), "The signature is invalid"),
        (json!({"alg": "none", "header": {"alg": "RS256"}}), "The signature is invalid"),
        (json!({"alg": "HS256"}), "The signature is invalid"),
        (json!({"alg": "HS256", "header": {"alg": "RS256"}}), "The signature is invalid"),
    ] {
        let answer = call(&server, &issuer.token(&how), "POST", SEND);
        assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{how}");
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{error}\"");
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{how}");
    }
    // The access key does not sign for the issuer, nor the other way round.
    let all = json!({
        "iss": issuer.url(), "aud": "https://webpubsub.azure.com", "exp": now + 60, "roles": [OWNER],
    });
    for header in [r#"{"alg":"RS256","kid":"rsa-1"}"#, r#"{"alg":"HS256","kid":"rsa-1"}"#] {
        let token = signed_with(hmac::HMAC_SHA256, header, DEVELOPMENT_KEY, &all);
        assert_eq!(send(&server, &token), 401, "{header}");
    }
    let good = issuer.token(&json!({}));
    assert_eq!(send(&server, &format!("{good}A")), 401);
    assert_eq!(send(&server, &good), 202);
    // At the start, and once in half a minute for all the unknown keys together.
    assert!(u64::from(issuer.fetches()) <= 2 + start.elapsed().as_secs() / 30);
}

#[test]
fn clients_do_not_connect_with_tokens_of_issuers() {
    let mut issuer = Issuer::start();
    let server = service(&issuer, &[]);
    let url = format!("http://{}/client/hubs/chat", server.authority());
    send_soon(&server, &issuer.token(&json!({})));
    for claims in [json!({}), json!({"aud": url}), json!({"aud": [url, "https://webpubsub.azure.com"]})] {
        let token = issuer.token(&json!({ "claims": claims }));
        let answer = http::handshake(&server, &format!("/client/hubs/chat?access_token={token}"), &[]);
        assert_eq!(answer.status, 401, "{claims}");
    }
}

#[test]
fn new_keys_are_found() {
    let mut issuer = Issuer::start();
    let server = service(&issuer, &[]);
    let before = issuer.token(&json!({}));
    send_soon(&server, &before);
    issuer.rotate();
    assert_eq!(send(&server, &before), 202, "until others are fetched, the older keys are good");
    let after = issuer.token(&json!({}));
    assert_eq!(send(&server, &after), 202, "the request waits for the new key");
    assert_eq!(send(&server, &before), 401, "the issuer has that key no more");
    let ec = issuer.token(&json!({"alg": "ES256", "key": "ec"}));
    assert_eq!(send(&server, &ec), 202);
    // Not again so soon, whoever asks.
    let (fetches, start) = (issuer.fetches(), Instant::now());
    for number in 0..20 {
        let token = issuer.token(&json!({"header": {"kid": format!("made-up-{number}")}}));
        assert_eq!(send(&server, &token), 401);
    }
    assert!(u64::from(issuer.fetches() - fetches) <= 1 + start.elapsed().as_secs() / 30);
}

#[test]
fn an_issuer_may_come_later_and_go() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address").port()
    };
    let file = format!("[[auth.issuers]]\nissuer = \"http://localhost:{port}\"\n");
    let server = Server::start_in(folder_with(&file), &LOOPBACK, &[]);
    // The tokens of an issuer that is not there come from one of the same name.
    let claims = json!({"claims": {"iss": format!("http://localhost:{port}")}});
    let elsewhere = Issuer::start().token(&claims);
    let answer = call(&server, &elsewhere, "POST", SEND);
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").expect("a challenge").to_owned();
    assert!(challenge.contains("The signature key was not found"), "{challenge}");
    assert_eq!(http::call(&server, "POST", SEND, &[TEXT], b"hello").status, 202, "access keys work on");

    let mut issuer = Issuer::start_at(port);
    let token = issuer.token(&json!({}));
    send_soon(&server, &token);
    assert_eq!(send(&server, &elsewhere), 401, "a key of that name, but not that key");
    drop(issuer);
    assert_eq!(send(&server, &token), 202, "the keys stay");
    let unknown = Issuer::start().token(&json!({"claims": claims["claims"], "header": {"kid": "unknown"}}));
    assert_eq!(send(&server, &unknown), 401);

    let log = server.stop_and_take_log();
    let failures: Vec<&str> = log.lines().filter(|line| line.contains("cannot be fetched")).collect();
    assert!((1..=2).contains(&failures.len()), "once an outage: {failures:?}");
    assert!(failures[0].contains("WARN") && failures[0].contains("its tokens are refused until they can"));
    assert!(failures[0].contains("cannot connect to localhost:"), "{}", failures[0]);
    let reason = "reason=The signature key was not found: the keys of the issuer could not be fetched yet.";
    assert!(log.contains(reason) && log.contains("the keys of an issuer were fetched"), "{log}");
}

#[test]
fn keys_come_over_tls_from_a_trusted_issuer() {
    // The certificate of another service, and the authority that made it.
    let other = Server::start_with(&["--tls-listen", "127.0.0.1:0"]);
    let folder = other.ca_file().parent().expect("a folder").to_owned();
    let mut issuer = Issuer::start_secure(&folder.join("server.pem"), &folder.join("server-key.pem"));
    let token = issuer.token(&json!({}));
    let file = issuer.configuration();
    let ca = other.ca_file();
    let ca = ca.to_str().expect("a path in UTF-8");
    let trusting = Server::start_in(folder_with(&file), &LOOPBACK, &[("SSL_CERT_FILE", ca)]);
    send_soon(&trusting, &token);
    let other = Server::start_in(folder_with(&file), &LOOPBACK, &[]);
    assert_eq!(send(&other, &token), 401);
    let log = other.stop_and_take_log();
    assert!(log.contains("no TLS with localhost:"), "{log}");
}

#[test]
fn local_auth_can_be_turned_off() {
    let mut issuer = Issuer::start();
    let server = service(&issuer, &["--disable-local-auth"]);
    assert_eq!(server.facts("connection string").chain(server.facts("client access URL")).count(), 0);
    let made = std::fs::read_to_string(server.folder().join("hublet-data/access-keys")).expect("keys");
    let key = made.lines().next().expect("a key");
    let owner = issuer.token(&json!({}));
    send_soon(&server, &owner);

    let url = |path: &str| format!("http://{}{path}", server.authority());
    for key in [key, DEVELOPMENT_KEY] {
        let token = signed(key, &json!({"aud": url(SEND), "exp": now_s() + 60}));
        assert_eq!(send(&server, &token), 401);
        let token = signed(key, &json!({"aud": url("/client/hubs/chat"), "exp": now_s() + 60}));
        let answer = http::handshake(&server, &format!("/client/hubs/chat?access_token={token}"), &[]);
        assert_eq!(answer.status, 401);
    }

    // A token that the service made is good for a client.
    let answer = call(&server, &owner, "POST", "/api/hubs/chat/:generateToken?userId=u&group=room");
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    let token = answer["token"].as_str().expect("a token").to_owned();
    let connect = |server: &Server| {
        let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
        let mut client = RawClient::connect(&url, JSON);
        client.expect_connected();
        client
    };
    let mut client = connect(&server);
    assert_eq!(call(&server, &owner, "POST", "/api/hubs/chat/groups/room/:send").status, 202);
    assert!(client.next_text().contains("hello"));
    // It names the key behind the access key, which the access key itself does not replace.
    assert_eq!(
        http::handshake(&server, &format!("/client/hubs/other?access_token={token}"), &[]).status,
        401
    );
    let header = token.split('.').next().expect("a header");
    let mut made = token.split('.').take(2).collect::<Vec<_>>().join(".");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), made.as_bytes());
    made = format!("{made}.{}", base64url(signature.as_ref()));
    assert!(made.starts_with(header));
    assert_eq!(http::handshake(&server, &format!("/client/hubs/chat?access_token={made}"), &[]).status, 401);

    // The same token after a restart, at the address it is made out for.
    let address = server.authority().to_owned();
    let folder = server.stop_and_take_folder();
    let arguments = ["--listen", &address, "--disable-local-auth"];
    let server = Server::start_in(folder, &arguments, &[]);
    connect(&server);
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn generated_tokens_are_for_clients_only() {
    let server = Server::start();
    let answer = http::call(&server, "POST", "/api/hubs/chat/:generateToken?userId=u", &[], b"");
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    let token = answer["token"].as_str().expect("a token");
    assert_eq!(claims(token)["sub"], "u");
    let answer = http::handshake(&server, &format!("/client/hubs/chat?access_token={token}"), &[]);
    assert_eq!(answer.status, 101);
    // On REST it fails by its signature, before its audience is looked at.
    for path in [SEND, "/api/hubs/chat/:generateToken"] {
        let answer = call(&server, token, "POST", path);
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(challenge.contains("The signature is invalid"), "{challenge}");
    }
}

#[test]
fn any_host_in_development_on_demand() {
    let aud = |host: &str, path: &str| json!({"aud": format!("http://{host}{path}"), "exp": now_s() + 60});
    let status = |server: &Server, host: &str, path: &str| {
        let token = signed(DEVELOPMENT_KEY, &aud(host, path));
        let client = signed(DEVELOPMENT_KEY, &aud(host, "/client/hubs/chat"));
        let client = http::handshake(server, &format!("/client/hubs/chat?access_token={client}"), &[]);
        (send(server, &token), client.status)
    };
    let strict = Server::start();
    assert_eq!(status(&strict, "host.docker.internal:8080", SEND), (401, 401));
    let lax = Server::start_in(new_folder(), &LOOPBACK, &[("HUBLET_IGNORE_AUDIENCE_HOST", "1")]);
    assert_eq!(status(&lax, "host.docker.internal:8080", SEND), (202, 101));
    assert_eq!(status(&lax, "x", "/api/hubs/other/:send"), (401, 101), "the path counts as before");
}

#[test]
fn a_proxy_may_have_a_path_of_its_own() {
    let arguments = ["--public-endpoint", "http://localhost:1,http://localhost:2/pre%20fix/x"];
    let server = Server::start_with(&arguments);
    let token = |aud: &str| signed(DEVELOPMENT_KEY, &json!({"aud": aud, "exp": now_s() + 60}));
    let prefix = "/pre%20fix/x";
    for (path, aud, status) in [
        (format!("{prefix}{SEND}"), format!("http://localhost:1{SEND}"), 202),
        (format!("{prefix}{SEND}"), format!("http://localhost:2{prefix}{SEND}"), 202),
        (format!("{prefix}{SEND}?filter=x%20eq"), format!("http://localhost:2{prefix}{SEND}"), 400),
        // A proxy that takes the prefix away itself.
        (SEND.to_owned(), format!("http://localhost:2{prefix}{SEND}"), 202),
        (format!("{prefix}{SEND}"), format!("http://localhost:2/other{SEND}"), 401),
        (format!("{prefix}{SEND}"), format!("http://example.com{prefix}{SEND}"), 401),
        (format!("/other{SEND}"), format!("http://localhost:1{SEND}"), 404),
        (format!("{prefix}y{SEND}"), format!("http://localhost:1{SEND}"), 404),
    ] {
        assert_eq!(call(&server, &token(&aud), "POST", &path).status, status, "{path} {aud}");
    }
    for (aud, status) in [
        ("http://localhost:1/client/hubs/chat", 101),
        ("http://localhost:2/pre%20fix/x/client/hubs/chat", 101),
        ("http://localhost:2/client/hubs/other", 401),
    ] {
        let path = format!("{prefix}/client/hubs/chat?access_token={}", token(aud));
        assert_eq!(http::handshake(&server, &path, &[]).status, status, "{aud}");
    }
    assert_eq!(http::request(&server, "HEAD", &format!("{prefix}/api/health"), &[], b"").status, 200);
    assert_eq!(http::request(&server, "GET", prefix, &[], b"").status, 200);
}

#[test]
fn configurations_that_are_refused() {
    let issuer = "[[auth.issuers]]\nissuer = \"https://login.example.com/t/v2.0\"\n";
    let check = |folder: &Path, arguments: &[&str]| {
        once::run(command(folder).arg("check-config").args(arguments), "")
    };
    for (file, arguments, part) in [
        (
            "",
            &["--production", "--ignore-audience-host"][..],
            "`auth.ignore_audience_host` is for development",
        ),
        ("", &["--disable-local-auth"], "there are no `auth.issuers`"),
        ("[[auth.issuers]]\n", &[], "missing field `issuer`"),
        (&format!("{issuer}audience = \"x\"\n"), &[], "Did you mean `audiences`?"),
        (&format!("{issuer}{issuer}"), &[], "is configured twice"),
        ("public_endpoints = [\"https://h/api\"]\n", &[], "begins like a path of the service itself"),
    ] {
        let ended = check(&folder_with(file), arguments);
        assert_eq!(ended.code, Some(2), "{file} {}", ended.error);
        assert!(ended.error.contains(part), "{file}: {}", ended.error);
    }
    let shown = check(&folder_with(issuer), &[]);
    assert_eq!(shown.code, Some(0), "{}", shown.error);
    assert!(shown.out.contains("issuer = \"https://login.example.com/t/v2.0\""), "{}", shown.out);
    assert!(shown.out.contains(OWNER) && shown.out.contains(READER), "{}", shown.out);
}

#[test]
fn no_secret_is_in_the_log() {
    let mut issuer = Issuer::start();
    let server = service(&issuer, &["--log", "trace"]);
    let good = issuer.token(&json!({}));
    send_soon(&server, &good);
    let generated = call(&server, &good, "POST", "/api/hubs/chat/:generateToken").body;
    let generated: Value = serde_json::from_str(&generated).expect("JSON");
    let generated = generated["token"].as_str().expect("a token").to_owned();
    let bad = issuer.token(&json!({"claims": {"exp": 1}}));
    let unknown = issuer.token(&json!({"header": {"kid": "unknown"}}));
    let local = signed(DEVELOPMENT_KEY, &json!({"aud": "http://other/", "exp": now_s() + 60}));
    for token in [&bad, &unknown, &local, &generated] {
        assert_eq!(send(&server, token), 401);
        http::handshake(&server, &format!("/client/hubs/chat?access_token={token}"), &[]);
    }
    let log = server.stop_and_take_log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    assert!(log.contains("a REST request was refused") && log.contains("a client was refused"));
    for token in [&good, &generated, &bad, &unknown, &local] {
        let (_, signature) = token.rsplit_once('.').expect("a signature");
        let payload = token.split('.').nth(1).expect("a payload");
        assert!(!log.contains(signature) && !log.contains(payload));
    }
    assert!(!log.contains(DEVELOPMENT_KEY));
}
