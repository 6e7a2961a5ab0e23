//! A blocking WebSocket client that can also misbehave: every byte it sends is the test's choice.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use hublet_wire::ws::{CloseCode, Decoder, Event, Opcode, Role, encode_masked};

/// Longest wait for anything a test expects. Only a failure takes this long.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The mask of every frame.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What arrived, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong with its payload.
    Pong(Vec<u8>),
    /// A close frame.
    Close(Option<u16>, String),
    /// The server ended TCP.
    Ended,
}

/// Bytes as people read them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A client on one socket.
pub struct RawClient {
    socket: TcpStream,
    decoder: Decoder,
    pending: Vec<u8>,
    /// Whether pings are answered and skipped by [`Self::next`]. On by default.
    pub answers_pings: bool,
}

impl RawClient {
    /// Connects to a `ws://` URL and expects the handshake to succeed.
    ///
    /// # Panics
    /// When the server refuses; the message has the status line.
    pub fn connect(url: &str, subprotocol: Option<&str>) -> Self {
        match Self::try_connect(url, subprotocol, &[]) {
            Ok((client, _)) => client,
            Err(head) => panic!("handshake refused: {head}"),
        }
    }

    /// Connects to a `ws://` URL with additional header lines. The error is the response head.
    ///
    /// # Errors
    /// The whole response head when the status is not 101.
    pub fn try_connect(
        url: &str,
        subprotocol: Option<&str>,
        headers: &[&str],
    ) -> Result<(Self, String), String> {
        let rest = url.strip_prefix("ws://").expect("a ws:// URL");
        let (authority, path) = rest.split_once('/').expect("a path");
        let socket = TcpStream::connect(authority).expect("the server listens");
        Self::shake_hands(socket, authority, path, subprotocol, headers)
    }

