//! The binary as people and scripts use it, against a hand-made service.
#![allow(clippy::unwrap_used, reason = "in a test a surprise is a failure, in its helpers too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use hublet_client::codec::{
    CloseCode, Decoder, Event, Opcode, Role, encode_close, encode_control, encode_message,
    handshake::accept_key,
};

/// What the service does with a message of a client.
type Answer = fn(&str) -> Vec<Reply>;

enum Reply {
    Text(String),
    Close(u16, &'static str),
}

/// What one connection brought: the head of its request, and its body or messages.
struct Seen {
    head: String,
    messages: Vec<String>,
    closed_with: Option<u16>,
}

/// A service for one connection.
struct Service {
    address: String,
    seen: JoinHandle<Seen>,
}

impl Service {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(byte(&mut socket).expect("the head ends"));
            }
            let head = String::from_utf8(head).unwrap();
            if header(&head, "sec-websocket-key").is_empty() {
                http(socket, head)
            } else {
                websocket(socket, head, answer)
            }
        });
        Self { address, seen }
    }

    fn connection_string(&self) -> String {
        format!("Endpoint=http://{};AccessKey=the-secret-key;", self.address)
    }

    fn seen(self) -> Seen {
        self.seen.join().unwrap()
    }
}

fn byte(socket: &mut TcpStream) -> Option<u8> {
    let mut byte = [0];
    socket.read_exact(&mut byte).ok().map(|()| byte[0])
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
        .unwrap_or_default()
}

fn http(mut socket: TcpStream, head: String) -> Seen {
    let mut body = vec![0; header(&head, "content-length").parse().unwrap_or(0)];
    socket.read_exact(&mut body).unwrap();
    socket.write_all(rest_answer(&head).as_bytes()).unwrap();
    Seen { head, messages: vec![String::from_utf8(body).unwrap()], closed_with: None }
}

