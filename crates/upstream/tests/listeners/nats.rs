//! NATS: a real server, and a subscriber that reads the bytes of the protocol itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hublet_upstream::rules::ListenerEndpoint;
use hublet_wire::client::Payload;
use rustls::{ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::common::{Certificate, Hub, client_config, conn, full, new_folder, one_of_each, text};
use crate::program::{PATIENCE, Program, root};

struct Server {
    program: Program,
    port: u16,
    /// For other servers of its cluster.
    route_port: u16,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        Self::start_at("-1", arguments)
    }

    /// `-1` is a free port.
    fn start_at(port: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(nats_server());
        command.args(["--addr", "127.0.0.1", "--port", port]).args(arguments);
        let program = Program::start(&mut command);
        let mut server = Self { program, port: 0, route_port: 0 };
        loop {
            let line = server.program.next_line();
            if let Some((_, port)) = line.split_once("Listening for client connections on 127.0.0.1:") {
                server.port = port.parse().unwrap();
            }
            if let Some((_, port)) = line.split_once("Listening for route connections on 127.0.0.1:") {
                server.route_port = port.parse().unwrap();
            }
            // The line about routes comes last.
            let in_cluster = arguments.contains(&"--cluster");
            if server.port > 0 && (!in_cluster || server.route_port > 0) {
                return server;
            }
        }
    }

    fn endpoint(&self, credentials: &str) -> ListenerEndpoint {
        let url = format!("nats://{credentials}127.0.0.1:{}", self.port);
        ListenerEndpoint::Nats { url, subject: "hublet.{hub}.{event}".to_owned() }
    }
}

/// Where `cargo xtask tools` puts it, or from the PATH.
fn nats_server() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [root().join(".tools/nats/usr/sbin")].into_iter().chain(std::env::split_paths(&path));
    let mut files = folders.map(|folder| folder.join("nats-server"));
    files.find(|file| file.is_file()).expect("`nats-server` is missing: `cargo xtask tools` installs it")
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A client with one connection.
struct Client {
    stream: BufReader<Box<dyn Stream>>,
}

struct Message {
    subject: String,
    headers: Vec<(String, String)>,
    payload: Vec<u8>,
}

impl Message {
    fn header(&self, name: &str) -> &str {
        let found: Vec<&str> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect();
        let [value] = found.try_into().unwrap_or_else(|found| panic!("{name}: {found:?}"));
        value
    }
}

impl Client {
    fn connect(server: &Server, options: &Value, roots: Option<RootCertStore>) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        // Byte by byte, so that none of the handshake of TLS is taken.
        let mut info = Vec::new();
        while info.last() != Some(&b'\n') {
            let mut byte = [0];
            (&tcp).read_exact(&mut byte).unwrap();
            info.extend(byte);
        }
        let stream: Box<dyn Stream> = match roots {
            None => Box::new(tcp),
            Some(roots) => {
                let name = "localhost".try_into().unwrap();
                let tls = ClientConnection::new(Arc::new(client_config(roots)), name).unwrap();
                Box::new(StreamOwned::new(tls, tcp))
            }
        };
        let mut client = Self { stream: BufReader::new(stream) };
        let mut connect = json!({"verbose": false, "pedantic": false, "headers": true});
        connect.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        client.send(&format!("CONNECT {connect}\r\n"));
        client
    }

    fn subscribe(server: &Server, subject: &str, options: &Value) -> Self {
        let mut client = Self::connect(server, options, None);
        client.subscribe_to(subject);
        client
    }

    /// Returns when the server knows.
    fn subscribe_to(&mut self, subject: &str) {
        self.send(&format!("SUB {subject} 1\r\nPING\r\n"));
        while self.line() != "PONG" {}
    }

    fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stream.read_line(&mut line).unwrap() > 0, "the server closed the connection");
        line.trim_end().to_owned()
    }

    fn next(&mut self) -> Message {
        loop {
            if let Some(message) = self.message_or_pong() {
                return message;
            }
        }
    }

    /// All messages that the server has for it now.
    fn all(&mut self) -> Vec<Message> {
        self.send("PING\r\n");
        std::iter::from_fn(|| self.message_or_pong()).collect()
    }

    /// `None` is a PONG.
    fn message_or_pong(&mut self) -> Option<Message> {
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split(' ').collect();
            let (headers_length, length): (usize, usize) = match words[..] {
                ["HMSG", _, _, headers, all] | ["HMSG", _, _, _, headers, all] => {
                    (headers.parse().unwrap(), all.parse().unwrap())
                }
                ["MSG", _, _, all] | ["MSG", _, _, _, all] => (0, all.parse().unwrap()),
                ["PONG"] => return None,
                ["PING"] => {
                    self.send("PONG\r\n");
                    continue;
                }
                _ => panic!("{line}"),
            };
            let subject = words[1].to_owned();
            let mut bytes = vec![0; length + 2];
            self.stream.read_exact(&mut bytes).unwrap();
            let headers = std::str::from_utf8(&bytes[..headers_length]).unwrap();
            let payload = bytes[headers_length..length].to_vec();
            return Some(Message { subject, headers: parse_headers(headers), payload });
        }
    }

    /// A question to the server's store of messages.
    fn ask(&mut self, subject: &str, question: &Value) -> Value {
        let question = question.to_string();
        self.send(&format!("PUB $JS.API.{subject} inbox {}\r\n{question}\r\n", question.len()));
        serde_json::from_slice(&self.next().payload).unwrap()
    }
}

