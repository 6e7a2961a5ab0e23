//! Event hubs: AMQP 1.0 with a peer made of another library (tests/upstream/amqp/peer.mjs).

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hublet_upstream::listener::TokenSource;
use hublet_upstream::rules::ListenerEndpoint;
use hublet_wire::client::Payload;
use serde_json::{Value, json};

use crate::common::{Certificate, Hub, conn, full, one_of_each, text};
use crate::program::{Program, root};

struct Peer {
    program: Program,
    port: u64,
}

impl Peer {
    fn start(mechanism: &str, certificate: Option<&Certificate>) -> Self {
        let folder = root().join("tests/upstream/amqp");
        let stamp = folder.join("node_modules/.hublet-stamp");
        assert!(stamp.exists(), "{} is missing: `cargo xtask tools` makes it", stamp.display());
        let mut command = Command::new("node");
        command.arg(folder.join("peer.mjs")).arg(mechanism);
        if let Some(certificate) = certificate {
            command.args([&certificate.file, &certificate.key]);
        }
        let mut peer = Self { program: Program::start(&mut command), port: 0 };
        peer.port = peer.next()["port"].as_u64().unwrap();
        peer
    }

    fn next(&self) -> Value {
        let line = self.program.next_line();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    /// What it tells next of this kind; what it tells before is forgotten.
    fn wait(&self, kind: &str) -> Value {
        loop {
            let told = self.next();
            if !told[kind].is_null() {
                return told;
            }
        }
    }

    /// From now on it does as it is told.
    fn tell(&mut self, what: &Value) {
        self.program.type_line(&what.to_string());
        self.wait("now");
    }

    fn with_password(&self, password: &str) -> ListenerEndpoint {
        self.endpoint(Some(&format!("SharedAccessKeyName=send;SharedAccessKey={password};EntityPath=eh1")))
    }

    fn as_emulator(&self) -> ListenerEndpoint {
        self.endpoint(Some("SharedAccessKeyName=send;SharedAccessKey=secret==;UseDevelopmentEmulator=true;"))
    }

    fn endpoint(&self, connection_string: Option<&str>) -> ListenerEndpoint {
        ListenerEndpoint::EventHub {
            namespace: format!("localhost:{}", self.port),
            event_hub: "eh1".to_owned(),
            connection_string: connection_string
                .map(|rest| format!("Endpoint=sb://localhost:{}/;{rest}", self.port)),
        }
    }
}

fn body(message: &Value) -> Vec<u8> {
    STANDARD.decode(message["body"].as_str().unwrap()).unwrap()
}

fn id(message: &Value) -> &str {
    message["properties"]["cloudEvents:id"].as_str().unwrap()
}

#[test]
fn a_password_over_tls() {
    let certificate = Certificate::new();
    let peer = Peer::start("PLAIN", Some(&certificate));
    let hub = Hub::with(&[peer.with_password("secret==")], certificate.roots, None);
    for event in one_of_each() {
        hub.offer(event);
    }
    assert_eq!(peer.next(), json!({"user": "send", "password": "secret=="}));
    assert_eq!(peer.next()["connection"]["hostname"], "localhost");
    assert_eq!(peer.next()["link"], "eh1");
    let ids: Vec<String> = (0..3).map(|_| id(&peer.next()).to_owned()).collect();
    assert_eq!(ids, ["1", "2", "5"]);
    hub.expect_drained();
    assert_eq!((hub.status().delivered, hub.status().dropped), (3, 0));
}

#[test]
fn messages_are_as_the_reference_has_them() {
    let peer = Peer::start("ANONYMOUS", None);
    let hub = Hub::new(&[peer.as_emulator()]);
    let large = Bytes::from(vec![7; 900 << 10]);
    for (number, (payload, content_type)) in [
        (Payload::Text("h\u{e9}".into()), "text/plain"),
        (Payload::Json("{\"a\": 1}".into()), "application/json"),
        (Payload::Binary(Bytes::from_static(&[0, 255])), "application/octet-stream"),
        (Payload::Protobuf(Bytes::new()), "application/x-protobuf"),
        (Payload::Binary(large), "application/octet-stream"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = number as u64 + 1;
        hub.offer(full(number, payload.clone()));
        let message = peer.wait("message_id");
        let conn = conn().to_string();
        assert_eq!(message["message_id"], format!("{conn}/{number}"));
        assert_eq!(message["content_type"], content_type);
        assert_eq!(message["annotations"], json!({"x-opt-partition-key": conn}));
        let time = message["properties"]["cloudEvents:time"].as_str().unwrap().to_owned();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        assert_eq!(
            message["properties"],
            json!({
                "cloudEvents:specversion": "1.0",
                "cloudEvents:awpsversion": "1.0",
                "cloudEvents:type": "azure.webpubsub.user.order.created",
                "cloudEvents:source": format!("/hubs/chat/client/{conn}"),
                "cloudEvents:id": number.to_string(),
                "cloudEvents:time": time,
                "cloudEvents:hub": "chat",
                "cloudEvents:eventname": "order.created",
                "cloudEvents:connectionid": conn,
                "cloudEvents:userid": "用户",
                "cloudEvents:subprotocol": "json.webpubsub.azure.v1",
                "cloudEvents:connectionstate": "eyJrIjoxfQ==",
                "x-webpubsub-metadata-trace-id": "a, b%",
            })
        );
        assert_eq!(message["section"], 0x75, "the body is data");
        assert!(body(&message) == *payload.bytes(), "the body has other bytes");
    }
}

#[test]
fn the_emulator_gets_a_signed_token_first() {
    let peer = Peer::start("ANONYMOUS", None);
    let hub = Hub::new(&[peer.as_emulator()]);
    hub.offer(text(1, "x"));
    assert_eq!(peer.wait("connection")["connection"]["hostname"], "localhost");
    assert_eq!(peer.next()["link"], "$cbs");
    let token = peer.next();
    assert_eq!(
        (&token["operation"], &token["type"], &token["name"]),
        (&"put-token".into(), &"servicebus.windows.net:sastoken".into(), &"sb://localhost/eh1".into())
    );
    let text = token["token"].as_str().unwrap();
    assert!(text.starts_with("SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Feh1&sig="), "{text}");
    assert!(text.ends_with("&skn=send"), "{text}");
    assert_eq!(peer.next()["link"], "eh1");
    assert_eq!(id(&peer.next()), "1");
}

#[test]
fn a_token_of_the_identity() {
    let certificate = Certificate::new();
    let mut peer = Peer::start("ANONYMOUS", Some(&certificate));
    peer.tell(&json!({"token_status": 401}));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let tokens: TokenSource = {
        let asked = Arc::clone(&asked);
        Arc::new(move |resource: &str| {
            let mut asked = asked.lock().unwrap();
            asked.push(resource.to_owned());
            let token = match asked.len() {
                1 => Err("the token endpoint is down".to_owned()),
                count => Ok(format!("token {count}")),
            };
            Box::pin(std::future::ready(token))
        })
    };
    let hub = Hub::with(&[peer.endpoint(None)], certificate.roots, Some(tokens));
    hub.offer(text(1, "x"));
    // Without a token there is no connection; a refused one is not the last.
    while asked.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(hub.drained(Duration::from_millis(50)), 1);
    let token = peer.wait("token");
    assert_eq!((&token["type"], &token["token"]), (&"jwt".into(), &"token 2".into()));
    peer.tell(&json!({"token_status": 202}));
    hub.expect_drained();
    assert_eq!(id(&peer.wait("message_id")), "1");
    assert!(asked.lock().unwrap().iter().all(|resource| resource == "https://eventhubs.azure.net"));
}

#[test]
fn a_password_goes_only_to_a_server_that_is_trusted() {
    let certificate = Certificate::new();
    let peer = Peer::start("PLAIN", Some(&certificate));
    let hub = Hub::new(&[peer.with_password("secret==")]);
    hub.offer(text(1, "x"));
    assert_eq!(peer.next()["broken"], true);
    assert_eq!(hub.drained(Duration::from_millis(1)), 1);
}

#[test]
fn a_wrong_password_is_no_reason_to_drop_events() {
    let certificate = Certificate::new();
    let peer = Peer::start("PLAIN", Some(&certificate));
    let hub = Hub::with(&[peer.with_password("other")], certificate.roots, None);
    hub.offer(text(1, "x"));
    assert_eq!(peer.next()["password"], "other");
    assert_eq!(hub.drained(Duration::from_millis(1)), 1);
    assert_eq!((hub.status().delivered, hub.status().dropped), (0, 0));
}

#[test]
fn what_the_peer_says_of_an_event_counts() {
    let mut peer = Peer::start("ANONYMOUS", None);
    let hub = Hub::new(&[peer.as_emulator()]);
    peer.tell(&json!({"outcome": "reject", "condition": "amqp:not-allowed"}));
    hub.offer(text(1, "x"));
    hub.expect_drained();
    assert_eq!((hub.status().delivered, hub.status().dropped), (0, 1));
    assert_eq!(id(&peer.wait("message_id")), "1");

    for (id_, outcome) in [
        (2, json!({"outcome": "reject", "condition": "com.microsoft:server-busy"})),
        (3, json!({"outcome": "release"})),
    ] {
        peer.tell(&outcome);
        hub.offer(text(id_, "x"));
        assert_eq!(id(&peer.wait("message_id")), id_.to_string());
        peer.tell(&json!({"outcome": "accept"}));
        hub.expect_drained();
        assert_eq!(id(&peer.wait("message_id")), id_.to_string());
    }
    assert_eq!((hub.status().delivered, hub.status().dropped), (2, 1));
}

#[test]
fn what_was_not_accepted_is_sent_again_after_the_connection_broke() {
    let mut peer = Peer::start("ANONYMOUS", None);
    let hub = Hub::new(&[peer.as_emulator()]);
    hub.offer(text(1, "x"));
    peer.wait("message_id");
    hub.expect_drained();
    for (id_, end) in [(2, "connection"), (4, "link")] {
        peer.tell(&json!({"outcome": "ignore"}));
        hub.offer(text(id_, "x"));
        assert_eq!(id(&peer.wait("message_id")), id_.to_string());
        peer.tell(&json!({"outcome": "accept", "end": end}));
        assert_eq!(id(&peer.wait("message_id")), id_.to_string());
        hub.expect_drained();
        // And once more while nothing is under way.
        peer.tell(&json!({"end": end}));
        hub.offer(text(id_ + 1, "x"));
        assert_eq!(id(&peer.wait("message_id")), (id_ + 1).to_string());
        hub.expect_drained();
    }
    assert_eq!((hub.status().delivered, hub.status().dropped), (5, 0));
}

#[test]
fn many_events_stay_in_order() {
    let peer = Peer::start("ANONYMOUS", None);
    let hub = Hub::new(&[peer.as_emulator()]);
    for number in 1..=3_000 {
        hub.offer(text(number, "x"));
    }
    for number in 1..=3_000 {
        assert_eq!(id(&peer.wait("message_id")), number.to_string());
    }
    hub.expect_drained();
}

#[test]
fn a_connection_lives_as_long_as_a_listener_needs_it() {
    let (peer, other) = (Peer::start("ANONYMOUS", None), Peer::start("ANONYMOUS", None));
    let mut hub = Hub::new(&[peer.as_emulator()]);
    hub.offer(text(1, "x"));
    let connection = peer.wait("connection")["connection"]["container"].clone();
    hub.expect_drained();
    hub.set(&[other.as_emulator(), peer.as_emulator()]);
    hub.offer(text(2, "x"));
    hub.expect_drained();
    hub.set(&[other.as_emulator()]);
    let told: Vec<Value> =
        std::iter::from_fn(|| Some(peer.next())).take_while(|told| told["closed"].is_null()).collect();
    let messages: Vec<&str> = told.iter().filter(|told| !told["message_id"].is_null()).map(id).collect();
    assert_eq!(messages, ["1", "2"]);
    assert!(!told.iter().any(|told| !told["connection"].is_null()), "no second connection: {told:?}");
    assert!(connection.as_str().unwrap().starts_with("hublet-"), "{connection}");
    assert_eq!(id(&other.wait("message_id")), "2");
}
