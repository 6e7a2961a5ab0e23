//! One WebSocket client of the load generator: the handshake, then messages.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use hublet_client::codec::{Decoder, Event, Opcode, Role, encode_masked};
use rustix::fd::{AsFd, BorrowedFd};

use super::socket::Socket;

/// Longest message of a server.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Longest answer to a handshake.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The mask of all frames: it hides nothing here, but the server has to undo it as it has to for any client.
pub(super) const MASK: [u8; 4] = [0x3a, 0xc5, 0x96, 0x6b];

#[derive(Debug)]
pub(super) struct Client {
    socket: Socket,
    decoder: Decoder,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The request is sent as soon as TCP is connected.
    Connecting(Vec<u8>),
    /// What came of the answer's head.
    Handshake(Vec<u8>),
    Open,
}

impl Client {
    /// Begins to connect and to send `request`, the opening handshake.
    pub(super) fn connect(address: SocketAddr, request: Vec<u8>) -> Result<Self> {
        Ok(Self {
            socket: Socket::connect(address)?,
            decoder: Decoder::new(Role::Client, MESSAGE_BYTES_MAX),
            state: State::Connecting(request),
        })
    }

    /// To be called when the socket became writable.
    pub(super) fn write(&mut self) -> Result<()> {
        if let State::Connecting(request) = &mut self.state {
            let request = std::mem::take(request);
            self.state = State::Handshake(Vec::new());
            return self.socket.send(&request);
        }
        self.socket.flush()
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Bytes received so far, the handshake included.
    pub(super) fn received(&self) -> u64 {
        self.socket.received()
    }

    /// Sends bytes that are whole frames already.
    pub(super) fn send_frames(&mut self, frames: &[u8]) -> Result<()> {
        self.socket.send(frames)
    }

    /// A pong that nobody asked for, which RFC 6455 §5.5.3 allows: a client that throws away what it gets sees no
    /// pings, and the server should not take it for dead.
    pub(super) fn show_life(&mut self) -> Result<()> {
        let mut pong = Vec::new();
        encode_masked(Opcode::Pong, b"", MASK, &mut pong);
        self.socket.send(&pong)
    }

    /// Takes what came without looking at it. Only between whole messages, and from then on for good.
    pub(super) fn discard(&mut self, scratch: &mut [u8]) -> Result<()> {
        while self.socket.discard(scratch)? == scratch.len() {}
        Ok(())
    }

    /// Reads everything that is there, shows each message to `on_message`, and answers pings.
    pub(super) fn receive(&mut self, scratch: &mut [u8], mut on_message: impl FnMut(&[u8])) -> Result<()> {
        let mut pongs = Vec::new();
        loop {
            let count = self.socket.read(scratch)?;
            let mut input = scratch.get_mut(..count).unwrap_or_default();
            let mut leftover;
            if let State::Handshake(head) = &mut self.state {
                head.extend_from_slice(input);
                match handshake_answer(head)? {
                    Some(rest) => leftover = rest,
                    None if count < scratch.len() => return Ok(()),
                    None => continue,
                }
                self.state = State::Open;
                input = &mut leftover;
            }
            while let Some(event) = self.decoder.next(&mut input).context("the server sent a bad frame")? {
                match event {
                    Event::Text(text) => on_message(text.as_bytes()),
                    Event::Binary(bytes) => on_message(bytes),
                    Event::Ping(payload) => encode_masked(Opcode::Pong, payload, MASK, &mut pongs),
                    Event::Pong(_) => {}
                    Event::Close { code, reason } => {
                        bail!("the server closed a connection: {code:?} {reason:?}")
                    }
                }
            }
            if count < scratch.len() {
                break;
            }
        }
        if pongs.is_empty() { Ok(()) } else { self.socket.send(&pongs) }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What came behind the head of the answer, when that is complete.
fn handshake_answer(received: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        if received.len() > HEAD_BYTES_MAX {
            bail!("the answer to a handshake is too long");
        }
        return Ok(None);
    };
    if !received.starts_with(b"HTTP/1.1 101 ") {
        bail!("the server refused a handshake: {}", String::from_utf8_lossy(received).trim_end());
    }
    Ok(Some(received.get(end + 4..).unwrap_or_default().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_the_handshake() {
        assert_eq!(handshake_answer(b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n").unwrap(), None);
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\nmore";
        assert_eq!(handshake_answer(answer).unwrap(), Some(b"more".to_vec()));
        let error = handshake_answer(b"HTTP/1.1 401 Unauthorized\r\n\r\nno").unwrap_err();
        assert!(error.to_string().contains("401 Unauthorized"), "{error}");
        assert!(handshake_answer(&[b'a'; HEAD_BYTES_MAX + 1]).is_err());
    }
}
