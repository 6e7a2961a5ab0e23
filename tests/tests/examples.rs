//! The examples of all languages, talking to each other through the service the way their READMEs say.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::process::Command;

use hublet_tests::program::Program;
use hublet_tests::{Server, tools};

#[derive(Clone, Copy, Debug)]
enum Language {
    CSharp,
    Java,
    Node,
    Python,
}

use Language::{CSharp, Java, Node, Python};

const ALL: [Language; 4] = [CSharp, Java, Node, Python];
const ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

fn pubsub(language: Language) -> Command {
    match language {
        CSharp => tools::csharp("pubsub"),
        Java => tools::java("examples/java/PubSub.java"),
        Node => tools::node("examples/node/pubsub.mjs"),
        Python => tools::python("examples/python/pubsub.py"),
    }
}

fn simple(language: Language) -> Command {
    match language {
        CSharp => tools::csharp("simple"),
        Java => tools::java("examples/java/Simple.java"),
        Node => tools::node("examples/node/simple.mjs"),
        Python => tools::python("examples/python/simple.py"),
    }
}

/// Starts a PubSub example and waits until it has joined `group`.
fn join(server: &Server, language: Language, user: &str, group: &str) -> Program {
    let url = server.client_url("chat", Some(user), ROLES, &[]);
    let name = format!("{user}, the PubSub client in {language:?}");
    let mut program = Program::start(&name, pubsub(language).arg(url).arg(group));
    let connection = program.expect_start(&format!("connected as {user}, connection "));
    assert!(!connection.is_empty());
    program.expect(&format!("joined {group}"));
    program
}

/// Two PubSub clients and a simple one, each of another language, in one group: every line reaches all three.
fn everybody_hears_everybody(ann: Language, bob: Language, carol: Language) {
    let server = Server::start();
    let group = "tea & talk";
    let url = server.client_url("chat", Some("carol"), &["webpubsub.sendToGroup.tea & talk"], &[group]);
    let name = format!("carol, the simple client in {carol:?}");
    let mut carol = Program::start(&name, simple(carol).arg(url).arg(group));
    let mut ann = join(&server, ann, "ann", group);
    let mut bob = join(&server, bob, "bob", group);
    carol.expect("connected");

    for line in ["good morning", r#"Grüße, "Bob" \ 👋 <&> / {}"#] {
        ann.type_line(line);
        ann.expect(&format!("ann: {line}"));
        bob.expect(&format!("ann: {line}"));
        carol.expect(line);
    }
    let long = "ü".repeat(40_000); // above 64 KiB: sent in fragments
    bob.type_line(&long);
    ann.expect(&format!("bob: {long}"));
    bob.expect(&format!("bob: {long}"));
    carol.expect(&long);

    carol.type_line("hello from the old days");
    ann.expect("carol: hello from the old days");
    bob.expect("carol: hello from the old days");
    carol.expect("hello from the old days");

    ann.end_input();
    ann.expect("closed: 1000");
    ann.expect_end();
    bob.type_line("still there?");
    bob.expect("bob: still there?");
    carol.expect("still there?");
    for mut program in [bob, carol] {
        program.end_input();
        program.expect("closed: 1000");
        program.expect_end();
    }
}

#[test]
fn java_and_csharp_with_a_simple_python_client() {
    everybody_hears_everybody(Java, CSharp, Python);
}

#[test]
fn csharp_and_python_with_a_simple_node_client() {
    everybody_hears_everybody(CSharp, Python, Node);
}

#[test]
fn python_and_node_with_a_simple_java_client() {
    everybody_hears_everybody(Python, Node, Java);
}

#[test]
fn node_and_java_with_a_simple_csharp_client() {
    everybody_hears_everybody(Node, Java, CSharp);
}

/// An app server and a PubSub client of another language: the client gets all that its server sends, then is closed.
fn served(mut app_server: Command, client: Language, json: &str) {
    let server = Server::start();
    let mut app_server = Program::start("the app server", app_server.arg(server.connection_string()));
    app_server.expect("Connect a client with this URL:");
    let url = app_server.next_line();
    let client = Program::start(&format!("the client in {client:?}"), pubsub(client).arg(url));
    app_server.expect("ann is here");
    assert_eq!(app_server.next_line().to_lowercase(), "somebody reads the news: true");
    app_server.expect("ann was sent home");
    app_server.expect_end();

    let (status, mut lines) = client.end();
    assert!(status.success(), "{status}: {lines:#?}");
    assert!(
        lines.first().is_some_and(|line| line.starts_with("connected as ann, connection ")),
        "{lines:#?}"
    );
    // The app server does not wait for the client's own join.
    lines.retain(|line| line != "joined lobby" && !line.starts_with("connected as "));
    let expected = [
        "server: hello, everybody",
        json,
        "group: hello, readers of the news",
        "disconnected: Application server closed the connection. Reason: that was all",
        "closed: 1000",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_app_server_in_node_serves_a_python_client() {
    served(tools::node("examples/app-server/node/app-server.mjs"), Python, r#"server: {"hello": "ann"}"#);
}

#[test]
fn an_app_server_in_python_serves_a_csharp_client() {
    served(tools::python("examples/app-server/python/app_server.py"), CSharp, r#"server: {"hello": "ann"}"#);
}

#[test]
fn a_client_without_the_role_is_told_so() {
    let server = Server::start();
    for language in ALL {
        let url = server.client_url("chat", Some("eve"), &["webpubsub.joinLeaveGroup.other"], &[]);
        let mut eve = Program::start(&format!("{language:?}"), pubsub(language).arg(url));
        eve.expect_start("connected as eve, connection ");
        eve.expect("refused: Forbidden: The client does not have permission to join group 'lobby'.");
    }
}

#[test]
fn a_client_with_a_forged_token_does_not_get_in() {
    let server = Server::start();
    let mut url = server.client_url("chat", Some("eve"), ROLES, &["lobby"]);
    url.truncate(url.len() - 4);
    url.push_str("AAAA");
    for language in ALL {
        for mut command in [pubsub(language), simple(language)] {
            let (status, lines) = Program::start(&format!("{language:?}"), command.arg(&url)).end();
            assert!(!status.success(), "{language:?}");
            assert!(!lines.iter().any(|line| line.contains("connected")), "{language:?}: {lines:?}");
        }
    }
}
