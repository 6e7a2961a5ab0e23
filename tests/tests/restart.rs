//! Reliable clients outlive the service: it stops in the middle of their traffic, another one takes their sessions up, and
//! nobody misses anything, gets anything twice, or is told to be gone.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hublet_tests::program::Program;
use hublet_tests::raw::{Message, PATIENCE, RawClient};
use hublet_tests::upstream::{Call, Gate, Reply, Upstream};
use hublet_tests::{Folder, Server, http, new_folder, tools};
use hublet_wire::ws::{CloseCode, Opcode};
use rustix::process::Signal;
use serde_json::{Value, json};

const RELIABLE: Option<&str> = Some("json.reliable.webpubsub.azure.v1");
/// Between two tries to connect to a service that is not there.
const PAUSE: Duration = Duration::from_millis(5);
const RECEIVERS: usize = 12;
const PUBLISHERS: u64 = 4;
/// Messages of each publisher.
const MESSAGES: u64 = 500;
/// Between two messages of a publisher: acknowledgements of receivers have to keep up on a machine that does other things.
const PACE: Duration = Duration::from_millis(3);
const SEND: &str = "/api/hubs/chat/groups/room/:send";
/// The last message by REST.
const REST_END: &str = "rest end";

/// A reliable client that comes back by itself.
struct Reliable {
    authority: String,
    socket: Option<RawClient>,
    id: String,
    token: String,
    /// The largest sequence id.
    seen: u64,
    /// Times that it came back.
    recoveries: u64,
    /// Times that it was told that the service restarts.
    told: u64,
}

