//! `hublet connect` with a real service: what it tells of an end that the service brings about, and what it waits for when
//! its input has ended.

use std::thread;

use hublet_tests::once::{self, Ended};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::upstream::{Gate, Reply, Upstream};
use hublet_tests::{Server, command, http};
use serde_json::Value;

const PROTOCOLS: [&str; 4] = ["json", "json-reliable", "protobuf", "protobuf-reliable"];
const ECHO: &str = "[[hubs.chat.eventHandlers]]\nurlTemplate = \"builtin:echo\"\nuserEventPattern = \"*\"\n";

fn client(server: &Server, protocol: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = command(server.folder());
    command.args(["connect", "--hub", "chat", "--protocol", protocol]).args(arguments);
    command.env("HUBLET_CONNECTION_STRING", server.connection_string());
    command
}

fn run(server: &Server, protocol: &str, arguments: &[&str], input: &str) -> Ended {
    once::run(&mut client(server, protocol, arguments), input)
}

/// The close code of a line that is no message of a protocol, and the reason.
fn end_of(protocol: &str) -> (u16, String) {
    match protocol {
        "json" | "json-reliable" => {
            (1007, "The client message is not a valid JSON protocol message.".to_owned())
        }
        _ => {
            let kind = protocol.strip_prefix("protobuf-").map(|kind| format!("{kind}.")).unwrap_or_default();
            (1003, format!("The protobuf.{kind}webpubsub.azure.v1 subprotocol requires binary messages."))
        }
    }
}

#[test]
fn an_end_that_the_last_line_brings_about_is_told() {
    let server = Server::start();
    for protocol in PROTOCOLS {
        let ended = run(&server, protocol, &[], "raw oops\n");
        let (code, reason) = end_of(protocol);
        let lines: Vec<&str> = ended.out.lines().skip(1).collect();
        assert_eq!(lines, ["sent       as it is", &format!("closing    {reason}")], "{protocol}");
        let said = format!("error: The service closed the connection with code {code} ({reason}).");
        assert!(ended.error.starts_with(&said), "{protocol}: {}", ended.error);
        assert_eq!(ended.code, Some(1), "{protocol}");
    }
}

#[test]
fn an_end_is_told_and_not_recovered_while_the_input_is_open() {
    let server = Server::start();
    for protocol in PROTOCOLS {
        let mut program = Program::start("hublet connect", &mut client(&server, protocol, &[]));
        program.expect_start("connected  ");
        program.type_line("raw oops");
        program.expect("sent       as it is");
        program.expect(&format!("closing    {}", end_of(protocol).1));
        let (status, rest) = program.end();
        assert_eq!((status.code(), rest), (Some(1), Vec::<String>::new()), "{protocol}");
    }
    let mut too_long = "send room ".to_owned();
    too_long.extend(std::iter::repeat_n('x', 2 << 20));
    for (protocol, line) in [("json-reliable", &*too_long), ("raw", &too_long[10..])] {
        let ended = run(&server, protocol, &[], line);
        let said =
            "error: The service closed the connection with code 1009 (The client message is too large.).";
        assert!(ended.error.starts_with(said), "{protocol}: {}", ended.error);
        assert!(!ended.out.contains("\nlost ") && ended.code == Some(1), "{protocol}: {}", ended.out);
    }
}

#[test]
fn a_socket_that_is_lost_in_the_end_is_recovered() {
    let server = Server::start();
    let ended = run(&server, "json-reliable", &[], "cut\n");
    let mut lines: Vec<&str> = ended.out.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["done       cut", "lost       reconnecting…", "recovered  nothing is lost"]);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
}

#[test]
fn a_simple_client_shows_what_comes_after_its_input() {
    let server = Server::start_with_file(ECHO, &[]);
    let ended = run(&server, "raw", &[], "hello\nworld");
    assert_eq!(ended.out, "connected  as a simple client\nmessage    hello\nmessage    world\n");
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
    let ended = run(&server, "raw", &["--json"], "hello\n/quit\nunread\n");
    assert_eq!(ended.out, "{\"data\":\"hello\",\"dataType\":\"text\"}\n");
    let ended = run(&server, "json", &["--wait", "2s"], "");
    assert_eq!(ended.code, Some(2));
    assert!(ended.error.contains("--wait is for raw clients"), "{}", ended.error);
}

