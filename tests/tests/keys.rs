//! Access keys of a running service: shown, regenerated, and read again.

use std::time::{Duration, Instant};

use hublet_client::{ClientAccess, ConnectionString};
use hublet_tests::http::{Answer, bearer, handshake, request};
use hublet_tests::once::{self, Ended};
use hublet_tests::raw::{PATIENCE, RawClient};
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, JSON_RELIABLE, Server, command, new_folder};
use ring::hmac;
use rustix::process::Signal;
use serde_json::{Value, json};

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];
const KEYS: &str = "/api/ext/keys";
const REGENERATE: &str = "/api/ext/keys/:regenerate";
const SESSION: &str = "/api/ext/session";
const TYPE: &str = "Content-Type: application/json";
const PAGE: &str = "X-Hublet-Portal: 1";

/// A service with keys of its own and this `hublet.toml`.
fn production(file: &str) -> Server {
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), format!("production = true\n{file}")).expect("a new folder");
    Server::start_in(folder, &LOOPBACK, &[])
}

fn service(server: &Server, key: &str) -> ConnectionString {
    let text = format!("Endpoint=http://{};AccessKey={key};Version=1.0;", server.authority());
    text.parse().expect("a connection string")
}

/// A request with a token of this key.
fn call(server: &Server, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let token = service(server, key).rest_token(&format!("http://{}{path}", server.authority()));
    request(server, method, path, &[TYPE, &bearer(&token)], body.as_bytes())
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("a JSON document")
}

/// Both keys, asked for with one of them.
fn keys(server: &Server, key: &str) -> [String; 2] {
    let shown = body(&call(server, key, "GET", KEYS, ""));
    ["primaryKey", "secondaryKey"].map(|name| shown[name].as_str().expect("a key").to_owned())
}

fn cookie(server: &Server, key: &str) -> String {
    let credential = json!({"accessKey": key}).to_string();
    let answer = request(server, "POST", SESSION, &[TYPE, PAGE], credential.as_bytes());
    let set = answer.header("set-cookie").expect("a cookie");
    format!("Cookie: {}", set.split(';').next().unwrap_or_default())
}

fn is_signed_in(server: &Server, cookie: &str) -> bool {
    body(&request(server, "GET", SESSION, &[cookie, PAGE], b""))["signedIn"] == true
}

fn client_url(server: &Server, key: &str) -> String {
    service(server, key).client_access(&ClientAccess::new("chat")).expect("a valid hub").url()
}

/// The status that a client with this URL gets.
fn connects(server: &Server, url: &str) -> u16 {
    let path = url.split_once(server.authority()).map_or(url, |(_, path)| path);
    handshake(server, path, &[]).status
}

fn hublet(server: &Server, key: &str, arguments: &str) -> Ended {
    let mut command = command(server.folder());
    command.args(arguments.split(' ')).env("HUBLET_CONNECTION_STRING", service(server, key).reveal());
    once::run(&mut command, "")
}

fn signature(keys: &[&str], connection: &str) -> String {
    let of = |key: &&str| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), connection.as_bytes());
        let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={digits}")
    };
    keys.iter().map(of).collect::<Vec<_>>().join(",")
}

