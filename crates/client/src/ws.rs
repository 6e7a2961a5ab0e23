//! A WebSocket connection of a client.

mod handshake;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hublet_wire::ws::{self, CloseCode, Decoder, Opcode, Role};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::address::Address;
use crate::error::Error;
use crate::stream::{Stream, Tls};

/// How much is read at once. Longer messages are collected by the decoder.
const READ_BYTES: usize = 8 << 10;

/// How long [`Connection::close`] waits for the other end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The subprotocol to ask for.
    pub subprotocol: Option<String>,
    /// Whom to trust.
    pub tls: Tls,
    /// For everything until the connection is open.
    pub timeout: Duration,
    /// Longest message that is taken, all fragments together.
    pub message_bytes_max: usize,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            subprotocol: None,
            tls: Tls::default(),
            timeout: Duration::from_secs(10),
            // The service takes 1 MiB from an app server; base64 and escapes make it longer.
            message_bytes_max: 16 << 20,
        }
    }
}

impl ConnectOptions {
    /// The default with a subprotocol.
    pub fn with_subprotocol(name: &str) -> Self {
        Self { subprotocol: Some(name.to_owned()), ..Self::default() }
    }
}

/// What the service sent. Pings are answered and not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// The service closes; nothing follows.
    Close {
        /// The code, if there is one.
        code: Option<u16>,
        /// The reason, possibly empty.
        reason: String,
    },
}

/// An open WebSocket.
///
/// All its operations are cancel-safe: a future that is dropped loses neither what came nor what is to be sent.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    decoder: Decoder,
    /// What was read and is not decoded yet: `unread_from..` of it.
    input: Vec<u8>,
    unread_from: usize,
    /// What is to be written: `unsent_from..` of it.
    output: Vec<u8>,
    unsent_from: usize,
    subprotocol: Option<String>,
    keys: MaskKeys,
    close_sent: bool,
    close_received: bool,
}

