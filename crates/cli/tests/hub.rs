//! `hublet hub` against a hand-made service that keeps the settings of one hub.
#![allow(clippy::unwrap_used, reason = "in a test a surprise is a failure, in its helpers too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

#[derive(Default)]
struct State {
    settings: Option<Value>,
    requests: Vec<String>,
}

/// Knows of `chat`. The settings of `filed` are in its configuration file.
struct Service {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Service {
    fn start(settings: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State { settings, requests: Vec::new() }));
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        thread::spawn(move || {
            for socket in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(socket.unwrap(), &shared));
            }
        });
        Self { address, state }
    }

    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &str, input: &str) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hublet"))
            .args(arguments.split(' '))
            .env_clear()
            .env(
                "HUBLET_CONNECTION_STRING",
                format!("Endpoint=http://{};AccessKey=the-secret-key;", self.address),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may not want to read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn settings(&self) -> Option<Value> {
        self.state.lock().unwrap().settings.clone()
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn serve(mut socket: TcpStream, state: &Mutex<State>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if socket.read_exact(&mut byte).is_err() {
                return;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
        let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
        socket.read_exact(&mut body).unwrap();
        assert!(head.to_ascii_lowercase().contains("authorization: bearer "), "{head}");
        let request = head.split(" HTTP/1.1").next().unwrap();
        let (status, answer) = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.to_owned());
            answer(&mut state, request, &body)
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        socket.write_all(answer.as_bytes()).unwrap();
    }
}

fn resource(settings: &Value) -> String {
    json!({ "name": "chat", "source": "api", "properties": settings }).to_string()
}

fn answer(state: &mut State, request: &str, body: &[u8]) -> (&'static str, String) {
    let error = |code: &str, message: &str| json!({ "code": code, "message": message }).to_string();
    let missing = ("404 Not Found", error("Error.Hub.NotExisted", "The hub has no settings."));
    match request.replace("/api/ext/hubs", "").as_str() {
        "GET " => {
            let hubs = state.settings.iter().map(|_| json!({ "name": "chat", "source": "api" }));
            ("200 OK", json!({ "value": hubs.collect::<Vec<_>>() }).to_string())
        }
        "GET /chat" => state.settings.as_ref().map_or(missing, |settings| ("200 OK", resource(settings))),
        "PUT /chat" => {
            let settings: Value = serde_json::from_slice(body).unwrap();
            let status = if state.settings.is_none() { "201 Created" } else { "200 OK" };
            if settings.get("colour").is_some() {
                return ("400 Bad Request", error("Error.BadRequest", "unknown field `colour`"));
            }
            let answer = (status, resource(&settings));
            state.settings = Some(settings);
            answer
        }
        "DELETE /chat" if state.settings.take().is_some() => ("204 No Content", String::new()),
        "POST /chat/:test" => {
            let steps = json!([
                { "name": "validation", "ok": true, "sentence": "The handler allows the origin." },
                { "name": "sample event", "ok": false, "sentence": "It answered 500." },
            ]);
            let bad =
                json!({ "urlTemplate": "http://h", "ok": false, "steps": steps, "sentence": "See its log." });
            let good =
                json!({ "urlTemplate": "http://g", "ok": true, "steps": [], "sentence": "All is well." });
            let handlers = match state.settings.as_ref().map(|settings| &settings["eventHandlers"]) {
                None => return missing,
                Some(Value::Array(handlers)) if handlers.len() == 1 => json!([good]),
                Some(Value::Array(_)) => json!([good, bad]),
                Some(_) => json!([]),
            };
            ("200 OK", json!({ "handlers": handlers }).to_string())
        }
        "GET /chat/exchanges" => ("200 OK", json!({ "value": [{ "id": "7", "status": 200 }] }).to_string()),
        "POST /chat/exchanges/7/:replay" => ("200 OK", json!({ "ok": true, "status": 200 }).to_string()),
        "POST /chat/exchanges/8/:replay" => ("200 OK", json!({ "ok": false, "status": 500 }).to_string()),
        "GET /filed" => ("200 OK", resource(&json!({}))),
        "PUT /filed" | "DELETE /filed" => (
            "409 Conflict",
            error("Error.Conflict", "The hub is in the configuration file. Change it there."),
        ),
        _ => missing,
    }
}

#[test]
fn options_change_what_is_there() {
    let service = Service::start(None);
    let url = "--event-handler url-template=http://h/{event} system-event=connected durable=true";
    let (code, out, error) = service.run(&format!("hub set chat {url}"), "");
    assert_eq!((code, out.as_str()), (0, "set hub chat: event handlers 1, event listeners 0\n"), "{error}");
    let handler =
        json!({ "urlTemplate": "http://h/{event}", "systemEvents": ["connected"], "durable": true });
    assert_eq!(service.settings().unwrap(), json!({ "eventHandlers": [handler] }));

    let (code, ..) = service.run("hub set chat --allow-anonymous true --event-listener file=f", "");
    assert_eq!(code, 0);
    let listener = json!({ "filter": { "type": "EventName" }, "endpoint": { "type": "File", "path": "f" } });
    assert_eq!(
        service.settings().unwrap(),
        json!({ "eventHandlers": [handler], "eventListeners": [listener], "anonymousConnectPolicy": "allow" })
    );

    let twice = "--event-handler url-template=a --event-handler url-template=b";
    let (code, out, _) = service.run(&format!("hub update chat --json {twice}"), "");
    let settings = json!({
        "eventHandlers": [{ "urlTemplate": "a" }, { "urlTemplate": "b" }],
        "eventListeners": [listener],
        "anonymousConnectPolicy": "allow",
    });
    assert_eq!(service.settings().unwrap(), settings);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, shown), (0, json!({ "set": true, "hub": "chat", "settings": settings })));

    service.requests();
    let (code, ..) = service.run("hub set chat --keepalive-interval 30 --replace", "");
    assert_eq!((code, service.requests()), (0, vec!["PUT /api/ext/hubs/chat".to_owned()]));
    assert_eq!(service.settings().unwrap(), json!({ "webSocketKeepAliveIntervalInSeconds": 30 }));
}