#[test]
fn a_regenerated_key_is_good_for_nothing_and_the_other_one_stays() {
    let upstream = Upstream::start(|_| Reply::status(204).header("WebHook-Allowed-Origin: *"));
    let networks = "[upstream]\nallowed_networks = [\"loopback\"]\n";
    let server = production(&format!("{networks}{}", upstream.handler("handled")));
    let old = server.service().access_key().to_owned();
    let [_, secondary] = keys(&server, &old);
    let sessions = [cookie(&server, &old), cookie(&server, &secondary)];
    let urls = [client_url(&server, &old), client_url(&server, &secondary)];
    let path = "/api/hubs/chat/:generateToken";
    let issued = body(&call(&server, &old, "POST", path, ""))["token"].as_str().expect("a token").to_owned();
    let issued = format!("/client/hubs/chat?access_token={issued}");
    let mut client = RawClient::connect(&urls[0], JSON);
    client.expect_connected();
    let mut reliable = RawClient::connect(&urls[0], JSON_RELIABLE);
    let connected: Value = serde_json::from_str(&reliable.next_text()).expect("JSON");
    let back = format!(
        "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
        server.authority(),
        connected["connectionId"].as_str().expect("an id"),
        connected["reconnectionToken"].as_str().expect("a token")
    );

    let ended = hublet(&server, &secondary, "keys regenerate --key-type primary --json");
    let shown: Value = serde_json::from_str(&ended.out).expect("JSON");
    let new = shown["primaryKey"].as_str().expect("a key").to_owned();
    assert_eq!((new == old, new.len(), &shown["secondaryKey"]), (false, 64, &json!(secondary)));
    assert_eq!(shown["primaryConnectionString"], service(&server, &new).reveal());
    assert_eq!(shown["secondaryConnectionString"], service(&server, &secondary).reveal());

    for (key, status) in [(&old, 401), (&new, 200), (&secondary, 200)] {
        assert_eq!(call(&server, key, "GET", KEYS, "").status, status);
        assert_eq!(connects(&server, &client_url(&server, key)), if status == 200 { 101 } else { 401 });
    }
    assert_eq!((connects(&server, &urls[0]), connects(&server, &urls[1])), (401, 101));
    assert_eq!(connects(&server, &issued), 401, "the service's own key went with the access key");
    let signed_in: Vec<bool> = sessions.iter().map(|cookie| is_signed_in(&server, cookie)).collect();
    assert_eq!(signed_in, [false, true]);
    assert!(is_signed_in(&server, &cookie(&server, &new)));
    // Who is connected stays, but a reliable client has no way back.
    client.expect_silence();
    reliable.cut();
    RawClient::connect(&back, JSON_RELIABLE).expect_close(1008, "The connection could not be recovered.");
    // Events are signed with the new keys.
    let url = service(&server, &new).client_access(&ClientAccess::new("handled")).expect("a hub").url();
    let id = RawClient::connect(&url, JSON).expect_connected();
    let event = upstream.next_where("connect", |call| call.event() == "connect" && call.client() == id);
    assert_eq!(event.header("ce-signature"), Some(signature(&[&new, &secondary], &id).as_str()));

    // The other key in turn, by the API, and the next start has both.
    let answer = call(&server, &new, "POST", REGENERATE, r#"{"keyType":"secondary"}"#);
    assert_eq!((answer.status, &body(&answer)["primaryKey"]), (200, &json!(new)));
    let last = body(&answer)["secondaryKey"].as_str().expect("a key").to_owned();
    assert_eq!(call(&server, &secondary, "GET", KEYS, "").status, 401);
    let log = server.log();
    for key in [&old, &secondary, &new, &last] {
        assert!(!log.contains(key.as_str()), "{log}");
    }
    let server = Server::start_in(server.stop_and_take_folder(), &LOOPBACK, &[]);
    assert_eq!(keys(&server, &last), [new, last]);
}

#[test]
fn keys_are_shown_and_wishes_checked() {
    let server = production("");
    let key = server.service().access_key().to_owned();
    let answer = call(&server, &key, "GET", KEYS, "");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let shown = body(&answer);
    assert_eq!((&shown["source"], &shown["canRegenerate"]), (&json!("stored"), &json!(true)));
    assert_eq!((&shown["reason"], &shown["primaryKey"]), (&Value::Null, &json!(key)));
    for (wish, status) in
        [(r#"{"keyType":"Salt"}"#, 400), (r#"{"keyType":1}"#, 400), ("{}", 400), ("primary", 400)]
    {
        assert_eq!(call(&server, &key, "POST", REGENERATE, wish).status, status, "{wish}");
    }
    assert_eq!(request(&server, "GET", KEYS, &[], b"").status, 401);
    assert_eq!(request(&server, "POST", REGENERATE, &[TYPE], b"{\"keyType\":\"Primary\"}").status, 401);
    assert_eq!(body(&call(&server, &key, "GET", KEYS, "")), shown, "nothing has changed");
    let text = hublet(&server, &key, "keys show").out;
    assert!(text.lines().count() == 5 && text.contains(&service(&server, &key).reveal()), "{text}");
}

#[test]
fn keys_that_are_not_the_services_own_to_change() {
    let development = Server::start();
    let key = development.service().access_key().to_owned();
    let shown = body(&call(&development, &key, "GET", KEYS, ""));
    assert_eq!((&shown["source"], &shown["canRegenerate"]), (&json!("development"), &json!(false)));
    assert_eq!((&shown["secondaryKey"], &shown["secondaryConnectionString"]), (&Value::Null, &Value::Null));
    let ended = hublet(&development, &key, "keys regenerate --key-type primary");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.error.contains("--production"), "{}", ended.error);
    assert_eq!(call(&development, &key, "GET", KEYS, "").status, 200);

    let [first, second] = ["first-key-of-a-test-0123456789abc", "second-key-of-a-test-0123456789ab"];
    let file = |key: &str| format!("[auth]\naccess_keys = [\"{key}\"]\n");
    let server = production(&file(first));
    let answer = call(&server, first, "POST", REGENERATE, r#"{"keyType":"Primary"}"#);
    assert_eq!((answer.status, &body(&answer)["code"]), (409, &json!("Error.Conflict")));
    assert!(answer.body.contains("auth.access_keys"), "{}", answer.body);

    // They change where they are written.
    let mut client = RawClient::connect(&client_url(&server, first), JSON);
    client.expect_connected();
    let session = cookie(&server, first);
    std::fs::write(server.folder().join("hublet.toml"), format!("production = true\n{}", file(second)))
        .expect("a file to write");
    server.signal(Signal::HUP);
    let end = Instant::now() + PATIENCE;
    while call(&server, second, "GET", KEYS, "").status != 200 {
        assert!(Instant::now() < end, "{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(call(&server, first, "GET", KEYS, "").status, 401);
    assert!(!is_signed_in(&server, &session));
    client.expect_silence();
    let log = server.stop_and_take_log();
    assert!(log.contains("the access keys are those of the configuration now"), "{log}");
    assert!(!log.contains("takes effect with a restart") && !log.contains(second), "{log}");
}
