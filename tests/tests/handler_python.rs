//! A handler in Python that was written from the protocol's documentation alone (tests/upstream/handler.py).
//!
//! Numbers in comments are the cases of the event handler reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::program::Program;
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::token::{DEVELOPMENT_KEY, OTHER_KEY, OWN_KEY, now_s, signed};
use hublet_tests::{JSON, Server, http, new_folder, tools};
use serde_json::{Value, json};

fn start(keys: &[&str]) -> (Program, String) {
    let mut program = Program::start("handler.py", tools::python("tests/upstream/handler.py").args(keys));
    let port = program.next_line();
    let settings = format!(
        "[[hubs.chat.eventHandlers]]\nurlTemplate = \"http://127.0.0.1:{port}/{{hub}}/{{event}}\"\n\
         userEventPattern = \"*\"\nsystemEvents = [\"connect\", \"connected\", \"disconnected\"]\n"
    );
    (program, settings)
}

fn next(program: &mut Program) -> Value {
    serde_json::from_str(&program.next_line()).expect("JSON")
}

fn header(request: &Value, name: &str) -> Vec<String> {
    let headers = request["headers"].as_array().expect("headers");
    let same =
        headers.iter().filter(|pair| pair[0].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    same.filter_map(|pair| pair[1].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_conversation() {
    // 30, 31, 45, 48, 54, 63, 66
    let (mut handler, settings) = start(&[DEVELOPMENT_KEY]);
    let server = Server::start_with_file(&settings, &[]);
    let mut simple = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), None);
    let connect = next(&mut handler);
    assert_eq!((&connect["path"], &connect["signed"]), (&json!("/chat/connect"), &json!(true)));
    let connected = next(&mut handler);
    assert_eq!((&connected["path"], &connected["signed"]), (&json!("/chat/connected"), &json!(true)));
    assert_eq!(connected["body"], "{}");
    for count in 1..=3 {
        simple.send_text("ann");
        simple.expect_text(&format!("Hey ann, number {count}"));
        let message = next(&mut handler);
        assert_eq!((&message["path"], &message["signed"]), (&json!("/chat/message"), &json!(true)));
        assert_eq!(header(&message, "ce-connectionState"), [format!("messages={}", count - 1)]);
        assert_eq!(header(&message, "ce-id"), [(count + 1).to_string()]);
    }
    // The group that the handler gave.
    let path = "/api/hubs/chat/groups/newcomers/:send";
    assert_eq!(http::call(&server, "POST", path, &["Content-Type: text/plain"], b"welcome").status, 202);
    simple.expect_text("welcome");
    simple.send_close(hublet_wire::ws::CloseCode(1000), "bye");
    assert_eq!(simple.next(), Message::Close(Some(1000), String::new()));
    let gone = next(&mut handler);
    assert_eq!((&gone["path"], &gone["body"]), (&json!("/chat/disconnected"), &json!(r#"{"reason":"bye"}"#)));
    assert_eq!(header(&gone, "ce-connectionState"), ["messages=3"]);
}

#[test]
fn a_json_client_and_a_refusal() {
    // 51, 66, 68
    let (_handler, settings) = start(&[DEVELOPMENT_KEY]);
    let server = Server::start_with_file(&settings, &[]);
    let url = server.client_url("chat", Some("ann"), &[], &[]);
    let head = RawClient::try_connect(&format!("{url}&refuse=1"), JSON, &[]).err().expect("a refusal");
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    let mut client = RawClient::connect(&url, JSON);
    client.expect_connected();
    client.send_text(r#"{"type":"event","event":"loud","dataType":"text","data":"you","ackId":1}"#);
    client.expect_text(r#"{"type":"message","from":"server","dataType":"text","data":"Hey you, number 1"}"#);
    client.expect_text(r#"{"type":"ack","ackId":1,"success":true}"#);
    client.request(r#"{"type":"event","event":"quiet","dataType":"text","data":"you","ackId":2}"#, 2);
}

#[test]
fn signatures_with_either_key_and_with_none_of_them() {
    // 19, 20, 31, 33 (for this handler)
    for (known, is_good) in [(OWN_KEY, true), (OTHER_KEY, true), (DEVELOPMENT_KEY, false)] {
        let (mut handler, settings) = start(&[known]);
        let folder = new_folder();
        let file = format!("[upstream]\nallowed_networks = [\"loopback\"]\n{settings}");
        std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
        let keys = format!("{OWN_KEY},{OTHER_KEY}");
        let arguments = ["--listen", "127.0.0.1:0", "--production"];
        let server = Server::start_in(folder, &arguments, &[("HUBLET_ACCESS_KEYS", &keys)]);
        let claims =
            json!({"aud": format!("http://{}/client/hubs/chat", server.authority()), "exp": now_s() + 60});
        let token = signed(OWN_KEY, &claims);
        let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
        let outcome = RawClient::try_connect(&url, JSON, &[]);
        let validation = next(&mut handler);
        assert_eq!(
            (&validation["method"], &validation["path"]),
            (&json!("OPTIONS"), &json!("/chat/validate"))
        );
        assert!(header(&validation, "ce-signature").is_empty());
        let connect = next(&mut handler);
        assert_eq!(connect["signed"], is_good, "{connect}");
        match outcome {
            Ok(_) => assert!(is_good),
            Err(head) => assert!(!is_good && head.starts_with("HTTP/1.1 401 "), "{head}"),
        }
    }
}