    /// Connects, unless the server is gone or goes meanwhile.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn connect_if_up(url: &str, subprotocol: Option<&str>) -> Option<Self> {
        let (authority, path) =
            url.strip_prefix("ws://").and_then(|rest| rest.split_once('/')).expect("a URL");
        let socket = TcpStream::connect(authority).ok()?;
        match Self::shake_hands(socket, authority, path, subprotocol, &[]) {
            Ok((client, _)) => Some(client),
            // It went before the end of the head.
            Err(head) if !head.contains("\r\n\r\n") => None,
            Err(head) => panic!("handshake refused: {head}"),
        }
    }

    /// Connects, unless the server is gone, goes meanwhile, or refuses. The error is what it answered.
    ///
    /// # Errors
    /// The response head; nothing when there is none.
    pub fn connect_or_refused(url: &str, subprotocol: Option<&str>) -> Result<(Self, String), String> {
        let (authority, path) =
            url.strip_prefix("ws://").and_then(|rest| rest.split_once('/')).expect("a URL");
        let socket = TcpStream::connect(authority).map_err(|_| String::new())?;
        Self::shake_hands(socket, authority, path, subprotocol, &[])
    }

    fn shake_hands(
        mut socket: TcpStream,
        authority: &str,
        path: &str,
        subprotocol: Option<&str>,
        headers: &[&str],
    ) -> Result<(Self, String), String> {
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.set_nodelay(true).expect("a socket option");
        let mut request = format!(
            "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for header in headers {
            request += &format!("{header}\r\n");
        }
        if let Some(subprotocol) = subprotocol {
            request += &format!("Sec-WebSocket-Protocol: {subprotocol}\r\n");
        }
        request += "\r\n";
        // A server that ended meanwhile reads nothing, and then there is no answer.
        let _ = socket.write_all(request.as_bytes());
        let mut received = Vec::new();
        let end = loop {
            if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            let mut buffer = [0; 4096];
            let count = match receive(&mut socket, &mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                outcome => outcome.expect("an answer in time"),
            };
            if count == 0 {
                return Err(String::from_utf8_lossy(&received).into_owned());
            }
            received.extend_from_slice(&buffer[..count]);
        };
        let pending = received.split_off(end);
        let head = String::from_utf8_lossy(&received).into_owned();
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(head + &String::from_utf8_lossy(&pending));
        }
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the known answer to the key: {head}");
        let decoder = Decoder::new(Role::Client, 64 << 20);
        Ok((Self { socket, decoder, pending, answers_pings: true }, head))
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server reads");
    }

    /// Sends bytes as they are; `false` when the server no longer takes them.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// Sends one masked frame.
    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        assert!(self.try_send(opcode, payload), "the server reads");
    }

    /// Sends one masked frame; `false` when the server no longer takes it.
    pub fn try_send(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        let mut frame = Vec::new();
        encode_masked(opcode, payload, MASK, &mut frame);
        self.try_send_bytes(&frame)
    }

    /// Sends one text message.
    pub fn send_text(&mut self, text: &str) {
        self.send(Opcode::Text, text.as_bytes());
    }

    /// Sends one binary message.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.send(Opcode::Binary, bytes);
    }

    /// Sends a close frame.
    pub fn send_close(&mut self, code: CloseCode, reason: &str) {
        let mut payload = code.0.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.send(Opcode::Close, &payload);
    }

    /// The next message or control frame.
    ///
    /// # Panics
    /// When nothing comes within [`PATIENCE`].
    #[expect(clippy::should_implement_trait, reason = "it never ends with None")]
    pub fn next(&mut self) -> Message {
        self.next_in_time().unwrap_or_else(|| panic!("nothing came"))
    }

    /// The next message or control frame, if one comes within the read timeout of the socket.
    ///
    /// # Panics
    /// When the socket fails.
    pub fn next_in_time(&mut self) -> Option<Message> {
        loop {
            let mut input = &mut self.pending[..];
            let event = self.decoder.next(&mut input).expect("the server writes valid frames").map(owned);
            let rest = input.len();
            let used = self.pending.len() - rest;
            self.pending.drain(..used);
            match event {
                Some(Message::Ping(payload)) if self.answers_pings => {
                    // The end of the socket is found when it is read.
                    self.try_send(Opcode::Pong, &payload);
                }
                Some(message) => return Some(message),
                None => {
                    let mut buffer = vec![0; 64 << 10];
                    match receive(&mut self.socket, &mut buffer) {
                        Ok(0) => return Some(Message::Ended),
                        Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
                        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                            return Some(Message::Ended);
                        }
                        Err(error)
                            if matches!(
                                error.kind(),
                                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                            ) =>
                        {
                            return None;
                        }
                        Err(error) => panic!("nothing came: {error}"),
                    }
                }
            }
        }
    }

    /// Payload lengths of the frames of the next data message, read below the decoder, which would join them.
    pub fn next_frames(&mut self) -> Vec<usize> {
        let mut lengths = Vec::new();
        loop {
            let head = self.take(2);
            let length = match head[1] {
                126 => self.take(2).iter().fold(0, |n, b| n << 8 | usize::from(*b)),
                127 => self.take(8).iter().fold(0, |n, b| n << 8 | usize::from(*b)),
                short => usize::from(short),
            };
            self.take(length);
            if head[0] & 0x0f < 8 {
                lengths.push(length);
                if head[0] & 0x80 != 0 {
                    return lengths;
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.pending.len() < count {
            let mut buffer = vec![0; 64 << 10];
            let got = receive(&mut self.socket, &mut buffer).expect("the rest of a frame");
            assert!(got > 0, "the server ended TCP within a frame");
            self.pending.extend_from_slice(&buffer[..got]);
        }
        self.pending.drain(..count).collect()
    }

    /// The next message, which must be text.
    pub fn next_text(&mut self) -> String {
        match self.next() {
            Message::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The next message, which must be binary.
    pub fn next_binary(&mut self) -> Vec<u8> {
        match self.next() {
            Message::Binary(bytes) => bytes,
            other => panic!("expected bytes, got {other:?}"),
        }
    }

    /// Expects exactly these bytes next.
    pub fn expect_binary(&mut self, expected: &[u8]) {
        assert_eq!(hex(&self.next_binary()), hex(expected));
    }

    /// Expects exactly this text next.
    pub fn expect_text(&mut self, expected: &str) {
        assert_eq!(self.next_text(), expected);
    }

    /// Expects the `connected` message and returns the connection id.
    pub fn expect_connected(&mut self) -> String {
        let text = self.next_text();
        let value: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(value["event"], "connected", "{text}");
        value["connectionId"].as_str().expect("a connection id").to_owned()
    }

    /// Sends a request with this ack id and expects its success.
    pub fn request(&mut self, request: &str, ack_id: u64) {
        self.send_text(request);
        self.expect_text(&format!(r#"{{"type":"ack","ackId":{ack_id},"success":true}}"#));
    }

    /// Expects a close frame with this code, answers it, and expects the server to end TCP.
    pub fn expect_close(&mut self, code: u16, reason: &str) {
        assert_eq!(self.next(), Message::Close(Some(code), reason.to_owned()));
        let mut frame = Vec::new();
        encode_masked(Opcode::Close, &code.to_be_bytes(), MASK, &mut frame);
        self.try_send_bytes(&frame);
        assert_eq!(self.next(), Message::Ended);
    }

    /// Expects that everything before an application-level ping was handled, and that none of it was answered.
    pub fn expect_silence(&mut self) {
        self.send_text(r#"{"type":"ping"}"#);
        self.expect_text(r#"{"type":"pong"}"#);
    }

    /// Ends TCP without a close frame.
    pub fn cut(self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

/// Reads; a signal may interrupt a read that has a time limit, which is no reason to fail.
pub(crate) fn receive(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn owned(event: Event<'_>) -> Message {
    match event {
        Event::Text(text) => Message::Text(text.to_owned()),
        Event::Binary(bytes) => Message::Binary(bytes.to_vec()),
        Event::Ping(payload) => Message::Ping(payload.to_vec()),
        Event::Pong(payload) => Message::Pong(payload.to_vec()),
        Event::Close { code, reason } => Message::Close(code, reason.to_owned()),
    }
}
