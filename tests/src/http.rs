//! A blocking HTTP client that sends exactly what a test says.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::Server;
use crate::raw::{self, PATIENCE};

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One HTTP connection, kept alive.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
    authority: String,
    received: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn connect(server: &Server) -> Self {
        Self::connect_to(server.authority())
    }

    fn connect_to(authority: &str) -> Self {
        let socket = TcpStream::connect(authority).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.set_nodelay(true).expect("a socket option");
        Self { socket, authority: authority.to_owned(), received: Vec::new() }
    }

    /// Sends a request with these header lines, `Host` and `Content-Length` added, and reads the answer.
    pub fn request(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|header| header.to_ascii_lowercase().starts_with("host:")) {
            request += &format!("Host: {}\r\n", self.authority);
        }
        for header in headers {
            request += &format!("{header}\r\n");
        }
        let mut request = format!("{request}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        self.send(&request);
        self.answer(method)
    }

    /// Sends bytes as they are. The server may have refused and closed before everything was sent.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Reads an answer to a request with this method.
    pub fn answer(&mut self, method: &str) -> Answer {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.receive();
        };
        let head = String::from_utf8(self.received.drain(..end).collect()).expect("a head in UTF-8");
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if method != "HEAD" {
            while self.received.len() < length {
                self.receive();
            }
            answer.body =
                String::from_utf8(self.received.drain(..length).collect()).expect("a body in UTF-8");
        }
        answer
    }

    /// Expects that the server sends nothing more and ends the connection.
    ///
    /// # Panics
    /// When it sends something, or nothing happens.
    pub fn expect_end(mut self) {
        let mut rest = self.received;
        let ended = self.socket.read_to_end(&mut rest);
        assert!(ended.is_ok() && rest.is_empty(), "{ended:?}, {}", String::from_utf8_lossy(&rest));
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        let count = raw::receive(&mut self.socket, &mut buffer).expect("an answer in time");
        assert!(count > 0, "the server ended the connection: {}", String::from_utf8_lossy(&self.received));
        self.received.extend_from_slice(&buffer[..count]);
    }
}

/// Sends bytes on a connection of their own and reads until the server ends it.
///
/// # Panics
/// When it does not.
pub fn exchange(server: &Server, bytes: &[u8]) -> String {
    exchange_at(server.authority(), bytes)
}

/// As [`exchange`], at any address.
///
/// # Panics
/// When the server keeps the connection.
pub fn exchange_at(authority: &str, bytes: &[u8]) -> String {
    let mut client = Client::connect_to(authority);
    client.send(bytes);
    let mut answer = Vec::new();
    if let Err(error) = client.socket.read_to_end(&mut answer) {
        // The server may refuse before everything was sent; that it does nothing is a failure.
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the server keeps the connection");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request on a connection of its own.
pub fn request(server: &Server, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    Client::connect(server).request(method, path, headers, body)
}

/// What makes a request a WebSocket handshake.
pub const UPGRADE: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// The answer to a handshake with these header lines besides the usual ones.
pub fn handshake(server: &Server, path: &str, headers: &[&str]) -> Answer {
    request(server, "GET", path, &[&UPGRADE, headers].concat(), b"")
}

/// The header line with a good token for a request.
pub fn authorization(server: &Server, path: &str) -> String {
    bearer(&server.service().rest_token(&format!("http://{}{path}", server.authority())))
}

/// The header line with a token.
pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// A request with a good token.
pub fn call(server: &Server, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let authorization = authorization(server, path);
    request(server, method, path, &[&[authorization.as_str()], headers].concat(), body)
}

/// A `HEAD` request with a good token.
pub fn head(server: &Server, path: &str) -> Answer {
    call(server, "HEAD", path, &[], b"")
}

/// A text as the value of a query parameter.
pub fn query(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}