impl Connection {
    /// Connects to a client access URL.
    ///
    /// # Errors
    /// No connection, a refusal (401: the token, mostly), or an answer that breaks RFC 6455.
    pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let opening = async {
            let mut stream = Stream::connect(&address, &options.tls).await?;
            let opened = handshake::perform(&mut stream, &address, options.subprotocol.as_deref()).await?;
            Ok::<_, Error>((stream, opened))
        };
        let (stream, opened) = match timeout(options.timeout, opening).await {
            Ok(opened) => opened?,
            Err(_) => return Err(Error::Timeout(address.authority)),
        };
        Ok(Self {
            stream,
            decoder: Decoder::new(Role::Client, options.message_bytes_max),
            input: opened.leftover,
            unread_from: 0,
            output: Vec::new(),
            unsent_from: 0,
            subprotocol: opened.subprotocol,
            keys: MaskKeys::default(),
            close_sent: false,
            close_received: false,
        })
    }

    /// The subprotocol that the service chose.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.send(Opcode::Text, text.as_bytes()).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.send(Opcode::Binary, bytes).await
    }

    /// Sends a WebSocket ping.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(Opcode::Ping, payload).await
    }

    async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Error> {
        self.queue(opcode, payload);
        self.flush().await
    }

    /// The next thing that the service sent; `None` after the close.
    ///
    /// # Errors
    /// The connection broke, or the service broke the protocol.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if self.close_received {
                return Ok(None);
            }
            if let Some(event) = self.decode()? {
                if matches!(event, Event::Close { .. }) {
                    self.end().await;
                }
                return Ok(Some(event));
            }
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return Err(Error::Ended);
            }
        }
    }

    /// Closes: says so, and waits up to two seconds until the service has said so too. What it sends until then is
    /// thrown away.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), Error> {
        if self.close_received {
            return Ok(());
        }
        self.close_sent = true;
        let key = self.keys.next();
        ws::encode_masked_close(CloseCode(code), reason, key, &mut self.output);
        let closing = async {
            self.flush().await?;
            while self.next().await?.is_some() {}
            Ok(())
        };
        match timeout(CLOSE_TIMEOUT, closing).await {
            // The other end has had its time.
            Ok(Ok(()) | Err(Error::Ended)) | Err(_) => Ok(()),
            Ok(Err(error)) => Err(error),
        }
    }

    /// The socket, and what was read from it and not decoded. Nothing else of the connection goes on: pings are for
    /// the caller to answer.
    pub fn into_parts(mut self) -> (Stream, Vec<u8>) {
        self.input.drain(..self.unread_from);
        (self.stream, self.input)
    }

    fn decode(&mut self) -> Result<Option<Event>, Error> {
        let mut unread = self.input.get_mut(self.unread_from..).unwrap_or_default();
        loop {
            let event = match self.decoder.next(&mut unread)? {
                None => {
                    self.input.clear();
                    self.unread_from = 0;
                    return Ok(None);
                }
                Some(ws::Event::Ping(payload)) => {
                    // It is written with the next read or write, whichever comes first.
                    ws::encode_masked(Opcode::Pong, payload, self.keys.next(), &mut self.output);
                    continue;
                }
                Some(ws::Event::Text(text)) => Event::Text(text.to_owned()),
                Some(ws::Event::Binary(bytes)) => Event::Binary(bytes.to_vec()),
                Some(ws::Event::Pong(payload)) => Event::Pong(payload.to_vec()),
                Some(ws::Event::Close { code, reason }) => {
                    self.close_received = true;
                    Event::Close { code, reason: reason.to_owned() }
                }
            };
            let left = unread.len();
            self.unread_from = self.input.len() - left;
            return Ok(Some(event));
        }
    }

    fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        ws::encode_masked(opcode, payload, self.keys.next(), &mut self.output);
    }

    /// As [`send_text`](Self::send_text), but written with the next read or write.
    pub(crate) fn queue_text(&mut self, text: &str) {
        self.queue(Opcode::Text, text.as_bytes());
    }

    /// As [`send_binary`](Self::send_binary), but written with the next read or write.
    pub(crate) fn queue_binary(&mut self, bytes: &[u8]) {
        self.queue(Opcode::Binary, bytes);
    }

    /// Bytes that are not written yet.
    pub(crate) fn unsent(&self) -> usize {
        self.output.len() - self.unsent_from
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        Ok(poll_fn(|cx| self.poll_send(cx)).await?)
    }

    /// Writes what is to be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(unsent) = self.output.get(self.unsent_from..).filter(|unsent| !unsent.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.unsent_from += written,
            }
        }
        self.output.clear();
        self.unsent_from = 0;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Reads into the empty input, and on the way writes what can be written. If nothing can be any more, what has come
    /// still counts: it may say why the other end has closed.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let sent = if self.output.is_empty() { Poll::Ready(Ok(())) } else { self.poll_send(cx) };
        self.input.resize(READ_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut self.input);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let filled = buffer.filled().len();
        self.input.truncate(filled);
        match (sent, polled) {
            (Poll::Ready(Err(error)), _) if filled == 0 => Poll::Ready(Err(error)),
            (_, polled) => polled.map_ok(|()| filled),
        }
    }

    /// Answers the close of the other end. It may be gone already, which is no error any more.
    async fn end(&mut self) {
        if !self.close_sent {
            self.close_sent = true;
            let key = self.keys.next();
            ws::encode_masked_close(CloseCode::NORMAL, "", key, &mut self.output);
        }
        let ending = async {
            let _ = self.flush().await;
            let _ = self.stream.shutdown().await;
        };
        let _ = timeout(CLOSE_TIMEOUT, ending).await;
    }
}

/// Keys for masking; drawn from the system sixty-four at a time.
#[derive(Debug, Default)]
struct MaskKeys(Vec<[u8; 4]>);

impl MaskKeys {
    fn next(&mut self) -> [u8; 4] {
        if self.0.is_empty() {
            let mut bytes = [0; 256];
            // Masks guard old proxies from scripts in browsers (RFC 6455 §10.3), so a fixed one is no failure here.
            let _ = SystemRandom::new().fill(&mut bytes);
            self.0.extend(bytes.as_chunks::<4>().0);
        }
        self.0.pop().unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod peer;
#[cfg(test)]
mod tests;