#[test]
fn a_simple_client_waits_as_long_as_it_is_told() {
    let gate = Gate::new();
    let waits = gate.clone();
    let (upstream, server) = Upstream::serve(move |call| match call.event() {
        "message" => Reply::text("late").after(&waits),
        _ => Reply::status(204),
    });
    let mut program = Program::start("hublet connect", &mut client(&server, "raw", &["--wait", "60s"]));
    program.expect("connected  as a simple client");
    program.type_line("hello");
    program.end_input();
    upstream.next_event("message");
    gate.open();
    program.expect("message    late");
    // The rest of the minute is not worth a test.
    let closed = once::run(
        command(server.folder())
            .args(["connection", "close", "--all", "--hub", "chat"])
            .env("HUBLET_CONNECTION_STRING", server.connection_string()),
        "",
    );
    assert_eq!(closed.code, Some(0), "{}", closed.error);
    program.expect_end();
}

#[test]
fn a_simple_client_that_nobody_answers_is_told_why_it_ends() {
    let server = Server::start();
    let ended = run(&server, "raw", &[], "hello\n");
    assert_eq!(ended.code, Some(1));
    assert!(ended.error.contains("with code 1011 (Internal server error)"), "{}", ended.error);
}

/// Runs the client with these lines, several times, and lets another client check what arrives in the group `a`.
fn expect_order(
    server: &Server,
    protocol: &str,
    arguments: &[&str],
    lines: &str,
    expected: usize,
) -> Vec<Ended> {
    let watch = || {
        let url = server.client_url("chat", Some("watch"), &[], &["a"]);
        let mut watch = RawClient::connect(&url, Some("json.webpubsub.azure.v1"));
        watch.expect_connected();
        move || {
            for number in 1..=expected {
                let message: Value = serde_json::from_str(&watch.next_text()).expect("JSON");
                assert_eq!(message["data"], number.to_string(), "{message}");
            }
        }
    };
    let once = || {
        let watching = thread::spawn(watch());
        let ended = run(server, protocol, arguments, lines);
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{protocol}");
        watching.join().expect("every message in its order");
        ended
    };
    std::iter::repeat_with(once).take(3).collect()
}

#[test]
fn the_lines_of_a_pipe_go_out_in_their_order() {
    let server = Server::start_with_file(ECHO, &[]);
    let lines: String = (1..=1_000).map(|number| format!("send a {number}\nevent e {number}\n")).collect();
    let echoes: Vec<String> = (1..=1_000).map(|number| format!("server     {number}")).collect();
    for protocol in PROTOCOLS {
        for ended in expect_order(&server, protocol, &[], &lines, 1_000) {
            let heard: Vec<&str> = ended.out.lines().filter(|line| line.starts_with("server ")).collect();
            assert_eq!(heard, echoes, "{protocol}");
        }
    }
    let lines: String = (1..=2_000).map(|number| format!("{number}\n")).collect();
    expect_order(&server, "raw", &["--send-to-group", "a"], &lines, 2_000);
}

#[test]
fn more_invocations_than_a_service_takes_at_once_all_succeed() {
    let server = Server::start_with_file(ECHO, &[]);
    let lines: String = (1..=300).map(|number| format!("invoke e {number}\n")).collect();
    for protocol in PROTOCOLS {
        let ended = run(&server, protocol, &[], &lines);
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{protocol}: {}", ended.out);
        let mut answers: Vec<u32> =
            ended.out.lines().filter_map(|line| line.strip_prefix("answered   e  ")?.parse().ok()).collect();
        answers.sort_unstable();
        assert!(answers.into_iter().eq(1..=300), "{protocol}: {}", ended.out);
    }
}

