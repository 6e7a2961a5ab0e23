//! Samples that need an app: the simple clients of all languages and the chat, with the programs of
//! docs/event-handlers.md as the app, or none at all.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::net::TcpListener;
use std::process::Command;

use hublet_tests::program::{self, Program};
use hublet_tests::raw::RawClient;
use hublet_tests::{Folder, JSON, Server, http, new_folder, tools};

/// The port in the document and in the example.
const PORT: &str = "3000";
/// The hub's settings for the example, with that port.
const CHAT: &str = "examples/chat/hublet.toml";

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    listener.local_addr().expect("an address").port().to_string()
}

/// An app of the document, on a port of its own, and a service with the settings that stand there.
struct App {
    program: Program,
    server: Server,
    _folder: Folder,
}

impl App {
    fn start(language: &str) -> Self {
        let document = tools::document("docs/event-handlers.md");
        let port = free_port();
        let block = |language: &str, mark: &str| document.block(language, mark).replace(PORT, &port);
        let folder = new_folder();
        let mut command = match language {
            "js" => {
                let script = folder.join("app.mjs");
                std::fs::write(&script, block("js", "WebPubSubEventHandler")).expect("a script");
                let packages = tools::root().join("examples/chat/node_modules");
                std::os::unix::fs::symlink(packages, folder.join("node_modules")).expect("a link");
                let mut command = Command::new("node");
                command.arg(script);
                command
            }
            _ => {
                let script = folder.join("app.py");
                std::fs::write(&script, block("python", "do_POST")).expect("a script");
                tools::python(script.to_str().expect("a path in UTF-8"))
            }
        };
        let mut program = Program::start(&format!("the app in {language}"), &mut command);
        program.expect(&format!("http://localhost:{port}"));
        let echo = block("toml", "builtin:echo").replace("hubs.chat.", "hubs.echo.");
        let settings = block("toml", "systemEvents") + &echo;
        Self { program, server: Server::start_with_file(&settings, &[]), _folder: folder }
    }
}

/// A simple client says hello to the app, and to the handler that is built in.
fn says_hello(name: &str, client: impl Fn() -> Command) {
    let app = App::start("js");
    for (hub, answer) in [("chat", "Hey hello"), ("echo", "hello")] {
        let url = app.server.client_url(hub, Some("ann"), &[], &[]);
        let mut client = Program::start(name, client().arg(url));
        client.expect("connected");
        client.type_line("hello");
        client.expect(answer);
        client.end_input();
        client.expect("closed: 1000");
        client.expect_end();
    }
}

#[test]
fn node_says_hello() {
    says_hello("Node", || tools::node("examples/node/simple.mjs"));
}

#[test]
fn python_says_hello() {
    says_hello("Python", || tools::python("examples/python/simple.py"));
}

#[test]
fn java_says_hello() {
    says_hello("Java", || tools::java("examples/java/Simple.java"));
}

#[test]
fn csharp_says_hello() {
    says_hello("C#", || tools::csharp("simple"));
}

#[test]
fn a_browser_says_hello() {
    let app = App::start("js");
    for (hub, answer) in [("chat", "Hey hello"), ("echo", "hello")] {
        let mut script = tools::node("tests/sdk/simple.mjs");
        script.arg(tools::chromium()).arg(tools::root().join("examples/browser/index.html"));
        script.arg(app.server.client_url(hub, Some("ann"), &[], &[])).args(["hello", answer]);
        program::run("simple.mjs", &mut script);
    }
}

#[test]
fn programs_of_the_document_do_the_same() {
    for language in ["js", "python"] {
        let mut app = App::start(language);
        let url = app.server.client_url("chat", Some("ann"), &[], &[]);
        let mut client = RawClient::connect(&url, JSON);
        client.expect_connected();
        app.program.expect("ann is here");
        client.send_text(r#"{"type":"event","event":"greet","dataType":"text","data":"you","ackId":1}"#);
        client.expect_text(r#"{"type":"message","from":"server","dataType":"text","data":"Hey you"}"#);
        client.expect_text(r#"{"type":"ack","ackId":1,"success":true}"#);
        drop(client);
        app.program.expect_start("ann has gone");
        let head = RawClient::try_connect(&app.server.client_url("chat", None, &[], &[]), JSON, &[]).err();
        assert!(
            head.is_some_and(|head| head.starts_with("HTTP/1.1 401 ")),
            "{language}: nobody without a name"
        );
    }
}

#[test]
fn two_people_chat_in_browsers() {
    let port = free_port();
    let settings = std::fs::read_to_string(tools::root().join(CHAT)).expect("settings");
    let server = Server::start_with_file(&settings.replace(PORT, &port), &[]);
    let mut app = tools::node("examples/chat/app.mjs");
    let mut app = Program::start("app.mjs", app.arg(server.connection_string()).env("PORT", &port));
    let address = format!("http://localhost:{port}/");
    app.expect(&format!("Open {address} in two tabs."));
    let mut script = tools::node("tests/sdk/chat.mjs");
    program::run("chat.mjs", script.arg(tools::chromium()).arg(&address));
    assert_eq!(http::head(&server, "/api/hubs/chat/users/Ann").status, 404, "the browser is gone");
}