impl Reliable {
    fn connect(url: &str) -> Self {
        let authority = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).expect("a URL");
        let mut client = Self {
            authority: authority.to_owned(),
            socket: Some(RawClient::connect(url, RELIABLE)),
            id: String::new(),
            token: String::new(),
            seen: 0,
            recoveries: 0,
            told: 0,
        };
        let connected = client.next();
        assert_eq!(connected["event"], "connected");
        client
    }

    fn send(&mut self, request: &Value) {
        if let Some(socket) = &mut self.socket {
            let mut frame = Vec::new();
            hublet_wire::ws::encode_masked(
                Opcode::Text,
                request.to_string().as_bytes(),
                [1, 2, 3, 4],
                &mut frame,
            );
            socket.try_send_bytes(&frame);
        }
    }

    /// The next message that it did not have, be it by coming back. `connected` is one.
    fn next(&mut self) -> Value {
        loop {
            let Some(socket) = &mut self.socket else {
                self.come_back();
                continue;
            };
            let value: Value = match socket.next() {
                Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
                Message::Close(code, _) => {
                    assert_eq!(code, Some(1012), "{}: nothing else would let it come back", self.id);
                    // The service may not wait for it.
                    socket.try_send_bytes(b"\x88\x82\0\0\0\0\x03\xf4");
                    self.socket = None;
                    continue;
                }
                Message::Ended => {
                    self.socket = None;
                    continue;
                }
                other => panic!("{other:?}"),
            };
            match (value["event"].as_str(), value["sequenceId"].as_u64()) {
                (Some("connected"), _) => {
                    let id = value["connectionId"].as_str().expect("an id").to_owned();
                    assert!(self.id.is_empty() || self.id == id, "another connection");
                    self.id = id;
                    self.token = value["reconnectionToken"].as_str().expect("a token").to_owned();
                    return value;
                }
                (Some("disconnected"), _) => {
                    let Self { id, seen, recoveries, .. } = self;
                    assert_eq!(
                        value["message"], "Service reloading, reconnect",
                        "{id} has {seen} messages after {recoveries} recoveries"
                    );
                    self.told += 1;
                }
                (_, Some(number)) if number <= self.seen => {}
                (_, Some(number)) => {
                    assert_eq!(number, self.seen + 1, "{}: a message is missing", self.id);
                    self.seen = number;
                    return value;
                }
                _ => return value,
            }
        }
    }

    fn come_back(&mut self) {
        let url = format!(
            "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
            self.authority, self.id, self.token
        );
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok((socket, _)) = RawClient::connect_or_refused(&url, RELIABLE) {
                self.socket = Some(socket);
                self.recoveries += 1;
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("{}: the service does not come back", self.id);
    }

    /// Sees that it is connected to the service that runs now.
    fn be_there(&mut self) {
        self.send(&json!({"type": "ping"}));
        loop {
            match self.next() {
                message if message["type"] == "pong" => return,
                message if message["event"] == "connected" => self.send(&json!({"type": "ping"})),
                _ => {}
            }
        }
    }

    fn cut(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.cut();
        }
    }

    /// Publishes messages one after another: each is sent until it is acknowledged.
    fn publish(&mut self, publisher: u64, progress: &Progress) {
        for number in 1..=MESSAGES {
            progress.wait_for_receivers();
            let data = format!("{publisher} {number}");
            let request = json!({"type": "sendToGroup", "group": "room", "dataType": "text", "data": data, "ackId": number});
            self.send(&request);
            loop {
                let answer = self.next();
                if answer["event"] == "connected" {
                    self.send(&request);
                } else if answer["ackId"] == number {
                    assert!(answer["success"] == true || answer["error"]["name"] == "Duplicate", "{answer}");
                    break;
                }
            }
            progress.published.fetch_add(1, Ordering::Relaxed);
            thread::sleep(PACE);
        }
    }

    /// Reads until it has the last message of each publisher, each once and in order, and the last one of REST. Returns
    /// what came by REST.
    fn receive(&mut self, received: &AtomicU64) -> Vec<String> {
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut by_rest: Vec<String> = Vec::new();
        while last.len() as u64 != PUBLISHERS
            || last.values().any(|number| *number < MESSAGES)
            || by_rest.last().is_none_or(|last| last != REST_END)
        {
            let message = self.next();
            let Some(data) = message["data"].as_str() else { continue };
            if message["fromUserId"].is_null() {
                by_rest.push(data.to_owned());
                continue;
            }
            let (publisher, number) = data.split_once(' ').expect("two numbers");
            let number_of = |text: &str| text.parse::<u64>().expect("a number");
            let (publisher, number) = (number_of(publisher), number_of(number));
            let before = last.insert(publisher, number).unwrap_or(0);
            assert_eq!(number, before + 1, "{}: messages of publisher {publisher}", self.id);
            received.fetch_add(1, Ordering::Relaxed);
            if self.seen.is_multiple_of(50) {
                self.send(&json!({"type": "sequenceAck", "sequenceId": self.seen}));
            }
        }
        by_rest
    }
}

/// How far everybody is.
#[derive(Default)]
struct Progress {
    published: AtomicU64,
    received: [AtomicU64; RECEIVERS],
    failed: AtomicBool,
}

impl Progress {
    /// More than 1,000 messages must not wait for a client.
    fn wait_for_receivers(&self) {
        let published = self.published.load(Ordering::Relaxed);
        while self.received.iter().any(|received| received.load(Ordering::Relaxed) + 300 < published) {
            self.pause();
        }
    }

    /// Waits a little, unless somebody has failed and nothing more will come.
    fn pause(&self) {
        assert!(!self.failed.load(Ordering::Relaxed), "another thread has failed");
        thread::sleep(PAUSE);
    }

    /// Tells the others if this panics.
    fn watched<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Watch<'a>(&'a AtomicBool);
        impl Drop for Watch<'_> {
            fn drop(&mut self) {
                self.0.fetch_or(thread::panicking(), Ordering::Relaxed);
            }
        }
        let _watch = Watch(&self.failed);
        work()
    }
}