#[test]
fn what_no_service_takes_is_refused_and_the_connection_stays() {
    let server = Server::start();
    let deep = format!("send-json a {}{}", "[".repeat(70), "]".repeat(70));
    let group = "The name of a group has 1 to 1024 characters, and not only blanks: choose another name.";
    let event = "is not the name of an event: a letter, then letters, digits or one of _.- are allowed, 128 characters \
                 at most.";
    let levels =
        "A message has 64 levels of arrays and objects at most: send fewer within each other, or text."
            .to_owned();
    let cases = [
        ("send-json a null", "send to a  JSON null is no data: send another value, or text.".to_owned()),
        (&*deep, format!("send to a  {levels}")),
        ("event 1a x", format!("event 1a  \"1a\" {event}")),
        ("event \"a b\" x", format!("event a b  \"a b\" {event}")),
        ("invoke \"a b\" x", format!("invoke a b  \"a b\" {event}")),
        ("join \" \"", format!("join    {group}")),
        ("leave \" \"", format!("leave    {group}")),
        ("send \" \" x", format!("send to    {group}")),
        ("stream \" \"", format!("stream    {group}")),
        ("set-state \" \" a=b", format!("set state in    {group}")),
        ("watch-state \" \"", format!("watch states in    {group}")),
    ];
    let lines: String = cases.iter().map(|(line, _)| format!("{line}\n")).collect();
    let mut expected: Vec<String> = cases.iter().map(|(_, what)| format!("refused    {what}")).collect();
    expected.push("sent       to a".to_owned());
    expected.sort_unstable();
    for protocol in PROTOCOLS {
        let ended = run(&server, protocol, &[], &format!("{lines}send a x\n"));
        let mut said: Vec<&str> = ended.out.lines().skip(1).collect();
        said.sort_unstable();
        assert_eq!(said, expected, "{protocol}");
        assert!(ended.error.starts_with("error: 11 requests failed."), "{protocol}: {}", ended.error);
        assert_eq!(ended.code, Some(1), "{protocol}");
    }
}

#[test]
fn a_close_by_the_application_is_told_and_no_failure() {
    let server = Server::start();
    for protocol in PROTOCOLS {
        for is_pipe in [false, true] {
            let arguments: &[&str] = if is_pipe { &["--user", "zed", "--stay"] } else { &["--user", "zed"] };
            let mut program = Program::start("hublet connect", &mut client(&server, protocol, arguments));
            program.expect_start("connected  ");
            program.type_line("ping");
            program.expect("pong");
            if is_pipe {
                program.end_input();
            }
            let closed = once::run(
                command(server.folder())
                    .args(["user", "close", "zed", "--hub", "chat", "--reason", "because"])
                    .env("HUBLET_CONNECTION_STRING", server.connection_string()),
                "",
            );
            assert_eq!(closed.code, Some(0), "{}", closed.error);
            program.expect("closing    Application server closed the connection. Reason: because");
            program.expect_end();
        }
    }
}

#[test]
fn a_close_by_the_application_hides_no_refused_line() {
    let server = Server::start();
    let mut program =
        Program::start("hublet connect", &mut client(&server, "json", &["--user", "zed", "--stay"]));
    program.expect_start("connected  ");
    program.type_line("no such command");
    program.type_line("ping");
    program.expect("pong");
    program.end_input();
    let path = "/api/hubs/chat/users/zed/:closeConnections";
    assert_eq!(http::call(&server, "POST", path, &[], b"").status, 204);
    let (status, _) = program.end();
    assert_eq!(status.code(), Some(1), "a script must know");
}

#[test]
fn a_recovery_shows_no_state_twice() {
    let server = Server::start();
    for protocol in ["json-reliable", "protobuf-reliable"] {
        let mut program = Program::start("hublet connect", &mut client(&server, protocol, &[]));
        program.expect_start("connected  ");
        let mut say = |line: &str, answers: &[&str]| {
            program.type_line(line);
            let mut said: Vec<String> = answers.iter().map(|_| program.next_line()).collect();
            said.sort_unstable();
            for (said, answer) in said.iter().zip(answers) {
                assert!(said.starts_with(answer), "{protocol} {line}: {said:?}");
            }
        };
        say("set-state room mood=good", &["set        state in room"]);
        say("watch-state room", &["state      room", "watching   states in room"]);
        say("cut", &["done       cut", "lost       reconnecting…", "recovered  nothing is lost"]);
        // What the service sent before a pong has come with it.
        say("ping", &["pong"]);
        say("set-state room mood=better", &["set        state in room", "state      room"]);
        program.expect_end();
    }
}