fn parse_headers(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().skip(1).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        })
        .collect()
}

#[test]
fn an_event_is_a_message_with_headers() {
    let server = Server::start(&["--user", "us@r", "--pass", "p/ss"]);
    let credentials = json!({"user": "us@r", "pass": "p/ss"});
    let mut client = Client::subscribe(&server, "hublet.>", &credentials);
    let hub = Hub::new(&[server.endpoint("us%40r:p%2Fss@")]);
    for event in one_of_each() {
        hub.offer(event);
    }
    for (event, body) in [("connected", "{}"), ("message", "hi"), ("disconnected", r#"{"reason":"bye"}"#)] {
        let message = client.next();
        assert_eq!(message.subject, format!("hublet.chat.{event}"));
        assert_eq!((message.header("ce-eventname"), &*message.payload), (event, body.as_bytes()));
    }

    let payload = Payload::Binary(vec![0, b'\r', b'\n', 255].into());
    hub.offer(full(6, payload.clone()));
    let message = client.next();
    assert_eq!(
        (&*message.subject, &message.payload),
        ("hublet.chat.order%2Ecreated", &payload.bytes().to_vec())
    );
    let conn = conn().to_string();
    let time = message.header("ce-time").to_owned();
    let mut headers = message.headers;
    headers.sort();
    let expected = [
        ("ce-awpsversion", "1.0"),
        ("ce-connectionid", &conn),
        ("ce-connectionstate", "eyJrIjoxfQ=="),
        ("ce-datacontenttype", "application/octet-stream"),
        ("ce-eventname", "order.created"),
        ("ce-hub", "chat"),
        ("ce-id", "6"),
        ("ce-source", &format!("/hubs/chat/client/{conn}")),
        ("ce-specversion", "1.0"),
        ("ce-subprotocol", "json.webpubsub.azure.v1"),
        ("ce-time", &time),
        ("ce-type", "azure.webpubsub.user.order.created"),
        ("ce-userid", "%E7%94%A8%E6%88%B7"),
        ("x-webpubsub-metadata-trace-id", "a, b%"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    hub.expect_drained();
    assert_eq!((hub.status().delivered, hub.status().dropped), (4, 0));
    assert_eq!(hub.status().target, format!("nats://127.0.0.1:{} hublet.{{hub}}.{{event}}", server.port));
}

#[test]
fn a_token_over_tls() {
    let certificate = Certificate::new();
    let (file, key) = (certificate.file.display().to_string(), certificate.key.display().to_string());
    let server = Server::start(&["--tls", "--tlscert", &file, "--tlskey", &key, "--auth", "t/ken"]);
    let options = json!({"auth_token": "t/ken", "tls_required": true});
    let mut client = Client::connect(&server, &options, Some(certificate.roots.clone()));
    client.subscribe_to(">");
    let url = format!("tls://t%2Fken@localhost:{}", server.port);
    let endpoint = ListenerEndpoint::Nats { url, subject: "s".to_owned() };

    let stranger = Hub::new(std::slice::from_ref(&endpoint));
    stranger.offer(text(1, "x"));
    while !server.program.next_line().contains("TLS handshake error") {}
    assert_eq!(stranger.drained(Duration::from_millis(1)), 1);

    let hub = Hub::with(&[endpoint], certificate.roots, None);
    hub.offer(text(2, "x"));
    let message = client.next();
    assert_eq!((&*message.subject, message.header("ce-id")), ("s", "2"));
}

#[test]
fn a_wrong_password_is_no_reason_to_drop_events() {
    let server = Server::start(&["--user", "u", "--pass", "p"]);
    let hub = Hub::new(&[server.endpoint("u:other@")]);
    hub.offer(text(1, "x"));
    while !server.program.next_line().contains("authentication error") {}
    assert_eq!(hub.drained(Duration::from_millis(1)), 1);
    assert_eq!((hub.status().delivered, hub.status().dropped), (0, 0));
}

#[test]
fn a_message_that_is_too_large_is_dropped_alone() {
    let configuration = new_folder().join("nats.conf");
    std::fs::write(&configuration, "max_payload: 2048\n").unwrap();
    let server = Server::start(&["--config", &configuration.display().to_string()]);
    let mut client = Client::subscribe(&server, ">", &json!({}));
    let hub = Hub::new(&[server.endpoint("")]);
    hub.offer(text(1, "x"));
    hub.offer(text(2, &"x".repeat(2_000)));
    hub.offer(text(3, "x"));
    assert_eq!([client.next(), client.next()].map(|message| message.header("ce-id").to_owned()), ["1", "3"]);
    hub.expect_drained();
    assert_eq!((hub.status().delivered, hub.status().dropped), (2, 1));
}

#[test]
fn events_wait_for_a_server_that_is_down() {
    let store = new_folder().display().to_string();
    let mut server = Server::start(&["--jetstream", "--store_dir", &store]);
    let mut client = Client::subscribe(&server, "inbox", &json!({}));
    let stream = json!({"name": "EVENTS", "subjects": ["hublet.>"], "storage": "file"});
    assert_eq!(client.ask("STREAM.CREATE.EVENTS", &stream)["error"], Value::Null);
    let hub = Hub::new(&[server.endpoint("")]);
    hub.offer(text(1, "x"));
    while client.ask("STREAM.MSG.GET.EVENTS", &json!({"seq": 1}))["message"].is_null() {}

    server.program.kill();
    // The first ones may be written before the connection is known to be broken, and are lost.
    let mut id = 1;
    while hub.drained(Duration::from_millis(1)) == 0 {
        id += 1;
        hub.offer(text(id, "x"));
    }
    let (first, last) = (id + 1, id + 500);
    for id in first..=last {
        hub.offer(text(id, "x"));
    }
    let port = server.port.to_string();
    let server = Server::start_at(&port, &["--jetstream", "--store_dir", &store]);
    hub.expect_drained();
    hub.offer(text(last + 1, "x"));
    hub.expect_drained();

    let mut client = Client::subscribe(&server, "inbox", &json!({}));
    let mut ids: Vec<u64> = Vec::new();
    while ids.last() != Some(&(last + 1)) {
        // What was sent last may not be stored yet.
        let answer = client.ask("STREAM.MSG.GET.EVENTS", &json!({"seq": ids.len() + 1}));
        let Some(headers) = answer["message"]["hdrs"].as_str() else { continue };
        let headers = String::from_utf8(STANDARD.decode(headers).unwrap()).unwrap();
        let id = parse_headers(&headers).into_iter().find(|(name, _)| name == "ce-id").unwrap().1;
        ids.push(id.parse().unwrap());
    }
    assert_eq!(ids[0], 1);
    ids.retain(|id| *id >= first);
    let expected: Vec<u64> = (first..=last + 1).collect();
    assert_eq!(ids, expected);
}

#[test]
fn another_server_of_the_cluster_takes_over() {
    let cluster = ["--cluster_name", "c", "--cluster", "nats://127.0.0.1:-1"];
    let mut first = Server::start(&cluster);
    let route = format!("nats://127.0.0.1:{}", first.route_port);
    let second = Server::start(&[&cluster[..], &["--routes", &route]].concat());
    while !first.program.next_line().contains("Route connection created") {}
    let mut client = Client::subscribe(&second, "hublet.>", &json!({}));
    // A message that comes across shows that the one knows of the other.
    let mut probe = Client::connect(&first, &json!({}), None);
    while client.all().is_empty() {
        probe.send("PUB hublet.probe 0\r\n\r\n");
        probe.all();
    }
    let hub = Hub::new(&[first.endpoint("")]);
    hub.offer(text(1, "x"));
    hub.expect_drained();
    first.program.kill();
    // What is written before the connection is known to be broken is lost.
    let is_later =
        |message: &Message| message.subject == "hublet.chat.message" && message.header("ce-id") != "1";
    let mut id = 1;
    while !client.all().iter().any(is_later) {
        id += 1;
        hub.offer(text(id, "x"));
        hub.expect_drained();
    }
}