/// Every call succeeds, unless it is about something whose name begins with `missing`.
fn rest_answer(head: &str) -> String {
    let whole = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    if let Some(at) = head.find("/missing-") {
        let what = if head[at..].starts_with("/missing-user") { "User" } else { "Connection" };
        let body = format!(r#"{{"code":"Error.{what}.NotExisted","message":"{what} is not found."}}"#);
        let body = if head.starts_with("HEAD ") { "" } else { &body };
        return whole(&format!("404 Not Found\r\nx-ms-error-code: Error.{what}.NotExisted"), body);
    }
    if head.starts_with("GET ") {
        let members = r#"{"connectionId":"c1","userId":"me"},{"connectionId":"c23","userId":null}"#;
        return whole("200 OK", &format!(r#"{{"value":[{members}]}}"#));
    }
    whole("202 Accepted", "")
}

fn websocket(mut socket: TcpStream, head: String, answer: Answer) -> Seen {
    let accept = accept_key(header(&head, "sec-websocket-key")).unwrap();
    let subprotocol = header(&head, "sec-websocket-protocol").to_owned();
    let mut opening = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    );
    if !subprotocol.is_empty() {
        opening.push_str(&format!("Sec-WebSocket-Protocol: {subprotocol}\r\n"));
    }
    socket.write_all(format!("{opening}\r\n").as_bytes()).unwrap();
    if !subprotocol.is_empty() {
        let connected = r#"{"type":"system","event":"connected","userId":"me","connectionId":"c1"}"#;
        socket.write_all(&encode_message(Opcode::Text, connected.as_bytes())).unwrap();
    }
    let mut seen = Seen { head, messages: Vec::new(), closed_with: None };
    let mut decoder = Decoder::new(Role::Server, 1 << 20);
    while let Some(byte) = byte(&mut socket) {
        let frames = match decoder.next(&mut &mut [byte][..]).unwrap() {
            None | Some(Event::Pong(_) | Event::Binary(_)) => continue,
            Some(Event::Ping(payload)) => vec![encode_control(Opcode::Pong, payload)],
            Some(Event::Text(text)) => {
                seen.messages.push(text.to_owned());
                let frame = |reply| match reply {
                    Reply::Text(text) => encode_message(Opcode::Text, text.as_bytes()),
                    Reply::Close(code, reason) => encode_close(CloseCode(code), reason),
                };
                answer(text).into_iter().map(frame).collect()
            }
            Some(Event::Close { code, .. }) => {
                seen.closed_with = code;
                vec![encode_close(CloseCode(1000), "")]
            }
        };
        if frames.iter().any(|frame| socket.write_all(frame).is_err()) || seen.closed_with.is_some() {
            break;
        }
    }
    seen
}

/// Joins and sends succeed, and what is sent comes back; `forbidden` is.
fn obliging(text: &str) -> Vec<Reply> {
    let request: serde_json::Value = serde_json::from_str(text).unwrap();
    let group = request["group"].as_str().unwrap_or_default();
    let ack = match (&request["ackId"], group) {
        (serde_json::Value::Null, _) => r#"{"type":"pong"}"#.to_owned(),
        (id, "forbidden") => {
            format!(
                r#"{{"type":"ack","ackId":{id},"success":false,"error":{{"name":"Forbidden","message":"No."}}}}"#
            )
        }
        (id, _) => format!(r#"{{"type":"ack","ackId":{id},"success":true}}"#),
    };
    let mut replies = Vec::new();
    if request["type"] == "sendToGroup" {
        let (data_type, data) = (&request["dataType"], &request["data"]);
        replies.push(Reply::Text(format!(
            r#"{{"type":"message","from":"group","group":"{group}","fromUserId":"me","dataType":{data_type},"data":{data}}}"#
        )));
    }
    replies.push(Reply::Text(ack));
    replies
}

fn hublet(arguments: &str, connection_string: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hublet"));
    for name in ["HUBLET_HUB", "HUBLET_CA_FILE", "WebPubSubConnectionString"] {
        command.env_remove(name);
    }
    command.env("HUBLET_CONNECTION_STRING", connection_string);
    command.args(arguments.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finish(mut child: Child, input: &str) -> Output {
    // It may have ended without reading all of it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs the binary and returns its exit code, standard output and standard error.
fn run(arguments: &str, connection_string: &str, input: &str) -> (i32, String, String) {
    let output = finish(hublet(arguments, connection_string).spawn().unwrap(), input);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert!(!error.contains("secret"), "a key is never shown: {error}");
    (output.status.code().unwrap(), out, error)
}

#[test]
fn a_script_joins_sends_and_leaves() {
    let service = Service::start(obliging);
    let input = "join \"my room\"\nsend \"my room\" hello  \"you\"\n\nsend-json r {\"a\":1}\nping\nleave r\n";
    let (code, out, error) = run("connect --hub chat --user me", &service.connection_string(), input);
    assert_eq!(
        out,
        "connected  c1  as me\n\
         joined     my room\n\
         group      my room  me: hello  \"you\"\n\
         sent       to my room\n\
         group      r  me: {\"a\":1}\n\
         sent       to r\n\
         pong\n\
         left       r\n"
    );
    assert_eq!((code, error.as_str()), (0, ""));
    let seen = service.seen();
    assert!(seen.head.starts_with("GET /client/hubs/chat?access_token="), "{}", seen.head);
    // One more asks whether all messages have come.
    assert_eq!((seen.messages.len(), seen.closed_with), (6, Some(1000)));
}

#[test]
fn a_script_is_told_what_failed() {
    let service = Service::start(obliging);
    let (code, out, error) =
        run("connect --hub chat", &service.connection_string(), "join forbidden\nfrobnicate\njoin ok\n");
    assert_eq!(out.lines().nth(1), Some("refused    join forbidden  Forbidden: No."));
    assert_eq!(out.lines().last(), Some("joined     ok"));
    assert!(error.contains("There is no command `frobnicate`; type help."), "{error}");
    assert!(error.contains("2 requests failed."), "{error}");
    assert_eq!((code, service.seen().closed_with), (1, Some(1000)));
}

#[test]
fn programs_get_messages_as_they_came() {
    let service = Service::start(obliging);
    let (code, out, _) = run("connect --hub chat --json", &service.connection_string(), "send g hi\n");
    assert_eq!(
        out,
        "{\"type\":\"system\",\"event\":\"connected\",\"userId\":\"me\",\"connectionId\":\"c1\"}\n\
         {\"type\":\"message\",\"from\":\"group\",\"group\":\"g\",\"fromUserId\":\"me\",\"dataType\":\"text\",\"data\":\"hi\"}\n\
         {\"type\":\"ack\",\"ackId\":1,\"success\":true}\n"
    );
    assert_eq!(code, 0);
}

#[test]
fn a_simple_client_sends_lines_as_they_are() {
    let service = Service::start(|text| vec![Reply::Text(format!("{text}\u{1b}[2J"))]);
    let (code, out, _) =
        run("connect --hub chat --send-to-group a&b", &service.connection_string(), "join x\n/quit\nlost\n");
    assert_eq!(out, "connected  as a simple client\nmessage    join x\\u{1b}[2J\n");
    let seen = service.seen();
    assert!(seen.head.contains("&webpubsub_mode=sendToGroup&group=a%26b HTTP/1.1"), "{}", seen.head);
    assert_eq!(header(&seen.head, "sec-websocket-protocol"), "");
    assert_eq!((code, seen.messages, seen.closed_with), (0, vec!["join x".to_owned()], Some(1000)));
}

#[test]
fn the_service_closes() {
    let service = Service::start(|_| vec![Reply::Close(1012, "restart")]);
    let (code, _, error) = run("connect --hub chat", &service.connection_string(), "ping\n");
    assert!(
        error.starts_with("error: The service closed the connection with code 1012 (restart).\n  "),
        "{error}"
    );
    assert_eq!(code, 1);

    let service = Service::start(|_| vec![Reply::Close(1000, "")]);
    let (code, _, error) = run("connect --hub chat", &service.connection_string(), "ping\n");
    assert_eq!((code, error.as_str()), (0, "The service closed the connection with code 1000.\n"));
}

#[test]
fn a_reader_that_has_enough_ends_the_connection_well() {
    let service = Service::start(obliging);
    let mut child = hublet("connect --hub chat", &service.connection_string()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "connected  c1  as me\n");
    drop(reader);
    let output = finish(child, "join g\n");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    assert_eq!(service.seen().closed_with, Some(1000));
}

#[test]
fn a_token_is_one_line() {
    let (code, out, error) = run("token --hub chat --role oops", "Endpoint=http://h;AccessKey=secret;", "");
    assert!(out.starts_with("ws://h/client/hubs/chat?access_token=") && out.lines().count() == 1, "{out}");
    assert!(error.starts_with("warning: the service does not know the role `oops`"), "{error}");
    assert_eq!(code, 0);

    let (code, out, _) = run("token --hub chat --json", "Endpoint=https://h;AccessKey=secret;", "");
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["baseUrl"], "wss://h/client/hubs/chat");
    let url = format!("wss://h/client/hubs/chat?access_token={}", shown["token"].as_str().unwrap());
    assert_eq!(shown["url"], url);
    assert!(shown["expiresAt"].as_str().unwrap().ends_with('Z'), "{shown}");
    assert_eq!(code, 0);
}

#[test]
fn messages_of_an_app_server() {
    let service = Service::start(obliging);
    let arguments = "send group room - --hub chat --type json --exclude a --exclude b --json";
    let (code, out, _) = run(arguments, &service.connection_string(), "{\"a\": 1}\n");
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["sent"], &shown["to"]), (0, &true.into(), &"group".into()));
    let seen = service.seen();
    let line =
        "POST /api/hubs/chat/groups/room/:send?api-version=2024-12-01&excluded=a&excluded=b HTTP/1.1\r\n";
    assert!(seen.head.starts_with(line), "{}", seen.head);
    assert_eq!(header(&seen.head, "content-type"), "application/json");
    assert_eq!(seen.messages, ["{\"a\": 1}"]);
}

/// Runs a command and returns its exit code and output, and the request line without api-version and the body.
fn call(arguments: &str) -> (i32, String, String, String) {
    let service = Service::start(obliging);
    let (code, out, error) = run(arguments, &service.connection_string(), "");
    assert_eq!(error, "", "{arguments}");
    let Seen { head, messages, .. } = service.seen();
    let request = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    let request = request.replace("/api/hubs/chat", "").replace("?api-version=2024-12-01", "");
    (code, out, request, messages.concat())
}

#[test]
fn what_is_done_is_told_in_a_sentence_and_in_json() {
    for (arguments, request, sentence, json) in [
        (
            "send all x --ttl 5 --filter f --exclude e",
            "POST /:send&excluded=e&filter=f&messageTtlSeconds=5",
            "sent to all",
            r#"{"bytes":1,"hub":"chat","name":null,"sent":true,"to":"all","type":"text"}"#,
        ),
        (
            "group add-connection g c",
            "PUT /groups/g/connections/c",
            "added connection c to group g",
            r#"{"added":true,"connection":"c","group":"g","hub":"chat"}"#,
        ),
        (
            "group add-user g u",
            "PUT /users/u/groups/g",
            "added user u to group g",
            r#"{"added":true,"group":"g","hub":"chat","user":"u"}"#,
        ),
        (
            "group remove-connection g c",
            "DELETE /groups/g/connections/c",
            "removed connection c from group g",
            r#"{"connection":"c","group":"g","hub":"chat","removed":true}"#,
        ),
        (
            "group remove-user g u",
            "DELETE /users/u/groups/g",
            "removed user u from group g",
            r#"{"group":"g","hub":"chat","removed":true,"user":"u"}"#,
        ),
        (
            "group exist g",
            "HEAD /groups/g",
            "group g has connections",
            r#"{"exists":true,"group":"g","hub":"chat"}"#,
        ),
        (
            "group close g --reason why --exclude a --exclude b",
            "POST /groups/g/:closeConnections&excluded=a&excluded=b&reason=why",
            "closed the connections in group g but the excluded ones",
            r#"{"closed":true,"group":"g","hub":"chat"}"#,
        ),
        (
            "user exists a/b",
            "HEAD /users/a%2Fb",
            "user a/b has connections",
            r#"{"exists":true,"hub":"chat","user":"a/b"}"#,
        ),
        (
            "user close u --exclude a",
            "POST /users/u/:closeConnections&excluded=a",
            "closed the connections of user u but the excluded one",
            r#"{"closed":true,"hub":"chat","user":"u"}"#,
        ),
        (
            "user leave-all-groups u",
            "DELETE /users/u/groups",
            "removed user u from all groups",
            r#"{"hub":"chat","removed":true,"user":"u"}"#,
        ),
        (
            "connection exists c",
            "HEAD /connections/c",
            "connection c exists",
            r#"{"connection":"c","exists":true,"hub":"chat"}"#,
        ),
        (
            "connection close c --reason why",
            "DELETE /connections/c&reason=why",
            "closed connection c",
            r#"{"closed":true,"connection":"c","hub":"chat"}"#,
        ),
        (
            "connection close --all",
            "POST /:closeConnections",
            "closed all connections",
            r#"{"closed":true,"hub":"chat"}"#,
        ),
        (
            "connection leave-all-groups c",
            "DELETE /connections/c/groups",
            "removed connection c from all groups",
            r#"{"connection":"c","hub":"chat","removed":true}"#,
        ),
        (
            "permission grant sendToGroup c g",
            "PUT /permissions/sendToGroup/connections/c&targetName=g",
            "connection c may now send to group g",
            r#"{"connection":"c","granted":true,"group":"g","hub":"chat","permission":"sendToGroup"}"#,
        ),
        (
            "permission revoke joinLeaveGroup c g",
            "DELETE /permissions/joinLeaveGroup/connections/c&targetName=g",
            "connection c may no longer join and leave group g",
            r#"{"connection":"c","group":"g","hub":"chat","permission":"joinLeaveGroup","revoked":true}"#,
        ),
        (
            "permission check join-leave-group c g",
            "HEAD /permissions/joinLeaveGroup/connections/c&targetName=g",
            "connection c may join and leave group g",
            r#"{"allowed":true,"connection":"c","group":"g","hub":"chat","permission":"joinLeaveGroup"}"#,
        ),
    ] {
        let (code, out, requested, _) = call(&format!("{arguments} --hub chat"));
        assert_eq!((code, out), (0, format!("{sentence} in hub chat\n")), "{arguments}");
        assert_eq!(requested, request, "{arguments}");
        // The options of the service stand before the verb as well.
        let (command, verb) = arguments.split_once(' ').unwrap();
        let (code, out, requested, _) = call(&format!("{command} --hub chat --json {verb}"));
        assert_eq!((code, out), (0, format!("{json}\n")), "{arguments}");
        assert_eq!(requested, request, "{arguments}");
    }
}

#[test]
fn options_before_the_verb_win_over_the_environment() {
    for (arguments, environment) in [
        ("group exists g", "chat"),
        ("group --hub chat exists g", "other"),
        ("group exists g --hub chat", "other"),
    ] {
        let service = Service::start(obliging);
        let (command, verb) = arguments.split_once(' ').unwrap();
        let arguments = format!("{command} --connection-string {} {verb}", service.connection_string());
        let mut command = hublet(&arguments, "Endpoint=http://127.0.0.1:1;AccessKey=secret;");
        let output = finish(command.env("HUBLET_HUB", environment).spawn().unwrap(), "");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "group g has connections in hub chat\n");
        assert!(service.seen().head.starts_with("HEAD /api/hubs/chat/groups/g?"));
    }
}

#[test]
fn several_groups_change_at_once() {
    for (arguments, request, sentence, json) in [
        (
            "group add a b --filter userId&ne&null",
            "POST /:addToGroups",
            "added the connections that satisfy the filter to groups a, b",
            r#"{"added":true,"filter":"userId&ne&null","groups":["a","b"],"hub":"chat"}"#,
        ),
        (
            "group remove a --all",
            "POST /:removeFromGroups",
            "removed all connections from group a",
            r#"{"filter":null,"groups":["a"],"hub":"chat","removed":true}"#,
        ),
    ] {
        let (code, out, requested, body) = call(&format!("{arguments} --hub chat"));
        assert_eq!((code, out), (0, format!("{sentence} in hub chat\n")));
        assert_eq!(requested, request);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let (_, out, ..) = call(&format!("{arguments} --hub chat --json"));
        assert_eq!(out, format!("{json}\n"));
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&body["groups"], &body["filter"]), (&shown["groups"], &shown["filter"]));
    }
}

