//! What a message becomes on its way from any kind of client to any other: each cell of the conversion table.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hublet_tests::protobuf::{bytes, number};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::{JSON, JSON_RELIABLE, PROTOBUF, PROTOBUF_RELIABLE, Server, http};
use hublet_wire::ws::Opcode;

const ROLES: &[&str] = &["webpubsub.sendToGroup"];
/// The kinds of clients; `None` is a simple one.
const KINDS: [Option<&str>; 5] = [None, JSON, JSON_RELIABLE, PROTOBUF, PROTOBUF_RELIABLE];
/// The `Any` of the documentation: type URL `type.googleapis.com/azure.webpubsub.TestMessage` and the value `08 01`.
const ANY: &str = "Ci90eXBlLmdvb2dsZWFwaXMuY29tL2F6dXJlLndlYnB1YnN1Yi5UZXN0TWVzc2FnZRICCAE=";

/// What is sent.
#[derive(Debug, Clone)]
enum Payload {
    Text(String),
    Json(String),
    Binary(Vec<u8>),
    Any(Vec<u8>),
}

impl Payload {
    fn all() -> Vec<Self> {
        vec![
            Self::Text("hällo \"x\"\n".to_owned()),
            Self::Text(String::new()),
            Self::Json(r#"{"b":[1e400, 0.10, null],"a":"\u00e4"}"#.to_owned()),
            Self::Json("\"quoted\"".to_owned()),
            Self::Json("12345678901234567890".to_owned()),
            Self::Binary(vec![0, 1, 254, 255]),
            Self::Binary(Vec::new()),
            Self::Any(STANDARD.decode(ANY).expect("base64")),
        ]
    }

    /// The members `dataType` and `data`.
    fn json(&self) -> String {
        let (kind, data) = match self {
            Self::Text(text) => ("text", serde_json::Value::from(text.as_str()).to_string()),
            Self::Json(json) => ("json", json.clone()),
            Self::Binary(bytes) => ("binary", format!("\"{}\"", STANDARD.encode(bytes))),
            Self::Any(bytes) => ("protobuf", format!("\"{}\"", STANDARD.encode(bytes))),
        };
        format!(r#""dataType":"{kind}","data":{data}"#)
    }

    /// The message `MessageData`.
    fn protobuf(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => bytes(1, text),
            Self::Binary(content) => bytes(2, content),
            Self::Any(any) => bytes(3, any),
            Self::Json(json) => bytes(4, json),
        }
    }

    fn raw(&self) -> Message {
        match self {
            Self::Text(text) | Self::Json(text) => Message::Text(text.clone()),
            Self::Binary(bytes) | Self::Any(bytes) => Message::Binary(bytes.clone()),
        }
    }

    /// What a client gets as its message of this number, from the group and user or from the app server.
    fn received(&self, kind: Option<&str>, nth: u64, from: Option<Option<&str>>) -> Message {
        let Some(kind) = kind else { return self.raw() };
        let is_reliable = kind.contains(".reliable.");
        if kind.starts_with("json.") {
            let from = match from {
                None => r#""from":"server""#.to_owned(),
                Some(user) => {
                    let user = user.map_or("null".to_owned(), |user| format!("\"{user}\""));
                    format!(r#""from":"group","group":"room","fromUserId":{user}"#)
                }
            };
            let number = if is_reliable { format!(r#""sequenceId":{nth},"#) } else { String::new() };
            return Message::Text(format!(r#"{{{number}"type":"message",{from},{}}}"#, self.json()));
        }
        let from = match from {
            None => bytes(1, "server"),
            Some(_) => [bytes(1, "group"), bytes(2, "room")].concat(),
        };
        let number = if is_reliable { number(4, nth) } else { Vec::new() };
        Message::Binary(bytes(2, [number, from, bytes(3, self.protobuf())].concat()))
    }
}

/// One client of each kind, in the group.
struct Receivers(Vec<(Option<&'static str>, RawClient)>, u64);

impl Receivers {
    fn connect(server: &Server) -> Self {
        let connect = |kind: Option<&'static str>| {
            let mut client = RawClient::connect(&server.client_url("chat", Some("r"), &[], &["room"]), kind);
            if kind.is_some() {
                client.next();
            }
            (kind, client)
        };
        Self(KINDS.map(connect).into(), 0)
    }

    fn expect(&mut self, payload: &Payload, from: Option<Option<&str>>, sender: &str) {
        self.1 += 1;
        for (kind, client) in &mut self.0 {
            assert_eq!(
                client.next(),
                payload.received(*kind, self.1, from),
                "{payload:?} from {sender} to {kind:?}"
            );
        }
    }
}

#[test]
fn clients_of_all_kinds_understand_each_other() {
    // 110, 111, 112, 113
    let server = Server::start();
    let mut receivers = Receivers::connect(&server);
    for kind in KINDS {
        let mut url = server.client_url("chat", Some("ann"), ROLES, &[]);
        if kind.is_none() {
            url += "&webpubsub_mode=sendToGroup&group=room";
        }
        let mut sender = RawClient::connect(&url, kind);
        for payload in Payload::all() {
            match (kind, &payload) {
                // Frames of simple clients are text or binary.
                (None, Payload::Json(_) | Payload::Any(_)) => continue,
                (None, Payload::Text(text)) => sender.send_text(text),
                (None, Payload::Binary(bytes)) => sender.send(Opcode::Binary, bytes),
                (Some(name), _) if name.starts_with("json.") => sender
                    .send_text(&format!(r#"{{"type":"sendToGroup","group":"room",{}}}"#, payload.json())),
                (Some(_), _) => {
                    sender.send_binary(&bytes(1, [bytes(1, "room"), bytes(3, payload.protobuf())].concat()));
                }
            }
            receivers.expect(&payload, Some(Some("ann")), kind.unwrap_or("a simple client"));
        }
    }
}

#[test]
fn the_app_server_is_understood_by_clients_of_all_kinds() {
    // 110
    let server = Server::start();
    let mut receivers = Receivers::connect(&server);
    for (path, from) in [("/api/hubs/chat/:send", None), ("/api/hubs/chat/groups/room/:send", Some(None))] {
        for payload in Payload::all() {
            let (kind, body) = match &payload {
                Payload::Text(text) => ("text/plain", text.as_bytes()),
                Payload::Json(json) => ("application/json", json.as_bytes()),
                Payload::Binary(bytes) => ("application/octet-stream", bytes.as_slice()),
                Payload::Any(_) => continue,
            };
            let kind = format!("Content-Type: {kind}");
            assert_eq!(http::call(&server, "POST", path, &[&kind], body).status, 202);
            receivers.expect(&payload, from, "the app server");
        }
    }
}