/// Publishes by REST until nearly all clients have published. Returns what was accepted.
fn publish_by_rest(authority: &str, authorization: &str, progress: &Progress) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0_u64.. {
        let is_last = progress.published.load(Ordering::Relaxed) >= PUBLISHERS * MESSAGES * 9 / 10;
        let body = if is_last { REST_END.to_owned() } else { format!("rest {number}") };
        let status = try_post(authority, authorization, &body);
        if status == Some(202) {
            accepted.push(body);
            if is_last {
                break;
            }
        } else {
            assert!(matches!(status, None | Some(503)), "{status:?}");
        }
        // Few enough for a client that is slow to come back.
        (0..5).for_each(|_| progress.pause());
        progress.wait_for_receivers();
    }
    accepted
}

/// The status of the answer, if there is one.
fn try_post(authority: &str, authorization: &str, body: &str) -> Option<u16> {
    let mut socket = TcpStream::connect(authority).ok()?;
    let request = format!(
        "POST {SEND} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    // What came before a reset counts.
    let _ = socket.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}

struct Rig {
    upstream: Upstream,
    server: Option<Server>,
    arguments: Vec<String>,
}

impl Rig {
    fn start(file: &str) -> Self {
        Self::start_with(file, |_| Reply::status(204))
    }

    fn start_with(file: &str, script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let upstream = Upstream::start(script);
        let folder = new_folder();
        let handler = upstream.handler_with(
            "chat",
            "/{event}",
            "systemEvents = [\"connected\", \"disconnected\"]\nuserEventPattern = \"*\"\ndurable = true",
        );
        std::fs::write(folder.join("hublet.toml"), format!("{file}{handler}"))
            .expect("a file in a new folder");
        let server = start(folder, &["--listen", "127.0.0.1:0", "--shards", "2"]);
        let arguments = ["--listen", server.authority(), "--shards", "2"].map(str::to_owned).to_vec();
        Self { upstream, server: Some(server), arguments }
    }

    fn url(&self, user: &str, groups: &[&str], roles: &[&str]) -> String {
        self.server().client_url("chat", Some(user), roles, groups)
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("a service")
    }

    /// Another service in the same place.
    fn restart(&mut self) {
        let folder = self.server.take().expect("a service").stop_and_take_folder();
        self.start_again(folder);
    }

    fn start_again(&mut self, folder: Folder) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.server = Some(start(folder, &arguments));
    }

    fn stop(self) -> (Upstream, String, Folder) {
        let server = self.server.expect("a service");
        let log = server.log();
        (self.upstream, log, server.stop_and_take_folder())
    }

    /// What the application was told of clients that are still there.
    fn told(&self, event: &str) -> usize {
        self.upstream.calls().iter().filter(|call| call.event() == event).count()
    }
}

fn start(folder: Folder, arguments: &[&str]) -> Server {
    Server::start_in(folder, arguments, &[])
}

/// Restarts the service in the middle of the traffic.
fn traffic(rig: &mut Rig) -> Vec<Reliable> {
    let roles = ["webpubsub.sendToGroup.room"];
    let mut receivers: Vec<Reliable> =
        (0..RECEIVERS).map(|_| Reliable::connect(&rig.url("receiver", &["room"], &[]))).collect();
    let mut publishers: Vec<Reliable> =
        (0..PUBLISHERS).map(|_| Reliable::connect(&rig.url("publisher", &[], &roles))).collect();
    let progress = Progress::default();
    let authorization = http::authorization(rig.server(), SEND);
    let authority = rig.arguments[1].clone();
    let (accepted, received) = thread::scope(|scope| {
        let received: Vec<_> = receivers
            .iter_mut()
            .zip(&progress.received)
            .map(|(receiver, received)| scope.spawn(|| progress.watched(|| receiver.receive(received))))
            .collect();
        let accepted = scope.spawn(|| publish_by_rest(&authority, &authorization, &progress));
        for (number, publisher) in (0..).zip(&mut publishers) {
            let progress = &progress;
            scope.spawn(move || progress.watched(|| publisher.publish(number, progress)));
        }
        for part in 1..=2 {
            while progress.published.load(Ordering::Relaxed) < part * PUBLISHERS * MESSAGES / 3 {
                progress.pause();
            }
            rig.restart();
        }
        let received: Vec<_> = received.into_iter().map(|thread| thread.join().expect("messages")).collect();
        (accepted.join().expect("accepted messages"), received)
    });
    for messages in received {
        let different: HashSet<&String> = messages.iter().collect();
        assert_eq!(different.len(), messages.len(), "nothing came twice by REST: {messages:?}");
        let lost: Vec<_> = accepted.iter().filter(|message| !different.contains(message)).collect();
        assert!(lost.is_empty(), "accepted by REST and lost: {lost:?}");
    }
    receivers.append(&mut publishers);
    // A publisher may have had its last acknowledgement before the service went.
    receivers.iter_mut().for_each(Reliable::be_there);
    assert!(receivers.iter().all(|client| client.recoveries >= 2), "everybody came back twice");
    receivers
}