#[test]
fn the_members_of_a_group() {
    let (code, out, request, _) = call("group connections g --top 7 --hub chat");
    assert_eq!((code, out.as_str()), (0, "connection  user\nc1          me\nc23\n"));
    assert_eq!(request, "GET /groups/g/connections&top=7");
    let (code, out, ..) = call("group list g --hub chat --json");
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, out.lines().count()), (0, 1));
    let members = serde_json::json!([
        { "connectionId": "c1", "userId": "me" },
        { "connectionId": "c23", "userId": null },
    ]);
    assert_eq!(shown, serde_json::json!({ "hub": "chat", "group": "g", "connections": members }));
}

#[test]
fn no_is_an_answer_and_exit_code_1() {
    for (arguments, sentence) in [
        ("group exists missing-group", "group missing-group has no connections"),
        ("user exists missing-user", "user missing-user has no connections"),
        ("connection exists missing-id", "connection missing-id does not exist"),
    ] {
        let (code, out, ..) = call(&format!("{arguments} --hub chat"));
        assert_eq!((code, out), (1, format!("{sentence} in hub chat\n")));
        let (code, out, ..) = call(&format!("{arguments} --hub chat --json"));
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &shown["exists"]), (1, &false.into()));
    }
}

#[test]
fn what_is_missing_is_named() {
    for (arguments, part) in [
        ("group add-connection g missing-id", "`hublet group connections GROUP` lists ids"),
        ("group add-user g missing-user", "The user has no connection now"),
        ("permission grant sendToGroup missing-id g", "The connection has ended"),
    ] {
        let service = Service::start(obliging);
        let (code, out, error) =
            run(&format!("{arguments} --hub chat --json"), &service.connection_string(), "");
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(error.contains("is not found.\n  ") && error.contains(part), "{error}");
        drop(service.seen());
    }
}

