//! What the official clients of .NET and Java send, byte by byte, where their packages cannot be installed: also on a
//! network that breaks. And protobuf, for which no released package can be had.
//!
//! Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hublet_tests::fault_proxy::{FaultProxy, Weather};
use hublet_tests::protobuf::{bytes, find, find_number, find_text, number};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::recovery::{Session, open_at};
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON_RELIABLE, PROTOBUF_RELIABLE, Server};
use hublet_wire::ws::{CloseCode, Opcode};
use serde_json::Value;

const ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
const CLIENTS: usize = 10;
const MESSAGES: usize = 200;
const CUTS: usize = 100;
/// How often a client looks whether the cuts have caught up with it.
const PACE_YIELDS_MAX: usize = 10_000;

/// How a package writes and reads.
#[derive(Clone, Copy)]
struct Dialect {
    name: &'static str,
    subprotocol: Option<&'static str>,
    /// It joins its groups again after a recovery too.
    joins_again: bool,
    join: fn(&str, u64) -> Vec<u8>,
    send: fn(&str, &str, u64) -> Vec<u8>,
    sequence_ack: fn(u64) -> Vec<u8>,
    read: fn(&Message) -> Heard,
}

/// What a client cares about.
#[derive(Debug, PartialEq)]
enum Heard {
    /// Done, now or before.
    Ack(u64),
    Data(u64, String),
    Other,
}