#[test]
fn a_restart_loses_nothing_and_tells_nobody() {
    let mut rig = Rig::start("");
    let mut clients = traffic(&mut rig);
    assert!(clients.iter().all(|client| client.told >= 1), "all were told that the service restarts");
    assert_eq!(rig.told("disconnected"), 0);
    assert_eq!(rig.told("connected"), clients.len());
    // Now they go.
    let count = clients.len();
    for client in &mut clients {
        client.socket.take().expect("a socket").send_close(CloseCode(1000), "");
    }
    rig.upstream.wait_for(count, |call| call.event() == "disconnected");
    let (upstream, log, folder) = rig.stop();
    assert_eq!(upstream.events("disconnected").len(), count, "each is told once");
    assert!(log.contains("sessions of reliable clients are taken up"), "{log}");
    assert!(!folder.join("hublet-data/sessions").exists(), "nothing is left to keep");
}

#[test]
fn groups_and_permissions_are_kept_and_who_stays_away_is_gone() {
    let mut rig = Rig::start("limits.recovery_timeout_s = 1\n");
    let mut kept = Reliable::connect(&rig.url("ann", &[], &[]));
    let away = Reliable::connect(&rig.url("bob", &["room"], &[]));
    {
        let server = rig.server();
        let group = format!("/api/hubs/chat/groups/room/connections/{}", kept.id);
        assert_eq!(http::call(server, "PUT", &group, &[], b"").status, 200);
        let grant = format!("/api/hubs/chat/permissions/sendToGroup/connections/{}?targetName=room", kept.id);
        assert_eq!(http::call(server, "PUT", &grant, &[], b"").status, 200);
    }
    let request = json!({"type": "sendToGroup", "group": "room", "data": 1, "ackId": 1});
    kept.send(&request);
    assert_eq!(kept.next()["sequenceId"], 1);
    assert_eq!(kept.next()["success"], true);
    // It is away already when the service stops.
    kept.cut();
    rig.restart();
    assert_eq!(kept.next()["event"], "connected");
    kept.send(&request);
    assert_eq!(kept.next()["error"]["name"], "Duplicate");
    kept.send(&json!({"type": "sendToGroup", "group": "room", "data": 2, "ackId": 2}));
    let message = kept.next();
    assert_eq!((&message["data"], &message["sequenceId"]), (&json!(2), &json!(2)));
    assert_eq!(kept.next()["success"], true);
    let gone = &rig.upstream.wait_for(1, |call| call.event() == "disconnected")[0];
    assert_eq!(gone.client(), away.id);
    assert_eq!(gone.json(), json!({"reason": "The connection recovery timeout expired."}));
    assert_eq!(gone.id(), 2, "numbers of events go on");
}