#[test]
fn health() {
    let service = Service::start(obliging);
    let endpoint = format!("http://{}", service.address);
    let (code, out, _) = run(&format!("health --endpoint {endpoint}"), "", "");
    assert_eq!((code, out), (0, format!("The service at {endpoint} is ready.\n")));
    assert!(service.seen().head.starts_with("HEAD /api/health "));

    // The service is gone, and so is its port.
    let (code, out, error) = run(&format!("health --endpoint {endpoint} --timeout 5s"), "", "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("\n  Is the service running? Start it with `hublet`"), "{error}");
}

#[test]
fn wrong_command_lines_end_with_two() {
    for (arguments, connection_string) in [
        ("frobnicate", ""),
        ("token", ""),
        ("token --hub 1", ""),
        ("token --hub chat", "Endpoint=http://h;Key=secret"),
        ("send all { --type json --hub chat", ""),
        ("send all x", ""),
        ("send all x --hub chat --metadata a=1,2", ""),
        ("group exists g", ""),
        ("group add g --hub chat", ""),
        ("connection close --hub chat", ""),
        ("permission check sendToGroup c --hub chat", ""),
        ("connect nonsense", ""),
        ("health --endpoint http://h:x", ""),
        ("connect --hub chat --protocol json --send-to-group g", ""),
    ] {
        let (code, out, error) = run(arguments, connection_string, "");
        assert_eq!((code, out.as_str()), (2, ""), "{arguments}: {error}");
        assert!(error.starts_with("error: "), "{error}");
    }
}
