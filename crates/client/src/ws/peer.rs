//! A hand-made server for tests.

use hublet_wire::ws::{self, Decoder, Event, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The server's end of a connection.
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    decoder: Decoder,
    /// The head of the handshake.
    pub(crate) request: String,
}

impl Peer {
    /// Takes a connection: `header` is one more line of the answer, and `first` comes in one piece with it.
    pub(crate) async fn accept(listener: &TcpListener, header: &str, first: &[u8]) -> Self {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_buf(&mut head).await.unwrap();
        }
        let request = String::from_utf8(head).unwrap();
        let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
        let accept = ws::handshake::accept_key(key.lines().next().unwrap()).unwrap();
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{header}\r\n"
        )
        .into_bytes();
        answer.extend_from_slice(first);
        socket.write_all(&answer).await.unwrap();
        Self { socket, decoder: Decoder::new(Role::Server, 1 << 20), request }
    }

    pub(crate) async fn send(&mut self, frame: &[u8]) {
        self.socket.write_all(frame).await.unwrap();
    }

    /// The next event, in words.
    pub(crate) async fn next(&mut self) -> String {
        self.next_event(|event| format!("{event:?}")).await
    }

    /// The next event, which must be a text.
    pub(crate) async fn next_text(&mut self) -> String {
        self.next_event(|event| match event {
            Event::Text(text) => text.to_owned(),
            other => panic!("{other:?} instead of a text"),
        })
        .await
    }

    async fn next_event(&mut self, read: impl Fn(Event<'_>) -> String) -> String {
        loop {
            // Byte by byte, so that what follows stays in the socket.
            let mut byte = [self.socket.read_u8().await.unwrap()];
            if let Some(event) = self.decoder.next(&mut &mut byte[..]).unwrap() {
                return read(event);
            }
        }
    }
}