const DOTNET: Dialect = Dialect {
    name: ".NET",
    subprotocol: JSON_RELIABLE,
    joins_again: false,
    join: |group, ack| format!(r#"{{"type":"joinGroup","group":"{group}","ackId":{ack}}}"#).into(),
    send: |group, text, ack| {
        format!(
            r#"{{"type":"sendToGroup","group":"{group}","ackId":{ack},"noEcho":false,"dataType":"Text","data":"{text}"}}"#
        )
        .into()
    },
    sequence_ack: |id| format!(r#"{{"type":"sequenceAck","sequenceId":{id}}}"#).into(),
    read: read_json,
};

const JAVA: Dialect = Dialect {
    name: "Java",
    joins_again: true,
    join: |group, ack| format!(r#"{{"ackId":{ack},"type":"joinGroup","group":"{group}"}}"#).into(),
    send: |group, text, ack| {
        format!(
            r#"{{"ackId":{ack},"type":"sendToGroup","group":"{group}","dataType":"text","data":"{text}","noEcho":false}}"#
        )
        .into()
    },
    sequence_ack: |id| format!(r#"{{"sequenceId":{id},"type":"sequenceAck"}}"#).into(),
    ..DOTNET
};

const PROTOBUF: Dialect = Dialect {
    name: "protobuf",
    subprotocol: PROTOBUF_RELIABLE,
    joins_again: false,
    join: |group, ack| bytes(6, [bytes(1, group), number(2, ack)].concat()),
    send: |group, text, ack| {
        bytes(1, [bytes(1, group), number(2, ack), bytes(3, bytes(1, text)), number(4, 0)].concat())
    },
    sequence_ack: |id| bytes(8, number(1, id)),
    read: |message| {
        let Message::Binary(message) = message else { panic!("{message:?}") };
        if find(message, &[2]).is_some() {
            let number = find_number(message, &[2, 4]).expect("a sequence id");
            return Heard::Data(number, find_text(message, &[2, 3, 1]).expect("a text"));
        }
        let error = find_text(message, &[1, 3, 1]);
        match find_number(message, &[1, 1]) {
            Some(id) if error.as_deref().is_none_or(|name| name == "Duplicate") => Heard::Ack(id),
            _ => Heard::Other,
        }
    },
};

/// Reads as strictly as .NET, which gives up its socket at anything it does not know.
fn read_json(message: &Message) -> Heard {
    let Message::Text(text) = message else { panic!("{message:?}") };
    let message: Value = serde_json::from_str(text).expect("JSON");
    match message["type"].as_str() {
        Some("ack") => {
            let done = message["success"] == true && message.get("error").is_none();
            assert!(done || message["error"]["name"] == "Duplicate", "{text}");
            Heard::Ack(message["ackId"].as_u64().expect("a number"))
        }
        Some("message") => {
            assert!(message["from"] == "group" && message["dataType"] == "text", "{text}");
            let data = message["data"].as_str().expect("a text").to_owned();
            Heard::Data(message["sequenceId"].as_u64().expect("a number"), data)
        }
        Some("system") if message["event"] == "connected" => Heard::Other,
        _ => panic!("unknown: {text}"),
    }
}

/// One client behind the proxy: it comes back whenever its socket is lost.
struct Client<'a> {
    dialect: Dialect,
    proxy: &'a FaultProxy,
    id: usize,
    group: String,
    socket: RawClient,
    session: Session,
    next_ack: u64,
    /// Highest sequence id.
    seen: u64,
    acknowledged: u64,
    /// The message of each sender that comes next.
    ledger: [usize; 2],
}

impl<'a> Client<'a> {
    fn connect(dialect: Dialect, server: &Server, proxy: &'a FaultProxy, id: usize) -> Self {
        let url = proxy.client_url(server, "chat", &format!("u{id}"), ROLES, &[]);
        let (socket, session) = open_at(&url, dialect.subprotocol);
        let group = format!("g{}", id / 2);
        Self {
            dialect,
            proxy,
            id,
            group,
            socket,
            session,
            next_ack: 1,
            seen: 0,
            acknowledged: 0,
            ledger: [0; 2],
        }
    }

    fn opcode(&self) -> Opcode {
        if self.dialect.subprotocol == PROTOBUF_RELIABLE { Opcode::Binary } else { Opcode::Text }
    }

    /// Sends until it is acknowledged, with the same id each time.
    fn request(&mut self, request: impl Fn(u64) -> Vec<u8>) {
        let ack = self.next_ack;
        self.next_ack += 1;
        let request = request(ack);
        self.socket.try_send(self.opcode(), &request);
        loop {
            match self.hear() {
                Some(Heard::Ack(id)) if id == ack => return,
                Some(_) => {}
                None => {
                    self.come_back();
                    self.socket.try_send(self.opcode(), &request);
                }
            }
        }
    }

    /// The next message; nothing when the socket is lost.
    fn hear(&mut self) -> Option<Heard> {
        let message = self.socket.next();
        if let Message::Close(..) = message {
            panic!("{} is closed: {message:?}", self.id);
        }
        if message == Message::Ended {
            return None;
        }
        let heard = (self.dialect.read)(&message);
        if let Heard::Data(number, text) = &heard
            && *number > self.seen
        {
            assert_eq!(*number, self.seen + 1, "no message is left out");
            self.seen = *number;
            let (sender, nth) = text.split_once(' ').expect("a sender and a number");
            let sender: usize = sender.parse().expect("a number");
            assert_eq!(sender / 2, self.id / 2, "of its group");
            let next = &mut self.ledger[sender % 2];
            assert_eq!(nth.parse(), Ok(*next), "{} hears {sender}", self.id);
            *next += 1;
            if self.seen >= self.acknowledged + 50 {
                self.acknowledged = self.seen;
                self.socket.try_send(self.opcode(), &(self.dialect.sequence_ack)(self.seen));
            }
        }
        Some(heard)
    }

    fn come_back(&mut self) {
        let hub_url = format!("ws://{}/client/hubs/chat", self.proxy.authority());
        self.session.hub_url = hub_url;
        loop {
            let found = RawClient::connect_if_up(&self.session.url(), self.dialect.subprotocol);
            if let Some(socket) = found {
                self.socket = socket;
                break;
            }
        }
        if self.dialect.joins_again {
            let ack = self.next_ack;
            self.next_ack += 1;
            self.socket.try_send(self.opcode(), &(self.dialect.join)(&self.group, ack));
        }
    }

    fn run(&mut self, everybody_is_here: &std::sync::Barrier, sent: &AtomicUsize, cuts: &AtomicUsize) {
        let (dialect, group, id) = (self.dialect, self.group.clone(), self.id);
        self.request(|ack| (dialect.join)(&group, ack));
        everybody_is_here.wait();
        for nth in 0..MESSAGES {
            // A fast machine would be done before it was cut often enough. Not for ever: there may be nobody left to cut.
            let is_ahead =
                || cuts.load(Ordering::Relaxed) * CLIENTS * MESSAGES < sent.load(Ordering::Relaxed) * CUTS;
            for _ in 0..PACE_YIELDS_MAX {
                if !is_ahead() {
                    break;
                }
                thread::yield_now();
            }
            self.request(|ack| (dialect.send)(&group, &format!("{id} {nth}"), ack));
            sent.fetch_add(1, Ordering::Relaxed);
        }
        while self.ledger != [MESSAGES; 2] {
            if self.hear().is_none() {
                self.come_back();
            }
        }
    }
}

/// All clients send to groups of two while their sockets are cut one by one.
fn nothing_is_lost_or_doubled(dialect: Dialect) {
    let server = Server::start();
    let seed = std::env::var("HUBLET_FAULT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let proxy = FaultProxy::start(server.authority(), seed);
    let mut clients: Vec<Client<'_>> =
        (0..CLIENTS).map(|id| Client::connect(dialect, &server, &proxy, id)).collect();
    let everybody_is_here = std::sync::Barrier::new(CLIENTS);
    let (sent, cuts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let total = CLIENTS * MESSAGES;
    thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|client| scope.spawn(|| client.run(&everybody_is_here, &sent, &cuts)))
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            let sent = sent.load(Ordering::Relaxed);
            let so_far = cuts.load(Ordering::Relaxed);
            if so_far * total <= sent * CUTS && so_far < CUTS && proxy.cut_one() {
                cuts.fetch_add(1, Ordering::Relaxed);
            }
            proxy.set_weather(match sent * 10 / total {
                4 => Weather::Slow,
                6 => Weather::Crumbs,
                _ => Weather::Fair,
            });
            thread::yield_now();
        }
        for thread in threads {
            assert!(thread.join().is_ok(), "{}, seed {seed}", dialect.name);
        }
        let cuts = cuts.load(Ordering::Relaxed);
        assert!(cuts > CUTS / 2, "{}: {cuts} cuts", dialect.name);
    });
}

#[test]
fn dotnet_loses_and_doubles_nothing() {
    // 172, 177
    nothing_is_lost_or_doubled(DOTNET);
}

#[test]
fn java_loses_and_doubles_nothing() {
    // 172
    nothing_is_lost_or_doubled(JAVA);
}

#[test]
fn protobuf_loses_and_doubles_nothing() {
    // 172, 176
    nothing_is_lost_or_doubled(PROTOBUF);
}

/// Requests, and what is answered to each.
fn conversation(server: &Server, headers: &[&str], steps: &[(&str, &[&str])]) -> RawClient {
    let url = server.client_url("chat", Some("ann"), ROLES, &[]);
    let (mut client, head) = RawClient::try_connect(&url, JSON_RELIABLE, headers).expect("101");
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-extensions"), "{head}");
    assert!(head.contains("json.reliable.webpubsub.azure.v1"), "{head}");
    client.expect_connected();
    for (request, answers) in steps {
        client.send_text(request);
        for answer in *answers {
            client.expect_text(answer);
        }
    }
    client
}

#[test]
fn dotnet_holds_a_conversation() {
    // 171, 175, 177
    let (_upstream, server) = Upstream::serve(|call| match call.event() {
        "echo" => Reply::json(&call.json()),
        _ => Reply::status(204),
    });
    let mut client = conversation(
        &server,
        &[],
        &[
            (
                r#"{"type":"joinGroup","group":"g","ackId":1}"#,
                &[r#"{"type":"ack","ackId":1,"success":true}"#],
            ),
            (
                r#"{"type":"sendToGroup","group":"g","ackId":2,"noEcho":false,"dataType":"Text","data":"h\u00FC"}"#,
                &[
                    r#"{"sequenceId":1,"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"text","data":"hü"}"#,
                    r#"{"type":"ack","ackId":2,"success":true}"#,
                ],
            ),
            (
                r#"{"type":"sendToGroup","group":"g","ackId":3,"noEcho":false,"dataType":"Json","data":{"a": 1.50}}"#,
                &[
                    r#"{"sequenceId":2,"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"json","data":{"a": 1.50}}"#,
                    r#"{"type":"ack","ackId":3,"success":true}"#,
                ],
            ),
            (
                r#"{"type":"sendToGroup","group":"g","noEcho":false,"dataType":"Binary","data":"AP8="}"#,
                &[
                    r#"{"sequenceId":3,"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"binary","data":"AP8="}"#,
                ],
            ),
            (
                r#"{"type":"sendToGroup","group":"g","ackId":4,"noEcho":true,"dataType":"Protobuf","data":"CgF4EgF5"}"#,
                &[r#"{"type":"ack","ackId":4,"success":true}"#],
            ),
            (r#"{"type":"sequenceAck","sequenceId":3}"#, &[]),
            (
                r#"{"type":"event","event":"order","ackId":5,"dataType":"Json","data":[1]}"#,
                &[r#"{"type":"ack","ackId":5,"success":true}"#],
            ),
            (
                r#"{"type":"invoke","invocationId":"i","target":"event","event":"echo","dataType":"Json","data":{"a":1}}"#,
                &[
                    r#"{"type":"invokeResponse","invocationId":"i","success":true,"dataType":"json","data":{"a":1}}"#,
                ],
            ),
            (r#"{"type":"cancelInvocation","invocationId":"i"}"#, &[]),
            (
                r#"{"type":"leaveGroup","group":"g","ackId":6}"#,
                &[r#"{"type":"ack","ackId":6,"success":true}"#],
            ),
        ],
    );
    client.send_close(CloseCode(1000), "");
    assert_eq!(client.next(), Message::Close(Some(1000), String::new()));
    assert_eq!(client.next(), Message::Ended);
}

#[test]
fn java_holds_a_conversation() {
    // 171; it offers extensions, writes the keys in another order, and waits for the end of TCP when it stops
    let server = Server::start();
    let headers = [
        "Sec-WebSocket-Extensions: permessage-deflate;client_max_window_bits, deflate-frame, x-webkit-deflate-frame",
    ];
    let mut client = conversation(
        &server,
        &headers,
        &[
            (
                r#"{"ackId":1,"type":"joinGroup","group":"g"}"#,
                &[r#"{"type":"ack","ackId":1,"success":true}"#],
            ),
            (
                r#"{"ackId":2,"type":"sendToGroup","group":"g","dataType":"json","data":"text in json","noEcho":false}"#,
                &[
                    r#"{"sequenceId":1,"type":"message","from":"group","group":"g","fromUserId":"ann","dataType":"json","data":"text in json"}"#,
                    r#"{"type":"ack","ackId":2,"success":true}"#,
                ],
            ),
            // The same id when the ack was missed.
            (
                r#"{"ackId":2,"type":"sendToGroup","group":"g","dataType":"json","data":"text in json","noEcho":false}"#,
                &[
                    r#"{"type":"ack","ackId":2,"success":false,"error":{"name":"Duplicate","message":"Message with ack-id: 2 has been processed"}}"#,
                ],
            ),
            (r#"{"sequenceId":1,"type":"sequenceAck"}"#, &[]),
            (
                r#"{"ackId":3,"type":"leaveGroup","group":"g"}"#,
                &[r#"{"type":"ack","ackId":3,"success":true}"#],
            ),
        ],
    );
    client.send_close(CloseCode(1000), "");
    assert_eq!(client.next(), Message::Close(Some(1000), String::new()));
    assert_eq!(client.next(), Message::Ended);
}

#[test]
fn dotnet_comes_back_with_its_whole_query() {
    // 124, 130; it keeps its URL, encodes it anew, and adds to it
    let server = Server::start();
    let url = server.client_url("chat", Some("ann"), ROLES, &["g"]);
    let (client, session) = open_at(&url, JSON_RELIABLE);
    client.cut();
    let recovery = session.url();
    let added = recovery.split_once('?').expect("a query").1;
    let mut client = RawClient::connect(&format!("{url}&{added}"), JSON_RELIABLE);
    assert_eq!(client.expect_connected(), session.id);
}