#[test]
fn a_file_replaces_all() {
    let service = Service::start(Some(json!({ "anonymousConnectPolicy": "allow" })));
    let (code, ..) = service.run("hub set chat --file -", r#"{ "eventHandlers": [{ "urlTemplate": "x" }] }"#);
    assert_eq!(code, 0);
    assert_eq!(service.settings().unwrap(), json!({ "eventHandlers": [{ "urlTemplate": "x" }] }));
    // What is shown is what a file may hold.
    let (_, shown, _) = service.run("hub show chat", "");
    assert!(shown.lines().count() > 1, "for people");
    assert_eq!(service.run("hub set chat --file -", &shown).0, 0);
    assert_eq!(service.settings().unwrap(), serde_json::from_str::<Value>(&shown).unwrap(), "sent as it is");

    service.requests();
    for input in ["", "[]", "{"] {
        let (code, out, error) = service.run("hub set chat --file -", input);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(error.starts_with("error: Standard input holds no settings: "), "{error}");
    }
    let (code, _, error) = service.run("hub set chat --file no-such-file", "");
    assert_eq!(code, 1);
    assert!(error.contains("no-such-file cannot be read"), "{error}");
    assert_eq!(service.requests(), [""; 0], "the service is not asked in vain");
}

#[test]
fn hubs_are_listed_shown_and_deleted() {
    let service = Service::start(Some(json!({ "a": [1] })));
    assert_eq!(service.run("hub list", ""), (0, "hub   source\nchat  api\n".to_owned(), String::new()));
    let hubs = json!({ "hubs": [{ "name": "chat", "source": "api" }] });
    assert_eq!(service.run("hub list --json", "").1, format!("{hubs}\n"));
    assert_eq!(service.run("hub show chat --json", "").1, format!("{}\n", resource(&json!({ "a": [1] }))));
    assert_eq!(service.run("hub delete chat", "").1, "deleted the settings of hub chat\n");
    assert_eq!(service.settings(), None);
    assert_eq!(service.run("hub list", "").1, "no hub has settings\n");
    for arguments in ["hub show chat", "hub delete chat"] {
        let (code, out, error) = service.run(arguments, "");
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(error.contains("no settings.\n  `hublet hub list` lists"), "{error}");
    }
}

#[test]
fn a_test_says_what_is_wrong() {
    let handler = json!({ "urlTemplate": "x" });
    let service = Service::start(Some(json!({ "eventHandlers": [handler, handler] })));
    let (code, out, error) = service.run("hub test chat", "");
    let expected = "http://g\n  All is well.\nhttp://h\n  ok      validation: The handler allows the origin.\n  \
                    failed  sample event: It answered 500.\n  See its log.\n";
    assert_eq!((code, out.as_str(), error.as_str()), (1, expected, ""));
    let (code, out, _) = service.run("hub test chat --json", "");
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["handlers"][1]["steps"][1]["ok"]), (1, &json!(false)));

    let service = Service::start(Some(json!({ "eventHandlers": [handler] })));
    assert_eq!(service.run("hub test chat", ""), (0, "http://g\n  All is well.\n".to_owned(), String::new()));
    let service = Service::start(Some(json!({})));
    let (code, out, _) = service.run("hub test chat", "");
    assert_eq!((code, out.as_str()), (1, "hub chat has no event handlers\n"));
}

#[test]
fn exchanges_and_their_replay() {
    let service = Service::start(None);
    assert_eq!(service.run("hub exchanges chat", "").1, "id  status\n7   200\n");
    assert_eq!(
        service.run("hub exchanges chat --json", "").1,
        "{\"value\":[{\"id\":\"7\",\"status\":200}]}\n"
    );
    let (code, out, _) = service.run("hub replay chat 7 --json", "");
    assert_eq!((code, out.as_str()), (0, "{\"ok\":true,\"status\":200}\n"));
    let (code, out, error) = service.run("hub replay chat 8", "");
    assert_eq!((code, out.as_str(), error.as_str()), (1, "{\n  \"ok\": false,\n  \"status\": 500\n}\n", ""));
    let (code, out, error) = service.run("hub replay chat 9", "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("`hublet hub exchanges HUB` what can be replayed"), "{error}");
}

#[test]
fn refusals_say_what_to_do() {
    let service = Service::start(None);
    let (code, _, error) = service.run("hub set filed --allow-anonymous true", "");
    assert_eq!(code, 1);
    assert!(error.contains("in the configuration file. Change it there.\n"), "{error}");
    let (code, _, error) = service.run("hub set chat --file -", r#"{ "colour": "red" }"#);
    assert_eq!(code, 1);
    assert!(error.contains("It says: unknown field `colour`\n  Correct the settings"), "{error}");
    for options in ["--event-handler user-event-pattern=*", "--event-listener url-template=x", ""] {
        let (code, out, error) = service.run(format!("hub set chat {options}").trim_end(), "");
        assert_eq!((code, out.as_str()), (2, ""), "{options}: {error}");
        assert!(error.starts_with("error: "), "{error}");
    }
}