#[test]
fn an_answer_that_comes_during_the_stop_belongs_to_the_session() {
    let gate = Gate::new();
    let waits = gate.clone();
    let mut rig = Rig::start_with("", move |call| match call.event() {
        "order" => Reply::text("done").after(&waits),
        _ => Reply::status(204),
    });
    let mut client = Reliable::connect(&rig.url("ann", &[], &[]));
    let order = json!({"type": "event", "event": "order", "dataType": "text", "data": "", "ackId": 5});
    client.send(&order);
    rig.upstream.wait_for(1, |call| call.event() == "order");
    rig.server().signal(Signal::TERM);
    let socket = client.socket.as_mut().expect("a socket");
    assert!(socket.next_text().contains("Service reloading, reconnect"));
    socket.expect_close(1012, "Service reloading, reconnect");
    client.socket = None;
    gate.open();
    let folder = rig.server.take().expect("a service").wait_and_take_folder();
    rig.start_again(folder);
    assert_eq!(client.next()["event"], "connected");
    let answer = client.next();
    assert_eq!((&answer["data"], &answer["sequenceId"]), (&json!("done"), &json!(1)));
    client.send(&order);
    assert_eq!(client.next()["error"]["name"], "Duplicate");
    assert_eq!(rig.upstream.events("order").len(), 1);
}

#[test]
fn without_durability_sessions_end_with_the_service() {
    let mut rig = Rig::start("reliable.durability = \"none\"\n");
    let client = Reliable::connect(&rig.url("ann", &[], &[]));
    rig.restart();
    let gone = &rig.upstream.wait_for(1, |call| call.event() == "disconnected")[0];
    assert_eq!(gone.client(), client.id);
    let url = format!(
        "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
        client.authority, client.id, client.token
    );
    RawClient::connect(&url, RELIABLE).expect_close(1008, "The connection could not be recovered.");
    let (_upstream, _, folder) = rig.stop();
    assert!(!folder.join("hublet-data/sessions").exists());
}

#[test]
fn fewer_shards_and_files_that_cannot_be_used_do_not_prevent_a_start() {
    let mut rig = Rig::start("");
    let clients: Vec<Reliable> = (0..8).map(|_| Reliable::connect(&rig.url("ann", &["room"], &[]))).collect();
    rig.arguments[3] = "1".to_owned();
    rig.restart();
    // Both shards accept connections from the same sockets, so each has some.
    rig.upstream.wait_until("the end of the sessions of the second shard", |calls| {
        let gone = calls.iter().filter(|call| call.event() == "disconnected").count();
        gone > 0 && gone < clients.len()
    });
    let folder = {
        let server = rig.server.take().expect("a service");
        let log = server.log();
        assert!(log.contains("fewer shards than before"), "{log}");
        server.stop_and_take_folder()
    };
    let file = folder.join("hublet-data/sessions/shard-0");
    let mut bytes = std::fs::read(&file).expect("sessions");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    let arguments: Vec<&str> = rig.arguments.iter().map(String::as_str).collect();
    let server = start(folder, &arguments);
    assert!(server.log().contains("cannot be read, so they are lost"), "{}", server.log());
    assert!(!server.folder().join("hublet-data/sessions").exists());
    // A folder that is no folder.
    std::fs::create_dir_all(server.folder().join("hublet-data")).expect("a folder");
    std::fs::write(server.folder().join("hublet-data/sessions"), "").expect("a file");
    let _client = Reliable::connect(&server.client_url("chat", None, &[], &[]));
    let log = server.stop_and_take_log();
    assert!(log.contains("cannot be kept") && log.contains("stopped"), "{log}");
}

#[test]
fn the_official_client_does_not_notice() {
    let mut rig = Rig::start("");
    let mut script = {
        let connection_string = rig.server().connection_string();
        Program::start("restart.mjs", tools::node("tests/sdk/restart.mjs").arg(connection_string))
    };
    script.expect("half");
    rig.restart();
    script.expect_end();
    assert_eq!(rig.told("connected"), 2);
}
