//! The programs in README.md, run as they stand there.

use std::path::Path;
use std::process::Command;

use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::{Folder, Server, new_folder, program, tools};

/// What the README writes for a service that was just started.
const ENDPOINT: &str = "http://localhost:8080";

fn block(language: &str, mark: &str) -> String {
    tools::document("README.md").block(language, mark)
}

/// A member of the group that all programs send to.
fn member(server: &Server) -> RawClient {
    let url = server.client_url("chat", Some("member"), &[], &["room"]);
    let mut client = RawClient::connect(&url, Some("json.webpubsub.azure.v1"));
    client.expect_connected();
    client
}

fn client_url(server: &Server) -> String {
    server.client_url("chat", Some("me"), &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"], &[])
}

/// A client: it sends a greeting to the group, and prints it when it comes back.
fn greets(name: &str, mut command: Command) {
    let server = Server::start();
    let mut member = member(&server);
    let mut program = Program::start(name, command.arg(client_url(&server)));
    let greeting = format!(
        r#"{{"type":"message","from":"group","group":"room","fromUserId":"me","dataType":"text","data":"hello from {name}"}}"#
    );
    member.expect_text(&greeting);
    program.expect_start(r#"{"type":"system","event":"connected","userId":"me""#);
    program.expect(&greeting);
}

/// A script that finds the packages which are installed in `packages`.
fn node(folder: &Folder, source: &str, packages: &str) -> Command {
    let script = folder.join("program.mjs");
    std::fs::write(&script, source).expect("a script");
    let packages = tools::root().join(packages).join("node_modules");
    std::os::unix::fs::symlink(packages, folder.join("node_modules")).expect("a link");
    let mut command = Command::new("node");
    command.arg(script);
    command
}

fn python(folder: &Path, source: &str) -> Command {
    let script = folder.join("program.py");
    std::fs::write(&script, source).expect("a script");
    tools::python(script.to_str().expect("a path in UTF-8"))
}

#[test]
fn node_client() {
    let folder = new_folder();
    greets("Node", node(&folder, &block("js", "from \"ws\""), "examples/node"));
}

#[test]
fn python_client() {
    let folder = new_folder();
    greets("Python", python(&folder, &block("python", "import asyncio")));
}

#[test]
fn java_client() {
    let folder = new_folder();
    let source = folder.join("PubSub.java");
    std::fs::write(&source, block("java", "class PubSub")).expect("a source file");
    greets("Java", tools::java(source.to_str().expect("a path in UTF-8")));
}

#[test]
fn csharp_client() {
    let folder = new_folder();
    greets("C#", tools::csharp_program(&block("csharp", "class PubSub"), &folder));
}

#[test]
fn app_servers() {
    for language in ["js", "python"] {
        let folder = new_folder();
        let server = Server::start();
        let mut member = member(&server);
        let source = block(language, "WebPubSubServiceClient");
        let development = format!("Endpoint={ENDPOINT};");
        assert!(source.contains(&development), "it runs against a service that was just started");
        let source = source.replace(&development, &format!("Endpoint=http://{};", server.authority()));
        let mut command = match language {
            "js" => node(&folder, &source, "examples/app-server/node"),
            _ => python(&folder, &source),
        };
        program::run(language, &mut command);
        assert!(member.next_text().contains("hello from the app server"));
    }
}

#[test]
fn the_paste_for_a_browser_tab() {
    let server = Server::start();
    let mut member = member(&server);
    let placeholder = format!("{}/client/hubs/chat?access_token=…", ENDPOINT.replace("http", "ws"));
    let paste = block("js", &placeholder).replace(&placeholder, &client_url(&server));
    let mut script = tools::node("tests/sdk/paste.mjs");
    script.arg(tools::chromium()).arg(format!("http://{}/health", server.authority())).arg(paste);
    let mut tab = Program::start("paste.mjs", &mut script);
    let greeting = r#"{"type":"message","from":"group","group":"room","fromUserId":"me","dataType":"text","data":"hello"}"#;
    member.expect_text(greeting);
    tab.expect_start(r#"{"type":"system","event":"connected""#);
    tab.expect(greeting);
}
