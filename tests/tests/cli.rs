//! The commands that talk to a service, with a real one, plain and under TLS.
//!
//! Their output and exit codes in all cases are tested in `crates/cli/tests`, with a service that does as it is told.

use hublet_tests::once::{self, Ended};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::token::OWN_KEY;
use hublet_tests::{JSON, Server, command, http, new_folder};

/// A service with both kinds of endpoint, and how the commands find it under TLS.
fn server() -> Server {
    Server::start_with(&["--tls-listen", "127.0.0.1:0"])
}

/// Runs a command for the plain endpoint.
fn plain(server: &Server, arguments: &[&str], input: &str) -> Ended {
    let mut command = command(server.folder());
    command.args(arguments).env("HUBLET_CONNECTION_STRING", server.connection_string());
    once::run(&mut command, input)
}

/// Runs a command for the endpoint with TLS.
fn secure(server: &Server, arguments: &[&str], input: &str) -> Ended {
    let mut command = command(server.folder());
    command.args(arguments).args(["--ca-file", "hublet-data/tls/ca.pem"]);
    command.env("WebPubSubConnectionString", server.secure_service().reveal());
    once::run(&mut command, input)
}

#[test]
fn a_token_connects() {
    let server = server();
    let arguments =
        ["token", "--hub", "chat", "--user", "me", "--role", "webpubsub.sendToGroup", "--group", "room"];
    let ended = plain(&server, &arguments, "");
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
    let mut client = RawClient::connect(ended.out.trim_end(), JSON);
    assert!(client.next_text().contains(r#""userId":"me""#));
    assert_eq!(http::head(&server, "/api/hubs/chat/groups/room").status, 200);
    let ended = secure(&server, &["token", "--hub", "chat"], "");
    assert!(ended.out.starts_with("wss://127.0.0.1:"), "{}", ended.out);
}

#[test]
fn a_script_talks_to_the_service() {
    let server = server();
    let input = "join room\nsend room hello\nsend-json room {\"a\":1}\nping\nevent e x\nleave room\n";
    for run in [plain, secure] {
        let ended = run(&server, &["connect", "--hub", "chat", "--user", "me"], input);
        let (connected, rest) = ended.out.split_once('\n').expect("lines");
        assert!(connected.starts_with("connected  ") && connected.ends_with("  as me"), "{connected}");
        let mut lines: Vec<&str> = rest.lines().collect();
        // Nothing handles events yet.
        let refused =
            lines.iter().position(|line| line.starts_with("refused    event e")).expect("a refusal");
        lines.remove(refused);
        assert_eq!(
            lines,
            [
                "joined     room",
                "group      room  me: hello",
                "sent       to room",
                "group      room  me: {\"a\":1}",
                "sent       to room",
                "pong",
                "left       room"
            ]
        );
        assert_eq!(ended.code, Some(1), "{}", ended.error);
    }
}

#[test]
fn what_is_sent_arrives_at_a_client_that_stays() {
    let server = server();
    let mut stay = command(server.folder());
    stay.args(["connect", "--hub", "chat", "--user", "u", "--group", "room", "--json", "--stay"])
        .env("HUBLET_CONNECTION_STRING", server.connection_string());
    let mut client = Program::start("hublet connect", &mut stay);
    let connected = client.next_line();
    let connected: serde_json::Value = serde_json::from_str(&connected).expect("JSON");
    let id = connected["connectionId"].as_str().expect("an id");
    let group = |text: &str| {
        format!(
            r#"{{"type":"message","from":"group","group":"room","fromUserId":null,"dataType":"text","data":"{text}"}}"#
        )
    };
    let from_server = |kind: &str, data: &str| {
        format!(r#"{{"type":"message","from":"server","dataType":"{kind}","data":{data}}}"#)
    };
    for run in [plain, secure] {
        for (arguments, input, arrives) in [
            (&["group", "room", "hello"][..], "", group("hello")),
            (&["all", "-"], "piped\n", from_server("text", r#""piped""#)),
            (&["user", "u", r#"{"a": 1}"#, "--type", "json"], "", from_server("json", r#"{"a": 1}"#)),
            (&["connection", id, "\u{1}", "--type", "binary"], "", from_server("binary", r#""AQ==""#)),
        ] {
            let ended = run(&server, &[&["send"], arguments, &["--hub", "chat"]].concat(), input);
            assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{arguments:?}");
            client.expect(&arrives);
        }
        // The excluded client gets only what comes after.
        let ended = run(&server, &["send", "all", "no", "--exclude", id, "--hub", "chat"], "");
        assert_eq!(ended.code, Some(0));
    }
    assert_eq!(plain(&server, &["send", "all", "last", "--hub", "chat"], "").code, Some(0));
    client.expect(&from_server("text", r#""last""#));
}

#[test]
fn health_follows_the_service() {
    let server = server();
    let ended = plain(&server, &["health"], "");
    assert_eq!(
        (ended.code, ended.out),
        (Some(0), format!("The service at http://{} is ready.\n", server.authority()))
    );
    assert_eq!(secure(&server, &["health"], "").code, Some(0));
    let endpoint = server.secure_service().endpoint().to_owned();
    let untrusted = once::run(command(server.folder()).args(["health", "--endpoint", &endpoint]), "");
    assert_eq!(untrusted.code, Some(1));
    assert!(untrusted.error.contains("--ca-file"), "{}", untrusted.error);
    let authority = server.authority().to_owned();
    let folder = server.stop_and_take_folder();
    let ended =
        once::run(command(&folder).args(["health", "--endpoint", &format!("http://{authority}")]), "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
}

#[test]
fn a_wrong_key_is_explained() {
    let server = server();
    let wrong = format!("Endpoint=http://{};AccessKey={OWN_KEY};Version=1.0;", server.authority());
    let folder = new_folder();
    for arguments in [&["send", "all", "x", "--hub", "chat"][..], &["connect", "--hub", "chat"]] {
        let ended = once::run(command(&folder).args(arguments).env("HUBLET_CONNECTION_STRING", &wrong), "");
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(ended.error.contains("401") && ended.error.contains("access key"), "{}", ended.error);
        assert!(!ended.error.contains(OWN_KEY), "{}", ended.error);
    }
}
