//! The commands that talk to a service, with a real one, plain and under TLS.
//!
//! Their output and exit codes in all cases are tested in `crates/cli/tests`, with a service that does as it is told.

use hublet_tests::once::{self, Ended};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::token::OWN_KEY;
use hublet_tests::{JSON, Server, command, http, new_folder, tools};
use serde_json::{Value, json};

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
        // The hub has no event handler.
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
fn a_script_sets_and_watches_states() {
    let server = server();
    let input = "watch-state room\nset-state room mood=good 'doing=two things'\nclear-state room\n\
                 unwatch-state room\nset-state room mood=unseen\nset-state room\n";
    for protocol in ["json", "json-reliable", "protobuf", "protobuf-reliable"] {
        let ended =
            plain(&server, &["connect", "--hub", "chat", "--user", "me", "--protocol", protocol], input);
        let (connected, rest) = ended.out.split_once('\n').expect("lines");
        let id = connected.split_whitespace().nth(1).expect("an id");
        // The changes come to this client itself, in any order with the answers.
        let mut lines: Vec<&str> = rest.lines().collect();
        lines.sort_unstable();
        let changed = [
            format!("state      room  {id}  me: cleared"),
            format!("state      room  {id}  me: doing=two things  mood=good"),
        ];
        let mut expected = vec![
            "cleared    state in room",
            "set        state in room",
            "set        state in room",
            "state      room  nobody has one",
            "unwatched  states in room",
            "watching   states in room",
        ];
        expected.extend(changed.iter().map(String::as_str));
        expected.sort_unstable();
        assert_eq!(lines, expected, "{protocol}");
        assert_eq!(ended.code, Some(1), "the last line is no command: {}", ended.error);
        assert!(ended.error.contains("Type set-state GROUP NAME=VALUE"), "{}", ended.error);
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

/// Runs a command for hub `chat` and expects success.
fn done(server: &Server, arguments: &[&str]) -> String {
    let ended = plain(server, &[arguments, &["--hub", "chat"]].concat(), "");
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{arguments:?}");
    ended.out
}

/// Runs a command that asks, and returns its answer as an exit code and as JSON.
fn answer(server: &Server, arguments: &[&str]) -> (Option<i32>, Value) {
    let ended = plain(server, &[arguments, &["--hub", "chat", "--json"]].concat(), "");
    assert_eq!(ended.error, "", "{arguments:?}");
    (ended.code, serde_json::from_str(&ended.out).expect("JSON"))
}

/// Whether what a command asks for is there.
fn is(server: &Server, arguments: &[&str]) -> bool {
    let (code, answer) = answer(server, arguments);
    let is = answer["exists"].as_bool().or(answer["allowed"].as_bool());
    assert_eq!(code, is.map(|is| if is { 0 } else { 1 }), "{arguments:?}: {answer}");
    is.expect("an answer")
}

/// A JSON client in hub `chat`, and its id.
fn client(server: &Server, user: Option<&str>, groups: &[&str]) -> (RawClient, String) {
    let mut client = RawClient::connect(&server.client_url("chat", user, &[], groups), JSON);
    let id = client.expect_connected();
    (client, id)
}

fn group_message(group: &str, text: &str) -> String {
    format!(
        r#"{{"type":"message","from":"group","group":"{group}","fromUserId":null,"dataType":"text","data":"{text}"}}"#
    )
}

fn server_message(text: &str) -> String {
    format!(r#"{{"type":"message","from":"server","dataType":"text","data":"{text}"}}"#)
}

/// Expects what a close by an app server brings, up to the end of the socket.
fn expect_closed(mut client: RawClient, reason: &str) {
    let message = format!("Application server closed the connection.{reason}");
    client.expect_text(&format!(r#"{{"type":"system","event":"disconnected","message":"{message}"}}"#));
    client.expect_close(1000, "");
}

#[test]
fn options_of_a_message_reach_the_service() {
    let server = Server::start();
    let (mut alice, _) = client(&server, Some("alice"), &["room"]);
    let (mut bob, bob_id) = client(&server, Some("bob"), &["room"]);
    for arguments in [
        &["send", "all", "x", "--filter", "userId eq 'alice'"][..],
        &["send", "broadcast", "x", "--exclude", &bob_id],
        &["send", "user", "alice", "x", "--filter", "'room' in groups"],
        &["user", "send", "alice", "x", "--ttl", "300"],
    ] {
        done(&server, arguments);
        alice.expect_text(&server_message("x"));
    }
    done(&server, &["group", "send", "room", "y", "--filter", "userId ne 'bob'"]);
    alice.expect_text(&group_message("room", "y"));
    done(&server, &["connection", "send", &bob_id, "last", "--metadata", "Trace=a=b", "--metadata", "n=1"]);
    let message: Value = serde_json::from_str(&bob.next_text()).expect("JSON");
    assert_eq!(
        (&message["data"], &message["metadata"]),
        (&json!("last"), &json!({ "trace": "a=b", "n": "1" }))
    );
    alice.expect_silence();

    let wrong = plain(&server, &["send", "all", "x", "--filter", "userId eq", "--hub", "chat"], "");
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.error.contains("400") && wrong.error.contains("filter"), "{}", wrong.error);
    bob.expect_silence();
}

#[test]
fn members_come_and_go() {
    let server = Server::start();
    let (mut alice, alice_id) = client(&server, Some("alice"), &[]);
    let (mut anonymous, anonymous_id) = client(&server, None, &[]);
    assert!(!is(&server, &["group", "exists", "a/b"]));
    done(&server, &["group", "add-user", "a/b", "alice"]);
    done(&server, &["group", "add-connection", "a/b", &anonymous_id]);
    assert!(is(&server, &["group", "exists", "a/b"]));
    done(&server, &["send", "group", "a/b", "one"]);
    alice.expect_text(&group_message("a/b", "one"));
    anonymous.expect_text(&group_message("a/b", "one"));

    let table = done(&server, &["group", "connections", "a/b"]);
    let mut lines: Vec<&str> = table.lines().collect();
    assert!(lines.remove(0).starts_with("connection ") && lines.len() == 2, "{table}");
    lines.sort_unstable();
    let mut expected = [format!("{alice_id}  alice"), anonymous_id.clone()];
    expected.sort_unstable();
    assert_eq!(lines, expected);
    let (_, list) = answer(&server, &["group", "list-connections", "a/b"]);
    let members = list["connections"].as_array().expect("a list");
    assert!(members.contains(&json!({ "connectionId": alice_id, "userId": "alice" })), "{list}");
    assert!(members.contains(&json!({ "connectionId": anonymous_id, "userId": null })), "{list}");

    done(&server, &["group", "remove-user", "a/b", "alice"]);
    done(&server, &["send", "group", "a/b", "two"]);
    anonymous.expect_text(&group_message("a/b", "two"));
    alice.expect_silence();
    done(&server, &["group", "remove-connection", "a/b", &anonymous_id]);
    assert!(!is(&server, &["group", "exists", "a/b"]));
    assert_eq!(done(&server, &["group", "connections", "a/b"]), "group a/b has no connections in hub chat\n");
    anonymous.expect_silence();
}

#[test]
fn a_long_list_is_whole() {
    let server = Server::start();
    // One more than a page of the service.
    let clients: Vec<(RawClient, String)> = (0..201).map(|_| client(&server, None, &["room"])).collect();
    let ids = |list: &Value| {
        let members = list["connections"].as_array().expect("a list").iter();
        let mut ids: Vec<String> =
            members.map(|member| member["connectionId"].as_str().expect("an id").to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    let mut expected: Vec<String> = clients.iter().map(|(_, id)| id.clone()).collect();
    expected.sort_unstable();
    assert_eq!(ids(&answer(&server, &["group", "connections", "room"]).1), expected);
    assert_eq!(ids(&answer(&server, &["group", "connections", "room", "--top", "3"]).1).len(), 3);
}

#[test]
fn filters_choose_who_joins_and_leaves() {
    let server = Server::start();
    let (mut alice, _) = client(&server, Some("alice"), &[]);
    let (mut bob, _) = client(&server, Some("bob"), &["left"]);
    done(&server, &["group", "add", "a", "b", "--filter", "userId eq 'alice'"]);
    for group in ["a", "b"] {
        done(&server, &["send", "group", group, "x"]);
        alice.expect_text(&group_message(group, "x"));
    }
    done(&server, &["group", "remove", "a", "--filter", "'b' in groups"]);
    assert!(!is(&server, &["group", "exists", "a"]) && is(&server, &["group", "exists", "b"]));
    done(&server, &["group", "add", "all", "--all"]);
    done(&server, &["send", "group", "all", "y"]);
    alice.expect_text(&group_message("all", "y"));
    bob.expect_text(&group_message("all", "y"));
    done(&server, &["group", "remove", "all", "left", "--all"]);
    assert!(!is(&server, &["group", "exists", "all"]) && !is(&server, &["group", "exists", "left"]));

    done(&server, &["group", "add", "c", "d", "--all"]);
    done(&server, &["user", "leave-all-groups", "alice"]);
    assert_eq!(answer(&server, &["group", "list", "c"]).1["connections"].as_array().map(Vec::len), Some(1));
    let (_, list) = answer(&server, &["group", "list", "d"]);
    let bob_id = list["connections"][0]["connectionId"].as_str().expect("an id");
    done(&server, &["connection", "leave-all-groups", bob_id]);
    assert!(!is(&server, &["group", "exists", "c"]) && !is(&server, &["group", "exists", "d"]));
    bob.expect_silence();
}

#[test]
fn connections_are_found_and_closed() {
    let server = Server::start();
    let (stays, stays_id) = client(&server, Some("alice"), &["room"]);
    let (closed, closed_id) = client(&server, Some("alice"), &["room"]);
    done(&server, &["group", "close", "room", "--exclude", &stays_id, "--reason", "full"]);
    expect_closed(closed, " Reason: full");
    assert!(!is(&server, &["connection", "exists", &closed_id]));
    assert!(is(&server, &["connection", "exist", &stays_id]) && is(&server, &["user", "exist", "alice"]));

    let (closed, _) = client(&server, Some("alice"), &[]);
    done(&server, &["user", "close", "alice", "--exclude", &stays_id]);
    expect_closed(closed, "");
    done(&server, &["connection", "close", &stays_id, "--reason", "bye"]);
    expect_closed(stays, " Reason: bye");
    assert!(!is(&server, &["user", "exists", "alice"]));

    let (mut stays, stays_id) = client(&server, None, &[]);
    let (closed, _) = client(&server, None, &[]);
    done(&server, &["connection", "close", "--all", "--exclude", &stays_id]);
    expect_closed(closed, "");
    stays.expect_silence();
    done(&server, &["connection", "close", "--all", "--reason", "end"]);
    expect_closed(stays, " Reason: end");
}

#[test]
fn permissions_are_given_and_taken() {
    let server = Server::start();
    let (mut client, id) = client(&server, None, &[]);
    let mut ack_id = 0;
    let mut is_refused = |request: &str| {
        ack_id += 1;
        client.send_text(&request.replace("ACK", &ack_id.to_string()));
        let ack: Value = serde_json::from_str(&client.next_text()).expect("JSON");
        assert_eq!((&ack["type"], &ack["ackId"]), (&json!("ack"), &json!(ack_id)));
        ack["success"] == false
    };
    for (permission, request) in [
        (
            "sendToGroup",
            r#"{"type":"sendToGroup","group":"room","ackId":ACK,"dataType":"text","data":"x","noEcho":true}"#,
        ),
        ("joinLeaveGroup", r#"{"type":"joinGroup","group":"room","ackId":ACK}"#),
    ] {
        let verb = |verb| ["permission", verb, permission, &id, "room"];
        assert!(!is(&server, &verb("check")) && is_refused(request), "{permission}");
        done(&server, &verb("grant"));
        assert!(is(&server, &verb("check")) && !is_refused(request), "{permission}");
        assert!(!is(&server, &["permission", "check", permission, &id, "other"]), "one group only");
        done(&server, &verb("revoke"));
        assert!(!is(&server, &verb("check")) && is_refused(request), "{permission}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let server = Server::start();
    let (_client, id) = client(&server, Some("alice"), &[]);
    for (arguments, part) in [
        (&["group", "add-connection", "room", "nobody"][..], "Connection `nobody` is not found."),
        (&["group", "add-user", "room", "bob"], "User `bob` is not found."),
        (&["permission", "grant", "sendToGroup", "nobody", "room"], "Connection `nobody` is not found."),
    ] {
        let ended = plain(&server, &[arguments, &["--hub", "chat"]].concat(), "");
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(ended.error.contains(part), "{}", ended.error);
    }
    let check = |id| plain(&server, &["permission", "--hub", "chat", "check", "sendToGroup", id, "room"], "");
    let sentence =
        |id: &str, why: &str| format!("connection {id} may not send to group room{why} in hub chat\n");
    let (known, unknown) = (check(&id), check("nobody"));
    assert_eq!((known.code, known.out), (Some(1), sentence(&id, "")));
    assert_eq!((unknown.code, unknown.out), (Some(1), sentence("nobody", ": there is no such connection")));
    // To take away what is not there is no failure.
    for arguments in [
        &["connection", "close", "nobody"][..],
        &["user", "close", "bob"],
        &["group", "close", "empty"],
        &["group", "remove-user", "room", "bob"],
        &["group", "remove-connection", "room", "nobody"],
        &["user", "leave-all-groups", "bob"],
        &["connection", "leave-all-groups", "nobody"],
        &["permission", "revoke", "sendToGroup", "nobody", "room"],
        &["group", "add", "room", "--filter", "userId eq 'bob'"],
    ] {
        done(&server, arguments);
    }
}

#[test]
fn another_program_at_the_address_is_not_taken_for_no() {
    let server = Server::start();
    let elsewhere = format!("Endpoint=http://{}/elsewhere;AccessKey={OWN_KEY};", server.authority());
    let mut command = command(server.folder());
    command.args(["user", "exists", "u", "--hub", "chat", "--connection-string", &elsewhere]);
    let ended = once::run(&mut command, "");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.error.contains("Is the Endpoint of the connection string"), "{}", ended.error);
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

#[test]
fn lines_that_are_pasted_into_the_editor_are_all_read() {
    let server = server();
    let mut terminal = tools::python("tests/sdk/terminal.py");
    let hublet = command(server.folder());
    terminal.arg(hublet.get_program()).args(["connect", "--hub", "chat", "--user", "me"]);
    terminal
        .env("HUBLET_CONNECTION_STRING", server.connection_string())
        .envs([("TERM", "xterm"), ("NO_COLOR", "1")]);
    let mut program = Program::start("hublet connect", &mut terminal);
    while !program.next_line().contains("connected  ") {}
    program.type_line("join room\rsend room one\rsend room two\rsend room three\rquit");
    while !program.next_line().contains("me: three") {}
}
