//! Clients and traffic around a service that goes away and comes back in the same place.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hublet_wire::ws::Opcode;
use serde_json::{Value, json};

use crate::raw::{Message, PATIENCE, RawClient};
use crate::upstream::{Call, Reply, Upstream};
use crate::{Folder, JSON_RELIABLE, Server, http, new_folder};

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
pub struct Reliable {
    /// Where the service is.
    pub authority: String,
    /// Its socket, if it is not lost.
    pub socket: Option<RawClient>,
    /// The connection.
    pub id: String,
    /// Its reconnection token.
    pub token: String,
    /// The largest sequence id.
    pub seen: u64,
    /// Times that it came back.
    pub recoveries: u64,
    /// Times that it was told that the service restarts.
    pub told: u64,
}

impl Reliable {
    /// Connects to a client access URL.
    pub fn connect(url: &str) -> Self {
        let authority = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).expect("a URL");
        let mut client = Self {
            authority: authority.to_owned(),
            socket: Some(RawClient::connect(url, JSON_RELIABLE)),
            id: String::new(),
            token: String::new(),
            seen: 0,
            recoveries: 0,
            told: 0,
        };
        let connected = client.read();
        assert_eq!(connected["event"], "connected");
        client
    }

    /// Sends a request, if there is a socket.
    pub fn send(&mut self, request: &Value) {
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
    pub fn read(&mut self) -> Value {
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
            if let Ok((socket, _)) = RawClient::connect_or_refused(&url, JSON_RELIABLE) {
                self.socket = Some(socket);
                self.recoveries += 1;
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("{}: the service does not come back", self.id);
    }

    /// Sees that it is connected to the service that runs now.
    pub fn be_there(&mut self) {
        self.send(&json!({"type": "ping"}));
        loop {
            match self.read() {
                message if message["type"] == "pong" => return,
                message if message["event"] == "connected" => self.send(&json!({"type": "ping"})),
                _ => {}
            }
        }
    }

    /// Loses its socket.
    pub fn cut(&mut self) {
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
                let answer = self.read();
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
            let message = self.read();
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

/// The service, its application, and what it is started with.
pub struct Rig {
    /// The application.
    pub upstream: Upstream,
    /// The service, while it runs.
    pub server: Option<Server>,
    /// How it is started.
    pub arguments: Vec<String>,
}

impl Rig {
    /// Starts the service with this configuration and with an application that takes all events.
    pub fn start(file: &str) -> Self {
        Self::start_with(file, |_| Reply::status(204))
    }

    /// Starts the service with this configuration and an application that answers by this script.
    pub fn start_with(file: &str, script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
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

    /// A client access URL.
    pub fn url(&self, user: &str, groups: &[&str], roles: &[&str]) -> String {
        self.server().client_url("chat", Some(user), roles, groups)
    }

    /// The service.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a service")
    }

    /// Stops the service in good order, and starts another one in the same place.
    pub fn restart(&mut self) {
        let folder = self.server.take().expect("a service").stop_and_take_folder();
        self.start_again(folder);
    }

    /// Kills the service, and starts another one in the same place.
    pub fn kill(&mut self) {
        let folder = self.server.take().expect("a service").kill_and_take_folder();
        self.start_again(folder);
    }

    /// Starts the service in this folder.
    pub fn start_again(&mut self, folder: Folder) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.server = Some(start(folder, &arguments));
    }

    /// Stops the service. Returns its application, its log so far and its folder.
    pub fn stop(self) -> (Upstream, String, Folder) {
        let server = self.server.expect("a service");
        let log = server.log();
        (self.upstream, log, server.stop_and_take_folder())
    }

    /// What the application was told of clients that are still there.
    pub fn told(&self, event: &str) -> usize {
        self.upstream.calls().iter().filter(|call| call.event() == event).count()
    }
}

/// Starts the service in this folder.
pub fn start(folder: Folder, arguments: &[&str]) -> Server {
    Server::start_in(folder, arguments, &[])
}

/// Clients and REST publish to a group while the service goes away so many times. Returns the clients, when each member of
/// the group has everything that was acknowledged, once and in order.
pub fn traffic(rig: &mut Rig, times: u64, mut outage: impl FnMut(&mut Rig)) -> Vec<Reliable> {
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
        for part in 1..=times {
            while progress.published.load(Ordering::Relaxed) < part * PUBLISHERS * MESSAGES / (times + 1) {
                progress.pause();
            }
            outage(rig);
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
    assert!(receivers.iter().all(|client| client.recoveries >= times), "everybody came back each time");
    receivers
}
